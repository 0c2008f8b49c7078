"""Owns what the numbering plans say of a number: its kind, premium ranges, short codes, emergency services.

Knows no setting and no refusal: it answers yes or no, and ``number`` decides.
Source: phonenumbers (libphonenumber's plans); ITU-T E.164 (shared calling codes); 3GPP TS 22.101 §10.1; rules NUM-4…6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType, ShortNumberCost, shortnumberinfo

phonenumbers.enable_pattern_cache()
"""Without it the library compiles its patterns again once more than about 20 countries are written to: 0.4 ms a number
instead of 0.02. What it keeps is bounded by the plans it ships."""

UNASSIGNED = PhoneNumberType.UNKNOWN
"""The kind of a number whose length its country uses and whose range it has given to nobody."""

SHORT_CODE_DIGITS_MIN = 3
SHORT_CODE_DIGITS_MAX = 8
"""Digits of a short code (rules NUM-5)."""

_PREMIUM_KINDS = (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST)

_PREMIUM_CALLING_CODES = frozenset({808, 870, 878, 881, 882, 883, 979})
"""Shared cost, satellites, global networks and premium rate: no country, and a text costs what nobody expects."""

_SERVICE_PREFIX_DIGITS = 3
"""Plans tell a service by its first digits (1 900, 44 909, 33 899); three are enough in all of them."""

_LOCAL_DIGITS_MIN = 5
"""Shorter ones are short codes even where the plan has numbers of that length (SMS are sent to the code)."""

_EMERGENCY = re.compile(
    r"\+?(000|08|110|111|112|113|114|116[0-9]{3}|117|118|119|911|933|988|995|999)", re.ASCII
)
"""Refused whatever the country; the library lacks some of them (FR 114 is the emergency number for texts)."""

_EMERGENCY_BELOW = 1_000_000
"""No emergency number has more than six digits, so longer national numbers need not be asked about."""


def is_emergency_everywhere(digits: str) -> bool:
    """Say whether digits, with or without "+", are an emergency number of some country."""
    return _EMERGENCY.fullmatch(digits) is not None


def reaches_emergency(digits: str, countries: Iterable[str]) -> bool:
    """Say whether digits, sent as they are, might reach an emergency service in any of the countries."""
    return any(
        shortnumberinfo.is_emergency_number(digits, country)
        or shortnumberinfo.connects_to_emergency_number(digits, country)
        for country in countries
    )


def is_emergency_abroad(number: PhoneNumber) -> bool:
    """Say whether a number is a country code before an emergency number of that country (+49 112)."""
    if (number.national_number or 0) >= _EMERGENCY_BELOW:
        return False
    digits = phonenumbers.national_significant_number(number)
    return is_emergency_everywhere(digits) or shortnumberinfo.is_emergency_number(
        digits, main_country(number)
    )


def main_country(number: PhoneNumber) -> str:
    """Name the main country of the calling code: GB for all of +44, US for all of +1, 001 where it is no country's."""
    return phonenumbers.region_code_for_country_code(number.country_code or 0)


def is_premium(number: PhoneNumber, kind: int) -> bool:
    """Say whether a text to a number of this kind costs extra; an unassigned number counts with its range."""
    if number.country_code in _PREMIUM_CALLING_CODES:
        return True
    if kind == UNASSIGNED:
        return _in_premium_range(number)
    return kind in _PREMIUM_KINDS


def _in_premium_range(number: PhoneNumber) -> bool:
    # +1 900 123 4567 belongs to nobody today, yet whoever gets it charges for it: judge the first digits alone.
    head = phonenumbers.national_significant_number(number)[:_SERVICE_PREFIX_DIGITS]
    return any(
        phonenumbers.number_type(_numbered(number.country_code or 0, head + tail)) in _PREMIUM_KINDS
        for tail in _premium_tails(main_country(number))
    )


@cache
def _premium_tails(country: str) -> tuple[str, ...]:
    """Give the digits after the first of a premium number of each kind that a country has."""
    examples = (phonenumbers.example_number_for_type(country, kind) for kind in _PREMIUM_KINDS)
    return tuple(
        phonenumbers.national_significant_number(example)[_SERVICE_PREFIX_DIGITS:]
        for example in examples
        if example is not None
    )


def is_short(digits: str) -> bool:
    """Say whether digits without "+" can be a short code: of its length, and without the trunk prefix of numbers."""
    return SHORT_CODE_DIGITS_MIN <= len(digits) <= SHORT_CODE_DIGITS_MAX and digits[0] != "0"


def is_local_number(digits: str, country: str) -> bool:
    """Say whether so few digits are an assigned telephone number of a country, as 8 digits are in Singapore."""
    if len(digits) < _LOCAL_DIGITS_MIN:
        return False
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, country))
    except phonenumbers.NumberParseException:
        return False


def is_premium_short_code(digits: str, countries: Iterable[str]) -> bool:
    """Say whether a text to a short code costs extra in any of the countries it could be sent from."""
    return any(
        shortnumberinfo.expected_cost_for_region(
            _numbered(phonenumbers.country_code_for_region(country), digits), country
        )
        == ShortNumberCost.PREMIUM_RATE
        for country in countries
    )


def _numbered(calling_code: int, digits: str) -> PhoneNumber:
    """Hold national digits as they stand: the library's parser would take a leading 0 or 1 for a trunk prefix."""
    zeros = len(digits) - len(str(int(digits)))
    return PhoneNumber(
        country_code=calling_code,
        national_number=int(digits),
        italian_leading_zero=zeros > 0,
        number_of_leading_zeros=max(zeros, 1),
    )

"""Owns what may stand in ``to``: the grammar, E.164, the sandbox range, short codes and what nobody may text.

Knows no route, no scope and no HTTP. Pure apart from a cache of numbers already judged.
Source: ITU-T E.164; rules NUM-1 to NUM-6; the plans themselves are in ``number_plan``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import phonenumbers

from gateway.policy import number_plan as plan
from gateway.policy.quoting import quoted

SANDBOX_PREFIX = "+999"
"""Not assigned by E.164 and never will be a country; only emulated lines know it."""

_GRAMMAR = re.compile(r"\+?[0-9][0-9 ().\-/]{1,23}", re.ASCII)
_FORMATTING = str.maketrans("", "", " ().-/")
_SANDBOX = re.compile(r"\+999[0-9]{1,12}", re.ASCII)  # E.164: 15 digits in all

_FIX = "Write it with the country code and digits only, like +44 7700 900123."

_CACHED_NUMBERS = 16_384
"""Judged recipients kept (about 6 MB): the library takes 0.1 ms a number, a school texts the same 1,000 parents."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A number that may be texted. ``sandbox``: only emulated lines reach it.

    ``country`` is the main country of the calling code (GB for all of +44, 001 for codes of no country); of a short
    code, where it is sent from if that is known. ``short``: ``e164`` is a short code, digits without "+"; the caller
    asks for its scope.
    """

    e164: str
    sandbox: bool
    warnings: tuple[str, ...] = ()
    country: str | None = None
    calling_code: int | None = None
    short: bool = False


@dataclass(frozen=True, slots=True)
class NumberRules:
    """What an organisation sets.

    ``allow_numbers`` are prefixes in E.164 ("+44909"), or of short codes as digits ("3639"), that may be premium;
    ``allow_short_codes`` are whole codes.
    """

    check: Literal["possible", "valid"] = "possible"
    allow_numbers: tuple[str, ...] = ()
    allow_short_codes: tuple[str, ...] = ()


class NumberRefused(ValueError):
    """``code`` is ``invalid_number``, ``premium_number``, ``short_code_not_allowed`` or ``emergency_number``.

    ``detail`` says why and the fix.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class NumberPolicy:
    """Judges recipients, with the country of numbers that are written without a country code (or None)."""

    def __init__(self, default_region: str | None = None, rules: NumberRules | None = None) -> None:
        self.default_region = default_region
        self.rules = rules or NumberRules()
        self._short_codes = frozenset(self.rules.allow_short_codes)
        self._judge: Callable[[str, tuple[str, ...]], Recipient] = lru_cache(maxsize=_CACHED_NUMBERS)(
            self._judged
        )

    def recipient(self, written: str, line_countries: tuple[str, ...] = ()) -> Recipient:
        """Read a number as people write it.

        Args:
            written: E.164, or national when a default region is set; spaces and ``().-/`` are ignored. Three to eight
                digits without "+" or a leading 0 are a short code, unless they are an assigned number of the default
                region.
            line_countries: Countries (ISO 3166-1) of the lines that could carry it: short codes, emergency numbers
                among them, mean what they mean there.

        Raises:
            NumberRefused: not a number, of a length its country does not have, premium, an emergency number, or a
                short code that is not listed.
        """
        if not _GRAMMAR.fullmatch(written):
            raise NumberRefused("invalid_number", f"{quoted(written)} is not a phone number. {_FIX}")
        digits = written.translate(_FORMATTING)
        # With a country code the line changes nothing, so such numbers are kept once.
        return self._judge(digits, () if digits[0] == "+" else line_countries)

    def _judged(self, digits: str, line_countries: tuple[str, ...]) -> Recipient:
        if plan.is_emergency_everywhere(digits):
            raise _emergency(digits)
        if digits.startswith(SANDBOX_PREFIX):
            if not _SANDBOX.fullmatch(digits):
                raise NumberRefused(
                    "invalid_number",
                    f"{quoted(digits)} is not a sandbox number. Write +999 and 1 to 12 more digits.",
                )
            return Recipient(digits, sandbox=True)
        if digits.startswith("+"):
            return self._number(digits, None)
        return self._without_country_code(digits, line_countries)

    def _without_country_code(self, digits: str, line_countries: tuple[str, ...]) -> Recipient:
        region = self.default_region
        home = () if region is None else (region,)
        sent_from = tuple(dict.fromkeys(home + line_countries))
        # So few digits go out as they stand, from any of the lines; more of them behind a country code.
        if plan.reaches_emergency(digits, sent_from if len(digits) <= plan.SHORT_CODE_DIGITS_MAX else home):
            raise _begins_as_emergency(digits)
        if plan.is_short(digits):
            if plan.is_premium_short_code(digits, sent_from) and not self._allowed(digits):
                raise _premium(digits)
            if region is None or not plan.is_local_number(digits, region):
                return self._short_code(digits, sent_from)
        if region is None:
            raise NumberRefused(
                "invalid_number",
                f"{quoted(digits)} has no country code. Write it like +44 7700 900123,"
                " or set default_region for local numbers.",
            )
        return self._number(digits, region)

    def _short_code(self, digits: str, sent_from: tuple[str, ...]) -> Recipient:
        if digits not in self._short_codes:
            raise NumberRefused(
                "short_code_not_allowed",
                f"{digits} has no country code, which makes it a short code, and policy.allow_short_codes does not"
                " list it. List it there; or, if a phone is meant, write it like +44 7700 900123.",
            )
        country = sent_from[0] if len(sent_from) == 1 else self.default_region
        return Recipient(digits, sandbox=False, country=country, short=True)

    def _number(self, digits: str, region: str | None) -> Recipient:
        try:
            number = phonenumbers.parse(digits, region)
        except phonenumbers.NumberParseException:
            raise NumberRefused(
                "invalid_number", f"{quoted(digits)} has no country code that exists. {_FIX}"
            ) from None
        possible = phonenumbers.is_possible_number_with_reason(number)
        local = possible == phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY
        if possible != phonenumbers.ValidationResult.IS_POSSIBLE and not local:
            raise NumberRefused(
                "invalid_number", f"{quoted(digits)} has a length that its country does not use. {_FIX}"
            )
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if e164.startswith(SANDBOX_PREFIX):
            raise NumberRefused("invalid_number", f"{quoted(digits)} cannot be dialled. {_FIX}")
        if plan.is_emergency_abroad(number):
            raise _emergency(e164)
        if local:
            # The library calls it possible; but a text to it reaches nobody who was meant.
            raise NumberRefused(
                "invalid_number", f"{quoted(digits)} is too short: its area code is missing. {_FIX}"
            )
        # One question for both: the library knows no kind for a number of an unassigned range.
        kind = phonenumbers.number_type(number)
        if plan.is_premium(number, kind) and not self._allowed(e164):
            raise _premium(e164)
        if kind == plan.UNASSIGNED and self.rules.check == "valid":
            raise NumberRefused(
                "invalid_number",
                f"{e164} is in a range that its country gave to nobody. Check the digits, or set"
                ' messages.number_check = "possible".',
            )
        return Recipient(
            e164,
            sandbox=False,
            warnings=("unassigned_range",) if kind == plan.UNASSIGNED else (),
            country=plan.main_country(number),
            calling_code=number.country_code,
        )

    def _allowed(self, number: str) -> bool:
        return number.startswith(self.rules.allow_numbers)


def _emergency(digits: str) -> NumberRefused:
    return NumberRefused(
        "emergency_number",
        f"{digits} is an emergency number; texts to it are never sent. In an emergency, call.",
    )


def _begins_as_emergency(digits: str) -> NumberRefused:
    return NumberRefused(
        "emergency_number",
        f"{digits} is or begins with an emergency number; texts to it are never sent. If a phone is meant, write it"
        " with the country code, like +44 7700 900123; in an emergency, call.",
    )


def _premium(number: str) -> NumberRefused:
    return NumberRefused(
        "premium_number",
        f"{number} is a premium-rate or shared-cost number: a text to it costs extra. Check it; if you mean it,"
        " list it or its first digits in policy.allow_numbers.",
    )

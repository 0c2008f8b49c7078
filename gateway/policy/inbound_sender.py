"""Owns who sent a text, as a network names them: a telephone number, a short code, or only a name.

Knows no line beyond its country, and asks nothing about whether an answer is wanted.
Source: 3GPP TS 23.040 §9.1.2.5 (TP-OA: type of number); ITU-T E.164; rules NUM-1, OPT-6.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers

from gateway.policy.number import SANDBOX_PREFIX
from gateway.policy.number_plan import SHORT_CODE_DIGITS_MAX

_DIGITS = re.compile(r"\+?[0-9]{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class InboundSender:
    """``written`` is what the network said.

    ``number`` is what we would write to: E.164, or the digits of a short code; None of a name ("AMAZON").
    ``answerable``: a telephone, which people hold; machines are behind short codes and names.
    """

    written: str
    number: str | None
    answerable: bool

    @property
    def known_as(self) -> str:
        """The number where there is one, else the name."""
        return self.number or self.written


def sender_of(written: str, country: str | None) -> InboundSender:
    """Read TP-OA; ``country`` (ISO 3166-1) is that of the line, for networks that leave the country code out."""
    if not _DIGITS.fullmatch(written):
        return InboundSender(written, None, answerable=False)
    international = written.startswith("+")
    if not international and len(written) <= SHORT_CODE_DIGITS_MAX:
        return InboundSender(written, written, answerable=False)
    if written.startswith(SANDBOX_PREFIX):
        return InboundSender(written, written, answerable=True)
    try:
        number = phonenumbers.parse(written, None if international else country)
    except phonenumbers.NumberParseException:
        return InboundSender(written, written, answerable=international)
    return InboundSender(
        written, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), answerable=True
    )

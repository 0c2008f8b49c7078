"""Owns what may stand in ``to``: the grammar, E.164, the sandbox range and the numbers nobody may text.

Knows no route, no line and no HTTP. Pure apart from a cache of numbers already judged.
Source: ITU-T E.164; phonenumbers for national plans; emergency numbers of 3GPP TS 22.101 §10.1 and national lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import shortnumberinfo

SANDBOX_PREFIX = "+999"
"""Not assigned by E.164 and never will be a country; only emulated lines know it."""

_GRAMMAR = re.compile(r"\+?[0-9][0-9 ().\-/]{1,23}", re.ASCII)
_FORMATTING = str.maketrans("", "", " ().-/")
_SANDBOX = re.compile(r"\+999[0-9]{1,12}", re.ASCII)  # E.164: 15 digits in all

_EMERGENCY = re.compile(
    r"\+?(000|08|110|111|112|113|114|116[0-9]{3}|117|118|119|911|933|988|995|999)", re.ASCII
)
"""Refused whatever the country; the library lacks some of them (FR 114 is the emergency number for texts)."""

_FIX = "Write it with the country code and digits only, like +44 7700 900123."

_CACHED_NUMBERS = 32_768
"""Judged recipients kept (about 6 MB): the library takes 0.1 ms a number, a school texts the same 1,000 parents."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A number that may be texted. ``sandbox``: only emulated lines reach it."""

    e164: str
    sandbox: bool
    warnings: tuple[str, ...] = ()


class NumberRefused(ValueError):
    """``code`` is ``invalid_number`` or ``emergency_number``; ``detail`` says why and the fix."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class NumberPolicy:
    """Judges recipients, with the country of numbers that are written without a country code (or None)."""

    def __init__(self, default_region: str | None = None) -> None:
        self.default_region = default_region
        self._judge: Callable[[str], Recipient] = lru_cache(maxsize=_CACHED_NUMBERS)(self._judged)

    def recipient(self, written: str) -> Recipient:
        """Read a number as people write it.

        Args:
            written: E.164, or national when a default region is set; spaces and ``().-/`` are ignored.

        Raises:
            NumberRefused: not a number, of a length its country does not have, or an emergency number.
        """
        if not _GRAMMAR.fullmatch(written):
            raise NumberRefused("invalid_number", f"{_quoted(written)} is not a phone number. {_FIX}")
        return self._judge(written.translate(_FORMATTING))

    def _judged(self, digits: str) -> Recipient:
        if _EMERGENCY.fullmatch(digits):
            raise _emergency(digits)
        if digits.startswith(SANDBOX_PREFIX):
            if not _SANDBOX.fullmatch(digits):
                raise NumberRefused(
                    "invalid_number",
                    f"{_quoted(digits)} is not a sandbox number. Write +999 and 1 to 12 more digits.",
                )
            return Recipient(digits, sandbox=True)
        return self._real(digits)

    def _real(self, digits: str) -> Recipient:
        region = None if digits.startswith("+") else self.default_region
        if region is None and not digits.startswith("+"):
            raise NumberRefused(
                "invalid_number",
                f"{_quoted(digits)} has no country code. Write it like +44 7700 900123,"
                " or set default_region for local numbers.",
            )
        if region is not None and (
            shortnumberinfo.is_emergency_number(digits, region)
            or shortnumberinfo.connects_to_emergency_number(digits, region)
        ):
            raise _emergency(digits)
        try:
            number = phonenumbers.parse(digits, region)
        except phonenumbers.NumberParseException:
            raise NumberRefused(
                "invalid_number", f"{_quoted(digits)} has no country code that exists. {_FIX}"
            ) from None
        if not phonenumbers.is_possible_number(number):
            raise NumberRefused(
                "invalid_number", f"{_quoted(digits)} has a length that its country does not use. {_FIX}"
            )
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if e164.startswith(SANDBOX_PREFIX):
            raise NumberRefused("invalid_number", f"{_quoted(digits)} cannot be dialled. {_FIX}")
        warnings = () if _is_assigned(number) else ("unassigned_range",)
        return Recipient(e164, sandbox=False, warnings=warnings)


def _is_assigned(number: phonenumbers.PhoneNumber) -> bool:
    # Most numbers belong to the main country of their code; asking for that one first halves the cost.
    main = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return phonenumbers.is_valid_number_for_region(number, main) or phonenumbers.is_valid_number(number)


def _emergency(digits: str) -> NumberRefused:
    return NumberRefused(
        "emergency_number",
        f"{digits} is an emergency number; texts to it are never sent. In an emergency, call.",
    )


def _quoted(written: str) -> str:
    """Quote what was written, cut and in ASCII, so that neither a log nor a terminal can be misled by it."""
    short = written if len(written) <= 32 else written[:31] + "…"
    return '"' + "".join(c if c.isprintable() else "?" for c in short) + '"'

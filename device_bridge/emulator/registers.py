"""Owns the settings that a modem keeps between commands, and how it words results.

Refuses to know commands and stores.
Source: ITU-T V.250 §6.2, 3GPP TS 27.005 §3.2.5 and §3.4, 27.007 §9.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

NUMERIC: Final = {"OK": "0", "CONNECT": "1", "RING": "2", "NO CARRIER": "3", "ERROR": "4"}

CME_TEXT: Final = {
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    16: "incorrect password",
    20: "memory full",
    21: "invalid index",
    22: "not found",
    30: "no network service",
    50: "incorrect parameters",
    100: "unknown",
}


class RefusalError(Exception):
    """A command fails. ``cme`` and ``cms`` are codes; neither = plain ERROR."""

    def __init__(self, *, cme: int | None = None, cms: int | None = None, final: str | None = None) -> None:
        super().__init__(final or f"cme {cme} cms {cms}")
        self.cme = cme
        self.cms = cms
        self.final = final


@dataclass(frozen=True, slots=True)
class Cnmi:
    """Routing of what arrives: 27.005 §3.4.1."""

    mode: int = 0
    mt: int = 0
    bm: int = 0
    ds: int = 0
    bfr: int = 0


@dataclass(slots=True)
class Registers:
    """State of the AT interface after power-on; ``registration`` holds <n> of +CREG, +CGREG, +CEREG."""

    echo: bool = True
    verbose: bool = True
    quiet: bool = False
    cmee: int = 0
    csms: int = 0
    cnmi: Cnmi = field(default_factory=Cnmi)
    memories: tuple[str, str, str] = ("SM", "SM", "SM")
    cmms: int = 0
    charset: str = "IRA"
    functionality: int = 1
    operator_format: int = 0
    registration: dict[str, int] = field(default_factory=lambda: {"+CREG": 0, "+CGREG": 0, "+CEREG": 0})

    def word_refusal(self, refusal: RefusalError, *, plain: bool) -> str:
        """Word the final result of a failed command by +CMEE."""
        if refusal.final is not None:
            return refusal.final
        if plain:
            return "ERROR"
        if refusal.cms is not None:
            return f"+CMS ERROR: {refusal.cms}"
        if refusal.cme is None or self.cmee == 0:
            return "ERROR"
        code = str(refusal.cme) if self.cmee == 1 else CME_TEXT.get(refusal.cme, "unknown")
        return f"+CME ERROR: {code}"

    def frame_lines(self, lines: tuple[str, ...]) -> str:
        """Put information lines between the line ends of V.250 §5.7.1."""
        if not lines:
            return ""
        return ("\r\n" if self.verbose else "") + "\r\n".join(lines) + "\r\n"

    def frame_final(self, final: str) -> str:
        """Put a final result between line ends, as a word or a digit."""
        if self.quiet:
            return ""
        return f"\r\n{final}\r\n" if self.verbose else f"{NUMERIC.get(final, final)}\r"

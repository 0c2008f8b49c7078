"""Owns what a single line from a modem can be: a result code, a header with a PDU behind it, or a word by itself.

Knows no command under way and keeps no state; :mod:`device_bridge.at.dialogue` does.
Source: V.250 §5.7 (result codes); 27.005 §3.2.5 and 27.007 §9.2 (+CMS/+CME ERROR, also in words).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class AtError:
    """A final result that is not OK.

    Attributes:
        kind: "cms" and "cme" carry a number where the modem gave one; "plain" is ERROR alone; "silent" means that
            no result came in time, which the caller notes here because no line says so.
        code: The number of +CMS/+CME ERROR, or None.
        text: The line as it came: the evidence.
    """

    kind: Literal["cms", "cme", "plain", "silent", "lost"]
    code: int | None
    text: str


SILENT: Final = AtError("silent", None, "no answer")

_CODED = re.compile(r"\+(CM[SE]) ERROR\s*:?\s*(.*)", re.IGNORECASE)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_HEADER = re.compile(r"\+(CMT|CDS|CBM|CMGR|CMGL)\s*:.*?,?\s*(\d+)\s*$")

# Words that some firmwares use for ERROR; RING, NO CARRIER and the like are never results for us, we do not dial.
_PLAIN_ERRORS: Final = frozenset({"ERROR", "COMMAND NOT SUPPORT", "TOO MANY PARAMETERS", "NOT SUPPORT"})

# Result codes of ATV0, which a modem may be left in by somebody else.
_NUMERIC: Final = {"0": None, "4": AtError("plain", None, "4")}

# Lines without a leading sign that modems send by themselves.
_BARE_UNSOLICITED: Final = (
    "RING", "RDY", "CALL READY", "SMS READY", "SMS DONE", "PB DONE", "NO CARRIER", "BUSY", "NO ANSWER",
    "UNDER-VOLTAGE", "OVER-VOLTAGE", "NORMAL POWER DOWN", "POWERED DOWN", "MODEM:STARTUP", "START",
)  # fmt: skip

# The words of 27.005 §3.2.5 and 27.007 §9.2 that firmwares put in place of the number (CMEE=2, or against it).
_WORDS: Final[dict[str, int]] = {
    "phone failure": 0, "no connection to phone": 1, "operation not allowed": 3, "operation not supported": 4,
    "ph-sim pin required": 5, "sim not inserted": 10, "sim pin required": 11, "sim puk required": 12,
    "sim failure": 13, "sim busy": 14, "sim wrong": 15, "incorrect password": 16, "sim pin2 required": 17,
    "sim puk2 required": 18, "memory full": 20, "invalid index": 21, "not found": 22, "memory failure": 23,
    "no network service": 30, "network timeout": 31, "network not allowed - emergency calls only": 32,
    "unknown": 100,
}  # fmt: skip
_SMS_WORDS: Final[dict[str, int]] = {
    "me failure": 300, "sms service of me reserved": 301, "operation not allowed": 302,
    "operation not supported": 303, "invalid pdu mode parameter": 304, "invalid text mode parameter": 305,
    "sim not inserted": 310, "sim pin required": 311, "ph-sim pin required": 312, "sim failure": 313,
    "sim busy": 314, "sim wrong": 315, "sim puk required": 316, "memory failure": 320,
    "invalid memory index": 321, "memory full": 322, "smsc address unknown": 330, "no network service": 331,
    "network timeout": 332, "no +cnma acknowledgement expected": 340, "unknown error": 500,
}  # fmt: skip


def final_result(line: str, *, numeric: bool) -> tuple[bool, AtError | None]:
    """Say whether a line ends a command, and how.

    Args:
        line: Stripped of line ends and blanks.
        numeric: Accept the digits of ATV0 too; a modem that has spoken in words no longer means them.

    Returns:
        (True, None) for OK, (True, error) for a failure, (False, None) for any other line.

    Source: V.250 §5.7.1; 27.005 §3.2.5.
    """
    if line == "OK":
        return True, None
    if numeric and line in _NUMERIC:
        return True, _NUMERIC[line]
    if line.startswith("+CM"):
        match = _CODED.fullmatch(line)
        if match:
            return True, _coded(match[1].upper(), match[2].strip(), line)
    if line.upper() in _PLAIN_ERRORS:
        return True, AtError("plain", None, line)
    return False, None


def _coded(family: str, rest: str, line: str) -> AtError:
    kind: Literal["cms", "cme"] = "cms" if family == "CMS" else "cme"
    if rest.isascii() and rest.isdigit():
        return AtError(kind, int(rest[:6]), line)
    words = _SMS_WORDS if kind == "cms" else _WORDS
    return AtError(kind, words.get(rest.lower()), line)


def pdu_header(line: str) -> tuple[str, int] | None:
    """Recognise a line that announces a PDU on the next one.

    Returns:
        Name without sign ("CMT", "CDS", "CBM", "CMGR", "CMGL") and the length it states, in octets; None for others.

    Source: 27.005 §3.4.1 and §4.2; `+CDS: ,25` as ZTE sends it.
    """
    if not line.startswith("+C"):
        return None
    match = _HEADER.fullmatch(line)
    return (match[1], int(match[2][:6])) if match else None


def is_hex(line: str) -> bool:
    """Say whether a line consists of whole octets in hexadecimal."""
    return _HEX.fullmatch(line) is not None


def fits(pdu_hex: str, length: int) -> bool:
    """Say whether a PDU line has the stated length, counted without the service centre's octets or with them."""
    octets = len(pdu_hex) // 2
    return octets in {length, length + 1 + int(pdu_hex[:2], 16)}


def looks_unsolicited(line: str) -> bool:
    """Say whether a line that no command asked for is the modem's own word rather than free text."""
    return line[0] in "+^*%$&#!" or line.upper().startswith(_BARE_UNSOLICITED)

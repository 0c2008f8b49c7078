"""Owns what a line that comes by itself means: message stored or routed, registration, signal, SIM, restart, USSD.

Decides nothing; a line it does not know is an honest :class:`Noise`.
Source: 27.005 §3.4.1 (+CMTI +CMT +CDSI +CDS), 27.007 §7.2, §7.15, §8.3; vendors' lines as named in the tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from device_bridge.at.fields import field, integer, values
from device_bridge.at.lines import AtError, final_result, pdu_header

KNOWN_STORES: Final = frozenset({"SM", "ME", "MT", "SR", "BM", "TA", "MMS"})


@dataclass(frozen=True, slots=True)
class Stored:
    """Something lies in a slot. ``index`` None: announced and not kept, so it cannot be read."""

    store: str
    index: int | None
    is_report: bool


@dataclass(frozen=True, slots=True)
class Routed:
    """A PDU came directly. ``pdu_hex`` None: its second line never came."""

    pdu_hex: str | None
    length: int
    is_report: bool


@dataclass(frozen=True, slots=True)
class RegistrationChanged:
    """One domain's registration, by the numbers of 27.007 §7.2."""

    domain: str
    registration: int


@dataclass(frozen=True, slots=True)
class SignalChanged:
    """`rssi` in the scale of +CSQ."""

    rssi: int


@dataclass(frozen=True, slots=True)
class SimChanged:
    """The SIM may be in, out or locked now: ask."""


@dataclass(frozen=True, slots=True)
class Restarted:
    """The modem has started anew, or only now has its messages ready: settings are lost."""

    from_cold: bool


@dataclass(frozen=True, slots=True)
class StoreFull:
    """No slot is free: nothing arrives until one is."""


@dataclass(frozen=True, slots=True)
class UssdAnswered:
    """`+CUSD: m,"text",dcs`."""

    mode: int
    text: str
    dcs: int | None


@dataclass(frozen=True, slots=True)
class LateVerdict:
    """A verdict on a message when none is under way: the one in doubt."""

    line: str
    error: AtError | None


@dataclass(frozen=True, slots=True)
class Noise:
    """Anything else."""

    line: str


Notice = (
    Stored | Routed | RegistrationChanged | SignalChanged | SimChanged | Restarted | StoreFull | UssdAnswered
    | LateVerdict | Noise
)  # fmt: skip

# From power-up (True), or the message service only now ready (False); makers behind each in the comment.
_RESTARTS: Final = {
    "RDY": True,  # SIMCom, Quectel
    "^SYSSTART": True,  # Cinterion
    "MODEM:STARTUP": True,  # Quectel M series
    "+WIND: 3": True,  # Wavecom
    "SMS READY": False,  # SIM800
    "SMS DONE": False,  # SIM7x00
    "+QIND: SMS DONE": False,  # Quectel
    "+WIND: 4": False,  # Wavecom
}
_SIM_LINES: Final = (
    "+CPIN:",
    "^SIMST:",
    "+QUSIM:",
    "+UUSIMSTAT:",
    "^SCKS:",
    "+SIM READY",
    "#QSS:",
    "+QSIMSTAT:",
)
# One number, or two small ones where a late answer to a question comes by itself: then the second counts.
_REGISTRATION: Final = re.compile(
    r"\+(CREG|CGREG|CEREG|C5GREG):\s*(?:\d\s*,\s*(?=\d{1,2}\s*(?:,|$)))?(\d{1,2})\b"
)
_RSSI: Final = re.compile(r"(?:\^RSSI|\+CSQ|\+CSQN):\s*(\d{1,3})\b")
_FULL: Final = ("^SMMEMFULL", "+SMMEMFULL", "+SMS FULL", "+QIND: SMSFULL")


def parse_unsolicited(line: str, pdu_hex: str | None) -> Notice:
    """Say what a line that came by itself means.

    Args:
        line: The line, without its end.
        pdu_hex: The PDU that the line announced, where it came.
    """
    header = pdu_header(line)
    if header and header[0] in {"CMT", "CDS"}:
        return Routed(pdu_hex, header[1], is_report=header[0] == "CDS")
    if line.startswith(("+CMTI:", "+CDSI:")):
        return _stored(line)
    if line.startswith("+CMGS:"):
        return LateVerdict(line, None)
    if line.startswith("+CMS ERROR"):
        return LateVerdict(line, final_result(line, numeric=False)[1])
    if line.startswith("+CUSD:"):
        return _ussd(line)
    return _state_of_things(line)


def _state_of_things(line: str) -> Notice:
    upper = line.upper()
    if upper in _RESTARTS:
        return Restarted(_RESTARTS[upper])
    if match := _REGISTRATION.match(line):
        return RegistrationChanged(match[1], int(match[2]))
    if match := _RSSI.match(line):
        return SignalChanged(int(match[1]))
    if upper.startswith(_SIM_LINES):
        return SimChanged()
    if upper.startswith(_FULL):
        return StoreFull()
    return Noise(line)


def _stored(line: str) -> Stored:
    # `"SM",3`, `,-1`, and `"SM",3,"MMS PUSH",2,1`: the store is a known name, the slot the first number behind.
    found = values(line)
    store = next((value for value in found if value in KNOWN_STORES), "")
    index = next((number for number in map(integer, found) if number is not None), None)
    return Stored(store, index if index is not None and index >= 0 else None, line.startswith("+CDSI"))


def _ussd(line: str) -> UssdAnswered:
    mode = integer(field(line, 0))
    quoted = re.search(r'"(.*)"', line, re.DOTALL)
    text = quoted[1] if quoted else field(line, 1)
    tail = line[quoted.end() :] if quoted else ""
    dcs = integer(tail.strip(", "))
    return UssdAnswered(0 if mode is None else mode, text, dcs)

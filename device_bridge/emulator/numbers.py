"""Owns who is who on the emulated network: SIM identities, and what each sandbox number does.

Refuses to know how texts travel; numbers in, a :class:`Fate` or a :class:`SimIdentity` out.
Source: ITU-T E.118 (ICCID), E.212 (test network 001 01), +999 is an unassigned country code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OPERATOR: Final = "Emulated"
SANDBOX_PREFIX: Final = "+999"
SMSC_NUMBER: Final = "+99900020000"

ST_RECEIVED: Final = 0x00  # 23.040 §9.2.3.15: received by the SME
ST_EXPIRED: Final = 0x46  # permanent: validity period expired
ST_NO_RESPONSE: Final = 0x62  # SC gave up: no response from SME, what a network says of an absent subscriber

RP_UNASSIGNED: Final = 1  # 24.011 Annex E-2
RP_CONGESTION: Final = 42


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to a text for one number; delays in seconds, counted from acceptance by the SMSC.

    ``refusals`` is how many times ``cause`` refuses the same text before it is taken; -1 = always. No report
    ever comes when ``report_st`` is None; ``report_delay_s`` None means the network's own.
    """

    refusals: int = 0
    cause: int = 0
    answers: bool = True
    report_st: int | None = ST_RECEIVED
    report_delay_s: float | None = None
    reply: str | None = None
    reply_delay_s: float = 0.0


DELIVERED: Final = Fate()

SANDBOX: Final[dict[str, Fate]] = {
    "+99900000001": DELIVERED,
    "+99900000002": Fate(report_st=ST_NO_RESPONSE),
    "+99900000003": Fate(refusals=-1, cause=RP_UNASSIGNED),
    "+99900000004": Fate(refusals=2, cause=RP_CONGESTION),
    "+99900000005": Fate(report_st=None),
    "+99900000006": Fate(report_delay_s=30.0),
    "+99900000007": Fate(answers=False, report_delay_s=10.0),
    "+99900000008": Fate(answers=False, report_st=None),
    "+99900000009": Fate(reply="STOP", reply_delay_s=1.0),
}


@dataclass(frozen=True, slots=True)
class SimIdentity:
    """One SIM and the modem it sits in; digits only, except ``number`` (E.164 with +)."""

    line: int
    number: str
    iccid: str
    imsi: str
    imei: str


def sim_identity(line: int, seed: int) -> SimIdentity:
    """Name the SIM of a line: the same for the same line and seed, on every run.

    Args:
        line: 1..999.
        seed: Any integer; networks with different seeds have different SIMs, but the same numbers.

    Returns:
        Number +9990001NNNN, ICCID 89882… and IMEI with their Luhn digits, IMSI in the test network 001 01.
    """
    return SimIdentity(
        line=line,
        number=f"{SANDBOX_PREFIX}0001{line:04d}",
        iccid=_with_luhn(f"89882{seed % 10**7:07d}{line:06d}"),
        imsi=f"00101{seed % 10**6:06d}{line:04d}",
        imei=_with_luhn(f"00101001{seed % 1000:03d}{line:03d}"),
    )


def normalise(number: str) -> str:
    """Write a dialled number as the network routes it: +999…, +44…; national numbers stay as dialled."""
    if number.startswith("00"):
        return "+" + number[2:]
    if number.startswith(SANDBOX_PREFIX[1:]):
        return "+" + number
    return number


def _with_luhn(digits: str) -> str:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)

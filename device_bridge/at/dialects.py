"""Owns what differs between makers and cannot be negotiated, as data: who they are, what they must hear first.

Decides nothing. Everything that a modem can be asked for is negotiated instead (CNMI, CPMS, CSMS).
Source: vendors' manuals; ModemManager's and gammu's issue lists as named in the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Dialect:
    """One maker's ways.

    Attributes:
        name: Our word for it.
        makers: Beginnings of +CGMI in small letters.
        first: Command lines before anything else is asked; ERROR is no trouble.
        restarts: AT+CFUN=1,1 brings it back as the same device.
    """

    name: str
    makers: tuple[str, ...]
    first: tuple[str, ...] = ()
    restarts: bool = True


DIALECTS: Final = (
    # E and K sticks come back from CFUN=1,1 in CD-ROM mode (gammu#687).
    Dialect("huawei", ("huawei",), restarts=False),
    # MF sticks: online mode after a cold start, and +ZUSIMR floods until CPMS? is asked.
    Dialect("zte", ("zte",), first=("AT+ZOPRT=5", "AT+CPMS?")),
    # 05c6:6000 falls off USB on CFUN=1,1 (gammu#552).
    Dialect("qualcomm", ("qualcomm", "novatel"), restarts=False),
    Dialect("simcom", ("simcom", "sim_com")),
    Dialect("quectel", ("quectel",)),
    Dialect("telit", ("telit",)),
    Dialect("u-blox", ("u-blox",)),
    Dialect("cinterion", ("siemens", "cinterion", "gemalto", "thales", "telit cinterion")),
    Dialect("sierra", ("sierra", "wavecom")),
)
GENERIC: Final = Dialect("generic", ())


def dialect_of(maker: str | None) -> Dialect:
    """Find the maker's dialect by the words of AT+CGMI; the generic one when it is unknown."""
    words = (maker or "").strip().lower()
    return next((dialect for dialect in DIALECTS if words.startswith(dialect.makers)), GENERIC)

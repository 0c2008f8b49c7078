"""Owns what a phone's steps are made of: step, wish, ledger and what the gateway must answer; values only.

Knows no adb and no command.
Source: docs/link.md (package, port, handover).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

PACKAGE: Final = "org.smsline.companion"

StepOutcome = Literal["ok", "fixed", "refused", "waiting", "skipped"]
Provision = Literal["ask", "auto", "off"]


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one thing that a phone needs.

    ``ok`` it was so, ``fixed`` it is so now, ``refused`` a person must do ``hint``, ``waiting`` it will come by
    itself, ``skipped`` not needed or not agreed to. ``detail`` is fit to be shown: escaped, one line.
    """

    name: str
    outcome: StepOutcome
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the gateway wants of one phone of its own.

    Attributes:
        version_code: Of the companion in ``apk``; a lower one on the phone is updated, a higher one is left.
        apk: Gives the signed APK; called only when it is to be installed.
        host_port: Loopback port of the gateway that the tunnel leads to.
        provision: "ask" changes nothing before :meth:`PhoneHost.provision` was called for this phone once,
            "auto" does everything at once, "off" only looks on.
        raise_limit: The platform's limit of parts may be raised.
        may_reboot: The phone may be restarted, once, for a raised limit to act.
        pairing: Gives the JSON of the handover for a serial number; called only when it is to be handed over.
        linked: Says whether the companion of a serial number is connected now.
    """

    version_code: int
    apk: Callable[[], Awaitable[bytes]]
    host_port: int
    pairing: Callable[[str], Awaitable[bytes]]
    linked: Callable[[str], bool]
    provision: Provision = "ask"
    raise_limit: bool = False
    may_reboot: bool = False
    package: str = PACKAGE


def is_outdated(there: int, carried: int) -> bool:
    """Say whether a phone with version ``there`` of the app is to be updated to version ``carried``.

    Both are version codes of Android's package manager, which alone are in order.
    """
    return there < carried


@dataclass(frozen=True, slots=True)
class SeenPhone:
    """A phone that the adb server lists. ``serialno`` is None until the phone tells it; ``state`` is adb's word."""

    serialno: str | None
    adb_serial: str
    model: str
    state: str
    steps: tuple[Step, ...] = field(default=())


class HostOwner(Protocol):
    """What the gateway answers and keeps. The ledger outlives restarts: it is how changes are taken back."""

    def wanted(self, serialno: str) -> Wanted | None:
        """Say what is wanted of a phone; None = not ours: it is asked for nothing but its serial number."""
        ...

    async def steps(self, serialno: str, steps: tuple[Step, ...]) -> None:
        """Take the steps of a run, after each run that changed them."""
        ...

    async def limit(self, serialno: str, parts: int, window_s: int, in_force: bool) -> None:  # noqa: FBT001
        """Take what the platform's limit is set to; not ``in_force``: it acts only after the next restart."""
        ...

    async def remember(self, serialno: str, name: str, value: str | None) -> None:
        """Keep a value of the ledger; None forgets it."""
        ...

    async def recall(self, serialno: str, name: str) -> str | None:
        """Give a value of the ledger."""
        ...

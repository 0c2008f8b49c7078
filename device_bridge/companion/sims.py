"""Owns the lines of one phone: which SIM is which line, how each fares, and which subscription belongs to which.

Knows no connection. A line is the same object while its SIM comes and goes.
Source: docs/link.md (SIM); subscription ids are rows of the phone's own table and never change their SIM.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from device_bridge.companion.frames import PhoneHealth, Sim
from device_bridge.companion.line import PhoneLine
from device_bridge.device import LineHealth, LineIdentity, LineState
from device_bridge.sms.outcome import local

_LOG = logging.getLogger(__name__)

SEND_SMS: Final = "android.permission.SEND_SMS"

INVALID_SUB: Final = -1
"""Android's INVALID_SUBSCRIPTION_ID; here also where everything goes that belongs to nobody we know."""

MAX_STRANGERS: Final = 16
"""Lines that are made up on one connection for subscriptions that the phone did not list."""

_SIM_STATES: Final = {
    "ready": None,
    "pin": "sim_pin_required",
    "puk": "sim_puk_required",
    "absent": "sim_missing",
}
_FOR_A_PERSON: Final = frozenset({"sim_pin_required", "sim_puk_required", "sim_missing", "phone_permission"})

MISSING: Final = LineHealth(LineState.NEEDS_ATTENTION, local("sim_missing"))


def line_health(sim: Sim, phone: PhoneHealth) -> LineHealth:
    """Say how a SIM fares; what a person must do goes before what may come by itself."""
    code = _SIM_STATES.get(sim.state, "device_not_ready")
    if code is None and SEND_SMS in phone.missing_permissions:
        code = "phone_permission"
    if code is None and (phone.airplane or sim.registered is False):
        code = "not_registered"
    known = (sim.operator, sim.signal_dbm, sim.roaming)
    if code is None:
        return LineHealth(LineState.UP, None, *known)
    state = LineState.NEEDS_ATTENTION if code in _FOR_A_PERSON else LineState.DOWN
    return LineHealth(state, local(code), *known)


Changed = tuple[PhoneLine, LineHealth]


class Lines:
    """The lines of one phone.

    Args:
        install_id: Part of the key of a line whose SIM hides its ICCID.
        make: Makes the line of an identity and a subscription.
    """

    def __init__(self, install_id: str, make: Callable[[LineIdentity, int], PhoneLine]) -> None:
        self._install_id = install_id
        self._make = make
        self._known: dict[str, PhoneLine] = {}
        self._present: dict[str, LineHealth] = {}
        self._by_sub: dict[int, PhoneLine] = {}
        self._key_of_sub: dict[int, str] = {}
        self._strangers: set[int] = set()

    def now(self) -> tuple[PhoneLine, ...]:
        """The lines whose SIMs are there, and those that only an event of this connection named."""
        return tuple(self._known[key] for key in self._present)

    def health_of(self, line: PhoneLine) -> LineHealth:
        """Say how a line fares, a gone one too."""
        return self._present.get(line.identity.key, MISSING)

    def new_connection(self, sims: tuple[Sim, ...], phone: PhoneHealth) -> list[Changed]:
        """Take the SIMs of a hello; returns every line that is there, and those that are gone since the last one."""
        self._by_sub.clear()
        self._strangers.clear()
        before, self._present = dict(self._present), {}
        changed = self.take(sims, phone)
        return changed + [(self._known[key], MISSING) for key in before if key not in self._present]

    def take(self, sims: tuple[Sim, ...], phone: PhoneHealth) -> list[Changed]:
        """Take the SIMs that are there now; returns the lines that changed, the gone ones with ``sim_missing``."""
        before, self._present = self._present, {}
        for sim in sims:
            self._take_one(sim, phone)
        changed = [
            (self._known[key], health) for key, health in self._present.items() if before.get(key) != health
        ]
        return changed + [(self._known[key], MISSING) for key in before if key not in self._present]

    def of_sub(self, sub: int) -> tuple[PhoneLine, bool]:
        """Find the line of a subscription; True when it had none and was made up, so that nothing is lost."""
        line = self._by_sub.get(sub)
        if line is not None:
            return line, False
        if len(self._strangers) >= MAX_STRANGERS:
            sub = INVALID_SUB
        if sub in self._strangers:
            return self._by_sub[sub], False
        self._strangers.add(sub)
        line = self._line(self._key(sub), sub, None, None)
        self._present.setdefault(line.identity.key, MISSING)
        return line, True

    def known_here(self, key: str | None) -> PhoneLine | None:
        """Find a line by its key if this connection has told of it; a gone one too."""
        told = (line for line in self._by_sub.values() if line.identity.key == key)
        return next(told, None) if key is not None else None

    def any(self) -> tuple[PhoneLine, bool]:
        """Find a line for what names none: the first one that is there, else one made up."""
        if self._present:
            return self._known[next(iter(self._present))], False
        return self.of_sub(INVALID_SUB)

    def _take_one(self, sim: Sim, phone: PhoneHealth) -> None:
        if sim.sub < 0:
            return  # an empty slot
        # A SIM that was pulled has no ICCID any more, but its subscription still says which one it was.
        key = sim.iccid or self._key_of_sub.get(sim.sub) or self._key(sim.sub)
        if key in self._present:
            # Two SIMs cannot share an ICCID; a phone that says so is believed as to the subscription only.
            _LOG.warning("two SIMs with one identity: the one of subscription %d goes by that", sim.sub)
            key = self._key(sim.sub)
        known = self._known.get(key)
        iccid = sim.iccid if key == sim.iccid else (known.identity.iccid if known else None)
        self._line(key, sim.sub, iccid, sim.number or (known.identity.number if known else None))
        self._key_of_sub[sim.sub] = key
        self._present[key] = line_health(sim, phone)

    def _line(self, key: str, sub: int, iccid: str | None, number: str | None) -> PhoneLine:
        identity = LineIdentity(key, iccid, None, number)
        line = self._known.get(key)
        if line is None:
            line = self._known[key] = self._make(identity, sub)
        line.moved(identity, sub)
        self._by_sub[sub] = line
        return line

    def _key(self, sub: int) -> str:
        return f"sub:{self._install_id}:{sub}"

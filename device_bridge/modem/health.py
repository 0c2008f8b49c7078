"""Owns what is known of a line: SIM, registration, signal, operator, stores; and when a change is worth an event.

Asks nothing: answers and lines that come by themselves are brought here.
Source: 27.007 §7.2 (registration), §8.3 (SIM), §8.5 (signal); the codes are the catalogue's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from device_bridge.at import commands
from device_bridge.at.lines import AtError
from device_bridge.device import LineHealth, LineState
from device_bridge.sms.outcome import Outcome, local

SIGNAL_STEP_DB: Final = 6
"""Decibels of change in signal that are worth an event; less is fading."""

STORE_ALARM_SHARE: Final = 0.7
"""Share of taken slots whose crossing is worth an event: full stores receive nothing."""

_REGISTERED: Final = frozenset({1, 5, 6, 7, 9, 10})
_ROAMING: Final = frozenset({5, 7, 10})
_SIM_WORDS: Final[Mapping[str, str | None]] = {
    "READY": None,
    "SIM PIN": "sim_pin_required",
    "SIM PUK": "sim_puk_required",
    "SIM PUK2": None,
    "SIM PIN2": None,
    "NOT INSERTED": "sim_missing",
    "NOT READY": "sim_missing",
    "SIM REMOVED": "sim_missing",
}
_SIM_CODES: Final[Mapping[int, str]] = {
    10: "sim_missing", 310: "sim_missing", 11: "sim_pin_required", 311: "sim_pin_required",
    12: "sim_puk_required", 316: "sim_puk_required",
}  # fmt: skip
_FOR_A_PERSON: Final = frozenset({"sim_missing", "sim_pin_required", "sim_puk_required"})
_SIM_TROUBLE: Final = frozenset({5, 10, 11, 12, 13, 14, 15, 310, 311, 312, 313, 314, 315, 316})


def sim_trouble(word: str | None, error: AtError | None) -> Outcome | None:
    """Say what is wrong with the SIM by the answer to AT+CPIN?; None when nothing is, or the modem cannot tell."""
    if error is None:
        if word is None:
            return None
        code = _SIM_WORDS.get(word, "device_not_ready")
        return local(code) if code else None
    code = _SIM_CODES.get(error.code or 0)
    if code:
        return local(code)
    return local("device_not_ready") if error.code in _SIM_TROUBLE else None


def points_at_sim(error: AtError) -> bool:
    """A refusal that makes it worth asking for the SIM."""
    return error.code in _SIM_TROUBLE


def points_at_network(error: AtError) -> bool:
    """A refusal that makes it worth asking for the registration."""
    return error.code in {30, 32, 331}


class HealthTracker:
    """The state of one line, told to others when it changes."""

    def __init__(self, changed: Callable[[LineHealth], None]) -> None:
        self._changed = changed
        self._told: LineHealth | None = None
        self._gathering = False
        self._registration: dict[str, int] = {}
        self._sim: Outcome | None = None
        self._device: Outcome | None = None
        self._operator: str | None = None
        self._signal_dbm: int | None = None
        self._smsc: str | None = None
        self._stores: commands.StoreUse | None = None

    def now(self) -> LineHealth:
        """Put together what is known."""
        states = set(self._registration.values())
        registered = not states or bool(states & _REGISTERED)
        reason = self._device or self._sim or (None if registered else local("not_registered"))
        state = LineState.UP
        if reason is not None:
            state = LineState.NEEDS_ATTENTION if reason.code in _FOR_A_PERSON else LineState.DOWN
        return LineHealth(
            state=state,
            reason=reason,
            operator=self._operator,
            signal_dbm=self._signal_dbm,
            roaming=bool(states & _ROAMING) if states & _REGISTERED else None,
            smsc=self._smsc,
            store_used=self._stores.used if self._stores else None,
            store_total=self._stores.total if self._stores else None,
        )

    def tell(self) -> None:
        """Tell the change since the last time, if there is one worth it."""
        health = self.now()
        if self._gathering:
            return
        if self._told is None or _differs(self._told, health):
            self._told = health
            self._changed(health)

    @contextlib.contextmanager
    def one_change(self) -> Iterator[None]:
        """Gather what a series of answers brings into one change, told at the end even of a broken series."""
        self._gathering = True
        try:
            yield
        finally:
            self._gathering = False
            self.tell()

    def forget(self) -> None:
        """Start anew: a modem was opened, or another SIM sits in it."""
        self._registration.clear()
        self._sim = self._device = self._operator = self._signal_dbm = self._stores = None
        self._told = None

    def device(self, trouble: Outcome | None) -> None:
        """The device itself is silent or gone, or is back (None)."""
        self._device = trouble
        self.tell()

    def sim(self, trouble: Outcome | None) -> None:
        """The SIM is missing, locked or ready (None)."""
        self._sim = trouble
        self.tell()

    def registration(self, domain: str, number: int) -> None:
        """One domain's <stat> of 27.007 §7.2."""
        self._registration[domain] = number
        self.tell()

    def operator(self, name: str | None) -> None:
        """The network's name."""
        self._operator = name
        self.tell()

    def signal(self, dbm: int | None) -> None:
        """Signal strength in dBm."""
        self._signal_dbm = dbm
        self.tell()

    def smsc(self, number: str | None) -> None:
        """The service centre that texts go to."""
        self._smsc = number

    def stores(self, use: commands.StoreUse | None) -> None:
        """Slots of the receiving store."""
        if use is not None:
            self._stores = use
            self.tell()


def _differs(before: LineHealth, after: LineHealth) -> bool:
    def plain(health: LineHealth) -> tuple[object, ...]:
        reason = health.reason.code if health.reason else None
        return (health.state, reason, health.operator, health.roaming, health.smsc, _crowded(health))

    if plain(before) != plain(after):
        return True
    if before.signal_dbm is None or after.signal_dbm is None:
        return before.signal_dbm is not after.signal_dbm
    return abs(before.signal_dbm - after.signal_dbm) >= SIGNAL_STEP_DB


def _crowded(health: LineHealth) -> bool:
    return bool(health.store_total) and (health.store_used or 0) >= STORE_ALARM_SHARE * (
        health.store_total or 1
    )

"""Owns one SIM and the slots of its modem: PIN state, TP-MR counter, stores "SM" and "ME".

Refuses to know AT syntax and the network; it answers in values or raises :class:`StoreFullError`.
Source: 3GPP TS 27.005 §3.1 (stores, <stat>), 27.007 §8.3 (PIN), 23.040 §9.2.3.6 (TP-MR in EF-SMSS).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from device_bridge.emulator.numbers import SimIdentity

PIN_TRIES: Final = 3  # 3GPP TS 51.011: three attempts, then PUK
PUK_TRIES: Final = 10


class StoreFullError(Exception):
    """No free slot."""


class SlotState(IntEnum):
    """<stat> of 27.005 §3.1 in PDU mode."""

    UNREAD = 0
    READ = 1
    UNSENT = 2
    SENT = 3
    ALL = 4


@dataclass(slots=True)
class Slot:
    """One stored TPDU with the service centre address that came with it."""

    state: SlotState
    pdu: bytes
    tpdu_length: int


@dataclass(slots=True)
class Store:
    """Numbered slots, 1..size. ``blocked`` makes it full whatever it holds (fault)."""

    size: int
    slots: dict[int, Slot] = field(default_factory=dict)
    blocked: bool = False

    @property
    def used(self) -> int:
        return self.size if self.blocked else len(self.slots)

    def put(self, slot: Slot) -> int:
        """Keep a slot at the lowest free index and return it; raises StoreFullError."""
        if self.used >= self.size:
            raise StoreFullError
        index = next(i for i in range(1, self.size + 1) if i not in self.slots)
        self.slots[index] = slot
        return index

    def delete(self, wanted: frozenset[SlotState]) -> None:
        """Free every slot in one of the states."""
        for index in [i for i, slot in self.slots.items() if slot.state in wanted]:
            del self.slots[index]


@dataclass(slots=True)
class Sim:
    """A card: who it is, whether it is in, and whether its PIN is open."""

    identity: SimIdentity
    stores: dict[str, Store]
    present: bool = True
    pin: str | None = None
    pin_tries: int = PIN_TRIES
    puk_tries: int = PUK_TRIES
    unlocked: bool = True
    smsc: str = ""
    last_mr: int = 255

    @property
    def pin_state(self) -> str:
        """The code of +CPIN?: READY, SIM PIN or SIM PUK."""
        if self.pin is not None and self.pin_tries == 0:
            return "SIM PUK"
        return "READY" if self.unlocked else "SIM PIN"

    @property
    def usable(self) -> bool:
        return self.present and self.pin_state == "READY"

    def enter_pin(self, pin: str) -> bool:
        """Try a PIN; a wrong one costs a try, the last one locks the card."""
        if pin == self.pin:
            self.unlocked, self.pin_tries = True, PIN_TRIES
            return True
        self.pin_tries = max(0, self.pin_tries - 1)
        return False

    def next_mr(self) -> int:
        """Count TP-MR on: 0..255, then 0 again."""
        self.last_mr = (self.last_mr + 1) % 256
        return self.last_mr

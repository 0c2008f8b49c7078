"""Owns what the service centre still has for one line: one TPDU at a time, again until it is acknowledged.

Refuses to know AT and slots; a receiver takes a TPDU and says later whether it kept it (RP-ACK or RP-ERROR).
Source: 3GPP TS 23.040 §3.2.8 (alerting), §9.2.3.2 (TP-MMS), 24.011 §5 (one transaction per direction).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from device_bridge.emulator.frames import BIT_MORE_MESSAGES


class RpAnswer(Enum):
    """What a modem says to the network about a TPDU (24.011 §7.3)."""

    ACK = "RP-ACK"
    ERROR = "RP-ERROR"


Acknowledge = Callable[[RpAnswer], None]


def _nothing() -> None:
    """Nobody waits for this item's fate."""


@dataclass(frozen=True, slots=True)
class Item:
    """A DELIVER or STATUS-REPORT on its way; ``taken`` or ``expired`` is called once, never both."""

    tpdu: bytes
    report: bool
    expires_ms: int
    taken: Callable[[], None] = _nothing
    expired: Callable[[], None] = _nothing


class Receiver(Protocol):
    """The modem's radio side."""

    @property
    def reachable(self) -> bool:
        """Registered, with a usable SIM."""
        ...

    def receive(self, tpdu: bytes, acknowledge: Acknowledge, *, report: bool) -> None:
        """Take a TPDU; ``acknowledge`` is called once, now or later."""
        ...


class Mailbox:
    """The queue of one line, in order. Costs nothing while it is empty or its line is away."""

    def __init__(self, receiver: Receiver, retry_s: float, now_ms: Callable[[], int]) -> None:
        self._receiver = receiver
        self._retry_s = retry_s
        self._now_ms = now_ms
        self._items: deque[Item] = deque()
        self._on_the_way = False
        self._retry: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Queue a TPDU and deliver it as soon as the line takes it."""
        self._items.append(item)
        self.kick()

    def kick(self) -> None:
        """Try now: the line registered, freed a slot (RP-SMMA), opened its port or changed +CNMI."""
        self._cancel_retry()
        self._drop_expired()
        if self._on_the_way or not self._items:
            return
        if not self._receiver.reachable:
            first = min(item.expires_ms for item in self._items)
            self._try_again_in((first - self._now_ms()) / 1000)
            return
        self._on_the_way = True
        item = self._items[0]
        tpdu = item.tpdu
        if len(self._items) > 1:
            tpdu = bytes((tpdu[0] & ~BIT_MORE_MESSAGES,)) + tpdu[1:]
        self._receiver.receive(tpdu, self._answered, report=item.report)

    def close(self) -> None:
        """Forget everything; no timer stays behind."""
        self._cancel_retry()
        self._items.clear()

    def _answered(self, answer: RpAnswer) -> None:
        self._on_the_way = False
        if not self._items:
            return
        if answer is RpAnswer.ERROR:
            self._try_again_in(self._retry_s)
            return
        item = self._items.popleft()
        item.taken()
        asyncio.get_running_loop().call_soon(self.kick)

    def _try_again_in(self, delay_s: float) -> None:
        self._cancel_retry()
        self._retry = asyncio.get_running_loop().call_later(max(0.0, delay_s), self.kick)

    def _drop_expired(self) -> None:
        if self._on_the_way:
            return
        now = self._now_ms()
        expired = [item for item in self._items if item.expires_ms <= now]
        for item in expired:
            self._items.remove(item)
            item.expired()

    def _cancel_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

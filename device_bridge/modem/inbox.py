"""Owns what arrives: reports and texts, direct or in slots, each told once and erased only after its acknowledgement.

Knows no TPDU beyond TP-MTI; what octets mean is for the caller's codec. Keeps W3.
Source: 27.005 §3.4 (CNMI, CNMA), §3.2.2 (CPMS), §3.5.4 (CMGD); 23.040 §9.2.3.1 (TP-MTI).
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from device_bridge.at import commands
from device_bridge.at.lines import AtError
from device_bridge.at.unsolicited import Routed, Stored
from device_bridge.device import DeviceEvent, InboundReceived, ReportReceived
from device_bridge.errors import DecodeError
from device_bridge.modem.channel import AtChannel
from device_bridge.sms.pdu import parse_hex, split_sca

_LOG = logging.getLogger(__name__)

_MTI_STATUS_REPORT: Final = 0b10
_OUR_OWN: Final = frozenset({2, 3})  # <stat> of unsent and sent messages: drafts of a person, not for us
_SLOT_IS_EMPTY: Final = frozenset({21, 22, 321})
_NO_ACKNOWLEDGEMENT_EXPECTED: Final = 340
_REFUSALS_UNTIL_SILENT: Final = 3  # CNMA refused so often in a row: this modem does not want them
_SLOTS_AT_MOST: Final = 255  # EF_SMS has at most 255 records (31.102 §4.2.25)

Slot = tuple[str, int]


@dataclass(slots=True)
class _Kept:
    """An event that the caller has not acknowledged, and where the modem keeps it."""

    pdu_hex: str
    event: ReportReceived | InboundReceived
    slots: set[Slot] = field(default_factory=set)
    acknowledgements: int = 0


class Inbox:
    """One modem's arrivals. ``work`` is called by whoever holds the turn."""

    def __init__(
        self, channel: AtChannel, emit: Callable[[DeviceEvent], None], now_ms: Callable[[], int],
        wake: Callable[[], None],
    ) -> None:  # fmt: skip
        self._channel = channel
        self._emit = emit
        self._now_ms = now_ms
        self._wake = wake
        self._kept: dict[str, _Kept] = {}
        self._by_pdu: dict[str, str] = {}
        self._undeletable: dict[Slot, str] = {}
        self._to_read: deque[Stored] = deque()
        self._to_erase: deque[Slot] = deque()
        self._to_acknowledge = 0
        self._refused_acknowledgements = 0
        self._chosen: str | None = None
        self.line_key: str | None = None
        self.receives_in = "SM"
        self.acknowledges = False
        self.drain_wanted = False
        self.drains: tuple[str, ...] = ("SM", "ME")
        self.on_acknowledgement_refused: Callable[[], None] = lambda: None
        self.on_store_use: Callable[[commands.StoreUse | None], None] = lambda _: None

    def start_anew(self) -> None:
        """The modem or its SIM may be another: acknowledgements are void, slots are found again by draining.

        A slot that was remembered could by now hold somebody else's message, and must not be erased.
        """
        self._to_read.clear()
        self._to_erase.clear()
        self._to_acknowledge = 0
        self._refused_acknowledgements = 0
        self._chosen = None
        for kept in self._kept.values():
            kept.acknowledgements = 0
            kept.slots.clear()

    def tell_again(self) -> None:
        """Tell what was never acknowledged once more: whoever took it may have failed before its commit."""
        for kept in self._kept.values():
            self._emit(kept.event)

    @property
    def has_work(self) -> bool:
        """Something is to be acknowledged, erased or read."""
        return bool(self._to_acknowledge or self._to_erase or self._to_read or self.drain_wanted)

    # ------------------------------------------------------------------ what comes

    def routed(self, notice: Routed) -> None:
        """Take a PDU that came directly."""
        if notice.pdu_hex is None:
            if notice.length:
                _LOG.warning("a message was announced and its PDU never came", extra={"line": self.line_key})
            return
        kept = self._tell(notice.pdu_hex, notice.length, is_report=notice.is_report)
        if self.acknowledges:
            kept.acknowledgements += 1

    def stored(self, notice: Stored) -> None:
        """Take note of a slot that has something for us."""
        self._to_read.append(notice)
        self._wake()

    def acknowledge(self, event_id: str) -> None:
        """Let go of an event that the caller has committed (W3); an id that is unknown is an event of before."""
        kept = self._kept.pop(event_id, None)
        if kept is None:
            return
        self._by_pdu.pop(kept.pdu_hex, None)
        self._to_acknowledge += kept.acknowledgements
        for slot in sorted(kept.slots):
            self._undeletable[slot] = kept.pdu_hex
            self._to_erase.append(slot)
        if self.has_work:
            self._wake()

    def _tell(self, pdu_hex: str, length: int, *, is_report: bool) -> _Kept:
        known = self._by_pdu.get(pdu_hex)
        if known is not None:
            return self._kept[known]  # the same octets again before their acknowledgement: one event
        smsc, tpdu = _split(pdu_hex, length)
        line_key = self.line_key or ""
        event_id = hashlib.sha256(f"{line_key} {pdu_hex}".encode()).hexdigest()[:32]
        at_ms = self._now_ms()
        event: ReportReceived | InboundReceived
        if is_report or (tpdu and tpdu[0] & 0b11 == _MTI_STATUS_REPORT):
            event = ReportReceived(event_id, line_key, tpdu, at_ms)
        else:
            event = InboundReceived(event_id, line_key, tpdu, at_ms, smsc)
        kept = self._kept[event_id] = _Kept(pdu_hex, event)
        self._by_pdu[pdu_hex] = event_id
        self._emit(event)
        return kept

    # ------------------------------------------------------------------ work, with the turn held

    async def work(self) -> None:
        """Acknowledge, erase and read until nothing is left.

        Raises:
            LinkLost: the link went away.
            ModemSilent: the modem does not answer.
        """
        while self.has_work:
            if self._to_acknowledge:
                self._to_acknowledge -= 1
                await self._acknowledge_one()
            elif self._to_erase:
                await self._erase(self._to_erase.popleft())
            elif self._to_read:
                await self._read(self._to_read.popleft())
            else:
                self.drain_wanted = False
                await self.drain()

    async def _acknowledge_one(self) -> None:
        if not self.acknowledges:
            return
        error = (await self._channel.ask(commands.ACKNOWLEDGE)).error
        if error is None:
            self._refused_acknowledgements = 0
            return
        self._refused_acknowledgements += 1
        _LOG.warning("acknowledgement refused: %s", error.text, extra={"line": self.line_key})
        if error.code == _NO_ACKNOWLEDGEMENT_EXPECTED:
            if self._refused_acknowledgements >= _REFUSALS_UNTIL_SILENT:
                self.acknowledges = False
            return
        self.on_acknowledgement_refused()

    async def _erase(self, slot: Slot) -> None:
        store, index = slot
        if not await self.choose(store):
            return
        error = (await self._channel.ask(commands.delete_slot(index))).error
        if error is None or error.code in _SLOT_IS_EMPTY:
            self._undeletable.pop(slot, None)
        else:
            # Stays in _undeletable: told once is enough, and the next drain tries again.
            _LOG.warning(
                "slot %s %d is not erased: %s", store, index, error.text, extra={"line": self.line_key}
            )

    async def _read(self, notice: Stored) -> None:
        store = notice.store if notice.store in {"SM", "ME", "MT", "SR"} else self.receives_in
        if notice.index is None or notice.store == "MMS" or not await self.choose(store):
            return
        answer = await self._channel.ask(commands.read_slot(notice.index))
        found = commands.stored_messages(answer.lines, notice.index)
        for message in found:
            self._take_slot(store, message, is_report=notice.is_report)
        if not found:
            self._look_elsewhere(store, answer.error)

    def _look_elsewhere(self, store: str, error: AtError | None) -> None:
        # Some sticks deliver to the store that was not chosen, or name the wrong one.
        why = error.text if error else "empty"
        _LOG.info("nothing to read in %s (%s), looking into every store", store, why)
        self.drain_wanted = True

    def _take_slot(self, store: str, message: commands.StoredMessage, *, is_report: bool) -> None:
        if message.state in _OUR_OWN:
            return
        slot = (store, message.index)
        if self._undeletable.get(slot) == message.pdu_hex:
            self._to_erase.append(slot)  # told and acknowledged before; only erasing had failed
            return
        self._tell(message.pdu_hex, message.length, is_report=is_report).slots.add(slot)

    async def choose(self, store: str) -> bool:
        """Make a store the one to read and erase; costs nothing when it is already."""
        if self._chosen == store:
            return True
        answer = await self._channel.ask(commands.use_store(store, everything=False))
        if answer.error is not None:
            return False
        self._take_note(store, commands.store_use(answer.lines))
        return True

    def use(self, store: str, use: commands.StoreUse | None, *, acknowledges: bool) -> None:
        """Take note of how messages come from now on: into which store, and whether we acknowledge direct ones."""
        self.receives_in = store
        self.acknowledges = acknowledges
        self._take_note(store, use)

    def _take_note(self, store: str, use: commands.StoreUse | None) -> None:
        self._chosen = store
        if store == self.receives_in:
            self.on_store_use(use)

    async def drain(self) -> None:
        """Tell everything that lies in the stores: what came while nobody listened.

        Raises:
            LinkLost: the link went away.
            ModemSilent: the modem does not answer.
        """
        for store in self.drains:
            if await self.choose(store):
                await self._drain_chosen(store)
        await self.choose(self.receives_in)

    async def _drain_chosen(self, store: str) -> None:
        answer = await self._channel.ask(commands.LIST_ALL)
        if answer.error is None:
            for message in commands.stored_messages(answer.lines):
                self._take_slot(store, message, is_report=False)
            return
        await self._drain_one_by_one(store)

    async def _drain_one_by_one(self, store: str) -> None:
        answer = await self._channel.ask(commands.use_store(store, everything=False))
        use = commands.store_use(answer.lines)
        left = use.used if use else 0
        # The first slot is 0 with Huawei and 1 with everybody else.
        for index in range(min(use.total if use else 0, _SLOTS_AT_MOST) + 1):
            if left <= 0:
                return
            slot = await self._channel.ask(commands.read_slot(index))
            found = commands.stored_messages(slot.lines, index)
            left -= len(found)
            for message in found:
                self._take_slot(store, message, is_report=False)


def _split(pdu_hex: str, length: int) -> tuple[str | None, bytes]:
    """Split a PDU line; octets that do not add up are handed on whole, so that nothing is dropped."""
    try:
        octets = parse_hex(pdu_hex)
    except DecodeError:
        return None, pdu_hex.encode("latin-1", "replace")
    if len(octets) == length and len(octets) > 1 and octets[0] and not octets[1] & 0x80:
        return None, octets  # no SCA at all: the second octet would be its type, whose top bit is always set
    try:
        return split_sca(octets, length)
    except DecodeError:
        pass
    try:
        return split_sca(octets)
    except DecodeError:
        return None, octets

"""Owns the proof of the loop of due work: so many at once, none twice at a time, none lost by a defect or a store.

The work is a list on a shelf whose time a test moves by hand; what is waited for is an event, never a while.
Source: design, *Errors*.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import structlog

from gateway import errands as module
from gateway.errands import ErrandKind, Errands, EventNames
from gateway.store.protocol import StoreUnavailable
from gateway.surely import write_surely
from tests.peers.store_world import START_MS, HandClock

PATIENCE_S = 20.0
EVENTS = EventNames(
    store_away="work.waits", waits="piece.waits", failed="piece.failed", outcome_waits="piece.outcome_waits"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Work that is to be done at a time."""

    id: str
    at_ms: int = START_MS


class Ended(Exception):
    """What a piece of work does to whoever carries it out."""


@dataclass
class Shelf:
    """Work that waits, in order. A piece that was begun goes on when it is let go, and is taken off then."""

    slots: int = 2
    clock: HandClock = field(default_factory=HandClock)
    pieces: list[Piece] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    under_way: set[str] = field(default_factory=set)
    most_under_way: int = 0
    looks: int = 0
    away: bool = False
    """The store answers nothing."""
    breaks: dict[str, list[Exception]] = field(default_factory=dict)
    """What goes wrong with a piece, each time it is begun."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _gates: dict[str, asyncio.Event] = field(default_factory=dict)
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    def errands(self) -> Errands[Piece]:
        return Errands(ErrandKind(self.due, self.carry, EVENTS, named), self.changed, self.clock, self.slots)

    def put(self, *ids: str, in_s: float = 0.0) -> None:
        self.pieces += [Piece(each, self.clock.now_ms() + round(in_s * 1000)) for each in ids]

    def let_go(self, *ids: str) -> None:
        for each in ids:
            self._gate(each).set()

    def _gate(self, piece_id: str) -> asyncio.Event:
        return self._gates.setdefault(piece_id, asyncio.Event())

    async def due(self, limit: int) -> tuple[list[Piece], int | None]:
        self.looks += 1
        await self._tell()
        if self.away:
            raise StoreUnavailable("the disk is full")
        now = [one for one in self.pieces if one.at_ms <= self.clock.now_ms()]
        return now[:limit], min((one.at_ms for one in self.pieces), default=None)

    async def carry(self, piece: Piece) -> None:
        self.begun.append(piece.id)
        assert piece.id not in self.under_way
        self.under_way.add(piece.id)
        self.most_under_way = max(self.most_under_way, len(self.under_way))
        try:
            await self._tell()
            if self.breaks.get(piece.id):
                raise self.breaks[piece.id].pop(0)
            await self._gate(piece.id).wait()
            self.pieces.remove(piece)
            self.done.append(piece.id)
        finally:
            for _ in range(5):
                await asyncio.sleep(0)  # a piece that is cut off has things to put away
            self.under_way.discard(piece.id)
            await self._tell()

    async def _tell(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    async def until(self, holds: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(within_s), self._moved:
            await self._moved.wait_for(holds)

    async def looked(self) -> None:
        """Make the loop look again, and wait until what it found has begun."""
        seen = self.looks
        self.changed.set()
        await self.until(lambda: self.looks > seen)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    @asynccontextmanager
    async def carrying(self) -> AsyncIterator[Errands[Piece]]:
        errands = self.errands()
        task = asyncio.create_task(errands.run())
        try:
            yield errands
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def named(piece: Piece) -> Mapping[str, str]:
    return {"piece_id": piece.id}


async def test_as_many_pieces_as_there_are_slots_go_at_once_and_the_next_one_when_one_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LOOK_MIN_S", 3600.0)
    monkeypatch.setattr(module, "LOOK_MAX_S", 3600.0)
    shelf = Shelf(slots=2)
    shelf.put("a", "b", "c", "d")
    async with shelf.carrying():
        await shelf.until(lambda: len(shelf.begun) == 2)
        await shelf.looked()
        assert shelf.begun == ["a", "b"]
        shelf.let_go("b")
        await shelf.until(lambda: shelf.begun == ["a", "b", "c"])
        shelf.let_go("a", "c", "d")
        await shelf.until(lambda: sorted(shelf.done) == ["a", "b", "c", "d"])
    assert shelf.most_under_way == 2


async def test_a_piece_that_is_still_listed_while_it_is_under_way_is_not_begun_again() -> None:
    shelf = Shelf(slots=3)
    shelf.put("a")
    async with shelf.carrying():
        await shelf.until(lambda: shelf.begun == ["a"])
        shelf.put("b")
        await shelf.looked()
        await shelf.until(lambda: shelf.begun == ["a", "b"])
        await shelf.looked()
        shelf.let_go("a", "b")
        await shelf.until(lambda: len(shelf.done) == 2)
    assert shelf.begun == ["a", "b"]


async def test_pieces_under_way_hide_no_others_from_the_free_slots() -> None:
    shelf = Shelf(slots=2)
    shelf.put("a", "b")
    async with shelf.carrying():
        await shelf.until(lambda: len(shelf.begun) == 2)
        shelf.put("c")
        shelf.let_go("b")
        # The list still begins with a, which is under way.
        await shelf.until(lambda: "c" in shelf.begun)
        shelf.let_go("a", "c")
        await shelf.until(lambda: len(shelf.done) == 3)


async def test_what_comes_in_front_of_the_pieces_under_way_waits_for_a_free_slot() -> None:
    shelf = Shelf(slots=2)
    shelf.put("a", "b")
    async with shelf.carrying():
        await shelf.until(lambda: len(shelf.begun) == 2)
        shelf.pieces.insert(0, Piece("urgent"))
        await shelf.looked()
        assert shelf.begun == ["a", "b"]
        shelf.let_go("a", "b", "urgent")
        await shelf.until(lambda: len(shelf.done) == 3)
    assert shelf.most_under_way == 2


async def test_what_is_not_due_yet_begins_when_the_clock_has_stepped_and_somebody_says_so() -> None:
    shelf = Shelf()
    shelf.put("a", in_s=3600)
    shelf.let_go("a")
    async with shelf.carrying():
        await shelf.looked()
        assert shelf.begun == []
        shelf.clock.pass_s(3600)
        shelf.changed.set()
        await shelf.until(lambda: shelf.done == ["a"], within_s=module.LOOK_MAX_S / 2)


async def test_the_next_look_is_when_the_next_piece_falls_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_MIN_S", 0.0)
    monkeypatch.setattr(module, "LOOK_MAX_S", 3600.0)
    shelf = Shelf()
    shelf.put("a", in_s=0.01)
    shelf.let_go("a")
    async with shelf.carrying():
        await shelf.until(lambda: shelf.looks > 0)
        shelf.clock.pass_s(0.01)
        await shelf.until(lambda: shelf.done == ["a"])


async def test_without_a_word_from_the_store_it_is_asked_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LOOK_MAX_S", module.LOOK_MIN_S)
    shelf = Shelf()
    async with shelf.carrying():
        await shelf.until(lambda: shelf.looks > 1)


async def test_a_defect_in_one_piece_takes_no_other_along_and_is_not_met_again_at_once() -> None:
    shelf = Shelf()
    shelf.put("bad", "good", "better")
    shelf.breaks = {"bad": [Ended("a defect"), Ended("a defect")]}
    shelf.let_go("good", "better")
    with structlog.testing.capture_logs() as logs:
        async with shelf.carrying():
            await shelf.until(lambda: shelf.done == ["good", "better"])
            await shelf.looked()
            assert shelf.begun.count("bad") == 1
    (line,) = [one for one in logs if one["event"] == "piece.failed"]
    assert (line["piece_id"], line["log_level"]) == ("bad", "error")


async def test_a_piece_that_met_a_defect_goes_again_after_its_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BROKEN_S", 0.0)
    shelf = Shelf()
    shelf.put("a")
    shelf.breaks = {"a": [Ended("a defect")]}
    shelf.let_go("a")
    async with shelf.carrying():
        await shelf.until(lambda: shelf.done == ["a"])
    assert shelf.begun == ["a", "a"]


async def test_pieces_that_met_a_defect_hide_no_others_however_many_they_are() -> None:
    shelf = Shelf(slots=2)
    broken = [f"bad {n}" for n in range(5)]
    shelf.put(*broken, "a", "b", "c")
    shelf.breaks = {each: [Ended("a defect")] for each in broken}
    async with shelf.carrying():
        await shelf.until(lambda: shelf.under_way == {"a", "b"})
        await shelf.looked()
        assert shelf.under_way == {"a", "b"}
        shelf.let_go("a", "b", "c")
        await shelf.until(lambda: shelf.done == ["a", "b", "c"])
    assert shelf.most_under_way == 2
    assert sorted(shelf.begun) == sorted([*broken, "a", "b", "c"])


async def test_a_defect_of_all_pieces_is_not_met_by_all_of_them_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RESTING_MAX", 3)
    shelf = Shelf(slots=2)
    broken = [f"bad {n}" for n in range(9)]
    shelf.put(*broken)
    shelf.breaks = {each: [Ended("a defect")] for each in broken}
    async with shelf.carrying():
        await shelf.until(lambda: len(shelf.begun) == 5)
        await shelf.looked()
        assert len(shelf.begun) == 5


async def test_a_store_that_is_away_is_waited_for_by_one_piece_and_by_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "STORE_RETRY_S", 0.01)
    shelf = Shelf(away=True)
    shelf.put("a")
    shelf.breaks = {"a": [StoreUnavailable("it is locked")]}
    shelf.let_go("a")
    with structlog.testing.capture_logs() as logs:
        async with shelf.carrying():
            await shelf.until(lambda: shelf.looks > 2)
            assert shelf.begun == []
            shelf.away = False
            await shelf.until(lambda: shelf.done == ["a"])
    assert shelf.begun == ["a", "a"]
    assert {"event": "work.waits", "log_level": "warning", "reason": "the disk is full"} in logs
    one = {"event": "piece.waits", "log_level": "warning", "piece_id": "a", "reason": "it is locked"}
    assert logs.count(one) == 1


async def test_what_is_under_way_at_the_end_may_end() -> None:
    shelf = Shelf()
    shelf.put("a", "b", "c")
    task = asyncio.create_task(shelf.errands().run())
    await shelf.until(lambda: len(shelf.begun) == 2)
    task.cancel()
    await asyncio.sleep(0)
    shelf.let_go("a", "b", "c")
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(shelf.done) == ["a", "b"]


async def test_what_does_not_end_in_its_grace_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_GRACE_S", 0.01)
    shelf = Shelf()
    shelf.put("a")
    async with shelf.carrying():
        await shelf.until(lambda: shelf.begun == ["a"])
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert shelf.under_way == set()
    assert shelf.done == []


async def test_a_stop_does_not_wait_for_a_piece_that_only_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_GRACE_S", 3600.0)
    shelf = Shelf()
    shelf.put("a")
    shelf.breaks = {"a": [Ended("a defect")]}
    async with asyncio.timeout(PATIENCE_S), shelf.carrying():
        await shelf.until(lambda: shelf.begun == ["a"] and not shelf.under_way)


async def test_what_is_due_can_be_carried_out_once_and_its_end_awaited() -> None:
    shelf = Shelf(slots=2)
    shelf.put("a", "b")
    shelf.put("later", in_s=1)
    shelf.let_go("a", "b", "later")
    await shelf.errands().run_due()
    assert sorted(shelf.done) == ["a", "b"]


# ------------------------------------------------------------------ the write that must not be forgotten


async def test_a_write_is_tried_until_the_store_takes_it_and_each_wait_is_told() -> None:
    refusals = ["the disk is full", "it is locked"]
    written: list[str] = []
    told: list[str] = []

    async def write() -> None:
        if refusals:
            raise StoreUnavailable(refusals.pop(0))
        written.append("outcome")

    await write_surely(write, 0.0, told.append)
    assert written == ["outcome"]
    assert told == ["the disk is full", "it is locked"]


async def test_a_write_that_fails_for_another_reason_is_not_tried_again() -> None:
    tries: list[int] = []

    async def write() -> None:
        tries.append(1)
        raise Ended("a defect")

    with pytest.raises(Ended):
        await write_surely(write, 0.0)
    assert tries == [1]

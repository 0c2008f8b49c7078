"""Owns the contract of which line of a pool carries a text: the one a person knows, or the cheapest that can.

Runs on every store of ``conftest``; the clock is moved by hand.
Source: design, *Words* (pool, line); the sticky sender and cheapest pools of the configuration.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from device_bridge.sms.outcome import local
from gateway.policy.rules import Budget, Limits, PaceDefaults, Rules
from gateway.policy.tariff import Tariff
from gateway.store.cheapest import LEFT_MAX_MS, LOOK_AGAIN_MS, OTHERS_MAX
from gateway.store.rows import LineRow, Pace
from tests.peers.store_world import LIVE, MakeWorld, World

STICKY_S = 300
NO_LIMITS = PaceDefaults(0, 0)
CHEAP = Tariff("GBP", 10_000)
CHEAP_NUMBER = "+447700900005"
DEAR = Tariff("GBP", 50_000)
CHEAPEST = Rules(cheapest=frozenset({"default"}), limits=Limits(NO_LIMITS))


async def next_to(w: World, line: LineRow, pace: Pace | None = None) -> str | None:
    """Claim what comes next and let the network take it; returns its reference."""
    claimed = await w.claim(line, pace=pace)
    if claimed.prepared is None:
        return None
    await w.all_sent(claimed.prepared)
    return claimed.prepared.work.message.reference


# ------------------------------------------------------------------ the line that a person knows


async def test_a_second_text_to_a_person_goes_by_the_line_they_know(make_world: MakeWorld) -> None:
    async with make_world(rules=Rules(sticky_s=STICKY_S)) as w:
        a, b = await w.line("a"), await w.line("bb")
        await w.admit(reference="first")
        assert await next_to(w, a) == "first"
        await w.admit(reference="second")
        assert await next_to(w, b) is None
        assert await next_to(w, a) == "second"
        await w.admit(reference="stranger", to="+447700900199")
        assert await next_to(w, b) == "stranger"


async def test_a_text_falls_back_to_the_pool_when_the_known_line_does_not_take_it_in_time(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=Rules(sticky_s=STICKY_S)) as w:
        a, b = await w.line("a"), await w.line("bb")
        await w.admit(reference="first")
        await next_to(w, a)
        await w.admit(reference="second")
        w.clock.pass_s(STICKY_S - 1)
        await w.store.tick()
        assert await next_to(w, b) is None
        w.clock.pass_s(1)
        await w.store.tick()
        assert await next_to(w, b) == "second"
        await w.admit(reference="third")
        assert (await next_to(w, a), await next_to(w, b)) == (None, "third"), "they know the other line now"


@pytest.mark.parametrize("why", ["down", "paused", "held", "left the pool"])
async def test_a_line_that_cannot_send_pins_nothing(make_world: MakeWorld, why: str) -> None:
    async with make_world(rules=Rules(sticky_s=STICKY_S)) as w:
        a, b = await w.line("a"), await w.line("bb")
        await w.admit(reference="first")
        await next_to(w, a)
        if why == "down":
            await w.line("a", up=False)
        elif why == "paused":
            await w.store.patch_line(LIVE, a.id, {"paused": True})
        elif why == "held":
            await w.store.hold_line(a.id, local("no_credit"), w.now_ms + 60_000)
        else:
            await w.store.patch_line(LIVE, a.id, {"pools": ["otp"]})
        await w.admit(reference="second")
        assert await next_to(w, b) == "second"


async def test_a_burst_to_one_person_does_not_leave_the_other_lines_idle(make_world: MakeWorld) -> None:
    rules = Rules(sticky_s=60, limits=Limits(PaceDefaults(per_minute=3, per_day=0)))
    async with make_world(rules=rules) as w:
        a, b = await w.line("a"), await w.line("bb")
        await w.admit(reference="first")
        assert await next_to(w, a) == "first"
        for number in range(5):
            await w.admit(reference=str(number))
        assert await next_to(w, b) == "3", "three wait for the line that is known, which sends three a minute"
        assert await next_to(w, a) in ("0", "4")


async def test_a_line_that_was_asked_for_and_the_sandbox_are_not_sticky(make_world: MakeWorld) -> None:
    async with make_world(rules=Rules(sticky_s=STICKY_S)) as w:
        a, b = await w.line("a"), await w.line("bb")
        await w.admit(reference="first")
        await next_to(w, a)
        await w.admit(reference="asked", route=f"line:{b.id}", line=b.id, pool=None)
        assert await next_to(w, b) == "asked"
        one, two = await w.line("emu", emulated=True), await w.line("emul", emulated=True)
        for reference, line in (("s1", one), ("s2", two)):
            await w.admit(to="+999100000001", sandbox=True, reference=reference)
            assert await next_to(w, line) == reference


async def test_a_text_that_waits_for_its_time_stays_with_the_known_line_from_then_on(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=Rules(sticky_s=STICKY_S)) as w:
        a, b = await w.line("a"), await w.line("bb")
        await w.admit(reference="first")
        await next_to(w, a)
        await w.admit(reference="reminder", send_at_ms=w.now_ms + 3_600_000)
        w.clock.pass_s(3600)
        await w.store.tick()
        assert await next_to(w, b) is None
        assert await next_to(w, a) == "reminder"


async def test_without_the_setting_any_line_of_the_pool_takes_the_next_text(w: World) -> None:
    a, b = await w.line("a"), await w.line("bb")
    await w.admit(reference="first")
    await next_to(w, a)
    await w.admit(reference="second")
    assert await next_to(w, b) == "second"


# ------------------------------------------------------------------ the cheapest line


class Two:
    """A dear and a cheap line of one pool, and what each is held to."""

    def __init__(self, w: World, dear: LineRow, cheap: LineRow) -> None:
        self.w = w
        self.dear = dear
        self.cheap = cheap

    async def by_dear(self, **pace: Any) -> str | None:
        return await next_to(self.w, self.dear, Pace(tariff=DEAR, **pace))

    async def by_cheap(self, **pace: Any) -> str | None:
        return await next_to(self.w, self.cheap, Pace(tariff=CHEAP, **pace))


async def two(w: World, **cheap: Any) -> Two:
    dear = await w.line("dear", tariff=DEAR)
    settings = {"tariff": CHEAP, **cheap}
    return Two(w, dear, await w.line("cheap", **{k: v for k, v in settings.items() if v is not None}))


async def test_a_dear_line_leaves_a_text_to_a_cheaper_one_and_looks_again_soon(make_world: MakeWorld) -> None:
    async with make_world(rules=CHEAPEST) as w:
        lines = await two(w)
        await w.admit(reference="x")
        assert await lines.by_dear() is None
        looked = await w.store.look(lines.dear.id, 3, Pace(tariff=DEAR))
        assert (looked.paced_until_ms, looked.paced_by) == (w.now_ms + LOOK_AGAIN_MS, "cheaper_line")
        assert await lines.by_cheap() == "x"


async def test_without_the_setting_or_in_another_pool_no_line_leaves_anything(make_world: MakeWorld) -> None:
    for rules in (Rules(), replace(CHEAPEST, cheapest=frozenset({"otp"}))):
        async with make_world(rules=rules) as w:
            lines = await two(w)
            await w.admit(reference="x")
            assert await lines.by_dear() == "x"


@pytest.mark.parametrize("why", ["down", "paused", "held", "left the pool", "resting"])
async def test_a_cheaper_line_that_cannot_send_gets_nothing(make_world: MakeWorld, why: str) -> None:
    async with make_world(rules=CHEAPEST) as w:
        lines = await two(w, quiet_hours="00:00-23:59" if why == "resting" else None)
        if why == "down":
            await w.line("cheap", up=False)
        elif why == "paused":
            await w.store.patch_line(LIVE, lines.cheap.id, {"paused": True})
        elif why == "held":
            await w.store.hold_line(lines.cheap.id, local("no_credit"), w.now_ms + 60_000)
        elif why == "left the pool":
            await w.store.patch_line(LIVE, lines.cheap.id, {"pools": ["otp"]})
        await w.admit(reference="x")
        assert await lines.by_dear() == "x"


@pytest.mark.parametrize(
    ("limit", "rules"),
    [
        ({"per_minute": 1}, CHEAPEST),
        ({"per_hour": 1}, CHEAPEST),
        ({"per_day": 1}, CHEAPEST),
        ({"per_month": 1}, CHEAPEST),
        ({}, replace(CHEAPEST, limits=Limits(PaceDefaults(per_minute=0, per_day=1)))),
        (
            {"label": "Cheap"},
            replace(CHEAPEST, limits=Limits(NO_LIMITS, (Budget(line="Cheap", micro_per_day=10_000),))),
        ),
        (
            {"label": "Cheap"},
            replace(CHEAPEST, limits=Limits(NO_LIMITS, (Budget(line=CHEAP_NUMBER, micro_per_day=10_000),))),
        ),
    ],
    ids=["minute", "hour", "day", "month", "default", "budget", "budget of its number"],
)
async def test_a_text_spills_to_the_dear_line_where_a_limit_of_the_cheaper_one_is_reached(
    make_world: MakeWorld, limit: dict[str, Any], rules: Rules
) -> None:
    async with make_world(rules=rules) as w:
        lines = await two(w, **limit)
        await w.admit(reference="first")
        await w.admit(reference="second")
        assert await lines.by_dear() is None
        assert await lines.by_cheap() == "first"
        assert await lines.by_dear() == "second"


async def test_a_text_that_the_cheaper_line_did_not_take_in_ten_minutes_goes_by_any(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=CHEAPEST) as w:
        lines = await two(w)
        await w.admit(reference="x")
        w.clock.pass_s(LEFT_MAX_MS / 1000)
        assert await lines.by_dear() is None
        w.clock.pass_s(1)
        assert await lines.by_dear() == "x"


async def test_the_ten_minutes_count_from_when_a_text_was_ready(make_world: MakeWorld) -> None:
    async with make_world(rules=CHEAPEST) as w:
        lines = await two(w)
        await w.admit(reference="x", due_at_ms=w.now_ms + 3_600_000, held_reason="quiet_hours")
        w.clock.pass_s(3601)
        await w.store.tick()
        assert await lines.by_dear() is None
        w.clock.pass_s(LEFT_MAX_MS / 1000)
        assert await lines.by_dear() == "x"


async def test_an_urgent_text_waits_for_no_cheaper_line(make_world: MakeWorld) -> None:
    async with make_world(rules=CHEAPEST) as w:
        lines = await two(w)
        await w.admit(reference="fire", purpose="urgent")
        assert await lines.by_dear() == "fire"


async def test_the_price_is_that_of_the_destination(make_world: MakeWorld) -> None:
    abroad = Tariff("GBP", 50_000, {"+33": 1_000})
    async with make_world(rules=CHEAPEST) as w:
        lines = await two(w)
        await w.admit(reference="france", to="+33639980001")
        assert await next_to(w, lines.dear, Pace(tariff=abroad)) == "france"


@pytest.mark.parametrize(
    ("other", "taken"),
    [
        (Tariff("GBP", 50_000), "x"),  # equally dear
        (Tariff("EUR", 10_000), "x"),  # of a currency that cannot be compared
        (None, None),  # without a price: a flat rate
    ],
    ids=["equal", "currency", "flat"],
)
async def test_only_a_line_that_is_surely_cheaper_is_left_a_text(
    make_world: MakeWorld, other: Tariff | None, taken: str | None
) -> None:
    async with make_world(rules=CHEAPEST) as w:
        lines = await two(w, tariff=other)
        await w.admit(reference="x")
        assert await lines.by_dear() == taken


async def test_what_is_left_does_not_hide_what_the_dear_line_alone_may_carry(make_world: MakeWorld) -> None:
    async with make_world(rules=CHEAPEST) as w:
        lines = await two(w)
        for number in range(20):
            await w.admit(reference=f"pool-{number}", priority=5)
        own: dict[str, Any] = {"route": f"line:{lines.dear.id}", "line": lines.dear.id, "pool": None}
        for number in range(3):
            await w.admit(reference=f"own-{number}", **own)
        assert [await lines.by_dear() for _ in range(4)] == ["own-0", "own-1", "own-2", None]
        assert await lines.by_cheap() == "pool-0"


async def test_a_backlog_is_shared_by_both_lines_once_the_cheaper_one_is_at_its_pace(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=CHEAPEST) as w:
        lines = await two(w, per_minute=3)
        for number in range(8):
            await w.admit(reference=str(number))
        order: list[str] = []
        for _ in range(8):
            order.append("cheap" if await lines.by_cheap(per_minute=3) else "-")
            order.append("dear" if await lines.by_dear() else "-")
        assert (order.count("cheap"), order.count("dear")) == (3, 5)
        assert order.index("dear") > order.index("cheap")


async def test_in_a_large_pool_only_a_few_cheaper_lines_are_asked_about_a_text(make_world: MakeWorld) -> None:
    """The bound of what a look costs: past it a text goes by the dear line, although one more might take it."""
    async with make_world(rules=CHEAPEST) as w:
        dear = await w.line("dear", tariff=DEAR)
        used_up = [await w.line(f"cheap-{n}", tariff=CHEAP, per_day=1) for n in range(OTHERS_MAX)]
        for line in used_up:
            await w.admit()
            assert (await w.claim(line, pace=Pace(tariff=CHEAP))).prepared is not None
        await w.admit(reference="x")
        assert len((await w.store.look(dear.id, 3, Pace(tariff=DEAR))).work) == 1
        await w.line("cheap-and-free", tariff=CHEAP)
        assert await next_to(w, dear, Pace(tariff=DEAR)) == "x"

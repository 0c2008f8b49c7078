"""Owns the contract of the queue's order: lanes that take turns, and limits that no claim ever passes.

Runs on every store of ``conftest``; the clock is moved by hand.
Source: rules TEN-3, PMP-3; "a backlog of one batch delays another sender's next message by at most one message".
"""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.clock import billing_month_ms, day_ends_ms
from gateway.lifecycle import Happening
from gateway.policy.rules import Budget, Limits, Rules
from gateway.policy.tariff import Tariff
from gateway.store.protocol import NotAdmitted
from gateway.store.rows import LineRow, Pace
from tests.peers.store_world import LIVE, THREE_PARTS, MakeWorld, World

HOUR_MS = 3_600_000


async def next_to(w: World, line: LineRow, pace: Pace | None = None) -> str | None:
    """Claim what comes next and let the network take it; returns its reference."""
    claimed = await w.claim(line, pace=pace)
    if claimed.prepared is None:
        return None
    await w.all_sent(claimed.prepared)
    return claimed.prepared.work.message.reference


async def test_TEN_3_a_backlog_delays_another_senders_next_message_by_at_most_one(w: World) -> None:
    a = await w.line("a")
    for number in range(200):
        await w.admit(key_id="bulk", reference=f"bulk-{number}")
    for _ in range(3):
        await next_to(w, a)
    await w.admit(key_id="nurse", reference="nurse-1")
    await w.admit(key_id="nurse", reference="nurse-2")
    order = [await next_to(w, a) for _ in range(4)]
    assert order == ["nurse-1", "bulk-3", "nurse-2", "bulk-4"]


async def test_TEN_3_tenants_share_a_line_however_many_lanes_one_of_them_has(w: World) -> None:
    a = await w.line("a")
    for key in range(20):
        for number in range(3):
            await w.admit(key_id=f"key-{key}", reference=f"many-{key}-{number}")
    for number in range(3):
        await w.admit(tenant="other", key_id="one", reference=f"other-{number}")
    order = [await next_to(w, a) for _ in range(6)]
    assert sum(reference is not None and reference.startswith("other") for reference in order) == 3


async def test_a_message_never_waits_behind_one_of_lower_priority(w: World) -> None:
    a = await w.line("a")
    for number in range(50):
        await w.admit(key_id="bulk", reference=f"bulk-{number}")
    await w.admit(key_id="bulk", priority=5, reference="urgent-2")
    await w.admit(key_id="clinic", priority=9, reference="urgent-1")
    assert [await next_to(w, a) for _ in range(3)] == ["urgent-1", "urgent-2", "bulk-0"]


async def test_within_one_lane_messages_go_in_the_order_in_which_they_came(w: World) -> None:
    a = await w.line("a")
    for number in range(10):
        await w.admit(reference=str(number))
    assert [await next_to(w, a) for _ in range(10)] == [str(number) for number in range(10)]


async def test_lanes_that_nothing_waits_in_do_not_hide_those_behind_them(w: World) -> None:
    a = await w.line("a")
    for key in range(150):
        message = await w.admit(key_id=f"gone-{key}")
        await w.store.refuse(message.id, "text_not_encodable")
    await w.admit(key_id="here", reference="found")
    assert await next_to(w, a) == "found"
    await w.store.prune()
    assert await next_to(w, a) is None


async def test_what_comes_back_from_a_pinned_line_is_found_on_its_own_route(w: World) -> None:
    a, b = await w.line("a"), await w.line("bb")
    await w.admit(sticky_line=a.id, pinned_until_ms=w.now_ms + 60_000, reference="sticky")
    assert await next_to(w, b) is None
    w.clock.pass_s(61)
    await w.store.tick()
    assert await next_to(w, b) == "sticky"


# ------------------------------------------------------------------ limits


@given(
    seed=st.integers(0, 10_000),
    per_minute=st.integers(2, 8),
    per_hour=st.integers(10, 40),
    per_day=st.integers(30, 120),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_PMP_3_no_window_is_ever_exceeded_by_one_part(
    w: World, seed: int, per_minute: int, per_hour: int, per_day: int
) -> None:
    w.clock.pass_s(200_000)
    chance = random.Random(seed)
    a = await w.line("a")
    pace = Pace(per_minute=per_minute, per_hour=per_hour, per_day=per_day)
    taken: list[int] = []
    for _ in range(60):
        w.clock.pass_s(chance.choice((0, 1, 7, 31, 61, 600, 4000)))
        await w.admit(reference="x", expires_at_ms=w.now_ms + 100 * 86_400_000)
        if await next_to(w, a, pace) is None:
            assert (await w.store.look(a.id, 2, pace)).paced_until_ms is not None
        else:
            taken.append(w.now_ms)
    for start in taken:
        assert sum(start <= at < start + 60_000 for at in taken) <= per_minute
        assert sum(start <= at < start + HOUR_MS for at in taken) <= per_hour
    by_day: dict[int, int] = {}
    for at in taken:
        by_day[day_ends_ms(at)] = by_day.get(day_ends_ms(at), 0) + 1
    assert max(by_day.values()) <= per_day


async def test_PMP_3_a_billing_month_begins_on_its_day_and_the_line_goes_on_then(w: World) -> None:
    a = await w.line("a")
    pace = Pace(per_month=2, billing_day=15)
    for _ in range(4):
        await w.admit(expires_at_ms=w.now_ms + 90 * 86_400_000)
    for _ in range(2):
        await next_to(w, a, pace)
    looked = await w.store.look(a.id, 2, pace)
    assert (looked.paced_until_ms, looked.paced_by) == (billing_month_ms(w.now_ms, 15)[1], "per_month")
    w.clock.pass_s((looked.paced_until_ms or 0) / 1000 - w.now_ms / 1000 + 1)
    assert (await w.claim(a, pace=pace)).prepared is not None


async def test_PMP_3_a_line_writes_to_so_many_people_a_month_and_to_them_again(w: World) -> None:
    a, b = await w.line("a"), await w.line("bb")
    pace = Pace(recipients_per_month=2)
    for number in ("+447700900001", "+447700900002"):
        await w.admit(to=number, reference=number)
        assert await next_to(w, a, pace) == number
    await w.admit(to="+447700900003", reference="third")
    looked = await w.store.look(a.id, 2, pace)
    assert (looked.work, looked.paced_by) == ((), "recipients_per_month")
    await w.admit(to="+447700900002", reference="again")
    assert await next_to(w, a, pace) == "again"
    assert await next_to(w, b, pace) == "third", "the next line of the pool takes what this one may not"
    told = [e for e in await w.events() if e.type == "line.quota_reached"]
    assert [(e.payload["id"], e.payload["quota"], e.payload["limit"]) for e in told] == [
        (a.id, "recipients_per_month", 2)
    ]


async def test_PMP_3_a_line_that_used_its_quota_up_tells_of_it_once(w: World) -> None:
    a, b = await w.line("a"), await w.line("bb")
    pace = Pace(per_day=2)
    for number in range(4):
        await w.admit(reference=str(number))
    assert [await next_to(w, a, pace), await next_to(w, a, pace), await next_to(w, a, pace)] == [
        "0",
        "1",
        None,
    ]
    assert await next_to(w, b, pace) == "2", "the next line of the pool goes on"
    told = [e for e in await w.events() if e.type == "line.quota_reached"]
    assert [(event.payload["quota"], event.payload["limit"]) for event in told] == [("per_day", 2)]


async def test_PMP_3_money_is_counted_by_destination_and_a_lines_budget_is_kept(w: World) -> None:
    a = await w.line("a")
    tariff = Tariff("GBP", 50_000, {"+33": 200_000})
    pace = Pace(tariff=tariff, budgets=(Budget(line="a", micro_per_day=300_000, currency="GBP"),))
    home = await w.admit(to="+447700900001", reference="home")
    await w.admit(to="+33639980001", reference="dear")
    await w.admit(to="+33639980002", reference="too dear")
    await w.admit(to="+447700900002", reference="fits")
    order = [await next_to(w, a, pace) for _ in range(4)]
    assert order == ["home", "dear", "fits", None]
    assert ((await w.get(home.id)).cost_micro, (await w.get(home.id)).currency) == (50_000, "GBP")


@pytest.mark.parametrize("whose", ["key", "tenant"])
async def test_PMP_3_a_budget_warns_at_50_80_and_100_per_cent_and_then_holds_back(
    make_world: MakeWorld, whose: str
) -> None:
    budget = Budget(key="shop" if whose == "key" else None, parts_per_day=10)
    async with make_world(rules=Rules(budgets=(budget,))) as w:
        a = await w.line("a")
        key_id = await w.key("shop")
        for number in range(12):
            if number < 10:
                await w.admit(key_id=key_id, reference=str(number))
            await next_to(w, a)
        percents = [e.payload["percent"] for e in await w.events() if e.type == "policy.alert"]
        assert percents == [50, 80, 100]
        with pytest.raises(Exception, match="quota_exhausted"):
            await w.admit(key_id=key_id)


async def test_PMP_3_a_text_longer_than_the_whole_budget_is_refused_at_once(make_world: MakeWorld) -> None:
    async with make_world(rules=Rules(budgets=(Budget(key="shop", parts_per_day=2),))) as w:
        shop = await w.key("shop")
        with pytest.raises(NotAdmitted, match="has 3 parts"):
            await w.admit(key_id=shop, text=THREE_PARTS)


async def test_PMP_3_what_is_over_a_keys_budget_waits_for_its_window_and_others_go_on(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=Rules(budgets=(Budget(key="shop", parts_per_day=2),))) as w:
        a = await w.line("a")
        shop = await w.key("shop")
        for number in range(4):
            await w.admit(key_id=shop, reference=f"shop-{number}")
        await w.admit(key_id="other", reference="other")
        order = [await next_to(w, a) for _ in range(5)]
        assert [one for one in order if one] == ["shop-0", "other", "shop-1"]
        w.clock.pass_s((day_ends_ms(w.now_ms) - w.now_ms) / 1000 + 1)
        await w.store.tick()
        assert await next_to(w, a) == "shop-2"


async def test_PMP_3_a_key_that_was_rotated_brings_no_new_budget(make_world: MakeWorld) -> None:
    async with make_world(rules=Rules(budgets=(Budget(key="shop", parts_per_day=2),))) as w:
        a = await w.line("a")
        old = await w.key("shop")
        w.clock.pass_s(60)
        new = await w.key("shop")
        await w.admit(key_id=old, reference="before")
        await w.admit(key_id=new, reference="after")
        await w.admit(key_id=new, reference="too much")
        assert [await next_to(w, a) for _ in range(3)] == ["before", "after", None]
        with pytest.raises(NotAdmitted, match="has used up the budget of the day"):
            await w.admit(key_id=new)


async def test_PMP_3_a_budget_that_was_raised_lets_what_waits_go_from_the_next_start_on(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=Rules(budgets=(Budget(key="shop", parts_per_month=1),))) as w:
        a = await w.line("a")
        shop = await w.key("shop")
        for number in range(3):
            await w.admit(key_id=shop, reference=f"shop-{number}")
        assert [await next_to(w, a), await next_to(w, a)] == ["shop-0", None]
    async with make_world(rules=Rules(budgets=(Budget(key="shop", parts_per_month=2),))) as w:
        await w.store.recover("node")
        assert [await next_to(w, a), await next_to(w, a)] == ["shop-1", None], "and no further"


async def test_PMP_3_two_budgets_of_one_key_are_both_kept_and_what_is_used_counts_once(
    make_world: MakeWorld,
) -> None:
    budgets = (Budget(key="shop", parts_per_day=3), Budget(key="shop", micro_per_day=100_000, currency="GBP"))
    async with make_world(rules=Rules(budgets=budgets)) as w:
        a, shop = await w.line("a"), await w.key("shop")
        pace = Pace(tariff=Tariff("GBP", 50_000))
        for number in range(3):
            await w.admit(key_id=shop, reference=str(number))
        assert [await next_to(w, a, pace) for _ in range(3)] == ["0", "1", None], "the money is used up"


async def test_PMP_3_of_two_budgets_of_a_line_each_holds_it_back(w: World) -> None:
    budgets = (Budget(line="a", parts_per_day=2), Budget(line="a", micro_per_day=100_000, currency="GBP"))
    for name, cost, went in (("a", 1, ["0", "1", None]), ("bb", 100_000, ["2", None, None])):
        line = await w.line(name)
        for number in range(3):
            await w.admit(reference=str(number))
        pace = Pace(tariff=Tariff("GBP", cost), budgets=budgets)
        assert [await next_to(w, line, pace) for _ in range(3)] == went


@pytest.mark.parametrize("name", ["Office", "+447700900001"])
async def test_PMP_3_what_waits_for_a_lines_budget_says_so_in_words(make_world: MakeWorld, name: str) -> None:
    budget = Budget(line=name, parts_per_day=1)
    async with make_world(rules=Rules(limits=Limits(budgets=(budget,)))) as w:
        a = await w.line("a", label="Office")
        for number in range(2):
            waits = await w.admit(reference=str(number))
        assert await next_to(w, a, Pace(budgets=(budget,))) == "0"
        eta = await w.store.message_eta(LIVE, waits.id)
        assert eta is not None
        assert eta.at_ms is not None
        assert eta.at_ms >= day_ends_ms(w.now_ms)
        assert "the budget of the day holds until" in eta.reason


async def test_a_text_that_waits_says_why_in_words(make_world: MakeWorld) -> None:
    async with make_world(rules=Rules(budgets=(Budget(key="shop", parts_per_day=1),))) as w:
        a = await w.line("a")
        shop = await w.key("shop")
        night = w.now_ms + HOUR_MS
        texts = [
            await w.admit(key_id=shop),
            await w.admit(key_id=shop),
            await w.admit(send_at_ms=night, due_at_ms=night),
            await w.admit(due_at_ms=night, held_reason="quiet_hours"),
        ]
        await w.claim(a)
        await next_to(w, a)
        etas = [await w.store.message_eta(LIVE, text.id) for text in texts[1:]]
        reasons = [eta.reason.partition(" 20")[0] + eta.reason.partition(" UTC")[2] for eta in etas if eta]
        assert reasons == [
            "The budget of the day is used up; it goes on at",
            "It waits until: as asked",
            "It waits until: the quiet time",
        ]


async def test_a_text_that_waits_by_itself_hides_nobody_elses(w: World) -> None:
    a, pace = await w.line("a"), Pace(recipients_per_month=1)
    await w.admit(to="+447700900001", key_id="nurse", reference="first")
    assert await next_to(w, a, pace) == "first"
    for number in range(10):
        await w.admit(to=f"+4477009001{number:02d}", key_id="bulk", reference=f"bulk-{number}")
    await w.admit(to="+447700900001", key_id="nurse", reference="known")
    assert await next_to(w, a, pace) == "known"
    assert await next_to(w, a, pace) is None


async def test_a_lane_that_is_dropped_and_needed_again_in_one_transaction_is_found(w: World) -> None:
    """Admission, cancellation, upkeep and the next admission share a commit when they come together."""
    a = await w.line("a")
    first, second = w.new(), w.new(reference="second")
    await asyncio.gather(
        w.store.admit(first, None),
        w.store.change(LIVE, first.id, Happening.CANCEL, "somebody"),
        w.store.prune(),
        w.store.admit(second, None),
    )
    assert await next_to(w, a) == "second"


async def test_a_text_that_is_held_and_pinned_keeps_no_clock_busy(w: World) -> None:
    a = await w.line("a")
    await w.admit(sticky_line=a.id, pinned_until_ms=w.now_ms + 60_000, held_reason="approval")
    w.clock.pass_s(61)
    due_ms = await w.store.tick()
    assert due_ms is not None
    assert due_ms > w.now_ms

"""Owns the contract of a store for pace and time: parts in any minute, quotas of a day, clocks that step.

Runs on every store of ``conftest``; the clock is moved by hand.
Source: ``[lines]`` of the configuration; *Store* of the architecture notes (steps of the wall clock).
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.clock import STEP_S, SteadyClock, midnight_ms
from gateway.message import MessageState
from gateway.policy.quiet_hours import HoursSettings, QuietHours
from gateway.policy.rules import Budget, Rules
from gateway.store.rows import Pace
from tests.peers.store_world import TEMPORARY, THREE_PARTS, MakeWorld, World

HOUR_MS = 3_600_000


@given(
    per_minute=st.integers(1, 6),
    steps=st.lists(st.tuples(st.floats(0, 70), st.booleans()), min_size=1, max_size=25),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
async def test_no_minute_ever_carries_more_parts_than_the_pace_allows(
    w: World, per_minute: int, steps: list[tuple[float, bool]]
) -> None:
    w.clock.pass_s(1000)
    a = await w.line("a")
    pace = Pace(per_minute=per_minute)
    taken: list[tuple[float, int]] = []
    for wait_s, long in steps:
        w.clock.pass_s(wait_s)
        await w.admit(text=THREE_PARTS if long else "short")
        claimed = await w.claim(a, pace=pace)
        if claimed.prepared is not None:
            taken.append((w.clock.mono_s, len(claimed.prepared.outgoing.parts)))
    for start, parts in taken:
        window = sum(n for at, n in taken if start <= at < start + 60)
        assert window <= max(per_minute, parts)


async def test_a_paced_line_says_until_when_it_waits_and_goes_on_then(w: World) -> None:
    a = await w.line("a")
    pace = Pace(per_minute=2)
    for _ in range(3):
        await w.admit()
    assert (await w.claim(a, pace=pace)).prepared is not None
    w.clock.pass_s(30)
    assert (await w.claim(a, pace=pace)).prepared is not None
    looked = await w.store.look(a.id, 4, pace)
    assert looked.work == ()
    assert looked.paced_until_ms is not None
    assert 30_000 <= looked.paced_until_ms - w.now_ms <= 31_000
    w.clock.pass_s((looked.paced_until_ms - w.now_ms) / 1000)
    assert (await w.claim(a, pace=pace)).prepared is not None


async def test_the_claim_itself_counts_so_that_a_look_from_before_cannot_pass_it(w: World) -> None:
    a = await w.line("a")
    for _ in range(2):
        await w.admit()
    seen = await w.look(a)
    pace = Pace(per_minute=1)
    assert (await w.claim(a, seen[:1], pace)).prepared is not None
    second = await w.claim(a, seen[1:], pace)
    assert second.prepared is None
    assert second.paced_until_ms is not None


async def test_a_days_quota_ends_at_midnight_and_what_does_not_fit_waits(w: World) -> None:
    a = await w.line("a")
    pace = Pace(per_day=2)
    for _ in range(3):
        await w.admit()
    for _ in range(2):
        assert (await w.claim(a, pace=pace)).prepared is not None
    refused = await w.claim(a, await w.look(a), pace)
    assert (refused.prepared, refused.paced_until_ms) == (None, midnight_ms(w.now_ms) + 86_400_000)
    w.clock.pass_s((midnight_ms(w.now_ms) + 86_400_000 - w.now_ms) / 1000 + 1)
    assert (await w.claim(a, pace=pace)).prepared is not None


# ------------------------------------------------------------------ a wall clock that steps


async def step(w: World, step_ms: int) -> None:
    """Step the wall clock and let the store follow, as the supervisor does."""
    await w.store.step_clock(step_ms, 0)
    w.clock.wall_ms += step_ms


@pytest.mark.parametrize("step_ms", [HOUR_MS, -HOUR_MS])
async def test_a_stepped_clock_neither_expires_nor_delays_what_is_due(w: World, step_ms: int) -> None:
    a = await w.line("a")
    short = await w.admit(text="short-lived", expires_at_ms=w.now_ms + 600_000)
    backing_off = await w.admit(priority=100)
    await w.not_sent(await w.take(a))
    await step(w, step_ms)
    await w.store.tick()
    assert await w.state(short.id) == "queued"
    assert [p.work.message.id for p in await w.look(a)] == [short.id]
    w.clock.pass_s(TEMPORARY.backoff_s[0])
    await w.store.tick()
    assert {p.work.message.id for p in await w.look(a)} == {short.id, backing_off.id}
    w.clock.pass_s(600)
    await w.store.tick()
    assert await w.state(short.id) == "expired"


@pytest.mark.parametrize("step_ms", [HOUR_MS, -HOUR_MS])
async def test_a_stepped_clock_neither_stops_nor_frees_a_paced_line(w: World, step_ms: int) -> None:
    a = await w.line("a")
    pace = Pace(per_minute=2)
    for _ in range(5):
        await w.admit()
    for _ in range(2):
        assert (await w.claim(a, pace=pace)).prepared is not None
        w.clock.pass_s(1)
    await step(w, step_ms)
    assert (await w.claim(a, await w.look(a), pace)).prepared is None
    w.clock.pass_s(60)
    assert (await w.claim(a, pace=pace)).prepared is not None


@pytest.mark.parametrize("step_ms", [HOUR_MS, -HOUR_MS])
async def test_a_stepped_clock_does_not_change_how_long_ago_a_part_went_out(w: World, step_ms: int) -> None:
    a = await w.line("a")
    message = await w.admit(text=THREE_PARTS)
    attempt = await w.take(a)
    await w.sent(attempt, 1)
    await w.not_sent(attempt, 2)
    await step(w, step_ms)
    w.clock.pass_s(60)
    await w.store.tick()
    again = await w.take(a)
    assert (again.copy, [part.number for part in again.outgoing.parts]) == (1, [2, 3])
    assert await w.state(message.id) == "submitting"


async def test_a_time_that_a_person_chose_stays_wall_time(w: World) -> None:
    a = await w.line("a")
    at_ms = w.now_ms + 2 * HOUR_MS
    message = await w.admit(send_at_ms=at_ms)
    await step(w, HOUR_MS)
    assert (await w.get(message.id)).due_at_ms == at_ms
    assert await w.look(a) == ()
    w.clock.pass_s(3600)
    await w.store.tick()
    assert len(await w.look(a)) == 1


async def test_only_what_was_made_since_a_wrong_clock_began_moves_with_it(w: World) -> None:
    old = await w.admit(expires_at_ms=w.now_ms + HOUR_MS)
    w.clock.pass_s(10)
    since_ms = w.now_ms
    young = await w.admit(expires_at_ms=w.now_ms + HOUR_MS)
    await w.store.step_clock(86_400_000, since_ms)
    assert (await w.get(old.id)).expires_at_ms == old.expires_at_ms
    assert (await w.get(young.id)).expires_at_ms == young.expires_at_ms + 86_400_000


async def test_a_steady_clock_carries_the_store_over_a_step(w: World) -> None:
    steady = SteadyClock(w.clock)
    w.clock.wall_ms -= HOUR_MS
    assert steady.now_ms() == w.now_ms + HOUR_MS
    assert steady.step_ms() == -HOUR_MS
    steady.adopt(-HOUR_MS)
    assert (steady.now_ms(), steady.step_ms()) == (w.now_ms, 0)
    w.clock.wall_ms += STEP_S * 1000 - 1
    assert steady.step_ms() == 0


async def test_the_newest_row_shows_a_clock_that_is_behind(w: World) -> None:
    assert await w.store.newest_row_at_ms() is None
    await w.admit()
    newest_ms = await w.store.newest_row_at_ms()
    assert newest_ms == w.now_ms
    w.clock.wall_ms -= 24 * HOUR_MS
    assert newest_ms > w.now_ms + STEP_S * 1000


async def test_what_nobody_sent_in_time_expires_with_its_reason(w: World) -> None:
    await w.line("a")
    message = await w.admit(expires_at_ms=w.now_ms + 1000)
    held = await w.admit(expires_at_ms=w.now_ms + 1000, held_reason="review")
    assert await w.store.tick() == w.now_ms + 1000
    w.clock.pass_s(1)
    await w.store.tick()
    for message_id in (message.id, held.id):
        expired = await w.get(message_id)
        assert expired.state is MessageState.EXPIRED
        assert expired.error is not None
        assert expired.error.code == "expired"


async def test_what_a_right_clock_wrote_stays_when_a_wrong_one_is_set(w: World) -> None:
    """A machine without a battery clock starts an hour in the past; what its last run wrote is later than "now"."""
    a = await w.line()
    message = await w.admit()
    await w.all_sent(await w.take(a))
    waits = await w.admit(expires_at_ms=w.now_ms + 2 * HOUR_MS)
    w.clock.wall_ms -= HOUR_MS
    since_ms = w.now_ms
    w.clock.pass_s(30)
    await w.store.step_clock(HOUR_MS, since_ms)
    w.clock.wall_ms += HOUR_MS
    assert (await w.get(waits.id)).expires_at_ms == waits.expires_at_ms
    assert (await w.claim(a, pace=Pace(per_minute=1))).prepared is None
    w.clock.pass_s(32)
    assert (await w.claim(a, pace=Pace(per_minute=1))).prepared is not None
    assert await w.state(message.id) == "sent"


async def test_QUI_2_the_hours_of_people_are_wall_time(make_world: MakeWorld) -> None:
    rules = Rules(quiet=QuietHours(HoursSettings()), quiet_purposes=frozenset({"transactional"}))
    async with make_world(rules=rules) as w:
        while (message := await w.admit(country="GB")).due_at_ms is None:
            w.clock.pass_s(3600)
        await step(w, HOUR_MS)
        assert (await w.get(message.id)).due_at_ms == message.due_at_ms


async def test_PMP_3_a_lane_that_waited_by_a_wrong_clock_asks_again(make_world: MakeWorld) -> None:
    async with make_world(rules=Rules(budgets=(Budget(parts_per_day=1),))) as w:
        a = await w.line()
        for _ in range(2):
            await w.admit()
        await w.all_sent(await w.take(a))
        assert (await w.claim(a)).prepared is None
        await step(w, -10 * 24 * HOUR_MS)
        assert (await w.claim(a)).prepared is not None


async def test_CNT_2_a_question_is_open_for_a_day_whatever_the_clock_does(w: World) -> None:
    message = await w.admit(held_reason="approval")
    await step(w, 48 * HOUR_MS)
    await w.store.tick()
    assert await w.state(message.id) == "held"
    w.clock.pass_s(24 * 3600)
    await w.store.tick()
    assert await w.state(message.id) == "expired"

"""Owns the contract of a store for reports: every message is counted once, whatever the rows are told apart by.

Runs on every store of ``conftest``; the expected figures are counted here, message by message.
Source: the HTTP interface (reports); rules TEN-1, KEY-7.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
import statistics
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import SystemClock
from gateway.lifecycle import Happening
from gateway.message import Message
from gateway.notification_flow import Reached, Refused
from gateway.policy.tariff import Tariff
from gateway.store import reporting
from gateway.store.notification_fate import error_of
from gateway.store.notification_rows import (
    NewNotification,
    NotificationContent,
    NotificationRecipient,
    Sender,
    SmsChoices,
    Tried,
)
from gateway.store.queries import QUERIES
from gateway.store.report_rows import (
    DAY_MS,
    Asked,
    Axis,
    Dimension,
    Report,
    ReportChannel,
    ReportKind,
    Run,
    median_s,
    runs_of,
)
from gateway.store.reporting import TooManyGroups
from gateway.store.rows import Pace, StoredAnswer, View
from tests.peers.store_world import LIVE, HandClock, MakeWorld, World, deliver

AXES = (*(Axis(name) for name in get_args(Dimension) if name != "tag"), Axis("tag", "class"))
HOUR_MS = 3_600_000
_numbers = itertools.count(1)


@pytest.fixture
async def w(make_world: MakeWorld) -> AsyncIterator[World]:
    """A world whose clock begins now: ids that the store makes itself are of the present."""
    async with make_world(clock=HandClock(SystemClock().now_ms())) as opened:
        yield opened


def id_at(at_ms: int) -> str:
    """A UUIDv7 of a time that the test chooses (RFC 9562 §5.7)."""
    tail = next(_numbers)
    return str(uuid.UUID(int=at_ms << 80 | 0x7 << 76 | 0b10 << 62 | tail))


def ask(w: World, kind: ReportKind, *by: Axis, **changes: Any) -> Asked:
    asked = Asked(kind, by or (Axis("day"),), w.now_ms - 30 * DAY_MS, w.now_ms + 1, "Europe/Berlin")
    return replace(asked, **changes)


async def report(w: World, kind: ReportKind, *by: Axis, view: View = LIVE, **changes: Any) -> Report:
    return await w.store.reporting.report(view, ask(w, kind, *by, **changes))


def by_key(found: Report) -> dict[Any, Any]:
    return {row.keys[0] if len(row.keys) == 1 else row.keys: row.figures for row in found.rows}


async def admit(w: World, **changes: Any) -> Message:
    return await w.admit(id=id_at(w.now_ms), **changes)


async def a_week(w: World) -> list[Message]:
    """Texts of a week: two keys, two lines that cost money, three classes, every end that a text can have."""
    euro = await w.line("a", label="Office", tariff=Tariff("EUR", 70_000, {"+33": 80_000}))
    pound = await w.line("bb", label="Shop", tariff=Tariff("GBP", 50_000))
    chance = random.Random(5)
    made: list[str] = []
    for n in range(56):
        one = await admit(
            w,
            to=f"+{chance.choice((44, 33))}77009{n % 40:05d}",
            text=chance.choice(("hello", "long " * 60)),
            key_id=chance.choice(("crm", "bus")),
            purpose=chance.choice(("transactional", "marketing")),
            tags=chance.choice(({"class": "5B"}, {"class": "5A", 'od"d': "x"}, {})),
            country=chance.choice(("GB", "FR")),
            template_id=chance.choice((None, "t1")),
            batch_id=None,
        )
        made.append(one.id)
        await _happens(w, chance.choice((euro, pound)), n % 9)
        w.clock.pass_s(3 * 3600)
    for n in range(3):
        await w.receive(euro, deliver(f"hi {n}", w.now_ms))
    return [await w.get(message_id) for message_id in made]


async def _happens(w: World, line: Any, what: int) -> None:
    if what == 0:
        return
    claimed = await w.claim(line, pace=Pace(tariff=line.tariff))
    attempt = claimed.prepared
    assert attempt is not None
    w.clock.pass_s(2.5)
    if what == 1:
        await w.lost(attempt)
        return
    if what in (2, 3):
        await w.rejected(attempt)
        return
    await w.all_sent(attempt, mr=what)
    w.clock.pass_s(7.25)
    if what in (4, 5, 6, 7):
        for i in range(len(attempt.outgoing.parts)):
            await w.report(line, what + i, 0 if what > 4 else 0x62, to=attempt.outgoing.to)


async def test_every_grouping_sums_to_the_messages_that_are_stored(w: World) -> None:
    messages = await a_week(w)
    states = Counter(message.state.value for message in messages)
    assert len(states) >= 6, states
    cost = Counter[str]()
    for message in messages:
        if message.currency is not None:
            cost[message.currency] += message.cost_micro
    assert set(cost) == {"EUR", "GBP"}
    pairs = itertools.combinations(AXES, 2)
    asked = [
        *itertools.product(get_args(ReportKind), ((axis,) for axis in AXES)),
        *(("cost", pair) for pair in pairs),
    ]
    for kind, by in asked:
        found = await report(w, kind, *by)
        rows = [row.figures for row in found.rows]
        assert found.totals.messages == sum(row.messages for row in rows) == len(messages), by
        assert found.totals.parts == sum(row.parts for row in rows) == sum(m.parts for m in messages), by
        assert found.totals.states == sum((row.states for row in rows), Counter()) == states, by
        assert found.totals.cost_micro == sum((row.cost_micro for row in rows), Counter()) == cost, by
        assert found.totals.inbound == sum(row.inbound for row in rows) == (3 if kind == "usage" else 0)


async def test_each_group_holds_exactly_its_own_messages(w: World) -> None:
    messages = await a_week(w)
    berlin = ZoneInfo("Europe/Berlin")
    expected: dict[str, Callable[[Message], str | None]] = {
        "day": lambda m: datetime.fromtimestamp(m.created_at_ms / 1000, berlin).date().isoformat(),
        "line": lambda m: m.line,
        "key": lambda m: m.key_id,
        "country": lambda m: m.country,
        "template": lambda m: m.template_id,
        "purpose": lambda m: m.purpose,
        "cause": lambda m: m.error.code if m.error else None,
        "tag:class": lambda m: m.tags.get("class"),
        'tag:od"d': lambda m: m.tags.get('od"d'),
    }
    axes = [*AXES, Axis("tag", 'od"d')]
    for axis in (axis for axis in axes if axis.name in expected):
        found = by_key(await report(w, "delivery", axis))
        counted = Counter((expected[axis.name](m), m.state.value) for m in messages)
        assert {(key, s): n for key, each in found.items() for s, n in each.states.items()} == counted, axis


async def test_lines_and_keys_are_shown_by_their_names(w: World) -> None:
    line = await w.line("a", label="Office")
    await admit(w)
    await w.take(line)
    (row,) = (await report(w, "delivery", Axis("line"), Axis("key"))).rows
    assert (row.keys, row.names) == ((line.id, "key"), ("Office", None))


async def test_rows_stand_in_the_order_of_their_keys_and_the_rest_is_counted_in_the_totals(w: World) -> None:
    for name in ("c", "a", None, "b"):
        await admit(w, tags={} if name is None else {"class": name})
    whole = await report(w, "delivery", Axis("tag", "class"))
    assert [row.keys[0] for row in whole.rows] == ["a", "b", "c", None]
    assert not whole.truncated
    some = await report(w, "delivery", Axis("tag", "class"), limit=2)
    assert ([row.keys[0] for row in some.rows], some.truncated, some.totals.messages) == (["a", "b"], True, 4)


async def test_a_range_takes_its_beginning_and_leaves_its_end(w: World) -> None:
    began_ms = w.now_ms
    for _ in range(3):
        await admit(w)
        w.clock.pass_s(60)
    found = await report(w, "delivery", since_ms=began_ms + 60_000, until_ms=began_ms + 120_000)
    assert found.totals.messages == 1


async def test_times_are_counted_from_when_a_text_was_due(w: World) -> None:
    line = await w.line()
    await admit(w, send_at_ms=w.now_ms + HOUR_MS, due_at_ms=w.now_ms + HOUR_MS)
    w.clock.pass_s(3600)
    await w.store.tick()
    attempt = await w.take(line)
    w.clock.pass_s(12)
    await w.all_sent(attempt)
    w.clock.pass_s(30)
    await w.report(line, 1)
    totals = (await report(w, "delivery")).totals
    assert (median_s(totals.sent_after), median_s(totals.delivered_after)) == (12.0, 42.0)
    assert totals.delivery_rate == 1.0


async def test_a_median_is_that_of_the_messages_to_the_tenth_of_a_second(w: World) -> None:
    line = await w.line()
    chance = random.Random(7)
    took: list[float] = []
    for _ in range(25):
        await admit(w)
        attempt = await w.take(line)
        took.append(chance.uniform(0.2, 58))
        w.clock.pass_s(took[-1])
        await w.all_sent(attempt)
    totals = (await report(w, "delivery")).totals
    assert median_s(totals.sent_after) == pytest.approx(statistics.median_low(took), abs=0.101)


@given(st.lists(st.integers(0, 700_000), min_size=1))
def test_the_median_of_counted_times_is_the_lower_median(times: list[int]) -> None:
    assert median_s(Counter(times)) == statistics.median_low(times) / 1000


async def test_recipients_are_different_people_over_the_whole_time(w: World) -> None:
    for number in ("+447700900001", "+447700900002", "+447700900001"):
        await admit(w, to=number)
        w.clock.pass_s(25 * 3600)  # another day, whatever the time and however long the day
    found = await report(w, "usage")
    assert [row.figures.recipients for row in found.rows] == [1, 1, 1]
    assert found.totals.recipients == 2


async def test_a_report_in_pieces_is_the_report_in_one(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await a_week(w)
    whole = {kind: await report(w, kind, Axis("day"), Axis("line")) for kind in get_args(ReportKind)}
    monkeypatch.setattr(reporting, "PIECE_ROWS", 5)
    for kind, expected in whole.items():
        assert await report(w, kind, Axis("day"), Axis("line")) == expected


async def test_a_grouping_without_end_is_refused(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "GROUPS_MAX", 3)
    for n in range(4):
        await admit(w, tags={"class": str(n)})
    assert (await report(w, "delivery", Axis("purpose"))).totals.messages == 4
    with pytest.raises(TooManyGroups):
        await report(w, "delivery", Axis("tag", "class"))


async def test_TEN_1_and_KEY_7_reports_count_only_what_the_viewer_may_see(w: World) -> None:
    await admit(w)
    await admit(w, sandbox=True, to="+99900000001")
    await admit(w, tenant="other")
    assert (await report(w, "delivery")).totals.messages == 2
    assert (await report(w, "delivery", view=View("default", sandbox_only=True))).totals.messages == 1
    assert (await report(w, "usage", view=View("other"))).totals.recipients == 1
    assert (await report(w, "delivery", view=View("nobody"))).rows == ()


async def test_KEY_7_a_report_of_the_sandbox_names_no_live_key_line_or_batch(w: World) -> None:
    key_id = await w.key("payroll")
    await admit(w, sandbox=True, to="+99900000001", key_id=key_id)
    by_key = Axis("key")
    (whole,) = (await report(w, "usage", by_key)).rows
    (seen,) = (await report(w, "usage", by_key, view=View("default", sandbox_only=True))).rows
    assert (whole.names, seen.names) == (("payroll",), (None,))
    assert whole.keys == seen.keys == (key_id,)


# ------------------------------------------------------------------ other channels


async def test_tries_on_other_channels_are_counted_once_and_the_texts_among_them_as_messages(
    w: World,
) -> None:
    await admit(w, tags={"class": "5B"})
    ends: list[tuple[ReportChannel, Any]] = [
        ("email", Reached("delivered")),
        ("email", Refused(error_of("channel_refused", permanent=True), permanent=True)),
        ("slack", Reached("sent")),
    ]
    for channel, verdict in ends:
        new = NewNotification(
            id=id_at(w.now_ms),
            sender=Sender("key", "crm", "default", ("messages:send",), sandbox=False),
            sandbox=False,
            bulk_id=None,
            recipient=NotificationRecipient(email="ann@example.org", slack="#ops"),
            content=NotificationContent(None, "moved", None),
            channels=(channel,),
            fallback_after_s=None,
            sms=SmsChoices(purpose="urgent", tags={"class": "5B"}),
            created_at_ms=w.now_ms,
        )
        await w.store.notifications.accept(new, None, StoredAnswer(202, b"{}"))
        (due,) = (await w.store.notifications.due(channel, 10)).work
        attempt_id = id_at(w.now_ms)
        await w.store.notifications.begin(due, attempt_id)
        await w.store.notifications.settle(due, attempt_id, verdict, Tried())
    found = by_key(await report(w, "delivery", Axis("channel")))
    assert {key: dict(each.states) for key, each in found.items()} == {
        "sms": {"queued": 1},
        "email": {"delivered": 1, "failed": 1},
        "slack": {"sent": 1},
    }
    for by in AXES:
        assert (await report(w, "delivery", by)).totals.messages == 4, by
    assert by_key(await report(w, "delivery", Axis("tag", "class")))["5B"].messages == 4
    assert by_key(await report(w, "delivery", Axis("purpose")))["urgent"].messages == 3
    assert by_key(await report(w, "delivery", Axis("cause")))["channel_refused"].messages == 1
    assert (await report(w, "delivery", channel="sms")).totals.messages == 1
    assert (await report(w, "delivery", channel="email")).totals.messages == 2


async def test_a_cancelled_text_is_counted_as_such(w: World) -> None:
    one = await admit(w)
    await w.store.change(LIVE, one.id, Happening.CANCEL, "key")
    assert (await report(w, "delivery")).totals.states == {"cancelled": 1}


# ------------------------------------------------------------------ plans and days


def test_no_report_reads_other_tenants_or_other_times(w: World) -> None:
    """The plan of every statement begins with a range of ids of one tenant."""
    database = sqlite3.connect(w.path)
    names = [
        "tag_1",
        "tag_2",
        "start",
        "day_ms",
        "tenant",
        "low",
        "high",
        "since",
        "until",
        "sandbox_only",
        "channel",
    ]
    values: dict[str, Any] = dict.fromkeys(names, "") | {"by_1": "line", "by_2": ""}
    for tail, table in (
        ("figure_of_messages", "message"),
        ("figure_of_attempts", "notification"),
        ("figure_of_inbound", "inbound"),
    ):
        statement = f"EXPLAIN QUERY PLAN {QUERIES['figure_counts']} {QUERIES[tail]}"
        plan = " / ".join(row[3] for row in database.execute(statement, values))
        assert f"SEARCH {table} USING INDEX {table}_by_tenant (tenant=? AND id>? AND id<?)" in plan
        assert "SCAN message" not in plan
    database.close()


ZONES = ("Europe/Berlin", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia", "UTC")


@given(
    st.sampled_from(ZONES),
    st.integers(1_300_000_000, 1_900_000_000),
    st.integers(1, 366 * 86_400),
    st.lists(st.floats(0, 1, exclude_max=True), max_size=20),
)
def test_a_moment_lies_in_one_run_and_its_day_is_that_of_the_clock_on_the_wall(
    zone: str, since_s: int, length_s: int, moments: list[float]
) -> None:
    since_ms, until_ms = since_s * 1000, (since_s + length_s) * 1000
    runs = runs_of(since_ms, until_ms, zone)
    assert runs[0].since_ms == since_ms
    assert runs[-1].until_ms == until_ms
    assert all(before.until_ms == after.since_ms for before, after in itertools.pairwise(runs))
    for moment in moments:
        at_ms = since_ms + int(moment * (until_ms - since_ms))
        (run,) = (run for run in runs if run.since_ms <= at_ms < run.until_ms)
        expected = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).date()
        assert run.day((at_ms - run.start_ms) // run.day_ms) == expected.isoformat()


def test_a_day_on_which_clocks_change_stands_alone() -> None:
    since_ms = int(datetime(2026, 10, 24, tzinfo=ZoneInfo("Europe/Berlin")).timestamp() * 1000)
    runs = runs_of(since_ms, since_ms + 3 * DAY_MS, "Europe/Berlin")
    assert [run.day_ms // HOUR_MS for run in runs] == [24, 25, 24]
    assert [run.day(0) for run in runs] == ["2026-10-24", "2026-10-25", "2026-10-26"]


def test_a_range_that_is_not_cut_into_days_has_no_names_for_them() -> None:
    at_ms = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    with pytest.raises(AssertionError):
        Run(at_ms, at_ms + 1, at_ms).day(0)

"""Owns the contract of a store for alerts: readings, what stands, letters, and who is told about one message.

Runs on every store of ``conftest``; the clock is moved by hand.
Source: W4; rules DAT-1, TEN-1, PMP-3.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from device_bridge.device import LineHealth, LineIdentity, LineState
from device_bridge.sms.outcome import local, rp_cause
from gateway.lifecycle import Happening
from gateway.message import Notify
from gateway.policy.alert_words import notice
from gateway.policy.alerts import Finding, Judgement, Readings, Standing, follow
from gateway.policy.rules import Budget, Limits, Rules
from gateway.store.alert_rows import LetterContent, LetterState, NewLetter, Scope, Telling, Way
from gateway.store.migrations import __file__ as migrations_file
from gateway.store.queries import QUERIES
from gateway.store.rows import LineRow, Pace, WebhookRow
from tests.peers.store_world import LIVE, START_MS, World, world

BUDGETS = (
    Budget(line="Shop", parts_per_day=10),
    Budget(key="shop", parts_per_month=50),
    Budget(parts_per_day=100),
)
HOUR_S = 3600
UNDELIVERED_ST = 0x41


@pytest.fixture
async def paying(tmp_path: Path) -> AsyncIterator[World]:
    rules = Rules(budgets=BUDGETS, limits=Limits(budgets=BUDGETS))
    async with world(tmp_path / "gateway.db", rules=rules) as opened:
        yield opened


async def readings(w: World, *, emulated: bool = False, since_ms: int = START_MS) -> Readings:
    return (await w.store.alerts.read(Scope("default", since_ms, emulated)))[0]


async def standing(w: World) -> tuple[Standing, ...]:
    return (await w.store.alerts.read(Scope("default", START_MS)))[1]


async def public(w: World, event_type: str) -> list[dict[str, Any]]:
    return [event.payload for event in await w.store.events_after(LIVE, 0, 1000) if event.type == event_type]


# ------------------------------------------------------------------ readings


async def test_what_ended_in_the_last_hour_is_counted_and_a_late_report_moves_it(w: World) -> None:
    line = await w.line()
    for mr in (1, 2):
        await w.admit()
        await w.all_sent(await w.take(line), mr=mr)
        await w.report(line, mr, UNDELIVERED_ST)
    await w.admit()
    await w.rejected(await w.take(line))
    before = await readings(w)
    assert (before.delivered, before.undelivered, before.failed) == (0, 2, 1)
    await w.report(line, 1)
    after = await readings(w)
    assert (after.delivered, after.undelivered, after.failed) == (1, 1, 1)
    w.clock.pass_s(HOUR_S + 60)
    later = await readings(w)
    assert (later.delivered, later.undelivered, later.failed) == (0, 0, 0)


async def test_texts_of_the_sandbox_and_of_alerts_themselves_are_not_counted(w: World) -> None:
    real, emulated = await w.line("a"), await w.line("b", emulated=True)
    await w.admit(key_id="alerts", purpose="urgent")
    await w.rejected(await w.take(real))
    await w.admit(key_id="alerts", purpose="urgent")
    await w.lost(await w.take(real))
    await w.admit(key_id="alerts", purpose="urgent")
    await w.admit(sandbox=True, to="+999000000001")
    await w.rejected(await w.take(emulated))
    await w.admit(sandbox=True, to="+999000000001")
    await w.lost(await w.take(emulated))
    await w.admit(sandbox=True, to="+999000000001")
    seen = await readings(w)
    assert (seen.failed, seen.in_doubt, seen.queue) == (0, 0, None)
    assert [line.id for line in seen.lines] == [real.id]
    whole = await readings(w, emulated=True)
    assert (whole.failed, whole.in_doubt) == (1, 1)
    assert whole.queue is not None
    assert {line.id for line in whole.lines} == {real.id, emulated.id}


async def test_the_queue_is_as_old_as_the_text_whose_turn_could_come_longest(w: World) -> None:
    assert (await readings(w)).queue is None
    await w.admit(send_at_ms=w.now_ms + 600_000)
    assert (await readings(w)).queue is None
    w.clock.pass_s(100)
    await w.admit(key_id="other")
    w.clock.pass_s(550)
    await w.store.tick()
    queue = (await readings(w)).queue
    assert queue is not None
    assert (w.now_ms - queue.since_ms, queue.waiting) == (550_000, 2)


async def test_a_text_that_waited_for_its_hours_or_for_a_person_is_young_when_it_becomes_ready(
    w: World,
) -> None:
    await w.admit(held_reason="quiet_hours", due_at_ms=w.now_ms + HOUR_S * 1000)
    held = await w.admit(held_reason="approval", key_id="other")
    w.clock.pass_s(HOUR_S)
    await w.store.tick()
    await w.store.change(LIVE, held.id, Happening.APPROVE, "key:boss")
    queue = (await readings(w)).queue
    assert queue is not None
    assert w.now_ms - queue.since_ms == 0
    assert queue.waiting == 2


async def test_a_line_is_down_since_it_was_seen_down_but_not_since_before_the_look_began(w: World) -> None:
    line = await w.line("a", label="Shop")
    assert [one.down_since_ms for one in (await readings(w)).lines] == [None]
    w.clock.pass_s(100)
    await goes_down(w, line)
    w.clock.pass_s(100)
    (down,) = (await readings(w)).lines
    assert (down.name, down.down_since_ms) == ("Shop", START_MS + 100_000)
    assert down.reason is not None
    (after_restart,) = (await readings(w, since_ms=w.now_ms)).lines
    assert after_restart.down_since_ms == w.now_ms
    await w.store.patch_line(LIVE, line.id, {"paused": 1})
    assert [one.paused for one in (await readings(w)).lines] == [True]


async def goes_down(w: World, line: LineRow) -> None:
    identity = LineIdentity(line.key, line.iccid, line.imsi, line.number)
    health = LineHealth(LineState.DOWN, local("device_not_ready"))
    await w.store.line_seen(identity, line.device_id, health)


async def test_a_line_that_the_network_refuses_for_want_of_credit_is_told_and_read_as_such(w: World) -> None:
    line = await w.line("a")
    barred = rp_cause(10)
    assert barred.code == "no_credit"
    await w.store.hold_line(line.id, barred, w.now_ms + 60_000)
    await w.store.hold_line(line.id, barred, w.now_ms + 120_000)
    assert [event["id"] for event in await public(w, "line.low_credit")] == [line.id]
    assert [one.no_credit for one in (await readings(w)).lines] == [True]
    await w.store.hold_line(line.id, None, None)
    assert [one.no_credit for one in (await readings(w)).lines] == [False]
    await w.store.hold_line(line.id, rp_cause(8), w.now_ms + 60_000)
    assert [one.no_credit for one in (await readings(w)).lines] == [False]
    assert len(await public(w, "line.low_credit")) == 1


async def test_PMP_3_how_much_of_each_budget_is_used_is_read_from_the_ledger(paying: World) -> None:
    w = paying
    line = await w.line("a", label="Shop")
    for _ in range(8):
        await w.admit()
        claimed = await w.claim(line, pace=Pace(budgets=BUDGETS[:1]))
        assert claimed.prepared is not None
    seen = {
        (b.payer.partition(":")[0], b.name, b.span): (b.percent, b.line) for b in (await readings(w)).budgets
    }
    assert seen == {
        ("line", "Shop", "day"): (80, line.id),
        ("tenant", "all texts", "day"): (8, None),
        ("key", "shop", "month"): (0, None),
    }


async def test_PMP_3_a_budget_that_names_a_lines_number_is_read_although_the_line_has_a_label(
    tmp_path: Path,
) -> None:
    rules = Rules(budgets=(Budget(line="+447700900001", parts_per_day=10),))
    async with world(tmp_path / "gateway.db", rules=rules) as w:
        line = await w.line("a", label="Shop")
        (budget,) = (await readings(w)).budgets
        assert (budget.line, budget.name) == (line.id, "+447700900001")


async def test_dead_letters_are_counted_without_those_about_alerts(w: World) -> None:
    hook = await subscribed(w)
    await w.line()
    await w.store.emit("default", "policy.alert", {})
    for delivery in await w.store.due_deliveries(10):
        await died(w, delivery)
    # The device and the line; not the alert, and not the webhook.dead events of these.
    assert (await readings(w)).dead_deliveries == 2
    assert len((await w.store.deliveries(hook, "dead", 10, None)).items) == 3
    w.clock.pass_s(HOUR_S + 1)
    assert (await readings(w)).dead_deliveries == 0


async def subscribed(w: World, *events: str) -> str:
    row = WebhookRow(
        id="hook",
        tenant="default",
        url="http://127.0.0.1:9/",
        events=events or ("*",),
        secrets=("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",),
        include_text=False,
        sandbox=False,
        enabled=True,
        created_at_ms=w.now_ms,
    )
    await w.store.add_webhook(row)
    return row.id


async def died(w: World, delivery: Any) -> None:
    dead = replace(
        delivery, state="dead", attempt=9, next_at_ms=None, finished_at_ms=w.now_ms, last_error="no"
    )
    await w.store.delivery_done(dead, {})


# ------------------------------------------------------------------ what stands


def letter(way: Way = "email", to: str = "head@example.org", **changes: Any) -> NewLetter:
    made: dict[str, Any] = {
        "until_ms": START_MS + 6 * HOUR_S * 1000,
        "line": None,
        "message_id": None,
    } | changes
    return NewLetter(way, "failures", LetterContent(to, "12 texts failed", "12 texts failed.\n"), **made)


def telling(
    w: World, alerts: tuple[Standing, ...], *findings: Finding, letters: tuple[NewLetter, ...]
) -> Telling:
    (change,) = follow(alerts, Judgement(findings), w.now_ms, HOUR_S)
    assert change.told is not None
    words = notice(change.after.finding, change.told, change.after.since_ms, w.now_ms, "UTC")
    return Telling(change, words, letters)


async def test_an_alert_its_event_and_its_letters_are_one_transaction_and_of_two_who_look_one_tells(
    w: World,
) -> None:
    await subscribed(w, "policy.alert")
    finding = Finding("failures", 12, 10, count=12)
    first, second = (telling(w, (), finding, letters=(letter(),)) for _ in range(2))
    assert await w.store.alerts.tell("default", first) is True
    assert await w.store.alerts.tell("default", second) is False
    (event,) = await public(w, "policy.alert")
    assert (event["kind"], event["value"], event["threshold"]) == ("failures", 12, 10)
    assert (event["title"], event["hint"]) == (
        "12 texts failed in an hour",
        "See GET /api/v1/messages?state=failed.",
    )
    assert len(await w.store.due_deliveries(10)) == 1
    assert len(await w.store.letters.due(10)) == 1
    (raised,) = await standing(w)
    assert (raised.active, raised.since_ms, raised.owes_end) == (True, w.now_ms, True)
    over, over_too = (telling(w, (raised,), letters=()) for _ in range(2))
    assert await w.store.alerts.tell("default", over) is True
    assert await w.store.alerts.tell("default", over_too) is False
    assert [event["kind"] for event in await public(w, "policy.alert")] == ["failures", "failures.ended"]


async def test_TEN_1_another_tenant_reads_nothing_and_has_no_alert(w: World) -> None:
    await w.store.alerts.tell("default", telling(w, (), Finding("failures", 12, 10), letters=(letter(),)))
    seen = await w.store.alerts.read(Scope("other", START_MS))
    assert seen == (Readings(), ())


async def test_a_stepped_clock_moves_alerts_and_letters_along(w: World) -> None:
    await w.store.alerts.tell("default", telling(w, (), Finding("failures", 12, 10), letters=(letter(),)))
    w.clock.wall_ms -= HOUR_S * 1000
    assert await w.store.letters.due(10) == ()
    await w.store.step_clock(-HOUR_S * 1000, 0)
    (one,) = await w.store.letters.due(10)
    assert one.until_ms == START_MS + 5 * HOUR_S * 1000
    (raised,) = await standing(w)
    assert (raised.since_ms, raised.told_at_ms) == (w.now_ms, w.now_ms)


# ------------------------------------------------------------------ letters


async def written(w: World, *letters: NewLetter) -> None:
    alerts = await standing(w)
    await w.store.alerts.tell("default", telling(w, alerts, Finding("failures", 12, 10), letters=letters))


def states(w: World) -> list[tuple[str, str | None]]:
    with closing(sqlite3.connect(w.path)) as database:
        return database.execute("SELECT state, reason FROM alert_letter ORDER BY id").fetchall()


async def test_DAT_1_addresses_and_words_are_sealed(w: World) -> None:
    await written(w, letter(to="head@example.org"))
    (one,) = await w.store.letters.due(10)
    assert one.content is not None
    assert (one.content.to, one.content.subject) == ("head@example.org", "12 texts failed")
    for file in w.path.parent.iterdir():
        if file.is_file():
            assert b"head@example.org" not in file.read_bytes()


async def test_a_letter_that_was_going_out_when_the_gateway_stopped_never_goes_again(w: World) -> None:
    await written(w, letter("email"), letter("apprise"))
    going, waiting = await w.store.letters.due(10)
    assert await w.store.letters.begin(going) is True
    assert await w.store.letters.begin(going) is False
    assert await w.store.letters.recover() == 1
    assert [one.id for one in await w.store.letters.due(10)] == [waiting.id]
    assert states(w)[0] == ("failed", "in_doubt")


async def test_a_restored_backup_sends_none_of_its_letters(w: World) -> None:
    await written(w, letter("email"), letter("sms"))
    await w.store.hold_restored()
    assert await w.store.letters.due(10) == ()
    assert states(w) == [("failed", "restored"), ("failed", "restored")]


async def test_a_damaged_letter_is_given_without_its_words(w: World) -> None:
    await written(w, letter())
    with closing(sqlite3.connect(w.path)) as database:
        database.execute("UPDATE alert_letter SET content = substr(content, 1, 20)")
        database.commit()
    (one,) = await w.store.letters.due(10)
    assert one.content is None


def test_the_checks_of_the_schema_are_the_values_of_the_code() -> None:
    schema = (Path(migrations_file).parent / "0008_alerts.sql").read_text()
    checks = {
        column: set(re.findall(r"'(\w+)'", values))
        for column, values in re.findall(r"(\w+) TEXT NOT NULL CHECK \(\w+ IN \(([^)]*)\)", schema)
    }
    assert checks["way"] == set(get_args(Way))
    assert checks["state"] == set(get_args(LetterState))


# ------------------------------------------------------------------ notify of one message

TELL_US = Notify(email="ann@example.org", url="http://127.0.0.1:9/told", late_after_s=120)


async def told(w: World) -> list[tuple[str, str | None]]:
    due = await w.store.letters.due(10)
    return [(one.way, one.content.type if one.content else None) for one in due]


@pytest.mark.parametrize("ending", ["failed", "undelivered", "expired", "in_doubt"])
async def test_the_sender_is_told_once_when_it_ends_badly(w: World, ending: str) -> None:
    line = await w.line()
    message = await w.admit(notify=Notify(email="ann@example.org", url="http://127.0.0.1:9/told"))
    if ending == "expired":
        w.clock.pass_s(49 * HOUR_S)
        await w.store.tick()
    else:
        attempt = await w.take(line)
        if ending == "failed":
            await w.rejected(attempt)
        elif ending == "in_doubt":
            await w.lost(attempt)
        else:
            await w.all_sent(attempt)
            await w.report(line, 1, UNDELIVERED_ST)
    assert await w.state(message.id) == ending
    assert await told(w) == [("email", f"message.{ending}"), ("webhook", f"message.{ending}")]
    mail, post = await w.store.letters.due(10)
    assert mail.content is not None
    assert post.content is not None
    assert message.id in mail.content.body
    assert "hello" not in mail.content.body
    assert post.content.payload is not None
    assert post.content.payload["state"] == ending
    assert "text" not in post.content.payload


async def test_a_text_that_arrives_tells_nobody(w: World) -> None:
    line = await w.line()
    await w.admit(notify=TELL_US)
    await w.all_sent(await w.take(line))
    await w.report(line, 1)
    w.clock.pass_s(HOUR_S)
    assert await w.store.alerts.late("default") == 0
    assert await told(w) == []


async def test_the_sender_is_told_once_that_it_is_late_and_once_that_it_failed_then(w: World) -> None:
    line = await w.line()
    await w.admit(notify=TELL_US)
    w.clock.pass_s(119)
    assert await w.store.alerts.late("default") == 0
    w.clock.pass_s(1)
    assert await w.store.alerts.late("default") == 1
    assert await w.store.alerts.late("default") == 0
    assert await told(w) == [("email", "message.late"), ("webhook", "message.late")]
    await w.rejected(await w.take(line))
    assert (await told(w))[2:] == [("email", "message.failed"), ("webhook", "message.failed")]
    w.clock.pass_s(HOUR_S)
    assert await w.store.alerts.late("default") == 0


async def test_late_counts_from_the_time_that_was_asked_for(w: World) -> None:
    await w.admit(notify=TELL_US, send_at_ms=w.now_ms + HOUR_S * 1000)
    w.clock.pass_s(HOUR_S + 119)
    assert await w.store.alerts.late("default") == 0
    w.clock.pass_s(1)
    assert await w.store.alerts.late("default") == 1


async def test_a_doubt_that_goes_again_by_itself_is_not_told(w: World) -> None:
    line = await w.line()
    message = await w.admit(notify=TELL_US, on_doubt="resend")
    await w.lost(await w.take(line))
    assert await w.state(message.id) == "in_doubt"
    assert await told(w) == []


async def test_a_restored_backup_tells_no_sender_until_its_texts_are_let_go(w: World) -> None:
    await w.admit(notify=TELL_US)
    old = await w.admit(notify=TELL_US, expires_at_ms=w.now_ms + 1000)
    await w.store.hold_restored()
    w.clock.pass_s(HOUR_S)
    await w.store.tick()
    assert await w.state(old.id) == "expired"
    assert await w.store.alerts.late("default") == 0
    assert await told(w) == []
    await w.store.release_restored("default", "key:boss")
    assert await w.store.alerts.late("default") == 1


async def test_a_stepped_clock_makes_nothing_late(w: World) -> None:
    await w.admit(notify=TELL_US)
    w.clock.wall_ms += HOUR_S * 1000
    await w.store.step_clock(HOUR_S * 1000, 0)
    assert await w.store.alerts.late("default") == 0
    w.clock.pass_s(120)
    assert await w.store.alerts.late("default") == 1


# ------------------------------------------------------------------ the cost of a look


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("message_tallies", "PRIMARY KEY"),
        ("alert_in_doubt", "COVERING INDEX message_in_doubt"),
        ("glance_in_doubt", "COVERING INDEX message_in_doubt"),
        ("alert_lane_head", "message_ready"),
        ("alert_waiting", "message_ready"),
        ("alert_line_moved", "event_by_subject"),
        ("alert_line_sent", "part_last_mr"),
        ("alert_dead_deliveries", "COVERING INDEX delivery_dead"),
        ("messages_late", "message_late"),
        ("alert_letters_due", "alert_letter_due"),
        ("alert_letter_next", "alert_letter_due"),
    ],
)
async def test_a_look_reads_by_an_index_however_many_messages_there_are(
    w: World, query: str, index: str
) -> None:
    steps = plan(w, QUERIES[query])
    assert any(index in step for step in steps), steps
    assert [step for step in steps if step.startswith("SCAN") and step.split()[1] not in SUBQUERIES] == []


SUBQUERIES = {"doubtful", "waiting", "dead"}
"""Names of the inner, limited selections that are counted."""


async def test_the_lanes_of_a_look_are_few_and_their_events_are_found_by_key(w: World) -> None:
    steps = plan(w, QUERIES["alert_lanes"])
    assert [step.split()[1] for step in steps if step.startswith("SCAN")] == ["lane"]
    assert any("SEARCH event USING INTEGER PRIMARY KEY" in step for step in steps), steps
    assert any("event_by_subject" in step for step in steps), steps


def plan(w: World, sql: str) -> list[str]:
    values = dict.fromkeys(re.findall(r":(\w+)", sql), 1)
    with closing(sqlite3.connect(w.path)) as database:
        return [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", values)]

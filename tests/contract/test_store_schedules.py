"""Owns the contract of a store for schedules: what is due, what came of it, who may see it; and moved messages.

Runs on every store of ``conftest``; the clock is moved by hand.
Source: rules API-8, DAT-1, KEY-7, TEN-1.
"""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace

import pytest

from gateway.ids import new_id
from gateway.lifecycle import Happening
from gateway.message import Notify
from gateway.representation import rfc3339
from gateway.store.plan_rows import (
    Calendar,
    DueSchedule,
    PlannedMessage,
    Rescheduling,
    RunRefusal,
    ScheduleRow,
    ScheduleRun,
)
from gateway.store.protocol import NotFound
from gateway.store.rows import IdempotencyKey, KeyRow, View
from gateway.store.schedules import RUNS_SHOWN, TooLate, scope_of
from gateway.store.templates import Superseded
from tests.peers.store_world import ALICE, LIVE, World

HOUR_MS = 3_600_000
WEEK_MS = 7 * 24 * HOUR_MS
MONDAYS = Calendar("FREQ=WEEKLY;BYDAY=MO", "2026-12-07T09:00:00", "Europe/London", ("2026-12-28",))
REMINDER = PlannedMessage(
    to=(ALICE, "+447700900124"), text="zebra reminder", tags={"clinic": "north"}, reference="r1", priority=3
)
SANDBOX = View("default", sandbox_only=True)


async def planned(w: World, **changes: object) -> ScheduleRow:
    row = ScheduleRow(
        id=new_id(), tenant="default", sandbox=False, key_id="key", state="active", paused_reason=None,
        calendar=MONDAYS, message=REMINDER, next_at_ms=w.now_ms + HOUR_MS, created_at_ms=0, updated_at_ms=0,
    )  # fmt: skip
    return await w.store.schedules.add(replace(row, **changes))  # type: ignore[arg-type]


async def due_now(w: World) -> DueSchedule:
    (due,) = await w.store.schedules.due(10)
    return due


async def test_a_schedule_is_read_back_as_it_was_written(w: World) -> None:
    row = await planned(w)
    assert row.calendar == MONDAYS
    assert row.message == REMINDER
    assert (row.created_at_ms, row.updated_at_ms, row.revision) == (w.now_ms, w.now_ms, 1)
    assert await w.store.schedules.get(LIVE, row.id) == row
    template = PlannedMessage(
        group="group-id", template_id="t", template_version=2, language="de", values={"time": "9:00"}
    )
    other = await planned(w, message=template)
    assert other.message == template
    assert (await w.store.schedules.page(LIVE, 10, None)).items == (other, row)


async def test_nothing_is_due_before_its_time_and_the_oldest_comes_first(w: World) -> None:
    later, sooner = await planned(w, next_at_ms=w.now_ms + 2 * HOUR_MS), await planned(w)
    assert await w.store.schedules.due(10) == ()
    assert await w.store.schedules.next_at_ms() == sooner.next_at_ms
    w.clock.pass_s(2 * 3600)
    assert [due.id for due in await w.store.schedules.due(10)] == [sooner.id, later.id]


async def test_a_due_schedule_comes_with_the_key_it_sends_with(w: World) -> None:
    key = KeyRow("key", "default", "public", "crm", b"digest", ("batches:write",), False, w.now_ms)
    await w.store.add_key(key)
    row = await planned(w, next_at_ms=w.now_ms)
    due = await due_now(w)
    assert (due.schedule, due.key, due.occurrence_ms) == (row, key, w.now_ms)
    await w.store.schedules.follow_key("default", "key", "successor")
    assert (await due_now(w)).key is None
    await w.store.schedules.follow_key("other", "successor", "key")
    assert (await due_now(w)).key is None
    await w.store.schedules.follow_key("default", "successor", "key")
    assert (await due_now(w)).key == key


async def test_an_occurrence_is_written_once_and_the_next_takes_its_place(w: World) -> None:
    row = await planned(w, next_at_ms=w.now_ms)
    due = await due_now(w)
    w.clock.pass_s(5)
    run = ScheduleRun(due.occurrence_ms, "sent", accepted=1, message_id="m1")
    await w.store.schedules.ran(due, run, due.occurrence_ms + WEEK_MS)
    # The same again, as after a stop between the two: it stays as it was, and no occurrence is skipped.
    await w.store.schedules.ran(due, replace(run, accepted=9), due.occurrence_ms + 2 * WEEK_MS)
    assert await w.store.schedules.runs(LIVE, row.id) == (replace(run, at_ms=w.now_ms),)
    assert (await w.store.schedules.get(LIVE, row.id)).next_at_ms == due.occurrence_ms + WEEK_MS
    assert await w.store.schedules.due(10) == ()


async def test_a_schedule_without_a_next_time_has_ended(w: World) -> None:
    row = await planned(w, next_at_ms=w.now_ms)
    due = await due_now(w)
    await w.store.schedules.ran(due, ScheduleRun(due.occurrence_ms, "sent", accepted=2), None)
    ended = await w.store.schedules.get(LIVE, row.id)
    assert (ended.state, ended.next_at_ms) == ("ended", None)
    assert await w.store.schedules.next_at_ms() is None


async def test_a_change_while_an_occurrence_is_carried_out_keeps_its_new_time(w: World) -> None:
    row = await planned(w, next_at_ms=w.now_ms)
    due = await due_now(w)
    changed = await w.store.schedules.change(replace(row, next_at_ms=w.now_ms + 3 * HOUR_MS))
    await w.store.schedules.ran(
        due, ScheduleRun(due.occurrence_ms, "sent", accepted=2), due.occurrence_ms + 1
    )
    assert (await w.store.schedules.get(LIVE, row.id)).next_at_ms == changed.next_at_ms
    assert [run.occurrence_ms for run in await w.store.schedules.runs(LIVE, row.id)] == [due.occurrence_ms]


async def test_a_schedule_deleted_while_it_is_carried_out_leaves_nothing(w: World) -> None:
    row = await planned(w, next_at_ms=w.now_ms)
    due = await due_now(w)
    await w.store.schedules.delete(LIVE, row.id)
    await w.store.schedules.ran(due, ScheduleRun(due.occurrence_ms, "sent", accepted=2), None)
    for attempt in (w.store.schedules.get(LIVE, row.id), w.store.schedules.runs(LIVE, row.id)):
        with pytest.raises(NotFound):
            await attempt


async def test_refusals_are_kept_with_their_reasons_and_only_the_last_runs_are_shown(w: World) -> None:
    row = await planned(w, next_at_ms=w.now_ms)
    for n in range(RUNS_SHOWN + 3):
        due = await due_now(w)
        refusal = RunRefusal(n, "recipient_opted_out", f"zebra {n}")
        run = ScheduleRun(due.occurrence_ms, "refused", refused=1, refusals=(refusal,))
        w.clock.pass_s(60)
        await w.store.schedules.ran(due, run, w.now_ms)
    runs = await w.store.schedules.runs(LIVE, row.id)
    assert [run.refusals[0].index for run in runs] == list(range(RUNS_SHOWN + 2, 2, -1))
    assert runs[0].refusals[0].detail == f"zebra {RUNS_SHOWN + 2}"


async def test_of_two_people_who_change_a_schedule_the_second_is_told(w: World) -> None:
    row = await planned(w)
    moved = replace(
        row, calendar=replace(MONDAYS, start="2026-12-07T10:00:00"), message=replace(REMINDER, to=(ALICE,))
    )
    changed = await w.store.schedules.change(moved)
    assert (changed.calendar, changed.message, changed.revision) == (moved.calendar, moved.message, 2)
    with pytest.raises(Superseded):
        await w.store.schedules.change(row)
    assert await w.store.schedules.get(LIVE, row.id) == changed


async def test_a_paused_schedule_is_not_due_and_keeps_its_reason(w: World) -> None:
    row = await planned(w, next_at_ms=w.now_ms)
    paused = await w.store.schedules.pause(LIVE, row.id, "key_revoked")
    assert (paused.state, paused.paused_reason, paused.next_at_ms) == ("paused", "key_revoked", None)
    assert await w.store.schedules.due(10) == ()
    assert (await w.store.schedules.pause(LIVE, row.id, "asked")).paused_reason == "key_revoked"
    # What was read before the pause cannot undo it.
    with pytest.raises(Superseded):
        await w.store.schedules.change(row)


async def test_a_missed_occurrence_whose_messages_had_been_made_is_told_as_sent(w: World) -> None:
    row = await planned(w, next_at_ms=w.now_ms)
    due = await due_now(w)
    message = await w.admit(key=IdempotencyKey(scope_of(row.id), f"{due.occurrence_ms}:a", "f"))
    await w.store.schedules.ran(due, ScheduleRun(due.occurrence_ms, "missed"), due.occurrence_ms + WEEK_MS)
    (run,) = await w.store.schedules.runs(LIVE, row.id)
    assert (run.state, run.accepted, run.message_id) == ("sent", 1, message.id)
    # The keys of another occurrence, or of another schedule, say nothing of this one.
    other = await planned(w, next_at_ms=w.now_ms)
    due = await due_now(w)
    await w.admit(key=IdempotencyKey(scope_of(other.id), f"{due.occurrence_ms}0:a", "f"))
    await w.store.schedules.ran(due, ScheduleRun(due.occurrence_ms, "missed"), None)
    assert (await w.store.schedules.runs(LIVE, other.id))[0].state == "missed"


async def alerts(w: World) -> list[dict[str, object]]:
    return [
        event.payload for event in await w.store.events_after(LIVE, 0, 100) if event.type == "policy.alert"
    ]


async def test_reminders_that_are_not_sent_are_told_of_once(w: World) -> None:
    stopped, missed, refused, asked = [await planned(w, next_at_ms=w.now_ms) for _ in range(4)]
    dues = {due.id: due for due in await w.store.schedules.due(10)}
    await w.store.schedules.pause(LIVE, asked.id, "asked")
    for _ in range(2):
        await w.store.schedules.pause(LIVE, stopped.id, "key_revoked")
        at_ms = dues[missed.id].occurrence_ms
        await w.store.schedules.ran(dues[missed.id], ScheduleRun(at_ms, "missed"), at_ms + WEEK_MS)
        refusal = RunRefusal(0, "template_not_found", "zebra")
        run = ScheduleRun(at_ms, "refused", refused=1, refusals=(refusal,))
        await w.store.schedules.ran(dues[refused.id], run, at_ms + WEEK_MS)
    occurrence = rfc3339(at_ms)
    assert await alerts(w) == [
        {"kind": "schedule_paused", "reason": "key_revoked", "schedule_id": stopped.id},
        {"kind": "schedule_missed", "reason": None, "occurrence": occurrence, "schedule_id": missed.id},
        {
            "kind": "schedule_refused",
            "reason": "template_not_found",
            "occurrence": occurrence,
            "schedule_id": refused.id,
        },
    ]


async def test_an_occurrence_of_which_somebody_got_a_message_is_no_alert(w: World) -> None:
    await planned(w, next_at_ms=w.now_ms)
    due = await due_now(w)
    refusals = (RunRefusal(0, "recipient_opted_out", "zebra"),)
    run = ScheduleRun(due.occurrence_ms, "sent", accepted=1, refused=1, refusals=refusals)
    await w.store.schedules.ran(due, run, None)
    assert await alerts(w) == []


async def test_whoever_waits_for_schedules_is_woken_by_a_new_one_and_by_a_change(w: World) -> None:
    woken = w.store.signal("schedules")
    woken.clear()
    row = await planned(w)
    async with asyncio.timeout(30):
        await woken.wait()
    woken.clear()
    await w.store.schedules.change(row)
    async with asyncio.timeout(30):
        await woken.wait()


async def test_TEN_1_another_tenant_finds_no_schedule_and_no_run(w: World) -> None:
    row = await planned(w)
    other = View("other")
    for attempt in (
        w.store.schedules.get(other, row.id),
        w.store.schedules.runs(other, row.id),
        w.store.schedules.pause(other, row.id, "asked"),
        w.store.schedules.delete(other, row.id),
        w.store.schedules.change(replace(row, tenant="other")),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await w.store.schedules.page(other, 10, None)).items == ()
    assert await w.store.schedules.get(LIVE, row.id) == row


async def test_KEY_7_a_sandbox_key_sees_sandbox_schedules_only(w: World) -> None:
    live, sandbox = await planned(w), await planned(w, sandbox=True)
    assert [row.id for row in (await w.store.schedules.page(SANDBOX, 10, None)).items] == [sandbox.id]
    with pytest.raises(NotFound):
        await w.store.schedules.delete(SANDBOX, live.id)
    assert len((await w.store.schedules.page(LIVE, 10, None)).items) == 2


async def test_DAT_1_no_text_value_or_reason_stands_in_the_file(w: World) -> None:
    await planned(w, message=PlannedMessage(to=(ALICE,), template_id="t", values={"name": "zebra"}))
    await planned(w, next_at_ms=w.now_ms)
    due = await due_now(w)
    refusal = RunRefusal(0, "invalid_number", "zebra")
    run = ScheduleRun(due.occurrence_ms, "refused", refused=1, refusals=(refusal,))
    await w.store.schedules.ran(due, run, None)
    octets = b"".join(path.read_bytes() for path in w.path.parent.glob("gateway.db*"))
    assert b"zebra" not in octets


async def test_DAT_1_a_schedule_with_the_text_of_another_is_shown_as_damaged_and_given_to_nobody(
    w: World,
) -> None:
    damaged, whole = await planned(w, next_at_ms=w.now_ms), await planned(w, next_at_ms=w.now_ms)
    with sqlite3.connect(w.path) as db:
        db.execute(
            "UPDATE schedule SET text = (SELECT text FROM schedule WHERE id = ?) WHERE id = ?",
            (whole.id, damaged.id),
        )
    db.close()
    assert [(due.id, due.schedule) for due in await w.store.schedules.due(10)] == [
        (damaged.id, None),
        (whole.id, whole),
    ]
    listed = (await w.store.schedules.page(LIVE, 10, None)).items
    assert [row.message.text for row in listed] == ["zebra reminder", "\ufffd"]
    assert (await w.store.schedules.pause(LIVE, damaged.id, "damaged")).paused_reason == "damaged"
    await w.store.schedules.delete(LIVE, damaged.id)


# ------------------------------------------------------------------ a single message before it is due


async def test_a_scheduled_message_is_moved_and_its_timeline_says_by_whom(w: World) -> None:
    message = await w.admit(send_at_ms=w.now_ms + HOUR_MS, expires_at_ms=w.now_ms + 3 * HOUR_MS)
    to = Rescheduling(send_at_ms=w.now_ms + 2 * HOUR_MS)
    moved = await w.store.schedules.reschedule(LIVE, message.id, to, "key:k1")
    # It stays worth sending for as long as before.
    assert (moved.send_at_ms, moved.due_at_ms, moved.expires_at_ms) == (
        w.now_ms + 2 * HOUR_MS, w.now_ms + 2 * HOUR_MS, w.now_ms + 4 * HOUR_MS,
    )  # fmt: skip
    assert moved.text == message.text
    entry = (await w.store.timeline(message.id))[-1]
    assert (entry.type, entry.witness, entry.detail["by"]) == ("message.rescheduled", "person", "key:k1")
    line = await w.line()
    w.clock.pass_s(3600 + 60)
    await w.store.tick()
    assert await w.look(line) == ()
    w.clock.pass_s(3600)
    await w.store.tick()
    assert [work.work.message.id for work in await w.look(line)] == [message.id]


async def test_a_moved_message_is_late_only_after_its_new_time_and_its_failure_is_told(w: World) -> None:
    notify = Notify(email="ann@example.org", late_after_s=120)
    at_once = await w.admit(notify=notify, due_at_ms=w.now_ms + HOUR_MS, held_reason="quiet_hours")
    planned = await w.admit(notify=notify, send_at_ms=w.now_ms + HOUR_MS)
    for message in (at_once, planned):
        to = Rescheduling(send_at_ms=w.now_ms + WEEK_MS, valid_for_s=3600)
        await w.store.schedules.reschedule(LIVE, message.id, to, "key:k1")
        await w.store.schedules.reschedule(LIVE, message.id, Rescheduling(valid_for_s=7200), "key:k1")
    w.clock.pass_s(WEEK_MS / 1000 + 119)
    assert await w.store.alerts.late("default") == 0
    w.clock.pass_s(1)
    assert await w.store.alerts.late("default") == 2
    w.clock.pass_s(7200)
    await w.store.tick()
    told = [letter.content.type for letter in await w.store.letters.due(10) if letter.content is not None]
    assert told == ["message.late"] * 2 + ["message.expired"] * 2


async def test_a_message_that_was_late_and_is_moved_can_be_late_again(w: World) -> None:
    notify = Notify(email="ann@example.org", late_after_s=120)
    message = await w.admit(notify=notify, due_at_ms=w.now_ms + HOUR_MS, held_reason="quiet_hours")
    w.clock.pass_s(120)
    assert await w.store.alerts.late("default") == 1
    to = Rescheduling(send_at_ms=w.now_ms + WEEK_MS)
    await w.store.schedules.reschedule(LIVE, message.id, to, "key:k1")
    assert await w.store.alerts.late("default") == 0
    w.clock.pass_s(WEEK_MS / 1000 + 120)
    assert await w.store.alerts.late("default") == 1


async def test_only_the_validity_of_a_scheduled_message_changes_when_only_it_is_given(w: World) -> None:
    message = await w.admit(send_at_ms=w.now_ms + HOUR_MS, expires_at_ms=w.now_ms + 3 * HOUR_MS)
    moved = await w.store.schedules.reschedule(LIVE, message.id, Rescheduling(valid_for_s=60), "key:k1")
    assert (moved.send_at_ms, moved.expires_at_ms) == (message.send_at_ms, w.now_ms + HOUR_MS + 60_000)


async def test_a_message_moved_to_a_time_that_is_past_goes_at_once(w: World) -> None:
    message = await w.admit(send_at_ms=w.now_ms + HOUR_MS)
    to = Rescheduling(send_at_ms=w.now_ms - HOUR_MS, valid_for_s=600)
    moved = await w.store.schedules.reschedule(LIVE, message.id, to, "key:k1")
    assert (moved.send_at_ms, moved.expires_at_ms) == (w.now_ms, w.now_ms + 600_000)
    await w.store.tick()
    assert len(await w.look(await w.line())) == 1


async def test_a_message_that_is_due_on_its_way_or_final_is_not_moved(w: World) -> None:
    to = Rescheduling(send_at_ms=w.now_ms + 9 * HOUR_MS)
    at_once = await w.admit()
    due = await w.admit(send_at_ms=w.now_ms + HOUR_MS)
    cancelled = await w.admit(send_at_ms=w.now_ms + 5 * HOUR_MS)
    await w.store.change(LIVE, cancelled.id, Happening.CANCEL, "key:k1")
    w.clock.pass_s(3600)
    for message in (at_once, due, cancelled):
        with pytest.raises(TooLate):
            await w.store.schedules.reschedule(LIVE, message.id, to, "key:k1")


async def test_a_message_that_waits_after_a_failed_try_is_not_moved(w: World) -> None:
    line = await w.line()
    message = await w.admit()
    await w.not_sent(await w.take(line))
    assert (await w.get(message.id)).due_at_ms is not None
    with pytest.raises(TooLate):
        await w.store.schedules.reschedule(
            LIVE, message.id, Rescheduling(send_at_ms=w.now_ms + HOUR_MS), "key:k1"
        )


async def test_TEN_1_a_message_of_another_tenant_is_not_found(w: World) -> None:
    message = await w.admit(send_at_ms=w.now_ms + HOUR_MS)
    for view in (View("other"), SANDBOX):
        with pytest.raises(NotFound):
            await w.store.schedules.reschedule(view, message.id, Rescheduling(valid_for_s=60), "key:k1")

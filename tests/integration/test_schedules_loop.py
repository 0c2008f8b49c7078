"""Recurring messages through a real store and admission, with a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission import Admission, AdmissionSettings
from gateway.draft import Caller
from gateway.ids import new_id
from gateway.lifecycle import Happening
from gateway.message import Message
from gateway.policy.recurrence import parse
from gateway.schedule_plan import recurrence_of
from gateway.schedules import ScheduleLoop, ScheduleSettings, newest_due
from gateway.store.people_rows import ContactCard, Wish
from gateway.store.plan_rows import Calendar, PlannedMessage, ScheduleRow, ScheduleRun, TemplateContent
from gateway.store.protocol import NotFound, StoreUnavailable
from gateway.store.rows import KeyRow, MessageFilter
from tests.peers.store_world import LIVE, HandClock, World, world

LONDON = ZoneInfo("Europe/London")
PARENT, OTHER_PARENT = "+447911123456", "+447911123457"
MONDAYS = Calendar("FREQ=WEEKLY;BYDAY=MO", "2026-10-12T09:00:00", "Europe/London")
REMINDER = PlannedMessage(to=(PARENT,), text="Swimming today")
HOUR_S = 3600
WEEK_S = 7 * 24 * HOUR_S


def at_ms(written: str) -> int:
    return int(datetime.fromisoformat(written).timestamp() * 1000)


BEFORE = at_ms("2026-10-12T07:30:00+00:00")
FIRST = at_ms("2026-10-12T09:00:00+01:00")


class Clinic:
    """A world with a line, a key, and the loop that sends for it."""

    def __init__(self, w: World, settings: ScheduleSettings | None = None) -> None:
        self.w = w
        self.clock = w.clock
        self.schedules = w.store.schedules
        self.admission = Admission(w.store, AdmissionSettings(), w.clock)
        self.loop = ScheduleLoop(w.store, self.admission, w.clock, settings)

    def again(self, settings: ScheduleSettings | None = None) -> Clinic:
        """What a start after a stop has: the store, and nothing remembered."""
        return Clinic(self.w, settings)

    async def key(self, key_id: str = "key", *, sandbox: bool = False) -> KeyRow:
        row = KeyRow(key_id, "default", f"public-{key_id}", "clinic", b"", ("*",), sandbox, self.w.now_ms)
        await self.w.store.add_key(row)
        return row

    async def plan(
        self, message: PlannedMessage = REMINDER, calendar: Calendar = MONDAYS, **more: object
    ) -> ScheduleRow:
        row = ScheduleRow(
            id=new_id(), tenant="default", sandbox=False, key_id="key", state="active", paused_reason=None,
            calendar=calendar, message=message,
            next_at_ms=recurrence_of(calendar).next_after_ms(self.w.now_ms), created_at_ms=0, updated_at_ms=0,
        )  # fmt: skip
        return await self.schedules.add(replace(row, **more))  # type: ignore[arg-type]

    def move_to(self, then_ms: int) -> None:
        self.clock.pass_s((then_ms - self.clock.now_ms()) / 1000)

    async def to_next_of(self, row: ScheduleRow) -> int:
        """Let time pass until the next occurrence, and the loop carry it out; returns its time."""
        next_ms = (await self.schedules.get(LIVE, row.id)).next_at_ms
        assert next_ms is not None
        self.move_to(next_ms)
        assert await self.loop.run_due()
        return next_ms

    async def messages(self) -> list[Message]:
        page = await self.w.store.messages(LIVE, MessageFilter(), 500, None)
        return list(reversed(page.items))

    async def runs(self, row: ScheduleRow) -> list[ScheduleRun]:
        return list(await self.schedules.runs(LIVE, row.id))


@pytest.fixture
async def clinic(tmp_path: Path) -> AsyncIterator[Clinic]:
    async with world(tmp_path / "gateway.db", clock=HandClock(BEFORE)) as w:
        made = Clinic(w)
        await w.line()
        await made.key()
        yield made


def local(message: Message) -> str:
    return datetime.fromtimestamp(message.created_at_ms / 1000, LONDON).strftime("%a %d %b %H:%M")


async def test_a_weekly_reminder_at_nine_stays_at_nine_when_the_clocks_change(clinic: Clinic) -> None:
    row = await clinic.plan()
    for _ in range(26):
        row = await clinic.schedules.get(LIVE, row.id)
        assert row.next_at_ms is not None
        clinic.move_to(row.next_at_ms - 1)
        assert await clinic.loop.run_due()
        clinic.move_to(row.next_at_ms)
        assert await clinic.loop.run_due()
    sent = [local(message) for message in await clinic.messages()]
    assert sent[:3] == ["Mon 12 Oct 09:00", "Mon 19 Oct 09:00", "Mon 26 Oct 09:00"]
    assert sent[-3:] == ["Mon 22 Mar 09:00", "Mon 29 Mar 09:00", "Mon 05 Apr 09:00"]
    assert len(sent) == 26
    assert {(run.state, run.accepted) for run in await clinic.runs(row)} == {("sent", 1)}


async def test_an_occurrence_makes_one_message_that_carries_what_was_planned(clinic: Clinic) -> None:
    message = replace(
        REMINDER, reference="swim", tags={"class": "5B"}, priority=7, valid_for_s=600, pool="default"
    )
    row = await clinic.plan(message)
    clinic.move_to(FIRST)
    for _ in range(3):
        assert await clinic.loop.run_due()
    (made,) = await clinic.messages()
    assert (made.to, made.text, made.reference, made.tags, made.priority, made.pool, made.key_id) == (
        PARENT, "Swimming today", "swim", {"class": "5B"}, 7, "default", "key",
    )  # fmt: skip
    assert made.expires_at_ms == FIRST + 600_000
    (run,) = await clinic.runs(row)
    assert (run.occurrence_ms, run.message_id, run.at_ms) == (FIRST, made.id, FIRST)


async def test_API_8_a_stop_between_admission_and_record_gives_a_replay_not_a_second_message(
    clinic: Clinic,
) -> None:
    row = await clinic.plan(replace(REMINDER, to=(PARENT, OTHER_PARENT)))
    clinic.move_to(FIRST)
    with sqlite3.connect(clinic.w.path) as db:
        db.execute("CREATE TRIGGER stop BEFORE INSERT ON schedule_run BEGIN SELECT RAISE(FAIL, 'stop'); END")
    assert not await run_once(clinic.loop)
    assert len(await clinic.messages()) == 2
    assert await clinic.runs(row) == []
    # Meanwhile somebody changes the text: what was sent is sent.
    row = await clinic.schedules.change(replace(row, message=replace(row.message, text="No swimming")))
    with sqlite3.connect(clinic.w.path) as db:
        db.execute("DROP TRIGGER stop")
    db.close()
    clinic.clock.pass_s(60)
    await clinic.schedules.change(replace(row, next_at_ms=FIRST))
    assert await clinic.again().loop.run_due()
    assert [message.text for message in await clinic.messages()] == ["Swimming today"] * 2
    (run,) = await clinic.runs(row)
    assert (run.state, run.accepted) == ("sent", 2)


async def run_once(loop: ScheduleLoop) -> bool:
    try:
        return await loop.run_due()
    except StoreUnavailable:
        return False


async def test_what_had_been_sent_before_a_long_stop_is_not_told_as_missed(clinic: Clinic) -> None:
    row = await clinic.plan()
    clinic.move_to(FIRST)
    with sqlite3.connect(clinic.w.path) as db:
        db.execute("CREATE TRIGGER stop BEFORE INSERT ON schedule_run BEGIN SELECT RAISE(FAIL, 'stop'); END")
    await run_once(clinic.loop)
    with sqlite3.connect(clinic.w.path) as db:
        db.execute("DROP TRIGGER stop")
    db.close()
    clinic.clock.pass_s(2 * HOUR_S)
    assert await clinic.again().loop.run_due()
    (made,) = await clinic.messages()
    (run,) = await clinic.runs(row)
    assert (run.state, run.accepted, run.message_id) == ("sent", 1, made.id)


async def test_after_an_absence_only_the_newest_occurrence_is_sent_if_it_is_young_enough(
    clinic: Clinic,
) -> None:
    row = await clinic.plan()
    third = at_ms("2026-10-26T09:00:00+00:00")
    clinic.move_to(third + 59 * 60_000)
    assert await clinic.loop.run_due()
    assert len(await clinic.messages()) == 1
    newest, missed = await clinic.runs(row)
    assert (newest.occurrence_ms, newest.state) == (third, "sent")
    assert (missed.occurrence_ms, missed.state, missed.missed_until_ms) == (FIRST, "missed", third)


async def test_an_occurrence_that_is_too_old_is_told_as_missed_and_the_next_one_is_sent(
    clinic: Clinic,
) -> None:
    row = await clinic.plan()
    clinic.move_to(FIRST + HOUR_S * 1000 + 1)
    assert await clinic.loop.run_due()
    assert await clinic.messages() == []
    (run,) = await clinic.runs(row)
    assert (run.state, run.missed_until_ms) == ("missed", FIRST + WEEK_S * 1000)
    clinic.move_to(FIRST + WEEK_S * 1000)
    assert await clinic.loop.run_due()
    assert len(await clinic.messages()) == 1


async def test_an_hour_late_is_still_sent_and_with_no_catching_up_not_a_moment(clinic: Clinic) -> None:
    await clinic.plan()
    clinic.move_to(FIRST + HOUR_S * 1000)
    assert await clinic.loop.run_due()
    assert len(await clinic.messages()) == 1
    other = clinic.again(ScheduleSettings(catch_up_s=0))
    await other.plan()
    clinic.move_to(FIRST + WEEK_S * 1000 + 1)
    assert await other.loop.run_due()
    assert len(await clinic.messages()) == 1


async def test_a_restored_backup_sends_no_reminder_again_and_goes_on_once_it_is_released(
    clinic: Clinic,
) -> None:
    row = await clinic.plan()
    clinic.move_to(FIRST + 60_000)
    await clinic.w.store.hold_restored()
    assert await clinic.loop.run_due()
    held = await clinic.schedules.get(LIVE, row.id)
    assert (held.state, held.paused_reason) == ("paused", "restored")
    await clinic.w.store.release_restored("default", "test")
    assert await clinic.loop.run_due()
    # It may have been sent before the restore, by what was restored.
    assert await clinic.messages() == []
    assert [run.state for run in await clinic.runs(row)] == ["missed"]
    await clinic.to_next_of(row)
    assert len(await clinic.messages()) == 1


async def test_a_group_without_members_is_no_refusal(clinic: Clinic) -> None:
    group = await clinic.w.store.groups.add(LIVE, "empty")
    row = await clinic.plan(PlannedMessage(group=group.id, text="hi"))
    await clinic.to_next_of(row)
    (run,) = await clinic.runs(row)
    assert (run.state, run.accepted, run.refused) == ("sent", 0, 0)


async def test_a_refusal_is_kept_with_its_reason_and_the_schedule_goes_on(clinic: Clinic) -> None:
    row = await clinic.plan(replace(REMINDER, to=(PARENT, "+44", OTHER_PARENT)))
    clinic.move_to(FIRST)
    assert await clinic.loop.run_due()
    (run,) = await clinic.runs(row)
    assert (run.state, run.accepted, run.refused) == ("sent", 2, 1)
    assert [(each.index, each.code) for each in run.refusals] == [(1, "invalid_number")]
    assert run.message_id is None
    nowhere = await clinic.plan(replace(REMINDER, pool="nowhere"))
    await clinic.to_next_of(nowhere)
    (refused,) = await clinic.runs(nowhere)
    assert (refused.state, refused.refused, refused.refusals[0].code) == ("refused", 1, "no_line_available")
    await clinic.to_next_of(nowhere)
    assert len(await clinic.runs(nowhere)) == 2
    assert len(await clinic.runs(row)) == 3


async def test_OPT_5_who_said_stop_gets_no_reminder_and_the_others_do(clinic: Clinic) -> None:
    row = await clinic.plan(replace(REMINDER, to=(PARENT, OTHER_PARENT)))
    await clinic.to_next_of(row)
    await clinic.w.store.suppressions.add(Wish("default", PARENT, "keyword", by="gateway"))
    await clinic.to_next_of(row)
    assert sorted(message.to for message in await clinic.messages()) == [PARENT, OTHER_PARENT, OTHER_PARENT]
    run = (await clinic.runs(row))[0]
    assert [(each.index, each.code) for each in run.refusals] == [(0, "recipient_opted_out")]


async def test_a_full_queue_is_no_refusal_the_occurrence_waits_for_room(tmp_path: Path) -> None:
    async with world(tmp_path / "gateway.db", clock=HandClock(BEFORE), max_queued=2) as w:
        clinic = Clinic(w)
        await w.line()
        await clinic.key()
        taken = await w.admit()
        row = await clinic.plan(replace(REMINDER, to=(PARENT, OTHER_PARENT)))
        clinic.move_to(FIRST)
        assert not await clinic.loop.run_due()
        assert await clinic.runs(row) == []
        await w.store.change(LIVE, taken.id, Happening.CANCEL, "test")
        assert await clinic.loop.run_due()
        assert sorted(message.to for message in await clinic.messages() if message.id != taken.id) == [
            PARENT, OTHER_PARENT,
        ]  # fmt: skip
        (run,) = await clinic.runs(row)
        assert (run.state, run.accepted, run.refused) == ("sent", 2, 0)


async def test_one_schedule_that_must_wait_does_not_keep_another_from_being_sent(clinic: Clinic) -> None:
    broken, sound = await clinic.plan(), await clinic.plan(replace(REMINDER, to=(OTHER_PARENT,)))
    with sqlite3.connect(clinic.w.path) as db:
        db.execute("UPDATE schedule SET tags = '[1]' WHERE id = ?", (broken.id,))
    db.close()
    clinic.move_to(FIRST)
    assert not await clinic.loop.run_due()
    assert [message.to for message in await clinic.messages()] == [OTHER_PARENT]
    assert len(await clinic.runs(sound)) == 1


async def test_a_revoked_or_expired_key_stops_its_schedules(clinic: Clinic) -> None:
    await clinic.key("expiring")
    await clinic.w.store.change_key("default", "expiring", {"expires_at_ms": FIRST})
    await clinic.w.store.change_key("default", "key", {"revoked_at_ms": FIRST - 1})
    rows = [await clinic.plan(key_id=key) for key in ("key", "expiring", "unknown")]
    clinic.move_to(FIRST)
    assert await clinic.loop.run_due()
    now = [await clinic.schedules.get(LIVE, row.id) for row in rows]
    assert [(row.state, row.paused_reason) for row in now] == [
        ("paused", "key_revoked"), ("paused", "key_expired"), ("paused", "key_revoked"),
    ]  # fmt: skip
    assert await clinic.messages() == []


async def test_a_schedule_of_the_admin_key_goes_on_while_there_is_one(clinic: Clinic) -> None:
    await clinic.plan(key_id="admin")
    admin = Caller("admin", "GATEWAY_ADMIN_KEY", "default", frozenset({"*"}))
    clinic.move_to(FIRST)
    assert await clinic.again(ScheduleSettings(admin=admin)).loop.run_due()
    assert len(await clinic.messages()) == 1
    clinic.move_to(FIRST + WEEK_S * 1000)
    assert await clinic.again().loop.run_due()
    assert len(await clinic.messages()) == 1


async def test_KEY_7_a_sandbox_key_reaches_no_real_number_by_a_schedule(clinic: Clinic) -> None:
    await clinic.key("sandbox", sandbox=True)
    row = await clinic.plan(key_id="sandbox", sandbox=True)
    clinic.move_to(FIRST)
    assert await clinic.loop.run_due()
    assert (await clinic.runs(row))[0].refusals[0].code == "sandbox_only"
    assert await clinic.messages() == []


# ------------------------------------------------------------------ templates and groups


async def template(clinic: Clinic, texts: dict[str, str]) -> str:
    content = TemplateContent(f"reminder {len(texts)}", texts, "en")
    return (await clinic.w.store.templates.add("default", content, "key", sandbox=False)).id


async def test_CNT_3_a_schedule_sends_the_version_of_its_template_that_is_newest_or_pinned(
    clinic: Clinic,
) -> None:
    template_id = await template(clinic, {"en": "Swimming at {time}"})
    newest = PlannedMessage(to=(PARENT,), template_id=template_id, values={"time": "10:00"})
    await clinic.plan(newest)
    await clinic.plan(replace(newest, to=(OTHER_PARENT,), template_version=1))
    clinic.move_to(FIRST)
    assert await clinic.loop.run_due()
    changed = TemplateContent("reminder", {"en": "Today we swim, at {time}"}, "en")
    await clinic.w.store.templates.change(LIVE, template_id, 1, (changed, "key"))
    clinic.move_to(FIRST + WEEK_S * 1000)
    assert await clinic.loop.run_due()
    assert sorted((message.to, message.text or "") for message in await clinic.messages()) == [
        (PARENT, "Swimming at 10:00"),
        (PARENT, "Today we swim, at 10:00"),
        (OTHER_PARENT, "Swimming at 10:00"),
        (OTHER_PARENT, "Swimming at 10:00"),
    ]


@pytest.mark.parametrize("harm", ["deleted", "other placeholders", "damaged"])
async def test_a_template_that_cannot_be_used_any_more_refuses_the_occurrence(
    clinic: Clinic, harm: str
) -> None:
    template_id = await template(clinic, {"en": "Swimming at {time}"})
    both = PlannedMessage(to=(PARENT, OTHER_PARENT), template_id=template_id, values={"time": "10"})
    row = await clinic.plan(both)
    if harm == "deleted":
        await clinic.w.store.templates.delete(LIVE, template_id)
    elif harm == "damaged":
        with sqlite3.connect(clinic.w.path) as db:
            db.execute("UPDATE template_version SET texts = substr(texts, 1, 30)")
        db.close()
    else:
        other = TemplateContent("reminder", {"en": "Swimming in {place}"}, "en")
        await clinic.w.store.templates.change(LIVE, template_id, 1, (other, "key"))
    clinic.move_to(FIRST)
    assert await clinic.loop.run_due()
    (run,) = await clinic.runs(row)
    codes = {
        "deleted": "template_not_found", "other placeholders": "template_error", "damaged": "internal_error",
    }  # fmt: skip
    assert (run.state, run.refused, run.refusals[0].code) == ("refused", 2, codes[harm])
    assert (await clinic.schedules.get(LIVE, row.id)).state == "active"


async def test_a_group_is_read_at_each_occurrence_and_each_member_gets_their_language(clinic: Clinic) -> None:
    people, groups = clinic.w.store.contacts, clinic.w.store.groups
    group = await groups.add(LIVE, "5B")
    template_id = await template(clinic, {"en": "Swimming", "de": "Schwimmen"})
    row = await clinic.plan(PlannedMessage(group=group.id, template_id=template_id))
    cards = [
        ContactCard("Ann", PARENT, language="en"),
        ContactCard("Bert", OTHER_PARENT, language="de-AT"),
        ContactCard("Cleo", email="cleo@example.org"),
        *(ContactCard(f"P{n}", f"+44791112{n:04d}") for n in range(100)),
    ]
    ids = [(await people.add(LIVE, card)).id for card in cards]
    await groups.add_members(LIVE, group.id, ids)
    clinic.move_to(FIRST)
    assert await clinic.loop.run_due()
    texts = {message.to: message.text for message in await clinic.messages()}
    assert (texts[PARENT], texts[OTHER_PARENT], texts["+447911120099"]) == (
        "Swimming",
        "Schwimmen",
        "Swimming",
    )
    (run,) = await clinic.runs(row)
    assert (run.accepted, run.refused, run.refusals[0].index, run.refusals[0].code) == (
        102, 1, 2, "recipient_field_missing",
    )  # fmt: skip
    for contact_id in ids[1:]:
        await groups.remove_member(LIVE, group.id, contact_id)
    await clinic.to_next_of(row)
    assert (await clinic.runs(row))[0].accepted == 1
    await groups.delete(LIVE, group.id)
    await clinic.to_next_of(row)
    assert (await clinic.runs(row))[0].refusals[0].code == "not_found"


# ------------------------------------------------------------------ the loop itself


async def test_two_gateways_on_one_store_send_an_occurrence_once(clinic: Clinic) -> None:
    row = await clinic.plan(replace(REMINDER, to=tuple(f"+44791112{n:04d}" for n in range(80))))
    clinic.move_to(FIRST)
    await asyncio.gather(*(clinic.again().loop.run_due() for _ in range(4)))
    assert len(await clinic.messages()) == 80
    (run,) = await clinic.runs(row)
    assert run.accepted == 80


async def test_the_loop_wakes_for_a_schedule_that_is_made_while_it_sleeps(clinic: Clinic) -> None:
    clinic.move_to(FIRST - 1000)
    events = clinic.w.store.signal("events")
    task = asyncio.create_task(clinic.loop.run())
    try:
        events.clear()
        await clinic.plan()
        # The loop computes its sleep by this clock, so a second is all it sleeps once it has seen the schedule.
        clinic.move_to(FIRST)
        async with asyncio.timeout(30):
            await events.wait()
        assert len(await clinic.messages()) == 1
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_rule_that_ends_ends_its_schedule(clinic: Clinic) -> None:
    row = await clinic.plan(calendar=replace(MONDAYS, rrule="FREQ=WEEKLY;BYDAY=MO;COUNT=2"))
    await clinic.to_next_of(row)
    await clinic.to_next_of(row)
    assert len(await clinic.messages()) == 2
    ended = await clinic.schedules.get(LIVE, row.id)
    assert (ended.state, ended.next_at_ms) == ("ended", None)


async def test_a_schedule_deleted_meanwhile_is_nobodys_trouble(clinic: Clinic) -> None:
    row = await clinic.plan(key_id="unknown")
    clinic.move_to(FIRST)
    (due,) = await clinic.schedules.due(1)
    await clinic.schedules.delete(LIVE, row.id)
    assert await clinic.loop._carried_out(due)
    with pytest.raises(NotFound):
        await clinic.schedules.get(LIVE, row.id)


@given(
    every_h=st.integers(1, 40),
    behind_h=st.integers(0, 400),
    late_ms=st.integers(0, 3_600_000),
    catch_up_s=st.integers(0, 200_000),
)
def test_of_what_is_due_at_most_the_newest_is_sent_and_nothing_is_left_behind(
    every_h: int, behind_h: int, late_ms: int, catch_up_s: int
) -> None:
    recurrence = parse(f"FREQ=HOURLY;INTERVAL={every_h}", "2026-01-01T00:00:00", "UTC")
    first = at_ms("2026-01-05T00:00:00+00:00")
    first = recurrence.next_after_ms(first - 1) or 0
    now = first + behind_h * 3_600_000 + late_ms
    sent, following = newest_due(recurrence, first, now, now - catch_up_s * 1000)
    every_ms = every_h * 3_600_000
    newest = first + (now - first) // every_ms * every_ms
    assert sent == (newest if now - newest <= catch_up_s * 1000 else None)
    # Whatever was sent: what comes next is later than now, and no occurrence lies between.
    assert following == newest + every_ms
    assert following > now

"""Owns the contract of a store for notifications: accepted once, moved on by verdicts, by texts, by time, by a crash.

Runs on every store of ``conftest``; the clock is moved by hand.
Source: W1, W4; rules API-8, DAT-1, TEN-1; the HTTP interface (notifications with fallback).
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Any, get_args

import pytest

from gateway.ids import new_id
from gateway.lifecycle import Happening
from gateway.notification_flow import (
    AttemptStatus,
    Channel,
    Doubtful,
    NoRoom,
    NotificationState,
    Overdue,
    Reached,
    Refused,
)
from gateway.store.approvals import Decision
from gateway.store.migrations import __file__ as migrations_file
from gateway.store.notification_fate import error_of
from gateway.store.notification_rows import (
    Bulk,
    Due,
    NewNotification,
    Notification,
    NotificationContent,
    NotificationRecipient,
    Sender,
    SmsChoices,
    Tried,
)
from gateway.store.notifications import NotificationFilter
from gateway.store.protocol import IdempotencyKeyReused, NotFound
from gateway.store.rows import IdempotencyKey, StoredAnswer, View
from tests.peers.store_world import ALICE, LIVE, World

SENDER = Sender("key", "crm", "default", ("messages:send",), sandbox=False)
ANSWER = StoredAnswer(202, b'{"status":"queued"}')
SAID_NO = Refused(error_of("channel_refused", permanent=True), permanent=True)
NOT_NOW = Refused(error_of("channel_unreachable"), permanent=False)
UNSURE = Doubtful(error_of("channel_in_doubt"))


def new(w: World, *channels: Channel, **changes: Any) -> NewNotification:
    one = NewNotification(
        id=new_id(),
        sender=SENDER,
        sandbox=False,
        bulk_id=None,
        recipient=NotificationRecipient(phone=ALICE, email="ann@example.org"),
        content=NotificationContent("Parents' evening", "It moved to 18:30", None),
        channels=channels or ("sms", "email"),
        fallback_after_s=None,
        sms=SmsChoices(tags={"class": "5B"}),
        created_at_ms=w.now_ms,
    )
    return replace(one, **changes)


async def accepted(w: World, *channels: Channel, **changes: Any) -> str:
    one = new(w, *channels, **changes)
    assert await w.store.notifications.accept(one, None, ANSWER) is None
    return one.id


async def due(w: World, channel: Channel) -> list[Due]:
    return list((await w.store.notifications.due(channel, 100)).work)


async def only(w: World, channel: Channel) -> Due:
    (one,) = await due(w, channel)
    return one


async def shown(w: World, notification_id: str) -> Notification:
    return await w.store.notifications.get(LIVE, notification_id)


async def tried(w: World, notification_id: str) -> list[tuple[str, str]]:
    return [(attempt.channel, attempt.status) for attempt in (await shown(w, notification_id)).attempts]


async def told(w: World) -> list[str]:
    events = await w.store.events_after(LIVE, 0, 1000)
    return [event.type for event in events if event.type.startswith("notification.")]


async def carried(w: World, **message: Any) -> tuple[str, str]:
    """Let a text carry what is due; gives the attempt and the message."""
    one = await only(w, "sms")
    text = await w.admit(**message)
    attempt_id = new_id()
    await w.store.notifications.carried(one, attempt_id, text.id)
    return attempt_id, text.id


async def follow(w: World) -> None:
    await w.store.notifications.follow_messages(None, 100)


async def settled(w: World, channel: Channel, verdict: Any, *, begun: bool = True) -> None:
    one = await only(w, channel)
    attempt_id = one.attempt_id or new_id()
    if begun:
        assert await w.store.notifications.begin(one, attempt_id)
    await w.store.notifications.settle(one, attempt_id, verdict, Tried("550 no such mailbox"))


async def test_an_accepted_notification_is_due_on_its_first_channel_with_all_that_is_to_be_sent(
    w: World,
) -> None:
    notification_id = await accepted(w)
    one = await only(w, "sms")
    assert (one.id, one.step, one.has_next) == (notification_id, 0, True)
    assert one.recipient.email == "ann@example.org"
    assert one.content.body == "It moved to 18:30"
    assert one.sender == SENDER
    assert one.sms.tags == {"class": "5B"}
    assert await due(w, "email") == []
    first = await shown(w, notification_id)
    assert (first.state, first.channel, first.attempts) == ("queued", "sms", ())


async def test_API_8_the_same_key_gives_the_first_answer_and_stores_nothing_more(w: World) -> None:
    key = IdempotencyKey("scope", "k1", "print")
    assert await w.store.notifications.accept(new(w), key, ANSWER) is None
    again = await w.store.notifications.accept(new(w), key, StoredAnswer(202, b"other"))
    assert again == ANSWER
    assert len(await due(w, "sms")) == 1
    with pytest.raises(IdempotencyKeyReused):
        await w.store.notifications.accept(new(w), replace(key, fingerprint="another"), ANSWER)


async def test_DAT_1_neither_recipient_nor_words_stand_in_the_file(w: World) -> None:
    await accepted(w)
    one = await only(w, "sms")
    await w.store.notifications.settle(one, new_id(), SAID_NO, Tried("550 ann@example.org is unknown"))
    await w.store.close()
    octets = b"".join(part.read_bytes() for part in w.path.parent.iterdir() if part.is_file())
    for secret in (ALICE, "ann@example.org", "It moved", "evening"):
        assert secret.encode() not in octets


async def test_TEN_1_another_tenants_notification_is_not_found(w: World) -> None:
    notification_id = await accepted(w)
    for view in (View("other"), View("default", sandbox_only=True)):
        with pytest.raises(NotFound):
            await w.store.notifications.get(view, notification_id)
        page = await w.store.notifications.page(view, NotificationFilter(), 10, None)
        assert page.items == ()


async def test_a_text_that_is_delivered_makes_the_notification_delivered(w: World) -> None:
    line = await w.line()
    notification_id = await accepted(w)
    _, message_id = await carried(w)
    assert await tried(w, notification_id) == [("sms", "queued")]
    await w.all_sent(await w.take(line))
    await follow(w)
    assert (await shown(w, notification_id)).state == "sent"
    await w.report(line, 1)
    await follow(w)
    final = await shown(w, notification_id)
    assert (final.state, final.channel, final.attempts[0].message_id) == ("delivered", "sms", message_id)
    assert await told(w) == ["notification.sent", "notification.delivered"]
    assert await due(w, "email") == []


@pytest.mark.parametrize("end", ["undelivered", "failed", "expired", "cancelled"])
async def test_a_text_that_does_not_arrive_hands_over_to_the_next_channel(w: World, end: str) -> None:
    line = await w.line()
    notification_id = await accepted(w)
    _, message_id = await carried(w)
    if end == "cancelled":
        await w.store.change(LIVE, message_id, Happening.CANCEL, "key:k")
    elif end == "expired":
        w.clock.pass_s(49 * 3600)
        await w.store.tick()
    elif end == "failed":
        await w.rejected(await w.take(line))
    else:
        await w.all_sent(await w.take(line))
        await w.report(line, 1, st=0x45)
    assert await w.state(message_id) == end
    await follow(w)
    assert await tried(w, notification_id) == [("sms", "failed")]
    assert (await shown(w, notification_id)).attempts[0].error is not None
    again = await only(w, "email")
    assert (again.id, again.step, again.has_next) == (notification_id, 1, False)
    await settled(w, "email", Reached("sent"))
    assert await tried(w, notification_id) == [("sms", "failed"), ("email", "sent")]
    assert (await shown(w, notification_id)).state == "sent"


@pytest.mark.parametrize("end", ["failed", "expired", "cancelled"])
async def test_CNT_2_a_text_that_nobody_released_goes_by_no_other_channel(w: World, end: str) -> None:
    notification_id = await accepted(w)
    _, message_id = await carried(w, held_reason="approval", key_id="author")
    if end == "failed":
        (asked,) = (await w.store.approvals.page(LIVE, None, 10, None)).items
        await w.store.approvals.decide(LIVE, asked.id, Decision(False, asked.digest, "head", "head"))
    elif end == "expired":
        w.clock.pass_s(49 * 3600)
        await w.store.tick()
    else:
        await w.store.change(LIVE, message_id, Happening.CANCEL, "gateway")
    assert await w.state(message_id) == end
    await follow(w)
    assert ((await shown(w, notification_id)).state, await due(w, "email")) == ("failed", [])
    assert await tried(w, notification_id) == [("sms", "failed")]


async def test_CNT_2_a_text_that_ended_unreleased_before_it_was_known_what_it_carries_goes_no_other_way(
    w: World,
) -> None:
    notification_id = await accepted(w)
    one, text = await only(w, "sms"), await w.admit(held_reason="approval")
    await w.store.change(LIVE, text.id, Happening.CANCEL, "gateway")
    # A crash lay between: what carries it is written down only now.
    await w.store.notifications.carried(one, new_id(), text.id)
    assert ((await shown(w, notification_id)).state, await due(w, "email")) == ("failed", [])


async def test_CNT_2_time_that_is_up_while_a_text_waits_for_a_yes_starts_no_other_channel(w: World) -> None:
    notification_id = await accepted(w, fallback_after_s=3600)
    _, message_id = await carried(w, held_reason="approval")
    w.clock.pass_s(3601)
    one = await only(w, "sms")
    await w.store.change(LIVE, message_id, Happening.CANCEL, "gateway")
    await w.store.notifications.settle(one, one.attempt_id or "", Overdue(error_of("expired")), Tried(None))
    assert ((await shown(w, notification_id)).state, await due(w, "email")) == ("failed", [])


@pytest.mark.parametrize(
    ("code", "purpose", "goes_on"),
    [
        ("content_refused", "transactional", False),
        ("consent_required", "marketing", False),
        ("recipient_opted_out", "marketing", False),
        ("recipient_opted_out", "transactional", True),
        ("premium_number", "marketing", True),
    ],
)
async def test_CON_2_a_refusal_of_the_words_or_of_marketing_holds_for_every_channel(
    w: World, code: str, purpose: Any, goes_on: bool
) -> None:
    notification_id = await accepted(w, sms=SmsChoices(purpose=purpose))
    await settled(w, "sms", Refused(error_of(code, permanent=True), permanent=True), begun=False)
    assert [one.id for one in await due(w, "email")] == ([notification_id] if goes_on else [])
    assert (await shown(w, notification_id)).state == ("queued" if goes_on else "failed")


async def test_a_report_that_comes_after_the_fallback_still_makes_it_delivered_and_calls_the_mail_back(
    w: World,
) -> None:
    line = await w.line()
    notification_id = await accepted(w)
    await carried(w)
    await w.all_sent(await w.take(line))
    await w.report(line, 1, st=0x45)
    await follow(w)
    mail = await only(w, "email")
    await w.report(line, 1, st=0)
    await follow(w)
    assert (await shown(w, notification_id)).state == "delivered"
    assert await due(w, "email") == []
    assert not await w.store.notifications.begin(mail, new_id())
    assert await tried(w, notification_id) == [("sms", "delivered")]


async def test_a_text_that_moved_before_it_was_written_down_is_taken_over_with_it(w: World) -> None:
    line = await w.line()
    notification_id = await accepted(w)
    one = await only(w, "sms")
    text = await w.admit()
    await w.all_sent(await w.take(line))
    await follow(w)
    await w.store.notifications.carried(one, new_id(), text.id)
    assert (await shown(w, notification_id)).state == "sent"


async def test_what_moved_while_the_gateway_was_off_is_followed_at_the_next_start(w: World) -> None:
    line = await w.line()
    first = await accepted(w)
    await carried(w)
    await follow(w)
    await w.all_sent(await w.take(line))
    await w.report(line, 1)
    # Nobody remembers anything but the store.
    moved = await w.store.notifications.follow_messages(None, 1)
    while moved.more:
        moved = await w.store.notifications.follow_messages(moved.up_to, 1)
    assert (await shown(w, first)).state == "delivered"


async def test_a_text_in_doubt_is_waited_for_because_a_report_may_settle_it(w: World) -> None:
    line = await w.line()
    notification_id = await accepted(w)
    await carried(w)
    await w.lost(await w.take(line))
    await follow(w)
    waiting = await shown(w, notification_id)
    assert (waiting.state, waiting.attempts[0].status) == ("queued", "in_doubt")
    assert await due(w, "email") == []


async def test_a_letter_is_tried_again_later_and_then_given_up_for_the_next_channel(w: World) -> None:
    notification_id = await accepted(w, "email", "sms")
    waits = []
    for _ in range(2):
        await settled(w, "email", NOT_NOW, begun=False)
        assert await due(w, "email") == []
        next_at_ms = (await w.store.notifications.due("email", 1)).next_at_ms
        assert next_at_ms is not None
        waits.append((next_at_ms - w.now_ms) // 1000)
        w.clock.pass_s(waits[-1])
    assert waits == [30, 120]
    await settled(w, "email", NOT_NOW)
    assert await tried(w, notification_id) == [("email", "failed")]
    assert (await only(w, "sms")).step == 1
    attempt = (await shown(w, notification_id)).attempts[0]
    assert (attempt.tries, attempt.detail) == (3, "550 no such mailbox")


async def test_the_last_channel_fails_for_good_when_it_is_refused_for_good(w: World) -> None:
    notification_id = await accepted(w, "email")
    await settled(w, "email", SAID_NO)
    assert (await shown(w, notification_id)).state == "failed"
    assert await told(w) == ["notification.failed"]
    assert await due(w, "email") == []


async def test_an_event_of_a_notification_holds_no_words_and_not_what_the_other_side_said(w: World) -> None:
    await accepted(w, "email")
    await settled(w, "email", SAID_NO)
    (event,) = [e for e in await w.store.events_after(LIVE, 0, 100) if e.type == "notification.failed"]
    assert set(event.payload) == {
        "notification_id", "status", "channel", "channels", "held_reason", "bulk_id", "created_at", "attempts",
    }  # fmt: skip
    assert "mailbox" not in str(event.payload)
    assert "example.org" not in str(event.payload)


async def test_no_room_here_costs_no_try(w: World) -> None:
    notification_id = await accepted(w, "sms", "email")
    for _ in range(5):
        await settled(w, "sms", NoRoom(), begun=False)
        w.clock.pass_s(31)
    assert (await only(w, "sms")).tries == 0
    assert await tried(w, notification_id) == []


async def test_a_letter_that_was_being_handed_over_when_the_gateway_died_is_in_doubt_and_never_sent_again(
    w: World,
) -> None:
    notification_id = await accepted(w, "email", "sms")
    one = await only(w, "email")
    assert await w.store.notifications.begin(one, new_id())
    assert await due(w, "email") == []
    assert await w.store.notifications.recover() == 1
    assert await due(w, "email") == []
    assert await due(w, "sms") == []
    left = await shown(w, notification_id)
    assert (left.state, left.attempts[0].status) == ("failed", "in_doubt")
    assert left.attempts[0].error is not None
    assert left.attempts[0].error.code == "channel_in_doubt"


async def test_a_letter_in_doubt_is_followed_by_the_next_channel_when_the_time_for_it_was_limited(
    w: World,
) -> None:
    notification_id = await accepted(w, "email", "sms", fallback_after_s=600)
    await settled(w, "email", UNSURE)
    assert await due(w, "email") == []
    w.clock.pass_s(601)
    one = await only(w, "email")
    assert one.status == "in_doubt"
    await w.store.notifications.settle(one, one.attempt_id or "", Overdue(), Tried())
    assert (await only(w, "sms")).step == 1
    assert await tried(w, notification_id) == [("email", "in_doubt")]


async def test_two_that_begin_the_same_try_cannot_both_have_it(w: World) -> None:
    await accepted(w, "email")
    one = await only(w, "email")
    assert await w.store.notifications.begin(one, new_id())
    assert not await w.store.notifications.begin(one, new_id())


async def test_a_channel_does_single_ones_before_those_of_a_bulk(w: World) -> None:
    bulk = await _stored_bulk(w, 3)
    await w.store.notifications.finish_bulk(bulk, None, ANSWER)
    w.clock.pass_s(60)
    alone = await accepted(w)
    work = (await w.store.notifications.due("sms", 2)).work
    assert work[0].id == alone
    assert len(work) == 2


async def _stored_bulk(w: World, count: int) -> Bulk:
    bulk = Bulk(new_id(), "default", "key", False, count, count, (), (), w.now_ms)
    await w.store.notifications.begin_bulk(bulk)
    await w.store.notifications.add_to_bulk([new(w, bulk_id=bulk.id) for _ in range(count)])
    return bulk


async def test_nothing_of_a_bulk_is_there_before_it_is_whole(w: World) -> None:
    bulk = await _stored_bulk(w, 3)
    assert await due(w, "sms") == []
    assert (await w.store.notifications.page(LIVE, NotificationFilter(), 10, None)).items == ()
    with pytest.raises(NotFound):
        await w.store.notifications.bulk(LIVE, bulk.id)
    await w.store.notifications.finish_bulk(bulk, None, ANSWER)
    assert len(await due(w, "sms")) == 3
    assert (await w.store.notifications.bulk(LIVE, bulk.id)).counts == {"queued": 3}


async def test_a_bulk_that_a_crash_left_half_stored_is_gone_and_the_one_being_stored_now_stays(
    w: World,
) -> None:
    left = await _stored_bulk(w, 3)
    w.store.notifications.run = new_id()
    now = await _stored_bulk(w, 2)
    await w.store.notifications.recover()
    await w.store.notifications.finish_bulk(now, None, ANSWER)
    page = await w.store.notifications.page(LIVE, NotificationFilter(), 10, None)
    assert {item.bulk_id for item in page.items} == {now.id}
    assert len(page.items) == 2
    await w.store.notifications.finish_bulk(left, None, ANSWER)
    with pytest.raises(NotFound):
        await w.store.notifications.bulk(LIVE, left.id)


async def test_API_8_a_bulk_that_was_answered_meanwhile_is_dropped_for_the_first_answer(w: World) -> None:
    key = IdempotencyKey("scope", "k1", "print")
    first, second = await _stored_bulk(w, 2), await _stored_bulk(w, 2)
    assert await w.store.notifications.finish_bulk(first, key, ANSWER) is None
    assert await w.store.notifications.finish_bulk(second, key, StoredAnswer(202, b"other")) == ANSWER
    assert len(await due(w, "sms")) == 2
    with pytest.raises(NotFound):
        await w.store.notifications.bulk(LIVE, second.id)


async def test_the_list_pages_newest_first_and_narrows_by_bulk_and_state(w: World) -> None:
    ids = [await accepted(w, "email") for _ in range(3)]
    await settled_first(w)
    first = await w.store.notifications.page(LIVE, NotificationFilter(), 2, None)
    assert [item.id for item in first.items] == [ids[2], ids[1]]
    rest = await w.store.notifications.page(LIVE, NotificationFilter(), 2, first.next)
    assert ([item.id for item in rest.items], rest.next) == ([ids[0]], None)
    failed = await w.store.notifications.page(LIVE, NotificationFilter(state="failed"), 5, None)
    assert [item.id for item in failed.items] == [ids[0]]


async def settled_first(w: World) -> None:
    one = (await due(w, "email"))[0]
    await w.store.notifications.settle(one, new_id(), SAID_NO, Tried())


async def test_words_that_were_changed_on_disk_are_never_sent(w: World) -> None:
    first, second = await accepted(w, "email"), await accepted(w, "email")
    with sqlite3.connect(w.path) as db:
        db.execute(
            "UPDATE notification SET body = (SELECT body FROM notification WHERE id = ?) WHERE id = ?",
            (second, first),
        )
    db.close()
    found = await w.store.notifications.due("email", 10)
    assert found.unreadable == (first,)
    assert [one.id for one in found.work] == [second]
    await w.store.notifications.damaged(first)
    assert (await shown(w, first)).state == "failed"
    assert (await w.store.notifications.due("email", 10)).unreadable == ()


async def test_a_restored_backup_tells_nobody_until_it_is_released(w: World) -> None:
    notification_id = await accepted(w, "email")
    await w.store.hold_restored()
    assert await due(w, "email") == []
    assert (await shown(w, notification_id)).held_reason == "restored"
    await w.store.release_restored("other", "key:k")
    assert await due(w, "email") == []
    await w.store.release_restored("default", "key:k")
    assert (await only(w, "email")).id == notification_id


async def test_a_clock_that_steps_moves_what_waits_and_the_time_of_the_next_channel_with_it(w: World) -> None:
    await accepted(w, "email", "sms", fallback_after_s=600)
    await settled(w, "email", NOT_NOW)
    before = (await w.store.notifications.due("email", 1)).next_at_ms
    assert before == w.now_ms + 30_000
    w.clock.wall_ms += 3_600_000
    await w.store.step_clock(3_600_000, 0)
    assert (await w.store.notifications.due("email", 1)).next_at_ms == before + 3_600_000
    w.clock.pass_s(31)
    assert (await only(w, "email")).deadline_ms == w.now_ms + 569_000


def test_the_states_in_the_schema_are_those_of_the_code() -> None:
    path = migrations_file.replace("__init__.py", "0006_notifications.sql")
    with open(path) as file:  # noqa: PTH123
        schema = file.read()
    for kind, column in ((NotificationState, "state"), (AttemptStatus, "status"), (Channel, "channel")):
        listed = ", ".join(f"'{each}'" for each in get_args(kind))
        assert f"CHECK ({column} IN ({listed}))" in schema

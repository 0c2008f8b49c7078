"""Owns the contract of a batch that is being received: nobody sees it, and what is not to be leaves nothing behind.

Runs on every store of ``conftest``; the clock is moved by hand.
Source: invariant W1; rules API-3 (all or nothing), CNT-2 (nothing that waits for a yes goes out another way).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.ids import new_id
from gateway.lifecycle import Happening
from gateway.message import APPROVAL
from gateway.store import batches
from gateway.store.batch_rows import Fallback, Incoming, NewBatch
from gateway.store.notification_rows import Sender
from gateway.store.notifications import NotificationFilter
from gateway.store.protocol import NotFound
from gateway.store.questions import APPROVAL_MS, Decision
from gateway.store.rows import Prepared
from tests.peers.store_world import LIVE, World

SENDER = Sender("key", "office", "default", ("messages:send",), sandbox=False)
MAIL = Fallback("ann@example.org", ("email",), None, SENDER)
MINUTE_MS = 60_000
PEOPLE = 3


async def receive(w: World, *, fallback: Fallback | None = MAIL, valid_ms: int | None = None) -> str:
    """Begin a batch and store its rows; returns its id."""
    batch_id = new_id()
    new = NewBatch(
        batch_id, "default", "key", sandbox=False, purpose="transactional", created_at_ms=w.now_ms, text="hello",
        fallback=("email",) if fallback else None,
    )  # fmt: skip
    await w.store.batches.create(new)
    rows = [w.new(batch_id=batch_id, to=f"+44770090{n:04d}") for n in range(PEOPLE)]
    if valid_ms is not None:
        rows = [replace(row, expires_at_ms=w.now_ms + valid_ms) for row in rows]
    incoming = [Incoming(n, row, fallback=fallback) for n, row in enumerate(rows)]
    await w.store.batches.add(batch_id, incoming, [])
    return batch_id


async def mails_due(w: World) -> int:
    """Follow the texts, then count whom the mail server would be given now."""
    await w.store.notifications.follow_messages(None, 200)
    return len((await w.store.notifications.due("email", 100)).work)


async def told(w: World) -> list[str]:
    page = await w.store.notifications.page(LIVE, NotificationFilter(), 100, None)
    return [each.state for each in page.items]


async def test_API_3_what_is_dropped_leaves_no_row_and_no_count(w: World) -> None:
    batch_id = await receive(w)
    await w.store.batches.discard(batch_id, "default")
    assert sum((await w.store.counts("default")).values()) == 0
    assert await told(w) == []
    assert await w.store.batches.unfinished() == ()
    with pytest.raises(NotFound):
        await w.store.batches.finish(batch_id, None, None, 0)


async def test_W1_a_batch_that_was_let_go_is_not_dropped_by_a_client_that_never_heard_of_it(
    w: World,
) -> None:
    """Its last commit came through, and only the answer was lost: what is on air cannot be taken back."""
    line = await w.line()
    batch_id = await receive(w)
    await w.store.batches.finish(batch_id, None, None, 0)
    await w.all_sent(await w.take(line))
    await w.store.batches.discard(batch_id, "default")
    batch = await w.store.batches.one(LIVE, batch_id)
    assert (batch.state, batch.counts) == ("running", {"queued": PEOPLE - 1, "sent": 1})
    assert len(await told(w)) == PEOPLE


async def test_W1_nobody_is_told_by_another_channel_while_the_batch_still_comes_in(w: World) -> None:
    batch_id = await receive(w, valid_ms=MINUTE_MS)
    w.clock.pass_s(61)
    await w.store.tick()
    assert await mails_due(w) == 0
    assert await told(w) == []
    await w.store.batches.finish(batch_id, None, None, 0)
    assert await mails_due(w) == PEOPLE


async def test_API_3_what_fell_back_while_it_came_in_is_dropped_with_it(w: World) -> None:
    batch_id = await receive(w, valid_ms=MINUTE_MS)
    w.clock.pass_s(61)
    await w.store.tick()
    assert await mails_due(w) == 0
    await w.store.batches.discard(batch_id, "default")
    assert await told(w) == []
    assert await mails_due(w) == 0


async def test_CNT_2_a_batch_that_nobody_approved_in_time_goes_out_by_no_channel(w: World) -> None:
    batch_id = await receive(w)
    await w.store.batches.finish(batch_id, APPROVAL, None, 0)
    w.clock.pass_s(APPROVAL_MS / 1000 + 1)
    await w.store.tick()
    await w.store.tick()
    batch = await w.store.batches.one(LIVE, batch_id)
    assert (batch.state, batch.counts) == ("expired", {"expired": PEOPLE})
    assert await mails_due(w) == 0
    assert await told(w) == ["failed"] * PEOPLE


async def decide(w: World, *, yes: bool) -> None:
    """Let a second person answer the only question that is open."""
    (asked,) = (await w.store.approvals.page(LIVE, "pending", 10, None)).items
    await w.store.approvals.decide(LIVE, asked.id, Decision(yes, asked.digest, "head", "head"))


async def end_held(w: World, batch_id: str, end: str) -> None:
    if end == "rejected":
        await decide(w, yes=False)
    elif end == "cancelled":
        await w.store.batches.change(LIVE, batch_id, "cancel")
    else:
        w.clock.pass_s(APPROVAL_MS / 1000)
        await w.store.tick()


@pytest.mark.parametrize("end", ["rejected", "expired", "cancelled"])
async def test_CNT_2_texts_that_expire_while_their_batch_is_held_are_told_by_no_channel(
    w: World, end: str
) -> None:
    batch_id = await receive(w, valid_ms=MINUTE_MS)
    await w.store.batches.finish(batch_id, APPROVAL, None, 0)
    w.clock.pass_s(61)
    await w.store.tick()
    assert await mails_due(w) == 0
    await end_held(w, batch_id, end)
    assert await mails_due(w) == 0
    await w.store.tick()
    assert (await w.store.batches.one(LIVE, batch_id)).state == end
    assert await told(w) == ["failed"] * PEOPLE
    page = await w.store.notifications.page(LIVE, NotificationFilter(), 100, None)
    said = {
        attempt.error.title for each in page.items for attempt in each.attempts if attempt.error is not None
    }
    assert ("The batch was taken back" in said) is (end == "cancelled")
    assert ("Nobody released the text" in said) is (end != "cancelled")
    due = await w.store.notifications.due("email", 100)
    assert (due.work, due.next_at_ms) == ((), None), "nothing is due for ever"


async def test_CNT_2_the_letters_of_a_batch_that_was_refused_end_a_few_at_a_time_and_none_goes_out(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim waits behind each step; a batch may have a hundred thousand."""
    monkeypatch.setattr(batches, "END_ROWS", 2)
    batch_id = await receive(w, valid_ms=MINUTE_MS)
    await w.store.batches.finish(batch_id, APPROVAL, None, 0)
    w.clock.pass_s(61)
    await w.store.tick()
    assert await mails_due(w) == 0
    await decide(w, yes=False)
    for ended in (2, PEOPLE):
        await w.store.tick()
        assert (await told(w)).count("failed") == ended
        assert await mails_due(w) == 0


async def test_CNT_2_texts_that_expire_in_the_moment_in_which_their_batch_does_are_told_by_no_channel(
    w: World,
) -> None:
    batch_id = await receive(w, valid_ms=APPROVAL_MS - 1)
    await w.store.batches.finish(batch_id, APPROVAL, None, 0)
    w.clock.pass_s(APPROVAL_MS / 1000)
    await w.store.tick()
    assert await mails_due(w) == 0
    assert await told(w) == ["failed"] * PEOPLE


async def test_CNT_2_texts_that_expire_while_their_batch_is_held_are_told_by_mail_after_a_yes(
    w: World,
) -> None:
    batch_id = await receive(w, valid_ms=MINUTE_MS)
    await w.store.batches.finish(batch_id, APPROVAL, None, 0)
    w.clock.pass_s(61)
    await w.store.tick()
    assert await mails_due(w) == 0
    await decide(w, yes=True)
    assert await mails_due(w) == PEOPLE


async def doubtful(w: World, **changes: Any) -> Prepared:
    """Complete a batch of one text of which nobody knows whether it left."""
    line, batch_id = await w.line(), new_id()
    await w.store.batches.create(NewBatch(batch_id, "default", "key", False, "transactional", w.now_ms))
    await w.store.batches.add(batch_id, [Incoming(1, w.new(batch_id=batch_id, **changes))], [])
    await w.store.batches.finish(batch_id, None, None, 0)
    attempt = await w.take(line)
    await w.lost(attempt)
    await w.store.tick()
    assert (await w.store.batches.one(LIVE, batch_id)).state == "completed"
    return attempt


async def test_a_text_in_doubt_goes_again_though_its_batch_is_completed(w: World) -> None:
    await doubtful(w, on_doubt="resend")
    w.clock.pass_s(30)
    await w.store.tick()
    assert (await w.claim(await w.line())).prepared is not None


async def test_a_person_sends_a_text_in_doubt_again_though_its_batch_is_completed(w: World) -> None:
    attempt = await doubtful(w)
    await w.store.change(LIVE, attempt.work.message.id, Happening.RESEND, "head")
    assert (await w.claim(await w.line())).prepared is not None

"""Owns the contract of a store for messages as the API sees them: admission, idempotency, lists, counts, two tenants.

Runs on every store of ``conftest``; knows no HTTP.
Source: W1; rules API-8, API-10, TEN-1, KEY-7.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.lifecycle import Conflict, Happening
from gateway.message import FINAL_STATES, QUIET_HOURS, MessageState
from gateway.policy.tariff import Tariff
from gateway.store.approvals import Decision
from gateway.store.protocol import IdempotencyKeyReused, NotFound
from gateway.store.rows import (
    Admitted,
    IdempotencyKey,
    KeyRow,
    MessageFilter,
    Prepared,
    StoredAnswer,
    View,
    WebhookRow,
)
from tests.peers.store_world import LIVE, World, deliver

ANY = MessageFilter()
SANDBOX = View("default", sandbox_only=True)
OTHER = View("other")


def key(name: str, body: str = "body") -> IdempotencyKey:
    return IdempotencyKey("scope", name, body)


# ------------------------------------------------------------------ admission


async def test_one_key_fifty_times_at_once_makes_one_message(w: World) -> None:
    answers = await asyncio.gather(*(w.store.admit(w.new(), key("k")) for _ in range(50)))
    assert len({a.message.id for a in answers}) == 1
    assert sum(a.replayed for a in answers) == 49
    assert await w.store.counts("default") == {MessageState.QUEUED: 1}


async def test_a_key_with_another_body_is_refused_and_stores_nothing(w: World) -> None:
    await w.store.admit(w.new(), key("k"))
    with pytest.raises(IdempotencyKeyReused):
        await w.store.admit(w.new(), key("k", "other body"))
    assert await w.store.counts("default") == {MessageState.QUEUED: 1}


async def test_the_same_key_in_another_scope_is_another_key(w: World) -> None:
    await w.store.admit(w.new(), key("k"))
    other = await w.store.admit(w.new(), IdempotencyKey("another", "k", "body"))
    assert not other.replayed


async def test_a_replay_shows_the_first_answer_whatever_has_become_of_the_message(w: World) -> None:
    a = await w.line("a")
    first = await w.store.admit(w.new(), key("k"))
    await w.sent(await w.take(a))
    assert (await w.store.admit(w.new(), key("k"))).message == first.message


@pytest.mark.parametrize("held_reason", ["approval", "content:money", QUIET_HOURS])
async def test_API_8_a_replay_says_that_it_waited_and_why_when_it_waits_no_more(
    w: World, held_reason: str
) -> None:
    first = await waiting(w, held_reason)
    assert (await w.get(first.message.id)).held_reason is None
    await w.sent(await w.take(await w.line(tariff=Tariff("GBP", 50_000))))
    again = await w.store.admit(w.new(), key("k"))
    assert (again.replayed, again.message) == (True, first.message)
    created_ms = first.message.created_at_ms
    assert again.message.shown_state(created_ms) == first.message.shown_state(created_ms) != "queued"


async def test_API_8_a_replay_does_not_say_that_it_waited_when_it_did_only_later(w: World) -> None:
    first = await w.store.admit(w.new(), key("k"))
    await w.store.hold_restored()
    assert (await w.get(first.message.id)).held_reason == "restored"
    assert (await w.store.admit(w.new(), key("k"))).message == first.message


async def test_API_8_the_replay_of_a_record_from_before_its_reason_was_kept_is_that_of_the_message(
    w: World,
) -> None:
    first = await waiting(w, "approval")
    with closing(sqlite3.connect(w.path)) as database, database:
        database.execute("UPDATE idempotency SET status = NULL, body = NULL")
    again = await w.store.admit(w.new(), key("k"))
    assert (again.replayed, again.message.id) == (True, first.message.id)
    assert (again.message.state, again.message.held_reason) == (MessageState.QUEUED, None)


async def waiting(w: World, held_reason: str) -> Admitted:
    """Admit a message that waits for an hour or a person, and let it go; returns the first answer."""
    due_at_ms = w.now_ms + 3_600_000 if held_reason == QUIET_HOURS else None
    first = await w.store.admit(w.new(held_reason=held_reason, due_at_ms=due_at_ms), key("k"))
    if held_reason == QUIET_HOURS:
        w.clock.pass_s(3600)
        await w.store.tick()
    else:
        (asked,) = (await w.store.approvals.page(LIVE, None, 10, None)).items
        await w.store.approvals.decide(LIVE, asked.id, Decision(True, asked.digest, "head", "head"))
    return first


async def test_a_key_is_forgotten_after_two_days(w: World) -> None:
    await w.store.admit(w.new(), key("k"))
    w.clock.pass_s(2 * 86_400 + 1)
    await w.store.prune()
    assert not (await w.store.admit(w.new(), key("k"))).replayed


async def test_the_answer_of_a_post_that_makes_no_message_is_kept_byte_for_byte(w: World) -> None:
    assert await w.store.answered(key("k")) is None
    await w.store.keep_answer(key("k"), StoredAnswer(201, b'{"a": 1}'))
    await w.store.keep_answer(key("k"), StoredAnswer(201, b"later"))
    assert await w.store.answered(key("k")) == StoredAnswer(201, b'{"a": 1}')
    with pytest.raises(IdempotencyKeyReused):
        await w.store.answered(key("k", "other body"))


async def test_what_is_admitted_is_read_back_whole(w: World) -> None:
    new = w.new(
        text="Grüße 👋",
        coding="ucs2",
        tags={"a": "b"},
        reference="r",
        batch_id="b",
        warnings=("w",),
        flash=True,
    )
    admitted = (await w.store.admit(new, None)).message
    assert await w.get(new.id) == admitted
    assert (admitted.text, admitted.tags, admitted.warnings, admitted.flash) == (
        "Grüße 👋",
        {"a": "b"},
        ("w",),
        True,
    )
    octets = w.new(text=None, octets=b"\x00\xff", port=5000, coding="8bit", parts=1)
    await w.store.admit(octets, None)
    assert (await w.get(octets.id)).octets == b"\x00\xff"


# ------------------------------------------------------------------ lists


async def test_pages_neither_repeat_nor_miss_while_messages_come_in(w: World) -> None:
    ids = [(await w.admit()).id for _ in range(7)]
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await w.store.messages(LIVE, ANY, 3, after)
        seen += [m.id for m in page.items]
        await w.admit()
        after = page.next
        if after is None:
            break
    assert seen == ids[::-1]


async def test_every_filter_finds_its_rows_and_only_those(w: World) -> None:
    a = await w.line("a")
    carried = await w.admit(to="+447700900555", reference="order-1")
    await w.take(a)
    w.clock.pass_s(10)
    batch = await w.admit(batch_id="b-1")
    cancelled = await w.admit()
    await w.store.change(LIVE, cancelled.id, Happening.CANCEL, "person")

    async def found(**filters: object) -> list[str]:
        where = MessageFilter(**filters)  # type: ignore[arg-type]
        return [m.id for m in (await w.store.messages(LIVE, where, 10, None)).items]

    assert await found() == [cancelled.id, batch.id, carried.id]
    assert await found(states=(MessageState.SUBMITTING,)) == [carried.id]
    assert await found(states=(MessageState.CANCELLED, MessageState.SUBMITTING)) == [cancelled.id, carried.id]
    assert await found(to="+447700900555") == [carried.id]
    assert await found(line=a.id) == [carried.id]
    assert await found(reference="order-1") == [carried.id]
    assert await found(batch_id="b-1") == [batch.id]
    assert await found(since_ms=w.now_ms) == [cancelled.id, batch.id]
    assert await found(until_ms=w.now_ms) == [carried.id]


async def test_a_page_over_several_states_goes_on_where_it_ended(w: World) -> None:
    ids = [(await w.admit()).id for _ in range(6)]
    for message_id in ids[::2]:
        await w.store.change(LIVE, message_id, Happening.CANCEL, "person")
    both = MessageFilter(states=(MessageState.QUEUED, MessageState.CANCELLED))
    first = await w.store.messages(LIVE, both, 4, None)
    second = await w.store.messages(LIVE, both, 4, first.next)
    assert [m.id for m in (*first.items, *second.items)] == ids[::-1]
    assert second.next is None


# ------------------------------------------------------------------ decisions and counts


@pytest.mark.parametrize(
    "happening", [Happening.APPROVE, Happening.REJECT, Happening.RESEND, Happening.GIVE_UP]
)
async def test_a_decision_that_does_not_fit_is_a_conflict_and_changes_nothing(
    w: World, happening: Happening
) -> None:
    message = await w.admit()
    before = await w.store.timeline(message.id)
    with pytest.raises(Conflict):
        await w.store.change(LIVE, message.id, happening, "person")
    assert await w.state(message.id) == "queued"
    assert await w.store.timeline(message.id) == before


async def test_what_may_be_on_air_cannot_be_cancelled(w: World) -> None:
    a = await w.line("a")
    message = await w.admit()
    await w.take(a)
    with pytest.raises(Conflict):
        await w.store.change(LIVE, message.id, Happening.CANCEL, "person")


async def test_a_held_message_goes_when_it_is_approved_and_fails_when_it_is_not(w: World) -> None:
    a = await w.line("a")
    good, bad = await w.admit(held_reason="review"), await w.admit(held_reason="review")
    assert await w.look(a) == ()
    await w.store.change(LIVE, good.id, Happening.APPROVE, "person")
    rejected = await w.store.change(LIVE, bad.id, Happening.REJECT, "person")
    assert rejected.error is not None
    assert (rejected.state, rejected.error.code) == (MessageState.FAILED, "approval_rejected")
    assert [p.work.message.id for p in await w.look(a)] == [good.id]


VERBS = st.sampled_from(
    [
        "admit",
        "hold",
        "claim",
        "sent",
        "not_sent",
        "rejected",
        "lost",
        "cancel",
        "resend",
        "report",
        "tick",
        "recover",
    ]
)


@given(st.lists(VERBS, min_size=5, max_size=40), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_counts_are_those_of_the_rows_after_any_verbs(
    w: World, verbs: list[str], random: Random
) -> None:
    a = await w.line("a")
    attempts: list[Prepared] = []
    ids = []
    for verb in verbs:
        w.clock.pass_s(7)
        pick = random.choice(attempts) if attempts else None
        if verb in ("admit", "hold"):
            ids.append((await w.admit(held_reason="review" if verb == "hold" else None)).id)
        elif verb == "claim":
            claimed = await w.claim(a)
            attempts += [claimed.prepared] if claimed.prepared else []
        elif verb in ("sent", "not_sent", "rejected", "lost") and pick is not None:
            await getattr(w, verb)(pick)
        elif verb in ("cancel", "resend") and ids:
            chosen = random.choice(ids)
            try:
                await w.store.change(LIVE, chosen, Happening(verb), "person")
            except Conflict:
                continue
        elif verb == "report":
            await w.report(a, mr=1)
        elif verb == "tick":
            await w.store.tick()
        elif verb == "recover":
            await w.store.recover("node")
    listed = Counter[MessageState]()
    after = None
    while True:
        page = await w.store.messages(LIVE, ANY, 100, after)
        listed.update(m.state for m in page.items)
        after = page.next
        if after is None:
            break
    assert {s: n for s, n in (await w.store.counts("default")).items() if n} == dict(listed)


async def test_every_final_state_has_its_public_event(w: World) -> None:
    a = await w.line("a")
    ids = {}
    ids["delivered"] = (await w.admit()).id
    await w.sent(await w.take(a), mr=1)
    await w.report(a, mr=1)
    ids["undelivered"] = (await w.admit()).id
    await w.sent(await w.take(a), mr=2)
    await w.report(a, mr=2, st=0x46)
    ids["failed"] = (await w.admit()).id
    await w.rejected(await w.take(a))
    ids["cancelled"] = (await w.admit()).id
    await w.store.change(LIVE, ids["cancelled"], Happening.CANCEL, "person")
    ids["expired"] = (await w.admit(expires_at_ms=w.now_ms + 1)).id
    w.clock.pass_s(1)
    await w.store.tick()
    events = await w.store.events_after(LIVE, 0, 200)
    assert set(ids) == {state.value for state in FINAL_STATES}
    for state, message_id in ids.items():
        assert [e.type for e in events if e.message_id == message_id][-1] == f"message.{state}"


# ------------------------------------------------------------------ who sees what


async def test_two_tenants_see_nothing_of_one_another(w: World) -> None:
    a = await w.line("a")
    message = await w.admit()
    await w.receive(a, deliver("mine", w.now_ms))
    hook = WebhookRow("hook", "default", "http://x", ("*",), ("whsec_x",), True, False, True, w.now_ms)
    await w.store.add_webhook(hook)
    await w.store.add_key(KeyRow("key", "default", "public", "name", b"", (), False, w.now_ms))
    [inbound] = (await w.store.inbounds(LIVE, 10, None)).items
    s = w.store
    for refused in (
        s.message(OTHER, message.id), s.inbound(OTHER, inbound.id), s.webhook(OTHER, "hook"),
        s.change(OTHER, message.id, Happening.CANCEL, "person"), s.change_webhook(OTHER, "hook", {"url": "http://y"}),
        s.delete_webhook(OTHER, "hook"), s.patch_line(OTHER, a.id, {"label": "mine"}),
        s.change_key("other", "key", {"revoked_at_ms": 1}),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await refused
    assert (await s.messages(OTHER, ANY, 10, None)).items == ()
    assert (await s.inbounds(OTHER, 10, None)).items == ()
    assert await s.webhooks(OTHER) == ()
    assert await s.events_after(OTHER, 0, 100) == ()
    assert await s.lines(OTHER) == ()
    assert await s.devices(OTHER) == ()
    assert await s.keys("other") == ()
    assert await s.counts("other") == {}
    foreign = (await s.admit(w.new(tenant="other"), None)).message
    assert [m.id for m in (await s.messages(OTHER, ANY, 10, None)).items] == [foreign.id]
    assert [e.message_id for e in await s.events_after(OTHER, 0, 100)] == [foreign.id]
    # Its events reach no webhook of the first tenant.
    assert foreign.id not in [d.message_id for d in (await s.deliveries("hook", None, 50, None)).items]


async def test_a_sandbox_viewer_sees_sandbox_rows_only(w: World) -> None:
    real, emulated = await w.line("real"), await w.line("emu", emulated=True)
    live, play = await w.admit(), await w.admit(sandbox=True, to="+99900000001")
    await w.receive(real, deliver("live", w.now_ms))
    await w.receive(emulated, deliver("play", w.now_ms))
    for name, sandbox in (("hook-live", False), ("hook-play", True)):
        await w.store.add_webhook(
            WebhookRow(name, "default", "http://x", ("*",), ("whsec_x",), True, sandbox, True, w.now_ms)
        )
    s = w.store
    inbounds = (await s.inbounds(LIVE, 10, None)).items
    hidden = next(i for i in inbounds if i.text == "live")
    for refused in (
        s.message(SANDBOX, live.id), s.inbound(SANDBOX, hidden.id), s.webhook(SANDBOX, "hook-live"),
        s.change(SANDBOX, live.id, Happening.CANCEL, "person"), s.patch_line(SANDBOX, real.id, {"label": "x"}),
        s.delete_webhook(SANDBOX, "hook-live"),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await refused
    assert [m.id for m in (await s.messages(SANDBOX, ANY, 10, None)).items] == [play.id]
    assert [i.text for i in (await s.inbounds(SANDBOX, 10, None)).items] == ["play"]
    assert [h.id for h in await s.webhooks(SANDBOX)] == ["hook-play"]
    assert [x.id for x in await s.lines(SANDBOX)] == [emulated.id]
    assert [d.emulated for d in await s.devices(SANDBOX)] == [True]
    assert all(e.sandbox for e in await s.events_after(SANDBOX, 0, 100))
    assert {e.message_id for e in await s.events_after(SANDBOX, 0, 100)} >= {play.id}

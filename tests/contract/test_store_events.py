"""Owns the contract of a store for events, subscriptions and deliveries: the outbox, its order, circuits, dead letters.

Runs on every store of ``conftest``; knows no HTTP.
Source: W4; rules WHK-1 to WHK-4.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.lifecycle import Happening
from gateway.store.protocol import NotFound
from gateway.store.rows import DeliveryRow, EventPage, WebhookRow
from tests.peers.store_world import LIVE, World, deliver


async def hook(w: World, name: str = "hook", **changes: Any) -> WebhookRow:
    row = WebhookRow(name, "default", "http://x", ("message.*",), ("whsec_x",), True, False, True, w.now_ms)
    row = replace(row, **changes)
    await w.store.add_webhook(row)
    return row


def done(delivery: DeliveryRow, w: World) -> DeliveryRow:
    return replace(
        delivery, state="delivered", attempt=delivery.attempt + 1, finished_at_ms=w.now_ms, last_status=200
    )


def later(delivery: DeliveryRow, w: World, wait_s: int = 60) -> DeliveryRow:
    next_at_ms = w.now_ms + wait_s * 1000
    return replace(delivery, attempt=delivery.attempt + 1, next_at_ms=next_at_ms, last_status=500)


async def due(w: World) -> list[str]:
    return [d.event_type for d in await w.store.due_deliveries(10)]


async def test_an_event_reaches_the_subscriptions_that_want_its_type(w: World) -> None:
    await hook(w, "all", events=("*",))
    await hook(w, "delivered", events=("message.delivered",))
    await hook(w, "off", enabled=False)
    await w.admit()
    found = {d.webhook_id: d.event_type for d in await w.store.due_deliveries(10)}
    assert found == {"all": "message.queued"}


async def test_sandbox_events_reach_sandbox_and_live_subscriptions_live_events_only_live_ones(
    w: World,
) -> None:
    await hook(w, "live")
    await hook(w, "play", sandbox=True)
    await w.admit()
    await w.admit(sandbox=True, to="+99900000001")
    found = sorted((d.webhook_id, d.event_type) for d in await w.store.due_deliveries(10))
    assert found == [("live", "message.queued"), ("live", "message.queued"), ("play", "message.queued")]


@pytest.mark.parametrize("sandbox", [False, True])
async def test_a_test_event_goes_to_the_one_subscription_that_asked(w: World, sandbox: bool) -> None:
    await hook(w, "asked", sandbox=sandbox)
    await hook(w, "other", sandbox=sandbox, events=("*",))
    event = await w.store.emit("default", "webhook.test", {"hello": 1}, webhook_id="asked")
    assert [(d.webhook_id, d.event_id) for d in await w.store.due_deliveries(10)] == [("asked", event.id)]


async def test_deliveries_of_one_message_come_one_after_another_and_others_do_not_wait(w: World) -> None:
    a = await w.line("a")
    await hook(w)
    await w.admit()
    await w.sent(await w.take(a))
    await w.admit()
    first = await w.store.due_deliveries(10)
    assert [d.event_type for d in first] == ["message.queued", "message.queued"]
    await w.store.delivery_done(done(first[0], w), {})
    assert sorted(await due(w)) == ["message.queued", "message.submitting"]


async def test_order_is_kept_for_each_endpoint_by_itself(w: World) -> None:
    a = await w.line("a")
    await hook(w, "fast")
    await hook(w, "slow")
    await w.admit()
    await w.take(a)
    fast = next(d for d in await w.store.due_deliveries(10) if d.webhook_id == "fast")
    await w.store.delivery_done(done(fast, w), {})
    found = {d.webhook_id: d.event_type for d in await w.store.due_deliveries(10)}
    assert found == {"fast": "message.submitting", "slow": "message.queued"}


async def test_what_waits_behind_a_retry_is_not_due_before_it(w: World) -> None:
    a = await w.line("a")
    await hook(w)
    await w.admit()
    await w.take(a)
    [first] = await w.store.due_deliveries(10)
    await w.store.delivery_done(later(first, w), {})
    assert await due(w) == []
    # Nothing can be tried before the retry, so nothing may ask for a look before it.
    assert await w.store.next_delivery_at_ms() == w.now_ms + 60_000
    await w.store.change(LIVE, (await w.admit()).id, Happening.CANCEL, "person")
    w.clock.pass_s(60)
    assert await due(w) == ["message.queued", "message.queued"]


async def test_an_event_that_comes_while_an_earlier_one_is_retried_waits_with_it(w: World) -> None:
    a = await w.line("a")
    await hook(w)
    await w.admit()
    [first] = await w.store.due_deliveries(10)
    await w.store.delivery_done(later(first, w), {})
    await w.sent(await w.take(a))
    assert await w.store.next_delivery_at_ms() == w.now_ms + 60_000
    w.clock.pass_s(60)
    [again] = await w.store.due_deliveries(10)
    await w.store.delivery_done(done(again, w), {})
    assert await due(w) == ["message.submitting"]


async def test_an_open_circuit_sends_nothing_until_its_probe(w: World) -> None:
    await hook(w)
    await w.admit()
    [first] = await w.store.due_deliveries(10)
    open_until: dict[str, object] = {"open_until_ms": w.now_ms + 300_000, "failures_in_row": 5}
    await w.store.delivery_done(later(first, w, 1), open_until)
    w.clock.pass_s(10)
    assert await due(w) == []
    assert await w.store.next_delivery_at_ms() == w.now_ms + 290_000
    w.clock.pass_s(290)
    assert await due(w) == ["message.queued"]
    assert (await w.store.webhook(LIVE, "hook")).failures_in_row == 5


async def test_a_dead_letter_is_an_event_and_can_be_sent_again_with_its_id(w: World) -> None:
    await hook(w)
    await hook(w, "watch", events=("webhook.dead",))
    await w.admit()
    first = next(d for d in await w.store.due_deliveries(10) if d.webhook_id == "hook")
    await w.store.delivery_done(replace(done(first, w), state="dead", last_error="timeout"), {})
    [told] = await w.store.due_deliveries(10)
    assert (told.webhook_id, told.event_type) == ("watch", "webhook.dead")
    event = await w.store.event(told.event_id, with_text=True)
    assert event.payload["delivery_id"] == first.id
    assert event.payload["reason"] == "timeout"
    again = await w.store.redeliver("hook", first.id)
    assert (again.state, again.event_id, again.attempt) == ("pending", first.event_id, 0)
    assert first.id in [d.id for d in await w.store.due_deliveries(10)]


async def test_a_dead_dead_letter_is_not_an_event_again(w: World) -> None:
    await hook(w, events=("webhook.dead",))
    event = await w.store.emit("default", "webhook.dead", {})
    [told] = await w.store.due_deliveries(10)
    assert told.event_id == event.id
    await w.store.delivery_done(replace(done(told, w), state="dead"), {})
    assert await due(w) == []


async def test_a_delivery_of_another_endpoint_is_not_found(w: World) -> None:
    await hook(w)
    await hook(w, "other", events=())
    await w.admit()
    [first] = await w.store.due_deliveries(10)
    with pytest.raises(NotFound):
        await w.store.redeliver("other", first.id)


async def test_deliveries_are_listed_by_state_and_page_by_page(w: World) -> None:
    await hook(w)
    for _ in range(3):
        await w.admit()
    first = (await w.store.due_deliveries(10))[0]
    await w.store.delivery_done(done(first, w), {})
    assert [d.id for d in (await w.store.deliveries("hook", "delivered", 10, None)).items] == [first.id]
    page = await w.store.deliveries("hook", None, 2, None)
    rest = await w.store.deliveries("hook", None, 2, page.next)
    assert (len(page.items), len(rest.items), rest.next) == (2, 1, None)


async def test_deleting_a_subscription_takes_its_deliveries_along(w: World) -> None:
    await hook(w)
    await w.admit()
    [first] = await w.store.due_deliveries(10)
    await w.store.delete_webhook(LIVE, "hook")
    assert await due(w) == []
    await w.store.delivery_done(done(first, w), {"failures_in_row": 1})  # the request was under way
    with pytest.raises(NotFound):
        await w.store.webhook(LIVE, "hook")


async def test_the_text_is_joined_in_when_an_event_is_read_and_only_then(w: World) -> None:
    a = await w.line("a")
    message = await w.admit(text="for your eyes")
    await w.receive(a, deliver("an answer", w.now_ms))
    queued, received = [
        e for e in await w.store.events_after(LIVE, 0, 50) if e.type in ("message.queued", "message.received")
    ]
    assert (queued.message_id, queued.payload["text"]) == (message.id, "for your eyes")
    assert received.payload["text"] == "an answer"
    for event in (queued, received):
        assert (await w.store.event(event.id, with_text=False)).payload["text"] is None


async def test_events_are_read_in_order_from_any_place(w: World) -> None:
    for _ in range(5):
        await w.admit()
    events = await w.store.events_after(LIVE, 0, 100)
    assert [e.seq for e in events] == sorted(e.seq for e in events)
    assert await w.store.events_after(LIVE, events[2].seq, 1) == (events[3],)


async def test_a_page_of_events_says_what_is_the_newest_whoever_may_see_it(w: World) -> None:
    assert await w.store.event_page(LIVE, 0, 10) == EventPage((), 0, 0)
    await w.admit()
    await w.store.emit("other", "policy.alert", {})
    page = await w.store.event_page(LIVE, 0, 10)
    assert ([e.type for e in page.events], page.let_go, page.newest) == (["message.queued"], 0, 2)
    assert await w.store.event_page(LIVE, 0, 0) == EventPage((), 0, 2)


async def test_PRV_1_old_events_go_but_not_the_history_of_a_message(w: World) -> None:
    message = await w.admit()
    for _ in range(1200):
        await w.store.emit("default", "policy.alert", {})
    w.clock.pass_s(90 * 86_400)
    await w.store.prune()
    assert (await w.store.event_page(LIVE, 0, 0)).let_go == 0
    w.clock.pass_s(1)
    young = await w.store.emit("default", "policy.alert", {})
    await w.store.prune()
    page = await w.store.event_page(LIVE, 0, 100)
    assert (page.let_go, page.newest) == (young.seq - 1, young.seq)
    assert [e.type for e in page.events] == ["message.queued", "policy.alert"]
    assert [hop.type for hop in await w.store.timeline(message.id)] == ["message.queued"]
    # Once more, with nothing left that is young: the place where one goes on is not forgotten.
    w.clock.pass_s(91 * 86_400)
    await w.store.prune()
    assert await w.store.event_page(LIVE, young.seq, 100) == EventPage((), young.seq, young.seq)


async def test_W4_an_old_event_stays_while_a_delivery_waits_with_it(w: World) -> None:
    await hook(w, events=("policy.*",))
    waiting = await w.store.emit("default", "policy.alert", {"kind": "waiting"})
    sent = await w.store.emit("default", "policy.alert", {"kind": "sent"})
    first, second = await w.store.due_deliveries(10)
    await w.store.delivery_done(done(second, w), {})
    assert (first.event_id, second.event_id) == (waiting.id, sent.id)
    w.clock.pass_s(91 * 86_400)
    await w.store.prune()
    assert (await w.store.event(waiting.id, with_text=True)).payload == {"kind": "waiting"}
    with pytest.raises(NotFound):
        await w.store.event(sent.id, with_text=True)


async def test_those_who_wait_are_woken_by_the_commit_that_concerns_them(w: World) -> None:
    await hook(w)
    signals = {topic: w.store.signal(topic) for topic in ("queue", "events", "deliveries", "lines")}
    for signal in signals.values():
        signal.clear()
    await w.admit()
    assert {topic for topic, signal in signals.items() if signal.is_set()} == {
        "queue",
        "events",
        "deliveries",
    }


async def test_a_line_says_when_it_comes_and_goes_once_each(w: World) -> None:
    await w.line("a")
    await w.line("a")
    await w.line("a", up=False)
    await w.line("a", up=False)
    types = [e.type for e in await w.store.events_after(LIVE, 0, 50)]
    assert types == ["device.attached", "line.up", "line.down"]

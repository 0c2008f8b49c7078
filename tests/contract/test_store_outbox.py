"""Owns the contract of a store for what people ask of a webhook's outbox: counts, health, and trying again.

Runs on every store of ``conftest``; knows no HTTP.
Source: rules WHK-3 (dead letters are kept, and go again with the same webhook-id), DAT-1 (answers are sealed).
"""

from __future__ import annotations

from dataclasses import replace

from gateway.store.rows import DeliveryRow, WebhookRow
from tests.peers.store_world import LIVE, World


async def hook(w: World) -> WebhookRow:
    row = WebhookRow(
        "hook", "default", "http://x", ("message.queued",), ("whsec_x",), True, False, True, w.now_ms
    )
    await w.store.add_webhook(row)
    return row


async def given_up(w: World) -> DeliveryRow:
    await w.admit()
    (due,) = await w.store.due_deliveries(1)
    dead = replace(
        due,
        state="dead",
        attempt=11,
        next_at_ms=None,
        finished_at_ms=w.now_ms,
        said="it <b>broke</b>",
        took_ms=12,
    )
    await w.store.delivery_done(dead, {"failures_in_row": 11})
    return dead


async def test_waiting_and_given_up_deliveries_are_counted(w: World) -> None:
    await hook(w)
    await given_up(w)
    await w.admit()
    found = (await w.store.outbox.backlog(("hook",)))["hook"]
    assert (found.waiting, found.dead) == (1, 1)


async def test_what_the_receiver_said_is_kept_with_the_time_it_took_and_sealed_on_disk(w: World) -> None:
    await hook(w)
    dead = await given_up(w)
    found = await w.store.outbox.delivery("hook", dead.id)
    assert (found.said, found.took_ms) == ("it <b>broke</b>", 12)
    assert b"broke" not in w.path.read_bytes() + w.path.with_name(f"{w.path.name}-wal").read_bytes()


async def test_a_webhook_remembers_since_when_it_fails_until_it_takes_something(w: World) -> None:
    await hook(w)
    began_ms = w.now_ms
    await w.store.change_webhook(LIVE, "hook", {"failures_in_row": 1})
    w.clock.pass_s(3600)
    await w.store.change_webhook(LIVE, "hook", {"failures_in_row": 2})
    assert (await w.store.webhook(LIVE, "hook")).failing_since_ms == began_ms
    await w.store.change_webhook(LIVE, "hook", {"failures_in_row": 0})
    assert (await w.store.webhook(LIVE, "hook")).failing_since_ms is None


async def test_what_was_given_up_since_a_time_goes_again_with_the_same_event(w: World) -> None:
    await hook(w)
    first, second = await given_up(w), await given_up(w)
    # An id's first 48 bits are the time at which it was made.
    made_ms = int(second.id.replace("-", "")[:12], 16)
    assert await w.store.outbox.redeliver_dead("hook", made_ms + 1) == 0
    assert await w.store.outbox.redeliver_dead("hook", 0) == 2
    again = await w.store.outbox.delivery("hook", first.id)
    assert (again.state, again.attempt, again.event_id) == ("pending", 0, first.event_id)
    assert await w.store.outbox.redeliver_dead("hook", 0) == 0

"""Owns: what a receiver sees. Signed requests, in order, again when it was away, until the dead letter."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
import structlog
from aiohttp import web
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from gateway.lifecycle import Happening
from gateway.store.crypto import KeyRing
from gateway.store.sqlite import SqliteStore
from gateway.webhooks import WebhookSender, WebhookSettings
from gateway.webhooks.schedule import SCHEDULE_S
from tests.integration.webhooks_bench import (
    OLD_SECRET,
    SECRET,
    VIEW,
    Bench,
    HandClock,
    Receiver,
    all_are,
    bench,
    listening,
    status,
    tried,
)


async def test_a_receiver_verifies_the_request_with_the_standards_own_library(tmp_path: Path) -> None:
    async with listening(Receiver()) as receiver, bench(tmp_path) as at:
        hook = await at.subscribe(receiver.url)
        message_id = await at.message("Grüße 🎉")
        got = await receiver.next()
        payload = Webhook(SECRET).verify(got.body, got.headers)
        assert payload["type"] == "message.queued"
        assert payload["data"]["id"] == message_id
        assert payload["data"]["text"] == "Grüße 🎉"
        assert payload["timestamp"].endswith("Z")
        assert got.headers["content-type"] == "application/json"
        assert not any(character.isdigit() for character in got.headers["user-agent"])
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(got.body + b" ", got.headers)
        await at.until(hook, all_are("delivered", 1))


async def test_an_endpoint_without_text_gets_none(tmp_path: Path) -> None:
    async with listening(Receiver()) as receiver, bench(tmp_path) as at:
        await at.subscribe(receiver.url, include_text=False)
        await at.message("the code is 4711")
        got = await receiver.next()
        assert b"4711" not in got.body
        assert json.loads(got.body)["data"]["text"] is None


async def test_for_a_day_after_a_rotation_the_old_secret_verifies_beside_the_new_one(tmp_path: Path) -> None:
    async with listening(Receiver()) as receiver, bench(tmp_path) as at:
        hook = await at.subscribe(receiver.url, secrets=(OLD_SECRET,))
        rotation = {"secrets": (SECRET, OLD_SECRET), "rotated_at_ms": at.clock.now_ms()}
        await at.store.change_webhook(VIEW, hook.id, rotation)
        await at.message()
        got = await receiver.next()
        assert len(got.headers["webhook-signature"].split(" ")) == 2
        for secret in (SECRET, OLD_SECRET):
            Webhook(secret).verify(got.body, got.headers)
        at.later(86_400_000)
        await at.message()
        assert len((await receiver.next()).headers["webhook-signature"].split(" ")) == 1


async def test_what_happened_while_the_receiver_was_down_arrives_in_order_with_the_same_ids(
    tmp_path: Path,
) -> None:
    receiver = Receiver()
    async with listening(receiver):
        pass  # the port is known now, and nobody listens there
    async with bench(tmp_path) as at:
        hook = await at.subscribe(receiver.url)
        messages = [await at.message(f"text {n}") for n in range(8)]
        for message_id in messages:
            await at.change(message_id, Happening.CANCEL)
        await at.until(hook, lambda rows: sum(row.attempt for row in rows) >= 5)
        ids = [row.event_id for row in await at.rows(hook)]
        assert {row.last_error for row in await at.rows(hook) if row.attempt} == {
            "no connection: Connection refused"
        }
        async with listening(receiver):
            # The circuit is open: one probe a minute finds that the receiver is back, and all the rest follows.
            at.later(60_000)
            await at.until(hook, all_are("delivered", 16))
        assert sorted(got.id for got in receiver.got) == sorted(ids)
        for message_id in messages:
            types = [
                said["type"]
                for said in (json.loads(got.body) for got in receiver.got)
                if said["data"]["id"] == message_id
            ]
            assert types == ["message.queued", "message.cancelled"]


async def test_a_retry_has_the_same_id_and_the_time_of_its_own_try(tmp_path: Path) -> None:
    async with listening(Receiver(answer=status(500))) as receiver, bench(tmp_path) as at:
        hook = await at.subscribe(receiver.url)
        await at.message()
        first = await receiver.next()
        await at.until(hook, lambda rows: rows[0].attempt == 1)
        await at.to_next_try()
        second = await receiver.next()
        assert second.id == first.id
        assert second.body == first.body
        later_s = int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"])
        assert later_s == 5
        for got in (first, second):
            Webhook(SECRET).verify(got.body, got.headers)


async def test_after_three_days_of_failures_the_letter_is_dead_and_can_be_delivered_again(
    tmp_path: Path,
) -> None:
    async with (
        listening(Receiver(answer=status(500))) as receiver,
        listening(Receiver()) as watcher,
        bench(tmp_path) as at,
    ):
        hook = await at.subscribe(receiver.url, events=("message.*",))
        await at.subscribe(watcher.url, events=("webhook.dead",))
        await at.message()
        began_ms = at.clock.ms
        for tries in range(1, len(SCHEDULE_S)):
            await at.until(hook, tried(tries))
            due_ms = (await at.rows(hook))[0].next_at_ms
            assert due_ms is not None
            at.later(due_ms - at.clock.ms)
        await at.until(hook, all_are("dead", 1))
        assert 71 * 3600 < (at.clock.ms - began_ms) / 1000 < 73 * 3600
        row = (await at.rows(hook))[0]
        assert (row.last_status, row.last_error, row.attempt) == (500, "HTTP 500", 11)
        dead = json.loads((await watcher.next()).body)
        assert dead["type"] == "webhook.dead"
        assert dead["data"]["delivery_id"] == row.id

        receiver.answer = Receiver().answer
        await at.store.redeliver(hook.id, row.id)
        at.later(60_000)  # the circuit is still open, so the letter is its probe
        await at.until(hook, all_are("delivered", 1))
        assert {got.id for got in receiver.got} == {row.event_id}


async def test_410_disables_the_endpoint_and_says_why(tmp_path: Path) -> None:
    async with listening(Receiver(answer=status(410))) as receiver, bench(tmp_path) as at:
        hook = await at.subscribe(receiver.url)
        await at.message()
        await at.until(hook, all_are("dead", 1))
        now = await at.hook(hook)
        assert (now.enabled, now.disabled_reason) == (False, "gone")
        assert "410" in str((await at.rows(hook))[0].last_error)


@pytest.mark.parametrize("code", [429, 503])
async def test_nothing_goes_to_an_endpoint_before_the_time_it_asked_for(tmp_path: Path, code: int) -> None:
    asks = status(code, **{"Retry-After": "3600"})
    async with listening(Receiver(answer=asks)) as receiver, bench(tmp_path) as at:
        hook = await at.subscribe(receiver.url)
        await at.message("first")
        await at.until(hook, lambda rows: rows[0].attempt == 1)
        assert (await at.rows(hook))[0].next_at_ms == at.clock.ms + 3_600_000
        await at.message("second")
        receiver.answer = Receiver().answer
        assert await at.to_next_try() == 3_600_000
        await at.until(hook, all_are("delivered", 2))
        assert len(receiver.got) == 3


async def test_five_failures_in_a_row_open_the_circuit_and_one_probe_a_minute_goes(tmp_path: Path) -> None:
    async with listening(Receiver(answer=status(500))) as receiver, bench(tmp_path) as at:
        hook = await at.subscribe(receiver.url)
        for n in range(20):
            await at.message(f"text {n}")
        await at.until(hook, lambda rows: sum(row.attempt for row in rows) >= 5)
        opened = await at.hook(hook)
        assert opened.failures_in_row >= 5
        assert opened.open_until_ms == at.clock.ms + 60_000
        before = len(receiver.got)
        assert before <= 8, "five failures and the three that were on their way beside them"
        for probe in range(1, 4):
            at.later(59_000)
            at.later(1_000)
            failures = opened.failures_in_row + probe
            changed = at.store.signal("deliveries")
            async with asyncio.timeout(30):
                while (await at.hook(hook)).failures_in_row < failures:
                    await changed.wait()
                    changed.clear()
            assert len(receiver.got) == before + probe
        receiver.answer = Receiver().answer
        at.later(60_000)
        await at.until(hook, all_are("delivered", 20))
        healed = await at.hook(hook)
        assert (healed.failures_in_row, healed.open_until_ms) == (0, None)
        assert healed.last_success_ms == at.clock.ms


async def test_a_probe_before_its_time_costs_a_delivery_none_of_its_tries(tmp_path: Path) -> None:
    async with listening(Receiver(answer=status(500))) as receiver, bench(tmp_path) as at:
        hook = await at.subscribe(receiver.url)
        await at.message()
        for tries in range(1, 6):
            await at.until(hook, tried(tries))
            if tries < 5:
                await at.to_next_try()
        due_ms = (await at.rows(hook))[0].next_at_ms
        assert due_ms == at.clock.ms + 2 * 3_600_000
        at.later(60_000)
        await at.until(hook, lambda rows: rows[0].last_ms == at.clock.ms)
        row = (await at.rows(hook))[0]
        assert (row.attempt, row.next_at_ms) == (5, due_ms)
        receiver.answer = Receiver().answer
        at.later(60_000)
        await at.until(hook, all_are("delivered", 1))
        assert len(receiver.got) == 7


async def test_a_slow_endpoint_delays_no_other_and_holds_four_requests(tmp_path: Path) -> None:
    release = asyncio.Event()
    under_way = 0
    most = 0

    async def slow(request: web.Request) -> web.StreamResponse:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            await release.wait()
        finally:
            under_way -= 1
        return web.Response()

    async with listening(Receiver(answer=slow)) as tar, listening(Receiver()) as fast, bench(tmp_path) as at:
        held = await at.subscribe(tar.url)
        hook = await at.subscribe(fast.url)
        await at.message("warm up")
        await tar.next()
        release.set()
        await at.until(held, all_are("delivered", 1))
        release.clear()
        for n in range(30):
            await at.message(f"text {n}")
        await at.until(hook, all_are("delivered", 31))
        assert len(await at.rows(held, "delivered")) == 1
        assert under_way == 4
        release.set()
        await at.until(held, all_are("delivered", 31))
        assert most == 4


async def test_at_most_twenty_requests_are_under_way_and_each_endpoint_has_its_turn(tmp_path: Path) -> None:
    release = asyncio.Event()
    waiting: set[str] = set()
    full = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        waiting.add(request.path)
        if len(waiting) == 20:
            full.set()
        await release.wait()
        return web.Response()

    async with listening(Receiver(answer=slow)) as receiver, bench(tmp_path) as at:
        hooks = [await at.subscribe(f"{receiver.url}/{n}") for n in range(25)]
        await at.message("one")
        await at.message("two")
        async with asyncio.timeout(30):
            await full.wait()
        assert len(receiver.got) == 20
        release.set()
        for hook in hooks:
            await at.until(hook, all_are("delivered", 2))


async def test_a_deleted_endpoint_and_a_disabled_one_get_nothing_more(tmp_path: Path) -> None:
    async with listening(Receiver(answer=status(500))) as receiver, bench(tmp_path) as at:
        deleted = await at.subscribe(f"{receiver.url}/deleted")
        disabled = await at.subscribe(f"{receiver.url}/disabled")
        alive = await at.subscribe(f"{receiver.url}/alive")
        await at.message()
        for hook in (deleted, disabled, alive):
            await at.until(hook, lambda rows: rows[0].attempt == 1)
        await at.store.delete_webhook(VIEW, deleted.id)
        await at.store.change_webhook(VIEW, disabled.id, {"enabled": False})
        before = len(receiver.got)
        receiver.answer = Receiver().answer
        at.later(5_000)
        await at.until(alive, all_are("delivered", 1))
        assert [got.path for got in receiver.got[before:]] == ["/hook/alive"]
        await at.store.change_webhook(VIEW, disabled.id, {"enabled": True})
        await at.until(disabled, all_are("delivered", 1))


async def test_what_was_not_answered_at_a_stop_goes_again_after_the_next_start(tmp_path: Path) -> None:
    async def never(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    clock = HandClock()
    async with listening(Receiver(answer=never)) as receiver:
        async with bench(tmp_path, clock=clock) as at:
            hook = await at.subscribe(receiver.url)
            await at.message()
            first = await receiver.next()
            began = time.monotonic()
            await at.sender.stop()
            assert time.monotonic() - began < 8.0
        receiver.answer = Receiver().answer
        async with bench(tmp_path, clock=clock) as at:
            second = await receiver.next()
            assert second.id == first.id
            await at.until(hook, all_are("delivered", 1))


async def test_a_circuit_that_was_open_at_a_stop_is_probed_after_the_next_start(tmp_path: Path) -> None:
    clock = HandClock()
    async with listening(Receiver(answer=status(500))) as receiver:
        async with bench(tmp_path, clock=clock) as at:
            hook = await at.subscribe(receiver.url)
            for n in range(5):
                await at.message(f"text {n}")
            await at.until(hook, lambda rows: all(row.attempt == 1 for row in rows))
            at.later(5_000)  # the circuit is open: nothing goes
        receiver.answer = Receiver().answer
        clock.ms += 60_000
        async with bench(tmp_path, clock=clock) as at:
            await at.until(hook, all_are("delivered", 5))


async def test_an_answer_that_does_not_come_in_time_is_a_failure(tmp_path: Path) -> None:
    async def never(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    settings = WebhookSettings(request_timeout_s=0.2)
    async with listening(Receiver(answer=never)) as receiver, bench(tmp_path, settings) as at:
        hook = await at.subscribe(receiver.url)
        await at.message()
        await at.until(hook, lambda rows: rows[0].attempt == 1)
        row = (await at.rows(hook))[0]
        assert (row.state, row.last_status, row.last_error) == ("pending", None, "no answer within 0.2 s")


async def test_an_outcome_that_cannot_be_written_is_kept_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    database, away = tmp_path / "gateway.db", tmp_path / "away.db"

    async def lose_the_disk(request: web.Request) -> web.StreamResponse:
        database.rename(away)
        return web.Response()

    async with listening(Receiver(answer=lose_the_disk)) as receiver, bench(tmp_path) as at:
        hook = await at.subscribe(receiver.url)
        with structlog.testing.capture_logs() as logs:
            await at.message()
            await receiver.next()
            async with asyncio.timeout(30):
                # The log is all that shows it from outside.
                while not any(line["event"] == "webhook.outcome_waits" for line in logs):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        away.rename(database)
        await at.until(hook, all_are("delivered", 1))
        assert len(receiver.got) == 1


async def test_a_test_event_for_one_endpoint_reaches_that_one_only(tmp_path: Path) -> None:
    async with listening(Receiver()) as receiver, bench(tmp_path) as at:
        await at.subscribe(f"{receiver.url}/other")
        hook = await at.subscribe(f"{receiver.url}/asked", events=("message.*",))
        sent = await at.store.emit("default", "webhook.test", {"webhook_id": hook.id}, webhook_id=hook.id)
        await at.until(hook, all_are("delivered", 1))
        assert [(got.path, got.id) for got in receiver.got] == [("/hook/asked", sent.id)]


async def test_a_request_under_way_hides_no_retry_of_another_endpoint(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.Response()

    async with (
        listening(Receiver(answer=slow)) as tar,
        listening(Receiver(answer=status(500))) as shaky,
        bench(tmp_path) as at,
    ):
        await at.subscribe(tar.url)
        hook = await at.subscribe(shaky.url)
        await at.message()
        await tar.next()
        await at.until(hook, lambda rows: rows[0].attempt == 1)
        shaky.answer = Receiver().answer
        at.clock.ms += 5_000  # only time passes; nobody wakes the sender
        await at.until(hook, all_are("delivered", 1))
        release.set()


async def test_a_cancelled_sender_ends_at_once_and_leaves_the_delivery_pending(
    tmp_path: Path,
) -> None:
    async def never(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    clock = HandClock()
    store = SqliteStore(tmp_path / "gateway.db", KeyRing.clear(), clock)
    await store.open()
    at = Bench(store, clock, WebhookSender(store, clock))
    async with listening(Receiver(answer=never)) as receiver:
        hook = await at.subscribe(receiver.url)
        task = asyncio.create_task(at.sender.run())
        await at.message()
        await receiver.next()
        task.cancel()
        async with asyncio.timeout(8):
            with pytest.raises(asyncio.CancelledError):
                await task
        row = (await at.rows(hook))[0]
        assert (row.state, row.attempt) == ("pending", 0)
    await store.close()


async def test_a_file_of_authorities_that_cannot_be_read_stops_the_start_and_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "ca.pem"
    store = SqliteStore(tmp_path / "gateway.db", KeyRing.clear(), HandClock())
    await store.open()
    with pytest.raises(ValueError, match="cannot be read; give a PEM file"):
        await WebhookSender(store, HandClock(), WebhookSettings(ca_file=missing)).run()
    missing.write_text("no certificate")
    with pytest.raises(ValueError, match="cannot be read; give a PEM file"):
        await WebhookSender(store, HandClock(), WebhookSettings(ca_file=missing)).run()
    await store.close()

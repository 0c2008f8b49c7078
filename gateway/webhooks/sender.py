"""Owns the way from an outbox row to a receiver: which delivery goes when, and that its outcome is written down.

Refuses to know HTTP (``post``), the schedule (``schedule``) and SQL. A crash between answer and commit repeats a
request with the same ``webhook-id``: at least once, in order per endpoint and message. Source: rules WHK-1 to WHK-4.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace

import structlog
from aiohttp.abc import AbstractResolver

from gateway.clock import Clock
from gateway.store.protocol import NotFound, Store, StoreUnavailable
from gateway.store.rows import DeliveryRow, View, WebhookRow
from gateway.webhooks.body import body_of
from gateway.webhooks.endpoint import Endpoint
from gateway.webhooks.post import Poster
from gateway.webhooks.schedule import Answer, Health, past_retention, settle
from gateway.webhooks.settings import WebhookSettings
from gateway.webhooks.signing import SecretUnusable, signed_headers

log = structlog.get_logger(__name__)

LOOK_AHEAD = 32
"""Rows of one endpoint in memory: enough to keep four requests busy while outcomes are being committed."""
SLEEP_MAX_S = 60.0
"""A wall clock that steps moves what is due; nobody waits longer than this to notice."""
OVERDUE_LOOK_S = 1.0
"""While something overdue is on the wire or has no room, the store cannot say what falls due after it."""
STORE_RETRY_S = 1.0
STOP_GRACE_S = 1.0
"""Requests on the wire may end; then they are dropped and go again after the next start (exit within 2 s)."""
STOP_CANCEL_S = 0.5
PAGE = 200
Tried = Callable[[tuple[str, bool], str], None]
"""Told of each try when it is written down: tenant and whether it is the sandbox's; delivered, failed or dead."""

SOON_MS = 2_000
"""What is due this soon anyway is not brought forward: it may be on its way already."""


class WebhookSender:
    """Sends what the store has due. ``run`` until ``stop``, or until its task is cancelled.

    Args:
        resolver: How names become addresses; None: the system's.
        jitter: Draws -1..1 for each retry.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: WebhookSettings | None = None,
        *,
        resolver: AbstractResolver | None = None,
        jitter: Callable[[], float] = lambda: random.uniform(-1, 1),  # noqa: S311  spreads load, keeps no secret
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings or WebhookSettings()
        self._poster = Poster(self._settings, resolver)
        self._jitter = jitter
        self.tried: Tried = lambda _world, _outcome: None
        self._changed = store.signal("deliveries")
        self._endpoints: dict[str, Endpoint] = {}
        self._taken: set[str] = set()
        self._freed: set[str] = set()
        self._broken: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()
        self._running = False

    async def run(self) -> None:
        """Send until stopped. What a store that is away leaves undone is done when it is back."""
        self._running = True
        try:
            async with self._poster:
                try:
                    await self._loop()
                finally:
                    await self._wind_up()
        finally:
            self._stopped.set()

    async def stop(self) -> None:
        """Begin nothing new and return within 2 s; what was not answered goes again after the next start."""
        self._stopping.set()
        self._changed.set()
        if self._running:
            await self._stopped.wait()

    def wake(self) -> None:
        """Look again at what is due: the wall clock was stepped."""
        self._changed.set()

    # ------------------------------------------------------------------ what goes when

    async def _loop(self) -> None:
        known = False
        while not self._stopping.is_set():
            self._changed.clear()
            try:
                if not known:
                    await self._read_open_circuits()
                    known = True
                wait_s = await self._look()
            except StoreUnavailable as error:
                log.warning("webhook.store_unavailable", reason=str(error))
                wait_s = STORE_RETRY_S
            except Exception:  # top of the loop: webhooks go on whatever one round met
                log.exception("webhook.round_failed")
                wait_s = STORE_RETRY_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _read_open_circuits(self) -> None:
        for tenant in self._settings.tenants:
            for hook in await self._store.webhooks(View(tenant)):
                health = _health_of(hook)
                if hook.enabled and health.circuit_open:
                    self._endpoints.setdefault(hook.id, Endpoint(health=health))

    async def _look(self) -> float:
        """Start what may start; returns for how many seconds nothing else falls due."""
        self._freed.clear()
        due = await self._store.due_deliveries(LOOK_AHEAD)
        # What was settled while the store was being read may still look pending in what it read.
        elsewhere = self._taken | self._freed
        for endpoint in self._endpoints.values():
            endpoint.waiting.clear()
        for row in due:
            if row.id not in elsewhere:
                self._endpoints.setdefault(row.webhook_id, Endpoint()).offer(row, self._clock.now_ms())
        await self._add_probes()
        self._fill()
        for webhook_id in [name for name, endpoint in self._endpoints.items() if endpoint.forgettable()]:
            del self._endpoints[webhook_id]
        return self._until(await self._store.next_delivery_at_ms())

    async def _add_probes(self) -> None:
        """Give an open circuit whose probe is due, but nothing else, its oldest delivery to try."""
        for webhook_id, endpoint in list(self._endpoints.items()):
            probe_at = endpoint.probe_at_ms()
            if endpoint.waiting or probe_at is None or probe_at > self._clock.now_ms():
                continue
            oldest: DeliveryRow | None = None
            async for rows in _pending(self._store, webhook_id):
                oldest = min((*rows, oldest) if oldest else rows, key=_by_event, default=None)
            if oldest is None:
                endpoint.forget()
            else:
                endpoint.waiting.append(oldest)

    def _until(self, next_at_ms: int | None) -> float:
        probes = (endpoint.probe_at_ms() for endpoint in self._endpoints.values())
        ahead = [at_ms for at_ms in (next_at_ms, *probes) if at_ms is not None]
        wait_s = (min(ahead) - self._clock.now_ms()) / 1000 if ahead else SLEEP_MAX_S
        return min(wait_s, SLEEP_MAX_S) if wait_s > 0 else OVERDUE_LOOK_S

    def _fill(self) -> None:
        """Start requests while there is room."""
        while not self._stopping.is_set() and (webhook_id := self._next_endpoint()) is not None:
            endpoint = self._endpoints.pop(webhook_id)
            self._endpoints[webhook_id] = endpoint  # to the end: everybody has a turn
            self._start(endpoint, endpoint.waiting.popleft())

    def _next_endpoint(self) -> str | None:
        """Find who is next: one with no request yet, else one more while half of the room stays free for those."""
        room = self._settings.requests_max
        if self._in_flight >= room:
            return None
        second: str | None = None
        now_ms = self._clock.now_ms()
        for webhook_id, endpoint in self._endpoints.items():
            if endpoint.waiting and endpoint.may_start(now_ms, self._settings.requests_per_endpoint_max):
                if endpoint.in_flight == 0:
                    return webhook_id
                second = second or webhook_id
        return second if self._in_flight < room // 2 else None

    def _start(self, endpoint: Endpoint, delivery: DeliveryRow) -> None:
        self._taken.add(delivery.id)
        endpoint.busy += 1
        endpoint.in_flight += 1
        self._in_flight += 1
        self._spawn(self._deliver(endpoint, delivery))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ------------------------------------------------------------------ one delivery

    async def _deliver(self, endpoint: Endpoint, delivery: DeliveryRow) -> None:
        try:
            try:
                answer = await self._try(endpoint, delivery)
            finally:
                endpoint.in_flight -= 1
                self._in_flight -= 1
            if answer is not None:
                await self._settle(endpoint, delivery, answer)
        except StoreUnavailable as error:
            log.warning("webhook.store_unavailable", delivery=delivery.id, reason=str(error))
            await self._pause()
        except Exception:  # one delivery must not take the others along
            # It stays taken until the next start: sent again and again it would only harm its receiver.
            log.exception("webhook.delivery_failed", delivery=delivery.id)
            self._broken.add(delivery.id)
        finally:
            endpoint.busy -= 1
            if delivery.id not in self._broken:
                self._taken.discard(delivery.id)
            self._freed.add(delivery.id)
            self._changed.set()

    async def _try(self, endpoint: Endpoint, delivery: DeliveryRow) -> Answer | None:
        """Send once; None: the endpoint is gone, disabled, or not to be asked now."""
        try:
            event = await self._store.event(delivery.event_id, with_text=True)
        except NotFound:
            await self._write(past_retention(delivery, self._clock.now_ms()), {})
            return None
        try:
            hook = await self._store.webhook(View(event.tenant), delivery.webhook_id)
        except NotFound:
            endpoint.forget()
            return None
        endpoint.world = (hook.tenant, hook.sandbox)
        if endpoint.health is None or endpoint.busy == 1:
            endpoint.health = _health_of(hook)
        if not hook.enabled:
            endpoint.forget()
            return None
        if (endpoint.health.open_until_ms or 0) > self._clock.now_ms():
            return None
        if not hook.include_text:
            event = await self._store.event(delivery.event_id, with_text=False)
        body = body_of(event)
        try:
            now_ms = self._clock.now_ms()
            headers = signed_headers(hook.signing_secrets(now_ms), event.id, now_ms, body)
        except SecretUnusable as error:
            return Answer(error=str(error), refused=True)
        began_s = self._clock.monotonic_s()
        answer = await self._poster.post(hook.url, headers, body)
        return replace(answer, took_ms=round((self._clock.monotonic_s() - began_s) * 1000))

    async def _settle(self, endpoint: Endpoint, delivery: DeliveryRow, answer: Answer) -> None:
        before = endpoint.health or Health()
        now_ms = self._clock.now_ms()
        settled = settle(delivery, answer, before, now_ms, self._jitter())
        endpoint.health = settled.health
        changes: dict[str, object] = {}
        if settled.health != before:
            changes["failures_in_row"] = settled.health.failures_in_row
            changes["open_until_ms"] = settled.health.open_until_ms
        if answer.delivered:
            changes["last_success_ms"] = now_ms
        if settled.disable:
            changes |= {"enabled": False, "disabled_reason": "gone"}
        _log(settled.delivery, answer)
        self._fill()
        await self._write(settled.delivery, changes)
        state = settled.delivery.state
        self.tried(endpoint.world, "failed" if state == "pending" else state)
        if answer.delivered and before.circuit_open:
            await self._bring_forward(delivery.webhook_id)

    async def _write(self, delivery: DeliveryRow, changes: dict[str, object]) -> None:
        """Write an outcome down, however long the store is away: forgetting it would send a second time."""
        while True:
            try:
                await self._store.delivery_done(delivery, changes)
            except StoreUnavailable as error:
                if self._stopping.is_set():
                    raise
                log.warning("webhook.outcome_waits", delivery=delivery.id, reason=str(error))
                await self._pause()
            else:
                return

    async def _bring_forward(self, webhook_id: str) -> None:
        """Try now what waits for later: the endpoint has come back."""
        log.info("webhook.endpoint_is_back", webhook=webhook_id)
        now_ms = self._clock.now_ms()
        async for rows in _pending(self._store, webhook_id):
            later = [row for row in rows if row.next_at_ms and row.next_at_ms > now_ms + SOON_MS]
            free = [row for row in later if row.id not in self._taken]
            ids = {row.id for row in free}
            self._taken |= ids
            try:
                # Side by side, so that one commit takes them all.
                await asyncio.gather(
                    *(self._store.delivery_done(replace(row, next_at_ms=now_ms), {}) for row in free)
                )
            finally:
                self._taken -= ids

    # ------------------------------------------------------------------ stopping

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(STORE_RETRY_S):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _wind_up(self) -> None:
        self._stopping.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_GRACE_S)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_CANCEL_S)


def _by_event(delivery: DeliveryRow) -> int:
    return delivery.event_seq


def _health_of(hook: WebhookRow) -> Health:
    return Health(hook.failures_in_row, hook.open_until_ms)


def _log(delivery: DeliveryRow, answer: Answer) -> None:
    said = {
        "delivery": delivery.id,
        "webhook": delivery.webhook_id,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "tries": delivery.attempt,
        "message": delivery.message_id,
        "status": answer.status,
    }
    if delivery.state == "delivered":
        log.debug("webhook.delivered", **said)
    elif delivery.state == "dead":
        log.warning("webhook.dead", **said, reason=answer.error)
    else:
        log.info("webhook.failed", **said, reason=answer.error, next_at_ms=delivery.next_at_ms)


async def _pending(store: Store, webhook_id: str) -> AsyncIterator[tuple[DeliveryRow, ...]]:
    after: str | None = None
    while True:
        page = await store.deliveries(webhook_id, "pending", PAGE, after)
        yield page.items
        if page.next is None:
            return
        after = page.next

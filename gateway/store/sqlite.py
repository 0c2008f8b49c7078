"""Owns the SQLite store: each verb of the domain, as the function that has its rules and the way it is committed.

Knows no rules and no file: :mod:`gateway.store.sqlite_file` runs what stands here.
Source: the Store seam, :mod:`gateway.store.protocol`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from device_bridge.device import DeviceInfo, LineHealth, LineIdentity, PartOutcome, ReportReceived
from device_bridge.sms.outcome import Outcome
from gateway.clock import Clock
from gateway.lifecycle import Happening
from gateway.message import Inbound, Message, MessageState, NewMessage, PartDetail, TimelineEntry
from gateway.policy.eta import Estimate
from gateway.policy.rules import Rules
from gateway.store import (
    claiming,
    credentials,
    events,
    hardware,
    inbound,
    looking,
    messages,
    notification_fate,
    phones,
    reports,
    schedules,
    subscriptions,
    work,
)
from gateway.store.alert_letters import Letters
from gateway.store.alerts import AlertRoom
from gateway.store.approvals import Approvals
from gateway.store.audit import Audit, Deed
from gateway.store.audit import append as append_deed
from gateway.store.batch_room import BatchRoom
from gateway.store.consents import Consents
from gateway.store.contacts import Contacts
from gateway.store.conversations import Conversations
from gateway.store.convert import load_inbound
from gateway.store.crypto import KeyRing
from gateway.store.doctor import DoctorRoom
from gateway.store.glance import Glance
from gateway.store.groups import Groups
from gateway.store.hardware_history import HardwareHistory
from gateway.store.ignored_devices import IgnoredDevices
from gateway.store.inbound_actions import InboundActions
from gateway.store.key_use import KeyUses
from gateway.store.metering import Metering
from gateway.store.notifications import Notifications
from gateway.store.outbox import Outbox
from gateway.store.protocol import GATEWAY, Topic
from gateway.store.reporting import Reporting
from gateway.store.rows import (
    Admitted,
    Claim,
    Claimed,
    DeliveryRow,
    DeliveryState,
    DeviceRow,
    Event,
    EventPage,
    IdempotencyKey,
    KeyRow,
    LineRow,
    LineSettings,
    Looked,
    MessageFilter,
    NewInbound,
    Pace,
    Page,
    PartStarting,
    PhoneRow,
    RetryRule,
    StoredAnswer,
    View,
    WebhookRow,
)
from gateway.store.schedules import Schedules
from gateway.store.searching import Search
from gateway.store.sessions import Sessions
from gateway.store.sim_pins import SimPins
from gateway.store.sqlite_file import Connect, SqliteFile, connect
from gateway.store.suppressions import Suppressions
from gateway.store.templates import Templates
from gateway.store.transaction import House, Tx
from gateway.store.viewing import page_of, viewed

log = structlog.get_logger(__name__)

UNSAID = LineSettings()
PRUNE_PIECES = 20
"""Pieces of old events let go in one round: 10,000 a minute, more than a gateway writes."""


class SqliteStore:
    """The store of one gateway process. See :class:`gateway.store.protocol.Store` for what each verb promises."""

    def __init__(  # noqa: PLR0913  what a process decides once; named at the call
        self,
        path: Path,
        ring: KeyRing,
        clock: Clock,
        *,
        max_queued: int = 100_000,
        retry: RetryRule | None = None,
        rules: Rules | None = None,
        event_days: int = 90,
        connect: Connect = connect,
    ) -> None:
        house = House(ring, retry or RetryRule(), rules or Rules())
        self._file = SqliteFile(path, house, clock, connect)
        self._max_queued = max_queued
        self._events_kept_ms = event_days * work.DAY_MS
        self.batches = BatchRoom(self._file, max_queued)
        self.approvals = Approvals(self._file)
        self._write = self._file.write
        self._read = self._file.read
        self.contacts = Contacts(self._file)
        self.groups = Groups(self._file)
        self.consents = Consents(self._file)
        self.suppressions = Suppressions(self._file)
        self.templates = Templates(self._file)
        self.schedules = Schedules(self._file)
        self.notifications = Notifications(self._file)
        self.reporting = Reporting(self._file)
        self.inbound_actions = InboundActions(self._file)
        self.alerts = AlertRoom(self._file)
        self.letters = Letters(self._file)
        self.doctor = DoctorRoom(self._file)
        self.metering = Metering(self._file)
        self.sessions = Sessions(self._file)
        self.glance = Glance(self._file)
        self.hardware_history = HardwareHistory(self._file)
        self.ignored_devices = IgnoredDevices(self._file)
        self.sim_pins = SimPins(self._file)
        self.search = Search(self._file)
        self.conversations = Conversations(self._file)
        self.outbox = Outbox(self._file)
        self.audit = Audit(self._file)
        self.key_use = KeyUses(self._file)

    async def open(self) -> None:
        await self._file.open()

    async def close(self) -> None:
        await self._file.close()

    async def ping(self) -> None:
        await self._write(lambda tx: tx.run("fact_put", name="ping", value=str(tx.now_ms)))

    async def checkpoint(self) -> int:
        return await self._file.checkpoint()

    async def backup(self, target: Path) -> None:
        await self._file.backup(target)

    def signal(self, *topics: Topic) -> asyncio.Event:
        return self._file.signal(*topics)

    # ------------------------------------------------------------------ upkeep

    async def hold_restored(self) -> int:
        """Hold everything that is not final, as ``restore`` promises; returns how many messages wait."""

        def hold(tx: Tx) -> int:
            schedules.hold_restored(tx)
            notification_fate.hold_restored(tx)
            held = work.hold_restored(tx)
            deed = Deed("database.restored", "cli", hardware.TENANT, detail={"messages_held": held})
            append_deed(tx, deed)
            return held

        return await self._write(hold)

    async def release_restored(self, tenant: str, actor: str) -> int:
        """Let messages go that a restore holds; returns how many."""

        def release(tx: Tx) -> int:
            schedules.release_restored(tx, tenant)
            notification_fate.release_restored(tx, tenant)
            return work.release_restored(tx, tenant, actor)

        return await self._write(release)

    async def newest_row_at_ms(self) -> int | None:
        """When the newest event was written: a clock that is behind it is wrong."""

        def newest(tx: Tx) -> int | None:
            row = tx.one("newest_row_at")
            return row["at"] if row else None

        return await self._read(newest)

    async def step_clock(self, step_ms: int, created_since_ms: int) -> None:
        def step(tx: Tx) -> None:
            notification_fate.step_clock(tx, step_ms)
            work.step_clock(tx, step_ms, created_since_ms)

        await self._write(step)

    async def prune(self) -> None:
        await self._write(work.prune, linger=True)
        if not self._events_kept_ms:
            return
        for _ in range(PRUNE_PIECES):
            # One piece after the other, so that claims come in between.
            if not await self._write(lambda tx: events.prune(tx, self._events_kept_ms), linger=True):
                return

    # ------------------------------------------------------------------ messages

    async def admit(self, new: NewMessage, idempotency: IdempotencyKey | None) -> Admitted:
        return await self._write(
            lambda tx: messages.admit(tx, new, idempotency, self._max_queued), crowd=True
        )

    async def message(self, view: View, message_id: str) -> Message:
        return await self._read(lambda tx: messages.message(tx, view, message_id))

    async def messages(
        self, view: View, where: MessageFilter, limit: int, after: str | None
    ) -> Page[Message]:
        return await self._read(lambda tx: messages.messages(tx, view, where, (limit, after)))

    async def parts(self, message_id: str) -> tuple[PartDetail, ...]:
        return await self._read(lambda tx: messages.parts(tx, message_id))

    async def timeline(self, message_id: str) -> tuple[TimelineEntry, ...]:
        return await self._read(lambda tx: messages.timeline(tx, message_id))

    async def message_eta(self, view: View, message_id: str) -> Estimate | None:
        return await self._read(lambda tx: messages.message_eta(tx, view, message_id))

    async def counts(self, tenant: str) -> dict[MessageState, int]:
        return await self._read(lambda tx: messages.counts(tx, tenant))

    async def change(self, view: View, message_id: str, happening: Happening, actor: str) -> Message:
        return await self._write(lambda tx: messages.change(tx, view, (message_id, happening, actor)))

    # ------------------------------------------------------------------ work

    async def look(
        self, line_id: str, limit: int, pace: Pace, beside: frozenset[str] = frozenset()
    ) -> Looked:
        looked = await self._read(lambda tx: looking.look(tx, line_id, limit, pace, beside))
        for message_id in looked.unreadable:
            log.error("message.damaged", message=message_id, hint="its stored text was changed")
            await self.refuse(message_id, "internal_error")
        return looked

    async def refuse(self, message_id: str, code: str) -> None:
        await self._write(lambda tx: claiming.refuse(tx, message_id, code))

    def claim(self, claim: Claim) -> asyncio.Future[Claimed]:
        return self._write(lambda tx: claiming.claim(tx, claim))

    def advance(self, outcome: PartOutcome, then: Claim | PartStarting | None) -> asyncio.Future[Claimed]:
        return self._write(lambda tx: work.advance(tx, outcome, then))

    async def record(self, outcome: PartOutcome, speaker: str | None = None) -> None:
        await self._write(lambda tx: work.record(tx, outcome, speaker))

    async def record_report(self, line_id: str, report: ReportReceived, speaker: str | None = None) -> None:
        await self._write(lambda tx: reports.record_report(tx, line_id, report, speaker), linger=True)

    async def store_inbound(self, new: NewInbound) -> Inbound | None:
        # Without lingering: it may be a stop, and every message that leaves meanwhile is one too many.
        return await self._write(lambda tx: inbound.store_inbound(tx, new))

    async def tick(self) -> int | None:
        return await self._write(work.tick, crowd=True)

    async def recover(self, node: str, line_id: str | None = None) -> int:
        return await self._write(lambda tx: work.recover(tx, node, line_id))

    async def open_attempts(self, device_id: str) -> tuple[str, ...]:
        return await self._read(lambda tx: work.open_attempts(tx, device_id))

    # ------------------------------------------------------------------ inbound

    async def inbound(self, view: View, inbound_id: str) -> Inbound:
        def one(tx: Tx) -> Inbound:
            row = viewed(tx, view, "inbound_for_viewer", inbound_id)
            return load_inbound(tx, row)

        return await self._read(one)

    async def inbounds(self, view: View, limit: int, after: str | None) -> Page[Inbound]:
        def page(tx: Tx) -> Page[Inbound]:
            rows = tx.rows(
                "inbound_page",
                tenant=view.tenant,
                sandbox_only=int(view.sandbox_only),
                after=after or "",
                limit=limit + 1,
            )
            return page_of(rows, limit, lambda row: load_inbound(tx, row))

        return await self._read(page)

    # ------------------------------------------------------------------ hardware

    async def device_seen(
        self,
        info: DeviceInfo,
        attached: bool,  # noqa: FBT001  a fact about the device, not a switch
        reason: Outcome | None,
    ) -> None:
        await self._write(lambda tx: hardware.device_seen(tx, info, reason, attached=attached))

    async def line_seen(
        self,
        identity: LineIdentity,
        device_id: str | None,
        health: LineHealth,
        settings: LineSettings = UNSAID,
    ) -> LineRow:
        return await self._write(lambda tx: hardware.line_seen(tx, identity, device_id, health, settings))

    async def hold_line(self, line_id: str, reason: Outcome | None, until_ms: int | None) -> None:
        await self._write(lambda tx: hardware.hold_line(tx, line_id, reason, until_ms))

    async def detach_all(self) -> None:
        await self._write(hardware.detach_all)

    async def lines(self, view: View) -> tuple[LineRow, ...]:
        return await self._read(lambda tx: hardware.lines(tx, view))

    async def known_lines(self, tenant: str) -> tuple[LineRow, ...]:
        return await self._read(lambda tx: hardware.known_lines(tx, tenant))

    async def line(self, line_id: str) -> LineRow:
        return await self._read(lambda tx: hardware.line(tx, line_id))

    async def devices(self, view: View) -> tuple[DeviceRow, ...]:
        return await self._read(lambda tx: hardware.devices(tx, view))

    async def patch_line(
        self, view: View, line_id: str, changes: dict[str, object], by: str = GATEWAY
    ) -> LineRow:
        return await self._write(lambda tx: hardware.patch_line(tx, view, line_id, changes, by))

    async def pair_phone(self, row: PhoneRow) -> None:
        await self._write(lambda tx: phones.pair_phone(tx, row))

    async def phone_by_key(self, key_id: str) -> PhoneRow | None:
        return await self._read(lambda tx: phones.phone_by_key(tx, key_id))

    async def phones(self, tenant: str) -> tuple[PhoneRow, ...]:
        return await self._read(lambda tx: phones.phones(tx, tenant))

    async def change_phone(self, tenant: str, install_id: str, changes: dict[str, object]) -> PhoneRow:
        return await self._write(lambda tx: phones.change_phone(tx, tenant, install_id, changes))

    async def conflict(self, device_id: str, reason: str) -> None:
        await self._write(lambda tx: phones.conflict(tx, device_id, reason))

    async def remembered(self, name: str) -> str | None:
        def fact(tx: Tx) -> str | None:
            row = tx.one("fact_get", name=name)
            return row["value"] if row else None

        return await self._read(fact)

    async def remember(self, name: str, value: str) -> None:
        await self._write(lambda tx: tx.run("fact_put", name=name, value=value))

    # ------------------------------------------------------------------ keys

    async def add_key(self, row: KeyRow, by: str = GATEWAY) -> None:
        await self._write(lambda tx: credentials.add_key(tx, row, by))

    async def key(self, public_id: str) -> KeyRow | None:
        return await self._read(lambda tx: credentials.key(tx, public_id))

    async def keys(self, tenant: str) -> tuple[KeyRow, ...]:
        return await self._read(lambda tx: credentials.keys(tx, tenant))

    async def change_key(
        self, tenant: str, key_id: str, changes: dict[str, object], by: str = GATEWAY
    ) -> KeyRow:
        return await self._write(lambda tx: credentials.change_key(tx, tenant, key_id, changes, by))

    async def answered(self, idempotency: IdempotencyKey) -> StoredAnswer | None:
        return await self._read(lambda tx: messages.answered(tx, idempotency))

    async def keep_answer(self, idempotency: IdempotencyKey, answer: StoredAnswer) -> None:
        await self._write(lambda tx: messages.keep_answer(tx, idempotency, answer))

    # ------------------------------------------------------------------ webhooks and events

    async def add_webhook(self, row: WebhookRow, by: str = GATEWAY) -> None:
        await self._write(lambda tx: subscriptions.add_webhook(tx, row, by))

    async def webhooks(self, view: View) -> tuple[WebhookRow, ...]:
        return await self._read(lambda tx: subscriptions.webhooks(tx, view))

    async def webhook(self, view: View, webhook_id: str) -> WebhookRow:
        return await self._read(lambda tx: subscriptions.webhook(tx, view, webhook_id))

    async def change_webhook(
        self, view: View, webhook_id: str, changes: dict[str, object], by: str = GATEWAY
    ) -> WebhookRow:
        return await self._write(lambda tx: subscriptions.change_webhook(tx, view, webhook_id, changes, by))

    async def delete_webhook(self, view: View, webhook_id: str, by: str = GATEWAY) -> None:
        await self._write(lambda tx: subscriptions.delete_webhook(tx, view, webhook_id, by))

    async def due_deliveries(self, limit: int) -> tuple[DeliveryRow, ...]:
        return await self._read(lambda tx: subscriptions.due_deliveries(tx, limit))

    async def next_delivery_at_ms(self) -> int | None:
        return await self._read(subscriptions.next_delivery_at_ms)

    async def delivery_done(self, delivery: DeliveryRow, webhook_changes: dict[str, object]) -> None:
        await self._write(lambda tx: subscriptions.delivery_done(tx, delivery, webhook_changes), linger=True)

    async def deliveries(
        self, webhook_id: str, state: DeliveryState | None, limit: int, after: str | None
    ) -> Page[DeliveryRow]:
        return await self._read(lambda tx: subscriptions.deliveries(tx, webhook_id, state, (limit, after)))

    async def deliveries_of(self, message_id: str) -> tuple[DeliveryRow, ...]:
        return await self._read(lambda tx: subscriptions.deliveries_of(tx, message_id))

    async def redeliver(self, webhook_id: str, delivery_id: str) -> DeliveryRow:
        return await self._write(lambda tx: subscriptions.redeliver(tx, webhook_id, delivery_id))

    async def event(self, event_id: str, *, with_text: bool) -> Event:
        return await self._read(lambda tx: events.read_event(tx, event_id, with_text=with_text))

    async def events_after(self, view: View, seq: int, limit: int) -> tuple[Event, ...]:
        return await self._read(lambda tx: events.events_after(tx, view, seq, limit))

    async def event_page(self, view: View, seq: int, limit: int) -> EventPage:
        return await self._read(lambda tx: events.event_page(tx, view, seq, limit))

    async def emit(
        self, tenant: str, event_type: str, payload: dict[str, object], *, webhook_id: str | None = None
    ) -> Event:
        def write(tx: Tx) -> Event:
            hook = tx.one("webhook_by_id", id=webhook_id) if webhook_id else None
            happened = events.Happened(
                type=event_type,
                tenant=tenant,
                sandbox=bool(hook and hook["sandbox"]),
                public=True,
                snapshot=payload,
            )
            _seq, event_id = events.append(tx, happened, webhook_id=webhook_id)
            return events.read_event(tx, event_id, with_text=False)

        return await self._write(write)

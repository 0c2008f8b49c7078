"""Owns the Store seam: the verbs of the domain that both databases implement.

Refuses to know SQL and threads. Every verb is one transaction; every change of a message's fate goes through
``record``, ``advance`` or ``change``, which consult :mod:`gateway.lifecycle`.
Source: invariants W1 to W4 of the architecture notes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, Protocol

from device_bridge.device import DeviceInfo, LineHealth, LineIdentity, PartOutcome, ReportReceived
from device_bridge.sms.outcome import Outcome
from gateway.lifecycle import Happening
from gateway.message import Inbound, Message, MessageState, NewMessage, PartDetail, TimelineEntry
from gateway.policy.eta import Estimate
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
    StoredAnswer,
    View,
    WebhookRow,
)

if TYPE_CHECKING:
    # The rooms raise what stands below, so they cannot be imported before it.
    from gateway.store.alert_letters import Letters
    from gateway.store.alerts import AlertRoom
    from gateway.store.approvals import Approvals
    from gateway.store.audit import Audit
    from gateway.store.batch_room import BatchRoom
    from gateway.store.consents import Consents
    from gateway.store.contacts import Contacts
    from gateway.store.conversations import Conversations
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
    from gateway.store.reporting import Reporting
    from gateway.store.schedules import Schedules
    from gateway.store.searching import Search
    from gateway.store.sessions import Sessions
    from gateway.store.sim_pins import SimPins
    from gateway.store.suppressions import Suppressions
    from gateway.store.templates import Templates

Topic = Literal[
    "queue",
    "batches", "events", "deliveries", "lines", "schedules", "notifications", "inbound_actions", "letters"
]  # fmt: skip


GATEWAY = "gateway"
"""Who did what no person did: written into the audit trail where a verb is told of nobody."""


class StoreError(Exception):
    """Base of what a verb may refuse."""


class QueueFull(StoreError):
    """``messages.max_queued`` waiting messages are stored already."""


class NotAdmitted(StoreError):
    """A policy refuses the message. ``code`` is of the catalogue, ``detail`` says this case and its fix."""

    def __init__(self, code: str, detail: str, retry_after_s: int | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s


class IdempotencyKeyReused(StoreError):
    """The key came before with another body."""


class NotFound(StoreError):
    """No such row for this viewer; another tenant's id looks the same (rules TEN-1)."""


class StoreUnavailable(StoreError):
    """Database gone, disk full or I/O error: nothing of this unit was committed."""


class Store(Protocol):
    """Everything the gateway remembers. All methods may raise :class:`StoreUnavailable`."""

    contacts: Contacts
    groups: Groups
    consents: Consents
    suppressions: Suppressions
    templates: Templates
    schedules: Schedules
    notifications: Notifications
    inbound_actions: InboundActions
    alerts: AlertRoom
    letters: Letters
    batches: BatchRoom
    approvals: Approvals
    reporting: Reporting
    doctor: DoctorRoom
    metering: Metering
    sessions: Sessions
    glance: Glance
    hardware_history: HardwareHistory
    ignored_devices: IgnoredDevices
    sim_pins: SimPins
    search: Search
    conversations: Conversations
    outbox: Outbox
    audit: Audit
    key_use: KeyUses

    async def open(self) -> None:
        """Migrate (after a copy of the file) and start."""
        ...

    async def close(self) -> None: ...

    async def ping(self) -> None:
        """Commit nothing, but prove that committing would work."""
        ...

    def signal(self, *topics: Topic) -> asyncio.Event:
        """Subscribe: the event is set after each commit that touches one of the topics; the subscriber clears it."""
        ...

    # ---- messages
    async def admit(self, new: NewMessage, idempotency: IdempotencyKey | None) -> Admitted:
        """Store an admitted message and its ``message.queued`` or ``message.held`` event (W1, W4).

        Raises:
            QueueFull, IdempotencyKeyReused.
        """
        ...

    async def message(self, view: View, message_id: str) -> Message:
        """Raises NotFound."""
        ...

    async def messages(
        self, view: View, where: MessageFilter, limit: int, after: str | None
    ) -> Page[Message]: ...

    async def parts(self, message_id: str) -> tuple[PartDetail, ...]: ...

    async def timeline(self, message_id: str) -> tuple[TimelineEntry, ...]: ...

    async def message_eta(self, view: View, message_id: str) -> Estimate | None:
        """Guess when a message that waits will be sent, and say why not now; None when it does not wait.

        Raises:
            NotFound.
        """
        ...

    async def counts(self, tenant: str) -> dict[MessageState, int]:
        """Count messages by state; the cost does not grow with the rows."""
        ...

    async def change(self, view: View, message_id: str, happening: Happening, actor: str) -> Message:
        """Cancel, approve, reject, resend, confirm or give up, as a person or a rule decided.

        Raises:
            NotFound; lifecycle.Conflict: it does not fit the state (``resend`` after ``expires_at`` too).
        """
        ...

    # ---- work
    async def look(
        self, line_id: str, limit: int, pace: Pace, beside: frozenset[str] = frozenset()
    ) -> Looked:
        """See what this line would carry next within its pace, leaving out the ids ``beside``; changes nothing."""
        ...

    async def refuse(self, message_id: str, code: str) -> None:
        """Take a queued message that cannot be sent out of the queue: CANCELLED with ``code`` of the catalogue."""
        ...

    def claim(self, claim: Claim) -> asyncio.Future[Claimed]:
        """Give the line the first candidate that is still to be had (compare-and-set), and commit SUBMITTING."""
        ...

    def advance(self, outcome: PartOutcome, then: Claim | PartStarting | None) -> asyncio.Future[Claimed]:
        """Record a verdict and, in the same transaction, claim the next message or start the next part."""
        ...

    async def record(self, outcome: PartOutcome, speaker: str | None = None) -> None:
        """Record what a device says of a part, now or late; what does not fit is history only.

        ``speaker`` is the id of the device with a journal that says it: of attempts that it was not given it is not
        believed."""
        ...

    async def record_report(self, line_id: str, report: ReportReceived, speaker: str | None = None) -> None:
        """Store a STATUS-REPORT and match it to a part; unmatched ones are tried again later."""
        ...

    async def store_inbound(self, new: NewInbound) -> Inbound | None:
        """Store a received TPDU; returns the message it completed, or None while parts are missing."""
        ...

    async def tick(self) -> int | None:
        """Make due rows ready, expire the late; returns when the next row falls due (UTC ms)."""
        ...

    async def prune(self) -> None:
        """Drop what nobody can ask for any more."""
        ...

    async def step_clock(self, step_ms: int, created_since_ms: int) -> None:
        """Move every time that was computed from "now" along with a wall clock that stepped."""
        ...

    async def newest_row_at_ms(self) -> int | None:
        """When the newest event was written (UTC ms): a clock that is behind it is wrong."""
        ...

    async def recover(self, node: str, line_id: str | None = None) -> int:
        """Turn SUBMITTING that this node, or one line of it, left behind into *lost*; returns how many.

        What a device with a journal was given is left: it is asked when it is back, and *lost* comes in time."""
        ...

    async def open_attempts(self, device_id: str) -> tuple[str, ...]:
        """List attempts that a device with a journal was given and whose end nobody knows."""
        ...

    # ---- inbound
    async def inbound(self, view: View, inbound_id: str) -> Inbound: ...

    async def inbounds(self, view: View, limit: int, after: str | None) -> Page[Inbound]: ...

    # ---- hardware
    async def device_seen(self, info: DeviceInfo, attached: bool, reason: Outcome | None) -> None: ...  # noqa: FBT001

    async def line_seen(
        self,
        identity: LineIdentity,
        device_id: str | None,
        health: LineHealth,
        settings: LineSettings = ...,
    ) -> LineRow:
        """Remember a SIM, where it is and how it is; emits ``line.up`` / ``line.down`` on change."""
        ...

    async def hold_line(self, line_id: str, reason: Outcome | None, until_ms: int | None) -> None:
        """Keep a line from sending until a time because of what the network said."""
        ...

    async def detach_all(self) -> None:
        """At start nothing is attached until it is seen."""
        ...

    async def line(self, line_id: str) -> LineRow:
        """Read one line without counting its work. Raises NotFound."""
        ...

    async def lines(self, view: View) -> tuple[LineRow, ...]: ...

    async def known_lines(self, tenant: str) -> tuple[LineRow, ...]:
        """List the lines of a tenant without counting their work: the cost does not grow with what waits."""
        ...

    async def devices(self, view: View) -> tuple[DeviceRow, ...]: ...

    async def patch_line(
        self, view: View, line_id: str, changes: dict[str, object], by: str = GATEWAY
    ) -> LineRow:
        """Change ``label``, ``number``, ``pools``, ``paused``, a limit or ``quiet_hours``. Raises NotFound."""
        ...

    # ---- phones
    async def pair_phone(self, row: PhoneRow) -> None:
        """Remember a pairing; a phone that is paired again gets its new key in place of the old one."""
        ...

    async def phone_by_key(self, key_id: str) -> PhoneRow | None:
        """Find a phone, revoked or not, by the public part of its key."""
        ...

    async def phones(self, tenant: str) -> tuple[PhoneRow, ...]: ...

    async def change_phone(self, tenant: str, install_id: str, changes: dict[str, object]) -> PhoneRow:
        """Change ``serialno``, ``label``, ``revoked_at_ms``, ``cap_parts``, ``cap_window_s`` or ``last_seen_ms``.
        Raises NotFound."""
        ...

    async def conflict(self, device_id: str, reason: str) -> None:
        """Emit ``device.conflict``: two devices claim what only one can have."""
        ...

    async def remembered(self, name: str) -> str | None:
        """Read a small fact kept across restarts (a refused PIN, the node id)."""
        ...

    async def remember(self, name: str, value: str) -> None: ...

    # ---- keys
    async def add_key(self, row: KeyRow, by: str = GATEWAY) -> None: ...

    async def key(self, public_id: str) -> KeyRow | None: ...

    async def keys(self, tenant: str) -> tuple[KeyRow, ...]: ...

    async def change_key(
        self, tenant: str, key_id: str, changes: dict[str, object], by: str = GATEWAY
    ) -> KeyRow:
        """Set ``revoked_at_ms``, ``expires_at_ms``, ``last_used_ms``, ``last_address`` or ``successor_id``.

        Raises:
            NotFound.
        """
        ...

    async def answered(self, idempotency: IdempotencyKey) -> StoredAnswer | None:
        """Raises IdempotencyKeyReused."""
        ...

    async def keep_answer(self, idempotency: IdempotencyKey, answer: StoredAnswer) -> None: ...

    # ---- webhooks and events
    async def add_webhook(self, row: WebhookRow, by: str = GATEWAY) -> None: ...

    async def webhooks(self, view: View) -> tuple[WebhookRow, ...]: ...

    async def webhook(self, view: View, webhook_id: str) -> WebhookRow: ...

    async def change_webhook(
        self, view: View, webhook_id: str, changes: dict[str, object], by: str = GATEWAY
    ) -> WebhookRow: ...

    async def delete_webhook(self, view: View, webhook_id: str, by: str = GATEWAY) -> None: ...

    async def due_deliveries(self, limit: int) -> tuple[DeliveryRow, ...]:
        """Pending deliveries whose time has come, at most one per endpoint and message, in order of events;
        endpoints with an open circuit only when their probe is due."""
        ...

    async def next_delivery_at_ms(self) -> int | None: ...

    async def delivery_done(self, delivery: DeliveryRow, webhook_changes: dict[str, object]) -> None:
        """Write the outcome of one try (the row as it is to be) and the endpoint's health in one transaction;
        a delivery that turns ``dead`` emits ``webhook.dead``."""
        ...

    async def deliveries(
        self, webhook_id: str, state: DeliveryState | None, limit: int, after: str | None
    ) -> Page[DeliveryRow]: ...

    async def deliveries_of(self, message_id: str) -> tuple[DeliveryRow, ...]:
        """List which endpoints were told of a message or received text, in the order of its events; 200 at most."""
        ...

    async def redeliver(self, webhook_id: str, delivery_id: str) -> DeliveryRow:
        """Make a finished delivery pending again at once, same event id. Raises NotFound."""
        ...

    async def event(self, event_id: str, *, with_text: bool) -> Event:
        """Read one event with its payload as subscribers see it. Raises NotFound (retention)."""
        ...

    async def events_after(self, view: View, seq: int, limit: int) -> tuple[Event, ...]: ...

    async def event_page(self, view: View, seq: int, limit: int) -> EventPage:
        """Read events after a seq with their texts, and the ends of what there is; ``limit`` 0: the ends alone.

        Who goes on after the last seq of a page skips nothing."""
        ...

    async def emit(
        self, tenant: str, event_type: str, payload: dict[str, object], *, webhook_id: str | None = None
    ) -> Event:
        """Commit an event that belongs to no message; with ``webhook_id`` it goes to that endpoint only."""
        ...

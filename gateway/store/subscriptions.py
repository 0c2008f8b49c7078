"""Owns webhooks and their deliveries: who wants which events, what is due, what came of each try.

Knows no HTTP. Order within one endpoint and message is kept by giving out only the oldest pending delivery.
Source: rules WHK-1 to WHK-4.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from gateway.store import audit
from gateway.store.convert import load_delivery, load_webhook
from gateway.store.events import Happened, append
from gateway.store.protocol import NotFound
from gateway.store.rows import DeliveryRow, DeliveryState, Page, View, WebhookRow
from gateway.store.transaction import Row, Tx
from gateway.store.viewing import page_of, viewed


def add_webhook(tx: Tx, row: WebhookRow, by: str) -> None:
    tx.run(
        "webhook_insert",
        id=row.id,
        tenant=row.tenant,
        url=row.url,
        events=json.dumps(row.events),
        secrets=_sealed(tx, row.id, row.secrets),
        include_text=int(row.include_text),
        sandbox=int(row.sandbox),
        enabled=int(row.enabled),
        created_at=row.created_at_ms,
    )
    _tell(tx, row, "webhook.created", by, _decided(row))


def webhooks(tx: Tx, view: View) -> tuple[WebhookRow, ...]:
    rows = tx.rows("webhooks_of", tenant=view.tenant, sandbox_only=int(view.sandbox_only))
    return tuple(load_webhook(tx, row) for row in rows)


def webhook(tx: Tx, view: View, webhook_id: str) -> WebhookRow:
    """Read a subscription. Raises NotFound."""
    row = viewed(tx, view, "webhook_for_viewer", webhook_id)
    return load_webhook(tx, row)


def change_webhook(tx: Tx, view: View, webhook_id: str, changes: dict[str, object], by: str) -> WebhookRow:
    """Change fields of a subscription (names as in :class:`WebhookRow`). Raises NotFound."""
    was = webhook(tx, view, webhook_id)
    now = _update(tx, webhook_id, changes)
    changed = audit.changes_of(_decided(was), _decided(now))
    if now.secrets != was.secrets:
        changed["secret"] = ["…", "…"]
    if changed:
        _tell(tx, now, "webhook.changed", by, {"url": now.url, "changed": changed})
    return now


def _decided(row: WebhookRow) -> dict[str, object]:
    """Give what people decide about a subscription, without its secret."""
    return {
        "url": row.url,
        "events": list(row.events),
        "include_text": row.include_text,
        "enabled": row.enabled,
    }


def _tell(tx: Tx, row: WebhookRow, action: str, by: str, detail: dict[str, object]) -> None:
    audit.append(tx, audit.Deed(action, by, row.tenant, f"webhook:{row.id}", detail, row.sandbox))


def _update(tx: Tx, webhook_id: str, changes: dict[str, object]) -> WebhookRow:
    row = tx.one("webhook_by_id", id=webhook_id)
    if row is None:
        raise NotFound
    fields: dict[str, Any] = asdict(load_webhook(tx, row)) | changes
    failing_since = (fields["failing_since_ms"] or tx.now_ms) if fields["failures_in_row"] else None
    tx.run(
        "webhook_update",
        id=webhook_id,
        url=fields["url"],
        events=json.dumps(fields["events"]),
        # As they stand where nobody changes them: damaged ones too, which are damaged until they are rotated.
        secrets=_sealed(tx, webhook_id, changes["secrets"]) if "secrets" in changes else row["secrets"],
        rotated_at=fields["rotated_at_ms"],
        include_text=int(fields["include_text"]),
        enabled=int(fields["enabled"]),
        disabled_reason=fields["disabled_reason"],
        failures_in_row=fields["failures_in_row"],
        open_until=fields["open_until_ms"],
        last_success=fields["last_success_ms"],
        failing_since=failing_since,
    )
    tx.touched.add("deliveries")
    changed = tx.one("webhook_by_id", id=webhook_id)
    if changed is None:
        raise NotFound
    return load_webhook(tx, changed)


def _sealed(tx: Tx, webhook_id: str, secrets: object) -> bytes | None:
    return tx.seal(f"webhook|secrets|{webhook_id}", json.dumps(secrets))


def delete_webhook(tx: Tx, view: View, webhook_id: str, by: str) -> None:
    """Remove a subscription and what waits for it. Raises NotFound."""
    row = webhook(tx, view, webhook_id)
    tx.run("deliveries_delete", webhook_id=webhook_id)
    tx.run("webhook_delete", id=webhook_id)
    _tell(tx, row, "webhook.deleted", by, {"url": row.url})


# ------------------------------------------------------------------ deliveries


def due_deliveries(tx: Tx, limit: int) -> tuple[DeliveryRow, ...]:
    """List what may be tried now, ``limit`` for each endpoint."""
    due: list[DeliveryRow] = []
    for hook in tx.rows("webhooks_sending", now=tx.now_ms):
        rows = tx.rows("deliveries_due", webhook_id=hook["id"], now=tx.now_ms, limit=limit)
        due += (load_delivery(tx, row) for row in rows)
    return tuple(due)


def next_delivery_at_ms(tx: Tx) -> int | None:
    times = [
        max(row["at"], row["open_until"] or 0)
        for row in tx.rows("deliveries_next_at")
        if row["at"] is not None
    ]
    return min(times, default=None)


def delivery_done(tx: Tx, delivery: DeliveryRow, webhook_changes: dict[str, object]) -> None:
    """Write what came of a try and the endpoint's health; a dead letter is an event of its own."""
    _write(tx, delivery)
    if delivery.state == "pending":
        # Those behind it wait with it: what cannot be tried must not look due.
        tx.run(
            "deliveries_wait_behind",
            webhook_id=delivery.webhook_id,
            subject=delivery.message_id,
            event_seq=delivery.event_seq,
            next_at=delivery.next_at_ms,
        )
    if tx.one("webhook_by_id", id=delivery.webhook_id) is None:
        return  # deleted while the request was under way
    if webhook_changes:
        _update(tx, delivery.webhook_id, webhook_changes)
    if delivery.state == "dead" and delivery.event_type != "webhook.dead":
        hook = tx.one("webhook_by_id", id=delivery.webhook_id)
        append(
            tx,
            Happened(
                type="webhook.dead",
                tenant=hook["tenant"] if hook else "default",
                sandbox=bool(hook and hook["sandbox"]),
                public=True,
                snapshot={
                    "webhook_id": delivery.webhook_id,
                    "delivery_id": delivery.id,
                    "event_id": delivery.event_id,
                    "event_type": delivery.event_type,
                    "reason": delivery.last_error,
                },
            ),
        )


def _write(tx: Tx, delivery: DeliveryRow) -> None:
    tx.run(
        "delivery_update",
        id=delivery.id,
        state=delivery.state,
        attempt=delivery.attempt,
        next_at=delivery.next_at_ms,
        last_status=delivery.last_status,
        last_error=delivery.last_error,
        last_ms=delivery.last_ms,
        finished_at=delivery.finished_at_ms,
        took_ms=delivery.took_ms,
        said=tx.seal(f"delivery|said|{delivery.id}", delivery.said),
    )
    tx.touched.add("deliveries")


def deliveries(
    tx: Tx, webhook_id: str, state: DeliveryState | None, page: tuple[int, str | None]
) -> Page[DeliveryRow]:
    limit, after = page
    rows = tx.rows(
        "deliveries_page", webhook_id=webhook_id, state=state or "", after=after or "", limit=limit + 1
    )
    return page_of(rows, limit, lambda row: load_delivery(tx, row))


DELIVERIES_SHOWN = 200
"""Of one message: more endpoints times events than anybody reads on a page."""


def deliveries_of(tx: Tx, subject: str) -> tuple[DeliveryRow, ...]:
    rows = tx.rows("deliveries_of_subject", subject=subject, limit=DELIVERIES_SHOWN)
    return tuple(load_delivery(tx, row) for row in rows)


def redeliver(tx: Tx, webhook_id: str, delivery_id: str) -> DeliveryRow:
    """Make a delivery pending again, at once, with the same event id. Raises NotFound."""
    row = _delivery(tx, webhook_id, delivery_id)
    tx.run(
        "delivery_update",
        id=delivery_id,
        state="pending",
        attempt=0,
        next_at=tx.now_ms,
        last_status=row["last_status"],
        last_error=row["last_error"],
        last_ms=row["last_ms"],
        finished_at=None,
        took_ms=row["took_ms"],
        said=row["said"],
    )
    tx.touched.add("deliveries")
    return load_delivery(tx, _delivery(tx, webhook_id, delivery_id))


def _delivery(tx: Tx, webhook_id: str, delivery_id: str) -> Row:
    row = tx.one("delivery_by_id", id=delivery_id)
    if row is None or row["webhook_id"] != webhook_id:
        raise NotFound
    return row

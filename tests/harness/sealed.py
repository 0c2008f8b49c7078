"""Owns a store with something in every sealed column, several rows each, so that one can be damaged beside whole ones.

Refuses to know who reads it. What takes a network or a server to come about is sealed by hand, with the same ring.
Source: rules DAT-1; the schema in ``gateway/store/migrations``.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from gateway.ids import new_id
from gateway.notification_flow import Channel, Refused
from gateway.policy.alerts import Finding, Judgement, follow
from gateway.store.alert_rows import LetterContent, NewLetter, Telling
from gateway.store.batch_rows import Incoming, NewBatch, Rejection
from gateway.store.notification_fate import error_of
from gateway.store.notification_rows import (
    Bulk,
    NewNotification,
    NotificationContent,
    NotificationRecipient,
    RejectedRecipient,
    Sender,
    SmsChoices,
    Tried,
)
from gateway.store.people_rows import ContactCard, Guardian, NewConsent, Proof, Wish
from gateway.store.plan_rows import (
    Calendar,
    PlannedMessage,
    RunRefusal,
    ScheduleRow,
    ScheduleRun,
    TemplateContent,
)
from gateway.store.rows import IdempotencyKey, LineRow, StoredAnswer, WebhookRow
from tests.peers.store_world import LIVE, RING, World, deliver

ROWS = 5
"""More than any table has sealed columns: each can be damaged in a row of its own, and one stays whole."""
SENDER = Sender("key", "crm", "default", ("*",), sandbox=False)
ANSWER = StoredAnswer(202, b"{}")
NOT_SEALED = {
    ("credential", "digest"), ("phone", "key_digest"), ("sign_in_link", "digest"), ("sign_in_link", "key_digest"),
    ("session", "digest"), ("session", "key_digest"), ("audit", "prev"), ("audit", "hash"),
}  # fmt: skip
"""What is kept as octets and is no secret: digests."""


async def seal_everything(w: World, url: str, secret: str) -> None:
    """Put at least ``ROWS`` values into every sealed column; what goes to webhooks goes to ``url``."""
    line = await w.line("a")
    for i in range(ROWS):
        await _sent(w, line, i)
        await _received(w, line, i)
        await _people(w, i)
        await _planned(w, i)
        await _notified(w, url, i)
        await _kept(w, i)
    for _ in range(ROWS):
        await w.store.admit(w.new(text=None, octets=b"data", port=5000, coding="8bit"), None)
    await _subscribed(w, url, secret)
    _by_hand(w.path)


async def _sent(w: World, line: LineRow, i: int) -> None:
    for mr in (i, 100 + i):
        await w.admit(text=f"text {mr}")
        attempt = await w.take(line)
        await w.sent(attempt, mr=mr)
    await w.report(line, mr=i)
    await w.report(line, mr=200 + i)  # of a part that nobody knows yet


async def _received(w: World, line: LineRow, i: int) -> None:
    await w.receive(line, deliver(f"hello {i}", w.now_ms))
    await w.receive(line, deliver(b"octets %d" % i, w.now_ms, port=5000))
    await w.receive(line, deliver("the first half", w.now_ms, concat=(i, 2, 1)))
    await w.receive(line, deliver("STOP", w.now_ms, sender=f"+44770090080{i}"))


async def _people(w: World, i: int) -> None:
    number = f"+44770090070{i}"
    await w.store.contacts.add(LIVE, ContactCard(f"Ann {i}", number, "ann@example.org"))
    consent = NewConsent("default", number, "marketing", "consent", "form", w.now_ms, "key")
    guardian = Guardian("Ann Moor", "mother")
    await w.store.consents.record(replace(consent, proof=Proof(text="I agree"), guardian=guardian))
    wish = Wish("default", f"+44770090060{i}", "phone", "key", note="called us")
    suppressed, _new = await w.store.suppressions.add(wish)
    await w.store.suppressions.lift(LIVE, suppressed.id, "key", "called again")


async def _planned(w: World, i: int) -> None:
    batch = NewBatch(new_id(), "default", "key", False, "transactional", w.now_ms, text="Hi {name}")
    await w.store.batches.create(batch)
    rows = [Incoming(1, w.new(batch_id=batch.id, text="Hi Ann"))]
    rejected = [Rejection(n, "invalid_number", "no number", {"to": f"0770 {n}"}) for n in (2, 3)]
    await w.store.batches.add(batch.id, rows, rejected)
    await w.store.batches.finish(batch.id, None, None, 0)
    content = TemplateContent(f"template {i}", {"en": "Hello"}, "en", "Subject", "<p>Hello</p>")
    template = await w.store.templates.add("default", content, "key", sandbox=False)
    await w.store.templates.change(LIVE, template.id, 1, (content, "key"))
    message = PlannedMessage(to=(f"+44770090050{i}",), text="reminder", values={"name": "Ann"})
    schedule = ScheduleRow(
        new_id(), "default", False, "key", "active", None,
        Calendar("FREQ=WEEKLY;BYDAY=MO", "2026-12-07T09:00:00", "Europe/London"), message, w.now_ms, 0, 0,
    )  # fmt: skip
    await w.store.schedules.add(schedule)
    (due,) = [each for each in await w.store.schedules.due(100) if each.id == schedule.id]
    refusals = (RunRefusal(0, "opted_out", "wants none"),)
    await w.store.schedules.ran(due, ScheduleRun(w.now_ms, "sent", refused=1, refusals=refusals), w.now_ms)


async def _notified(w: World, url: str, i: int) -> None:
    room = w.store.notifications
    failed = _notification(w, "email", email=f"ann{i}@example.org")
    await room.accept(failed, None, ANSWER)
    (due,) = (await room.due("email", 100)).work
    refused = Refused(error_of("channel_refused", permanent=True), permanent=True)
    await room.settle(due, new_id(), refused, Tried("550 no such mailbox"))
    await room.accept(_notification(w, "webhook", webhook=url), None, ANSWER)
    said = (RejectedRecipient(1, "invalid_number", "no number", "0770"),)
    bulk = Bulk(new_id(), "default", "key", False, 1, 0, said, (), w.now_ms)
    await room.begin_bulk(bulk)
    await room.finish_bulk(bulk, None, ANSWER)


def _notification(
    w: World, channel: Channel, *, email: str | None = None, webhook: str | None = None
) -> NewNotification:
    recipient = NotificationRecipient(email=email, webhook=webhook)
    content = NotificationContent("Parents' evening", "It moved to 18:30", "<p>It moved</p>")
    return NewNotification(
        new_id(), SENDER, False, None, recipient, content, (channel,), None, SmsChoices(), w.now_ms
    )


async def _kept(w: World, i: int) -> None:
    letter = NewLetter("email", "failures", LetterContent("head@example.org", "s", "b"), w.now_ms + 3_600_000)
    (change,) = follow((), Judgement((Finding("failures", 12, 10, subject=str(i)),)), w.now_ms, 3600)
    await w.store.alerts.tell("default", Telling(change, letters=(letter,)))
    await w.store.sim_pins.keep(f"894411006800000000{i}", "1234")
    await w.store.keep_answer(IdempotencyKey("scope", f"key {i}", "fingerprint"), ANSWER)


async def _subscribed(w: World, url: str, secret: str) -> None:
    for i in range(ROWS):
        hook = WebhookRow(f"hook-{i}", "default", url, ("message.*",), (secret,), True, False, True, w.now_ms)
        await w.store.add_webhook(hook)
    await w.admit(text="the first that webhooks hear of")
    for delivery in await w.store.due_deliveries(100):
        done = replace(
            delivery, state="delivered", next_at_ms=None, finished_at_ms=w.now_ms, said="thank you"
        )
        await w.store.delivery_done(done, {})
    await w.admit(text="the second")


def _by_hand(path: Path) -> None:
    """Where a picture message lies: only an operator's MMS centre sends one."""
    with closing(sqlite3.connect(path)) as db:
        for (inbound_id,) in db.execute("SELECT id FROM inbound").fetchall():
            url = RING.seal(f"inbound|url|{inbound_id}", b"http://mms.example.org/1")
            db.execute("UPDATE inbound SET url = ? WHERE id = ?", (url, inbound_id))
        db.commit()


def sealed_columns(path: Path) -> set[tuple[str, str]]:
    """List (table, column) of all that is kept as octets and is no digest."""
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {
            (table, str(name))
            for table in tables
            for _, name, kind, *_ in db.execute(f"PRAGMA table_info({table})").fetchall()
            if kind == "BLOB" or _holds_octets(db, table, name)
        }
    return columns - NOT_SEALED


def _holds_octets(db: sqlite3.Connection, table: str, column: str) -> bool:
    query = f"SELECT 1 FROM {table} WHERE typeof({column}) = 'blob' LIMIT 1"
    return db.execute(query).fetchone() is not None


def sealed_values(path: Path, table: str, column: str) -> list[bytes]:
    """Read what a column holds, in the order of its rows."""
    with closing(sqlite3.connect(path)) as db:
        query = f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"
        return [value for (value,) in db.execute(query)]


def flip(path: Path, table: str, column: str, value: bytes, octet: int = -1) -> bytes:
    """Change one bit of a sealed value where it stands, as a bad disk would; returns what stands there now."""
    changed = bytearray(value)
    changed[octet] ^= 1
    with closing(sqlite3.connect(path)) as db:
        query = f"UPDATE {table} SET {column} = ? WHERE {column} = ?"
        assert db.execute(query, (bytes(changed), value)).rowcount == 1
        db.commit()
    return bytes(changed)

"""Owns the contract of a store for what lies on disk: no text in any file, damage that stays where it is, keys named.

Runs on SQLite files; another database has its own way to change a row from outside.
Source: rules DAT-1, DAT-3, TLS-1; *Store* of the architecture notes (migrations).
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database, Migrations
from structlog.testing import capture_logs

from gateway.message import MessageState
from gateway.store.crypto import KeyRing
from gateway.store.migrations import MIGRATIONS
from gateway.store.protocol import StoreUnavailable
from gateway.store.rows import IdempotencyKey, MessageFilter, StoredAnswer, WebhookRow
from gateway.store.sqlite import SqliteStore
from tests.harness.sealed import flip, sealed_values
from tests.peers.store_world import LIVE, RING, THREE_PARTS, World, deliver, world

ANY = MessageFilter()
SECRET = "the eagle lands at noon"
SPOILT = "x'01010203040000000000000000000000'"
SWAP = "UPDATE message SET text = (SELECT text FROM message WHERE id = ?) WHERE id = ?"


def change(path: Path, sql: str, *values: Any) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql, values)
        connection.commit()


async def test_no_text_and_no_secret_stands_in_any_file(w: World) -> None:
    a = await w.line("a")
    hook = WebhookRow("hook", "default", "http://x", ("*",), ("whsec_hidden",), True, False, True, w.now_ms)
    await w.store.add_webhook(hook)
    message = await w.admit(text=SECRET)
    data = w.new(text=None, octets=SECRET.encode(), port=5000, coding="8bit")
    await w.store.admit(data, None)
    for _ in range(2):
        attempt = await w.take(a)
        await w.sent(attempt, mr=1)
    await w.report(a, mr=1)
    await w.receive(a, deliver(SECRET, w.now_ms))
    for number in (1, 2):
        await w.receive(a, deliver(SECRET, w.now_ms + 1000, concat=(1, 2, number)))
    key = IdempotencyKey("scope", "key", "fingerprint")
    await w.store.keep_answer(key, StoredAnswer(201, b'{"secret": "whsec_hidden"}'))
    assert (await w.get(message.id)).text == SECRET
    needles = (SECRET.encode(), SECRET.encode("utf-16-be"), SECRET.encode("utf-16-be").hex().upper().encode(),
               SECRET.encode("utf-16-be").hex().encode(), b"whsec_hidden", b"7432D97D06")  # fmt: skip
    files = [file for file in w.path.parent.rglob("*") if file.is_file()]
    assert any(file.name.endswith("-wal") for file in files)
    for file in files:
        octets = file.read_bytes()
        assert not [needle for needle in needles if needle in octets], file.name


async def test_the_database_file_is_the_owners_only(w: World) -> None:
    assert w.path.stat().st_mode & 0o077 == 0


async def test_a_text_that_was_changed_is_shown_as_damaged_and_all_others_are_served(w: World) -> None:
    damaged, whole = await w.admit(text="one"), await w.admit(text="two")
    shorter = "UPDATE message SET text = substr(text, 1, length(text) - 1) WHERE id = ?"
    change(w.path, shorter, damaged.id)
    items = (await w.store.messages(LIVE, ANY, 10, None)).items
    assert {m.id: m.text for m in items} == {damaged.id: "\ufffd", whole.id: "two"}


async def test_a_text_that_was_moved_to_another_row_is_damaged_there(w: World) -> None:
    first, second = await w.admit(text="one"), await w.admit(text="two")
    change(
        w.path,
        "UPDATE message SET text = (SELECT text FROM message WHERE id = ?) WHERE id = ?",
        first.id,
        second.id,
    )
    assert (await w.get(first.id)).text == "one"
    assert (await w.get(second.id)).text == "\ufffd"


async def test_a_damaged_text_never_goes_on_air_and_holds_nobody_up(w: World) -> None:
    a = await w.line("a")
    damaged, whole = await w.admit(text="one"), await w.admit(text="two")
    change(
        w.path,
        "UPDATE message SET text = (SELECT text FROM message WHERE id = ?) WHERE id = ?",
        whole.id,
        damaged.id,
    )
    assert [p.work.message.id for p in await w.look(a)] == [whole.id]
    cancelled = await w.get(damaged.id)
    assert cancelled.state is MessageState.CANCELLED
    assert cancelled.error is not None
    assert cancelled.error.code == "internal_error"


async def test_damage_among_received_messages_stays_where_it_is(w: World) -> None:
    a = await w.line("a")
    await w.receive(a, deliver("kept", w.now_ms))
    await w.receive(a, deliver("spoilt", w.now_ms + 1000))
    change(w.path, f"UPDATE inbound SET text = {SPOILT} WHERE id = (SELECT max(id) FROM inbound)")
    change(w.path, f"UPDATE inbound_part SET tpdu = {SPOILT} WHERE id = (SELECT max(id) FROM inbound_part)")
    items = (await w.store.inbounds(LIVE, 10, None)).items
    assert [i.text for i in items] == ["\ufffd", "kept"]


async def test_a_damaged_part_does_not_stop_the_clockwork(w: World) -> None:
    a = await w.line("a")
    await w.receive(a, deliver("one", w.now_ms, concat=(1, 2, 1)))
    change(w.path, f"UPDATE inbound_part SET tpdu = {SPOILT}")
    assert await w.receive(a, deliver("two", w.now_ms, concat=(1, 2, 2))) is None
    late = await w.admit(expires_at_ms=w.now_ms + 1000)
    w.clock.pass_s(90_000)
    await w.store.tick()
    await w.store.tick()
    assert await w.state(late.id) == "expired"
    assert sorted((i.type, i.text) for i in (await w.store.inbounds(LIVE, 10, None)).items) == [
        ("sms", "…two"), ("undecoded", None),
    ]  # fmt: skip


async def test_a_damaged_report_does_not_stop_the_verdicts_of_its_line(w: World) -> None:
    a = await w.line("a")
    message = await w.admit()
    attempt = await w.take(a)
    await w.report(a, mr=5)
    change(w.path, f"UPDATE report SET tpdu = {SPOILT}")
    await w.sent(attempt, mr=5)
    assert await w.state(message.id) == "sent"


@pytest.mark.parametrize("octet", [0, 1, -1], ids=["mark", "key id", "value"])
async def test_DAT_1_a_webhook_whose_secret_was_changed_has_none_until_it_is_rotated_and_the_rest_is_served(
    w: World, octet: int
) -> None:
    for name in ("damaged", "whole"):
        row = WebhookRow(name, "default", "http://x", ("*",), ("whsec_a",), True, False, True, w.now_ms)
        await w.store.add_webhook(row)
    (value, _) = sealed_values(w.path, "webhook", "secrets")
    flip(w.path, "webhook", "secrets", value, octet)
    with capture_logs() as logs:
        for _ in range(2):
            secrets = {row.id: row.secrets for row in await w.store.webhooks(LIVE)}
    # Of a mark alone nothing hangs: what stands behind it opens, and is authentic.
    assert secrets == {"damaged": ("whsec_a",) if octet == 0 else (), "whole": ("whsec_a",)}
    told = [line["where"] for line in logs if line["event"] == "store.row_damaged"]
    assert told == ([] if octet == 0 else ["webhook|secrets|damaged"])
    await w.store.change_webhook(LIVE, "damaged", {"enabled": False})
    await w.store.change_webhook(LIVE, "damaged", {"secrets": ("whsec_b",)})
    assert (await w.store.webhook(LIVE, "damaged")).secrets == ("whsec_b",)
    await w.store.delete_webhook(LIVE, "damaged")


async def test_DAT_1_a_value_that_is_no_text_is_a_damaged_row(w: World) -> None:
    damaged, whole = await w.admit(text="one"), await w.admit(text="two")
    change(w.path, "UPDATE message SET text = x'00FFFE' WHERE id = ?", damaged.id)
    items = (await w.store.messages(LIVE, ANY, 10, None)).items
    assert {m.id: m.text for m in items} == {damaged.id: "\ufffd", whole.id: "two"}


async def test_without_a_key_that_has_sealed_something_the_store_does_not_open_and_names_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "gateway.db"
    async with world(path) as w:
        await w.admit(text="sealed")
    other = KeyRing({b"\x0a\x0b\x0c\x0d": bytes(32)}, b"\x0a\x0b\x0c\x0d")
    with pytest.raises(StoreUnavailable, match="01020304"):
        async with world(path, ring=other):
            pass
    async with world(path) as w:
        assert [m.text for m in (await w.store.messages(LIVE, ANY, 10, None)).items] == ["sealed"]


async def test_without_encryption_texts_are_readable_and_stay_so_when_it_is_turned_on(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    async with world(path, ring=KeyRing.clear()) as w:
        clear = await w.admit(text="in clear")
    assert b"in clear" in path.read_bytes()
    async with world(path) as w:
        assert (await w.get(clear.id)).text == "in clear"


# ------------------------------------------------------------------ migrations


def _schema(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
        return [tuple(row) for row in rows if not row[1].startswith("sqlite_")]


async def test_a_fresh_schema_is_the_migrated_one(tmp_path: Path) -> None:
    """Each migration applied on its own, with rows in between, ends where a fresh database begins."""
    async with world(tmp_path / "fresh.db"):
        pass
    step_by_step = Database(tmp_path / "migrated.db")
    names = [migration.name for migration in MIGRATIONS.pending(step_by_step)]
    for following in [*names[1:], None]:
        MIGRATIONS.apply(step_by_step, stop_before=following)
    step_by_step.conn.close()
    assert _schema(tmp_path / "migrated.db") == _schema(tmp_path / "fresh.db")


async def test_before_a_migration_the_file_is_copied_and_rows_survive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gateway.db"
    async with world(path) as w:
        message = await w.admit(text="survives")
    newer = Migrations("gateway")
    for file in sorted((Path(__file__).parents[2] / "gateway/store/migrations").glob("*.sql")):
        newer(name=file.name.removesuffix(".sql"))(lambda _db: None)  # applied already
    newer(name="9999_added")(lambda db: db.executescript("ALTER TABLE fact ADD COLUMN note TEXT"))
    monkeypatch.setattr("gateway.store.sqlite_file.MIGRATIONS", newer)
    async with world(path) as w:
        assert (await w.get(message.id)).text == "survives"
    copy = tmp_path / "gateway.db.before-9999_added"
    assert copy.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT id FROM message").fetchall() == [(message.id,)]
        assert "note" not in [row[1] for row in connection.execute("PRAGMA table_info(fact)")]


async def test_a_migration_that_fails_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gateway.db"
    async with world(path) as w:
        message = await w.admit()
    broken = Migrations("gateway")
    broken(name="0001_first")(lambda _db: None)
    broken(name="9999_broken")(
        lambda db: db.executescript("ALTER TABLE fact ADD COLUMN note TEXT; SELECT nonsense;")
    )
    with monkeypatch.context() as patch:
        patch.setattr("gateway.store.sqlite_file.MIGRATIONS", broken)
        with pytest.raises(StoreUnavailable, match="nonsense"):
            await SqliteStore(path, RING, w.clock).open()
    async with world(path) as again:
        assert await again.state(message.id) == "queued"
    with closing(sqlite3.connect(path)) as connection:
        assert "note" not in [row[1] for row in connection.execute("PRAGMA table_info(fact)")]


async def test_a_backup_is_whole_and_the_owners_only(w: World) -> None:
    message = await w.admit(text=THREE_PARTS)
    target = w.path.with_name("backup.db")
    await w.store.backup(target)
    assert target.stat().st_mode & 0o077 == 0
    async with world(target) as copy:
        assert (await copy.get(message.id)).text == THREE_PARTS


async def test_the_facts_name_every_key_that_sealed_something(w: World) -> None:
    assert json.loads(await w.store.remembered("data_keys") or "") == ["01020304"]

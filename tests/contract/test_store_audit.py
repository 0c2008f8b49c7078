"""Owns the contract of a store for the audit trail: every deed stands in it, nothing of it changes unseen.

Runs on every store of ``conftest``. Whoever changes the file by other means is played by the database's own library.
Source: rules AUD-1, AUD-2; attack list, row 34.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import load
from gateway.config.described import sections
from gateway.config.in_force import settings_in_force
from gateway.config.load import origins_of
from gateway.http.access import ADMIN_KEY_ID
from gateway.lifecycle import Happening
from gateway.message import MessageState
from gateway.store.audit import AuditFilter, Deed, Entry, Head, Verdict
from gateway.store.crypto import KeyRing
from gateway.store.people_rows import Wish
from gateway.store.rows import KeyRow, View, WebhookRow
from gateway.store.sessions import Holder
from gateway.store.sqlite import SqliteStore
from gateway.trail import WORDS, begin_trail
from tests.harness.tampering import by_other_means
from tests.peers.store_world import ALICE, LIVE, World

OTHER_RING = KeyRing({b"\x01\x02\x03\x04": bytes(32)}, b"\x01\x02\x03\x04")
ALL = AuditFilter()


async def trail(w: World, view: View = LIVE, where: AuditFilter = ALL) -> tuple[Entry, ...]:
    return (await w.store.audit.page(view, where, 500, None)).items


async def told(w: World, action: str) -> list[Entry]:
    return [entry for entry in await trail(w) if entry.deed.action == action]


async def deeds(w: World, n: int) -> None:
    for i in range(n):
        w.clock.pass_s(1)
        await w.store.audit.record(Deed("line.ussd", "key:k", "default", f"line:{i}", {"n": i}))


def a_key(w: World, **more: object) -> KeyRow:
    row = KeyRow("0193aaaa", "default", "abcdefgh", "crm", bytes(32), ("messages:send",), False, w.now_ms)
    return replace(row, **more)  # type: ignore[arg-type]


# ------------------------------------------------------------------ AUD-1: the chain


async def test_AUD_1_a_trail_that_nobody_touched_is_whole_and_ends_in_its_newest_entry(w: World) -> None:
    await deeds(w, 5)
    newest = (await trail(w))[0]
    assert await w.store.audit.verify() == Verdict(5, newest.hash)
    assert newest.seq == 5


async def test_AUD_1_the_database_itself_refuses_to_change_or_remove_an_entry(w: World) -> None:
    await deeds(w, 1)
    with closing(sqlite3.connect(w.path, isolation_level=None)) as db:
        for statement in ("UPDATE audit SET actor = 'key:x'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)


SWAPPED = (
    "UPDATE audit SET seq = 99 WHERE seq = 2",
    "UPDATE audit SET seq = 2 WHERE seq = 3",
    "UPDATE audit SET seq = 3 WHERE seq = 99",
)
MOVED_DETAIL = (
    "UPDATE audit SET detail = (SELECT detail FROM audit WHERE seq = 4) WHERE seq = 3",
    "UPDATE audit SET hash = (SELECT hash FROM audit WHERE seq = 4) WHERE seq = 3",
)


@pytest.mark.parametrize(
    ("statements", "bad_seq", "why"),
    [
        (("UPDATE audit SET actor = 'key:x' WHERE seq = 3",), 3, "changed"),
        (("UPDATE audit SET at = at - 1 WHERE seq = 1",), 1, "changed"),
        (("UPDATE audit SET outcome = 'refused' WHERE seq = 5",), 5, "changed"),
        (("UPDATE audit SET key_id = '' WHERE seq = 2",), 2, "data key"),
        (("DELETE FROM audit WHERE seq = 3",), 3, "entry 3 is missing"),
        (("DELETE FROM audit WHERE seq = 1",), 1, "entry 1 is missing"),
        (("DELETE FROM audit WHERE seq = 5",), 5, "entry 5 is missing at the end"),
        (("DELETE FROM audit WHERE seq > 2",), 3, "entries 3 to 5 are missing at the end"),
        (("DELETE FROM audit", "DELETE FROM fact WHERE name = 'audit_head'"), 1, "gone"),
        (("DELETE FROM fact WHERE name = 'audit_head'",), 6, "head of the trail is gone"),
        (SWAPPED, 2, "changed"),
        (MOVED_DETAIL, 3, "changed"),
    ],
)
async def test_AUD_1_row_34_what_was_done_to_the_trail_by_other_means_is_named(
    w: World, statements: tuple[str, ...], bad_seq: int, why: str
) -> None:
    await deeds(w, 5)
    by_other_means(w.path.parent, *statements)
    found = await w.store.audit.verify()
    assert found.bad_seq == bad_seq
    assert why in found.why
    assert found.entries == bad_seq - 1


async def test_AUD_1_row_34_a_tail_that_is_cut_with_the_head_set_back_shows_by_its_seal(w: World) -> None:
    await deeds(w, 5)
    third = (await trail(w))[2]
    forged = f'{{"seq": 3, "hash": "{third.hash}", "key_id": "01020304", "seal": "{"0" * 64}"}}'
    by_other_means(
        w.path.parent,
        "DELETE FROM audit WHERE seq > 3",
        f"UPDATE fact SET value = '{forged}' WHERE name = 'audit_head'",
    )
    found = await w.store.audit.verify()
    assert (found.bad_seq, found.why) == (4, "the head of the trail was changed")


async def test_AUD_1_a_database_that_was_put_back_whole_is_found_by_the_head_that_a_log_remembers(
    w: World,
) -> None:
    await deeds(w, 3)
    yesterday = Head(3, (await trail(w))[0].hash)
    assert await w.store.audit.holds(yesterday)
    assert not await w.store.audit.holds(Head(3, "0" * 64))
    assert not await w.store.audit.holds(Head(4, yesterday.hash))


async def test_AUD_1_another_key_can_neither_verify_nor_go_on_unseen(w: World) -> None:
    await deeds(w, 2)
    forger = SqliteStore(w.path, OTHER_RING, w.clock)
    await forger.open()
    try:
        await forger.audit.record(Deed("key.created", "cli", "default"))
        assert (await forger.audit.verify()).bad_seq == 1
    finally:
        await forger.close()
    assert (await w.store.audit.verify()).bad_seq == 3


async def test_AUD_1_a_data_key_that_is_replaced_leaves_the_older_entries_provable(w: World) -> None:
    await deeds(w, 2)
    ring = KeyRing(
        {b"\x01\x02\x03\x04": bytes(range(32)), b"\x05\x06\x07\x08": bytes(32)}, b"\x05\x06\x07\x08"
    )
    later = SqliteStore(w.path, ring, w.clock)
    await later.open()
    try:
        await later.audit.record(Deed("key.created", "cli", "default"))
        assert (await later.audit.verify()).bad_seq is None
    finally:
        await later.close()


async def test_AUD_1_texts_in_clear_leave_the_trail_its_key(w: World, tmp_path: Path) -> None:
    ring = KeyRing({b"\x01\x02\x03\x04": bytes(range(32))}, b"\x01\x02\x03\x04").without_sealing()
    clear = SqliteStore(tmp_path / "clear.db", ring, w.clock)
    await clear.open()
    try:
        await clear.audit.record(Deed("key.created", "cli", "default"))
        assert (await clear.audit.verify()).bad_seq is None
    finally:
        await clear.close()
    forger = SqliteStore(tmp_path / "clear.db", KeyRing.clear(), w.clock)
    await forger.open()
    try:
        assert "data key" in (await forger.audit.verify()).why
    finally:
        await forger.close()


async def test_an_empty_trail_is_no_whole_one_and_is_begun_once(w: World) -> None:
    assert (await w.store.audit.verify()).why == "the trail and its head are gone"
    first = await w.store.audit.begin("default")
    assert await w.store.audit.begin("default") == first
    assert [entry.deed.action for entry in await trail(w)] == ["audit.begun"]


# ------------------------------------------------------------------ reading


async def test_the_trail_is_read_in_pages_by_who_what_and_when(w: World) -> None:
    await deeds(w, 3)
    await w.store.audit.record(Deed("key.refused", "address:10.0.0.9", "default", outcome="refused"))
    first = await w.store.audit.page(LIVE, ALL, 3, None)
    assert [entry.seq for entry in first.items] == [4, 3, 2]
    assert [entry.seq for entry in (await w.store.audit.page(LIVE, ALL, 3, first.next)).items] == [1]
    at_ms = first.items[1].at_ms
    for where, seqs in (
        (AuditFilter(actor="key:k"), [3, 2, 1]),
        (AuditFilter(action="line.ussd"), [3, 2, 1]),
        (AuditFilter(kind="key"), [4]),
        (AuditFilter(kind="lin"), []),
        (AuditFilter(target="line:1"), [2]),
        (AuditFilter(since_ms=at_ms), [4, 3]),
        (AuditFilter(until_ms=at_ms), [2, 1]),
        (AuditFilter(refused=True), [4]),
    ):
        assert [entry.seq for entry in await trail(w, where=where)] == seqs, where


async def test_another_tenant_and_a_sandbox_key_read_their_own_entries_only(w: World) -> None:
    await w.store.audit.record(Deed("key.created", "cli", "default"))
    await w.store.audit.record(Deed("key.created", "cli", "default", sandbox=True))
    await w.store.audit.record(Deed("key.created", "cli", "other"))
    assert [entry.seq for entry in await trail(w)] == [2, 1]
    assert [entry.seq for entry in await trail(w, View("default", sandbox_only=True))] == [2]
    assert [entry.seq for entry in await trail(w, View("other"))] == [3]


# ------------------------------------------------------------------ AUD-2: what is written


async def test_AUD_2_a_key_that_is_made_changed_and_revoked_is_written_with_who_did_it(w: World) -> None:
    row = a_key(w)
    await w.store.add_key(row, "key:boss")
    await w.store.change_key("default", row.id, {"last_used_ms": w.now_ms, "last_address": "10.0.0.1"})
    await w.store.change_key("default", row.id, {"expires_at_ms": w.now_ms + 1000}, "key:boss")
    await w.store.change_key("default", row.id, {"revoked_at_ms": w.now_ms}, "key:boss")
    written = [(entry.deed.action, entry.deed.by, entry.deed.target) for entry in reversed(await trail(w))]
    target = f"key:{row.id}"
    assert written == [
        (action, "key:boss", target) for action in ("key.created", "key.changed", "key.revoked")
    ]
    (made,) = await told(w, "key.created")
    assert made.deed.detail == {"name": "crm", "scopes": ["messages:send"], "expires_at": None}


async def test_AUD_2_a_webhook_is_written_with_before_and_after_and_never_with_its_secret(w: World) -> None:
    row = WebhookRow(
        id="0193bbbb", tenant="default", url="http://192.168.1.5/hook", events=("message.*",), secrets=("whsec_AAAA",),
        include_text=True, sandbox=False, enabled=True, created_at_ms=w.now_ms,
    )  # fmt: skip
    await w.store.add_webhook(row, "key:boss")
    await w.store.change_webhook(LIVE, row.id, {"enabled": False, "secrets": ("whsec_BBBB",)}, "key:boss")
    await w.store.change_webhook(LIVE, row.id, {"open_until_ms": 5}, "gateway")
    await w.store.delete_webhook(LIVE, row.id, "key:boss")
    made, changed, deleted = reversed(await trail(w))
    assert [e.deed.action for e in (made, changed, deleted)] == [
        "webhook.created", "webhook.changed", "webhook.deleted",
    ]  # fmt: skip
    assert changed.deed.detail["changed"] == {"enabled": [True, False], "secret": ["…", "…"]}
    assert not any("whsec" in str(entry) for entry in (made, changed, deleted))


async def test_AUD_2_a_line_is_written_with_before_and_after_and_not_when_nothing_changes(w: World) -> None:
    line = await w.line()
    await w.store.patch_line(LIVE, line.id, {"label": "Office", "per_minute": 10}, "key:boss")
    await w.store.patch_line(LIVE, line.id, {"label": "Office"}, "key:boss")
    (entry,) = await told(w, "line.changed")
    assert entry.deed.detail["changed"] == {"label": [None, "Office"], "per_minute": [None, 10]}


async def test_AUD_2_who_signs_in_and_out_is_written(w: World) -> None:
    holder = Holder("default", ADMIN_KEY_ID, b"d" * 32)
    await w.store.sessions.add_link(b"l" * 32, holder, w.now_ms + 1000)
    await w.store.sessions.redeem(b"l" * 32, b"s" * 32, "10.0.0.7")
    await w.store.sessions.end(b"s" * 32)
    await w.store.sessions.end(b"s" * 32)
    entries = list(reversed(await trail(w)))
    assert [e.deed.action for e in entries] == ["session.link_made", "session.begun", "session.ended"]
    assert entries[1].deed.detail == {"shown": "link", "address": "10.0.0.7"}
    assert {e.deed.by for e in entries} == {f"key:{ADMIN_KEY_ID}"}


async def test_AUD_2_a_suppression_is_written_by_subject_and_the_number_stands_nowhere_in_the_trail(
    w: World,
) -> None:
    added, _new = await w.store.suppressions.add(Wish("default", ALICE, "phone", "key:boss"))
    await w.store.suppressions.lift(LIVE, added.id, "key:boss", "they asked")
    entries = await trail(w)
    assert [e.deed.action for e in entries] == ["suppression.lifted", "suppression.added"]
    assert {e.deed.detail["subject"] for e in entries} == {added.subject}
    assert ALICE.lstrip("+") not in str(entries)
    assert "they asked" not in str(entries)


async def test_AUD_2_what_a_person_decides_about_a_message_in_doubt_is_written(w: World) -> None:
    line = await w.line()
    message = await w.admit()
    await w.lost(await w.take(line))
    assert (await w.store.message(LIVE, message.id)).state is MessageState.IN_DOUBT
    await w.store.change(LIVE, message.id, Happening.CONFIRM, "key:boss")
    (entry,) = await told(w, "message.resolved")
    assert (entry.deed.by, entry.deed.target) == ("key:boss", f"message:{message.id}")
    assert entry.deed.detail["state"] == "sent"


async def test_a_deed_that_is_undone_with_its_transaction_leaves_no_gap(w: World) -> None:
    await w.store.add_key(a_key(w), "key:boss")
    with pytest.raises(Exception):  # noqa: B017, PT011  whatever the database says of a second row with the same id
        await w.store.add_key(a_key(w), "key:boss")
    await w.store.add_key(a_key(w, id="0193cccc", public_id="ijklmnop"), "key:boss")
    assert [entry.seq for entry in await trail(w)] == [2, 1]
    assert (await w.store.audit.verify()).bad_seq is None


# ------------------------------------------------------------------ AUD-2: the configuration

PEOPLE = (
    b"head@example.org", b"ann.moor@example.org", b"desk@example.org", b"447700900123", b"7700 900 123",
    b"960000", b"Ann is away", b"Call Ann",
)  # fmt: skip
CONFIGURED = """
[messages]
max_queued = 500
[policy]
contact = "Call Ann: +44 1632 960000"
[email]
host = "mail.example.org"
sender = "desk@example.org"
[alerts]
email = ["head@example.org", "ann.moor@example.org"]
sms = ["+447700900123"]
[[inbound_rule]]
name = "late"
sender = "07700 900 123"
email = "ann.moor@example.org"
answer = "Ann is away until Monday, write to ann.moor@example.org."
"""


async def configure(w: World, folder: Path, text: str) -> None:
    file = folder / "config.toml"
    file.write_text(text)
    file.chmod(0o600)
    await begin_trail(w.store, "default", settings_in_force(load(file, {}, {}), origins_of(file, {}, {})))


async def changes(w: World) -> list[dict[str, list[str | None]]]:
    return [dict(entry.deed.detail["changed"]) for entry in await told(w, "config.changed")]  # type: ignore[call-overload]


async def test_AUD_1_nobody_s_address_number_or_text_gets_from_the_configuration_into_the_trail(
    w: World, tmp_path: Path
) -> None:
    await configure(w, tmp_path, "[messages]\nmax_queued = 400\n")
    await configure(w, tmp_path, CONFIGURED)
    (added,) = await changes(w)
    assert added["messages.max_queued"] == ["400", "500"]
    assert added["alerts.email"] == [None, '["…", "…"]']
    assert added["email.host"] == [None, '"mail.example.org"']
    assert added["email.sender"] == added["inbound_rule[0].email"] == [None, '"…"']
    assert added["inbound_rule[0].sender"] == [None, '"…"']
    assert added["inbound_rule[0].answer"] == added["policy.contact"] == [None, "changed"]
    await configure(w, tmp_path, CONFIGURED.replace("Monday", "Tuesday").replace("ann.moor@", "bob@"))
    (changed, _) = await changes(w)
    assert changed["inbound_rule[0].answer"] == ["…", "changed"]
    assert changed["alerts.email"] == ['["…", "…"]', '["…", "…"]']
    await configure(w, tmp_path, "[messages]\nmax_queued = 500\n")
    assert (await changes(w))[0]["inbound_rule[0].answer"] == ["…", None]
    assert len(await changes(w)) == 3
    assert (await w.store.audit.verify()).bad_seq is None
    for file in w.path.parent.glob(f"{w.path.name}*"):
        assert [found for found in PEOPLE if found in file.read_bytes()] == [], file


async def test_AUD_2_a_start_with_the_same_configuration_writes_nothing_even_after_the_update_that_seals_it(
    w: World, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(CONFIGURED)
    file.chmod(0o600)
    rows = settings_in_force(load(file, {}, {}), origins_of(file, {}, {}))
    names = {each: f"[{each.entry}]" if each.entry is not None else "" for each in rows}
    before = {
        f"{each.section}{names[each]}.{each.name}": each.value or ""
        for each in rows
        if each.origin != "default"
    }
    await w.store.remember("config_in_force", json.dumps(before))
    for _ in range(3):
        await configure(w, tmp_path, CONFIGURED)
    assert await changes(w) == []
    assert "example.org" not in (await w.store.remembered("config_in_force") or "")


async def test_a_configuration_that_was_spoilt_in_the_database_is_kept_anew(w: World, tmp_path: Path) -> None:
    for spoilt in ("02" * 40, "no hex", ""):
        await w.store.remember("config_in_force", spoilt)
        await configure(w, tmp_path, CONFIGURED)
        await configure(w, tmp_path, CONFIGURED.replace("500", "600"))
    assert [each["messages.max_queued"] for each in await changes(w)] == [["500", "600"]] * 3


def test_every_key_of_the_configuration_that_holds_what_is_said_to_people_is_known_to_the_trail() -> None:
    told_to_people = {
        f"{part.name}.{key.name}"
        for part in sections()
        for key in part.keys
        if key.name in ("answer", "contact")
    }
    assert told_to_people == WORDS

"""A whole gateway on a database in which stored values were changed: what is damaged is told of, the rest is served.

Source: rules DAT-1; attack row 35.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.config import Config
from gateway.http.app import ROUTES
from gateway.organisation import rules_of
from tests.harness.gateway_here import GatewayHere, StoryClock
from tests.harness.gateway_process import until
from tests.harness.receiver import SECRET, WebhookReceiver
from tests.harness.sealed import ROWS, flip, seal_everything, sealed_columns, sealed_values
from tests.harness.visitor import Visitor
from tests.integration.whole import QUIET
from tests.peers.store_world import HandClock, world

NUMBER = "+99900000001"
RING = {"newest": "01020304", "keys": {"01020304": base64.b64encode(bytes(range(32))).decode()}}
LISTS = [
    route.path
    for route in ROUTES
    if route.method == "GET"
    and route.path.startswith("/api/")
    and not route.path.startswith("/api/v1/events")
]
PAGES = (
    "/", "/messages", "/conversations", "/batches", "/templates", "/suppressions", "/consents", "/approvals",
    "/webhooks", "/devices", "/doctor", "/keys", "/audit", "/settings", "/send", "/batches/new",
    "/messages/{message}", "/messages/{message}/evidence", "/inbound/{inbound}", "/inbound/{inbound}/evidence",
    "/batches/{batch}", "/webhooks/{webhook}", "/suppressions/{suppression}",
)  # fmt: skip
ROOMS = {
    "messages": "message", "inbound": "inbound", "batches": "batch", "templates": "template",
    "schedules": "schedule", "webhooks": "webhook", "notifications/bulk": "notification_bulk",
    "notifications": "notification", "contacts": "contact", "consents": "consent", "suppressions": "suppression",
    "approvals": "approval", "groups": "contact_group",
}  # fmt: skip
"""The table behind the ids of a resource."""
BELONG = {
    "part": "message", "event": "message", "report": "message", "delivery": "webhook", "inbound_part": "inbound",
    "batch_rejected": "batch", "template_version": "template", "schedule_run": "schedule",
    "notification_attempt": "notification",
}  # fmt: skip
REFUSED = ("/api/v1/templates/{id}",)
"""One template is refused as a whole where its words are damaged: nobody should go on from half of them."""


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    one = WebhookReceiver()
    await one.up()
    yield one
    await one.down()


@pytest.fixture
async def gateway(tmp_path: Path, receiver: WebhookReceiver) -> AsyncIterator[GatewayHere]:
    """A gateway that is not started yet; its database has something in every sealed column."""
    config = f'{QUIET}[notifications]\nwebhook_secret = "{SECRET}"\n'
    here = GatewayHere(tmp_path, config, simulate=1, clock=StoryClock(datetime.now(UTC).isoformat()))
    ring = here.data_dir / "keys" / "data.json"
    ring.parent.mkdir(mode=0o700, parents=True)
    here.data_dir.chmod(0o700)
    ring.write_text(json.dumps(RING))
    ring.chmod(0o600)
    clock = HandClock(time.time_ns() // 1_000_000 - 60_000)
    async with world(database(here), clock=clock, rules=rules_of(Config())) as w:
        await seal_everything(w, receiver.url, SECRET)
    yield here
    await here.close()


def database(gateway: GatewayHere) -> Path:
    return gateway.data_dir / "gateway.db"


def ids(gateway: GatewayHere, table: str) -> list[str]:
    with closing(sqlite3.connect(database(gateway))) as db:
        return [row_id for (row_id,) in db.execute(f"SELECT id FROM {table} LIMIT 50")]


def addresses(gateway: GatewayHere, of: str | None = None) -> list[str]:
    """List what the API shows: all lists, and each row by its id; ``of``: only rows that have to do with a table."""
    found = []
    for path in LISTS:
        room = path.removeprefix("/api/v1/").partition("/{id}")[0]
        if "{" not in path:
            found.append(path)
        elif path not in REFUSED and of in (None, ROOMS[room]):
            found += [path.replace("{id}", row_id) for row_id in ids(gateway, ROOMS[room])]
    return found


async def broken(gateway: GatewayHere, paths: list[str]) -> list[str]:
    answers = {path: (await gateway.call("GET", path)).status for path in paths}
    return [f"{path}: {status}" for path, status in answers.items() if status != 200]


def told_of(gateway: GatewayHere) -> list[str]:
    return [str(line["where"]) for line in gateway.records if line["event"] == "store.row_damaged"]


def defects(gateway: GatewayHere) -> list[Any]:
    return [line for line in gateway.records if line.get("exc_info")]


async def test_DAT_1_with_a_damaged_value_in_every_sealed_column_the_gateway_starts_lists_and_sends(
    gateway: GatewayHere, receiver: WebhookReceiver
) -> None:
    path = database(gateway)
    for table, columns in groupby(sorted(sealed_columns(path)), lambda each: each[0]):
        for row, (_, column) in enumerate(columns):
            flip(path, table, column, sealed_values(path, table, column)[row])
    # Of three webhooks the secrets: the value itself, the mark that it is sealed, the id of its key.
    for row, octet in ((1, 0), (2, 1)):
        flip(path, "webhook", "secrets", sealed_values(path, "webhook", "secrets")[row], octet)
    await gateway.start()
    assert await broken(gateway, addresses(gateway)) == []
    text = await gateway.send(NUMBER, "still sent")
    await gateway.reaches(text, "sent", "delivered")
    await until(lambda: "message.sent" in receiver.types_of(text), "a whole webhook gets its event")
    assert receiver.refused == []

    async def told() -> bool:
        states = [one["status"] for one in await gateway.all("/api/v1/notifications")]
        return "queued" not in states and "sent" in states

    await until(told, "whole notifications go out")
    assert defects(gateway) == []
    assert "webhook|secrets|hook-0" in told_of(gateway)
    assert len(told_of(gateway)) == len(set(told_of(gateway)))
    dead = await gateway.get("/api/v1/webhooks/hook-2/deliveries?state=dead")
    assert "rotate it" in dead["items"][0]["last_error"]
    assert (await gateway.call("POST", "/api/v1/webhooks/hook-2/rotate")).status == 200
    assert (await gateway.call("DELETE", "/api/v1/webhooks/hook-0")).status == 204


async def test_DAT_1_a_dashboard_shows_every_page_beside_damaged_rows(gateway: GatewayHere) -> None:
    path = database(gateway)
    for table, column in sealed_columns(path):
        flip(path, table, column, sealed_values(path, table, column)[0])
    await gateway.start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        person = Visitor(gateway.url, session)
        await person.sign_in(gateway.live)
        tables = ("message", "inbound", "batch", "webhook", "suppression")
        first = {table: ids(gateway, table)[0] for table in tables}
        shown = {page: (await person.get(page.format(**first))).status for page in PAGES}
    assert shown == dict.fromkeys(PAGES, 200)
    assert defects(gateway) == []


async def test_DAT_1_one_damaged_value_breaks_no_list_whichever_column_it_is_in(gateway: GatewayHere) -> None:
    path = database(gateway)
    columns = sorted(sealed_columns(path))
    scarce = [each for each in columns if len(sealed_values(path, *each)) < ROWS]
    assert scarce == []
    await gateway.start()
    found = {}
    for table, column in columns:
        values = sealed_values(path, table, column)
        if not values:  # done with since the start
            continue
        changed = flip(path, table, column, values[0])
        if wrong := await broken(gateway, addresses(gateway, BELONG.get(table, table))):
            found[table, column] = wrong
        flip(path, table, column, changed)
    assert found == {}
    assert defects(gateway) == []

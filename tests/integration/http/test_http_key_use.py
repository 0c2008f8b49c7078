"""Proves over HTTP that odd uses of keys are told once, that a request writes nothing, and what counts as one.

Clients come through a trusted proxy, so that each has an address of its own.
Source: rules KEY-8.
"""

from __future__ import annotations

import ipaddress
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.admission import AdmissionSettings
from gateway.store.rows import View
from tests.harness.gateway_process import until
from tests.integration.http.api_server import MovableClock, Server, ServerFactory, running
from tests.integration.http.event_streams import SSE, reader

LINES = "/api/v1/lines"
DAY_S = 86_400
BEHIND_PROXY = {
    "trusted_proxies": (ipaddress.ip_network("127.0.0.0/8"),),
    "rate_limit": 0,
}


@pytest.fixture
async def server(make_server: ServerFactory) -> Server:
    return await make_server(settings=BEHIND_PROXY)


async def from_(server: Server, address: str, key: str = "") -> None:
    answer = await server.call("GET", LINES, key=key, headers={"X-Forwarded-For": address})
    assert answer.status == 200


async def told(server: Server) -> list[dict[str, Any]]:
    events = await server.store.events_after(View("default"), 0, 1000)
    return [event.payload for event in events if event.type == "key.anomaly"]


async def noted(server: Server, key: str, address: str) -> None:
    async def there() -> bool:
        row = await server.store.key(server.rows[key].public_id)
        return row is not None and row.last_address == address

    await until(there, "the note is written")


def requests_of(folder: Path, key_id: str) -> int:
    with closing(sqlite3.connect(folder / "gateway.db")) as db:
        found = db.execute("SELECT total(requests) FROM key_hour WHERE key_id = ?", (key_id,)).fetchone()
    return int(found[0])


async def test_KEY_8_a_key_that_comes_from_a_new_network_is_told_once_and_never_shown(server: Server) -> None:
    key = await server.key(name="crm")
    await from_(server, "10.0.3.7", key)
    await noted(server, key, "10.0.3.7")
    server.clock.ahead_s += DAY_S
    for address in ("10.0.3.200", "10.0.9.1", "10.0.9.2"):
        await from_(server, address, key)
        await noted(server, key, address)
        server.clock.ahead_s += 60
    events = await told(server)
    assert events == [
        {"key_id": server.rows[key].id, "name": "crm", "kind": "new_network", "network": "10.0.9.0/24"}
    ]
    assert key[4:] not in repr(events)
    trail = (await server.call("GET", "/api/v1/audit?action=key.anomaly")).json["items"]
    assert [(entry["actor"], entry["target"]) for entry in trail] == [
        ("gateway", f"key:{server.rows[key].id}")
    ]
    assert key[12:] not in repr(trail)


async def test_KEY_8_this_machine_is_one_network_whatever_address_it_shows(server: Server) -> None:
    key = await server.key()
    for address in ("127.0.0.1", "::1", "127.0.0.9"):
        await from_(server, address, key)
        await noted(server, key, address)
        server.clock.ahead_s += DAY_S
    assert await told(server) == []


async def test_KEY_8_a_second_network_within_the_same_minute_is_not_lost_when_the_server_stops(
    tmp_path: Path,
) -> None:
    clock = MovableClock()
    async with running(tmp_path, AdmissionSettings(), {"settings": BEHIND_PROXY, "clock": clock}) as server:
        key = await server.key()
        await from_(server, "10.0.3.7", key)
        await noted(server, key, "10.0.3.7")
        clock.ahead_s += DAY_S
        await from_(server, "10.0.3.7", key)
        await from_(server, "10.0.9.1", key)
    async with running(tmp_path, AdmissionSettings(), {"settings": BEHIND_PROXY, "clock": clock}) as again:
        assert [each["network"] for each in await told(again)] == ["10.0.9.0/24"]


async def test_KEY_8_requests_are_counted_and_written_with_the_note_of_the_next_minute(
    server: Server, tmp_path: Path
) -> None:
    key = await server.key()
    key_id = server.rows[key].id
    await from_(server, "10.0.3.7", key)
    await noted(server, key, "10.0.3.7")
    for _ in range(20):
        await from_(server, "10.0.3.8", key)
    assert requests_of(tmp_path, key_id) == 1, "no write for each request"
    server.clock.ahead_s += 60
    await from_(server, "10.0.3.9", key)
    await noted(server, key, "10.0.3.9")
    assert requests_of(tmp_path, key_id) == 22


async def test_KEY_8_a_stream_that_stays_open_is_one_request(server: Server, tmp_path: Path) -> None:
    key = await server.key("events:read")
    key_id = server.rows[key].id
    async with reader(server, "sse", key=key) as stream:
        await stream.beat()
        for _ in range(3):
            # Each look at an open stream is a use; the minute makes it a note.
            server.clock.ahead_s += 61
            minute_ms = server.clock.now_ms() // 60_000 * 60_000

            async def used(minute_ms: int = minute_ms) -> bool:
                row = await server.store.key(server.rows[key].public_id)
                return row is not None and (row.last_used_ms or 0) >= minute_ms

            await until(used, "the open stream counts as use")
    assert requests_of(tmp_path, key_id) == 1
    assert (await server.call("GET", SSE, key="wrong")).status == 401


async def test_KEY_8_a_program_that_still_has_the_old_key_is_told_of(server: Server) -> None:
    key = await server.key("lines:read", name="crm")
    await from_(server, "127.0.0.1", key)
    rotated = await server.call("POST", f"/api/v1/keys/{server.rows[key].id}/rotate", {})
    server.clock.ahead_s += 61
    await from_(server, "127.0.0.1", rotated.json["key"])

    async def successor_used() -> bool:
        keys = (await server.call("GET", "/api/v1/keys")).json["items"]
        return any(k["id"] == rotated.json["id"] and k["last_used_at"] for k in keys)

    await until(successor_used, "the successor is in use")
    assert await told(server) == []
    server.clock.ahead_s += 61
    await from_(server, "127.0.0.1", key)

    async def said() -> bool:
        return await told(server) == [
            {
                "key_id": server.rows[key].id,
                "name": "crm",
                "kind": "after_rotation",
                "successor_id": rotated.json["id"],
            }
        ]

    await until(said, "it is told")

"""Owns the audit trail as programs read it: who did what over real sockets, also what was refused.

Knows no chain; the store's contract proves that.
Source: rules AUD-1, AUD-2, KEY-4, KEY-6, KEY-8, PRV-4, SSRF-6.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from tests.harness.tampering import by_other_means
from tests.integration.http.api_server import Server

AUDIT = "/api/v1/audit"
ANN = "+447911123456"


async def trail(server: Server, query: str = "", key: str = "") -> list[dict[str, Any]]:
    answer = await server.call("GET", f"{AUDIT}{query}", key=key)
    assert answer.status == 200, answer.json
    items: list[dict[str, Any]] = answer.json["items"]
    return items


async def actions(server: Server, query: str = "") -> list[str]:
    return [entry["action"] for entry in await trail(server, query)]


async def test_AUD_2_what_a_key_does_over_http_is_signed_with_it_and_its_name(server: Server) -> None:
    hook = {"url": "http://192.168.1.5/hook", "events": ["message.*"]}
    made = await server.call("POST", "/api/v1/webhooks", hook)
    await server.call("PATCH", f"/api/v1/webhooks/{made.json['id']}", {"enabled": False})
    newest = (await trail(server))[0]
    row = server.rows[server.live]
    assert newest["action"] == "webhook.changed"
    assert (newest["actor"], newest["actor_name"]) == (f"key:{row.id}", row.name)
    assert newest["target"] == f"webhook:{made.json['id']}"
    assert newest["detail"]["changed"] == {"enabled": [True, False]}


async def test_AUD_2_each_kind_of_deed_over_http_is_one_entry(server: Server) -> None:
    assert server.real is not None
    made = await server.call("POST", "/api/v1/keys", {"name": "crm", "scopes": ["messages:send"]})
    await server.call("POST", f"/api/v1/keys/{made.json['id']}/rotate", {})
    await server.call("DELETE", f"/api/v1/keys/{made.json['id']}")
    await server.call("PATCH", f"/api/v1/lines/{server.real.id}", {"label": "Front office"})
    wish = await server.call("POST", "/api/v1/suppressions", {"number": ANN, "source": "phone"})
    await server.call("POST", f"/api/v1/suppressions/{wish.json['id']}/lift", {"reason": "they asked"})
    await server.call("GET", "/api/v1/suppressions?format=csv")
    assert list(reversed(await actions(server, "?limit=8"))) == [
        "key.created",
        "key.created",
        "key.changed",
        "key.revoked",
        "line.changed",
        "suppression.added",
        "suppression.lifted",
        "suppressions.exported",
    ]
    assert ANN.lstrip("+") not in str(await trail(server))


async def test_AUD_2_what_is_asked_of_a_device_is_written_also_when_it_is_refused(server: Server) -> None:
    answer = await server.call("POST", "/api/v1/devices/none/provision", {})
    assert answer.status == 502
    entry = (await trail(server))[0]
    assert (entry["action"], entry["target"], entry["outcome"]) == (
        "device.provisioned",
        "device:none",
        "refused",
    )
    assert entry["detail"] == {"code": "device_error"}


async def test_KEY_4_a_key_in_an_address_is_an_entry_that_does_not_hold_it(server: Server) -> None:
    answer = await server.call("GET", f"/api/v1/messages?key={server.live}", key=None)
    assert answer.code == "key_in_url"
    entry = (await trail(server))[0]
    assert (entry["action"], entry["actor"], entry["outcome"]) == (
        "key.in_url",
        "address:127.0.0.1",
        "refused",
    )
    assert server.live not in str(entry)


async def test_KEY_8_a_wrong_key_is_an_entry_with_its_public_part_and_no_more_than_an_address_may_try(
    server: Server,
) -> None:
    foreign = await server.key("messages:read")
    await server.call("DELETE", f"/api/v1/keys/{server.rows[foreign].id}")
    for _ in range(30):
        await server.call("GET", "/api/v1/messages", key=foreign)
    await server.call("GET", "/api/v1/messages", key=None)
    entries = await trail(server, "?action=key.refused&limit=500")
    assert 1 <= len(entries) <= 10
    assert {entry["detail"]["key"] for entry in entries} == {server.rows[foreign].public_id}
    assert foreign not in str(entries)


async def test_KEY_6_the_trail_needs_its_scope_and_a_sandbox_key_sees_the_sandbox_only(
    server: Server,
) -> None:
    blind = await server.key("messages:read")
    for path in (AUDIT, f"{AUDIT}/verify"):
        answer = await server.call("GET", path, key=blind)
        assert (answer.status, answer.code) == (403, "forbidden")
    await server.call("POST", "/api/v1/keys", {"name": "live", "scopes": ["*"]})
    await server.call(
        "POST", "/api/v1/keys", {"name": "s", "scopes": ["*"], "sandbox": True}, key=server.sandbox
    )
    seen = await trail(server, "?limit=500", key=server.sandbox)
    names = {entry["detail"].get("name") for entry in seen}
    assert "s" in names
    assert "live" not in names


async def test_the_trail_is_filtered_paged_and_wrong_queries_are_named(server: Server) -> None:
    for n in range(5):
        await server.call("POST", "/api/v1/keys", {"name": f"k{n}", "scopes": ["messages:read"]})
    first = await server.call("GET", f"{AUDIT}?action=key.created&limit=3")
    assert [entry["detail"]["name"] for entry in first.json["items"]] == ["k4", "k3", "k2"]
    rest = await server.call("GET", f"{AUDIT}?action=key.created&limit=3&cursor={first.json['next']}")
    assert [entry["detail"]["name"] for entry in rest.json["items"]][:2] == ["k1", "k0"]
    assert await trail(server, "?action=key") == await trail(server, "?action=key.created")
    assert await trail(server, "?action=webhook") == []
    assert await trail(server, "?until=2020-01-01T00:00:00Z") == []
    assert await trail(server, "?outcome=refused") == []
    assert await trail(server, "?actor=%27+OR+1%3D1--") == []
    for query, code in (
        ("?cursor=AAAA", "invalid_cursor"),
        ("?outcome=done", "invalid_request"),
        ("?x=1", "invalid_request"),
    ):
        assert (await server.call("GET", f"{AUDIT}{query}")).code == code


async def test_PRV_4_the_trail_leaves_as_csv_and_that_is_an_entry_too(server: Server) -> None:
    await server.call("POST", "/api/v1/keys", {"name": "=1+1", "scopes": ["messages:read"]})
    answer = await server.call("GET", f"{AUDIT}?format=csv&action=key")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.octets.decode("utf-8-sig"))))
    assert rows[0]["action"] == "key.created"
    assert '"name":"=1+1"' in rows[0]["detail"]
    assert (await trail(server))[0]["action"] == "audit.exported"


@pytest.mark.parametrize(
    "statement", ["DELETE FROM audit WHERE seq = 2", "UPDATE audit SET actor = 'x' WHERE seq = 2"]
)
async def test_AUD_1_row_34_the_walk_along_the_chain_names_what_was_changed(
    server: Server, tmp_path: Path, statement: str
) -> None:
    whole = await server.call("GET", f"{AUDIT}/verify")
    assert whole.json["ok"] is True
    newest = (await trail(server))[0]
    assert (whole.json["entries"], whole.json["head"]) == (newest["seq"], newest["hash"])
    by_other_means(tmp_path, statement)
    broken = await server.call("GET", f"{AUDIT}/verify")
    assert (broken.json["ok"], broken.json["bad_seq"]) == (False, 2)

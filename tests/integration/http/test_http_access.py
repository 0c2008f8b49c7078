"""Who comes in and who does not: keys, scopes, limits, hosts; and what a log may say of it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ipaddress
import re
import statistics
import time
import zlib
from typing import Any

import pytest
import structlog

from gateway.http.app import ROUTES
from gateway.http.models import SCOPES
from gateway.http.route import Route
from gateway.keys import digest, make_key
from gateway.store.sessions import Holder
from tests.integration.http.api_server import Server, ServerFactory

REAL = "+447911123456"
LINES = "/api/v1/lines"
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def checksum_of(body: str) -> str:
    number, out = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        out = BASE62[rest] + out
    return out


async def test_both_headers_carry_a_key_and_two_different_ones_are_refused(server: Server) -> None:
    assert (await server.call("GET", LINES)).status == 200
    assert (await server.call("GET", LINES, key=None, headers={"X-API-Key": server.live})).status == 200
    both = await server.call("GET", LINES, headers={"X-API-Key": server.live})
    assert both.status == 200
    different = await server.call("GET", LINES, headers={"X-API-Key": server.sandbox})
    assert different.status == 400


async def test_without_a_key_the_answer_says_how_to_send_one(server: Server) -> None:
    answer = await server.call("GET", LINES, key=None)
    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="gateway"'
    assert "Authorization: Bearer" in answer.json["detail"]


async def test_a_wrong_key_is_401_whatever_is_wrong_with_it(make_server: ServerFactory) -> None:
    server = await make_server(settings={"auth_failures_per_minute": 1000})
    good = server.live
    flipped = good[:20] + ("A" if good[20] != "A" else "B") + good[21:]
    for wrong in (flipped, make_key("live"), make_key("sandbox"), good[:-1], good + "x", "x", "gwt_" + good[4:],
                  "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."):  # fmt: skip
        answer = await server.call("GET", LINES, key=wrong)
        assert (answer.status, answer.code) == (401, "unauthenticated"), wrong
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    basic = await server.call("GET", LINES, key=None, headers={"Authorization": f"Basic {good}"})
    assert basic.status == 401


async def session_of(server: Server, key: str) -> str:
    """Begin a session as the sign-in does; returns the cookie that a browser sends."""
    holder = Holder(server.rows[key].tenant, server.rows[key].id, digest(key))
    await server.store.sessions.begin(hashlib.sha256(b"token").digest(), holder, "127.0.0.1")
    return "gateway=token"


async def test_what_a_proxy_asked_for_hides_no_session(server: Server) -> None:
    signed_in = {"Cookie": f"theme=dark; {await session_of(server, server.live)}"}
    basic = {"Authorization": "Basic b2ZmaWNlOnNlc2FtZQ=="}
    assert (await server.call("GET", LINES, key=None, headers={**signed_in, **basic})).status == 200
    assert (await server.call("GET", LINES, key=None, headers=basic)).status == 401
    foreign = {"Cookie": "theme=dark", **basic}
    assert (await server.call("GET", LINES, key=None, headers=foreign)).status == 401
    wrong = {**signed_in, "Authorization": f"Bearer {make_key('live')}"}
    assert (await server.call("GET", LINES, key=None, headers=wrong)).status == 401


async def test_row_12_a_key_in_Basic_is_refused_and_stands_in_no_log(server: Server) -> None:
    written = base64.b64encode(f"{server.live}:".encode()).decode()
    with structlog.testing.capture_logs() as lines:
        for shown in (written, server.live):
            answer = await server.call("GET", LINES, key=None, headers={"Authorization": f"Basic {shown}"})
            assert answer.status == 401
    assert server.live[12:] not in repr(lines)
    assert written not in repr(lines)


async def test_known_and_unknown_ids_cost_the_same(make_server: ServerFactory) -> None:
    server = await make_server(settings={"auth_failures_per_minute": 100_000})
    right_id = server.live[:12] + make_key("live")[12:44]
    wrong_secret = right_id + checksum_of(right_id)
    unknown = [make_key("live") for _ in range(150)]
    spent: dict[str, list[float]] = {"secret": [], "unknown": []}
    for index in range(150):
        for name, key in (("secret", wrong_secret), ("unknown", unknown[index])):
            started = time.perf_counter()
            assert (await server.call("GET", LINES, key=key)).status == 401
            spent[name].append(time.perf_counter() - started)
    medians = [statistics.median(times) for times in spent.values()]
    assert max(medians) < min(medians) * 1.5


async def test_failures_are_counted_by_address_and_a_right_key_still_passes(server: Server) -> None:
    for _ in range(10):
        assert (await server.call("GET", LINES, key="wrong")).status == 401
    answer = await server.call("GET", LINES, key="wrong")
    assert (answer.status, answer.code) == (429, "too_many_attempts")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert (await server.call("GET", LINES)).status == 200
    server.clock.ahead_s += 61
    assert (await server.call("GET", LINES, key="wrong")).status == 401


async def test_a_revoked_key_is_worth_nothing_at_once(server: Server) -> None:
    key = await server.key()
    assert (await server.call("GET", LINES, key=key)).status == 200
    revoked = await server.call("DELETE", f"/api/v1/keys/{server.rows[key].id}")
    assert revoked.json["revoked_at"] is not None
    assert (await server.call("GET", LINES, key=key)).status == 401


async def test_a_key_revoked_by_another_process_ends_within_a_second(server: Server) -> None:
    key = await server.key()
    assert (await server.call("GET", LINES, key=key)).status == 200
    row = server.rows[key]
    await server.store.change_key(row.tenant, row.id, {"revoked_at_ms": server.clock.now_ms()})
    server.clock.ahead_s += 1.0
    assert (await server.call("GET", LINES, key=key)).status == 401


async def test_an_expired_key_ends_without_a_read(server: Server) -> None:
    made = await server.call(
        "POST",
        "/api/v1/keys",
        {"name": "short", "scopes": ["lines:read"], "expires_at": "2999-01-01T00:00:00Z"},
    )
    assert made.json["expires_at"] == "2999-01-01T00:00:00.000Z"
    past = await server.call(
        "POST",
        "/api/v1/keys",
        {"name": "short", "scopes": ["lines:read"], "expires_at": "2001-01-01T00:00:00Z"},
    )
    assert (past.status, past.pointers()) == (422, ["#/expires_at"])


async def test_a_rotated_key_lives_on_for_a_day_or_ends_now(server: Server) -> None:
    old = await server.key("lines:read")
    made = await server.call("POST", f"/api/v1/keys/{server.rows[old].id}/rotate")
    assert made.status == 201
    assert made.json["scopes"] == ["lines:read"]
    new = made.json["key"]
    assert (await server.call("GET", LINES, key=old)).status == 200
    assert (await server.call("GET", LINES, key=new)).status == 200
    server.clock.ahead_s += 86_401
    assert (await server.call("GET", LINES, key=old)).status == 401
    last = await server.call("POST", f"/api/v1/keys/{made.json['id']}/rotate", {"now": True})
    assert (await server.call("GET", LINES, key=new)).status == 401
    assert (await server.call("GET", LINES, key=last.json["key"])).status == 200


async def test_the_admin_key_has_every_scope_and_needs_no_form(make_server: ServerFactory) -> None:
    admin = "any string of thirty-two characters or more"
    server = await make_server(settings={"admin_key_digest": digest(admin)})
    assert (await server.call("GET", "/api/v1/keys", key=admin)).status == 200
    assert (
        await server.call("POST", "/api/v1/messages", {"to": REAL, "text": "hi"}, key=admin)
    ).status == 202


async def test_a_key_makes_no_key_that_may_do_more(server: Server) -> None:
    limited = await server.key("keys:manage", "messages:read")
    answer = await server.call(
        "POST", "/api/v1/keys", {"name": "x", "scopes": ["messages:send"]}, key=limited
    )
    assert (answer.status, answer.code) == (403, "forbidden")
    assert "messages:send" in answer.json["detail"]
    answer = await server.call("POST", "/api/v1/keys", {"name": "x", "scopes": ["*"]}, key=limited)
    assert answer.status == 403
    stronger = next(iter(server.rows.values())).id
    assert (await server.call("POST", f"/api/v1/keys/{stronger}/rotate", {}, key=limited)).status == 403
    sandbox = await server.call(
        "POST", "/api/v1/keys", {"name": "x", "scopes": ["messages:send"]}, key=server.sandbox
    )
    assert (sandbox.status, sandbox.code) == (403, "sandbox_only")


async def test_a_new_key_is_shown_once_and_never_listed(server: Server) -> None:
    made = await server.call(
        "POST", "/api/v1/keys", {"name": "crm", "scopes": ["lines:read"], "sandbox": False}
    )
    assert made.json["key"].startswith("gwl_")
    assert list(made.json) == ["id", "name", "scopes", "sandbox", "created_at", "expires_at", "key"]
    assert (await server.call("GET", LINES, key=made.json["key"])).status == 200
    listed = await server.call("GET", "/api/v1/keys")
    assert made.json["key"].encode() not in listed.octets
    assert [row["name"] for row in listed.json["items"]].count("crm") == 1


@pytest.mark.parametrize("route", [r for r in ROUTES if r.scope], ids=lambda r: f"{r.method} {r.path}")
async def test_each_route_asks_for_exactly_its_scope(make_server: ServerFactory, route: Route) -> None:
    server = await make_server(settings={"auth_failures_per_minute": 1000})
    path = re.sub(r"{\w+}", "nonsense", route.path)
    # A stream that begins has no end; with this it is answered.
    path += "?after=nonsense" if route.media_type == "text/event-stream" else ""
    scope = route.scope
    assert scope is not None
    method = route.method
    body: dict[str, Any] | None = {} if method in ("POST", "PATCH") else None
    others = await server.key(*(s for s in SCOPES if s not in (scope, "*")))
    refused = await server.call(method, path, body, key=others)
    assert (refused.status, refused.code) == (403, "forbidden")
    assert scope in refused.json["detail"]
    owner = await server.key(scope)
    assert (await server.call(method, path, body, key=owner)).status not in (401, 403)
    assert (await server.call(method, path, body, key=None)).status == 401


async def test_the_rate_is_said_in_every_answer_and_its_end_is_429(make_server: ServerFactory) -> None:
    server = await make_server(settings={"rate_limit": 60})
    key = await server.key()
    first = await server.call("GET", LINES, key=key)
    assert first.headers["RateLimit-Policy"] == '"default";q=60;w=60'
    assert first.headers["RateLimit"] == '"default";r=59;t=0'
    refused = await server.call("GET", "/api/v1/messages?limit=0", key=key)
    assert refused.headers["RateLimit"].startswith('"default";r=58')
    answers = await asyncio.gather(*(server.call("GET", LINES, key=key) for _ in range(70)))
    limited = [answer for answer in answers if answer.status == 429]
    assert len(limited) >= 8
    answer = limited[0]
    assert answer.code == "rate_limited"
    assert answer.json["violated-policies"] == ["default"]
    until_s = int(answer.headers["RateLimit"].rsplit("t=", 1)[1])
    assert int(answer.headers["Retry-After"]) >= until_s >= 1
    assert (await server.call("GET", LINES)).status == 200
    server.clock.ahead_s += 2
    assert (await server.call("GET", LINES, key=key)).status == 200


async def test_the_first_use_of_a_key_is_noted_with_its_address(server: Server) -> None:
    key = await server.key()
    await server.call("GET", LINES, key=key)
    async with asyncio.timeout(30):
        while True:
            row = await server.store.key(server.rows[key].public_id)
            if row is not None and row.last_used_ms is not None:
                break
            await asyncio.sleep(0.01)
    assert row.last_used_ms % 60_000 == 0
    assert row.last_address == "127.0.0.1"


async def test_a_key_in_the_address_is_refused_and_stands_in_no_log(server: Server) -> None:
    key = server.live
    with structlog.testing.capture_logs() as lines:
        disguised = f"{key[:4]}%{ord(key[4]):02X}{key[5:]}"
        for path in (
            f"/api/v1/messages?key={key}",
            f"/api/v1/messages/{key}",
            f"/{key}",
            f"/x?a=1&b={disguised}",
        ):
            answer = await server.call("GET", path)
            assert (answer.status, answer.code) == (400, "key_in_url"), path
        await server.call(
            "GET", "/api/v1/messages", headers={"Referer": f"http://x/?{key}", "User-Agent": key}
        )
        await server.call("GET", "/nope", headers={"Authorization": f"Basic {key}"})
    assert len(lines) >= 5
    assert key not in repr(lines)
    assert key[12:] not in repr(lines)


async def test_control_characters_of_a_client_stay_out_of_the_log(server: Server) -> None:
    with structlog.testing.capture_logs() as lines:
        forged = "a\nlevel=error forged\x1b[31m"
        answer = await server.call("POST", "/api/v1/messages", {"to": REAL, "text": "x", "reference": forged})
        assert (answer.status, answer.pointers()) == (422, ["#/reference"])
        answer = await server.call("POST", "/api/v1/messages", {"to": REAL, "text": "x", "a\nb\x1b": 1})
        assert "\\u001b" not in answer.octets.decode()
    assert "\x1b" not in "".join(str(value) for line in lines for value in line.values())
    assert "forged" not in repr(lines)


# ------------------------------------------------------------------ hosts and proxies


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:99", "localhost:8080", "[::1]:8080", "192.168.1.7", "LocalHost"]
)
async def test_addresses_and_own_names_are_our_hosts(server: Server, host: str) -> None:
    assert (await server.call("GET", "/health/live", key=None, headers={"Host": host})).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "x", "[evil"]
)
async def test_another_host_is_421_before_anything_else(server: Server, host: str) -> None:
    for path in ("/health/live", "/nope", "/api/v1/messages"):
        answer = await server.call("GET", path, headers={"Host": host})
        assert (answer.status, answer.code) == (421, "host_not_allowed")


async def test_configured_hosts_are_ours(make_server: ServerFactory) -> None:
    server = await make_server(
        settings={"allowed_hosts": ("sms.lan",), "public_url": "https://sms.example.org/x"}
    )
    for host in ("sms.lan", "sms.lan:8080", "SMS.example.org"):
        assert (await server.call("GET", "/health/live", key=None, headers={"Host": host})).status == 200


async def test_forwarded_addresses_count_only_from_a_trusted_proxy(make_server: ServerFactory) -> None:
    server = await make_server()
    key = await server.key()
    await server.call("GET", LINES, key=key, headers={"X-Forwarded-For": "203.0.113.7"})
    assert await noted_address(server, key) == "127.0.0.1"
    await server.session.close()
    behind = await make_server(settings={"trusted_proxies": (ipaddress.ip_network("127.0.0.0/8"),)})
    key = await behind.key()
    await behind.call(
        "GET", LINES, key=key, headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.7, 127.0.0.2"}
    )
    assert await noted_address(behind, key) == "203.0.113.7"


async def noted_address(server: Server, key: str) -> str | None:
    async with asyncio.timeout(30):
        while True:
            row = await server.store.key(server.rows[key].public_id)
            if row is not None and row.last_address is not None:
                return row.last_address
            await asyncio.sleep(0.01)

"""Proves how people come in and go: links that work once, keys, sessions that end with their key, forged requests."""

from __future__ import annotations

import hashlib

import pytest

from device_bridge.device import PartLost
from device_bridge.sms.outcome import local
from gateway.preparation import prepare
from gateway.store.rows import Claim, Pace
from gateway.store.sessions import ABSOLUTE_MS, IDLE_MS
from tests.harness.visitor import Visitor
from tests.integration.http.api_server import Server
from tests.integration.web.visits import MakeServer, Visit, VisitAt


async def link(server: Server, key: str = "") -> str:
    """Ask for a one-time link; returns its token."""
    answer = await server.call("POST", "/api/v1/sign-in-links", {}, key=key)
    assert answer.status == 201, answer.json
    return str(answer.json["url"]).partition("/sign-in#")[2]


async def test_USR_1_without_a_session_every_page_leads_to_the_sign_in_and_back(
    server: Server, visit: Visit
) -> None:
    nobody = await visit(None)
    answer = await nobody.get("/?x=1")
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?next=%2F%3Fx%3D1")
    page = await nobody.get(answer.headers["Location"])
    assert page.status == 200
    inside = await nobody.press(page, "Sign in", secret=server.live)
    assert inside.status == 200
    assert inside.url.endswith("/?x=1")


async def test_USR_1_a_link_signs_in_once_and_then_says_that_it_was_used(
    server: Server, visit: Visit
) -> None:
    token = await link(server)
    first, second = await visit(None), await visit(None)
    assert (await first.sign_in(token)).status == 303
    assert (await first.get("/")).status == 200
    refused = await second.sign_in(token)
    assert refused.status == 403
    assert "used already" in refused.text
    assert "gateway login" in refused.text


async def test_USR_1_a_link_is_over_after_a_quarter_of_an_hour(server: Server, visit: Visit) -> None:
    token = await link(server)
    server.clock.ahead_s += 15 * 60 + 1
    refused = await (await visit(None)).sign_in(token)
    assert refused.status == 403
    assert "15 minutes" in refused.text


async def test_a_whole_link_pasted_into_the_form_is_understood(server: Server, visit: Visit) -> None:
    answer = await server.call("POST", "/api/v1/sign-in-links", {})
    assert (await (await visit(None)).sign_in(answer.json["url"])).status == 303


async def test_the_replay_of_a_link_does_not_show_it_again(server: Server) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await server.call("POST", "/api/v1/sign-in-links", {}, headers=headers)
    again = await server.call("POST", "/api/v1/sign-in-links", {}, headers=headers)
    assert first.json["url"] is not None
    assert again.json == {"url": None, "expires_at": first.json["expires_at"]}


async def test_a_wrong_secret_is_refused_in_words_and_too_many_are_held_off(
    server: Server, visit: Visit
) -> None:
    nobody = await visit(None)
    for _ in range(10):
        assert (await nobody.sign_in("gwl_wrong")).status == 403
    held = await nobody.sign_in("gwl_wrong")
    assert held.status == 429
    assert (await (await visit(None)).sign_in(server.live)).status == 303, "a right key passes at any time"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/%0d%0aX: y",
        "//[",
        "http://[::1",
        "/\t/evil.example",
    ],
)
async def test_after_signing_in_nobody_is_led_elsewhere(server: Server, visit: Visit, wanted: str) -> None:
    nobody = await visit(None)
    answer = await nobody.post("/sign-in", [("secret", server.live), ("next", wanted)])
    where = answer.headers["Location"]
    assert where.startswith("/")
    assert not where.startswith(("//", "/\\"))
    assert "\r" not in where


async def test_USR_5_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    server: Server, visit: Visit
) -> None:
    nobody = await visit(None)
    answer = await nobody.sign_in(server.live)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("gateway=")
    for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in cookie
    token = nobody.cookies["gateway"]
    assert (
        token.encode()
        not in (
            await server.store._read(lambda tx: tx._conn.execute("SELECT digest FROM session").fetchone())
        )[0]
    )


@pytest.mark.parametrize(
    ("ahead_ms", "step_ms"), [(IDLE_MS, IDLE_MS + 60_000), (ABSOLUTE_MS, IDLE_MS - 60_000)]
)
async def test_USR_5_a_session_ends_when_it_is_idle_and_at_last(
    server: Server, visit: Visit, ahead_ms: int, step_ms: int
) -> None:
    visitor, passed_ms = await visit(), 0
    while passed_ms <= ahead_ms:
        assert (await visitor.get("/")).status == 200
        passed_ms += step_ms
        server.clock.ahead_s += step_ms / 1000
    assert (await visitor.get("/")).status == 303


async def test_USR_5_a_session_ends_with_its_key_at_the_next_click(server: Server, visit: Visit) -> None:
    key = await server.key("messages:read")
    visitor = await visit(key)
    assert (await visitor.get("/")).status == 200
    revoked = await server.call("DELETE", f"/api/v1/keys/{server.rows[key].id}")
    assert revoked.status == 200
    assert (await visitor.get("/")).status == 303
    over_the_api = await server.call(
        "GET", "/api/v1/messages", key=None, headers={"Cookie": cookie_of(visitor)}
    )
    assert over_the_api.status == 401


async def test_the_key_of_the_environment_signs_in_and_its_sessions_end_when_it_changes(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    key = "a-key-of-the-environment-that-is-long"
    server = await make_server(settings={"admin_key_digest": hashlib.sha256(key.encode()).digest()})
    visitor = await visit_at(server, key)
    assert (await visitor.get("/")).status == 200
    changed = await make_server(settings={"admin_key_digest": hashlib.sha256(b"another").digest()})
    visitor.url = f"http://127.0.0.1:{changed.port}"
    assert (await visitor.get("/")).status == 303


async def test_signing_out_ends_the_session_and_not_only_the_cookie(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.get("/")
    kept = dict(visitor.cookies)
    out = await visitor.press(page, "Sign out")
    assert "/sign-in" in out.url
    assert visitor.cookies == {}
    visitor.cookies = kept
    assert (await visitor.get("/")).status == 303


def cookie_of(visitor: Visitor) -> str:
    return f"gateway={visitor.cookies['gateway']}"


FORGED = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {},
]


@pytest.mark.parametrize("headers", FORGED)
async def test_USR_7_a_request_of_another_page_changes_nothing(
    server: Server, visit: Visit, headers: dict[str, str]
) -> None:
    cookie = cookie_of(await visit())
    answer = await server.call(
        "POST",
        "/api/v1/messages",
        {"to": "+99900000001", "text": "forged"},
        key=None,
        headers={"Cookie": cookie, **headers},
    )
    assert (answer.status, answer.code) == (403, "csrf_failed")
    assert await server.stored() == 0


async def test_USR_7_another_port_of_this_machine_is_another_origin(server: Server, visit: Visit) -> None:
    cookie = cookie_of(await visit())
    headers = {"Cookie": cookie, "Origin": f"http://127.0.0.1:{server.port + 1}"}
    answer = await server.call(
        "POST", "/api/v1/messages", {"to": "+99900000001", "text": "x"}, key=None, headers=headers
    )
    assert answer.code == "csrf_failed"


@pytest.mark.parametrize("ours", [{"Sec-Fetch-Site": "same-origin"}, {}])
async def test_a_request_of_our_own_page_may_use_the_api(
    server: Server, visit: Visit, ours: dict[str, str]
) -> None:
    visitor = await visit()
    headers = {"Cookie": cookie_of(visitor), "Origin": visitor.origin, **ours}
    answer = await server.call(
        "POST", "/api/v1/messages", {"to": "+99900000001", "text": "x"}, key=None, headers=headers
    )
    assert answer.status == 202


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
async def test_USR_7_a_form_without_the_sessions_token_is_refused(
    server: Server, visit: Visit, token: str
) -> None:
    visitor = await visit()
    answer = await visitor.post("/sign-out", [("form_token", token)])
    assert answer.status == 403
    assert (await visitor.get("/")).status == 200


async def test_a_form_token_of_another_session_is_refused(server: Server, visit: Visit) -> None:
    one, other = await visit(), await visit()
    foreign = dict((await other.get("/")).form("Sign out").fields)["form_token"]
    assert (await one.post("/sign-out", [("form_token", foreign)])).status == 403


async def test_signing_in_from_another_page_is_refused(server: Server, visit: Visit) -> None:
    nobody = await visit(None)
    answer = await nobody.post("/sign-in", [("secret", server.live)], Origin="http://evil.example")
    assert answer.status == 403
    assert nobody.cookies == {}


async def test_a_session_has_exactly_the_rights_of_its_key(server: Server, visit: Visit) -> None:
    reader = await visit(await server.key("messages:read"))
    page = await reader.get("/")
    assert "Latest messages" in page.text
    headers = {"Cookie": cookie_of(reader), "Origin": reader.origin}
    answer = await server.call(
        "POST", "/api/v1/messages", {"to": "+99900000001", "text": "x"}, key=None, headers=headers
    )
    assert (answer.status, answer.code) == (403, "forbidden")


async def test_KEY_7_a_sandbox_session_sees_the_sandbox_only(server: Server, visit: Visit) -> None:
    await server.send({"to": "+447700900123", "text": "a real secret"})
    await server.send({"to": "+99900000001", "text": "a sandbox text"})
    page = await (await visit(server.sandbox)).get("/")
    assert "a sandbox text" in page.text
    assert "a real secret" not in page.text
    assert "Office" not in page.text
    assert "Sandbox" in page.text


async def test_KEY_7_the_overview_of_a_sandbox_session_counts_no_live_text_in_doubt(
    server: Server, visit: Visit
) -> None:
    assert server.real is not None
    await server.send({"to": "+447700900123", "text": "a real secret"})
    looked = await server.store.look(server.real.id, 1, Pace())
    prepared = tuple(prepare(work, 1, server.clock.now_ms(), more_follow=False) for work in looked.work)
    claim = Claim(server.real.id, server.real.device_id or "", "node", prepared, Pace())
    assert (await server.store.claim(claim)).prepared is not None
    silent = local("modem_silent", maybe_on_air=True)
    await server.store.record(PartLost(prepared[0].attempt_id, 1, silent, server.clock.now_ms()))
    assert "in doubt now</dt><dd>1<" in (await (await visit()).get("/")).html
    assert "in doubt now</dt><dd>0<" in (await (await visit(server.sandbox)).get("/")).html


async def test_USR_5_behind_a_proxy_with_tls_the_cookie_never_leaves_tls(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    server = await make_server(settings={"public_url": "https://sms.example.org"})
    visitor = await visit_at(server, None)
    visitor.headers["Host"] = "sms.example.org"
    answer = await visitor.post(
        "/sign-in", [("secret", server.live), ("next", "/")], Origin="https://sms.example.org"
    )
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-gateway=")
    assert "Secure" in cookie
    page = await visitor.get("/")
    assert page.status == 200
    assert "not encrypted" not in page.text
    out = await visitor.post("/sign-out", page.form("Sign out").fields, Origin="https://sms.example.org")
    assert out.status == 303
    assert visitor.cookies == {}

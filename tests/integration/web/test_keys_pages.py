"""Proves the pages of keys and of settings to somebody without script: shown once, no more than one's own, revoked."""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from gateway.config.in_force import settings_in_force
from gateway.config.load import load, origins_of
from gateway.http.app import ROUTES
from gateway.http.models import SCOPES
from gateway.policy.key_use import DAY_MS, HOUR_MS, KeyUse
from gateway.web import PAGES
from gateway.web.scope_words import NOT_YET, SENTENCES
from tests.harness.visitor import Seen, Visitor
from tests.integration.http.api_server import Server
from tests.integration.web.visits import MakeServer, Visit, VisitAt

KEY = re.compile(r"\bgw[ls]_[0-9A-Za-z]{46}\b")


def keys_in(page: Seen) -> set[str]:
    return set(KEY.findall(page.html))


async def made(visitor: Visitor, *scopes: str, **filled: str) -> Seen:
    form = (await visitor.get("/keys/new")).form("Make the key")
    fields = [(n, v) for n, v in form.fields if n not in ("name", "scopes")]
    given = {"name": "crm", **filled}
    return await visitor.post("/keys", [*fields, *given.items(), *(("scopes", s) for s in scopes)])


async def test_KEY_2_a_key_is_shown_once_with_a_line_that_works_as_it_stands(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    page = await made(visitor, "messages:send", "messages:read", sandbox="1")
    assert page.status == 200
    (key,) = keys_in(page)
    assert key.startswith("gws_")
    assert (await server.call("GET", "/api/v1/messages", key=key)).status == 200
    assert "curl -sS -H" in page.text
    assert f"127.0.0.1:{server.port}/api/v1/messages" in page.text
    listed = await visitor.get("/keys")
    assert keys_in(listed) == set()
    assert "crm" in listed.text
    assert "Send texts, and decide about those in doubt" in listed.text


@pytest.mark.skipif(shutil.which("curl") is None and not os.environ.get("CI"), reason="curl is not installed")
async def test_the_line_shown_with_a_key_sends_a_text_with_any_curl(server: Server, visit: Visit) -> None:
    page = await made(await visit(), "messages:send", sandbox="1")
    line = html.unescape(re.findall(r'<pre id="curl"[^>]*>(.*?)</pre>', page.html, re.DOTALL)[0])
    assert "--json" not in line, "curl before 7.82 does not know it"
    curl = await asyncio.create_subprocess_shell(line, stdout=asyncio.subprocess.PIPE)
    answer, _ = await curl.communicate()
    assert json.loads(answer)["to"] == "+99900000001"


async def test_pressed_twice_is_one_key(server: Server, visit: Visit) -> None:
    visitor = await visit()
    form = (await visitor.get("/keys/new")).form("Make the key")
    fields = [*((n, v) for n, v in form.fields if n != "name"), ("name", "crm"), ("scopes", "inbound:read")]
    assert len(keys_in(await visitor.post("/keys", fields))) == 1
    again = await visitor.post("/keys", fields)
    assert again.status == 303
    assert "done=shown" in again.headers["Location"]
    assert sum(row.name == "crm" for row in await server.store.keys("default")) == 1


@pytest.mark.parametrize(
    ("scopes", "filled", "wrong"),
    [
        (("messages:read",), {"name": ""}, "name-error"),
        ((), {}, "scopes-error"),
        (("messages:eat",), {}, "scopes-error"),
        (("messages:read",), {"name": "n" * 61}, "name-error"),
        (("messages:read",), {"name": "a\x07b"}, "name-error"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_the_rest_stays(
    server: Server, visit: Visit, scopes: tuple[str, ...], filled: dict[str, str], wrong: str
) -> None:
    page = await made(await visit(), *scopes, **filled)
    assert page.status == 422
    assert f'id="{wrong}"' in page.html
    assert "aria-invalid" in page.html


async def test_KEY_6_nobody_gives_on_more_than_they_have(server: Server, visit: Visit) -> None:
    visitor = await visit(await server.key("keys:manage", "messages:read"))
    form = await visitor.get("/keys/new")
    assert "Read sent texts" in form.text
    assert "Send texts" not in form.text
    page = await made(visitor, "messages:send")
    assert page.status == 422
    assert "messages:send" in page.text
    strong = next(row for row in await server.store.keys("default") if row.scopes == ("*",))
    assert (await visitor.get(f"/keys/{strong.id}")).status == 403
    sandbox = await visit(server.sandbox)
    form = await sandbox.get("/keys/new")
    assert ("sandbox", "1") in form.form("Make the key").fields


async def test_KEY_5_a_key_is_replaced_and_the_old_one_works_on_for_the_time_that_was_chosen(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    (old,) = keys_in(await made(visitor, "messages:read"))
    (row,) = [each for each in await server.store.keys("default") if each.name == "crm"]
    page = await visitor.press(await visitor.get(f"/keys/{row.id}"), "Make the new key", grace="hour")
    (new,) = keys_in(page)
    assert "works for an hour more" in page.text
    for key in (old, new):
        assert (await server.call("GET", "/api/v1/messages", key=key)).status == 200
    server.clock.ahead_s = 3601
    assert (await server.call("GET", "/api/v1/messages", key=old)).status == 401
    assert (await server.call("GET", "/api/v1/messages", key=new)).status == 200


async def test_a_revoked_key_ends_its_sessions_at_their_next_click(server: Server, visit: Visit) -> None:
    owner = await visit()
    (key,) = keys_in(await made(owner, "messages:read", "lines:read"))
    guest = await visit(key)
    assert (await guest.get("/")).status == 200
    (row,) = [each for each in await server.store.keys("default") if each.name == "crm"]
    page = await owner.press(await owner.get(f"/keys/{row.id}"), "Revoke this key")
    assert "was revoked" in page.text
    gone = await guest.get("/")
    assert gone.status == 303
    assert "/sign-in" in gone.headers["Location"]
    assert (await server.call("GET", "/api/v1/messages", key=key)).status == 401


async def test_KEY_7_a_sandbox_session_knows_only_keys_of_the_sandbox(server: Server, visit: Visit) -> None:
    await server.key("messages:read", name="live one")
    page = await (await visit(server.sandbox)).get("/keys")
    assert "live one" not in page.text


def test_every_scope_has_a_sentence() -> None:
    assert set(SENTENCES) == set(SCOPES)


# ------------------------------------------------------------------ settings


@pytest.fixture
async def configured(make_server: MakeServer, tmp_path: Path) -> Server:
    """A server whose configuration came from a file, a variable and an option."""
    file = tmp_path / "config.toml"
    file.write_text('[messages]\nmax_queued = 500\n[[modem]]\nport = "/dev/pts/<b>"\npin = "9817"\n')
    file.chmod(0o600)
    said = {"GATEWAY__SERVER__RATE_LIMIT": "77"}, {"server.port": 0}
    rows = settings_in_force(load(file, *said), origins_of(file, *said))
    return await make_server(settings_shown=rows)


async def test_the_settings_say_what_differs_and_who_said_so(configured: Server, visit_at: VisitAt) -> None:
    visitor = await visit_at(configured, configured.live)
    page = await visitor.get("/settings")
    for words in (
        "messages.max_queued", "500", "config.toml", "messages", "100000",
        "server.rate_limit", "77", "GATEWAY__SERVER__RATE_LIMIT", "command line", "--port",
        "modem[0].pin", "set, not shown", "/dev/pts/<b>",
    ):  # fmt: skip
        assert words in page.text, words
    assert "9817" not in page.text
    assert "server.host" not in page.text
    page = await visitor.get("/settings?section=server")
    assert "server.host" in page.text
    assert "messages.max_queued" not in page.text


async def test_the_configuration_is_shown_to_those_who_may_do_everything(
    configured: Server, visit_at: VisitAt
) -> None:
    visitor = await visit_at(configured, await configured.key("keys:manage", "messages:read"))
    page = await visitor.get("/settings?section=modem")
    assert page.status == 200
    assert "max_queued" not in page.text
    assert "/dev/pts" not in page.text
    assert "Read sent texts" in page.text


async def test_KEY_7_the_configuration_is_not_shown_to_a_sandbox_session_that_may_do_everything(
    configured: Server, visit_at: VisitAt
) -> None:
    visitor = await visit_at(configured, configured.sandbox)
    for path in ("/settings", "/settings?section=modem", "/settings?section=messages"):
        page = await visitor.get(path)
        assert page.status == 200
        assert "shown to live keys" in page.text
        for words in ("max_queued", "/dev/pts", "modem[0]", "config.toml"):
            assert words not in page.html, (path, words)
        assert 'name="section"' not in page.html


async def test_colours_are_remembered_in_this_browser_and_forgotten(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.press(await visitor.get("/settings"), "Use these colours", theme="dark")
    assert 'data-theme="dark"' in page.html
    page = await visitor.press(page, "Use these colours", theme="")
    assert "data-theme" not in page.html
    page = await visitor.press(page, "Use these colours", theme="pink")
    assert "data-theme" not in page.html


async def test_KEY_8_an_odd_use_stands_at_the_key_until_somebody_opens_it(
    server: Server, visit: Visit
) -> None:
    row = server.rows[await server.key(name="crm")]
    at_ms = server.clock.now_ms()
    for network, later_ms in (("10.0.3.0/24", 0), ("10.0.9.0/24", DAY_MS)):
        used_ms = at_ms + later_ms
        await server.store.key_use.note(
            KeyUse(row.id, row.tenant, used_ms, "10.0.9.1", {network: used_ms}, {used_ms // HOUR_MS: 1})
        )
    visitor = await visit()
    for path in (f"/keys/{row.id}", f"/keys/{row.id}/rotate"):
        await visitor.get(
            path, **{"X-Regions": "counts"}
        )  # an open page asks by itself, and shows nobody this
    assert "used from a new network, 10.0.9.0/24" in (await visitor.get("/keys")).text
    assert "used from a new network, 10.0.9.0/24" in (await visitor.get(f"/keys/{row.id}")).text
    assert "new network" not in (await visitor.get("/keys")).text
    assert "new network" in (await visitor.get(f"/keys/{row.id}")).text, "the key's own page keeps it"


async def test_a_scope_that_does_nothing_yet_is_not_offered_and_programs_may_have_it(
    server: Server, visit: Visit
) -> None:
    form = (await (await visit()).get("/keys/new")).html
    offered = set(re.findall(r'name="scopes" value="([^"]+)"', form))
    assert offered == set(SCOPES) - NOT_YET
    made = await server.call("POST", "/api/v1/keys", {"name": "later", "scopes": sorted(NOT_YET)})
    assert made.status == 201
    assert "Hand out everything that is kept of a number" in (await (await visit()).get("/keys")).text


def test_what_is_not_offered_is_asked_for_nowhere() -> None:
    asked = {route.scope for route in (*ROUTES, *PAGES)}
    assert not asked & NOT_YET, "it does something now: offer it"

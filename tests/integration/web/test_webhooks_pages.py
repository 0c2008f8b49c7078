"""Proves the pages of webhooks to somebody without script: added, refused, changed, ended; the secret in one answer."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import get_args

import aiohttp
import pytest

from gateway.config.in_force import settings_in_force
from gateway.config.load import load, origins_of
from gateway.http.models import EventName
from gateway.startup import configure_webhooks
from gateway.store.rows import View
from gateway.web.event_words import FAMILIES, TITLES
from gateway.web.verify_samples import RECEIVER, SAMPLES
from gateway.webhooks.networks import TargetRules
from gateway.webhooks.signing import signed_headers
from gateway.webhooks.target import check_target
from tests.harness.gateway_process import until
from tests.harness.phones import free_port
from tests.harness.visitor import Seen, Visitor
from tests.integration.http.api_server import Server
from tests.integration.web.visits import MakeServer, Visit, VisitAt

LIVE = View("default")
HOOK = "http://192.168.1.5/hook"


def secrets_in(page: Seen) -> list[str]:
    return re.findall(r"whsec_[A-Za-z0-9+/=]{20,}", page.html)


async def added(visitor: Visitor, url: str = HOOK) -> Seen:
    return await visitor.press(await visitor.get("/webhooks/new"), "Add the webhook", url=url)


async def test_WHK_1_the_secret_is_in_the_answer_and_in_no_page_and_pressed_twice_is_one_webhook(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    form = await visitor.get("/webhooks/new")
    first = await visitor.press(form, "Add the webhook", url=HOOK)
    assert first.status == 200
    assert first.headers["Cache-Control"] == "no-store"
    (row,) = await server.store.webhooks(LIVE)
    assert secrets_in(first) == list(row.secrets)
    again = await visitor.press(form, "Add the webhook", url=HOOK)
    assert "secret was shown" in again.text
    assert len(await server.store.webhooks(LIVE)) == 1
    for path in ("/webhooks", f"/webhooks/{row.id}", f"/webhooks/{row.id}/edit"):
        assert secrets_in(await visitor.get(path)) == []


async def test_a_new_secret_is_shown_once_and_signs_beside_the_old_one(server: Server, visit: Visit) -> None:
    visitor = await visit()
    old = secrets_in(await added(visitor))
    (row,) = await server.store.webhooks(LIVE)
    page = await visitor.get(f"/webhooks/{row.id}")
    new = secrets_in(await visitor.press(page, "Make a new secret"))
    assert new != old
    assert secrets_in(await visitor.press(page, "Make a new secret")) == []
    row = await server.store.webhook(LIVE, row.id)
    assert row.signing_secrets(server.clock.now_ms()) == (*new, *old)


async def test_SSRF_1_an_unsafe_address_is_refused_with_the_rule_and_stays_typed(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    def judge(url: str) -> str | None:
        refusal = check_target(url, TargetRules())
        return None if refusal is None else str(refusal)

    server = await make_server(refuse_target=judge)
    visitor = await visit_at(server, server.live)
    for url in ("http://169.254.169.254/", "file:///etc/passwd", "http://user@10.0.0.1/", "nonsense", ""):
        page = await added(visitor, url)
        assert page.status == 422, url
        assert f'value="{url}"' in page.html
        assert 'id="url-error"' in page.html
        assert 'aria-invalid="true"' in page.html
    assert await server.store.webhooks(LIVE) == ()


async def test_without_an_event_it_is_refused(server: Server, visit: Visit) -> None:
    visitor = await visit()
    form = (await visitor.get("/webhooks/new")).form("Add the webhook")
    fields = [(name, value) for name, value in form.fields if name not in ("events", "url")]
    page = await visitor.post("/webhooks", [*fields, ("url", HOOK)])
    assert page.status == 422
    assert "at least one event" in page.text
    page = await visitor.post("/webhooks", [*fields, ("url", HOOK), ("events", "message.eaten")])
    assert page.status == 422


async def test_a_webhook_is_changed_switched_off_and_on_and_deleted(server: Server, visit: Visit) -> None:
    visitor = await visit()
    await added(visitor)
    (row,) = await server.store.webhooks(LIVE)
    path = f"/webhooks/{row.id}"
    form = (await visitor.get(f"{path}/edit")).form("Save changes")
    kept = [(n, v) for n, v in form.fields if n == "form_token"]
    changed = [
        *kept,
        ("url", "http://192.168.1.6/hook"),
        ("events", "line.*"),
        ("events", "message.received"),
    ]
    assert (await visitor.post(f"{path}/edit", changed)).status == 303
    row = await server.store.webhook(LIVE, row.id)
    assert (row.url, row.events, row.include_text) == (
        "http://192.168.1.6/hook", ("line.*", "message.received"), False
    )  # fmt: skip
    page = await visitor.press(await visitor.get(path), "Switch off")
    assert "Switched off" in page.text
    assert not (await server.store.webhook(LIVE, row.id)).enabled
    page = await visitor.press(page, "Switch on")
    assert (await server.store.webhook(LIVE, row.id)).enabled
    page = await visitor.press(page, "Delete this webhook")
    assert "was deleted" in page.text
    assert await server.store.webhooks(LIVE) == ()
    assert (await visitor.get(path)).status == 404


async def test_KEY_7_a_sandbox_session_sees_only_webhooks_of_the_sandbox(
    server: Server, visit: Visit
) -> None:
    await added(await visit())
    (row,) = await server.store.webhooks(LIVE)
    visitor = await visit(server.sandbox)
    assert "192.168.1.5" not in (await visitor.get("/webhooks")).text
    assert (await visitor.get(f"/webhooks/{row.id}")).status == 404
    await added(visitor, "http://192.168.1.7/hook")
    assert [hook.sandbox for hook in await server.store.webhooks(LIVE)] == [False, True]


async def test_KEY_6_without_the_scope_there_is_no_page(server: Server, visit: Visit) -> None:
    visitor = await visit(await server.key("messages:read"))
    for path in ("/webhooks", "/webhooks/new"):
        assert (await visitor.get(path)).status == 403


async def test_a_webhook_of_the_configuration_says_that_the_file_has_the_last_word(
    make_server: MakeServer, visit_at: VisitAt, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'[[webhook]]\nurl = "{HOOK}"\nsecret = "whsec_{"A" * 32}"\n')
    file.chmod(0o600)
    config = load(file, {})
    server = await make_server(settings_shown=settings_in_force(config, origins_of(file, {})))
    await configure_webhooks(server.store, config, server.clock.now_ms())
    visitor = await visit_at(server, server.live)
    await added(visitor, "http://192.168.1.9/hook")
    told = {row.url: await visitor.get(f"/webhooks/{row.id}") for row in await server.store.webhooks(LIVE)}
    assert "stands in the configuration" in told[HOOK].text
    assert "stands in the configuration" not in told["http://192.168.1.9/hook"].text


def test_every_event_that_can_be_chosen_has_words() -> None:
    offered = [family.name for family in FAMILIES] + [name for f in FAMILIES for name, _title in f.events]
    assert sorted(["*", *offered]) == sorted(get_args(EventName))
    assert set(offered) < set(TITLES)


# ------------------------------------------------------------------ the code that is shown

SECRET = "whsec_" + base64.b64encode(b"a secret of this test, 32 octets").decode()
BODY = '{"type":"message.sent","data":{"text":"Grüße 🏴 <b>"}}'


def sample(language: str) -> str:
    return next(each.code for each in SAMPLES if each.language == language)


def headers_at(now_ms: int) -> dict[str, str]:
    old = "whsec_" + base64.b64encode(b"the old one, still signing today").decode()
    return signed_headers((old, SECRET), "01935f0c-event", now_ms, BODY.encode())


def runs(command: list[str], folder: Path) -> bool:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, timeout=60, check=False,
        env={**os.environ, "WEBHOOK_SECRET": SECRET},
    )  # fmt: skip
    return done.returncode == 0


def cases(now_ms: int) -> list[tuple[dict[str, str], str, bool]]:
    good = headers_at(now_ms)
    return [
        (good, BODY, True),
        (good, BODY + " ", False),
        (headers_at(now_ms - 301_000), BODY, False),
        ({**good, "webhook-signature": "v1,AAAA garbage"}, BODY, False),
    ]


async def test_WHK_5_the_printed_python_accepts_what_is_ours_and_nothing_else(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    code: dict[str, object] = {}
    exec(sample("Python"), code)
    verified = code["verified"]
    assert callable(verified)
    for headers, body, ours in cases(server.clock.now_ms()):
        try:
            assert verified(body.encode(), headers) == json.loads(BODY)
        except AssertionError:
            raise
        except Exception:
            assert not ours
        else:
            assert ours


@pytest.mark.skipif(shutil.which("php") is None, reason="PHP is not installed")
async def test_WHK_5_the_printed_php_accepts_what_is_ours_and_nothing_else(
    server: Server, tmp_path: Path
) -> None:
    for headers, body, ours in cases(server.clock.now_ms()):
        given = json.dumps({"headers": headers, "body": body})
        (tmp_path / "given.json").write_text(given)
        call = "$g = json_decode(file_get_contents('given.json'), true); verified($g['body'], $g['headers']);"
        (tmp_path / "check.php").write_text(f"{sample('PHP')}\n{call}\n")
        assert runs(["php", "check.php"], tmp_path) is ours


@pytest.mark.skipif(shutil.which("ruby") is None, reason="Ruby is not installed")
async def test_WHK_5_the_printed_ruby_accepts_what_is_ours_and_nothing_else(
    server: Server, tmp_path: Path
) -> None:
    for headers, body, ours in cases(server.clock.now_ms()):
        (tmp_path / "given.json").write_text(json.dumps({"headers": headers, "body": body}))
        call = 'g = JSON.parse(File.read("given.json")); verified(g["body"], g["headers"])'
        (tmp_path / "check.rb").write_text(f"{sample('Ruby')}\n{call}\n")
        assert runs(["ruby", "check.rb"], tmp_path) is ours


@pytest.mark.skipif(shutil.which("gofmt") is None, reason="Go is not installed")
def test_the_printed_go_is_go_as_it_is_written(tmp_path: Path) -> None:
    # Running it would compile Go's own library first, which takes minutes.
    (tmp_path / "check.go").write_text(f"package main\n\n{sample('Go')}")
    done = subprocess.run(
        ["gofmt", "-l", "check.go"], cwd=tmp_path, capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"")


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_the_printed_javascript_is_javascript(tmp_path: Path) -> None:
    (tmp_path / "check.mjs").write_text(sample("JavaScript"))
    assert runs(["node", "--check", "check.mjs"], tmp_path)


async def test_the_printed_receiver_prints_what_it_is_sent_and_takes_it() -> None:
    port = free_port()
    line = RECEIVER.replace("9000", str(port)).replace("python3", f"exec {shlex.quote(sys.executable)}")
    process = await asyncio.create_subprocess_exec("sh", "-c", line, stdout=PIPE, stderr=DEVNULL)
    try:
        async with aiohttp.ClientSession() as session:

            async def taken() -> bool:
                try:
                    async with session.post(f"http://127.0.0.1:{port}/", data=BODY.encode()) as answer:
                        return answer.status == 204
                except aiohttp.ClientConnectionError:
                    return False

            await until(taken, "the receiver takes it")
        assert process.stdout is not None
        said = b""
        async with asyncio.timeout(30):
            while BODY.encode() not in said:
                said += await process.stdout.readline()
    finally:
        process.kill()
        await process.wait()

"""Lines, devices, inbound, webhooks, sandbox, health and the description: each verb against real rows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from device_bridge.device import DeviceInfo
from device_bridge.errors import NotSubmitted
from device_bridge.sms.outcome import Outcome, OutcomeClass
from gateway.errors import CATALOGUE
from gateway.http import answers, hardware_answers
from gateway.http.app import ROUTES, build_app, description
from gateway.http.openapi import problems_of
from gateway.http.services import SelfTestStep
from gateway.store.rows import NewInbound, View
from tests.integration.http.api_server import Server, ServerFactory

HOOK = {"url": "http://192.168.1.5/hook", "events": ["message.*"]}
REAL = "+447911123456"


# ------------------------------------------------------------------ lines and devices


async def test_lines_and_devices_look_as_described(server: Server) -> None:
    lines = hardware_answers.LineList.model_validate((await server.call("GET", "/api/v1/lines")).json).items
    office = next(line for line in lines if line.label == "Office")
    assert (office.pool, office.number, office.state, office.emulated) == (
        ["default"], "+447700900111", "up", False
    )  # fmt: skip
    assert [(q.name, q.limit, q.used) for q in office.quotas] == [("per_minute", 30, 0), ("per_day", 1000, 0)]
    emulated = next(line for line in lines if line.emulated)
    assert (emulated.pool, emulated.quotas) == (["sandbox"], [])
    devices = hardware_answers.DeviceList.model_validate(
        (await server.call("GET", "/api/v1/devices")).json
    ).items
    assert {(d.id, d.attached, d.emulated) for d in devices} == {
        ("imei-111", True, False),
        ("imei-222", True, True),
    }


async def test_queued_messages_show_on_the_line_with_the_time_they_take(server: Server) -> None:
    for _ in range(3):
        await server.call("POST", "/api/v1/messages", {"to": REAL, "text": "hi"})
    lines = (await server.call("GET", "/api/v1/lines")).json["items"]
    office = next(line for line in lines if not line["emulated"])
    assert office["queued"] == 3
    assert office["eta_s"] == 6


async def test_a_line_is_changed_by_people_and_keeps_what_is_left_out(server: Server) -> None:
    assert server.real is not None
    path = f"/api/v1/lines/{server.real.id}"
    changed = hardware_answers.Line.model_validate(
        (await server.call("PATCH", path, {"label": "Shop", "pool": ["otp", "default"], "per_day": 200})).json
    )
    assert (changed.label, changed.pool, changed.per_day, changed.number) == (
        "Shop", ["otp", "default"], 200, "+447700900111"
    )  # fmt: skip
    assert (
        await server.call("POST", "/api/v1/messages", {"to": REAL, "text": "hi", "pool": "otp"})
    ).status == 202
    for body, pointer in (
        ({"pool": []}, "#/pool"), ({"paused": "yes"}, "#/paused"), ({"label": "x\u0007"}, "#/label"),
        ({"number": "07911"}, "#/number"), ({"state": "up"}, "#/state"), ({"pool": None}, "#/pool"),
    ):  # fmt: skip
        refused = await server.call("PATCH", path, body)
        assert (refused.status, refused.code, refused.pointers()) == (422, "invalid_request", [pointer])
    mixed = await server.call("PATCH", path, {"pool": ["sandbox"]})
    assert (mixed.status, mixed.code) == (403, "sandbox_only")
    hidden = await server.call("PATCH", path, {"label": "x"}, key=server.sandbox)
    assert hidden.status == 404


class Actions:
    """Lines that answer as a test says."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked: list[tuple[str, str]] = []

    async def ussd(self, line_id: str, code: str) -> str:
        self.asked.append((line_id, code))
        if self.error is not None:
            raise self.error
        return "Balance 5.00"

    async def self_test(self, line_id: str) -> tuple[SelfTestStep, ...]:
        self.asked.append((line_id, ""))
        if self.error is not None:
            raise self.error
        return (
            SelfTestStep("sim", ok=True, detail="ready"),
            SelfTestStep("network", ok=False, detail="none"),
        )


async def test_ussd_and_self_test_ask_the_device(make_server: ServerFactory) -> None:
    actions = Actions()
    server = await make_server(line_actions=actions)
    assert server.real is not None
    path = f"/api/v1/lines/{server.real.id}"
    asked = await server.call("POST", f"{path}/ussd", {"code": "*100#"})
    assert (asked.status, asked.json) == (200, {"code": "*100#", "text": "Balance 5.00"})
    tested = await server.call("POST", f"{path}/self-test")
    assert hardware_answers.SelfTest.model_validate(tested.json).ok is False
    assert actions.asked == [(server.real.id, "*100#"), (server.real.id, "")]
    refused = await server.call("POST", f"{path}/ussd", {"code": "rm -rf"})
    assert (refused.status, refused.pointers()) == (422, ["#/code"])
    hidden = await server.call("POST", f"{path}/ussd", {"code": "*100#"}, key=server.sandbox)
    assert hidden.status == 404
    cause = Outcome("not_registered", "The SIM has no network", "Check the antenna.", OutcomeClass.LINE)
    for error, status, code in (
        (TimeoutError(), 504, "device_timeout"),
        (KeyError(server.real.id), 502, "device_error"),
        (NotSubmitted(cause), 502, "device_error"),
    ):
        actions.error = error
        answer = await server.call("POST", f"{path}/ussd", {"code": "*100#"})
        assert (answer.status, answer.code) == (status, code)
    assert (answer.json["detail"], answer.json["hint"]) == (cause.title, cause.hint)


async def test_a_phone_is_not_restarted_from_here_and_says_what_to_do(server: Server) -> None:
    await server.store.device_seen(DeviceInfo("install-1", "phone", "usb"), True, None)
    refused = await server.call("POST", "/api/v1/devices/install-1/restart")
    assert (refused.status, refused.code) == (409, "conflict")
    assert "by hand" in refused.json["detail"]


# ------------------------------------------------------------------ inbound


async def test_inbound_is_listed_and_shown_with_its_tpdus(server: Server) -> None:
    assert server.real is not None
    for number in range(3):
        new = NewInbound(
            server.real.id, REAL, bytes([number]), server.clock.now_ms(), "sms", text=f"text {number}",
            fingerprint=str(number),
        )  # fmt: skip
        await server.store.store_inbound(new)
    page = await server.call("GET", "/api/v1/inbound?limit=2")
    first = answers.InboundPage.model_validate(page.json)
    assert [item.text for item in first.items] == ["text 2", "text 1"]
    rest = await server.call("GET", f"/api/v1/inbound?limit=2&cursor={first.next}")
    assert [item["text"] for item in rest.json["items"]] == ["text 0"]
    shown = await server.call("GET", f"/api/v1/inbound/{first.items[0].id}")
    assert answers.InboundWithPdus.model_validate(shown.json).pdus == ["02"]
    assert (await server.call("GET", "/api/v1/inbound", key=server.sandbox)).json["items"] == []


async def test_a_text_arrives_at_an_emulated_line(make_server: ServerFactory) -> None:
    arrived: list[tuple[str, str, str]] = []

    async def deliver(sender: str, to: str, text: str) -> None:
        if to != "+99900010001":
            raise LookupError(to)
        if text == "no":
            raise ValueError("TP-UD: too long")
        arrived.append((sender, to, text))

    server = await make_server(sandbox_inbound=deliver)
    path = "/api/v1/sandbox/inbound"
    body = {"from": "+447911123456", "to": "+99900010001", "text": "Yes 👍"}
    answer = await server.call("POST", path, body, key=server.sandbox)
    assert (answer.status, answer.json) == (202, body)
    assert arrived == [("+447911123456", "+99900010001", "Yes 👍")]
    unknown = await server.call("POST", path, {**body, "to": "+447700900111"})
    assert (unknown.status, unknown.code, unknown.pointers()) == (422, "unknown_line", ["#/to"])
    impossible = await server.call("POST", path, {**body, "text": "no"})
    assert (impossible.status, impossible.code, impossible.pointers()) == (
        422,
        "text_not_encodable",
        ["#/text"],
    )
    refused = await server.call("POST", path, {**body, "from": "a\nb"})
    assert refused.pointers() == ["#/from"]


async def test_without_an_emulator_the_sandbox_says_so(server: Server) -> None:
    body = {"from": "+447911123456", "to": "+99900010001", "text": "hi"}
    answer = await server.call("POST", "/api/v1/sandbox/inbound", body)
    assert (answer.status, answer.code) == (503, "no_line_available")


# ------------------------------------------------------------------ webhooks


async def test_the_scheme_of_a_webhook_may_be_written_in_capitals(server: Server) -> None:
    for url in ("HTTP://127.0.0.1:9/hook", "Https://example.org/hook"):
        made = await server.call("POST", "/api/v1/webhooks", {"url": url})
        assert (made.status, made.json["url"]) == (201, url)
    for url in ("ftp://127.0.0.1/", "HTTP:127.0.0.1", "httpx://example.org/"):
        refused = await server.call("POST", "/api/v1/webhooks", {"url": url})
        assert (refused.status, refused.code) == (422, "webhook_target_refused")


async def test_a_webhook_lives_from_creation_to_deletion(server: Server) -> None:
    made = await server.call("POST", "/api/v1/webhooks", HOOK)
    assert made.status == 201
    hook = answers.WebhookWithSecret.model_validate(made.json)
    assert (hook.secret or "").startswith("whsec_")
    path = made.headers["Location"]
    assert path == f"/api/v1/webhooks/{hook.id}"
    shown = await server.call("GET", path)
    assert "secret" not in shown.json
    assert answers.Webhook.model_validate(shown.json).events == ["message.*"]
    changed = await server.call("PATCH", path, {"events": ["message.delivered"], "enabled": False})
    assert (changed.json["events"], changed.json["enabled"]) == (["message.delivered"], False)
    off = await server.call("POST", f"{path}/test")
    assert (off.status, off.code) == (409, "conflict")
    await server.call("PATCH", path, {"enabled": True})
    listed = answers.WebhookList.model_validate((await server.call("GET", "/api/v1/webhooks")).json)
    assert [item.id for item in listed.items] == [hook.id]
    assert (await server.call("DELETE", path)).status == 204
    assert (await server.call("GET", path)).status == 404


async def test_a_test_event_goes_to_one_webhook_and_can_be_sent_again(server: Server) -> None:
    made = (await server.call("POST", "/api/v1/webhooks", HOOK)).json
    other = (await server.call("POST", "/api/v1/webhooks", {**HOOK, "events": ["*"]})).json
    path = f"/api/v1/webhooks/{made['id']}"
    sent = await server.call("POST", f"{path}/test")
    assert sent.status == 202
    page = answers.DeliveryPage.model_validate((await server.call("GET", f"{path}/deliveries")).json)
    assert [(d.event_id, d.event_type, d.state) for d in page.items] == [
        (sent.json["event_id"], "webhook.test", "pending")
    ]
    again = await server.call("POST", f"{path}/deliveries/{page.items[0].id}/redeliver")
    assert (again.status, again.json["event_id"]) == (202, sent.json["event_id"])
    dead = await server.call("GET", f"{path}/deliveries?state=dead")
    assert dead.json == {"items": [], "next": None}
    elsewhere = f"/api/v1/webhooks/{other['id']}/deliveries/{page.items[0].id}/redeliver"
    assert (await server.call("POST", elsewhere)).status == 404
    assert (await server.call("GET", f"/api/v1/webhooks/{other['id']}/deliveries")).json["items"] == []


async def test_a_test_of_a_webhook_that_is_made_disabled_is_refused_and_makes_none(server: Server) -> None:
    refused = await server.call("POST", "/api/v1/webhooks", {**HOOK, "enabled": False, "test": True})
    assert (refused.status, refused.code) == (422, "invalid_request")
    (error,) = refused.json["errors"]
    assert (error["pointer"], "Enable it" in error["detail"]) == ("#/test", True)
    assert (await server.call("GET", "/api/v1/webhooks")).json["items"] == []


async def test_rotation_keeps_the_old_secret_beside_the_new_one(server: Server) -> None:
    made = (await server.call("POST", "/api/v1/webhooks", HOOK)).json
    turned = (await server.call("POST", f"/api/v1/webhooks/{made['id']}/rotate")).json
    assert turned["secret"] != made["secret"]
    row = await server.store.webhook(View("default"), made["id"])
    assert row.rotated_at_ms is not None
    assert row.signing_secrets(row.rotated_at_ms) == (turned["secret"], made["secret"])
    assert row.signing_secrets(row.rotated_at_ms + 86_400_000) == (turned["secret"],)


async def test_a_target_that_is_refused_is_named(make_server: ServerFactory) -> None:
    def refuse(url: str) -> str | None:
        return "169.254.0.0/16 is never a webhook target. Use another address." if "169.254" in url else None

    server = await make_server(refuse_target=refuse)
    for url in ("http://169.254.169.254/", "file:///etc/passwd", "gopher://x", "x"):
        answer = await server.call("POST", "/api/v1/webhooks", {"url": url, "events": ["*"]})
        assert (answer.status, answer.code, answer.pointers()) == (422, "webhook_target_refused", ["#/url"])
    made = (await server.call("POST", "/api/v1/webhooks", HOOK)).json
    answer = await server.call("PATCH", f"/api/v1/webhooks/{made['id']}", {"url": "http://169.254.169.254/"})
    assert answer.code == "webhook_target_refused"
    unknown = await server.call("POST", "/api/v1/webhooks", {**HOOK, "events": ["message.lost"]})
    assert (unknown.status, unknown.pointers()) == (422, ["#/events/0"])


async def test_a_sandbox_key_sees_only_its_own_webhooks(server: Server) -> None:
    live = (await server.call("POST", "/api/v1/webhooks", HOOK)).json["id"]
    own = (await server.call("POST", "/api/v1/webhooks", HOOK, key=server.sandbox)).json
    assert own["sandbox"] is True
    listed = await server.call("GET", "/api/v1/webhooks", key=server.sandbox)
    assert [item["id"] for item in listed.json["items"]] == [own["id"]]
    assert (await server.call("DELETE", f"/api/v1/webhooks/{live}", key=server.sandbox)).status == 404


# ------------------------------------------------------------------ the store is gone


async def test_without_its_database_every_route_is_503_and_never_401(
    make_server: ServerFactory, tmp_path: Path
) -> None:
    server = await make_server()
    made = (await server.call("POST", "/api/v1/messages", {"to": REAL, "text": "hi"})).json["id"]
    files = [tmp_path / name for name in ("gateway.db", "gateway.db-wal", "gateway.db-shm")]
    aside = tmp_path / "aside"
    aside.mkdir()
    for file in files:
        if file.exists():
            file.rename(aside / file.name)
    (tmp_path / "gateway.db").mkdir()
    server.clock.ahead_s += 5
    for method, path, body in (
        ("POST", "/api/v1/messages", {"to": REAL, "text": "lost?"}),
        ("GET", f"/api/v1/messages/{made}", None),
        ("GET", "/api/v1/lines", None),
    ):
        answer = await server.call(method, path, body)
        assert (answer.status, answer.code) == (503, "storage_unavailable"), (path, answer.json)
        assert answer.headers["Retry-After"]
    ready = await server.call("GET", "/health/ready", key=None)
    assert (ready.status, ready.code) == (503, "storage_unavailable")
    (tmp_path / "gateway.db").rmdir()
    for file in files:
        if (aside / file.name).exists():
            (aside / file.name).rename(file)
    async with asyncio.timeout(30):
        back = {"to": REAL, "text": "back"}
        while (await server.call("POST", "/api/v1/messages", back)).status != 202:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert await server.stored() == 2


# ------------------------------------------------------------------ open pages and the description


async def test_health_tells_strangers_nothing(server: Server) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = await server.call("GET", path, key=None)
        assert (answer.status, answer.json) == (200, {"status": "ok"})


async def test_the_plain_reference_carries_no_script_and_nothing_from_elsewhere(server: Server) -> None:
    answer = await server.call("GET", "/docs/plain", key=None)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for forbidden in (b"<script", b"<style", b"http://", b"https://", b"aiohttp"):
        assert forbidden not in answer.octets


async def test_each_code_has_its_page(server: Server) -> None:
    for code, entry in CATALOGUE.items():
        answer = await server.call("GET", f"/problems/{code}", key=None)
        assert answer.status == 200
        assert f"<code>{code}</code>".encode() in answer.octets
        assert entry.title.split("'")[0].encode() in answer.octets
    unknown = await server.call("GET", "/problems/%3Cscript%3E", key=None)
    assert (unknown.status, unknown.code) == (404, "not_found")
    assert b"<script" not in unknown.octets


async def test_the_description_is_served_without_a_key(server: Server) -> None:
    answer = await server.call("GET", "/openapi.json", key=None)
    assert answer.json["openapi"] == "3.1.1"
    assert answer.json["paths"].keys() == {route.path for route in ROUTES}


def test_router_and_description_are_equal(server_less_app: Any) -> None:
    routed = {
        (route.method.lower(), route.resource.canonical)
        for route in server_less_app.router.routes()
        if route.method != "HEAD"
    }
    described = {
        (method, path) for path, operations in description()["paths"].items() for method in operations
    }
    assert routed == described


@pytest.fixture
async def server_less_app(server: Server) -> Any:
    return build_app(server.services)


def test_each_operation_names_its_scope_its_problems_and_shapes_that_exist() -> None:
    schemas = description()["components"]["schemas"]
    seen: set[str] = set()
    for route in ROUTES:
        operation = description()["paths"][route.path][route.method.lower()]
        assert operation.get("x-scope") == route.scope
        assert operation["summary"]
        assert operation["operationId"] not in seen
        seen.add(operation["operationId"])
        for code in problems_of(route):
            assert CATALOGUE[code].status is not None

    def refs(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [ref for value in node.values() for ref in refs(value)]
        return [ref for value in node for ref in refs(value)] if isinstance(node, list) else []

    assert {ref.rsplit("/", 1)[-1] for ref in refs(description())} <= schemas.keys()

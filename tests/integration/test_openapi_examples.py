"""Sends every example of the description to a real server, and compares the answers that it shows with real ones."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import BaseModel

from gateway.http.answer_examples import ANSWERS
from gateway.http.app import ROUTES, description
from gateway.http.examples import BODIES, DIGEST, FILES, ID
from tests.harness.gateway_process import GatewayProcess, until
from tests.integration.whole import QUIET, MakeGateway

CONFIG = """
[server]
port = 0
[serial]
discover = false
[policy]
approval_over = 2
"""

NEEDS_A_PHONE = {
    "/api/v1/devices/pair": "opens a listener on the network",
    "/api/v1/devices/{id}/provision": "needs a phone on a cable",
    "/api/v1/devices/{id}/release": "needs a phone on a cable",
    "/api/v1/devices/{id}/examine": "needs a phone on a cable",
    "/api/v1/devices/{id}/pin": "needs a SIM that wants its PIN",
}
"""Routes whose bodies are only read here; `test_adb_story.py` drives them with a pretend phone, `test_sim_pin.py` the
last with an emulated SIM."""

Made = Callable[[GatewayProcess], Awaitable[dict[str, str]]]


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


async def post(server: GatewayProcess, path: str, body: Any, key: str | None = None) -> Any:
    answer = await server.call("POST", f"/api/v1/{path}", body, key=key)
    assert 200 <= answer.status < 300, f"POST {path}: {answer.status} {answer.json}"
    return answer.json


async def waiting_message(server: GatewayProcess) -> dict[str, str]:
    return {"id": await server.send("+99900000001", "Later", send_at=in_an_hour())}


async def message_in_doubt(server: GatewayProcess) -> dict[str, str]:
    sent = await server.send("+99900000008", "Who knows")
    await server.reaches(sent, "in_doubt")
    return {"id": sent}


async def line(server: GatewayProcess) -> dict[str, str]:
    return {"id": (await server.lines_up(2))[1]["id"]}


async def device(server: GatewayProcess) -> dict[str, str]:
    return {"id": (await server.lines_up(2))[0]["device"]}


async def batch(server: GatewayProcess) -> dict[str, str]:
    return {"id": (await post(server, "batches", {**BODIES["CreateBatch"], "send_at": in_an_hour()}))["id"]}


async def failed_batch(server: GatewayProcess) -> dict[str, str]:
    body = {"text": "Hello", "recipients": [{"to": "+99900000003"}]}
    made = (await post(server, "batches", body))["id"]

    async def done() -> bool:
        return bool((await server.get(f"/api/v1/batches/{made}"))["state"] == "completed")

    await until(done, "the batch is done")
    return {"id": made}


async def approval(server: GatewayProcess) -> dict[str, str]:
    many = [{"to": f"+9990000006{n}"} for n in range(3)]
    await post(server, "batches", {"text": "Hello", "recipients": many})
    waiting = (await server.get("/api/v1/approvals?state=pending"))["items"][0]
    decider = await post(server, "keys", {"name": f"second {waiting['id']}", "scopes": ["*"]})
    return {"id": waiting["id"], "digest": waiting["digest"], "key": decider["key"]}


async def template(server: GatewayProcess) -> dict[str, str]:
    body = {**BODIES["CreateTemplate"], "name": f"pickup {await count(server, 'templates')}"}
    return {"id": (await post(server, "templates", body))["id"]}


async def count(server: GatewayProcess, what: str) -> int:
    return len((await server.get(f"/api/v1/{what}"))["items"])


async def schedule(server: GatewayProcess) -> dict[str, str]:
    return {"id": (await post(server, "schedules", BODIES["CreateSchedule"]))["id"]}


async def paused_schedule(server: GatewayProcess) -> dict[str, str]:
    made = await schedule(server)
    await post(server, f"schedules/{made['id']}/pause", {})
    return made


async def webhook(server: GatewayProcess) -> dict[str, str]:
    return {"id": (await post(server, "webhooks", BODIES["CreateWebhook"]))["id"]}


async def delivery(server: GatewayProcess) -> dict[str, str]:
    made = await webhook(server)
    await post(server, f"webhooks/{made['id']}/test", {})
    items: list[dict[str, str]] = []

    async def there() -> bool:
        items[:] = (await server.get(f"/api/v1/webhooks/{made['id']}/deliveries"))["items"]
        return bool(items)

    await until(there, "a delivery is listed")
    return {**made, "delivery_id": items[0]["id"]}


async def key(server: GatewayProcess) -> dict[str, str]:
    return {"id": (await post(server, "keys", BODIES["CreateKey"]))["id"]}


async def contact(server: GatewayProcess) -> dict[str, str]:
    number = f"+9990000008{await count(server, 'contacts')}"
    return {"id": (await post(server, "contacts", {"name": "Cy", "number": number}))["id"]}


async def group(server: GatewayProcess) -> dict[str, str]:
    name = f"group {await count(server, 'groups')}"
    return {"id": (await post(server, "groups", {"name": name}))["id"]}


async def named_group(server: GatewayProcess) -> dict[str, str]:
    groups = (await server.get("/api/v1/groups"))["items"]
    return next({"id": one["id"]} for one in groups if one["name"] == BODIES["NameGroup"]["name"])


async def members(server: GatewayProcess) -> dict[str, str]:
    return {**await group(server), "member": (await contact(server))["id"]}


async def consent(server: GatewayProcess) -> dict[str, str]:
    return {"id": (await post(server, "consents", BODIES["RecordConsent"]))["id"]}


async def suppression(server: GatewayProcess) -> dict[str, str]:
    made = await post(server, "suppressions", {"number": "+99900000042", "source": "phone"})
    return {"id": made["id"]}


async def wide_file(server: GatewayProcess) -> dict[str, str]:
    (server.data_dir / "cli.key").chmod(0o644)
    found = (await post(server, "doctor/check", {}))["items"]
    found += (await server.get("/api/v1/doctor?snoozed=true"))["items"]
    return {"id": next(item["id"] for item in found if item["code"] == "mode_too_wide")}


async def repaired_file(server: GatewayProcess) -> dict[str, str]:
    made = await wide_file(server)
    await post(server, f"doctor/{made['id']}/fix", {})
    return made


async def nothing(_server: GatewayProcess) -> dict[str, str]:
    return {}


BEFORE: dict[tuple[str, str], Made] = {
    ("PATCH", "messages/{id}"): waiting_message,
    ("POST", "messages/{id}/resolve"): message_in_doubt,
    ("PATCH", "lines/{id}"): line,
    ("POST", "lines/{id}/ussd"): line,
    ("POST", "lines/{id}/self-test"): line,
    ("POST", "devices/{id}/restart"): device,
    ("POST", "doctor/{id}/fix"): wide_file,
    ("POST", "doctor/{id}/undo"): repaired_file,
    ("POST", "doctor/{id}/snooze"): wide_file,
    ("POST", "doctor/{id}/unsnooze"): wide_file,
    ("POST", "approvals/{id}/approve"): approval,
    ("POST", "approvals/{id}/reject"): approval,
    ("PATCH", "templates/{id}"): template,
    ("POST", "templates/{id}/preview"): template,
    ("PATCH", "schedules/{id}"): schedule,
    ("POST", "schedules/{id}/pause"): schedule,
    ("POST", "schedules/{id}/resume"): paused_schedule,
    ("PATCH", "webhooks/{id}"): webhook,
    ("POST", "webhooks/{id}/test"): webhook,
    ("POST", "webhooks/{id}/rotate"): webhook,
    ("POST", "webhooks/{id}/deliveries/{delivery_id}/redeliver"): delivery,
    ("POST", "keys/{id}/rotate"): key,
    ("PATCH", "contacts/{id}"): contact,
    ("PATCH", "groups/{id}"): named_group,
    ("POST", "groups/{id}/members"): members,
    ("POST", "consents/{id}/withdraw"): consent,
    ("POST", "suppressions/{id}/lift"): suppression,
}
"""What somebody has made before, whose id stands in the path."""


def taking_json() -> Iterator[tuple[str, str, int]]:
    for route in ROUTES:
        if route.body is not None and route.path.startswith("/api/") and route.path not in NEEDS_A_PHONE:
            yield route.method, route.path, route.status


def example_of(method: str, path: str) -> Any:
    return description()["paths"][path][method.lower()]["requestBody"]["content"]["application/json"][
        "example"
    ]


async def test_every_example_of_a_body_is_taken_by_a_real_server(make_gateway: MakeGateway) -> None:
    server = await make_gateway(CONFIG, simulate=2, lines_up=2)
    for method, path, status in taking_json():
        made = await BEFORE.get((method, path.removeprefix("/api/v1/")), nothing)(server)
        body = json.loads(
            json.dumps(example_of(method, path))
            .replace(DIGEST, made.get("digest", DIGEST))
            .replace(ID, made.get("member", ID))
        )
        filled = path.replace("{id}", made.get("id", "")).replace(
            "{delivery_id}", made.get("delivery_id", "")
        )
        answer = await server.call(method, filled, body, key=made.get("key"))
        assert answer.status == status, f"{method} {path} {body}: {answer.status} {answer.json}"


@pytest.mark.parametrize(
    ("path", "media_type"), [(path, kind) for path, kinds in FILES.items() for kind in kinds]
)
async def test_every_example_of_a_file_is_taken_by_a_real_server(
    path: str, media_type: str, make_gateway: MakeGateway
) -> None:
    server = await make_gateway(CONFIG, simulate=2, lines_up=2)
    query = f"?text={quote('Hi {name}')}" if path.endswith("batches") else ""
    shown = description()["paths"][path]["post"]["requestBody"]["content"][media_type]["example"]
    answer = await server.call(
        "POST", f"{path}{query}", octets=shown.encode(), headers={"Content-Type": media_type}
    )
    assert answer.status in (200, 202), answer.json
    assert answer.json.get("rejected_count", 0) == 0
    assert not answer.json["rejected"]


def test_every_body_of_the_api_has_an_example() -> None:
    wanted = {
        route.body.__name__ for route in ROUTES if route.body is not None and route.path.startswith("/api/")
    }
    assert wanted <= set(BODIES)


def test_every_reason_why_an_example_is_not_sent_is_of_a_route_that_exists() -> None:
    assert set(NEEDS_A_PHONE) <= {route.path for route in ROUTES}
    story = Path(__file__).with_name("test_adb_story.py").read_text()
    assert "provision" in story


def differing(shown: Any, real: Any, where: str = "") -> str | None:
    """Name the first place at which two answers are built differently; their values are each server's own."""
    if isinstance(shown, dict) and isinstance(real, dict):
        if where.endswith((".counts", ".detail")):
            return None
        if shown.keys() != real.keys():
            return f"{where}: {sorted(shown.keys() ^ real.keys())}"
        return next(filter(None, (differing(shown[k], real[k], f"{where}.{k}") for k in shown)), None)
    if isinstance(shown, list) and isinstance(real, list):
        pairs = zip(shown, real, strict=False)
        return next(filter(None, (differing(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(pairs))), None)
    alike = type(shown) is type(real) or (isinstance(shown, int) and isinstance(real, int))
    return None if alike else f"{where}: {shown!r} and {real!r}"


async def test_every_answer_that_is_shown_is_built_like_a_real_one(make_gateway: MakeGateway) -> None:
    server = await make_gateway(QUIET, simulate=2, lines_up=2)
    sent = (await server.call("POST", "/api/v1/messages", BODIES["SendMessage"])).json
    await server.reaches(sent["id"], "delivered")
    await post(server, "sandbox/inbound", BODIES["SandboxText"])

    async def arrived() -> bool:
        return bool((await server.get("/api/v1/inbound"))["items"])

    await until(arrived, "the text arrives")
    for (method, path), shown in ANSWERS.items():
        body = None if method == "GET" else example_of(method, path)
        answer = await server.call(method, path.replace("{id}", sent["id"]), body)
        assert differing(shown, answer.json, f"{method} {path}") is None, differing(shown, answer.json, path)
        content = description()["paths"][path][method.lower()]["responses"][str(answer.status)]["content"]
        assert content["application/json"]["example"] == shown


def test_every_answer_that_is_shown_fits_its_model() -> None:
    models: dict[tuple[str, str], type[BaseModel] | None] = {
        (route.method, route.path): route.answer for route in ROUTES
    }
    for (method, path), shown in ANSWERS.items():
        model = models[method, path]
        assert model is not None
        model.model_validate_json(json.dumps(shown))

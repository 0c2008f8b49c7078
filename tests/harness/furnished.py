"""Owns a gateway with something on every page: texts, batches, templates, inbound, webhooks, keys, all by its own API.

Refuses to know any page. What people write carries a payload where a test wants it hostile.
Source: the HTTP interface.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

NUMBER = "+99900000001"
SUPPRESSED = "+99900000031"


class Asked(Protocol):
    """Whatever asks a gateway: a server in this process, or one in its own."""

    async def call(self, method: str, path: str, json: Any = None) -> Any: ...


Receive = Callable[[str], Awaitable[str]]
"""Let a text arrive; returns the id of the inbound message."""


async def furnish(gateway: Asked, receive: Receive, payload: str = "") -> dict[str, str]:
    """Put something on every page; returns ids by the first word of a page's path and the name in it."""

    async def post(path: str, body: object) -> dict[str, Any]:
        answer = await gateway.call("POST", path, body)
        assert answer.status in (200, 201, 202), f"{path}: {answer.status} {answer.json}"
        return dict(answer.json)

    async def items(path: str) -> list[dict[str, Any]]:
        answer = await gateway.call("GET", path)
        assert answer.status == 200, f"{path}: {answer.status}"
        return list(answer.json["items"])

    plain = re.sub(r"[{}]", "", payload)  # where braces are placeholders
    line = (await items("/api/v1/lines"))[0]
    named = await gateway.call("PATCH", f"/api/v1/lines/{line['id']}", {"label": f"Office {payload}"[:60]})
    assert named.status == 200, named.json
    tags = {f"class{payload}"[:100]: f"5B{payload}"[:100]}
    asked = {"to": NUMBER, "text": f"Hello {payload}", "reference": f"ref{payload}"[:100], "tags": tags}
    message = await post("/api/v1/messages", asked)
    recipients = [{"to": NUMBER}, {"to": "0770"}]
    batch = await post(
        "/api/v1/batches",
        {"name": f"Trip {payload}"[:60], "text": f"Hi {plain}", "recipients": recipients},
    )
    template = await post(
        "/api/v1/templates", {"name": f"Reminder {payload}"[:60], "texts": {"en": f"See you {plain}"}}
    )
    webhook = await post("/api/v1/webhooks", {"url": "http://127.0.0.1:8999/hook", "events": ["message.*"]})
    await post("/api/v1/suppressions", {"number": SUPPRESSED, "source": "phone"})
    await post("/api/v1/contacts", {"name": f"Ann {payload}"[:60], "number": NUMBER})
    key = await post("/api/v1/keys", {"name": f"crm {payload}"[:60], "scopes": ["messages:read"]})
    inbound = await receive(f"Answer {payload}")
    device = (await items("/api/v1/devices"))[0]
    return {
        "messages/id": message["id"], "batches/id": batch["id"], "templates/id": template["id"],
        "webhooks/id": webhook["id"], "inbound/id": inbound, "conversations/number": NUMBER,
        "lines/id": line["id"], "devices/id": device["id"], "keys/id": key["id"], "help/name": "pace",
        "problems/code": "no_credit",
    }  # fmt: skip


def pages(routes: Iterable[Any], ids: dict[str, str]) -> list[str]:
    """List the addresses of all pages that are opened by a link; those of which there is nothing are left out."""
    found = []
    for route in routes:
        if route.method != "GET" or route.media_type != "text/html":
            continue
        first = str(route.path).split("/")[1]
        names = re.findall(r"\{(\w+)\}", route.path)
        if all(f"{first}/{name}" in ids for name in names):
            found.append(re.sub(r"\{(\w+)\}", lambda m: ids[f"{first}/{m[1]}"], route.path))  # noqa: B023
    return found

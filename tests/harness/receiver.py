"""Owns a webhook receiver: a real HTTP server that verifies each request with the standard's library and remembers.

Refuses to know the gateway. It can go down (the port is closed), answer errors, and come back at the same port.
Source: Standard Webhooks 1.0 by way of the PyPI package standardwebhooks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # gitleaks:allow - a secret of tests


@dataclass(frozen=True)
class Receipt:
    """One verified request."""

    webhook_id: str
    type: str
    subject: str
    """Id of the message, outbound or inbound."""
    payload: dict[str, Any]
    answered: int


@dataclass
class WebhookReceiver:
    """Listens on a loopback port that stays the same."""

    secret: str = SECRET
    status: int = 204
    receipts: list[Receipt] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Requests that did not verify."""
    came: asyncio.Event = field(default_factory=asyncio.Event)
    on_request: Callable[[], None] = lambda: None
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def up(self) -> None:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def down(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def ids_of(self, subject: str) -> list[tuple[str, str]]:
        """(type, webhook-id) of a message in the order of first arrival; repeats of an id count once."""
        seen = {r.webhook_id: r.type for r in self.receipts if r.subject == subject and r.answered < 300}
        return [(kind, webhook_id) for webhook_id, kind in seen.items()]

    def types_of(self, subject: str) -> list[str]:
        return [kind for kind, _ in self.ids_of(subject)]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            payload = Webhook(self.secret).verify(body, dict(request.headers))
        except Exception as error:
            self.refused.append(f"{error!r}: {body[:200]!r}")
            return web.Response(status=400)
        webhook_id = request.headers["webhook-id"]
        receipt = Receipt(webhook_id, payload["type"], payload["data"].get("id", ""), payload, self.status)
        self.receipts.append(receipt)
        self.came.set()
        self.on_request()
        return web.Response(status=self.status)

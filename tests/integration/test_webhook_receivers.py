"""Starts the receivers that the documents show: what a real gateway posts is taken, what is forged is not."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from standardwebhooks.webhooks import Webhook

from tests.harness.gateway_process import GatewayProcess, until
from tests.harness.pages import ROOT, Block, blocks
from tests.integration.whole import QUIET, MakeGateway

RECEIVERS = [
    block for block in blocks((ROOT / "docs/verify-webhooks.md").read_text()) if block.mark == "server"
]
STARTS = {
    "python": ("{python} {file}", ".py"),
    "javascript": ("node {file}", ".mjs"),
    "php": ("php -S {place} {file}", ".php"),
}
LIMIT_S = 20.0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def started(block: Block, folder: Path, port: int) -> tuple[list[str], Path]:
    command, ending = STARTS[block.language]
    file = folder / f"receiver{ending}"
    file.write_text(block.text.replace("9000", str(port)))
    filled = command.format(python=sys.executable, file=file, place=f"127.0.0.1:{port}")
    return filled.split(), folder / "said"


async def subscribed(server: GatewayProcess, port: int) -> dict[str, Any]:
    body = {"url": f"http://127.0.0.1:{port}/", "events": ["message.*"]}
    made: dict[str, Any] = (await server.call("POST", "/api/v1/webhooks", body)).json
    return made


@pytest.mark.parametrize("block", RECEIVERS, ids=lambda block: block.language)
async def test_a_receiver_of_the_documents_takes_our_posts_and_no_others(
    block: Block, make_gateway: MakeGateway, tmp_path: Path
) -> None:
    if block.language != "python" and shutil.which(STARTS[block.language][0].split()[0]) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{block.language} is not installed")
        pytest.skip(f"no interpreter of {block.language} is installed")
    server = await make_gateway(QUIET, simulate=1, lines_up=1)
    port = free_port()
    hook = await subscribed(server, port)
    command, said = started(block, tmp_path, port)
    with said.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=out, stderr=out, env={**os.environ, "WEBHOOK_SECRET": hook["secret"]}
        )
    try:
        await until(lambda: answers(port), "the receiver listens", LIMIT_S)
        await server.call("POST", f"/api/v1/webhooks/{hook['id']}/test", {})
        await until(lambda: "webhook.test" in said.read_text(), "the test event arrives", LIMIT_S)
        await server.send("+99900000001", "Grüße 🙂")
        await until(lambda: "message.delivered" in said.read_text(), "an event of a message arrives", LIMIT_S)
        assert await refusals(port, hook["secret"]) == [401, 401, 401, 401, 204]
    finally:
        process.terminate()
        await process.wait()


async def refusals(port: int, secret: str) -> list[int]:
    """Post what nobody may post, and at last one that is right; returns the answers."""
    body = b'{"type":"message.delivered","timestamp":"2026-11-28T09:00:00Z","data":{}}'
    right = signed(secret, body, time.time())
    forged = [
        ({}, body),
        (right, body + b" "),
        (signed(secret, body, time.time() - 301), body),
        ({**right, "webhook-signature": "v1,AAAA v2,x rubbish"}, body),
        ({**right, "webhook-signature": f"v1,AAAA {right['webhook-signature']}"}, body),
    ]
    statuses = []
    async with aiohttp.ClientSession() as session:
        for headers, octets in forged:
            async with session.post(f"http://127.0.0.1:{port}/", data=octets, headers=headers) as got:
                statuses.append(got.status)
    return statuses


def signed(secret: str, body: bytes, at_s: float) -> dict[str, str]:
    from datetime import UTC, datetime

    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(int(at_s), UTC), body.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(at_s)), "webhook-signature": signature}


def test_the_page_shows_a_receiver_in_each_language() -> None:
    assert [block.language for block in RECEIVERS] == list(STARTS)

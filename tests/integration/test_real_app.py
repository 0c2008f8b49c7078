"""Tells the story of the app's own code beside the real server: SQLite, link, SmsManager, intents, PDUs, webhook.

The app runs under Robolectric in a process of its own; radio and permissions are Robolectric's, all else is real.
Source: docs/link.md; android_companion/README.md.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.gateway_process import GatewayProcess, until
from tests.harness.phones import PhoneWorld, phone_world
from tests.harness.real_app import SUBS, CuttingProxy, RealApp, real_app
from tests.harness.zygote import Zygote

pytestmark = pytest.mark.timeout(600)

ANN, BOB = "+447700900123", "+447700900124"
LONG = "Parents' evening moved to 18:30 - please tell the others. " * 6
EMOJI = "д" * 66 + "🎉" + "д" * 30
PIECES = 7
"""A text out and one in make about as many pieces of traffic, acknowledgements included."""
TOLD = ["message.queued", "message.submitting", "message.sent", "message.delivered"]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
async def world(tmp_path: Path, zygote: Zygote) -> AsyncIterator[PhoneWorld]:
    async with phone_world(tmp_path, zygote) as one:
        yield one


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[RealApp]:
    async with real_app(tmp_path / "app") as one:
        yield one


async def line_ids(server: GatewayProcess) -> list[str]:
    """Line ids in the order of the app's SIMs."""
    lines = (await server.get("/api/v1/lines"))["items"]
    return [line["id"] for line in sorted(lines, key=lambda line: str(line["iccid"] or line["number"]))]


async def inbound(server: GatewayProcess) -> list[dict[str, Any]]:
    return await server.all("/api/v1/inbound")


async def answer_all(app: RealApp, parts: list[dict[str, Any]]) -> None:
    for part in parts:
        await app.sent(part)
        await app.delivered(part, now_ms())


async def test_the_whole_way_of_texts_through_the_apps_own_code(world: PhoneWorld, app: RealApp) -> None:
    server = world.server
    await app.pair(server)

    # One part, from POST to webhook.
    message_id = await server.send(ANN, "Hello Ann")
    (part,) = await app.on_air(ANN)
    assert (part["text"], part["report"]) == ("Hello Ann", True)
    await app.sent(part)
    await server.reaches(message_id, "sent")
    await app.delivered(part, now_ms())
    await server.reaches(message_id, "delivered")
    await until(lambda: world.receiver.types_of(message_id) == TOLD, "webhooks in order")

    # Many parts, intents backwards and twice, delivered before sent.
    for number, text in (("+447700900130", LONG), ("+447700900131", EMOJI)):
        message_id = await server.send(number, text)
        parts_total = (await server.message(message_id))["parts"]
        parts = await app.on_air(number, parts_total)
        assert "".join(part["text"] for part in parts) == text
        for part in reversed(parts):
            await app.delivered(part, now_ms())
            await app.sent(part)
            await app.sent(part)
        done = await server.reaches(message_id, "delivered")
        assert done["parts_delivered"] == parts_total

    # Part 2 of 3 is refused for good: not sent as a whole, and it says so.
    message_id = await server.send("+447700900132", LONG)
    parts = await app.on_air("+447700900132", 3)
    await app.sent(parts[0])
    await app.sent(parts[1], result=6)
    await app.sent(parts[2])
    failed = await server.reaches(message_id, "failed")
    assert failed["error"]["code"] == "partly_sent"
    assert failed["error"]["hint"]

    # Two SIMs: each is a line that can be chosen.
    carried = set()
    for n, line in enumerate(await line_ids(server)):
        number = f"+4477009002{n:02d}"
        message_id = await server.send(number, "which SIM", line=line)
        parts = await app.on_air(number)
        carried.add(parts[0]["sub"])
        await answer_all(app, parts)
        await server.reaches(message_id, "delivered")
    assert carried == set(SUBS)

    # The other way: one part, many parts, and the same words twice are two texts.
    texts = ["Yes", LONG, "Grüße 🎒", "again", "again"]
    for n, text in enumerate(texts):
        await app.receive(5, BOB, text, now_ms() + n * 2000, reference=n + 1)

    async def arrived() -> bool:
        return len(await inbound(server)) == len(texts)

    await until(arrived, "every inbound text once", poll_s=0.05)
    assert sorted(each["text"] for each in await inbound(server)) == sorted(texts)
    state = await app.ask("state")
    assert state["way"] == "usb"

    await app.keeps(0)


async def test_an_app_killed_at_each_step_neither_loses_nor_repeats(world: PhoneWorld, app: RealApp) -> None:
    server = world.server
    await app.pair(server)

    # Killed after the call, before any intent: the intents find the next process.
    called = await server.send(ANN, "killed after the call")
    (part,) = await app.on_air(ANN)
    await app.kill()
    # Killed before the job came: it waits for the app.
    waiting = await server.send(BOB, "sent while the app was dead")
    await app.start()
    await server.lines_up(len(SUBS))
    (other,) = await app.on_air(BOB)
    await answer_all(app, [part, other])
    for message_id in (called, waiting):
        await server.reaches(message_id, "delivered")

    # Killed with sent, delivered and inbound in the journal that the gateway has not committed.
    third = await server.send("+447700900125", "killed with its intents in the journal")
    (part,) = await app.on_air("+447700900125")
    server.signal(signal.SIGSTOP)
    await app.sent(part)
    await app.delivered(part, now_ms())
    await app.receive(3, BOB, "while the gateway stood still", now_ms())
    await app.keeps(3)
    await app.kill()
    server.signal(signal.SIGCONT)
    await app.start()
    await server.reaches(third, "delivered", limit_s=60)

    async def once() -> bool:
        return [each["text"] for each in await inbound(server)] == ["while the gateway stood still"]

    await until(once, "the inbound text, once", 30, 0.05)
    assert len(app.air()) == 3


async def test_a_link_cut_at_every_piece_of_traffic_neither_loses_nor_repeats(
    world: PhoneWorld, app: RealApp
) -> None:
    server = world.server
    proxy = CuttingProxy("127.0.0.1", int((await _server_file(server))["link_port"]))
    cable = f"ws://127.0.0.1:{await proxy.start()}/device/v1/link"
    await app.pair(server, cable)
    await app.ask("auto", sent=True, delay_ms=5)
    texts: list[str] = []
    try:
        for pieces in range(PIECES):
            # After a break it goes on over the LAN: back to the cable, as adb tells it to.
            await app.ask("dial", url=cable)
            await app.is_connected("usb")
            await server.lines_up(len(SUBS), limit_s=30)
            proxy.left = pieces
            number = f"+44770090{4000 + pieces}"
            texts.append(f"cut after {pieces}")
            await app.receive(3, ANN, texts[-1], now_ms() + pieces * 2000)
            await server.reaches(await server.send(number, texts[-1]), "sent", limit_s=40)
            assert len(await app.on_air(number)) == 1
            proxy.left = None
    finally:
        await proxy.stop()
    assert proxy.cuts >= PIECES - 2

    async def all_in() -> bool:
        return sorted(each["text"] for each in await inbound(server)) == sorted(texts)

    await until(all_in, "every inbound text once", 30, 0.05)


async def _server_file(server: GatewayProcess) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((server.data_dir / "server.json").read_text())
    return told

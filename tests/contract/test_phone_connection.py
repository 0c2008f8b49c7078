"""Connections of a phone: who is let in, who replaces whom, what ends one, what a break at any byte leaves behind."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import pytest

from device_bridge.companion import PhoneTimers
from device_bridge.device import (
    DeviceEvent,
    InboundReceived,
    OutgoingPart,
    PartOutcome,
    PartSent,
    ReportReceived,
)
from device_bridge.errors import DeviceNotReady
from device_bridge.link.websocket import LinkTimers
from tests.peers.scripted_phone import (
    ICCID,
    INSTALL,
    KEY,
    LIMIT_S,
    QUICK,
    Linked,
    ScriptedPhone,
    attempt,
    event,
    hello,
    linked,
    outcomes,
    sent,
    sim,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "link.json").read_text(encoding="utf-8"))
MALFORMED = [row for row in VECTORS["malformed"] if row["from"] == "phone"]
PDU = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"
REPORT = "07911326040000F006050B911326880736F4111011719551401110117195714000"
SILENT = LinkTimers(silence_s=0.15, pong_s=0.15, close_s=0.2)


@pytest.fixture(autouse=True)
def nothing_crashed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def said_goodbye(app: ScriptedPhone, code: str) -> str:
    """Wait for the bye and the end of the connection; returns its title."""
    frame = await app.hears("bye")
    assert frame["code"] == code
    assert frame["hint"]
    async with asyncio.timeout(LIMIT_S):
        await app.ended.wait()
    return str(frame["title"])


# ------------------------------------------------------------------ opening


async def test_open_waits_for_the_app_and_knows_the_lines_then() -> None:
    async with linked() as one:
        opening = asyncio.create_task(one.phone.open())
        app = await one.dial()
        async with asyncio.timeout(LIMIT_S):
            await opening
        assert [line.identity.key for line in one.phone.lines()] == [ICCID]
        welcome = await app.hears("welcome")
        assert {name: welcome[name] for name in ("v", "gateway", "name", "urls")} == {
            "v": 1, "gateway": "gateway-1", "name": "Office", "urls": ["wss://192.168.1.5:8443/device/v1/link"],
        }  # fmt: skip


async def test_events_end_with_the_connection_and_the_same_object_opens_again() -> None:
    async with linked() as one:
        app = await one.connect()
        line = one.line
        await app.end()
        await one.lost()
        assert not one.phone.connected
        with pytest.raises(DeviceNotReady):
            await outcomes(line, attempt())
        app = await one.connect()
        assert one.line is line
        task = asyncio.create_task(outcomes(line, attempt()))
        await app.hears("job")
        await app.say(sent(1))
        assert len(await task) == 1


async def test_opening_an_open_device_changes_nothing() -> None:
    async with linked() as one:
        app = await one.connect()
        await one.phone.open()
        await app.say(sent(1))
        await one.event(PartSent)


async def test_close_says_that_the_gateway_stops_and_frees_a_waiting_submit() -> None:
    async with linked() as one:
        app = await one.connect()
        task = asyncio.create_task(outcomes(one.line, attempt()))
        await app.hears("job")
        await one.phone.close()
        assert await task == []
        await one.lost()
        await said_goodbye(app, "stopping")


async def test_close_leaves_a_newer_connection_alone() -> None:
    async with linked() as one:
        await one.connect()
        newer = await one.dial(way="lan")
        await newer.hears("welcome")
        await one.lost()
        await one.phone.close()
        assert one.phone.connected
        await one.open()
        await newer.say(sent(1))
        await one.event(PartSent)


async def test_a_phone_that_is_dropped_hears_why() -> None:
    async with linked() as one:
        app = await one.connect()
        await one.phone.drop("revoked")
        await said_goodbye(app, "revoked")
        await one.lost()
        await one.phone.drop("revoked")


async def test_a_server_that_shuts_down_says_so() -> None:
    async with linked() as one:
        app = await one.connect()
        farewell = asyncio.create_task(said_goodbye(app, "stopping"))
        async with asyncio.timeout(LIMIT_S):
            await one.stop_serving()
        await farewell
        await one.lost()


# ------------------------------------------------------------------ who is let in


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer gwd_other"}, {"Authorization": f"Basic {KEY}"}]
)
async def test_without_a_known_key_there_is_no_upgrade(headers: dict[str, str]) -> None:
    async with linked() as one, aiohttp.ClientSession() as session:
        async with session.get(one.url.replace("ws", "http", 1), headers=headers) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert (await answer.json())["code"] == "device_unknown"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await one.dial(key="gwd_other")


async def test_a_request_that_is_no_websocket_is_told_so() -> None:
    async with linked() as one, aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {KEY}"}
        async with session.get(one.url.replace("ws", "http", 1), headers=headers) as answer:
            assert answer.status == 400
            assert "WebSocket" in (await answer.json())["hint"]
        async with session.get(f"http://127.0.0.1:{one.port}/api/v1/messages", headers=headers) as answer:
            assert answer.status == 404


async def test_another_install_with_this_key_is_foreign() -> None:
    async with linked() as one:
        app = await one.dial(install="ffffffff-0000-4000-8000-000000000001")
        await said_goodbye(app, "foreign")
        assert not one.phone.connected


@pytest.mark.parametrize("row", VECTORS["versions"], ids=[row["name"] for row in VECTORS["versions"]])
async def test_another_version_is_told_which_side_to_update(row: dict[str, Any]) -> None:
    async with linked() as one:
        app = await one.dial(row["text"])
        assert f"the app {row['v']}" in await said_goodbye(app, "version")


async def test_silence_instead_of_a_hello_is_not_borne_for_ever() -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        linked(QUICK) as one,
        aiohttp.ClientSession() as session,
        session.ws_connect(one.url, headers=headers) as socket,
        asyncio.timeout(LIMIT_S),
    ):
        assert (await socket.receive_json())["code"] == "malformed"
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE


@pytest.mark.parametrize("row", MALFORMED, ids=[row["name"] for row in MALFORMED])
async def test_a_malformed_message_ends_the_connection_before_and_after_the_hello(
    row: dict[str, Any],
) -> None:
    async with linked() as one:
        await said_goodbye(await one.dial(row["text"]), "malformed")
        app = await one.connect()
        await app.say(row["text"])
        await said_goodbye(app, "malformed")
        await one.lost()


async def test_everything_that_a_phone_may_say_is_borne_in_any_order() -> None:
    frames = [
        row["frame"] for row in VECTORS["valid"] if row["from"] == "phone" and row["frame"]["t"] != "hello"
    ]
    async with linked() as one:
        app = await one.connect()
        await app.say(*frames, *reversed(frames), sent(9999))
        await one.event(PartSent, lambda came: came.event_id == "9999")
        assert one.phone.connected


async def test_a_first_message_that_is_no_hello_is_malformed() -> None:
    async with linked() as one:
        assert "hello first" in await said_goodbye(await one.dial({"t": "taken", "job": "a1"}), "malformed")


async def test_a_second_hello_is_malformed() -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say(hello())
        assert "hello comes once" in await said_goodbye(app, "malformed")


@pytest.mark.parametrize("octets", [1_048_577, 2_000_000])
async def test_a_message_over_a_mebibyte_is_malformed(octets: int) -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say(json.dumps({"t": "taken", "job": "x" * octets}))
        assert "1 MiB" in await said_goodbye(app, "malformed")


async def test_a_message_of_a_mebibyte_is_taken() -> None:
    async with linked() as one:
        app = await one.connect()
        frame = json.dumps({"t": "taken", "job": ""})
        await app.say(json.dumps({"t": "taken", "job": "x" * (1_048_576 - len(frame))}), sent(1))
        await one.event(PartSent)


async def test_a_gigabyte_is_refused_by_its_announced_length() -> None:
    async with linked() as one:
        app = await one.connect()
        app.transport.write(b"\x81\xff" + struct.pack(">Q", 1 << 30) + b"mask" + b"x" * 1000)
        async with asyncio.timeout(LIMIT_S):
            await app.ended.wait()
        await one.lost()
        assert app.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_a_binary_message_is_malformed() -> None:
    async with linked() as one:
        app = await one.connect()
        await app.socket.send_bytes(b'{"t":"taken","job":"a"}')
        await said_goodbye(app, "malformed")


async def test_noise_that_is_no_frame_ends_the_connection() -> None:
    async with linked() as one:
        app = await one.connect()
        app.transport.write(os.urandom(64) + b"\xff" * 64)
        await one.lost()


# ------------------------------------------------------------------ replaced, conflict, dead


async def test_the_same_run_on_another_way_replaces_the_first() -> None:
    async with linked() as one:
        usb = await one.connect()
        lan = await one.dial(way="lan")
        await lan.hears("welcome")
        await said_goodbye(usb, "replaced")
        await one.lost()
        await one.open()
        assert one.phone.info.address == "127.0.0.1"
        assert one.phone.info.health is not None
        assert one.phone.info.health.way == "lan"
        assert one.phone.connected


async def test_a_way_change_in_the_middle_of_a_send_loses_nothing_and_sends_nothing_twice() -> None:
    async with linked() as one:
        usb = await one.connect()
        task = asyncio.create_task(outcomes(one.line, attempt(parts=3)))
        await usb.hears("job")
        await usb.say({"t": "taken", "job": "a1"}, sent(1, part=1), sent(9, "other"))
        await one.event(PartSent, lambda came: came.attempt_id == "other")
        usb.cut()
        lan = await one.dial(way="lan")
        await lan.hears("welcome")
        told = await task
        assert [verdict.part for verdict in told] == [1]
        await one.lost()
        await one.open()
        await one.phone.resume(("a1",))
        question = await lan.hears("ask")
        await lan.say(sent(1, part=1), sent(2, part=2))
        await lan.say(
            {"t": "jobs", "re": question["re"], "jobs": {"a1": {"state": "settled"}}}, sent(3, part=3)
        )
        await one.event(PartSent, lambda came: came.part == 3)
        late = [came.part for came in one.all(PartSent) if came.attempt_id == "a1"]
        assert late == [1, 2, 3]  # part 1 was not acknowledged: told again, and the same above
        assert [frame["t"] for frame in (*usb.heard, *lan.heard)].count("job") == 1


async def test_another_run_is_a_conflict_while_the_first_is_alive() -> None:
    async with linked() as one:
        seen: list[str] = []
        one.phone.on_conflict = seen.append
        first = await one.connect()
        second = await one.dial(run="run-2")
        await said_goodbye(second, "conflict")
        assert seen == ["127.0.0.1"]
        await first.say(sent(1))
        await one.event(PartSent)


async def test_another_run_replaces_a_connection_that_is_dead() -> None:
    async with linked(QUICK) as one:
        seen: list[str] = []
        one.phone.on_conflict = seen.append
        first = await one.connect()
        first.pongs = False
        second = await one.dial(run="run-2")
        await second.hears("welcome")
        await one.lost()
        assert seen == []


async def test_many_connections_at_once_end_with_one_that_works() -> None:
    async with linked() as one:
        apps = await asyncio.gather(*(one.dial() for _ in range(10)))
        async with asyncio.timeout(LIMIT_S):
            while sum(not app.ended.is_set() for app in apps) > 1:
                await asyncio.wait(
                    [asyncio.ensure_future(app.ended.wait()) for app in apps if not app.ended.is_set()],
                    return_when=asyncio.FIRST_COMPLETED,
                )
        (last,) = (app for app in apps if not app.ended.is_set())
        await one.open()
        await last.say(sent(1))
        await one.event(PartSent)


# ------------------------------------------------------------------ alive


async def test_a_phone_that_falls_silent_is_let_go_of() -> None:
    async with linked(link_timers=SILENT) as one:
        app = await one.connect()
        app.pongs = False
        await one.lost()


async def test_a_silent_phone_that_answers_pings_stays() -> None:
    async with linked(link_timers=SILENT) as one:
        app = await one.connect()
        loop = asyncio.get_running_loop()
        until_s = loop.time() + 4 * SILENT.silence_s
        pinged = loop.create_future()
        loop.call_at(until_s, pinged.set_result, None)
        await pinged
        await app.say(sent(1))
        await one.event(PartSent)


async def test_a_ping_of_the_phone_is_answered() -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        linked() as one,
        aiohttp.ClientSession() as session,
        session.ws_connect(one.url, headers=headers, autoping=False) as socket,
        asyncio.timeout(LIMIT_S),
    ):
        await socket.ping(b"are you there")
        answer = await socket.receive()
        assert (answer.type, bytes(answer.data)) == (aiohttp.WSMsgType.PONG, b"are you there")


# ------------------------------------------------------------------ cut off anywhere


def framed(text: str) -> bytes:
    """A masked text frame (RFC 6455 §5.2), the mask being zero."""
    payload = text.encode()
    if len(payload) < 126:
        return bytes([0x81, 0x80 | len(payload)]) + bytes(4) + payload
    return b"\x81\xfe" + struct.pack(">H", len(payload)) + bytes(4) + payload


SMALL = hello(sims=[{"sub": 3, "iccid": ICCID, "state": "ready"}], health={})
SAID = [
    {"t": "taken", "job": "a1"}, sent(1), event(2, "report", job="a1", part=1, pdu=REPORT, format="3gpp"),
    event(3, "inbound", sub=3, pdus=[PDU], format="3gpp"),
]  # fmt: skip
SESSION = b"".join(framed(json.dumps(frame)) for frame in SAID)


async def upgraded(one: Linked) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
    writer.write(
        b"GET /device/v1/link HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        b"Authorization: Bearer " + KEY.encode() + b"\r\n\r\n"
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def settled(one: Linked, told: list[PartOutcome]) -> None:
    """Come back whole after the cut: what was open is asked, what stands in the journal is told again."""
    one.acknowledging = True
    app = await one.connect()
    if not told:
        await one.phone.resume(("a1",))
        question = await app.hears("ask")
        await app.say({"t": "jobs", "re": question["re"], "jobs": {"a1": {"state": "settled"}}})
    await app.say(*SAID[1:])
    await app.committed(2, 3)
    if not told:
        await one.event(PartSent)
    known: list[DeviceEvent] = [*one.events]
    assert {type(came) for came in known} >= {ReportReceived, InboundReceived}


async def test_what_a_phone_says_may_be_cut_off_at_every_byte() -> None:
    for cut in range(len(SESSION) + 1):
        async with linked() as one:
            reader, writer = await upgraded(one)
            writer.write(framed(json.dumps(SMALL)))
            await one.open()
            submit = asyncio.create_task(outcomes(one.line, attempt()))
            while b'"job"' not in await reader.read(4096):
                pass
            writer.write(SESSION[:cut])
            with suppress(OSError):
                await writer.drain()
            writer.close()  # what was written arrives, and then the end
            told = await submit
            assert told in (
                [],
                [PartSent("a1", 1, None, told[0].at_ms if told else 0, "Android result -1", "1")],
            )
            await one.lost()
            await settled(one, told)


async def test_a_hello_may_be_cut_off_at_every_byte() -> None:
    whole = framed(json.dumps(SMALL))
    async with linked() as one:
        for cut in range(len(whole)):
            _reader, writer = await upgraded(one)
            writer.write(whole[:cut])
            writer.transport.abort()
        app = await one.connect()
        await app.say(sent(1))
        await one.event(PartSent)


async def test_what_the_gateway_says_may_be_cut_off_at_every_byte() -> None:
    cut, whole = 0, False
    while not whole:
        async with linked() as one:
            reader, writer = await upgraded(one)
            writer.write(framed(json.dumps(SMALL)))
            await one.open()
            submit = asyncio.create_task(outcomes(one.line, attempt()))
            taken = b""
            while len(taken) < cut and b"}" not in taken.partition(b'"job"')[2]:
                taken += await reader.read(1)
            whole = len(taken) < cut
            writer.transport.abort()
            assert await submit == []
            await one.lost()
            await settled(one, [])
        cut += 1


async def test_a_phone_that_stops_reading_holds_back_only_itself_and_ends_without_verdicts() -> None:
    async with linked() as one:
        _reader, writer = await upgraded(one)
        writer.write(framed(json.dumps(SMALL)))
        await one.open()
        assert isinstance(writer.transport, asyncio.Transport)
        writer.transport.pause_reading()
        text, plain = "x" * 200_000, attempt()
        part = OutgoingPart(1, b"", text=text)
        cleared: list[str] = []

        async def submit(name: str) -> list[PartOutcome]:
            async def clear(_: OutgoingPart) -> bool:
                cleared.append(name)
                return True

            return await outcomes(one.line, type(plain)(name, plain.to, (part,), 1), clear)

        tasks = [asyncio.create_task(submit(f"a{number}")) for number in range(60)]
        writer.write(framed(json.dumps(sent(1, "other"))))
        await one.event(PartSent)
        assert len(cleared) == 60
        writer.transport.abort()
        async with asyncio.timeout(LIMIT_S):
            assert await asyncio.gather(*tasks) == [[]] * 60
        await one.lost()


# ------------------------------------------------------------------ how fast


async def test_a_job_reaches_an_idle_phone_within_milliseconds() -> None:
    async with linked(PhoneTimers()) as one:
        app = await one.connect()
        waits_s = []
        for number in range(200):
            name = f"a{number}"
            began_s = asyncio.get_running_loop().time()
            submit = asyncio.create_task(outcomes(one.line, attempt(name)))
            await app.hears_job(name)
            waits_s.append(app.heard_at_s[-1] - began_s)
            await app.say(sent(number + 1, name))
            await submit
        print(f"from submit() to the job at the phone: median {median(waits_s) * 1000:.2f} ms")
        assert median(waits_s) < 0.05


async def test_sims_of_a_new_hello_take_the_place_of_the_old() -> None:
    async with linked() as one:
        app = await one.connect(sims=[sim(), sim(5, "8944500698765432109")])
        app.cut()
        await one.lost()
        await one.connect(sims=[sim(5, "8944500698765432109")])
        assert [line.identity.key for line in one.phone.lines()] == ["8944500698765432109"]
        assert one.phone.info.id == INSTALL

"""Owns the contract of the adb server's client: every broken answer ends in time, in an error that says what is up.

Against a scripted server on loopback; the real one is driven by tests/integration.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from device_bridge.adb import AdbDevice, AdbServer, NoServer, Offline, Refused, Unauthorised, Wedged
from device_bridge.adb.errors import AdbError
from tests.peers.scripted_adb import OKAY, ScriptedAdb, fail, packet, scripted_adb, shell_answer, text

SHELL = "shell,v2,raw:getprop ro.serialno"
ANSWER = shell_answer("R58M1\n", "warning\n", 7)
WHOLE = len(OKAY) + len(ANSWER)


@pytest.fixture
async def adb() -> AsyncIterator[ScriptedAdb]:
    async with scripted_adb() as server:
        server.answers[SHELL] = ANSWER
        yield server


def client(adb: ScriptedAdb) -> AdbServer:
    return AdbServer("127.0.0.1", adb.port)


async def ask(adb: ScriptedAdb, timeout_s: float = 5.0) -> tuple[bytes, bytes, int]:
    result = await client(adb).shell("R58M1", ("getprop", "ro.serialno"), timeout_s=timeout_s)
    return result.stdout, result.stderr, result.exit_code


@pytest.mark.parametrize("drip_s", [None, 0.0])
async def test_an_answer_is_the_same_whole_and_octet_by_octet(adb: ScriptedAdb, drip_s: float | None) -> None:
    adb.drip_s = drip_s
    assert await client(adb).version() == 41
    assert await ask(adb) == (b"R58M1\n", b"warning\n", 7)


async def test_an_answer_cut_at_any_octet_is_never_taken_for_a_whole_one(adb: ScriptedAdb) -> None:
    for octets in range(WHOLE):
        adb.cut_after = octets
        with pytest.raises(Offline):
            await ask(adb)


async def test_silence_at_any_octet_ends_at_the_deadline(adb: ScriptedAdb) -> None:
    for octets in range(WHOLE):
        adb.hang_after = octets
        with pytest.raises(Wedged, match="no answer within"):
            async with asyncio.timeout(2):
                await ask(adb, timeout_s=0.02)


async def test_the_deadline_is_for_the_whole_and_not_for_each_octet(adb: ScriptedAdb) -> None:
    adb.drip_s = 0.02
    with pytest.raises(Wedged):
        async with asyncio.timeout(2):
            await ask(adb, timeout_s=0.2)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set", Unauthorised),
        ("device still authorizing", Unauthorised),
        ("device offline", Offline),
        ("device 'R58M1' not found", Offline),
        ("no devices/emulators found", Offline),
        ("closed", Offline),
        ("", Offline),
        ("more than one device with serial R58M1", Refused),
        ("something \x1b[31mnew\n", Refused),
    ],
)
async def test_what_the_server_says_no_with_becomes_its_own_error(
    adb: ScriptedAdb, said: str, error: type[AdbError]
) -> None:
    adb.answers["host:transport:R58M1"] = fail(said)
    with pytest.raises(error) as caught:
        await ask(adb)
    assert "\x1b" not in caught.value.reason
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        OKAY + packet(9, b"?"),
        OKAY + b"\x01\xff\xff\xff\xff",
        b"FAILzzzz",
    ],
)
async def test_octets_of_another_protocol_are_refused(adb: ScriptedAdb, said: bytes) -> None:
    adb.answers[SHELL] = said
    with pytest.raises(Refused):
        await ask(adb)


async def test_a_command_that_never_stops_talking_is_refused(adb: ScriptedAdb) -> None:
    adb.answers[SHELL] = OKAY + packet(1, bytes(1024 * 1024)) * 9
    with pytest.raises(Refused, match="octets"):
        await ask(adb)


async def test_nobody_listening_is_no_server_and_says_what_to_do() -> None:
    async with scripted_adb() as gone:
        port = gone.port
    with pytest.raises(NoServer) as caught:
        await AdbServer("127.0.0.1", port).version()
    assert "adb" in caught.value.hint


@pytest.mark.parametrize(
    "word", ["'; reboot; echo '", "$(id)", "a b", "", "ä", "`id`", "a\nb", "x|y", "a&", ">f"]
)
async def test_a_word_that_a_shell_would_read_otherwise_is_refused_unasked(
    adb: ScriptedAdb, word: str
) -> None:
    with pytest.raises(Refused, match="may not stand"):
        await client(adb).shell("R58M1", ("getprop", word), timeout_s=1)
    assert adb.requests == []


@pytest.mark.parametrize("serial", ["; rm -rf /", "R58\x1b[2J", "", "a:b;c", "x" * 200])
async def test_a_serial_number_that_is_none_is_refused_unasked(adb: ScriptedAdb, serial: str) -> None:
    with pytest.raises(Refused, match="serial number"):
        await client(adb).shell(serial, ("getprop",), timeout_s=1)
    assert adb.requests == []


async def test_standard_input_travels_beside_the_command_line(adb: ScriptedAdb) -> None:
    read: list[tuple[str, bytes]] = []

    def shell(line: str, stdin: bytes) -> tuple[str, str, int]:
        read.append((line, stdin))
        return "", "", 0

    adb.shell = shell
    secret = b'{"code":"0123456789"}' + bytes(100_000)
    words = ("content", "write", "--uri", "content://org.smsline.companion.handover/pairing")
    await client(adb).shell("R58M1", words, stdin=secret, timeout_s=5)
    assert read == [(" ".join(words), secret)]
    assert not any("0123456789" in request for request in adb.requests)


# ---------------------------------------------------------------------- tunnels


async def test_a_tunnel_is_added_without_taking_over_anothers(adb: ScriptedAdb) -> None:
    adb.answers["reverse:forward:norebind:tcp:47321;tcp:40123"] = OKAY + fail("cannot rebind existing socket")
    adb.answers["reverse:forward:norebind:tcp:0;tcp:40123"] = OKAY + OKAY + text("41777")
    with pytest.raises(Refused, match="cannot rebind"):
        await client(adb).reverse_add("R58M1", 47321, 40123)
    assert await client(adb).reverse_add("R58M1", 0, 40123) == 41777


async def test_a_tunnel_of_which_only_the_server_said_okay_is_none(adb: ScriptedAdb) -> None:
    service = "reverse:forward:norebind:tcp:47321;tcp:40123"
    adb.answers[service] = OKAY + OKAY
    for octets in range(4, 12):
        adb.cut_after = octets
        with pytest.raises(Offline):
            await client(adb).reverse_add("R58M1", 47321, 40123)
    adb.cut_after = None
    assert await client(adb).reverse_add("R58M1", 47321, 40123) == 47321


async def test_the_list_of_tunnels_is_read_from_its_last_two_words(adb: ScriptedAdb) -> None:
    listed = "(reverse) tcp:47321 tcp:40123\nhost-19 tcp:5 tcp:6\nUsbFfs localabstract:x tcp:7\n\n"
    adb.answers["reverse:list-forward"] = OKAY + text(listed)
    rows = await client(adb).reverse_list("R58M1")
    assert [(row.phone_port, row.host_port) for row in rows] == [(47321, 40123), (5, 6)]


# ---------------------------------------------------------------------- tracking


async def lists_until_the_end(adb: ScriptedAdb) -> list[tuple[AdbDevice, ...]]:
    lists: list[tuple[AdbDevice, ...]] = []

    async def follow() -> None:
        async for devices in client(adb).track():
            lists.append(devices)  # noqa: PERF401  # what came before the end counts

    with pytest.raises(NoServer):
        await follow()
    return lists


async def test_tracking_gives_each_list_and_ends_with_the_server(adb: ScriptedAdb) -> None:
    adb.now("R58M1                  device usb:1-1 product:a51 model:SM_A515F device:a51 transport_id:3")
    adb.now()
    adb.lists.put_nowait(None)
    lists = await lists_until_the_end(adb)
    assert [[(each.serial, each.state, each.model) for each in devices] for devices in lists] == [
        [("R58M1", "device", "SM_A515F")],
        [],
    ]


async def test_a_server_that_dies_inside_a_list_gives_no_half_list(adb: ScriptedAdb) -> None:
    listed = text("R58M1\tdevice\nR58M2\tdevice\n")
    for octets in range(1, len(listed)):
        adb.lists.put_nowait(listed[:octets])
        adb.lists.put_nowait(None)
        assert await lists_until_the_end(adb) == []


async def test_leaving_the_tracking_closes_its_connection(adb: ScriptedAdb) -> None:
    adb.now()
    tracked = client(adb).track()
    assert isinstance(tracked, AsyncGenerator)
    async with aclosing(tracked) as lists:
        async for _ in lists:
            break
    assert adb.requests == ["host:track-devices-l"]


# ---------------------------------------------------------------------- starting, pushing


@pytest.fixture
def fake_adb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "adb"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/ran\nexit 3\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "ran"


def calls_of(ran: Path) -> str:
    return ran.read_text() if ran.exists() else ""


async def free_port() -> int:
    async with scripted_adb() as gone:
        return gone.port


async def test_a_server_is_started_only_where_none_answers_and_it_is_allowed(
    adb: ScriptedAdb, fake_adb: Path
) -> None:
    port = await free_port()
    await AdbServer("127.0.0.1", adb.port, may_start=True).start()
    with pytest.raises(NoServer):
        await AdbServer("127.0.0.1", port).start()
    assert calls_of(fake_adb) == ""
    with pytest.raises(NoServer, match="exit code 3"):
        await AdbServer("127.0.0.1", port, may_start=True).start()
    assert calls_of(fake_adb) == f"-P {port} start-server\n"


async def test_a_server_elsewhere_is_not_started(fake_adb: Path) -> None:
    with pytest.raises(NoServer) as caught:
        await AdbServer("localhost.invalid", 5, may_start=True).start()
    assert "localhost.invalid" in caught.value.hint
    assert calls_of(fake_adb) == ""


async def test_a_push_without_a_server_starts_none(fake_adb: Path) -> None:
    port = await free_port()
    with pytest.raises(NoServer):
        await AdbServer("127.0.0.1", port).push("R58M1", b"apk", "/data/local/tmp/x.apk", timeout_s=5)
    assert calls_of(fake_adb) == ""


async def test_a_push_to_a_wedged_phone_ends_at_the_deadline(adb: ScriptedAdb) -> None:
    for octets in (0, 4, 8, 12, 16):
        adb.hang_after = octets
        adb.answers["host:tport:serial:R58M1"] = OKAY + bytes(8)
        adb.answers["sync:"] = OKAY
        async with asyncio.timeout(30):
            with pytest.raises(Wedged, match="not written within"):
                await client(adb).push("R58M1", b"apk", "/data/local/tmp/x.apk", timeout_s=0.2)


async def test_a_push_to_a_phone_that_goes_away_says_so(adb: ScriptedAdb) -> None:
    adb.answers["host:tport:serial:R58M1"] = fail("device 'R58M1' not found")
    with pytest.raises(Offline):
        await client(adb).push("R58M1", b"apk", "/data/local/tmp/x.apk", timeout_s=5)

"""Owns the proof that our client of the adb server's protocol speaks with a real one, and with a phone behind it.

Knows no step of provisioning. The server is the distribution's, the phone pretends.
Source: adb 29.0.6.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from device_bridge.adb import AdbDevice
from device_bridge.adb.errors import AdbError, NoServer, Offline, Refused, Unauthorised, Wedged
from device_bridge.adb.server import AdbServer
from tests.harness.adb import AdbServerProcess, AdbWorld
from tests.harness.gateway_process import until
from tests.peers.adb_device import HANDOVER, PretendPhone

FROZEN_S = 4


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AdbWorld]:
    async with AdbWorld.at(tmp_path) as one:
        yield one


def client(world: AdbWorld) -> AdbServer:
    return AdbServer("127.0.0.1", world.server.port)


def tracked(world: AdbWorld) -> aclosing[AsyncGenerator[tuple[AdbDevice, ...]]]:
    """The lists of phones, as long as they are wanted."""
    lists = client(world).track()
    assert isinstance(lists, AsyncGenerator)
    return aclosing(lists)


async def test_it_reads_the_version_of_a_real_server(world: AdbWorld) -> None:
    assert await client(world).version() == 41


async def test_it_sees_a_phone_come_and_be_allowed(world: AdbWorld) -> None:
    phone = await world.phone("R58M1", trusts_us=False, attached=False)
    async with asyncio.timeout(30), tracked(world) as lists:
        assert await anext(lists) == ()

        await world.attach(phone)
        (seen,) = await anext(lists)
        assert seen.serial == phone.serial
        assert seen.state != "device"

        await phone.allow()
        while seen.state != "device":
            (seen,) = await anext(lists)
        assert seen.model == "Pixel_4a"


async def test_a_new_list_tells_what_a_running_one_of_this_server_keeps_to_itself(world: AdbWorld) -> None:
    phone = await world.phone("R58M1", trusts_us=False)
    async with tracked(world) as lists:
        assert [seen.state for seen in await anext(lists)] == ["unauthorized"]

    await phone.allow()
    await world.server.reaches(phone.serial, "device")
    await phone.unplug()
    await world.server.reaches(phone.serial, "offline")
    async with tracked(world) as lists:
        assert [seen.state for seen in await anext(lists)] == ["offline"]


async def test_the_end_of_the_server_ends_the_list_and_nothing_starts_another(world: AdbWorld) -> None:
    async with asyncio.timeout(30), tracked(world) as lists:
        await anext(lists)
        await world.server.kill()
        with pytest.raises(NoServer):
            await anext(lists)

    for question in (client(world).version(), client(world).start()):
        with pytest.raises(NoServer):
            await question


async def test_a_command_gives_both_outputs_and_its_exit_code(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")
    shell = client(world).shell

    found = await shell(phone.serial, ("getprop", "ro.serialno"), timeout_s=5)
    assert (found.stdout, found.stderr, found.exit_code) == (b"R58M1\n", b"", 0)

    missing = await shell(phone.serial, ("nonsense",), timeout_s=5)
    assert (missing.stdout, missing.exit_code) == (b"", 127)
    assert b"not found" in missing.stderr


async def test_standard_input_arrives_whole_and_ends(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")

    echoed = await client(world).shell(phone.serial, ("cat",), stdin=b"0123456789" * 30_000, timeout_s=5)

    assert echoed.stdout == b"0123456789" * 30_000


@pytest.mark.parametrize(
    "word", ["R58M1; reboot", "$(reboot)", "`reboot`", "a b", "'x", "a\nreboot", "x&reboot", ""]
)
async def test_a_word_with_anything_of_a_shell_in_it_never_reaches_the_phone(
    world: AdbWorld, word: str
) -> None:
    phone = await world.phone("R58M1")

    with pytest.raises(Refused):
        await client(world).shell(phone.serial, ("getprop", word), timeout_s=5)

    assert phone.services == []


@pytest.mark.parametrize("serial", ["x; reboot", "a:b:c\n", "", "127.0.0.1:1 host:kill"])
async def test_a_serial_that_is_none_is_refused_before_the_server_is_asked(
    world: AdbWorld, serial: str
) -> None:
    with pytest.raises(AdbError):
        await client(world).shell(serial, ("id",), timeout_s=5)

    assert await client(world).version() == 41


async def test_a_frozen_phone_costs_its_deadline_and_nothing_else(world: AdbWorld) -> None:
    frozen, other = await world.phone("R58M1"), await world.phone("R58M2")
    frozen.freeze()
    asking = asyncio.create_task(
        client(world).shell(frozen.serial, ("getprop", "ro.serialno"), timeout_s=FROZEN_S)
    )

    for _ in range(10):
        await client(world).shell(other.serial, ("getprop", "ro.serialno"), timeout_s=FROZEN_S)

    assert not asking.done(), "nobody waited for the frozen one"
    with pytest.raises(Wedged):
        await asyncio.wait_for(asking, 30)


async def test_a_file_is_pushed_and_a_frozen_phone_ends_the_push_in_time(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")
    octets = bytes(range(256)) * 2_000

    await client(world).push(phone.serial, octets, "/data/local/tmp/x", timeout_s=10)
    assert phone.android.files["/data/local/tmp/x"] == octets

    phone.freeze()
    with pytest.raises(Wedged):
        async with asyncio.timeout(30):
            await client(world).push(phone.serial, octets, "/data/local/tmp/y", timeout_s=1)


async def test_a_file_that_the_phone_refuses_is_a_refusal(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")

    with pytest.raises(Refused):
        await client(world).push(phone.serial, b"1", "/system/x", timeout_s=10)


async def test_tunnels_are_made_listed_and_taken_back(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")
    adb = client(world)

    assert await adb.reverse_add(phone.serial, 47321, 4000) == 47321
    chosen = await adb.reverse_add(phone.serial, 0, 4001)

    listed = {(each.phone_port, each.host_port) for each in await adb.reverse_list(phone.serial)}
    assert listed == {(47321, 4000), (chosen, 4001)}

    await adb.reverse_remove(phone.serial, 47321)
    assert list(phone.reverses.listed) == [f"tcp:{chosen}"]


async def test_a_tunnel_of_somebody_else_is_left_alone(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")
    await world.server.adb("-s", phone.serial, "reverse", "tcp:47321", "tcp:1111")

    with pytest.raises(Refused, match="rebind"):
        await client(world).reverse_add(phone.serial, 47321, 4000)

    assert phone.reverses.listed == {"tcp:47321": "tcp:1111"}


async def test_a_port_that_an_app_of_the_phone_holds_is_a_refusal(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")
    holder = await asyncio.start_server(lambda _r, _w: None, phone.address, 47321)

    with pytest.raises(Refused, match="in use"):
        await client(world).reverse_add(phone.serial, 47321, 4000)

    holder.close()


async def test_a_phone_that_has_not_allowed_us_is_unauthorised(world: AdbWorld) -> None:
    phone = await world.phone("R58M1", trusts_us=False)

    with pytest.raises(Unauthorised) as refused:
        await client(world).shell(phone.serial, ("getprop", "ro.serialno"), timeout_s=5)

    assert "Allow" in refused.value.hint


async def test_a_phone_that_is_away_is_offline(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")
    await phone.unplug()
    await world.server.reaches(phone.serial, "offline")

    with pytest.raises(Offline):
        await client(world).shell(phone.serial, ("getprop", "ro.serialno"), timeout_s=5)
    with pytest.raises(Offline):
        await client(world).reverse_list("no-such-phone")


async def test_a_cable_pulled_within_a_command_is_offline_at_once(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")
    phone.commands.hang.add("dumpsys")
    asking = asyncio.create_task(client(world).shell(phone.serial, ("dumpsys", "battery"), timeout_s=30))
    await until(lambda: bool(phone.commands.executed), "the command runs")

    phone.cut()

    async with asyncio.timeout(30):
        with pytest.raises(Offline):
            await asking


async def test_what_goes_in_on_standard_input_stands_in_no_command_line(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")
    secret = b'{"code":"0123456789ABCDEFGHJKMNPQRS","port":47321}'

    refused = await client(world).shell(
        phone.serial, ("content", "write", "--uri", HANDOVER), stdin=secret, timeout_s=5
    )

    assert b"Could not find provider" in refused.stderr
    assert "0123456789ABCDEFGHJKMNPQRS" not in " ".join(phone.services)


async def test_a_server_is_started_where_none_answers_and_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = AdbServerProcess(tmp_path)
    await own.start()
    await own.kill()
    for name, value in own.environment.items():
        monkeypatch.setenv(name, value)
    allowed = AdbServer("127.0.0.1", own.port, may_start=True)
    try:
        await allowed.start()
        assert await allowed.version() == 41
        before = _server_of(own.port)

        await allowed.start()
        assert _server_of(own.port) == before
    finally:
        await own.adb("kill-server")


def _server_of(port: int) -> list[int]:
    """Return the pids of the adb servers that were started for a port."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"fork-server" in words and any(str(port).encode() in word for word in words):
            found.append(int(folder.name))
    assert found, f"no adb server for port {port}"
    return found


async def test_two_phones_are_told_apart(world: AdbWorld) -> None:
    phones: list[PretendPhone] = [await world.phone("R58M1"), await world.phone("R58M2")]

    names = [
        (await client(world).shell(phone.serial, ("getprop", "ro.serialno"), timeout_s=5))
        .stdout.decode()
        .strip()
        for phone in phones
    ]

    assert names == ["R58M1", "R58M2"]

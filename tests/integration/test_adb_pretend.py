"""Owns the proof that the pretend phone is a phone to somebody else's adb: the distribution's own client and server.

Knows nothing of the product. What stands here may be relied on where the product talks to the same phone.
Source: adb's own help and the texts that it prints.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.adb import AdbWorld
from tests.peers.adb_device import PACKAGE, PretendPhone
from tests.peers.adb_device_stub_apk import Recipe, Signer, stub_apk
from tests.peers.adb_device_vendors import ANDROID_8, PLAY_PROTECT, XIAOMI_NO_INSTALL


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AdbWorld]:
    async with AdbWorld.at(tmp_path) as one:
        yield one


async def shell(
    world: AdbWorld, phone: PretendPhone, *words: str, stdin: bytes = b""
) -> tuple[str, str, int]:
    said = await world.server.adb("-s", phone.serial, "shell", *words, stdin=stdin)
    return said.out, said.err, said.exit_code


async def apk_file(tmp_path: Path, signer: Signer, version_code: int = 1) -> str:
    file = tmp_path / f"app-{version_code}.apk"
    file.write_bytes(stub_apk(signer, Recipe(version_code)))
    return str(file)


async def test_a_phone_that_does_not_know_the_computer_is_unauthorised_until_somebody_taps_allow(
    world: AdbWorld,
) -> None:
    phone = await world.phone("R58M1", trusts_us=False)

    assert await world.server.states() == {phone.serial: "unauthorized"}
    assert phone.asks.is_set()

    await phone.allow()
    await world.server.reaches(phone.serial, "device")
    assert "model:Pixel_4a" in (await world.server.adb("devices", "-l")).out


async def test_a_phone_that_remembers_the_computer_checks_its_signature_and_asks_nobody(
    world: AdbWorld,
) -> None:
    phone = await world.phone("R58M1")

    assert not phone.asks.is_set()
    assert await shell(world, phone, "getprop", "ro.serialno") == ("R58M1\n", "", 0)


async def test_the_shell_keeps_both_outputs_and_the_exit_code_apart(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")

    out, err, exit_code = await shell(world, phone, "getprop ro.build.version.sdk; nonsense")

    assert (out, exit_code) == ("33\n", 127)
    assert err == "/system/bin/sh: nonsense: inaccessible or not found\n"


async def test_standard_input_reaches_the_command_to_its_end(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")

    assert await shell(world, phone, "cat", stdin=b"x" * 200_000) == ("x" * 200_000, "", 0)


async def test_files_travel_both_ways_whole(world: AdbWorld, tmp_path: Path) -> None:
    phone = await world.phone("R58M1")
    here, back = tmp_path / "here", tmp_path / "back"
    here.write_bytes(bytes(range(256)) * 9_000)

    await world.server.adb("-s", phone.serial, "push", str(here), "/data/local/tmp/there")
    await world.server.adb("-s", phone.serial, "pull", "/data/local/tmp/there", str(back))

    assert back.read_bytes() == here.read_bytes() == phone.android.files["/data/local/tmp/there"]


async def test_a_file_for_the_system_partition_is_refused(world: AdbWorld, tmp_path: Path) -> None:
    phone = await world.phone("R58M1")
    (tmp_path / "here").write_bytes(b"1")

    said = await world.server.adb("-s", phone.serial, "push", str(tmp_path / "here"), "/system/there")

    assert said.exit_code == 1
    assert "Permission denied" in said.text


@pytest.mark.parametrize("way", ["--streaming", "--no-streaming"])
async def test_an_app_is_installed_from_its_bytes(world: AdbWorld, tmp_path: Path, way: str) -> None:
    phone = await world.phone("R58M1")

    said = await world.server.adb("-s", phone.serial, "install", way, await apk_file(tmp_path, Signer(), 3))

    assert "Success" in said.out
    assert phone.android.apps[PACKAGE].package.version_code == 3
    assert "versionCode=3" in (await shell(world, phone, "dumpsys", "package", PACKAGE))[0]


async def test_an_update_by_another_signer_is_refused(world: AdbWorld, tmp_path: Path) -> None:
    phone = await world.phone("R58M1")
    await world.server.adb("-s", phone.serial, "install", await apk_file(tmp_path, Signer(), 1))

    said = await world.server.adb("-s", phone.serial, "install", "-r", await apk_file(tmp_path, Signer(), 2))

    assert "INSTALL_FAILED_UPDATE_INCOMPATIBLE" in said.text
    assert phone.android.apps[PACKAGE].package.version_code == 1


async def test_an_older_version_is_refused(world: AdbWorld, tmp_path: Path) -> None:
    phone = await world.phone("R58M1")
    signer = Signer()
    await world.server.adb("-s", phone.serial, "install", await apk_file(tmp_path, signer, 5))

    said = await world.server.adb("-s", phone.serial, "install", "-r", await apk_file(tmp_path, signer, 4))

    assert "INSTALL_FAILED_VERSION_DOWNGRADE" in said.text


@pytest.mark.parametrize("at", [0, 700, 2500, 3500])
async def test_an_app_with_one_octet_changed_is_refused(world: AdbWorld, tmp_path: Path, at: int) -> None:
    phone = await world.phone("R58M1")
    whole = bytearray(stub_apk(Signer()))
    whole[at] ^= 0x10
    (tmp_path / "bad.apk").write_bytes(whole)

    said = await world.server.adb("-s", phone.serial, "install", str(tmp_path / "bad.apk"))

    assert "INSTALL_PARSE_FAILED" in said.text
    assert not phone.android.apps


@pytest.mark.parametrize(
    ("personality", "code"),
    [
        (XIAOMI_NO_INSTALL, "INSTALL_FAILED_USER_RESTRICTED"),
        (PLAY_PROTECT, "INSTALL_FAILED_VERIFICATION_FAILURE"),
    ],
    ids=["xiaomi", "play protect"],
)
async def test_makers_refuse_in_their_own_words(
    world: AdbWorld, tmp_path: Path, personality: object, code: str
) -> None:
    phone = await world.phone("R58M1", personality)  # type: ignore[arg-type]

    said = await world.server.adb("-s", phone.serial, "install", await apk_file(tmp_path, Signer()))

    assert code in said.text


async def test_a_reversed_port_of_the_phone_reaches_the_host_and_is_gone_after_a_break(
    world: AdbWorld,
) -> None:
    phone = await world.phone("R58M1")
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readexactly(4))
        writer.write(b"pong")
        writer.close()

    host = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = host.sockets[0].getsockname()[1]
    await world.server.adb("-s", phone.serial, "reverse", "--no-rebind", "tcp:47321", f"tcp:{port}")
    reader, writer = await asyncio.open_connection(phone.address, 47321)
    writer.write(b"ping")

    assert await reader.read() == b"pong"
    assert heard == [b"ping"]
    writer.close()
    host.close()

    phone.cut()
    await world.server.reaches(phone.serial, "device")
    assert (await world.server.adb("-s", phone.serial, "reverse", "--list")).out.strip() == ""
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection(phone.address, 47321)


async def test_a_reversed_port_is_not_taken_from_its_owner(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")
    await world.server.adb("-s", phone.serial, "reverse", "tcp:47321", "tcp:1111")

    said = await world.server.adb("-s", phone.serial, "reverse", "--no-rebind", "tcp:47321", "tcp:2222")

    assert "cannot rebind existing socket" in said.text
    assert phone.reverses.listed == {"tcp:47321": "tcp:1111"}


async def test_two_phones_have_the_same_port_each_for_itself(world: AdbWorld) -> None:
    one, two = await world.phone("R58M1"), await world.phone("R58M2", ANDROID_8)

    for phone in (one, two):
        await world.server.adb("-s", phone.serial, "reverse", "tcp:47321", "tcp:1111")

    assert one.reverses.listed == two.reverses.listed == {"tcp:47321": "tcp:1111"}
    assert (await shell(world, two, "getprop", "ro.build.version.release"))[0] == "8.0.0\n"


async def test_a_frozen_phone_stays_listed_as_a_device_and_answers_nothing(world: AdbWorld) -> None:
    frozen, other = await world.phone("R58M1"), await world.phone("R58M2")
    frozen.freeze()

    with pytest.raises(TimeoutError):
        await world.server.adb("-s", frozen.serial, "shell", "id", limit_s=0.5)

    assert (await world.server.states())[frozen.serial] == "device"
    assert (await shell(world, other, "getprop", "ro.serialno"))[0] == "R58M2\n"
    frozen.thaw()
    assert (await shell(world, frozen, "getprop", "ro.serialno"))[0] == "R58M1\n"


async def test_a_setting_of_telephony_is_in_force_only_after_a_reboot(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")
    await shell(world, phone, "settings put global sms_outgoing_check_max_count 200")
    first = await shell(world, phone, "getprop", "ro.runtime.firstboot")

    assert phone.android.limit_in_force == (30, 60)
    await world.server.adb("-s", phone.serial, "reboot")
    async with asyncio.timeout(30):
        await phone.came_up.wait()
    await world.server.reaches(phone.serial, "device")

    assert phone.android.limit_in_force == (200, 60)
    assert await shell(world, phone, "getprop", "ro.runtime.firstboot") != first


async def test_a_phone_that_is_away_is_offline_and_comes_back_by_itself(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")

    await phone.unplug()
    await world.server.reaches(phone.serial, "offline")
    await phone.plug()

    await world.server.reaches(phone.serial, "device")


async def test_a_hanging_command_ends_with_its_client(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")
    phone.commands.hang.add("dumpsys")

    with pytest.raises(TimeoutError):
        await world.server.adb("-s", phone.serial, "shell", "dumpsys", "battery", limit_s=0.5)

    assert (await shell(world, phone, "getprop", "ro.serialno"))[0] == "R58M1\n"


async def test_the_shell_is_a_shell_and_a_value_with_a_semicolon_does_harm(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")

    await shell(world, phone, "echo x; settings put global airplane_mode_on 1")

    assert phone.android.settings == {"airplane_mode_on": "1"}


async def test_root_is_refused(world: AdbWorld) -> None:
    phone = await world.phone("R58M1")

    assert "cannot run as root" in (await world.server.adb("-s", phone.serial, "root")).out

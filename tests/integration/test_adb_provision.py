"""Owns the proof that a phone with nothing on it ends up linked, by steps that are checked and not repeated.

Knows no gateway: the owner of the phones is a dictionary, the app on the phone only remembers.
Source: docs/link.md, *Where* and *Pairing*; a real adb server with pretend phones.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness.adb_owner import CODE, HOST_PORT, PHONE_PORT, TICK_S, Household, is_linked
from tests.harness.gateway_process import until
from tests.peers.adb_device import PACKAGE, PretendPhone
from tests.peers.adb_device_android import ACTIVE, INTERVAL, MAX_COUNT, RUNTIME
from tests.peers.adb_device_companion import SilentCompanion
from tests.peers.adb_device_stub_apk import Recipe, Signer, stub_apk
from tests.peers.adb_device_vendors import ANDROID_8, ANDROID_15, PIXEL, SAMSUNG, Personality

CHANGES = (
    "pm install",
    "pm grant",
    "pm revoke",
    "pm uninstall",
    "settings put",
    "settings delete",
    "appops set",
    "am set-",
    "am start-",
    "cmd deviceidle whitelist +",
    "cmd deviceidle whitelist -",
    "content write",
    "reboot",
)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Household]:
    async with Household.at(tmp_path) as one:
        yield one


def changes(phone: PretendPhone) -> list[str]:
    """Return the commands run on a phone that change something there."""
    lines = [" ".join(words) for words in phone.commands.executed]
    return [line for line in lines if line.startswith(CHANGES)]


async def ticks(count: int) -> None:
    """Let the host look a few more times."""
    await asyncio.sleep(count * TICK_S)


@pytest.mark.parametrize(
    "personality", [PIXEL, ANDROID_8, ANDROID_15, SAMSUNG], ids=["13", "8", "15", "samsung"]
)
async def test_a_phone_with_nothing_on_it_is_linked_without_a_hand(
    home: Household, personality: Personality
) -> None:
    began_s = time.monotonic()
    phone = await home.phone("R58M1", personality)

    await home.provisioned(phone)
    took_s = time.monotonic() - began_s

    app = phone.android.apps[PACKAGE]
    assert app.package.version_code == 2
    wanted = set(app.package.permissions & RUNTIME)
    if personality.sdk < 33:
        wanted.discard("android.permission.POST_NOTIFICATIONS")
    assert app.granted >= wanted
    assert phone.android.doze_exempt == {PACKAGE}
    assert phone.reverses.listed == {f"tcp:{PHONE_PORT}": f"tcp:{HOST_PORT}"}
    if personality.sdk >= 28:
        assert app.bucket == ACTIVE
    if personality.sdk >= 33:
        assert app.ops["ACCESS_RESTRICTED_SETTINGS"] == "allow"
    assert isinstance(phone.companion, SilentCompanion)
    assert phone.companion.codes == [CODE]
    assert phone.companion.ports[0] == PHONE_PORT
    assert not [step for step in home.owner.reported["R58M1"] if step.outcome in ("refused", "waiting")]
    assert took_s < 20
    print(f"attached to linked: {took_s:.2f} s")


async def test_the_pairing_code_stands_in_no_command_line_and_no_file_of_the_phone(home: Household) -> None:
    phone = await home.phone("R58M1")
    await home.provisioned(phone)

    assert CODE not in "\n".join(phone.services)
    assert not any(CODE.encode() in content for content in phone.android.files.values())


async def test_the_app_file_does_not_stay_on_the_phone(home: Household) -> None:
    phone = await home.phone("R58M1")
    await home.provisioned(phone)

    assert not [path for path in phone.android.files if path.endswith(".apk")]


async def test_a_phone_that_is_ready_is_looked_at_and_not_changed_again(home: Household) -> None:
    phone = await home.phone("R58M1")
    await home.provisioned(phone)
    phone.commands.executed.clear()

    await ticks(4)

    assert changes(phone) == []


async def test_asking_first_means_that_nothing_is_changed_before_a_person_agrees(home: Household) -> None:
    phone = await home.phone("R58M1", provision="ask")
    await until(lambda: "R58M1" in home.owner.reported, "the phone is reported")
    await ticks(2)

    assert changes(phone) == []
    assert phone.android.apps == {}
    assert phone.reverses.listed == {}

    async with asyncio.timeout(30):
        steps = await home.host.provision("R58M1")
    assert not [step for step in steps if step.outcome == "refused"]
    await home.provisioned(phone)


async def test_off_means_that_nothing_is_changed_at_all(home: Household) -> None:
    phone = await home.phone("R58M1", provision="off")
    await until(lambda: bool(phone.commands.executed), "the phone is seen")
    await ticks(3)

    assert changes(phone) == []


async def test_a_look_by_the_doctor_changes_nothing(home: Household) -> None:
    phone = await home.phone("R58M1", provision="off")
    await until(lambda: [seen.serialno for seen in home.host.seen()] == ["R58M1"], "the phone is named")

    async with asyncio.timeout(30):
        steps = await home.host.examine("R58M1")

    assert changes(phone) == []
    assert next(step for step in steps if step.name == "app").outcome not in ("ok", "fixed")


async def test_an_older_app_is_updated_and_keeps_its_pairing(home: Household) -> None:
    phone = await home.phone("R58M1", ours=False)
    phone.android.install(stub_apk(home.signer, Recipe(1)))
    assert isinstance(phone.companion, SilentCompanion)
    phone.companion.codes.append("paired long ago")
    home.owner.ours["R58M1"] = home.wanted(phone)

    await home.provisioned(phone)

    assert phone.android.apps[PACKAGE].package.version_code == 2
    assert phone.companion.codes == ["paired long ago"]


async def test_a_newer_app_is_left_and_said(home: Household) -> None:
    phone = await home.phone("R58M1", ours=False)
    phone.android.install(stub_apk(home.signer, Recipe(9)))
    home.owner.ours["R58M1"] = home.wanted(phone)

    step = await home.step(phone, "app", "ok", "refused", "skipped")

    assert phone.android.apps[PACKAGE].package.version_code == 9
    assert "9" in step.detail


async def test_an_app_of_another_gateway_is_left_and_taking_over_is_explained(home: Household) -> None:
    phone = await home.phone("R58M1", ours=False)
    foreign = stub_apk(Signer(), Recipe(1))
    phone.android.install(foreign)
    signer = phone.android.apps[PACKAGE].package.signer
    home.owner.ours["R58M1"] = home.wanted(phone)

    step = await home.step(phone, "app", "refused")

    assert "another gateway" in step.hint
    assert phone.android.apps[PACKAGE].package.signer == signer
    assert isinstance(phone.companion, SilentCompanion)
    assert phone.companion.codes == []


async def test_taking_over_works_once_a_person_has_removed_the_other_gateways_app(home: Household) -> None:
    phone = await home.phone("R58M1", ours=False)
    phone.android.install(stub_apk(Signer(), Recipe(1)))
    home.owner.ours["R58M1"] = home.wanted(phone)
    await home.step(phone, "app", "refused")

    phone.android.uninstall(PACKAGE)
    phone.companion.removed()
    async with asyncio.timeout(30):
        steps = await home.host.provision("R58M1")

    assert not [step for step in steps if step.outcome == "refused"]
    await home.provisioned(phone)


async def test_an_app_that_was_killed_is_started_again(home: Household) -> None:
    phone = await home.phone("R58M1")
    await home.provisioned(phone)

    phone.companion.killed()

    await until(lambda: is_linked(phone), "the app is started again")
    assert isinstance(phone.companion, SilentCompanion)
    assert phone.companion.codes == [CODE], "it was paired already"


async def test_a_service_that_starts_and_never_links_is_said_and_tried_again(home: Household) -> None:
    phone = await home.phone("R58M1", ours=False)
    assert isinstance(phone.companion, SilentCompanion)
    phone.companion.links_when = "never"
    home.owner.ours["R58M1"] = home.wanted(phone)

    step = await home.step(phone, "heartbeat", "refused", "waiting", limit_s=40)
    assert step.detail

    phone.companion.links_when = "paired"
    await home.step(phone, "heartbeat", "ok", "fixed", limit_s=40)


async def test_a_permission_taken_away_by_hand_is_granted_again(home: Household) -> None:
    phone = await home.phone("R58M1")
    await home.provisioned(phone)

    phone.android.apps[PACKAGE].granted.discard("android.permission.SEND_SMS")
    phone.android.doze_exempt.clear()
    home.host.poke("R58M1")

    await until(lambda: "android.permission.SEND_SMS" in phone.android.apps[PACKAGE].granted, "granted again")
    await until(lambda: phone.android.doze_exempt == {PACKAGE}, "exempt again")


async def test_a_phone_open_to_the_network_is_told_by_the_doctor(home: Household) -> None:
    open_phone = replace(PIXEL, props={"service.adb.tcp.port": "5555"})
    phone = await home.phone("R58M1", open_phone)
    await home.provisioned(phone)

    async with asyncio.timeout(30):
        steps = await home.host.examine("R58M1")

    told = [step for step in steps if "5555" in step.detail]
    assert told
    assert all(step.outcome != "ok" and step.hint for step in told)


# ---------------------------------------------------------------------- the limit


async def test_a_limit_that_nobody_asked_to_raise_is_read_and_left(home: Household) -> None:
    phone = await home.phone("R58M1")
    await home.provisioned(phone)

    assert phone.android.settings == {}


async def test_a_raised_limit_without_leave_to_reboot_is_not_yet_in_force(home: Household) -> None:
    phone = await home.phone("R58M1", raise_limit=True)
    await home.provisioned(phone)

    parts, window_s, in_force = home.owner.limits["R58M1"]
    assert (parts, window_s * 1000) == (
        int(phone.android.settings[MAX_COUNT]),
        int(phone.android.settings[INTERVAL]),
    )
    assert not in_force
    assert phone.android.boots == 1
    step = home.owner.step("R58M1", "limit")
    assert step is not None
    assert "restart" in (step.detail + step.hint).lower()


async def test_a_restart_by_hand_brings_the_raised_limit_into_force(home: Household) -> None:
    phone = await home.phone("R58M1", raise_limit=True)
    await home.provisioned(phone)

    phone.reboot()

    await until(lambda: home.owner.limits["R58M1"][2], "the limit is in force", 20)
    assert phone.android.limit_in_force == home.owner.limits["R58M1"][:2]
    await home.provisioned(phone)


async def test_with_leave_the_phone_is_restarted_once_for_its_limit(home: Household) -> None:
    phone = await home.phone("R58M1", raise_limit=True, may_reboot=True)

    await until(lambda: home.owner.limits.get("R58M1", (0, 0, False))[2], "the limit is in force", 30)
    await home.provisioned(phone)
    await ticks(4)

    assert phone.android.boots == 2


# ---------------------------------------------------------------------- release


async def test_release_takes_back_what_was_changed(home: Household) -> None:
    phone = await home.phone("R58M1", raise_limit=True)
    await home.provisioned(phone)
    home.owner.ours["R58M1"] = home.wanted(phone)

    async with asyncio.timeout(30):
        steps = await home.host.release("R58M1", remove_app=False)
    del home.owner.ours["R58M1"]

    assert not [step for step in steps if step.outcome == "refused"]
    assert phone.android.settings == {}
    assert phone.android.doze_exempt == set()
    assert phone.reverses.listed == {}
    assert PACKAGE in phone.android.apps
    assert [name for serialno, name in home.owner.memory] == ["released"]


async def test_release_with_removal_leaves_no_app(home: Household) -> None:
    phone = await home.phone("R58M1")
    await home.provisioned(phone)

    async with asyncio.timeout(30):
        await home.host.release("R58M1", remove_app=True)
    del home.owner.ours["R58M1"]

    assert phone.android.apps == {}
    assert phone.reverses.listed == {}


async def test_a_limit_that_a_person_had_set_comes_back_at_release(home: Household) -> None:
    phone = await home.phone("R58M1", ours=False)
    phone.android.settings |= {MAX_COUNT: "50", INTERVAL: "120000"}
    home.owner.ours["R58M1"] = home.wanted(phone)
    await home.provisioned(phone)

    async with asyncio.timeout(30):
        await home.host.fix("R58M1", may_reboot=False)
        await home.host.release("R58M1", remove_app=False)

    assert phone.android.settings == {MAX_COUNT: "50", INTERVAL: "120000"}

"""Owns the proof that each refusal of a phone becomes one sentence that names what a person must do.

Knows no table of the product: the texts come from the pretend phone's personalities.
Source: public threads, as named there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness.adb_owner import Household
from tests.harness.gateway_process import until
from tests.peers.adb_device import PACKAGE
from tests.peers.adb_device_shell import Ran
from tests.peers.adb_device_vendors import (
    EMPTY_SPACE,
    LIMIT_DIALOG,
    OPPO,
    PIXEL,
    PLAY_PROTECT,
    SAMSUNG,
    XIAOMI,
    XIAOMI_NO_INSTALL,
    Personality,
)

AUTO_BLOCKER = replace(SAMSUNG, install="INSTALL_FAILED_VERIFICATION_FAILURE: Package Verification Result")
OLD_ANDROID = replace(PIXEL, install="INSTALL_FAILED_OLDER_SDK: Requires newer sdk version #26")
DECLINED = replace(PIXEL, install="INSTALL_FAILED_ABORTED: User rejected permissions")
MANAGED = replace(PIXEL, install="INSTALL_FAILED_USER_RESTRICTED: Installation is restricted")
UNHEARD_OF = replace(PIXEL, install="INSTALL_FAILED_MOON_PHASE: come back \x1b[2Jtomorrow")


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Household]:
    async with Household.at(tmp_path) as one:
        yield one


@pytest.mark.parametrize(
    ("personality", "step", "switch"),
    [
        pytest.param(XIAOMI_NO_INSTALL, "app", "Install via USB", id="xiaomi install"),
        pytest.param(XIAOMI, "grants", "USB debugging (Security settings)", id="xiaomi grants"),
        pytest.param(OPPO, "grants", "Disable permission monitoring", id="coloros grants"),
        pytest.param(PLAY_PROTECT, "app", "Play Protect", id="play protect"),
        pytest.param(AUTO_BLOCKER, "app", "Auto Blocker", id="samsung"),
        pytest.param(EMPTY_SPACE, "app", "storage is full", id="full"),
        pytest.param(OLD_ANDROID, "app", "older than Android 8", id="old"),
        pytest.param(DECLINED, "app", "declined on the phone", id="declined"),
        pytest.param(MANAGED, "app", "administrator", id="managed"),
    ],
)
async def test_a_refusal_names_the_switch(
    home: Household, personality: Personality, step: str, switch: str
) -> None:
    phone = await home.phone("R58M1", personality)

    refused = await home.step(phone, step, "refused")

    assert switch in refused.hint
    assert refused.detail


async def test_a_text_that_nobody_knows_is_quoted_and_cannot_write_on_the_terminal(home: Household) -> None:
    phone = await home.phone("R58M1", UNHEARD_OF)

    refused = await home.step(phone, "app", "refused")

    assert "INSTALL_FAILED_MOON_PHASE" in refused.detail
    assert "\x1b" not in refused.detail + refused.hint


async def test_a_raised_limit_that_the_maker_forbids_is_a_refusal_of_that_step_only(home: Household) -> None:
    phone = await home.phone("R58M1", replace(XIAOMI, grant=None), raise_limit=True)

    refused = await home.step(phone, "limit", "refused")

    assert "Security settings" in refused.hint
    assert phone.android.settings == {}
    await home.provisioned(phone)


async def test_an_app_without_its_permissions_is_linked_all_the_same(home: Household) -> None:
    phone = await home.phone("R58M1", XIAOMI)

    await home.step(phone, "grants", "refused")

    await home.step(phone, "heartbeat", "ok", "fixed", limit_s=30)


async def test_flipping_the_switch_and_plugging_in_again_is_enough(home: Household) -> None:
    phone = await home.phone("R58M1", XIAOMI)
    await home.step(phone, "grants", "refused")

    phone.android.personality = replace(XIAOMI, grant=None, settings=None)
    await home.world.detach(phone)
    await home.world.attach(phone)

    await home.step(phone, "grants", "ok", "fixed", limit_s=15)
    assert "android.permission.SEND_SMS" in phone.android.apps[PACKAGE].granted


@pytest.mark.parametrize(
    "ran",
    [
        pytest.param(Ran(b"", b"", 0), id="says nothing and does nothing"),
        pytest.param(Ran(b"\xff\xfe\x00" * 2_000, b"", 1), id="garbage"),
        pytest.param(Ran(b"Failure\n", b"", 0), id="exit code 0"),
    ],
)
async def test_an_install_that_only_looks_done_is_not_believed(home: Household, ran: Ran) -> None:
    phone = await home.phone("R58M1", ours=False)
    phone.commands.answers["pm install"] = ran
    home.owner.ours["R58M1"] = home.wanted(phone)

    refused = await home.step(phone, "app", "refused")

    assert refused.detail
    assert PACKAGE not in phone.android.apps


async def test_a_grant_that_exits_0_and_grants_nothing_is_not_believed(home: Household) -> None:
    phone = await home.phone("R58M1", ours=False)
    phone.commands.answers["pm grant"] = Ran(b"", b"", 0)
    home.owner.ours["R58M1"] = home.wanted(phone)

    refused = await home.step(phone, "grants", "refused")

    assert "SEND_SMS" in refused.detail


async def test_a_handover_that_prints_an_exception_and_exits_0_is_not_believed(home: Household) -> None:
    phone = await home.phone("R58M1", ours=False)
    trace = b"Error while accessing provider:x.handover\njava.lang.IllegalStateException: Could not find provider\n"
    phone.commands.answers["content write"] = Ran(b"", trace, 0)
    home.owner.ours["R58M1"] = home.wanted(phone)

    refused = await home.step(phone, "pairing", "refused")

    assert refused.hint


async def test_a_port_that_another_host_took_is_left_and_another_is_used(home: Household) -> None:
    phone = await home.phone("R58M1", ours=False)
    await home.world.server.adb("-s", phone.serial, "reverse", "tcp:47321", "tcp:1111")
    home.owner.ours["R58M1"] = home.wanted(phone)

    await home.provisioned(phone)

    assert phone.reverses.listed["tcp:47321"] == "tcp:1111"
    assert len(phone.reverses.listed) == 2


async def test_a_phone_that_still_starts_is_waited_for(home: Household) -> None:
    phone = await home.world.phone("R58M1", attached=False)
    phone.android.is_booted = False
    home.owner.ours["R58M1"] = home.wanted(phone)
    await home.world.attach(phone)

    waiting = await home.step(phone, "booted", "waiting")
    assert waiting.detail
    assert not phone.android.apps

    phone.android.is_booted = True
    await home.provisioned(phone)


async def test_a_dialog_on_the_screen_is_named_by_the_doctor(home: Household) -> None:
    phone = await home.phone("R58M1")
    await home.provisioned(phone)
    phone.android.screen = LIMIT_DIALOG

    steps = await home.host.examine("R58M1")

    screen = next(step for step in steps if step.name == "screen")
    assert "limit" in (screen.detail + screen.hint).lower()
    await until(
        lambda: not [path for path in phone.android.files if path.endswith(".xml")], "the dump is removed"
    )

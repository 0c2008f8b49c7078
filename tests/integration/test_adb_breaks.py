"""Owns the proof that a phone comes back by itself after every kind of break, and that one phone costs no other.

Knows no gateway. Breaks are made at the phone and at the adb server, never inside the host under test.
Source: states of adb 29.0.6 as measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness.adb_owner import HOST_PORT, PHONE_PORT, TICK_S, Household, is_linked
from tests.harness.gateway_process import until
from tests.peers.adb_device import PACKAGE, PretendPhone
from tests.peers.adb_device_companion import SilentCompanion
from tests.peers.adb_device_vendors import ANDROID_8, PIXEL

IDENTITY = "shell,v2,raw:getprop ro.serialno"
OURS = {f"tcp:{PHONE_PORT}": f"tcp:{HOST_PORT}"}


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Household]:
    async with Household.at(tmp_path) as one:
        yield one


async def relinked(phone: PretendPhone, limit_s: float = 20.0) -> float:
    """Wait until the app reaches the gateway again; returns the seconds that it took."""
    began_s = time.monotonic()
    await until(lambda: is_linked(phone), "linked again", limit_s)
    return time.monotonic() - began_s


async def test_a_phone_that_has_not_allowed_this_computer_says_what_to_tap_and_goes_on_by_itself(
    home: Household,
) -> None:
    phone = await home.world.phone("R58M1", trusts_us=False)
    home.owner.ours["R58M1"] = home.wanted(phone)

    def is_seen() -> bool:
        return [seen.state for seen in home.host.seen()] == ["unauthorized"]

    await until(is_seen, "seen as unauthorised")
    (seen,) = home.host.seen()
    assert seen.serialno is None
    assert any("Allow" in step.hint for step in seen.steps)

    await phone.allow()
    await home.provisioned(phone)


async def test_a_tunnel_lost_by_a_short_break_is_made_again_within_two_seconds(home: Household) -> None:
    phone = await home.phone("R58M1")
    await home.provisioned(phone)

    phone.cut()
    assert phone.reverses.listed == {}

    took_s = await relinked(phone)
    assert took_s < 2.0
    assert phone.reverses.listed == OURS
    print(f"reattached in {took_s:.2f} s")


async def test_a_tunnel_taken_away_without_a_break_is_noticed_on_the_tick(home: Household) -> None:
    phone = await home.phone("R58M1")
    await home.provisioned(phone)

    await home.world.server.adb("-s", phone.serial, "reverse", "--remove-all")

    assert await relinked(phone) < TICK_S + 2.0


async def test_a_phone_that_was_away_is_linked_again(home: Household) -> None:
    phone = await home.phone("R58M1")
    await home.provisioned(phone)

    await phone.unplug()
    await home.world.server.reaches(phone.serial, "offline")
    await phone.plug()

    await relinked(phone)


async def test_a_cable_pulled_and_put_in_again_is_the_same_phone(home: Household) -> None:
    phone = await home.phone("R58M1")
    await home.provisioned(phone)
    phone.commands.executed.clear()

    await home.world.detach(phone)
    await until(lambda: not phone.reverses.listed, "the tunnel is gone")
    await home.world.attach(phone)

    assert await relinked(phone) < 2.0
    assert not any(words[:2] in (["pm", "install"], ["pm", "grant"]) for words in phone.commands.executed)
    assert [seen.serialno for seen in home.host.seen()] == ["R58M1"]


async def test_a_break_while_the_app_is_waited_for_ends_the_waiting(home: Household) -> None:
    phone = await home.phone("R58M1", ours=False)
    app = phone.companion
    assert isinstance(app, SilentCompanion)
    app.links_when = "never"
    home.owner.ours["R58M1"] = home.wanted(phone)
    await until(lambda: bool(app.codes), "the code is handed over")

    app.links_when = "paired"
    phone.cut()

    assert await relinked(phone) < 3.0


async def test_a_restarted_phone_is_waited_for_and_linked_again(home: Household) -> None:
    phone = await home.phone("R58M1")
    await home.provisioned(phone)

    phone.reboot()
    await until(lambda: not is_linked(phone), "it goes down")

    await relinked(phone)
    assert phone.android.boots == 2


async def test_a_frozen_phone_is_said_and_another_goes_on_meanwhile(home: Household) -> None:
    frozen = await home.phone("R58M1")
    await home.provisioned(frozen)
    frozen.freeze()

    began_s = time.monotonic()
    other = await home.phone("R58M2")
    await home.provisioned(other)
    assert time.monotonic() - began_s < 10

    def is_said() -> bool:
        return any(step.outcome == "refused" and step.hint for step in home.owner.reported["R58M1"])

    await until(is_said, "the frozen phone is said to be frozen", 40)

    frozen.thaw()
    await until(lambda: is_linked(frozen), "it goes on", 40)


async def test_a_phone_frozen_before_it_ever_answered_costs_another_nothing(home: Household) -> None:
    frozen = await home.phone("R58M1", ours=False)
    frozen.freeze()
    home.owner.ours["R58M1"] = home.wanted(frozen)

    other = await home.phone("R58M2")
    await home.provisioned(other)

    frozen.thaw()
    await until(lambda: is_linked(frozen), "it goes on", 40)


async def test_two_phones_are_provisioned_at_the_same_time_each_with_its_own_tunnel(home: Household) -> None:
    one, two = await asyncio.gather(home.phone("R58M1", PIXEL), home.phone("R58M2", ANDROID_8))

    await asyncio.gather(home.provisioned(one), home.provisioned(two))

    assert one.reverses.listed == two.reverses.listed == OURS
    assert PACKAGE in one.android.apps
    assert PACKAGE in two.android.apps


# ---------------------------------------------------------------------- not ours


async def test_a_phone_that_is_not_ours_is_asked_for_its_name_and_nothing_else(home: Household) -> None:
    stranger = await home.phone("STRANGER1", ours=False)
    ours = await home.phone("R58M1")
    await home.provisioned(ours)
    await asyncio.sleep(4 * TICK_S)

    assert set(stranger.services) == {IDENTITY}
    assert stranger.android.apps == {}
    assert "STRANGER1" in {seen.serialno for seen in home.host.seen()}


async def test_a_phone_that_becomes_ours_is_taken_up_without_a_new_cable(home: Household) -> None:
    phone = await home.phone("R58M1", ours=False)
    await until(lambda: "R58M1" in home.owner.asked, "it is known")

    home.owner.ours["R58M1"] = home.wanted(phone)

    await home.provisioned(phone)


@pytest.mark.parametrize(
    "serialno",
    ["R58M1; rm -rf /", "$(reboot)", "R58M1\x1b[2J", "../../etc", "", "x" * 5_000, "a\u202eb", "R58 M1"],
    ids=["semicolon", "substitution", "escape", "path", "empty", "long", "bidi", "space"],
)
async def test_a_hostile_serial_number_runs_nothing_and_hurts_nobody(home: Household, serialno: str) -> None:
    hostile = await home.world.phone(serialno)
    good = await home.phone("R58M2")
    await home.provisioned(good)
    await asyncio.sleep(2 * TICK_S)

    assert set(hostile.services) <= {IDENTITY}
    assert {tuple(words) for words in hostile.commands.executed} <= {("getprop", "ro.serialno")}
    shown = "".join(f"{seen.serialno}{seen.model}{seen.steps}" for seen in home.host.seen())
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert len(shown) < 4_000


@pytest.mark.parametrize("model", ["Evil\x1b[2J", "$(reboot)", "a;b", "x" * 3_000, "\u202egp.ekaf"])
async def test_a_hostile_model_is_shown_harmlessly_and_the_phone_works(home: Household, model: str) -> None:
    phone = await home.phone("R58M1", replace(PIXEL, model=model))

    await home.provisioned(phone)

    shown = "".join(f"{seen.model}{seen.steps}" for seen in home.host.seen())
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert len(shown) < 4_000
    assert phone.android.boots == 1


async def test_two_phones_with_one_serial_number_are_not_mixed_up(home: Household) -> None:
    one = await home.phone("0123456789ABCDEF")
    await home.provisioned(one)
    two = await home.world.phone("0123456789ABCDEF")
    await asyncio.sleep(4 * TICK_S)

    assert is_linked(one)
    assert two.android.apps == {}, "a second phone of the same name was changed"


# ---------------------------------------------------------------------- the server


async def test_a_killed_adb_server_is_not_started_by_us_and_everything_returns_with_it(
    home: Household,
) -> None:
    phone = await home.phone("R58M1")
    await home.provisioned(phone)

    await home.world.server.kill()
    await until(lambda: not phone.reverses.listed, "the tunnel is gone")
    await asyncio.sleep(3 * TICK_S)
    with pytest.raises(OSError, match="Connect call failed"):
        await home.world.server.ask("host:version")

    await home.world.server.start()
    await home.world.attach(phone)
    await relinked(phone)


async def test_a_frozen_adb_server_is_waited_for(home: Household) -> None:
    phone = await home.phone("R58M1")
    await home.provisioned(phone)

    home.world.server.freeze()
    await asyncio.sleep(6 * TICK_S)
    home.world.server.thaw()
    phone.cut()

    await relinked(phone)

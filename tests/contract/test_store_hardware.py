"""Owns the contract of a store for devices, lines, keys and small facts.

Runs on every store of ``conftest``; knows no driver.
Source: *Words* of the architecture notes (a line is a SIM); rules KEY-2, KEY-5.
"""

from __future__ import annotations

import pytest

from device_bridge.device import DeviceInfo, LineHealth, LineIdentity, LineState
from device_bridge.sms.outcome import local
from gateway.store.protocol import NotFound
from gateway.store.rows import KeyRow, LineSettings
from tests.peers.store_world import LIVE, World

UP = LineHealth(LineState.UP, operator="Op", signal_dbm=-71)


async def test_a_sim_keeps_its_settings_and_history_when_it_moves_to_another_device(w: World) -> None:
    a = await w.line("a")
    await w.store.patch_line(LIVE, a.id, {"label": "Office", "pools": ["otp"], "per_minute": 5})
    await w.store.device_seen(DeviceInfo("imei-2", "modem", "port-2"), True, None)
    moved = await w.store.line_seen(LineIdentity(a.key, a.iccid, a.imsi), "imei-2", UP, LineSettings())
    assert (moved.id, moved.device_id, moved.label, moved.pools, moved.per_minute) == (
        a.id, "imei-2", "Office", ("otp",), 5,
    )  # fmt: skip
    assert moved.number == a.number


async def test_what_the_configuration_says_of_a_sim_decides_and_what_it_leaves_out_stays(w: World) -> None:
    a = await w.line("a", label="From file")
    await w.store.patch_line(LIVE, a.id, {"label": "By hand", "per_day": 7})
    again = await w.line("a", label="From file")
    assert (again.label, again.per_day) == ("From file", 7)


async def test_a_paused_or_held_line_says_so(w: World) -> None:
    a = await w.line("a")
    await w.store.hold_line(a.id, local("no_credit"), w.now_ms + 60_000)
    held = await w.store.line(a.id)
    assert (held.state, held.held_until_ms) == ("needs_attention", w.now_ms + 60_000)
    assert held.reason is not None
    assert held.reason.code == "no_credit"
    await w.store.hold_line(a.id, None, None)
    assert (await w.store.line(a.id)).state == "up"
    assert (await w.store.patch_line(LIVE, a.id, {"paused": True})).state == "paused"


async def test_at_start_nothing_is_attached(w: World) -> None:
    a = await w.line("a")
    await w.store.detach_all()
    assert (await w.store.line(a.id)).state == "down"
    assert [d.attached for d in await w.store.devices(LIVE)] == [False]


async def test_a_line_counts_what_waits_for_it_and_what_it_sent_today(w: World) -> None:
    a = await w.line("a")
    for _ in range(3):
        await w.admit()
    await w.sent(await w.take(a))
    [line] = await w.store.lines(LIVE)
    assert (line.queued, line.sent_today) == (2, 1)


async def test_an_unknown_line_is_not_found(w: World) -> None:
    with pytest.raises(NotFound):
        await w.store.line("nothing")
    with pytest.raises(NotFound):
        await w.store.patch_line(LIVE, "nothing", {"paused": True})


async def test_small_facts_are_remembered(w: World) -> None:
    assert await w.store.remembered("pin") is None
    await w.store.remember("pin", "refused")
    await w.store.remember("pin", "accepted")
    assert await w.store.remembered("pin") == "accepted"


async def test_a_key_is_found_by_its_public_id_and_changes_only_its_dates(w: World) -> None:
    row = KeyRow(
        "id", "default", "public", "name", b"\x01" * 32, ("send",), True, w.now_ms, networks=("10.0.0.0/8",)
    )
    await w.store.add_key(row)
    assert await w.store.key("public") == row
    assert await w.store.key("another") is None
    changed = await w.store.change_key("default", "id", {"revoked_at_ms": 5, "last_address": "10.0.0.1"})
    assert (changed.revoked_at_ms, changed.last_address, changed.digest) == (5, "10.0.0.1", row.digest)
    assert await w.store.keys("default") == (changed,)

"""Owns the contract of a store for how keys are used: what is odd is told once, also across restarts.

Runs on every store of ``conftest``.
Source: rules KEY-8, AUD-2; W4.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.policy.key_use import DAY_MS, HOUR_MS, NETWORKS_KEPT, REQUESTS_MIN, KeyUse
from gateway.store.audit import AuditFilter
from gateway.store.protocol import NotFound
from gateway.store.rows import KeyRow, WebhookRow
from tests.peers.store_world import LIVE, HandClock, MakeWorld, World

HOME, AWAY = "10.0.3.0/24", "10.0.9.0/24"
DAY_S = 86_400
OLD = KeyRow("0193aaaa", "default", "abcdefgh", "crm", bytes(32), ("messages:send",), False, 0)
NEW = replace(OLD, id="0193bbbb", public_id="ijklmnop", digest=bytes([1]) * 32)


def used(w: World, *, network: str = HOME, requests: int = 1, key: KeyRow = OLD, ago_ms: int = 0) -> KeyUse:
    at_ms = w.now_ms - ago_ms
    return KeyUse(key.id, "default", at_ms, "10.0.3.7", {network: at_ms}, {at_ms // HOUR_MS: requests})


async def use(w: World, **more: Any) -> None:
    await w.store.key_use.note(used(w, **more))


async def told(w: World) -> list[dict[str, Any]]:
    events = await w.store.events_after(LIVE, 0, 1000)
    return [event.payload for event in events if event.type == "key.anomaly"]


async def days_of_use(w: World, days: int, requests: int) -> None:
    """Let the key be used every hour of some days."""
    for _ in range(days * 24):
        await use(w, requests=requests)
        w.clock.pass_s(3600)


@pytest.fixture(autouse=True)
async def keys(w: World) -> None:
    for row in (OLD, NEW):
        await w.store.add_key(row, "cli")


# ------------------------------------------------------------------ networks


async def test_KEY_8_the_first_use_from_a_new_network_is_told_once_with_an_entry_in_the_trail(
    w: World,
) -> None:
    await use(w)
    w.clock.pass_s(DAY_S)
    for _ in range(3):
        await use(w, network=AWAY)
        w.clock.pass_s(60)
    assert await told(w) == [
        {"key_id": OLD.id, "name": "crm", "kind": "new_network", "network": AWAY},
    ]
    (entry,) = (await w.store.audit.page(LIVE, AuditFilter(action="key.anomaly"), 10, None)).items
    assert (entry.deed.by, entry.deed.target) == ("gateway", f"key:{OLD.id}")
    assert entry.deed.detail == {"name": "crm", "kind": "new_network", "network": AWAY}


async def test_KEY_8_on_its_first_day_a_key_may_come_from_anywhere(w: World) -> None:
    await use(w)
    w.clock.pass_s(DAY_S - 1)
    await use(w, network=AWAY)
    w.clock.pass_s(DAY_S)
    await use(w, network=AWAY)
    assert await told(w) == []


async def test_KEY_8_a_restart_neither_forgets_networks_nor_tells_them_again(make_world: MakeWorld) -> None:
    clock = HandClock()
    async with make_world(clock=clock) as w:
        await use(w)
        clock.pass_s(DAY_S)
        await use(w, network=AWAY)
    async with make_world(clock=clock) as w:
        await use(w)
        await use(w, network=AWAY)
        assert [each["network"] for each in await told(w)] == [AWAY]


async def test_KEY_8_a_key_that_travels_is_told_of_no_more_and_fills_nothing(w: World) -> None:
    await use(w)
    w.clock.pass_s(DAY_S)
    for i in range(NETWORKS_KEPT + 50):
        await use(w, network=f"10.1.{i}.0/24")
    assert len(await told(w)) == NETWORKS_KEPT - 1


async def test_KEY_8_the_only_network_of_a_key_that_rested_for_long_still_counts_once(w: World) -> None:
    await use(w)
    w.clock.pass_s(200 * DAY_S)
    await use(w, network=AWAY)
    assert [each["kind"] for each in await told(w)] == ["new_network"]


async def test_KEY_8_a_webhook_of_the_key_family_gets_it(w: World) -> None:
    hook = WebhookRow(
        "h", "default", "http://127.0.0.1:1/", ("key.*",), ("whsec_x",), False, False, True, w.now_ms
    )
    await w.store.add_webhook(hook)
    await use(w)
    w.clock.pass_s(DAY_S)
    await use(w, network=AWAY)
    (delivery,) = (await w.store.deliveries("h", None, 10, None)).items
    assert delivery.event_type == "key.anomaly"


# ------------------------------------------------------------------ figures


async def test_KEY_8_ten_times_the_usual_hour_is_told_once_a_day_with_its_figures(w: World) -> None:
    await days_of_use(w, 4, 80)
    await use(w, requests=799)
    assert await told(w) == []
    await use(w, requests=1)
    await use(w, requests=500)
    assert await told(w) == [
        {"key_id": OLD.id, "name": "crm", "kind": "many_requests", "requests": 800, "median": 80}
    ]
    w.clock.pass_s(2 * 3600)
    await use(w, requests=900)
    assert len(await told(w)) == 1
    w.clock.pass_s(DAY_S)
    await use(w, requests=900)
    assert len(await told(w)) == 2


async def test_KEY_8_a_young_key_and_a_small_one_never_alarm(w: World) -> None:
    await days_of_use(w, 2, 1)
    await use(w, requests=5000)
    w.clock.pass_s(2 * DAY_S)
    await use(w, requests=REQUESTS_MIN - 1, key=OLD)
    assert await told(w) == []


async def test_KEY_8_a_key_that_works_hard_once_a_night_is_used_as_always(w: World) -> None:
    for _ in range(6):
        await use(w, requests=5000)
        w.clock.pass_s(DAY_S)
    assert await told(w) == []


# ------------------------------------------------------------------ rotation


async def rotated(w: World) -> None:
    changes: dict[str, object] = {"expires_at_ms": w.now_ms + DAY_MS, "successor_id": NEW.id}
    await w.store.change_key("default", OLD.id, changes, "cli")


async def test_KEY_8_use_after_the_successor_was_used_is_told_once(w: World) -> None:
    await use(w)
    await rotated(w)
    w.clock.pass_s(60)
    await use(w)
    assert await told(w) == [], "its successor is not in use yet"
    w.clock.pass_s(60)
    await use(w, key=NEW)
    for _ in range(2):
        w.clock.pass_s(60)
        await use(w)
    assert await told(w) == [
        {"key_id": OLD.id, "name": "crm", "kind": "after_rotation", "successor_id": NEW.id}
    ]


async def test_KEY_8_a_use_before_the_successors_that_is_written_after_it_is_none_after_it(w: World) -> None:
    await rotated(w)
    w.clock.pass_s(60)
    await use(w, key=NEW)
    await use(w, ago_ms=500)
    assert await told(w) == []


# ------------------------------------------------------------------ what people see


async def test_an_odd_use_is_listed_until_somebody_has_looked(w: World) -> None:
    await use(w)
    w.clock.pass_s(DAY_S)
    await use(w, network=AWAY)
    (odd,) = await w.store.key_use.odd("default")
    assert (odd.key_id, odd.kind, odd.figures, odd.seen) == (OLD.id, "new_network", {"network": AWAY}, False)
    assert await w.store.key_use.odd("other") == ()
    await w.store.key_use.seen(OLD.id)
    assert [each.seen for each in await w.store.key_use.odd("default")] == [True]


async def test_a_note_keeps_when_the_key_was_used_to_the_minute_and_from_where(w: World) -> None:
    await use(w)
    row = await w.store.key(OLD.public_id)
    assert row is not None
    assert (row.last_used_ms, row.last_address) == (w.now_ms - w.now_ms % 60_000, "10.0.3.7")
    with pytest.raises(NotFound):
        await use(w, key=replace(OLD, id="gone"))

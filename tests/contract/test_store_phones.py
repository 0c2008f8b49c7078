"""Owns the contract of a store for devices with a journal: whole attempts, waiting before doubt, caps, who may speak.

Runs on every store of ``conftest``; the clock is moved by hand.
Source: design, *Lifecycle* (a phone is asked for its open jobs); rules CMP-2.
"""

from __future__ import annotations

import pytest

from device_bridge.device import (
    WHOLE_ATTEMPT,
    DeviceHealth,
    DeviceInfo,
    LineHealth,
    LineIdentity,
    LineState,
    PartNotSent,
    PartsCap,
    PartSent,
    ReportReceived,
)
from device_bridge.sms.outcome import local
from gateway.ids import new_id
from gateway.store.protocol import NotFound
from gateway.store.rows import Claim, LineRow, Pace, PhoneRow, Prepared
from tests.peers.store_world import ALICE, LIVE, THREE_PARTS, World, status_report

MINUTES_MS = 60_000
NEVER_CALLED = local("device_not_ready")


async def phone_line(w: World, name: str = "p", sub: int = 1) -> LineRow:
    phone = DeviceInfo(id=f"install-{name}", kind="phone", address="usb", health=DeviceHealth(way="usb"))
    await w.store.device_seen(phone, True, None)
    identity = LineIdentity(f"sub:install-{name}:{sub}", None, None, None)
    return await w.store.line_seen(identity, phone.id, LineHealth(LineState.UP))


async def hand_over(w: World, line: LineRow, pace: Pace | None = None) -> Prepared:
    ready = await w.look(line)
    claimed = await w.store.claim(
        Claim(line.id, line.device_id or "", "node", ready, pace or Pace(), journal=True)
    )
    assert claimed.prepared is not None
    return claimed.prepared


async def part_states(w: World, message_id: str) -> list[str]:
    return [part.state.value for part in await w.store.parts(message_id)]


async def test_all_parts_start_with_the_claim_because_the_phone_sends_them_as_one(w: World) -> None:
    line = await phone_line(w)
    message = await w.admit(text=THREE_PARTS)
    await hand_over(w, line)
    assert await part_states(w, message.id) == ["submitting"] * 3


async def test_the_history_keeps_signal_and_battery_as_they_were_when_the_text_was_handed_over(
    w: World,
) -> None:
    line = await phone_line(w)
    health = LineHealth(LineState.UP, signal_dbm=-97)
    identity = LineIdentity(line.key, None, None, None)
    await w.store.line_seen(identity, line.device_id, health)
    weak = DeviceInfo(id="install-p", kind="phone", address="usb", health=DeviceHealth(battery_percent=7))
    await w.store.device_seen(weak, True, None)
    message = await w.admit()
    await hand_over(w, line)
    await w.store.line_seen(identity, line.device_id, LineHealth(LineState.UP, signal_dbm=-60))
    (given,) = [e for e in await w.store.timeline(message.id) if e.type == "message.submitting"]
    assert given.detail["signal_dbm"] == -97
    assert given.detail["battery_percent"] == 7


async def test_a_restart_leaves_what_a_phone_was_given_and_lists_it_for_asking(w: World) -> None:
    line = await phone_line(w)
    message = await w.admit()
    attempt = await hand_over(w, line)
    assert await w.store.recover("node") == 0
    assert await w.state(message.id) == "submitting"
    assert await w.store.open_attempts(line.device_id or "") == (attempt.attempt_id,)
    assert await w.store.open_attempts("install-other") == ()


async def test_a_phone_that_stays_away_leaves_its_message_in_doubt_after_a_quarter_of_an_hour(
    w: World,
) -> None:
    line = await phone_line(w)
    message = await w.admit(text=THREE_PARTS)
    attempt = await hand_over(w, line)
    w.clock.pass_s(14 * 60)
    await w.store.tick()
    assert await w.state(message.id) == "submitting"
    w.clock.pass_s(61)
    await w.store.tick()
    assert await w.state(message.id) == "in_doubt"
    # It is still asked when it comes back, and its word still counts.
    assert await w.store.open_attempts(line.device_id or "") == (attempt.attempt_id,)
    for number in (3, 1, 2):
        await w.store.record(PartSent(attempt.attempt_id, number, None, w.now_ms), line.device_id)
    assert await w.state(message.id) == "sent"


@pytest.mark.parametrize("doubted", [False, True])
async def test_what_a_phone_never_knew_goes_again_whole(w: World, doubted: bool) -> None:
    line = await phone_line(w)
    message = await w.admit(text=THREE_PARTS)
    attempt = await hand_over(w, line)
    if doubted:
        w.clock.pass_s(16 * 60)
        await w.store.tick()
    unknown = PartNotSent(attempt.attempt_id, WHOLE_ATTEMPT, NEVER_CALLED, w.now_ms)
    await w.store.record(unknown, line.device_id)
    assert await w.state(message.id) == "queued"
    assert set(await part_states(w, message.id)) == {"not_sent"}
    w.clock.pass_s(3600)
    await w.store.tick()
    again = await hand_over(w, line)
    assert [part.number for part in again.outgoing.parts] == [1, 2, 3]
    assert again.copy == 1


async def test_after_a_part_went_out_the_whole_set_goes_again_as_a_second_copy(w: World) -> None:
    line = await phone_line(w)
    message = await w.admit(text=THREE_PARTS)
    attempt = await hand_over(w, line)
    await w.store.record(PartSent(attempt.attempt_id, 1, None, w.now_ms), line.device_id)
    await w.store.record(PartSent(attempt.attempt_id, 3, None, w.now_ms), line.device_id)
    await w.store.record(PartNotSent(attempt.attempt_id, 2, NEVER_CALLED, w.now_ms), line.device_id)
    assert await w.state(message.id) == "queued"
    w.clock.pass_s(3600)
    await w.store.tick()
    again = await hand_over(w, line)
    assert [part.number for part in again.outgoing.parts] == [1, 2, 3]
    assert again.copy == 2


async def test_the_outcome_of_a_whole_attempt_does_not_undo_what_a_part_proved(w: World) -> None:
    line = await phone_line(w)
    message = await w.admit(text=THREE_PARTS)
    attempt = await hand_over(w, line)
    await w.store.record(PartSent(attempt.attempt_id, 2, None, w.now_ms), line.device_id)
    unknown = PartNotSent(attempt.attempt_id, WHOLE_ATTEMPT, NEVER_CALLED, w.now_ms)
    await w.store.record(unknown, line.device_id)
    assert sorted(await part_states(w, message.id)) == ["not_sent", "not_sent", "sent"]


async def test_a_phone_is_not_believed_about_the_attempts_of_another(w: World) -> None:
    line = await phone_line(w)
    message = await w.admit()
    attempt = await hand_over(w, line)
    await w.store.record(PartSent(attempt.attempt_id, 1, None, w.now_ms), "install-liar")
    report = ReportReceived(
        new_id(), line.key, status_report(1, ALICE, 0, w.now_ms), w.now_ms, attempt.attempt_id, 1
    )
    await w.store.record_report(line.id, report, "install-liar")
    assert await w.state(message.id) == "submitting"
    conflicts = [e for e in await w.store.events_after(LIVE, 0, 100) if e.type == "device.conflict"]
    assert len(conflicts) == 2


async def test_a_report_before_the_sent_intent_still_ends_delivered(w: World) -> None:
    line = await phone_line(w)
    message = await w.admit()
    attempt = await hand_over(w, line)
    report = ReportReceived(
        new_id(), line.key, status_report(9, ALICE, 0, w.now_ms), w.now_ms, attempt.attempt_id, 1
    )
    await w.store.record_report(line.id, report, line.device_id)
    await w.store.record(PartSent(attempt.attempt_id, 1, None, w.now_ms), line.device_id)
    assert await w.state(message.id) == "delivered"


async def test_two_sims_share_what_the_platform_lets_out(w: World) -> None:
    lines = [await phone_line(w, sub=1), await phone_line(w, sub=2)]
    pace = Pace(cap=PartsCap(5, 60), device_id="install-p")
    for _ in range(12):
        await w.admit()
    taken = []
    for second in range(130):
        for line in lines:
            ready = await w.look(line, limit=1)
            claim = Claim(line.id, line.device_id or "", "node", ready, pace, journal=True)
            if ready and (await w.store.claim(claim)).prepared is not None:
                taken.append(second)
        w.clock.pass_s(1)
    assert all(sum(start <= at < start + 60 for at in taken) <= 5 for start in taken)
    assert len(taken) == 12


async def test_a_device_keeps_its_notes_and_health_over_a_detachment(w: World) -> None:
    health = DeviceHealth(way="lan", battery_percent=81, missing_permissions=("x",), cap=PartsCap(30, 60))
    seen = DeviceInfo(id="install-h", kind="phone", address="lan", notes=("It waits.",), health=health)
    await w.store.device_seen(seen, True, None)
    await w.store.device_seen(DeviceInfo(id="install-h", kind="phone", address="lan"), False, None)
    row = next(row for row in await w.store.devices(LIVE) if row.id == "install-h")
    assert row.health == health


async def test_a_phone_is_found_by_its_key_and_a_new_pairing_replaces_the_old_key(w: World) -> None:
    first = PhoneRow("install-1", "default", "key-1", b"digest-1", w.now_ms, serialno="R58", label="Desk")
    await w.store.pair_phone(first)
    assert await w.store.phone_by_key("key-1") == first
    await w.store.change_phone("default", "install-1", {"revoked_at_ms": w.now_ms})
    await w.store.pair_phone(PhoneRow("install-1", "default", "key-2", b"digest-2", w.now_ms))
    assert await w.store.phone_by_key("key-1") is None
    (known,) = await w.store.phones("default")
    assert (known.key_id, known.serialno, known.label, known.revoked_at_ms) == ("key-2", "R58", "Desk", None)


async def test_an_unknown_phone_or_one_of_another_tenant_is_not_found(w: World) -> None:
    await w.store.pair_phone(PhoneRow("install-1", "default", "key-1", b"digest-1", w.now_ms))
    for tenant, install in (("default", "install-2"), ("other", "install-1")):
        with pytest.raises(NotFound):
            await w.store.change_phone(tenant, install, {"label": "x"})

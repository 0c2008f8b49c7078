"""Owns the contract of a store for delivery reports: which part a STATUS-REPORT belongs to, and what it changes.

Runs on every store of ``conftest``; the TPDUs are written out by hand.
Source: 3GPP TS 23.040 §9.2.2.3, §9.2.3.6 (TP-MR), §9.2.3.15 (TP-ST); *Reports* of the architecture notes.
"""

from __future__ import annotations

from typing import Any

import pytest

from device_bridge.device import ReportReceived
from gateway.message import MessageState
from gateway.store.rows import LineRow
from tests.peers.store_world import ALICE, LIVE, THREE_PARTS, World, status_report

HOUR_S = 3600


async def _sent(w: World, line: LineRow, mr: int, **changes: Any) -> str:
    message = await w.admit(**changes)
    await w.sent(await w.take(line), mr=mr)
    return message.id


async def test_a_report_delivers_the_message_that_its_reference_and_number_name(w: World) -> None:
    a = await w.line("a")
    first, second = await _sent(w, a, 1), await _sent(w, a, 2)
    await w.report(a, mr=2)
    assert [await w.state(first), await w.state(second)] == ["sent", "delivered"]
    assert (await w.get(second)).delivered_at_ms == w.now_ms


async def test_a_report_spelt_in_national_digits_still_finds_its_part(w: World) -> None:
    a = await w.line("a")
    message_id = await _sent(w, a, 1)
    await w.report(a, mr=1, to="07700900123")
    assert await w.state(message_id) == "delivered"


async def test_a_report_of_another_line_or_number_settles_nothing(w: World) -> None:
    a, b = await w.line("a"), await w.line("b")
    message_id = await _sent(w, a, 1)
    await w.report(b, mr=1)
    await w.report(a, mr=1, to="+447700900999")
    assert await w.state(message_id) == "sent"


async def test_every_part_of_a_long_message_must_be_reported_before_it_is_delivered(w: World) -> None:
    a = await w.line("a")
    message = await w.admit(text=THREE_PARTS)
    await w.all_sent(await w.take(a), mr=10)
    for mr in (11, 10):
        await w.report(a, mr=mr)
        assert await w.state(message.id) == "sent"
    await w.report(a, mr=12)
    delivered = await w.get(message.id)
    assert (delivered.state, delivered.parts_delivered) == (MessageState.DELIVERED, 3)


async def test_an_interim_report_settles_nothing_and_the_final_one_follows(w: World) -> None:
    a = await w.line("a")
    message_id = await _sent(w, a, 1)
    await w.report(a, mr=1, st=0x21)
    assert await w.state(message_id) == "sent"
    await w.report(a, mr=1, st=0x00)
    assert await w.state(message_id) == "delivered"


async def test_a_report_that_comes_before_its_cmgs_is_matched_afterwards(w: World) -> None:
    a = await w.line("a")
    message = await w.admit()
    attempt = await w.take(a)
    await w.report(a, mr=77)
    assert await w.state(message.id) == "submitting"
    await w.sent(attempt, mr=77)
    assert await w.state(message.id) == "delivered"


async def test_an_early_report_is_not_given_to_an_old_message_with_the_same_reference(w: World) -> None:
    a = await w.line("a")
    old = await _sent(w, a, 77)
    w.clock.pass_s(5 * HOUR_S)
    message = await w.admit()
    attempt = await w.take(a)
    await w.report(a, mr=77)
    assert await w.state(old) == "sent"
    await w.sent(attempt, mr=77)
    assert [await w.state(old), await w.state(message.id)] == ["sent", "delivered"]


async def test_when_the_reference_has_wrapped_the_newest_unreported_part_takes_the_report(w: World) -> None:
    a = await w.line("a")
    old = await _sent(w, a, 5)
    w.clock.pass_s(5 * HOUR_S)
    new = await _sent(w, a, 5)
    await w.report(a, mr=5)
    assert [await w.state(old), await w.state(new)] == ["sent", "delivered"]
    await w.report(a, mr=5, scts_ms=w.now_ms - 5 * HOUR_S * 1000)
    assert await w.state(old) == "delivered"


async def test_a_report_whose_time_lies_near_the_older_part_is_the_older_parts(w: World) -> None:
    a = await w.line("a")
    old = await _sent(w, a, 5)
    sent_ms = w.now_ms
    w.clock.pass_s(5 * HOUR_S)
    new = await _sent(w, a, 5)
    await w.report(a, mr=5, scts_ms=sent_ms)
    assert [await w.state(old), await w.state(new)] == ["delivered", "sent"]


async def test_a_centre_with_a_wrong_clock_is_still_understood(w: World) -> None:
    a = await w.line("a")
    message_id = await _sent(w, a, 5)
    await w.report(a, mr=5, scts_ms=w.now_ms + 7 * HOUR_S * 1000)
    assert await w.state(message_id) == "delivered"


async def test_a_report_said_twice_never_settles_a_later_message(w: World) -> None:
    a = await w.line("a")
    first = await _sent(w, a, 5)
    sent_ms = w.now_ms
    await w.report(a, mr=5)
    doubted = await w.admit()
    await w.lost(await w.take(a))
    await w.report(a, mr=5, scts_ms=sent_ms)
    assert [await w.state(first), await w.state(doubted.id)] == ["delivered", "in_doubt"]
    w.clock.pass_s(HOUR_S)
    later = await _sent(w, a, 5)
    assert await w.state(later) == "sent"


async def test_a_report_settles_the_doubt_about_a_part_by_the_reference_it_must_have_had(w: World) -> None:
    a = await w.line("a")
    await _sent(w, a, 255)
    in_doubt = await w.admit()
    await w.lost(await w.take(a))
    await w.report(a, mr=100)
    assert await w.state(in_doubt.id) == "in_doubt"
    await w.report(a, mr=0)  # TP-MR counts on from 255
    assert await w.state(in_doubt.id) == "delivered"


async def test_two_parts_in_doubt_in_a_row_are_told_apart_by_their_references(w: World) -> None:
    a = await w.line("a")
    await _sent(w, a, 10)
    first, second = await w.admit(), await w.admit()
    await w.lost(await w.take(a))
    await w.lost(await w.take(a))
    await w.report(a, mr=12)
    assert [await w.state(first.id), await w.state(second.id)] == ["in_doubt", "delivered"]


async def test_an_early_report_of_the_next_part_does_not_settle_the_doubt_about_the_last(w: World) -> None:
    a = await w.line("a")
    await _sent(w, a, 10)
    doubted = await w.admit()
    await w.lost(await w.take(a))
    following = await w.admit()
    attempt = await w.take(a)
    await w.report(a, mr=13)
    assert await w.state(doubted.id) == "in_doubt"
    await w.sent(attempt, mr=13)
    assert [await w.state(doubted.id), await w.state(following.id)] == ["in_doubt", "delivered"]


async def test_a_report_about_doubt_that_came_while_the_next_part_was_on_air_is_not_forgotten(
    w: World,
) -> None:
    a = await w.line("a")
    await _sent(w, a, 10)
    doubted = await w.admit()
    await w.lost(await w.take(a))
    following = await w.admit()
    attempt = await w.take(a)
    await w.report(a, mr=12)  # one more than predicted
    await w.sent(attempt, mr=13)
    assert [await w.state(doubted.id), await w.state(following.id)] == ["delivered", "sent"]


async def test_doubt_from_another_time_is_not_settled_by_a_report(w: World) -> None:
    a = await w.line("a")
    message = await w.admit()
    await w.lost(await w.take(a))
    await w.report(a, mr=3, scts_ms=w.now_ms - 2 * HOUR_S * 1000)
    assert await w.state(message.id) == "in_doubt"


async def test_after_an_interim_report_on_doubt_the_final_one_still_finds_the_part(w: World) -> None:
    a = await w.line("a")
    message = await w.admit()
    await w.lost(await w.take(a))
    await w.report(a, mr=3, st=0x20)
    assert await w.state(message.id) == "sent"
    await w.report(a, mr=3, st=0x00)
    assert await w.state(message.id) == "delivered"


async def test_the_truth_wins_when_a_good_report_follows_a_bad_one(w: World) -> None:
    a = await w.line("a")
    message_id = await _sent(w, a, 1)
    await w.report(a, mr=1, st=0x46)
    assert await w.state(message_id) == "undelivered"
    await w.report(a, mr=1, st=0x00)
    delivered = await w.get(message_id)
    assert (delivered.state, delivered.error) == (MessageState.DELIVERED, None)
    await w.report(a, mr=1, st=0x46)
    assert await w.state(message_id) == "delivered"
    assert (await w.store.parts(message_id))[0].report_status == 0


async def test_a_phones_report_names_its_part_itself(w: World) -> None:
    a = await w.line("a")
    message = await w.admit()
    attempt = await w.take(a)
    await w.sent(attempt, mr=None)
    tpdu = status_report(200, ALICE, 0, w.now_ms)
    report = ReportReceived("e", a.key, tpdu, w.now_ms, attempt_id=attempt.attempt_id, part=1)
    await w.store.record_report(a.id, report)
    assert await w.state(message.id) == "delivered"


async def test_the_raw_report_stands_in_the_timeline(w: World) -> None:
    a = await w.line("a")
    message_id = await _sent(w, a, 1)
    tpdu = status_report(1, ALICE, 0, w.now_ms)
    await w.store.record_report(a.id, ReportReceived("e", a.key, tpdu, w.now_ms))
    delivered = (await w.store.timeline(message_id))[-1]
    assert delivered.type == "message.delivered"
    assert delivered.witness == "network"
    assert delivered.detail["tpdu"] == tpdu.hex().upper()
    assert delivered.detail["tp_st"] == 0


@pytest.mark.parametrize("octets", [b"", b"\x06", b"\x06\x01\x0c\x91\x44"])
async def test_a_report_that_cannot_be_decoded_is_kept_raw_and_shown(w: World, octets: bytes) -> None:
    a = await w.line("a")
    message_id = await _sent(w, a, 1)
    await w.store.record_report(a.id, ReportReceived("e", a.key, octets, w.now_ms))
    assert await w.state(message_id) == "sent"
    shown = (await w.store.inbounds(LIVE, 10, None)).items
    assert [(i.type, i.pdus) for i in shown] == [("undecoded", (octets.hex().upper(),))]


async def test_reports_that_nobody_asks_for_any_more_are_dropped(w: World) -> None:
    a = await w.line("a")
    await w.report(a, mr=9)
    w.clock.pass_s(15 * 86_400)
    await w.store.prune()
    message = await w.admit()
    await w.sent(await w.take(a), mr=9)
    assert await w.state(message.id) == "sent"

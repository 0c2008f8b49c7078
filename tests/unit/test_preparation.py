"""Owns the proof of what goes on air: which parts, which copy, TP-VP, TP-RD, TP-MR, CMMS.

Octets are read by hand, not by our own decoder.
Source: 3GPP TS 23.040 §9.2.2.2 (layout of SUBMIT), §9.2.3.12, §9.2.3.24.1, §9.2.3.25.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from device_bridge.errors import EncodeError
from gateway.preparation import prepare, segmentation_of
from gateway.store.rows import PriorPart, Work
from tests.peers.one_message import MESSAGE
from tests.peers.store_world import START_MS, THREE_PARTS

FIRST = Work(MESSAGE, 1, 1, None, (), None, resend_after_doubt=False)
LONG = replace(FIRST, message=replace(MESSAGE, text=THREE_PARTS, parts=3))


def octets(work: Work) -> list[bytes]:
    return [part.tpdu for part in prepare(work, 77, START_MS, more_follow=False).outgoing.parts]


def test_a_short_text_is_one_submit_with_a_report_asked_for_and_no_header() -> None:
    [tpdu] = octets(FIRST)
    assert tpdu[0] & 0x03 == 0x01
    assert tpdu[0] & 0x20  # TP-SRR
    assert not tpdu[0] & 0x40  # TP-UDHI
    assert not tpdu[0] & 0x04  # TP-RD


def test_a_long_text_carries_its_reference_in_every_part() -> None:
    tpdus = octets(LONG)
    assert len(tpdus) == 3
    for number, tpdu in enumerate(tpdus, start=1):
        assert bytes((5, 0, 3, 77, 3, number)) in tpdu


def test_what_is_proven_sent_does_not_go_again_and_the_reference_stays() -> None:
    prior = (PriorPart(1, sent=True, in_doubt=False, mr=4), PriorPart(2, sent=False, in_doubt=False, mr=None))
    again = prepare(replace(LONG, attempt=2, reference=9, prior=prior), 77, START_MS, more_follow=False)
    assert [part.number for part in again.outgoing.parts] == [2, 3]
    assert (again.reference, again.outgoing.parts_total) == (9, 3)
    assert bytes((5, 0, 3, 9, 3, 2)) in again.outgoing.parts[0].tpdu


def test_a_resend_after_doubt_keeps_the_reference_that_the_first_try_had() -> None:
    prior = (PriorPart(1, sent=False, in_doubt=True, mr=42),)
    [tpdu] = octets(replace(FIRST, attempt=2, prior=prior, resend_after_doubt=True))
    assert tpdu[0] & 0x04
    assert tpdu[1] == 42


def test_a_part_that_is_certainly_not_sent_keeps_nothing() -> None:
    prior = (PriorPart(1, sent=False, in_doubt=False, mr=42),)
    [tpdu] = octets(replace(FIRST, attempt=2, prior=prior))
    assert tpdu[1] == 0


@pytest.mark.parametrize(("left_s", "vp"), [(3600, 11), (300, 0), (10, 0), (-5, 0)])
def test_the_centre_is_asked_to_keep_it_for_what_is_left_of_its_validity(left_s: int, vp: int) -> None:
    message = replace(MESSAGE, expires_at_ms=START_MS + left_s * 1000)
    [tpdu] = octets(replace(FIRST, message=message))
    assert tpdu[0] & 0x18 == 0x10  # TP-VPF relative
    assert tpdu[12] == vp  # behind first octet, MR, DA (2 + 6), PID and DCS


def test_data_goes_to_its_port() -> None:
    data = replace(MESSAGE, text=None, octets=b"\x01\x02", port=5000, coding="8bit")
    prepared = prepare(replace(FIRST, message=data), 1, START_MS, more_follow=True)
    [part] = prepared.outgoing.parts
    assert part.tpdu.endswith(b"\x06\x05\x04\x13\x88\x00\x00\x01\x02")
    assert (part.octets, part.port, part.text) == (b"\x01\x02", 5000, None)
    assert prepared.outgoing.more_follow


def test_every_attempt_has_an_id_of_its_own() -> None:
    first, second = (prepare(FIRST, 1, START_MS, more_follow=False) for _ in range(2))
    assert first.attempt_id != second.attempt_id
    assert first.outgoing.attempt_id == first.attempt_id


def test_the_parts_are_those_of_admission() -> None:
    assert segmentation_of(LONG.message).parts == 3


def test_a_text_that_no_longer_encodes_is_an_error_that_names_the_field() -> None:
    broken = replace(MESSAGE, text="漢", encoding="gsm7")
    with pytest.raises(EncodeError) as error:
        octets(replace(FIRST, message=broken))
    assert error.value.field == "TP-UD"

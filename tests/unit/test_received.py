"""Owns the proof of how a received TPDU is read: text, data, push, or kept as it came.

The TPDUs are written out by hand.
Source: 3GPP TS 23.040 §9.2.2.1, §9.2.3.11.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.device import InboundReceived, MmsReceived, TextReceived
from gateway.received import read_mms, read_received, read_text
from gateway.store.rows import NewInbound
from tests.peers.store_world import ALICE, START_MS, deliver


def read(tpdu: bytes) -> NewInbound:
    return read_received("line", InboundReceived("e", "iccid", tpdu, START_MS))


def test_a_text_is_read_with_sender_and_time() -> None:
    new = read(deliver("hello", START_MS - 5000))
    assert (new.type, new.text, new.sender, new.sent_at_ms, new.at_ms) == (
        "sms", "hello", ALICE, START_MS - 5000, START_MS,
    )  # fmt: skip
    assert new.concat is None


def test_a_part_of_a_long_text_says_which() -> None:
    assert read(deliver("part", START_MS, concat=(7, 3, 2))).concat == (7, 3, 2)


@pytest.mark.parametrize(("port", "kind"), [(5000, "data"), (2948, "push"), (None, "data")])
def test_octets_are_data_or_a_push_by_their_port(port: int | None, kind: str) -> None:
    new = read(deliver(b"\x01\x02", START_MS, port=port))
    assert (new.type, new.text, new.octets, new.port) == (kind, None, b"\x01\x02", port)


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_kept_and_never_refused(octets: bytes) -> None:
    new = read(octets)
    assert new.tpdu == octets
    assert new.fingerprint
    if new.type == "undecoded":
        assert (new.text, new.octets, new.sender) == (None, None, "")


def test_a_tpdu_delivered_again_is_recognised_and_a_text_sent_again_is_not() -> None:
    once = deliver("yes", START_MS)
    more_messages = bytes((once[0] & ~0x04,)) + once[1:]
    assert read(once).fingerprint == read(more_messages).fingerprint
    assert read(once).fingerprint != read(deliver("yes", START_MS + 1000)).fingerprint
    assert read(once).fingerprint != read(deliver("yes", START_MS, sender="+447700900999")).fingerprint


NOTIFICATION = b"\x8c\x82\x98T9\x00\x8d\x92\x89\x0f\x80+447700900123\x00\x8e\x02\x01\x00\x83http://mmsc/9\x00"
RETRIEVED = b"\x8c\x84\x98T9\x00\x8d\x92\x89\x0f\x80+447700900123\x00\x84\xa3\x01\x04\x02\x03\x83\x81\xeaHi"


def test_a_text_from_the_phones_inbox_comes_whole_and_twice_the_same_words_are_two() -> None:
    found = [
        TextReceived(name, "line", ALICE, "Yes", START_MS - 9000, START_MS) for name in ("41", "41", "42")
    ]
    same, again, other = (read_text("line", event) for event in found)
    assert (same.type, same.text, same.sender, same.sent_at_ms) == ("sms", "Yes", ALICE, START_MS - 9000)
    assert same.fingerprint == again.fingerprint != other.fingerprint


def test_a_multimedia_message_is_kept_whole_with_its_text_and_sender() -> None:
    new = read_mms("line", MmsReceived("7", "line", RETRIEVED, START_MS))
    assert (new.type, new.text, new.sender, new.octets) == ("mms", "Hi", ALICE, RETRIEVED)


def test_the_notification_of_one_says_where_it_waits_and_garbage_is_kept() -> None:
    new = read_mms("line", MmsReceived("7", "line", NOTIFICATION, START_MS))
    assert (new.type, new.url, new.sender, new.text) == ("mms", "http://mmsc/9", ALICE, None)
    kept = read_mms("line", MmsReceived("8", "line", b"\x00\x01", START_MS))
    assert (kept.type, kept.url, kept.octets) == ("mms", None, b"\x00\x01")

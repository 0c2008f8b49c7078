"""Owns the proof of how a received TPDU is read: text, data, push, or kept as it came.

The TPDUs are written out by hand.
Source: 3GPP TS 23.040 §9.2.2.1, §9.2.3.11.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.device import InboundReceived
from gateway.received import read_received
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

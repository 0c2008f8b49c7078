"""Proves the rule of the decoders: any octets give a value or a DecodeError that says where, nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.errors import DecodeError
from device_bridge.sms.pdu import parse_hex, split_sca
from device_bridge.sms.tpdu import decode_deliver, decode_incoming, decode_status_report, decode_submit
from tests.unit.sms.sms_vectors import Row, attempt, each, table_names, tpdus_from_network, tpdus_to_network

Decoder = Callable[[bytes], object]
DECODERS: list[Decoder] = [decode_incoming, decode_deliver, decode_status_report, decode_submit, split_sca]
FIELDS = {
    *("PDU", "SCA", "TP-MTI", "TP-MR", "TP-OA", "TP-DA", "TP-RA", "TP-PID", "TP-DCS", "TP-SCTS", "TP-DT"),
    *("TP-VP", "TP-ST", "TP-PI", "TP-UDL", "TP-UD", "TP-UDHL"),
}


def value_or_error(decode: Decoder, octets: bytes) -> object:
    seen = attempt(decode, octets)
    if not isinstance(seen, Exception):
        return seen
    assert isinstance(seen, DecodeError)
    assert seen.field in FIELDS
    assert 0 <= seen.octet <= len(octets)
    assert seen.reason
    return None


def read_line(row: Row) -> object:
    octets = parse_hex(row["hex"])
    if row["kind"] == "pdu":
        _, octets = split_sca(octets, row.get("length"))
    return decode_submit(octets) if row.get("direction") == "submit" else decode_incoming(octets)


def test_every_table_of_the_malformed_vectors_has_its_test() -> None:
    assert table_names("malformed") == {"reject"}


@each("malformed", "reject")
def test_what_does_not_add_up_is_refused(row: Row) -> None:
    with pytest.raises(DecodeError) as caught:
        read_line(row)
    assert caught.value.field in FIELDS


@pytest.mark.parametrize("decode", DECODERS)
@given(octets=st.binary(max_size=200))
def test_any_octets_are_a_value_or_a_decode_error(decode: Decoder, octets: bytes) -> None:
    value_or_error(decode, octets)


@given(st.binary(max_size=180), st.integers(0, 255), st.booleans())
def test_any_user_data_after_a_good_head_is_a_value_or_a_decode_error(
    tail: bytes, dcs: int, header: bool
) -> None:
    head = bytes([0x44 if header else 0x04]) + bytes.fromhex("0A91542143658700") + bytes([dcs]) + bytes(7)
    value_or_error(decode_deliver, head + tail)
    submit = bytes([0x41 if header else 0x01, 0]) + bytes.fromhex("0A91542143658700") + bytes([dcs])
    value_or_error(decode_submit, submit + tail)
    value_or_error(decode_incoming, bytes.fromhex("06070A9154214365876230419062354062304190720140") + tail)


@given(st.text(max_size=40))
def test_any_line_is_octets_or_a_decode_error(line: str) -> None:
    seen = attempt(parse_hex, line)
    if isinstance(seen, bytes):
        assert seen.hex() == line.lower()
    else:
        assert isinstance(seen, DecodeError)
        assert seen.field == "PDU"


def test_every_prefix_of_every_tpdu_is_refused_where_it_ends() -> None:
    for whole in tpdus_from_network():
        value = decode_incoming(whole)
        for end in range(len(whole)):
            seen = value_or_error(decode_incoming, whole[:end])
            # A report is whole without what TP-PI would announce; nothing else is.
            assert seen is None or (whole[0] & 3 == 2 and seen != value)
    for whole in tpdus_to_network():
        for end in range(len(whole)):
            assert value_or_error(decode_submit, whole[:end]) is None


def test_octets_after_a_whole_tpdu_change_nothing() -> None:
    for whole in tpdus_from_network():
        if whole[0] & 3 != 2:
            assert decode_incoming(whole + b"\xff\x00\x1a") == decode_incoming(whole)
        else:
            value_or_error(decode_incoming, whole + b"\xff\x00\x1a")
    for whole in tpdus_to_network():
        assert decode_submit(whole + b"\xff\x00\x1a") == decode_submit(whole)


def test_every_octet_of_a_tpdu_may_be_wrong() -> None:
    for whole in tpdus_from_network()[::7]:
        for at in range(min(len(whole), 40)):
            for octet in (0x00, 0x7F, 0x80, 0xFF, whole[at] ^ 0x40):
                value_or_error(decode_incoming, whole[:at] + bytes([octet]) + whole[at + 1 :])


@pytest.mark.parametrize(
    ("decode", "octets", "field", "octet"),
    [
        (decode_incoming, "", "PDU", 0),
        (decode_incoming, "01", "TP-MTI", 0),
        (decode_deliver, "06", "TP-MTI", 0),
        (decode_status_report, "04", "TP-MTI", 0),
        (decode_submit, "04", "TP-MTI", 0),
        (decode_deliver, "0415", "TP-OA", 1),
        (decode_deliver, "040A9154", "TP-OA", 3),
        (decode_deliver, "040A915421436587000062304190623540A1", "TP-UDL", 17),
        (decode_deliver, "440A9154214365870000623041906235400205000342", "TP-UDHL", 18),
        (decode_deliver, "440A915421436587000062304190623540030500", "TP-UD", 18),
        (decode_deliver, "440A91542143658700006230419062354003050003", "TP-UDHL", 18),
    ],
)
def test_an_error_says_which_element_and_where(decode: Decoder, octets: str, field: str, octet: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(bytes.fromhex(octets))
    assert (caught.value.field, caught.value.octet) == (field, octet)

"""Proves the SUBMIT encoder octet by octet, its refusals, and that what it made decodes to what went in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smspdudecoder.easy import read_outgoing_sms

from device_bridge.errors import EncodeError
from device_bridge.sms.address import Address
from device_bridge.sms.alphabet import GSM7_CHARACTERS
from device_bridge.sms.pdu import join_sca, parse_hex, split_sca
from device_bridge.sms.reassembly import join
from device_bridge.sms.segmentation import Segmentation, segment, segment_octets
from device_bridge.sms.submit import SubmitOptions, encode_parts
from device_bridge.sms.tpdu import Submit, decode_deliver, decode_submit
from device_bridge.sms.user_data import decode_body
from device_bridge.sms.validity import MAX_VALIDITY_S, Validity, encode_relative
from tests.unit.sms.sms_vectors import Row, each, table_names

DAY_S = 86_400
texts = st.one_of(
    st.text(st.sampled_from(sorted(GSM7_CHARACTERS)), max_size=500),
    st.text(max_size=200),
)


def segmentation_of(row: Row) -> Segmentation:
    bits = row.get("ref_bits", 8)
    if "data" in row:
        return segment_octets(bytes.fromhex(row["data"]), row.get("dst_port"), bits, row.get("src_port", 0))
    return segment(row["text"], row["encoding"], bits, row.get("dst_port"))


def options_of(row: Row) -> SubmitOptions:
    toa = row.get("toa")
    return SubmitOptions(
        to=row["to"] if toa is None else Address(row["to"], toa >> 4 & 7, toa & 15),
        reference=row.get("ref", 0),
        delivery_report=row["status_report"],
        validity_s=row.get("validity_s"),
        reject_duplicates=row["reject_duplicates"],
        mr=row["mr"][0],
        pid=row["pid"],
        message_class=row.get("message_class"),
    )


def body(parts: list[Submit]) -> str | None:
    return decode_body(parts[0].coding, b"".join(part.ud for part in parts))


def test_every_table_of_the_submit_vectors_has_its_test() -> None:
    assert table_names("submit") == {"submit", "with_sca", "reject"}


@each("submit", "submit")
def test_a_message_encodes_to_the_octets_of_the_vectors(row: Row) -> None:
    tpdus = encode_parts(segmentation_of(row), options_of(row))
    assert [tpdu.hex().upper() for tpdu in tpdus] == row["tpdu"]
    assert [len(tpdu) for tpdu in tpdus] == row["cmgs_length"]


@each("submit", "submit")
def test_the_octets_of_the_vectors_decode_to_the_message(row: Row) -> None:
    parts = [decode_submit(bytes.fromhex(tpdu)) for tpdu in row["tpdu"]]
    assert [part.mr for part in parts] == row["mr"]
    for part in parts:
        assert part.da.text == row["to"]
        assert (part.pid, part.dcs) == (row["pid"], row["dcs"])
        assert part.status_report_request == row["status_report"]
        assert part.reject_duplicates == row["reject_duplicates"]
        assert part.message_class == row.get("message_class")
        assert part.validity == Validity(row.get("validity_s"))
        assert part.ports == ((row["dst_port"], row["src_port"]) if "dst_port" in row else None)
    if "data" in row:
        assert b"".join(part.octets or b"" for part in parts).hex().upper() == row["data"]
    else:
        assert body(parts) == row["text"]
    if "vp" in row:
        assert encode_relative(row["validity_s"]) == row["vp"]


@each("submit", "with_sca")
def test_a_service_centre_stands_before_the_tpdu_and_is_not_counted(row: Row) -> None:
    options = SubmitOptions(row["to"], 0, delivery_report=False, mr=row["mr"])
    (tpdu,) = encode_parts(segment(row["text"]), options)
    assert join_sca(row["sca"], tpdu).hex().upper() == row["pdu"]
    assert len(tpdu) == row["cmgs_length"]
    assert split_sca(parse_hex(row["pdu"]), row["cmgs_length"]) == (row["sca"], tpdu)


@each("submit", "reject")
def test_a_destination_that_cannot_be_dialled_is_refused(row: Row) -> None:
    with pytest.raises(EncodeError) as caught:
        encode_parts(segment(row["text"]), SubmitOptions(row["to"], 0))
    assert caught.value.field == "TP-DA"
    with pytest.raises(EncodeError):
        Address.parse(row["to"])


@given(texts, st.sampled_from([8, 16]), st.integers(0, 255), st.booleans())
def test_what_is_encoded_decodes_to_the_same(text: str, ref_bits: int, reference: int, flash: bool) -> None:
    cut = segment(text, ref_bits=ref_bits)
    tpdus = encode_parts(cut, SubmitOptions("+4512345678", reference, flash=flash, mr=250))
    parts = [decode_submit(tpdu) for tpdu in tpdus]
    assert [part.text for part in parts] == [each_part.text for each_part in cut.segments]
    assert body(parts) == text
    for number, part in enumerate(parts, 1):
        assert len(tpdus[number - 1]) <= 164
        assert part.mr == (249 + number) % 256
        assert part.message_class == (0 if flash else None)
        assert part.status_report_request
        if len(parts) == 1:
            assert part.concatenation is None
            assert not part.has_header
        else:
            seen = part.concatenation
            assert seen is not None
            assert (seen.reference, seen.total, seen.number, seen.ref_bits) == (
                reference,
                len(parts),
                number,
                ref_bits,
            )


@given(st.from_regex(r"\+[0-9]{1,20}|[0-9*#]{1,20}", fullmatch=True))
def test_any_number_comes_back(number: str) -> None:
    (tpdu,) = encode_parts(segment("x"), SubmitOptions(number, 0))
    assert decode_submit(tpdu).da.text == number


@given(st.text(st.sampled_from(sorted(GSM7_CHARACTERS)), max_size=480), st.integers(32, 127))
def test_an_independent_decoder_reads_the_same_gsm_text(text: str, reference: int) -> None:
    cut = segment(text)
    tpdus = encode_parts(cut, SubmitOptions("+4512345678", reference))
    for part, tpdu in zip(cut.segments, tpdus, strict=True):
        seen = read_outgoing_sms("00" + tpdu.hex())
        assert seen["recipient"] == "+4512345678"
        # That decoder counts characters where TP-UDL counts septets: an escape lets a spare @ through.
        escapes = part.units - len(part.text or "")
        spare = seen["content"][len(part.text or "") :]
        assert seen["content"].startswith(part.text or "")
        assert spare in ({"", "@"} if escapes else {""})


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=250))
def test_an_independent_decoder_reads_the_same_ucs2_text(text: str) -> None:
    cut = segment(text, "ucs2")
    tpdus = encode_parts(cut, SubmitOptions("12345", 200))
    assert [read_outgoing_sms("00" + tpdu.hex())["content"] for tpdu in tpdus] == [
        part.text for part in cut.segments
    ]


@given(st.integers(1, MAX_VALIDITY_S))
def test_validity_is_rounded_up_to_the_next_step_and_no_further(validity_s: int) -> None:
    vp = encode_relative(validity_s)
    (tpdu,) = encode_parts(segment("x"), SubmitOptions("1", 0, validity_s=validity_s))
    granted = decode_submit(tpdu).validity.seconds
    assert granted is not None
    assert granted >= validity_s
    if vp:
        (shorter,) = encode_parts(segment("x"), SubmitOptions("1", 0, validity_s=granted))
        assert shorter == tpdu
        assert granted - validity_s < (
            300 if vp <= 143 else 1800 if vp <= 167 else DAY_S if vp <= 196 else 7 * DAY_S
        )


@pytest.mark.parametrize(
    ("validity_s", "vp"), [(1, 0), (301, 1), (43_201, 144), (86_401, 168), (30 * DAY_S + 1, 197)]
)
def test_validity_between_steps_takes_the_longer_one(validity_s: int, vp: int) -> None:
    assert encode_relative(validity_s) == vp


@pytest.mark.parametrize("validity_s", [0, -1, MAX_VALIDITY_S + 1])
def test_a_validity_that_cannot_be_kept_is_refused(validity_s: int) -> None:
    with pytest.raises(EncodeError, match="63 weeks") as caught:
        encode_parts(segment("x"), SubmitOptions("1", 0, validity_s=validity_s))
    assert caught.value.field == "TP-VP"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (SubmitOptions("1", 256), "TP-UDH"),
        (SubmitOptions("1", -1), "TP-UDH"),
        (SubmitOptions("1", 0, pid=256), "TP-PID"),
        (SubmitOptions("1", 0, message_class=4), "TP-DCS"),
        (SubmitOptions(Address("Info", 5, 0), 0), "TP-DA"),
        (SubmitOptions(Address("", 1), 0), "TP-DA"),
        (SubmitOptions(Address("12x", 1), 0), "TP-DA"),
    ],
)
def test_an_option_that_the_standard_has_not_is_refused_by_field(options: SubmitOptions, field: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode_parts(segment("x" * 200), options)
    assert caught.value.field == field


@pytest.mark.parametrize("smsc", ["Info", "+", "12 34", ""])
def test_a_service_centre_that_is_no_number_is_refused(smsc: str) -> None:
    with pytest.raises(EncodeError):
        join_sca(smsc, b"\x01")


@pytest.mark.parametrize(
    ("first", "vp", "validity"),
    [
        (0x09, "40060000000000", Validity(None)),
        (0x09, "010B0000000000", Validity(3600)),
        (0x09, "022D0000000000", Validity(45)),
        (0x09, "03102030000000", Validity(1 * 3600 + 2 * 60 + 3)),
        (0x09, "8101A700000000", Validity(86_400)),
    ],
)
def test_the_enhanced_validity_is_read_in_every_form(first: int, vp: str, validity: Validity) -> None:
    tpdu = bytes([first, 1]) + bytes.fromhex("0181F10000" + vp + "00")
    assert decode_submit(tpdu).validity == validity


def test_the_absolute_validity_is_read_as_a_moment() -> None:
    tpdu = bytes.fromhex("1901" + "0181F10000" + "62304190623540" + "00")
    until = decode_submit(tpdu).validity.until
    assert until is not None
    assert until.rfc3339 == "2026-03-14T09:26:53+01:00"


def test_a_set_of_parts_is_joined_by_the_receiver_in_any_order() -> None:
    text = "Gate code € 4711. " * 30
    tpdus = encode_parts(segment(text), SubmitOptions("1", 7))
    # A service centre turns each SUBMIT into a DELIVER: same header, same body.
    delivers = [decode_deliver(b"\x44" + bytes.fromhex("0181F10000") + bytes(7) + tpdu[7:]) for tpdu in tpdus]
    assert join(delivers[::-1]).text == text

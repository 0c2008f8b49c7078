"""Proves what is read from a DELIVER and a STATUS-REPORT, how parts join, and how an MMS is recognised."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.errors import DecodeError, EncodeError
from device_bridge.sms.acknowledgement import SubmitReport, decode_submit_report, encode_deliver_report
from device_bridge.sms.address import Address, decode_address, encode_address
from device_bridge.sms.alphabet import GSM7_CHARACTERS, encode_septets
from device_bridge.sms.cursor import Cursor
from device_bridge.sms.outcome import report_meaning
from device_bridge.sms.pdu import parse_hex, split_sca
from device_bridge.sms.reassembly import join
from device_bridge.sms.timestamp import ScTimestamp
from device_bridge.sms.tpdu import Deliver, StatusReport, decode_deliver, decode_incoming
from device_bridge.sms.wap_push import MmsNotification, recognise, recognise_octets
from tests.unit.sms.sms_vectors import Row, attempt, each, rows, table_names


def incoming(row: Row) -> Deliver | StatusReport:
    if "pdu" not in row:
        return decode_incoming(parse_hex(row["tpdu"]))
    smsc, tpdu = split_sca(parse_hex(row["pdu"]))
    assert (smsc or "") == row["sca"]
    return decode_incoming(tpdu)


def test_every_table_of_the_vectors_from_the_network_has_its_test() -> None:
    assert table_names("deliver") == {"deliver", "join"}
    assert table_names("status_report") == {"status_report"}


@each("deliver", "deliver")
def test_a_deliver_decodes_to_the_fields_of_the_vectors(row: Row) -> None:
    seen = incoming(row)
    assert isinstance(seen, Deliver)
    assert (seen.oa.text, seen.oa.is_alphanumeric, seen.oa.toa) == (
        row["oa"],
        row["alphanumeric"],
        row["toa"],
    )
    assert (seen.pid, seen.dcs, seen.coding) == (row["pid"], row["dcs"], row["encoding"])
    assert seen.more_messages == row["more_messages"]
    assert (seen.scts.rfc3339, seen.scts.raw_hex) == (row["scts"], row["scts_raw"])
    assert seen.text == row.get("text")
    assert (seen.octets.hex().upper() if seen.octets is not None else None) == row.get("data")
    assert seen.message_class == row.get("message_class")
    assert seen.udh.hex().upper() == row.get("udh", "")
    assert seen.udh_ignored == row.get("udh_ignored", False)
    assert seen.ports == ((row["dst_port"], row["src_port"]) if "dst_port" in row else None)
    which = seen.concatenation
    shown = (
        {"ref": which.reference, "total": which.total, "seq": which.number, "bits": which.ref_bits}
        if which
        else None
    )
    assert shown == row.get("concat")


@each("status_report", "status_report")
def test_a_status_report_decodes_to_the_fields_of_the_vectors(row: Row) -> None:
    seen = incoming(row)
    assert isinstance(seen, StatusReport)
    assert (seen.mr, seen.ra.text, seen.st) == (row["mr"], row["ra"], row["st"])
    assert (seen.scts.rfc3339, seen.discharge.rfc3339) == (row["scts"], row["dt"])
    assert report_meaning(seen.st).st_class == row["st_class"]
    assert seen.more_messages == row["more_messages"]
    assert (seen.pi, seen.pid, seen.dcs) == (row.get("pi"), row.get("pid"), row.get("dcs"))
    assert seen.text == row.get("text")
    assert (seen.octets.hex().upper() if seen.octets is not None else None) == row.get("data")


@pytest.mark.parametrize(
    ("first", "shown"),
    [
        (0x00, (True, False, False, False)),
        (0x04, (False, False, False, False)),
        (0x0C, (False, True, False, False)),
        (0x24, (False, False, True, False)),
        (0x84, (False, False, False, True)),
    ],
)
def test_each_indication_of_the_first_octet_is_told_apart(first: int, shown: tuple[bool, ...]) -> None:
    tpdu = bytes.fromhex(rows("deliver", "deliver")[0]["tpdu"])
    seen = decode_deliver(bytes([first]) + tpdu[1:])
    flags = (seen.more_messages, seen.loop_prevention, seen.status_report_indication, seen.reply_path)
    assert flags == shown


def test_a_report_for_a_command_is_told_apart_from_one_for_a_submit() -> None:
    named = {row["name"]: row for row in rows("status_report", "status_report")}
    answer = incoming(named["first octet: report for a COMMAND (SRQ)"])
    assert isinstance(answer, StatusReport)
    assert answer.for_command
    report = incoming(named["reference 0"])
    assert isinstance(report, StatusReport)
    assert not report.for_command


@each("deliver", "join")
def test_parts_join_in_any_order_of_arrival(row: Row) -> None:
    parts = [decode_deliver(parse_hex(tpdu)) for tpdu in row["arrival"]]
    for arrival in itertools.islice(itertools.permutations(parts), 24):
        joined = join(arrival)
        assert joined.complete == row["complete"]
        assert (joined.text or "") == row["text"]
        assert bool(joined.missing) != joined.complete
        assert (joined.so_far == joined.text) == joined.complete


def test_what_is_missing_is_named_and_shown_as_a_gap() -> None:
    row = next(row for row in rows("deliver", "join") if row["name"] == "last part missing")
    joined = join([decode_deliver(parse_hex(tpdu)) for tpdu in row["arrival"]])
    assert joined.missing == (3,)
    assert joined.so_far.endswith("…")
    assert joined.so_far.startswith("Minutes of the meeting")


def test_a_deliver_of_one_part_is_complete_by_itself() -> None:
    deliver = decode_deliver(bytes.fromhex(rows("deliver", "deliver")[0]["tpdu"]))
    assert join([deliver]).text == deliver.text == "Back in ten minutes"


def test_data_in_parts_joins_to_octets() -> None:
    head = "440A9154214365870004623041906235400A" + "050003AA02"
    parts = [decode_deliver(bytes.fromhex(head + number + "01020304")) for number in ("02", "01")]
    assert join(parts).octets == bytes.fromhex("0102030401020304")
    assert join(parts).text is None
    assert join(parts[:1]) == join(parts[:1] * 2)
    assert join(parts[:1]).octets is None


def test_a_sender_that_changes_the_width_of_its_reference_is_still_joined() -> None:
    head = "440A91542143658700046230419062354"
    wide = bytes.fromhex(head + "009" + "060804" + "00AA0201" + "0102")
    narrow = bytes.fromhex(head + "008" + "050003" + "AA0202" + "0304")
    assert join([decode_deliver(narrow), decode_deliver(wide)]).octets == bytes.fromhex("01020304")


def test_joining_nothing_or_parts_of_different_sets_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no parts"):
        join([])
    first, second = (
        decode_deliver(parse_hex(row["arrival"][0]))
        for row in rows("deliver", "join")
        if row["ref"] in {5, 6}
    )
    with pytest.raises(ValueError, match="2 different sets"):
        join([first, second])


# ------------------------------------------------------------------ addresses and stamps


@given(st.text(st.sampled_from(sorted(GSM7_CHARACTERS)), max_size=11))
def test_any_name_that_fits_comes_back(name: str) -> None:
    address = Address(name, 5, 0)
    octets = attempt(encode_address, address)
    if len(encode_septets(name)) > 11:
        assert isinstance(octets, EncodeError)
        assert "at most 11 septets" in octets.reason
    else:
        assert decode_address(Cursor(octets), "TP-OA") == address


@given(st.text("0123456789*#abc", max_size=20), st.sampled_from([0, 1, 2, 3, 4, 6]), st.integers(0, 15))
def test_any_digits_of_any_type_come_back(digits: str, ton: int, npi: int) -> None:
    address = Address(digits, ton, npi)
    assert decode_address(Cursor(encode_address(address)), "TP-OA") == address


# Two digits say the years 1990 to 2089; a day less at both ends, whatever the zone.
@given(st.integers(631_238_400, 3_786_825_599), st.integers(0, 999), st.integers(-79, 79))
def test_any_moment_comes_back_from_its_stamp(at_s: int, ms: int, zone_quarters: int) -> None:
    stamp = ScTimestamp.of(at_s * 1000 + ms, zone_quarters)
    assert stamp.at_ms == at_s * 1000
    assert len(stamp.raw) == 7


@given(st.binary(min_size=7, max_size=7))
def test_any_seven_octets_are_a_moment_or_none(octets: bytes) -> None:
    stamp = ScTimestamp(octets.hex().upper())
    assert (stamp.at_ms is None) == (stamp.rfc3339 == "")


# ------------------------------------------------------------------ MMS, small reports


def mms_row() -> Row:
    return next(row for row in rows("deliver", "deliver") if "mms_size" in row)


def test_an_mms_notification_is_recognised() -> None:
    row = mms_row()
    seen = recognise(decode_deliver(bytes.fromhex(row["tpdu"])))
    assert seen == MmsNotification(
        url=row["mms_content_location"],
        size=row["mms_size"],
        from_="+4512345678",
        transaction_id=row["mms_transaction_id"],
    )


def test_an_mms_notification_with_its_type_spelt_out_and_a_subject_is_recognised() -> None:
    content_type = b"application/vnd.wap.mms-message\0"
    push = b"\x01\x06" + bytes([len(content_type) + 2]) + content_type + b"\xaf\x84"
    mms = b"\x8c\x82\x98T1\0\x8d\x90\x96\x04\xeaHi\0X-App\0yes\0\x89\x01\x81\x83http://m/1\0"
    seen = recognise_octets(push + mms, (2948, 9200))
    assert seen == MmsNotification("http://m/1", transaction_id="T1", subject="Hi")


def test_other_data_is_no_mms_notification() -> None:
    octets = bytes.fromhex(mms_row()["data"])
    assert recognise_octets(octets, (2948, 9200)) is not None
    assert recognise_octets(octets, (16000, 9200)) is None
    assert recognise_octets(octets, None) is None
    assert recognise_octets(octets.replace(b"\xbe\xaf", b"\xae\xaf"), (2948, 9200)) is None
    assert recognise_octets(octets.replace(b"\x8c\x82", b"\x8c\x84"), (2948, 9200)) is None
    assert recognise(decode_deliver(bytes.fromhex(rows("deliver", "deliver")[0]["tpdu"]))) is None


def test_every_prefix_of_an_mms_notification_is_one_or_none() -> None:
    octets = bytes.fromhex(mms_row()["data"])
    seen = [recognise_octets(octets[:end], (2948, 0)) for end in range(len(octets))]
    assert set(seen) == {None}


@given(st.binary(max_size=60))
def test_any_push_is_a_notification_or_none(octets: bytes) -> None:
    for push in (octets, b"\x01\x06\x01\xbe" + octets, b"\x01\x06\x01\xbe\x8c\x82\x83u\0" + octets):
        seen = recognise_octets(push, (2948, 0))
        assert seen is None or isinstance(seen.url, str)


def test_an_acknowledgement_is_a_deliver_report() -> None:
    assert encode_deliver_report() == b"\x00\x00"
    assert encode_deliver_report(0xD3) == b"\x00\xd3\x00"


def test_a_submit_report_tells_the_stamp_and_the_refusal() -> None:
    accepted = decode_submit_report(bytes.fromhex("010062304190623540"))
    assert (accepted.fcs, accepted.scts.rfc3339) == (None, "2026-03-14T09:26:53+01:00")
    assert decode_submit_report(bytes.fromhex("01C50062304190623540")).fcs == 0xC5


@given(st.binary(max_size=20))
def test_any_octets_are_a_submit_report_or_a_decode_error(octets: bytes) -> None:
    seen = attempt(decode_submit_report, octets)
    assert isinstance(seen, SubmitReport) or (isinstance(seen, DecodeError) and seen.field.startswith("TP-"))

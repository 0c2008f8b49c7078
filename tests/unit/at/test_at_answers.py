"""Parsers of single answers and lines, in each shape that makers give them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.at import commands, fields
from device_bridge.at.dialects import GENERIC, dialect_of
from device_bridge.at.lines import AtError, final_result, fits, pdu_header
from device_bridge.at.unsolicited import (
    LateVerdict,
    Noise,
    RegistrationChanged,
    Restarted,
    Routed,
    SignalChanged,
    SimChanged,
    Stored,
    StoreFull,
    UssdAnswered,
    parse_unsolicited,
)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("ERROR", AtError("plain", None, "ERROR")),
        ("COMMAND NOT SUPPORT", AtError("plain", None, "COMMAND NOT SUPPORT")),
        ("+CMS ERROR: 38", AtError("cms", 38, "+CMS ERROR: 38")),
        ("+CMS ERROR:38", AtError("cms", 38, "+CMS ERROR:38")),
        ("+CME ERROR: SIM not inserted", AtError("cme", 10, "+CME ERROR: SIM not inserted")),
        ("+CMS ERROR: No network service", AtError("cms", 331, "+CMS ERROR: No network service")),
        ("+CMS ERROR: something new", AtError("cms", None, "+CMS ERROR: something new")),
    ],
)
def test_failures_in_every_spelling(line: str, error: AtError) -> None:
    assert final_result(line, numeric=False) == (True, error)


@pytest.mark.parametrize("line", ["OKAY", "0", "4", "RING", "NO CARRIER", "+CMS: 1", "CONNECT", ""])
def test_other_lines_are_no_results(line: str) -> None:
    assert final_result(line, numeric=False) == (False, None)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("+CDS: 25", ("CDS", 25)),
        ("+CDS: ,25", ("CDS", 25)),
        ("+CMT: ,24", ("CMT", 24)),
        ('+CMT: "",24', ("CMT", 24)),
        ("+CMGR: 0,,25", ("CMGR", 25)),
        ("+CMGR: ,25", ("CMGR", 25)),
        ('+CMGL: 1,0,"Ann, Bo",25', ("CMGL", 25)),
        ('+CMTI: "SM",25', None),
        ("+CMGS: 25", None),
        ('+CDSI: "SM",25', None),
    ],
)
def test_headers_of_pdus(line: str, found: tuple[str, int] | None) -> None:
    assert pdu_header(line) == found


def test_a_length_counts_with_or_without_the_service_centre() -> None:
    assert fits("07915348747420F0" + "00" * 20, 20)
    assert fits("07915348747420F0" + "00" * 20, 28)
    assert not fits("07915348747420F0" + "00" * 20, 21)


@pytest.mark.parametrize(
    ("line", "notice"),
    [
        ('+CMTI: "SM",3', Stored("SM", 3, is_report=False)),
        ("+CMTI: ,-1", Stored("", None, is_report=False)),
        ('+CMTI: "SM",3,"MMS PUSH",2,1', Stored("SM", 3, is_report=False)),
        ('+CMTI: "MMS PUSH",1', Stored("", 1, is_report=False)),
        ('+CDSI: "SR",0', Stored("SR", 0, is_report=True)),
        ("+CREG: 5", RegistrationChanged("CREG", 5)),
        ('+CEREG: 1,"00C3","1A2B",7', RegistrationChanged("CEREG", 1)),
        ("+CREG: 2,1", RegistrationChanged("CREG", 1)),
        ('+CREG: 2,1,"00C3","1A2B"', RegistrationChanged("CREG", 1)),
        ("+CGREG: 0", RegistrationChanged("CGREG", 0)),
        ("^RSSI:14", SignalChanged(14)),
        ("+CPIN: NOT READY", SimChanged()),
        ("^SIMST:255", SimChanged()),
        ("RDY", Restarted(from_cold=True)),
        ("SMS Ready", Restarted(from_cold=False)),
        ('^SMMEMFULL: "SM"', StoreFull()),
        ('+CUSD: 0,"Hi, you",15', UssdAnswered(0, "Hi, you", 15)),
        ("+CUSD: 4", UssdAnswered(4, "", None)),
        ("+CMGS: 7", LateVerdict("+CMGS: 7", None)),
        ("+CMS ERROR: 38", LateVerdict("+CMS ERROR: 38", AtError("cms", 38, "+CMS ERROR: 38"))),
        ("+ZUSIMR:2", Noise("+ZUSIMR:2")),
        ("RING", Noise("RING")),
    ],
)
def test_what_lines_that_come_by_themselves_mean(line: str, notice: object) -> None:
    assert parse_unsolicited(line, None) == notice


def test_a_routed_pdu_comes_with_its_header() -> None:
    assert parse_unsolicited("+CDS: ,25", "00AA") == Routed("00AA", 25, is_report=True)
    assert parse_unsolicited("+CMT: ,25", None) == Routed(None, 25, is_report=False)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (('+CPMS: "SM",3,20,"SM",3,20,"SM",3,20',), (3, 20)),
        (("+CPMS: 3,20,3,20,3,20",), (3, 20)),
        (('+CPMS: "SM"',), None),
        ((), None),
    ],
)
def test_store_use_with_and_without_names(lines: tuple[str, ...], found: tuple[int, int] | None) -> None:
    use = commands.store_use(lines)
    assert (use and (use.used, use.total)) == found


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ('+CPMS: ("SM","ME"),("SM"),("SM")', ("SM", "ME")),
        ('+CPMS: (("SM","BM"),("SM"))', ("SM", "BM")),
        ('+CPMS: "SM","ME","SM"', ("SM", "ME", "SM")),
        ("+CPMS: ", ()),
    ],
)
def test_stores_offered_even_when_nested_wrongly(line: str, names: tuple[str, ...]) -> None:
    assert commands.store_names((line,)) == names


def test_the_indications_on_offer_are_sets() -> None:
    offered = commands.indications_offered(("+CNMI: (0,1,2),(0-3),(0,2),(0),(1)",))
    assert offered == tuple(map(frozenset, ({0, 1, 2}, {0, 1, 2, 3}, {0, 2}, {0}, {1})))
    assert commands.indications_offered(("+CNMI: (0-2),(0,1),,(0,2),(1)",))[2] == frozenset()


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        (("89882390000012345675",), "89882390000012345675"),
        (('+CCID: "8988239000001234567F"',), "8988239000001234567"),
        (("^ICCID: 98883209000021436557",), "89882390000012345675"),
        (('+CRSM: 144,0,"98883209000021436557"',), "89882390000012345675"),
        (('+CRSM: 106,130,""',), None),
        (("ERROR",), None),
    ],
)
def test_card_numbers_in_both_orders_of_digits(lines: tuple[str, ...], number: str | None) -> None:
    assert commands.iccid(lines) == number


@pytest.mark.parametrize(
    ("line", "tries"),
    [
        ("+CPINR: SIM PIN,3,3", 3),
        ("^CPIN: SIM PIN,2,10,2,10,3", 2),
        ("+SPIC: 1,10,0,10", 1),
        ('+QPINC: "SC",3,10', 3),
        ("+CPINR: SIM PUK,10,10", None),
    ],
)
def test_tries_left(line: str, tries: int | None) -> None:
    assert commands.pin_tries((line,)) == tries


@pytest.mark.parametrize(
    ("rssi", "dbm"), [(0, -113), (31, -51), (99, None), (199, None), (141, -75), (-1, None)]
)
def test_signal_in_dbm(rssi: int, dbm: int | None) -> None:
    assert commands.signal_dbm(f"+CSQ: {rssi},99") == dbm


def test_references_outside_an_octet_are_none() -> None:
    assert [commands.message_reference(f"+CMGS: {mr}") for mr in ("0", "255", "256", "-1", "")] == [
        0,
        255,
        None,
        None,
        None,
    ]
    assert commands.message_reference('+CMGS: 7,"26/11/21,09:00:00+00"') == 7


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (("+CMGR: 0,,25", "00AA"), [(9, 0, "00AA")]),
        (("+CMGR: ,25", "00AA"), [(9, 0, "00AA")]),
        (("+CMGR: 0,,25",), []),
        ((), []),
    ],
)
def test_a_slot_that_was_read(lines: tuple[str, ...], found: list[tuple[int, int, str]]) -> None:
    assert [(each.index, each.state, each.pdu_hex) for each in commands.stored_messages(lines, 9)] == found


def test_a_listing_leaves_out_headers_without_their_pdu() -> None:
    lines = ("+CMGL: 1,0,,25", "+CMGL: 2,1,,3", "00AABB", '+CMGL: 3,1,"Ann",3', "00AACC")
    assert [(each.index, each.pdu_hex) for each in commands.stored_messages(lines)] == [
        (2, "00AABB"),
        (3, "00AACC"),
    ]


def test_numbers_get_their_plus_by_their_type() -> None:
    assert commands.own_number(('+CNUM: "Me","447700900123",145',)) == "+447700900123"
    assert commands.own_number(('+CNUM: ,"07700900123",129',)) == "07700900123"
    assert commands.service_centre(('+CSCA: "+447785016005",145',)) == "+447785016005"
    assert commands.service_centre(('+CSCA: "",129',)) is None


@pytest.mark.parametrize(
    ("maker", "name"),
    [
        ("huawei", "huawei"),
        ("Quectel_Ltd", "quectel"),
        ("SIMCOM INCORPORATED", "simcom"),
        (None, "generic"),
        ("Acme", "generic"),
    ],
)
def test_dialects_by_the_makers_own_words(maker: str | None, name: str) -> None:
    assert dialect_of(maker).name == name
    assert GENERIC.restarts


@given(st.text(max_size=60))
def test_any_line_has_a_meaning(line: str) -> None:
    parse_unsolicited(line or "x", None)
    fields.values(line)
    for parse in (
        commands.store_use,
        commands.indications,
        commands.indications_offered,
        commands.iccid,
        commands.own_number,
        commands.service_centre,
        commands.pin_tries,
        commands.operator,
        commands.store_names,
        commands.imei,
        commands.imsi,
        commands.stored_messages,
    ):
        parse((line, line))

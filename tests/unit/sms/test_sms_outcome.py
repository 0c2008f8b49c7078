"""Proves what each code of the radio leads to, and that no number is without an honest answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.sms.catalogue import CATALOGUE
from device_bridge.sms.outcome import (
    Outcome,
    OutcomeClass,
    android_result,
    cme_error,
    cms_error,
    local,
    not_on_air,
    report_meaning,
    rp_cause,
    tp_fcs,
    tp_status,
)

P, T, L, U, D = (
    OutcomeClass.PERMANENT,
    OutcomeClass.TEMPORARY,
    OutcomeClass.LINE,
    OutcomeClass.UNKNOWN,
    OutcomeClass.DONE,
)


@pytest.mark.parametrize(
    ("number", "code", "outcome_class"),
    [
        (1, "number_unassigned", P),
        (8, "barred", L),
        (10, "no_credit", L),
        (11, "rejected_by_network", P),
        (21, "rejected_by_network", P),
        (22, "device_not_ready", L),
        (27, "absent_subscriber", T),
        (28, "smsc_wrong", P),
        (29, "rejected_by_network", P),
        (30, "rejected_by_network", P),
        (38, "rejected_by_network", T),
        (41, "rejected_by_network", T),
        (42, "rejected_by_network", T),
        (47, "rejected_by_network", T),
        (50, "barred", L),
        (69, "barred", L),
        *((number, "rejected_by_network", T) for number in (81, 97, 98, 99, 111, 127)),
        *((number, "rejected_by_network", P) for number in (95, 96)),
        *((number, "rejected_by_network", P) for number in (128, 129, 130, 143, 144, 145, 159)),
        *((number, "rejected_by_network", P) for number in (160, 161, 175, 176, 196, 198, 199)),
        (192, "rejected_by_network", T),
        (193, "barred", L),
        (194, "rejected_by_network", T),
        (195, "number_unassigned", P),
        (197, "sent", D),
        *((number, "device_not_ready", L) for number in range(208, 214)),
        *((number, "rejected_by_network", T) for number in (224, 254, 255)),
        (300, "device_not_ready", L),
        (301, "port_busy", L),
        *((number, "device_not_ready", L) for number in (302, 303, 320, 321, 322)),
        *((number, "device_error", P) for number in (304, 305)),
        *((number, "sim_missing", L) for number in (310, 313, 315)),
        *((number, "sim_pin_required", L) for number in (311, 312, 317)),
        *((number, "sim_puk_required", L) for number in (316, 318)),
        (314, "device_not_ready", T),
        (330, "smsc_wrong", L),
        (331, "not_registered", L),
        (332, "in_doubt", U),
        (500, "unknown_cause", T),
    ],
)
def test_a_cms_error_means_what_the_table_says(number: int, code: str, outcome_class: OutcomeClass) -> None:
    seen = cms_error(number)
    assert (seen.code, seen.outcome_class) == (code, outcome_class)


@pytest.mark.parametrize(
    ("number", "backoff_s"),
    [
        (27, (300, 600, 1200, 2400, 3600)),
        (38, (60, 300, 900, 3600)),
        (41, (5, 30, 120)),
        (42, (30, 60, 120, 240, 480, 960, 1800)),
        (47, (30, 60, 120, 240, 480, 960, 1800)),
        (192, (30, 60, 120, 240, 480, 960, 1800)),
        (194, (60, 300, 900)),
        (314, (2,)),
    ],
)
def test_a_temporary_refusal_says_when_to_try_again(number: int, backoff_s: tuple[int, ...]) -> None:
    assert cms_error(number).backoff_s == backoff_s
    assert list(backoff_s) == sorted(backoff_s)


def test_a_protocol_error_is_worth_one_more_try_and_another_line() -> None:
    assert (rp_cause(111).max_tries, rp_cause(111).reroute) == (2, True)
    assert (tp_fcs(0xFF).max_tries, cms_error(500).max_tries) == (2, 2)
    assert cms_error(314).max_tries == 11


@pytest.mark.parametrize(
    ("number", "vendor", "code", "outcome_class"),
    [
        (512, "WAVECOM MODEM", "rejected_by_network", T),
        (513, "WAVECOM MODEM", "in_doubt", U),
        (515, "Cinterion", "device_not_ready", T),
        (513, "SIMCOM_Ltd", "device_not_ready", L),
        (517, "SIMCOM_Ltd", "device_error", P),
        (521, "simcom incorporated", "in_doubt", U),
        (522, "SIMCOM_Ltd", "device_not_ready", T),
        (532, "MTK", "device_not_ready", L),
        (521, "huawei", "unknown_cause", U),
        (521, None, "unknown_cause", U),
        (599, "SIMCOM_Ltd", "unknown_cause", U),
    ],
)
def test_a_number_of_the_maker_is_read_by_its_maker(
    number: int, vendor: str | None, code: str, outcome_class: OutcomeClass
) -> None:
    seen = cms_error(number, vendor)
    assert (seen.code, seen.outcome_class, seen.network_code) == (code, outcome_class, f"+CMS ERROR {number}")


@pytest.mark.parametrize(
    ("number", "code", "outcome_class"),
    [
        (3, "device_not_ready", L),
        (10, "sim_missing", L),
        (11, "sim_pin_required", L),
        (12, "sim_puk_required", L),
        (14, "device_not_ready", T),
        (16, "sim_pin_required", L),
        (20, "device_not_ready", L),
        (30, "not_registered", L),
        (31, "in_doubt", U),
        (32, "not_registered", L),
        (100, "unknown_cause", U),
        (515, "device_not_ready", T),
        (4711, "unknown_cause", U),
    ],
)
def test_a_cme_error_means_what_the_table_says(number: int, code: str, outcome_class: OutcomeClass) -> None:
    seen = cme_error(number)
    assert (seen.code, seen.outcome_class, seen.network_code) == (code, outcome_class, f"+CME ERROR {number}")


def test_the_number_is_told_as_it_was_witnessed() -> None:
    assert rp_cause(1).network_code == cms_error(1).network_code == "RP cause 1"
    assert tp_fcs(0xC5).network_code == cms_error(197).network_code == "TP-FCS 0xC5"
    assert cms_error(332).network_code == "+CMS ERROR 332"
    assert tp_status(0x46).network_code == "TP-ST 0x46"
    assert android_result(2).network_code == "Android result 2"
    assert rp_cause(38).meaning == "network out of order"


def test_an_unknown_rp_cause_is_a_temporary_failure_that_keeps_its_number() -> None:
    assert (rp_cause(3).code, rp_cause(3).outcome_class, rp_cause(3).network_code) == (
        "unknown_cause",
        T,
        "RP cause 3",
    )


@pytest.mark.parametrize(
    ("st_value", "final", "delivered", "code"),
    [
        (0x00, True, True, "delivered"),
        (0x01, True, True, "delivered"),
        (0x02, True, True, "delivered"),
        (0x1F, True, True, "delivered"),
        (0x20, False, False, "undelivered"),
        (0x22, False, False, "absent_subscriber"),
        (0x3F, False, False, "undelivered"),
        (0x40, True, False, "undelivered"),
        (0x46, True, False, "absent_subscriber"),
        (0x5F, True, False, "undelivered"),
        (0x62, True, False, "absent_subscriber"),
        (0x7F, True, False, "undelivered"),
        (0x80, True, False, "undelivered"),
        (0xFF, True, False, "undelivered"),
    ],
)
def test_a_report_says_whether_it_is_final(st_value: int, final: bool, delivered: bool, code: str) -> None:
    seen = report_meaning(st_value)
    assert (seen.final, seen.delivered, seen.outcome.code) == (final, delivered, code)
    assert seen.outcome == tp_status(st_value)
    assert seen.confirmed == (st_value != 0x01)


@given(st.integers(0, 255))
def test_only_the_range_of_trying_is_not_final(st_value: int) -> None:
    seen = report_meaning(st_value)
    assert seen.final == (not 0x20 <= st_value <= 0x3F)
    assert seen.delivered == (st_value < 0x20)
    assert seen.outcome.outcome_class is (D if seen.delivered else P if seen.final else T)


@pytest.mark.parametrize(
    ("result", "error_code", "code", "outcome_class"),
    [
        (-1, None, "sent", D),
        (1, None, "unknown_cause", T),
        (1, 0, "unknown_cause", T),
        (1, 8, "barred", L),
        (10, 1, "number_unassigned", P),
        (1, 332, "in_doubt", U),
        (1, 9999, "unknown_cause", T),
        (2, None, "not_registered", L),
        (4, None, "not_registered", L),
        (4, 8, "not_registered", L),
        (5, None, "phone_cap", L),
        (6, None, "barred", P),
        (7, None, "phone_permission", P),
        (19, None, "smsc_wrong", L),
        (28, None, "in_doubt", U),
        (31, None, "in_doubt", U),
        (33, None, "phone_permission", L),
        (102, 21, "rejected_by_network", P),
        (106, None, "phone_cap", T),
        (120, None, "sim_missing", L),
        (122, None, "barred", L),
        (127, None, "sim_puk_required", L),
        (137, None, "in_doubt", U),
        (40, None, "unknown_cause", U),
        (999, None, "unknown_cause", U),
    ],
)
def test_an_android_result_means_what_the_table_says(
    result: int, error_code: int | None, code: str, outcome_class: OutcomeClass
) -> None:
    seen = android_result(result, error_code)
    assert (seen.code, seen.outcome_class) == (code, outcome_class)
    assert seen.network_code == (
        f"Android result {result}" if error_code is None else f"Android result {result}, error {error_code}"
    )


def honest(seen: Outcome) -> bool:
    """Title and hint for a person; waits only, and always, where another try is to come on the same line."""
    told = (seen.title, seen.hint) == CATALOGUE[seen.code]
    report = bool(seen.network_code and seen.network_code.startswith("TP-ST"))
    waits = bool(seen.backoff_s) == (seen.outcome_class is T) or report
    return told and waits


@given(st.integers(-5, 1200), st.sampled_from([None, "", "SIMCOM_Ltd", "WAVECOM MODEM", "huawei"]))
def test_every_number_has_an_honest_answer(number: int, vendor: str | None) -> None:
    for seen in (cms_error(number, vendor), cme_error(number, vendor), rp_cause(number), tp_fcs(number)):
        assert honest(seen)
        assert seen.network_code
    assert honest(android_result(number))
    assert honest(android_result(1, number))


@given(st.integers(0, 127) | st.integers(128, 255))
def test_what_the_network_refused_is_never_in_doubt(number: int) -> None:
    assert cms_error(number).outcome_class is not U


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_code_of_the_catalogue_is_a_cause_of_our_own(code: str) -> None:
    seen = local(code)
    assert (seen.code, seen.network_code) == (code, None)
    assert honest(seen)
    assert local(code, maybe_on_air=True).outcome_class is U


@pytest.mark.parametrize(
    ("code", "outcome_class"),
    [
        ("modem_silent", L),
        ("device_lost", L),
        ("phone_gone", L),
        ("sim_missing", L),
        ("sim_pin_required", L),
        ("sim_puk_required", L),
        ("not_registered", L),
        ("port_denied", L),
        ("port_busy", L),
        ("device_not_ready", L),
        ("partly_sent", P),
        ("in_doubt", U),
        ("device_error", T),
    ],
)
def test_a_cause_of_our_own_has_its_class(code: str, outcome_class: OutcomeClass) -> None:
    assert local(code).outcome_class is outcome_class


def test_a_cause_that_is_not_in_the_catalogue_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        local("no_such_code")


def test_before_the_prompt_nothing_is_on_air_whatever_the_number_says() -> None:
    seen = not_on_air(cms_error(332))
    assert (seen.outcome_class, seen.code, seen.network_code) == (T, "in_doubt", "+CMS ERROR 332")
    assert seen.backoff_s
    assert not_on_air(cms_error(1)) == cms_error(1)

"""Proves what is shown of a TPDU: every field with its octets, whole or broken, and nothing private once redacted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.evidence import HIDDEN, decode
from gateway.web.evidence_file import evidence_file

# Written out by hand from 23.040 §9.2.2: SUBMIT of "Hello " to +99900000003, validity 24 h, report wanted.
SUBMIT = "31000B919909000000F30000A706C8329BFD0601"
# The report of the service centre: TP-ST 0x62.
REPORT = "06000B919909000000F2621182225555006211822255550062"
# DELIVER of "STOP" from +99900000009.
DELIVER = "040B919909000000F90000621182326131000453EA130A"
# The first of two parts, with a header of six octets.
PART = "71000B919909000000F10000A70F050003130201" + "906536FB0D42DA00"


def values(tpdu: str, kind: str = "incoming") -> dict[str, str]:
    decoded = decode(tpdu, "submit" if kind == "submit" else "incoming")
    assert decoded.trouble == ""
    return {field.name: field.value for field in decoded.fields}


def test_a_submit_is_read_field_by_field() -> None:
    read = values(SUBMIT, "submit")
    assert read["TP-DA"] == "+99900000003"
    assert read["TP-UD"] == "Hello "
    assert read["TP-SRR"] == "1"
    assert read["TP-VP"] == "167"
    meaning = {field.name: field.meaning for field in decode(SUBMIT, "submit").fields}
    assert meaning["TP-VP"] == "the network tries for 24 h"
    assert "international" in meaning["TP-DA"]


def test_a_report_says_what_its_status_means() -> None:
    assert values(REPORT)["TP-ST"] == "0x62"
    status = next(field for field in decode(REPORT, "incoming").fields if field.name == "TP-ST")
    assert status.meaning == "no response from SME, the SC gave up; final"
    assert decode(REPORT, "incoming").kind == "SMS-STATUS-REPORT"


def test_a_deliver_says_who_wrote_what_and_when() -> None:
    read = values(DELIVER)
    assert (read["TP-OA"], read["TP-UD"]) == ("+99900000009", "STOP")
    assert read["TP-SCTS"].startswith("2026-11-28T23:16:13")


def test_a_part_says_which_it_is() -> None:
    header = next(field for field in decode(PART, "submit").fields if field.name == "TP-UDH")
    assert header.meaning == "part 1 of 2 of set 19"


@pytest.mark.parametrize("tpdu", [SUBMIT, REPORT, DELIVER, PART])
def test_the_octets_of_all_fields_make_the_whole(tpdu: str) -> None:
    decoded = decode(tpdu, "submit" if tpdu in (SUBMIT, PART) else "incoming")
    assert "".join(field.octets for field in decoded.fields) == tpdu == decoded.hex


@pytest.mark.parametrize("tpdu", [SUBMIT, REPORT, DELIVER])
def test_what_is_cut_off_is_shown_as_far_as_it_goes_with_the_reason(tpdu: str) -> None:
    kind = "submit" if tpdu == SUBMIT else "incoming"
    for octets in range(len(tpdu) // 2):
        decoded = decode(tpdu[: octets * 2], kind)  # type: ignore[arg-type]
        assert decoded.trouble
        assert (
            "".join(field.octets for field in decoded.fields)
            == tpdu[: octets * 2][: sum(len(f.octets) for f in decoded.fields)]
        )


@given(st.binary(max_size=60), st.sampled_from(["submit", "incoming"]))
def test_any_octets_are_shown_and_redaction_keeps_their_number(octets: bytes, kind: str) -> None:
    decoded = decode(octets.hex(), kind)  # type: ignore[arg-type]
    assert len(decoded.redacted().hex) == len(decoded.hex)


@pytest.mark.parametrize("tpdu", [SUBMIT, REPORT, DELIVER, PART])
def test_redacted_it_tells_neither_number_nor_text(tpdu: str) -> None:
    decoded = decode(tpdu, "submit" if tpdu in (SUBMIT, PART) else "incoming")
    private = [field for field in decoded.fields if field.private]
    assert private
    shown = decoded.redacted()
    for field in private:
        assert field.octets not in shown.hex
        assert all(each.value == HIDDEN for each in shown.fields if each.name == field.name)


def test_the_file_of_evidence_hides_persons_unless_it_is_asked_for_all() -> None:
    document: dict[str, object] = {
        "id": "x", "to": "+99900000003", "text": "Hello ", "reference": "Ann", "tags": {"class": "5B"},
        "state": "failed",
        "parts_detail": [{"tpdu": SUBMIT, "attempt": 1}],
        "timeline": [{"type": "message.undelivered", "detail": {"tpdu": REPORT, "tp_st": 98}}],
    }  # fmt: skip
    redacted = repr(evidence_file(document, full=False))
    for secret in ("+99900000003", "Hello", "Ann", "5B", "919909000000", "C8329BFD0601"):
        assert secret not in redacted
    assert "TP-ST" in redacted
    assert "failed" in redacted
    full = repr(evidence_file(document, full=True))
    for shown in ("+99900000003", "Hello", "Ann", "C8329BFD0601"):
        assert shown in full

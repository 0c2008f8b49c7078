# ruff: noqa: E501  the table is read row by row
"""Proves the rows of a message's history: who says so, what is told once, and which proof stands behind each."""

from __future__ import annotations

import pytest

from gateway.message import PartDetail, PartState, TimelineEntry, Witness
from gateway.web.message_timeline import hops, who_cancelled
from gateway.web.names import Names

NAMES = Names({"l1": "Shop"}, {"key:k1": "crm", "gateway": "this gateway"})
SUBMIT = "31000B919909000000F30000A706C8329BFD0601"
REPORT = "06000B919909000000F2621182225555006211822255550062"


def entry(
    type_: str, at_ms: int = 0, witness: Witness = "gateway", *, attempt: int | None = None, part: int | None = None,
    line: str | None = None, **detail: object,
) -> TimelineEntry:  # fmt: skip
    return TimelineEntry(f"id-{type_}-{at_ms}", at_ms, at_ms, type_, witness, attempt, part, line, detail)


def part(attempt: int = 1, number: int = 1, total: int = 1) -> PartDetail:
    return PartDetail(attempt, number, total, PartState.SENT, "l1", 0, SUBMIT, 0, 0, None, None, None)


def words(*entries: TimelineEntry) -> list[str]:
    return [" ".join(hop.words.striptags().split()) for hop in hops(entries, (), NAMES)]


def test_a_message_without_history_has_no_rows() -> None:
    assert hops((), (), NAMES) == ()


@pytest.mark.parametrize(
    ("entry_", "said"),
    [
        (entry("message.submitting", attempt=1, line="l1"), "Handed to Shop."),
        (entry("message.submitting", attempt=3, line="l1"), "Handed to Shop: try 3."),
        (entry("message.submitting", attempt=2, line="l1", possible_second_copy=True), "Handed to Shop again; the recipient may get a second copy."),
        (entry("message.queued", code="rejected_by_network", title="The network refused this text", retry_in_ms=2000), "Not taken: The network refused this text. It is tried again in 2 s."),
        (entry("message.queued"), "Back in the queue."),
        (entry("message.queued", witness="person", by="key:k1", action="resend"), "Decided that it did not arrive: it is sent again, and a second copy is possible."),
        (entry("message.queued", witness="person", by="key:k1", action="approve"), "Agreed to: it may be sent."),
        (entry("message.sent"), "The network took it."),
        (entry("message.sent", witness="person", by="key:k1", action="confirm"), "Decided to leave it: it counts as sent."),
        (entry("part.sent", part=2), "The network took part 2."),
        (entry("part.sent", part=2, tp_st=0x20), "The network has it and still tries to reach the phone."),
        (entry("message.delivered", tp_st=0), "The recipient's phone has it."),
        (entry("message.delivered", tp_st=1), "The network passed it on; whether the phone has it, it does not know."),
        (entry("message.undelivered", code="undelivered", title="x"), "Not delivered: The network could not deliver it."),
        (entry("message.failed", code="number_unassigned", title="x"), "Ended: The network says this number does not exist. It is not tried again."),
        (entry("part.rejected", part=1, code="barred", title="x"), "Part 1 was not taken: The operator does not let this SIM send."),
        (entry("message.in_doubt", code="modem_silent", title="The modem does not answer"), "No answer after the text was handed over: it may have been sent. The modem does not answer."),
        (entry("message.expired"), "Too late to be worth sending: taken out of the queue."),
        (entry("message.cancelled", code="recipient_opted_out", title="x"), "Taken out of the queue: The recipient asked not to be texted."),
        (entry("message.held"), "Held until a person lets it go."),
        (entry("message.rescheduled", witness="person", by="key:k1", send_at_ms=0), "Its time was changed to 1970-01-01 00:00 UTC."),
        (entry("policy.alert"), "Noted: policy.alert."),
    ],
)  # fmt: skip
def test_each_step_is_said_in_plain_words(entry_: TimelineEntry, said: str) -> None:
    assert words(entry("message.queued"), entry_)[-1] == said


def test_the_first_step_is_the_acceptance() -> None:
    assert words(entry("message.queued"))[0].startswith("Accepted and written down")
    assert words(entry("message.held"))[0].startswith("Accepted and held")


def test_what_was_accepted_for_later_waits_for_its_time_and_not_for_a_line() -> None:
    (row,) = hops((entry("message.queued"),), (), NAMES, scheduled=True)
    assert row.words == "Accepted and written down. It waits for its time."


def test_every_step_names_its_witness_its_time_and_the_wait_before_it() -> None:
    rows = hops(
        (
            entry("message.queued", 1000),
            entry("message.submitting", 1350, attempt=1, line="l1"),
            entry("message.sent", 3350, "modem", attempt=1, part=1, line="l1"),
            entry("message.delivered", 9350, "network", attempt=1, part=1),
            entry("message.cancelled", 9350, "person", by="key:k1", action="cancel"),
            entry("message.cancelled", 9350, "person", by="key:gone", action="cancel"),
        ),
        (),
        NAMES,
    )
    assert [row.witness for row in rows] == [
        "this gateway", "this gateway", "the modem", "the network", "a person (crm)",
        "a person (a key that is gone)",
    ]  # fmt: skip
    assert [row.since for row in rows[:4]] == ["", "+350 ms", "+2 s", "+6 s"]


def test_what_the_last_part_and_the_message_say_alike_is_told_once() -> None:
    told = words(
        entry("message.queued"),
        entry("part.sent", 1, "modem", attempt=1, part=1),
        entry("part.sent", 2, "modem", attempt=1, part=2),
        entry("message.sent", 2, "modem", attempt=1, part=2),
    )
    assert told[1:] == ["The network took part 1.", "The network took it."]


def test_behind_a_handing_over_are_our_parts_and_behind_a_report_is_the_report() -> None:
    rows = hops(
        (
            entry("message.queued"),
            entry("message.submitting", attempt=2, line="l1"),
            entry("message.undelivered", tpdu=REPORT, tp_st=0x62, code="absent_subscriber", title="x"),
        ),
        (part(1), part(2, 1, 2), part(2, 2, 2)),
        NAMES,
    )
    assert [decoded.kind for decoded in rows[1].tpdus] == ["SMS-SUBMIT", "SMS-SUBMIT"]
    assert [decoded.kind for decoded in rows[2].tpdus] == ["SMS-STATUS-REPORT"]
    codes = {name: value.striptags() for name, value in rows[2].codes}
    assert codes["Status of the report"] == "0x62: no response from SME, the SC gave up; final"


def test_who_cancelled_is_a_person_or_nobody() -> None:
    by_person = entry("message.cancelled", witness="person", by="key:k1", action="cancel")
    assert who_cancelled((entry("message.queued"), by_person), NAMES) == "crm"
    assert who_cancelled((entry("message.cancelled", code="internal_error", title="x"),), NAMES) == ""


def test_foreign_words_in_the_evidence_stay_text() -> None:
    (_first, row) = hops(
        (entry("message.queued"), entry("message.failed", evidence="<img src=x>")), (), NAMES
    )
    assert all("<img" not in str(value) for _name, value in row.codes)


def test_behind_a_handing_over_stand_signal_and_battery_as_they_were_then() -> None:
    (row,) = hops(
        (entry("message.submitting", attempt=1, line="l1", signal_dbm=-97, battery_percent=7),), (), NAMES
    )
    codes = {name: value.striptags() for name, value in row.codes}
    assert codes == {"Signal then": "-97 dBm", "Battery then": "7 %"}

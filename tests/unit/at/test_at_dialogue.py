"""The sans-IO dialogue: any chunk of bytes in, the same events out; nothing unasked leaks into an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.at import commands
from device_bridge.at.dialogue import (
    LINE_LIMIT,
    Accepted,
    AtEvent,
    Command,
    Dialogue,
    Finished,
    Prompted,
    Unsolicited,
)
from device_bridge.at.lines import AtError

PDU = "0011000A9121436587090000AA05E8329BFD06"
REPORT = "0006050A912143658709111121315173001111213151730000"
REPORT_LENGTH = len(REPORT) // 2 - 1
ASK = Command("AT+CSQ", ("+CSQ:",))
OK = Finished(("+CSQ: 20,0",), None)


def heard(dialogue: Dialogue, *chunks: bytes) -> list[AtEvent]:
    return [event for chunk in chunks for event in dialogue.feed(chunk)]


def asking(command: Command = ASK) -> Dialogue:
    dialogue = Dialogue()
    dialogue.start(command)
    return dialogue


def submitting() -> Dialogue:
    dialogue = asking(commands.submit(18))
    assert heard(dialogue, b"\r\n> ") == [Prompted()]
    assert dialogue.payload(PDU) == PDU.encode() + b"\x1a"
    return dialogue


def test_a_command_ends_with_a_carriage_return() -> None:
    assert Dialogue().start(ASK) == b"AT+CSQ\r"


def test_an_answer_is_its_lines_and_its_result() -> None:
    assert heard(asking(), b"\r\n+CSQ: 20,0\r\n\r\nOK\r\n") == [OK]


def test_an_echo_is_no_answer() -> None:
    assert heard(asking(), b"AT+CSQ\r\r\n+CSQ: 20,0\r\n\r\nOK\r\n") == [OK]


def test_every_cut_of_an_answer_gives_the_same_events() -> None:
    answer = b'AT+CSQ\r\r\n+CREG: 1\r\n\r\n+CSQ: 20,0\r\n\r\n+CMTI: "SM",3\r\n\r\nOK\r\n'
    whole = heard(asking(), answer)
    for at in range(1, len(answer)):
        assert heard(asking(), answer[:at], answer[at:]) == whole
    assert heard(asking(), *(bytes([octet]) for octet in answer)) == whole


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60))
def test_no_way_of_cutting_a_submit_changes_its_events(sizes: list[int]) -> None:
    answer = (
        PDU.encode()
        + b"\r\n+CDS: %d\r\n" % REPORT_LENGTH
        + REPORT.encode()
        + b"\r\n\r\n+CMGS: 7\r\n\r\nOK\r\n"
    )
    chunks, at = [], 0
    for size in sizes:
        chunks.append(answer[at : at + size])
        at += size
    chunks.append(answer[at:])
    assert heard(submitting(), *chunks) == heard(submitting(), answer)


@pytest.mark.parametrize("prompt", [b"\r\n> ", b"> ", b"\r\n>", b">", b"AT+CMGS=18\r\r\n> ", b"\r\n>\r\n"])
def test_every_shape_of_prompt_is_one_prompt(prompt: bytes) -> None:
    dialogue = asking(commands.submit(18))
    assert heard(dialogue, prompt) == [Prompted()]
    dialogue.payload(PDU)
    events = heard(dialogue, b"\r\n+CMGS: 7\r\n\r\nOK\r\n")
    assert events == [Accepted("+CMGS: 7"), Finished(("+CMGS: 7",), None)]


def test_a_prompt_is_heard_byte_by_byte_once() -> None:
    assert heard(asking(commands.submit(18)), b"\r", b"\n", b">", b" ") == [Prompted()]


def test_a_prompt_counts_only_at_the_start_of_a_line() -> None:
    assert heard(asking(commands.submit(18)), b"garbage > ") == []


def test_a_prompt_that_nobody_awaits_is_none() -> None:
    assert heard(asking(), b"\r\n> \r\n+CSQ: 20,0\r\n\r\nOK\r\n") == [OK]
    assert heard(Dialogue(), b"\r\n> ") == []


def test_lines_between_prompt_and_pdu_are_put_aside() -> None:
    dialogue = asking(commands.submit(18))
    events = heard(dialogue, b"\r\n> \r\n+CREG: 1\r\n")
    assert events == [Prompted(), Unsolicited("+CREG: 1")]


def test_a_report_between_prompt_and_verdict_keeps_its_pdu() -> None:
    events = heard(submitting(), b"\r\n+CDS: %d\r\n%s\r\n\r\n+CMGS: 7\r\n" % (REPORT_LENGTH, REPORT.encode()))
    assert events == [Unsolicited(f"+CDS: {REPORT_LENGTH}", REPORT), Accepted("+CMGS: 7")]


def test_the_echo_of_the_pdu_is_no_pdu_of_a_report() -> None:
    dialogue = submitting()
    events = heard(
        dialogue, b"\r\n+CDS: %d\r\n" % REPORT_LENGTH, PDU.encode() + b"\x1a\r\n", REPORT.encode() + b"\r\n"
    )
    assert events == [Unsolicited(f"+CDS: {REPORT_LENGTH}", REPORT)]


def test_a_reference_before_the_pdu_is_not_this_parts() -> None:
    dialogue = asking(commands.submit(18))
    assert heard(dialogue, b"\r\n+CMGS: 6\r\n") == [Unsolicited("+CMGS: 6")]
    assert heard(dialogue, b"\r\nOK\r\n\r\n> ") == [Unsolicited("OK"), Prompted()]


def test_an_error_instead_of_the_prompt_ends_the_command() -> None:
    events = heard(asking(commands.submit(18)), b"\r\n+CMS ERROR: 304\r\n")
    assert events == [Finished((), AtError("cms", 304, "+CMS ERROR: 304"))]


def test_escape_is_ended_by_ok() -> None:
    dialogue = asking(commands.submit(18))
    heard(dialogue, b"\r\n> ")
    assert dialogue.escape() == b"\x1b"
    assert heard(dialogue, b"\r\nOK\r\n") == [Finished((), None)]
    assert not dialogue.busy


def test_a_verdict_on_a_message_never_answers_another_command() -> None:
    dialogue = asking()
    events = heard(dialogue, b"\r\n+CMS ERROR: 38\r\n\r\n+CMGS: 4\r\n\r\n+CSQ: 20,0\r\n\r\nOK\r\n")
    assert events == [Unsolicited("+CMS ERROR: 38"), Unsolicited("+CMGS: 4"), OK]


def test_a_command_given_up_leaves_its_answer_unsolicited() -> None:
    dialogue = asking()
    dialogue.abandon()
    assert heard(dialogue, b"\r\n+CSQ: 20,0\r\n\r\nOK\r\n") == [Unsolicited("+CSQ: 20,0"), Unsolicited("OK")]


def test_two_commands_at_once_are_a_mistake_of_the_caller_and_show_no_values() -> None:
    dialogue = asking(commands.enter_pin("1234"))
    with pytest.raises(RuntimeError) as caught:
        dialogue.start(commands.enter_pin("4321"))
    assert "1234" not in str(caught.value)
    assert "4321" not in str(caught.value)


def test_digits_are_results_until_the_modem_speaks_in_words() -> None:
    dialogue = asking(Command("ATV1"))
    assert heard(dialogue, b"4\r") == [Finished((), AtError("plain", None, "4"))]
    dialogue.start(ASK)
    assert heard(dialogue, b"+CSQ: 20,0\r\n0\r") == [OK]
    dialogue.start(ASK)
    assert heard(dialogue, b"\r\n+CSQ: 20,0\r\n\r\nOK\r\n") == [OK]
    dialogue.start(ASK)
    assert heard(dialogue, b"0\r") == [Unsolicited("0")]


def test_registration_by_itself_is_told_from_registration_asked_for() -> None:
    dialogue = asking(commands.registration("CREG"))
    events = heard(
        dialogue,
        b'\r\n+CREG: 5,"00C3","1A2B",7\r\n\r\n+CREG: 2\r\n\r\n+CREG: 2,1,"00C3","1A2B"\r\n\r\nOK\r\n',
    )
    assert events == [
        Unsolicited('+CREG: 5,"00C3","1A2B",7'), Unsolicited("+CREG: 2"),
        Finished(('+CREG: 2,1,"00C3","1A2B"',), None),
    ]  # fmt: skip


def test_free_text_takes_words_and_leaves_lines_with_a_sign_aside() -> None:
    events = heard(asking(commands.MAKER), b"\r\n^RSSI: 9\r\n\r\nRING\r\n\r\nQuectel\r\n\r\nOK\r\n")
    assert events == [Unsolicited("^RSSI: 9"), Unsolicited("RING"), Finished(("Quectel",), None)]


def test_a_report_within_a_listing_takes_its_own_pdu_and_leaves_the_listings() -> None:
    text = "0004" + "00" * 20
    length = len(text) // 2 - 1
    answer = b"\r\n+CMGL: 1,0,,%d\r\n+CDS: %d\r\n%s\r\n%s\r\n\r\nOK\r\n"
    events = heard(
        asking(commands.LIST_ALL), answer % (length, REPORT_LENGTH, REPORT.encode(), text.encode())
    )
    assert events == [
        Unsolicited(f"+CDS: {REPORT_LENGTH}", REPORT), Finished((f"+CMGL: 1,0,,{length}", text), None),
    ]  # fmt: skip


def test_the_newest_header_speaks_first_when_two_announce_the_same_length() -> None:
    text = REPORT[:-2] + "31"
    answer = b"\r\n+CMGR: 1,,%d\r\n+CDS: %d\r\n%s\r\n%s\r\n\r\nOK\r\n"
    octets = answer % (REPORT_LENGTH, REPORT_LENGTH, REPORT.encode(), text.encode())
    events = heard(asking(commands.read_slot(1)), octets)
    assert events == [
        Unsolicited(f"+CDS: {REPORT_LENGTH}", REPORT),
        Finished((f"+CMGR: 1,,{REPORT_LENGTH}", text), None),
    ]


def test_a_header_whose_pdu_never_comes_swallows_no_iccid() -> None:
    dialogue = asking(commands.ICCID_QUERIES[0])
    events = heard(dialogue, b"\r\n+CDS: 25\r\n\r\n89882390000012345675\r\n\r\nOK\r\n")
    assert events == [Finished(("89882390000012345675",), None)]


def test_a_ussd_menu_keeps_its_lines_and_ends_at_its_quote() -> None:
    dialogue = asking(ASK)
    events = heard(dialogue, b'\r\n+CUSD: 1,"1 Balance\r\n2 Top up",15\r\n\r\n+CSQ: 20,0\r\n\r\nOK\r\n')
    assert events == [Unsolicited('+CUSD: 1,"1 Balance\n2 Top up",15'), OK]


def test_a_ussd_answer_that_is_cut_off_does_not_swallow_the_result() -> None:
    events = heard(asking(ASK), b'\r\n+CUSD: 1,"1 Balance\r\n+CSQ: 20,0\r\n\r\nOK\r\n')
    assert events == [Unsolicited('+CUSD: 1,"1 Balance'), OK]


def test_garbage_without_end_is_bounded() -> None:
    dialogue = asking()
    for _ in range(100):
        dialogue.feed(b"\xf5" * 1000)
    assert len(dialogue._rest) == LINE_LIMIT
    assert heard(dialogue, b"\r\n+CSQ: 20,0\r\nOK\r\n")[-1] == OK


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_give_events_and_never_an_exception(first: bytes, second: bytes) -> None:
    for dialogue in (Dialogue(), asking(), submitting(), asking(commands.LIST_ALL)):
        whole = heard(dialogue, first + second)
        assert all(isinstance(event, AtEvent) for event in whole)


@given(
    st.lists(
        st.sampled_from(
            [b"\r\n", b"> ", b"OK", b"+CMGS: 1", b"+CDS: 24", REPORT.encode(), b"0", b"\r", b"+CREG: 1"]
        ),
        max_size=30,
    )
)
def test_a_submit_has_at_most_one_end_whatever_comes(pieces: list[bytes]) -> None:
    events = heard(submitting(), *pieces)
    assert sum(isinstance(event, Finished) for event in events) <= 1

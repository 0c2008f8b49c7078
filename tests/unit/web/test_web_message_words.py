# ruff: noqa: E501  the table is read row by row
"""Proves the one sentence about a message: for every state and every cause, plain, whole, and no more than is known."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from markupsafe import Markup

from device_bridge.sms.catalogue import CATALOGUE as CAUSES_OF_DEVICES
from gateway.errors import CATALOGUE
from gateway.message import Message, MessageError, MessageState, PartDetail, PartState
from gateway.policy.eta import Estimate
from gateway.web.message_words import Facts, sentence

NOW_MS = 1_795_000_000_000
MINUTE_MS = 60_000

QUEUED = Message(
    id="01a2246a-2aba-719e-857b-515169f7c975", tenant="default", key_id="k", state=MessageState.QUEUED,
    to="+447700900123", text="Hello", octets=None, port=None, encoding="auto", coding="gsm7", parts=1, parts_sent=0,
    parts_delivered=0, parts_in_doubt=0, route="pool:default", line=None, pool=None, sender=None, sandbox=False,
    priority=0, purpose="transactional", reference=None, batch_id=None, tags={}, delivery_report=True, flash=False,
    on_doubt="hold", warnings=(), held_reason=None, attempts=0, error=None, created_at_ms=NOW_MS - MINUTE_MS,
    send_at_ms=None, due_at_ms=None, expires_at_ms=NOW_MS + MINUTE_MS, sent_at_ms=None, delivered_at_ms=None,
)  # fmt: skip


def said(message: Message, **more: object) -> str:
    """The sentence without markup."""
    written = sentence(Facts(message, NOW_MS, **more))  # type: ignore[arg-type]
    assert isinstance(written, Markup)
    return " ".join(written.striptags().split())


def error(code: str) -> MessageError:
    title, hint = CAUSES_OF_DEVICES.get(code, (CATALOGUE[code].title, CATALOGUE[code].hint))
    return MessageError(code, title, hint)


def part(status: int | None, state: PartState = PartState.SENT) -> PartDetail:
    return PartDetail(1, 1, 1, state, "line", 7, None, NOW_MS, NOW_MS, status, NOW_MS, None)


SENT = replace(QUEUED, state=MessageState.SENT, sent_at_ms=NOW_MS - 5_000)
DELIVERED = replace(SENT, state=MessageState.DELIVERED, delivered_at_ms=NOW_MS - 1_000)


@pytest.mark.parametrize(
    ("message", "more", "expected"),
    [
        (replace(QUEUED, send_at_ms=NOW_MS + MINUTE_MS), {}, "Scheduled. It waits until 2026-11-18 11:07 UTC, as asked."),
        (replace(QUEUED, due_at_ms=NOW_MS + MINUTE_MS, held_reason="quiet_hours"), {}, "Scheduled. It waits until 2026-11-18 11:07 UTC: outside the hours in which this recipient may be texted."),
        (replace(QUEUED, state=MessageState.HELD, held_reason="content:bad words"), {}, "Held. A second person has to agree before it is sent."),
        (replace(QUEUED, state=MessageState.HELD, held_reason="restored"), {}, "Held. It came out of a backup and may have been sent before: it waits until it is released."),
        (QUEUED, {}, "Queued. It waits for a line."),
        (QUEUED, {"eta": Estimate(NOW_MS + 12 * MINUTE_MS, "Shop sends 30 parts a minute")}, "Queued. It waits its turn: Shop sends 30 parts a minute; about 12 min."),
        (QUEUED, {"eta": Estimate(None, "Shop cannot send now; it goes on when a line is up")}, "Queued. Shop cannot send now; it goes on when a line is up."),
        (replace(QUEUED, error=error("rejected_by_network"), due_at_ms=NOW_MS + 4_000), {}, "Queued. The network refused this text. It is tried again at 11:06:44 UTC."),
        (replace(QUEUED, parts_in_doubt=1), {}, "Queued. An earlier try may have arrived. It waits for a line."),
        (replace(QUEUED, state=MessageState.SUBMITTING), {"line": "Shop"}, "Sending. Shop has it on the radio now."),
        (replace(QUEUED, state=MessageState.SUBMITTING, parts=3, parts_sent=1), {"line": "Shop"}, "Sending. Shop has it on the radio now: part 2 of 3."),
        (SENT, {}, "Sent. The network took it at 11:06:35 UTC. No delivery report yet; it may never come, and that does not mean that it failed."),
        (replace(SENT, delivery_report=False), {}, "Sent. The network took it at 11:06:35 UTC. No delivery report was asked for, so nobody will say whether it arrived."),
        (SENT, {"parts": (part(0x20),)}, "Sent. The network took it at 11:06:35 UTC. It says that it still tries to reach the phone (congestion)."),
        (replace(SENT, parts=3, parts_delivered=1), {}, "Sent. The network took it at 11:06:35 UTC. The phone confirmed 1 of 3 parts so far."),
        (DELIVERED, {}, "Delivered. The recipient's phone confirmed it 4 s after the network took it."),
        (replace(DELIVERED, sent_at_ms=DELIVERED.delivered_at_ms), {}, "Delivered. The recipient's phone confirmed it."),
        (DELIVERED, {"parts": (part(0x01, PartState.DELIVERED),)}, "Delivered. The network passed it on; the phone itself did not confirm it."),
        (replace(SENT, state=MessageState.UNDELIVERED, error=error("absent_subscriber")), {}, "Not delivered. The recipient's phone was off or out of reach until the network gave up. It left here, but did not reach the phone."),
        (replace(QUEUED, state=MessageState.FAILED, error=error("number_unassigned")), {}, "Failed. The network says this number does not exist. It was not sent."),
        (replace(QUEUED, state=MessageState.FAILED, error=error("partly_sent")), {}, "Failed. Only some of its parts went out: the recipient may see an incomplete text."),
        (replace(QUEUED, state=MessageState.EXPIRED), {}, "Expired. It was worth sending until 2026-11-18 11:07 UTC only, and no line could by then. Nothing was sent."),
        (replace(QUEUED, state=MessageState.CANCELLED), {"by": "crm"}, "Cancelled. crm took it back before it was sent."),
        (replace(QUEUED, state=MessageState.CANCELLED, error=error("recipient_opted_out")), {}, "Cancelled. The recipient asked not to be texted. Nothing was sent."),
        (replace(QUEUED, state=MessageState.IN_DOUBT), {"line": "Shop"}, "In doubt. Shop fell silent after we handed the text over. It may have been sent. A late report will settle it."),
        (replace(QUEUED, state=MessageState.IN_DOUBT, on_doubt="resend", due_at_ms=NOW_MS + 20_000), {}, "In doubt. The line fell silent after we handed the text over. It may have been sent. It is sent again at 11:07:00 UTC unless a report comes first."),
    ],
)  # fmt: skip
def test_each_state_is_said_as_it_is(message: Message, more: dict[str, object], expected: str) -> None:
    assert said(message, **more) == expected


@pytest.mark.parametrize("state", list(MessageState))
def test_no_state_is_without_a_sentence(state: MessageState) -> None:
    assert re.fullmatch(r"[A-Z][^.]*\. .+\.", said(replace(QUEUED, state=state)))


@pytest.mark.parametrize("state", [MessageState.FAILED, MessageState.UNDELIVERED])
@pytest.mark.parametrize("code", sorted({*CATALOGUE, *CAUSES_OF_DEVICES} - {"sent", "delivered"}))
def test_every_cause_is_said_in_words_and_never_by_its_code(code: str, state: MessageState) -> None:
    words = said(replace(QUEUED, state=state, error=error(code)))
    assert words.endswith(".")
    assert code not in words or "_" not in code
    assert ".." not in words
    assert ". ." not in words


@pytest.mark.parametrize("code", ["partly_sent", "in_doubt"])
def test_what_may_have_left_is_never_called_not_sent(code: str) -> None:
    assert "not sent" not in said(replace(QUEUED, state=MessageState.FAILED, error=error(code)))


def test_foreign_names_stay_text() -> None:
    written = sentence(Facts(replace(QUEUED, state=MessageState.SUBMITTING), NOW_MS, line="<b>Shop"))
    assert "&lt;b&gt;Shop" in written

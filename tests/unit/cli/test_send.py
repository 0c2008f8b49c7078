"""Proves what `gateway send` prints and how it ends."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from gateway.cli import main
from tests.unit.cli.answers import Answers

CREATED = "2026-11-21T09:00:00.000Z"
DOUBT = {"title": "Nobody knows whether the network took it", "hint": "A report settles it"}
REFUSED = {
    "code": "number_unassigned",
    "title": "The network says this number does not exist",
    "hint": "Check the number",
    "network_code": "RP cause 1",
}


def message(state: str, *hops: dict[str, Any], **more: Any) -> tuple[int, dict[str, Any]]:
    timeline = [{"id": f"h{i}", "line": None, "detail": {}, **hop} for i, hop in enumerate(hops)]
    known = {"id": "0193", "state": state, "to": "+99900000001", "parts": 1, "attempts": 1, "error": None}
    return 200, {**known, "created_at": CREATED, "timeline": timeline, **more}


def hop(state: str, at: str, **more: Any) -> dict[str, Any]:
    return {"type": f"message.{state}", "at": f"2026-11-21T09:00:{at}Z", **more}


QUEUED = hop("queued", "00.002")
SUBMITTING = hop("submitting", "00.010", line="L1")
SENT = hop("sent", "00.370")


def send(server: Answers, *words: str) -> int:
    return main(["send", "+99900000001", "Hello", *words, "--url", server.url, "--key", "k"])


@pytest.fixture(autouse=True)
def accepted(server: Answers) -> None:
    server.on("POST /api/v1/messages", (202, message("queued")[1]))
    server.on("GET /api/v1/lines", (200, {"items": [{"id": "L1", "label": "Sandbox 1"}], "next": None}))


def test_without_wait_one_record_says_what_was_accepted(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send(server, "--line", "Shop") == 0
    assert server.asked[0][2] == {"to": "+99900000001", "text": "Hello", "line": "Shop"}
    assert capsys.readouterr().out == "0193\tqueued\t+99900000001\t1\n"


def test_wait_shows_each_state_once_with_its_time_and_witness(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on(
        "GET /api/v1/messages/0193",
        message("queued", QUEUED),
        message("submitting", QUEUED, SUBMITTING),
        message("submitting", QUEUED, SUBMITTING),
        message("delivered", QUEUED, SUBMITTING, SENT, hop("delivered", "00.780")),
    )
    assert send(server, "--wait") == 0
    assert capsys.readouterr().out.splitlines() == [
        "queued\t0.00 s\t0193: 1 part, any sandbox line",
        "sending\t0.01 s\tSandbox 1",
        "sent\t0.37 s\tthe network took it",
        "delivered\t0.78 s\tthe recipient's phone confirmed it",
    ]


def test_a_refusal_for_now_says_when_it_is_tried_again(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    detail = {"title": "The network refused this text", "network_code": "RP cause 42", "retry_in_ms": 2000}
    hops = (QUEUED, SUBMITTING, hop("queued", "00.390", detail=detail), hop("delivered", "02.900"))
    server.on("GET /api/v1/messages/0193", message("delivered", *hops, attempts=2))
    assert send(server, "--wait") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[2] == "queued\t0.39 s\trefused for now (network cause 42), again in 2 s"
    assert out[3] == "delivered\t2.90 s\tafter 2 tries"


def test_another_try_for_a_reason_of_ours_says_the_reason(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    detail = {"title": "The modem does not answer", "network_code": None, "retry_in_ms": 4000}
    hops = (QUEUED, SUBMITTING, hop("queued", "00.390", detail=detail), hop("delivered", "04.900"))
    server.on("GET /api/v1/messages/0193", message("delivered", *hops, attempts=2))
    assert send(server, "--wait") == 0
    assert "The modem does not answer, again in 4 s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("unassigned_range", "nobody has been given numbers of this range; check it"),
        ("no_opt_out_hint", "the text does not say how to stop such texts"),
    ],
)
def test_a_warning_is_said_in_words(
    server: Answers, capsys: pytest.CaptureFixture[str], code: str, words: str
) -> None:
    server.on("POST /api/v1/messages", (202, message("queued", warnings=[code])[1]))
    assert send(server) == 0
    assert capsys.readouterr().err == f"note: {words}\n"


def test_a_failed_message_is_status_1_with_cause_and_hint(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = message("failed", QUEUED, hop("failed", "00.360", detail=REFUSED), error=REFUSED)
    server.on("GET /api/v1/messages/0193", failed)
    assert send(server, "--wait") == 1
    said = capsys.readouterr()
    assert (
        said.out.splitlines()[1] == "failed\t0.36 s\tThe network says this number does not exist (RP cause 1)"
    )
    assert said.err.splitlines() == [
        "error: failed: The network says this number does not exist",
        "hint:  Check the number",
    ]


@pytest.mark.parametrize(("state", "status"), [("sent", 0), ("in_doubt", 1), ("queued", 1)])
def test_when_time_is_up_a_sent_text_is_done_and_an_open_one_is_not(
    server: Answers, capsys: pytest.CaptureFixture[str], state: str, status: int
) -> None:
    server.on(
        "GET /api/v1/messages/0193", message(state, QUEUED, error=DOUBT if state == "in_doubt" else None)
    )
    assert send(server, "--wait", "--timeout", "1") == status
    assert "after 1 s" in capsys.readouterr().err


def test_json_with_wait_is_the_message_as_it_ended(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on("GET /api/v1/messages/0193", message("delivered", QUEUED))
    assert send(server, "--wait", "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "delivered"


def test_a_dash_reads_the_text_from_standard_input(server: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("two\nlines\n"))
    assert main(["send", "+99900000001", "-", "--url", server.url, "--key", "k"]) == 0
    assert server.asked[0][2]["text"] == "two\nlines"

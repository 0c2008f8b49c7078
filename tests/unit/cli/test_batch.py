"""Proves what `gateway batch` sends and prints, and how it ends."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.cli import main, upload
from gateway.cli.arguments import PURPOSES
from gateway.cli.batch_watch import counts_of, outlook_of
from gateway.cli.output import about, counted
from gateway.message import Purpose
from tests.unit.cli.answers import HANGS_UP, Answers

POST = "POST /api/v1/batches"
PEOPLE = "number,name\n+999100000001,Ann\n+999100000002,Bob\n"


def batch(state: str = "running", **more: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "id": "0193", "state": state, "held_reason": None, "name": "Trip", "total": 2, "accepted": 2,
        "rejected_count": 0, "rejected": [], "counts": {"queued": 2}, "parts": 4, "cost": [], "failures": [],
        "eta_s": 40, "eta_reason": "Office sends 30 parts a minute", "created_at": "2026-11-21T09:00:00.000Z",
        "completed_at": None,
    }  # fmt: skip
    return {**known, **more}


def rejections(**counts: int) -> dict[str, Any]:
    rows = [
        {"index": i, "to": "0770", "code": code, "detail": f"{code} here. Fix it."}
        for i, code in enumerate([code for code, n in counts.items() for _ in range(n)])
    ]
    return {"rejected": rows, "rejected_count": len(rows)}


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    return path


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    return waited


def run(server: Answers, *words: str) -> int:
    return main(["batch", *words, "--url", server.url, "--key", "k"])


def send(server: Answers, file: Path | str, *words: str) -> int:
    return run(server, "send", str(file), "--text", "Hi {name}", *words)


def query_of(server: Answers, i: int = 0) -> dict[str, list[str]]:
    return parse_qs(urlsplit(server.asked[i][0].partition(" ")[2]).query)


def test_a_file_is_sent_as_it_is_with_what_was_said_of_it(
    server: Answers, people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on(POST, (202, batch()))
    words = (
        "--name",
        "Trip & more",
        "--number-column",
        "number",
        "--line",
        "Office",
        "--purpose",
        "marketing",
    )
    tags = ("--tag", "class=5B", "--tag", "year=1", "--send-at", "2026-11-21T18:00:00+01:00")
    assert send(server, people, *words, *tags) == 0
    _, headers, body = server.asked[0]
    assert body == PEOPLE.encode()
    assert (headers["Content-Type"], headers["Content-Length"]) == ("text/csv", str(len(PEOPLE)))
    assert headers["Idempotency-Key"].startswith("cli-")
    assert headers["Authorization"] == "Bearer k"
    assert query_of(server) == {
        "text": ["Hi {name}"], "name": ["Trip & more"], "number_column": ["number"], "line": ["Office"],
        "purpose": ["marketing"], "tag": ["class=5B", "year=1"], "send_at": ["2026-11-21T18:00:00+01:00"],
    }  # fmt: skip
    assert capsys.readouterr().out == "0193\trunning\t2\t0\t4\n"


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.CSV", b"number\n1\n", upload.CSV),
        ("a.jsonl", b"x", upload.NDJSON),
        ("a.xlsx", b"PK\x03\x04", upload.XLSX),
        ("noending", b'\xef\xbb\xbf{"to":"1"}', upload.NDJSON),
        ("noending", b"PK\x03\x04", upload.XLSX),
        ("noending", b"number;name\n", upload.CSV),
    ],
)
def test_the_kind_of_a_file_is_told_by_its_ending_else_by_how_it_begins(
    tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert upload.source_of(str(path)).media_type == kind


def test_standard_input_is_sent_as_it_comes_without_a_length(
    server: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = b"".join(b'{"to":"+9991%08d"}\n' % n for n in range(20_000))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(lines))))
    server.on(POST, (202, batch()))
    assert send(server, "-") == 0
    _, headers, body = server.asked[0]
    assert (headers["Transfer-Encoding"], headers["Content-Type"]) == ("chunked", upload.NDJSON)
    assert body == lines


def test_a_large_file_is_never_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(b"number\n" + b"+999100000001\n" * 100_000)
    told: list[int] = []
    longest = max(len(piece) for piece in upload.source_of(str(path)).pieces(told.append))
    assert longest <= upload.PIECE_OCTETS
    assert sum(told) == path.stat().st_size


def test_API_8_a_broken_connection_is_tried_once_more_with_the_same_key(
    server: Answers, people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = {"title": "Busy", "detail": "The first request is running.", "code": "idempotency_in_progress"}
    server.on(POST, (HANGS_UP, None), (409, busy), (202, batch()))
    assert send(server, people) == 0
    assert len({asked[1]["Idempotency-Key"] for asked in server.asked}) == 1
    assert [asked[2] for asked in server.asked] == [PEOPLE.encode()] * 3
    said = capsys.readouterr()
    assert said.out == "0193\trunning\t2\t0\t4\n"
    assert said.err == "the connection broke; sending the file once more\n"


def test_a_connection_that_breaks_twice_is_a_failure(server: Answers, people: Path) -> None:
    server.on(POST, (HANGS_UP, None))
    assert send(server, people) == 1
    assert len(server.asked) == 2


def test_a_refusal_in_the_middle_of_a_file_is_heard(
    server: Answers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(b"x" * 20_000_000)
    problem = {
        "title": "CSV",
        "detail": "Row 2 has no number.",
        "hint": "Name the column.",
        "code": "csv_invalid",
    }
    server.impatient.add(POST)
    server.on(POST, (422, problem))
    assert send(server, path) == 1
    assert len(server.asked) == 1
    assert capsys.readouterr().err == "error: Row 2 has no number\nhint:  Name the column.\n"


def test_a_file_that_is_missing_or_empty_is_said_before_anything_is_sent(
    server: Answers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send(server, tmp_path / "none.csv") == 1
    (tmp_path / "empty.csv").touch()
    assert send(server, tmp_path / "empty.csv") == 1
    assert server.asked == []
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert errors[0].endswith("none.csv cannot be read: No such file or directory")
    assert errors[1].endswith("empty.csv is empty")


@pytest.mark.parametrize(
    "words", [(), ("--text", "x", "--template", "t"), ("--text", "x", "--line", "a", "--pool", "b")]
)
def test_a_batch_has_one_text_and_one_way(people: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["batch", "send", str(people), *words])
    assert ended.value.code == 2


def test_a_dry_run_says_who_gets_it_who_does_not_and_why(
    server: Answers, people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = {
        "dry_run": True, "accepted": 412, "parts": 430, "longest": {"parts": 3, "text": "Hi \x1b[31mMaximilian"},
        **rejections(invalid_number=3, duplicate_recipient=2, recipient_opted_out=1, number_range_full=1),
    }  # fmt: skip
    server.on(POST, (200, trial | {"rejected_count": 1007}))
    assert send(server, people, "--dry-run") == 0
    assert query_of(server)["dry_run"] == ["true"]
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "412 will be sent · 3 not a number · 2 twice · 1 asked to stop · 1 number range full · 1,000 more left out",
        "430 parts",
        "longest text, 3 parts: Hi \\x1b[31mMaximilian",
    ]
    assert said.err.splitlines()[0] == "row 0: invalid_number here. Fix it."
    assert said.err.splitlines()[-1] == "and 997 more; --json names them"


def test_rows_that_become_no_message_are_told_beside_the_result(
    server: Answers, people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on(POST, (202, batch(**rejections(invalid_number=1))))
    assert send(server, people) == 0
    assert capsys.readouterr().err == "not sent: 1 not a number; see: gateway batch rejected 0193\n"
    server.on(POST, (202, batch(accepted=0, counts={}, **rejections(invalid_number=2))))
    assert send(server, people) == 1
    assert "error: no row became a message" in capsys.readouterr().err


def test_wait_shows_each_state_once_until_the_batch_is_completed(
    server: Answers, people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on(POST, (202, batch()))
    server.on(
        "GET /api/v1/batches/0193",
        (200, batch("held", held_reason="approval", eta_s=None, eta_reason="It waits")),
        (200, batch()),
        (200, batch(counts={"queued": 1, "delivered": 1})),
        (200, batch("completed", counts={"delivered": 2}, eta_s=0, eta_reason="It is completed")),
    )
    assert send(server, people, "--wait") == 0
    records = [line.split("\t") for line in capsys.readouterr().out.splitlines()[1:]]
    assert [(state, counts, left) for state, _, counts, left in records] == [
        ("held", "2 queued", "It waits"),
        ("running", "2 queued", "about 40 s left: Office sends 30 parts a minute"),
        ("completed", "2 delivered", "It is completed"),
    ]


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (batch("cancelled", counts={"cancelled": 2}), (1, "error: the batch is cancelled: 2 cancelled")),
        (batch("completed", counts={"failed": 2}), (1, "error: none of 2 messages arrived")),
        (
            batch(
                "completed",
                counts={"sent": 1, "undelivered": 1},
                failures=[{"title": "Absent", "hint": "Try later", "count": 1, "code": "absent"}],
            ),
            (0, "1 message did not arrive (Absent: Try later); send them again: gateway batch resend 0193"),
        ),
    ],
)
def test_how_a_batch_ended_is_the_exit_status(
    server: Answers, people: Path, capsys: pytest.CaptureFixture[str], ended: Any, expected: tuple[int, str]
) -> None:
    server.on(POST, (202, batch()))
    server.on("GET /api/v1/batches/0193", (200, ended))
    status, said = expected
    assert send(server, people, "--wait") == status
    assert said in capsys.readouterr().err.splitlines()


def test_json_with_wait_is_the_batch_as_it_ended(
    server: Answers, people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = batch("completed", counts={"delivered": 2})
    server.on(POST, (202, batch()))
    server.on("GET /api/v1/batches/0193", (200, ended))
    assert send(server, people, "--wait", "--json") == 0
    assert json.loads(capsys.readouterr().out) == ended


def test_batches_are_listed_shown_and_changed(server: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("GET /api/v1/batches", (200, {"items": [batch()], "next": "more"}))
    assert run(server, "list", "--limit", "1") == 0
    assert capsys.readouterr().out == "0193\tTrip\trunning\t2\t2 queued\t2026-11-21T09:00:00.000Z\n"
    assert query_of(server) == {"limit": ["1"]}
    money: dict[str, Any] = {
        "cost": [{"amount": "0.11", "currency": "EUR"}],
        "counts": {"sent": 1, "failed": 1},
    }
    server.on("GET /api/v1/batches/0193", (200, batch(**money)))
    assert run(server, "show", "0193") == 0
    facts = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert (facts["cost"], facts["progress"], facts["messages"]) == (
        "0.11 EUR",
        "1 sent · 1 failed",
        "2 of 2 rows",
    )
    for verb, route in (
        ("pause", "POST /api/v1/batches/0193/pause"),
        ("resume", "POST /api/v1/batches/0193/resume"),
        ("cancel", "DELETE /api/v1/batches/0193"),
        ("resend", "POST /api/v1/batches/0193/resend"),
    ):
        server.on(route, (200, batch("paused")))
        assert run(server, verb, "0193") == 0
        assert server.asked[-1][0] == route
        assert capsys.readouterr().out == "0193\tpaused\t2 queued\n"


def test_rejected_rows_are_read_to_the_last_page(server: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"index": 3, "to": "07\t70", "code": "invalid_number", "detail": "Too short."}
    pages = ((200, {"items": [row], "next": 3}), (200, {"items": [{**row, "index": 4}], "next": None}))
    server.on("GET /api/v1/batches/0193/rejected", *pages)
    assert run(server, "rejected", "0193") == 0
    assert capsys.readouterr().out.splitlines() == [
        "3\t07\\t70\tinvalid_number\tToo short.",
        "4\t07\\t70\tinvalid_number\tToo short.",
    ]
    assert query_of(server, 1) == {"after": ["3"]}


def test_the_words_of_progress() -> None:
    assert counts_of(batch(counts={"cancelled": 1, "in_doubt": 2, "delivered": 1200})) == (
        "1,200 delivered · 2 in doubt · 1 cancelled"
    )
    assert counts_of(batch(counts={})) == "nothing yet"
    assert outlook_of(batch(eta_s=None, eta_reason="It is paused")) == "It is paused"
    assert [about(s) for s in (40, 89, 90, 5399, 5400, 200_000)] == [
        "40 s",
        "89 s",
        "2 min",
        "90 min",
        "2 h",
        "2 days",
    ]
    assert (counted(1, "part"), counted(1000, "row")) == ("1 part", "1,000 rows")


def test_the_purposes_offered_are_those_that_there_are() -> None:
    assert get_args(Purpose) == PURPOSES


@pytest.mark.parametrize("verb", ["show", "pause", "resume", "cancel", "resend", "rejected"])
def test_a_batch_that_is_not_there_is_called_by_what_was_typed(
    server: Answers, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    method = {"show": "GET", "rejected": "GET", "cancel": "DELETE"}.get(verb, "POST")
    tail = "" if verb in ("show", "cancel") else f"/{verb}"
    gone = {"title": "Nothing", "detail": "There is nothing with this id.", "hint": "x", "code": "not_found"}
    server.on(f"{method} /api/v1/batches/trip{tail}", (404, gone))
    assert run(server, verb, "trip") == 1
    assert capsys.readouterr().err.splitlines() == [
        'error: no batch "trip"',
        "hint:  gateway batch list shows ids",
    ]


def test_states_in_the_progress_of_a_batch_have_their_words() -> None:
    assert counts_of(batch(counts={"submitting": 2, "undelivered": 1})) == "2 sending · 1 not delivered"

"""Proves how commands find a server and a key, and that every failure is one line why and one line what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from tests.unit.cli.answers import Answers

LINE: dict[str, Any] = {
    "id": "0193-line",
    "iccid": "8944110068000000001",
    "number": "+447700900101",
    "label": "Office",
    "device": "356938035643809",
    "state": "up",
    "reason": None,
    "signal_dbm": -65,
    "queued": 0,
    "sent_today": 34,
    "quotas": [{"name": "per_day", "limit": 200, "used": 34}],
    "emulated": False,
    "smsc": "+447",
}
DEVICE: dict[str, Any] = {
    "id": "356938035643809",
    "kind": "modem",
    "address": "/dev/ttyUSB0",
    "maker": "Huawei",
    "model": "E3531",
    "attached": True,
    "reason": None,
}


@pytest.fixture(autouse=True)
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("GATEWAY_DATA_DIR", "GATEWAY_KEY", "GATEWAY_ADMIN_KEY", "GATEWAY_URL", "GATEWAY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def one_page(*items: object) -> tuple[int, object]:
    return 200, {"items": list(items), "next": None}


def left_behind(folder: Path, server: Answers, pid: int | None = None) -> None:
    (folder / "data").mkdir(mode=0o700)
    (folder / "data" / "server.json").write_text(json.dumps({"url": server.url, "pid": pid or os.getpid()}))
    (folder / "data" / "cli.key").write_text("local-key\n")


def test_the_server_and_key_of_the_data_directory_are_found(
    server: Answers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left_behind(tmp_path, server)
    server.on("GET /api/v1/devices", one_page(DEVICE))
    assert main(["devices"]) == 0
    assert server.asked[0][1]["Authorization"] == "Bearer local-key"
    assert capsys.readouterr().out == "356938035643809\tHuawei E3531\tmodem\t/dev/ttyUSB0\tattached\t\n"


def test_the_local_key_is_never_sent_to_a_server_named_by_url(
    server: Answers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left_behind(tmp_path, server)
    assert main(["devices", "--url", server.url]) == 1
    assert server.asked == []
    assert capsys.readouterr().err.startswith("error: no API key at hand\nhint:  pass --key")


def test_a_server_that_was_killed_gets_no_key_when_its_port_is_somebody_elses(
    server: Answers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left_behind(tmp_path, server, ended.pid)
    assert main(["devices"]) == 1
    assert server.asked == []
    assert "no server is running" in capsys.readouterr().err


def test_a_key_of_the_environment_goes_before_the_local_one(
    server: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(tmp_path, server)
    monkeypatch.setenv("GATEWAY_ADMIN_KEY", "admin")
    server.on("GET /api/v1/devices", one_page())
    assert main(["devices", "--json"]) == 0
    monkeypatch.setenv("GATEWAY_KEY", "mine")
    assert main(["devices", "--json"]) == 0
    assert main(["devices", "--json", "--key", "option"]) == 0
    assert [asked[1]["Authorization"] for asked in server.asked] == [
        "Bearer admin",
        "Bearer mine",
        "Bearer option",
    ]


def test_without_a_server_two_lines_say_how_to_start_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lines"]) == 1
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: no server is running on the data directory")
    assert hint.startswith("hint:  start one with `gateway serve`")
    assert main(["lines", "--url", "http://127.0.0.1:9", "--key", "k"]) == 1
    assert "no server answers at http://127.0.0.1:9 (Connection refused)" in capsys.readouterr().err


def test_a_problem_is_shown_in_the_servers_words(server: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    problem = {
        "title": "A field of the request is wrong",
        "detail": "to is not a number",
        "hint": "Write it with the country code",
        "errors": [{"pointer": "#/to", "detail": "four digits"}],
    }
    server.on("POST /api/v1/messages", (422, problem))
    assert main(["send", "0770", "x", "--url", server.url, "--key", "k"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: to is not a number (to: four digits)",
        "hint:  Write it with the country code",
    ]


@pytest.mark.parametrize(
    ("code", "detail", "said"),
    [
        (
            "invalid_number",
            '"0770" has no country code. Write it like +44 7700 900123, or set default_region.',
            ('"0770" has no country code', "Write it like +44 7700 900123, or set default_region"),
        ),
        (
            "forbidden",
            "It may read. It may not send. Take another.",
            ("It may read. It may not send", "Take another"),
        ),
        ("invalid_request", "text is empty.", ("text is empty", "correct it and try again")),
        ("queue_full", "The queue is full", ("The queue is full", "the catalogue's words")),
    ],
)
def test_what_is_so_is_the_error_and_what_to_do_is_the_hint(
    server: Answers, capsys: pytest.CaptureFixture[str], code: str, detail: str, said: tuple[str, str]
) -> None:
    problem = {"title": "t", "detail": detail, "hint": "the catalogue's words", "code": code}
    server.on("POST /api/v1/messages", (422, problem))
    assert main(["send", "0770", "x", "--url", server.url, "--key", "k"]) == 1
    assert capsys.readouterr().err.splitlines() == [f"error: {said[0]}", f"hint:  {said[1]}"]


@pytest.mark.parametrize(
    "answer", [(502, b"<html>Bad gateway"), (200, b"<html>hello"), (200, b"[1]"), (503, {})]
)
def test_an_answer_that_is_not_from_a_gateway_is_no_traceback(
    server: Answers, capsys: pytest.CaptureFixture[str], answer: tuple[int, object]
) -> None:
    server.on("GET /api/v1/lines", answer)
    assert main(["lines", "--url", server.url, "--key", "k"]) == 1
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert "--url" in hint


def test_a_list_is_read_to_its_last_page(server: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    server.on(
        "GET /api/v1/devices",
        (200, {"items": [DEVICE], "next": "abc"}),
        (200, {"items": [{**DEVICE, "id": "2"}], "next": None}),
    )
    assert main(["devices", "--url", server.url, "--key", "k"]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == ["356938035643809", "2"]
    assert [asked[0] for asked in server.asked] == ["GET /api/v1/devices", "GET /api/v1/devices?cursor=abc"]


def test_lines_in_a_pipe_are_one_complete_record_each(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    reason = {"code": "sim_pin_required", "title": "The SIM wants its PIN", "hint": "Enter it"}
    broken = {**LINE, "label": "a\tb\n\x1b[31m", "state": "needs_attention", "signal_dbm": None}
    broken |= {"quotas": [], "reason": reason, "queued": 12}
    server.on("GET /api/v1/lines", one_page(LINE, broken))
    server.on("GET /api/v1/devices", one_page(DEVICE))
    assert main(["lines", "--url", server.url, "--key", "k"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "Office\t+447700900101\tHuawei E3531 · modem\tup\t▂▄▆█ -65\t34/200\t0",
        "a\\tb\\n\\x1b[31m\t+447700900101\tHuawei E3531 · modem\tneeds attention · The SIM wants its PIN\t\t34\t12",
    ]
    assert said.err == "1 line needs you: gateway doctor 'a\\tb\\n\\x1b[31m'\n"


def test_a_line_that_is_down_needs_somebody_too(server: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    down = {**LINE, "label": "Main office", "state": "down"}
    server.on("GET /api/v1/lines", one_page(LINE, down))
    server.on("GET /api/v1/devices", one_page(DEVICE))
    assert main(["lines", "--url", server.url, "--key", "k"]) == 0
    assert capsys.readouterr().err == "1 line needs you: gateway doctor 'Main office'\n"


def test_a_line_is_found_by_label_number_iccid_or_id(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on("GET /api/v1/lines", one_page(LINE))
    server.on("POST /api/v1/lines/0193-line/ussd", (200, {"code": "*100#", "text": "Credit\n4.20"}))
    for name in ("office", "+447700900101", "8944110068000000001", "0193-line"):
        assert main(["lines", "ussd", name, "*100#", "--url", server.url, "--key", "k"]) == 0
    assert capsys.readouterr().out == "Credit\n4.20\n" * 4
    assert main(["lines", "ussd", "Shop", "*100#", "--url", server.url, "--key", "k"]) == 1
    assert capsys.readouterr().err == 'error: no line "Shop"\nhint:  known lines: Office\n'


def test_a_failed_self_test_is_status_1(server: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("GET /api/v1/lines", one_page(LINE))
    steps = [{"name": "network", "ok": False, "detail": "no network"}]
    server.on("POST /api/v1/lines/0193-line/self-test", (200, {"ok": False, "steps": steps}))
    assert main(["lines", "self-test", "Office", "--url", server.url, "--key", "k"]) == 1
    assert capsys.readouterr().out == "failed\tnetwork\tno network\n"


def test_a_self_test_that_sends_says_what_it_costs_and_how_long_each_step_took(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on("GET /api/v1/lines", one_page(LINE))
    steps = [
        {"name": "network", "ok": True, "detail": "registered", "seconds": None},
        {"name": "received", "ok": True, "detail": "The text came in again.", "seconds": 2.4},
    ]
    server.on("POST /api/v1/lines/0193-line/self-test", (200, {"ok": True, "steps": steps}))
    assert main(["lines", "self-test", "Office", "--send", "--url", server.url, "--key", "k"]) == 0
    said = capsys.readouterr()
    assert said.out == "ok\tnetwork\tregistered\nok\treceived\tThe text came in again. After 2.4 s.\n"
    assert "one text" in said.err
    assert server.asked[-1][2] == {"send": True}


def test_a_modem_is_restarted_by_its_IMEI_or_its_port(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on("GET /api/v1/devices", one_page(DEVICE))
    server.on(f"POST /api/v1/devices/{DEVICE['id']}/restart", (202, {"id": DEVICE["id"], "restarting": True}))
    for name in (DEVICE["id"], DEVICE["address"]):
        assert main(["devices", "restart", name, "--url", server.url, "--key", "k"]) == 0
        assert "gateway lines shows when its line is up again" in capsys.readouterr().err
    assert main(["devices", "restart", "nobody", "--url", server.url, "--key", "k"]) == 1
    assert capsys.readouterr().err == f'error: no device "nobody"\nhint:  known devices: {DEVICE["id"]}\n'


def test_every_post_carries_a_fresh_idempotency_key(server: Answers) -> None:
    server.on("POST /api/v1/messages", (202, {"id": "m", "state": "queued", "to": "+999", "parts": 1}))
    for _ in range(2):
        assert main(["send", "+99900000001", "x", "--url", server.url, "--key", "k"]) == 0
    keys = [asked[1]["Idempotency-Key"] for asked in server.asked]
    assert len(set(keys)) == 2
    assert all(key.startswith("cli-") for key in keys)

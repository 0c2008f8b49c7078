"""`gateway doctor` against a server that says what a test wants: what is asked, and how findings look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.cli.doctor_shown import show
from gateway.cli.output import Screen
from tests.unit.cli.answers import Answers

CHECK, LIST, ALL = "POST /api/v1/doctor/check", "GET /api/v1/doctor", "POST /api/v1/doctor/fix"
PIXEL = "Google Pixel 4a (R58N12)"


@pytest.fixture(autouse=True)
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GATEWAY_DATA_DIR", "GATEWAY_KEY", "GATEWAY_ADMIN_KEY", "GATEWAY_URL", "GATEWAY_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def finding(code: str, severity: str = "ok", **more: Any) -> dict[str, Any]:
    return {
        "id": code, "code": code, "severity": severity, "about": PIXEL, "title": f"Title of {code}", "why": "",
        "hint": "", "steps": [], "fix": None, "fixed_at": None, "undo": False, "undo_what": None,
        "snoozed_until": None, "checked_at": "2026-11-28T09:00:00.000Z", **more,
    }  # fmt: skip


DOZE = finding("phone_doze", "trouble", fix={"what": "Exempts it.", "undo": "Puts it back."})
DOZE_FIXED = finding("phone_doze", fixed_at="2026-11-28T09:00:00.000Z", undo=True, undo_what="Puts it back.")
SCREEN = finding("phone_screen", "stops", hint="Tap Allow", steps=["Wake it up", "Tap Allow"])
APP = finding("phone_app")
PORT = finding("port_busy", "stops", about="/dev/ttyUSB0")


def page(*items: object) -> tuple[int, object]:
    return 200, {"items": list(items), "next": None}


def done(result: str, item: dict[str, Any], said: str = "Done.") -> dict[str, Any]:
    return {"result": result, "said": said, "finding": item}


def run(server: Answers, *words: str) -> int:
    server.on("GET /health/live", (200, {"status": "ok"}))
    server.script.setdefault(LIST, [page()])
    return main(["doctor", *words, "--url", server.url, "--key", "k"])


def posted(server: Answers) -> list[tuple[str, Any]]:
    return [(route, body) for route, _, body in server.asked if route.startswith("POST")]


def test_the_list_of_the_server_is_printed_as_it_is(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on(CHECK, page(SCREEN, DOZE, APP))
    assert run(server, "--json") == 1
    assert json.loads(capsys.readouterr().out) == [SCREEN, DOZE, APP]


def test_programs_get_one_record_a_line_with_the_effect_first(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on(CHECK, page(DOZE, APP))
    assert run(server) == 0
    said = capsys.readouterr()
    assert [row.split("\t")[:3] for row in said.out.splitlines()] == [
        ["trouble", "phone_doze", PIXEL],
        ["ok", "phone_app", PIXEL],
    ]
    assert said.err == "0 stop sending, 1 will cause trouble, 1 ok; 1 can be repaired: gateway doctor --fix\n"


def test_a_key_that_may_only_read_is_told_what_is_known(server: Answers) -> None:
    server.on(CHECK, (403, {"title": "x", "detail": "lacks lines:manage", "hint": "x", "code": "forbidden"}))
    server.on(LIST, page(DOZE))
    assert run(server) == 0


def test_everything_is_repaired_by_one_request_and_looked_at_again(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on(CHECK, page(DOZE))
    server.on(ALL, page(done("fixed", DOZE_FIXED)))
    server.on(LIST, page(DOZE_FIXED))
    assert run(server, "--fix", "--may-reboot") == 0
    assert posted(server)[-1] == (ALL, {"may_reboot": True})
    said = capsys.readouterr()
    assert said.out.startswith("fixed\tphone_doze")
    assert said.err.startswith("1 fixed, 0 stop sending")


def test_of_one_that_is_named_only_its_own_findings_are_repaired(server: Answers) -> None:
    server.on(CHECK, page({**PORT, "fix": {"what": "x", "undo": None}}, DOZE, SCREEN))
    server.on("POST /api/v1/doctor/phone_doze/fix", (200, done("fixed", DOZE_FIXED)))
    server.on(LIST, page(DOZE_FIXED))
    assert run(server, "R58N12", "--fix") == 0
    assert [route for route, _ in posted(server)] == [CHECK, "POST /api/v1/doctor/phone_doze/fix"]


def test_a_phone_may_be_named_by_its_label_too(server: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    server.on(CHECK, page(PORT, DOZE))
    server.on("GET /api/v1/devices", page({"id": "3f2b", "label": "Office", "serialno": "R58N12"}))
    server.on("GET /api/v1/lines", page())
    assert run(server, "office") == 0
    assert "port_busy" not in capsys.readouterr().out


def test_what_nobody_knows_is_said_so(server: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    server.on(CHECK, page(DOZE))
    server.on("GET /api/v1/devices", page())
    server.on("GET /api/v1/lines", page())
    assert run(server, "Nobody") == 1
    assert capsys.readouterr().err == (
        'error: nothing is known about "Nobody"\nhint:  gateway doctor shows all findings\n'
    )


def test_what_was_repaired_is_taken_back(server: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    server.on(CHECK, page(DOZE_FIXED, APP))
    server.on("POST /api/v1/doctor/phone_doze/undo", (200, done("undone", DOZE)))
    server.on(LIST, page(DOZE, APP))
    assert run(server, "--undo") == 0
    assert capsys.readouterr().out.startswith("undone\tphone_doze")


def test_with_nothing_to_take_back_nothing_is_done(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on(CHECK, page(DOZE))
    assert run(server, "--undo") == 0
    assert "Nothing was repaired that can be taken back." in capsys.readouterr().err


def test_repairing_and_taking_back_at_once_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--fix", "--undo"])
    assert ended.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def shown(items: list[dict[str, Any]], results: list[dict[str, Any]], put_off: int = 0) -> None:
    screen = Screen(terminal=True, colour=False, as_json=False)
    show(screen, items, {each["finding"]["id"]: each for each in results}, put_off=put_off)


def test_people_see_findings_by_device_with_what_is_theirs_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    shown([SCREEN, DOZE, APP, finding("phone_silent", title="Connected")], [], put_off=2)
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        PIXEL,
        "  you     Title of phone_screen",
        "          Wake it up",
        "          Tap Allow",
        "  fix     Title of phone_doze",
        "          --fix: Exempts it.",
        "  ok      Title of phone_app, Connected",
    ]
    assert "2 put off" in said.err


def test_people_see_what_was_repaired_and_how_it_is_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    shown([SCREEN, DOZE_FIXED], [done("fixed", DOZE_FIXED)])
    out = capsys.readouterr().out
    assert "  fixed   Title of phone_doze\n          Done.\n" in out
    assert "gateway doctor --undo takes it back: Puts it back." in out


def test_what_was_just_repaired_comes_before_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    left = finding("port_busy", "stops", about="/dev/ttyUSB0")
    shown([left, DOZE_FIXED], [done("fixed", DOZE_FIXED)])
    said = capsys.readouterr().out
    assert said.index("Title of phone_doze") < said.index("Title of port_busy")


def test_people_see_what_did_not_help_and_what_cannot_be_taken_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hopeless = {**DOZE, "hint": "Do it by hand", "fix": {"what": "Sets it up.", "undo": None}}
    shown([hopeless], [done("open", hopeless, "The check still finds it.")])
    out = capsys.readouterr().out
    assert (
        "  open    Title of phone_doze\n          The check still finds it.\n          Do it by hand\n" in out
    )
    shown([hopeless], [])
    assert "It cannot be taken back here." in capsys.readouterr().out


def test_what_a_device_says_of_itself_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    shown([finding("port_busy", "stops", about="a\x1b[31m", title="b\x07")], [])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out

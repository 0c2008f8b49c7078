"""`gateway devices` and what can be done to phones, against a server that says what a test wants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.cli import main
from tests.unit.cli.answers import Answers

PHONE: dict[str, Any] = {
    "id": "3f2b8c1e-6a54", "kind": "phone", "address": "usb", "serialno": "R58N12", "label": "Google Pixel 4a",
    "state": "attached", "adb": "device", "paired_at": "2026-11-21T09:00:00.000Z", "notes": [], "health": None,
    "steps": [], "maker": "Google", "model": "Pixel 4a", "attached": True, "reason": None,
}  # fmt: skip
SEEN: dict[str, Any] = {
    **PHONE, "id": "ZX1G22", "serialno": "ZX1G22", "state": "seen", "paired_at": None, "maker": None,
    "model": "Moto G", "attached": False,
}  # fmt: skip
LIST = "GET /api/v1/devices"


def page(*items: object) -> tuple[int, object]:
    return 200, {"items": list(items), "next": None}


def step(name: str, outcome: str, hint: str = "") -> dict[str, str]:
    return {"name": name, "outcome": outcome, "detail": f"{name} seen", "hint": hint}


def run(server: Answers, *words: str) -> int:
    return main([*words, "--url", server.url, "--key", "k"])


def offer(life_s: int = 300) -> dict[str, Any]:
    ends = (datetime.now(UTC) + timedelta(seconds=life_s)).isoformat()
    return {
        "code": "A" * 26, "typed_code": "4K7T9XWZ", "link": "smsgateway://pair?h=192.168.1.5:8443&p=ab&c=cd",
        "host": "192.168.1.5:8443", "pin": "ab", "expires_at": ends, "how": "1. …",
    }  # fmt: skip


def test_a_phone_that_is_only_seen_is_listed_with_the_command_to_type(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on(LIST, page(PHONE, SEEN))
    assert run(server, "devices") == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "R58N12\tGoogle Pixel 4a\tphone\tusb\tattached\t",
        "ZX1G22\tMoto G\tphone\tusb\tseen\t",
    ]
    assert said.err == "Moto G is not set up: gateway devices provision ZX1G22\n"


def test_what_a_phone_waits_for_stands_beside_it(server: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [step("server", "ok"), step("authorised", "waiting", "Unlock the phone and tap Allow")]
    server.on(LIST, page({**SEEN, "adb": "unauthorized", "steps": steps}))
    run(server, "devices")
    said = capsys.readouterr()
    assert said.out.endswith("\tauthorised: Unlock the phone and tap Allow\n")
    assert said.err == ""


def test_setting_up_shows_each_step_and_ends_well_when_nothing_is_left(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on(LIST, page(SEEN))
    steps = [step("app", "fixed"), step("heartbeat", "ok")]
    server.on("POST /api/v1/devices/ZX1G22/provision", (200, {"ok": True, "steps": steps}))
    assert run(server, "devices", "provision", "zx1g22") == 0
    assert capsys.readouterr().out.splitlines() == [
        "fixed\tapp\tapp seen\t",
        "ok\theartbeat\theartbeat seen\t",
    ]


def test_setting_up_ends_with_1_when_a_person_must_do_something(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on(LIST, page(SEEN))
    steps = [step("app", "refused", "Switch on Install via USB")]
    server.on("POST /api/v1/devices/ZX1G22/provision", (200, {"ok": False, "steps": steps}))
    assert run(server, "devices", "provision", "ZX1G22") == 1
    said = capsys.readouterr()
    assert "Switch on Install via USB" in said.out
    assert said.err == "1 step needs you; then run this again\n"


def test_a_phone_that_is_not_there_is_an_error_that_names_those_that_are(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on(LIST, page(PHONE, SEEN))
    assert run(server, "devices", "provision", "R5") == 1
    said = capsys.readouterr().err
    assert 'no phone "R5"' in said
    assert "R58N12, ZX1G22" in said


def test_releasing_says_whether_the_app_goes_too(server: Answers) -> None:
    server.on(LIST, page(PHONE))
    server.on("POST /api/v1/devices/3f2b8c1e-6a54/release", (200, {"ok": True, "steps": []}))
    assert run(server, "devices", "release", "R58N12") == 0
    assert run(server, "devices", "release", "R58N12", "--remove-app") == 0
    assert [body for route, _, body in server.asked if "release" in route] == [
        {"remove_app": False},
        {"remove_app": True},
    ]


def test_a_phone_that_is_not_ours_is_not_released(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on(LIST, page(SEEN))
    assert run(server, "devices", "release", "ZX1G22") == 1
    assert "ZX1G22 does not belong to this gateway" in capsys.readouterr().err
    assert [route for route, _, _ in server.asked] == [LIST]


def test_pairing_shows_the_code_and_says_when_the_phone_is_paired(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on(LIST, page(), page(PHONE))
    server.on("POST /api/v1/devices/pair", (201, offer()))
    assert run(server, "devices", "pair") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Address  192.168.1.5:8443", "Code     4K7T-9XWZ"]
    assert lines[-1] == "Paired: Google Pixel 4a. See its SIMs with: gateway lines"


def test_a_phone_that_pairs_again_counts_as_paired(server: Answers) -> None:
    server.on(LIST, page(PHONE), page({**PHONE, "paired_at": "2026-11-21T10:00:00.000Z"}))
    server.on("POST /api/v1/devices/pair", (201, offer()))
    assert run(server, "devices", "pair") == 0


def test_a_code_that_nobody_used_ends_with_1(server: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    server.on(LIST, page(PHONE))
    server.on("POST /api/v1/devices/pair", (201, offer(life_s=0)))
    assert run(server, "devices", "pair") == 1
    assert "make a new one: gateway devices pair" in capsys.readouterr().err


def test_a_program_gets_the_offer_and_does_not_wait(
    server: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on(LIST, page())
    server.on("POST /api/v1/devices/pair", (201, offer()))
    assert run(server, "devices", "pair", "--json") == 0
    assert '"typed_code": "4K7T9XWZ"' in capsys.readouterr().out

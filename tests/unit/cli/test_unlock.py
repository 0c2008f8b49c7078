"""`gateway devices unlock` against a server that says what a test wants: how a PIN is asked for, and what is sent."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import sys
import threading
from typing import Any

import pytest

from gateway.cli import main
from tests.unit.cli.answers import Answers

LIST = "GET /api/v1/devices"
UNLOCK = "POST /api/v1/devices/490154203237518/pin"
MODEM: dict[str, Any] = {
    "id": "490154203237518", "kind": "modem", "address": "/dev/ttyUSB0", "serialno": None, "label": None,
    "state": "attached", "adb": None, "paired_at": None, "notes": [], "health": None, "steps": [],
    "maker": "Huawei", "model": "E3531", "attached": True, "reason": None, "sim_pin": {"tries_left": 3},
}  # fmt: skip
DONE = {"id": MODEM["id"], "unlocked": True, "remembered": True}


@pytest.fixture
def asking(server: Answers) -> Answers:
    """A server with a modem whose SIM waits for its PIN, and takes it."""
    server.on(LIST, (200, {"items": [MODEM], "next": None}))
    server.on(UNLOCK, (200, DONE))
    return server


def wanting(server: Answers, tries_left: int | None) -> None:
    server.on(LIST, (200, {"items": [{**MODEM, "sim_pin": {"tries_left": tries_left}}], "next": None}))


def unlock(server: Answers, *words: str, device: str = "490154203237518") -> int:
    return main(["devices", "unlock", device, *words, "--url", server.url, "--key", "k"])


def sent(server: Answers) -> list[Any]:
    return [body for route, _, body in server.asked if route == UNLOCK]


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_one_line_of_standard_input_is_the_pin(
    asking: Answers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "1234\nnot this\n")
    assert unlock(asking) == 0
    assert sent(asking) == [{"pin": "1234", "last_try": False}]
    said = capsys.readouterr()
    assert said.out == "The SIM in Huawei E3531 is unlocked. See its line with: gateway lines\n"
    assert "1234" not in said.out + said.err


def test_a_person_at_a_terminal_is_asked_with_the_tries_left_and_types_unseen(
    asking: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pty.openpty()
    seen: list[bytes] = []

    def person() -> None:
        while b"PIN of the SIM" not in b"".join(seen):
            seen.append(os.read(ours, 1024))
        os.write(ours, b"1234\n")

    # getpass asks the controlling terminal; a process without one, as here, is asked at standard input.
    monkeypatch.setattr(os, "open", _no_terminal(os.open))
    thread = threading.Thread(target=person)
    with os.fdopen(theirs, "r") as terminal, os.fdopen(os.dup(theirs), "w") as screen:
        monkeypatch.setattr(sys, "stdin", terminal)
        monkeypatch.setattr(sys, "stderr", screen)
        thread.start()
        assert unlock(asking) == 0
        thread.join()
        screen.flush()
        os.set_blocking(ours, False)
        with contextlib.suppress(BlockingIOError):
            seen.append(os.read(ours, 1024))
    os.close(ours)
    shown = b"".join(seen)
    assert b"PIN of the SIM in Huawei E3531 (3 tries left): " in shown
    assert b"1234" not in shown, "what is typed is not echoed"
    assert sent(asking) == [{"pin": "1234", "last_try": False}]


def _no_terminal(opens: Any) -> Any:
    def open_but(path: Any, *more: Any, **others: Any) -> int:
        if path == "/dev/tty":
            raise OSError(6, "No such device or address")
        return int(opens(path, *more, **others))

    return open_but


@pytest.mark.parametrize("text", ["", "\n", "123\n", "12345678 9\n", "abcd\n"])
def test_what_is_no_pin_is_not_sent(
    asking: Answers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    typed(monkeypatch, text)
    assert unlock(asking) == 2
    assert sent(asking) == []
    assert "4 to 8 digits" in capsys.readouterr().err


def test_a_pin_is_never_an_argument(asking: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        unlock(asking, "1234")
    assert ended.value.code == 2
    assert sent(asking) == []


def test_the_last_try_needs_its_own_word_and_nobody_is_asked_without_it(
    asking: Answers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanting(asking, 1)
    typed(monkeypatch, "1234\n")
    assert unlock(asking) == 1
    assert "--last-try" in capsys.readouterr().err
    assert sent(asking) == []
    assert unlock(asking, "--last-try") == 0
    assert sent(asking) == [{"pin": "1234", "last_try": True}]


def test_a_modem_whose_sim_wants_no_pin_is_told_before_anybody_types(
    asking: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    asking.on(LIST, (200, {"items": [{**MODEM, "sim_pin": None}], "next": None}))
    assert unlock(asking) == 1
    assert "wants no PIN" in capsys.readouterr().err


def test_a_modem_is_also_called_by_its_port(asking: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "1234\n")
    assert unlock(asking, device="/dev/ttyUSB0") == 0
    assert sent(asking) != []


def test_a_modem_that_is_not_there_is_an_error_that_names_those_that_are(
    asking: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert unlock(asking, device="1") == 1
    said = capsys.readouterr().err
    assert 'no modem "1"' in said
    assert "490154203237518" in said


def test_what_the_sim_said_is_shown(
    asking: Answers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = {"title": "x", "detail": "The SIM refused the PIN. 2 tries are left.", "hint": "Another one"}
    asking.on(UNLOCK, (502, refused))
    typed(monkeypatch, "9999\n")
    assert unlock(asking) == 1
    said = capsys.readouterr().err
    assert "2 tries are left" in said
    assert "9999" not in said


def test_a_pin_that_could_not_be_kept_is_said(
    asking: Answers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asking.on(UNLOCK, (200, {**DONE, "remembered": False}))
    typed(monkeypatch, "1234\n")
    assert unlock(asking) == 0
    assert "asked for again" in capsys.readouterr().err


def test_the_list_names_the_command(asking: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--url", asking.url, "--key", "k"]) == 0
    assert "gateway devices unlock 490154203237518" in capsys.readouterr().err

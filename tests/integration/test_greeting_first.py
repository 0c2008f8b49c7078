"""Proves what a person at a terminal sees of a start: the greeting first, the log below it; and of one that fails.

Source: the notes on the first minutes (the address comes first).
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PATIENCE_S = 30.0
GREETED = "Stop: Ctrl-C"


class Terminal:
    """``gateway serve`` at a terminal of its own; ``shown`` is all that stood on it so far."""

    def __init__(self, folder: Path, *words: str) -> None:
        ours, its = pty.openpty()
        kept = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve", "--data-dir", str(folder / "data"), *words],
            cwd=folder,
            env={**kept, "GATEWAY__SERIAL__DISCOVER": "false", "NO_COLOR": "1"},
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        self._ours = ours
        self.shown = ""

    def until(self, words: str) -> None:
        """Read until something is shown, or everything has been."""
        ends_s = time.monotonic() + PATIENCE_S
        while words not in self.shown:
            left_s = ends_s - time.monotonic()
            assert left_s > 0, f"not shown within {PATIENCE_S} s: {words}\n{self.shown}"
            if not select.select([self._ours], [], [], left_s)[0]:
                continue
            try:
                octets = os.read(self._ours, 65_536)
            except OSError:
                octets = b""  # EIO: how Linux says that nobody holds the other end any more
            assert octets, f"it ended without: {words}\n{self.shown}"
            self.shown += octets.decode()

    def close(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE_S)
        finally:
            os.close(self._ours)


@contextlib.contextmanager
def terminal(folder: Path, *words: str) -> Iterator[Terminal]:
    shown = Terminal(folder, *words)
    try:
        yield shown
    finally:
        shown.close()


def test_at_a_terminal_the_address_comes_first_and_the_log_below_the_greeting(tmp_path: Path) -> None:
    with terminal(tmp_path, "--port", "0") as t:
        t.until(GREETED)
        greeting = t.shown.partition(GREETED)[0]
        assert greeting.startswith("Gateway at http://127.0.0.1:")
        assert "device.attached" not in greeting
        t.until("device.attached")
        assert t.shown.index("device.attached") > t.shown.index(GREETED)


def test_a_warning_does_not_wait_for_the_greeting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(tmp_path, "--port", "0", "--host", "0.0.0.0") as t:
        t.until(GREETED)
        assert t.shown.index("serve.open_without_tls") < t.shown.index("Gateway at")


def test_a_start_that_fails_shows_what_was_held_back(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with terminal(tmp_path, "--port", str(taken.getsockname()[1])) as t:
            t.until("choose another port")
            assert "device.attached" in t.shown
            assert "Gateway at" not in t.shown

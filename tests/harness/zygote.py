"""Owns quick starts of real servers: one process imports the gateway once and forks each run from itself.

Refuses to know what the runs do. A run is the console script's own ``main`` in a process of its own, killed by pid
like any other; only the second that the interpreter spends on imports is saved.
Source: fork(2); nothing but imports has happened before a fork, so no thread, loop or database is shared.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

ENDED_S = 30.0
PR_SET_PDEATHSIG = 1
"""prctl(2)."""
PROGRAM = "from tests.harness.zygote import main; main()"


# ------------------------------------------------------------------ the process that forks


def main() -> None:
    """Serve orders from standard input, one JSON object a line, until it ends."""
    import gateway.cli.serve
    import gateway.supervisor

    del gateway
    _say({"ready": True})
    for line in sys.stdin:
        order = json.loads(line)
        if "argv" in order:
            _say({"pid": _fork(order)})
        else:
            ended, status = os.waitpid(order["ended"], os.WNOHANG)
            _say({"status": os.waitstatus_to_exitcode(status) if ended else None})


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _fork(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _become(order)
    return pid


def _become(order: dict[str, Any]) -> NoReturn:
    status = 70
    # Linux: a run does not outlive tests that were interrupted.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        for descriptor, path in ((1, order["stdout"]), (2, order["stderr"])):
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(opened, descriptor)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115  the pipe of orders is not the child's
        from gateway.cli import main as gateway

        status = gateway(order["argv"])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


# ------------------------------------------------------------------ what tests hold


class Zygote:
    """Forks servers; belongs to no event loop, each order is answered within milliseconds."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        self._answer()

    def run(self, argv: list[str], stdout: Path, stderr: Path) -> int:
        """Fork ``gateway ARGV``; returns its pid."""
        return int(self._order({"argv": argv, "stdout": str(stdout), "stderr": str(stderr)})["pid"])

    def status(self, pid: int) -> int | None:
        """Exit status of a run that has ended, negative for a signal, told once; None while it runs."""
        status: int | None = self._order({"ended": pid})["status"]
        return status

    def stop(self) -> None:
        """End the process; runs that still live are the caller's."""
        self._process.communicate(timeout=ENDED_S)

    def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that forks servers has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

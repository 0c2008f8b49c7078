"""Owns the processes that a measurement starts: ask them in lines of JSON, read their processor time, end them.

Knows no figure. Each child reads commands on standard input, answers one line each, and ends with its input.
Source: proc(5) for processor time and memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
ROOT = Path(__file__).parent.parent
END_S = 40.0
"""A child ends by itself when its input is closed; a gateway with a text on air may take 30 s."""


class Child:
    """A process of ours that answers questions."""

    def __init__(self, module: str, *arguments: str, log: Path | None = None) -> None:
        self._module = module
        self._log = (log or Path(os.devnull)).open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=ROOT,
        )
        self.hello: Any = self.answer()

    def ask(self, question: Any) -> Any:
        """Send a question and wait for its answer."""
        self.tell(question)
        return self.answer()

    def tell(self, question: Any) -> None:
        """Send a question; the answer is fetched by :meth:`answer`."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"{self._module} ended with status {self.process.wait()}; see {self._log.name!r}"
            )
        return json.loads(line)

    @property
    def cpu_s(self) -> float:
        """Processor seconds used so far, all threads."""
        return cpu_s(self.process.pid)

    def end(self) -> None:
        """Close its input and wait; kill it when it does not end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.end()


def cpu_s(pid: int) -> float:
    """Processor seconds of a process, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def memory_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def wait_for(what: str, seconds: float, ready: Any) -> None:
    """Look every 50 ms until ``ready()`` is true.

    Raises:
        TimeoutError: it never was.
    """
    deadline_s = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline_s:
            raise TimeoutError(what)
        time.sleep(0.05)


@contextmanager
def directory(chosen: Path | None) -> Iterator[Path]:
    """A directory for one measurement, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-", dir=chosen) as path:
        yield Path(path)


def commands_in(stream: Sequence[str] | Any) -> Iterator[Any]:
    """Read the questions of a parent, in a child that does nothing else."""
    for line in stream:
        yield json.loads(line)

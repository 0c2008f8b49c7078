"""Owns waiting for a batch: a bar with counts, pace and the time that is left; in a pipe one record a state.

Knows the HTTP interface only. Stopping to wait stops nothing else.
Source: GET /api/v1/batches/{id}.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

from gateway.cli.client import Client, Json, path_of
from gateway.cli.failure import CliError
from gateway.cli.output import Screen, about, counted, note, word_of
from gateway.escape import escape

FINAL = frozenset({"completed", "cancelled", "expired", "rejected"})

POLL_S = (0.2, 0.2, 0.3, 0.5, 1.0, 2.0)
"""Waits between looks; the last one repeats."""

PACE_WINDOW_S = 60.0
"""The pace shown is that of the last minute."""

_ORDER = (
    "delivered",
    "sent",
    "submitting",
    "queued",
    "held",
    "in_doubt",
    "undelivered",
    "failed",
    "expired",
    "cancelled",
)
_WAITING = ("held", "queued", "submitting")
_OUT = ("delivered", "sent", "in_doubt")
_LOST = ("undelivered", "failed", "expired")


def follow(client: Client, out: Screen, batch: Json) -> int:
    """Wait until a batch has ended; 0 when it was sent to its end, whoever it did not reach.

    Raises:
        CliError: it was cancelled, expired or rejected, or nothing of it went out.
    """
    watch = _Watch(out, time.monotonic())
    looks = 0
    with _bar(out) as bar:
        while True:
            batch = client.get(path_of("batches", batch["id"]))
            watch.show(batch, bar)
            if batch["state"] in FINAL:
                break
            time.sleep(POLL_S[min(looks, len(POLL_S) - 1)])
            looks += 1
    return _end(out, batch)


def counts_of(batch: Json) -> str:
    """Write the progress of a batch by state, what is best first."""
    counts: Mapping[str, int] = batch["counts"]
    known = sorted(counts, key=lambda state: _ORDER.index(state) if state in _ORDER else len(_ORDER))
    return " · ".join(f"{counts[state]:,} {word_of(state)}" for state in known) or "nothing yet"


def outlook_of(batch: Json) -> str:
    """Say when it will be done and why not sooner."""
    eta_s, reason = batch.get("eta_s"), str(batch.get("eta_reason") or "")
    return f"about {about(eta_s)} left: {reason}" if eta_s else reason


@dataclass(slots=True)
class _Watch:
    """What was seen of one batch so far."""

    out: Screen
    started_s: float
    said: str = ""
    seen: deque[tuple[float, int]] = field(default_factory=deque)

    def show(self, batch: Json, bar: _Bar | None) -> None:
        done = batch["accepted"] - sum(batch["counts"].get(state, 0) for state in _WAITING)
        if bar is not None:
            bar.update(batch, done, self._pace(batch, done))
        elif not self.out.as_json and batch["state"] != self.said:
            after = f"{time.monotonic() - self.started_s:.1f} s"
            self.out.table((), [[batch["state"], after, counts_of(batch), outlook_of(batch)]])
        self.said = batch["state"]

    def _pace(self, batch: Json, done: int) -> str:
        """Say how many parts left in the last minute."""
        now_s = time.monotonic()
        self.seen.append((now_s, done))
        while now_s - self.seen[0][0] > PACE_WINDOW_S:
            self.seen.popleft()
        first_s, first = self.seen[0]
        if now_s - first_s < 1 or not batch["accepted"]:
            return ""
        parts = (done - first) * batch["parts"] / batch["accepted"]
        return f"{parts * 60 / (now_s - first_s):.0f} parts a minute"


class _Bar:
    """A bar on standard error with a line of words below it."""

    def __init__(self, out: Screen) -> None:
        from rich.console import Console, Group
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.text import Text

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(*columns)
        self._task = self._progress.add_task("", total=None)
        # Text, not markup: a line called "[red]" is called so.
        self._words = Text(overflow="ellipsis", no_wrap=True)
        console = Console(stderr=True, no_color=not out.colour, highlight=False)
        self._live = Live(Group(self._progress, self._words), console=console, transient=True)

    def __enter__(self) -> _Bar:
        self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._live.stop()

    def update(self, batch: Json, done: int, pace: str) -> None:
        state = str(batch["state"])
        self._progress.update(self._task, description=state, completed=done, total=batch["accepted"])
        words = " · ".join(word for word in (counts_of(batch), pace, outlook_of(batch)) if word)
        self._words.plain = escape(words)


def _bar(out: Screen) -> _Bar | nullcontext[None]:
    """Make a bar where a person looks at it."""
    return _Bar(out) if out.terminal and sys.stderr.isatty() and not out.as_json else nullcontext()


def _end(out: Screen, batch: Json) -> int:
    if out.as_json:
        out.document(batch)
    elif out.terminal:
        out.line(f"{batch['state']}  {batch['id']}: {counts_of(batch)}")
    counts: Mapping[str, int] = batch["counts"]
    lost = sum(counts.get(state, 0) for state in _LOST)
    again = f"send them again: gateway batch resend {batch['id']}"
    if batch["state"] != "completed":
        raise CliError(f"the batch is {batch['state']}: {counts_of(batch)}", "see: gateway batch list")
    if lost and not any(counts.get(state) for state in _OUT):
        raise CliError(f"none of {counted(lost, 'message')} arrived", _cause(batch) or again)
    if lost:
        note(f"{counted(lost, 'message')} did not arrive{_because(batch)}; {again}")
    return 0


def _because(batch: Json) -> str:
    cause = _cause(batch)
    return f" ({cause})" if cause else ""


def _cause(batch: Json) -> str:
    """Name the cause that most of them failed for."""
    failures = batch.get("failures") or ()
    return f"{failures[0]['title']}: {failures[0]['hint']}" if failures else ""

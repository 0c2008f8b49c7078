"""Owns ``gateway batch send``: a file of recipients through a running server, with progress, or a look before.

Knows the HTTP interface only; reads no row itself.
Source: POST /api/v1/batches; the notes on the command line.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlencode

from gateway.cli.batch_watch import follow
from gateway.cli.client import Json, connect
from gateway.cli.failure import CliError
from gateway.cli.output import Screen, counted, note, screen
from gateway.cli.upload import Source, post, source_of
from gateway.escape import escape

SHOWN_ROWS = 10
"""Rows named on a terminal; all of them are a command away."""

_WHY = {
    "invalid_number": "not a number",
    "duplicate_recipient": "twice",
    "recipient_opted_out": "asked to stop",
    "consent_missing": "without consent",
    "template_error": "without what the text needs",
    "text_too_long": "too long",
    "text_not_encodable": "not encodable",
    "premium_number": "premium numbers",
    "emergency_number": "emergency numbers",
    "recipient_field_missing": "without a number",
    "csv_invalid": "unreadable",
}


def send(arguments: argparse.Namespace) -> int:
    """Send a file; 0 when it was accepted, with ``--wait`` 0 when it was sent to its end."""
    client, out = connect(arguments), screen(arguments)
    source = source_of(arguments.file)
    path = f"/api/v1/batches?{urlencode(_query(arguments))}"
    with _bar(out, source) as tell:
        answer = post(client, path, source, tell)
    if arguments.dry_run:
        _show_trial(out, answer)
        return 0
    if not (arguments.wait and out.as_json):
        _show_accepted(out, answer)
    _tell_rejected(answer)
    if not answer["accepted"]:
        raise CliError("no row became a message", f"see why: gateway batch rejected {answer['id']}")
    return follow(client, out, answer) if arguments.wait else 0


def _query(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    asked = (
        ("text", arguments.text),
        ("template_id", arguments.template),
        ("name", arguments.name),
        ("number_column", arguments.number_column),
        ("line", arguments.line),
        ("pool", arguments.pool),
        ("send_at", arguments.send_at),
        ("purpose", arguments.purpose),
        *(("tag", tag) for tag in arguments.tag),
        ("dry_run", "true" if arguments.dry_run else None),
    )
    return [(name, value) for name, value in asked if value is not None]


# ------------------------------------------------------------------ on the way


@contextmanager
def _bar(out: Screen, source: Source) -> Iterator[Callable[[int], None]]:
    """Show how much of the file has gone, where a person looks at standard error."""
    if not sys.stderr.isatty() or out.as_json:
        yield lambda _octets: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=Console(stderr=True, no_color=not out.colour), transient=True
    ) as progress:
        task = progress.add_task("sending the file", total=source.octets)

        def tell(octets: int) -> None:
            if octets == 0:
                progress.reset(task)
            progress.advance(task, octets)
            if progress.tasks[0].finished:
                progress.update(task, description="the server checks the last rows")

        yield tell


# ------------------------------------------------------------------ what came of it


def _show_trial(out: Screen, answer: Json) -> None:
    if out.as_json:
        out.document(answer)
        return
    reasons = _reasons(answer["rejected"], answer["rejected_count"])
    out.line(" · ".join([f"{answer['accepted']:,} will be sent", *reasons]))
    out.line(counted(answer["parts"], "part"))
    longest = answer["longest"]
    if longest["text"] is not None:
        out.line(f"longest text, {counted(longest['parts'], 'part')}: {longest['text']}")
    for row in answer["rejected"][:SHOWN_ROWS]:
        note(f"row {row['index']}: {row['detail']}")
    more = answer["rejected_count"] - SHOWN_ROWS
    if more > 0:
        note(f"and {more:,} more; --json names them")


def _reasons(rejected: Sequence[Mapping[str, str]], total: int) -> list[str]:
    """Say how many rows are left out, and why; answers name the first thousand of them."""
    codes = Counter(row["code"] for row in rejected)
    said = [f"{n:,} {_WHY.get(code, code.replace('_', ' '))}" for code, n in codes.most_common()]
    unnamed = total - len(rejected)
    return [*said, f"{unnamed:,} more left out"] if unnamed > 0 else said


def _show_accepted(out: Screen, batch: Json) -> None:
    if out.as_json:
        out.document(batch)
    elif out.terminal:
        held = f" ({str(batch['held_reason']).replace('_', ' ')})" if batch["held_reason"] else ""
        rows = f"{batch['accepted']:,} of {counted(batch['total'], 'row')}"
        print(escape(f"{batch['state']}{held}  {batch['id']}: {rows}, {counted(batch['parts'], 'part')}"))
    else:
        cells = [batch["id"], batch["state"], batch["accepted"], batch["rejected_count"], batch["parts"]]
        out.table((), [cells])


def _tell_rejected(batch: Json) -> None:
    if not batch["rejected_count"]:
        return
    reasons = " · ".join(_reasons(batch["rejected"], batch["rejected_count"]))
    note(f"not sent: {reasons}; see: gateway batch rejected {batch['id']}")

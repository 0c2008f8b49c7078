"""Owns ``gateway batch list``, ``show``, ``pause``, ``resume``, ``cancel``, ``resend`` and ``rejected``.

Knows the HTTP interface only.
Source: /api/v1/batches.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.cli.batch_watch import counts_of, outlook_of
from gateway.cli.client import Client, Json, Refused, connect, path_of
from gateway.cli.failure import CliError
from gateway.cli.output import Screen, counted, note, screen

_COLOURS = {"held": "yellow", "paused": "yellow", "rejected": "red", "expired": "red"}


def index(arguments: argparse.Namespace) -> int:
    """List batches, newest first."""
    out = screen(arguments)
    found = connect(arguments).get("/api/v1/batches", limit=arguments.limit)["items"]
    if out.as_json:
        out.document(found)
        return 0
    rows = [[b["id"], b["name"], b["state"], b["accepted"], counts_of(b), b["created_at"]] for b in found]
    styles = [_COLOURS.get(batch["state"], "") for batch in found]
    out.table(("BATCH", "NAME", "STATE", "MESSAGES", "PROGRESS", "CREATED"), rows, styles, folds="PROGRESS")
    if not found:
        note('No batch was sent yet: gateway batch send people.csv --text "Hi {name}"')
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Show one batch: progress, when it will be done and why not sooner, cost, and why some failed."""
    out, client = screen(arguments), connect(arguments)
    with _named(arguments.id):
        batch = client.get(path_of("batches", arguments.id))
    if out.as_json:
        out.document(batch)
        return 0
    facts = [(name, value) for name, value in _facts(batch) if value not in (None, "")]
    if out.terminal:
        for name, value in facts:
            out.line(f"{name:<10} {value}")
    else:
        out.table((), facts)
    return 0


def pause(arguments: argparse.Namespace) -> int:
    """Send nothing more of it until it is resumed."""
    return _posted(arguments, "pause")


def resume(arguments: argparse.Namespace) -> int:
    """Go on with it."""
    return _posted(arguments, "resume")


def cancel(arguments: argparse.Namespace) -> int:
    """Cancel what was not sent yet."""
    client = connect(arguments)
    with _named(arguments.id):
        batch = client.delete(path_of("batches", arguments.id))
    return _changed(arguments, batch)


def resend(arguments: argparse.Namespace) -> int:
    """Send what failed again, as a batch of its own."""
    return _posted(arguments, "resend")


def rejected(arguments: argparse.Namespace) -> int:
    """List the rows that became no message."""
    out, client = screen(arguments), connect(arguments)
    with _named(arguments.id):
        rows = _rejected_rows(client, arguments.id)
    if out.as_json:
        out.document(rows)
        return 0
    cells = [[row["index"], row["to"], row["code"], row["detail"]] for row in rows]
    out.table(("ROW", "TO", "CODE", "WHY"), cells, folds="WHY")
    if not rows:
        note("Every row became a message.")
    return 0


# ------------------------------------------------------------------ parts


@contextmanager
def _named(batch_id: str) -> Iterator[None]:
    """Call a batch that is not there by the id that was typed."""
    try:
        yield
    except Refused as e:
        if e.code != "not_found":
            raise
        raise CliError(f'no batch "{batch_id}"', "gateway batch list shows ids") from None


def _posted(arguments: argparse.Namespace, verb: str) -> int:
    client = connect(arguments)
    with _named(arguments.id):
        batch = client.post(path_of("batches", arguments.id, verb), {})
    return _changed(arguments, batch)


def _changed(arguments: argparse.Namespace, batch: Json) -> int:
    out: Screen = screen(arguments)
    if out.as_json:
        out.document(batch)
    elif out.terminal:
        out.line(f"{batch['state']}  {batch['id']}: {counts_of(batch)}")
    else:
        out.table((), [[batch["id"], batch["state"], counts_of(batch)]])
    return 0


def _facts(batch: Json) -> list[tuple[str, object]]:
    money = [f"{cost['amount']} {cost['currency']}" for cost in batch["cost"]]
    failures = [f"{each['count']:,} × {each['title']}: {each['hint']}" for each in batch["failures"]]
    return [
        ("batch", batch["id"]),
        ("name", batch["name"]),
        ("state", batch["state"]),
        ("waits for", str(batch["held_reason"] or "").replace("_", " ")),
        ("messages", f"{batch['accepted']:,} of {counted(batch['total'], 'row')}"),
        ("progress", counts_of(batch)),
        ("parts", batch["parts"]),
        ("outlook", outlook_of(batch)),
        ("cost", " · ".join(money)),
        *(("failed", failure) for failure in failures),
        ("created", batch["created_at"]),
        ("completed", batch["completed_at"]),
    ]


def _rejected_rows(client: Client, batch_id: str) -> list[Json]:
    found: list[Json] = []
    after: int | None = None
    while True:
        page = client.get(path_of("batches", batch_id, "rejected"), after=after)
        found += page["items"]
        after = page["next"]
        if after is None:
            return found

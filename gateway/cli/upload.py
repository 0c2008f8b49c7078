"""Owns a file on its way to the server: what kind it is, sent piece by piece, and once more when the connection breaks.

Never holds a file whole, and never sends it twice to be done twice: both times have one Idempotency-Key.
Source: rules API-3, API-8; POST /api/v1/batches takes CSV, NDJSON and XLSX.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.cli.client import Client, Json, NoServer, Refused
from gateway.cli.failure import CliError
from gateway.cli.output import note

CSV = "text/csv"
NDJSON = "application/x-ndjson"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

PIECE_OCTETS = 65_536
REPEAT_AFTER_S = 1.0
FIRST_ENDS_S = 60
"""How long the server may need to notice that the first try broke, before the second is taken."""

_BY_ENDING = {".csv": CSV, ".tsv": CSV, ".txt": CSV, ".ndjson": NDJSON, ".jsonl": NDJSON, ".xlsx": XLSX}


@dataclass(frozen=True, slots=True)
class Source:
    """Rows to send. ``path`` None: standard input, which can be read only once; ``octets`` None: nobody knows."""

    path: Path | None
    media_type: str
    octets: int | None

    def pieces(self, tell: Callable[[int], None]) -> Iterator[bytes]:
        """Read it from the beginning, telling how many octets went."""
        if self.path is None:
            yield from _pieces(sys.stdin.buffer, tell)
            return
        try:
            with self.path.open("rb") as file:
                yield from _pieces(file, tell)
        except FileNotFoundError:
            raise CliError(f"{self.path} has gone while it was read") from None


def _pieces(file: BinaryIO, tell: Callable[[int], None]) -> Iterator[bytes]:
    while piece := file.read(PIECE_OCTETS):
        yield piece
        tell(len(piece))


def source_of(name: str) -> Source:
    """Look at what is to be sent; ``-`` is standard input.

    Raises:
        CliError: there is no such file, or it cannot be read.
    """
    if name == "-":
        peek = getattr(sys.stdin.buffer, "peek", None)
        return Source(None, _kind(peek(4)) if peek is not None else CSV, None)
    path = Path(name)
    try:
        with path.open("rb") as file:
            kind = _BY_ENDING.get(path.suffix.casefold()) or _kind(file.read(4))
        octets = path.stat().st_size if path.is_file() else None
    except OSError as e:
        raise CliError(
            f"{name} cannot be read: {e.strerror}", "name a CSV, NDJSON or XLSX file, or - for standard input"
        ) from None
    if octets == 0:
        raise CliError(f"{name} is empty", "it needs a row of headings and a row for each recipient")
    return Source(path, kind, octets)


def _kind(begin: bytes) -> str:
    if begin.startswith(b"PK"):
        return XLSX
    return NDJSON if begin.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"{") else CSV


def post(client: Client, path: str, source: Source, tell: Callable[[int], None]) -> Json:
    """Send rows. When the connection breaks, a file is sent once more; standard input cannot be.

    Args:
        client: Where to.
        path: With its query.
        source: What.
        tell: Hears how many more octets went, 0 when it begins anew.

    Raises:
        CliError: the server refused it, or does not answer.
    """
    headers = {"Content-Type": source.media_type, "Idempotency-Key": f"cli-{uuid.uuid4()}"}
    # A device or pipe has no size that means anything: it is sent chunked.
    if source.octets is not None:
        headers["Content-Length"] = str(source.octets)
    try:
        return client.upload(path, source.pieces(tell), headers)
    except NoServer:
        if source.path is None or source.octets is None:
            raise
    note("the connection broke; sending the file once more")
    for _ in range(FIRST_ENDS_S):
        time.sleep(REPEAT_AFTER_S)
        tell(0)
        try:
            return client.upload(path, source.pieces(tell), headers)
        except Refused as refused:
            if refused.code != "idempotency_in_progress":
                raise
    raise CliError("the server is still busy with the first try", "look at it later: gateway batch list")

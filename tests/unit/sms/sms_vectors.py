"""Reads the given vectors, so that every row of every table runs under its own name.

Knows nothing of the codec. Source: tests/vectors/README.md
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from device_bridge.errors import CodecError

Row = dict[str, Any]
"""One row of a table: what it holds depends on the table."""

VECTORS = Path(__file__).parents[2] / "vectors"


@cache
def _tables(file: str) -> dict[str, list[Row]]:
    return tomllib.loads((VECTORS / f"{file}.toml").read_text(encoding="utf-8"))


def rows(file: str, table: str) -> list[Row]:
    return _tables(file)[table]


def each(file: str, table: str) -> pytest.MarkDecorator:
    found = rows(file, table)
    return pytest.mark.parametrize("row", found, ids=[row["name"] for row in found])


def table_names(file: str) -> set[str]:
    return set(_tables(file))


def tpdus_from_network() -> list[bytes]:
    found = [
        row["tpdu"]
        for row in (*rows("deliver", "deliver"), *rows("status_report", "status_report"))
        if "tpdu" in row
    ]
    found += [tpdu for row in rows("deliver", "join") for tpdu in row["arrival"]]
    return [bytes.fromhex(tpdu) for tpdu in found]


def tpdus_to_network() -> list[bytes]:
    return [bytes.fromhex(tpdu) for row in rows("submit", "submit") for tpdu in row["tpdu"]]


def attempt(work: Callable[[Any], Any], given: Any) -> Any:
    """Give what the work returns, or the error of the codec that it raises; anything else propagates."""
    try:
        return work(given)
    except CodecError as error:
        return error

"""Owns the schema's history: each ``NNNN_name.sql`` beside this file is applied once, in order, in a transaction.

Knows no domain. Migrations add first and take away a release later.
Source: sqlite_utils.Migrations keeps the record of what was applied.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources

from sqlite_utils import Database, Migrations


def _script(sql: str) -> Callable[[Database], None]:
    def apply(db: Database) -> None:
        # The Database object's own executescript: the raw connection's would commit the transaction silently.
        db.executescript(sql)

    return apply


def _load() -> Migrations:
    migrations = Migrations("gateway")
    for file in sorted(resources.files(__name__).iterdir(), key=lambda f: f.name):
        if file.name.endswith(".sql"):
            migrations(name=file.name.removesuffix(".sql"))(_script(file.read_text()))
    return migrations


MIGRATIONS = _load()

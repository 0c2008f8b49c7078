"""Owns the schema's history: each ``NNNN_name.sql`` beside this file is applied once, in order, in a transaction.

Knows no domain. Migrations add first and take away a release later.
Source: sqlite_utils.Migrations keeps the record of what was applied.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import cache
from importlib import resources

from sqlite_utils import Database, Migrations


def _script(sql: str) -> Callable[[Database], None]:
    def apply(db: Database) -> None:
        # Statement by statement: executescript of the connection would commit the transaction silently, and that of
        # Database looks for the end of each statement at every character, which is most of a first start's work.
        for statement in _statements(sql):
            db.execute(statement).close()

    return apply


@cache
def _statements(sql: str) -> tuple[str, ...]:
    """Cut a script into its statements; each ends with a line."""
    statements: list[str] = []
    begun = ""
    for line in sql.splitlines(keepends=True):
        begun += line
        if sqlite3.complete_statement(begun):
            statements.append(begun)
            begun = ""
    if begun.strip():
        statements.append(begun)
    return tuple(statements)


def _load() -> Migrations:
    migrations = Migrations("gateway")
    for file in sorted(resources.files(__name__).iterdir(), key=lambda f: f.name):
        if file.name.endswith(".sql"):
            migrations(name=file.name.removesuffix(".sql"))(_script(file.read_text()))
    return migrations


MIGRATIONS = _load()

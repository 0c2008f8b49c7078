"""Owns the named SQL queries: every statement of the store stands in a ``.sql`` file here and nowhere else.

Knows no connection. The dialect is what SQLite ≥ 3.40 and PostgreSQL share; parameters are ``:name``.
Source: ``-- name: the_name`` starts a query, everything up to the next such line belongs to it.
"""

from __future__ import annotations

import re
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def _load() -> dict[str, str]:
    queries: dict[str, str] = {}
    for file in sorted(resources.files(__name__).iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".sql"):
            continue
        pieces = _NAME.split(file.read_text())
        for name, sql in zip(pieces[1::2], pieces[2::2], strict=True):
            if name in queries:
                raise ValueError(f"query {name} stands twice")
            queries[name] = sql.strip().rstrip(";")
    return queries


QUERIES = _load()

"""Owns somebody who has the file of a database and changes it by other means than ours.

Knows the names of the two triggers that keep the audit trail, and nothing else.
Source: rules §13, row 34.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def by_other_means(folder: Path, *statements: str) -> None:
    """Run statements on the one database below a folder, with what keeps the audit trail out of the way."""
    (file,) = folder.rglob("gateway.db")
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        for statement in ("DROP TRIGGER audit_stays", "DROP TRIGGER audit_is_kept", *statements):
            db.execute(statement)

"""Owns how a refusal quotes what somebody wrote.

Knows no field and no rule.
Source: attack list, row 27 (what is quoted ends up in logs, terminals and pages).
"""

from __future__ import annotations

QUOTED_CHARACTERS_MAX = 48


def quoted(written: str) -> str:
    """Quote text, cut and without anything that could mislead a log or a terminal."""
    short = written if len(written) <= QUOTED_CHARACTERS_MAX else written[: QUOTED_CHARACTERS_MAX - 1] + "…"
    return '"' + "".join(c if c.isprintable() else "?" for c in short) + '"'

"""Owns forms whose answer is shown once and must not be carried out twice: new keys, new secrets, texts.

Knows no page. What the first press led to is kept like the answer of a repeated request; a reload of the answer leads
there, and shows no secret.
Source: rules API-8 (a repeated POST), KEY-2 and WHK-1 (shown once).
"""

from __future__ import annotations

import re

from multidict import MultiDict

from gateway.http.call import Call
from gateway.http.route import scope_of
from gateway.ids import new_id
from gateway.store.rows import IdempotencyKey, StoredAnswer

FIELD = "once"
_SHAPE = re.compile(r"[0-9a-f-]{36}", re.ASCII)


def fresh() -> str:
    """Make what tells this showing of a form from others; it goes into a hidden field."""
    return new_id()


def mark_of(fields: MultiDict[str]) -> str:
    """Read what tells one showing of a form from another; a new one where it is missing."""
    given = fields.get(FIELD, "")
    return given if _SHAPE.fullmatch(given) else fresh()


async def already(call: Call, fields: MultiDict[str]) -> str | None:
    """Say which page the first press of this form led to; None at the first."""
    kept = await call.services.store.answered(_key(call, fields))
    return None if kept is None else kept.body.decode()


async def done(call: Call, fields: MultiDict[str], path: str) -> None:
    """Remember that a form was carried out, and the page to which a second press leads."""
    await call.services.store.keep_answer(_key(call, fields), StoredAnswer(303, path.encode()))


def _key(call: Call, fields: MultiDict[str]) -> IdempotencyKey:
    return IdempotencyKey(scope_of(call), mark_of(fields), "form")

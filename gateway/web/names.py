"""Owns how lines and keys are called on pages: by label, number or name, never by an id alone.

Knows no page. Sandbox sessions are told of sandbox keys only.
Source: the notes on what people see, *Texts* (no bare codes); rules KEY-7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.http.access import ADMIN_KEY_ID
from gateway.http.call import Call
from gateway.store.rows import KeyRow, LineRow
from gateway.web.shown import number
from gateway.web.words import gettext as _


@dataclass(frozen=True, slots=True)
class Names:
    """How ids are called: lines by their id, actors as "key:ID"."""

    lines: Mapping[str, str]
    actors: Mapping[str, str]

    def line(self, line_id: str | None) -> str:
        """Call a line by its name; one that is forgotten by its id."""
        return self.lines.get(line_id or "", line_id or "")

    def actor(self, by: object) -> str:
        """Call whoever did something by the name of the key."""
        return self.actors.get(str(by), _("a key that is gone"))


async def names_of(call: Call) -> Names:
    """Read the names that this caller may see."""
    lines = await lines_of(call)
    keys = await keys_of(call)
    actors = {f"key:{key.id}": key.name for key in keys}
    return Names(
        {line.id: line_name(line) for line in lines},
        {**actors, f"key:{ADMIN_KEY_ID}": _("the administrator's key"), "gateway": _("this gateway")},
    )


async def lines_of(call: Call) -> tuple[LineRow, ...]:
    """Give the lines that this caller may see, by name; usually without a read."""
    lines = await call.services.admission.line_book.lines(call.caller.tenant)
    seen = [line for line in lines if line.emulated or not call.view.sandbox_only]
    return tuple(sorted(seen, key=lambda line: (line.emulated, line_name(line).casefold())))


async def keys_of(call: Call) -> tuple[KeyRow, ...]:
    """Give the keys whose names this caller may see."""
    keys = await call.services.store.keys(call.caller.tenant)
    return tuple(key for key in keys if key.sandbox or not call.view.sandbox_only)


def line_name(line: LineRow) -> str:
    """Call a line by its label, else its number, else what is known."""
    return line.label or (number(line.number) if line.number else line.iccid or line.id)

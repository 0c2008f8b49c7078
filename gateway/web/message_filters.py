"""Owns how the address of the list becomes what is looked for: the search box and the controls beside it, put together.

Knows no page's look. Names are looked up here: numbers by the rules of admission, lines and keys by what people call
them.
Source: the notes on what people see, */messages* (filters are a query in the URL).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from gateway.errors import GatewayError
from gateway.http.call import Call
from gateway.http.messages import key_ids_of, states_of
from gateway.store.rows import MessageFilter
from gateway.store.searching import Wanted
from gateway.web.search import Sought, parse
from gateway.web.words import gettext as _
from gateway.web.words import mark

NAMES = ("q", "direction", "state", "line", "since", "until", "key", "tag", "batch", "reference")
"""What the address may hold, in the order of the controls."""

_LABELS = {
    "q": mark("Search"), "direction": mark("Direction"), "state": mark("State"), "line": mark("Line"),
    "since": mark("From day"), "until": mark("Before day"), "key": mark("Key"), "tag": mark("Tag"),
    "batch": mark("Batch"), "reference": mark("Reference"),
}  # fmt: skip
_MOST = 300
"""Characters of a value: longer ones are no filter that somebody meant."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What is set: ``query`` as it stands in the address, and what it means."""

    query: Mapping[str, str]
    sought: Sought

    @property
    def labels(self) -> tuple[tuple[str, str, str], ...]:
        """Name, label and value of each filter that is on."""
        return tuple((name, _(_LABELS[name]), self.query[name]) for name in NAMES if name in self.query)

    def without(self, name: str) -> dict[str, str]:
        """The query when one filter is taken away."""
        return {key: value for key, value in self.query.items() if key != name}


async def filters_of(call: Call, written: str | None = None) -> Filters:
    """Read the filters of the request's address, or of a query that a form carried along."""
    pairs = call.request.rel_url.query.items() if written is None else parse_qsl(written[:4000])
    query = {name: value.strip()[:_MOST] for name, value in pairs if name in NAMES and value.strip()}
    controls = " ".join(f'{name}:"{_bare(value)}"' for name, value in query.items() if name != "q")
    sought = parse(f"{query.get('q', '')} {controls}", call.services.clock.now_ms())
    return Filters(query, await reference_or_words(call, sought))


def _bare(value: str) -> str:
    return value.replace('"', "")


async def reference_or_words(call: Call, sought: Sought) -> Sought:
    """Take a single word for a reference where a message has it."""
    if len(sought.words) != 1 or sought.reference or sought.direction == "in":
        return sought
    page = await call.services.store.messages(call.view, MessageFilter(reference=sought.words[0]), 1, None)
    return replace(sought, reference=sought.words[0], words=()) if page.items else sought


async def wanted_of(call: Call, sought: Sought) -> tuple[Wanted, tuple[str, ...]]:
    """Look the names up; also says what was not understood."""
    to, words, troubles = "", sought.words, sought.troubles
    if sought.to:
        try:
            to = (await call.services.admission.recipient(call.caller.tenant, sought.to)).e164
        except GatewayError as error:
            if sought.direction == "in":
                to = sought.to
            elif _is_free(sought):
                words = (sought.to,)
            else:
                troubles = (*troubles, error.detail)
                to = sought.to
    line = sought.line
    if line:
        line = await call.services.admission.line_book.id_of(call.caller.tenant, line)
    states, scheduled = states_of(sought.states)
    where = MessageFilter(
        states=states,
        scheduled=scheduled,
        to=to or None,
        line=line or None,
        reference=sought.reference or None,
        batch_id=sought.batch or None,
        since_ms=sought.since_ms,
        until_ms=sought.until_ms,
    )
    direction = sought.direction if call.caller.may("inbound:read") else "out"
    key_ids = await key_ids_of(call, sought.key) if sought.key else ()
    return Wanted(where, direction, key_ids, sought.tags, words), troubles


def _is_free(sought: Sought) -> bool:
    """Say whether digits stood alone in the box: they may as well be words."""
    return not sought.words

"""Owns how an event looks on a stream, and which events a stream wants; each is written once, whoever reads it.

Knows no connection and no store.
Source: WHATWG HTML §9.2.6 (server-sent events: an ``id`` without data moves the last event id); RFC 6455 §5.2 (frames).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, cast

from gateway.ids import new_id
from gateway.representation import Json, event_octets, rfc3339
from gateway.store.events import matches

if TYPE_CHECKING:
    from gateway.store.rows import Event

Framing = Literal["sse", "socket"]
GapReason = Literal["expired", "unknown"]
"""Events after the cursor were let go by age; or the cursor is newer than all there is (an older database is back)."""

GAP = "stream.gap"
RECEIVED = "message.received"

_TEXT_FRAME = 0x81
"""FIN and opcode 1: a text message in one frame; a server does not mask."""
_LENGTH_7_MAX = 125
_LENGTH_16_MAX = 0xFFFF
_TEXTS = ("text", "data_base64", "url")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a stream is narrowed to; empty = everything. ``types`` may hold ``message.*``; all ``tags`` must match."""

    types: tuple[str, ...] = ()
    line: str | None = None
    batch: str | None = None
    tags: tuple[tuple[str, str], ...] = ()

    def lets(self, event: EncodedEvent) -> bool:
        """Say whether an event goes through."""
        return (
            (not self.types or _covers(self.types, event.type))
            and (self.line is None or self.line == event.line)
            and (self.batch is None or self.batch == event.batch)
            and all(event.tags.get(name) == value for name, value in self.tags)
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stream is given: which events, in which framing, and whose texts. ``texts`` are those of messages out,
    ``received_texts`` those of messages in."""

    framing: Framing
    texts: bool
    received_texts: bool
    filter: Filter | None = None


class EncodedEvent:
    """An event as JSON with its texts and without, and the few words that filters ask for."""

    __slots__ = ("_bare", "_made", "_whole", "batch", "line", "seq", "size", "tags", "type")

    def __init__(self, event: Event) -> None:
        payload = event.payload
        self.seq = event.seq
        self.type = event.type
        family = event.type.partition(".")[0]
        self.line = payload.get("id" if family == "line" else "line")
        self.batch = payload.get("id" if family == "batch" else "batch_id")
        self.tags = cast("dict[str, str]", payload.get("tags") or {})
        head: Json = {"id": event.id, "type": event.type, "timestamp": rfc3339(event.at_ms)}
        self._whole = self._bare = event_octets(head, payload)
        spoken = [name for name in _TEXTS if payload.get(name) is not None] if family == "message" else []
        if spoken:
            self._bare = event_octets(head, {**payload, **dict.fromkeys(spoken)})
        self.size = len(self._whole)
        # Made when first asked for: most worlds have readers of one kind only.
        self._made: list[bytes | None] = [None, None, None, None]

    def octets(self, wanted: Wanted) -> bytes:
        """Give the event as it goes on the wire."""
        with_text = wanted.received_texts if self.type == RECEIVED else wanted.texts
        slot = (2 if wanted.framing == "sse" else 0) + with_text
        made = self._made[slot]
        if made is None:
            body = self._whole if with_text else self._bare
            made = self._made[slot] = framed(wanted.framing, self.seq, self.type, body)
        return made


@lru_cache(maxsize=1024)
def _covers(types: tuple[str, ...], event_type: str) -> bool:
    return matches(list(types), event_type)


def framed(framing: Framing, cursor: int, event_type: str, body: bytes) -> bytes:
    """Put one event (``body``: a JSON object on one line) into its frame with its cursor."""
    if framing == "sse":
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (cursor, event_type.encode(), body)
    return _frame(b'%s,"cursor":%d}' % (body[:-1], cursor))


def heartbeat(framing: Framing, cursor: int) -> bytes:
    """Write a sign of life that moves the cursor over what the filter left out."""
    if framing == "sse":
        return b": heartbeat\nid: %d\n\n" % cursor
    return _frame(b'{"type":"heartbeat","cursor":%d}' % cursor)


def gap(framing: Framing, after: int, cursor: int, reason: GapReason, now_ms: int) -> bytes:
    """Say that what stood between ``after`` and ``cursor`` is not told."""
    head: Json = {"id": new_id(), "type": GAP, "timestamp": rfc3339(now_ms)}
    body = event_octets(head, {"reason": reason, "after": after, "continues_after": cursor})
    return framed(framing, cursor, GAP, body)


def _frame(payload: bytes) -> bytes:
    length = len(payload)
    if length <= _LENGTH_7_MAX:
        head = struct.pack("!BB", _TEXT_FRAME, length)
    elif length <= _LENGTH_16_MAX:
        head = struct.pack("!BBH", _TEXT_FRAME, 126, length)
    else:
        head = struct.pack("!BBQ", _TEXT_FRAME, 127, length)
    return head + payload

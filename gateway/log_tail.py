"""Owns the newest log lines that name a device or a line, kept in memory for the pages, and which of them one device
concerns.

Knows no page and masks nothing itself: it stands behind the redactor, so no text, key or number comes to it.
Source: rules LOG-1, LOG-2; structlog, *Processors*.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

KEPT = 2_000
"""Lines, about a megabyte. Older ones are forgotten."""

VALUE_CHARACTERS = 240
"""As long as hints get. The log itself has the whole value."""

_DEVICE_IDS = ("device_id", "install_id")
_NAMES = frozenset({*_DEVICE_IDS, "address", "line", "serialno"})
"""Fields that name a device or a line. Lines without any are not kept: those of requests would drive the others out."""

_OF_EVERY_LINE = frozenset({"timestamp", "level", "event"})


@dataclass(frozen=True, slots=True)
class DeviceNames:
    """What one device and its lines are called in log lines."""

    ids: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()
    serialnos: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log. ``timestamp`` is as it was written (ISO 8601, UTC), ``fields`` all the rest, as text."""

    timestamp: str
    level: str
    event: str
    fields: Mapping[str, str]

    @property
    def at_ms(self) -> int | None:
        try:
            return round(datetime.fromisoformat(self.timestamp).timestamp() * 1000)
        except ValueError:
            return None

    @property
    def pairs(self) -> tuple[str, ...]:
        """Write the fields as ``name=value``."""
        return tuple(f"{name}={value}" for name, value in self.fields.items())

    def concerns(self, names: DeviceNames) -> bool:
        """Say whether it is about a device or one of its lines.

        A place is believed only where no device is named beside it: after another modem was put into a port, what the
        port tells is not about the one before.
        """
        fields = self.fields
        ids = [fields[name] for name in _DEVICE_IDS if name in fields]
        return (
            any(each in names.ids for each in ids)
            or fields.get("line") in names.lines
            or fields.get("serialno") in names.serialnos
            or (not ids and fields.get("address") in names.addresses)
        )

    def holds(self, word: str) -> bool:
        """Say whether a word stands in it, large or small."""
        wanted = word.casefold()
        return any(wanted in each.casefold() for each in (self.event, *self.pairs))


class LogTail:
    """A bounded memory of log lines; a processor of structlog that changes nothing. Lines may come from any thread."""

    def __init__(self, kept: int = KEPT) -> None:
        self._lines: deque[LogLine] = deque(maxlen=kept)
        self._lock = threading.Lock()

    def __call__(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Keep a line that names a device or a line of the gateway."""
        if not _NAMES.isdisjoint(event):
            fields = {name: _as_text(value) for name, value in event.items() if name not in _OF_EVERY_LINE}
            timestamp, level, said = (str(event.get(name, "")) for name in ("timestamp", "level", "event"))
            line = LogLine(timestamp, level, said, fields)
            with self._lock:
                self._lines.append(line)
        return event

    def newest(self, names: DeviceNames, limit: int, word: str = "") -> tuple[LogLine, ...]:
        """Give the lines about a device, newest first; with ``word`` only those that hold it."""
        with self._lock:
            lines = tuple(self._lines)
        found: list[LogLine] = []
        for line in reversed(lines):
            if len(found) == limit:
                break
            if line.concerns(names) and line.holds(word):
                found.append(line)
        return tuple(found)


def _as_text(value: Any) -> str:
    # Of a traceback, the only value with line breaks, the last line says what happened.
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = text.strip().rpartition("\n")[2]
    return text if len(text) <= VALUE_CHARACTERS else f"{text[:VALUE_CHARACTERS]}…"

"""Owns what leaves the process as a log: one structured line per decision, numbers masked, secrets never.

Knows no event of its own; callers give a constant event name and ids. Texts, keys and PINs are removed here
even when a caller passes them by mistake.
Source: rules LOG-1 and LOG-2; structlog's JSONRenderer and ConsoleRenderer.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import re
import secrets
import sys
import threading
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TextIO

import structlog

from gateway.escape import escape
from gateway.log_tail import LogTail

Level = Literal["debug", "info", "warning", "error"]

SUBJECT_HEX_DIGITS = 8
"""Enough to follow one number through a day's log, too few to be turned back into it (rules LOG-2)."""

REMOVED = "[removed]"

NEVER_LOGGED = frozenset(
    {
        "authorization",
        "body",
        "cookie",
        "data",
        "key",
        "octets",
        "password",
        "pdu",
        "pin",
        "query",
        "query_string",
        "secret",
        "secrets",
        "set_cookie",
        "text",
        "token",
        "tpdu",
        "x_api_key",
    }
)
"""Names of values that are removed whatever they hold (rules LOG-2; raw PDUs hold texts)."""

_LINES = frozenset({"exception", "stack"})
"""Values that keep their line breaks: a traceback on one line helps nobody; JSON escapes them anyway."""

_NUMBER_NAMES = frozenset({"da", "from", "msisdn", "number", "oa", "ra", "recipient", "sender", "to"})
"""Values that are numbers also without a plus sign."""

_CHATTY = ("markdown_it",)
"""Libraries that say at debug what only their authors want to know: thousands of lines for one page of help."""

_SECRET = re.compile(r"\bgw[dlst]_[0-9A-Za-z]{8,}|whsec_[0-9A-Za-z+/=]{8,}|(?i:\bbearer\s+)[^\s\"']+")
_NUMBER = re.compile(r"(?<![\w.+-])\+[1-9][0-9]{4,14}(?![0-9])")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """``format`` auto: readable on a terminal, JSON anywhere else. ``pepper`` keys the HMAC of a subject."""

    level: Level = "info"
    format: Literal["auto", "console", "json"] = "auto"
    numbers: Literal["masked", "full"] = "masked"
    pepper: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)


def configure(
    settings: LogSettings,
    stream: TextIO | None = None,
    *,
    after_greeting: bool = False,
    tail: LogTail | None = None,
) -> Callable[[], None]:
    """Send everything that is logged in this process to ``stream`` (standard error), once and for all.

    The records of ``logging`` (aiohttp, asyncio) pass through the same masking and the same renderer.

    Args:
        settings: Level, form and what is masked.
        stream: Where lines go.
        after_greeting: Something else is to be read first: on a terminal at level info lines below *warning* are held
            back until they are let go. Files and pipes get every line at once.
        tail: Remembers our own lines for the pages, numbers masked whatever the settings say.

    Returns:
        What lets go of the lines that are held back; does nothing where there are none.
    """
    out = _Unfailing(stream or sys.stderr)
    lines = _Lines(out, hold=after_greeting and settings.level == "info" and out.isatty())
    terminal = settings.format == "console" or (settings.format == "auto" and out.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    clean: list[Any] = [structlog.processors.format_exc_info, redactor(settings)]
    json_lines = structlog.processors.JSONRenderer(ensure_ascii=False)
    render: Any = _renderer(colours=out.isatty()) if terminal else json_lines
    level = getattr(logging, settings.level.upper())
    structlog.configure(
        processors=[*shared, *clean, *_remembered(tail, settings), render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_names: lines,
        cache_logger_on_first_use=False,
    )
    form = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, _of_library],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *clean, render],
    )
    _take_over(_Records(lines, form), level)
    return lines.let_go


def _remembered(tail: LogTail | None, settings: LogSettings) -> list[Any]:
    if tail is None:
        return []
    if settings.numbers == "masked":
        return [tail]
    # Who asked for full numbers reads the log; whoever may see devices on a page need not see whom they text.
    mask = redactor(replace(settings, numbers="masked"))

    def remember(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        tail(logger, method, mask(logger, method, event))
        return event

    return [remember]


def _take_over(handler: logging.Handler, level: int) -> None:
    """Let the records of ``logging`` go nowhere else."""
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


class _Unfailing:
    """A stream that loses lines rather than stop the gateway when a disk is full or a pipe is closed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()


class _Lines:
    """Where rendered lines go, by the names of their levels; minor ones wait while they are held back."""

    def __init__(self, out: _Unfailing, *, hold: bool) -> None:
        self._out = out
        self._held: list[str] | None = [] if hold else None
        self._lock = threading.Lock()

    def info(self, line: str) -> None:
        with self._lock:
            if self._held is not None:
                self._held.append(line)
            else:
                self._write(line)

    def warning(self, line: str) -> None:
        with self._lock:
            self._write(line)

    debug = info
    error = critical = exception = warning

    def let_go(self) -> None:
        """Write what was held back, and hold nothing any more."""
        with self._lock:
            for line in self._held or ():
                self._write(line)
            self._held = None

    def _write(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


class _Records(logging.Handler):
    """Brings the records of ``logging`` to the same lines."""

    def __init__(self, lines: _Lines, form: logging.Formatter) -> None:
        super().__init__()
        self._lines = lines
        self.setFormatter(form)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001  as every handler of logging does: a bad record must not stop its caller
            self.handleError(record)
            return
        (self._lines.warning if record.levelno >= logging.WARNING else self._lines.info)(line)


def redactor(
    settings: LogSettings,
) -> Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]:
    """Build the processor that removes secrets and texts, masks numbers and escapes control characters."""

    def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        clean = {name: _entry(name, value, settings) for name, value in event.items()}
        if settings.numbers == "masked" and (number := _first_number(event)):
            clean.setdefault("subject", subject_of(number, settings.pepper))
        return clean

    return redact


def mask_number(number: str) -> str:
    """Show a number as country code and last two digits, its length hidden: ``+44•••••••23``."""
    code = f"+{_country_code(number)}" if number.startswith("+") else ""
    return f"{code}•••••••{number[-2:]}"


def subject_of(number: str, pepper: bytes) -> str:
    """Give a stable name for a number in this installation's log, of no use outside it."""
    return hmac.new(pepper, number.encode(), hashlib.sha256).hexdigest()[:SUBJECT_HEX_DIGITS]


def load_pepper(folder: Path) -> bytes:
    """Read the installation's pepper, or make it (mode 0600): subjects stay the same across restarts."""
    path = folder / "log-pepper"
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
            f.write(secrets.token_bytes(32))
        # Renamed only when whole: a crash between the two must not leave an empty pepper.
        fresh.replace(path)
    return path.read_bytes()


# ------------------------------------------------------------------ parts


def _entry(name: str, value: Any, settings: LogSettings) -> Any:
    plain = name.lower().replace("-", "_")
    if plain in NEVER_LOGGED:
        return REMOVED
    if plain in _LINES and isinstance(value, str):
        return "\n".join(_clean(line, settings) for line in value.splitlines())
    if plain in _NUMBER_NAMES and settings.numbers == "masked" and isinstance(value, str) and value.isdigit():
        return mask_number(value)
    return _clean(value, settings)


def _clean(value: Any, settings: LogSettings) -> Any:
    if isinstance(value, str):
        text = _SECRET.sub(REMOVED, value)
        if settings.numbers == "masked":
            text = _NUMBER.sub(lambda m: mask_number(m[0]), text)
        return escape(text)
    if isinstance(value, bytes | bytearray | memoryview):
        return REMOVED
    if isinstance(value, dict):
        return {escape(str(k)): _entry(str(k), v, settings) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(v, settings) for v in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _clean(str(value), settings)


def _first_number(event: MutableMapping[str, Any]) -> str | None:
    found = (_NUMBER.search(value) for value in event.values() if isinstance(value, str))
    return next((m[0] for m in found if m), None)


_ONE_DIGIT = "17"
_TWO_DIGITS = frozenset(
    f"{tens}{units}"
    for tens, all_units in {
        2: "07", 3: "0123469", 4: "013456789", 5: "12345678", 6: "0123456", 8: "1246", 9: "0123458"
    }.items()
    for units in all_units
)  # fmt: skip
"""Country codes of ITU-T E.164 with two digits; 1 and 7 have one, all others three."""


def _country_code(number: str) -> str:
    digits = number.lstrip("+")
    if digits[0] in _ONE_DIGIT:
        return digits[:1]
    return digits[:2] if digits[:2] in _TWO_DIGITS else digits[:3]


def _renderer(*, colours: bool) -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=colours, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )


def _of_library(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Give a line of ``logging`` its logger's name as the constant event; what it says becomes a value."""
    record: logging.LogRecord = event["_record"]
    event["said"] = event.pop("event", "")
    event["event"] = record.name
    return event

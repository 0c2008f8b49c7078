"""Proves that the log's tail keeps what is about devices, bounded, masked like the log, and whole under threads."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import structlog

from gateway.keys import make_key
from gateway.log import LogSettings, configure
from gateway.log_tail import VALUE_CHARACTERS, DeviceNames, LogLine, LogTail

PEPPER = b"p" * 32
AT = "2026-11-29T09:00:00.250000Z"
NAMES = DeviceNames(
    ids=frozenset({"imei-1"}),
    addresses=frozenset({"/dev/ttyUSB0"}),
    lines=frozenset({"line-1", "line-2"}),
    serialnos=frozenset({"R58M1"}),
)


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level, settings = list(root.handlers), root.level, structlog.get_config()
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**settings)


def keep(tail: LogTail, event: str, level: str = "info", **fields: Any) -> None:
    tail(None, level, {"timestamp": AT, "level": level, "event": event, **fields})


def events(tail: LogTail, names: DeviceNames = NAMES, word: str = "") -> list[str]:
    return [line.event for line in tail.newest(names, 1000, word)]


def test_the_newest_lines_come_first_and_the_oldest_are_forgotten() -> None:
    tail = LogTail(kept=3)
    for n in range(5):
        keep(tail, f"n{n}", line="line-1")
    assert events(tail) == ["n4", "n3", "n2"]
    assert [line.event for line in tail.newest(NAMES, 2)] == ["n4", "n3"]


def test_lines_that_name_no_device_do_not_drive_the_others_out() -> None:
    tail = LogTail(kept=3)
    keep(tail, "device.attached", device_id="imei-1")
    for n in range(10):
        keep(tail, "http.answered", request=str(n), route="/api/v1/messages")
    assert events(tail) == ["device.attached"]


@pytest.mark.parametrize(
    ("fields", "is_about_it"),
    [
        ({"device_id": "imei-1"}, True),
        ({"device_id": "imei-2"}, False),
        ({"install_id": "imei-1"}, True),
        ({"address": "/dev/ttyUSB0"}, True),
        ({"address": "/dev/ttyUSB1"}, False),
        ({"address": "/dev/ttyUSB0", "device_id": "imei-2"}, False),
        ({"line": "line-2"}, True),
        ({"line": "line-3"}, False),
        ({"line": "line-1", "device_id": "imei-2"}, True),
        ({"serialno": "R58M1"}, True),
        ({"serialno": "R58M2"}, False),
        ({"line": None}, False),
    ],
)
def test_a_line_is_about_a_device_by_what_it_names(fields: dict[str, Any], is_about_it: bool) -> None:
    tail = LogTail()
    keep(tail, "said", **fields)
    assert events(tail) == ["said"] * is_about_it
    assert events(tail, DeviceNames()) == []


def test_a_word_is_looked_for_in_event_and_fields_large_or_small() -> None:
    tail = LogTail()
    keep(tail, "device.not_ready", device_id="imei-1", code="sim_pin_required")
    keep(tail, "device.attached", device_id="imei-1", model="E3531 STRASSE")
    assert events(tail, word="NOT_READY") == ["device.not_ready"]
    assert events(tail, word="Straße") == ["device.attached"]
    assert events(tail, word="code=sim") == ["device.not_ready"]
    assert events(tail, word="nothing") == []


def test_a_filter_looks_behind_the_lines_that_it_leaves_out() -> None:
    tail = LogTail()
    keep(tail, "device.lost", device_id="imei-1")
    for _ in range(100):
        keep(tail, "line.changed", line="line-1")
    assert [line.event for line in tail.newest(NAMES, 50, "lost")] == ["device.lost"]


def test_values_of_any_kind_become_text_and_long_ones_are_cut() -> None:
    tail = LogTail()
    keep(tail, "said", line="line-1", kept=True, n=2, none=None, items=["ü", 1], long="x" * 1000)
    (line,) = tail.newest(NAMES, 1)
    assert line.pairs[:-1] == ("line=line-1", "kept=true", "n=2", "none=null", 'items=["ü", 1]')
    assert line.fields["long"] == f"{'x' * VALUE_CHARACTERS}…"


def test_the_time_of_a_line_is_read_when_it_is_shown() -> None:
    assert LogLine(AT, "info", "said", {}).at_ms == 1795942800250
    assert LogLine("", "info", "said", {}).at_ms is None


def test_many_threads_write_while_one_reads_and_no_line_is_lost() -> None:
    tail = LogTail()

    def write(thread: int) -> None:
        for n in range(200):
            keep(tail, f"{thread}-{n}", line="line-1")
            if n % 20 == 0:
                tail.newest(NAMES, 50)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(8)))
    seen = events(tail)
    assert len(seen) == 1000 == len(set(seen))
    assert len(tail.newest(NAMES, 10_000)) == 1600
    for thread in range(8):
        own = [int(event.partition("-")[2]) for event in seen if event.startswith(f"{thread}-")]
        assert own == sorted(own, reverse=True)


# ------------------------------------------------------------------ in the log


@pytest.mark.parametrize("numbers", ["masked", "full"])
def test_LOG_2_texts_keys_and_numbers_never_come_to_it(stream: io.StringIO, numbers: Any) -> None:
    tail = LogTail()
    configure(LogSettings(format="json", numbers=numbers, pepper=PEPPER), stream, tail=tail)
    structlog.get_logger().warning(
        "said",
        line="line-1",
        text="Gate code 4711",
        pin="9731",
        reason=f"{make_key('live')} to +447700900123",
    )
    (line,) = tail.newest(NAMES, 1)
    assert (line.event, line.level) == ("said", "warning")
    for secret in ("4711", "9731", "gwl_", "7700900"):
        assert secret not in str(line)
    assert line.fields["reason"] == "[removed] to +44•••••••23"
    written = json.loads(stream.getvalue())
    assert ("+447700900123" in written["reason"]) == (numbers == "full"), "the log is as it was asked for"


def test_of_a_traceback_it_keeps_what_happened(stream: io.StringIO) -> None:
    tail = LogTail()
    configure(LogSettings(format="json", pepper=PEPPER), stream, tail=tail)
    try:
        int(make_key("live"))
    except ValueError:
        structlog.get_logger().exception("line.loop_failed", line="line-1")
    (line,) = tail.newest(NAMES, 1)
    assert line.level == "error"
    assert line.fields["exception"] == "ValueError: invalid literal for int() with base 10: '[removed]'"


@pytest.mark.parametrize("form", ["json", "console"])
def test_the_log_is_the_same_with_and_without_it(stream: io.StringIO, form: Any) -> None:
    written = []
    for tail in (None, LogTail()):
        stream.seek(0)
        stream.truncate()
        configure(LogSettings(format=form, pepper=PEPPER), stream, tail=tail)
        structlog.get_logger().info("device.attached", device_id="imei-1", to="+447700900123", n=[1, None])
        written.append(re.sub(r"[0-9-]{10}T[0-9:.]+Z", "", stream.getvalue()))
    assert written[0] == written[1] != ""


def test_only_our_own_lines_at_the_level_of_the_log_come_to_it(stream: io.StringIO) -> None:
    tail = LogTail()
    configure(LogSettings(level="warning", format="json", pepper=PEPPER), stream, tail=tail)
    structlog.get_logger().info("device.attached", device_id="imei-1")
    logging.getLogger("serial").warning("imei-1 is odd", extra={"device_id": "imei-1"})
    structlog.get_logger().warning("device.lost", device_id="imei-1")
    assert events(tail) == ["device.lost"]


def test_what_a_task_is_bound_to_names_the_line_too(stream: io.StringIO) -> None:
    tail = LogTail()
    configure(LogSettings(format="json", pepper=PEPPER), stream, tail=tail)
    with structlog.contextvars.bound_contextvars(line="line-1"):
        structlog.get_logger().warning("message.not_encodable", message="m1")
    assert events(tail) == ["message.not_encodable"]

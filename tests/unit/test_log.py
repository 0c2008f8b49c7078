"""Proves that a log line holds no text, key or full number, and cannot be forged (rules LOG-1, LOG-2)."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast

import pytest
import structlog

from gateway.escape import escape
from gateway.keys import make_key
from gateway.log import LogSettings, configure, load_pepper, mask_number

PEPPER = b"p" * 32


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level, settings = list(root.handlers), root.level, structlog.get_config()
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**settings)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_LOG_2_texts_keys_and_pins_are_removed_even_when_somebody_logs_them(stream: io.StringIO) -> None:
    configure(LogSettings(format="json", pepper=PEPPER), stream)
    structlog.get_logger().info(
        "message.accepted",
        text="Gate code 4711",
        pin="9731",
        Authorization="Bearer abc",
        tpdu=b"\x01",
        reference=f"see {make_key('live')} and whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        nested={"secret": "s3cr3t", "seen": make_key("sandbox")},
        header="authorization: bearer eyJhbGciOi",
    )
    written = stream.getvalue()
    for secret in ("4711", "9731", "abc", "gwl_", "gws_", "whsec_", "s3cr3t", "eyJhbGciOi"):
        assert secret not in written


def test_LOG_2_numbers_keep_country_and_two_digits_and_get_a_subject(stream: io.StringIO) -> None:
    configure(LogSettings(format="json", pepper=PEPPER), stream)
    log = structlog.get_logger()
    log.info("a", to="+447700900123")
    log.info("b", said="from +447700900123, answered")
    log.info("c", to="447700900123")
    log.info("d", to="+447700900124")
    first, second, bare, other = lines(stream)
    assert first["to"] == "+44•••••••23"
    assert second["said"] == "from +44•••••••23, answered"
    assert bare["to"] == "•••••••23"
    assert first["subject"] == second["subject"] != other["subject"]
    assert len(first["subject"]) == 8
    assert "7700900" not in stream.getvalue()


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+15550100123", "+1•••••••23"),
        ("+79161234567", "+7•••••••67"),
        ("+491511234567", "+49•••••••67"),
        ("+353861234567", "+353•••••••67"),
        ("+99900000001", "+999•••••••01"),
    ],
)
def test_the_country_code_of_a_masked_number_has_its_own_length(number: str, masked: str) -> None:
    assert mask_number(number) == masked


def test_numbers_can_be_logged_in_full_where_the_operator_wants_it(stream: io.StringIO) -> None:
    configure(LogSettings(format="json", numbers="full", pepper=PEPPER), stream)
    structlog.get_logger().info("a", to="+447700900123")
    assert lines(stream)[0]["to"] == "+447700900123"
    assert "subject" not in lines(stream)[0]


@pytest.mark.parametrize("form", ["json", "console"])
def test_LOG_1_a_value_can_neither_start_a_line_nor_steer_a_terminal(stream: io.StringIO, form: str) -> None:
    configure(LogSettings(format=form, pepper=PEPPER), stream)  # type: ignore[arg-type]
    forged = "a\nlevel=error forged\r\x1b[31m\x07\u202e\u2028\u2066\x85"
    structlog.get_logger().info("http.answered", reference=forged, agent={"user": forged})
    written = stream.getvalue()
    assert len(written.splitlines()) == 1
    for control in "\r\x1b\x07\u202e\u2028\u2066\x85":
        assert control not in written


def test_a_line_of_a_library_passes_the_same_masking(stream: io.StringIO) -> None:
    configure(LogSettings(format="json", pepper=PEPPER), stream)
    logging.getLogger("aiohttp.server").warning("refused %s\n\x1b[0m", "+447700900123")
    (line,) = lines(stream)
    assert line["event"] == "aiohttp.server"
    assert line["said"] == "refused +44•••••••23\\n\\x1b[0m"


def test_a_traceback_keeps_its_lines_and_loses_its_secrets(stream: io.StringIO) -> None:
    configure(LogSettings(format="json", pepper=PEPPER), stream)
    try:
        int(make_key("live"))
    except ValueError:
        structlog.get_logger().exception("loop.failed")
    (line,) = lines(stream)
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: invalid literal for int() with base 10: '[removed]'")


def test_what_is_below_the_level_is_not_written(stream: io.StringIO) -> None:
    configure(LogSettings(level="warning", format="json", pepper=PEPPER), stream)
    structlog.get_logger().info("quiet")
    logging.getLogger("x").info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_not_a_terminal_means_json(stream: io.StringIO) -> None:
    configure(LogSettings(pepper=PEPPER), stream)
    structlog.get_logger().info("a", n=1, ok=True, none=None, items=("x", 2))
    (line,) = lines(stream)
    assert (line["n"], line["ok"], line["none"], line["items"]) == (1, True, None, ["x", 2])
    assert line["timestamp"].endswith("Z")


class Closed(io.StringIO):
    """A log whose disk is full."""

    def write(self, _text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.usefixtures("stream")
def test_a_full_disk_under_the_log_does_not_stop_the_gateway() -> None:
    configure(LogSettings(format="json", pepper=PEPPER), cast("TextIO", Closed()))
    structlog.get_logger().info("a")
    logging.getLogger("x").warning("b")


def test_the_pepper_is_made_once_and_private(tmp_path: Path) -> None:
    first = load_pepper(tmp_path / "keys")
    assert len(first) == 32
    assert load_pepper(tmp_path / "keys") == first
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert [p.stat().st_mode & 0o777 for p in (tmp_path / "keys").iterdir()] == [0o600]


def test_letters_emoji_and_spaces_are_not_escaped() -> None:
    assert escape("Grüße, мир 👋🏽 — 90 %") == "Grüße, мир 👋🏽 — 90 %"
    assert escape("a\u200db\U000e0001\ud800") == "a\\u200db\\U000e0001\\ud800"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_at_a_terminal_lines_below_warning_wait_for_the_greeting_and_then_go_on(
    stream: io.StringIO,
) -> None:
    terminal = Terminal()
    let_go = configure(LogSettings(format="json", pepper=PEPPER), terminal, after_greeting=True)
    log = structlog.get_logger()
    log.info("device.attached")
    logging.getLogger("aiohttp").info("listening")
    log.warning("serve.admin_key_short")
    assert [line["event"] for line in lines(terminal)] == ["serve.admin_key_short"]
    let_go()
    log.info("line.changed")
    let_go()
    said = [line["event"] for line in lines(terminal)]
    assert said == ["serve.admin_key_short", "device.attached", "aiohttp", "line.changed"]


def test_a_pipe_a_file_and_whoever_asked_for_debug_wait_for_nothing(stream: io.StringIO) -> None:
    for level, to in (("info", stream), ("debug", Terminal())):
        configure(LogSettings(level=level, format="json", pepper=PEPPER), to, after_greeting=True)  # type: ignore[arg-type]
        structlog.get_logger().info("device.attached")
        assert [line["event"] for line in lines(to)] == ["device.attached"]


def test_what_only_the_authors_of_a_library_want_to_know_is_left_out(stream: io.StringIO) -> None:
    configure(LogSettings(level="debug", format="json", pepper=PEPPER), stream)
    parser = logging.getLogger("markdown_it.rules_block.list")
    parser.debug("entering list")
    parser.warning("something is wrong")
    assert [line["said"] for line in lines(stream)] == ["something is wrong"]

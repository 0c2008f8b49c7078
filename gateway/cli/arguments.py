"""Owns what each command takes: its arguments and options, with their help.

Knows neither their order nor what is done with them. Imports nothing of the gateway: help comes at once.
Source: the interface page of the project.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.store.audit import Head

PURPOSES = ("transactional", "marketing", "urgent")
"""Those of the interface; named here because help imports nothing of the gateway."""


def _server(p: argparse.ArgumentParser) -> None:
    group = p.add_argument_group("which server")
    group.add_argument("--url", help="base URL; otherwise the server of the data directory")
    group.add_argument("--key", help="API key; otherwise GATEWAY_KEY or the local one")
    _data_dir(group)


def _data_dir(p: argparse._ActionsContainer) -> None:
    p.add_argument("--data-dir", type=Path, metavar="DIR", help="default: GATEWAY_DATA_DIR, else ./data")


def _config(p: argparse._ActionsContainer) -> None:
    p.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file; default: GATEWAY_CONFIG, else none"
    )


def _shown(p: argparse.ArgumentParser) -> None:
    p.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    p.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        metavar="WHEN",
        help="auto, always or never (default: auto)",
    )


def _number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be between {low} and {high}")
        return value

    parse.__name__ = "whole number"
    return parse


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError("must be between 0 and 86400")
    return value


_seconds.__name__ = "number"  # argparse says "invalid number value"


def serve(p: argparse.ArgumentParser) -> None:
    _config(p)
    _data_dir(p)
    p.add_argument("--host", metavar="H", help="address to listen on (default 127.0.0.1)")
    p.add_argument(
        "--port", type=_number(0, 65535), metavar="P", help="TCP port (default 8080; 0 = a free one)"
    )
    p.add_argument("--simulate", type=_number(0, 16), metavar="N", help="emulated SIMs (default 2; 0 = none)")


def send(p: argparse.ArgumentParser) -> None:
    p.add_argument("to", metavar="TO", help="number with country code, e.g. +447700900123")
    p.add_argument("text", metavar="TEXT", help='the text; "-" reads it from standard input')
    p.add_argument("--wait", action="store_true", help="show each state until it is final")
    p.add_argument(
        "--timeout",
        type=_number(1, 604_800),
        default=300,
        metavar="S",
        help="with --wait: seconds (default 300)",
    )
    p.add_argument("--line", metavar="L", help="line by id, ICCID, number or label")
    _shown(p)
    _server(p)


def listing(p: argparse.ArgumentParser) -> None:
    _shown(p)
    _server(p)


def batch_send(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "file", metavar="FILE", help='CSV, NDJSON or XLSX with a row for each recipient; "-" = standard input'
    )
    words = p.add_mutually_exclusive_group(required=True)
    words.add_argument("--text", metavar="T", help='the text; {name} takes the column "name" of the row')
    words.add_argument("--template", metavar="ID", help="a template instead of a text")
    p.add_argument("--dry-run", action="store_true", help="only say what would be sent")
    p.add_argument("--wait", action="store_true", help="show progress until it is completed")
    p.add_argument("--name", metavar="N", help="name that people see")
    p.add_argument("--number-column", metavar="C", help="column of telephone numbers (default: guessed)")
    lines = p.add_mutually_exclusive_group()
    lines.add_argument("--line", metavar="L", help="line by id, ICCID, number or label")
    lines.add_argument("--pool", metavar="P", help="only lines of this pool")
    p.add_argument("--send-at", metavar="TIME", help="not before, e.g. 2026-11-21T18:00:00+01:00")
    p.add_argument("--purpose", choices=PURPOSES, metavar="P", help=", ".join(PURPOSES))
    p.add_argument(
        "--tag", action="append", default=[], metavar="K=V", help="label of every message; may be repeated"
    )
    _shown(p)
    _server(p)


def batch(p: argparse.ArgumentParser) -> None:
    p.add_argument("id", metavar="ID", help="batch, as `gateway batch list` shows it")
    listing(p)


def batch_list(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--limit", type=_number(1, 500), default=50, metavar="N", help="newest so many (default 50)"
    )
    listing(p)


def ussd(p: argparse.ArgumentParser) -> None:
    p.add_argument("line", metavar="LINE", help="line by id, ICCID, number or label")
    p.add_argument("code", metavar="CODE", help="USSD code, e.g. '*100#'")
    listing(p)


def self_test(p: argparse.ArgumentParser) -> None:
    p.add_argument("line", metavar="LINE", help="line by id, ICCID, number or label")
    p.add_argument(
        "--send",
        action="store_true",
        help="let the line text itself, and wait until the text comes in: costs one text",
    )
    listing(p)


def restart(p: argparse.ArgumentParser) -> None:
    p.add_argument("device", metavar="DEVICE", help="IMEI or port of a modem, as `gateway devices` shows it")
    listing(p)


def phone(p: argparse.ArgumentParser) -> None:
    p.add_argument("phone", metavar="SERIAL", help="serial number or id, as `gateway devices` shows it")
    listing(p)


def unlock(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "device", metavar="DEVICE", help="id (IMEI) or port of a modem, as `gateway devices` shows it"
    )
    p.add_argument(
        "--last-try",
        action="store_true",
        help="enter it even if one try is left: a wrong PIN locks the SIM then",
    )
    listing(p)


def release(p: argparse.ArgumentParser) -> None:
    p.add_argument("--remove-app", action="store_true", help="uninstall the companion as well")
    phone(p)


def doctor(p: argparse.ArgumentParser) -> None:
    p.add_argument("device", nargs="?", metavar="DEVICE", help="only findings about this port, phone or line")
    treat = p.add_mutually_exclusive_group()
    treat.add_argument(
        "--fix", action="store_true", help="repair what can be repaired, of one that is named notes too"
    )
    treat.add_argument("--undo", action="store_true", help="take back what was repaired")
    p.add_argument(
        "--may-reboot", action="store_true", help="with --fix: restart the phone where a repair needs it"
    )
    _config(p)
    listing(p)


def keys_create(p: argparse.ArgumentParser) -> None:
    p.add_argument("--name", required=True, metavar="N", help="what or who uses it")
    p.add_argument(
        "--scope", action="append", default=[], metavar="S", help="may be repeated; default: every scope"
    )
    p.add_argument("--sandbox", action="store_true", help="a key that reaches emulated lines only")
    _config(p)
    listing(p)


def keys_list(p: argparse.ArgumentParser) -> None:
    _config(p)
    listing(p)


def keys_revoke(p: argparse.ArgumentParser) -> None:
    p.add_argument("id", metavar="KEY", help="name, or id (its last 8 characters will do)")
    _config(p)
    listing(p)


def keys_rotate(p: argparse.ArgumentParser) -> None:
    p.add_argument("id", metavar="KEY", help="name, or id (its last 8 characters will do)")
    p.add_argument(
        "--now", action="store_true", help="end the old key at once; otherwise it works for 24 h more"
    )
    _config(p)
    listing(p)


def emulate(p: argparse.ArgumentParser) -> None:
    add = p.add_argument
    add(
        "--lines",
        type=_number(1, 999),
        metavar="N",
        help="modems (default: as many as places are named, or 2)",
    )
    add(
        "--tcp",
        type=_number(0, 65535),
        action="append",
        default=[],
        metavar="PORT",
        help="TCP port; 0 = any free",
    )
    add("--pty", type=Path, action="append", default=[], metavar="PATH", help="a pty, linked at PATH")
    add(
        "--submit-s",
        type=_seconds,
        default=0.35,
        metavar="S",
        help="seconds from text to +CMGS (default 0.35)",
    )
    add(
        "--report-delay-s",
        type=_seconds,
        default=0.4,
        metavar="S",
        help="seconds to the report (default 0.4)",
    )
    add(
        "--answer-latency-s",
        type=_seconds,
        default=0.0,
        metavar="S",
        help="seconds before each answer (default 0)",
    )
    add("--baudrate", type=_number(300, 4_000_000), metavar="B", help="pace octets (default: not paced)")
    add("--sandbox-only", action="store_true", help="refuse numbers outside +999")
    add("--seed", type=_number(0, 2**31), default=0, metavar="N", help="chooses ICCID, IMSI and IMEI")
    add("--faults", type=Path, metavar="FILE", help="TOML script of faults")
    add("--log", type=Path, metavar="FILE", help="one JSON line for each text on air")


def audit_verify(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--head", type=_head, metavar="SEQ:HASH", help="an entry that a log elsewhere remembers (audit.head)"
    )
    _database(p)
    _shown(p)


def _head(text: str) -> Head:
    from gateway.store.audit import Head

    seq, _, link = text.partition(":")
    if not (seq.isdigit() and re.fullmatch("[0-9a-f]{64}", link)):
        raise argparse.ArgumentTypeError("must be a number, a colon and 64 hexadecimal digits")
    return Head(int(seq), link)


def service(p: argparse.ArgumentParser) -> None:
    p.add_argument("--print", action="store_true", help="only show what would be written and run")
    p.add_argument("--root", type=Path, metavar="DIR", help=argparse.SUPPRESS)  # for tests: below a directory


def service_install(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--user",
        default="gateway",
        metavar="U",
        help="user that it runs as, made if missing (default gateway)",
    )
    service(p)


def _database(p: argparse.ArgumentParser) -> None:
    _config(p)
    _data_dir(p)


def told(p: argparse.ArgumentParser) -> None:
    p.add_argument("--json", action="store_true", help="one JSON document instead of a line")
    _database(p)


def backup(p: argparse.ArgumentParser) -> None:
    p.add_argument("file", type=Path, metavar="FILE", help="new file; an existing one is refused")
    told(p)


def restore(p: argparse.ArgumentParser) -> None:
    p.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a file that `gateway backup` made")
    p.add_argument("--release", action="store_true", help="instead: let go what the last restore holds")
    told(p)

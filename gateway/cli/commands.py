"""Owns the list of commands: what each takes, its summary and its examples.

Knows no command's work; each names the function that does it, which is imported when it runs.
Source: the interface page of the project; docs/cli.md is made from this list.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Command:
    """One command: ``name`` may be two words; ``run`` is ``module:function`` below ``gateway.cli``."""

    name: str
    run: str
    summary: str
    examples: tuple[str, ...]
    configure: Callable[[argparse.ArgumentParser], None]


# ------------------------------------------------------------------ what commands take


def _server(p: argparse.ArgumentParser) -> None:
    group = p.add_argument_group("which server")
    group.add_argument("--url", help="base URL; otherwise the server of the data directory")
    group.add_argument("--key", help="API key; otherwise GATEWAY_KEY, GATEWAY_ADMIN_KEY or the local one")
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
        "--color", choices=("auto", "always", "never"), default="auto", help="colour (default: auto)"
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


def _serve(p: argparse.ArgumentParser) -> None:
    _config(p)
    _data_dir(p)
    p.add_argument("--host", metavar="H", help="address to listen on (default 127.0.0.1)")
    p.add_argument(
        "--port", type=_number(0, 65535), metavar="P", help="TCP port (default 8080; 0 = a free one)"
    )
    p.add_argument("--simulate", type=_number(0, 16), metavar="N", help="emulated SIMs (default 2; 0 = none)")


def _send(p: argparse.ArgumentParser) -> None:
    p.add_argument("to", metavar="TO", help="number with country code, e.g. +447700900123")
    p.add_argument("text", metavar="TEXT", help='the text; "-" reads it from standard input')
    p.add_argument("--wait", action="store_true", help="show each state until it is final")
    p.add_argument(
        "--timeout", type=_number(1, 604_800), default=300, metavar="S", help="with --wait: s (default 300)"
    )
    p.add_argument("--line", metavar="L", help="line by id, ICCID, number or label")
    _shown(p)
    _server(p)


def _listing(p: argparse.ArgumentParser) -> None:
    _shown(p)
    _server(p)


def _ussd(p: argparse.ArgumentParser) -> None:
    p.add_argument("line", metavar="LINE", help="line by id, ICCID, number or label")
    p.add_argument("code", metavar="CODE", help="USSD code, e.g. '*100#'")
    _listing(p)


def _self_test(p: argparse.ArgumentParser) -> None:
    p.add_argument("line", metavar="LINE", help="line by id, ICCID, number or label")
    _listing(p)


def _phone(p: argparse.ArgumentParser) -> None:
    p.add_argument("phone", metavar="SERIAL", help="serial number or id, as `gateway devices` shows it")
    _listing(p)


def _release(p: argparse.ArgumentParser) -> None:
    p.add_argument("--remove-app", action="store_true", help="uninstall the companion as well")
    _phone(p)


def _doctor(p: argparse.ArgumentParser) -> None:
    p.add_argument("device", nargs="?", metavar="DEVICE", help="only findings about this port, phone or line")
    p.add_argument(
        "--fix", action="store_true", help="repair file modes, and of a phone that is named what can be"
    )
    p.add_argument(
        "--may-reboot", action="store_true", help="with --fix: restart the phone where a repair needs it"
    )
    _config(p)
    _listing(p)


def _keys_create(p: argparse.ArgumentParser) -> None:
    p.add_argument("--name", required=True, metavar="N", help="what or who uses it")
    p.add_argument(
        "--scope", action="append", default=[], metavar="S", help="may be repeated; default: every scope"
    )
    p.add_argument("--sandbox", action="store_true", help="a key that reaches emulated lines only")
    _config(p)
    _listing(p)


def _keys_list(p: argparse.ArgumentParser) -> None:
    _config(p)
    _listing(p)


def _keys_revoke(p: argparse.ArgumentParser) -> None:
    p.add_argument("id", metavar="KEY", help="name, or id (its last 8 characters will do)")
    _config(p)
    _listing(p)


def _keys_rotate(p: argparse.ArgumentParser) -> None:
    p.add_argument("id", metavar="KEY", help="name, or id (its last 8 characters will do)")
    p.add_argument(
        "--now", action="store_true", help="end the old key at once; otherwise it works for 24 h more"
    )
    _config(p)
    _listing(p)


def _emulate(p: argparse.ArgumentParser) -> None:
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
    add("--submit-s", type=_seconds, default=0.35, metavar="S", help="s from text to +CMGS (default 0.35)")
    add("--report-delay-s", type=_seconds, default=0.4, metavar="S", help="s to the report (default 0.4)")
    add(
        "--answer-latency-s", type=_seconds, default=0.0, metavar="S", help="s before each answer (default 0)"
    )
    add("--baudrate", type=_number(300, 4_000_000), metavar="B", help="pace octets (default: not paced)")
    add("--sandbox-only", action="store_true", help="refuse numbers outside +999")
    add("--seed", type=_number(0, 2**31), default=0, metavar="N", help="chooses ICCID, IMSI and IMEI")
    add("--faults", type=Path, metavar="FILE", help="TOML script of faults")
    add("--log", type=Path, metavar="FILE", help="one JSON line for each text on air")


def _database(p: argparse.ArgumentParser) -> None:
    _config(p)
    _data_dir(p)


def _backup(p: argparse.ArgumentParser) -> None:
    p.add_argument("file", type=Path, metavar="FILE", help="new file; an existing one is refused")
    _database(p)


def _restore(p: argparse.ArgumentParser) -> None:
    p.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a file that `gateway backup` made")
    p.add_argument("--release", action="store_true", help="instead: let go what the last restore holds")
    _database(p)


COMMANDS: tuple[Command, ...] = (
    Command(
        "serve",
        "serve:serve",
        "run the gateway",
        ("gateway serve", "gateway serve --port 9000 --simulate 0"),
        _serve,
    ),
    Command(
        "send",
        "send:send",
        "send one text through a running server",
        ('gateway send +99900000001 "Hello" --wait', "echo Hello | gateway send +447700900123 - --line Shop"),
        _send,
    ),
    Command("devices", "devices:devices", "what is attached", ("gateway devices",), _listing),
    Command(
        "devices provision",
        "devices:provision",
        "set up a phone that is on a cable",
        ("gateway devices provision R58N12ABCDE",),
        _phone,
    ),
    Command(
        "devices pair",
        "devices:pair",
        "pair a phone on Wi-Fi: QR code and a code to type",
        ("gateway devices pair",),
        _listing,
    ),
    Command(
        "devices release",
        "devices:release",
        "let go of a phone, and take back what was changed",
        ("gateway devices release R58N12ABCDE", "gateway devices release R58N12ABCDE --remove-app"),
        _release,
    ),
    Command(
        "lines",
        "hardware:lines",
        "SIMs and their health",
        ("gateway lines", "gateway lines --json"),
        _listing,
    ),
    Command(
        "lines ussd",
        "hardware:ussd",
        "ask the network, e.g. for the balance",
        ("gateway lines ussd Shop '*100#'",),
        _ussd,
    ),
    Command(
        "lines self-test",
        "hardware:self_test",
        "check network, signal, message centre, memory",
        ("gateway lines self-test Shop",),
        _self_test,
    ),
    Command(
        "doctor",
        "doctor:doctor",
        "every known cause of trouble, and the fix",
        ("gateway doctor", "gateway doctor Shop", "gateway doctor R58N12ABCDE --fix"),
        _doctor,
    ),
    Command(
        "keys create",
        "keys:create",
        "make an API key; prints it alone, once",
        (
            "gateway keys create --name crm --scope messages:send",
            "gateway keys create --name tests --sandbox",
        ),
        _keys_create,
    ),
    Command("keys list", "keys:show", "keys without their secrets", ("gateway keys list",), _keys_list),
    Command("keys revoke", "keys:revoke", "end a key now", ("gateway keys revoke crm",), _keys_revoke),
    Command(
        "keys rotate",
        "keys:rotate",
        "replace a key; prints the new one alone",
        ("gateway keys rotate crm",),
        _keys_rotate,
    ),
    Command(
        "emulate",
        "emulate:emulate",
        "emulated modems for other programs to drive",
        ("gateway emulate --lines 2 --tcp 7001 --tcp 7002", "gateway emulate --lines 1 --pty /tmp/modem0"),
        _emulate,
    ),
    Command(
        "migrate", "database:migrate", "bring the database to this version", ("gateway migrate",), _database
    ),
    Command(
        "backup",
        "database:backup",
        "copy the database while it is in use",
        ("gateway backup before-update.db",),
        _backup,
    ),
    Command(
        "restore",
        "database:restore",
        "put a backup back; sends nothing by itself",
        ("gateway restore before-update.db", "gateway restore --release"),
        _restore,
    ),
)

"""Owns the list of commands: the summary and the examples of each, and the function that does it.

Knows no command's work; each names the function that does it, which is imported when it runs.
Source: the interface page of the project; docs/cli.md is made from this list.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from gateway.cli import arguments


@dataclass(frozen=True, slots=True)
class Command:
    """One command: ``name`` may be two words; ``run`` is ``module:function`` below ``gateway.cli``."""

    name: str
    run: str
    summary: str
    examples: tuple[str, ...]
    configure: Callable[[argparse.ArgumentParser], None]


COMMANDS: tuple[Command, ...] = (
    Command(
        "serve",
        "serve:serve",
        "run the gateway",
        ("gateway serve", "gateway serve --port 9000 --simulate 0"),
        arguments.serve,
    ),
    Command(
        "send",
        "send:send",
        "send one text through a running server",
        ('gateway send +99900000001 "Hello" --wait', "echo Hello | gateway send +447700900123 - --line Shop"),
        arguments.send,
    ),
    Command(
        "batch send",
        "batch:send",
        "send one text to everybody in a file",
        (
            'gateway batch send people.csv --text "Hi {name}" --dry-run',
            'gateway batch send people.xlsx --text "Hi {name}" --wait',
            "gateway batch send - --template 01935f0c --tag class=5B < people.ndjson",
        ),
        arguments.batch_send,
    ),
    Command(
        "batch list",
        "batches:index",
        "batches, newest first",
        ("gateway batch list --limit 10",),
        arguments.batch_list,
    ),
    Command(
        "batch show",
        "batches:show",
        "progress, what is left and why, cost, failures",
        ("gateway batch show 01935f0c-8a2b-7c3d-9e4f-5a6b7c8d9e0f",),
        arguments.batch,
    ),
    Command(
        "batch pause",
        "batches:pause",
        "send nothing more of it for now",
        ("gateway batch pause 01935f0c-8a2b-7c3d-9e4f-5a6b7c8d9e0f",),
        arguments.batch,
    ),
    Command(
        "batch resume",
        "batches:resume",
        "go on with a paused batch",
        ("gateway batch resume 01935f0c-8a2b-7c3d-9e4f-5a6b7c8d9e0f",),
        arguments.batch,
    ),
    Command(
        "batch cancel",
        "batches:cancel",
        "cancel what was not sent yet",
        ("gateway batch cancel 01935f0c-8a2b-7c3d-9e4f-5a6b7c8d9e0f",),
        arguments.batch,
    ),
    Command(
        "batch resend",
        "batches:resend",
        "send what failed again",
        ("gateway batch resend 01935f0c-8a2b-7c3d-9e4f-5a6b7c8d9e0f",),
        arguments.batch,
    ),
    Command(
        "batch rejected",
        "batches:rejected",
        "rows that became no message, and why",
        ("gateway batch rejected 01935f0c-8a2b-7c3d-9e4f-5a6b7c8d9e0f",),
        arguments.batch,
    ),
    Command("devices", "devices:devices", "what is attached", ("gateway devices",), arguments.listing),
    Command(
        "devices provision",
        "devices:provision",
        "set up a phone that is on a cable",
        ("gateway devices provision R58N12ABCDE",),
        arguments.phone,
    ),
    Command(
        "devices pair",
        "devices:pair",
        "pair a phone on Wi-Fi: QR code and a code to type",
        ("gateway devices pair",),
        arguments.listing,
    ),
    Command(
        "devices release",
        "devices:release",
        "let go of a phone, and take back what was changed",
        ("gateway devices release R58N12ABCDE", "gateway devices release R58N12ABCDE --remove-app"),
        arguments.release,
    ),
    Command(
        "devices unlock",
        "devices:unlock",
        "enter the PIN that a SIM in a modem wants",
        ("gateway devices unlock 490154203237518", "gateway devices unlock /dev/ttyUSB0 --last-try"),
        arguments.unlock,
    ),
    Command(
        "devices restart",
        "hardware:restart",
        "restart a modem that does not send",
        ("gateway devices restart 354762100000013",),
        arguments.restart,
    ),
    Command(
        "lines",
        "hardware:lines",
        "SIMs and their health",
        ("gateway lines", "gateway lines --json"),
        arguments.listing,
    ),
    Command(
        "lines ussd",
        "hardware:ussd",
        "ask the network, e.g. for the balance",
        ("gateway lines ussd Shop '*100#'",),
        arguments.ussd,
    ),
    Command(
        "lines self-test",
        "hardware:self_test",
        "check network, signal, message centre, memory",
        ("gateway lines self-test Shop", "gateway lines self-test Shop --send"),
        arguments.self_test,
    ),
    Command(
        "doctor",
        "doctor:doctor",
        "every known cause of trouble, and the fix",
        (
            "gateway doctor",
            "gateway doctor --fix",
            "gateway doctor --undo",
            "gateway doctor R58N12ABCDE --fix",
        ),
        arguments.doctor,
    ),
    Command(
        "login",
        "login:login",
        "a link that opens the dashboard once",
        ("gateway login",),
        arguments.listing,
    ),
    Command(
        "keys create",
        "keys:create",
        "make an API key; prints it alone, once",
        (
            "gateway keys create --name crm --scope messages:send",
            "gateway keys create --name tests --sandbox",
        ),
        arguments.keys_create,
    ),
    Command(
        "keys list",
        "keys:show",
        "keys without their secrets",
        ("gateway keys list",),
        arguments.keys_list,
    ),
    Command(
        "keys revoke",
        "keys:revoke",
        "end a key now",
        ("gateway keys revoke crm",),
        arguments.keys_revoke,
    ),
    Command(
        "keys rotate",
        "keys:rotate",
        "replace a key; prints the new one alone",
        ("gateway keys rotate crm",),
        arguments.keys_rotate,
    ),
    Command(
        "emulate",
        "emulate:emulate",
        "emulated modems for other programs to drive",
        ("gateway emulate --lines 2 --tcp 7001 --tcp 7002", "gateway emulate --lines 1 --pty /tmp/modem0"),
        arguments.emulate,
    ),
    Command(
        "audit verify",
        "audit:verify",
        "prove that nobody changed the audit trail",
        ("gateway audit verify", "gateway audit verify --json"),
        arguments.audit_verify,
    ),
    Command(
        "migrate",
        "database:migrate",
        "bring the database to this version",
        ("gateway migrate",),
        arguments.told,
    ),
    Command(
        "backup",
        "database:backup",
        "copy the database while it is in use",
        ("gateway backup before-update.db",),
        arguments.backup,
    ),
    Command(
        "restore",
        "database:restore",
        "put a backup back; sends nothing by itself",
        ("gateway restore before-update.db", "gateway restore --release"),
        arguments.restore,
    ),
    Command(
        "service install",
        "service:install",
        "run at each start of this machine (systemd, udev)",
        ("gateway service install --print", "gateway service install --user sms"),
        arguments.service_install,
    ),
    Command(
        "service uninstall",
        "service:uninstall",
        "take unit and rules away; the data stays",
        ("gateway service uninstall",),
        arguments.service,
    ),
)

"""Owns docs/cli.md: made from the list of commands and their parsers.

Knows no command's work.
Source: gateway.cli.commands.
"""

from __future__ import annotations

import argparse

from gateway.cli.commands import COMMANDS, Command
from gateway.cli.parser import build


def cli_md() -> str:
    """Write the reference: an overview, then each command with examples, arguments and options."""
    listed = "\n".join(
        f"| [`gateway {c.name}`](#gateway-{c.name.replace(' ', '-')}) | {c.summary} |" for c in COMMANDS
    )
    return "\n".join([_INTRO, f"| command | does |\n|---|---|\n{listed}\n", *(_command(c) for c in COMMANDS)])


def _command(command: Command) -> str:
    parser = build(command)
    examples = "\n".join(command.examples)
    shown = [a for a in parser._actions if a.help != argparse.SUPPRESS]
    rows = [_row(a) for a in shown if not isinstance(a, argparse._HelpAction)]
    table = "| argument | what |\n|---|---|\n" + "\n".join(rows) + "\n" if rows else ""
    summary = f"{command.summary[0].upper()}{command.summary[1:]}."
    return f"## gateway {command.name}\n\n{summary}\n\n```\n{examples}\n```\n\n{table}"


def _row(action: argparse.Action) -> str:
    if action.option_strings:
        value = "" if action.nargs == 0 else f" {_value(action)}"
        name = f"`{', '.join(action.option_strings)}{value}`"
    else:
        name = f"`{_value(action)}`"
    repeated = " May be repeated." if isinstance(action, argparse._AppendAction) else ""
    required = " Required." if action.required and action.option_strings else ""
    what = (action.help or "").replace("|", "\\|")
    return f"| {name} | {what[0].upper()}{what[1:]}.{required}{repeated} |"


def _value(action: argparse.Action) -> str:
    if action.choices is not None:
        return "|".join(str(choice) for choice in action.choices).replace("|", "\\|")
    metavar = action.metavar
    return metavar if isinstance(metavar, str) else action.dest.upper()


_INTRO = """# Command line

Made from the code by `make docs`.

Exit status: 0 done, 1 refused or failed (one line why and one line what to do on standard error), 2 used wrongly.
On a terminal results are aligned columns; anywhere else each record is one line with tabs between the fields, complete
and without colour. `--json` gives one JSON document. `NO_COLOR` and `--color` decide about colour.

Commands that talk to a server find it by `--url`, `GATEWAY_URL`, or what the server left in the data directory; the key
is `--key`, `GATEWAY_KEY`, `GATEWAY_ADMIN_KEY`, or for the server of this machine the one in `data/cli.key`.
"""

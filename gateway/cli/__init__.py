"""Owns the entry of the command line: parse, run one command, and say in two lines what went wrong.

Imports nothing heavy: ``gateway --help`` must answer at once, so a command's module is loaded when it runs.
Source: exit status 0 done, 1 refused or failed, 2 usage (the interface page of the project).
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from gateway.cli.failure import CliError
from gateway.cli.parser import parse


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    try:
        try:
            return _run(sys.argv[1:] if argv is None else argv)
        finally:
            sys.stdout.flush()
    except CliError as e:
        _say(e.message, e.hint)
        return e.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, less) has gone: nothing is wrong, and Python's flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(argv: Sequence[str]) -> int:
    arguments = parse(argv)
    module_name, function_name = arguments.run.split(":")
    command = getattr(importlib.import_module(f"gateway.cli.{module_name}"), function_name)
    return int(command(arguments) or 0)


def _say(message: str, hint: str | None) -> None:
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint:  {hint}", file=sys.stderr)

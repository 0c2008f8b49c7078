"""Owns the one error of the command line: a line that says what, a line that says what to do.

Knows no command.
Source: the interface page of the project (exit status).
"""

from __future__ import annotations


class CliError(Exception):
    """Ends a command. ``exit_status`` 1: refused or failed; 2: used wrongly."""

    def __init__(self, message: str, hint: str | None = None, exit_status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_status = exit_status

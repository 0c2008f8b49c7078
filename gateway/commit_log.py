"""Owns the lines of the log that follow a message through its states, for those who debug.

Knows no state: one line for each change that was committed, and none of what was rolled back.
Source: rules LOG-1 and LOG-2 (ids, never texts or numbers).
"""

from __future__ import annotations

import logging

import structlog

from gateway.store.noted import Committed

log = structlog.get_logger(__name__)


class CommitLog:
    """Writes down what commits did, while the level is debug."""

    def __init__(self) -> None:
        # Bound once: a lazy logger is assembled anew at each call, and every commit comes by here.
        self._log = log.bind()

    def committed(self, done: Committed) -> None:
        """Write a line for each message, part and received text of a commit."""
        if not self._log.is_enabled_for(logging.DEBUG):
            return
        for noted in done.noted:
            if noted.what == "message":
                self._log.debug(
                    "message.moved",
                    message=noted.id,
                    state=noted.state,
                    line=noted.line,
                    attempt=noted.attempt,
                )
            elif noted.what == "part":
                self._log.debug(
                    "part.moved", message=noted.id, attempt=noted.attempt, state=noted.state, line=noted.line
                )
            else:
                self._log.debug("message.received", inbound=noted.id, type=noted.state, line=noted.line)

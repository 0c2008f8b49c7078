"""Owns what a small HTTP server says to commands, and what it was asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

HANGS_UP = 0


@dataclass(slots=True)
class Answers:
    """What the server says: by method and path (without query) a list of (status, document), the last one repeats.

    ``HANGS_UP`` instead of a status ends the connection when the request was read, without an answer; a route in
    ``impatient`` is answered before its body is read.
    """

    url: str = ""
    script: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    impatient: set[str] = field(default_factory=set)

    def on(self, route: str, *answers: tuple[int, Any]) -> None:
        self.script[route] = list(answers)

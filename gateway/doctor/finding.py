"""Owns the shape of a finding: what is wrong, why it matters, what to do, and what could be repaired.

Knows no place where findings come from.
Source: three groups by effect: stops sending, will cause trouble, for your information.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Severity = Literal["stops", "trouble", "note", "ok"]

_ORDER: dict[Severity, int] = {"stops": 0, "trouble": 1, "note": 2, "ok": 3}


@dataclass(frozen=True, slots=True)
class ModeFix:
    """A repair that is safe without asking twice: give a file or folder the mode it must have."""

    path: Path
    mode: int

    def apply(self) -> None:
        """Change the mode. Raises OSError."""
        self.path.chmod(self.mode)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``about`` is the port, line, file or webhook; ``ok`` findings have no hint."""

    code: str
    severity: Severity
    about: str
    title: str
    why: str = ""
    hint: str = ""
    fix: ModeFix | None = None

    def document(self) -> dict[str, object]:
        """Show the finding as JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "about": self.about,
            "title": self.title,
            "why": self.why,
            "hint": self.hint,
            "fixable": self.fix is not None,
        }


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort by effect, then by what they are about."""
    return tuple(sorted(findings, key=lambda f: (_ORDER[f.severity], f.about)))

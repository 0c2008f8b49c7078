"""Owns the shape of a finding: what is wrong, why it matters, what to do, what could be repaired, who may see it.

Knows no place where findings come from.
Source: three groups by effect: stops sending, will cause trouble, for your information.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from gateway.doctor.fixes import Fix
from gateway.representation import Json, rfc3339

Severity = Literal["stops", "trouble", "note", "ok"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)

_ID_OCTETS = 8
_MACHINE = "*"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``about`` names it for people; ``ok`` findings have no hint.

    Attributes:
        fix: What can be repaired; None: nothing, or nothing is wrong.
        steps: What a person does, one after the other, where the hint is not enough.
        subject: What it is about for programs (an id, a path, a serial number); empty: ``about`` itself.
        scope: Who may see and repair it: whoever has this scope of the API. Findings about the machine name paths and
            programs, so they take "*".
        sandbox: It is about something that sandbox keys see.
    """

    code: str
    severity: Severity
    about: str
    title: str
    why: str = ""
    hint: str = ""
    fix: Fix | None = None
    steps: tuple[str, ...] = ()
    subject: str = ""
    scope: str = _MACHINE
    sandbox: bool = False

    @property
    def id(self) -> str:
        """The same for the same trouble of the same thing, over checks and restarts."""
        word = f"{self.code}\0{self.subject or self.about}".encode()
        return hashlib.sha256(word).hexdigest()[: _ID_OCTETS * 2]

    @property
    def is_wrong(self) -> bool:
        return self.severity != "ok"

    def dump(self) -> str:
        """Write what is shown of it once it is repaired, as JSON."""
        names = ("code", "about", "title", "subject", "scope", "sandbox")
        return json.dumps({name: getattr(self, name) for name in names})

    @classmethod
    def load(cls, text: str) -> Finding:
        """Read what :meth:`dump` wrote, as something that is in order now."""
        return cls(severity="ok", **json.loads(text))


@dataclass(frozen=True, slots=True)
class Listed:
    """A finding as it is shown: with what became of a repair, and until when nobody wants to hear of it.

    Attributes:
        checked_at_ms: When it was looked at, UTC ms.
        fixed_at_ms: When a repair of it passed its check; None: it was not repaired, or the check did not pass.
        undo: What taking the repair back does; None: there is nothing to take back.
        said: What the check said after a repair that did not help.
        snoozed_until_ms: UTC ms; None: it is told.
    """

    finding: Finding
    checked_at_ms: int
    fixed_at_ms: int | None = None
    undo: str | None = None
    said: str = ""
    snoozed_until_ms: int | None = None

    def document(self) -> Json:
        """Show it as JSON, the same in the API and on the command line."""
        it = self.finding
        return {
            "id": it.id,
            "code": it.code,
            "severity": it.severity,
            "about": it.about,
            "title": it.title,
            "why": " ".join(filter(None, (it.why, self.said))),
            "hint": it.hint,
            "steps": list(it.steps),
            "fix": None if it.fix is None else {"what": it.fix.what, "undo": it.fix.undo},
            "fixed_at": rfc3339(self.fixed_at_ms),
            "undo": self.undo is not None,
            "undo_what": self.undo,
            "snoozed_until": rfc3339(self.snoozed_until_ms),
            "checked_at": rfc3339(self.checked_at_ms),
        }


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort by effect, then by what they are about."""
    return tuple(sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), f.about)))


def each_once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort, and keep of findings that say the same of the same thing the worst, of equal ones the first."""
    kept: dict[str, Finding] = {}
    for finding in sorted(findings, key=lambda f: SEVERITIES.index(f.severity)):
        kept.setdefault(finding.id, finding)
    return worst_first(kept.values())

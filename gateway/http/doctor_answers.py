"""Owns the bodies and answers of the doctor's routes as pydantic models.

Never used to build an answer; knows no rule beyond shape and range.
Source: the HTTP interface; gateway.doctor.finding (Listed.document).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.http.answers import Answer, Time
from gateway.http.models import Body, Query

Effect = Literal["stops", "trouble", "note", "ok"]


class DoctorQuery(Query):
    """Filters of the findings; each narrows."""

    severity: Annotated[Effect | None, Field(description="Only findings with this effect.")] = None
    snoozed: Annotated[
        bool, Field(description="true: only those that are put off, which the list leaves out.")
    ] = False


class Repairing(Body):
    """How far a repair may go."""

    may_reboot: Annotated[
        bool,
        Field(description="Restart a phone where a repair needs it; a text on its way may end in doubt."),
    ] = False


class PutOff(Body):
    """For how long a finding is not told."""

    days: Annotated[int, Field(ge=1, le=90, strict=True)] = 7


class FindingFix(Answer):
    """What a repair changes, exactly; undo is what taking it back does, null: it cannot be taken back here."""

    what: str
    undo: str | None


class DoctorFinding(Answer):
    """One thing that was looked at. The id stays the same over checks and restarts.

    why tells effect and cause, steps what a person does. fixed_at is there only when the check passed after a repair;
    undo says whether it can be taken back, undo_what what that does.
    """

    id: str
    code: str
    severity: Effect
    about: str
    title: str
    why: str
    hint: str
    steps: list[str]
    fix: FindingFix | None
    fixed_at: Time | None
    undo: bool
    undo_what: str | None
    snoozed_until: Time | None
    checked_at: Time


class DoctorFindings(Answer):
    """Findings, worst first; the list is always whole."""

    items: list[DoctorFinding]
    next: str | None


class Repaired(Answer):
    """What became of a repair.

    fixed: the check passes. open: it was done, and the check does not pass yet. failed: it could not be done.
    undone: it was taken back. said is a sentence for people, finding how it is now.
    """

    result: Literal["fixed", "open", "failed", "undone"]
    said: str
    finding: DoctorFinding


class AllRepaired(Answer):
    """What became of each repair, in the order in which they were made."""

    items: list[Repaired]
    next: str | None

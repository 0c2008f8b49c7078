"""Owns how the steps of bringing a phone into order look: what each is about, in words, and how it went.

Knows no step's doing. Details and hints may hold what a phone printed: they are shown as foreign text.
Source: docs/phones.md, *Set up, by cable*; rules CMP-4 (what provisioning grants is listed before).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.http.services import DeviceStep
from gateway.web.shown import Look
from gateway.web.words import mark

CHANGES = (
    mark("The app SMS line is installed, signed with this installation's own key."),
    mark("It may send and read texts, read the phone's state and show notifications; nothing else."),
    mark("It is exempt from battery saving, so that it goes on with the screen off."),
    mark("Android's limit of texts a minute is read. It is raised only when you ask for it."),
    mark("A tunnel through the cable leads the app to this computer; nothing is opened on the network."),
    mark("The app gets a key of its own, which is good for this gateway only and can be taken back."),
)
"""What setting a phone up changes on it."""

_NAMES = {
    "server": mark("adb on this computer"),
    "authorised": mark("The phone trusts this computer"),
    "consent": mark("You agreed"),
    "booted": mark("The phone has started"),
    "app": mark("App installed"),
    "grants": mark("Permissions granted"),
    "doze": mark("Exempt from battery saving"),
    "background": mark("May run in the background"),
    "limit": mark("Android's limit of texts"),
    "reverse": mark("Tunnel through the cable"),
    "service": mark("App started"),
    "pairing": mark("Key handed over"),
    "heartbeat": mark("App connected"),
    "screen": mark("The phone's screen"),
    "cable": mark("Cable"),
    "key": mark("Its key"),
}

_LOOKS = {
    "ok": Look(mark("In order"), "check", "good"),
    "fixed": Look(mark("Done"), "checks", "good"),
    "refused": Look(mark("Needs you"), "warning", "bad"),
    "waiting": Look(mark("Waiting"), "clock", "warn"),
    "skipped": Look(mark("Left out"), "stop", "quiet"),
}

_NOT_DONE = ("refused", "waiting")


@dataclass(frozen=True, slots=True)
class StepShown:
    """One step. ``name`` is in words, or the step's own name where it has none."""

    name: str
    look: Look
    detail: str
    hint: str


def steps_shown(steps: Iterable[DeviceStep]) -> tuple[StepShown, ...]:
    """Put steps into words."""
    return tuple(
        StepShown(
            _NAMES.get(step.name, step.name),
            _LOOKS.get(step.outcome, _LOOKS["waiting"]),
            _sentence(step.detail),
            step.hint,
        )
        for step in steps
    )


def _sentence(detail: str) -> str:
    return f"{detail[:1].upper()}{detail[1:]}"


def unfinished(steps: Iterable[DeviceStep]) -> tuple[StepShown, ...]:
    """Keep the steps that a person must do something for."""
    return steps_shown(step for step in steps if step.outcome in _NOT_DONE)

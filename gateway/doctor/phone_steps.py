"""Owns what each step of a phone means to a person: the finding that it makes when it is not as it should be.

Knows no phone; the steps are those of device_bridge.adb.
Source: device_bridge/adb/README.md, *The steps*; device_bridge.adb.examine (screen, debugging).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.doctor.finding import Finding, Severity
from gateway.doctor.fixes import SET_UP, PhoneFix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.http.services import DeviceStep


@dataclass(frozen=True, slots=True)
class StepWords:
    """One step in words.

    Attributes:
        fix: The repair where the step can be done over the cable; None: only a person can.
        is_technical: What the phone said of it are names of Android's settings: they stand behind the reason.
    """

    code: str
    ok: str
    title: str
    why: str
    severity: Severity = "stops"
    fix: str | None = None
    is_technical: bool = False


_LINK = "The app is not connected, so the SIMs of this phone send nothing."

STEPS: Final = {
    "server": StepWords(
        "adb_silent", "adb", "The adb server does not answer", "Phones on USB are reached through it."
    ),
    "authorised": StepWords(
        "phone_unauthorised",
        "Trusts this computer",
        "The phone does not let this computer in",
        "Nothing on it can be looked at or changed over USB.",
    ),
    "consent": StepWords(
        "phone_not_set_up",
        "Set up",
        "This phone is on a cable and not set up",
        "Nothing is done to a phone before you say so.",
        "note",
        SET_UP,
    ),
    "booted": StepWords("phone_starting", "Started", "The phone cannot be used yet", _LINK),
    "app": StepWords("phone_app", "App", "The app is not there in the right version", _LINK, fix=SET_UP),
    "grants": StepWords(
        "phone_permission",
        "Permissions",
        "The app lacks permissions",
        "Without them it cannot send, receive or tell its SIMs.",
        fix="grants",
    ),
    "doze": StepWords(
        "phone_doze",
        "Battery saving",
        "Battery saving may stop the app",
        "Texts then wait until somebody switches the screen on.",
        "trouble",
        "doze",
    ),
    "background": StepWords(
        "phone_background",
        "Background",
        "The app may not run in the background",
        "Android ends it after a while, and texts wait.",
        "trouble",
        "background",
        is_technical=True,
    ),
    "limit": StepWords(
        "phone_limit",
        "SMS limit",
        "Android's SMS limit is not raised yet",
        "Until then Android lets out as many texts as before.",
        "note",
        "limit",
    ),
    "reverse": StepWords(
        "phone_tunnel", "Tunnel over USB", "The tunnel over USB is missing", _LINK, fix=SET_UP
    ),
    "service": StepWords("phone_service", "App runs", "The app does not run", _LINK, fix=SET_UP),
    "pairing": StepWords("phone_pairing", "Paired", "The app is not paired", _LINK, fix=SET_UP),
    "heartbeat": StepWords("phone_silent", "Connected", "The app does not connect", _LINK),
    "screen": StepWords(
        "phone_screen",
        "Screen",
        "A question waits on the phone's screen",
        "Until somebody answers it, texts may be held back.",
    ),
    "debugging": StepWords(
        "phone_debugging",
        "Debugging",
        "The phone can be controlled over the network",
        "Whoever reaches it there can do anything to the phone.",
        "trouble",
    ),
}
"""By the name of the step. ``exposure`` is not here: the machine's own findings say it."""

_SENDS = "SEND_SMS"


def findings_of_steps(about: str, serialno: str, steps: Iterable[DeviceStep], *, look: bool) -> list[Finding]:
    """Turn steps into findings.

    Args:
        about: The phone, for people.
        serialno: The phone, for programs.
        steps: Of a run or a look.
        look: They are of a look that changed nothing: what waits there waits for somebody to do it.
    """
    return [
        _finding(about, serialno, step, STEPS[step.name], look=look) for step in steps if step.name in STEPS
    ]


def _finding(about: str, serialno: str, step: DeviceStep, words: StepWords, *, look: bool) -> Finding:
    subject = "adb" if step.name == "server" else serialno
    if step.outcome in ("ok", "fixed", "skipped") and not (step.name == "consent" and step.hint):
        # What could not be looked at is no trouble that is known of.
        severity: Severity = "note" if step.outcome == "skipped" and step.hint else "ok"
        title, hint = f"{words.ok}: {step.detail}", step.hint if severity == "note" else ""
        return Finding(words.code, severity, about, title, hint=hint, subject=subject, scope="lines:read")
    # What a run tried and could not do, a person must do; what a look left alone can be done.
    can = words.fix is not None and (step.outcome != "refused" or look)
    return Finding(
        words.code,
        _severity(step, words, look=look),
        about,
        f"{words.title} ({step.detail})" if step.detail and not words.is_technical else words.title,
        f"{words.why} Android says: {step.detail}." if step.detail and words.is_technical else words.why,
        step.hint,
        PhoneFix(serialno, words.fix) if can and words.fix is not None else None,
        (step.hint,) if step.hint and not can else (),
        subject,
        "lines:read",
    )


def _severity(step: DeviceStep, words: StepWords, *, look: bool) -> Severity:
    if step.name == "grants" and _SENDS not in step.detail:
        return "trouble"
    if step.name == "limit" and step.outcome == "refused":
        return "trouble"
    comes_by_itself = step.outcome == "waiting" and not look and words.severity == "stops"
    return "trouble" if comes_by_itself else words.severity

"""Owns what follows a failed try: another try and when, another line, or the end.

Pure: knows no store and no clock.
Source: 3GPP TS 24.011 Annex E-2 and 23.040 §9.2.3.22 by way of the outcome's class.
"""

from __future__ import annotations

from dataclasses import dataclass

from device_bridge.sms.outcome import Outcome, OutcomeClass


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the decision depends on besides the outcome. ``attempts`` counts this try."""

    attempts: int
    attempts_max: int
    emulated: bool
    emulated_backoff_s: tuple[int, ...]
    other_line_up: bool
    """Another line could carry the message and has not refused it yet."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Wait ``wait_s``; ``counted`` False: the line was at fault; ``avoid_line``: only another line may try."""

    wait_s: int
    counted: bool = True
    avoid_line: bool = False


def decide(outcome: Outcome | None, now: Circumstances) -> TryAgain | None:
    """Say when a part that is certainly not on air is tried again; None: never."""
    if outcome is None:
        return TryAgain(0, counted=False)
    if outcome.outcome_class is OutcomeClass.LINE:
        return TryAgain(0, counted=False)
    if now.attempts >= now.attempts_max:
        return None
    spent_here = outcome.max_tries is not None and now.attempts >= outcome.max_tries
    if outcome.outcome_class is OutcomeClass.PERMANENT or spent_here:
        return TryAgain(0, avoid_line=True) if outcome.reroute and now.other_line_up else None
    waits = now.emulated_backoff_s if now.emulated else outcome.backoff_s or DEFAULT_BACKOFF_S
    return TryAgain(waits[min(now.attempts, len(waits)) - 1])


DEFAULT_BACKOFF_S = (30, 60, 120, 300, 600)
"""For a temporary outcome that brings no waits of its own."""

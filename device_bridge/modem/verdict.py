"""Owns what a modem's final word says about a part: sent, not sent, rejected or lost. Pure.

Knows no dialogue; the one question it asks is whether the PDU had been handed over.
Source: modems.md's table in code (device_bridge.sms.outcome); 27.005 §3.2.5; design, *Errors*.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from device_bridge.at.lines import AtError
from device_bridge.device import PartLost, PartNotSent, PartOutcome, PartRejected, PartSent
from device_bridge.sms.outcome import Outcome, OutcomeClass, cme_error, cms_error, local, not_on_air


@dataclass(frozen=True, slots=True)
class PartName:
    """Which part of which attempt, and when its verdict came."""

    attempt_id: str
    part: int
    at_ms: int


def cause_of(error: AtError, vendor: str | None) -> Outcome:
    """Translate a modem's error into the catalogue.

    Args:
        error: As the modem gave it, or silence.
        vendor: Key of the maker's own table for numbers from 512 on.
    """
    if error.kind in {"silent", "lost"}:
        return local("modem_silent" if error.kind == "silent" else "device_lost")
    if error.code is None:
        return replace(local("device_error"), network_code=error.text[:80])
    return cms_error(error.code, vendor) if error.kind == "cms" else cme_error(error.code, vendor)


def before_pdu(name: PartName, error: AtError, vendor: str | None) -> PartOutcome:
    """Judge an error that came before the first octet of the PDU: certainly not on air, whatever it says."""
    cause = not_on_air(cause_of(error, vendor))
    if cause.outcome_class is OutcomeClass.PERMANENT:
        return PartRejected(name.attempt_id, name.part, cause, name.at_ms, error.text)
    if cause.outcome_class is OutcomeClass.DONE:
        # "Duplicate" about a text that was never handed over is nonsense; take it as a refusal without a reason.
        cause = replace(local("device_error"), network_code=cause.network_code)
    return PartNotSent(name.attempt_id, name.part, cause, name.at_ms, error.text)


def after_pdu(name: PartName, error: AtError, vendor: str | None) -> PartOutcome:
    """Judge an error that came after the PDU: only a code that means refusal is a refusal."""
    cause = cause_of(error, vendor)
    if error.kind in {"silent", "lost"}:
        cause = local(cause.code, maybe_on_air=True)
        return PartLost(name.attempt_id, name.part, cause, name.at_ms, error.text)
    if error.code is None or cause.outcome_class is OutcomeClass.UNKNOWN:
        # ERROR without a number may be the modem's own or the network's: nobody knows.
        cause = replace(cause, outcome_class=OutcomeClass.UNKNOWN, backoff_s=())
        return PartLost(name.attempt_id, name.part, cause, name.at_ms, error.text)
    if cause.outcome_class is OutcomeClass.DONE:
        return PartSent(name.attempt_id, name.part, None, name.at_ms, error.text)
    if cause.outcome_class is OutcomeClass.PERMANENT:
        return PartRejected(name.attempt_id, name.part, cause, name.at_ms, error.text)
    return PartNotSent(name.attempt_id, name.part, cause, name.at_ms, error.text)

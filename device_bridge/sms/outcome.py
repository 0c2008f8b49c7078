"""Owns what a code from the radio means: code, title, hint, class and whether the text may be on air.

Knows no device and no queue: numbers in, one :class:`Outcome` out.
Source: 3GPP TS 24.011 Annex E-2, 23.040 §9.2.3.15 and §9.2.3.22, 27.005 §3.2.5, 27.007 §9.2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from device_bridge.sms import outcome_android as android
from device_bridge.sms import outcome_tables as tables
from device_bridge.sms.catalogue import CATALOGUE


class OutcomeClass(StrEnum):
    """What the gateway does next.

    ``permanent`` fail the message; ``temporary`` try again after ``backoff_s``; ``line`` the line is at
    fault: hold it and let the message go elsewhere, uncounted; ``unknown`` maybe on air: in doubt; ``done``
    counts as sent.
    """

    PERMANENT = "permanent"
    TEMPORARY = "temporary"
    LINE = "line"
    UNKNOWN = "unknown"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One meaning. ``code`` is from the catalogue of problems; ``network_code`` as witnessed ("RP cause 1").

    ``backoff_s`` are the waits before tries 2, 3, …; the last one repeats. ``reroute``: another line may do
    better. ``meaning`` is the standard's own wording. ``max_tries`` is the most tries that make sense, None
    for as many as the message may have.
    """

    code: str
    title: str
    hint: str
    outcome_class: OutcomeClass
    network_code: str | None = None
    backoff_s: tuple[int, ...] = ()
    reroute: bool = False
    meaning: str = ""
    max_tries: int | None = None


@dataclass(frozen=True, slots=True)
class ReportMeaning:
    """What TP-ST says of one part.

    ``final``: the SC has stopped trying; an interim report settles nothing. ``delivered`` only ever with
    ``final``. ``confirmed`` is False where the SC forwarded the text without knowing that it arrived.
    ``st_class`` is the range: completed, completed_reserved, completed_sc_specific, temporary_trying,
    permanent, temporary_stopped or reserved.
    """

    final: bool
    delivered: bool
    outcome: Outcome
    st_class: str
    confirmed: bool = True


_CLASSES = {
    "P": OutcomeClass.PERMANENT,
    "T": OutcomeClass.TEMPORARY,
    "L": OutcomeClass.LINE,
    "U": OutcomeClass.UNKNOWN,
    "D": OutcomeClass.DONE,
}

_FORWARDED = 0x01
_FIRST_VENDOR_CMS = 512


@lru_cache(maxsize=512)
def rp_cause(cause: int) -> Outcome:
    """Say what an RP-Cause of an RP-ERROR means; an RP-ERROR is certainly not on air.

    Source: 3GPP TS 24.011 §8.2.5.4, Annex E-2
    """
    return _outcome(tables.RP_CAUSES.get(cause, tables.RP_UNKNOWN), f"RP cause {cause}")


@lru_cache(maxsize=512)
def tp_fcs(fcs: int) -> Outcome:
    """Say what a TP-FCS of a SUBMIT-REPORT means; a refusal by the SC is certainly not on air.

    Source: 3GPP TS 23.040 §9.2.3.22
    """
    return _outcome(tables.TP_FCS.get(fcs, tables.TP_FCS_UNKNOWN), f"TP-FCS 0x{fcs:02X}")


@lru_cache(maxsize=1024)
def cms_error(number: int, vendor: str | None = None) -> Outcome:
    """Say what ``+CMS ERROR: n`` means as the answer to a PDU.

    Args:
        number: 0..127 is an RP cause, 128..255 a TP-FCS, 300..511 of 27.005, from 512 on the maker's own.
        vendor: What +CGMI says, in any spelling; decides from 512 on.

    Source: 3GPP TS 27.005 §3.2.5
    """
    if 0 <= number <= 0x7F:
        return rp_cause(number)
    if 0x80 <= number <= 0xFF:
        return tp_fcs(number)
    row = tables.CMS_ERRORS.get(number)
    if row is None and number >= _FIRST_VENDOR_CMS and vendor:
        maker = vendor.lower()
        rows = (own.get(number) for name, own in tables.CMS_BY_VENDOR if name in maker)
        row = next((own for own in rows if own is not None), None)
    return _outcome(row or tables.CMS_UNKNOWN, f"+CMS ERROR {number}")


@lru_cache(maxsize=1024)
def cme_error(number: int, vendor: str | None = None) -> Outcome:  # noqa: ARG001 - one shape for all of them
    """Say what ``+CME ERROR: n`` means as the answer to a PDU (:func:`not_on_air` for one before the prompt).

    Source: 3GPP TS 27.007 §9.2
    """
    return _outcome(tables.CME_ERRORS.get(number, tables.CME_UNKNOWN), f"+CME ERROR {number}")


@lru_cache(maxsize=256)
def report_meaning(st: int) -> ReportMeaning:
    """Say what TP-ST of a STATUS-REPORT means for its part.

    Args:
        st: 0..255.

    Source: 3GPP TS 23.040 §9.2.3.15; tests/vectors/status_report.toml
    """
    found = next(each for each in reversed(tables.TP_STATUS_RANGES) if st >= each.first)
    outcome = _outcome(tables.TP_STATUS.get(st, found.row), f"TP-ST 0x{st:02X}")
    return ReportMeaning(
        final=outcome.outcome_class is not OutcomeClass.TEMPORARY,
        delivered=outcome.outcome_class is OutcomeClass.DONE,
        outcome=outcome,
        st_class=found.name,
        confirmed=st != _FORWARDED,
    )


def tp_status(st: int) -> Outcome:
    """Say what TP-ST means: DONE delivered, TEMPORARY the SC still tries, PERMANENT it will not come any
    more.

    Source: 3GPP TS 23.040 §9.2.3.15
    """
    return report_meaning(st).outcome


@lru_cache(maxsize=1024)
def android_result(result: int, error_code: int | None = None) -> Outcome:
    """Say what the sent intent of Android means.

    Args:
        result: Result code of the intent: -1 is success, 1..33 telephony, 100..137 the radio.
        error_code: The intent's extra "errorCode" where there is one: a number of 27.005, which says more
            than a generic failure or a rejection.

    Source: Android SDK, SmsManager RESULT_* constants
    """
    witnessed = f"Android result {result}"
    if error_code is not None:
        witnessed += f", error {error_code}"
        if result in android.WITH_NETWORK_CAUSE and _known_cause(error_code):
            return replace(cms_error(error_code), network_code=witnessed)
    return _outcome(android.ANDROID_RESULTS.get(result, android.ANDROID_UNKNOWN), witnessed)


@lru_cache(maxsize=128)
def local(code: str, *, maybe_on_air: bool = False) -> Outcome:
    """Give a cause of our own: nothing that the network said.

    Args:
        code: One of the catalogue: modem_silent, device_lost, phone_gone, sim_missing, port_denied, …
            The line's fault unless ``outcome_tables.LOCAL_CAUSES`` says otherwise.
        maybe_on_air: The device went away or fell silent after the first octet of the PDU: the class is then
            ``unknown``, whatever it would be otherwise.

    Raises:
        KeyError: ``code`` is not in the catalogue; a mistake of the caller.
    """
    if maybe_on_air:
        return _outcome(tables.Row(code, "U", ""), None)
    return _outcome(tables.LOCAL_CAUSES.get(code) or tables.Row(code, "L", "", reroute=True), None)


def not_on_air(outcome: Outcome) -> Outcome:
    """Give the same cause for a text that is certainly not on air: refused before the prompt, say.

    ``unknown`` becomes ``temporary`` with one more try; every other class stays.
    """
    if outcome.outcome_class is not OutcomeClass.UNKNOWN:
        return outcome
    return replace(outcome, outcome_class=OutcomeClass.TEMPORARY, backoff_s=(30,), reroute=True, max_tries=2)


def _known_cause(error_code: int) -> bool:
    known = (tables.RP_CAUSES, tables.TP_FCS, tables.CMS_ERRORS)
    return any(error_code in table for table in known)


def _outcome(row: tables.Row, network_code: str | None) -> Outcome:
    title, hint = CATALOGUE[row.code]
    return Outcome(
        code=row.code,
        title=title,
        hint=hint,
        outcome_class=_CLASSES[row.kind],
        network_code=network_code,
        backoff_s=row.backoff_s,
        reroute=row.reroute,
        meaning=row.meaning,
        max_tries=row.max_tries,
    )

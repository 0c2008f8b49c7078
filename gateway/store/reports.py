"""Owns the matching of STATUS-REPORTs to parts: across restarts, TP-MR wrap and parts in doubt.

Knows no device: a raw TPDU and the line it came to. What matches nothing is kept and tried again.
Source: 3GPP TS 23.040 §9.2.2.3, §9.2.3.6 (TP-MR wraps at 256), §9.2.3.15 (TP-ST).
"""

from __future__ import annotations

import hashlib
from typing import Any

import structlog

from device_bridge.device import ReportReceived
from device_bridge.errors import DecodeError
from device_bridge.sms.outcome import report_meaning
from device_bridge.sms.tpdu import StatusReport, decode_status_report
from gateway.ids import new_id
from gateway.message import PartState
from gateway.store.crypto import DamagedRow
from gateway.store.inbound import store_inbound
from gateway.store.numbers import tail
from gateway.store.phones import is_foreign
from gateway.store.record import Evidence, apply
from gateway.store.rows import NewInbound
from gateway.store.transaction import Row, Tx

log = structlog.get_logger(__name__)

NEAR_MS = 600_000
"""TP-SCTS within 10 minutes of our own submission time is the same submission, clocks being what they are."""

MR_SLACK = 8
"""Each SUBMIT before a part in doubt of which nobody knows whether it used up a TP-MR moves the prediction by one."""


def record_report(tx: Tx, line_id: str, report: ReportReceived, speaker: str | None = None) -> None:
    """Match a report to its part and record what it says; keep it when no part is known for it yet.

    ``speaker`` is the device with a journal that brings it, see :func:`gateway.store.phones.is_foreign`.
    """
    line = tx.one("line_by_id", id=line_id)
    if line is None:
        return
    try:
        decoded = decode_status_report(report.tpdu)
    except DecodeError as error:
        _undecoded(tx, line, report, error)
        return
    part = None
    if report.attempt_id is not None and report.part is not None:
        if speaker is not None and is_foreign(tx, report.attempt_id, report.part, speaker):
            return
        part = tx.one("part_by_attempt", attempt_id=report.attempt_id, number=report.part)
    if part is None:
        part = _match(tx, line_id, decoded)
    if part is not None:
        _settle(tx, part, decoded, report.tpdu, report.at_ms)
        return
    report_id = new_id()
    tx.run(
        "report_insert",
        id=report_id,
        tenant=line["tenant"],
        line=line_id,
        ra_tail=tail(decoded.ra.text),
        mr=decoded.mr,
        st=decoded.st,
        scts_at=decoded.scts.at_ms,
        at=report.at_ms,
        tpdu=tx.seal(f"report|tpdu|{report_id}", report.tpdu),
    )


def _undecoded(tx: Tx, line: Row, report: ReportReceived, error: DecodeError) -> None:
    """Keep it raw where people see it: among what was received and could not be read."""
    log.warning("report.undecoded", line=line["id"], reason=str(error))
    fingerprint = hashlib.sha256(report.tpdu).hexdigest()
    kept = NewInbound(line["id"], "", report.tpdu, report.at_ms, "undecoded", fingerprint=fingerprint)
    store_inbound(tx, kept)


def _match(tx: Tx, line_id: str, report: StatusReport) -> Row | None:
    """Find the part: same line, number and TP-MR, near in time before far, newest unreported first."""
    number = tail(report.ra.text)
    scts_ms = report.scts.at_ms
    named = tx.rows("parts_for_report", line=line_id, tail=number, mr=report.mr)
    unreported = [p for p in named if p["state"] == PartState.SENT]
    near = [p for p in named if _near(scts_ms, p["sent_at"] or p["submitted_at"])]
    undecided = [
        p
        for p in tx.rows("parts_undecided_for_report", line=line_id, tail=number)
        if _near(scts_ms, p["submitted_at"])
    ]
    in_doubt = [p for p in undecided if p["state"] == PartState.IN_DOUBT]
    # While a part is on air its +CMGS may still name this TP-MR: until then nothing less certain takes the report.
    guess = len(undecided) == len(in_doubt)
    possible = [p for p in in_doubt if guess and _apart(p, report.mr) <= MR_SLACK]
    likely = (
        *(p for p in near if p["state"] == PartState.SENT),
        *(p for p in in_doubt if p["mr_predicted"] == report.mr),
        *near,  # the network says again what is known
        *sorted(possible, key=lambda p: _apart(p, report.mr)),
        *(unreported if guess else ()),
    )
    return likely[0] if likely else None


def _near(scts_ms: int | None, at_ms: int | None) -> bool:
    return scts_ms is not None and at_ms is not None and abs(scts_ms - at_ms) <= NEAR_MS


def _apart(part: Row, mr: int) -> int:
    """How far a TP-MR lies from the one predicted for a part in doubt; 0 when none could be predicted."""
    predicted = part["mr_predicted"]
    return 0 if predicted is None else min((mr - predicted) % 256, (predicted - mr) % 256)


def match_waiting(tx: Tx, part: Row) -> None:
    """Try the reports that came while a part was on air: for this part, or for one in doubt before it."""
    for row in tx.rows(
        "reports_waiting", line=part["line"], tail=part["to_tail"], since=part["submitted_at"]
    ):
        try:
            tpdu = tx.unseal(f"report|tpdu|{row['id']}", row["tpdu"]) or b""
        except DamagedRow as error:
            log.warning("report.damaged", reason=str(error))
            continue
        decoded = decode_status_report(tpdu)
        found = _match(tx, part["line"], decoded)
        if found is not None and (found["submitted_at"] or 0) <= row["at"]:
            tx.run("report_delete", id=row["id"])
            _settle(tx, found, decoded, tpdu, row["at"])


def _settle(tx: Tx, part: Row, report: StatusReport, tpdu: bytes, at_ms: int) -> None:
    meaning = report_meaning(report.st)
    detail: dict[str, Any] = {
        "scts": report.scts.rfc3339,
        "discharge_time": report.discharge.rfc3339,
        "mr": report.mr,
    }
    if not meaning.final:
        detail |= {"code": meaning.outcome.code, "title": meaning.outcome.title}
    state = (
        PartState.SENT
    )  # an interim report: the SMSC has it and is still trying, which proves that it left
    if meaning.final:
        state = PartState.DELIVERED if meaning.delivered else PartState.UNDELIVERED
    cause = None if meaning.final and meaning.delivered else meaning.outcome
    evidence = Evidence(
        state,
        "network",
        at_ms,
        # A part in doubt has no TP-MR of its own yet: later reports about it must find it.
        mr=report.mr if part["mr"] is None else None,
        cause=cause if meaning.final else None,
        report_status=report.st,
        detail=detail,
        tpdu=tpdu,
    )
    apply(tx, part, evidence)

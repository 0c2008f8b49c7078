"""Owns how a message's fate may change: one table for messages, one order for parts, one fold between them.

Pure: knows no store, no device and no clock. ``Store.record`` asks here and nowhere else.
Source: 3GPP TS 23.040 §9.2.3.15 (what a report settles); the diagram in the documents is drawn from ``TRANSITIONS``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.message import MessageState as S
from gateway.message import PartState as P


class Happening(StrEnum):
    """What can happen to a message. The first group comes from people and clocks, the second from devices."""

    APPROVE = "approve"
    REJECT = "reject"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REFUSE = "refuse"
    CLAIM = "claim"
    RESEND = "resend"
    CONFIRM = "confirm"
    GIVE_UP = "give_up"
    HOLD = "hold"

    SENT = "sent"
    NOT_SENT = "not_sent"
    SPENT = "spent"
    REJECTED = "rejected"
    LOST = "lost"
    REPORT_OK = "report_ok"
    REPORT_FAILED = "report_failed"


LOCAL = frozenset(
    {
        Happening.APPROVE,
        Happening.REJECT,
        Happening.CANCEL,
        Happening.EXPIRE,
        Happening.REFUSE,
        Happening.CLAIM,
        Happening.RESEND,
        Happening.CONFIRM,
        Happening.GIVE_UP,
        Happening.HOLD,
    }
)
"""Happenings that raise :class:`Conflict` where they do not fit; device happenings change nothing there."""


class Conflict(Exception):
    """A local happening does not fit the state. ``state`` is unchanged."""

    def __init__(self, state: S, happening: Happening) -> None:
        super().__init__(f"a message that is {state.value} cannot be changed by {happening.value}")
        self.state = state
        self.happening = happening


H = Happening

_PROOF = {H.SENT: S.SENT, H.REPORT_OK: S.DELIVERED, H.REPORT_FAILED: S.UNDELIVERED}
_VERDICT = {**_PROOF, H.NOT_SENT: S.QUEUED, H.SPENT: S.FAILED, H.REJECTED: S.FAILED}
_TRUTH_WINS = {H.REPORT_OK: S.DELIVERED}

TRANSITIONS: dict[S, dict[Happening, S]] = {
    S.HELD: {
        H.APPROVE: S.QUEUED,
        H.REJECT: S.FAILED,
        H.REFUSE: S.CANCELLED,
        H.EXPIRE: S.EXPIRED,
        H.CANCEL: S.CANCELLED,
        # As for QUEUED: a restore holds messages with an earlier attempt.
        H.LOST: S.IN_DOUBT,
        H.SPENT: S.FAILED,
        **_PROOF,
    },
    S.QUEUED: {
        H.CLAIM: S.SUBMITTING,
        H.REFUSE: S.CANCELLED,
        H.EXPIRE: S.EXPIRED,
        H.CANCEL: S.CANCELLED,
        H.HOLD: S.HELD,
        # An earlier attempt may be out, or is out in part: expiry and cancel must not say "nothing was sent".
        H.LOST: S.IN_DOUBT,
        H.SPENT: S.FAILED,
        **_PROOF,
    },
    S.SUBMITTING: {**_VERDICT, H.LOST: S.IN_DOUBT},
    S.IN_DOUBT: {**_VERDICT, H.RESEND: S.QUEUED, H.CONFIRM: S.SENT, H.GIVE_UP: S.FAILED},
    S.SENT: {H.REPORT_OK: S.DELIVERED, H.REPORT_FAILED: S.UNDELIVERED},
    S.DELIVERED: {},
    # SENT: the failed part of a long message was delivered after all and other parts have no report yet.
    S.UNDELIVERED: {**_TRUTH_WINS, H.SENT: S.SENT},
    S.FAILED: dict(_TRUTH_WINS),
    S.EXPIRED: dict(_TRUTH_WINS),
    S.CANCELLED: dict(_TRUTH_WINS),
}


def next_state(state: S, happening: Happening) -> S | None:
    """Look up the table: the new state, or None when a device happening changes nothing here.

    Raises:
        Conflict: a local happening that does not fit.
    """
    new = TRANSITIONS[state].get(happening)
    if new is None and happening in LOCAL:
        raise Conflict(state, happening)
    return new


PROOF = frozenset(_PROOF)
"""What an older attempt can still say of a message that waits for its next one."""


def by_evidence(state: S, happening: Happening | None) -> S | None:
    """Say where evidence about parts takes a message, None for nowhere.

    While a message is QUEUED or HELD no attempt is under way: only proof of an earlier one counts (it prevents a
    duplicate); that an earlier one is lost or refused has been acted on already.
    """
    if happening is None or (state in (S.QUEUED, S.HELD) and happening not in PROOF):
        return None
    return next_state(state, happening)


# ------------------------------------------------------------------ parts

_RANK = {
    P.WAITING: 0,
    P.SUBMITTING: 1,
    P.IN_DOUBT: 2,
    P.NOT_SENT: 3,
    P.REJECTED: 4,
    P.SENT: 5,
    P.UNDELIVERED: 6,
    P.DELIVERED: 7,
}

OUT = frozenset({P.SENT, P.UNDELIVERED, P.DELIVERED})
"""Proven to have left."""

STOPS = frozenset({P.IN_DOUBT, P.NOT_SENT, P.REJECTED})
"""Verdicts after which an attempt puts nothing more on air: its parts that still wait are certainly not sent."""


def merge(old: P, new: P) -> P:
    """Combine what is known of a part with what a device says: the stronger evidence stays.

    Commutative, associative and idempotent, so the order in which evidence arrives does not matter.
    """
    return new if _RANK[new] > _RANK[old] else old


@dataclass(frozen=True, slots=True)
class PartRecord:
    """One part of one attempt. ``copy`` counts the concatenation references that a message has used: parts of
    different copies do not make one message on the recipient's phone."""

    attempt: int
    copy: int
    number: int
    state: P


def _effective(records: Sequence[PartRecord]) -> P:
    """Fold the attempts of one part number; ``records`` are in ascending order of attempt."""
    if any(r.state is P.DELIVERED for r in records):
        return P.DELIVERED
    proof = next((i for i in range(len(records) - 1, -1, -1) if records[i].state in OUT), None)
    if proof is None:
        return records[-1].state
    if records[proof].state is P.SENT:
        return P.SENT
    # A report about an older attempt settles nothing while a newer one may still arrive: it only proves "sent".
    maybe_out = any(r.state in (P.SUBMITTING, P.IN_DOUBT) for r in records[proof + 1 :])
    return P.SENT if maybe_out else P.UNDELIVERED


@dataclass(frozen=True, slots=True)
class Fold:
    """What all parts together say. ``happening`` is None while nothing about the message has changed.

    ``sent`` and ``delivered`` count the copy that is furthest; ``sent_now`` counts the newest copy, the one that
    can still go on. ``in_doubt`` counts parts of any attempt that may be out and are not proven to be.
    """

    happening: Happening | None
    sent: int = 0
    delivered: int = 0
    in_doubt: int = 0
    sent_now: int = 0


def fold(records: Iterable[PartRecord], parts_total: int) -> Fold:
    """Say what the parts of all attempts mean for the message.

    Only this function moves a message by evidence: one part's report never makes DELIVERED. The newest copy
    speaks; an older one only by proof that it is out, and by a failed report only when no newer one may be.

    Args:
        records: Parts of all attempts, any order.
        parts_total: Parts of the whole set.
    """
    copies: dict[int, dict[int, list[PartRecord]]] = {}
    for r in sorted(records, key=lambda r: (r.attempt, r.number)):
        copies.setdefault(r.copy, {}).setdefault(r.number, []).append(r)
    if not copies:
        return Fold(None)
    folds = [_fold_copy(copies[copy], parts_total) for copy in sorted(copies)]
    newest = folds[-1]
    happening = newest.happening
    for older in folds[:-1]:
        happening = _with_older(older.happening, happening)
    return Fold(
        happening,
        sent=max(f.sent for f in folds),
        delivered=max(f.delivered for f in folds),
        in_doubt=max(f.in_doubt for f in folds),
        sent_now=newest.sent,
    )


def _with_older(older: Happening | None, newer: Happening | None) -> Happening | None:
    """Weigh what an older copy proves against what a newer one says."""
    if H.REPORT_OK in (older, newer):
        return H.REPORT_OK
    if older is H.REPORT_FAILED:
        maybe_out = newer in (None, H.LOST)
        return H.SENT if maybe_out else H.REPORT_FAILED if newer in (H.REJECTED, H.NOT_SENT) else newer
    return H.SENT if older is H.SENT else newer


def after_failure(folded: Fold, *, again: bool) -> Happening:
    """Say what a certain failure of the newest attempt means; ``again``: another try may and can help.

    Doubt about an earlier attempt outweighs the end: "failed" would say that nothing left.
    """
    if again:
        return H.NOT_SENT
    if folded.in_doubt:
        return H.LOST
    return H.SPENT if folded.sent else H.REJECTED


def _fold_copy(by_number: dict[int, list[PartRecord]], parts_total: int) -> Fold:
    states = [_effective(by_number[n]) if n in by_number else P.WAITING for n in range(1, parts_total + 1)]
    delivered = states.count(P.DELIVERED)
    out = sum(s in OUT for s in states)
    happening: Happening | None
    if delivered == parts_total:
        happening = H.REPORT_OK
    elif out == parts_total:
        happening = H.REPORT_FAILED if P.UNDELIVERED in states else H.SENT
    elif P.SUBMITTING in states:
        happening = None
    elif P.IN_DOUBT in states:
        happening = H.LOST
    elif P.REJECTED in states:
        happening = H.REJECTED
    elif P.NOT_SENT in states:
        happening = H.NOT_SENT
    else:
        happening = None
    in_doubt = sum(
        any(r.state is P.IN_DOUBT for r in attempts) and not any(r.state in OUT for r in attempts)
        for attempts in by_number.values()
    )
    return Fold(happening, out, delivered, in_doubt, out)

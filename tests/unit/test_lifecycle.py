"""Owns the proof of the lifecycle: the table against the document's, purity of the fold, independence of order.

Knows no store; the walk below is what ``Store.record`` does, without a database.
Source: *Lifecycle* of the architecture notes; the schema's CHECK constraints.
"""

from __future__ import annotations

import re
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.lifecycle import (
    LOCAL,
    OUT,
    STOPS,
    TRANSITIONS,
    Conflict,
    Fold,
    Happening,
    PartRecord,
    after_failure,
    by_evidence,
    fold,
    merge,
    next_state,
)
from gateway.message import FINAL_STATES, MessageState, PartState

H, S, P = Happening, MessageState, PartState

PROOF = {"sent": "sent", "report_ok": "delivered", "report_failed": "undelivered"}
VERDICT = {**PROOF, "not_sent": "queued", "spent": "failed", "rejected": "failed"}
EARLIER = {
    "lost": "in_doubt",
    "spent": "failed",
}  # cancel or expiry with an earlier attempt in doubt, or out in part
DOCUMENTED: dict[str, dict[str, str]] = {
    "held": {
        "approve": "queued", "reject": "failed", "refuse": "cancelled", "expire": "expired", "cancel": "cancelled",
        **EARLIER, **PROOF,
    },
    "queued": {
        "claim": "submitting", "refuse": "cancelled", "expire": "expired", "cancel": "cancelled", "hold": "held",
        **EARLIER, **PROOF,
    },
    "submitting": {**VERDICT, "lost": "in_doubt"},
    "in_doubt": {**VERDICT, "resend": "queued", "confirm": "sent", "give_up": "failed"},
    "sent": {"report_ok": "delivered", "report_failed": "undelivered"},
    "delivered": {},
    "undelivered": {"report_ok": "delivered", "sent": "sent"},
    "failed": {"report_ok": "delivered"},
    "expired": {"report_ok": "delivered"},
    "cancelled": {"report_ok": "delivered"},
}  # fmt: skip


@pytest.mark.parametrize("state", list(S))
def test_the_table_is_the_documented_one(state: MessageState) -> None:
    assert {h.value: s.value for h, s in TRANSITIONS[state].items()} == DOCUMENTED[state.value]


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("happening", list(H))
def test_what_does_not_fit_is_a_conflict_from_people_and_nothing_from_devices(
    state: MessageState, happening: Happening
) -> None:
    if happening in TRANSITIONS[state]:
        assert next_state(state, happening) is TRANSITIONS[state][happening]
    elif happening in LOCAL:
        with pytest.raises(Conflict) as conflict:
            next_state(state, happening)
        assert (conflict.value.state, conflict.value.happening) == (state, happening)
    else:
        assert next_state(state, happening) is None


def test_only_the_truth_moves_a_final_message() -> None:
    for state in FINAL_STATES:
        assert set(TRANSITIONS[state]) <= {H.REPORT_OK, H.SENT}


@pytest.mark.parametrize("state", [S.QUEUED, S.HELD])
def test_while_a_message_waits_only_proof_of_an_earlier_attempt_moves_it(state: MessageState) -> None:
    moved = {h for h in H if h not in LOCAL and by_evidence(state, h) is not None}
    assert moved == {H.SENT, H.REPORT_OK, H.REPORT_FAILED}


def test_the_checks_of_the_schema_are_the_enums() -> None:
    folder = resources.files("gateway.store.migrations")
    schema = "".join(file.read_text() for file in folder.iterdir() if file.name.endswith(".sql"))
    checks = [
        set(re.findall(r"'(\w+)'", check))
        for check in re.findall(r"CHECK \(state IN \((.*?)\)\)", schema, re.DOTALL)
    ]
    assert {s.value for s in S} in checks
    assert {p.value for p in P} in checks


# ------------------------------------------------------------------ parts

parts = st.sampled_from(list(P))


@given(parts, parts, parts)
def test_merging_evidence_does_not_depend_on_its_order(a: PartState, b: PartState, c: PartState) -> None:
    assert merge(a, b) is merge(b, a)
    assert merge(merge(a, b), c) is merge(a, merge(b, c))
    assert merge(a, a) is a


@st.composite
def records(draw: st.DrawFn) -> tuple[list[PartRecord], int]:
    """Parts of up to three attempts in up to two copies, in any states."""
    total = draw(st.integers(1, 3))
    found: list[PartRecord] = []
    copy = 1
    for attempt in range(1, draw(st.integers(1, 3)) + 1):
        copy += draw(st.booleans()) if attempt > 1 else 0
        numbers = draw(st.sets(st.integers(1, total), min_size=1))
        found += [PartRecord(attempt, copy, number, draw(parts)) for number in sorted(numbers)]
    return found, total


@given(records(), st.randoms(use_true_random=False))
def test_the_fold_does_not_depend_on_the_order_of_its_records(
    found: tuple[list[PartRecord], int], random: object
) -> None:
    rows, total = found
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fold(shuffled, total) == fold(rows, total)


@given(records())
def test_delivered_needs_every_part_of_one_copy(found: tuple[list[PartRecord], int]) -> None:
    rows, total = found
    by_copy = {
        copy: {r.number for r in rows if r.copy == copy and r.state is P.DELIVERED}
        for copy in {r.copy for r in rows}
    }
    whole = any(len(numbers) == total for numbers in by_copy.values())
    assert (fold(rows, total).happening is H.REPORT_OK) == whole


@given(records())
def test_counts_never_exceed_the_set(found: tuple[list[PartRecord], int]) -> None:
    rows, total = found
    folded = fold(rows, total)
    assert 0 <= folded.delivered <= folded.sent <= total
    assert folded.sent_now <= folded.sent
    assert folded.in_doubt <= total


@pytest.mark.parametrize(
    ("rows", "happening"),
    [
        ("", None),
        ("1 sent, 2 waiting, 3 waiting", None),
        ("1 sent, 2 sent, 3 submitting", None),
        ("1 delivered, 2 sent, 3 sent", H.SENT),
        ("1 delivered, 2 undelivered, 3 sent", H.REPORT_FAILED),
        ("1 delivered, 2 sent, 3 waiting", None),
        ("1 undelivered, 2 submitting, 3 waiting", None),
        ("1 sent, 2 rejected, 3 waiting", H.REJECTED),
        ("1 sent, 2 in_doubt, 3 waiting", H.LOST),
        ("1 not_sent, 2 waiting, 3 waiting", H.NOT_SENT),
    ],
)
def test_one_attempt_of_three_parts_says(rows: str, happening: Happening | None) -> None:
    words = [row.split() for row in rows.split(", ") if row]
    found = [PartRecord(1, 1, int(number), P(state)) for number, state in words]
    assert fold(found, 3).happening is happening


def single(*attempts: str, copies: bool = False) -> Fold:
    """Fold a message of one part that was tried once for each state."""
    return fold(
        [PartRecord(n, n if copies else 1, 1, P(state)) for n, state in enumerate(attempts, start=1)], 1
    )


@pytest.mark.parametrize("copies", [False, True])
def test_attempts_of_one_part_speak_by_these_rules(copies: bool) -> None:
    assert single("in_doubt", "submitting", copies=copies).happening is None
    assert single("in_doubt", "not_sent", copies=copies).happening is H.NOT_SENT
    assert single("in_doubt", "sent", copies=copies).happening is H.SENT
    assert single("sent", "not_sent", copies=copies).happening is H.SENT
    assert single("sent", "in_doubt", copies=copies).happening is H.SENT
    assert single("delivered", "in_doubt", copies=copies).happening is H.REPORT_OK
    assert single("delivered", "undelivered", copies=copies).happening is H.REPORT_OK
    # A failed report of an older attempt counts only when no newer one may be out.
    assert single("undelivered", "submitting", copies=copies).happening is H.SENT
    assert single("undelivered", "in_doubt", copies=copies).happening is H.SENT
    assert single("undelivered", "not_sent", copies=copies).happening is H.REPORT_FAILED
    assert single("undelivered", "sent", copies=copies).happening is H.SENT


def test_parts_of_different_copies_do_not_make_one_message() -> None:
    rows = [PartRecord(1, 1, 1, P.SENT), PartRecord(1, 1, 2, P.NOT_SENT), PartRecord(2, 2, 2, P.SENT)]
    assert fold(rows, 2).happening is not H.SENT


def test_the_end_of_the_tries_never_says_that_nothing_left_when_something_may_have() -> None:
    assert after_failure(Fold(H.REJECTED, in_doubt=1), again=False) is H.LOST
    assert after_failure(Fold(H.NOT_SENT, sent=1), again=False) is H.SPENT
    assert after_failure(Fold(H.REJECTED), again=False) is H.REJECTED
    assert after_failure(Fold(H.NOT_SENT, sent=1, in_doubt=1), again=True) is H.NOT_SENT


# ------------------------------------------------------------------ any order of the same events


Said = tuple[int, int, PartState]
"""(attempt, part number, what is said)"""

Story = tuple[dict[tuple[int, int], PartState], int, list[Said]]
"""What is known of (attempt, number) when the newest attempt begins, parts of the set, what is said from then on."""


def settle(known: dict[tuple[int, int], PartState], total: int, events: list[Said]) -> MessageState:
    """Walk a message that is on air through events, as the store does."""
    known, state = dict(known), S.SUBMITTING
    for attempt, number, said in events:
        known[attempt, number] = merge(known[attempt, number], said)
        if said in STOPS:
            known |= {
                (a, n): P.NOT_SENT
                for (a, n), p in known.items()
                if (a, p) == (attempt, P.WAITING) and n > number
            }
        folded = fold([PartRecord(a, 1, n, p) for (a, n), p in known.items()], total)
        happening = folded.happening
        if happening in (H.NOT_SENT, H.REJECTED):
            happening = after_failure(folded, again=happening is H.NOT_SENT)
        state = by_evidence(state, happening) or state
    return state


SAID = {
    "sent": [P.SENT],
    "ok": [P.SENT, P.DELIVERED],
    "failed": [P.SENT, P.UNDELIVERED],
    "failed then ok": [P.SENT, P.UNDELIVERED, P.DELIVERED],
    "not_sent": [P.NOT_SENT],
    "rejected": [P.REJECTED],
    "lost": [P.IN_DOUBT],
}


@st.composite
def truths(draw: st.DrawFn) -> Story:
    """What devices may say: an attempt stops at its first part that is not sent, the next one begins with that part.

    Each part has at most one verdict, with doubt before it and reports after it.
    """
    total = draw(st.integers(1, 3))
    first = draw(st.integers(1, total))
    known: dict[tuple[int, int], PartState] = {}
    events: list[Said] = []
    newest = draw(st.integers(1, 2)) if first == 1 else 2
    if newest == 2:
        known |= {
            (1, n): P.SENT if n < first else P.IN_DOUBT if n == first else P.NOT_SENT
            for n in range(1, total + 1)
        }
        for number in range(1, first + 1):
            story = draw(
                st.sampled_from(["ok", "failed", "failed then ok"] if number < first else list(SAID))
            )
            events += [(1, number, said) for said in SAID[story] if draw(st.booleans()) or said is not P.SENT]
    known |= {(newest, n): P.SUBMITTING if n == first else P.WAITING for n in range(first, total + 1)}
    for number in range(first, total + 1):
        story = draw(st.sampled_from(list(SAID)))
        doubted = [P.IN_DOUBT] if draw(st.booleans()) else []
        events += [(newest, number, said) for said in (*doubted, *SAID[story])]
        if doubted or story in ("not_sent", "rejected", "lost"):
            break
    return known, total, events


@given(truths(), st.data())
@settings(max_examples=300, deadline=None)
def test_every_order_of_the_same_events_ends_in_the_same_state(truth: Story, data: st.DataObject) -> None:
    known, total, events = truth
    other = data.draw(st.permutations(events))
    assert settle(known, total, list(other)) is settle(known, total, events)


@given(truths(), st.data())
@settings(max_examples=300, deadline=None)
def test_saying_everything_twice_changes_nothing(truth: Story, data: st.DataObject) -> None:
    known, total, events = truth
    twice = data.draw(st.permutations(events + events))
    assert settle(known, total, list(twice)) is settle(known, total, events)


def test_what_is_out_is_sent_undelivered_or_delivered() -> None:
    assert {P.SENT, P.UNDELIVERED, P.DELIVERED} == OUT

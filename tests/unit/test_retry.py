"""Owns the proof of the retry rule: every class of outcome, its waits, its limits.

Source: 3GPP TS 24.011 Annex E-2 by way of the outcome's class.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from device_bridge.sms.outcome import OutcomeClass, local, rp_cause
from gateway.retry import Circumstances, TryAgain, decide

FIRST = Circumstances(1, 8, emulated=False, emulated_backoff_s=(2, 4, 8, 16), other_line_up=False)
TEMPORARY = replace(rp_cause(41), backoff_s=(5, 30), max_tries=None)


@pytest.mark.parametrize(("attempts", "wait_s"), [(1, 5), (2, 30), (3, 30), (7, 30)])
def test_a_temporary_outcome_waits_its_own_times_and_repeats_the_last(attempts: int, wait_s: int) -> None:
    assert decide(TEMPORARY, replace(FIRST, attempts=attempts)) == TryAgain(wait_s)


@pytest.mark.parametrize(("attempts", "wait_s"), [(1, 30), (5, 600), (7, 600)])
def test_one_without_times_of_its_own_waits_the_default(attempts: int, wait_s: int) -> None:
    assert decide(replace(TEMPORARY, backoff_s=()), replace(FIRST, attempts=attempts)) == TryAgain(wait_s)


def test_an_emulated_line_waits_its_short_times() -> None:
    emulated = replace(FIRST, emulated=True)
    assert [decide(TEMPORARY, replace(emulated, attempts=n)) for n in (1, 4, 5)] == [
        TryAgain(2), TryAgain(16), TryAgain(16),
    ]  # fmt: skip


def test_when_the_tries_are_spent_there_is_none_left() -> None:
    assert decide(TEMPORARY, replace(FIRST, attempts=8)) is None
    assert decide(TEMPORARY, replace(FIRST, attempts=8, other_line_up=True)) is None


def test_an_outcome_that_makes_sense_only_twice_ends_there_or_moves_to_another_line() -> None:
    twice = replace(TEMPORARY, max_tries=2, reroute=True)
    assert decide(twice, FIRST) == TryAgain(5)
    assert decide(twice, replace(FIRST, attempts=2)) is None
    assert decide(twice, replace(FIRST, attempts=2, other_line_up=True)) == TryAgain(0, avoid_line=True)


def test_a_permanent_outcome_ends_unless_another_line_may_do_better() -> None:
    unassigned, rejected = rp_cause(1), rp_cause(21)
    assert unassigned.outcome_class is OutcomeClass.PERMANENT
    other = replace(FIRST, other_line_up=True)
    assert decide(unassigned, other) is None
    assert decide(rejected, FIRST) is None
    assert decide(rejected, other) == TryAgain(0, avoid_line=True)


@pytest.mark.parametrize("outcome", [rp_cause(8), local("sim_missing"), None])
def test_what_the_line_is_at_fault_for_never_counts(outcome: object) -> None:
    assert decide(outcome, replace(FIRST, attempts=99)) == TryAgain(0, counted=False)  # type: ignore[arg-type]

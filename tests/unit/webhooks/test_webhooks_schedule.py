"""Owns: when a failed delivery is tried again, and what a try means for its endpoint (rules WHK-3)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.rows import DeliveryRow
from gateway.webhooks.schedule import SCHEDULE_S, Answer, Health, retry_after_ms, settle, wait_ms

NOW_MS = 1_795_251_600_000  # 2026-11-21T09:00:00Z
ROW = DeliveryRow(
    id="d", webhook_id="w", event_id="e", event_seq=1, event_type="message.sent", message_id="m",
    state="pending", attempt=0, next_at_ms=NOW_MS, last_status=None, last_error=None, last_ms=None,
    created_at_ms=NOW_MS, finished_at_ms=None,
)  # fmt: skip
FAILED = Answer(status=500, error="HTTP 500")
OK = Answer(status=204)


def test_the_waits_are_those_that_are_documented_and_end_after_three_days() -> None:
    waits = [wait_ms(made, 0.0) for made in range(1, 12)]
    assert waits == [
        5_000, 60_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 72_000_000,
        None,
    ]  # fmt: skip
    assert 71 < sum(SCHEDULE_S) / 3600 < 72


@given(st.integers(1, 10), st.floats(-1, 1))
def test_jitter_moves_a_wait_by_a_fifth_at_most(made: int, jitter: float) -> None:
    wait = wait_ms(made, jitter)
    assert wait is not None
    assert 0.8 <= wait / (SCHEDULE_S[made] * 1000) <= 1.2


@pytest.mark.parametrize(
    ("header", "expected_ms"),
    [
        (None, 0),
        ("", 0),
        ("120", 120_000),
        (" 7 ", 7_000),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("٣", 0),
        ("999999", 86_400_000),
        ("9" * 5000, 86_400_000),
        ("Sat, 21 Nov 2026 09:02:00 GMT", 120_000),
        ("Sat, 21 Nov 2026 08:00:00 GMT", 0),
        ("Sat, 21 Nov 2099 08:00:00 GMT", 86_400_000),
        ("Sat, 21 Nov 20260 08:00:00 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_a_day_at_most(header: str | None, expected_ms: int) -> None:
    assert retry_after_ms(header, NOW_MS) == expected_ms


def test_a_success_ends_the_delivery_and_heals_the_endpoint() -> None:
    settled = settle(ROW, OK, Health(4), NOW_MS, 0.0)
    assert (settled.delivery.state, settled.delivery.attempt, settled.delivery.last_status) == (
        "delivered", 1, 204,
    )  # fmt: skip
    assert settled.delivery.finished_at_ms == NOW_MS
    assert settled.health == Health()


@pytest.mark.parametrize("status", [100, 199, 300, 302, 304, 400, 404, 500, 599])
def test_everything_but_2xx_is_a_failure(status: int) -> None:
    settled = settle(ROW, Answer(status=status, error="no"), Health(), NOW_MS, 0.0)
    assert (settled.delivery.state, settled.delivery.next_at_ms) == ("pending", NOW_MS + 5_000)
    assert settled.health == Health(1)


def test_the_fifth_failure_in_a_row_opens_the_circuit_for_a_minute() -> None:
    health = Health()
    for _ in range(4):
        health = settle(ROW, FAILED, health, NOW_MS, 0.0).health
        assert health.open_until_ms is None
    health = settle(ROW, FAILED, health, NOW_MS, 0.0).health
    assert health == Health(5, NOW_MS + 60_000)
    assert health.circuit_open


def test_a_failed_probe_ahead_of_time_costs_the_delivery_nothing() -> None:
    waiting = replace(ROW, attempt=5, next_at_ms=NOW_MS + 7_200_000)
    settled = settle(waiting, FAILED, Health(5, NOW_MS), NOW_MS, 0.0)
    assert (settled.delivery.attempt, settled.delivery.next_at_ms) == (5, waiting.next_at_ms)
    assert settled.delivery.last_error == "HTTP 500"
    assert settled.health == Health(6, NOW_MS + 60_000)


def test_the_last_failure_makes_a_dead_letter() -> None:
    settled = settle(replace(ROW, attempt=10), FAILED, Health(50, NOW_MS), NOW_MS, 0.0)
    assert (settled.delivery.state, settled.delivery.next_at_ms) == ("dead", None)
    assert settled.delivery.finished_at_ms == NOW_MS


def test_gone_disables_the_endpoint_and_a_refused_target_is_not_asked_again() -> None:
    gone = settle(ROW, Answer(status=410, error="gone"), Health(), NOW_MS, 0.0)
    assert (gone.delivery.state, gone.disable) == ("dead", True)
    refused = settle(ROW, Answer(error="metadata", refused=True), Health(), NOW_MS, 0.0)
    assert (refused.delivery.state, refused.disable, refused.delivery.last_error) == (
        "dead",
        False,
        "metadata",
    )


def test_retry_after_holds_the_endpoint_and_never_shortens_the_schedule() -> None:
    asks = Answer(status=429, error="HTTP 429", retry_after="600")
    settled = settle(ROW, asks, Health(), NOW_MS, 0.0)
    assert settled.delivery.next_at_ms == NOW_MS + 600_000
    assert settled.health == Health(1, NOW_MS + 600_000)
    late = settle(replace(ROW, attempt=4), asks, Health(), NOW_MS, 0.0)
    assert late.delivery.next_at_ms == NOW_MS + 7_200_000


def test_retry_after_counts_only_with_429_and_503() -> None:
    settled = settle(ROW, Answer(status=500, error="x", retry_after="600"), Health(), NOW_MS, 0.0)
    assert settled.delivery.next_at_ms == NOW_MS + 5_000
    assert settled.health.open_until_ms is None


def test_a_success_beside_it_does_not_lift_a_wait_that_was_asked_for() -> None:
    assert settle(ROW, OK, Health(1, NOW_MS + 600_000), NOW_MS, 0.0).health == Health(0, NOW_MS + 600_000)
    assert settle(ROW, OK, Health(5, NOW_MS + 60_000), NOW_MS, 0.0).health == Health()

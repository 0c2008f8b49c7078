"""Owns the proof of the clock that does not jump.

Source: *Store* of the architecture notes: a step of the wall clock over 5 s.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import STEP_S, SteadyClock, day_ends_ms, midnight_ms
from tests.peers.store_world import HandClock


@pytest.mark.parametrize("step_ms", [3_600_000, -3_600_000, STEP_S * 1000 + 1])
def test_a_step_is_reported_until_it_is_adopted_and_time_goes_on_meanwhile(step_ms: int) -> None:
    source = HandClock()
    steady = SteadyClock(source)
    before_ms = steady.now_ms()
    source.wall_ms += step_ms
    source.pass_s(2)
    assert steady.now_ms() == before_ms + 2000
    assert steady.step_ms() == step_ms
    assert steady.step_ms() == step_ms
    steady.adopt(step_ms)
    assert steady.now_ms() == source.now_ms()
    assert steady.step_ms() == 0


@given(st.lists(st.integers(-2000, 2000), max_size=30))
def test_a_drift_is_followed_silently(drifts: list[int]) -> None:
    source = HandClock()
    steady = SteadyClock(source)
    for drift_ms in drifts:
        source.pass_s(10)
        source.wall_ms += drift_ms
        assert steady.step_ms() == 0
        assert steady.now_ms() == source.now_ms()


def test_monotonic_time_is_the_sources_own() -> None:
    source = HandClock()
    steady = SteadyClock(source)
    source.wall_ms -= 10**9
    assert steady.monotonic_s() == source.monotonic_s()


def test_midnight_is_the_last_one_of_this_machines_zone() -> None:
    now_ms = HandClock().now_ms()
    midnight = midnight_ms(now_ms)
    local = datetime.fromtimestamp(midnight / 1000, UTC).astimezone()
    assert (local.hour, local.minute, local.second) == (0, 0, 0)
    assert 0 <= now_ms - midnight <= 25 * 3_600_000
    assert midnight_ms(midnight) == midnight


@pytest.mark.parametrize(
    ("moment", "begins", "ends"),
    [
        ("2026-03-29T00:30:00+00:00", "2026-03-29T00:00:00+00:00", "2026-03-30T00:00:00+01:00"),
        ("2026-03-29T12:00:00+01:00", "2026-03-29T00:00:00+00:00", "2026-03-30T00:00:00+01:00"),
        ("2026-10-25T12:00:00+00:00", "2026-10-25T00:00:00+01:00", "2026-10-26T00:00:00+00:00"),
    ],
)
def test_a_day_on_which_clocks_change_begins_and_ends_once(
    moment: str, begins: str, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms, begins_ms, ends_ms = (
        round(datetime.fromisoformat(each).timestamp() * 1000) for each in (moment, begins, ends)
    )
    try:
        with monkeypatch.context() as london:
            london.setenv("TZ", "Europe/London")
            time.tzset()
            assert (midnight_ms(now_ms), day_ends_ms(now_ms)) == (begins_ms, ends_ms)
    finally:
        time.tzset()

"""Owns the proof of the outlook: when so many parts will have been sent, and which limit makes it take so long."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.eta import RADIO_PER_MINUTE, Estimate, LineOutlook, finish

NOW_MS = 1_795_000_000_000
MINUTE_MS = 60_000
DAY_MS = 86_400_000
EVENING_MS = NOW_MS + 6 * 3_600_000
"""The end of this day: six hours are left of it."""


def line(**changes: Any) -> LineOutlook:
    """A line that is up and sends ten parts a minute without any other limit."""
    settings: dict[str, Any] = {
        "name": "Office", "up": True, "per_minute": 10, "per_day": None, "left_today": None, "left_month": None,
    }  # fmt: skip
    return LineOutlook(**{**settings, **changes})


def when(parts: int, *lines: LineOutlook) -> Estimate:
    return finish(NOW_MS, parts, lines, EVENING_MS)


def test_a_line_sends_at_its_pace() -> None:
    estimate = when(50, line())
    assert (estimate.at_ms, estimate.reason) == (NOW_MS + 5 * MINUTE_MS, "Office sends 10 parts a minute")


def test_a_line_without_a_pace_is_as_fast_as_its_radio() -> None:
    assert when(RADIO_PER_MINUTE * 3, line(per_minute=0)).at_ms == NOW_MS + 3 * MINUTE_MS


def test_lines_send_together() -> None:
    estimate = when(60, line(), line(name="Hall", per_minute=20))
    assert (estimate.at_ms, estimate.reason) == (NOW_MS + 2 * MINUTE_MS, "2 lines send 30 parts a minute")


def test_nothing_waits() -> None:
    assert when(0, line()) == Estimate(NOW_MS, "Nothing waits")


@pytest.mark.parametrize("lines", [[], [line(up=False)]])
def test_without_a_line_that_is_up_nobody_can_say(lines: list[LineOutlook]) -> None:
    estimate = when(5, *lines)
    assert estimate.at_ms is None
    assert "goes on when a line is up" in estimate.reason
    assert ("Office" in estimate.reason) == bool(lines)


def test_what_waits_for_a_paused_line_names_the_line_and_that_a_person_resumes_it() -> None:
    paused = when(5, line(up=False, paused=True))
    assert paused == Estimate(None, "Office is paused; it goes on when somebody resumes sending")
    both = when(5, line(up=False, paused=True), line(name="Hall", up=False, paused=True))
    assert both.reason == "Office, Hall are paused; it goes on when somebody resumes sending"
    mixed = when(5, line(up=False, paused=True), line(name="Hall", up=False))
    assert mixed.reason == "Office, Hall cannot send now; it goes on when a line is up"


def test_a_line_that_is_down_does_not_count() -> None:
    assert when(10, line(), line(up=False)).at_ms == NOW_MS + MINUTE_MS


def test_a_limit_of_the_day_lets_the_rest_go_on_the_next_days() -> None:
    estimate = when(250, line(per_day=100, left_today=30))
    # 30 today, 100 tomorrow, 100 the day after, and 20 on the third day.
    assert estimate.at_ms == EVENING_MS + 2 * DAY_MS + 2 * MINUTE_MS
    assert estimate.reason == "Office sends 10 parts a minute, 100 a day"


def test_what_is_left_of_the_month_counts_where_it_is_less_than_what_is_left_of_the_day() -> None:
    today = when(30, line(per_day=100, left_today=80, left_month=30))
    assert today.at_ms == NOW_MS + 3 * MINUTE_MS
    assert (when(31, line(per_day=100, left_today=80, left_month=30)).at_ms or 0) > EVENING_MS


def test_one_line_without_a_limit_carries_what_the_other_may_not_and_alone() -> None:
    estimate = when(1000, line(per_day=10, left_today=0), line(name="Hall"))
    assert (estimate.at_ms, estimate.reason) == (NOW_MS + 100 * MINUTE_MS, "Hall sends 10 parts a minute")


def test_a_line_that_waits_for_another_day_sends_nothing_on_this_one() -> None:
    gone = line(waits_until_ms=EVENING_MS + 3 * DAY_MS)
    assert when(100, gone, line(name="Hall")).at_ms == NOW_MS + 10 * MINUTE_MS
    used_up = line(name="Hall", per_day=5, left_today=0, waits_until_ms=EVENING_MS)
    assert (when(5, gone, used_up).at_ms or 0) - EVENING_MS - MINUTE_MS // 2 in (0, 1)


def test_a_line_that_waits_begins_later_and_says_so() -> None:
    estimate = when(10, line(waits_until_ms=NOW_MS + 30_000))
    assert estimate.at_ms == NOW_MS + 30_000 + MINUTE_MS
    assert "; a limit holds until " in estimate.reason
    soonest = when(20, line(waits_until_ms=NOW_MS + 30_000), line())
    assert soonest.at_ms == NOW_MS + MINUTE_MS, "the other line begins at once"


def test_what_takes_longer_than_a_year_has_no_time() -> None:
    assert when(10_000, line(per_day=10, left_today=10)).at_ms is None


@given(
    parts=st.integers(0, 50_000),
    per_minute=st.integers(0, 60),
    per_day=st.one_of(st.none(), st.integers(1, 5000)),
    more=st.integers(0, 5000),
)
def test_more_parts_never_take_less_time_and_never_end_in_the_past(
    parts: int, per_minute: int, per_day: int | None, more: int
) -> None:
    one = line(per_minute=per_minute, per_day=per_day, left_today=per_day)
    few, many = when(parts, one).at_ms, when(parts + more, one).at_ms
    assert few is None or few >= NOW_MS
    if many is not None:
        assert few is not None
        assert few <= many

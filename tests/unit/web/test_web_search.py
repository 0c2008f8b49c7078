"""Proves the grammar of the search box: what each way of writing asks for, and what is said of the rest."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.clock import midnight_ms
from gateway.web.search import DAY_MS, Sought, moment, parse

NOW_MS = 1_795_000_000_000
ID = "01a2246a-2aba-719e-857b-515169f7c975"


def test_words_are_words_and_quotes_keep_them_together() -> None:
    assert parse("gate code", NOW_MS) == Sought(words=("gate", "code"))
    assert parse('"gate code" today', NOW_MS).words == ("gate code", "today")


@pytest.mark.parametrize(
    "written", ["+44 7700 900123", "07700 900123", "+44 (0)7700-900123", "+999 0000 0001", "4711"]
)
def test_a_number_in_any_shape_is_a_number(written: str) -> None:
    assert parse(written, NOW_MS) == Sought(to=written)


def test_digits_in_quotes_are_words() -> None:
    assert parse('"4711"', NOW_MS) == Sought(words=("4711",))


def test_an_id_is_an_id_whatever_its_case() -> None:
    assert parse(ID.upper(), NOW_MS).id == ID
    assert parse(f"{ID} and more", NOW_MS).id == ""


def test_names_narrow_and_the_rest_stays_words() -> None:
    sought = parse('state:failed line:"Front desk" before:yesterday key:crm tag:class=5B late', NOW_MS)
    assert sought == Sought(
        states=("failed",),
        line="Front desk",
        key="crm",
        tags=(("class", "5B"),),
        until_ms=midnight_ms(midnight_ms(NOW_MS) - 1),
        words=("late",),
    )


def test_several_states_stand_with_commas_and_in_the_words_of_the_page() -> None:
    assert parse("state:failed,sending,in-doubt", NOW_MS).states == ("failed", "submitting", "in_doubt")


def test_received_is_a_direction_and_from_asks_for_texts_that_came() -> None:
    assert parse("state:received", NOW_MS).direction == "in"
    assert parse("from:+447700900123", NOW_MS) == Sought(to="+447700900123", direction="in")


def test_a_number_beside_a_name_is_still_a_number() -> None:
    sought = parse("state:failed 07700 900123", NOW_MS)
    assert (sought.states, sought.to, sought.words) == (("failed",), "07700 900123", ())


def test_an_address_is_no_name() -> None:
    assert parse("https://example.org/x", NOW_MS) == Sought(words=("https://example.org/x",))


@pytest.mark.parametrize(
    "written", ["state:lost", "colour:red", "before:tomorrowish", "tag:class", "is:away"]
)
def test_what_is_not_understood_is_said_and_narrows_nothing(written: str) -> None:
    sought = parse(written, NOW_MS)
    assert len(sought.troubles) == 1
    assert Sought(troubles=sought.troubles) == sought


@pytest.mark.parametrize(
    ("written", "at_ms"),
    [
        ("now", NOW_MS),
        ("today", midnight_ms(NOW_MS)),
        ("3d", NOW_MS - 3 * DAY_MS),
        ("12h", NOW_MS - DAY_MS // 2),
        ("2w", NOW_MS - 14 * DAY_MS),
        ("2026-02-30", None),
        ("soon", None),
        ("", None),
    ],
)
def test_times_are_days_spans_and_dates(written: str, at_ms: int | None) -> None:
    assert moment(written, NOW_MS) == at_ms


def test_a_day_of_the_week_is_the_last_one_and_a_date_is_its_beginning() -> None:
    for name in ("monday", "thursday", "sunday"):
        at_ms = moment(name, NOW_MS)
        assert at_ms is not None
        assert 0 <= midnight_ms(NOW_MS) - at_ms <= 7 * DAY_MS
    on = parse("on:2026-11-01", NOW_MS)
    assert on.since_ms is not None
    assert on.until_ms is not None
    assert on.until_ms - on.since_ms == DAY_MS


@given(st.text(max_size=80))
def test_nothing_that_can_be_typed_fails(written: str) -> None:
    parse(written, NOW_MS)


@pytest.mark.parametrize("name", ["on", "since", "before"])
@given(st.dates(), st.sampled_from(["", "T00:00", "T23:59", "t12:30"]))
@example(date.max, "")
@example(date.max, "T23:59")
@example(date.min, "")
def test_no_day_of_the_calendar_fails(name: str, day: date, at: str) -> None:
    sought = parse(f"{name}:{day.isoformat()}{at}", NOW_MS)
    assert sought.troubles or sought.since_ms is not None or sought.until_ms is not None

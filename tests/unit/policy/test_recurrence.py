"""When something that repeats comes next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.policy.recurrence import Recurrence, parse
from gateway.policy.recurrence_rule import RecurrenceError
from tests.harness.quickest import quickest_s


def ms(written: str) -> int:
    """UTC ms of an ISO 8601 time with offset."""
    return int(datetime.fromisoformat(written).timestamp()) * 1000


def following(recurrence: Recurrence, after: str, most: int) -> list[str]:
    """The next occurrences in local time with offset, at most so many."""
    found: list[str] = []
    at_ms: int | None = ms(after)
    while len(found) < most and at_ms is not None:
        at_ms = recurrence.next_after_ms(at_ms)
        if at_ms is not None:
            found.append(datetime.fromtimestamp(at_ms // 1000, recurrence.zone).isoformat(timespec="minutes"))
    return found


@pytest.mark.parametrize(
    ("rule", "start", "expected"),
    [
        # From the examples of RFC 5545 §3.8.5.3, all of them in New York.
        ("FREQ=DAILY;COUNT=10", "1997-09-02T09:00", ["09-02", "09-03", "09-04", "09-05"]),
        ("FREQ=DAILY;INTERVAL=10;COUNT=5", "1997-09-02T09:00", ["09-02", "09-12", "09-22", "10-02", "10-12"]),
        (
            "FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH",
            "1997-09-02T09:00",
            ["09-02", "09-04", "09-09", "09-11"],
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
            "1997-09-02T09:00",
            ["09-02", "09-04", "09-16"],
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
            "1997-08-05T09:00",
            ["08-05", "08-10", "08-19", "08-24"],
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
            "1997-08-05T09:00",
            ["08-05", "08-17", "08-19", "08-31"],
        ),
        ("FREQ=MONTHLY;COUNT=10;BYDAY=1FR", "1997-09-05T09:00", ["09-05", "10-03", "11-07", "12-05"]),
        ("FREQ=MONTHLY;COUNT=6;BYDAY=-2MO", "1997-09-22T09:00", ["09-22", "10-20", "11-17", "12-22"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-3", "1997-09-28T09:00", ["09-28", "10-29", "11-28", "12-29"]),
        ("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "1997-09-04T09:00", ["09-04", "10-07", "11-06"]),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
            "1997-09-29T09:00",
            ["09-29", "10-30", "11-27", "12-30"],
        ),
        ("RRULE:FREQ=YEARLY;COUNT=10;BYMONTH=6,7", "1997-06-10T09:00", ["06-10", "07-10", "06-10", "07-10"]),
        ("FREQ=YEARLY;BYDAY=20MO", "1997-05-19T09:00", ["05-19", "05-18", "05-17"]),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "1997-05-12T09:00", ["05-12", "05-11", "05-17"]),
        (
            "FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200",
            "1997-01-01T09:00",
            ["01-01", "04-10", "07-19", "01-01"],
        ),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "1998-02-13T09:00", ["02-13", "03-13", "11-13"]),
    ],
)
def test_rules_come_as_the_examples_of_the_standard_say(rule: str, start: str, expected: list[str]) -> None:
    # 28 years later every weekday and leap day is the same.
    start = f"{int(start[:4]) + 28}{start[4:]}"
    found = following(parse(rule, start, "America/New_York"), "2024-12-31T00:00Z", len(expected))
    assert [day[5:10] for day in found] == expected
    assert {day[11:16] for day in found} == {"09:00"}


def test_the_wall_time_stays_when_clocks_change() -> None:
    weekly = parse("FREQ=WEEKLY;BYDAY=SA,SU", "2026-03-28T09:00", "Europe/London")
    assert following(weekly, "2026-03-27T00:00Z", 2) == ["2026-03-28T09:00+00:00", "2026-03-29T09:00+01:00"]
    assert following(weekly, "2026-10-24T00:00Z", 2) == ["2026-10-24T09:00+01:00", "2026-10-25T09:00+00:00"]


def test_a_time_that_the_clock_skips_happens_with_the_offset_from_before() -> None:
    daily = parse("FREQ=DAILY", "2026-03-07T02:30", "America/New_York")
    assert following(daily, "2026-03-07T00:00Z", 3) == [
        "2026-03-07T02:30-05:00",
        "2026-03-08T03:30-04:00",
        "2026-03-09T02:30-04:00",
    ]
    # Looked for from between the wall time, which never was, and the moment that stands for it.
    assert following(daily, "2026-03-08T03:10-04:00", 1) == ["2026-03-08T03:30-04:00"]


def test_a_time_that_comes_twice_happens_the_first_time_only() -> None:
    daily = parse("FREQ=DAILY", "2026-10-31T01:30", "America/New_York")
    assert following(daily, "2026-10-31T12:00Z", 2) == ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"]
    assert following(daily, "2026-11-01T01:10-05:00", 1) == ["2026-11-02T01:30-05:00"]


def test_times_in_and_after_a_gap_come_in_order_and_once() -> None:
    hourly = parse("FREQ=HOURLY;BYMINUTE=0,30", "2026-03-08T00:00", "America/New_York")
    assert following(hourly, "2026-03-08T06:00Z", 4) == [
        "2026-03-08T01:30-05:00",
        "2026-03-08T03:00-04:00",
        "2026-03-08T03:30-04:00",
        "2026-03-08T04:00-04:00",
    ]


def test_a_skipped_time_waits_for_those_that_come_sooner() -> None:
    # Lord Howe Island skips half an hour: 02:20 becomes 02:50, and 02:40 is there before it.
    daily = parse("FREQ=DAILY;BYHOUR=2;BYMINUTE=20,40", "2026-10-01T02:20", "Australia/Lord_Howe")
    assert following(daily, "2026-10-03T00:00Z", 3) == [
        "2026-10-04T02:40+11:00",
        "2026-10-04T02:50+11:00",
        "2026-10-05T02:20+11:00",
    ]


def test_a_day_that_a_country_skipped_happens_on_the_next() -> None:
    daily = parse("FREQ=DAILY", "2011-12-28T09:00", "Pacific/Apia")
    assert following(daily, "2011-12-28T00:00Z", 4) == [
        "2011-12-28T09:00-10:00",
        "2011-12-29T09:00-10:00",
        "2011-12-31T09:00+14:00",
        "2012-01-01T09:00+14:00",
    ]


def test_what_fell_into_a_skipped_day_is_found_on_the_next_day_too() -> None:
    hourly = parse("FREQ=HOURLY;BYMONTHDAY=30", "2011-11-01T00:30", "Pacific/Apia")
    assert following(hourly, "2011-12-31T05:10+14:00", 2) == [
        "2011-12-31T05:30+14:00",
        "2011-12-31T06:30+14:00",
    ]


def test_a_rule_ends_by_count_by_time_or_never() -> None:
    start = ("2026-06-01T09:00", "Europe/Berlin")
    assert len(following(parse("FREQ=DAILY;COUNT=3", *start), "2026-01-01T00:00Z", 9)) == 3
    until = parse("FREQ=DAILY;UNTIL=20260603T070000Z", *start)
    assert following(until, "2026-06-01T12:00Z", 9) == ["2026-06-02T09:00+02:00", "2026-06-03T09:00+02:00"]
    assert len(following(parse("FREQ=DAILY;UNTIL=20260603T065959Z", *start), "2026-01-01T00:00Z", 9)) == 2
    assert following(parse("FREQ=DAILY", *start), "2090-06-01T12:00Z", 1) == ["2090-06-02T09:00+02:00"]
    assert following(parse("FREQ=DAILY", *start), "2098-12-31T12:00Z", 1) == []
    assert following(parse("FREQ=DAILY", *start), "2500-01-01T00:00Z", 1) == []


def test_exceptions_are_left_out_by_day_or_by_time_and_still_counted() -> None:
    out = ("2026-06-02", "2026-06-03T17:00")
    twice = parse("FREQ=DAILY;BYHOUR=9,17;COUNT=6", "2026-06-01T09:00", "Europe/Berlin", out)
    assert [at[8:13] for at in following(twice, "2026-01-01T00:00Z", 9)] == ["01T09", "01T17", "03T09"]


def test_positions_count_whole_weeks_wherever_the_search_begins() -> None:
    second = parse("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=2", "2026-01-05T09:00", "UTC")
    wednesdays = ["2026-03-04", "2026-03-11", "2026-03-18"]
    for after in ("2026-03-01T10:00Z", "2026-03-02T10:00Z", "2026-03-03T10:00Z"):
        assert [at[:10] for at in following(second, after, 3)] == wednesdays
    midweek = parse("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=2", "2026-01-07T09:00", "UTC")
    assert [at[:10] for at in following(midweek, "2026-03-05T10:00Z", 2)] == wednesdays[1:]


def test_29_february_comes_every_fourth_year() -> None:
    assert [
        at[:10] for at in following(parse("FREQ=YEARLY", "2024-02-29T09:00", "UTC"), "2024-03-01T00:00Z", 3)
    ] == [
        "2028-02-29",
        "2032-02-29",
        "2036-02-29",
    ]


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ("", "NAME=VALUE"),
        ("BYDAY=MO", "FREQ="),
        ("FREQ=SECONDLY", "too often"),
        ("FREQ=MINUTELY", "too often"),
        ("FREQ=DAILY\nFREQ=DAILY", "one line"),
        ("DTSTART=20260101T090000;FREQ=DAILY", "DTSTART"),
        ("FREQ=DAILY;EXDATE=20260101T090000", "EXDATE"),
        ("FREQ=DAILY;BYSECOND=1", "BYSECOND"),
        ("FREQ=YEARLY;BYEASTER=1", "BYEASTER"),
        ("FREQ=DAILY;X-A=1", "X-A"),
        ("FREQ=DAILY;FREQ=DAILY", "twice"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=", "INTERVAL"),
        ("FREQ=YEARLY;INTERVAL=6", "1 to 5"),
        ("FREQ=DAILY;INTERVAL=" + "9" * 200, "INTERVAL"),
        ("FREQ=DAILY;COUNT=0", "COUNT"),
        ("FREQ=DAILY;COUNT=1001", "COUNT"),
        ("FREQ=DAILY;COUNT=٣", "one line"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101T000000Z", "one of them"),
        ("FREQ=DAILY;UNTIL=20270101", "UTC"),
        ("FREQ=DAILY;UNTIL=20270101T000000", "UTC"),
        ("FREQ=DAILY;UNTIL=20270231T000000Z", "UTC"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR"),
        ("FREQ=DAILY;BYMINUTE=60", "BYMINUTE"),
        ("FREQ=DAILY;BYMONTH=13", "BYMONTH"),
        ("FREQ=DAILY;BYMONTH=-1", "BYMONTH"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "-31 to -1"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "FREQ=WEEKLY"),
        ("FREQ=DAILY;BYWEEKNO=1", "FREQ=DAILY"),
        ("FREQ=MONTHLY;BYYEARDAY=1", "FREQ=MONTHLY"),
        ("FREQ=WEEKLY;BYDAY=1MO", "Write MO"),
        ("FREQ=MONTHLY;BYDAY=0MO", "out of range"),
        ("FREQ=MONTHLY;BYDAY=6MO", "1 to 5"),
        ("FREQ=YEARLY;BYMONTH=2;BYDAY=-6MO", "1 to 5"),
        ("FREQ=YEARLY;BYDAY=54MO", "1 to 53"),
        ("FREQ=WEEKLY;BYDAY=XX", "no day"),
        ("FREQ=WEEKLY;BYDAY=MO,", "no day"),
        ("FREQ=WEEKLY;WKST=1MO", "WKST"),
        ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS"),
        ("FREQ=HOURLY;BYMINUTE=0,1,2,3,4", "at most 4"),
        ("FREQ=DAILY;" * 50, "characters"),
        ("FREQ=DAILY;BYHOUR", "NAME"),
        ("FREQ=DAILY; BYHOUR=1", "without spaces"),
        ("FREQ=DAILY;BYHOUR=+1", "BYHOUR"),
    ],
)
def test_a_rule_that_is_none_is_refused_by_the_name_of_its_part(rule: str, word: str) -> None:
    with pytest.raises(RecurrenceError) as refused:
        parse(rule, "2026-01-01T09:00", "UTC")
    assert refused.value.field == "rule"
    assert word in refused.value.detail
    assert refused.value.detail.endswith(".")


@pytest.mark.parametrize(
    ("start", "zone", "exceptions", "field"),
    [
        ("2026-01-01T09:00Z", "UTC", (), "start"),
        ("2026-01-01T09:00+01:00", "UTC", (), "start"),
        ("2026-01-01", "UTC", (), "start"),
        ("2026-02-30T09:00", "UTC", (), "start"),
        ("20260101T0900", "UTC", (), "start"),
        ("1999-01-01T09:00", "UTC", (), "start"),
        ("2099-01-01T09:00", "UTC", (), "start"),
        ("2026-01-01T09:00", "Mars/Olympus", (), "zone"),
        ("2026-01-01T09:00", "../../etc/passwd", (), "zone"),
        ("2026-01-01T09:00", "Europe", (), "zone"),
        ("2026-01-01T09:00", "", (), "zone"),
        ("2026-01-01T09:00", "x\x00", (), "zone"),
        ("2026-01-01T09:00", "+01:00", (), "zone"),
        ("2026-01-01T09:00", "UTC", ("2026-02-30",), "exceptions"),
        ("2026-01-01T09:00", "UTC", ("Monday",), "exceptions"),
        ("2026-01-01T09:00", "UTC", ("2026-01-01",) * 401, "exceptions"),
    ],
)
def test_what_stands_beside_the_rule_is_refused_by_its_field(
    start: str, zone: str, exceptions: tuple[str, ...], field: str
) -> None:
    with pytest.raises(RecurrenceError) as refused:
        parse("FREQ=DAILY", start, zone, exceptions)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=9",
        "FREQ=HOURLY;INTERVAL=24;BYHOUR=5",
        "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=9",
        "FREQ=DAILY;INTERVAL=7;BYDAY=MO",
        "FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTH=4",
        "FREQ=YEARLY;BYWEEKNO=20;BYMONTH=11",
        "FREQ=DAILY;UNTIL=20270101T085959Z",
    ],
)
def test_a_rule_that_never_comes_is_refused_soon(rule: str) -> None:
    def refused() -> None:
        with pytest.raises(RecurrenceError, match="no time that comes"):
            parse(rule, "2027-01-01T09:00", "Europe/London")  # a Friday

    assert quickest_s(refused, 0.2) < 0.2


def test_an_old_start_costs_no_more_than_a_new_one() -> None:
    hourly = parse("FREQ=HOURLY;INTERVAL=5", "2000-01-01T00:30", "UTC")

    def asked() -> None:
        for day in range(1, 29):
            assert hourly.next_after_ms(ms(f"2095-02-{day:02d}T00:00Z")) is not None

    assert quickest_s(asked, 0.2) < 0.2


_RULES = [
    "FREQ=DAILY;BYHOUR=2;BYMINUTE=20,40",
    "FREQ=HOURLY",
    "FREQ=HOURLY;INTERVAL=7",
    "FREQ=HOURLY;BYMINUTE=0,20,40;BYHOUR=1,2,3",
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=DAILY;BYMONTH=3,10",
    "FREQ=DAILY;BYDAY=SU;BYHOUR=1,2,3",
    "FREQ=WEEKLY",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU",
    "FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,WE,FR;BYSETPOS=-1",
    "FREQ=MONTHLY",
    "FREQ=MONTHLY;BYMONTHDAY=31",
    "FREQ=MONTHLY;INTERVAL=5",
    "FREQ=MONTHLY;BYDAY=-1SU",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1",
    "FREQ=YEARLY;BYWEEKNO=1,53;BYDAY=MO,SU",
    "FREQ=YEARLY;INTERVAL=3;BYYEARDAY=1,-1",
    "FREQ=DAILY;COUNT=400",
    "FREQ=WEEKLY;COUNT=30",
]
_ZONES = [
    "UTC",
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Sao_Paulo",
]
_times = st.datetimes(datetime.fromisoformat("2005-01-01"), datetime.fromisoformat("2030-01-01"))


def recurrence_or_none(rule: str, start: datetime, zone: str) -> Recurrence | None:
    """None where a rule never meets the days of its start, as every fifth month and 29 February."""
    try:
        return parse(rule, start.isoformat(timespec="minutes"), zone)
    except RecurrenceError:
        return None


@settings(deadline=None)  # the library alone goes through years of days
@given(st.sampled_from(_RULES), _times, st.sampled_from(_ZONES), st.integers(-9 * 24, 2_000 * 24))
def test_the_next_time_is_the_one_that_the_library_finds_in_the_calendar_itself(
    rule: str, start: datetime, zone: str, later_h: int
) -> None:
    start = start.replace(second=0, microsecond=0)
    often = rule.startswith("FREQ=HOURLY")
    after = start + timedelta(hours=later_h % (24 * 60) if often else later_h)
    recurrence = recurrence_or_none(rule, start, zone)
    assume(recurrence is not None)
    assert recurrence is not None
    horizon = after + timedelta(days=30 if often else 365 * 9)
    walls = takewhile(lambda wall: wall < horizon, rrulestr(rule, dtstart=start))
    near = (wall for wall in walls if wall > after - timedelta(days=3))
    times = {int(wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).timestamp()) * 1000 for wall in near}
    after_ms = int(after.replace(tzinfo=UTC).timestamp()) * 1000
    assert recurrence.next_after_ms(after_ms) == min((at for at in times if at > after_ms), default=None)


@given(st.sampled_from(_RULES), _times, st.sampled_from(_ZONES))
def test_each_next_time_is_later_than_the_last(rule: str, start: datetime, zone: str) -> None:
    recurrence = recurrence_or_none(rule, start, zone)
    assume(recurrence is not None)
    assert recurrence is not None
    at_ms = int(start.replace(tzinfo=UTC).timestamp() * 1000)
    for _ in range(8):
        next_ms = recurrence.next_after_ms(at_ms)
        if next_ms is None:
            break
        assert next_ms > at_ms
        assert recurrence.next_after_ms(next_ms - 1) == next_ms
        at_ms = next_ms


def _listed(name: str, low: int, high: int) -> st.SearchStrategy[str]:
    numbers = st.integers(low, high).filter(bool)
    return st.lists(numbers, min_size=1, max_size=4).map(
        lambda values: f"{name}=" + ",".join(str(value) for value in values)
    )


_days = st.builds(
    lambda n, day: f"{n or ''}{day}",
    st.integers(-53, 53),
    st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]),
)
_parts = st.one_of(
    st.integers(1, 1_000).map("INTERVAL={}".format),
    st.integers(1, 1_000).map("COUNT={}".format),
    _listed("BYMONTH", 1, 12),
    _listed("BYMONTHDAY", -31, 31),
    _listed("BYYEARDAY", -366, 366),
    _listed("BYWEEKNO", -53, 53),
    _listed("BYHOUR", 1, 23),
    _listed("BYMINUTE", 1, 59),
    _listed("BYSETPOS", -366, 366),
    st.lists(_days, min_size=1, max_size=3).map(lambda days: "BYDAY=" + ",".join(days)),
    st.lists(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1).map(
        lambda days: "BYDAY=" + ",".join(days)
    ),
)


@settings(deadline=None)
@given(
    st.sampled_from(["HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    st.lists(_parts, max_size=4, unique_by=lambda part: part.partition("=")[0]),
    _times,
    st.sampled_from(_ZONES),
)
def test_any_rule_has_a_next_time_or_is_refused_and_both_soon(
    frequency: str, parts: list[str], start: datetime, zone: str
) -> None:
    def asked() -> None:
        recurrence = recurrence_or_none(";".join((f"FREQ={frequency}", *parts)), start, zone)
        if recurrence is not None:
            before_ms = int(start.replace(tzinfo=UTC).timestamp() * 1000) - 86_400_000
            first_ms = recurrence.next_after_ms(before_ms)
            assert first_ms is not None
            assert first_ms > before_ms

    assert quickest_s(asked, 0.5) < 0.5

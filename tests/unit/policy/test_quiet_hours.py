"""When a text may reach its recipient or leave its line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType
from phonenumbers.tzdata import TIMEZONE_DATA

from gateway.policy.quiet_hours import (
    SPREAD_MS,
    HoursSettings,
    LineHours,
    QuietHours,
    preset_names,
    spread_ms,
    spread_opening_ms,
    zones_of_country,
    zones_of_number,
)
from gateway.policy.quiet_week import (
    HORIZON_MS,
    MINUTE_MS,
    common_opening_ms,
    open_week,
    parse_span,
    week_without,
    zone_of,
)

DEFAULT = QuietHours(HoursSettings())
LONDON = "Europe/London"
NEW_YORK = "America/New_York"


def ms(written: str, zone: str = "UTC", fold: int = 0) -> int:
    """UTC ms of a local time."""
    local = datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(local.timestamp() * 1000)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-25T08:00", "2026-11-25T08:00"),  # a Wednesday
        ("2026-11-25T19:59:59.999", "2026-11-25T19:59:59.999"),
        ("2026-11-25T20:00", "2026-11-26T08:00"),
        ("2026-11-25T07:59:59.999", "2026-11-25T08:00"),
        ("2026-11-25T00:00", "2026-11-25T08:00"),
        ("2026-11-28T20:00", "2026-11-30T08:00"),  # Saturday evening, then Sunday
        ("2026-11-29T12:00", "2026-11-30T08:00"),
    ],
)
@pytest.mark.parametrize(
    "zone", [LONDON, NEW_YORK, "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati"]
)
def test_QUI_1_windows_are_in_the_local_time_of_the_recipient(now: str, opens: str, zone: str) -> None:
    assert DEFAULT.next_open_ms(ms(now, zone), (zone,), None) == ms(opens, zone)


def test_QUI_1_every_zone_of_a_number_must_be_open() -> None:
    hours = QuietHours(HoursSettings("US"))
    zones = (NEW_YORK, "America/Chicago", "America/Denver", "America/Los_Angeles")
    late = ms("2026-11-25T20:59:59", NEW_YORK)
    assert hours.next_open_ms(late, zones, "US") == late
    assert hours.next_open_ms(late + 1000, zones, "US") == ms("2026-11-26T08:00", "America/Los_Angeles")
    early = ms("2026-11-25T08:00", NEW_YORK)
    assert hours.next_open_ms(early, zones, "US") == ms("2026-11-25T08:00", "America/Los_Angeles")


def test_QUI_1_zones_that_are_never_open_together_have_no_opening() -> None:
    opposite = ("Pacific/Auckland", "Europe/Madrid")
    assert QuietHours(HoursSettings("US-states")).next_open_ms(ms("2026-11-25T12:00"), opposite, None) is None


def test_QUI_1_a_recipient_needs_a_zone_that_exists() -> None:
    with pytest.raises(ValueError, match="takes that of the line"):
        DEFAULT.next_open_ms(0, (), "GB")
    with pytest.raises(KeyError, match="Europe/Atlantis"):
        DEFAULT.next_open_ms(0, ("Europe/Atlantis",), "GB")


@pytest.mark.parametrize(
    ("zone", "evening", "morning", "hours"),
    [
        # A night is 12 hours long, the one in spring 11, the one in autumn 13.
        (LONDON, "2026-03-27T20:00", "2026-03-28T08:00", 12), (LONDON, "2026-03-28T20:00", "2026-03-29T08:00", 11),
        (LONDON, "2026-10-24T20:00", "2026-10-25T08:00", 13), (LONDON, "2026-10-25T20:00", "2026-10-26T08:00", 12),
        (NEW_YORK, "2026-03-07T20:00", "2026-03-08T08:00", 11), (NEW_YORK, "2026-10-31T20:00", "2026-11-01T08:00", 13),
    ],
)  # fmt: skip
def test_QUI_1_a_night_with_a_change_of_clocks_ends_at_the_local_time(
    zone: str, evening: str, morning: str, hours: int
) -> None:
    daily = QuietHours(HoursSettings(open={"mon-sun": "08:00-20:00"}))
    begin = ms(evening, zone)
    assert daily.next_open_ms(begin, (zone,), None) == ms(morning, zone) == begin + hours * 60 * MINUTE_MS


@pytest.mark.parametrize(
    ("zone", "day", "change"), [(LONDON, "2026-03-29", "01"), (NEW_YORK, "2026-03-08", "02")]
)
def test_QUI_1_an_opening_that_a_spring_gap_leaves_out_is_the_moment_of_the_change(
    zone: str, day: str, change: str
) -> None:
    night = QuietHours(HoursSettings(open={"mon-sun": f"{change}:30-06:00"}))
    gap_ends = ms(f"{day}T0{int(change) + 1}:00", zone)
    assert night.next_open_ms(ms(f"{day}T00:10", zone), (zone,), None) == gap_ends
    only_in_the_gap = QuietHours(HoursSettings(open={"mon-sun": f"{change}:15-{change}:45"}))
    opens = only_in_the_gap.next_open_ms(ms(f"{day}T00:10", zone), (zone,), None)
    assert (
        opens == ms(f"{day}T{change}:15", zone) + 23 * 60 * MINUTE_MS
    )  # the next day, after a day of 23 hours


@pytest.mark.parametrize(("zone", "day"), [(LONDON, "2026-10-25"), (NEW_YORK, "2026-11-01")])
def test_QUI_1_a_window_that_an_autumn_night_shows_twice_is_open_twice(zone: str, day: str) -> None:
    night = QuietHours(HoursSettings(open={"mon-sun": "01:10-01:50"}))
    first, second = ms(f"{day}T01:10", zone), ms(f"{day}T01:10", zone, fold=1)
    assert second - first == 60 * MINUTE_MS
    assert night.next_open_ms(ms(f"{day}T00:30", zone), (zone,), None) == first
    assert night.next_open_ms(first + 40 * MINUTE_MS, (zone,), None) == second
    tomorrow = night.next_open_ms(second + 40 * MINUTE_MS, (zone,), None)
    assert tomorrow == first + 25 * 60 * MINUTE_MS


ZONES = [
    LONDON,
    NEW_YORK,
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "America/Santiago",
    "Pacific/Apia",
]


@settings(deadline=None)
@given(
    st.datetimes(datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2030-01-01")),
    st.sampled_from(ZONES),
    st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 1440)), min_size=1, max_size=3),
)
def test_QUI_1_the_next_opening_is_the_first_minute_whose_clock_is_in_a_window(
    now: datetime, zone: str, spans: list[tuple[int, int]]
) -> None:
    _compare_with_a_clock(now, zone, spans)


@settings(deadline=None)
@given(
    st.integers(-36 * 60, 6 * 60),
    st.sampled_from([(LONDON, "2026-03-29T01:00"), (LONDON, "2026-10-25T01:00"), (NEW_YORK, "2026-03-08T07:00"),
                     (NEW_YORK, "2026-11-01T06:00"), ("Australia/Lord_Howe", "2026-04-04T15:00"),
                     ("Australia/Lord_Howe", "2026-10-03T15:30"), ("America/Santiago", "2026-09-06T04:00")]),
    st.lists(st.tuples(st.integers(0, 240), st.integers(1, 240)), min_size=1, max_size=3),
)  # fmt: skip
def test_QUI_1_the_next_opening_is_exact_around_a_change_of_clocks(
    minutes: int, change: tuple[str, str], spans: list[tuple[int, int]]
) -> None:
    zone, at = change
    _compare_with_a_clock(datetime.fromisoformat(at) + timedelta(minutes=minutes), zone, spans)


def _compare_with_a_clock(now: datetime, zone: str, spans: list[tuple[int, int]]) -> None:
    spans = [span for span in spans if span[0] != span[1]] or [(60, 120)]
    written = ", ".join(f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in spans)
    now = now.replace(second=0, microsecond=0, tzinfo=UTC)
    local_zone = ZoneInfo(zone)

    def is_open(at: datetime) -> bool:
        local = at.astimezone(local_zone)
        minute = local.hour * 60 + local.minute
        return any(a <= minute < b if a < b else minute >= a or minute < b for a, b in spans)

    expected = next(at for minute in range(3 * 24 * 60) if is_open(at := now + timedelta(minutes=minute)))
    found = open_week({"mon-sun": written}).next_open_ms(round(now.timestamp() * 1000), local_zone)
    assert found == round(expected.timestamp() * 1000)


def test_QUI_1_public_holidays_are_closed_where_the_preset_says_so() -> None:
    french, paris = QuietHours(HoursSettings("FR")), ("Europe/Paris",)
    # 13 July 2026 is a Monday, the 14th a holiday.
    assert french.next_open_ms(ms("2026-07-13T20:30", paris[0]), paris, "FR") == ms(
        "2026-07-15T08:00", paris[0]
    )
    assert french.next_open_ms(ms("2026-07-14T12:00", paris[0]), paris, "BE") == ms(
        "2026-07-14T12:00", paris[0]
    )
    # Christmas is a Friday, then Saturday; New Year's Day lies in another year.
    assert french.next_open_ms(ms("2026-12-24T20:00", paris[0]), paris, "FR") == ms(
        "2026-12-26T08:00", paris[0]
    )
    assert french.next_open_ms(ms("2026-12-31T20:00", paris[0]), paris, "FR") == ms(
        "2027-01-02T08:00", paris[0]
    )


def test_QUI_1_holidays_can_be_switched_and_unknown_countries_have_none() -> None:
    christmas = ms("2026-12-25T12:00", LONDON)
    assert DEFAULT.next_open_ms(christmas, (LONDON,), "GB") == christmas
    kept = QuietHours(HoursSettings(holidays=True))
    # The 26th is a Saturday; Monday stands in for it.
    assert kept.next_open_ms(christmas, (LONDON,), "GB") == ms("2026-12-29T08:00", LONDON)
    assert kept.next_open_ms(christmas, (LONDON,), None) == christmas
    assert kept.next_open_ms(christmas, (LONDON,), "QQ") == christmas
    ignored = QuietHours(HoursSettings("FR", holidays=False))
    assert ignored.next_open_ms(ms("2026-07-14T12:00"), ("Europe/Paris",), "FR") == ms("2026-07-14T12:00")


@pytest.mark.parametrize(
    ("preset", "country", "opens"),
    [
        ("default", None, "mon-sat 08:00-20:00"), ("US", "US", "mon-sun 08:00-21:00"),
        ("US-states", "US", "mon-sat 10:00-17:00"),
        ("FR", "FR", "mon-sat 08:00-20:00"), ("IN", "IN", "mon-sun 10:00-21:00"), ("BE", "BE", "mon-sun 09:00-20:00"),
        ("GB", "GB", "mon-fri 08:00-21:00"),
        ("country", "US", "mon-sun 08:00-21:00"), ("country", "IN", "mon-sun 10:00-21:00"),
        ("country", "DE", "mon-sat 08:00-20:00"),
        ("country", "AT", "mon-sat 08:00-20:00"), ("country", None, "mon-sat 08:00-20:00"),
        ("country", "BE", "mon-sun 09:00-20:00"),
    ],
)  # fmt: skip
def test_QUI_3_presets_say_what_the_rule_says(preset: str, country: str | None, opens: str) -> None:
    hours = QuietHours(HoursSettings(preset))
    days, span = opens.split()
    begin, end = span.split("-")
    monday = datetime.fromisoformat("2026-11-23")
    last = {"mon-sun": 6, "mon-sat": 5, "mon-fri": 4}[days]
    for day in range(last + 1):
        date = (monday + timedelta(days=day)).date()
        assert hours.next_open_ms(ms(f"{date}T00:00"), ("UTC",), country) == ms(f"{date}T{begin}")
        closing = ms(f"{date}T{end}")
        assert hours.next_open_ms(closing - 1, ("UTC",), country) == closing - 1
        assert hours.next_open_ms(closing, ("UTC",), country) != closing
    if days == "mon-sat":
        assert hours.next_open_ms(ms("2026-11-29T12:00"), ("UTC",), country) == ms(f"2026-11-30T{begin}")


def test_QUI_3_british_weekends_open_later_and_us_hours_know_no_holidays() -> None:
    british = QuietHours(HoursSettings("country"))
    assert british.next_open_ms(ms("2026-11-28T08:30"), ("UTC",), "GB") == ms("2026-11-28T09:00")
    assert british.next_open_ms(ms("2026-11-29T20:59"), ("UTC",), "GB") == ms("2026-11-29T20:59")
    thanksgiving = ms("2026-11-26T08:00")
    assert QuietHours(HoursSettings("US")).next_open_ms(thanksgiving, ("UTC",), "US") == thanksgiving


def test_QUI_3_windows_of_ones_own_replace_those_of_the_preset() -> None:
    hours = QuietHours(HoursSettings(open={"mon-fri": "09:00-12:00, 14:00-18:00", "sat": "22:00-02:00"}))
    now = ms("2026-11-27T12:00")  # a Friday
    expected = ["2026-11-27T14:00", "2026-11-28T22:00", "2026-11-30T09:00"]
    closings = ["2026-11-27T12:00", "2026-11-27T18:00", "2026-11-29T02:00"]
    found = [hours.next_open_ms(ms(closes), ("UTC",), None) for closes in closings]
    assert found == [ms(opens) for opens in expected]
    assert hours.next_open_ms(ms("2026-11-29T01:59"), ("UTC",), None) == ms("2026-11-29T01:59")
    assert hours.next_open_ms(now - 1, ("UTC",), None) == now - 1


@pytest.mark.parametrize(
    ("settings_", "says"),
    [
        (
            HoursSettings("XX"),
            'there is no "XX"; choose one of default, US, US-states, FR, IN, BE, GB, country',
        ),
        (HoursSettings("country", open={"mon": "08:00-20:00"}), "exclude each other"),
        (HoursSettings(open={"monday": "08:00-20:00"}), '"monday" names no days'),
        (HoursSettings(open={"mon-": "08:00-20:00"}), '"mon-" names no days'),
        (HoursSettings(open={"mon-sat": "08:00-20:00", "sat": "10:00-12:00"}), "names sat a second time"),
        (HoursSettings(open={"mon": "8-20"}), '"8-20" is no span'),
        (HoursSettings(open={"mon": "08:00-24:01"}), "hours go from 00:00 to 24:00"),
        (HoursSettings(open={"mon": "08:60-20:00"}), "minutes to 59"),
        (HoursSettings(open={"mon": "24:00-20:00"}), "hours go from"),
        (HoursSettings(open={"mon": "08:00-08:00"}), "ends when it begins"),
        (HoursSettings(open={"mon": ""}), "no span"),
    ],
)
def test_QUI_3_settings_that_cannot_be_kept_are_refused(settings_: HoursSettings, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        QuietHours(settings_)


def test_QUI_3_every_name_of_a_preset_can_be_used() -> None:
    assert preset_names() == ("default", "US", "US-states", "FR", "IN", "BE", "GB", "country")
    for name in preset_names():
        QuietHours(HoursSettings(name))


@pytest.mark.parametrize(
    ("span", "minutes"),
    [
        ("21:00-08:00", (1260, 480)),
        (" 00:00 – 24:00 ", (0, 1440)),
        ("22:00-00:00", (1320, 1440)),
        ("00:00-06:30", (0, 390)),
    ],
)
def test_QUI_2_a_span_is_read_as_minutes_of_the_day(span: str, minutes: tuple[int, int]) -> None:
    assert parse_span(span) == minutes


@pytest.mark.parametrize(
    ("span", "now", "opens"),
    [
        ("21:00-08:00", "2026-11-25T21:00", "2026-11-26T08:00"),
        ("21:00-08:00", "2026-11-25T20:59:59", "2026-11-25T20:59:59"),
        ("21:00-08:00", "2026-11-29T08:00", "2026-11-29T08:00"),  # Sundays are like other days
        ("12:00-13:00", "2026-11-25T12:30", "2026-11-25T13:00"),
        ("22:00-24:00", "2026-11-25T23:00", "2026-11-26T00:00"),
        ("00:00-06:00", "2026-11-25T00:00", "2026-11-25T06:00"),
        ("00:00-06:00", "2026-11-25T23:59", "2026-11-25T23:59"),
        ("21:00-08:00", "2026-10-24T21:00", "2026-10-25T08:00"),
        ("21:00-08:00", "2026-03-28T21:00", "2026-03-29T08:00"),
    ],
)  # fmt: skip
def test_QUI_2_a_line_is_quiet_in_its_own_zone(span: str, now: str, opens: str) -> None:
    assert LineHours(span, LONDON).next_open_ms(ms(now, LONDON)) == ms(opens, LONDON)


def test_QUI_2_a_line_that_is_always_quiet_or_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing would ever be sent"):
        LineHours("00:00-24:00", LONDON)
    with pytest.raises(KeyError):
        LineHours("21:00-08:00", "Europe/Atlantis")
    with pytest.raises(ValueError, match="passwd"):
        LineHours("21:00-08:00", "../../etc/passwd")


@given(st.integers(0, 1439), st.integers(1, 1440), st.integers(0, 1439))
def test_QUI_2_what_is_outside_a_quiet_span_is_open(begin: int, end: int, minute: int) -> None:
    if begin == end or (begin, end) == (0, 1440):
        return
    quiet = begin <= minute < end if begin < end else minute >= begin or minute < end
    now = ms("2026-11-25T00:00") + minute * MINUTE_MS
    opens = week_without((begin, end)).next_open_ms(now, UTC)
    assert opens is not None
    assert (opens == now) is not quiet
    assert (opens // MINUTE_MS) % 1440 == (end % 1440 if quiet else minute)


def test_QUI_2_a_spread_is_up_to_15_minutes_and_always_the_same_for_a_message() -> None:
    spreads = [spread_ms(f"0198c0de-0000-7000-8000-{n:012}") for n in range(3000)]
    assert spread_ms("0198c0de-0000-7000-8000-000000000000") == spreads[0] == 640_748
    assert 0 <= min(spreads) < SPREAD_MS / 100
    assert SPREAD_MS * 0.99 < max(spreads) < SPREAD_MS
    by_minute = [sum(n * MINUTE_MS <= spread < (n + 1) * MINUTE_MS for spread in spreads) for n in range(15)]
    assert min(by_minute) > 140


def test_QUI_2_a_message_is_due_at_once_or_spread_after_the_opening() -> None:
    noon, night = ms("2026-11-25T12:00", LONDON), ms("2026-11-25T23:00", LONDON)
    assert DEFAULT.due_ms(noon, (LONDON,), "GB", "m1") == noon
    assert DEFAULT.due_ms(night, (LONDON,), "GB", "m1") == ms("2026-11-26T08:00", LONDON) + spread_ms("m1")
    never = QuietHours(HoursSettings("US-states"))
    assert never.due_ms(noon, ("Pacific/Auckland", "Europe/Madrid"), None, "m1") is None


@given(st.text(max_size=40))
def test_QUI_2_a_spread_never_leads_out_of_a_short_window(message_id: str) -> None:
    short = QuietHours(HoursSettings(open={"mon-sun": "10:00-10:05"}))
    due = short.due_ms(ms("2026-11-25T00:00"), ("UTC",), None, message_id)
    assert due is not None
    assert ms("2026-11-25T10:00") <= due < ms("2026-11-25T10:05")


def test_QUI_2_the_hours_of_line_and_recipient_are_kept_together() -> None:
    line = LineHours("18:00-12:00", NEW_YORK)
    now = ms("2026-11-25T18:30", LONDON)

    def both(at_ms: int) -> int | None:
        return common_opening_ms(
            at_ms, (line.next_open_ms, lambda at: DEFAULT.next_open_ms(at, (LONDON,), "GB"))
        )

    assert both(now) == now  # 13:30 in New York
    evening = ms("2026-11-25T20:00", LONDON)
    assert both(evening) == ms("2026-11-26T12:00", NEW_YORK)
    assert spread_opening_ms(evening, "m1", both) == ms("2026-11-26T12:00", NEW_YORK) + spread_ms("m1")


def test_QUI_1_nothing_that_stays_closed_for_a_month_is_waited_for() -> None:
    week = open_week({"mon-sun": "00:00-24:00"})
    asked: list[int] = []

    def closed(day: int) -> bool:
        asked.append(day)
        return True

    assert week.next_open_ms(ms("2026-11-25T12:00"), UTC, closed) is None
    assert len(asked) <= HORIZON_MS / (24 * 60 * MINUTE_MS) + 1


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+12025550123", (NEW_YORK,)), ("+33612345678", ("Europe/Paris",)), ("+919812345678", ("Asia/Calcutta",)),
        ("+447911123456", ("Europe/Guernsey", "Europe/Isle_of_Man", "Europe/Jersey", "Europe/London")),
        ("+881612345678", ()), ("+99900000001", ()), ("12345", ()), ("", ()), ("+", ()), ("+4479111234567890123", ()),
    ],
)  # fmt: skip
def test_QUI_1_the_zones_of_a_number_are_those_of_the_library(number: str, zones: tuple[str, ...]) -> None:
    assert zones_of_number(number) == zones


def test_QUI_1_a_number_that_could_be_anywhere_waits_for_all_its_zones() -> None:
    zones = zones_of_number("+18005550123")
    assert {NEW_YORK, "America/Los_Angeles", "Pacific/Honolulu"} <= set(zones)
    hours = QuietHours(HoursSettings("country"))
    now = ms("2026-11-25T09:00", NEW_YORK)
    opens = hours.next_open_ms(now, zones, "US")
    assert opens is not None
    assert all(8 <= datetime.fromtimestamp(opens / 1000, ZoneInfo(zone)).hour < 21 for zone in zones)


def test_QUI_1_every_zone_that_the_library_can_name_exists() -> None:
    for name in {name for names in TIMEZONE_DATA.values() for name in names}:
        assert zone_of(name).key == name


@pytest.mark.parametrize(
    "kind", [PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE]
)
def test_QUI_1_the_zones_of_a_number_are_among_those_of_its_country(kind: int) -> None:
    seen = 0
    for region in phonenumbers.SUPPORTED_REGIONS:
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None:
            continue
        main = phonenumbers.region_code_for_country_code(number.country_code or 0)
        zones = zones_of_number(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
        assert set(zones) <= set(zones_of_country(main))
        seen += bool(zones)
    assert seen > 100

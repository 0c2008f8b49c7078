"""Alerts decided: each threshold at its edge, told once, repeated, ended.

Their words say what is, since when, what it means and what to do, in one part of a text message.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.sms.segmentation import segment
from gateway.alerts.one_part import one_part
from gateway.policy.alert_words import clock, duration, notice
from gateway.policy.alerts import (
    ENDINGS,
    KINDS,
    BudgetReading,
    Change,
    Ending,
    Finding,
    Judgement,
    Kind,
    LineReading,
    QueueReading,
    Readings,
    Standing,
    Thresholds,
    follow,
    judge,
)

NOW = 1_795_000_000_000
HOUR_MS = 3_600_000
ALL = Thresholds(
    delivery_rate_percent=80,
    failures_per_hour=10,
    in_doubt=5,
    queue_age_s=900,
    line_down_s=300,
    low_credit=True,
    budget_percent=80,
    webhook_dead_per_hour=3,
    disk_free_mb=500,
)


def kinds(
    readings: Readings, thresholds: Thresholds = ALL, standing: tuple[Standing, ...] = ()
) -> list[Kind]:
    return [finding.kind for finding in judge(readings, thresholds, standing, NOW).findings]


def line(**changes: object) -> Readings:
    return Readings(lines=(replace(LineReading("line-1", "Shop"), **changes),))  # type: ignore[arg-type]


AT_THE_EDGE = [
    ("delivery_rate", Readings(delivered=79, undelivered=21), Readings(delivered=80, undelivered=20)),
    ("failures", Readings(failed=10), Readings(failed=9)),
    ("in_doubt", Readings(in_doubt=5), Readings(in_doubt=4)),
    (
        "queue_age",
        Readings(queue=QueueReading(NOW - 900_000, 1)),
        Readings(queue=QueueReading(NOW - 899_999, 1)),
    ),
    ("line_down", line(down_since_ms=NOW - 300_000), line(down_since_ms=NOW - 299_999)),
    ("low_credit", line(no_credit=True), line()),
    (
        "budget_used",
        Readings(budgets=(BudgetReading("key:k", "shop", "day", 80),)),
        Readings(budgets=(BudgetReading("key:k", "shop", "day", 79),)),
    ),
    ("webhook_dead", Readings(dead_deliveries=3), Readings(dead_deliveries=2)),
    ("disk_free", Readings(disk_free_mb=499), Readings(disk_free_mb=500)),
]


@pytest.mark.parametrize(("kind", "beyond", "within"), AT_THE_EDGE)
def test_each_threshold_is_reached_at_its_edge_and_not_before(
    kind: Kind, beyond: Readings, within: Readings
) -> None:
    assert kinds(beyond) == [kind]
    assert kinds(within) == []


@pytest.mark.parametrize(("_kind", "beyond", "_within"), AT_THE_EDGE)
def test_a_threshold_of_0_is_off(_kind: Kind, beyond: Readings, _within: Readings) -> None:
    assert kinds(beyond, Thresholds()) == []


def test_every_kind_stands_in_the_table_of_edges() -> None:
    assert {kind for kind, _, _ in AT_THE_EDGE} == set(KINDS)


def test_a_rate_needs_twenty_reports_and_is_compared_before_it_is_rounded() -> None:
    assert kinds(Readings(delivered=0, undelivered=19)) == []
    assert kinds(Readings(delivered=0, undelivered=20)) == ["delivery_rate"]
    assert kinds(Readings(delivered=799, undelivered=201)) == ["delivery_rate"]


def judged(*findings: Finding) -> Judgement:
    return Judgement(findings)


def told(changes: tuple[Change, ...]) -> list[str | None]:
    return [change.told for change in changes]


def test_an_alert_is_raised_once_repeated_after_the_quiet_time_and_its_end_is_told_once() -> None:
    finding = Finding("failures", 12, 10)
    (raised,) = follow((), judged(finding), NOW, 3600)
    assert (raised.told, raised.after.since_ms, raised.after.told_at_ms) == ("raised", NOW, NOW)
    standing = (raised.after,)
    assert follow(standing, judged(finding), NOW + HOUR_MS - 1, 3600) == ()
    (repeated,) = follow(standing, judged(finding), NOW + HOUR_MS, 3600)
    assert (repeated.told, repeated.after.since_ms) == ("repeated", NOW)
    (ended,) = follow((repeated.after,), judged(), NOW + HOUR_MS + 1, 3600)
    assert (ended.told, ended.after.active) == ("ended", False)
    assert follow((ended.after,), judged(), NOW + 2 * HOUR_MS, 3600) == ()


def test_what_flickers_is_told_once_in_the_quiet_time_and_again_when_it_still_lasts_after_it() -> None:
    finding = Finding("failures", 12, 10)
    (raised,) = follow((), judged(finding), NOW, 3600)
    (ended,) = follow((raised.after,), judged(), NOW + 30_000, 3600)
    (silent,) = follow((ended.after,), judged(finding), NOW + 60_000, 3600)
    assert (silent.told, silent.after.active, silent.after.since_ms) == (None, True, NOW + 60_000)
    assert told(follow((silent.after,), judged(), NOW + 90_000, 3600)) == [None]
    (again,) = follow((silent.after,), judged(finding), NOW + HOUR_MS, 3600)
    assert (again.told, again.after.since_ms) == ("raised", NOW + 60_000)
    assert told(follow((again.after,), judged(), NOW + HOUR_MS + 1, 3600)) == ["ended"]


@given(st.lists(st.booleans(), max_size=400), st.integers(1, 20))
def test_whatever_flickers_no_more_is_raised_than_the_quiet_time_allows_and_each_end_has_its_beginning(
    looks: list[bool], quiet_looks: int
) -> None:
    standing: tuple[Standing, ...] = ()
    heard: list[tuple[int, str]] = []
    for i, bad in enumerate(looks):
        judgement = judged(Finding("in_doubt", 5, 5)) if bad else judged()
        for change in follow(standing, judgement, NOW + i * 30_000, quiet_looks * 30):
            standing = (change.after,)
            if change.told is not None:
                heard.append((i, change.told))
    loud = [i for i, what in heard if what != "ended"]
    assert all(later - earlier >= quiet_looks for earlier, later in pairwise(loud))
    words = [what for _, what in heard]
    assert all(
        before != "ended" for before, what in zip([None, *words], words, strict=False) if what == "ended"
    )
    assert words[:1] != ["ended"]
    assert all(before in ("raised", "repeated") for before, what in pairwise(words) if what == "repeated")


def test_two_lines_are_two_alerts() -> None:
    readings = Readings(
        lines=(
            LineReading("a", "Shop", down_since_ms=NOW - 400_000),
            LineReading("b", "Office", down_since_ms=NOW - 400_000),
        )
    )
    changes = follow((), judge(readings, ALL, (), NOW), NOW, 3600)
    assert [(change.told, change.after.finding.line) for change in changes] == [
        ("raised", "a"),
        ("raised", "b"),
    ]


def test_two_budgets_of_one_payer_are_one_alert_of_the_fuller_one() -> None:
    budgets = [
        BudgetReading("line:a", name, "day", percent)
        for name, percent in (("Shop", 81), ("+44", 95), ("a", 90))
    ]
    changes = follow((), judge(Readings(budgets=tuple(budgets)), ALL, (), NOW), NOW, 3600)
    assert [(change.told, change.after.finding.name) for change in changes] == [("raised", "+44")]


def test_a_line_that_was_alerted_of_stays_so_after_a_restart_until_it_is_up() -> None:
    (raised,) = follow((), judge(line(down_since_ms=NOW - 300_000), ALL, (), NOW), NOW, 3600)
    after_restart = line(down_since_ms=NOW)
    judgement = judge(after_restart, ALL, (raised.after,), NOW)
    assert follow((raised.after,), judgement, NOW, 3600) == ()
    assert judgement.findings[0].since_ms == NOW - 300_000


def test_a_line_without_credit_is_over_only_when_the_network_took_a_text_again() -> None:
    (raised,) = follow((), judge(line(no_credit=True), ALL, (), NOW - 1000), NOW - 1000, 3600)
    standing = (raised.after,)
    assert kinds(line(last_sent_at_ms=NOW - 2000), standing=standing) == ["low_credit"]
    assert kinds(line(last_sent_at_ms=NOW), standing=standing) == []
    assert kinds(line(no_credit=True, last_sent_at_ms=NOW), standing=standing) == ["low_credit"]


def end(raised_by: Readings, later: Readings, thresholds: Thresholds = ALL) -> str | None:
    """Say in words how an alert ends when readings change; None: it stands on and nothing is told."""
    (raised,) = follow((), judge(raised_by, ALL, (), NOW), NOW, 3600)
    at_ms = NOW + 2 * HOUR_MS
    changes = follow((raised.after,), judge(later, thresholds, (raised.after,), at_ms), at_ms, 3600)
    if not changes:
        return None
    (change,) = changes
    assert change.told in ENDINGS
    assert not change.after.active
    return notice(change.after.finding, change.told, change.after.since_ms, at_ms, "UTC").title


@pytest.mark.parametrize("down", [line(down_since_ms=NOW - 300_000), line(no_credit=True)])
def test_the_alert_about_a_line_that_a_person_pauses_ends_and_says_so(down: Readings) -> None:
    paused = Readings(lines=tuple(replace(each, paused=True) for each in down.lines))
    assert kinds(paused) == []
    assert end(down, paused) == "Over: line Shop is paused"


def test_the_budget_of_a_line_that_a_person_paused_alerts_nobody() -> None:
    full = Readings(budgets=(BudgetReading("line:a", "Shop", "day", 100, line="a"),))
    paused = replace(full, lines=(LineReading("a", "Shop", paused=True),))
    assert kinds(full) == ["budget_used"]
    assert kinds(paused) == []
    assert end(full, paused) == "Over: line Shop is paused"


def test_a_rate_that_too_few_reports_speak_of_now_stands_on_and_is_not_repeated() -> None:
    bad = Readings(delivered=2, undelivered=30)
    assert end(bad, Readings(delivered=0, undelivered=5)) is None
    assert end(bad, Readings()) is None
    assert end(bad, Readings(delivered=19, undelivered=1)) == "Over: texts are delivered again"


def test_what_is_not_read_any_more_ends_without_the_word_that_all_is_well() -> None:
    beyond = {kind: readings for kind, readings, _ in AT_THE_EDGE}
    assert end(beyond["line_down"], Readings()) == "Over: line Shop is watched no more"
    assert end(beyond["low_credit"], Readings()) == "Over: the credit of line Shop is watched no more"
    assert end(beyond["budget_used"], Readings()) == "Over: the budget of shop is watched no more"
    assert end(beyond["disk_free"], Readings()) is None


@pytest.mark.parametrize(("_kind", "beyond", "_within"), AT_THE_EDGE)
def test_an_alert_whose_threshold_was_taken_away_ends_without_the_word_that_all_is_well(
    _kind: Kind, beyond: Readings, _within: Readings
) -> None:
    over = end(beyond, beyond, Thresholds())
    assert over is not None
    assert over.endswith(" is watched no more")


# ------------------------------------------------------------------ words


def finding_of(kind: Kind) -> Finding:
    readings = {k: beyond for k, beyond, _ in AT_THE_EDGE}[kind]
    (found,) = judge(readings, ALL, (), NOW).findings
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_alert_says_what_is_since_when_what_it_means_and_what_to_do_in_one_part(kind: Kind) -> None:
    long_name = replace(finding_of(kind), name="The very long label of a line, with sixty characters in it..")
    words = notice(long_name, "raised", NOW - 12 * HOUR_MS - 59 * 60_000, NOW, "UTC")
    for sentence in (words.title, words.since, words.meaning, words.hint):
        assert sentence
        assert sentence in words.body
    assert words.since == "Since 17 Nov 22:07 (12 h 59 min)."
    short = one_part(words.short)
    assert short.startswith(f"{words.title}. {words.since}")
    assert segment(short, "gsm7").parts == 1
    # Nothing of what to do is lost: the texts are made for it.
    assert short == " ".join(words.short.split())


@pytest.mark.parametrize("told", ENDINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_end_says_how_long_it_lasted(kind: Kind, told: Ending) -> None:
    long_name = replace(finding_of(kind), name="The very long label of a line, with sixty characters in it..")
    words = notice(long_name, told, NOW - 2 * HOUR_MS, NOW, "UTC")
    assert words.title.startswith("Over: ")
    assert "(2 h 0 min)" in words.since
    assert segment(one_part(words.short), "gsm7").parts == 1


def test_times_are_those_of_the_zone_with_the_day_where_it_is_not_today() -> None:
    # NOW is 2026-11-18 11:06:40 UTC.
    assert clock(NOW, NOW, "UTC") == "11:06"
    assert clock(NOW, NOW, "Asia/Kolkata") == "16:36"
    assert clock(NOW - 12 * HOUR_MS, NOW, "UTC") == "17 Nov 23:06"
    assert [duration(s) for s in (0, 59, 60, 7_500, 90_000)] == [
        "0 s",
        "59 s",
        "1 min",
        "2 h 5 min",
        "1 d 1 h",
    ]


@given(st.text(max_size=500))
def test_any_text_is_cut_to_one_part(text: str) -> None:
    assert segment(one_part(text) or "-", "gsm7").parts == 1


def test_a_long_text_is_cut_at_a_word_and_a_strange_letter_is_a_question_mark() -> None:
    cut = one_part("word " * 60)
    assert cut.endswith("word...")
    assert len(cut) <= 160
    assert one_part("Zürich – 東") == one_part("Zürich - 東")

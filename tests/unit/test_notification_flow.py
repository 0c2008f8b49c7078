"""What follows from the end of one try to reach somebody."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.message import MessageError, MessageState
from gateway.notification_flow import (
    CHANNELS,
    RETRY_S,
    TRIES_BEFORE_FALLBACK,
    Doubtful,
    Move,
    NoRoom,
    Overdue,
    Reached,
    Refused,
    Standing,
    follow,
    verdict_of,
)

NOW_MS = 1_795_000_000_000
ERROR = MessageError("channel_refused", "Refused", "Read detail.")
FIRST = Standing("email", has_next=True, tries=1, status="queued", deadline_ms=None, now_ms=NOW_MS)
LAST = replace(FIRST, has_next=False)


def test_a_permanent_refusal_hands_over_at_once_and_on_the_last_channel_ends_it() -> None:
    refused = Refused(ERROR, permanent=True)
    assert follow(FIRST, refused) == Move("failed", "queued", NOW_MS, falls_back=True, error=ERROR)
    assert follow(LAST, refused) == Move("failed", "failed", error=ERROR)


def test_a_temporary_refusal_is_tried_again_for_hours_on_the_last_channel_and_minutes_before_another() -> (
    None
):
    later = Refused(ERROR, permanent=False)

    def waits(standing: Standing) -> list[int]:
        found: list[int] = []
        while True:
            move = follow(standing, later)
            if move.status != "queued":
                return found
            assert move.due_ms is not None
            found.append((move.due_ms - NOW_MS) // 1000)
            standing = replace(standing, tries=standing.tries + 1)

    assert waits(LAST) == list(RETRY_S)
    assert waits(FIRST) == list(RETRY_S[: TRIES_BEFORE_FALLBACK - 1])


def test_a_retry_never_waits_past_the_time_of_the_next_channel() -> None:
    soon = replace(FIRST, deadline_ms=NOW_MS + 5_000)
    assert follow(soon, Refused(ERROR, permanent=False)).due_ms == NOW_MS + 5_000
    assert follow(soon, NoRoom()).due_ms == NOW_MS + 5_000


def test_what_a_mail_server_took_is_sent_and_never_waits_for_more() -> None:
    timed = replace(FIRST, deadline_ms=NOW_MS + 60_000)
    assert follow(timed, Reached("sent")) == Move("sent", "sent")


def test_a_text_that_was_sent_is_waited_for_until_the_time_of_the_next_channel() -> None:
    text = replace(FIRST, channel="sms", deadline_ms=NOW_MS + 60_000)
    assert follow(text, Reached("sent")) == Move("sent", "sent", NOW_MS + 60_000)
    assert follow(replace(text, deadline_ms=None), Reached("sent")) == Move("sent", "sent")
    assert follow(text, Reached("delivered")) == Move("delivered", "delivered")


def test_doubt_about_a_letter_goes_on_only_when_time_was_limited_and_never_sends_it_again() -> None:
    doubt = Doubtful(ERROR)
    assert follow(FIRST, doubt) == Move("in_doubt", "failed", error=ERROR)
    assert follow(LAST, doubt) == Move("in_doubt", "failed", error=ERROR)
    timed = replace(FIRST, deadline_ms=NOW_MS + 60_000)
    assert follow(timed, doubt) == Move("in_doubt", None, NOW_MS + 60_000, error=ERROR)
    assert follow(replace(timed, status="in_doubt"), Overdue()).status == "in_doubt"


def test_doubt_about_a_text_waits_for_its_report_or_a_person() -> None:
    assert follow(replace(LAST, channel="sms"), Doubtful(ERROR)) == Move("in_doubt", None, error=ERROR)


@pytest.mark.parametrize("state", MessageState)
def test_every_state_of_a_message_has_a_meaning(state: MessageState) -> None:
    verdict = verdict_of(state, None)
    under_way = {MessageState.HELD, MessageState.QUEUED, MessageState.SUBMITTING}
    assert (verdict is None) == (state in under_way)


verdicts = st.one_of(
    st.sampled_from(
        [Reached("sent"), Reached("delivered"), Doubtful(ERROR), NoRoom(), Overdue(), Overdue(ERROR)]
    ),
    st.booleans().map(lambda permanent: Refused(ERROR, permanent)),
)
standings = st.builds(
    Standing,
    channel=st.sampled_from(CHANNELS),
    has_next=st.booleans(),
    tries=st.integers(1, 20),
    status=st.sampled_from(["queued", "sent", "in_doubt"]),
    deadline_ms=st.none() | st.integers(NOW_MS, NOW_MS + 10**9),
    now_ms=st.just(NOW_MS),
)


@given(standings, verdicts)
def test_a_move_never_leaves_a_notification_that_nobody_will_look_at_again(
    standing: Standing, verdict: Refused | Reached | Doubtful | NoRoom | Overdue
) -> None:
    move = follow(standing, verdict)
    over = move.state in ("delivered", "failed", "sent")
    waits_for_text = standing.channel == "sms" and move.status in ("sent", "in_doubt")
    assert over or waits_for_text or move.due_ms is not None
    assert not (move.falls_back and not standing.has_next)
    assert move.status != "sending"

"""Owns the contract of what is asked of a message when it is admitted, and again when a line claims it.

Runs on every store of ``conftest``; the clock is moved by hand.
Source: rules OPT-4, OPT-5, CON-2, QUI-1, QUI-2; attack list row 32.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.message import Message, MessageState
from gateway.policy.quiet_hours import HoursSettings, QuietHours
from gateway.policy.rules import ConsentNeeded, Rules
from gateway.store.people_rows import NewConsent, Wish, Withdrawal
from gateway.store.protocol import NotAdmitted
from gateway.store.rows import LineRow, MessageFilter, Pace
from tests.peers.store_world import ALICE, LIVE, HandClock, MakeWorld, World

HOUR_MS = 3_600_000
SPREAD_MS = 15 * 60_000
_QUEUED = MessageFilter(states=(MessageState.QUEUED,))
EIGHT_TO_EIGHT = QuietHours(HoursSettings(open={"mon-sun": "08:00-20:00"}))
MUM = "+447911123456"
"""A mobile of Great Britain: its zones are those of the islands, which share their clocks."""
TOLL_FREE = "+18005550123"
"""In any zone from Newfoundland to Samoa and Guam: nobody knows in which."""


def at(local: str, zone: str = "Europe/London") -> int:
    """Say a wall time as UTC ms."""
    return round(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def clock_at(local: str, zone: str = "Europe/London") -> HandClock:
    return HandClock(at(local, zone))


def opening(due_ms: int | None, opens_ms: int) -> bool:
    """Whether a due time is an opening and its spread."""
    return due_ms is not None and opens_ms <= due_ms < opens_ms + SPREAD_MS


async def next_to(w: World, line: LineRow, pace: Pace | None = None) -> str | None:
    """Claim what comes next and let the network take it; returns its reference."""
    claimed = await w.claim(line, pace=pace)
    if claimed.prepared is None:
        return None
    await w.all_sent(claimed.prepared)
    return claimed.prepared.work.message.reference


async def refused(w: World, **changes: Any) -> NotAdmitted:
    """Admit something that must be refused, and see that nothing was stored."""
    before = await w.store.counts("default")
    with pytest.raises(NotAdmitted) as caught:
        await w.admit(**changes)
    assert await w.store.counts("default") == before
    return caught.value


async def agree(w: World, **changes: Any) -> str:
    """Record a consent of Alice to marketing; returns its id."""
    said: dict[str, Any] = {
        "tenant": "default", "number": ALICE, "purpose": "marketing", "basis": "consent", "source": "form",
        "granted_at_ms": w.now_ms, "created_by": "key",
    }  # fmt: skip
    return (await w.store.consents.record(NewConsent(**{**said, **changes}))).id


async def ended(w: World, message: Message) -> tuple[str, str | None]:
    """Say how a message ended, and why."""
    now = await w.get(message.id)
    return now.state.value, now.error.code if now.error else None


# ------------------------------------------------------------------ opted out


async def test_OPT_5_a_suppressed_number_is_refused_and_the_refusal_says_since_when(w: World) -> None:
    await w.store.suppressions.add(Wish("default", ALICE, "letter"))
    error = await refused(w, reference="x")
    assert error.code == "recipient_opted_out"
    assert "by letter, 2026-11-18" in error.detail
    assert (await w.admit(to="+447700900124")).state == "queued"
    assert (await w.admit(tenant="other")).state == "queued", "a wish counts for its tenant alone"


async def test_OPT_5_a_wish_that_comes_after_the_look_cancels_at_the_claim(w: World) -> None:
    """The row itself is cancelled with the wish; a candidate that was looked at before must not go all the same."""
    a = await w.line("a")
    message = await w.admit()
    candidates = await w.look(a)
    await w.store.suppressions.add(Wish("default", ALICE, "phone"))
    assert (await w.claim(a, candidates)).prepared is None
    assert await ended(w, message) == ("cancelled", "recipient_opted_out")


async def test_OPT_5_the_claim_itself_asks_for_a_number_that_is_written_to_again_later(w: World) -> None:
    """A message that comes back from an earlier attempt was not waiting when its recipient said STOP."""
    a = await w.line("a")
    message = await w.admit()
    attempt = await w.take(a)
    await w.store.suppressions.add(Wish("default", ALICE, "keyword"))
    assert await w.state(message.id) == "submitting", "what is on its way to the radio is let go"
    await w.not_sent(attempt)
    w.clock.pass_s(3600)
    await w.store.tick()
    assert (await w.claim(a)).prepared is None
    assert await ended(w, message) == ("cancelled", "recipient_opted_out")


async def test_OPT_5_an_override_goes_to_a_suppressed_person_and_is_told_in_the_same_transaction(
    w: World,
) -> None:
    a = await w.line("a")
    await w.store.suppressions.add(Wish("default", ALICE, "keyword"))
    message = await w.admit(purpose="urgent", passes="opt_out", reference="gas leak")
    told = [event for event in await w.events() if event.type == "policy.alert"]
    assert [event.payload for event in told] == [
        {"kind": "opt_out_overridden", "key_id": "key", "batch_id": None, "message_id": message.id}
    ]
    assert "policy.alert" in await w.types(message.id)
    assert await next_to(w, a) == "gas leak"


async def test_OPT_5_an_override_that_overrides_nothing_is_no_event(w: World) -> None:
    await w.admit(purpose="urgent", passes="opt_out")
    assert [event for event in await w.events() if event.type == "policy.alert"] == []


async def test_OPT_4_a_stop_that_comes_after_an_override_was_admitted_stops_it(w: World) -> None:
    await w.store.suppressions.add(Wish("default", ALICE, "phone"))
    message = await w.admit(purpose="urgent", passes="opt_out")
    await w.store.suppressions.add(Wish("default", ALICE, "keyword"))
    assert await ended(w, message) == ("cancelled", "recipient_opted_out")


# ------------------------------------------------------------------ consent


@pytest.mark.parametrize(
    ("needed", "purpose", "admitted"),
    [
        ("off", "marketing", True),
        ("marketing", "transactional", True),
        ("marketing", "urgent", True),
        ("marketing", "marketing", False),
        ("all", "transactional", False),
        ("all", "urgent", False),
    ],
)
async def test_CON_2_which_purposes_need_a_consent_is_a_setting(
    make_world: MakeWorld, needed: ConsentNeeded, purpose: str, admitted: bool
) -> None:
    async with make_world(rules=Rules(consent=needed)) as w:
        if admitted:
            await w.admit(purpose=purpose)
        else:
            assert (await refused(w, purpose=purpose)).code == "consent_required"
            await agree(w, purpose=purpose)
            await w.admit(purpose=purpose)


async def test_CON_2_a_consent_that_is_over_or_withdrawn_is_named_so(make_world: MakeWorld) -> None:
    async with make_world(rules=Rules(consent="marketing")) as w:
        consent = await agree(w, expires_at_ms=w.now_ms + HOUR_MS)
        await w.admit(purpose="marketing")
        w.clock.pass_s(3600)
        assert (await refused(w, purpose="marketing")).code == "consent_expired"
        consent = await agree(w)
        await w.admit(purpose="marketing")
        await w.store.consents.withdraw(LIVE, consent, Withdrawal(w.now_ms, "key"))
        assert (await refused(w, purpose="marketing")).code == "consent_expired"


async def test_CON_2_a_consent_that_ended_between_admission_and_claim_cancels_at_the_claim(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=Rules(consent="marketing")) as w:
        a = await w.line("a")
        await agree(w, expires_at_ms=w.now_ms + HOUR_MS)
        marketing = await w.admit(purpose="marketing", reference="offer")
        transactional = await w.admit(reference="appointment", key_id="other")
        candidates = await w.look(a)
        w.clock.pass_s(3601)
        assert (await w.claim(a, candidates)).prepared is not None, "the other candidate goes"
        assert await ended(w, marketing) == ("cancelled", "consent_expired")
        assert await w.state(transactional.id) == "submitting"


async def test_CON_2_a_withdrawal_after_admission_cancels_at_the_claim(make_world: MakeWorld) -> None:
    async with make_world(rules=Rules(consent="all")) as w:
        a = await w.line("a")
        consent = await agree(w, purpose="transactional")
        message = await w.admit()
        await w.store.consents.withdraw(LIVE, consent, Withdrawal(w.now_ms, "key"))
        assert (await w.claim(a)).prepared is None
        assert await ended(w, message) == ("cancelled", "consent_expired")


# ------------------------------------------------------------------ hours of the recipient


def quiet(**more: Any) -> Rules:
    return Rules(quiet=EIGHT_TO_EIGHT, **more)


async def test_QUI_2_a_marketing_text_waits_for_the_next_opening_and_is_shown_as_scheduled(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=quiet(), clock=clock_at("2026-11-20 21:00")) as w:
        a = await w.line("a")
        message = await w.admit(to=MUM, purpose="marketing", reference="offer")
        assert (message.shown_state(w.now_ms), message.held_reason) == ("scheduled", "quiet_hours")
        assert opening(message.due_at_ms, at("2026-11-21 08:00"))
        assert await next_to(w, a) is None
        assert await w.store.tick() == message.due_at_ms
        w.clock.pass_s(((message.due_at_ms or 0) - w.now_ms) / 1000)
        await w.store.tick()
        stored = await w.get(message.id)
        assert (stored.shown_state(w.now_ms), stored.held_reason) == ("queued", None)
        assert await next_to(w, a) == "offer"


@pytest.mark.parametrize("purpose", ["transactional", "urgent"])
async def test_QUI_2_other_purposes_go_at_night(make_world: MakeWorld, purpose: str) -> None:
    async with make_world(rules=quiet(), clock=clock_at("2026-11-20 23:30")) as w:
        a = await w.line("a")
        await w.admit(purpose=purpose, reference=purpose)
        assert await next_to(w, a) == purpose


async def test_QUI_2_the_purposes_that_wait_are_a_setting(make_world: MakeWorld) -> None:
    rules = quiet(quiet_purposes=frozenset({"marketing", "transactional"}))
    async with make_world(rules=rules, clock=clock_at("2026-11-20 23:30")) as w:
        assert (await w.admit()).held_reason == "quiet_hours"
        assert (await w.admit(purpose="urgent")).held_reason is None


async def test_QUI_2_what_waits_for_the_opening_does_not_leave_all_at_its_first_second(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=quiet(), clock=clock_at("2026-11-20 21:00")) as w:
        opens_ms = at("2026-11-21 08:00")
        dues = [(await w.admit(to=MUM, purpose="marketing")).due_at_ms or 0 for _ in range(60)]
        assert all(opening(due_ms, opens_ms) for due_ms in dues)
        assert max(dues) - min(dues) > SPREAD_MS / 2


async def test_QUI_2_what_would_expire_in_the_night_is_refused_with_the_time_of_the_opening(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=quiet(), clock=clock_at("2026-11-20 21:00")) as w:
        error = await refused(w, to=MUM, purpose="marketing", expires_at_ms=w.now_ms + 8 * HOUR_MS)
        assert error.code == "quiet_hours"
        assert "they begin at 2026-11-21T08:" in error.detail
        assert 11 * 3600 <= (error.retry_after_s or 0) < 11 * 3600 + SPREAD_MS // 1000
        await w.admit(to=MUM, purpose="marketing", expires_at_ms=w.now_ms + 12 * HOUR_MS)


async def test_QUI_2_a_send_at_in_the_night_waits_for_the_morning_after_it(make_world: MakeWorld) -> None:
    async with make_world(rules=quiet(), clock=clock_at("2026-11-20 12:00")) as w:
        until_ms = at("2026-11-23 03:00")

        async def planned(local: str) -> Message:
            return await w.admit(to=MUM, purpose="marketing", send_at_ms=at(local), expires_at_ms=until_ms)

        message = await planned("2026-11-22 03:00")
        assert opening(message.due_at_ms, at("2026-11-22 08:00"))
        by_day = await planned("2026-11-22 12:00")
        assert (by_day.due_at_ms, by_day.held_reason) == (at("2026-11-22 12:00"), None)


async def test_QUI_1_the_zone_of_the_consent_comes_before_that_of_the_number(make_world: MakeWorld) -> None:
    async with make_world(rules=quiet(), clock=clock_at("2026-11-20 21:00")) as w:
        await agree(w, number=MUM, timezone="America/New_York")
        assert (await w.admit(to=MUM, purpose="marketing")).held_reason is None, "it is 16:00 where they are"
        await agree(w, number=MUM, timezone="Asia/Tokyo")
        message = await w.admit(to=MUM, purpose="marketing")
        assert opening(message.due_at_ms, at("2026-11-21 08:00", "Asia/Tokyo"))


async def test_attack_row_32_every_zone_of_a_number_must_be_open(make_world: MakeWorld) -> None:
    """At 20:59:59 in New York it is day in Los Angeles; the number may ring in either, and in Hawaii."""
    american = QuietHours(HoursSettings("US"))
    rules = Rules(quiet=american)
    async with make_world(rules=rules, clock=clock_at("2026-11-20 20:59:59", "America/New_York")) as w:
        new_york = await w.admit(to="+12125550123", country="US", purpose="marketing")
        assert new_york.held_reason is None
        anywhere = await w.admit(to=TOLL_FREE, country="US", purpose="marketing")
        assert anywhere.held_reason == "quiet_hours"
        due_ms = anywhere.due_at_ms or 0
        for zone in ("America/New_York", "America/Los_Angeles", "Pacific/Honolulu"):
            local = datetime.fromtimestamp(due_ms / 1000, ZoneInfo(zone))
            assert 8 <= local.hour < 21, zone


async def test_attack_row_32_at_the_second_of_closing_it_waits(make_world: MakeWorld) -> None:
    async with make_world(rules=quiet(), clock=clock_at("2026-11-20 19:59:59")) as w:
        assert (await w.admit(to=MUM, purpose="marketing")).held_reason is None
        w.clock.pass_s(1)
        assert (await w.admit(to=MUM, purpose="marketing")).held_reason == "quiet_hours"


async def test_QUI_1_a_number_without_a_zone_takes_that_of_the_line(make_world: MakeWorld) -> None:
    rules = quiet(zone="Asia/Kolkata")
    async with make_world(rules=rules, clock=clock_at("2026-11-20 21:00", "Asia/Kolkata")) as w:
        message = await w.admit(to="60999", purpose="marketing")
        assert opening(message.due_at_ms, at("2026-11-21 08:00", "Asia/Kolkata"))


@pytest.mark.parametrize(
    ("night", "morning", "hours"),
    [
        ("2026-03-28 21:00", "2026-03-29 08:00", 10),  # the clocks of London go forward in this night
        ("2026-10-24 21:00", "2026-10-25 08:00", 12),  # and back in this one
    ],
)
async def test_QUI_1_the_opening_is_eight_by_the_recipients_clock_in_both_nights_of_a_change(
    make_world: MakeWorld, night: str, morning: str, hours: int
) -> None:
    async with make_world(rules=quiet(), clock=clock_at(night)) as w:
        a = await w.line("a")
        message = await w.admit(to=MUM, purpose="marketing", reference="offer")
        assert at(morning) - w.now_ms == hours * HOUR_MS
        assert opening(message.due_at_ms, at(morning))
        w.clock.pass_s(hours * 3600 - 1)
        await w.store.tick()
        assert await next_to(w, a) is None, "a second before the opening"
        w.clock.pass_s(SPREAD_MS / 1000 + 1)
        await w.store.tick()
        assert await next_to(w, a) == "offer"


async def test_QUI_2_a_backlog_at_closing_time_is_put_off_at_the_claim_and_goes_on_at_the_opening(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=quiet(), clock=clock_at("2026-11-20 19:50")) as w:
        a = await w.line("a")
        for number in range(450):
            await w.admit(to=MUM, purpose="marketing", key_id="shop", reference=f"offer-{number}")
        await w.admit(key_id="clinic", reference="appointment")
        assert [await next_to(w, a) for _ in range(2)] == ["appointment", "offer-0"]
        w.clock.pass_s(600)
        await w.admit(key_id="clinic", reference="cancelled appointment")
        rest = [await next_to(w, a) for _ in range(6)]
        assert [one for one in rest if one is not None] == ["cancelled appointment"]
        counts = await w.store.counts("default")
        queued, sent = counts[MessageState.QUEUED], counts[MessageState.SENT]
        assert (queued, sent) == (449, 3), "what waits for its hours is still queued"
        waiting = await w.get((await _first_offer(w)).id)
        assert (waiting.shown_state(w.now_ms), waiting.held_reason) == ("scheduled", "quiet_hours")
        assert opening(waiting.due_at_ms, at("2026-11-21 08:00"))
        w.clock.wall_ms = at("2026-11-21 08:16")
        await w.store.tick()
        assert [await next_to(w, a) for _ in range(3)] == ["offer-1", "offer-2", "offer-3"]


async def _first_offer(w: World) -> Message:
    page = await w.store.messages(LIVE, _QUEUED, 500, None)
    return next(message for message in page.items if message.reference == "offer-1")


async def test_QUI_2_what_expires_before_the_opening_that_the_claim_found_ends_as_expired(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=quiet(), clock=clock_at("2026-11-20 19:50")) as w:
        a = await w.line("a")
        message = await w.admit(to=MUM, purpose="marketing", expires_at_ms=w.now_ms + 2 * HOUR_MS)
        w.clock.pass_s(600)
        assert await next_to(w, a) is None
        w.clock.pass_s(2 * 3600)
        await w.store.tick()
        assert await ended(w, message) == ("expired", "expired")


async def test_QUI_1_what_can_never_be_open_is_not_sent_by_the_claim(make_world: MakeWorld) -> None:
    """Two zones that are never open together: after a change of the hours nothing of it may slip out."""
    noon = QuietHours(HoursSettings(open={"mon-sun": "12:00-13:00"}))
    clock = clock_at("2026-11-20 12:30", "America/New_York")
    async with make_world(rules=Rules(), clock=clock) as w:
        message = await w.admit(to=TOLL_FREE, country="US", purpose="marketing")
        await w.line("a")
    async with make_world(rules=Rules(quiet=noon), clock=clock) as w:
        a = (await w.store.lines(LIVE))[0]
        assert (await refused(w, to=TOLL_FREE, country="US", purpose="marketing")).retry_after_s is not None
        assert await next_to(w, a) is None
        assert await w.state(message.id) == "queued"
        w.clock.pass_s(49 * 3600)
        await w.store.tick()
        assert await ended(w, message) == ("expired", "expired")


# ------------------------------------------------------------------ hours of the line


async def test_QUI_2_a_lines_own_rest_binds_every_purpose_but_urgent(w: World) -> None:
    a, b = await w.line("a"), await w.line("bb")
    rests = Pace(rests_until_ms=w.now_ms + 10 * HOUR_MS)
    await w.admit(reference="appointment")
    await w.admit(purpose="urgent", reference="fire", priority=1)
    await w.admit(purpose="urgent", reference="flood")
    assert [await next_to(w, a, rests) for _ in range(3)] == ["fire", "flood", None]
    looked = await w.store.look(a.id, 4, rests)
    assert (looked.work, looked.paced_by) == ((), "quiet_hours")
    assert looked.paced_until_ms == rests.rests_until_ms
    assert await next_to(w, b) == "appointment", "a line that does not rest takes it"


async def test_QUI_2_a_rest_that_began_after_the_look_binds_the_claim(w: World) -> None:
    a = await w.line("a")
    await w.admit(reference="appointment")
    candidates = await w.look(a)
    until_ms = w.now_ms + HOUR_MS
    claimed = await w.claim(a, candidates, Pace(rests_until_ms=until_ms))
    assert (claimed.prepared, claimed.paced_until_ms, claimed.paced_by) == (None, until_ms, "quiet_hours")
    assert await next_to(w, a) == "appointment"

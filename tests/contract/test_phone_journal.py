"""What a phone's journal says and is told: inbound, reports, acknowledgements, and what becomes of open attempts."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from typing import Any

import pytest

from device_bridge.device import (
    WHOLE_ATTEMPT,
    DeviceChanged,
    InboundReceived,
    LineChanged,
    LineState,
    MmsReceived,
    PartLost,
    PartNotSent,
    PartSent,
    ReportReceived,
    TextReceived,
)
from device_bridge.sms.outcome import OutcomeClass
from tests.peers.scripted_phone import (
    ICCID,
    INSTALL,
    LIMIT_S,
    NOW_MS,
    QUICK,
    Linked,
    ScriptedPhone,
    attempt,
    event,
    health,
    linked,
    outcomes,
    sent,
    sim,
)

SCA = "07911326040000F0"  # +31624000000 (24.011 §8.2.5)
DELIVER = "040B911346610089F60000208062917314080CC8F71D14969741F977FD07"
REPORT = "06050B911326880736F4111011719551401110117195714000"
OTHER = "8944500698765432109"


def inbound(number: int, sub: int = 3, pdus: tuple[str, ...] = (SCA + DELIVER,), form: str = "3gpp") -> Any:
    return event(number, "inbound", sub=sub, pdus=list(pdus), format=form)


def report(number: int, job: str = "a1", part: int = 1, pdu: str = SCA + REPORT, **more: Any) -> Any:
    return event(number, "report", job=job, part=part, pdu=pdu, **{"format": "3gpp", **more})


# ------------------------------------------------------------------ what comes in


async def test_an_inbound_pdu_comes_without_its_service_centre_and_is_committed_once_acknowledged() -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say(inbound(41))
        came = await one.event(InboundReceived)
        assert came == InboundReceived("41", ICCID, bytes.fromhex(DELIVER), NOW_MS, "+31624000000")
        assert app.all_committed() == []
        await one.phone.acknowledge("41")
        await app.committed(41)


async def test_a_broadcast_of_several_pdus_is_committed_when_all_of_them_are() -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say(inbound(41, pdus=(SCA + DELIVER, "00" + DELIVER)), inbound(42))
        await one.event(InboundReceived, lambda came: came.event_id == "42")
        assert [came.event_id for came in one.all(InboundReceived)] == ["41.1", "41.2", "42"]
        assert [came.smsc for came in one.all(InboundReceived)] == ["+31624000000", None, "+31624000000"]
        await one.phone.acknowledge("41.1")
        await one.phone.acknowledge("42")
        await app.committed(42)
        assert app.all_committed() == [42]
        await one.phone.acknowledge("41.2")
        await app.committed(41)


async def test_acknowledgements_of_the_same_moment_go_in_one_message() -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say(*(inbound(number) for number in range(1, 51)))
        await one.event(InboundReceived, lambda came: came.event_id == "50")
        for number in range(1, 51):
            await one.phone.acknowledge(str(number))
        await app.committed(*range(1, 51))
        assert len([frame for frame in app.heard if frame["t"] == "committed"]) == 1


@pytest.mark.parametrize(
    ("pdus", "form", "raw"),
    [
        (("zz",), "3gpp", b"zz"), (("123",), "3gpp", b"123"), (("",), "3gpp", b""),
        (("0001020304",), "3gpp2", bytes(range(5))), (("FF01",), "3gpp", b"\xff\x01"), (("ü",), "3gpp", "ü".encode()),
    ],
)  # fmt: skip
async def test_what_cannot_be_read_is_kept_raw(pdus: tuple[str, ...], form: str, raw: bytes) -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say(inbound(41, pdus=pdus, form=form))
        assert (await one.event(InboundReceived)).tpdu == raw
        await one.phone.acknowledge("41")
        await app.committed(41)


async def test_a_broadcast_without_a_pdu_is_committed_at_once() -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say(inbound(41, pdus=()))
        await app.committed(41)


async def test_a_text_of_the_inbox_comes_whole() -> None:
    async with linked() as one:
        app = await one.connect(now_ms=NOW_MS - 1000)
        found = {
            "from": "+447700900456",
            "text": "Grüße 🙂",
            "sent_at_ms": NOW_MS - 500,
            "row": 812,
            "sub": 3,
        }
        await app.say(event(45, "text", **found) | {"at_ms": NOW_MS - 2000})
        expected = TextReceived("45", ICCID, "+447700900456", "Grüße 🙂", NOW_MS - 500, NOW_MS - 1000)
        assert await one.event(TextReceived) == expected


async def test_an_mms_comes_as_octets_and_one_that_is_no_base64_as_it_is() -> None:
    async with linked() as one:
        app = await one.connect()
        pdu = bytes(range(250))
        await app.say(event(46, "mms", sub=3, pdu=base64.b64encode(pdu).decode()))
        assert await one.event(MmsReceived) == MmsReceived("46", ICCID, pdu, NOW_MS)
        await app.say(event(47, "mms", sub=3, pdu="*?"))
        assert (await one.event(MmsReceived, lambda came: came.event_id == "47")).pdu == b"*?"


async def test_a_report_names_its_attempt_and_part_even_before_the_sent_intent() -> None:
    async with linked() as one:
        app = await one.connect(sims=[sim(), sim(5, OTHER)])
        task = asyncio.create_task(outcomes(one.phone.lines()[1], attempt()))
        await app.hears("job")
        await app.say(report(1), sent(2))
        assert [type(verdict) for verdict in await task] == [PartSent]
        expected = ReportReceived("1", OTHER, bytes.fromhex(REPORT), NOW_MS, "a1", 1)
        assert await one.event(ReportReceived) == expected


async def test_a_report_of_an_attempt_before_our_time_finds_a_line() -> None:
    async with linked() as one:
        app = await one.connect(sims=[sim(), sim(5, OTHER)])
        await app.say(report(1, "before"), report(2, "before", sub=5))
        assert (await one.event(ReportReceived, lambda came: came.event_id == "1")).line_key == ICCID
        assert (await one.event(ReportReceived, lambda came: came.event_id == "2")).line_key == OTHER


@pytest.mark.parametrize(("pdu", "form"), [("zz", "3gpp"), ("FF00", "3gpp"), ("000102", "3gpp2")])
async def test_a_report_that_cannot_be_read_is_shown_and_never_taken_for_a_verdict(
    pdu: str, form: str
) -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say(report(1, pdu=pdu, format=form))
        assert (await one.event(InboundReceived)).event_id == "1"
        assert one.all(ReportReceived) == []


async def test_events_of_an_unknown_subscription_make_their_line_known_first() -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say(inbound(41, sub=9), inbound(42, sub=9))
        await one.event(InboundReceived, lambda came: came.event_id == "42")
        key = f"sub:{INSTALL}:9"
        told = [came for came in one.events if getattr(came, "line_key", None) == key]
        assert [type(came) for came in told] == [LineChanged, InboundReceived, InboundReceived]
        assert one.changes(key) == [("needs_attention", "sim_missing")]
        assert key in [line.identity.key for line in one.phone.lines()]


async def test_a_phone_cannot_fill_the_gateway_with_made_up_lines() -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say(*(inbound(sub, sub=1000 + sub) for sub in range(1, 101)))
        await one.event(InboundReceived, lambda came: came.event_id == "100")
        assert len(one.phone.lines()) == 1 + 17
        assert one.all(InboundReceived)[-1].line_key == f"sub:{INSTALL}:-1"


async def test_an_app_that_does_not_wait_for_committed_is_stopped() -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say(*(inbound(number) for number in range(1, 1002)))
        assert "without waiting for committed" in (await app.hears("bye"))["title"]


async def test_a_long_connection_goes_on_over_many_more_entries_than_may_wait() -> None:
    async with linked() as one:
        one.acknowledging = True
        app = await one.connect()
        for first in range(1, 2001, 200):
            await app.say(*(inbound(number) for number in range(first, first + 200)))
            await app.committed(*range(first, first + 200))
        assert len(one.all(InboundReceived)) == 2000


async def test_a_phone_without_any_sim_still_gets_its_reports_through() -> None:
    async with linked() as one:
        app = await one.connect(sims=[])
        await app.say(report(1, "before"))
        came = await one.event(ReportReceived)
        assert one.changes(came.line_key) == [("needs_attention", "sim_missing")]


# ------------------------------------------------------------------ again, and not again


async def test_an_entry_that_comes_twice_on_one_connection_is_told_once() -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say(inbound(41), inbound(41), sent(42), sent(42), inbound(43))
        await one.event(InboundReceived, lambda came: came.event_id == "43")
        assert [getattr(came, "event_id", None) for came in one.events if not isinstance(came, LineChanged)] == [
            "41", "42", "43",
        ]  # fmt: skip


async def test_what_was_not_acknowledged_is_told_again_on_the_next_connection() -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say(inbound(41))
        await one.event(InboundReceived)
        app.cut()
        await one.lost()
        app = await one.connect()
        await app.say(inbound(41), inbound(42))
        await one.event(InboundReceived, lambda came: came.event_id == "42")
        assert [came.event_id for came in one.all(InboundReceived)] == ["41", "41", "42"]


async def test_what_was_acknowledged_while_the_phone_was_away_is_answered_at_once_and_not_told_again() -> (
    None
):
    async with linked() as one:
        app = await one.connect()
        await app.say(inbound(41), inbound(42, pdus=("00" + DELIVER, "00" + DELIVER)))
        await one.event(InboundReceived, lambda came: came.event_id == "42.2")
        app.cut()
        await one.lost()
        await one.phone.acknowledge("41")
        await one.phone.acknowledge("42.1")
        app = await one.connect()
        await app.say(inbound(41), inbound(42, pdus=("00" + DELIVER, "00" + DELIVER)))
        await app.committed(41)
        await one.phone.acknowledge("42.2")
        await app.committed(42)
        assert [came.event_id for came in one.all(InboundReceived)].count("41") == 1


async def test_an_acknowledgement_of_nothing_changes_nothing() -> None:
    async with linked() as one:
        app = await one.connect()
        for event_id in ("", "x", "7.x", "-1", "²"):
            await one.phone.acknowledge(event_id)
        await app.say(inbound(8))
        await one.event(InboundReceived)
        await one.phone.acknowledge("8")
        await app.committed(8)


async def test_an_hours_journal_comes_in_order_and_none_twice() -> None:
    async with linked() as one:
        one.acknowledging = True
        app = await one.connect()
        entries = [report(n, f"job-{n}") if n % 3 == 0 else inbound(n) for n in range(1, 1501)]
        began_s = time.perf_counter()
        waiting: set[int] = set()
        heard = 0
        async with asyncio.timeout(60):
            for entry in entries:
                while len(waiting) >= 200:
                    await app.hears("committed", lambda frame: bool(waiting & set(frame["events"])))
                    waiting.difference_update(
                        *(frame["events"] for frame in app.heard[heard:] if "events" in frame)
                    )
                    heard = len(app.heard)
                waiting.add(entry["id"])
                await app.say(entry)
            await app.committed(*range(1, 1501))
        print(f"1,000 inbound and 500 reports replayed in {time.perf_counter() - began_s:.2f} s")
        told = [came.event_id for came in one.events if isinstance(came, InboundReceived | ReportReceived)]
        assert told == [str(number) for number in range(1, 1501)]
        assert sorted(app.all_committed()) == list(range(1, 1501))


# ------------------------------------------------------------------ SIMs and health


async def test_a_sim_that_is_pulled_needs_attention_and_its_line_comes_back_with_it() -> None:
    async with linked() as one:
        app = await one.connect(sims=[sim(), sim(5, OTHER)])
        first, second = one.phone.lines()
        await app.say({"t": "sims", "sims": [sim(5, OTHER)]})
        await one.event(LineChanged, lambda came: came.health.state is LineState.NEEDS_ATTENTION)
        assert one.phone.lines() == (second,)
        assert (await first.health()).state is LineState.NEEDS_ATTENTION
        await app.say({"t": "sims", "sims": [sim(8, ICCID), sim(5, OTHER)]})
        await one.event(LineChanged, lambda came: len(one.changes(ICCID)) == 3)
        assert one.changes(ICCID) == [("up", None), ("needs_attention", "sim_missing"), ("up", None)]
        assert one.phone.lines() == (first, second)
        assert first.sub == 8


async def test_a_pulled_sim_that_lost_its_iccid_is_still_known_by_its_subscription() -> None:
    async with linked() as one:
        app = await one.connect()
        line = one.line
        await app.say({"t": "sims", "sims": [sim(3, None, state="absent", number=None), sim(-1, None)]})
        await one.event(LineChanged, lambda came: came.health.state is LineState.NEEDS_ATTENTION)
        assert one.phone.lines() == (line,)
        assert (line.identity.iccid, line.identity.number) == (ICCID, "+447700900123")


async def test_inbound_of_a_sim_that_was_just_pulled_belongs_to_its_line() -> None:
    async with linked() as one:
        app = await one.connect(sims=[sim(), sim(5, OTHER)])
        await app.say({"t": "sims", "sims": [sim(5, OTHER)]}, inbound(41, sub=3))
        assert (await one.event(InboundReceived)).line_key == ICCID


async def test_a_sim_that_hides_its_iccid_is_a_line_of_its_subscription() -> None:
    async with linked() as one:
        hidden = [None, "", "8944****", "unknown"]
        await one.connect(sims=[sim(sub, iccid) for sub, iccid in enumerate(hidden)])
        assert [line.identity.key for line in one.phone.lines()] == [
            f"sub:{INSTALL}:{sub}" for sub in range(4)
        ]
        assert {line.identity.iccid for line in one.phone.lines()} == {None}


async def test_an_iccid_is_the_same_with_and_without_its_filler() -> None:
    async with linked() as one:
        await one.connect(sims=[sim(3, ICCID + "f")])
        assert one.line.identity.key == ICCID


async def test_two_sims_with_one_iccid_are_two_lines() -> None:
    async with linked() as one:
        await one.connect(sims=[sim(3), sim(5)])
        assert [line.identity.key for line in one.phone.lines()] == [ICCID, f"sub:{INSTALL}:5"]


async def test_airplane_mode_takes_the_lines_down_and_up_again() -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say({"t": "health", "health": health(airplane=True)})
        await one.event(LineChanged, lambda came: came.health.state is LineState.DOWN)
        changed = await one.event(DeviceChanged)
        assert changed.info.health is not None
        assert changed.info.health.airplane
        await app.say({"t": "health", "health": health()})
        await one.event(LineChanged, lambda came: len(one.changes(ICCID)) == 3)
        assert one.changes(ICCID) == [("up", None), ("down", "not_registered"), ("up", None)]


async def test_health_that_says_nothing_new_is_no_event() -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say({"t": "health", "health": health()}, {"t": "sims", "sims": [sim()]}, inbound(1))
        await one.event(InboundReceived)
        assert one.all(DeviceChanged) == []
        assert one.changes(ICCID) == [("up", None)]


async def test_the_phone_and_its_line_tell_what_they_know() -> None:
    async with linked() as one:
        await one.connect(sims=[sim(roaming=True)])
        info, known = one.phone.info, await one.line.health()
        assert (info.id, info.kind, info.address, info.model) == (INSTALL, "phone", "usb", "Pixel 4a")
        assert info.firmware == "Android 13 (SDK 33)"
        assert info.health is not None
        assert (info.health.way, info.health.app_version, info.health.battery_percent) == ("usb", "1.0.0", 81)
        assert (known.operator, known.signal_dbm, known.roaming) == ("Example", -85, True)
        capabilities = one.line.capabilities
        assert (capabilities.flash, capabilities.binary, capabilities.ussd, capabilities.journal) == (
            False, True, True, True,
        )  # fmt: skip


# ------------------------------------------------------------------ asking after a break


async def asked(one: Linked, app: ScriptedPhone, **states: dict[str, Any]) -> None:
    await one.phone.resume(tuple(states))
    question = await app.hears("ask")
    assert question["jobs"] == list(states)
    await app.say({"t": "jobs", "re": question["re"], "jobs": states})


async def test_an_attempt_that_the_phone_never_had_is_certainly_not_sent() -> None:
    async with linked() as one:
        app = await one.connect()
        await asked(one, app, a1={"state": "unknown"})
        came = await one.event(PartNotSent)
        assert (came.attempt_id, came.part, came.event_id) == ("a1", WHOLE_ATTEMPT, None)
        assert came.cause.outcome_class is OutcomeClass.LINE


@pytest.mark.parametrize("state", [{"state": "called", "called_at_ms": NOW_MS}, {"state": "taken"}])
async def test_a_called_attempt_is_in_doubt_only_after_its_time(state: dict[str, Any]) -> None:
    async with linked(QUICK) as one:
        app = await one.connect()
        began_s = asyncio.get_running_loop().time()
        await asked(one, app, a1=state)
        came = await one.event(PartLost)
        assert asyncio.get_running_loop().time() - began_s >= QUICK.sent_within_s * 0.9
        assert (came.attempt_id, came.part, came.cause.code) == ("a1", WHOLE_ATTEMPT, "phone_stuck")
        assert came.cause.outcome_class is OutcomeClass.UNKNOWN


async def test_the_time_of_a_called_attempt_runs_from_its_call() -> None:
    async with linked() as one:
        app = await one.connect(now_ms=NOW_MS - 5000)
        await asked(one, app, a1={"state": "called", "called_at_ms": NOW_MS - 5000 - 181_000})
        assert (await one.event(PartLost)).attempt_id == "a1"


async def test_a_settled_attempt_is_left_to_its_events(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with linked(QUICK) as one:
        app = await one.connect()
        await asked(one, app, a1={"state": "settled"}, a2={"state": "settled", "called_at_ms": 1})
        await app.say(sent(1, "a1"))
        await one.event(PartSent)
        assert one.all(PartLost) == []
        assert "job a2 is settled" in caplog.text


async def test_what_a_running_submit_waits_for_is_not_asked() -> None:
    async with linked() as one:
        app = await one.connect()
        task = asyncio.create_task(outcomes(one.line, attempt()))
        await app.hears("job")
        await one.phone.resume(("a1", "a2"))
        assert (await app.hears("ask"))["jobs"] == ["a2"]
        await app.say(sent(1))
        await task


async def test_nothing_is_asked_for_no_attempt_and_without_a_connection() -> None:
    async with linked() as one:
        await one.phone.resume(("a1",))
        app = await one.connect()
        await one.phone.resume(())
        app.cut()
        await one.lost()
        await one.phone.resume(("a1",))
        assert [frame["t"] for frame in app.heard] == ["welcome"]


async def test_an_answer_to_no_question_or_about_other_jobs_changes_nothing() -> None:
    async with linked() as one:
        app = await one.connect()
        await app.say({"t": "jobs", "re": 99, "jobs": {"a1": {"state": "unknown"}}})
        await asked(one, app, a2={"state": "settled"})
        await one.phone.resume(("a3",))
        question = await app.hears("ask", lambda frame: frame["jobs"] == ["a3"])
        await app.say({"t": "jobs", "re": question["re"], "jobs": {"a1": {"state": "unknown"}}}, inbound(1))
        await one.event(InboundReceived)
        assert one.all(PartNotSent) == []


async def test_a_phone_that_does_not_answer_for_its_jobs_is_as_good_as_gone() -> None:
    async with linked(QUICK) as one:
        await one.connect()
        await one.phone.resume(("a1",))
        await one.lost()


async def test_many_open_attempts_are_asked_in_several_questions() -> None:
    async with linked() as one:
        app = await one.connect()
        ids = tuple(f"a{number}" for number in range(2500))
        await one.phone.resume(ids)
        async with asyncio.timeout(LIMIT_S):
            await app.hears("ask", lambda frame: frame["jobs"][-1] == "a2499")
        questions = [frame for frame in app.heard if frame["t"] == "ask"]
        assert [len(frame["jobs"]) for frame in questions] == [1000, 1000, 500]
        assert len({frame["re"] for frame in questions}) == 3


async def test_a_verdict_of_ours_that_nobody_took_is_carried_over_a_break() -> None:
    async with linked(QUICK) as one:
        app = await one.dial()
        await app.hears("welcome")
        await one.phone.open()  # nobody reads its events
        await one.phone.resume(("a1",))
        question = await app.hears("ask")
        await app.say({"t": "jobs", "re": question["re"], "jobs": {"a1": {"state": "unknown"}}}, inbound(1))
        await app.say({"t": "this is the end"})
        await app.hears("bye")
        await one.connect()
        assert (await one.event(PartNotSent)).attempt_id == "a1"
        assert one.all(InboundReceived) == []

"""The way of a text through the driver to a phone: what is sent when, and what each answer means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from itertools import permutations
from typing import Any

import pytest

from device_bridge.device import (
    OutgoingPart,
    PartLost,
    PartNotSent,
    PartOutcome,
    PartRejected,
    PartsCap,
    PartSent,
    ReportReceived,
)
from device_bridge.errors import DeviceNotReady, NotSubmitted, Rejected
from device_bridge.sms.outcome import OutcomeClass
from device_bridge.sms.outcome_android import ANDROID_RESULTS
from tests.peers.scripted_phone import (
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

REPORT = "06050B911326880736F4111011719551401110117195714000"


async def submitted(one: Linked, app: ScriptedPhone, parts: int = 1, name: str = "a1") -> asyncio.Task[Any]:
    """Start a submit and wait until its job has reached the phone."""
    task = asyncio.create_task(outcomes(one.line, attempt(name, parts)))
    await app.hears_job(name)
    return task


def of(name: str) -> Callable[[PartSent | ReportReceived], bool]:
    """Whether an event is of the attempt with this name."""
    return lambda came: came.attempt_id == name


async def test_a_text_goes_out_whole_and_each_part_gets_its_verdict() -> None:
    async with linked() as one:
        app = await one.connect()
        task = await submitted(one, app, parts=2)
        assert app.heard[-1] == {
            "t": "job", "job": "a1", "sub": 3, "to": "+447700900123", "parts": ["text 1", "text 2"], "report": True,
        }  # fmt: skip
        await app.say({"t": "taken", "job": "a1"}, sent(7, part=2), sent(8, part=1))
        assert await task == [
            PartSent("a1", 2, None, NOW_MS, "Android result -1", "7"),
            PartSent("a1", 1, None, NOW_MS, "Android result -1", "8"),
        ]


async def test_data_goes_to_its_port() -> None:
    async with linked() as one:
        app = await one.connect()
        part = OutgoingPart(1, b"", octets=bytes([0, 1, 2, 0xFF]), port=16000)
        data = attempt()
        task = asyncio.create_task(
            outcomes(one.line, type(data)("a1", "80012", (part,), 1, delivery_report=False))
        )
        assert await app.hears("job") == {
            "t": "job", "job": "a1", "sub": 3, "to": "80012", "octets": "AAEC/w==", "port": 16000, "report": False,
        }  # fmt: skip
        await app.say(sent(1))
        assert [type(verdict) for verdict in await task] == [PartSent]


@pytest.mark.parametrize(
    ("parts", "total", "changes", "hint"),
    [
        (2, 2, {"octets": b"x" * 130, "port": 1}, "only to a port"),
        (1, 1, {"octets": b"x" * 134, "port": 1}, "at most 133 octets"),
        (1, 1, {"octets": b"x", "port": None}, "only to a port"),
        (1, 2, {"text": "the second half"}, "as a whole only"),
        (1, 1, {"text": "flash", "flash": True}, "cannot send flash"),
    ],
)
async def test_what_the_platform_cannot_send_is_refused_before_anything_is_claimed_or_sent(
    parts: int, total: int, changes: dict[str, Any], hint: str
) -> None:
    async with linked() as one:
        app = await one.connect()
        flash = changes.pop("flash", False)
        first = total - parts + 1
        made = tuple(OutgoingPart(number, b"", **changes) for number in range(first, total + 1))
        plain = attempt()
        outgoing = type(plain)("a1", plain.to, made, total, flash=flash)
        with pytest.raises(Rejected) as caught:
            await outcomes(one.line, outgoing, None)
        assert caught.value.cause.outcome_class is OutcomeClass.PERMANENT
        assert hint in caught.value.cause.hint
        assert [frame["t"] for frame in app.heard] == ["welcome"]


async def test_the_clearance_is_asked_once_for_the_first_part_and_before_the_job() -> None:
    async with linked() as one:
        app = await one.connect()
        asked: list[tuple[int, int]] = []

        async def cleared(part: OutgoingPart) -> bool:
            asked.append((part.number, len(app.heard)))
            return True

        task = asyncio.create_task(outcomes(one.line, attempt(parts=3), cleared))
        await app.hears("job")
        await app.say(*(sent(number, part=number) for number in (1, 2, 3)))
        await task
        assert asked == [(1, 1)]


async def test_without_clearance_no_job_reaches_the_phone() -> None:
    async with linked() as one:
        app = await one.connect()

        async def no(_: OutgoingPart) -> bool:
            return False

        assert await outcomes(one.line, attempt(), no) == []
        task = await submitted(one, app, name="a2")
        await app.say(sent(1, "a2"))
        assert len(await task) == 1
        assert [frame["job"] for frame in app.heard if frame["t"] == "job"] == ["a2"]


async def test_a_clearance_that_fails_fails_the_caller_and_sends_nothing() -> None:
    async with linked() as one:
        app = await one.connect()

        async def broken(_: OutgoingPart) -> bool:
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            await outcomes(one.line, attempt(), broken)
        assert [frame["t"] for frame in app.heard] == ["welcome"]


@pytest.mark.parametrize("result", [*ANDROID_RESULTS, 77])
async def test_every_result_of_android_becomes_the_outcome_of_its_class(result: int) -> None:
    async with linked() as one:
        app = await one.connect()
        task = await submitted(one, app)
        await app.say(sent(1, result=result))
        (verdict,) = await task
        row = ANDROID_RESULTS.get(result)
        kinds: dict[str, type[PartOutcome]] = {
            "D": PartSent,
            "P": PartRejected,
            "U": PartLost,
            "T": PartNotSent,
            "L": PartNotSent,
        }
        assert type(verdict) is kinds[row.kind if row else "U"]
        assert verdict.evidence.startswith(f"Android result {result}")


async def test_a_cause_of_the_network_goes_before_the_plain_result() -> None:
    async with linked() as one:
        app = await one.connect()
        task = await submitted(one, app)
        await app.say(sent(1, result=1, error=1))  # RP cause 1: unassigned number
        (verdict,) = await task
        assert isinstance(verdict, PartRejected)
        assert verdict.cause.code == "number_unassigned"
        assert verdict.evidence == "Android result 1, error 1"


async def test_part_two_of_three_fails_and_the_others_keep_their_verdicts() -> None:
    async with linked() as one:
        app = await one.connect()
        task = await submitted(one, app, parts=3)
        await app.say(sent(1, part=1), sent(2, part=2, result=4), sent(3, part=3))
        assert [(type(verdict), verdict.part) for verdict in await task] == [
            (PartSent, 1), (PartNotSent, 2), (PartSent, 3),
        ]  # fmt: skip


async def test_an_intent_that_overtakes_taken_is_a_verdict() -> None:
    async with linked(QUICK) as one:
        app = await one.connect()
        task = await submitted(one, app)
        await app.say(sent(1), {"t": "taken", "job": "a1"})
        assert [type(verdict) for verdict in await task] == [PartSent]


async def test_every_order_of_answers_and_intents_ends_in_the_same_verdicts() -> None:
    async with linked() as one:
        app = await one.connect()
        said = ("taken", "sent 1", "sent 2", "sent 2 again", "report")
        for number, order in enumerate(permutations(said)):
            name, first = f"a{number}", number * 10 + 1
            frames = {
                "taken": {"t": "taken", "job": name}, "sent 1": sent(first, name, 1),
                "sent 2": sent(first + 1, name, 2), "sent 2 again": sent(first + 2, name, 2),
                "report": event(first + 3, "report", job=name, part=1, pdu="00" + REPORT, format="3gpp"),
            }  # fmt: skip
            task = await submitted(one, app, parts=2, name=name)
            await app.say(*(frames[each] for each in order))
            assert sorted((type(verdict).__name__, verdict.part) for verdict in await task) == [
                ("PartSent", 1), ("PartSent", 2),
            ]  # fmt: skip
            again = await one.event(PartSent, of(name))
            assert again.part == 2
            reported = await one.event(ReportReceived, of(name))
            assert reported.part == 1


async def test_a_second_intent_of_a_part_comes_by_the_events() -> None:
    async with linked() as one:
        app = await one.connect()
        task = await submitted(one, app)
        await app.say(sent(1), sent(2, result=1))
        assert [type(verdict) for verdict in await task] == [PartSent]
        assert (await one.event(PartNotSent)).event_id == "2"


@pytest.mark.parametrize("code", ["not_called", "call_failed"])
async def test_a_job_that_was_not_called_is_not_sent_for_every_part_without_a_verdict(code: str) -> None:
    async with linked() as one:
        app = await one.connect()
        task = await submitted(one, app, parts=3)
        await app.say(sent(1, part=2), event(2, "failed", job="a1", code=code, detail="why"))
        verdicts = await task
        assert [(type(verdict), verdict.part) for verdict in verdicts] == [
            (PartSent, 2), (PartNotSent, 1), (PartNotSent, 3),
        ]  # fmt: skip
        await one.phone.acknowledge("2.1")
        await one.phone.acknowledge("1")
        await app.committed(1)
        assert 2 not in app.all_committed()
        await one.phone.acknowledge("2.2")
        await app.committed(2)


@pytest.mark.parametrize(
    ("code", "kind", "meaning"),
    [
        ("no_sim", DeviceNotReady, "sim_missing"), ("no_permission", DeviceNotReady, "phone_permission"),
        ("full", DeviceNotReady, "device_not_ready"), ("burned", DeviceNotReady, "device_not_ready"),
        ("unpaired", DeviceNotReady, "phone_gone"), ("bad_job", NotSubmitted, "device_error"),
        ("of_tomorrow", NotSubmitted, "device_error"),
    ],
)  # fmt: skip
async def test_a_refused_job_is_certainly_not_sent(code: str, kind: type[NotSubmitted], meaning: str) -> None:
    async with linked() as one:
        app = await one.connect()
        task = await submitted(one, app)
        await app.say({"t": "refused", "job": "a1", "code": code, "detail": "x"})
        with pytest.raises(NotSubmitted) as caught:
            await task
        assert type(caught.value) is kind
        assert caught.value.cause.code == meaning
        assert caught.value.cause.outcome_class not in {OutcomeClass.UNKNOWN, OutcomeClass.PERMANENT}


async def test_a_refusal_after_an_intent_is_no_proof_that_nothing_went_out() -> None:
    async with linked() as one:
        app = await one.connect()
        task = await submitted(one, app, parts=2)
        await app.say(
            sent(1, part=1), {"t": "refused", "job": "a1", "code": "burned", "detail": ""}, sent(2, part=2)
        )
        assert [(type(verdict), verdict.part) for verdict in await task] == [(PartSent, 1), (PartSent, 2)]


async def test_a_job_that_is_not_taken_in_time_ends_the_connection_without_a_verdict() -> None:
    async with linked(QUICK) as one:
        app = await one.connect()
        assert await outcomes(one.line, attempt()) == []
        await one.lost()
        async with asyncio.timeout(LIMIT_S):
            await app.ended.wait()


async def test_silence_after_taken_is_in_doubt_for_each_missing_part_and_lowers_the_cap() -> None:
    async with linked(QUICK) as one:
        app = await one.connect()
        task = await submitted(one, app, parts=3)
        await app.say({"t": "taken", "job": "a1"}, sent(1, part=2))
        verdicts = await task
        assert [(type(verdict), verdict.part) for verdict in verdicts] == [
            (PartSent, 2), (PartLost, 1), (PartLost, 3),
        ]  # fmt: skip
        assert isinstance(verdicts[1], PartLost)
        assert (verdicts[1].cause.code, verdicts[1].cause.outcome_class) == (
            "phone_stuck",
            OutcomeClass.UNKNOWN,
        )
        assert verdicts[1].event_id is None
        assert one.line.capabilities.cap == PartsCap(25, 1800)
        assert one.phone.connected
        await app.say(sent(2, part=1))
        assert (await one.event(PartSent)).part == 1


async def test_a_cable_pulled_after_the_job_ends_the_submit_without_a_verdict() -> None:
    async with linked() as one:
        app = await one.connect()
        task = await submitted(one, app)
        app.cut()
        assert await task == []
        await one.lost()


async def test_a_cable_pulled_between_two_verdicts_keeps_the_first() -> None:
    async with linked() as one:
        app = await one.connect()
        task = await submitted(one, app, parts=2)
        await app.say(sent(1, part=1), sent(2, "other"))
        await one.event(PartSent, lambda came: came.attempt_id == "other")
        app.cut()
        assert [verdict.part for verdict in await task] == [1]


async def test_a_cable_pulled_while_the_claim_commits_is_certainly_not_sent() -> None:
    async with linked() as one:
        app = await one.connect()

        async def cleared(_: OutgoingPart) -> bool:
            app.cut()
            await one.lost()
            return True

        with pytest.raises(DeviceNotReady) as caught:
            await outcomes(one.line, attempt(), cleared)
        assert caught.value.cause.code == "phone_gone"


async def test_without_a_connection_nothing_is_claimed() -> None:
    async with linked() as one:
        app = await one.connect()
        line = one.line
        app.cut()
        await one.lost()
        with pytest.raises(DeviceNotReady) as caught:
            await outcomes(line, attempt(), None)
        assert caught.value.cause.code == "phone_gone"
        assert (await line.health()).reason == caught.value.cause


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sims": [sim(state="pin")]}, "sim_pin_required"), ({"sims": [sim(state="puk")]}, "sim_puk_required"),
        ({"sims": [sim(state="absent")]}, "sim_missing"), ({"sims": [sim(state="not_ready")]}, "device_not_ready"),
        ({"sims": [sim(registered=False)]}, "not_registered"), ({"health": health(airplane=True)}, "not_registered"),
        ({"health": health(missing_permissions=["android.permission.SEND_SMS"])}, "phone_permission"),
    ],
)  # fmt: skip
async def test_a_line_that_is_not_up_says_why_and_claims_nothing(changes: dict[str, Any], code: str) -> None:
    async with linked() as one:
        await one.connect(**changes)
        with pytest.raises(DeviceNotReady) as caught:
            await outcomes(one.line, attempt(), None)
        assert caught.value.cause.code == code


async def test_several_attempts_are_on_their_way_and_answered_in_any_order() -> None:
    async with linked() as one:
        app = await one.connect(sims=[sim(), sim(5, "89445006123456789"), sim(7, None)])
        lines = one.phone.lines()
        assert {line.capabilities.window for line in lines} == {3}
        tasks = [
            asyncio.create_task(outcomes(lines[number % 3], attempt(f"a{number}"))) for number in range(9)
        ]
        for number in range(9):
            frame = await app.hears_job(f"a{number}")
            assert frame["sub"] == (3, 5, 7)[number % 3]
        await app.say(*(sent(100 - number, f"a{number}") for number in reversed(range(9))))
        answered = [await task for task in tasks]
        assert [verdicts[0].event_id for verdicts in answered] == [str(100 - number) for number in range(9)]


async def test_a_submit_that_is_given_up_leaves_its_verdict_to_the_events() -> None:
    async with linked() as one:
        app = await one.connect()
        task = await submitted(one, app)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await app.say({"t": "taken", "job": "a1"}, sent(1))
        assert (await one.event(PartSent)).attempt_id == "a1"


async def test_a_submit_that_is_closed_early_leaves_what_it_was_told_to_the_events() -> None:
    async with linked() as one:
        app = await one.connect()
        verdicts = one.line.submit(attempt(parts=2), _yes)
        assert isinstance(verdicts, AsyncGenerator)
        first = asyncio.ensure_future(anext(verdicts))
        await app.hears("job")
        await app.say(sent(1, part=1), sent(2, part=2), sent(3, "other"))
        assert (await first).part == 1
        await one.event(PartSent, lambda came: came.attempt_id == "other")
        await verdicts.aclose()
        assert (await one.event(PartSent, lambda came: came.attempt_id == "a1")).part == 2


async def _yes(_: OutgoingPart) -> bool:
    return True


async def test_an_intent_of_a_part_that_the_job_has_not_is_handed_on_and_ends_nothing() -> None:
    async with linked() as one:
        app = await one.connect()
        task = await submitted(one, app)
        await app.say(sent(1, part=9), sent(2, part=1))
        assert [verdict.part for verdict in await task] == [1]
        assert (await one.event(PartSent)).part == 9


async def test_the_phones_clock_is_put_right_and_never_runs_ahead() -> None:
    async with linked() as one:
        app = await one.connect(now_ms=NOW_MS - 3_600_000)
        task = await submitted(one, app, parts=2)
        await app.say(
            sent(1, part=1) | {"at_ms": NOW_MS - 3_605_000}, sent(2, part=2) | {"at_ms": NOW_MS + 3_600_000}
        )
        assert [verdict.at_ms for verdict in await task] == [NOW_MS - 5_000, NOW_MS]


# ------------------------------------------------------------------ the platform's limit


@pytest.mark.parametrize(
    ("limit", "cap"),
    [
        (None, PartsCap(25, 60)), ({"parts": 30, "window_s": 60}, PartsCap(25, 60)),
        ({"parts": 20000, "window_s": 60}, PartsCap(19995, 60)), ({"parts": 3, "window_s": 900}, PartsCap(1, 900)),
    ],
)  # fmt: skip
async def test_the_cap_stays_below_what_the_platform_lets_out(
    limit: dict[str, int] | None, cap: PartsCap
) -> None:
    async with linked() as one:
        await one.connect(health=health(limit=limit))
        assert one.line.capabilities.cap == cap


async def test_a_refusal_for_the_limit_lowers_the_cap_until_somebody_knows_better() -> None:
    async with linked() as one:
        app = await one.connect(health=health(limit={"parts": 30, "window_s": 60}))
        task = await submitted(one, app)
        await app.say(sent(1, result=5))
        (verdict,) = await task
        assert isinstance(verdict, PartNotSent)
        assert verdict.cause.code == "phone_cap"
        assert one.line.capabilities.cap == PartsCap(25, 1800)
        assert "at most 25 parts in 30 min" in one.phone.info.notes[0]
        one.phone.enforce(PartsCap(1000, 60))
        assert one.line.capabilities.cap == PartsCap(995, 60)
        assert one.phone.info.notes == ()


async def test_a_stricter_cap_is_not_raised_by_a_refusal() -> None:
    async with linked() as one:
        app = await one.connect(health=health(limit={"parts": 10, "window_s": 3600}))
        task = await submitted(one, app)
        await app.say(sent(1, result=5))
        await task
        assert one.line.capabilities.cap == PartsCap(5, 3600)


async def test_an_old_refusal_out_of_the_journal_does_not_undo_a_raised_limit() -> None:
    async with linked() as one:
        one.phone.enforce(PartsCap(1000, 60))
        app = await one.connect()
        await app.say(sent(1, "long ago", result=5) | {"at_ms": NOW_MS - 60_000})
        await one.event(PartNotSent)
        assert one.line.capabilities.cap == PartsCap(995, 60)


# ------------------------------------------------------------------ USSD


async def test_a_ussd_code_is_asked_on_its_sim_and_answered() -> None:
    async with linked() as one:
        app = await one.connect()
        asking = asyncio.create_task(one.line.ussd("*100#"))
        asked = await app.hears("ussd")
        assert (asked["sub"], asked["code"]) == (3, "*100#")
        await app.say({"t": "answer", "re": 99, "ok": True, "text": "of nobody"})
        await app.say({"t": "answer", "re": asked["re"], "ok": True, "text": "Guthaben 4,20 €"})
        async with asyncio.timeout(LIMIT_S):
            assert await asking == "Guthaben 4,20 €"


async def test_a_ussd_code_without_an_answer_is_the_lines_trouble() -> None:
    async with linked(QUICK) as one:
        app = await one.connect()
        asking = asyncio.create_task(one.line.ussd("*100#"))
        asked = await app.hears("ussd")
        await app.say({"t": "answer", "re": asked["re"], "ok": False, "code": "no_service", "detail": "-1"})
        with pytest.raises(DeviceNotReady) as caught:
            await asking
        assert caught.value.cause.code == "not_registered"
        with pytest.raises(DeviceNotReady):
            await one.line.ussd("*101#")
        asking = asyncio.create_task(one.line.ussd("*102#"))
        await app.hears("ussd", lambda frame: frame["code"] == "*102#")
        app.cut()
        with pytest.raises(DeviceNotReady) as gone:
            await asking
        assert gone.value.cause.code == "phone_gone"

"""The way of a text through the modem driver onto the air: what is written when, and what each answer means."""

from __future__ import annotations

import asyncio
import gc

import pytest

from device_bridge.device import OutgoingPart, PartLost, PartNotSent, PartOutcome, PartRejected, PartSent
from device_bridge.errors import DeviceNotReady, InDoubt, NotSubmitted
from device_bridge.modem import Timers
from device_bridge.sms.outcome import OutcomeClass
from tests.peers.modem_driving import QUICK, attempt, driven, outcomes
from tests.peers.modem_peer import SUBMIT, Behaviour, ModemPeer

# +358447474020, 12 digits in pairs swapped (24.011 §8.2.5): 7 octets, international number.
SMSC_OCTETS = "0791534874740402"

PROMPTS = ["\r\n> ", "> ", "\r\n>", ">"]


def submits(peer: ModemPeer) -> list[str]:
    opened = max(i for i, line in enumerate(peer.commands) if line.startswith("AT+COPS?"))
    return [line for line in peer.commands[opened:] if not line.startswith(("AT+CMGL", "AT+CPMS"))][1:]


async def test_a_text_goes_out_and_its_reference_comes_back() -> None:
    async with driven() as one:
        assert await outcomes(one.line, attempt()) == [PartSent("a1", 1, 1, 1_000, "+CMGS: 1")]
        assert one.peer.on_air == ["00" + SUBMIT + "01"]


async def test_a_configured_service_centre_goes_before_the_tpdu() -> None:
    async with driven(smsc="+358447474020") as one:
        await outcomes(one.line, attempt())
        assert one.peer.on_air == [SMSC_OCTETS + SUBMIT + "01"]
        assert one.peer.commands[-1] == f"AT+CMGS={len(SUBMIT) // 2 + 1}"


async def test_each_part_takes_one_command_line_in_steady_state() -> None:
    async with driven() as one:
        for number in range(5):
            await outcomes(one.line, attempt(f"a{number}", parts=3))
        assert submits(one.peer) == [f"AT+CMGS={len(SUBMIT) // 2 + 1}"] * 15
        assert len(one.line.gap_samples) == 15


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("echo", [True, False])
async def test_every_prompt_is_understood(prompt: str, *, echo: bool) -> None:
    async with driven(Behaviour(prompt=prompt, echo=echo, answers={"ATE0": "ERROR"})) as one:
        verdicts = await outcomes(one.line, attempt(parts=2))
        assert [type(verdict) for verdict in verdicts] == [PartSent, PartSent]
        assert len(one.peer.on_air) == 2


async def test_the_command_goes_out_while_the_clearance_is_under_way_and_the_pdu_only_after_it() -> None:
    async with driven() as one:
        seen: list[int] = []

        async def cleared(_: OutgoingPart) -> bool:
            await one.peer.until(lambda: one.peer.commands[-1].startswith("AT+CMGS"))
            seen.append(len(one.peer.on_air))
            return True

        assert isinstance((await outcomes(one.line, attempt(), cleared))[0], PartSent)
        assert seen == [0]


async def test_without_clearance_the_prompt_is_closed_and_there_is_no_verdict() -> None:
    async with driven() as one:

        async def no(_: OutgoingPart) -> bool:
            return False

        assert await outcomes(one.line, attempt(), no) == []
        assert (one.peer.on_air, one.peer.escapes) == ([], 1)
        assert isinstance((await outcomes(one.line, attempt("a2")))[0], PartSent)


async def test_a_clearance_that_never_comes_is_a_refusal() -> None:
    async with driven() as one:

        async def never(_: OutgoingPart) -> bool:
            await asyncio.Event().wait()
            return True

        assert await outcomes(one.line, attempt(), never) == []
        assert (one.peer.on_air, one.peer.escapes) == ([], 1)
        assert isinstance((await outcomes(one.line, attempt("a2")))[0], PartSent)


async def test_a_clearance_that_fails_takes_the_text_back_and_fails_the_caller() -> None:
    async with driven() as one:

        async def broken(_: OutgoingPart) -> bool:
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            await outcomes(one.line, attempt(), broken)
        assert one.peer.on_air == []
        assert isinstance((await outcomes(one.line, attempt("a2")))[0], PartSent)
        assert one.peer.escapes == 1


async def test_the_second_part_is_taken_back_while_the_first_stays_sent() -> None:
    async with driven() as one:

        async def only_the_first(part: OutgoingPart) -> bool:
            return part.number == 1

        verdicts = await outcomes(one.line, attempt(parts=3), only_the_first)
        assert [type(verdict) for verdict in verdicts] == [PartSent]
        assert len(one.peer.on_air) == 1


async def test_the_verdict_does_not_wait_for_the_final_ok() -> None:
    async with driven(timers=Timers(final_s=30)) as one:
        one.peer.will.verdict = lambda _: ["+CMGS: 7"]
        stream = one.line.submit(attempt(), lambda _: asyncio.sleep(0, True))
        async with asyncio.timeout(30):
            first = await anext(stream)
        assert isinstance(first, PartSent)
        assert first.mr == 7
        following = asyncio.ensure_future(anext(stream, None))
        await asyncio.sleep(0)
        assert not following.done()
        one.peer.say("OK")
        async with asyncio.timeout(30):
            assert await following is None


async def test_a_final_ok_that_never_comes_does_not_hold_the_next_text() -> None:
    async with driven(Behaviour(verdict=lambda _: ["+CMGS: 9"])) as one:
        for name in ("a1", "a2"):
            verdicts = await outcomes(one.line, attempt(name))
            assert [verdict.mr for verdict in verdicts if isinstance(verdict, PartSent)] == [9]
        assert len(one.peer.on_air) == 2


async def test_ok_without_a_reference_counts_as_sent() -> None:
    async with driven(Behaviour(verdict=lambda _: ["OK"])) as one:
        verdict = (await outcomes(one.line, attempt()))[0]
        assert isinstance(verdict, PartSent)
        assert verdict.mr is None


async def test_a_consumer_that_walks_away_does_not_hold_the_modem() -> None:
    async with driven() as one:
        stream = one.line.submit(attempt(parts=2), lambda _: asyncio.sleep(0, True))
        assert isinstance(await anext(stream), PartSent)
        assert isinstance((await outcomes(one.line, attempt("a2")))[0], PartSent)
        await stream.aclose()  # type: ignore[attr-defined]
        gc.collect()


async def test_the_radio_link_is_kept_by_one_question_however_it_is_answered() -> None:
    for answer in (["OK"], ["+CMS ERROR: 500"], ["ERROR"]):
        async with driven(Behaviour(answers={"AT+CMMS=2": answer})) as one:
            for number in range(3):
                await outcomes(one.line, attempt(f"a{number}", more_follow=True))
            assert one.peer.commands.count("AT+CMMS=2") == 1
            assert len(one.peer.on_air) == 3


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize("error", ["+CMS ERROR: {}", "+CME ERROR: {}"])
async def test_no_code_before_the_prompt_is_ever_taken_for_maybe_on_air(error: str) -> None:
    async with driven() as one:
        for code in range(600):
            one.peer.will.before_prompt = [error.format(code)]
            verdicts = await outcomes(one.line, attempt())
            assert len(verdicts) == 1
            assert isinstance(verdicts[0], PartNotSent | PartRejected), code
            assert verdicts[0].cause.outcome_class not in {OutcomeClass.UNKNOWN, OutcomeClass.DONE}, code
            assert verdicts[0].evidence == error.format(code)
        assert one.peer.on_air == []


@pytest.mark.parametrize("error", ["+CMS ERROR: {}", "+CME ERROR: {}"])
async def test_every_code_after_the_pdu_becomes_one_verdict(error: str) -> None:
    async with driven() as one:
        for code in range(600):
            one.peer.will.verdict = lambda _, code=code: [error.format(code)]
            verdicts = await outcomes(one.line, attempt())
            assert len(verdicts) == 1
            assert isinstance(verdicts[0], PartSent | PartNotSent | PartRejected | PartLost), code


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(1, PartRejected), (8, PartNotSent), (38, PartNotSent), (42, PartNotSent), (196, PartRejected),
     (197, PartSent), (332, PartLost), (331, PartNotSent), (304, PartRejected)],
)  # fmt: skip
async def test_codes_after_the_pdu_mean_what_the_field_says(code: int, verdict: type) -> None:
    async with driven(Behaviour(verdict=lambda _: [f"+CMS ERROR: {code}"])) as one:
        assert [type(each) for each in await outcomes(one.line, attempt())] == [verdict]


async def test_a_bare_error_is_harmless_before_the_prompt_and_a_doubt_after_the_pdu() -> None:
    async with driven(Behaviour(before_prompt=["ERROR"])) as one:
        assert isinstance((await outcomes(one.line, attempt()))[0], PartNotSent)
        one.peer.will.before_prompt = None
        one.peer.will.verdict = lambda _: ["ERROR"]
        assert isinstance((await outcomes(one.line, attempt()))[0], PartLost)


async def test_errors_in_words_mean_the_same_as_their_numbers() -> None:
    async with driven(Behaviour(verdict=lambda _: ["+CMS ERROR: network timeout"])) as one:
        verdict = (await outcomes(one.line, attempt()))[0]
        assert isinstance(verdict, PartLost)
        assert verdict.cause.network_code == "+CMS ERROR 332"


async def test_parts_after_a_refused_one_stay_where_they_are() -> None:
    async with driven(
        Behaviour(verdict=lambda pdu: ["+CMS ERROR: 1"] if pdu.endswith("02") else ["+CMGS: 1", "OK"])
    ) as one:
        assert [type(each) for each in await outcomes(one.line, attempt(parts=3))] == [PartSent, PartRejected]
        assert len(one.peer.on_air) == 2


async def test_a_prompt_that_never_comes_is_certainly_not_on_air_and_the_modem_is_brought_into_step() -> None:
    async with driven(Behaviour(answers={"AT+CMGS=*": None})) as one:
        verdict = (await outcomes(one.line, attempt()))[0]
        assert isinstance(verdict, PartNotSent)
        assert verdict.cause.code == "modem_silent"
        one.peer.will.answers.clear()
        assert isinstance((await outcomes(one.line, attempt("a2")))[0], PartSent)
        assert len(one.peer.on_air) == 1


# ------------------------------------------------------------------ silence and late answers


async def test_silence_after_the_pdu_is_a_doubt_and_the_late_answer_belongs_to_that_part() -> None:
    async with driven(Behaviour(verdict=lambda _: None), submit_timeout_s=0.1) as one:
        verdict = (await outcomes(one.line, attempt("doubtful")))[0]
        assert isinstance(verdict, PartLost)
        assert verdict.cause.code == "modem_silent"
        one.peer.say("+CMGS: 41", "OK")
        late = await one.event(PartSent)
        assert (late.attempt_id, late.part, late.mr) == ("doubtful", 1, 41)


async def test_a_late_answer_that_comes_at_the_next_prompt_belongs_to_the_part_in_doubt() -> None:
    async with driven(Behaviour(verdict=lambda _: None), submit_timeout_s=0.1) as one:
        assert isinstance((await outcomes(one.line, attempt("doubtful")))[0], PartLost)
        one.peer.will.verdict = lambda _: ["+CMGS: 42", "OK"]
        one.peer.will.after_prompt = ["+CMGS: 41", "OK"]
        verdict = (await outcomes(one.line, attempt("next")))[0]
        assert isinstance(verdict, PartSent)
        assert (verdict.attempt_id, verdict.mr) == ("next", 42)
        late = await one.event(PartSent)
        assert (late.attempt_id, late.mr) == ("doubtful", 41)


async def test_a_late_answer_after_the_port_was_opened_anew_belongs_to_the_part_in_doubt() -> None:
    async with driven(Behaviour(verdict=lambda _: None), submit_timeout_s=30) as one:
        waiting = asyncio.ensure_future(outcomes(one.line, attempt("doubtful")))
        await one.peer.until(lambda: bool(one.peer.on_air))
        one.peer.unplug()
        verdict = (await waiting)[0]
        assert isinstance(verdict, PartLost)
        assert verdict.cause.code == "device_lost"
        await asyncio.wait_for(one.ended.wait(), 30)
        one.peer.will.verdict = None
        one.peer.will.answers["ATV1"] = ["OK", "+CMGS: 41", "OK"]
        await one.open()
        late = await one.event(PartSent)
        assert (late.attempt_id, late.mr) == ("doubtful", 41)
        verdict = (await outcomes(one.line, attempt("next")))[0]
        assert (verdict.attempt_id, verdict.part) == ("next", 1)
        assert len([event for event in one.events if isinstance(event, PartSent)]) == 1


async def test_a_late_refusal_settles_the_doubt_too() -> None:
    async with driven(Behaviour(verdict=lambda _: None), submit_timeout_s=0.1) as one:
        await outcomes(one.line, attempt("doubtful"))
        one.peer.say("+CMS ERROR: 1")
        late = await one.event(PartRejected)
        assert (late.attempt_id, late.part) == ("doubtful", 1)


async def test_a_reference_that_nobody_waits_for_is_told_to_nobody() -> None:
    async with driven() as one:
        one.peer.say("+CMGS: 9")
        await outcomes(one.line, attempt())
        assert one.count(PartSent) == 0


async def test_an_answer_just_within_the_limit_is_one_copy() -> None:
    async with driven(Behaviour(verdict=lambda _: None), submit_timeout_s=5) as one:
        waiting = asyncio.ensure_future(outcomes(one.line, attempt()))
        await one.peer.until(lambda: bool(one.peer.on_air))
        one.peer.say("+CMGS: 5", "OK")
        assert isinstance((await waiting)[0], PartSent)
        assert len(one.peer.on_air) == 1


async def test_a_caller_that_is_cancelled_with_a_text_on_air_leaves_it_to_be_told_later() -> None:
    async with driven(Behaviour(verdict=lambda _: None)) as one:
        waiting = asyncio.ensure_future(outcomes(one.line, attempt("left")))
        await one.peer.until(lambda: bool(one.peer.on_air))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        one.peer.say("+CMGS: 3", "OK")
        late = await one.event(PartSent)
        assert (late.attempt_id, late.mr) == ("left", 3)
        one.peer.will.verdict = None
        assert isinstance((await outcomes(one.line, attempt("next")))[0], PartSent)


async def test_a_caller_that_is_cancelled_at_the_prompt_leaves_nothing_on_air() -> None:
    async with driven() as one:
        asked = asyncio.Event()

        async def slow(_: OutgoingPart) -> bool:
            asked.set()
            await asyncio.Event().wait()
            return True

        waiting = asyncio.ensure_future(outcomes(one.line, attempt(), slow))
        await asked.wait()
        await one.peer.until(lambda: one.peer.commands[-1].startswith("AT+CMGS"))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert isinstance((await outcomes(one.line, attempt("next")))[0], PartSent)
        assert [pdu[-2:] for pdu in one.peer.on_air] == ["01"]


# ------------------------------------------------------------------ the cable


async def test_an_unplug_at_every_byte_of_a_submit_never_yields_a_lie() -> None:
    pulled = 0
    for at in range(1, 400):
        peer = ModemPeer(Behaviour(unplug_at=at, echo=False))
        async with driven(peer=peer) as one:
            line = one.line
            try:
                verdicts = await outcomes(line, attempt("pulled"))
            except NotSubmitted:
                verdicts = []
            except InDoubt:
                pytest.fail("a verdict names the part better")
            was_pulled = peer.will.unplug_at is None
            judge(at, verdicts, on_air=bool(peer.on_air))
            if not was_pulled:
                assert isinstance(verdicts[0], PartSent)
                break
            pulled += 1
            # The modem comes back by the same port and sends the next text.
            await asyncio.wait_for(one.ended.wait(), 30)
            await one.open()
            assert isinstance((await outcomes(one.line, attempt("next")))[0], PartSent)
    else:
        pytest.fail("the submit never came to its end")
    assert pulled > len("00" + SUBMIT + "01")  # every digit of the PDU was among them


def judge(at: int, verdicts: list[PartOutcome], *, on_air: bool) -> None:
    if on_air:
        assert verdicts, at
        assert isinstance(verdicts[0], PartSent | PartLost), at
    else:
        assert not verdicts or isinstance(verdicts[0], PartNotSent | PartLost), at


async def test_a_text_for_a_modem_that_is_gone_is_refused_at_once() -> None:
    async with driven() as one:
        line = one.line
        one.peer.unplug()
        await asyncio.wait_for(one.ended.wait(), 30)
        with pytest.raises(DeviceNotReady) as refusal:
            await outcomes(line, attempt())
        assert refusal.value.cause.code == "device_lost"


async def test_a_restart_of_the_modem_with_a_text_on_air_is_a_doubt_at_once() -> None:
    async with driven(Behaviour(verdict=lambda _: None), timers=QUICK) as one:
        waiting = asyncio.ensure_future(outcomes(one.line, attempt()))
        await one.peer.until(lambda: bool(one.peer.on_air))
        one.peer.say("RDY")
        assert isinstance((await waiting)[0], PartLost)
        one.peer.will.verdict = None
        assert isinstance((await outcomes(one.line, attempt("next")))[0], PartSent)
        assert one.peer.commands.count("AT+CGMI") == 2

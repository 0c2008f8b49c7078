"""Owns the contract of a store for work on its way out: claims, retries, doubt, copies, recovery.

Runs on every store of ``conftest``; knows no SQL.
Source: the lifecycle table and *The gap* of the architecture notes; invariants W2 and W4.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from device_bridge.device import PartSent
from device_bridge.sms.outcome import local, tp_fcs
from gateway.lifecycle import Conflict, Happening
from gateway.message import MessageState
from gateway.store.record import DOUBT_WAIT_MS, PIN_MS
from gateway.store.rows import Claim, LineRow, Pace, PartStarting, Prepared, RetryRule
from tests.peers.store_world import BARRED, LIVE, REROUTED, TEMPORARY, THREE_PARTS, World, world

# ------------------------------------------------------------------ claims


async def test_two_lines_with_the_same_candidate_send_it_once(w: World) -> None:
    a, b = await w.line("a"), await w.line("b")
    message = await w.admit()
    seen_by_a, seen_by_b = await w.look(a), await w.look(b)
    first, second = await asyncio.gather(w.claim(a, seen_by_a), w.claim(b, seen_by_b))
    assert [first.prepared, second.prepared].count(None) == 1
    assert await w.state(message.id) == "submitting"
    assert (await w.store.counts("default"))[MessageState.SUBMITTING] == 1


async def test_a_candidate_lost_to_another_line_costs_no_second_commit(w: World) -> None:
    a, b = await w.line("a"), await w.line("b")
    await w.admit()
    second = await w.admit()
    seen_by_b = await w.look(b)
    await w.take(a)
    claimed = await w.claim(b, seen_by_b)
    assert claimed.prepared is not None
    assert claimed.prepared.work.message.id == second.id


async def test_work_goes_out_by_priority_and_then_by_age(w: World) -> None:
    a = await w.line("a")
    old, young = await w.admit(), await w.admit()
    urgent = await w.admit(priority=100)
    order = [(await w.take(a)).work.message.id for _ in range(3)]
    assert order == [urgent.id, old.id, young.id]


async def test_a_message_bound_to_a_line_is_seen_by_that_line_only(w: World) -> None:
    a, b = await w.line("a"), await w.line("b")
    bound = await w.admit(route=f"line:{b.id}", line=b.id, pool=None)
    assert await w.look(a) == ()
    assert (await w.take(b)).work.message.id == bound.id


async def test_a_sandbox_row_is_claimed_by_emulated_lines_only_and_a_real_row_never_by_them(w: World) -> None:
    real = await w.line("real", pools=("default", "sandbox"))
    emulated = await w.line("emu", emulated=True)
    sandbox = await w.admit(sandbox=True, to="+99900000001")
    live = await w.admit(route="pool:sandbox", pool="sandbox")
    seen_by_emulated = await w.look(emulated)
    assert [p.work.message.id for p in seen_by_emulated] == [sandbox.id]
    # Even a candidate that was seen wrongly is refused where it is claimed (KEY-7).
    assert (await w.claim(real, seen_by_emulated)).prepared is None
    seen_by_real = await w.look(real)
    assert [p.work.message.id for p in seen_by_real] == [live.id]
    assert (await w.claim(emulated, seen_by_real)).prepared is None


async def test_an_expired_message_is_not_claimed_before_the_tick_has_seen_it(w: World) -> None:
    a = await w.line("a")
    await w.admit(expires_at_ms=w.now_ms + 1000)
    seen = await w.look(a)
    w.clock.pass_s(2)
    assert (await w.claim(a, seen)).prepared is None


async def test_a_verdict_and_the_next_claim_are_one_commit(w: World) -> None:
    a = await w.line("a")
    first, second = await w.admit(), await w.admit()
    attempt = await w.take(a)
    ahead = await w.look(a)
    then = Claim(a.id, "", "node", ahead, Pace())
    claimed = await w.store.advance(PartSent(attempt.attempt_id, 1, 7, w.now_ms), then)
    assert claimed.prepared is not None
    assert claimed.prepared.work.message.id == second.id
    assert await w.state(first.id) == "sent"
    assert await w.state(second.id) == "submitting"


# ------------------------------------------------------------------ retries


async def test_a_temporary_refusal_waits_its_backoff_and_delays_no_other_message(w: World) -> None:
    a = await w.line("a")
    bad, good = await w.admit(), await w.admit()
    await w.not_sent(await w.take(a))
    assert await w.state(bad.id) == "queued"
    assert (await w.take(a)).work.message.id == good.id
    due = await w.store.tick()
    assert due == w.now_ms + TEMPORARY.backoff_s[0] * 1000
    assert await w.look(a) == ()
    w.clock.pass_s(TEMPORARY.backoff_s[0])
    await w.store.tick()
    again = await w.take(a)
    assert again.work.message.id == bad.id
    assert again.work.attempt == 2


async def test_the_last_try_that_is_refused_fails_the_message(tmp_path: Path) -> None:
    async with world(tmp_path / "gateway.db", retry=RetryRule(attempts_max=2)) as w:
        a = await w.line("a")
        message = await w.admit()
        for _ in range(2):
            await w.not_sent(await w.take(a))
            w.clock.pass_s(3600)
            await w.store.tick()
        failed = await w.get(message.id)
        assert failed.state is MessageState.FAILED
        assert failed.attempts == 2
        assert failed.error is not None
        assert failed.error.network_code == "RP cause 41"


async def test_a_permanent_refusal_fails_at_once_and_keeps_the_networks_words(w: World) -> None:
    a = await w.line("a")
    message = await w.admit()
    await w.rejected(await w.take(a))
    failed = await w.get(message.id)
    assert failed.state is MessageState.FAILED
    assert failed.error is not None
    assert (failed.error.code, failed.error.permanent) == ("number_unassigned", True)


async def test_a_refusal_that_another_line_may_not_share_goes_to_that_line_once(w: World) -> None:
    a, b = await w.line("a"), await w.line("b")
    message = await w.admit()
    await w.rejected(await w.take(a), cause=REROUTED)
    assert await w.state(message.id) == "queued"
    assert await w.look(a) == ()
    await w.rejected(await w.take(b), cause=REROUTED)
    assert await w.state(message.id) == "failed"


async def test_without_another_line_up_the_same_refusal_is_final(w: World) -> None:
    a = await w.line("a")
    await w.line("b", up=False)
    message = await w.admit()
    await w.rejected(await w.take(a), cause=REROUTED)
    assert await w.state(message.id) == "failed"


@pytest.mark.parametrize("cause", [BARRED, local("device_not_ready")], ids=["network", "device"])
async def test_a_line_at_fault_is_not_counted_against_the_message(w: World, cause: object) -> None:
    a = await w.line("a")
    message = await w.admit()
    await w.not_sent(await w.take(a), cause=cause)  # type: ignore[arg-type]
    waiting = await w.get(message.id)
    assert (waiting.state, waiting.attempts) == (MessageState.QUEUED, 0)
    assert len(await w.look(a)) == 1


async def test_a_duplicate_that_the_centre_refuses_counts_as_sent(w: World) -> None:
    a = await w.line("a")
    message = await w.admit()
    await w.rejected(await w.take(a), cause=tp_fcs(0xC5))
    assert await w.state(message.id) == "sent"


# ------------------------------------------------------------------ long messages


async def _two_of_three_sent(w: World, line_name: str = "a") -> tuple[str, int]:
    a = await w.line(line_name)
    message = await w.admit(text=THREE_PARTS)
    attempt = await w.take(a)
    assert attempt.outgoing.parts_total == 3
    for part in (1, 2):
        outcome = PartSent(attempt.attempt_id, part, part, w.now_ms)
        await w.store.advance(outcome, PartStarting(attempt.attempt_id, part + 1, w.now_ms))
    await w.not_sent(attempt, 3)
    return message.id, attempt.reference


async def test_a_partly_sent_message_goes_on_with_the_missing_part_on_the_same_line(w: World) -> None:
    message_id, reference = await _two_of_three_sent(w)
    b = await w.line("b")
    w.clock.pass_s(60)
    await w.store.tick()
    assert await w.look(b) == ()
    a = await w.line("a")
    again = await w.take(a)
    assert [part.number for part in again.outgoing.parts] == [3]
    assert (again.reference, again.copy) == (reference, 1)
    await w.sent(again, 3, 9)
    done = await w.get(message_id)
    assert (done.state, done.parts_sent) == (MessageState.SENT, 3)


async def test_after_ten_minutes_the_whole_set_goes_as_a_new_copy_from_any_line(w: World) -> None:
    message_id, _ = await _two_of_three_sent(w)
    w.clock.pass_s(PIN_MS / 1000 + 1)
    await w.store.tick()
    b = await w.line("b")
    again = await w.take(b)
    assert [part.number for part in again.outgoing.parts] == [1, 2, 3]
    assert again.copy == 2
    submitting = [e for e in await w.store.timeline(message_id) if e.type == "message.submitting"]
    assert submitting[-1].detail["possible_second_copy"] is True


async def test_a_set_of_which_nothing_left_is_no_second_copy_when_it_goes_again(w: World) -> None:
    a = await w.line("a")
    message = await w.admit(text=THREE_PARTS)
    await w.not_sent(await w.take(a))
    w.clock.pass_s(PIN_MS / 1000 + 1)
    await w.store.tick()
    again = await w.take(await w.line("a"))
    assert again.copy == 1
    submitting = [e for e in await w.store.timeline(message.id) if e.type == "message.submitting"]
    assert "possible_second_copy" not in submitting[-1].detail


async def test_a_permanent_refusal_of_the_second_part_fails_the_message_as_partly_sent(w: World) -> None:
    a = await w.line("a")
    message = await w.admit(text=THREE_PARTS)
    attempt = await w.take(a)
    await w.sent(attempt, 1)
    await w.rejected(attempt, 2)
    failed = await w.get(message.id)
    assert failed.state is MessageState.FAILED
    assert failed.error is not None
    assert failed.error.code == "partly_sent"
    assert (failed.parts_sent, failed.parts) == (1, 3)
    assert [part.state.value for part in await w.store.parts(message.id)] == ["sent", "rejected", "not_sent"]


async def test_cancelling_a_partly_sent_message_says_so(w: World) -> None:
    message_id, _ = await _two_of_three_sent(w)
    cancelled = await w.store.change(LIVE, message_id, Happening.CANCEL, "person")
    assert cancelled.state is MessageState.FAILED
    assert cancelled.error is not None
    assert cancelled.error.code == "partly_sent"


async def test_cancelling_after_a_second_copy_failed_still_says_that_parts_are_out(w: World) -> None:
    message_id, _ = await _two_of_three_sent(w)
    w.clock.pass_s(PIN_MS / 1000 + 1)
    await w.store.tick()
    await w.not_sent(await w.take(await w.line("a")))
    cancelled = await w.store.change(LIVE, message_id, Happening.CANCEL, "person")
    assert (cancelled.state, cancelled.parts_sent) == (MessageState.FAILED, 2)


# ------------------------------------------------------------------ doubt


async def test_a_lost_part_leaves_the_message_in_doubt_and_nothing_sends_it_again(w: World) -> None:
    a = await w.line("a")
    message = await w.admit()
    await w.lost(await w.take(a))
    in_doubt = await w.get(message.id)
    assert (in_doubt.state, in_doubt.parts_in_doubt) == (MessageState.IN_DOUBT, 1)
    w.clock.pass_s(7 * 86_400)
    await w.store.tick()
    assert await w.state(message.id) == "in_doubt"
    assert await w.look(a) == ()


async def test_a_late_answer_settles_the_doubt(w: World) -> None:
    a = await w.line("a")
    message = await w.admit()
    attempt = await w.take(a)
    await w.lost(attempt)
    await w.sent(attempt)
    assert (await w.get(message.id)).parts_in_doubt == 0
    assert await w.state(message.id) == "sent"


@pytest.mark.parametrize("proof_first", [False, True])
async def test_after_proof_of_its_doubtful_part_a_long_message_goes_on_with_the_others(
    w: World, proof_first: bool
) -> None:
    a = await w.line("a")
    message = await w.admit(text=THREE_PARTS)
    attempt = await w.take(a)
    if proof_first:
        await w.sent(attempt, 1)
        await w.lost(attempt, 1)
    else:
        await w.lost(attempt, 1)
        await w.sent(attempt, 1)
    assert await w.state(message.id) == "queued"
    again = await w.take(a)
    assert ([part.number for part in again.outgoing.parts], again.copy) == ([2, 3], 1)


async def test_resend_after_doubt_waits_first_and_asks_the_centre_to_refuse_a_duplicate(w: World) -> None:
    a = await w.line("a")
    await w.sent(await _taken(w, a), mr=41)
    message = await w.admit(on_doubt="resend")
    await w.lost(await w.take(a))
    assert await w.store.tick() == w.now_ms + DOUBT_WAIT_MS
    w.clock.pass_s(DOUBT_WAIT_MS / 1000)
    await w.store.tick()
    again = await w.take(a)
    assert again.work.message.id == message.id
    tpdu = again.outgoing.parts[0].tpdu
    assert tpdu[0] & 0x04  # TP-RD
    assert tpdu[1] == 42  # the TP-MR that the first try must have had
    submitting = [e for e in await w.store.timeline(message.id) if e.type == "message.submitting"]
    assert submitting[-1].detail["resend_after_doubt"] is True


async def _taken(w: World, line: LineRow) -> Prepared:
    await w.admit()
    return await w.take(line)


async def test_a_resend_from_another_sim_does_not_ask_its_centre_about_a_foreign_reference(w: World) -> None:
    a, b = await w.line("a"), await w.line("b")
    message = await w.admit(on_doubt="resend")
    await w.lost(await w.take(a))
    w.clock.pass_s(DOUBT_WAIT_MS / 1000)
    await w.store.tick()
    again = await w.take(b)
    assert again.work.message.id == message.id
    assert not again.outgoing.parts[0].tpdu[0] & 0x04


async def test_late_proof_prevents_a_duplicate(w: World) -> None:
    a = await w.line("a")
    message = await w.admit(on_doubt="resend")
    attempt = await w.take(a)
    await w.lost(attempt)
    w.clock.pass_s(DOUBT_WAIT_MS / 1000)
    await w.store.tick()
    seen = await w.look(a)
    await w.sent(attempt)
    assert await w.state(message.id) == "sent"
    assert (await w.claim(a, seen)).prepared is None


async def test_a_resend_that_certainly_failed_waits_for_its_next_try(w: World) -> None:
    a = await w.line("a")
    message = await w.admit()
    await w.lost(await w.take(a))
    await w.store.change(LIVE, message.id, Happening.RESEND, "person")
    await w.not_sent(await w.take(a), cause=local("device_not_ready"))
    assert await w.state(message.id) == "queued"
    assert (await w.get(message.id)).attempts == 1


async def test_a_resend_that_was_refused_for_good_stays_in_doubt_about_the_first_try(w: World) -> None:
    a = await w.line("a")
    message = await w.admit(on_doubt="resend")
    first = await w.take(a)
    await w.lost(first)
    await w.store.change(LIVE, message.id, Happening.RESEND, "person")
    await w.rejected(await w.take(a))
    assert await w.state(message.id) == "in_doubt"
    w.clock.pass_s(3600)
    await w.store.tick()
    assert await w.state(message.id) == "in_doubt"
    await w.not_sent(first)
    failed = await w.get(message.id)
    assert failed.state is MessageState.FAILED
    assert failed.error is not None
    assert failed.error.code == "number_unassigned"


async def test_what_a_message_failed_of_does_not_depend_on_which_verdict_came_last(w: World) -> None:
    a = await w.line("a")
    for late_first in (False, True):
        message = await w.admit()
        first = await w.take(a)
        await w.lost(first)
        await w.store.change(LIVE, message.id, Happening.RESEND, "person")
        second = await w.take(a)
        if late_first:
            await w.rejected(first)
            await w.not_sent(second)
        else:
            await w.not_sent(second)
            await w.rejected(first)
        assert await w.state(message.id) == "queued", late_first
        await w.store.change(LIVE, message.id, Happening.CANCEL, "person")


@pytest.mark.parametrize("happening", [Happening.CANCEL, Happening.EXPIRE])
async def test_ending_a_queued_message_with_an_attempt_in_doubt_leaves_it_in_doubt(
    w: World, happening: Happening
) -> None:
    a = await w.line("a")
    message = await w.admit(expires_at_ms=w.now_ms + 60_000)
    await w.lost(await w.take(a))
    await w.store.change(LIVE, message.id, Happening.RESEND, "person")
    if happening is Happening.CANCEL:
        await w.store.change(LIVE, message.id, happening, "person")
    else:
        w.clock.pass_s(61)
        await w.store.tick()
    assert await w.state(message.id) == "in_doubt"
    w.clock.pass_s(61)
    with pytest.raises(Conflict):
        await w.store.change(LIVE, message.id, Happening.RESEND, "person")


@pytest.mark.parametrize(("happening", "state"), [("confirm", "sent"), ("give_up", "failed")])
async def test_a_person_settles_a_doubt_and_a_report_still_wins(w: World, happening: str, state: str) -> None:
    a = await w.line("a")
    message = await w.admit()
    await w.lost(await w.take(a))
    settled = await w.store.change(LIVE, message.id, Happening(happening), "person")
    assert settled.state == state
    await w.report(a, mr=3)
    assert await w.state(message.id) == "delivered"


async def test_a_partly_sent_message_resent_after_doubt_goes_on_where_its_first_parts_are(w: World) -> None:
    a = await w.line("a")
    message = await w.admit(text=THREE_PARTS)
    attempt = await w.take(a)
    await w.sent(attempt, 1)
    await w.lost(attempt, 2)
    assert await w.state(message.id) == "in_doubt"
    await w.store.change(LIVE, message.id, Happening.RESEND, "person")
    assert await w.look(await w.line("b")) == ()
    again = await w.take(a)
    assert [part.number for part in again.outgoing.parts] == [2, 3]
    outcome = PartSent(again.attempt_id, 2, 3, w.now_ms)
    await w.store.advance(outcome, PartStarting(again.attempt_id, 3, w.now_ms))
    assert await w.state(message.id) == "submitting"
    await w.sent(again, 3)
    assert await w.state(message.id) == "sent"


async def test_a_message_pinned_to_a_line_that_is_gone_is_free_again_after_doubt(w: World) -> None:
    message_id, _ = await _two_of_three_sent(w)
    w.clock.pass_s(60)
    await w.store.tick()
    await w.lost(await w.take(await w.line("a")), 3)
    w.clock.pass_s(PIN_MS / 1000)
    await w.store.change(LIVE, message_id, Happening.RESEND, "person")
    assert len(await w.look(await w.line("b"))) == 1


# ------------------------------------------------------------------ recovery


async def test_recovery_turns_what_was_on_air_into_doubt_and_sends_nothing(w: World) -> None:
    a = await w.line("a")
    message = await w.admit()
    await w.take(a)
    assert await w.store.recover("another node") == 0
    assert await w.store.recover("node") == 1
    assert await w.state(message.id) == "in_doubt"
    assert await w.store.recover("node") == 0


async def test_recovery_lets_a_message_go_on_whose_next_part_was_never_started(w: World) -> None:
    a = await w.line("a")
    message = await w.admit(text=THREE_PARTS)
    attempt = await w.take(a)
    await w.sent(attempt, 1)  # the start of part 2 was not committed: it cannot be on air (W2)
    await w.store.recover("node")
    assert await w.state(message.id) == "queued"
    assert [part.number for part in (await w.take(a)).outgoing.parts] == [2, 3]


async def test_a_restore_holds_everything_and_nothing_is_claimable(w: World) -> None:
    a = await w.line("a")
    on_air = await w.admit(on_doubt="resend")
    await w.take(a)
    waiting, later = await w.admit(), await w.admit(send_at_ms=w.now_ms + 60_000)
    assert await w.store.hold_restored() == 2
    w.clock.pass_s(3600)
    await w.store.tick()
    assert await w.look(a) == ()
    assert await w.state(on_air.id) == "in_doubt"
    assert [await w.state(m.id) for m in (waiting, later)] == ["held", "held"]
    assert await w.store.release_restored("default", "person") == 2
    assert len(await w.look(a)) == 2


async def test_a_held_message_with_a_time_neither_goes_out_nor_keeps_the_ticker_awake(w: World) -> None:
    a = await w.line("a")
    message = await w.admit(held_reason="review", send_at_ms=w.now_ms + 1000)
    w.clock.pass_s(5)
    due = await w.store.tick()
    assert due is not None
    assert due > w.now_ms
    assert await w.look(a) == ()
    await w.store.change(LIVE, message.id, Happening.APPROVE, "person")
    assert len(await w.look(a)) == 1


async def test_a_scheduled_message_goes_out_at_its_time_and_not_before(w: World) -> None:
    a = await w.line("a")
    message = await w.admit(send_at_ms=w.now_ms + 5000)
    assert message.shown_state(w.now_ms) == "scheduled"
    assert await w.store.tick() == w.now_ms + 5000
    assert await w.look(a) == ()
    w.clock.pass_s(5)
    await w.store.tick()
    assert len(await w.look(a)) == 1


async def test_a_message_that_cannot_be_sent_leaves_the_queue_with_its_reason(w: World) -> None:
    a = await w.line("a")
    message = await w.admit()
    await w.store.refuse(message.id, "text_not_encodable")
    refused = await w.get(message.id)
    assert refused.state is MessageState.CANCELLED
    assert refused.error is not None
    assert refused.error.code == "text_not_encodable"
    assert await w.look(a) == ()


async def test_evidence_about_an_attempt_nobody_knows_changes_nothing(w: World) -> None:
    await w.store.record(PartSent("no such attempt", 1, 1, w.now_ms))
    assert await w.store.counts("default") == {}


async def test_the_error_of_an_undelivered_set_is_the_reports_whatever_came_last(w: World) -> None:
    a = await w.line("a")
    message = await w.admit(text=THREE_PARTS)
    attempt = await w.take(a)
    await w.sent(attempt, 1, 1)
    await w.sent(attempt, 2, 2)
    await w.report(a, mr=2, st=0x46)
    await w.sent(attempt, 3, 3)
    undelivered = await w.get(message.id)
    assert undelivered.state is MessageState.UNDELIVERED
    assert undelivered.error is not None
    assert undelivered.error.code == "absent_subscriber"

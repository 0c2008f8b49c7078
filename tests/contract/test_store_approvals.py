"""Owns the contract of approvals: what waits for a second person, and what their word does.

Runs on every store of ``conftest``; the clock is moved by hand.
Source: rules CNT-2; attack list row 41.
"""

from __future__ import annotations

from typing import Any

import pytest

from gateway.lifecycle import Happening
from gateway.message import Message
from gateway.policy.rules import Rules
from gateway.store.approvals import ApprovalRow, Decision
from gateway.store.batch_rows import BatchRow, Incoming, NewBatch
from gateway.store.people_rows import Wish
from gateway.store.protocol import NotAdmitted, NotFound
from gateway.store.rows import View
from tests.peers.store_world import LIVE, MakeWorld, World

DAY_S = 86_400


async def hold(w: World, **changes: Any) -> tuple[Message, ApprovalRow]:
    """Admit a message that waits for a person; returns the question too."""
    message = await w.admit(**{"held_reason": "approval", "key_id": "author", **changes})
    return message, await question(w, message.id)


async def question(w: World, subject: str) -> ApprovalRow:
    page = await w.store.approvals.page(LIVE, None, 500, None)
    return next(row for row in page.items if row.subject == subject)


async def batch_of(w: World, count: int, key_id: str = "author", **changes: Any) -> BatchRow:
    """Receive a batch whole."""
    batch = NewBatch(f"batch-{w.now_ms}-{key_id}", "default", key_id, False, "transactional", w.now_ms)
    await w.store.batches.create(batch)
    new = [
        w.new(to=f"+4477009{n:05d}", batch_id=batch.id, key_id=key_id, reference=str(n), **changes)
        for n in range(count)
    ]
    await w.store.batches.add(batch.id, [Incoming(n, each) for n, each in enumerate(new)], [])
    row, _ = await w.store.batches.finish(batch.id, None, None, 10)
    return row


async def decide(w: World, row: ApprovalRow, *, yes: bool = True, **changes: Any) -> ApprovalRow:
    said: dict[str, Any] = {"approve": yes, "digest": row.digest, "key_id": "head", "key_name": "head"}
    return await w.store.approvals.decide(LIVE, row.id, Decision(**{**said, **changes}))


async def refusal(w: World, row: ApprovalRow, **changes: Any) -> str:
    with pytest.raises(NotAdmitted) as caught:
        await decide(w, row, **changes)
    return caught.value.code


async def told(w: World, event_type: str) -> list[dict[str, object]]:
    return [event.payload for event in await w.events() if event.type == event_type]


# ------------------------------------------------------------------ one message


async def test_CNT_2_a_held_text_goes_after_a_yes_and_every_step_is_in_the_events(w: World) -> None:
    a = await w.line("a")
    message, asked = await hold(w)
    assert (await w.claim(a)).prepared is None
    decided = await decide(w, asked, note="fine")
    assert (decided.state, decided.decided_by, decided.note) == ("approved", "head", "fine")
    assert (await w.claim(a)).prepared is not None
    assert await w.types(message.id) == ["message.held", "message.queued", "message.submitting"]
    assert [one["state"] for one in await told(w, "approval.requested")] == ["pending"]
    assert [one["state"] for one in await told(w, "approval.decided")] == ["approved"]
    who = next(hop for hop in await w.store.timeline(message.id) if hop.type == "message.queued")
    assert (who.witness, who.detail["by"]) == ("person", "key:head")


async def test_CNT_2_a_no_ends_the_message(w: World) -> None:
    message, asked = await hold(w)
    assert (await decide(w, asked, yes=False)).state == "rejected"
    ended = await w.get(message.id)
    assert (ended.state.value, ended.error.code if ended.error else None) == ("failed", "approval_rejected")


async def test_attack_row_41_the_author_cannot_approve_nor_their_rotated_key(w: World) -> None:
    anna, anna_rotated = await w.key("anna"), await w.key("anna")
    message, asked = await hold(w, key_id=anna)
    assert await refusal(w, asked, key_id=anna, key_name="anna") == "approval_self"
    assert await refusal(w, asked, key_id=anna_rotated, key_name="anna") == "approval_self"
    assert await refusal(w, asked, key_id=anna, key_name="renamed") == "approval_self"
    assert await w.state(message.id) == "held"
    await decide(w, asked)
    assert await w.state(message.id) == "queued"


async def test_attack_row_41_a_yes_to_another_text_than_was_shown_is_a_conflict(w: World) -> None:
    message, asked = await hold(w, text="Fees are due")
    _, other = await hold(w, text="Free money")
    assert other.digest != asked.digest
    assert await refusal(w, asked, digest=other.digest) == "conflict"
    assert await w.state(message.id) == "held"
    same_text, _ = await hold(w, text="Fees are due", to="+447700900999")
    assert (await question(w, same_text.id)).digest != asked.digest, "to whom is part of what was seen"


async def test_CNT_2_a_word_is_said_once(w: World) -> None:
    message, asked = await hold(w)
    await decide(w, asked, yes=False)
    assert await refusal(w, asked) == "conflict"
    assert await w.state(message.id) == "failed"


async def test_CNT_2_without_an_answer_in_a_day_it_is_expired(w: World) -> None:
    message, asked = await hold(w)
    w.clock.pass_s(DAY_S - 1)
    assert await w.store.tick() == w.now_ms + 1000
    assert await w.state(message.id) == "held"
    w.clock.pass_s(1)
    await w.store.tick()
    assert await w.state(message.id) == "expired"
    assert (await question(w, message.id)).state == "expired"
    assert await refusal(w, asked) == "conflict"


async def test_CNT_2_what_ends_while_it_waits_takes_its_question_along(w: World) -> None:
    cancelled, _ = await hold(w, to="+447700900001")
    stopped, _ = await hold(w, to="+447700900002")
    late, asked = await hold(w, to="+447700900003", expires_at_ms=w.now_ms + 60_000)
    await w.store.change(LIVE, cancelled.id, Happening.CANCEL, "key:author")
    await w.store.suppressions.add(Wish("default", stopped.to, "keyword"))
    w.clock.pass_s(61)
    await w.store.tick()
    states = {m.id: (await question(w, m.id)).state for m in (cancelled, stopped, late)}
    assert states == {cancelled.id: "void", stopped.id: "void", late.id: "expired"}
    assert await refusal(w, asked) == "conflict", "a yes to what is over would be a lie"
    assert [one["state"] for one in await told(w, "approval.decided")] == ["void", "void", "expired"]


async def test_CNT_2_a_yes_does_not_let_a_text_go_before_its_time(w: World) -> None:
    a = await w.line("a")
    message, asked = await hold(w, send_at_ms=w.now_ms + 3_600_000)
    await decide(w, asked)
    assert (await w.claim(a)).prepared is None
    assert (await w.get(message.id)).shown_state(w.now_ms) == "scheduled"
    w.clock.pass_s(3600)
    await w.store.tick()
    assert (await w.claim(a)).prepared is not None


async def test_CNT_2_another_tenants_approval_is_unknown(w: World) -> None:
    message, asked = await hold(w)
    with pytest.raises(NotFound):
        await w.store.approvals.decide(View("other"), asked.id, Decision(True, asked.digest, "x", "x"))
    with pytest.raises(NotFound):
        await w.store.approvals.one(View("default", sandbox_only=True), asked.id)
    assert await w.state(message.id) == "held"


# ------------------------------------------------------------------ a batch


async def test_CNT_2_a_batch_to_more_people_than_allowed_waits_and_goes_after_a_yes(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=Rules(approval_over=5)) as w:
        a = await w.line("a")
        small = await batch_of(w, 5, "clerk")
        assert small.state == "running"
        big = await batch_of(w, 6)
        assert (big.state, big.held_reason) == ("held", "approval")
        for _ in range(5):
            await w.all_sent(await w.take(a))
        assert (await w.claim(a)).prepared is None, "no message of a held batch goes"
        asked = await question(w, big.id)
        assert asked.digest == big.digest
        await decide(w, asked)
        assert (await w.store.batches.one(LIVE, big.id)).state == "running"
        assert [one["id"] for one in await told(w, "batch.started")] == [small.id, big.id]
        assert [(await w.take(a)).work.message.batch_id] == [big.id]


async def test_CNT_2_the_digest_of_a_batch_covers_each_text_and_number(make_world: MakeWorld) -> None:
    async with make_world(rules=Rules(approval_over=1)) as w:
        first = await batch_of(w, 3, "one")
        same = await batch_of(w, 3, "two")
        other_text = await batch_of(w, 3, "three", text="hallo")
        fewer = await batch_of(w, 2, "four")
        assert first.digest == same.digest
        assert len({first.digest, other_text.digest, fewer.digest}) == 3


@pytest.mark.parametrize(
    ("end", "batch_state", "message_end"),
    [
        ("no", "rejected", ("cancelled", "approval_rejected")),
        ("silence", "expired", ("expired", "expired")),
        ("cancel", "cancelled", ("cancelled", None)),
    ],
)
async def test_CNT_2_the_messages_of_a_batch_that_nobody_approved_end(
    make_world: MakeWorld, end: str, batch_state: str, message_end: tuple[str, str | None]
) -> None:
    async with make_world(rules=Rules(approval_over=1)) as w:
        batch = await batch_of(w, 3)
        asked = await question(w, batch.id)
        if end == "no":
            await decide(w, asked, yes=False)
        elif end == "silence":
            w.clock.pass_s(DAY_S)
        else:
            await w.store.batches.change(LIVE, batch.id, "cancel")
        await w.store.tick()
        assert (await w.store.batches.one(LIVE, batch.id)).state == batch_state
        assert (await question(w, batch.id)).state == {"no": "rejected", "silence": "expired"}.get(
            end, "void"
        )
        for message in await w.store.batches.sample(LIVE, batch.id, 10):
            now = await w.get(message.id)
            assert (now.state.value, now.error.code if now.error else None) == message_end
        a = await w.line("a")
        assert (await w.claim(a)).prepared is None
        assert await refusal(w, asked) == "conflict"


FRANCE: dict[str, Any] = {"held_reason": "new_country", "country": "FR"}


async def test_CNT_2_a_yes_in_the_sandbox_releases_nothing_that_costs_money(w: World) -> None:
    real, _ = await hold(w, to="+33612345678", **FRANCE)
    tried, asked = await hold(w, to="+33612345679", sandbox=True, **FRANCE)
    said = Decision(approve=True, digest=asked.digest, key_id="head", key_name="head")
    await w.store.approvals.decide(View("default", sandbox_only=True), asked.id, said)
    assert (await w.state(tried.id), await w.state(real.id)) == ("queued", "held")


async def test_PMP_1_a_yes_in_the_sandbox_opens_no_country(make_world: MakeWorld) -> None:
    async with make_world(rules=Rules(new_country_per_hour=1, emulated_exempt=False)) as w:
        tried = [await w.admit(to=f"+3361234567{number}", country="FR", sandbox=True) for number in range(2)]
        await decide(w, await question(w, tried[1].id))
        real = [await w.admit(to=f"+3361234568{number}", country="FR") for number in range(2)]
        assert [message.state.value for message in real] == ["queued", "held"]


async def test_one_yes_releases_all_that_is_alike_however_many_they_are(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.approvals.ALIKE_ROWS", 2)
    held = [await hold(w, to=f"+3361234567{number}", **FRANCE) for number in range(7)]
    own, _ = await hold(w, to="+33612345679", key_id="head", **FRANCE)
    await decide(w, held[3][1])
    assert {await w.state(message.id) for message, _ in held} == {"queued"}
    assert await w.state(own.id) == "held"

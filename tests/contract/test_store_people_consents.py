"""Owns the contract of a store for consents: which word counts, what never revives one, and who is told of the end.

Runs on every store of ``conftest``; the clock is moved by hand.
Source: rules CON-1, CON-2; attack row 41.
"""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from gateway.store import work
from gateway.store.consents import ANNOUNCED_BEFORE_MS
from gateway.store.people_rows import ConsentFilter, ConsentRow, Guardian, NewConsent, Proof, Wish, Withdrawal
from gateway.store.protocol import NotFound
from gateway.store.rows import Event, View
from tests.peers.store_world import ALICE, LIVE, World

DAY_MS = 86_400_000
ALL = ConsentFilter()


def consent(w: World, **changes: Any) -> NewConsent:
    new = NewConsent("default", ALICE, "marketing", "consent", "form", w.now_ms, "key-1")
    return replace(new, **changes)


async def grant(w: World, **changes: Any) -> ConsentRow:
    return await w.store.consents.record(consent(w, **changes))


async def withdrawn(w: World, row: ConsentRow, at_ms: int | None = None) -> ConsentRow:
    return await w.store.consents.withdraw(LIVE, row.id, Withdrawal(at_ms or w.now_ms, "key-2", "phone"))


async def state(w: World, number: str = ALICE, purpose: str = "marketing", tenant: str = "default") -> str:
    return (await w.store.consents.fact(tenant, number, purpose)).state


async def records(w: World, where: ConsentFilter = ALL, view: View = LIVE) -> tuple[ConsentRow, ...]:
    return (await w.store.consents.page(view, where, 50, None)).items


async def expiring(w: World) -> list[Event]:
    await w.store.tick()
    return [e for e in await w.store.events_after(LIVE, 0, 1000) if e.type == "consent.expiring"]


async def test_CON_2_without_a_record_there_is_no_consent(w: World) -> None:
    assert await state(w) == "none"


async def test_CON_2_a_grant_is_live_for_its_number_and_purpose_only(w: World) -> None:
    await grant(w, timezone="Europe/London", language="en")
    fact = await w.store.consents.fact("default", ALICE, "marketing")
    assert (fact.state, fact.timezone, fact.language) == ("live", "Europe/London", "en")
    assert await state(w, purpose="urgent") == "none"
    assert await state(w, number="+447700900456") == "none"
    assert await state(w, tenant="other") == "none"


async def test_CON_2_a_consent_ends_at_the_instant_that_it_names(w: World) -> None:
    row = await grant(w, expires_at_ms=w.now_ms + 60_000)
    w.clock.pass_s(59.999)
    assert await state(w) == "live"
    w.clock.pass_s(0.001)
    assert await state(w) == "expired"
    assert (await w.store.consents.one(LIVE, row.id)).state == "expired"


async def test_CON_1_a_record_keeps_everything_that_was_written_down(w: World) -> None:
    new = consent(
        w,
        proof=Proof("I agree", "https://example.org/form", "ab" * 32, "Ms Frost"),
        expires_at_ms=w.now_ms + DAY_MS,
        language="de",
        timezone="Europe/Berlin",
        subject_is_child=True,
        guardian=Guardian("Ann Moor", "mother", "+447700900456", w.now_ms),
    )
    row = await w.store.consents.record(new)
    assert row.said == new
    assert (row.state, row.withdrawn_at_ms, row.withdraws) == ("live", None, None)
    assert row.created_at_ms == w.now_ms


async def test_CON_1_a_withdrawal_is_a_row_of_its_own_and_the_grant_is_not_changed(w: World) -> None:
    granted = await grant(w, language="de")
    w.clock.pass_s(60)
    row = await withdrawn(w, granted)
    assert (row.withdraws, row.withdrawn_at_ms, row.said.created_by) == (granted.id, w.now_ms, "key-2")
    assert (row.said.source, row.said.language) == ("phone", "de")
    assert await state(w) == "withdrawn"
    first = await w.store.consents.one(LIVE, granted.id)
    assert (first.state, first.withdrawn_at_ms, first.said.source) == ("withdrawn", None, "form")
    assert [one.id for one in await records(w)] == [row.id, granted.id]


async def test_CON_1_a_withdrawal_that_is_repeated_adds_nothing(w: World) -> None:
    granted = await grant(w)
    row = await withdrawn(w, granted)
    assert await withdrawn(w, granted) == row
    assert await withdrawn(w, row) == row
    assert len(await records(w)) == 2


async def test_CON_1_no_column_of_a_record_changes_but_the_mark_that_it_was_announced(w: World) -> None:
    granted = await grant(w, expires_at_ms=w.now_ms + DAY_MS)

    def kept() -> dict[str, Any]:
        with closing(sqlite3.connect(w.path)) as database:
            database.row_factory = sqlite3.Row
            row = database.execute("SELECT * FROM consent WHERE id = ?", (granted.id,)).fetchone()
        return {name: row[name] for name in row.keys() if name != "announce_at"}  # noqa: SIM118

    before = kept()
    await expiring(w)
    await withdrawn(w, granted)
    await grant(w)
    assert kept() == before


async def test_attack_row_41_a_grant_that_is_dated_back_does_not_outweigh_a_later_withdrawal(
    w: World,
) -> None:
    await withdrawn(w, await grant(w))
    w.clock.pass_s(3600)
    proof = Proof(text="signed in spring")
    row = await grant(w, granted_at_ms=w.now_ms - 30 * DAY_MS, proof=proof)
    assert row.state == "withdrawn"
    assert await state(w) == "withdrawn"


async def test_attack_row_41_a_grant_never_lifts_a_suppression(w: World) -> None:
    await w.store.suppressions.add(Wish("default", ALICE, "keyword", keyword="stop"))
    w.clock.pass_s(60)
    await grant(w)
    assert await w.store.suppressions.fact(LIVE, ALICE) is not None


async def test_a_grant_that_is_newer_than_a_withdrawal_is_live_again(w: World) -> None:
    await withdrawn(w, await grant(w))
    w.clock.pass_s(60)
    again = await grant(w)
    assert again.state == "live"
    assert await state(w) == "live"


async def test_at_the_same_instant_the_withdrawal_counts(w: World) -> None:
    await withdrawn(w, await grant(w))
    await grant(w)
    assert await state(w) == "withdrawn"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_the_order_of_recording_does_not_matter_only_when_it_was_said(
    w: World, order: tuple[int, ...]
) -> None:
    start_ms = w.now_ms
    w.clock.pass_s(10 * 86_400)
    basis = await grant(w, granted_at_ms=start_ms - DAY_MS)

    async def first() -> None:
        await grant(w, granted_at_ms=start_ms)

    async def second() -> None:
        await withdrawn(w, basis, start_ms + DAY_MS)

    async def third() -> None:
        await grant(w, granted_at_ms=start_ms + 2 * DAY_MS, language="fr")

    for index in order:
        await (first, second, third)[index]()
    fact = await w.store.consents.fact("default", ALICE, "marketing")
    assert (fact.state, fact.language) == ("live", "fr")


async def test_a_newer_grant_takes_the_place_of_an_older_one(w: World) -> None:
    old = await grant(w, expires_at_ms=w.now_ms + DAY_MS)
    w.clock.pass_s(60)
    new = await grant(w, expires_at_ms=w.now_ms + 400 * DAY_MS)
    assert (await w.store.consents.one(LIVE, old.id)).state == "superseded"
    w.clock.pass_s(2 * 86_400)
    assert await state(w) == "live"
    assert (await w.store.consents.one(LIVE, new.id)).state == "live"


async def test_CON_2_the_end_is_told_thirty_days_before_and_once(w: World) -> None:
    row = await grant(w, expires_at_ms=w.now_ms + ANNOUNCED_BEFORE_MS + 60_000)
    assert await expiring(w) == []
    w.clock.pass_s(60)
    (event,) = await expiring(w)
    assert event.payload["id"] == row.id
    assert event.payload["number"] == ALICE
    assert event.payload["purpose"] == "marketing"
    w.clock.pass_s(86_400)
    assert len(await expiring(w)) == 1


async def test_CON_2_no_end_is_told_of_what_a_later_word_outweighs_or_is_over(w: World) -> None:
    soon_ms = w.now_ms + DAY_MS
    await withdrawn(w, await grant(w, expires_at_ms=soon_ms))
    await grant(w, number="+447700900456", expires_at_ms=soon_ms)
    w.clock.pass_s(1)
    await grant(w, number="+447700900456", expires_at_ms=w.now_ms + 400 * DAY_MS)
    await grant(w, number="+447700900789", granted_at_ms=w.now_ms - 9, expires_at_ms=w.now_ms - 1)
    await grant(w, number="+447700900777")
    assert await expiring(w) == []


async def test_CON_2_many_ends_are_told_in_small_steps(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "TICK_ROWS", 10)
    for index in range(25):
        await grant(w, number=f"+4477009001{index:02d}", expires_at_ms=w.now_ms + DAY_MS)
    assert [len(await expiring(w)) for _ in range(4)] == [10, 20, 25, 25]


async def test_TEN_1_a_record_of_another_tenant_is_not_there(w: World) -> None:
    row = await grant(w)
    other = View("other")
    assert await records(w, view=other) == ()
    with pytest.raises(NotFound):
        await w.store.consents.one(other, row.id)
    with pytest.raises(NotFound):
        await w.store.consents.withdraw(other, row.id, Withdrawal(w.now_ms, "key-1"))


async def test_KEY_7_a_sandbox_key_sees_records_of_sandbox_numbers_only(w: World) -> None:
    real = await grant(w)
    sandbox = await grant(w, number="+99900000001")
    view = View("default", sandbox_only=True)
    assert [row.id for row in await records(w, view=view)] == [sandbox.id]
    with pytest.raises(NotFound):
        await w.store.consents.one(view, real.id)


async def test_records_are_listed_by_number_and_purpose_page_by_page(w: World) -> None:
    for index in range(5):
        await grant(w, number=f"+44770090012{index}")
    await grant(w, purpose="urgent")
    assert len(await records(w, ConsentFilter(number=ALICE))) == 2
    assert len(await records(w, ConsentFilter(number=ALICE, purpose="urgent"))) == 1
    first = await w.store.consents.page(LIVE, ALL, 4, None)
    rest = await w.store.consents.page(LIVE, ALL, 4, first.next)
    assert len({row.id for row in (*first.items, *rest.items)}) == 6


async def test_DAT_1_proofs_and_guardians_are_sealed_in_the_file(w: World) -> None:
    await grant(
        w, proof=Proof(text="ticked the box"), subject_is_child=True, guardian=Guardian("Ann Moor", "mother")
    )
    with closing(sqlite3.connect(w.path)) as database:
        kept = repr(database.execute("SELECT * FROM consent").fetchall())
    assert "ticked" not in kept
    assert "Moor" not in kept

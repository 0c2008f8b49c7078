"""Owns the contract of the guards about money: new countries, many texts to one number, ranges, budgets at admission.

Runs on every store of ``conftest``; the clock is moved by hand.
Source: rules PMP-1 to PMP-3; attack list row 30.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_bridge.device import DeviceInfo, LineHealth, LineIdentity, LineState
from gateway.clock import day_ends_ms
from gateway.message import Message
from gateway.policy.rules import Budget, Guard, Limits, PaceDefaults, Rules
from gateway.policy.tariff import Tariff
from gateway.store.approvals import ApprovalRow, Decision
from gateway.store.batch_rows import Incoming, NewBatch
from gateway.store.protocol import NotAdmitted
from gateway.store.rows import LineRow, Pace
from tests.peers.store_world import ALICE, LIVE, MakeWorld, World

HOUR_S = 3600
NEW_COUNTRIES = Rules(new_country_per_hour=20)
BRITISH_IMSI = "234150000000001"


def zimbabwe(number: int) -> str:
    return f"+2637712{number:05d}"


async def text(w: World, number: int, **changes: Any) -> Message:
    """Admit a text to a number of Zimbabwe."""
    return await w.admit(**{"to": zimbabwe(number), "country": "ZW", **changes})


async def reasons(messages: Sequence[Message]) -> list[str | None]:
    return [message.held_reason for message in messages]


async def alerts(w: World) -> list[dict[str, object]]:
    return [event.payload for event in await w.events() if event.type == "policy.alert"]


async def pending(w: World) -> tuple[ApprovalRow, ...]:
    return (await w.store.approvals.page(LIVE, "pending", 500, None)).items


async def british_line(w: World, *, emulated: bool = False) -> LineRow:
    kind = "emulated" if emulated else "real"
    device = DeviceInfo(id=f"imei-{kind}", kind="modem", address="port", emulated=emulated)
    await w.store.device_seen(device, True, None)
    identity = LineIdentity(f"8944{kind}", f"8944{kind}", BRITISH_IMSI, "+447700900001")
    return await w.store.line_seen(identity, device.id, LineHealth(LineState.UP))


async def refused(w: World, **changes: Any) -> NotAdmitted:
    """Admit something that must be refused, and see that nothing was stored."""
    before = await w.store.counts("default")
    with pytest.raises(NotAdmitted) as caught:
        await w.admit(**changes)
    assert await w.store.counts("default") == before
    return caught.value


# ------------------------------------------------------------------ new countries


async def test_PMP_1_the_21st_new_recipient_of_an_hour_in_a_new_country_is_held_and_told_of_once(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=NEW_COUNTRIES) as w:
        first = [await text(w, number) for number in range(20)]
        assert await reasons(first) == [None] * 20
        rest = [await text(w, number, reference="x") for number in range(20, 25)]
        assert [(m.state.value, m.held_reason) for m in rest] == [("held", "new_country")] * 5
        assert (await text(w, 3)).held_reason is None, "whom it knows it may write to again"
        told = await alerts(w)
        assert [(one["kind"], one["country"], one["message_id"]) for one in told] == [
            ("new_country", "ZW", rest[0].id)
        ]
        assert len(await pending(w)) == 5
        a = await w.line("a")
        sent = 0
        while (claimed := await w.claim(a)).prepared is not None:
            await w.all_sent(claimed.prepared)
            sent += 1
        assert sent == 21, "nothing that is held reaches the radio"


async def test_PMP_1_a_slow_stream_to_a_new_country_is_not_held_and_the_hour_slides(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=NEW_COUNTRIES) as w:
        for number in range(40):
            assert (await text(w, number)).held_reason is None
            w.clock.pass_s(HOUR_S / 20 + 1)


async def test_PMP_1_a_country_is_known_a_day_after_the_first_text(make_world: MakeWorld) -> None:
    async with make_world(rules=NEW_COUNTRIES) as w:
        await text(w, 0)
        w.clock.pass_s(24 * HOUR_S - 60)
        assert "new_country" in await reasons([await text(w, number) for number in range(1, 25)])
        w.clock.pass_s(61)
        assert await reasons([await text(w, number) for number in range(100, 150)]) == [None] * 50


async def test_PMP_1_countries_are_new_each_for_itself_and_for_each_tenant(make_world: MakeWorld) -> None:
    async with make_world(rules=NEW_COUNTRIES) as w:
        for number in range(20):
            await text(w, number)
        assert (await w.admit(to="+26650123456", country="LS")).held_reason is None
        assert (await text(w, 30, tenant="other")).held_reason is None
        assert (await text(w, 30)).held_reason == "new_country"


async def test_PMP_1_a_first_real_batch_to_the_country_of_the_own_sim_is_not_held(
    make_world: MakeWorld,
) -> None:
    """Also where emulated lines are not exempt: the SIM of an emulated line says nothing about home."""
    rules = Rules(new_country_per_hour=20, emulated_exempt=False)
    async with make_world(rules=rules) as w:
        await british_line(w, emulated=True)
        emulated_only = [await w.admit(to=f"+4479111{n:05d}", country="GB") for n in range(21)]
        assert emulated_only[-1].held_reason == "new_country"
        await british_line(w)
        batch = [await w.admit(to=f"+4479222{n:05d}", country="GB") for n in range(100)]
        assert await reasons(batch) == [None] * 100


async def test_PMP_1_home_countries_are_never_new(make_world: MakeWorld) -> None:
    async with make_world(rules=Rules(new_country_per_hour=2, home_countries=frozenset({"ZW"}))) as w:
        assert await reasons([await text(w, number) for number in range(30)]) == [None] * 30


async def test_PMP_1_emulated_lines_are_exempt_unless_the_policy_says_otherwise(
    make_world: MakeWorld,
) -> None:
    guard = Guard(per_recipient_per_hour=1)
    budget = Budget(parts_per_day=1)
    for exempt in (True, False):
        rules = Rules(guards=(guard,), budgets=(budget,), emulated_exempt=exempt)
        async with make_world(rules=rules) as w:
            sandboxed: dict[str, Any] = {"to": f"+99910000000{int(exempt)}", "sandbox": True}
            await w.admit(**sandboxed)
            if exempt:
                await w.admit(**sandboxed)
            else:
                assert (await refused(w, **sandboxed)).code == "recipient_limit"


async def test_PMP_3_what_an_emulated_line_sends_counts_where_it_is_not_exempt(make_world: MakeWorld) -> None:
    for exempt in (True, False):
        rules = Rules(budgets=(Budget(key="key", parts_per_day=1),), emulated_exempt=exempt)
        async with make_world(rules=rules) as w:
            line = await w.line(f"emulated-{exempt}", emulated=True)
            sandboxed: dict[str, Any] = {"to": "+999100000001", "sandbox": True, "key_id": "key"}
            for _ in range(2):
                await w.admit(**sandboxed)
            assert (await w.claim(line)).prepared is not None
            assert ((await w.claim(line)).prepared is not None) == exempt


# ------------------------------------------------------------------ a person's word


async def test_PMP_1_one_yes_releases_what_is_held_for_the_same_country_and_the_country_is_known(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=NEW_COUNTRIES) as w:
        head = await w.key("head")
        held = [await text(w, number) for number in range(25)][20:]
        other = [await w.admit(to=f"+2665012{n:04d}", country="LS") for n in range(21)][-1]
        asked = next(row for row in await pending(w) if row.subject == held[0].id)
        await w.store.approvals.decide(LIVE, asked.id, Decision(True, asked.digest, head, "head"))
        assert [await w.state(message.id) for message in held] == ["queued"] * 5
        assert await w.state(other.id) == "held"
        assert (await text(w, 300)).held_reason is None


async def test_CNT_2_a_yes_to_another_persons_text_does_not_release_ones_own(make_world: MakeWorld) -> None:
    """Row 41 by a detour: what is alike is released together, but never what the approver wrote."""
    async with make_world(rules=NEW_COUNTRIES) as w:
        head = await w.key("head")
        for number in range(20):
            await text(w, number)
        theirs, own = await text(w, 21, key_id="clerk"), await text(w, 22, key_id=head)
        asked = next(row for row in await pending(w) if row.subject == theirs.id)
        await w.store.approvals.decide(LIVE, asked.id, Decision(True, asked.digest, head, "head"))
        assert (await w.state(theirs.id), await w.state(own.id)) == ("queued", "held")


async def test_CNT_2_a_yes_to_a_country_does_not_release_a_text_that_was_held_for_its_content(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=NEW_COUNTRIES) as w:
        head = await w.key("head")
        for number in range(20):
            await text(w, number)
        plain = await text(w, 21)
        suspicious = await text(w, 22, held_reason="content:links")
        assert suspicious.held_reason == "content:links"
        asked = next(row for row in await pending(w) if row.subject == plain.id)
        await w.store.approvals.decide(LIVE, asked.id, Decision(True, asked.digest, head, "head"))
        assert (await w.state(plain.id), await w.state(suspicious.id)) == ("queued", "held")


async def test_PMP_2_a_yes_to_a_batch_does_not_release_what_of_it_looks_like_pumping(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=Rules(guards=(Guard(number_range=10),))) as w:
        head = await w.key("head")
        batch = NewBatch("batch-1", "default", "key", False, "transactional", w.now_ms)
        await w.store.batches.create(batch)
        holds = frozenset({"approval"})
        incoming = [
            Incoming(n, w.new(to=zimbabwe(n), batch_id=batch.id, held_reason="approval"), None, holds)
            for n in range(12)
        ]
        await w.store.batches.add(batch.id, incoming, [])
        row, _ = await w.store.batches.finish(batch.id, None, None, 10)
        assert (row.state, row.held_reason) == ("held", "approval")
        asked = next(row for row in await pending(w) if row.kind == "batch")
        await w.store.approvals.decide(LIVE, asked.id, Decision(True, asked.digest, head, "head"))
        states = [await w.state(one.new.id) for one in incoming]
        assert states == ["queued"] * 9 + ["held"] * 3
        assert [row.reason for row in await pending(w)] == ["number_range"] * 3


# ------------------------------------------------------------------ one number, one range


async def test_PMP_2_the_sixth_text_to_one_number_in_an_hour_is_refused_with_the_time_to_wait(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=Rules(guards=(Guard(per_recipient_per_hour=5),))) as w:
        for _ in range(5):
            await w.admit()
            w.clock.pass_s(60)
        error = await refused(w)
        assert (error.code, error.retry_after_s) == ("recipient_limit", HOUR_S - 300)
        await w.admit(to="+447700900124")
        w.clock.pass_s(HOUR_S - 300)
        await w.admit()
        assert (await refused(w)).code == "recipient_limit"


@given(waits_s=st.lists(st.integers(0, 1500), min_size=5, max_size=40), limit=st.integers(1, 6))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_PMP_2_no_hour_ever_has_more_texts_to_one_number_than_the_limit(
    make_world: MakeWorld, waits_s: list[int], limit: int
) -> None:
    async with make_world(rules=Rules(guards=(Guard(per_recipient_per_hour=limit),))) as w:
        newest = await w.store.newest_row_at_ms()
        w.clock.wall_ms = max(w.now_ms, newest or 0) + 3 * HOUR_S * 1000
        admitted: list[int] = []
        for wait_s in waits_s:
            w.clock.pass_s(wait_s)
            try:
                await w.admit()
            except NotAdmitted:
                continue
            admitted.append(w.now_ms)
        assert admitted
        for start_ms in admitted:
            assert sum(start_ms <= at_ms < start_ms + HOUR_S * 1000 for at_ms in admitted) <= limit


async def test_PMP_2_ten_recipients_that_share_all_but_three_digits_in_ten_minutes_are_held(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=Rules(guards=(Guard(number_range=10),))) as w:
        held = await reasons([await text(w, number) for number in range(300)])
        assert held == [None] * 9 + ["number_range"] * 291
        told = [one for one in await alerts(w) if one["kind"] == "number_range"]
        assert len(told) == 1, "told of once for the range"
        assert (await text(w, 4)).held_reason == "number_range", "the range, not the number, is suspicious"
        assert (await w.admit(to="+263771399001", country="ZW")).held_reason is None, "another range"
        w.clock.pass_s(601)
        assert (await text(w, 1)).held_reason is None


async def test_PMP_2_the_same_number_ten_times_is_no_range(make_world: MakeWorld) -> None:
    async with make_world(rules=Rules(guards=(Guard(number_range=3),))) as w:
        assert await reasons([await w.admit() for _ in range(10)]) == [None] * 10


async def test_PMP_2_a_guard_binds_its_key_or_its_pool_alone(make_world: MakeWorld) -> None:
    guards = (Guard(key="otp", per_recipient_per_hour=1), Guard(pool="codes", per_recipient_per_hour=2))
    async with make_world(rules=Rules(guards=guards)) as w:
        otp = await w.key("otp")
        await w.admit(key_id=otp)
        assert (await refused(w, key_id=otp)).code == "recipient_limit"
        for _ in range(4):
            await w.admit(key_id="other")
        codes: dict[str, Any] = {"route": "pool:codes", "pool": "codes"}
        for _ in range(2):
            await w.admit(**codes)
        assert (await refused(w, **codes)).code == "recipient_limit"


async def test_PMP_2_a_text_to_a_country_that_is_not_listed_is_refused(make_world: MakeWorld) -> None:
    async with make_world(rules=Rules(guards=(Guard(allow_countries=("GB", "IE")),))) as w:
        await w.admit(country="GB")
        error = await refused(w, to=zimbabwe(1), country="ZW")
        assert error.code == "destination_not_allowed"
        assert "GB, IE only" in error.detail
        assert "ZW" in error.detail


async def test_PMP_2_the_preset_otp_takes_the_countries_of_the_sims_for_ones_own(
    make_world: MakeWorld,
) -> None:
    rules = Rules(guards=(Guard(own_countries=True),), home_countries=frozenset({"IE"}))
    async with make_world(rules=rules) as w:
        await british_line(w)
        await w.admit(country="GB")
        await w.admit(to="+353851234567", country="IE")
        error = await refused(w, to=zimbabwe(1), country="ZW")
        assert error.code == "destination_not_allowed"
        assert "GB, IE only" in error.detail


async def test_PMP_2_the_preset_otp_refuses_no_country_where_nobody_says_which_is_ones_own(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=Rules(guards=(Guard(own_countries=True),))) as w:
        await w.admit(to=zimbabwe(1), country="ZW")


async def test_PMP_2_what_was_refused_or_rolled_back_is_not_counted(make_world: MakeWorld) -> None:
    rules = Rules(guards=(Guard(per_recipient_per_hour=2),), budgets=(Budget(key="poor", parts_per_day=1),))
    async with make_world(rules=rules) as w:
        poor = await w.key("poor")
        a = await w.line("a")
        await w.admit(key_id=poor, to="+447700900199")
        await w.take(a)
        for _ in range(5):
            assert (await refused(w, key_id=poor)).code == "quota_exhausted"
        await w.admit()
        await w.admit()


async def test_PMP_2_a_row_of_a_batch_that_one_guard_refuses_does_not_count_with_the_others(
    make_world: MakeWorld,
) -> None:
    guards = (Guard(per_recipient_per_hour=2), Guard(pool="codes", allow_countries=("GB",)))
    async with make_world(rules=Rules(guards=guards)) as w:
        await w.store.batches.create(NewBatch("batch-1", "default", "key", False, "transactional", w.now_ms))
        codes: dict[str, Any] = {"route": "pool:codes", "pool": "codes", "country": "ZW"}
        rows = [w.new(to=zimbabwe(1), batch_id="batch-1", **codes) for _ in range(3)]
        await w.store.batches.add("batch-1", [Incoming(n, row) for n, row in enumerate(rows)], [])
        batch, _ = await w.store.batches.finish("batch-1", None, None, 10)
        assert [row.code for row in batch.rejections] == ["destination_not_allowed"] * 3
        await text(w, 1)
        await text(w, 1)
        assert (await refused(w, to=zimbabwe(1), country="ZW")).code == "recipient_limit"


async def test_attack_row_30_pumping_is_held_or_refused_before_the_radio(make_world: MakeWorld) -> None:
    rules = Rules(
        new_country_per_hour=20, guards=(Guard(key="login", per_recipient_per_hour=5, number_range=10),)
    )
    async with make_world(rules=rules) as w:
        login = await w.key("login")
        a = await w.line("a")
        await british_line(w)
        outcomes: list[str] = []
        for number in range(300):
            outcomes.append((await text(w, number % 100, key_id=login)).state.value)
            if number == 99:
                w.clock.pass_s(60)
        limits = 0
        for _ in range(20):
            try:
                await w.admit(key_id=login)
            except NotAdmitted as error:
                limits += error.code == "recipient_limit"
        assert outcomes.count("queued") == 9
        assert limits == 15
        assert {one["kind"] for one in await alerts(w)} >= {"number_range"}
        sent: list[str] = []
        while (claimed := await w.claim(a)).prepared is not None:
            sent.append(claimed.prepared.work.message.to)
            await w.all_sent(claimed.prepared)
        assert (len(sent), sent.count(ALICE)) == (14, 5)


# ------------------------------------------------------------------ budgets


@pytest.mark.parametrize("whose", ["key", "tenant", "Shop", "+447700900001"])
async def test_PMP_3_a_used_up_budget_refuses_at_the_door_and_says_when_it_goes_on(
    make_world: MakeWorld, whose: str
) -> None:
    of_line = whose not in ("key", "tenant")
    budget = Budget(
        key="shop" if whose == "key" else None,
        line=whose if of_line else None,
        parts_per_day=2,
    )
    rules = Rules(budgets=(budget,), limits=Limits(PaceDefaults(0, 0), (budget,)))
    async with make_world(rules=rules) as w:
        shop = await w.key("shop")
        line = await w.line("a", label="Shop")
        route: dict[str, Any] = {}
        if of_line:
            route = {"route": f"line:{line.id}", "line": line.id, "pool": None}
        pace = Pace(budgets=(budget,) if of_line else ())
        for _ in range(2):
            await w.admit(key_id=shop, **route)
            assert (await w.claim(line, pace=pace)).prepared is not None
        error = await refused(w, key_id=shop, **route)
        assert (error.code, error.retry_after_s) == (
            "quota_exhausted",
            (day_ends_ms(w.now_ms) - w.now_ms) // 1000,
        )
        if of_line:
            assert 'Line "Shop" has used up' in error.detail
            await w.admit(key_id=shop)  # another line may take it
        assert error.retry_after_s is not None
        w.clock.pass_s(error.retry_after_s + 1)
        await w.admit(key_id=shop, **route)


async def test_PMP_3_money_that_is_used_up_to_the_last_unit_refuses_too(make_world: MakeWorld) -> None:
    budget = Budget(key="shop", micro_per_month=100_000, currency="GBP")
    async with make_world(rules=Rules(budgets=(budget,))) as w:
        shop = await w.key("shop")
        a = await w.line("a")
        pace = Pace(tariff=Tariff("GBP", 50_000))
        for _ in range(2):
            await w.admit(key_id=shop)
            assert (await w.claim(a, pace=pace)).prepared is not None
        error = await refused(w, key_id=shop)
        assert (error.code, "the budget of the month" in error.detail) == ("quota_exhausted", True)


async def silent_line(w: World) -> None:
    """Plug in a SIM of a test network, which does not say its country."""
    await w.store.device_seen(DeviceInfo("imei-1", "modem", "port", emulated=False), True, None)
    sim = LineIdentity("test", "8999990000000000001", "001010000000001", None)
    await w.store.line_seen(sim, "imei-1", LineHealth(LineState.UP))


async def test_PMP_1_where_no_sim_says_its_country_the_first_one_written_to_is_home(
    make_world: MakeWorld,
) -> None:
    async with make_world(rules=NEW_COUNTRIES) as w:
        await silent_line(w)
        home = [await w.admit(to=f"+336399800{n:02d}", country="FR") for n in range(30)]
        assert await reasons(home) == [None] * 30
        assert (await reasons([await text(w, n) for n in range(30)])).count("new_country") == 10


async def test_PMP_1_a_country_tried_in_the_sandbox_does_not_make_the_first_real_one_foreign(
    make_world: MakeWorld,
) -> None:
    rules = Rules(new_country_per_hour=20, emulated_exempt=False)
    async with make_world(rules=rules) as w:
        await silent_line(w)
        await text(w, 1, sandbox=True)
        home = [await w.admit(to=f"+336399800{n:02d}", country="FR") for n in range(30)]
        assert await reasons(home) == [None] * 30

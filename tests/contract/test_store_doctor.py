"""Owns the contract of a store for the doctor: what was begun is kept, what held is known, what is put off comes back.

Runs on every store of ``conftest``; the clock is moved by hand.
Source: docs/doctor.md, *Repairs*.
"""

from __future__ import annotations

import re
from pathlib import Path

from gateway.store.audit import Deed
from gateway.store.doctor import KEPT_MS, REPAIR_STATES, Remembered
from gateway.store.migrations import __file__ as migrations_file
from tests.peers.store_world import World

TENANT = "default"
DAY_MS = 86_400_000
DEED = Deed("doctor.fix", "key:k", TENANT)


async def read(w: World, tenant: str = TENANT) -> Remembered:
    return await w.store.doctor.read(tenant)


async def test_what_is_begun_is_there_before_anybody_says_what_became_of_it(w: World) -> None:
    await w.store.doctor.begin("f1", "{finding}", "{change}", DEED)
    (repair,) = (await read(w)).repairs.values()
    assert (repair.id, repair.finding, repair.change, repair.state) == (
        "f1",
        "{finding}",
        "{change}",
        "begun",
    )
    assert repair.fixed_at_ms is None


async def test_a_repair_is_fixed_only_when_the_check_said_nothing(w: World) -> None:
    await w.store.doctor.begin("f1", "f", "c", DEED)
    await w.store.doctor.end(TENANT, "f1", "The mode is wide still.")
    repair = (await read(w)).repairs["f1"]
    assert (repair.state, repair.said, repair.fixed_at_ms) == ("open", "The mode is wide still.", None)
    await w.store.doctor.end(TENANT, "f1", None)
    repair = (await read(w)).repairs["f1"]
    assert (repair.state, repair.said, repair.fixed_at_ms) == ("fixed", "", w.clock.now_ms())


async def test_a_second_try_keeps_how_it_was_before_the_first_until_the_first_held(w: World) -> None:
    await w.store.doctor.begin("f1", "f", "before the first", DEED)
    await w.store.doctor.begin("f1", "f", "half changed", DEED)
    assert (await read(w)).repairs["f1"].change == "before the first"
    await w.store.doctor.end(TENANT, "f1", None)
    await w.store.doctor.begin("f1", "f", "before another trouble", DEED)
    repair = (await read(w)).repairs["f1"]
    assert (repair.change, repair.state, repair.fixed_at_ms) == ("before another trouble", "begun", None)


async def test_what_was_taken_back_is_forgotten(w: World) -> None:
    await w.store.doctor.begin("f1", "f", "c", DEED)
    await w.store.doctor.forget("f1", DEED)
    assert (await read(w)).repairs == {}


async def test_what_held_for_a_month_is_forgotten_and_what_did_not_is_kept(w: World) -> None:
    for name, said in (("held", None), ("open", "still so")):
        await w.store.doctor.begin(name, "f", "c", DEED)
        await w.store.doctor.end(TENANT, name, said)
    w.clock.wall_ms += KEPT_MS + 1
    await w.store.doctor.begin("new", "f", "c", DEED)
    await w.store.doctor.end(TENANT, "new", None)
    assert set((await read(w)).repairs) == {"open", "new"}


async def test_what_is_put_off_comes_back_at_its_time_or_when_it_is_asked_for(w: World) -> None:
    until_ms = w.clock.now_ms() + 7 * DAY_MS
    await w.store.doctor.snooze("f1", until_ms, DEED)
    await w.store.doctor.snooze("f2", until_ms, DEED)
    assert (await read(w)).snoozed == {"f1": until_ms, "f2": until_ms}
    await w.store.doctor.unsnooze("f2", DEED)
    w.clock.wall_ms = until_ms - 1
    assert (await read(w)).snoozed == {"f1": until_ms}
    w.clock.wall_ms = until_ms
    assert (await read(w)).snoozed == {}


async def test_TEN_1_another_tenant_sees_nothing_of_it(w: World) -> None:
    await w.store.doctor.begin("f1", "f", "c", DEED)
    await w.store.doctor.snooze("f2", w.clock.now_ms() + DAY_MS, DEED)
    assert await read(w, "other") == Remembered()


def test_the_states_that_the_table_takes_are_those_of_the_code() -> None:
    script = Path(migrations_file).with_name("0011_doctor.sql").read_text()
    listed = re.search(r"CHECK \(state IN \(([^)]*)\)\)", script)
    assert listed is not None
    assert tuple(re.findall(r"'(\w+)'", listed[1])) == REPAIR_STATES

"""Owns the contract of a store for PINs of SIMs: each is kept sealed under its SIM, replaced, and forgotten.

Runs on every store of ``conftest``.
Source: rules DAT-1.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gateway.startup import StorePinMemory
from tests.peers.store_world import World

SIM, OTHER = "8944110068000000001", "8944110068000000002"


def everything(path: Path) -> bytes:
    """The database with its log, as a thief would have it."""
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


async def test_a_pin_is_kept_for_its_sim_and_no_other(w: World) -> None:
    await w.store.sim_pins.keep(SIM, "83915273")
    assert await w.store.sim_pins.pin_of(SIM) == "83915273"
    assert await w.store.sim_pins.pin_of(OTHER) is None


async def test_a_newer_pin_takes_the_place_of_the_older_one(w: World) -> None:
    await w.store.sim_pins.keep(SIM, "1234")
    await w.store.sim_pins.keep(SIM, "4321")
    assert await w.store.sim_pins.pin_of(SIM) == "4321"


async def test_a_pin_that_is_forgotten_is_gone(w: World) -> None:
    await w.store.sim_pins.keep(SIM, "1234")
    await w.store.sim_pins.keep(OTHER, "4321")
    await w.store.sim_pins.forget(SIM)
    await w.store.sim_pins.forget(SIM)
    assert await w.store.sim_pins.pin_of(SIM) is None
    assert await w.store.sim_pins.pin_of(OTHER) == "4321"


async def test_DAT_1_no_pin_stands_in_the_database_in_clear(w: World) -> None:
    await w.store.sim_pins.keep(SIM, "83915273")
    assert b"83915273" not in everything(w.path)


async def test_a_pin_that_was_moved_to_another_sim_is_asked_for_again(w: World) -> None:
    memory = StorePinMemory(w.store)
    await memory.keep_pin(SIM, "1234")
    with sqlite3.connect(w.path) as thief:
        thief.execute("UPDATE sim_pin SET iccid = ?", (OTHER,))
    thief.close()
    assert await memory.pin_of(OTHER) is None


@pytest.mark.parametrize("pin", ["1234", "00000000"])
async def test_what_a_sim_refused_and_what_it_took_are_known_after_a_restart(w: World, pin: str) -> None:
    memory = StorePinMemory(w.store)
    await memory.remember_refused(SIM, "hash")
    await memory.keep_pin(SIM, pin)
    assert await memory.was_refused(SIM, "hash")
    assert await memory.pin_of(SIM) == pin
    await memory.forget_pin(SIM)
    assert await memory.pin_of(SIM) is None
    assert await memory.was_refused(SIM, "hash")

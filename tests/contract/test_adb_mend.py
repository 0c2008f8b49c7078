"""Owns the contract of one repair of a phone: what is read before it, what it changes, and what taking it back leaves.

On a phone that is a table behind a scripted adb server; whole phones are played in tests/integration.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from device_bridge.adb import AdbServer, Refused, Wanted
from device_bridge.adb.handset import Handset
from device_bridge.adb.limit import COUNT_KEY, INTERVAL_KEY
from device_bridge.adb.mend import DECLINED, MENDABLE, before, mend, take_back
from device_bridge.adb.reconcile import reconcile
from device_bridge.adb.release import LEDGER
from tests.peers.scripted_adb import OKAY, ScriptedAdb, scripted_adb, text
from tests.peers.scripted_handset import Keeper, TablePhone

PACKAGE = "org.smsline.companion"
SERIALNO = "R58M1"
SENDS, READS = "android.permission.SEND_SMS", "android.permission.READ_SMS"
WHITELIST = "cmd deviceidle whitelist"
LISTED = f"user,{PACKAGE},10200"


async def nothing(*_: object) -> bytes:
    return b""


WANTED = Wanted(version_code=2, apk=nothing, host_port=40123, pairing=nothing, linked=lambda _serialno: True)


class Bench:
    """A phone on the table with the app on it, and the steps' view of it."""

    def __init__(self, adb: ScriptedAdb) -> None:
        self.adb = adb
        self.keeper = Keeper()
        self.table = TablePhone()
        self.table.table = {
            "getprop sys.boot_completed": ("1\n", "", 0),
            "getprop ro.build.version.sdk": ("33\n", "", 0),
            "pm path android": ("package:/x.apk\n", "", 0),
        }
        self.granted(
            "POST_NOTIFICATIONS", "RECEIVE_SMS", "READ_SMS", "READ_PHONE_STATE", "READ_PHONE_NUMBERS"
        )
        adb.shell = self.table.shell
        adb.answers["reverse:list-forward"] = OKAY + text("x tcp:47321 tcp:40123\n")

    def granted(self, *names: str) -> None:
        rows = "".join(f"      android.permission.{name}: granted=true\n" for name in names)
        said = f"Package [{PACKAGE}] (1):\n  versionCode=2 minSdk=26\n    runtime permissions:\n{rows}"
        self.table.table[f"dumpsys package {PACKAGE}"] = (said, "", 0)

    @property
    def phone(self) -> Handset:
        server = AdbServer("127.0.0.1", self.adb.port)
        return Handset(server, self.keeper, lambda: 1_770_000_100_000, "usb1", SERIALNO, WANTED)

    @property
    def declined(self) -> str | None:
        return self.keeper.ledger.get((SERIALNO, DECLINED))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with scripted_adb() as server:
        yield Bench(server)


async def test_only_the_permissions_that_this_repair_gave_are_taken_away(bench: Bench) -> None:
    bench.keeper.ledger[SERIALNO, "granted"] = f"{READS}"
    was = await before(bench.phone, "grants")
    assert was == SENDS
    bench.granted("SEND_SMS", "READ_SMS")
    step = await take_back(bench.phone, "grants", was)
    assert step.outcome == "fixed"
    assert [line for line in bench.table.lines if line.startswith("pm revoke")] == [
        f"pm revoke {PACKAGE} {SENDS}"
    ]
    assert bench.keeper.ledger[SERIALNO, "granted"] == READS


async def test_a_raised_limit_goes_back_to_the_very_values_and_leaves_what_a_person_set(bench: Bench) -> None:
    bench.table.settings = {INTERVAL_KEY: "1800000"}
    was = await before(bench.phone, "limit")
    await mend(bench.phone, "limit")
    assert bench.table.settings == {COUNT_KEY: "200", INTERVAL_KEY: "60000"}
    bench.table.settings[COUNT_KEY] = "500"
    await take_back(bench.phone, "limit", was)
    assert bench.table.settings == {COUNT_KEY: "500", INTERVAL_KEY: "1800000"}
    assert (await take_back(bench.phone, "limit", was)).outcome == "skipped"


async def test_app_ops_go_back_to_the_modes_that_were_there(bench: Bench) -> None:
    op = "RUN_ANY_IN_BACKGROUND"
    bench.table.table[f"appops get {PACKAGE} {op}"] = (f"{op}: ignore\n", "", 0)
    was = await before(bench.phone, "background")
    await take_back(bench.phone, "background", was)
    assert f"appops set {PACKAGE} {op} ignore" in bench.table.lines


async def test_what_was_taken_back_is_only_looked_at_until_somebody_asks_for_it(bench: Bench) -> None:
    bench.table.table[WHITELIST] = (LISTED, "", 0)
    await take_back(bench.phone, "doze", "")
    declined = bench.declined
    assert declined == "doze"
    bench.table.table[WHITELIST] = ("", "", 0)
    bench.table.lines.clear()
    steps = await reconcile(bench.phone, change=True)
    assert next(step for step in steps if step.name == "doze").outcome == "waiting"
    assert f"{WHITELIST} +{PACKAGE}" not in bench.table.lines

    await mend(bench.phone, "doze")
    assert bench.declined is None
    assert f"{WHITELIST} +{PACKAGE}" in bench.table.lines


async def test_a_repair_changes_nothing_but_its_own(bench: Bench) -> None:
    bench.table.table[WHITELIST] = ("", "", 0)
    await mend(bench.phone, "doze")
    assert [line for line in bench.table.changes() if line != WHITELIST] == [f"{WHITELIST} +{PACKAGE}"]


@pytest.mark.parametrize("name", sorted(MENDABLE))
async def test_a_phone_without_our_app_is_not_touched(bench: Bench, name: str) -> None:
    bench.table.table[f"dumpsys package {PACKAGE}"] = ("Unable to find package", "", 0)
    for asked in (before(bench.phone, name), mend(bench.phone, name), take_back(bench.phone, name, "")):
        with pytest.raises(Refused):
            await asked
    assert bench.table.changes() == []


def test_a_release_forgets_what_was_taken_back() -> None:
    assert DECLINED in LEDGER

"""Owns the contract of the steps: what is asked, what is changed, what is told, and what is taken back.

On a phone that is a table behind a scripted adb server; whole phones are played in tests/integration.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from device_bridge.adb import AdbServer, PhoneHost, Wanted
from device_bridge.adb import release as taking_back
from device_bridge.adb.handset import Handset
from device_bridge.adb.limit import COUNT_KEY, INTERVAL_KEY, limit
from device_bridge.adb.reconcile import reconcile
from device_bridge.adb.screen import look
from device_bridge.adb.tether import pairing, reverse, service
from tests.peers.scripted_adb import OKAY, ScriptedAdb, fail, scripted_adb, text
from tests.peers.scripted_handset import Keeper, TablePhone

PACKAGE = "org.smsline.companion"
SECRET = b'{"code":"0123456789ABCDEFGHJKMNPQRS","port":47321}'
CONTENT = f"content write --uri content://{PACKAGE}.handover/pairing"
START = f"am start-foreground-service -n {PACKAGE}/.CompanionService --ei usb_port 47321"
ADD = "reverse:forward:norebind:tcp:47321;tcp:40123"


async def apk() -> bytes:
    return b"apk"


async def handover(_serialno: str) -> bytes:
    return SECRET


WANTED = Wanted(
    version_code=2,
    apk=apk,
    host_port=40123,
    pairing=handover,
    linked=lambda _serialno: False,
    provision="auto",
)


@pytest.fixture
async def adb() -> AsyncIterator[ScriptedAdb]:
    async with scripted_adb() as server:
        yield server


class Bench:
    """A phone on the table, and the steps' view of it."""

    def __init__(self, adb: ScriptedAdb) -> None:
        self.adb = adb
        self.table = TablePhone()
        self.keeper = Keeper()
        self.now_ms = 1_770_000_100_000
        adb.shell = self.table.shell
        self.wanted = WANTED

    @property
    def phone(self) -> Handset:
        server = AdbServer("127.0.0.1", self.adb.port)
        made = Handset(server, self.keeper, lambda: self.now_ms, "usb1", "R58M1", self.wanted)
        made.sdk, made.maker = 33, "Google"
        return made


@pytest.fixture
def bench(adb: ScriptedAdb) -> Bench:
    return Bench(adb)


# ---------------------------------------------------------------------- the limit


async def test_a_limit_that_nobody_set_is_the_platforms_own(bench: Bench) -> None:
    step = await limit(bench.phone, change=True)
    assert step.outcome == "ok"
    assert bench.keeper.limits == [(30, 60, True)]
    assert bench.table.changes() == []


async def test_a_limit_is_raised_only_where_agreed_and_acts_only_after_a_restart(bench: Bench) -> None:
    bench.wanted = replace(WANTED, raise_limit=True)
    step = await limit(bench.phone, change=True)
    assert (step.outcome, "restart" in step.hint.lower()) == ("waiting", True)
    assert bench.table.settings == {COUNT_KEY: "200", INTERVAL_KEY: "60000"}

    await limit(bench.phone, change=True)
    assert bench.keeper.limits == [(200, 60, False)] * 2
    assert "reboot" not in bench.table.lines

    bench.table.boot = "1770009999999"
    assert (await limit(bench.phone, change=True)).outcome == "ok"
    assert bench.keeper.limits[-1] == (200, 60, True)


async def test_a_restart_is_ordered_once_where_it_is_allowed(bench: Bench) -> None:
    bench.wanted = replace(WANTED, raise_limit=True, may_reboot=True)
    first = bench.phone
    await limit(first, change=True)
    assert first.restarting
    second = bench.phone
    step = await limit(second, change=True)
    assert not second.restarting
    assert "by hand" in step.hint
    assert bench.table.lines.count("reboot") == 1


async def test_without_androids_own_mark_the_kernels_clock_tells_of_a_restart(bench: Bench) -> None:
    bench.table.boot = ""
    bench.wanted = replace(WANTED, raise_limit=True)
    bench.table.table["cat /proc/uptime"] = ("8000.00 1.00\n", "", 0)
    await limit(bench.phone, change=True)
    bench.now_ms += 500_000
    bench.table.table["cat /proc/uptime"] = ("8500.40 1.00\n", "", 0)
    await limit(bench.phone, change=True)
    bench.now_ms += 100_000
    bench.table.table["cat /proc/uptime"] = ("60.00 1.00\n", "", 0)
    await limit(bench.phone, change=True)
    assert [in_force for _, _, in_force in bench.keeper.limits] == [False, False, True]


async def test_a_limit_that_somebody_else_raised_is_believed_after_a_restart(bench: Bench) -> None:
    bench.table.settings = {COUNT_KEY: "20000"}
    await limit(bench.phone, change=True)
    bench.table.boot = "1770009999999"
    await limit(bench.phone, change=True)
    assert bench.keeper.limits == [(20000, 60, False), (20000, 60, True)]


async def test_a_lowered_limit_is_kept_to_at_once(bench: Bench) -> None:
    bench.table.settings = {COUNT_KEY: "10", INTERVAL_KEY: "1800000"}
    await limit(bench.phone, change=True)
    assert bench.keeper.limits == [(10, 1800, True)]


async def test_a_maker_who_forbids_raising_is_named_and_the_old_limit_is_told(bench: Bench) -> None:
    bench.wanted = replace(WANTED, raise_limit=True)
    denial = "java.lang.SecurityException: requires:android.permission.WRITE_SECURE_SETTINGS"
    bench.table.table[f"settings put global {COUNT_KEY} 200"] = ("", denial, 255)
    phone = bench.phone
    phone.maker = "Xiaomi"
    step = await limit(phone, change=True)
    assert step.outcome == "refused"
    assert "Security settings" in step.hint
    assert bench.keeper.limits == [(30, 60, True)]


# ---------------------------------------------------------------------- taking back


async def test_a_release_gives_back_the_very_values_that_were_there(bench: Bench) -> None:
    bench.wanted = replace(WANTED, raise_limit=True)
    bench.table.settings = {INTERVAL_KEY: "1800000"}
    await limit(bench.phone, change=True)
    bench.adb.answers["reverse:list-forward"] = OKAY + text("x tcp:47321 tcp:40123\nx tcp:9 tcp:8\n")
    bench.adb.answers["reverse:killforward:tcp:47321"] = OKAY + OKAY
    steps = await taking_back.release(bench.phone, remove_app=False)
    assert bench.table.settings == {INTERVAL_KEY: "1800000"}
    assert not any(request.endswith("killforward:tcp:9") for request in bench.adb.requests)
    assert all(step.outcome in ("fixed", "skipped", "ok") for step in steps)
    assert bench.keeper.ledger == {}


async def test_a_release_leaves_what_a_person_changed_since(bench: Bench) -> None:
    bench.wanted = replace(WANTED, raise_limit=True)
    await limit(bench.phone, change=True)
    bench.table.settings[COUNT_KEY] = "500"
    bench.adb.answers["reverse:list-forward"] = OKAY + text("")
    await taking_back.release(bench.phone, remove_app=False)
    assert bench.table.settings == {COUNT_KEY: "500"}


async def test_what_could_not_be_taken_back_is_tried_again_later(bench: Bench) -> None:
    bench.keeper.ledger["R58M1", "doze"] = "added"
    bench.adb.answers["reverse:list-forward"] = OKAY + text("")
    line = f"cmd deviceidle whitelist -{PACKAGE}"
    bench.table.table[line] = ("", "java.lang.SecurityException: uid 2000", 255)
    await taking_back.release(bench.phone, remove_app=False)
    assert bench.keeper.ledger == {("R58M1", "doze"): "added"}
    del bench.table.table[line]
    await taking_back.release(bench.phone, remove_app=False)
    assert bench.keeper.ledger == {}


# ---------------------------------------------------------------------- the tunnel and the handover


async def test_a_port_that_another_gateway_holds_is_left_to_it(bench: Bench) -> None:
    bench.adb.answers["reverse:list-forward"] = OKAY + text("x tcp:47321 tcp:50000\n")
    bench.adb.answers[ADD] = OKAY + fail("cannot rebind existing socket")
    bench.adb.answers["reverse:forward:norebind:tcp:0;tcp:40123"] = OKAY + OKAY + text("41777")
    phone = bench.phone
    assert (await reverse(phone, change=True)).outcome == "fixed"
    assert phone.usb_port == 41777


async def test_a_tunnel_to_our_port_of_yesterday_is_replaced(bench: Bench) -> None:
    bench.keeper.ledger["R58M1", "reverse_host"] = "50000"
    bench.adb.answers["reverse:list-forward"] = OKAY + text("x tcp:47321 tcp:50000\n")
    bench.adb.answers["reverse:killforward:tcp:47321"] = OKAY + OKAY
    bench.adb.answers[ADD] = OKAY + OKAY
    phone = bench.phone
    await reverse(phone, change=True)
    assert phone.usb_port == 47321
    assert "reverse:killforward:tcp:47321" in bench.adb.requests


async def test_the_code_goes_by_standard_input_and_never_in_a_line(bench: Bench) -> None:
    assert (await pairing(bench.phone, change=True)).outcome == "fixed"
    assert bench.table.stdin == [SECRET]
    assert bench.table.lines == [CONTENT]
    assert not any("0123456789AB" in request for request in bench.adb.requests)


async def test_a_tool_that_fails_with_exit_code_0_is_seen_by_its_text(bench: Bench) -> None:
    trace = (
        f"Error while accessing provider:{PACKAGE}.handover\nIllegalStateException: Could not find provider"
    )
    bench.table.table[CONTENT] = ("", trace, 0)
    assert (await pairing(bench.phone, change=True)).outcome == "refused"
    bench.table.table[START] = ("Starting service: Intent\nError: Not found; no service started.\n", "", 0)
    phone = bench.phone
    phone.usb_port = 47321
    assert (await service(phone, change=True)).outcome == "refused"


async def test_a_look_changes_nothing(bench: Bench) -> None:
    bench.table.table |= {
        "getprop sys.boot_completed": ("1\n", "", 0),
        "getprop ro.build.version.sdk": ("33\n", "", 0),
        "getprop ro.product.model": ("SM\x1b[2J\n", "", 0),
        "pm path android": ("package:/x.apk\n", "", 0),
        f"dumpsys package {PACKAGE}": (f"Package [{PACKAGE}] (1):\n  versionCode=2 minSdk=26\n", "", 0),
    }
    bench.adb.answers["reverse:list-forward"] = OKAY + text("")
    steps = await reconcile(bench.phone, change=False)
    assert [step.name for step in steps][-1] == "heartbeat"
    assert bench.table.changes() == ["cmd deviceidle whitelist"]  # lists
    assert not any("\x1b" in step.detail for step in steps)


async def test_the_screen_is_read_and_its_file_removed_and_nothing_of_it_is_told(bench: Bench) -> None:
    node = '<node package="com.example.chat" text="my secret" resource-id=""/>'
    path = f"/data/local/tmp/{PACKAGE}.xml"
    bench.table.table[f"uiautomator dump {path}"] = (f"UI hierchary dumped to: {path}\n", "", 0)
    bench.table.table[f"cat {path}"] = (f"<?xml version='1.0'?><hierarchy>{node}</hierarchy>", "", 0)
    step = await look(bench.phone)
    assert step.outcome == "ok"
    assert "secret" not in step.detail
    assert bench.table.lines[-1] == f"rm -f {path}"


# ---------------------------------------------------------------------- several phones


async def wait_for(what: Callable[[], bool], limit_s: float = 10.0) -> None:
    async with asyncio.timeout(limit_s):
        while not what():  # noqa: ASYNC110  # what is waited for tells nobody
            await asyncio.sleep(0.01)


async def test_a_wedged_phone_costs_another_nothing_and_a_hostile_name_is_refused(
    bench: Bench,
) -> None:
    bench.adb.hung.add("usb1")
    bench.table.table["getprop ro.serialno"] = ("R58M2\n", "", 0)
    bench.keeper.ours["R58M2"] = WANTED
    bench.adb.now(
        "usb1 device transport_id:1", "usb2 device transport_id:2", "; rm -rf / device transport_id:3"
    )
    host = PhoneHost(AdbServer("127.0.0.1", bench.adb.port), bench.keeper, lambda: 0, tick_s=0.2)
    running = asyncio.create_task(host.run())
    try:
        await wait_for(lambda: "R58M2" in bench.keeper.told)
        evil = next(phone for phone in host.seen() if phone.adb_serial.startswith(";"))
        assert [step.outcome for step in evil.steps] == ["refused"]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_phone_that_is_not_ours_is_asked_for_its_serial_number_once(bench: Bench) -> None:
    bench.table.table["getprop ro.serialno"] = ("FOREIGN\n", "", 0)
    bench.adb.now("usb9 device transport_id:9")
    host = PhoneHost(AdbServer("127.0.0.1", bench.adb.port), bench.keeper, lambda: 0, tick_s=0.02)
    running = asyncio.create_task(host.run())
    try:
        await wait_for(lambda: [phone.serialno for phone in host.seen()] == ["FOREIGN"])
        assert (await host.provision("FOREIGN"))[-1].outcome == "refused"
        assert (await host.examine("FOREIGN"))[-1].outcome == "refused"
        await wait_for(lambda: bench.adb.requests.count("host:devices-l") > 5)  # ticks
        assert bench.table.lines == ["getprop ro.serialno"]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_new_phone_is_left_alone_until_a_person_agrees_and_again_after_its_release(
    bench: Bench,
) -> None:
    bench.table.table["getprop ro.serialno"] = ("R58M1\n", "", 0)
    bench.keeper.ours["R58M1"] = replace(WANTED, provision="ask")
    bench.adb.answers["reverse:list-forward"] = OKAY + text("")
    bench.adb.now("usb1 device transport_id:1")
    host = PhoneHost(AdbServer("127.0.0.1", bench.adb.port), bench.keeper, lambda: 0, tick_s=0.05)
    running = asyncio.create_task(host.run())
    try:
        await wait_for(lambda: "R58M1" in bench.keeper.told)
        (step,) = bench.keeper.told["R58M1"]
        assert (step.name, step.outcome) == ("consent", "waiting")
        assert "gateway devices provision R58M1" in step.hint
        assert set(bench.table.lines) == {"getprop ro.serialno"}

        steps = await host.provision("R58M1")
        assert [each.name for each in steps] == ["server", "authorised", "booted"]
        assert ("R58M1", "consent") in bench.keeper.ledger

        await host.release("R58M1", remove_app=False)
        await wait_for(lambda: bench.keeper.told["R58M1"][0].name == "consent")
        assert set(bench.keeper.ledger) == {("R58M1", "released")}
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

"""Owns all phones of one adb server: follows its list, and keeps a task for each phone that brings it in order.

Refuses to touch a phone that is not ours beyond its serial number, and to let one phone hold up another.
Source: README, *Following phones*.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from device_bridge.adb import mend as mending
from device_bridge.adb import release as taking_back
from device_bridge.adb.contract import HostOwner, SeenPhone, Step
from device_bridge.adb.errors import AdbError, Refused
from device_bridge.adb.examine import examine
from device_bridge.adb.handset import Handset, step_of_error
from device_bridge.adb.listening import exposure
from device_bridge.adb.reconcile import reconcile
from device_bridge.adb.screen import look
from device_bridge.adb.server import AdbServer
from device_bridge.adb.watch import Watched
from device_bridge.adb.wire import AdbDevice

_LOG = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 0.5
"""Seconds until a server that ended is asked again; doubled up to the tick."""

RELIST_S: Final = 1.0
"""Seconds between lists while a phone is not a device: adb 29.0.6 tells no tracker that one became ``unauthorized``."""

NAMING_S: Final = 3.0
"""Seconds for which a call about a phone waits for phones that have not said their serial number yet."""


class PhoneHost:
    """The phones of one adb server; one for the process.

    Args:
        tick_s: Seconds between looks at a phone of which nothing was heard.
    """

    def __init__(
        self, server: AdbServer, owner: HostOwner, now_ms: Callable[[], int], tick_s: float = 20.0
    ) -> None:
        self._server = server
        self._owner = owner
        self._now_ms = now_ms
        self._tick_s = tick_s
        self._watched: dict[str, Watched] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server_step = Step("server", "waiting", "not asked yet")

    @property
    def server_step(self) -> Step:
        """What is known of the adb server itself; ``hint`` names the package where adb is missing."""
        return self._server_step

    async def run(self) -> None:
        """Follow the server's list and reconcile each phone on every change and tick, until cancelled.

        On air: never
        """
        wait_s = FIRST_RETRY_S
        relisting = asyncio.create_task(self._relist(), name="adb relist")
        self._tasks.add(relisting)
        try:
            while True:
                try:
                    await self._server.start()
                    async for devices in self._server.track():
                        self._server_step = Step("server", "ok", "the adb server answers")
                        wait_s = FIRST_RETRY_S
                        self._take(devices)
                except AdbError as error:
                    if step_of_error("server", error) != self._server_step:
                        _LOG.warning("adb server: %s", error.reason)
                    self._server_step = step_of_error("server", error)
                self._take(())
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, self._tick_s)
        finally:
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def seen(self) -> tuple[SeenPhone, ...]:
        """List the phones that the server lists now, with the steps of their last run."""
        return tuple(each.seen() for each in self._watched.values())

    def poke(self, serialno: str) -> None:
        """Look at a phone now: its companion went away, or something else was heard of it."""
        for each in self._watched.values():
            if each.serialno == serialno:
                each.poke()

    async def provision(self, serialno: str) -> tuple[Step, ...]:
        """Bring a phone in order with a person's consent, which is kept: from now on it is kept in order.

        Returns:
            The steps; one refused step where no such phone is attached or it is not ours.

        On air: never
        """
        return await self._agreed(serialno)

    async def fix(self, serialno: str, *, may_reboot: bool) -> tuple[Step, ...]:
        """Do what :meth:`provision` does, and raise the platform's limit; restart the phone for it if allowed.

        On air: never
        """
        return await self._agreed(serialno, fix=True, may_reboot=may_reboot)

    async def examine(self, serialno: str) -> tuple[Step, ...]:
        """Look at everything and change nothing.

        On air: never
        """
        found = await self._find(serialno)
        server = (self._server_step, exposure(self._server.port))
        if isinstance(found, Step):
            return (*server, found)
        watched, phone = found
        async with watched.lock:
            return (*server, Watched.AUTHORISED, *await examine(phone))

    async def before(self, serialno: str, step: str) -> str:
        """Read what :meth:`mend` would change, to be kept for :meth:`take_back`. Raises AdbError.

        On air: never
        """
        watched, phone = await self._held(serialno)
        async with watched.lock:
            return await mending.before(phone, step)

    async def mend(self, serialno: str, step: str, *, may_reboot: bool) -> Step:
        """Do one step that a person asked for, and nothing else. Raises AdbError.

        On air: never
        """
        watched, phone = await self._held(serialno)
        phone.wanted = replace(phone.wanted, may_reboot=may_reboot)
        async with watched.lock:
            return await mending.mend(phone, step)

    async def take_back(self, serialno: str, step: str, was: str) -> Step:
        """Put back what one :meth:`mend` changed, by what was before; it is not done again unasked. Raises AdbError.

        On air: never
        """
        watched, phone = await self._held(serialno)
        async with watched.lock:
            return await mending.take_back(phone, step, was)

    async def screen(self, serialno: str) -> Step:
        """Say which dialog is on a phone's screen; for a text of which nothing is heard.

        On air: never
        """
        found = await self._find(serialno)
        if isinstance(found, Step):
            return replace(found, name="screen")
        watched, phone = found
        try:
            async with watched.lock:
                return await look(phone)
        except AdbError as error:
            return step_of_error("screen", error)

    async def release(self, serialno: str, *, remove_app: bool) -> tuple[Step, ...]:
        """Take back what was changed on a phone; it is left alone until :meth:`provision` is called for it.

        On air: never
        """
        found = await self._find(serialno)
        if isinstance(found, Step):
            return (found,)
        watched, phone = found
        async with watched.lock:
            # First: what happens in between must not provision it again.
            await self._owner.remember(serialno, "released", str(self._now_ms()))
            steps = await taking_back.release(phone, remove_app=remove_app)
            await watched.settle(steps)
        return steps

    # ------------------------------------------------------------------ below

    async def _agreed(
        self, serialno: str, *, fix: bool = False, may_reboot: bool = False
    ) -> tuple[Step, ...]:
        found = await self._find(serialno)
        if isinstance(found, Step):
            return (self._server_step, found)
        watched, phone = found
        if fix:
            phone.wanted = replace(phone.wanted, raise_limit=True, may_reboot=may_reboot)
        await self._owner.remember(serialno, "consent", str(self._now_ms()))
        await self._owner.remember(serialno, "released", None)
        await self._owner.remember(serialno, mending.DECLINED, None)
        async with watched.lock:
            try:
                done = await reconcile(phone, change=True, told=watched.show)
            finally:
                watched.show_settled()
            steps = (self._server_step, Watched.AUTHORISED, *done)
            await watched.settle(steps)
        return steps

    async def _held(self, serialno: str) -> tuple[Watched, Handset]:
        found = await self._find(serialno)
        if isinstance(found, Step):
            raise Refused(found.detail, found.hint)
        return found

    async def _find(self, serialno: str) -> tuple[Watched, Handset] | Step:
        await self._all_named()
        named = [each for each in self._watched.values() if serialno in {each.serialno, each.adb_serial}]
        watched = next((each for each in named if each.is_device), named[0] if named else None)
        if watched is None:
            hint = "Attach it by cable and allow USB debugging; the list of phones shows what is there"
            return Step("authorised", "refused", "no phone of that serial number is attached", hint)
        trouble = watched.trouble()
        if trouble is not None:
            return trouble
        phone = watched.handset()
        if phone is None:
            hint = "Name it in the configuration, and switch phones on there"
            return Step("authorised", "refused", "the gateway does not hold this phone", hint)
        return watched, phone

    async def _relist(self) -> None:
        """Ask for the whole list beside the tracked one, soon while some phone cannot be talked to."""
        while True:
            all_well = all(each.is_device for each in self._watched.values())
            await asyncio.sleep(self._tick_s if all_well else min(RELIST_S, self._tick_s))
            with suppress(AdbError):
                self._take(await self._server.devices())

    async def _all_named(self) -> None:
        """Give phones that have just appeared the time to say who they are."""
        loop = asyncio.get_running_loop()
        until = loop.time() + NAMING_S
        while any(each.is_unnamed for each in self._watched.values()) and loop.time() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    def _take(self, devices: tuple[AdbDevice, ...]) -> None:
        times = Counter(device.serial for device in devices)
        now = {device.serial: device for device in devices}
        for serial, watched in self._watched.items():
            # Absent is no unplug: adb lists a phone as absent before each change of its state.
            watched.take(now.get(serial), twins=times[serial] > 1)
        for serial in now.keys() - self._watched.keys():
            watched = Watched(serial, self._server, self._owner, self._now_ms, self._tick_s)
            watched.others = self._watched
            watched.take(now[serial], twins=times[serial] > 1)
            self._watched[serial] = watched
            task = asyncio.create_task(self._keep(watched), name=f"phone {watched.shown_serial}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _keep(self, watched: Watched) -> None:
        try:
            await watched.run()
        finally:
            del self._watched[watched.adb_serial]

"""Owns one phone over time: what adb lists of it, who it is, when it is looked at again, and how patiently.

Knows no other phone but to see the same one attached twice.
Source: README, *Following phones*; states as measured with adb 29.0.6.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import ClassVar, Final

from device_bridge.adb.contract import HostOwner, SeenPhone, Step, Wanted
from device_bridge.adb.errors import AdbError, NoServer, of_fail_text
from device_bridge.adb.handset import ASK_TIMEOUT_S, Handset, step_of_error
from device_bridge.adb.reconcile import check_tether, reconcile
from device_bridge.adb.server import AdbServer
from device_bridge.adb.tether import reach
from device_bridge.adb.wire import AdbDevice, is_plain_serial, shown

_LOG = logging.getLogger(__name__)

ABSENT_GRACE_S: Final = 3.0
"""Seconds for which a phone may be missing from the list and still be the same: a change of state takes 0.3 s."""

SOON_S: Final = 1.0  # until a phone that is starting is asked again
WHOLE_EVERY_S: Final = 900.0
"""Seconds between whole runs of a phone that is in order: some makers take exemptions away again."""

MOST_PATIENT_S: Final = 300.0  # between runs of a phone on which nothing helps
_NEW: Final = "a new phone: nothing is changed on it before you agree"


class Watched:
    """One row of the server's list, from its first to its last appearance."""

    AUTHORISED: ClassVar[Step] = Step("authorised", "ok", "USB debugging is allowed")

    def __init__(
        self, adb_serial: str, server: AdbServer, owner: HostOwner, now_ms: Callable[[], int], tick_s: float
    ) -> None:
        self.adb_serial = adb_serial
        self.serialno: str | None = None
        self.others: Mapping[str, Watched] = {}
        self.since = 0.0
        self.lock = asyncio.Lock()
        self._server = server
        self._owner = owner
        self._now_ms = now_ms
        self._tick_s = tick_s
        self._device: AdbDevice | None = None
        self._twins = False
        self._steps: tuple[Step, ...] = ()
        self._under_way: tuple[Step, ...] | None = None
        self._changed = asyncio.Event()
        self._identified: AdbDevice | None = None
        self._fresh = True
        self._breaks = 0
        self._whole_at: float | None = None
        self._failures = 0
        self._refusals = 0
        self._whole_every_s = WHOLE_EVERY_S

    # ------------------------------------------------------------------ what others see

    @property
    def shown_serial(self) -> str:
        return shown(self.adb_serial, 80)

    @property
    def is_listed(self) -> bool:
        return self._device is not None

    @property
    def is_device(self) -> bool:
        return self._device is not None and self._device.state == "device"

    @property
    def is_unnamed(self) -> bool:
        """Say whether this phone was not asked yet for its serial number."""
        return self.is_device and self.serialno is None and not self._steps

    def seen(self) -> SeenPhone:
        """Describe this phone as it is now."""
        model = self._device.model if self._device else ""
        state = self._device.state if self._device else "absent"
        steps = self._steps if self._under_way is None else self._under_way
        return SeenPhone(self.serialno, self.shown_serial, model, state, steps)

    def show(self, done: tuple[Step, ...]) -> None:
        """Let a run that a person watches be seen while it goes on, until :meth:`show_settled`."""
        self._under_way = (self.AUTHORISED, *done)

    def show_settled(self) -> None:
        """Show the steps of the last whole run again."""
        self._under_way = None

    def take(self, device: AdbDevice | None, *, twins: bool) -> None:
        """Take what the server's list says of this phone now."""
        if device == self._device and twins == self._twins:
            return
        self._device = device
        self._twins = twins
        self._fresh = True
        self._failures = 0
        self._breaks += 1
        self._changed.set()

    def poke(self) -> None:
        """Look at the phone now."""
        self._whole_at = None
        self._failures = 0
        self._changed.set()

    def trouble(self) -> Step | None:
        """Say what keeps the phone from being talked to, by what the list says alone; None = nothing."""
        if not is_plain_serial(self.adb_serial):
            return Step("authorised", "refused", f"{self.shown_serial!r} cannot be a serial number")
        if self._twins:
            hint = "Attach one of them to another computer"
            return Step("authorised", "refused", "two phones give the same serial number", hint)
        state = self._device.state if self._device else "absent"
        if state == "device":
            return self._other_way() if self.serialno else None
        return _STATES.get(
            state, Step("authorised", "refused", f"adb says {shown(state)}", "Restart the phone")
        )

    def handset(self) -> Handset | None:
        """Give the phone to work on; None where it is not ours or has not said who it is."""
        wanted = self._owner.wanted(self.serialno) if self.serialno else None
        if self.serialno is None or wanted is None:
            return None
        phone = Handset(self._server, self._owner, self._now_ms, self.adb_serial, self.serialno, wanted)
        breaks = self._breaks
        phone.is_gone = lambda: self._breaks != breaks
        return phone

    async def settle(self, steps: tuple[Step, ...]) -> None:
        """Take the steps of a run, and tell the owner where they are others than before."""
        if steps == self._steps:
            return
        self._steps = steps
        if self.serialno is not None:
            await self._owner.steps(self.serialno, steps)

    # ------------------------------------------------------------------ over time

    async def run(self) -> None:
        """Keep this phone in order until it is gone from the list."""
        while True:
            self._changed.clear()
            if self._device is None:
                await self._heard_within(ABSENT_GRACE_S)
                if not self.is_listed:
                    return
                continue
            wait_s = self._tick_s
            try:
                wait_s = await self._look()
            except AdbError as error:
                name = "server" if isinstance(error, NoServer) else "authorised"
                await self.settle((step_of_error(name, error),))
                self._failures += 1
                wait_s = self._patience(self._failures)
            except Exception:  # noqa: BLE001  # the top of this phone's loop: the others go on
                _LOG.exception("phone %s: a run failed", self.shown_serial)
            await self._heard_within(wait_s)

    async def _heard_within(self, timeout_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()

    async def _look(self) -> float:
        trouble = self.trouble()
        if trouble is None:
            trouble = await self._identify()
        if trouble is not None:
            await self.settle((trouble,))
            if self._device is not None and self._device.state == "offline":
                await self._wake()
            return self._tick_s
        phone = self.handset()
        if phone is None:
            await self.settle(())
            return self._tick_s
        async with self.lock:
            return await self._keep_in_order(phone)

    async def _identify(self) -> Step | None:
        """Ask who it is, once for each connection: behind one address there may be another phone tomorrow."""
        if self._identified == self._device and self.serialno is not None:
            return None
        device = self._device
        asked = await self._server.shell(self.adb_serial, ("getprop", "ro.serialno"), timeout_s=ASK_TIMEOUT_S)
        serialno = asked.stdout.decode("utf-8", "replace").strip()
        if not is_plain_serial(serialno) or serialno == "unknown":
            self.serialno = None
            said = shown(serialno, 60)
            return Step("authorised", "refused", f"the phone says that its serial number is {said!r}")
        if self.serialno != serialno:
            self.serialno, self._steps, self._whole_at = serialno, (), None
            self.since = asyncio.get_running_loop().time()
        self._identified = device
        return self._other_way()

    def _other_way(self) -> Step | None:
        """See whether this phone, or another of the same serial number, is attached already: the first one stays."""
        for each in self.others.values():
            if each is self or each.serialno != self.serialno or not each.is_device:
                continue
            if (each.since, each.adb_serial) < (self.since, self.adb_serial):
                return Step("authorised", "skipped", f"the same phone is attached as {each.shown_serial}")
        return None

    async def _keep_in_order(self, phone: Handset) -> float:
        if not await self._agreed(phone):
            return self._tick_s
        now = asyncio.get_running_loop().time()
        fresh, self._fresh = self._fresh, False
        if fresh and await phone.recall("paired"):
            await reach(phone)
        due = self._whole_at is None or now - self._whole_at >= self._whole_every_s
        if fresh or due or not phone.wanted.linked(phone.serialno):
            steps = await reconcile(phone, change=True)
            self._whole_at = now
        else:
            # In order and connected: only what a break within the tick undoes unseen.
            done = {step.name: step for step in await check_tether(phone)}
            steps = tuple(done.get(step.name, step) for step in self._steps if step.name not in _PRELUDE)
        await self.settle((_SERVER, self.AUTHORISED, *steps))
        refused = any(step.outcome == "refused" for step in steps)
        if fresh or due:
            self._refusals = self._refusals + 1 if refused else 0
            self._whole_every_s = self._patience(self._refusals) if refused else WHOLE_EVERY_S
        if phone.restarting or any(step.name == "booted" and step.outcome == "waiting" for step in steps):
            return SOON_S
        self._failures = 0 if phone.wanted.linked(phone.serialno) else self._failures + 1
        return self._patience(self._failures)

    async def _agreed(self, phone: Handset) -> bool:
        """See whether this phone may be changed: by the configuration, or by a person's consent."""
        wanted: Wanted = phone.wanted
        if wanted.provision == "off":
            await self.settle((Step("consent", "skipped", "phones are only looked at"),))
            return False
        if await phone.recall("released") is not None:
            left = Step("consent", "skipped", "released: it is left alone", phone.provision_hint)
            await self.settle((left,))
            return False
        if wanted.provision == "ask" and await phone.recall("consent") is None:
            await self.settle((Step("consent", "waiting", _NEW, phone.provision_hint),))
            return False
        return True

    async def _wake(self) -> None:
        """Open the connection to a phone of ours anew that stays offline."""
        if self._fresh:
            self._fresh = False  # a short break mends itself: give it one tick
            return
        if self.handset() is not None:
            with suppress(AdbError):  # it stays offline, and that is told already
                await self._server.reconnect(self.adb_serial)

    def _patience(self, times: int) -> float:
        """Give the wait after so many runs in a row that did not help."""
        longest_s = max(MOST_PATIENT_S, self._tick_s)
        return min(self._tick_s * 2.0 ** min(max(0, times - 1), 20), longest_s)


_SERVER: Final = Step("server", "ok", "the adb server answers")
_PRELUDE: Final = frozenset({"server", "authorised"})


def _of(error: AdbError) -> Step:
    return step_of_error("authorised", error)


_UDEV: Final = (
    "Install the udev rules (Debian: apt-get install android-sdk-platform-tools-common), then plug in again"
)
_STATES: Final = {
    "unauthorized": _of(of_fail_text("device unauthorized")),
    "authorizing": Step("authorised", "waiting", "the phone is asked for its consent"),
    "connecting": Step("authorised", "waiting", "the phone is connecting"),
    "absent": Step("authorised", "waiting", "the phone is not attached"),
    "offline": Step("authorised", "waiting", "the phone is offline", of_fail_text("device offline").hint),
    "no permissions": Step(
        "authorised", "refused", "this computer may not open the phone's USB device", _UDEV
    ),
    "recovery": Step("authorised", "refused", "the phone is in recovery", "Restart the phone"),
    "sideload": Step("authorised", "refused", "the phone is in recovery", "Restart the phone"),
    "bootloader": Step("authorised", "refused", "the phone is in its bootloader", "Restart the phone"),
}

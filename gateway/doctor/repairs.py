"""Owns carrying out a fix, taking it back, and looking whether it helped; one way for each kind of fix.

Knows no finding and remembers nothing: what was before is read first and given to the caller.
Source: the doctor's promises: only a passed check is called fixed; what can be undone is.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gateway.doctor.fixes import SET_UP, Change, EnableWebhook, Fix, ModeFix, PhoneFix, ResumeLine
from gateway.errors import GatewayError
from gateway.store.protocol import NotFound, Store
from gateway.store.rows import DeliveryRow, View

if TYPE_CHECKING:
    from gateway.http.services import DeviceActions, DeviceStep

T = TypeVar("T")

TRIAL_S = 20.0
"""A receiver has 15 s to answer; the event goes out within a second."""

_TRIALS_LOOKED_AT = 20
_WANTING = ("refused", "waiting")
_GONE = "It is not there any more."


class RepairFailed(Exception):
    """It could not be done now; the text is one or two sentences for people."""


class Repairs:
    """What can be changed here. ``look`` examines a phone; ``root`` is the folder within which modes may be changed."""

    def __init__(
        self,
        store: Store,
        tenant: str,
        devices: DeviceActions | None,
        look: Callable[[str], Awaitable[tuple[DeviceStep, ...]]],
        root: Path,
    ) -> None:
        self._store = store
        self._view = View(tenant)
        self._devices = devices
        self._look = look
        self._root = root
        self._delivered = store.signal("deliveries")

    async def before(self, fix: Fix) -> str:
        """Read how that is which a fix would change. Raises RepairFailed, StoreUnavailable."""
        return await _in_words(self._before(fix))

    async def apply(self, fix: Fix, *, may_reboot: bool) -> None:
        """Do it. Raises RepairFailed, StoreUnavailable."""
        await _in_words(self._apply(fix, may_reboot=may_reboot))

    async def still(self, fix: Fix, since_ms: int | None = None) -> str | None:
        """Look at the very thing again: None = as it must be, else what is still so, in a sentence.

        Args:
            fix: What was done.
            since_ms: UTC ms of the repair, where this is a later look: a webhook is not tried by it, what has become
                of it since counts.

        Raises:
            StoreUnavailable: nobody can say.
        """
        try:
            return await _in_words(self._still(fix, since_ms))
        except RepairFailed as failed:
            return str(failed)

    async def take_back(self, change: Change) -> str:
        """Put back what was before; returns a sentence. Raises RepairFailed, StoreUnavailable."""
        return await _in_words(self._take_back(change))

    # ------------------------------------------------------------------ each kind

    async def _before(self, fix: Fix) -> str:
        if isinstance(fix, ModeFix):
            return await asyncio.to_thread(fix.before)
        if isinstance(fix, EnableWebhook):
            return (await self._store.webhook(self._view, fix.webhook_id)).disabled_reason or ""
        if isinstance(fix, PhoneFix) and fix.step != SET_UP:
            return await self._phones().before(fix.serialno, fix.step)
        return ""

    async def _apply(self, fix: Fix, *, may_reboot: bool) -> None:
        if isinstance(fix, ModeFix):
            self._check_place(fix)
            await asyncio.to_thread(fix.apply)
        elif isinstance(fix, ResumeLine):
            await self._store.patch_line(self._view, fix.line_id, {"paused": False})
        elif isinstance(fix, EnableWebhook):
            fresh: dict[str, object] = {
                "enabled": True,
                "disabled_reason": None,
                "failures_in_row": 0,
                "open_until_ms": None,
            }
            await self._store.change_webhook(self._view, fix.webhook_id, fresh)
        elif fix.step == SET_UP:
            await self._phones().provision(fix.serialno)
        else:
            await self._phones().mend(fix.serialno, fix.step, may_reboot=may_reboot)

    async def _still(self, fix: Fix, since_ms: int | None) -> str | None:
        if isinstance(fix, ModeFix):
            mode = int(await asyncio.to_thread(fix.before), 8)
            return None if not mode & 0o077 else f"Its mode is {mode:04o} still."
        if isinstance(fix, ResumeLine):
            row = await self._store.line(fix.line_id)
            return "The line is paused still." if row.paused else None
        if isinstance(fix, EnableWebhook):
            return await (
                self._try(fix.webhook_id) if since_ms is None else self._success(fix.webhook_id, since_ms)
            )
        steps = await self._look(fix.serialno)
        if not steps:
            return "The phone cannot be looked at now; look again when it is back on its cable."
        wanting = [s for s in steps if s.outcome in _WANTING and fix.step in (SET_UP, s.name)]
        return f"{wanting[0].name}: {wanting[0].detail}. {wanting[0].hint}".strip() if wanting else None

    async def _take_back(self, change: Change) -> str:
        fix = change.fix
        if isinstance(fix, ModeFix):
            self._check_place(fix)
            if not await asyncio.to_thread(fix.take_back, change.was):
                return "Somebody has changed its mode since, so it was left."
            return f"Its mode is {change.was.rjust(4, '0')} again."
        if isinstance(fix, ResumeLine):
            await self._store.patch_line(self._view, fix.line_id, {"paused": True})
            return "The line is paused again."
        if isinstance(fix, EnableWebhook):
            off: dict[str, object] = {"enabled": False, "disabled_reason": change.was or None}
            await self._store.change_webhook(self._view, fix.webhook_id, off)
            return "The webhook is switched off again."
        step = await self._phones().take_back(fix.serialno, fix.step, change.was)
        if step.outcome == "refused":
            raise RepairFailed(f"{step.detail}. {step.hint}".strip())
        return f"{step.name}: {step.detail}. {step.hint}".strip()

    # ------------------------------------------------------------------ parts

    def _phones(self) -> DeviceActions:
        if self._devices is None:
            raise RepairFailed("No devices run in this process.")
        return self._devices

    def _check_place(self, fix: ModeFix) -> None:
        """What is remembered may be old: nothing outside the data directory is touched, and no link is followed."""
        if fix.path.is_symlink() or not fix.path.resolve().is_relative_to(self._root.resolve()):
            raise RepairFailed(f"{fix.path} is not a file of this gateway.")

    async def _try(self, webhook_id: str) -> str | None:
        """Send a test event and wait for its first answer."""
        hook = await self._store.webhook(self._view, webhook_id)
        if not hook.enabled:
            return "The webhook is switched off still."
        note: dict[str, object] = {"webhook_id": hook.id, "note": "A test of this webhook; nothing happened."}
        event = await self._store.emit(hook.tenant, "webhook.test", note, webhook_id=hook.id)
        try:
            async with asyncio.timeout(TRIAL_S):
                while (delivery := await self._answered(hook.id, event.id)) is None:
                    await self._delivered.wait()
                    self._delivered.clear()
        except TimeoutError:
            return "It is switched on; the test event has not been answered yet."
        if delivery.state == "delivered":
            return None
        answer = f"answered {delivery.last_status}" if delivery.last_status else delivery.last_error
        return f"It is switched on, but the test event failed: {answer}."

    async def _success(self, webhook_id: str, since_ms: int) -> str | None:
        hook = await self._store.webhook(self._view, webhook_id)
        if hook.enabled and (hook.last_success_ms or 0) >= since_ms:
            return None
        return "Nothing was delivered yet." if hook.enabled else "The webhook is switched off still."

    async def _answered(self, webhook_id: str, event_id: str) -> DeliveryRow | None:
        page = await self._store.deliveries(webhook_id, None, _TRIALS_LOOKED_AT, None)
        found = next((row for row in page.items if row.event_id == event_id), None)
        return found if found is not None and (found.attempt or found.state != "pending") else None


async def _in_words(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except (LookupError, NotFound):
        raise RepairFailed(_GONE) from None
    except GatewayError as error:
        raise RepairFailed(" ".join(filter(None, (error.detail, error.hint)))) from None
    except OSError as error:
        raise RepairFailed(
            f"The system refused: {error.strerror or os.strerror(error.errno or 0)}."
        ) from None

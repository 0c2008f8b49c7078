"""Owns one USSD question at a time: plain first, packed where the modem refuses that, its answer awaited aside.

Knows no text message; holds the turn only for the command, not while the network thinks.
Source: 27.007 §7.15; modems.md's USSD column (Huawei sticks want packed septets in hexadecimal).
"""

from __future__ import annotations

import asyncio
from typing import Final

from device_bridge.at import commands
from device_bridge.at.unsolicited import UssdAnswered
from device_bridge.errors import DeviceNotReady, LinkLost
from device_bridge.modem import ussd
from device_bridge.modem.channel import AtChannel, ModemSilent
from device_bridge.modem.turns import Priority
from device_bridge.sms.outcome import local

_ALLOWED: Final = frozenset("0123456789*#+")
_WANTS_REPLY: Final = 1  # <m>: the network waits for more; we ask one question and end the session


class UssdSession:
    """The USSD service of one modem."""

    def __init__(self, channel: AtChannel) -> None:
        self._channel = channel
        self._lock = asyncio.Lock()
        self._answer: asyncio.Future[UssdAnswered] | None = None

    def answered(self, notice: UssdAnswered) -> None:
        """Take an answer of the network; one that nobody asked for is dropped."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(notice)

    async def ask(self, code: str) -> str:
        """Ask, and return the answer as text.

        Raises:
            ValueError: ``code`` has other characters than digits, ``*``, ``#`` and ``+``.
            DeviceNotReady: refused, or no answer in time.

        On air: maybe (USSD, never a text)
        """
        if not code or not _ALLOWED.issuperset(code):
            raise ValueError(f"code: {code!r} may have digits, *, # and + only")
        async with self._lock:
            self._answer = asyncio.get_running_loop().create_future()
            try:
                await self._send(code)
                async with asyncio.timeout(self._channel.timers.ussd_s):
                    notice = await self._answer
            except (LinkLost, ModemSilent) as error:
                raise DeviceNotReady(local("device_lost")) from error
            except TimeoutError as error:
                await self._cancel()
                raise DeviceNotReady(local("device_not_ready")) from error
            finally:
                self._answer = None
        if notice.mode == _WANTS_REPLY:
            await self._cancel()
        return ussd.decode(notice.text, notice.dcs)

    async def _send(self, code: str) -> None:
        await self._channel.turns.acquire(Priority.CHORE)
        try:
            for spelling in (code, ussd.packed_hex(code)):
                answer = await self._channel.ask(commands.ussd(spelling))
                if answer.error is None or (self._answer is not None and self._answer.done()):
                    return
        finally:
            self._channel.turns.release()
        raise DeviceNotReady(local("device_not_ready"))

    async def _cancel(self) -> None:
        await self._channel.turns.acquire(Priority.CHORE)
        try:
            await self._channel.ask(commands.USSD_CANCEL)
        except (LinkLost, ModemSilent):
            return
        finally:
            self._channel.turns.release()

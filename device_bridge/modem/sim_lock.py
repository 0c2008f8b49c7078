"""Owns the one try at a SIM's PIN: when it may be made, and that no PIN is ever tried twice by a SIM that refused it.

Knows no configuration; what was refused before, and what the SIM took, is asked of the caller's memory.
Source: 27.007 §8.3 (+CPIN), §8.65 (+CPINR); 31.102 §5.1.2 (three tries, then the PUK).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from device_bridge.at import commands
from device_bridge.at.lines import SILENT, AtError
from device_bridge.errors import LinkLost
from device_bridge.modem.channel import AtChannel, ModemSilent
from device_bridge.modem.health import sim_trouble
from device_bridge.modem.settings import ModemSettings
from device_bridge.sms.outcome import Outcome

_LOG = logging.getLogger(__name__)

TRIES_TO_LEAVE: Final = 2
"""Tries that must remain before ours: one stays for the person."""


@dataclass(frozen=True, slots=True)
class PinWanted:
    """A SIM that waits for its PIN. ``tries_left`` is None where the modem does not tell."""

    tries_left: int | None


class PinVerdict(StrEnum):
    """What became of a PIN that a person entered. Only ``taken`` and ``refused`` went to the SIM."""

    TAKEN = "taken"
    NOT_WANTED = "not_wanted"
    REFUSED_BEFORE = "refused_before"
    LAST_TRY = "last_try"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PinAnswer:
    """The answer to one PIN.

    ``tries_left`` afterwards, None where the modem does not tell; ``said`` are the SIM's words for a refusal;
    ``kept``: it was remembered for this SIM; ``trouble`` is what is wrong with the SIM now.
    """

    verdict: PinVerdict
    tries_left: int | None = None
    said: str = ""
    kept: bool = False
    trouble: Outcome | None = None


def is_pin(text: str) -> bool:
    """Say whether a text can be a PIN at all: 4 to 8 digits (31.102 §5.1.2)."""
    return text.isascii() and text.isdigit() and 4 <= len(text) <= 8


def wants_pin(trouble: Outcome | None) -> bool:
    """Say whether this trouble ends when the PIN is entered."""
    return trouble is not None and trouble.code == "sim_pin_required"


def pin_hash(sim: str, pin: str) -> str:
    """Name a PIN without keeping it."""
    return hashlib.sha256(f"{sim} {pin}".encode()).hexdigest()


async def sim_state(channel: AtChannel) -> Outcome | None:
    """Ask for the SIM, waiting while it is busy.

    Returns:
        What is wrong; None when it is ready, or the modem cannot tell.

    On air: never
    """
    answer = await channel.ask_ready(commands.SIM_STATE)
    # Some firmwares (SL8084) leave the OK out: the word alone is an answer too.
    error = None if answer.lines and answer.error is SILENT else answer.error
    return sim_trouble(commands.sim_state(answer.lines), error)


class SimLock:
    """The lock of the SIM in one modem. Whoever calls it holds the turn."""

    def __init__(self, channel: AtChannel, settings: ModemSettings) -> None:
        self._channel = channel
        self._port = settings.port
        self._configured = settings.pin
        self._memory = settings.pin_memory
        self.tries_left: int | None = None
        """As the modem told when it was last asked, of a SIM that wants its PIN."""

    async def open_with_known(self, sim: str, iccid: str | None) -> Outcome | None:
        """Enter the PIN where the SIM wants one, one is known, and the try is safe: the configured one, then the kept.

        Args:
            sim: ``iccid``, or ``imei:…`` where a locked SIM hides it.
            iccid: Whose kept PIN may be entered; None: nobody's.

        Returns:
            What is still wrong; None when the SIM is ready.

        On air: never
        """
        trouble = await sim_state(self._channel)
        if not wants_pin(trouble):
            return trouble
        self.tries_left = await self._read_tries()
        if self._configured is not None and await self._may_try(sim, self._configured):
            await self._enter(sim, self._configured)
            trouble = await self._state_after_try()
        kept = await self._memory.pin_of(iccid) if iccid is not None and wants_pin(trouble) else None
        if iccid is not None and kept is not None and await self._may_try(sim, kept):
            try:
                said = await self._enter(sim, kept)
            except (LinkLost, ModemSilent, asyncio.CancelledError):
                await self._memory.forget_pin(iccid)
                raise
            if said is not None:
                await self._memory.forget_pin(iccid)
            trouble = await self._state_after_try()
        return trouble

    async def open_with(self, sim: str, pin: str, *, last_try: bool) -> PinAnswer:
        """Enter a PIN that a person gives, once; the SIM's last try only when ``last_try`` says so.

        Raises:
            ValueError: it is no PIN; nothing was asked.

        On air: never
        """
        if not is_pin(pin):
            raise ValueError("a PIN is 4 to 8 digits")
        trouble = await sim_state(self._channel)
        if not wants_pin(trouble):
            return PinAnswer(PinVerdict.NOT_WANTED, trouble=trouble)
        self.tries_left = await self._read_tries()
        if await self._memory.was_refused(sim, pin_hash(sim, pin)):
            return PinAnswer(PinVerdict.REFUSED_BEFORE, self.tries_left, trouble=trouble)
        if self._is_last_try() and not last_try:
            return PinAnswer(PinVerdict.LAST_TRY, self.tries_left, trouble=trouble)
        said = await self._enter(sim, pin)
        if said is None:
            return PinAnswer(PinVerdict.TAKEN)
        trouble = await self._state_after_try()
        left = self.tries_left if wants_pin(trouble) else 0
        return PinAnswer(PinVerdict.REFUSED, left, said.text, trouble=trouble)

    async def _may_try(self, sim: str, pin: str) -> bool:
        if not is_pin(pin):
            _LOG.error("pin of %s is not 4 to 8 digits: not entered", self._port)
            return False
        if await self._memory.was_refused(sim, pin_hash(sim, pin)):
            _LOG.error("this SIM has refused this PIN before: not entered again")
            return False
        if self._is_last_try():
            _LOG.error("the SIM has %d tries left: the PIN is not entered", self.tries_left)
            return False
        return True

    def _is_last_try(self) -> bool:
        return self.tries_left is not None and self.tries_left < TRIES_TO_LEAVE

    async def _enter(self, sim: str, pin: str) -> AtError | None:
        """Enter a PIN; whatever is no OK counts as refused. Returns what the SIM said against it."""
        name = pin_hash(sim, pin)
        try:
            answer = await self._channel.ask(commands.enter_pin(pin))
        except (LinkLost, ModemSilent, asyncio.CancelledError):
            # Nobody knows whether it was taken; a second try could be the second wrong one.
            await self._memory.remember_refused(sim, name)
            raise
        if answer.error is not None:
            await self._memory.remember_refused(sim, name)
            _LOG.error("the SIM refuses the PIN (%s): it is not entered again", answer.error.text)
        return answer.error

    async def _state_after_try(self) -> Outcome | None:
        trouble = await sim_state(self._channel)
        if wants_pin(trouble):
            self.tries_left = await self._read_tries()
        return trouble

    async def _read_tries(self) -> int | None:
        for command in commands.PIN_TRIES_QUERIES:
            answer = await self._channel.ask(command)
            tries = commands.pin_tries(answer.lines) if answer.error is None else None
            if tries is not None:
                return tries
        return None

"""Owns the one try at a SIM's PIN: when it may be made, and that it is never made twice.

Knows no configuration; what was refused before is asked of the caller's memory.
Source: 27.007 §8.3 (+CPIN), §8.65 (+CPINR); 31.102 §5.1.2 (three tries, then the PUK).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import Final

from device_bridge.at import commands
from device_bridge.at.lines import SILENT
from device_bridge.errors import LinkLost
from device_bridge.modem.channel import AtChannel, ModemSilent
from device_bridge.modem.health import sim_trouble
from device_bridge.modem.settings import ModemSettings
from device_bridge.sms.outcome import Outcome

_LOG = logging.getLogger(__name__)

TRIES_TO_LEAVE: Final = 2
"""Tries that must remain before ours: one stays for the person."""


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


async def unlock(channel: AtChannel, settings: ModemSettings, sim: str) -> Outcome | None:
    """Enter the PIN where a SIM wants one, a PIN is configured, and the try is safe.

    Args:
        channel: A channel in step, whose turn is held.
        settings: Brings the PIN and the memory of refusals.
        sim: ICCID, or ``imei:…`` where a locked SIM hides it.

    Returns:
        What is still wrong; None when the SIM is ready.

    On air: never
    """
    trouble = await sim_state(channel)
    if trouble is None or trouble.code != "sim_pin_required" or settings.pin is None:
        return trouble
    if not (settings.pin.isascii() and settings.pin.isdigit() and 4 <= len(settings.pin) <= 8):
        _LOG.error("pin of %s is not 4 to 8 digits: not entered", settings.port)
        return trouble
    name = pin_hash(sim, settings.pin)
    if await settings.pin_memory.was_refused(sim, name):
        _LOG.error("this SIM has refused this PIN before: not entered again")
        return trouble
    tries = await _tries_left(channel)
    if tries is not None and tries < TRIES_TO_LEAVE:
        _LOG.error("the SIM has %d tries left: the PIN is not entered", tries)
        return trouble
    return await _enter(channel, settings, sim, name)


async def _enter(channel: AtChannel, settings: ModemSettings, sim: str, name: str) -> Outcome | None:
    try:
        answer = await channel.ask(commands.enter_pin(settings.pin or ""))
    except (LinkLost, ModemSilent, asyncio.CancelledError):
        # Nobody knows whether it was taken; a second try could be the second wrong one.
        await settings.pin_memory.remember_refused(sim, name)
        raise
    if answer.error is not None:
        await settings.pin_memory.remember_refused(sim, name)
        _LOG.error("the SIM refuses the PIN (%s): it is not entered again", answer.error.text)
    return await sim_state(channel)


async def _tries_left(channel: AtChannel) -> int | None:
    for command in commands.PIN_TRIES_QUERIES:
        answer = await channel.ask(command)
        tries = commands.pin_tries(answer.lines) if answer.error is None else None
        if tries is not None:
            return tries
    return None

"""Owns waiting for an adb server, and starting one: only on this machine, only when a phone is plugged in.

Never ends or restarts one: it belongs to the user of the machine.
Source: rules CMP-4; the kernel's description of USB interfaces tells a phone without asking it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from device_bridge.adb import AdbError, AdbServer
from gateway.phones.usb import UsbPhone, usb_phones

log = structlog.get_logger(__name__)

LOOK_S = 3.0
"""Between two looks at server and USB: a person who plugs a phone in sees something happen within five seconds."""

AGAIN_MAX_S = 300.0
"""Between two tries to start a server that does not start."""


async def server_answers(
    server: AdbServer,
    plugged: Callable[[], tuple[UsbPhone, ...]] = usb_phones,
    look_s: float = LOOK_S,
) -> None:
    """Wait until an adb server answers; start it once a phone with USB debugging is plugged in and none does.

    Args:
        server: One that may be started.
        plugged: Lists phones on USB.
        look_s: Seconds between two looks.
    """
    loop = asyncio.get_running_loop()
    wait_s, again_s, said = look_s, loop.time(), ""
    while not await _answers(server):
        if loop.time() >= again_s and any(phone.debugging for phone in plugged()):
            try:
                await server.start()
                log.info("adb.started", server=f"{server.host}:{server.port}")
                return
            except AdbError as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("adb.missing", reason=said, hint=error.hint)
                wait_s = min(wait_s * 2, AGAIN_MAX_S)
                again_s = loop.time() + wait_s
        await asyncio.sleep(look_s)


async def server_gone(server: AdbServer, look_s: float = LOOK_S) -> None:
    """Wait until no adb server answers at two looks in a row: one that is restarted by its user is soon back."""
    missed = 0
    while missed < 2:
        await asyncio.sleep(look_s)
        missed = 0 if await _answers(server) else missed + 1


async def _answers(server: AdbServer) -> bool:
    try:
        await server.version()
    except AdbError:
        return False
    return True

"""Owns reaching phones on cables: the adb server, the host that brings phones into order, and what the gateway wants.

Knows no HTTP and no link.
Source: device_bridge.adb; rules CMP-4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from device_bridge.adb import AdbError, AdbServer, Offline, PhoneHost, SeenPhone
from device_bridge.adb.tether import PHONE_PORT
from gateway.phones.adb_start import server_answers, server_gone
from gateway.phones.cable_owner import CableOwner
from gateway.phones.companion_app import CompanionApp
from gateway.phones.door import Phones
from gateway.phones.ground import Ground


class Cable:
    """What belongs together to reach phones on USB."""

    def __init__(self, server: AdbServer, host: PhoneHost, owner: CableOwner, host_port: int) -> None:
        self._server = server
        self._host_port = host_port
        self.host = host
        self.owner = owner

    def seen(self, name: str) -> SeenPhone | None:
        """Find a phone by its serial number, or by what adb calls it while it tells none."""
        phones = self.host.seen()
        return next((phone for phone in phones if phone.serialno == name), None) or next(
            (phone for phone in phones if phone.serialno is None and phone.adb_serial == name), None
        )

    async def phone_port(self, serialno: str) -> int:
        """Ask on which port of a phone the tunnel to us begins. Raises AdbError."""
        seen = self.seen(serialno)
        if seen is None:
            raise Offline(f"{serialno} is not on a cable")
        table = await self._server.reverse_list(seen.adb_serial)
        return next((row.phone_port for row in table if row.host_port == self._host_port), PHONE_PORT)

    async def missing_server(self) -> str | None:
        """Ask whether an adb server answers: None when one does, else what to do about it."""
        try:
            await self._server.version()
        except AdbError as error:
            return error.hint
        return None

    async def run(self) -> None:
        """Follow phones for as long as an adb server answers, and wait for one otherwise; never ends."""
        starter = AdbServer(self._server.host, self._server.port, may_start=True)
        while True:
            await server_answers(starter)
            following = asyncio.create_task(self.host.run(), name="phones on cables")
            try:
                await server_gone(self._server)
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)


async def reach_for_cables(
    ground: Ground, phones: Phones, app: CompanionApp, host_port: int, on_stranger: Callable[[str], None]
) -> Cable:
    """Get ready for phones on USB; nothing is asked of the adb server before the loops run.

    Args:
        ground: Store, configuration and the rest.
        phones: The door behind the tunnel.
        app: What phones are given.
        host_port: Loopback port that the tunnel leads to.
        on_stranger: Told once of each phone that appears and is not ours.
    """
    host, _, port = ground.config.adb.server.rpartition(":")
    server = AdbServer(host, int(port))
    owner = CableOwner(ground.store, phones, ground.config, app, host_port)
    owner.on_stranger = on_stranger
    await owner.start()
    cable = Cable(server, PhoneHost(server, owner, ground.clock.now_ms), owner, host_port)
    owner.phone_port = cable.phone_port
    # An app that was ended is started again at once, not at the host's next tick.
    phones.on_gone = cable.host.poke
    return cable

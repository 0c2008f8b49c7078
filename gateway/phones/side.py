"""Owns the phones' side of the running gateway: puts its rooms together, starts them, keeps them going, ends them.

Knows no HTTP route and no message.
Source: design, *Layout*; docs/link.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog

from device_bridge.apk import ApkError
from gateway.attachment import Attachments
from gateway.phones.actions import PhoneActions
from gateway.phones.cable import Cable, reach_for_cables
from gateway.phones.companion_app import CompanionApp
from gateway.phones.door import Identity, Phones
from gateway.phones.ground import Ground
from gateway.phones.listeners import LinkListeners
from gateway.startup import phone_line_settings

log = structlog.get_logger(__name__)


class PhoneSide:
    """Phones of one running gateway, on cables and on the LAN."""

    def __init__(self, ground: Ground, attachments: Attachments, gateway_id: str) -> None:
        self._ground = ground
        self._config = ground.config
        self._listeners = LinkListeners(ground.config.link, ground.directory.keys, ground.store, ground.clock)
        self._phones = Phones(
            ground.store,
            attachments,
            ground.clock,
            Identity(gateway_id, self._listeners.reach),
            partial(phone_line_settings, ground.config),
        )
        self._cable: Cable | None = None
        self._app: CompanionApp | None = None
        self.link_port = 0

    async def start(self) -> None:
        """Expect the phones that are paired, open the listener on the LAN if it was open, then the one for cables.

        In this order: whoever comes by cable is told at once where the LAN reaches us.

        Raises:
            OSError: no port on loopback can be had.
        """
        await self._phones.start()
        if self._phones.rows():
            await self._listeners.reopen(self._phones)
        self.link_port = await self._listeners.open_loopback(self._phones)
        log.info("link.loopback", port=self.link_port)
        self._app = await self._carried_app()
        if self._config.adb.enabled and self._app is not None:
            self._cable = await reach_for_cables(
                self._ground, self._phones, self._app, self.link_port, self._found
            )

    @property
    def actions(self) -> PhoneActions:
        """What can be asked of phones; after :meth:`start`."""
        return PhoneActions(self._phones, self._listeners, self._ground.clock, self._cable, self._app)

    @property
    def paired(self) -> int:
        return len(self._phones.rows())

    def loops(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Name what runs for as long as the gateway does."""
        return {} if self._cable is None else {"cables": self._cable.run}

    async def stop(self) -> None:
        """Say good-bye to the phones, and write what is still to be written."""
        await self._listeners.close()
        await self._phones.settle()

    async def _carried_app(self) -> CompanionApp | None:
        try:
            return await asyncio.to_thread(CompanionApp, self._ground.directory.app_key)
        except ApkError as error:
            log.warning("companion.missing", reason=str(error))
            return None

    def _found(self, serialno: str) -> None:
        log.info("phone.found", serialno=serialno)
        if self._config.adb.provision != "off":
            self._ground.tell(f"Found a phone on USB. To set it up: gateway devices provision {serialno}")

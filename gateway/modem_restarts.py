"""Owns what a person can do for a modem that has lost its way: restart it, and when that is refused.

Knows no HTTP; how a modem is restarted and brought up again is the driver's matter.
Source: the notes on what people see, */devices/{id}* (*Restart*); 3GPP TS 27.007 §8.2 (+CFUN).
"""

from __future__ import annotations

import structlog

from device_bridge.errors import DeviceNotReady
from gateway.attachment import Attachments
from gateway.errors import GatewayError

log = structlog.get_logger(__name__)


class AttachedModemRestarts:
    """Implements :class:`gateway.http.services.ModemRestarts` on what is attached now."""

    def __init__(self, attachments: Attachments) -> None:
        self._attachments = attachments

    def restart(self, device_id: str) -> None:
        """Begin to restart a modem. Raises LookupError, GatewayError.

        On air: never
        """
        modem = self._attachments.modem(device_id)
        if not modem.can_restart:
            raise GatewayError(
                "conflict",
                "Modems of this make do not come back from a restart by command, so none is given. Unplug it for ten"
                " seconds.",
            )
        if self._attachments.is_on_air(modem):
            raise GatewayError(
                "conflict",
                "A text is on air with this modem: a restart now would leave it in doubt. Try again in a minute, or"
                " pause the line first.",
            )
        try:
            modem.restart()
        except DeviceNotReady as error:
            raise GatewayError("device_error", error.cause.title, hint=error.cause.hint) from None
        log.info("modem.restart_asked", device_id=device_id)

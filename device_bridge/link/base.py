"""Owns what a byte link is and how opening one fails, each failure with the fix a person can apply.

Knows no serial port and no socket; the neighbours do.
Source: design, *The seam*: everything above speaks of bytes only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from device_bridge.errors import LinkLost

OnBytes = Callable[[bytes], None]
"""Called on the loop with each chunk that comes; must not block."""


class PortUnavailable(LinkLost):
    """A port cannot be opened.

    Attributes:
        code: Problem code of the catalogue: port_denied, port_busy, device_lost, device_not_ready.
        hint: What a person does about this very port.
    """

    def __init__(self, code: str, hint: str) -> None:
        super().__init__(hint)
        self.code = code
        self.hint = hint


class ByteLink(Protocol):
    """Bytes to and from one device, in order, on the loop's thread."""

    @property
    def closed(self) -> asyncio.Future[LinkLost]:
        """Done with the reason once no byte will come or go any more; never fails and is never cancelled."""
        ...

    def write(self, octets: bytes) -> None:
        """Write now what the device takes now, and the rest as soon as it does; never blocks.

        Raises:
            LinkLost: the link is closed; none of these octets was handed over.
        """
        ...

    def close(self) -> None:
        """Let go of the device; safe to call twice."""
        ...

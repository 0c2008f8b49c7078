"""Owns the two listeners of the phone link: plain on loopback for cables, TLS on the LAN once a phone was paired there.

Knows no phone: it is given the door. Nothing but the link is served on them, and the link is served nowhere else.
Source: docs/link.md, *Where*; rules CMP-1 (the pin), TLS-2.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

import structlog

from device_bridge.link.websocket import LINK_PATH, LinkDoor, link_app
from gateway.clock import Clock
from gateway.config import Link
from gateway.http.protocol import ApiRunner, listen, make_runner
from gateway.http.services import ApiSettings
from gateway.phones.certificate import CertificateError, link_certificate, link_names, server_context
from gateway.phones.lan import lan_addresses
from gateway.store.protocol import Store

log = structlog.get_logger(__name__)

LOOPBACK = "127.0.0.1"

PORT_FACT = "link.loopback_port"
"""The port of the last run: a tunnel of adb that is still there leads to it, so phones are back without adb's help."""

OPENED_FACT = "link.opened"
"""Whether the listener on the LAN was ever opened here: from then on it opens at start while a phone is paired."""


class LinkUnavailable(Exception):
    """The listener on the LAN cannot be opened. ``hint`` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Reachable:
    """Where phones on the LAN reach us: addresses with port, the likeliest first, and the pin of the listener."""

    hosts: tuple[str, ...]
    pin: str


class LinkListeners:
    """Opens and closes both listeners; the LAN's only when asked."""

    def __init__(self, link: Link, keys: Path, store: Store, clock: Clock) -> None:
        self._link = link
        self._keys = keys
        self._store = store
        self._clock = clock
        self._runners: list[ApiRunner] = []
        self._opening = asyncio.Lock()
        self._port: int | None = None
        self._pin = ""

    def reach(self) -> tuple[tuple[str, ...], str]:
        """Tell where phones on the LAN dial at this moment, and the pin; nothing while the listener is shut."""
        return tuple(f"wss://{host}{LINK_PATH}" for host in self._hosts()), self._pin

    def reachable(self) -> Reachable:
        """Tell the same with addresses alone; no host while the listener is shut."""
        return Reachable(self._hosts(), self._pin)

    @property
    def is_open_on_lan(self) -> bool:
        return self._port is not None

    async def open_loopback(self, door: LinkDoor) -> int:
        """Listen for phones on a cable, on the port of the last run where that is free; returns the port.

        Raises:
            OSError: not even a free port can be had.
        """
        runner = self._runner(door, "")
        last = await self._store.remembered(PORT_FACT)
        try:
            _, port = await listen(runner, LOOPBACK, int(last or 0))
        except OSError:
            _, port = await listen(runner, LOOPBACK, 0)
        if str(port) != last:
            await self._store.remember(PORT_FACT, str(port))
        return port

    async def reopen(self, door: LinkDoor) -> None:
        """Open the listener on the LAN if an earlier run had it open; what is in the way is logged, not fatal."""
        if await self._store.remembered(OPENED_FACT) is None:
            return
        try:
            await self.open_lan(door)
        except LinkUnavailable as error:
            log.warning("link.unavailable", reason=str(error), hint=error.hint)

    async def open_lan(self, door: LinkDoor) -> Reachable:
        """Listen for phones on the LAN, with a certificate that is made on first need; does nothing the second time.

        Raises:
            LinkUnavailable: port taken, no address, or the certificate cannot be used.
        """
        async with self._opening:
            if self._port is None:
                await self._open(door)
        hosts = self._hosts()
        if not hosts:
            raise LinkUnavailable(
                "this machine has no address on a LAN",
                "connect it to the network of the phone, or name it in link.public_names",
            )
        return Reachable(hosts, self._pin)

    async def close(self) -> None:
        """Say good-bye to the phones and stop listening.

        A phone that is welcomed in this very moment is still told where the LAN reaches us: it would forget the
        addresses otherwise, and not find the next run.
        """
        for runner in reversed(self._runners):
            await runner.cleanup()
        self._runners.clear()

    # ------------------------------------------------------------------ parts

    async def _open(self, door: LinkDoor) -> None:
        pin, context = await asyncio.to_thread(self._certified)
        runner = self._runner(door, pin)
        try:
            _, port = await listen(runner, self._link.host, self._link.port, context)
        except OSError as error:
            self._runners.remove(runner)
            await runner.cleanup()
            raise LinkUnavailable(
                f"cannot listen on {self._link.host}:{self._link.port}: {error.strerror}",
                "choose another link.port, or a link.host of this machine",
            ) from None
        self._pin, self._port = pin, port
        await self._store.remember(OPENED_FACT, "yes")
        log.info("link.opened", host=self._link.host, port=port)

    def _certified(self) -> tuple[str, ssl.SSLContext]:
        try:
            certificate = link_certificate(
                self._keys, link_names(self._link.public_names), self._clock.now_ms()
            )
            return certificate.pin, server_context(certificate)
        except CertificateError as error:
            raise LinkUnavailable(str(error), error.hint) from error

    def _runner(self, door: LinkDoor, pin: str) -> ApiRunner:
        runner = make_runner(link_app(door, pin), ApiSettings())
        self._runners.append(runner)
        return runner

    def _hosts(self) -> tuple[str, ...]:
        if self._port is None:
            return ()
        host = self._link.host
        found = lan_addresses() if host in ("0.0.0.0", "::") else (host,)  # noqa: S104  compared, not bound
        return tuple(
            f"{_bracketed(name)}:{self._port}" for name in dict.fromkeys((*self._link.public_names, *found))
        )


def _bracketed(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host

"""Owns what the gateway wants of phones on a cable: which are ours, what may be done to them, what was seen of them.

Knows no adb command; implements the owner that device_bridge.adb asks. A phone that is not ours is only looked at.
Source: rules CMP-4; docs/link.md (USB).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Literal

import structlog

from device_bridge.adb import Refused, Step, Wanted
from device_bridge.apk import SigningKeyError
from device_bridge.device import PartsCap
from gateway.config import Config
from gateway.phones.companion_app import CompanionApp
from gateway.phones.door import Phones
from gateway.store.protocol import Store

log = structlog.get_logger(__name__)

_RELEASED = "adb.released"


class CableOwner:
    """Implements :class:`device_bridge.adb.HostOwner`."""

    def __init__(
        self, store: Store, phones: Phones, config: Config, app: CompanionApp, host_port: int
    ) -> None:
        self._store = store
        self._phones = phones
        self._adb = config.adb
        self._named = frozenset(phone.serial for phone in config.phone)
        self._app = app
        self._host_port = host_port
        self._agreed: set[str] = set()
        self._released: set[str] = set()
        self._refused: dict[str, frozenset[str]] = {}
        self._strangers: set[str] = set()
        self.on_stranger: Callable[[str], None] = lambda _serialno: None
        """Told once of each phone that appears and is not ours."""
        self.phone_port: Callable[[str], Awaitable[int]] | None = None
        """Says on which port of the phone its tunnel begins."""

    async def start(self) -> None:
        """Recall which phones a person let go of."""
        self._released = set(json.loads(await self._store.remembered(_RELEASED) or "[]"))

    # ------------------------------------------------------------------ whose phone it is

    def is_ours(self, serialno: str) -> bool:
        """Say whether anything may be done to a phone: paired, named in the configuration, agreed to, or "auto"."""
        if serialno in self._agreed:
            return True
        if serialno in self._released:
            return False
        mine = serialno in self._named or self._phones.by_serialno(serialno) is not None
        return mine or self._adb.provision == "auto"

    def is_named(self, serialno: str) -> bool:
        """Say whether the configuration names a phone, or a person agreed to it."""
        return serialno in self._named or serialno in self._agreed

    async def agree(self, serialno: str) -> None:
        """A person wants this phone set up."""
        self._agreed.add(serialno)
        self._phones.expect(serialno)
        if serialno in self._released:
            await self._set_released(self._released - {serialno})

    async def let_go(self, serialno: str) -> None:
        """A person wants this phone left alone, also after a restart and with provision = "auto"."""
        self._agreed.discard(serialno)
        self._refused.pop(serialno, None)
        await self._set_released(self._released | {serialno})

    async def _set_released(self, serialnos: set[str]) -> None:
        self._released = serialnos
        await self._store.remember(_RELEASED, json.dumps(sorted(serialnos)))

    # ------------------------------------------------------------------ what device_bridge.adb asks

    def wanted(self, serialno: str) -> Wanted | None:
        """Say what a phone is to be brought to; None for one that is not ours."""
        if not self.is_ours(serialno):
            if serialno not in self._strangers and serialno not in self._released:
                self._strangers.add(serialno)
                self.on_stranger(serialno)
            return None
        return Wanted(
            version_code=self._app.facts.version_code,
            apk=self._apk,
            host_port=self._host_port,
            provision=self._provision(),
            raise_limit=self._adb.raise_limit,
            may_reboot=self._adb.may_reboot,
            pairing=self._pairing,
            linked=self._phones.linked,
        )

    async def _apk(self) -> bytes:
        try:
            return await self._app.signed()
        except SigningKeyError as error:
            raise Refused(f"the app cannot be signed: {error}", error.hint) from error

    def _provision(self) -> Literal["ask", "auto", "off"]:
        # A phone that is ours was agreed to when it was named, paired or set up: nobody is asked a second time.
        return "off" if self._adb.provision == "off" else "auto"

    async def _pairing(self, serialno: str) -> bytes:
        """Make what is handed over the cable: where to dial, and a code that is good for this phone's cable, once."""
        port = await self.phone_port(serialno) if self.phone_port is not None else 0
        return json.dumps({"code": self._phones.begin_pairing(serialno).code, "port": port}).encode()

    async def steps(self, serialno: str, steps: tuple[Step, ...]) -> None:
        """Log what a person must do, once; whoever asks is told by the host itself."""
        before, self._refused[serialno] = (
            self._refused.get(serialno, frozenset()),
            frozenset(step.name for step in steps if step.outcome == "refused"),
        )
        for step in steps:
            if step.name in self._refused[serialno] - before:
                log.warning("phone.step_refused", serialno=serialno, step=step.name, hint=step.hint)

    async def limit(self, serialno: str, parts: int, window_s: int, in_force: bool) -> None:  # noqa: FBT001
        """Keep to the platform's limit as it was read; one that waits for a restart is not in force."""
        if in_force:
            await self._phones.limit(serialno, PartsCap(parts, window_s))

    async def remember(self, serialno: str, name: str, value: str | None) -> None:
        """Keep what was changed on a phone, so that it can be taken back; None forgets it."""
        await self._store.remember(f"adb|{serialno}|{name}", value or "")

    async def recall(self, serialno: str, name: str) -> str | None:
        return await self._store.remembered(f"adb|{serialno}|{name}") or None

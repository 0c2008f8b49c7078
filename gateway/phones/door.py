"""Owns phones that belong to this gateway: paired by a code, let in by their key, kept attached, dropped when revoked.

Knows neither adb nor a listener; implements the door of the phone link. A key is shown once, to the phone.
Source: rules CMP-1 and CMP-2; docs/link.md, *Pairing* and *Opening*.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from device_bridge.companion.pairing import gateway_proof, make_code, matches, phone_proof
from device_bridge.companion.phone import AndroidPhone
from device_bridge.device import LineIdentity, PartsCap
from device_bridge.link.websocket import GatewayName, PairAnswer, PairingRefused, PairRequest
from gateway.attachment import Attachments
from gateway.clock import Clock
from gateway.errors import CATALOGUE
from gateway.keys import digest, is_device_key, make_device_key, public_id, same
from gateway.phones.pairing import Pairing, Pairings
from gateway.startup import TENANT
from gateway.store.protocol import Store, StoreUnavailable
from gateway.store.rows import LineSettings, PhoneRow

log = structlog.get_logger(__name__)

SEEN_EVERY_MS = 60_000

PhoneSettingsOf = Callable[[str | None, LineIdentity], LineSettings]
"""Serial number of the phone and a SIM in it → what the configuration says of that SIM."""


def _host_name() -> str:
    return socket.gethostname().split(".", 1)[0]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the gateway is to a phone: ``id`` is this installation's, ``reach`` tells URLs and pin on the LAN now."""

    id: str
    reach: Callable[[], tuple[tuple[str, ...], str]]
    name: str = field(default_factory=_host_name)


class Phones:
    """All phones that are paired; implements :class:`device_bridge.link.websocket.LinkDoor`."""

    def __init__(
        self,
        store: Store,
        attachments: Attachments,
        clock: Clock,
        identity: Identity,
        settings_of: PhoneSettingsOf,
    ) -> None:
        self._store = store
        self._attachments = attachments
        self._clock = clock
        self._identity = identity
        self._settings_of = settings_of
        self.on_gone: Callable[[str], None] = lambda _serialno: None
        self._pairings = Pairings(lambda length: make_code(length, os.urandom(length)), clock.monotonic_s)
        self._rows: dict[str, PhoneRow] = {}
        self._by_key: dict[str, PhoneRow] = {}
        self._devices: dict[str, AndroidPhone] = {}
        self._expected: set[str] = set()
        self._beside: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Expect every phone that was paired and not revoked."""
        for row in await self._store.phones(TENANT):
            if row.revoked_at_ms is None:
                self._keep(row)

    async def settle(self) -> None:
        """Wait for what is still being written."""
        if self._beside:
            await asyncio.gather(*self._beside)

    # ------------------------------------------------------------------ what is known

    def rows(self) -> tuple[PhoneRow, ...]:
        """List the phones that are paired, without the revoked ones."""
        return tuple(self._rows.values())

    def by_serialno(self, serialno: str) -> PhoneRow | None:
        return next((row for row in self._rows.values() if row.serialno == serialno), None)

    def named(self, name: str) -> PhoneRow | None:
        """Find a phone by install id or serial number."""
        return self._rows.get(name) or self.by_serialno(name)

    def is_connected(self, install_id: str) -> bool:
        device = self._devices.get(install_id)
        return device is not None and device.connected

    # ------------------------------------------------------------------ the door of the link

    @property
    def gateway(self) -> GatewayName:
        """Who we say that we are, and where phones on the LAN reach us at this moment."""
        urls, pin = self._identity.reach()
        return GatewayName(self._identity.id, self._identity.name, urls, pin)

    async def admitted(self, key: str) -> AndroidPhone | None:
        """Find the phone of a key; None when it is unknown, revoked or no key of a phone."""
        if not is_device_key(key):
            return None
        row = self._by_key.get(public_id(key))
        if not same(row.key_digest if row else None, digest(key)) or row is None:
            return None
        self._seen(row)
        return self._devices[row.install_id]

    async def pair(self, request: PairRequest, pin: str, remote: str) -> PairAnswer:
        """Give a phone its key when its proof shows a code that is open; commits before it answers.

        Raises:
            PairingRefused: no such code, used, too late, too many tries; or the phone is connected already.
        """
        tried = self._pairings.attempt(cable=not pin)
        key = make_device_key()
        judge = partial(_judge, tried, request, pin)
        found = await asyncio.to_thread(judge, self._identity.id, key) if tried else None
        if found is None:
            log.warning("phone.pairing_refused", remote=remote, install_id=request.install)
            raise _refused()
        pairing, proof = found
        if self.is_connected(request.install):
            self._conflict(request.install, "paired_while_connected", remote)
            raise _refused("A phone with this identity is connected already. Look at it: gateway devices.")
        if not self._pairings.use(tried, pairing):
            raise _refused()
        try:
            await self._adopt(_row(request, key, pairing.serialno, self._clock.now_ms()))
        except StoreUnavailable:
            raise PairingRefused("storage_unavailable", CATALOGUE["storage_unavailable"].hint, 503) from None
        pairing.used_by = request.install
        log.info("phone.paired", install_id=request.install, model=request.model, over_usb=not pin)
        here = self.gateway
        return PairAnswer(here.id, here.name, key, proof, here.urls, here.pin)

    async def greet_again(self) -> None:
        """Let phones that are connected come again, to be told where the LAN reaches us; nothing is lost by it."""
        connected = [device for device in self._devices.values() if device.connected]
        await asyncio.gather(*(device.drop("stopping") for device in connected))

    # ------------------------------------------------------------------ what people and the cable decide

    def begin_pairing(self, serialno: str | None = None) -> Pairing:
        """Make a pairing for a person, or for the cable of one phone."""
        return self._pairings.begin(serialno)

    def pairing(self, ticket: str) -> Pairing | None:
        """Find a pairing that was made for a person, open or ended."""
        return self._pairings.of(ticket)

    def expect(self, serialno: str) -> None:
        """Note that a person sets up the phone with this serial number, which may be paired over the LAN already."""
        if self.by_serialno(serialno) is None:
            self._expected.add(serialno)

    def linked(self, serialno: str) -> bool:
        """Say whether the companion of the phone on this cable is connected."""
        row = self.by_serialno(serialno)
        if row is None:
            row = self._over_this_cable(serialno)
        return row is not None and self.is_connected(row.install_id)

    async def limit(self, serialno: str, cap: PartsCap) -> None:
        """Keep to what the platform of a phone lets out, as it was read over the cable."""
        row = self.by_serialno(serialno)
        if row is None:
            return
        self._devices[row.install_id].enforce(cap)
        if (row.cap_parts, row.cap_window_s) != (cap.parts, cap.window_s):
            await self._change(row, {"cap_parts": cap.parts, "cap_window_s": cap.window_s})

    async def revoke(self, install_id: str) -> None:
        """End a phone's key: committed first, then its link is closed and it is no longer waited for.

        Raises:
            LookupError: no phone that is paired has this install id.
        """
        row = self._rows[install_id]
        await self._store.change_phone(TENANT, install_id, {"revoked_at_ms": self._clock.now_ms()})
        await self._let_go(row)
        log.info("phone.revoked", install_id=install_id)

    # ------------------------------------------------------------------ parts

    def _keep(self, row: PhoneRow) -> None:
        install_id = row.install_id
        self._remember(row)
        device = AndroidPhone(install_id, self._clock.now_ms)
        device.on_conflict = partial(self._conflict, install_id, "two_phones_with_one_identity")
        device.on_gone = partial(self._gone, install_id)
        if row.cap_parts is not None and row.cap_window_s is not None:
            device.enforce(PartsCap(row.cap_parts, row.cap_window_s))
        self._devices[install_id] = device

        def settings_of(identity: LineIdentity) -> LineSettings:
            return self._settings_of(self._rows[install_id].serialno, identity)

        self._attachments.watch(f"phone {install_id}", device, settings_of, comes_later=True)

    def _remember(self, row: PhoneRow) -> None:
        self._rows[row.install_id] = row
        self._by_key[row.key_id] = row
        if row.serialno is not None:
            self._expected.discard(row.serialno)

    async def _let_go(self, row: PhoneRow) -> None:
        self._rows.pop(row.install_id, None)
        self._by_key.pop(row.key_id, None)
        device = self._devices.pop(row.install_id, None)
        if device is not None:
            await device.drop("revoked")
            await self._attachments.forget(f"phone {row.install_id}")
            if device.info.health is not None:
                # It was here: nobody needs to be told from now on that it is missing.
                await self._store.device_seen(device.info, attached=False, reason=None)

    async def _adopt(self, row: PhoneRow) -> None:
        """Commit a pairing, then expect the phone. A serial number has one install: an older one has ended."""
        old = self._rows.get(row.install_id)
        if row.serialno is None and old is not None:
            row = replace(row, serialno=old.serialno)
        await self._store.pair_phone(row)
        before = self.by_serialno(row.serialno) if row.serialno is not None else None
        if before is not None and before.install_id != row.install_id:
            await self.revoke(before.install_id)
        if old is None:
            self._keep(row)
        else:
            self._by_key.pop(old.key_id, None)
            self._remember(row)

    def _over_this_cable(self, serialno: str) -> PhoneRow | None:
        """Recognise a phone that was paired over the LAN and now comes over the one cable that is being set up."""
        if self._expected != {serialno}:
            return None
        nameless = [row for row in self._rows.values() if row.serialno is None and self._is_on_usb(row)]
        if len(nameless) != 1:
            return None
        row = replace(nameless[0], serialno=serialno)
        self._remember(row)
        self._later(self._change(row, {"serialno": serialno}))
        return row

    def _is_on_usb(self, row: PhoneRow) -> bool:
        device = self._devices[row.install_id]
        health = device.info.health
        return device.connected and health is not None and health.way == "usb"

    def _gone(self, install_id: str) -> None:
        row = self._rows.get(install_id)
        if row is not None and row.serialno is not None:
            self.on_gone(row.serialno)

    def _conflict(self, install_id: str, why: str, remote: str) -> None:
        log.warning("device.conflict", install_id=install_id, reason=why, remote=remote)
        self._later(self._tell_conflict(install_id, why))

    async def _tell_conflict(self, install_id: str, why: str) -> None:
        await self._store.conflict(install_id, why)

    def _seen(self, row: PhoneRow) -> None:
        now_ms = self._clock.now_ms()
        if row.last_seen_ms is None or now_ms - row.last_seen_ms >= SEEN_EVERY_MS:
            self._remember(replace(row, last_seen_ms=now_ms))
            self._later(self._change(row, {"last_seen_ms": now_ms}))

    async def _change(self, row: PhoneRow, changes: dict[str, object]) -> None:
        changed = await self._store.change_phone(TENANT, row.install_id, changes)
        if row.install_id in self._rows and self._rows[row.install_id].key_id == changed.key_id:
            self._remember(changed)

    def _later(self, writing: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(_written(writing))
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)


async def _written(writing: Coroutine[None, None, None]) -> None:
    try:
        await writing
    except StoreUnavailable as error:
        log.warning("phone.not_recorded", reason=str(error))


def _judge(
    tried: tuple[Pairing, ...], request: PairRequest, pin: str, gateway_id: str, key: str
) -> tuple[Pairing, str] | None:
    """Find the pairing that a proof shows, and make ours; 50 ms a code, so in a thread."""
    for pairing in tried:
        for code in pairing.codes():
            if matches(request.proof, phone_proof(code, request.nonce, request.install, pin)):
                return pairing, gateway_proof(code, request.nonce, gateway_id, key, pin)
    return None


def _row(request: PairRequest, key: str, serialno: str | None, now_ms: int) -> PhoneRow:
    return PhoneRow(
        install_id=request.install,
        tenant=TENANT,
        key_id=public_id(key),
        key_digest=digest(key),
        paired_at_ms=now_ms,
        serialno=serialno,
        label=f"{request.maker} {request.model}".strip() or None,
    )


def _refused(hint: str | None = None) -> PairingRefused:
    return PairingRefused("pairing_refused", hint or CATALOGUE["pairing_refused"].hint)

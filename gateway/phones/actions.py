"""Owns what a person can ask of a phone: pair, set up, examine, repair, let go, revoke.

Knows no HTTP beyond its problems, and no adb command.
Source: docs/link.md, *Pairing*; rules CMP-1, CMP-2, CMP-4.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import TypeVar

from device_bridge.adb import AdbError, SeenPhone, Step, is_outdated
from device_bridge.apk import SigningKeyError
from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.http.services import DeviceStep, KnownPhone, PairingOffer, PairingSeen
from gateway.phones.cable import Cable
from gateway.phones.companion_app import CompanionApp
from gateway.phones.door import Phones
from gateway.phones.listeners import LinkListeners, LinkUnavailable, Reachable
from gateway.phones.pairing import Pairing
from gateway.store.rows import PhoneRow

T = TypeVar("T")


class PhoneActions:
    """Implements :class:`gateway.http.services.DeviceActions`. ``cable`` None: adb is switched off; ``app`` None: this
    installation carries none."""

    def __init__(
        self,
        phones: Phones,
        listeners: LinkListeners,
        clock: Clock,
        cable: Cable | None,
        app: CompanionApp | None,
    ) -> None:
        self._phones = phones
        self._listeners = listeners
        self._clock = clock
        self._cable = cable
        self._app = app

    async def phones(self) -> tuple[KnownPhone, ...]:
        """List phones: those that are paired, and those that are only seen on a cable."""
        seen = {p.serialno or p.adb_serial: p for p in self._cable.host.seen()} if self._cable else {}
        paired = [self._paired(row, seen.pop(row.serialno or "", None)) for row in self._phones.rows()]
        return (*paired, *(self._unpaired(phone) for phone in seen.values()))

    async def pair(self) -> PairingOffer:
        """Open the listener on the LAN, and make a code. Raises GatewayError ``link_unavailable``."""
        was_open = self._listeners.is_open_on_lan
        try:
            reachable = await self._listeners.open_lan(self._phones)
        except LinkUnavailable as error:
            detail = f"{str(error)[:1].upper()}{str(error)[1:]}."
            raise GatewayError(
                "link_unavailable", detail, hint=f"{error.hint[:1].upper()}{error.hint[1:]}."
            ) from None
        if not was_open:
            await self._phones.greet_again()
        return self._offer(self._phones.begin_pairing(), reachable)

    def pairing(self, ticket: str) -> PairingSeen:
        """Say how a pairing stands. Raises LookupError."""
        pairing = self._phones.pairing(ticket)
        reachable = self._listeners.reachable()
        if pairing is None or not reachable.hosts:
            raise LookupError(ticket)
        now_s = self._clock.monotonic_s()
        left_s = max(pairing.ends_s - now_s, 0.0)
        return PairingSeen(self._offer(pairing, reachable), pairing.state(now_s), left_s, pairing.used_by)

    async def app(self) -> bytes:
        """Give the app, signed. Raises GatewayError ``device_error``."""
        if self._app is None:
            raise GatewayError("device_error", "This installation carries no app for phones.")
        try:
            return await self._app.signed()
        except SigningKeyError as error:
            raise GatewayError("device_error", "The app cannot be signed.", hint=error.hint) from None

    def newer_app(self, version_code: int) -> str | None:
        """Name the version of the app that is carried, where it is newer."""
        if self._app is None or not is_outdated(version_code, self._app.facts.version_code):
            return None
        return self._app.facts.version_name

    async def provision(self, name: str) -> tuple[DeviceStep, ...]:
        """Set up a phone that is on a cable. Raises LookupError, GatewayError."""
        cable, serialno, seen = await self._on_cable(name)
        if seen.serialno is None:
            # It does not trust this computer yet: nothing can be done before a person did something.
            return _shown(seen.steps)
        await cable.owner.agree(serialno)
        return await _steps(cable.host.provision(serialno))

    async def examine(self, name: str, *, fix: bool, may_reboot: bool) -> tuple[DeviceStep, ...]:
        """Look at a phone that is on a cable; repair it if asked. Raises LookupError, GatewayError."""
        cable, serialno, seen = await self._on_cable(name)
        if seen.serialno is None:
            return _shown(seen.steps)
        if not fix and not cable.owner.is_ours(serialno):
            hint = f"gateway devices provision {serialno}"
            return (DeviceStep("consent", "skipped", "not set up: nothing is done before you say so", hint),)
        if not fix:
            return await _steps(cable.host.examine(serialno))
        await cable.owner.agree(serialno)
        return await _steps(cable.host.fix(serialno, may_reboot=may_reboot))

    async def before(self, name: str, step: str) -> str:
        """Read what a repair of one step would change. Raises LookupError, GatewayError."""
        cable, serialno = await self._ours_on_cable(name)
        return await _asked(cable.host.before(serialno, step))

    async def mend(self, name: str, step: str, *, may_reboot: bool) -> DeviceStep:
        """Repair one step of a phone that is set up and on a cable. Raises LookupError, GatewayError."""
        cable, serialno = await self._ours_on_cable(name)
        return _shown((await _asked(cable.host.mend(serialno, step, may_reboot=may_reboot)),))[0]

    async def take_back(self, name: str, step: str, was: str) -> DeviceStep:
        """Take one repair back, by what was before it. Raises LookupError, GatewayError."""
        cable, serialno = await self._ours_on_cable(name)
        return _shown((await _asked(cable.host.take_back(serialno, step, was)),))[0]

    async def release(self, name: str, *, remove_app: bool) -> tuple[DeviceStep, ...]:
        """Take back what was changed, where the phone is on a cable, and end its key. Raises LookupError."""
        row, serialno = self._phones.named(name), self._serialno(name)
        if row is None and (
            serialno is None or self._cable is None or not self._cable.owner.is_ours(serialno)
        ):
            raise LookupError(name)
        steps: tuple[DeviceStep, ...] = ()
        if serialno is not None and self._cable is not None and self._cable.seen(serialno) is not None:
            steps = await _steps(self._cable.host.release(serialno, remove_app=remove_app))
        else:
            hint = "Plug it in and release it again, or remove the app on the phone by hand."
            steps = (DeviceStep("cable", "skipped", "not on a cable, so nothing on it was changed", hint),)
        await self._end(row, serialno)
        return (*steps, DeviceStep("key", "fixed", "its key is worth nothing any more"))

    async def revoke(self, name: str) -> None:
        """End the key of a phone. Raises LookupError."""
        row = self._phones.named(name)
        if row is None:
            raise LookupError(name)
        await self._end(row, row.serialno)

    # ------------------------------------------------------------------ parts

    def _offer(self, pairing: Pairing, reachable: Reachable) -> PairingOffer:
        left_s = pairing.ends_s - self._clock.monotonic_s()
        return PairingOffer(
            code=pairing.code,
            typed_code=pairing.typed_code or "",
            ticket=pairing.ticket or "",
            hosts=reachable.hosts,
            pin=reachable.pin,
            expires_at_ms=self._clock.now_ms() + round(left_s * 1000),
        )

    async def _end(self, row: PhoneRow | None, serialno: str | None) -> None:
        if serialno is not None and self._cable is not None:
            # Before the key: a phone that is still ours would be paired again at once.
            await self._cable.owner.let_go(serialno)
        if row is not None:
            await self._phones.revoke(row.install_id)

    async def _ours_on_cable(self, name: str) -> tuple[Cable, str]:
        cable, serialno, seen = await self._on_cable(name)
        if seen.serialno is None or not cable.owner.is_ours(serialno):
            hint = f"gateway devices provision {serialno}"
            raise GatewayError("device_error", "This phone is not set up.", hint=hint)
        return cable, serialno

    async def _on_cable(self, name: str) -> tuple[Cable, str, SeenPhone]:
        cable, serialno = self._cable, self._serialno(name)
        if cable is None:
            raise GatewayError("adb_missing", "Phones on USB are switched off here (adb.enabled is false).")
        seen = cable.seen(serialno) if serialno is not None else None
        if serialno is not None and seen is not None:
            return cable, serialno, seen
        missing = await cable.missing_server()
        if missing is not None:
            raise GatewayError("adb_missing", "No adb server answers.", hint=missing or None)
        if self._phones.named(name) is None and serialno is None:
            raise LookupError(name)
        raise GatewayError(
            "device_error",
            "This phone is not on a cable, or does not answer there.",
            hint="Plug it in with a cable that carries data, switch USB debugging on, and look at its screen.",
        )

    def _serialno(self, name: str) -> str | None:
        """Find the serial number that a name means: of a phone that is paired, seen, or agreed to."""
        row = self._phones.named(name)
        if row is not None:
            return row.serialno
        known = self._cable is not None and (
            self._cable.seen(name) is not None or self._cable.owner.is_named(name)
        )
        return name if known else None

    def _paired(self, row: PhoneRow, seen: SeenPhone | None) -> KnownPhone:
        return KnownPhone(
            install_id=row.install_id,
            serialno=row.serialno,
            label=row.label,
            model=(seen.model.replace("_", " ") if seen else None) or row.label,
            state=seen.state if seen else None,
            paired_at_ms=row.paired_at_ms,
            last_seen_ms=row.last_seen_ms,
            steps=_shown(seen.steps) if seen else (),
        )

    def _unpaired(self, seen: SeenPhone) -> KnownPhone:
        serialno = seen.serialno or seen.adb_serial
        ours = self._cable is not None and self._cable.owner.is_ours(serialno)
        return KnownPhone(
            install_id=None,
            serialno=serialno,
            model=seen.model.replace("_", " ") or None,  # adb writes every blank of the model as "_"
            state=seen.state,
            ours=ours,
            steps=_shown(seen.steps),
        )


async def _steps(asked: Awaitable[tuple[Step, ...]]) -> tuple[DeviceStep, ...]:
    return _shown(await _asked(asked))


async def _asked(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except AdbError as error:
        raise GatewayError("device_error", f"adb: {error}.", hint=error.hint or None) from None


def _shown(steps: Iterable[Step]) -> tuple[DeviceStep, ...]:
    return tuple(DeviceStep(step.name, step.outcome, step.detail, step.hint) for step in steps)

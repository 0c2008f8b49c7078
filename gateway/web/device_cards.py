"""Owns what pages say of devices: rows of the store beside what is known of phones on cables, sorted by what to do.

Knows no page and no adb.
Source: the notes on what people see, */devices*: found, attached, seen before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from gateway.http.call import Call
from gateway.http.services import DeviceStep, KnownPhone, StickSeen
from gateway.store.ignored_devices import IgnoredDevice
from gateway.store.rows import DeviceRow, LineRow
from gateway.web.steps import StepShown, unfinished
from gateway.web.words import gettext as _
from gateway.web.words import ngettext

_GONE = ("device_lost", "phone_gone")
"""Reasons that say only that it is away."""


@dataclass(frozen=True, slots=True)
class DeviceCard:
    """One device: its row (None: it never connected), what is known of it as a phone, and the SIMs in it."""

    row: DeviceRow | None
    phone: KnownPhone | None
    lines: tuple[LineRow, ...]

    @property
    def id(self) -> str:
        """What addresses name it by."""
        if self.row is not None:
            return self.row.id
        phone = self.phone
        return (phone.install_id or phone.serialno or "") if phone is not None else ""

    @property
    def path(self) -> str:
        return f"/devices/{quote(self.id, safe='')}"

    @property
    def kind(self) -> str:
        return self.row.kind if self.row is not None else "phone"

    @property
    def name(self) -> str:
        """Call it by maker and model, else by what there is."""
        if self.row is not None and (self.row.maker or self.row.model):
            return " ".join(word for word in (self.row.maker, self.row.model) if word)
        if self.phone is not None and (self.phone.label or self.phone.model):
            return self.phone.label or self.phone.model or ""
        return self.row.address if self.row is not None else _("Phone")

    @property
    def attached(self) -> bool:
        return self.row is not None and self.row.attached

    @property
    def on_cable(self) -> bool:
        return self.phone is not None and self.phone.state is not None

    @property
    def is_found(self) -> bool:
        """It is there and does not work yet: a phone on a cable, a modem that cannot be used."""
        if self.attached:
            return False
        reason = self.row.reason if self.row is not None else None
        return self.on_cable or (self.kind == "modem" and reason is not None and reason.code not in _GONE)

    @property
    def way(self) -> str:
        """Say how it is attached, for a person."""
        row = self.row
        if row is not None and (row.kind == "modem" or row.attached):
            return way_of(row)
        # What a phone that is away said last is of another day; its cable is seen now.
        return _("USB") if self.on_cable else ""

    @property
    def missing(self) -> tuple[StepShown, ...]:
        """What a person must do first."""
        return unfinished(self.phone.steps) if self.phone is not None else ()

    @property
    def steps(self) -> tuple[DeviceStep, ...]:
        return self.phone.steps if self.phone is not None else ()

    @property
    def trusts_us(self) -> bool:
        return self.phone is not None and self.phone.state == "device"

    @property
    def asks(self) -> bool:
        """Say whether the question of USB debugging stands on its screen."""
        return self.phone is not None and self.phone.state in ("unauthorized", "authorizing")

    @property
    def can_release(self) -> bool:
        """Say whether it belongs to this gateway and can be let go of."""
        return self.phone is not None and (self.phone.install_id is not None or self.phone.ours)

    @property
    def last_seen_ms(self) -> int | None:
        if self.row is not None:
            return self.row.last_seen_ms
        return self.phone.last_seen_ms if self.phone is not None else None


def newer_app(call: Call, card: DeviceCard) -> str | None:
    """Name the version of the app that this gateway brings, where the phone has an older one."""
    health = card.row.health if card.row is not None else None
    actions = call.services.device_actions
    if health is None or health.app_code is None or actions is None:
        return None
    return actions.newer_app(health.app_code)


def way_of(device: DeviceRow) -> str:
    """Say how a device is attached, for a person."""
    if device.emulated:
        return _("emulated modem")
    if device.kind == "phone":
        return _("Wi-Fi") if device.health is not None and device.health.way == "lan" else _("USB")
    if device.address.startswith("socket:"):
        return _("over the network")
    return _("USB") if "usb" in device.address.lower() or "ACM" in device.address else _("serial port")


@dataclass(frozen=True, slots=True)
class PinForm:
    """The question for a PIN. ``tries`` says how often the SIM may be asked; ``is_last``: a wrong one locks it."""

    tries: str
    is_last: bool


def pin_form(card: DeviceCard, wanting: Mapping[str, int | None]) -> PinForm | None:
    """Ask for the PIN where the SIM in this device waits for one."""
    if card.id not in wanting:
        return None
    return PinForm(pin_sentence(wanting[card.id]), wanting[card.id] == 1)


def pin_sentence(tries_left: int | None) -> str:
    """Ask for a PIN, and say how often the SIM may be asked."""
    if tries_left is None:
        return _("Enter the PIN (the modem does not tell how many tries are left; we use one at most)")
    left = ngettext("%(n)s try left", "%(n)s tries left", tries_left) % {"n": tries_left}
    return _("Enter the PIN (%(left)s; we use one at most)") % {"left": left}


def locked_for_good(card: DeviceCard) -> LineRow | None:
    """Find the SIM in it that wrong PINs have locked: only its PUK opens it."""
    return next(
        (line for line in card.lines if line.reason is not None and line.reason.code == "sim_puk_required"),
        None,
    )


@dataclass(frozen=True, slots=True)
class Devices:
    """All devices that the caller may see. ``sticks`` are modems by their ids that offer no AT port; what is
    ``ignored`` is in neither they nor ``found``."""

    found: tuple[DeviceCard, ...]
    attached: tuple[DeviceCard, ...]
    before: tuple[DeviceCard, ...]
    sticks: tuple[StickSeen, ...]
    ignored: tuple[IgnoredDevice, ...] = ()


async def read_devices(call: Call) -> Devices:
    """Read what is attached, what was, and what hangs on a cable."""
    cards = sorted(await _cards(call), key=lambda card: (_is_emulated(card), card.name.casefold(), card.id))
    sandbox = call.caller.sandbox
    ignored = () if sandbox else await call.services.store.ignored_devices.all(call.caller.tenant)
    not_shown = {each.id for each in ignored}
    attached = {card.id for card in cards if card.attached}
    return Devices(
        found=tuple(card for card in cards if card.is_found and card.id not in not_shown),
        attached=tuple(card for card in cards if card.attached),
        before=tuple(card for card in cards if not card.attached and not card.is_found),
        sticks=() if sandbox else tuple(s for s in call.services.sticks() if s.id not in not_shown),
        ignored=tuple(each for each in ignored if each.id not in attached),
    )


async def find_device(call: Call, name: str) -> DeviceCard | None:
    """Find a device by its id, or a phone by its serial number."""
    cards = await _cards(call)
    by_id = next((card for card in cards if card.id == name), None)
    return by_id or next(
        (card for card in cards if card.phone is not None and card.phone.serialno == name), None
    )


async def device_names(call: Call) -> dict[str, str]:
    """Call all devices that the caller may see, by their ids."""
    rows = await call.services.store.devices(call.view)
    return {row.id: DeviceCard(row, None, ()).name for row in rows}


async def _cards(call: Call) -> list[DeviceCard]:
    store = call.services.store
    actions = None if call.caller.sandbox else call.services.device_actions
    rows, lines = await asyncio.gather(store.devices(call.view), store.lines(call.view))
    known = await actions.phones() if actions is not None else ()
    by_install = {phone.install_id: phone for phone in known if phone.install_id is not None}
    cards = [DeviceCard(row, by_install.pop(row.id, None), _lines_in(lines, row.id)) for row in rows]
    absent = [phone for phone in known if phone.install_id is None or phone.install_id in by_install]
    return [*cards, *(DeviceCard(None, phone, ()) for phone in absent)]


def _lines_in(lines: Sequence[LineRow], device_id: str) -> tuple[LineRow, ...]:
    return tuple(line for line in lines if line.device_id == device_id)


def _is_emulated(card: DeviceCard) -> bool:
    return card.row is not None and card.row.emulated

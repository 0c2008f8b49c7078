"""Owns *Ignore* and *Show again* of what was found on the page of devices.

Knows no driver: what is ignored is kept in the store, and whoever looks at the USB bus asks there.
Source: the notes on what people see, */devices* (Found: Add / Ignore); rules KEY-7.
"""

from __future__ import annotations

from aiohttp import web

from gateway.http.call import Call
from gateway.http.route import Route
from gateway.store.ignored_devices import IgnoredDevice
from gateway.store.protocol import NotFound
from gateway.web.device_cards import DeviceCard, read_devices
from gateway.web.forms import read_form
from gateway.web.frame import see_other


async def ignore(call: Call) -> web.Response:
    """Show something that was found among the ignored, now and after a restart."""
    fields = await read_form(call)
    found = await _found(call, fields.get("id", ""))
    await call.services.store.ignored_devices.ignore(call.caller.tenant, found, call.caller.by)
    return see_other(call, "/devices?done=ignored#found")


async def show_again(call: Call) -> web.Response:
    """Show something as found again."""
    fields = await read_form(call)
    if call.caller.sandbox:
        raise NotFound
    ignored = call.services.store.ignored_devices
    await ignored.show_again(call.caller.tenant, fields.get("id", ""), call.caller.by)
    return see_other(call, "/devices?done=shown_again#found")


async def _found(call: Call, found_id: str) -> IgnoredDevice:
    if call.caller.sandbox:
        raise NotFound  # what hangs on this machine is not a sandbox's to judge
    devices = await read_devices(call)
    for card in devices.found:
        if card.id == found_id:
            return _as_ignored(card)
    for stick in devices.sticks:
        if stick.id == found_id:
            return IgnoredDevice(stick.id, "stick", stick.name)
    raise NotFound


def _as_ignored(card: DeviceCard) -> IgnoredDevice:
    if card.kind == "modem" and card.row is not None:
        return IgnoredDevice(card.id, "modem", card.name, card.row.address)
    return IgnoredDevice(card.id, "phone", card.name)


_HTML = "text/html"
_MANAGE = "lines:manage"

ROUTES = (
    Route("POST", "/devices/ignore", ignore, _MANAGE, "Ignore something that was found", 303, media_type=_HTML),
    Route(
        "POST", "/devices/show-again", show_again, _MANAGE, "Show something as found again", 303, media_type=_HTML
    ),
)  # fmt: skip

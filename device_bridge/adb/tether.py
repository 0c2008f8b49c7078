"""Owns the steps "reverse", "service", "pairing" and "heartbeat": the app dials us through the cable and answers.

Never takes over a tunnel that somebody else made; the code travels by standard input only.
Source: docs/link.md; README rows 24, 25, 40 to 43.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from device_bridge.adb.contract import Step
from device_bridge.adb.errors import Refused
from device_bridge.adb.handset import Handset, failed

PHONE_PORT: Final = 47321
"""The port that the phone listens on for us; another one where it is taken. No service is registered on it."""

GRACE_S: Final = 3.0
"""Seconds for an app that was paired before to come back by itself, before a new code is made for it."""

HEARTBEAT_S: Final = 15.0  # the app dials within 0.5 s; a cold start of an old phone takes some seconds


async def reverse(phone: Handset, *, change: bool) -> Step:
    """See that a port of the phone leads to the gateway."""
    host_port = phone.wanted.host_port
    table = await phone.server.reverse_list(phone.adb_serial)
    ours = next((row for row in table if row.host_port == host_port), None)
    if ours is not None:
        phone.usb_port = ours.phone_port
        return Step("reverse", "ok", f"port {ours.phone_port} of the phone")
    if not change:
        return Step("reverse", "waiting", "no tunnel to the gateway", phone.provision_hint)
    stale = await phone.recall("reverse_host")
    for row in table:
        if str(row.host_port) == stale:
            # Ours, to the port that the gateway had before it was restarted.
            await phone.server.reverse_remove(phone.adb_serial, row.phone_port)
    phone.usb_port = await _add(phone, host_port)
    phone.tunnel_is_new = True
    await phone.remember("reverse_host", str(host_port))
    return Step("reverse", "fixed", f"port {phone.usb_port} of the phone")


async def _add(phone: Handset, host_port: int) -> int:
    try:
        return await phone.server.reverse_add(phone.adb_serial, PHONE_PORT, host_port)
    except Refused:
        return await phone.server.reverse_add(phone.adb_serial, 0, host_port)


async def service(phone: Handset, *, change: bool) -> Step:
    """Start the app's service where the app is not connected, or has not heard of this tunnel."""
    if phone.wanted.linked(phone.serialno) and not phone.tunnel_is_new:
        return Step("service", "ok", "running")
    if not change:
        return Step("service", "waiting", "the app is not connected", phone.provision_hint)
    if phone.usb_port is None:
        return Step("service", "skipped", "there is no tunnel")
    component = f"{phone.package}/.CompanionService"
    words = ("am", "start-foreground-service", "-n", component, "--ei", "usb_port", str(phone.usb_port))
    result = await phone.change(*words)
    if failed(result):
        return phone.refused("service", result)
    phone.tunnel_is_new = False
    return Step("service", "fixed", "started")


async def pairing(phone: Handset, *, change: bool) -> Step:
    """Hand the app a pairing code over the cable where it does not connect by itself."""
    if await phone.linked_within(GRACE_S if change and await phone.recall("paired") else 0):
        return Step("pairing", "ok", "paired")
    if not change:
        return Step("pairing", "waiting", "the app is not connected", phone.provision_hint)
    handover = await phone.wanted.pairing(phone.serialno)
    uri = f"content://{phone.package}.handover/pairing"
    result = await phone.change("content", "write", "--uri", uri, stdin=handover)
    if failed(result):
        return phone.refused("pairing", result)
    return Step("pairing", "fixed", "code handed over")


async def heartbeat(phone: Handset, *, change: bool) -> Step:
    """See that the companion is connected: the only proof that all of this works."""
    if not await phone.linked_within(HEARTBEAT_S if change else 0):
        detail = f"the app did not connect within {HEARTBEAT_S:g} s" if change else "the app is not connected"
        hint = "Open the app on the phone: its screen says why; it may belong to another gateway until unpaired there"
        return Step("heartbeat", "refused", detail, hint)
    if change:
        await phone.remember("paired", "yes")
    return Step("heartbeat", "ok", "connected")


async def reach(phone: Handset) -> None:
    """Make the tunnel and start the service at once, before everything else is looked at.

    For a phone that was complete before: it is back within a second or two. What is refused here is seen again,
    told and repaired by the steps that follow.

    Raises:
        AdbError: the phone cannot be talked to.
    """
    with suppress(Refused):
        await reverse(phone, change=True)
        await service(phone, change=True)

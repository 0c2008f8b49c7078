"""Owns the overview: what needs a person, how the lines are, what was sent last, how today went.

Knows no page but its own; sending is :mod:`gateway.web.compose`.
Source: the notes on what people see, *Pages*.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from gateway.doctor.phones import HOT_C
from gateway.http.call import Call
from gateway.http.line_limits import pace_of
from gateway.http.route import Route
from gateway.message import Message
from gateway.policy.rules import PaceDefaults
from gateway.store.glance import Today
from gateway.store.rows import DeviceRow, LineRow, MessageFilter
from gateway.web import get_real
from gateway.web.compose import box
from gateway.web.device_cards import way_of
from gateway.web.frame import Page, show
from gateway.web.needs import needs as needs_now
from gateway.web.shown import percent
from gateway.web.words import gettext as _

LATEST = 12


@dataclass(frozen=True, slots=True)
class LineCard:
    """A line as its card shows it. ``pace`` is what it is held to; ``hours`` its parts of the last day."""

    row: LineRow
    device: DeviceRow | None
    pace: PaceDefaults
    hours: tuple[int, ...]

    @property
    def attached(self) -> str:
        """Say what the SIM is in, and how that is attached."""
        device = self.device
        if device is None:
            return ""
        if device.emulated:
            return way_of(device)
        name = " ".join(word for word in (device.maker, device.model) if word) or device.kind
        return f"{name} · {way_of(device)}"

    @property
    def power(self) -> str:
        """Say what it runs on: the battery of a phone, the mains for a modem; "" where nobody knows."""
        device = self.device
        if device is None or device.emulated:
            return ""
        if device.kind == "modem":
            return _("mains")
        health = device.health
        if health is None or health.battery_percent is None:
            return ""
        charging = "" if health.charging is None else _("charging") if health.charging else _("not charging")
        return " · ".join(said for said in (percent(health.battery_percent, 100), charging) if said)

    @property
    def hot_c(self) -> float | None:
        """How hot it is, where that is too hot."""
        health = self.device.health if self.device is not None else None
        if health is None or health.temperature_c is None or health.temperature_c < HOT_C:
            return None
        return health.temperature_c


async def page(call: Call) -> web.Response:
    """Show the overview; each part only to those who may see it."""
    may = call.caller.may

    async def lines() -> Mapping[str, object]:
        return {"lines": await line_cards(call) if may("lines:read") else ()}

    async def latest() -> Mapping[str, object]:
        return {"latest": await latest_messages(call) if may("messages:read") else ()}

    async def today() -> Mapping[str, object]:
        return await _today(call) if may("messages:read") else {"today": None, "in_doubt": 0}

    async def needs() -> Mapping[str, object]:
        return {"needs": await needs_now(call)}

    async def real() -> Mapping[str, object]:
        due = may("lines:read") and await get_real.is_due(call)
        return {"get_real": due, "can_pair": get_real.can_pair(call), "may_pair": get_real.may_pair(call)}

    regions = {"needs": needs, "today": today, "lines": lines, "real": real, "latest": latest}
    return await show(call, Page("overview.html", _("Overview"), {"box": await box(call)}, regions, "/"))


async def line_cards(call: Call) -> tuple[LineCard, ...]:
    """Read the lines with their devices and the last day of each; real ones first."""
    store, limits = call.services.store, call.services.settings.limits
    rows, devices = await asyncio.gather(store.lines(call.view), store.devices(call.view))
    by_id = {device.id: device for device in devices}
    hours = await store.glance.hours(row.id for row in rows)
    ordered = sorted(rows, key=lambda row: (row.emulated, (row.label or row.number or row.id).casefold()))
    return tuple(
        LineCard(row, by_id.get(row.device_id or ""), pace_of(row, limits), hours[row.id]) for row in ordered
    )


async def latest_messages(call: Call) -> tuple[Message, ...]:
    """Read the newest messages."""
    return (await call.services.store.messages(call.view, MessageFilter(), LATEST, None)).items


async def _today(call: Call) -> Mapping[str, object]:
    store = call.services.store
    today: Today = await store.glance.today(call.view)
    return {"today": today, "in_doubt": await store.glance.in_doubt(call.view)}


ROUTES = (Route("GET", "/", page, "", "The overview", media_type="text/html"),)

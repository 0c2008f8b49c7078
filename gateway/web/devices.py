"""Owns the pages of devices: what is found, attached and seen before; one device; setting a phone up, letting it go;
the PIN of a modem's SIM.

Knows no driver: phones and modems are asked through the same doors as the API's.
Source: the notes on what people see, */devices*; rules KEY-7, CMP-4.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import replace

from aiohttp import web

from gateway.errors import GatewayError
from gateway.http.call import Call
from gateway.http.devices import actions_of, known, pins_wanted, unlock_sim
from gateway.http.models import UnlockSim
from gateway.http.modem_restart import restart_modem
from gateway.http.route import Route
from gateway.http.services import DeviceStep
from gateway.store.protocol import NotFound
from gateway.web.device_cards import (
    DeviceCard,
    find_device,
    locked_for_good,
    newer_app,
    pin_form,
    read_devices,
)
from gateway.web.device_log import asked_of_log, log_of
from gateway.web.form_errors import judged
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.get_real import can_pair, may_pair
from gateway.web.happenings import happenings_shown
from gateway.web.steps import CHANGES, steps_shown
from gateway.web.words import gettext as _
from gateway.web.words import mark

_HERE = "/devices"
_HISTORY = 12
_DONE = {
    "paired": mark("The phone is connected. Its SIMs stand below as lines."),
    "removed": mark("The phone was let go of. What could not be taken back on it stands in the steps."),
    "restarting": mark("The modem restarts. Its line is down until it is back, within a minute."),
    "ignored": mark("It is ignored now, and stays so after a restart. It stands below under Ignored."),
    "shown_again": mark("It is shown again as soon as it is there."),
    "unlocked": mark("The SIM took its PIN. It is kept, sealed, for this SIM: nobody is asked for it again."),
    "unlocked_once": mark(
        "The SIM took its PIN. This modem hides which SIM it is until then, so it will be asked for again."
    ),
}
_ALREADY_DONE = ("ok", "fixed", "skipped")
_LAST_STEP = "heartbeat"
"""The app is connected: before it a set-up goes on, or was broken off."""


async def index(call: Call) -> web.Response:
    """Show all devices; what is found is looked for again every few seconds."""

    async def found() -> Mapping[str, object]:
        devices = await read_devices(call)
        return {"found": devices.found, "sticks": devices.sticks, "ignored": devices.ignored}

    async def attached() -> Mapping[str, object]:
        devices = await read_devices(call)
        return {"attached": devices.attached, "before": devices.before}

    done = _DONE.get(call.request.rel_url.query.get("done", ""), "")
    values = {"can_pair": can_pair(call), "may_pair": may_pair(call), "done": _(done)}
    regions = {"found": found, "attached": attached}
    return await show(call, Page("devices.html", _("Devices"), values, regions, _HERE))


async def one(call: Call) -> web.Response:
    """Show one device."""
    return await _one(call, None)


async def unlock(call: Call) -> web.Response:
    """Let the SIM in a modem have the PIN that somebody typed, once."""
    fields = await read_form(call)
    typed = {"pin": fields.get("pin", "").strip(), "last_try": "last_try" in fields}
    try:
        entered = await unlock_sim(call, judged(UnlockSim, typed))
    except GatewayError as error:
        return await _one(call, error)
    card = await _card(call)
    return see_other(call, card.path, done="unlocked" if entered.kept else "unlocked_once")


async def restart(call: Call) -> web.Response:
    """Restart a modem; its line is down until it is back."""
    await read_form(call)
    try:
        await restart_modem(call)
    except GatewayError as error:
        return await _one(call, error)
    return see_other(call, (await _card(call)).path, done="restarting")


async def _one(call: Call, error: GatewayError | None) -> web.Response:
    card = await _card(call)

    async def device() -> Mapping[str, object]:
        now = await find_device(call, card.id) or card
        happened = await call.services.store.hardware_history.happened(call.view, now.id, _HISTORY)
        return {
            "card": now,
            "newer_app": newer_app(call, now),
            "steps": steps_shown(now.steps),
            "happened": happenings_shown(happened),
        }

    async def pin() -> Mapping[str, object]:
        now = await find_device(call, card.id) or card
        return {"card": now, "pin": pin_form(now, pins_wanted(call)), "locked": locked_for_good(now)}

    asked = asked_of_log(call.request.rel_url.query)

    async def log() -> Mapping[str, object]:
        now = await find_device(call, card.id) or card
        return {"card": now, "log_lines": log_of(call, now, asked.word)}

    done = _DONE.get(call.request.rel_url.query.get("done", ""), "")
    values = {"done": _(done) if done and error is None else "", "problem": error, "log_asked": asked}
    title = _("Device %(name)s") % {"name": card.name}
    page = Page("device.html", title, values, {"pin": pin, "device": device, "log": log}, _HERE)
    return await show(call, page, 422 if error is not None else 200)


# ------------------------------------------------------------------ set up


async def set_up_page(call: Call) -> web.Response:
    """Say what setting a phone up changes, and show how far it is."""
    return await _set_up(call, None)


async def set_up(call: Call) -> web.Response:
    """Set a phone up, as far as it lets us."""
    await read_form(call)
    return await _asked(call, actions_of(call).provision(call.id()))


async def examine(call: Call) -> web.Response:
    """Look at everything that a phone needs; repair it where that was asked for."""
    fields = await read_form(call)
    steps = actions_of(call).examine(call.id(), fix="fix" in fields, may_reboot="may_reboot" in fields)
    if "fix" in fields:
        await call.record("device.repaired", f"device:{call.id()}")
    return await _asked(call, steps)


async def _asked(call: Call, asked: Awaitable[tuple[DeviceStep, ...]]) -> web.Response:
    try:
        steps = await known(asked)
    except GatewayError as error:
        return await _set_up(call, None, error)
    return await _set_up(call, steps)


async def _set_up(
    call: Call, steps: tuple[DeviceStep, ...] | None, error: GatewayError | None = None
) -> web.Response:
    card = await _card(call)

    async def progress() -> Mapping[str, object]:
        now = await find_device(call, card.id) or card
        if steps is not None and now.phone is not None:
            now = replace(now, phone=replace(now.phone, steps=steps))
        return {
            "card": now,
            "steps": steps_shown(now.steps),
            "is_ready": _ends_well(now.steps) and now.steps[-1].name == _LAST_STEP,
            "is_under_way": _ends_well(now.steps) and now.steps[-1].name != _LAST_STEP,
        }

    values = {
        "changes": CHANGES,
        "problem": error,
        "name": card.name,
        "path": card.path,
        "ran": steps is not None,
        "is_phone": card.phone is not None,
    }
    page = Page("device_setup.html", _("Set up a phone"), values, {"progress": progress}, _HERE)
    return await show(call, page, 422 if error is not None else 200)


def _ends_well(steps: tuple[DeviceStep, ...]) -> bool:
    return bool(steps) and all(step.outcome in _ALREADY_DONE for step in steps)


# ------------------------------------------------------------------ let go


async def remove_page(call: Call) -> web.Response:
    """Ask once before a phone is let go of."""
    return await _remove(call, None)


async def remove(call: Call) -> web.Response:
    """Take back what was changed on a phone, and end its key."""
    fields = await read_form(call)
    card = await _card(call)
    try:
        steps = await known(actions_of(call).release(call.id(), remove_app="remove_app" in fields))
    except GatewayError as error:
        return await _remove(call, error)
    values = {"card": card, "steps": steps_shown(steps), "problem": None}
    return await show(call, Page("device_remove.html", _("Phone removed"), values, {}, _HERE))


async def _remove(call: Call, error: GatewayError | None) -> web.Response:
    card = await _card(call)
    values = {"card": card, "steps": None, "problem": error}
    page = Page("device_remove.html", _("Remove a phone"), values, {}, _HERE)
    return await show(call, page, 422 if error is not None else 200)


async def _card(call: Call) -> DeviceCard:
    card = await find_device(call, call.id())
    if card is None:
        raise NotFound
    return card


_HTML = "text/html"
_ONE = "/devices/{id}"
_MANAGE = "lines:manage"

ROUTES = (
    Route("GET", "/devices", index, "lines:read", "The devices", media_type=_HTML),
    Route("GET", _ONE, one, "lines:read", "One device", media_type=_HTML),
    Route("GET", f"{_ONE}/set-up", set_up_page, _MANAGE, "What setting a phone up changes", media_type=_HTML),
    Route(
        "POST",
        f"{_ONE}/set-up",
        set_up,
        _MANAGE,
        "Set a phone up",
        media_type=_HTML,
        audited="device.provisioned",
    ),
    Route("POST", f"{_ONE}/examine", examine, _MANAGE, "Look at a phone", media_type=_HTML),
    # What a form answers is refreshed, and reloaded, at the form's own address.
    Route("GET", f"{_ONE}/examine", set_up_page, _MANAGE, "The steps of a phone", media_type=_HTML),
    Route(
        "POST",
        f"{_ONE}/pin",
        unlock,
        _MANAGE,
        "Enter the PIN of the SIM in a modem",
        303,
        media_type=_HTML,
        audited="device.unlocked",
    ),
    Route("GET", f"{_ONE}/pin", one, "lines:read", "The page of the device", media_type=_HTML),
    Route(
        "POST",
        f"{_ONE}/restart",
        restart,
        _MANAGE,
        "Restart a modem",
        303,
        media_type=_HTML,
        audited="device.restarted",
    ),
    Route("GET", f"{_ONE}/restart", one, "lines:read", "The page of the device", media_type=_HTML),
    Route("GET", f"{_ONE}/remove", remove_page, _MANAGE, "Ask before a phone is removed", media_type=_HTML),
    Route(
        "POST",
        f"{_ONE}/remove",
        remove,
        _MANAGE,
        "Remove a phone",
        media_type=_HTML,
        audited="device.released",
    ),
)

"""Owns the routes of devices: what is attached, how it is, what can be done to a phone, and the PIN of a modem's SIM.

Knows no driver and no adb: phones and modems are asked through the doors that the services give.
Source: the HTTP interface; rules KEY-7 (a sandbox key sees only emulated devices), CMP-1, CMP-2.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web
from pydantic_core import to_json

from gateway.errors import GatewayError
from gateway.http import hardware_answers
from gateway.http.call import Call
from gateway.http.hardware import reason_json
from gateway.http.models import Empty, ExaminePhone, ReleasePhone, UnlockSim
from gateway.http.pairing_page import pairing_pages
from gateway.http.route import KEPT_BODY, Route
from gateway.http.services import DeviceActions, DeviceStep, KnownPhone, PairingOffer, PinEntered
from gateway.representation import rfc3339
from gateway.store.protocol import NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from gateway.representation import Json
    from gateway.store.rows import DeviceRow

T = TypeVar("T")

_DEVICES = "/api/v1/devices"
_NOT_DONE = ("refused", "waiting")

HOW = (
    "1. Open `page` in the phone's browser, as a QR code for its camera: it offers the app, then opens it. Without"
    " `page` install the app by cable: plug the phone in and run `gateway devices provision SERIAL`."
    " 2. A phone that has the app scans `link`; or choose Pair with a gateway in the app and type both."
    " 3. The phone connects by itself from then on."
)


async def devices(call: Call) -> web.Response:
    """List devices: attached, remembered, paired, or only seen on a cable."""
    rows = {row.id: row for row in await call.services.store.devices(call.view)}
    actions = None if call.caller.sandbox else call.services.device_actions
    known = await actions.phones() if actions is not None else ()
    by_install = {phone.install_id: phone for phone in known if phone.install_id is not None}
    wanting = pins_wanted(call)
    shown = [
        {**_device_json(row, by_install.pop(row.id, None)), "sim_pin": _pin_json(row.id, wanting)}
        for row in rows.values()
    ]
    absent = [phone for phone in known if phone.install_id is None or phone.install_id in by_install]
    return call.json({"items": [*shown, *map(_phone_json, absent)], "next": None})


async def pair(call: Call) -> web.Response:
    """Open the listener for phones if it is shut, and make a code for one phone."""
    await call.body(Empty)
    offer = await actions_of(call).pair()
    shown = _offer_json(call, offer)
    response = call.json(shown, 201)
    response[KEPT_BODY] = to_json({**shown, "code": None, "typed_code": None, "link": None, "page": None})
    return response


async def provision(call: Call) -> web.Response:
    """Set a phone up that is on a cable: app, permissions, battery, tunnel, pairing."""
    await call.body(Empty)
    return _steps(call, await known(actions_of(call).provision(call.id())))


async def release(call: Call) -> web.Response:
    """Take back what was changed on a phone and let go of it."""
    asked = await call.body(ReleasePhone)
    return _steps(call, await known(actions_of(call).release(call.id(), remove_app=asked.remove_app)))


async def examine(call: Call) -> web.Response:
    """Look at everything that a phone needs; repairs only when asked."""
    asked = await call.body(ExaminePhone)
    steps = actions_of(call).examine(call.id(), fix=asked.fix, may_reboot=asked.may_reboot)
    if asked.fix:
        await call.record("device.repaired", f"device:{call.id()}")
    return _steps(call, await known(steps))


async def revoke(call: Call) -> web.Response:
    """End the key of a phone at once."""
    await known(actions_of(call).revoke(call.id()))
    return call.json({"id": call.id(), "revoked": True})


async def unlock(call: Call) -> web.Response:
    """Let the SIM in a modem have its PIN."""
    entered = await unlock_sim(call, await call.body(UnlockSim))
    return call.json({"id": call.id(), "unlocked": True, "remembered": entered.kept})


async def unlock_sim(call: Call, asked: UnlockSim) -> PinEntered:
    """Let the SIM in the modem that the path names have a PIN, once.

    Raises:
        GatewayError: ``conflict``: nothing was entered; ``device_error``: refused, or no modem there now.
        NotFound: no such device for this caller.
    """
    name, locks = call.id(), call.services.sim_locks
    if name not in {row.id for row in await call.services.store.devices(call.view)}:
        raise NotFound
    if locks is None:
        raise GatewayError(
            "device_error", "No devices run in this process. Start the server with its devices."
        )
    try:
        return await locks.unlock(name, asked.pin, last_try=asked.last_try)
    except LookupError:
        raise GatewayError(
            "device_error", "No modem with this id is attached now. Plug it in, or name another device."
        ) from None


def pins_wanted(call: Call) -> Mapping[str, int | None]:
    """Name the devices whose SIM waits for its PIN, with the tries that are left where the modem tells.

    Ids of devices only: whoever shows them keeps to those that the caller may see.
    """
    locks = call.services.sim_locks
    return {} if locks is None else locks.wanting()


def actions_of(call: Call) -> DeviceActions:
    """Give the door to phones.

    Raises:
        NotFound: the caller sees the sandbox only.
        GatewayError: ``device_error``: no devices run here.
    """
    if call.caller.sandbox:
        raise NotFound
    actions = call.services.device_actions
    if actions is None:
        raise GatewayError(
            "device_error", "No devices run in this process. Start the server with its devices."
        )
    return actions


async def known(asked: Awaitable[T]) -> T:
    """Answer that a phone is not there as any id that is not there. Raises NotFound."""
    try:
        return await asked
    except LookupError:
        raise NotFound from None


# ------------------------------------------------------------------ shapes


def _device_json(row: DeviceRow, phone: KnownPhone | None) -> Json:
    return {
        "id": row.id,
        "kind": row.kind,
        "address": row.address,
        "serialno": phone.serialno if phone else None,
        "label": phone.label if phone else None,
        "state": "attached" if row.attached else "away",
        "adb": phone.state if phone else None,
        "paired_at": rfc3339(phone.paired_at_ms) if phone else None,
        "notes": list(row.notes),
        "health": None if row.health is None else asdict(row.health),
        "steps": _steps_json(phone.steps) if phone else [],
        "maker": row.maker,
        "model": row.model,
        "firmware": row.firmware,
        "emulated": row.emulated,
        "attached": row.attached,
        "reason": reason_json(row.reason),
        "last_seen_at": rfc3339(row.last_seen_ms),
    }


def _pin_json(device_id: str, wanting: Mapping[str, int | None]) -> Json | None:
    return {"tries_left": wanting[device_id]} if device_id in wanting else None


def _phone_json(phone: KnownPhone) -> Json:
    """Show a phone that has not connected yet: paired only, or on a cable only."""
    return {
        "id": phone.install_id or phone.serialno or "",
        "kind": "phone",
        "address": "usb" if phone.state else "",
        "serialno": phone.serialno,
        "label": phone.label,
        "state": "away" if phone.ours else "seen",
        "adb": phone.state,
        "paired_at": rfc3339(phone.paired_at_ms),
        "notes": [],
        "health": None,
        "steps": _steps_json(phone.steps),
        "maker": None,
        "model": phone.model,
        "firmware": None,
        "emulated": False,
        "attached": False,
        "reason": None,
        "sim_pin": None,
        "last_seen_at": rfc3339(phone.last_seen_ms),
    }


def _steps_json(steps: tuple[DeviceStep, ...]) -> list[Json]:
    return [asdict(step) for step in steps]


def _steps(call: Call, steps: tuple[DeviceStep, ...]) -> web.Response:
    ok = all(step.outcome not in _NOT_DONE for step in steps)
    return call.json({"ok": ok, "steps": _steps_json(steps)})


def _offer_json(call: Call, offer: PairingOffer) -> Json:
    pages = pairing_pages(call, offer)
    return {
        "code": offer.code,
        "typed_code": offer.typed_code,
        "link": offer.link,
        "page": pages[0].url if pages else None,
        "host": offer.host,
        "hosts": list(offer.hosts),
        "pin": offer.pin,
        "expires_at": rfc3339(offer.expires_at_ms),
        "how": HOW,
    }


_MANAGE = "lines:manage"
_PHONE = f"{_DEVICES}/{{id}}"
_CABLE = ("not_found", "device_error", "adb_missing")

ROUTES = (
    Route("GET", _DEVICES, devices, "lines:read", "List devices", answer=hardware_answers.DeviceList),
    Route(
        "POST", f"{_DEVICES}/pair", pair, _MANAGE, "Make a pairing code for a phone", 201, Empty,
        answer=hardware_answers.PairingOffer, problems=("not_found", "device_error", "link_unavailable"),
        audited="pairing.begun",
    ),
    Route(
        "POST", f"{_PHONE}/provision", provision, _MANAGE, "Set up a phone that is on a cable", body=Empty,
        answer=hardware_answers.DeviceSteps, problems=_CABLE, audited="device.provisioned",
    ),
    Route(
        "POST", f"{_PHONE}/release", release, _MANAGE, "Take back what was changed on a phone", body=ReleasePhone,
        answer=hardware_answers.DeviceSteps, problems=_CABLE, audited="device.released",
    ),
    Route(
        "POST", f"{_PHONE}/examine", examine, _MANAGE, "Look at everything that a phone needs", body=ExaminePhone,
        answer=hardware_answers.DeviceSteps, problems=_CABLE,
    ),
    # Own idempotency: none is kept, because the fingerprint of such a body is soon guessed. A PIN that is sent twice
    # finds the SIM open, or is known as refused: it goes to the SIM once in either case.
    Route(
        "POST", f"{_PHONE}/pin", unlock, _MANAGE, "Enter the PIN of the SIM in a modem", body=UnlockSim,
        answer=hardware_answers.SimUnlocked, problems=("not_found", "conflict", "device_error"), own_idempotency=True,
        audited="device.unlocked",
    ),
    Route(
        "DELETE", _PHONE, revoke, _MANAGE, "End the key of a phone", answer=hardware_answers.Revoked,
        problems=("not_found", "device_error"), audited="device.removed",
    ),
)  # fmt: skip

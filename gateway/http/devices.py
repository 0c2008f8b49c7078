"""Owns the routes of devices: what is attached, how it is, and what can be done to a phone.

Knows no driver and no adb: phones are asked through the door that the services give.
Source: the HTTP interface; rules KEY-7 (a sandbox key sees only emulated devices), CMP-1, CMP-2.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web
from pydantic_core import to_json

from gateway.errors import GatewayError
from gateway.http import answers
from gateway.http.call import Call
from gateway.http.hardware import reason_json
from gateway.http.models import Empty, ExaminePhone, ReleasePhone
from gateway.http.route import KEPT_BODY, Route
from gateway.http.services import DeviceActions, DeviceStep, KnownPhone, PairingOffer
from gateway.representation import rfc3339
from gateway.store.protocol import NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from gateway.representation import Json
    from gateway.store.rows import DeviceRow

T = TypeVar("T")

_DEVICES = "/api/v1/devices"
_NOT_DONE = ("refused", "waiting")

HOW = (
    "1. Install the app by cable first: plug the phone in and run `gateway devices provision SERIAL`."
    " 2. Scan the QR code with its camera; or in the app SMS line choose Pair with a gateway and type both."
    " 3. The phone connects by itself from then on."
)


async def devices(call: Call) -> web.Response:
    """List devices: attached, remembered, paired, or only seen on a cable."""
    rows = {row.id: row for row in await call.services.store.devices(call.view)}
    actions = None if call.caller.sandbox else call.services.device_actions
    known = await actions.phones() if actions is not None else ()
    by_install = {phone.install_id: phone for phone in known if phone.install_id is not None}
    shown = [_device_json(row, by_install.pop(row.id, None)) for row in rows.values()]
    absent = [phone for phone in known if phone.install_id is None or phone.install_id in by_install]
    return call.json({"items": [*shown, *map(_phone_json, absent)], "next": None})


async def pair(call: Call) -> web.Response:
    """Open the listener for phones if it is shut, and make a code for one phone."""
    await call.body(Empty)
    offer = await _actions(call).pair()
    response = call.json(_offer_json(offer), 201)
    response[KEPT_BODY] = to_json({**_offer_json(offer), "code": None, "typed_code": None, "link": None})
    return response


async def provision(call: Call) -> web.Response:
    """Set a phone up that is on a cable: app, permissions, battery, tunnel, pairing."""
    await call.body(Empty)
    return _steps(call, await _known(_actions(call).provision(call.id())))


async def release(call: Call) -> web.Response:
    """Take back what was changed on a phone and let go of it."""
    asked = await call.body(ReleasePhone)
    return _steps(call, await _known(_actions(call).release(call.id(), remove_app=asked.remove_app)))


async def examine(call: Call) -> web.Response:
    """Look at everything that a phone needs; repairs only when asked."""
    asked = await call.body(ExaminePhone)
    steps = _actions(call).examine(call.id(), fix=asked.fix, may_reboot=asked.may_reboot)
    return _steps(call, await _known(steps))


async def revoke(call: Call) -> web.Response:
    """End the key of a phone at once."""
    await _known(_actions(call).revoke(call.id()))
    return call.json({"id": call.id(), "revoked": True})


def _actions(call: Call) -> DeviceActions:
    if call.caller.sandbox:
        raise NotFound
    actions = call.services.device_actions
    if actions is None:
        raise GatewayError(
            "device_error", "No devices run in this process. Start the server with its devices."
        )
    return actions


async def _known(asked: Awaitable[T]) -> T:
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
        "last_seen_at": rfc3339(phone.last_seen_ms),
    }


def _steps_json(steps: tuple[DeviceStep, ...]) -> list[Json]:
    return [asdict(step) for step in steps]


def _steps(call: Call, steps: tuple[DeviceStep, ...]) -> web.Response:
    ok = all(step.outcome not in _NOT_DONE for step in steps)
    return call.json({"ok": ok, "steps": _steps_json(steps)})


def _offer_json(offer: PairingOffer) -> Json:
    return {
        "code": offer.code,
        "typed_code": offer.typed_code,
        "link": offer.link,
        "host": offer.host,
        "pin": offer.pin,
        "expires_at": rfc3339(offer.expires_at_ms),
        "how": HOW,
    }


_MANAGE = "lines:manage"
_PHONE = f"{_DEVICES}/{{id}}"
_CABLE = ("not_found", "device_error", "adb_missing")

ROUTES = (
    Route("GET", _DEVICES, devices, "lines:read", "List devices", answer=answers.DeviceList),
    Route(
        "POST", f"{_DEVICES}/pair", pair, _MANAGE, "Make a pairing code for a phone", 201, Empty,
        answer=answers.PairingOffer, problems=("not_found", "device_error", "link_unavailable"),
    ),
    Route(
        "POST", f"{_PHONE}/provision", provision, _MANAGE, "Set up a phone that is on a cable", body=Empty,
        answer=answers.DeviceSteps, problems=_CABLE,
    ),
    Route(
        "POST", f"{_PHONE}/release", release, _MANAGE, "Take back what was changed on a phone", body=ReleasePhone,
        answer=answers.DeviceSteps, problems=_CABLE,
    ),
    Route(
        "POST", f"{_PHONE}/examine", examine, _MANAGE, "Look at everything that a phone needs", body=ExaminePhone,
        answer=answers.DeviceSteps, problems=_CABLE,
    ),
    Route(
        "DELETE", _PHONE, revoke, _MANAGE, "End the key of a phone", answer=answers.Revoked,
        problems=("not_found", "device_error"),
    ),
)  # fmt: skip

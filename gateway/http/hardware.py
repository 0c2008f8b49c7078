"""Owns the routes of lines: what is known of each SIM, and the few things to ask of it.

Knows no driver: USSD and self-tests go through the doors that the services give.
Source: the HTTP interface; rules KEY-7 (a sandbox key sees only emulated lines).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from device_bridge.errors import DeviceBridgeError, NotSubmitted
from gateway.clock import midnight_ms
from gateway.errors import GatewayError, field_error
from gateway.http import answers
from gateway.http.call import Call
from gateway.http.models import Empty, PatchLine, Ussd
from gateway.http.route import Route
from gateway.http.services import LineActions
from gateway.representation import rfc3339
from gateway.store.protocol import NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import TypeVar

    from device_bridge.sms.outcome import Outcome
    from gateway.representation import Json
    from gateway.store.rows import LineRow

    T = TypeVar("T")

_LINES = "/api/v1/lines"
_TYPICAL_PART_S = 4
"""How long a part takes on air when nothing paces it: submit times of real networks lie between 2 and 6 s."""


async def lines(call: Call) -> web.Response:
    """List lines, up or not."""
    rows = await call.services.store.lines(call.view)
    return call.all(rows, lambda row: _line_json(row, call))


async def patch(call: Call) -> web.Response:
    """Change what people decide about a line."""
    asked = await call.body(PatchLine)
    changes: dict[str, object] = {name: getattr(asked, name) for name in asked.model_fields_set}
    for name in ("pool", "paused"):
        if name in changes and changes[name] is None:
            raise field_error("invalid_request", f"{name} cannot be null. Leave it out to keep it.", name)
    if "pool" in changes:
        changes["pools"] = tuple(asked.pool or ())
        del changes["pool"]
    row = await _line(call)
    if "pools" in changes and ("sandbox" in (asked.pool or ())) != row.emulated:
        raise GatewayError(
            "sandbox_only",
            "Emulated lines stay in pool sandbox, and real lines never join it. Choose another pool.",
        )
    await call.services.store.patch_line(call.view, row.id, changes)
    return call.json(_line_json(await _line(call), call))


async def ussd(call: Call) -> web.Response:
    """Ask the network a USSD code."""
    asked = await call.body(Ussd)
    row = await _line(call)
    text = await _from_device(_actions(call).ussd(row.id, asked.code))
    return call.json({"code": asked.code, "text": text})


async def self_test(call: Call) -> web.Response:
    """Let a line look at itself."""
    await call.body(Empty)
    row = await _line(call)
    steps = await _from_device(_actions(call).self_test(row.id))
    return call.json(
        {
            "ok": all(step.ok for step in steps),
            "steps": [{"name": step.name, "ok": step.ok, "detail": step.detail} for step in steps],
        }
    )


async def _line(call: Call) -> LineRow:
    wanted = call.id()
    for row in await call.services.store.lines(call.view):
        if row.id == wanted:
            return row
    raise NotFound


def _actions(call: Call) -> LineActions:
    actions = call.services.line_actions
    if actions is None:
        raise GatewayError(
            "device_error", "No devices run in this process. Start the server with its devices."
        )
    return actions


async def _from_device(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except TimeoutError:
        raise GatewayError(
            "device_timeout", "The device or the network did not answer in time. Try again."
        ) from None
    except LookupError:
        raise GatewayError("device_error", "This line is not attached now. Plug its device in.") from None
    except NotSubmitted as refused:
        raise GatewayError("device_error", refused.cause.title, hint=refused.cause.hint) from None
    except DeviceBridgeError:
        raise GatewayError(
            "device_error", "The device failed while it was asked. Look at its state."
        ) from None


def reason_json(reason: Outcome | None) -> Json | None:
    """Show why a line or device is as it is."""
    return None if reason is None else {"code": reason.code, "title": reason.title, "hint": reason.hint}


def _line_json(row: LineRow, call: Call) -> Json:
    per_minute, per_day = _pace(row, call)
    quotas: list[Json] = []
    if per_day:
        # 36 h after a midnight lies within the next day, also where a change of the clocks makes one longer.
        resets_ms = midnight_ms(midnight_ms(call.services.clock.now_ms()) + 36 * 3_600_000)
        quotas.append(
            {"name": "per_day", "limit": per_day, "used": row.sent_today, "resets_at": rfc3339(resets_ms)}
        )
    return {
        "id": row.id,
        "iccid": row.iccid,
        "imsi": row.imsi,
        "number": row.number,
        "label": row.label,
        "pool": list(row.pools),
        "device": row.device_id,
        "state": row.state,
        "reason": reason_json(row.reason),
        "operator": row.operator,
        "signal_dbm": row.signal_dbm,
        "roaming": row.roaming,
        "smsc": row.smsc,
        "store_used": row.store_used,
        "store_total": row.store_total,
        "queued": row.queued,
        "sent_today": row.sent_today,
        "per_minute": per_minute or None,
        "per_day": per_day or None,
        "quotas": quotas,
        "eta_s": row.queued
        * (60 // per_minute if 0 < per_minute < 60 // _TYPICAL_PART_S else _TYPICAL_PART_S),
        "emulated": row.emulated,
        "last_seen_at": rfc3339(row.last_seen_ms),
    }


def _pace(row: LineRow, call: Call) -> tuple[int, int]:
    settings = call.services.settings
    if row.emulated:
        return row.per_minute or 0, row.per_day or 0
    return (
        settings.lines_per_minute if row.per_minute is None else row.per_minute,
        settings.lines_per_day if row.per_day is None else row.per_day,
    )


ROUTES = (
    Route("GET", _LINES, lines, "lines:read", "List lines", answer=answers.LineList),
    Route(
        "PATCH", f"{_LINES}/{{id}}", patch, "lines:manage", "Change a line", body=PatchLine,
        answer=answers.Line, problems=("not_found", "sandbox_only"),
    ),
    Route(
        "POST", f"{_LINES}/{{id}}/ussd", ussd, "ussd", "Ask the network a USSD code", body=Ussd,
        answer=answers.UssdAnswer, problems=("not_found", "device_error", "device_timeout"),
    ),
    Route(
        "POST", f"{_LINES}/{{id}}/self-test", self_test, "lines:manage", "Let a line look at itself",
        body=Empty, answer=answers.SelfTest, problems=("not_found", "device_error", "device_timeout"),
    ),
)  # fmt: skip

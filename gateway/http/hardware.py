"""Owns the routes of lines: what is known of each SIM, and the few things to ask of it.

Knows no driver: USSD and self-tests go through the doors that the services give.
Source: the HTTP interface; rules KEY-7 (a sandbox key sees only emulated lines).
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

from aiohttp import web

from device_bridge.errors import DeviceBridgeError, NotSubmitted
from gateway.errors import GatewayError, field_error
from gateway.http import hardware_answers
from gateway.http.call import Call
from gateway.http.line_limits import budgets, cost_month_json, pace_of, quotas, tariff_json
from gateway.http.models import PatchLine, TestLine, Ussd
from gateway.http.route import Route, forbidden
from gateway.http.services import LineActions
from gateway.representation import rfc3339
from gateway.self_tests import Running
from gateway.store.hardware_history import SelfTest, StepSeen
from gateway.store.protocol import NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import TypeVar

    from device_bridge.sms.outcome import Outcome
    from gateway.representation import Json
    from gateway.store.rows import LineRow

    T = TypeVar("T")

_LINES = "/api/v1/lines"
_SEND = "messages:send"


async def lines(call: Call) -> web.Response:
    """List lines, up or not."""
    rows = await call.services.store.lines(call.view)
    return call.all(rows, lambda row: _line_json(row, call))


async def patch(call: Call) -> web.Response:
    """Change what people decide about a line."""
    return call.json(_line_json(await change_line(call, await call.body(PatchLine)), call))


async def change_line(call: Call, asked: PatchLine) -> LineRow:
    """Change what is asked of the line that the path names, and read it again.

    Raises:
        GatewayError: ``invalid_request``, ``sandbox_only``.
        NotFound: no such line for this caller.
    """
    changes: dict[str, object] = {name: getattr(asked, name) for name in asked.model_fields_set}
    for name in ("pool", "paused"):
        if name in changes and changes[name] is None:
            raise field_error("invalid_request", f"{name} cannot be null. Leave it out to keep it.", name)
    if "pool" in changes:
        changes["pools"] = tuple(asked.pool or ())
        del changes["pool"]
    row = await line_of(call)
    if "pools" in changes and ("sandbox" in (asked.pool or ())) != row.emulated:
        raise GatewayError(
            "sandbox_only",
            "Emulated lines stay in pool sandbox, and real lines never join it. Choose another pool.",
        )
    await call.services.store.patch_line(call.view, row.id, changes, call.caller.by)
    return await line_of(call)


async def ussd(call: Call) -> web.Response:
    """Ask the network a USSD code."""
    asked = await call.body(Ussd)
    return call.json({"code": asked.code, "text": await ask_ussd(call, asked.code)})


async def ask_ussd(call: Call, code: str) -> str:
    """Ask the network a USSD code through the line that the path names.

    Raises:
        GatewayError: ``device_error``, ``device_timeout``.
        NotFound: no such line for this caller.
    """
    row = await line_of(call)
    return await _from_device(_actions(call).ussd(row.id, code))


async def self_test(call: Call) -> web.Response:
    """Let a line look at itself, or text itself and wait for what becomes of it."""
    asked = await call.body(TestLine)
    tested = await _text_through(call) if asked.send else await examine_line(call)
    return call.json({"ok": tested.ok, "steps": [asdict(step) for step in tested.steps]})


async def begin_text(call: Call) -> Running:
    """Let the line that the path names text itself; what becomes of it is noted and kept without the caller.

    Raises:
        GatewayError: ``forbidden``; ``conflict``: no number, paused, or one runs already; ``device_error``,
            ``device_timeout``; or why no text may go.
        NotFound: no such line for this caller.
    """
    if not call.caller.may(_SEND):
        raise forbidden(_SEND)
    row = await line_of(call)
    target = f"line:{row.id}"
    try:
        call.services.self_tests.may_begin(row)
        running = await call.services.self_tests.begin(row, call.caller, await _looked_at(call, row))
    except GatewayError as error:
        await call.record("line.texted", target, refused=True, code=error.code)
        raise
    message = running.message
    await call.record("line.texted", target, message=None if message is None else message.id)
    return running


async def _text_through(call: Call) -> SelfTest:
    running = await begin_text(call)
    # A caller who goes away ends nothing: the same end is waited for by the page of the line.
    tested = await asyncio.shield(running.ended)
    if tested is None:
        raise GatewayError(
            "shutting_down",
            "The server stops before the end of the self-test. Its text stays in the messages.",
        )
    return tested


async def _looked_at(call: Call, row: LineRow) -> tuple[StepSeen, ...]:
    steps = await _from_device(_actions(call).self_test(row.id))
    return tuple(StepSeen(step.name, step.ok, step.detail) for step in steps)


async def examine_line(call: Call) -> SelfTest:
    """Let the line that the path names look at itself, and keep what it saw.

    Raises:
        GatewayError: ``device_error``, ``device_timeout``.
        NotFound: no such line for this caller.
    """
    row, clock = await line_of(call), call.services.clock
    began_s = clock.monotonic_s()
    seen = await _looked_at(call, row)
    took_ms = round((clock.monotonic_s() - began_s) * 1000)
    tested = SelfTest(seen, took_ms, clock.now_ms())
    await call.services.store.hardware_history.add_self_test(row.tenant, row.id, tested)
    return tested


async def line_of(call: Call) -> LineRow:
    """Read the line that the path names. Raises NotFound."""
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
    limits, now_ms = call.services.settings.limits, call.services.clock.now_ms()
    pace = pace_of(row, limits)
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
        "per_minute": pace.per_minute or None,
        "per_hour": pace.per_hour or None,
        "per_day": pace.per_day or None,
        "per_month": pace.per_month or None,
        "recipients_per_month": pace.recipients_per_month or None,
        "billing_day": row.billing_day,
        "quiet_hours": row.quiet_hours,
        "tariff": tariff_json(row.tariff),
        "cost_month": cost_month_json(row),
        "quotas": quotas(row, limits, now_ms),
        "budgets": budgets(row, limits, now_ms),
        "eta_s": row.eta_s,
        "eta_reason": row.eta_reason,
        "emulated": row.emulated,
        "last_seen_at": rfc3339(row.last_seen_ms),
    }


_NO_TEXT = (
    "invalid_number", "recipient_opted_out", "content_refused", "quiet_hours", "quota_exhausted", "recipient_limit",
    "queue_full",
)  # fmt: skip
"""Why the gateway may refuse a line's text to itself."""

ROUTES = (
    Route("GET", _LINES, lines, "lines:read", "List lines", answer=hardware_answers.LineList),
    Route(
        "PATCH", f"{_LINES}/{{id}}", patch, "lines:manage", "Change a line", body=PatchLine,
        answer=hardware_answers.Line, problems=("not_found", "sandbox_only"),
    ),
    Route(
        "POST", f"{_LINES}/{{id}}/ussd", ussd, "ussd", "Ask the network a USSD code", body=Ussd,
        answer=hardware_answers.UssdAnswer, problems=("not_found", "device_error", "device_timeout"),
        audited="line.ussd",
    ),
    Route(
        "POST", f"{_LINES}/{{id}}/self-test", self_test, "lines:manage", "Let a line look at itself, or text itself",
        body=TestLine, answer=hardware_answers.SelfTest,
        problems=("not_found", *_NO_TEXT, "conflict", "device_error", "device_timeout", "shutting_down"),
    ),
)  # fmt: skip

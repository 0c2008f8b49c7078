"""Owns the page of a line: how it is, what it may send and has sent, why texts failed, and what a person changes.

Knows no driver and no rule: changes, USSD and self-tests go through what the API does.
Source: the notes on what people see, */lines/{id}*; rules KEY-7, PMP-3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from multidict import MultiDict

from gateway.errors import GatewayError
from gateway.http.call import Call
from gateway.http.hardware import ask_ussd, begin_text, change_line, examine_line, line_of
from gateway.http.line_limits import budgets, quotas
from gateway.http.models import PatchLine, Ussd
from gateway.http.route import Route
from gateway.policy.rules import Limits, PaceDefaults
from gateway.store.hardware_history import WEEK_MS
from gateway.store.rows import LineRow
from gateway.web.device_cards import device_names, find_device
from gateway.web.form_errors import by_field, judged
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.happenings import HappeningShown, happenings_shown
from gateway.web.words import gettext as _
from gateway.web.words import mark

_HERE = "/devices"
_HISTORY = 12
_DONE = {
    "saved": mark("Saved. It counts from the next text on."),
    "paused": mark("Paused: this line takes no new text. What it has in hand still goes out."),
    "resumed": mark("Resumed: this line sends again."),
}
_TESTS = {
    "network": mark("Network"),
    "signal": mark("Signal"),
    "message_centre": mark("Message centre"),
    "store": mark("Store of the SIM"),
    "sent": mark("Sent"),
    "delivered": mark("Delivered"),
    "received": mark("Received"),
}


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as the form shows it: its field, what it counts, what it is where nothing is set, and what is used."""

    name: str
    label: str
    unit: str
    own: int | None
    default: int
    used: int


@dataclass(frozen=True, slots=True)
class Said:
    """What an action on this page led to, to be shown above the forms."""

    problem: GatewayError | None = None
    errors: Mapping[str, str] | None = None
    typed: Mapping[str, str] | None = None
    ussd_code: str = ""
    ussd_text: str = ""

    @property
    def status(self) -> int:
        return 200 if self.problem is None else self.problem.status


async def page(call: Call) -> web.Response:
    """Show a line."""
    return await _page(call, Said())


async def change(call: Call) -> web.Response:
    """Change what people decide about a line."""
    fields = await read_form(call)
    try:
        asked = judged(PatchLine, _values(fields))
        await change_line(call, asked)
    except GatewayError as error:
        return await _page(call, Said(error, by_field(error), dict(fields)))
    return see_other(call, f"/lines/{call.id()}", done="saved")


async def pause(call: Call) -> web.Response:
    """Let a line take no new text."""
    fields = await read_form(call)
    await change_line(call, PatchLine(paused=True))
    return _back(call, fields, "paused")


async def resume(call: Call) -> web.Response:
    """Let a line send again."""
    fields = await read_form(call)
    await change_line(call, PatchLine(paused=False))
    return _back(call, fields, "resumed")


async def self_test(call: Call) -> web.Response:
    """Let a line look at itself; the result stands first in its list of self-tests."""
    await read_form(call)
    try:
        await examine_line(call)
    except GatewayError as error:
        return await _page(call, Said(error))
    return see_other(call, f"/lines/{call.id()}?done=tested#tests")


async def text_itself(call: Call) -> web.Response:
    """Let a line text itself; its page shows each step as it comes, and the end."""
    await read_form(call)
    try:
        await begin_text(call)
    except GatewayError as error:
        return await _page(call, Said(error))
    return see_other(call, f"/lines/{call.id()}?done=texted#tests")


async def ussd(call: Call) -> web.Response:
    """Ask the network a code, and show its answer."""
    fields = await read_form(call)
    code = fields.get("code", "").strip()
    try:
        judged(Ussd, {"code": code})
        text = await ask_ussd(call, code)
    except GatewayError as error:
        return await _page(call, Said(error, by_field(error), {"code": code}))
    return await _page(call, Said(ussd_code=code, ussd_text=text))


def _back(call: Call, fields: MultiDict[str], done: str) -> web.Response:
    """Lead back to where the button stood: the overview says so in a field ``back``."""
    return (
        see_other(call, "/")
        if fields.get("back") == "/"
        else see_other(call, f"/lines/{call.id()}", done=done)
    )


# ------------------------------------------------------------------ the page


async def _page(call: Call, said: Said) -> web.Response:
    row = await line_of(call)
    store, settings = call.services.store, call.services.settings
    done = call.request.rel_url.query.get("done", "")

    async def history() -> tuple[HappeningShown, ...]:
        happened = await store.hardware_history.happened(call.view, row.id, _HISTORY)
        return happenings_shown(happened, await device_names(call))

    async def top() -> Mapping[str, object]:
        recent_ms = call.services.clock.now_ms() - WEEK_MS
        moved = next((each for each in await history() if each.before and each.at_ms > recent_ms), None)
        return {"line": row, "moved": moved}

    async def state() -> Mapping[str, object]:
        return {"line": row, "device": await find_device(call, row.device_id) if row.device_id else None}

    async def use() -> Mapping[str, object]:
        now_ms = call.services.clock.now_ms()
        quota = [(_QUOTAS[str(each["name"])], each) for each in quotas(row, settings.limits, now_ms)]
        money = [(_QUOTAS[str(each["name"])], each) for each in budgets(row, settings.limits, now_ms)]
        return {"line": row, "quotas": quota, "money": money}

    async def day() -> Mapping[str, object]:
        hours = await store.glance.hours([row.id])
        return {"hours": hours[row.id], "failures": await store.hardware_history.failures(row.tenant, row.id)}

    async def tests() -> Mapping[str, object]:
        running = call.services.self_tests.running(row.id)
        return {
            "tests": await store.hardware_history.self_tests(row.tenant, row.id),
            "test_names": _TESTS,
            "happened": await history(),
            "running": running,
            "just_tested": done in ("tested", "texted") and running is None,
        }

    values = {
        "row": row,
        "said": said,
        "errors": {name: _at_field(name, detail) for name, detail in (said.errors or {}).items()},
        "form": said.typed or _as_typed(row),
        "limits": _limits(row, _defaults(row, settings.limits)),
        "done": _(_DONE.get(done, "")),
        "is_there": call.services.line_actions is not None,
    }
    title = _("Line %(name)s") % {"name": row.label or row.number or row.id}
    regions = {"top": top, "state": state, "use": use, "day": day, "tests": tests}
    return await show(call, Page("line.html", title, values, regions, _HERE), said.status)


_QUOTAS = {
    "per_minute": mark("Parts in the last minute"),
    "per_hour": mark("Parts in the last hour"),
    "per_day": mark("Parts today"),
    "per_month": mark("Parts this billing month"),
    "recipients_per_month": mark("People this billing month"),
    "budget_parts_per_day": mark("Parts of the budget today"),
    "budget_parts_per_month": mark("Parts of the budget this month"),
    "budget_per_day": mark("Money today"),
    "budget_per_month": mark("Money this billing month"),
}


def _defaults(row: LineRow, limits: Limits) -> PaceDefaults:
    """What holds the line back where nothing is set of its own: nothing, where emulated lines are exempt."""
    return PaceDefaults(0, 0) if limits.exempts(emulated=row.emulated) else limits.pace


def _limits(row: LineRow, defaults: PaceDefaults) -> tuple[Limit, ...]:
    use = row.use
    return (
        Limit(
            "per_minute",
            _(_LABELS["per_minute"]),
            _("parts"),
            row.per_minute,
            defaults.per_minute,
            use.minute,
        ),
        Limit("per_hour", _(_LABELS["per_hour"]), _("parts"), row.per_hour, defaults.per_hour, use.hour),
        Limit("per_day", _(_LABELS["per_day"]), _("parts"), row.per_day, defaults.per_day, use.day),
        Limit("per_month", _(_LABELS["per_month"]), _("parts"), row.per_month, defaults.per_month, use.month),
        Limit(
            "recipients_per_month",
            _(_LABELS["recipients_per_month"]),
            _("people"),
            row.recipients_per_month,
            defaults.recipients_per_month,
            use.recipients,
        ),
    )


_LABELS = {
    "label": mark("Name"),
    "number": mark("Own number"),
    "pool": mark("Pools"),
    "quiet_hours": mark("Quiet hours"),
    "per_minute": mark("Parts a minute"),
    "per_hour": mark("Parts an hour"),
    "per_day": mark("Parts a day"),
    "per_month": mark("Parts a month"),
    "recipients_per_month": mark("People a month"),
    "code": mark("Code, as dialled"),
}


def _at_field(name: str, detail: str) -> str:
    """Say what is wrong as a person reads the field: by its label, where the API calls it by its name."""
    written = re.match(rf"{re.escape(name)}(\.\d+)? ", detail)
    return f"{_(_LABELS[name])} {detail[written.end() :]}" if written and name in _LABELS else detail


_NUMBERS = ("per_minute", "per_hour", "per_day", "per_month", "recipients_per_month")
_TEXTS = ("label", "number", "quiet_hours")
_DIGITS_MOST = 18
"""More than any limit may have; what is longer still is no number (and Python reads none of 5,000 digits)."""


def _as_typed(row: LineRow) -> dict[str, str]:
    """What stands in the fields before anybody typed."""
    values = {name: getattr(row, name) for name in (*_NUMBERS, *_TEXTS)}
    typed = {name: "" if value is None else str(value) for name, value in values.items()}
    return {**typed, "pool": ", ".join(row.pools), "code": ""}


def _values(fields: MultiDict[str]) -> dict[str, object]:
    """Write what a form says as the body of the API's route: an empty field is null, "as it comes"."""
    values: dict[str, object] = {}
    for name in _TEXTS:
        if name in fields:
            values[name] = fields[name].strip() or None
    for name in _NUMBERS:
        if name in fields:
            typed = fields[name].strip()
            is_whole = typed.isascii() and typed.isdigit() and len(typed) <= _DIGITS_MOST
            values[name] = int(typed) if is_whole else typed or None
    if "pool" in fields:
        values["pool"] = [name for name in fields["pool"].replace(",", " ").split() if name]
    if values.get("number"):
        values["number"] = str(values["number"]).replace(" ", "")
    return values


_HTML = "text/html"
_ONE = "/lines/{id}"
_MANAGE = "lines:manage"

ROUTES = (
    Route("GET", _ONE, page, "lines:read", "One line", media_type=_HTML),
    Route("POST", _ONE, change, _MANAGE, "Change a line", 303, media_type=_HTML),
    Route("POST", f"{_ONE}/pause", pause, _MANAGE, "Pause a line", 303, media_type=_HTML),
    Route("POST", f"{_ONE}/resume", resume, _MANAGE, "Let a line send again", 303, media_type=_HTML),
    Route(
        "POST", f"{_ONE}/self-test", self_test, _MANAGE, "Let a line look at itself", 303, media_type=_HTML
    ),
    Route(
        "POST", f"{_ONE}/ussd", ussd, "ussd", "Ask the network a code", media_type=_HTML, audited="line.ussd"
    ),
    Route(
        "POST", f"{_ONE}/text-itself", text_itself, _MANAGE, "Let a line text itself", 303, media_type=_HTML
    ),
    # What a form answers is refreshed, and reloaded, at the form's own address.
    Route("GET", f"{_ONE}/ussd", page, "lines:read", "The page of the line", media_type=_HTML),
    Route("GET", f"{_ONE}/self-test", page, "lines:read", "The page of the line", media_type=_HTML),
    Route("GET", f"{_ONE}/text-itself", page, "lines:read", "The page of the line", media_type=_HTML),
)

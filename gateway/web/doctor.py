"""Owns the page of the doctor: findings by effect, what repairs them and takes it back, what a person does by hand.

Knows no rule and no repair: the doctor of the services does all of it, as for the API and the command line.
Source: the notes on what people see, */doctor*; docs/doctor.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from aiohttp import web

from gateway.errors import GatewayError
from gateway.http.call import Call
from gateway.http.doctor import doctor_of
from gateway.http.route import Route
from gateway.store.protocol import NotFound
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.words import gettext as _
from gateway.web.words import mark, ngettext

if TYPE_CHECKING:
    from gateway.doctor.finding import Listed
    from gateway.doctor.treatment import Treated

T = TypeVar("T")

_HERE = "/doctor"
SNOOZE_DAYS = 7
_GROUPS = ("stops", "trouble", "note")
_DONE = {
    "checked": mark("Everything was looked at again just now."),
    "fixed": mark("Fixed: the check passes."),
    "open": mark("It was done, and the check does not pass yet: see below."),
    "failed": mark("It could not be done: see below."),
    "undone": mark("Taken back."),
    "snoozed": mark("Put off for seven days. It stands at the end of this page until then."),
    "unsnoozed": mark("It is told again."),
}


async def page(call: Call) -> web.Response:
    """Show what is wrong, worst first, and what was repaired."""
    return await _page(call, ())


async def check(call: Call) -> web.Response:
    """Look at everything again."""
    await read_form(call)
    await doctor_of(call).check(call.caller)
    return see_other(call, _HERE, done="checked")


async def fix_all(call: Call) -> web.Response:
    """Repair everything that can be repaired, and say of each what became of it."""
    await read_form(call)
    return await _page(call, await doctor_of(call).fix_all(call.caller))


async def fix(call: Call) -> web.Response:
    """Repair one thing."""
    fields = await read_form(call)
    asked = doctor_of(call).fix(call.caller, call.id(), may_reboot="may_reboot" in fields)
    return await _treated(call, asked)


async def undo(call: Call) -> web.Response:
    """Take a repair back."""
    await read_form(call)
    return await _treated(call, doctor_of(call).undo(call.caller, call.id()))


async def snooze(call: Call) -> web.Response:
    """Put a finding off for a week."""
    await read_form(call)
    await _known(doctor_of(call).snooze(call.caller, call.id(), SNOOZE_DAYS))
    return see_other(call, _HERE, done="snoozed")


async def unsnooze(call: Call) -> web.Response:
    """Tell a finding again."""
    await read_form(call)
    await _known(doctor_of(call).unsnooze(call.caller, call.id()))
    return see_other(call, _HERE, done="unsnoozed")


# ------------------------------------------------------------------ parts


async def _treated(call: Call, asked: Awaitable[Treated]) -> web.Response:
    try:
        treated = await _known(asked)
    except GatewayError as error:
        return await _page(call, (), error)
    if treated.result in ("fixed", "undone"):
        return see_other(call, f"{_HERE}?done={treated.result}#f-{quote(treated.listed.finding.id)}")
    return await _page(call, (treated,))


async def _known(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except LookupError:
        raise NotFound from None


async def _page(
    call: Call, treated: tuple[Treated, ...], problem: GatewayError | None = None
) -> web.Response:
    doctor = call.services.doctor

    async def findings() -> Mapping[str, object]:
        told = await doctor.findings(call.caller) if doctor is not None else ()
        wrong = [each for each in told if each.finding.severity in _GROUPS]
        return {
            "groups": [(name, [each for each in wrong if each.finding.severity == name]) for name in _GROUPS],
            "fixed": [each for each in told if not each.finding.is_wrong and each.fixed_at_ms is not None],
            "in_order": [each for each in told if not each.finding.is_wrong and each.fixed_at_ms is None],
            "put_off": await doctor.findings(call.caller, snoozed=True) if doctor is not None else (),
            "fixable": sum(_is_fixed_by_all(each) for each in wrong),
            "checked_at_ms": max((each.checked_at_ms for each in told), default=None),
        }

    values = {
        "is_there": doctor is not None,
        "done": _(_DONE.get(call.request.rel_url.query.get("done", ""), "")),
        "treated": treated,
        "summary": _summary(treated),
        "problem": problem,
    }
    status = 200 if problem is None else problem.status
    return await show(call, Page("doctor.html", _("Doctor"), values, {"findings": findings}, _HERE), status)


def _is_fixed_by_all(listed: Listed) -> bool:
    return listed.finding.fix is not None and listed.finding.severity in ("stops", "trouble")


def _summary(treated: tuple[Treated, ...]) -> str:
    fixed = sum(each.result == "fixed" for each in treated)
    left = len(treated) - fixed
    words = [ngettext("%(n)d fixed", "%(n)d fixed", fixed) % {"n": fixed}]
    if left:
        words.append(ngettext("%(n)d not", "%(n)d not", left) % {"n": left})
    return " · ".join(words)


_HTML = "text/html"
_READ, _MANAGE = "lines:read", "lines:manage"
_ONE = "/doctor/{id}"

ROUTES = (
    Route("GET", _HERE, page, _READ, "What is wrong, and what to do", media_type=_HTML),
    Route("POST", "/doctor/check", check, _MANAGE, "Look again", 303, media_type=_HTML),
    # What a form answers is refreshed, and reloaded, at the form's own address.
    Route("GET", "/doctor/fix", page, _READ, "The doctor's page", media_type=_HTML),
    Route(
        "POST", "/doctor/fix", fix_all, _MANAGE, "Repair everything that can be repaired", media_type=_HTML
    ),
    Route("POST", f"{_ONE}/fix", fix, _MANAGE, "Repair one thing", 303, media_type=_HTML),
    Route("GET", f"{_ONE}/fix", page, _READ, "The doctor's page", media_type=_HTML),
    Route("POST", f"{_ONE}/undo", undo, _MANAGE, "Take a repair back", 303, media_type=_HTML),
    Route("GET", f"{_ONE}/undo", page, _READ, "The doctor's page", media_type=_HTML),
    Route("POST", f"{_ONE}/snooze", snooze, _MANAGE, "Put a finding off", 303, media_type=_HTML),
    Route("POST", f"{_ONE}/unsnooze", unsnooze, _MANAGE, "Tell a finding again", 303, media_type=_HTML),
)

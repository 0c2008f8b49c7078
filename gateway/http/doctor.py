"""Owns the routes of the doctor: findings, their repair, taking it back, putting them off.

Knows no rule and no repair; the doctor of the services does all of it, and shows each caller what it may see.
Source: the HTTP interface; docs/doctor.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from gateway.errors import GatewayError
from gateway.http import doctor_answers as answers
from gateway.http.call import Call
from gateway.http.models import Empty
from gateway.http.route import Route
from gateway.http.services import Doctor
from gateway.store.protocol import NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from gateway.doctor.finding import Listed
    from gateway.doctor.treatment import Treated
    from gateway.representation import Json

T = TypeVar("T")

_DOCTOR = "/api/v1/doctor"


async def index(call: Call) -> web.Response:
    """List what is known now."""
    query = call.query(answers.DoctorQuery)
    found = await doctor_of(call).findings(call.caller, snoozed=query.snoozed)
    wanted = [each for each in found if query.severity in (None, each.finding.severity)]
    return call.all(wanted, _finding_json)


async def check(call: Call) -> web.Response:
    """Look again at everything, phones on cables too."""
    await call.body(Empty)
    return call.all(await doctor_of(call).check(call.caller), _finding_json)


async def fix_all(call: Call) -> web.Response:
    """Repair everything that stops sending or will cause trouble and can be repaired."""
    asked = await call.body(answers.Repairing)
    done = await doctor_of(call).fix_all(call.caller, may_reboot=asked.may_reboot)
    return call.all(done, _treated_json)


async def fix(call: Call) -> web.Response:
    """Repair one thing, and look again."""
    asked = await call.body(answers.Repairing)
    done = await _known(doctor_of(call).fix(call.caller, call.id(), may_reboot=asked.may_reboot))
    return call.json(_treated_json(done))


async def undo(call: Call) -> web.Response:
    """Take a repair back, and look again."""
    await call.body(Empty)
    return call.json(_treated_json(await _known(doctor_of(call).undo(call.caller, call.id()))))


async def snooze(call: Call) -> web.Response:
    """Put a finding off."""
    asked = await call.body(answers.PutOff)
    return call.json(_finding_json(await _known(doctor_of(call).snooze(call.caller, call.id(), asked.days))))


async def unsnooze(call: Call) -> web.Response:
    """Tell a finding again that was put off."""
    await call.body(Empty)
    return call.json(_finding_json(await _known(doctor_of(call).unsnooze(call.caller, call.id()))))


def doctor_of(call: Call) -> Doctor:
    """Give the doctor. Raises GatewayError ``device_error``: nothing is examined here."""
    doctor = call.services.doctor
    if doctor is None:
        raise GatewayError(
            "device_error", "Nothing is examined in this process. Start the server with its devices."
        )
    return doctor


async def _known(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except LookupError:
        raise NotFound from None


def _finding_json(listed: Listed) -> Json:
    return listed.document()


def _treated_json(treated: Treated) -> Json:
    return {"result": treated.result, "said": treated.said, "finding": treated.listed.document()}


_READ, _MANAGE = "lines:read", "lines:manage"
_ONE = f"{_DOCTOR}/{{id}}"

ROUTES = (
    Route(
        "GET", _DOCTOR, index, _READ, "List what is wrong, and what is in order", query=answers.DoctorQuery,
        answer=answers.DoctorFindings, problems=("device_error",),
    ),
    Route(
        "POST", f"{_DOCTOR}/check", check, _MANAGE, "Look again", body=Empty, answer=answers.DoctorFindings,
        problems=("device_error",),
    ),
    Route(
        "POST", f"{_DOCTOR}/fix", fix_all, _MANAGE, "Repair everything that can be repaired", body=answers.Repairing,
        answer=answers.AllRepaired, problems=("device_error",),
    ),
    Route(
        "POST", f"{_ONE}/fix", fix, _MANAGE, "Repair one thing", body=answers.Repairing, answer=answers.Repaired,
        problems=("not_found", "conflict", "device_error"),
    ),
    Route(
        "POST", f"{_ONE}/undo", undo, _MANAGE, "Take a repair back", body=Empty, answer=answers.Repaired,
        problems=("not_found", "conflict", "device_error"),
    ),
    Route(
        "POST", f"{_ONE}/snooze", snooze, _MANAGE, "Put a finding off", body=answers.PutOff,
        answer=answers.DoctorFinding, problems=("not_found", "conflict", "device_error"),
    ),
    Route(
        "POST", f"{_ONE}/unsnooze", unsnooze, _MANAGE, "Tell a finding again", body=Empty,
        answer=answers.DoctorFinding, problems=("not_found", "device_error"),
    ),
)  # fmt: skip

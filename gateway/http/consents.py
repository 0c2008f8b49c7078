"""Owns the routes of consents: record, withdraw, list, show.

Knows no policy: whether a message needs a consent is for admission. A record is never changed.
Source: rules CON-1, CON-2; attack row 41 (what is dated back needs a proof, and outweighs nothing that came later).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from gateway.errors import field_error
from gateway.http import people_answers as answers
from gateway.http.call import Call
from gateway.http.people_models import (
    ConsentGuardian,
    ConsentProof,
    ConsentsQuery,
    RecordConsent,
    WithdrawConsent,
)
from gateway.http.people_numbers import number_filter, read_number
from gateway.http.route import Route
from gateway.representation import rfc3339
from gateway.store.people_rows import ConsentFilter, ConsentRow, Guardian, NewConsent, Proof, Withdrawal

if TYPE_CHECKING:
    from gateway.representation import Json

_PATH = "/api/v1/consents"
_LIST = "consents"


async def create(call: Call) -> web.Response:
    """Record what somebody agreed to; it lifts no suppression and outweighs no later withdrawal."""
    row = await recorded(call, await call.body(RecordConsent))
    return call.json(_consent_json(row), 201, f"{_PATH}/{row.id}")


async def recorded(call: Call, asked: RecordConsent) -> ConsentRow:
    """Record what somebody agreed to.

    Raises:
        GatewayError: a number that is none, times that contradict each other, or no proof for what is dated back.
    """
    now_ms = call.services.clock.now_ms()
    granted_at_ms = now_ms if asked.granted_at is None else asked.granted_at
    _check_times(asked, granted_at_ms, now_ms)
    return await call.services.store.consents.record(
        NewConsent(
            tenant=call.caller.tenant,
            number=await read_number(call, asked.number, "number"),
            purpose=asked.purpose,
            basis=asked.basis,
            source=asked.source,
            granted_at_ms=granted_at_ms,
            created_by=call.caller.by,
            proof=_proof(asked.proof),
            expires_at_ms=asked.expires_at,
            language=asked.language,
            timezone=asked.timezone,
            subject_is_child=asked.subject_is_child,
            guardian=await _guardian(call, asked.guardian),
        )
    )


async def index(call: Call) -> web.Response:
    """List records, newest first."""
    query = call.query(ConsentsQuery)
    after = call.after(_LIST, query)
    where = ConsentFilter(await number_filter(call, query.number), query.purpose)
    page = await call.services.store.consents.page(call.view, where, query.limit, after)
    return call.page(_LIST, page, _consent_json)


async def get(call: Call) -> web.Response:
    """Show one record."""
    return call.json(_consent_json(await call.services.store.consents.one(call.view, call.id())))


async def withdraw(call: Call) -> web.Response:
    """Record that somebody no longer agrees; repeated, it gives the withdrawal that is there."""
    return call.json(_consent_json(await withdrawn(call, await call.body(WithdrawConsent))))


async def withdrawn(call: Call, asked: WithdrawConsent) -> ConsentRow:
    """Withdraw the consent that the address names.

    Raises:
        NotFound; GatewayError: a time in the future, or before it was granted.
    """
    granted = await call.services.store.consents.one(call.view, call.id())
    now_ms = call.services.clock.now_ms()
    at_ms = now_ms if asked.withdrawn_at is None else asked.withdrawn_at
    if at_ms > now_ms:
        raise _refused("withdrawn_at", "is in the future. Leave it out for now.")
    if at_ms < granted.said.granted_at_ms:
        raise _refused(
            "withdrawn_at", "lies before granted_at. Withdraw the record that was granted before it."
        )
    withdrawal = Withdrawal(at_ms, call.caller.by, asked.source)
    return await call.services.store.consents.withdraw(call.view, granted.id, withdrawal)


def _check_times(asked: RecordConsent, granted_at_ms: int, now_ms: int) -> None:
    if granted_at_ms > now_ms:
        raise _refused("granted_at", "is in the future. Record a consent when it was given.")
    if granted_at_ms < now_ms and asked.granted_at is not None and asked.proof is None:
        raise _refused(
            "proof", "is required, because granted_at lies before now. Say what shows the consent."
        )
    if asked.expires_at is not None and asked.expires_at <= granted_at_ms:
        raise _refused("expires_at", "is not after granted_at. Choose a later time or leave it out.")
    guardian = asked.guardian
    if guardian is not None and guardian.verified_at is not None and guardian.verified_at > now_ms:
        raise _refused("guardian", "verified_at is in the future. Leave it out until it was checked.")


def _refused(name: str, detail: str) -> Exception:
    return field_error("invalid_request", f"{name} {detail}", name)


def _proof(asked: ConsentProof | None) -> Proof | None:
    if asked is None:
        return None
    return Proof(asked.text, asked.url, asked.file_sha256, asked.collected_by)


async def _guardian(call: Call, asked: ConsentGuardian | None) -> Guardian | None:
    if asked is None:
        return None
    number = asked.number and await read_number(call, asked.number, "guardian", "number")
    return Guardian(asked.name, asked.relation, number, asked.verified_at)


def _consent_json(row: ConsentRow) -> Json:
    said = row.said
    return {
        "id": row.id,
        "number": said.number,
        "purpose": said.purpose,
        "state": row.state,
        "basis": said.basis,
        "source": said.source,
        "proof": _proof_json(said.proof),
        "granted_at": rfc3339(said.granted_at_ms),
        "expires_at": rfc3339(said.expires_at_ms),
        "withdrawn_at": rfc3339(row.withdrawn_at_ms),
        "withdraws": row.withdraws,
        "language": said.language,
        "timezone": said.timezone,
        "subject_is_child": said.subject_is_child,
        "guardian": _guardian_json(said.guardian),
        "created_at": rfc3339(row.created_at_ms),
        "created_by": said.created_by,
    }


def _proof_json(proof: Proof | None) -> Json | None:
    if proof is None:
        return None
    return {
        "text": proof.text,
        "url": proof.url,
        "file_sha256": proof.file_sha256,
        "collected_by": proof.collected_by,
    }


def _guardian_json(guardian: Guardian | None) -> Json | None:
    if guardian is None:
        return None
    return {
        "name": guardian.name,
        "relation": guardian.relation,
        "number": guardian.number,
        "verified_at": rfc3339(guardian.verified_at_ms),
    }


_SCOPE = "consents:manage"
_NUMBER = ("invalid_number", "emergency_number", "premium_number", "short_code_not_allowed")

ROUTES = (
    Route(
        "POST", _PATH, create, _SCOPE, "Record a consent", 201, RecordConsent, answer=answers.Consent,
        problems=(*_NUMBER, "sandbox_only"),
    ),
    Route(
        "GET", _PATH, index, _SCOPE, "List consents", query=ConsentsQuery, answer=answers.ConsentPage,
        problems=("invalid_cursor", *_NUMBER),
    ),
    Route(
        "GET", f"{_PATH}/{{id}}", get, _SCOPE, "Show a consent", answer=answers.Consent, problems=("not_found",)
    ),
    Route(
        "POST", f"{_PATH}/{{id}}/withdraw", withdraw, _SCOPE, "Withdraw a consent", body=WithdrawConsent,
        answer=answers.Consent, problems=("not_found",),
    ),
)  # fmt: skip

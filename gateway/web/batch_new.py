"""Owns the way to a new batch in four steps: whom, what, check, send. Nothing is sent before the fourth.

Knows no rule: rows are judged by the check, which asks the same rules as the sending.
Source: the notes on what people see, *Batches*; rules API-3, CNT-2, CNT-3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast, get_args
from zoneinfo import ZoneInfo

from aiohttp import web

from gateway.batches import AskedBatch
from gateway.composition import SEND_AT_AHEAD_MAX_MS
from gateway.errors import CATALOGUE, GatewayError, field_error
from gateway.http.batch_files import XLSX, ReadAs
from gateway.http.batch_intake import asked_of, check_rights
from gateway.http.batch_models import StreamQuery
from gateway.http.batches import Rejections, rejected_csv
from gateway.http.call import Call
from gateway.http.route import Route
from gateway.intake.delimiter import DELIMITERS, Delimiter
from gateway.intake.encoding import Encoding
from gateway.intake.export import BOM, csv_line
from gateway.message import Purpose
from gateway.store.batch_rows import Rejection
from gateway.web import batch_jobs as jobs
from gateway.web.batch_drafts import Draft, Job, drafts_of
from gateway.web.batch_upload import pasted, uploaded
from gateway.web.form_errors import by_field, judged
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.words import gettext as _
from gateway.web.words import mark, ngettext

_HTML = "text/html"
_SCOPE = "batches:write"
_NEW = "/batches/new"
_HERE = "/batches"
_SHOWN_REJECTED = 20
_PIECE = 500
"""Rows of a file that are written at once."""
_LISTED = 100
"""Groups and templates to choose from; who has more of them sends over the API."""

PURPOSES: dict[Purpose, str] = {
    "transactional": mark("Information they expect"),
    "marketing": mark("Advertising (only with consent)"),
    "urgent": mark("Urgent (also at night)"),
}

ENCODINGS: dict[Encoding, str] = {"utf-8": "UTF-8", "windows-1252": "Windows-1252", "utf-16": "UTF-16"}
SEPARATORS: dict[Delimiter, str] = {
    ",": mark("comma"),
    ";": mark("semicolon"),
    "\t": mark("tab"),
    "|": mark("bar"),
}


# ------------------------------------------------------------------ 1: whom


async def whom(call: Call) -> web.Response:
    """Ask for numbers, a file or a group."""
    return await _whom(call, {}, {})


async def _whom(
    call: Call, typed: Mapping[str, str], errors: Mapping[str, str], status: int = 200
) -> web.Response:
    groups = await call.services.store.groups.page(call.view, _LISTED, None)
    typed = {name: typed.get(name, "") for name in ("numbers", "group")}
    values = {"typed": typed, "errors": errors, "groups": groups.items, "step": 1}
    return await show(call, Page("batch_whom.html", _("New batch"), values, here=_HERE), status)


async def take_pasted(call: Call) -> web.Response:
    """Take pasted numbers, or the name of a group."""
    fields = await read_form(call)
    try:
        if "group" in fields:
            if not fields["group"]:
                raise field_error("invalid_request", _("Choose a group."), "group")
            draft = drafts_of(call).begin(call, group=fields["group"])
        else:
            draft = drafts_of(call).begin(call, await pasted(fields.get("numbers", "")))
        return await _taken(call, draft)
    except GatewayError as error:
        return await _whom(call, dict(fields), by_field(error), 422)


async def take_file(call: Call) -> web.Response:
    """Take a file as it arrives; the form's token comes before it."""
    try:
        return await _taken(call, drafts_of(call).begin(call, await uploaded(call)))
    except GatewayError as error:
        if error.code not in ("csv_invalid", "body_too_large"):
            raise
        return await _whom(call, {}, {"file": error.detail}, error.status)


async def _taken(call: Call, draft: Draft) -> web.Response:
    """Look at all rows once; a file whose columns are known can still be read in another way."""
    try:
        await _look(call, draft)
    except GatewayError as error:
        if draft.table is None or draft.table.shape is None:
            raise
        draft.trouble = error
    return see_other(call, f"{_NEW}/{draft.id}")


async def _look(call: Call, draft: Draft) -> None:
    """Count the rows.

    Raises:
        GatewayError: the list cannot be read, or has nobody in it.
    """
    await draft.look(call.services.store, call.view)
    if not draft.total:
        raise field_error(
            "csv_invalid", _("There are no rows below the heading: nobody to send to."), "headed"
        )


async def sample(_call: Call) -> web.Response:
    """Give a file to begin with."""
    rows = (("phone", "name", "time"), ("+99900000001", "Ann", "8:15"), ("+99900000011", "Zoë", "8:30"))
    return web.Response(
        body=BOM + b"".join(csv_line(row) for row in rows),
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": 'attachment; filename="sample.csv"',
        },
    )


# ------------------------------------------------------------------ 2: what


async def what(call: Call) -> web.Response:
    """Ask for the text, and show how the file was read."""
    draft = drafts_of(call).of(call)
    if draft.is_sending or (draft.job is not None and draft.job.batch_id):
        return see_other(call, f"{_NEW}/{draft.id}/check")
    errors = by_field(draft.trouble) if draft.trouble is not None else {}
    return await _what(call, draft, errors)


async def _what(
    call: Call,
    draft: Draft,
    errors: Mapping[str, str],
    preview: jobs.Previewed | None = None,
    status: int = 200,
) -> web.Response:
    store = call.services.store
    if "number_column" in errors:
        errors = {
            **errors,
            "number_column": _("No column looks like phone numbers. Choose the one that has them."),
        }
    templates = await store.templates.page(call.view, _LISTED, None)
    lines = await store.lines(call.view)
    purposes = {
        name: word
        for name, word in PURPOSES.items()
        if name != "urgent" or call.caller.may("messages:urgent")
    }
    values = {
        "draft": draft,
        "typed": {name: draft.words.get(name, "") for name in _WORDS},
        "errors": errors,
        "preview": preview,
        "templates": templates.items,
        "lines": lines,
        "pools": sorted({pool for line in lines for pool in line.pools}),
        "purposes": purposes,
        "encodings": ENCODINGS,
        "separators": SEPARATORS,
        "is_book": draft.table is not None and draft.table.media == XLSX,
        "step": 2,
    }
    return await show(call, Page("batch_words.html", _("New batch"), values, here=_HERE), status)


async def write(call: Call) -> web.Response:
    """Keep the text; show it for some rows, or go on to the check."""
    fields = await read_form(call)
    draft = drafts_of(call).of(call)
    if draft.is_sending:
        return see_other(call, f"{_NEW}/{draft.id}/check")
    draft.forget_check()
    if fields.get("do") == "read":
        return await _read_again(call, draft, fields)
    draft.words = {name: value for name, value in fields.items() if name in _WORDS}
    try:
        draft.asked = _asked(call, draft.words)
        if draft.trouble is not None:
            raise draft.trouble
        if draft.words.get("template_id") and draft.table is not None and draft.table.shape is not None:
            columns = draft.table.shape.columns
            spoken = next((name for name in columns if name.casefold() == "language"), None)
            draft.table.columns = replace(draft.table.columns, language=spoken)
        if fields.get("do") == "preview":
            return await _what(call, draft, {}, await jobs.previewed(call, draft, draft.asked))
        await call.services.batches.texts(draft.asked, call.caller)
    except GatewayError as error:
        return await _what(call, draft, by_field(error), status=422)
    await jobs.check(call, draft)
    return see_other(call, f"{_NEW}/{draft.id}/check")


_WORDS = ("text", "template_id", "name", "purpose", "where", "allow_duplicates")


def _asked(call: Call, words: Mapping[str, str]) -> AskedBatch:
    if not words.get("text") and not words.get("template_id"):
        raise field_error("invalid_request", _("Write the text, or choose a template."), "text")
    if words.get("text") and words.get("template_id"):
        raise field_error("invalid_request", _("Write a text or choose a template, not both."), "text")
    kind, _colon, where = words.get("where", "").partition(":")
    given = {name: words[name] for name in _WORDS if words.get(name) and name != "where"}
    asked = asked_of(judged(StreamQuery, {**given, **({kind: where} if kind in ("line", "pool") else {})}))
    check_rights(call.caller, asked)
    return asked


async def _read_again(call: Call, draft: Draft, fields: Mapping[str, str]) -> web.Response:
    """Read the file in the way that somebody chose."""
    table = draft.table
    if table is None:
        return see_other(call, f"{_NEW}/{draft.id}")
    encoding, delimiter = fields.get("encoding", ""), fields.get("delimiter", "")
    read_as = ReadAs(
        cast("Encoding", encoding) if encoding in get_args(Encoding) else None,
        delimiter if delimiter in DELIMITERS else None,
        {"yes": True, "no": False}.get(fields.get("headed", "")),
    )
    table.read_anew(read_as, fields.get("number_column", ""))
    draft.trouble = None
    try:
        await _look(call, draft)
    except GatewayError as error:
        draft.trouble = error
        return await _what(call, draft, by_field(error), status=422)
    return see_other(call, f"{_NEW}/{draft.id}")


# ------------------------------------------------------------------ 3 and 4: check and send


async def checked(call: Call) -> web.Response:
    """Show what would be sent and what would not, and ask for the word to send it."""
    draft = drafts_of(call).of(call)
    return await _checked(call, draft, {})


async def _checked(call: Call, draft: Draft, errors: Mapping[str, str], at: str = "") -> web.Response:
    job = draft.job
    if job is None:
        return see_other(call, f"{_NEW}/{draft.id}")
    await jobs.wait(job)
    # Asked once: it may end while the page is made, and the page must then still ask again.
    runs = job.runs
    if job.batch_id:
        return see_other(call, f"/batches/{job.batch_id}")
    found = job.checked
    if not runs and found is None and job.error is None:
        return see_other(call, f"{_NEW}/{draft.id}")  # it was called off
    values = {
        "draft": draft,
        "job": job,
        "runs": runs,
        "found": found,
        "groups": grouped(found.causes) if found is not None else (),
        "rejected": found.rejections[:_SHOWN_REJECTED] if found is not None else (),
        "approval": await _needs_approval(call, job),
        "errors": errors,
        "at": at,
        "zone": call.services.settings.limits.zone,
        "step": 4 if job.kind == "send" else 3,
    }
    response = await show(
        call, Page("batch_check.html", _("New batch"), values, here=_HERE), 422 if errors else 200
    )
    if runs:
        response.headers["Refresh"] = "1"
    return response


async def _needs_approval(call: Call, job: Job) -> bool:
    marked = call.caller.name in call.services.admission.settings.approval_keys
    return marked or (job.forecast is not None and job.forecast.needs_approval)


async def send(call: Call) -> web.Response:
    """Store the batch and let it go, now or at a time."""
    fields = await read_form(call)
    drafts = drafts_of(call)
    draft = drafts.of(call)
    job, at = draft.job, fields.get("send_at", "")
    if job is None or (job.kind == "check" and job.checked is None):
        return see_other(call, f"{_NEW}/{draft.id}")
    try:
        at_ms = _time(call, at) if fields.get("do") == "later" else None
    except GatewayError as error:
        return await _checked(call, draft, by_field(error), at)
    await jobs.send(call, draft, drafts, at_ms)
    return see_other(call, f"{_NEW}/{draft.id}/check")


def _time(call: Call, written: str) -> int:
    """Read a time of the server's own zone, as ``datetime-local`` writes it."""
    try:
        at = datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(call.services.settings.limits.zone))
    except ValueError:
        raise field_error("send_at_invalid", _("Choose day and time."), "send_at") from None
    at_ms = round(at.timestamp() * 1000)
    if at_ms <= call.services.clock.now_ms():
        raise field_error("send_at_invalid", _("This time is past. Choose a later one."), "send_at")
    if at_ms > call.services.clock.now_ms() + SEND_AT_AHEAD_MAX_MS:
        raise field_error(
            "send_at_invalid", _("This is more than a year ahead. Choose an earlier time."), "send_at"
        )
    return at_ms


async def rejected(call: Call) -> web.StreamResponse:
    """Give the rows that would not be sent, each with its reason: the first of them where they are very many."""
    draft = drafts_of(call).of(call)
    found = draft.job.checked if draft.job is not None else None
    if found is None:
        raise GatewayError("not_found", "This list was not checked. Go back to it and check it.")
    return await rejected_csv(call, "rejected.csv", lambda: _pieces(found.rejections))


async def _pieces(rows: Sequence[Rejection]) -> Rejections:
    for first in range(0, len(rows), _PIECE):
        yield rows[first : first + _PIECE]


def grouped(counts: Counter[str]) -> tuple[tuple[int, str], ...]:
    """Say how many rows were rejected by cause, in words, the most frequent first."""
    return tuple((n, cause(code, n)) for code, n in counts.most_common())


def cause(code: str, n: int) -> str:
    """Say why rows were rejected, to stand behind their number."""
    words = {
        "invalid_number": _("not a number"),
        "duplicate_recipient": _("twice"),
        "recipient_opted_out": _("asked to stop"),
        "template_error": ngettext("lacks a value", "lack a value", n),
        "csv_invalid": _("cannot be read"),
        "consent_required": _("without consent"),
        "consent_expired": _("with a consent that ended"),
        "recipient_field_missing": _("without a number"),
        "sandbox_only": _("not of the sandbox"),
        "text_too_long": _("too long"),
    }
    known = CATALOGUE.get(code)
    return words.get(code) or (_(known.title) if known is not None else code)


ROUTES = (
    Route("GET", _NEW, whom, _SCOPE, "New batch, step 1: whom", media_type=_HTML),
    Route("POST", _NEW, take_pasted, _SCOPE, "Take numbers or a group", 303, media_type=_HTML),
    Route("GET", f"{_NEW}/sample.csv", sample, _SCOPE, "A file to begin with", media_type="text/csv"),
    Route("POST", f"{_NEW}/file", take_file, _SCOPE, "Take a file", 303, media_type=_HTML),
    # What a form answers is refreshed, and reloaded, at the form's own address.
    Route("GET", f"{_NEW}/file", whom, _SCOPE, "New batch, step 1: whom", media_type=_HTML),
    Route("GET", f"{_NEW}/{{draft}}", what, _SCOPE, "New batch, step 2: what", media_type=_HTML),
    Route("POST", f"{_NEW}/{{draft}}", write, _SCOPE, "Take the text", 303, media_type=_HTML),
    Route("GET", f"{_NEW}/{{draft}}/check", checked, _SCOPE, "New batch, step 3: check", media_type=_HTML),
    Route("POST", f"{_NEW}/{{draft}}/send", send, _SCOPE, "New batch, step 4: send", 303, media_type=_HTML),
    Route("GET", f"{_NEW}/{{draft}}/send", checked, _SCOPE, "New batch, step 3: check", media_type=_HTML),
    Route("GET", f"{_NEW}/{{draft}}/rejected.csv", rejected, _SCOPE, "Rows not sent", media_type="text/csv"),
)

"""Owns the pages of templates: the list, one with its versions and languages, writing one, and hiding it.

Knows no placeholder grammar: texts are judged and versions added as the API does it.
Source: the notes on what people see, *Templates*; rules CNT-3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from multidict import MultiDict

from gateway.admission import Preview
from gateway.draft import MessageDraft
from gateway.errors import GatewayError, field_error
from gateway.http.call import Call
from gateway.http.models import ListQuery
from gateway.http.parsing import make_cursor
from gateway.http.route import Route
from gateway.http.template_models import CreateTemplate, PatchTemplate, TemplateQuery
from gateway.http.templates import changed, created
from gateway.policy.placeholders import PlaceholderError
from gateway.store.plan_rows import TemplateContent, TemplateRow
from gateway.templates import length_of, placeholders_of
from gateway.web.form_errors import by_field, judged
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.names import keys_of
from gateway.web.words import gettext as _

_HTML = "text/html"
_SCOPE = "templates:manage"
_HERE = "/templates"
_LIST = "templates page"
_PAGE = 50
_VERSIONS = 20


@dataclass(frozen=True, slots=True)
class Worded:
    """A template with what it needs of each person, and the parts of its longest text while nothing is filled in."""

    row: TemplateRow
    names: tuple[str, ...]
    parts: int


def worded(call: Call, row: TemplateRow) -> Worded:
    """Measure a template; one that cannot be read any more needs nothing and has no length."""
    longest = max(row.content.texts.values(), key=length_of)
    try:
        names = placeholders_of(row.content)
    except PlaceholderError:
        names = ()
    return Worded(row, names, _measured(call, longest).segmentation.parts)


def _default_first(content: TemplateContent) -> list[tuple[str, str]]:
    """List the texts by language, that for readers of no other first."""
    return sorted(content.texts.items(), key=lambda each: (each[0] != content.default_language, each[0]))


def _measured(call: Call, text: str) -> Preview:
    return call.services.admission.preview(MessageDraft(to="", text=text))


# ------------------------------------------------------------------ read


async def index(call: Call) -> web.Response:
    """List templates in their newest version."""
    after = call.after(_LIST, call.query(ListQuery))
    page = await call.services.store.templates.page(call.view, _PAGE, after)
    older = None if page.next is None else make_cursor(_LIST, call.caller.tenant, page.next)
    values = {"templates": [worded(call, row) for row in page.items], "older": older}
    return await show(call, Page("templates.html", _("Templates"), values, here=_HERE))


async def one(call: Call) -> web.Response:
    """Show a template, or one of its versions before."""
    version = call.query(TemplateQuery).version
    templates = call.services.store.templates
    row = await templates.get(call.view, call.id(), version)
    newest = row if version is None else await templates.get(call.view, call.id())
    known = await templates.versions(call.view, call.id(), _VERSIONS, None)
    names = {key.id: key.name for key in await keys_of(call)}
    texts = [(tag, text, _measured(call, text)) for tag, text in _default_first(row.content)]
    values = {
        "template": worded(call, row),
        "texts": texts,
        "newest": newest,
        "versions": known.items,
        "more_versions": known.next is not None,
        "names": names,
    }
    return await show(call, Page("template.html", row.content.name, values, here=_HERE))


# ------------------------------------------------------------------ write


async def new(call: Call) -> web.Response:
    """Ask for the texts of a new template."""
    return await _form(
        call, None, {"name": "", "texts": [("en", "")], "default_language": "en", "subject": ""}, {}
    )


async def edit(call: Call) -> web.Response:
    """Ask for the texts of the next version."""
    row = await call.services.store.templates.get(call.view, call.id())
    return await _form(call, row, _typed_of(row.content), {})


async def _form(
    call: Call, row: TemplateRow | None, typed: Mapping[str, object], errors: Mapping[str, str]
) -> web.Response:
    title = _("New template") if row is None else row.content.name
    values = {"template": row, "typed": typed, "errors": errors}
    return await show(call, Page("template_form.html", title, values, here=_HERE), 422 if errors else 200)


def _errors(error: GatewayError) -> dict[str, str]:
    """Say what is wrong, with the language whose text it is under ``tag``."""
    tags = [one.pointer.split("/")[2] for one in error.errors if one.pointer.startswith("#/texts/")]
    return {**by_field(error), **({"tag": tags[0]} if tags else {})}


def _typed_of(content: TemplateContent) -> dict[str, object]:
    return {
        "name": content.name,
        "texts": _default_first(content),
        "default_language": content.default_language,
        "subject": content.subject or "",
    }


async def create(call: Call) -> web.Response:
    """Make a template."""
    fields = await read_form(call)
    if fields.get("do") == "language":
        return await _form(call, None, _typed(fields, more=True), {})
    try:
        row = await created(call, judged(CreateTemplate, _given(fields)))
    except GatewayError as error:
        return await _form(call, None, _typed(fields), _errors(error))
    return see_other(call, f"{_HERE}/{row.id}")


async def change(call: Call) -> web.Response:
    """Add a version."""
    fields = await read_form(call)
    row = await call.services.store.templates.get(call.view, call.id())
    if fields.get("do") == "language":
        return await _form(call, row, _typed(fields, more=True), {})
    try:
        given = _given(fields)
        # Removing the subject is a change too.
        given["subject"] = fields.get("subject") or None
        from_version = fields.get("from_version", "")
        is_version = from_version.isdecimal() and len(from_version) < 10
        given["from_version"] = int(from_version) if is_version else row.version
        await changed(call, judged(PatchTemplate, given))
    except GatewayError as error:
        return await _form(call, row, _typed(fields), _errors(error))
    return see_other(call, f"{_HERE}/{row.id}")


def _typed(fields: MultiDict[str], *, more: bool = False) -> dict[str, object]:
    """Keep what was typed; ``more``: with room for one language more."""
    texts = list(zip(fields.getall("language", []), fields.getall("text", []), strict=False))
    return {
        "name": fields.get("name", ""),
        "texts": [*texts, ("", "")] if more or not texts else texts,
        "default_language": fields.get("default_language", ""),
        "subject": fields.get("subject", ""),
    }


def _given(fields: MultiDict[str]) -> dict[str, object]:
    """Say what a form asks for, as the API would be asked."""
    texts: dict[str, str] = {}
    for language, text in zip(fields.getall("language", []), fields.getall("text", []), strict=False):
        tag = language.strip()
        if not tag and not text.strip():
            continue
        if not text.strip():
            continue  # a language whose text was emptied is taken out
        if tag in texts:
            raise field_error("invalid_request", _("A language stands twice. Give each one text."), "texts")
        texts[tag] = text
    if not fields.get("name"):
        raise field_error("invalid_request", _("Give it a name."), "name")
    if not texts:
        raise field_error("invalid_request", _("Write the text."), "texts")
    wanted = fields.get("default_language", "").strip()
    default = wanted if wanted in texts else next(iter(texts))
    given: dict[str, object] = {"name": fields["name"], "texts": texts, "default_language": default}
    return {**given, "subject": fields["subject"]} if fields.get("subject") else given


async def delete(call: Call) -> web.Response:
    """Hide a template and free its name."""
    await read_form(call)
    await call.services.store.templates.delete(call.view, call.id())
    return see_other(call, _HERE)


ROUTES = (
    Route("GET", _HERE, index, _SCOPE, "Templates", media_type=_HTML),
    Route("POST", _HERE, create, _SCOPE, "Make a template", 303, media_type=_HTML),
    Route("GET", f"{_HERE}/new", new, _SCOPE, "New template", media_type=_HTML),
    Route("GET", f"{_HERE}/{{id}}", one, _SCOPE, "One template", media_type=_HTML),
    Route("GET", f"{_HERE}/{{id}}/edit", edit, _SCOPE, "Change a template", media_type=_HTML),
    Route("POST", f"{_HERE}/{{id}}", change, _SCOPE, "Add a version", 303, media_type=_HTML),
    Route("POST", f"{_HERE}/{{id}}/delete", delete, _SCOPE, "Hide a template", 303, media_type=_HTML),
)

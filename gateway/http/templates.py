"""Owns the routes of templates: make, list, show, change into a new version, hide, measure.

Knows no placeholder grammar and no SQL.
Source: rules CNT-3, KEY-7 (a sandbox key sees and makes sandbox templates only).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.errors import GatewayError, field_error
from gateway.http import template_answers as answers
from gateway.http.call import Call
from gateway.http.route import Route
from gateway.http.template_models import (
    CreateTemplate,
    PatchTemplate,
    PreviewTemplate,
    TemplateQuery,
    TemplatesQuery,
)
from gateway.representation import rfc3339
from gateway.store.plan_rows import TemplateContent, TemplateRow
from gateway.store.templates import NameTaken, Superseded
from gateway.templates import Measured, check_content, measured, placeholders_of, superseded

if TYPE_CHECKING:
    from gateway.representation import Json

_PATH = "/api/v1/templates"
_LIST = "templates"


async def create(call: Call) -> web.Response:
    """Make a template, version 1."""
    row = await created(call, await call.body(CreateTemplate))
    return call.json(_template_json(row), 201, f"{_PATH}/{row.id}")


async def created(call: Call, asked: CreateTemplate) -> TemplateRow:
    """Make a template.

    Raises:
        GatewayError: its texts do not agree, or the name is taken.
    """
    caller = call.caller
    language = _default_of(asked.texts, asked.default_language)
    content = TemplateContent(asked.name, asked.texts, language, asked.subject, asked.html)
    check_content(content)
    try:
        return await call.services.store.templates.add(
            caller.tenant, content, caller.key_id, sandbox=caller.sandbox
        )
    except NameTaken as error:
        raise _taken(error) from None


async def index(call: Call) -> web.Response:
    """List templates in their newest version."""
    query = call.query(TemplatesQuery)
    page = await call.services.store.templates.page(call.view, query.limit, call.after(_LIST, query))
    return call.page(_LIST, page, _template_json)


async def get(call: Call) -> web.Response:
    """Show a template in its newest version, or in one before."""
    version = call.query(TemplateQuery).version
    return call.json(_template_json(await call.services.store.templates.get(call.view, call.id(), version)))


async def versions(call: Call) -> web.Response:
    """List the versions of a template, newest first."""
    query = call.query(TemplatesQuery)
    name = f"versions {call.id()}"
    page = await call.services.store.templates.versions(
        call.view, call.id(), query.limit, call.after(name, query)
    )
    return call.page(name, page, _template_json)


async def patch(call: Call) -> web.Response:
    """Add a version; what messages were made from stays as it was."""
    return call.json(_template_json(await changed(call, await call.body(PatchTemplate))))


async def changed(call: Call, asked: PatchTemplate) -> TemplateRow:
    """Add a version to the template that the address names.

    Raises:
        NotFound; GatewayError: its texts do not agree, the name is taken, or somebody was faster.
    """
    templates = call.services.store.templates
    row = await templates.get(call.view, call.id())
    if asked.from_version not in (None, row.version):
        raise superseded("template")
    content = _changed(row.content, asked)
    check_content(content)
    try:
        return await templates.change(call.view, row.id, row.version, (content, call.caller.key_id))
    except NameTaken as error:
        raise _taken(error) from None
    except Superseded:
        raise superseded("template") from None


async def delete(call: Call) -> web.Response:
    """Hide a template and free its name; messages made from it keep their text."""
    await call.services.store.templates.delete(call.view, call.id())
    return web.Response(status=204)


async def preview(call: Call) -> web.Response:
    """Measure a template with rows of values; nothing is stored."""
    asked = await call.body(PreviewTemplate)
    row = await call.services.store.templates.get(call.view, call.id(), asked.version)
    content = row.content
    languages = [content.language_for(asked.language)] if asked.language else sorted(content.texts)
    # In a thread: a thousand rows in fifty languages take a second.
    found = await asyncio.to_thread(measured, content, languages, asked.rows, call.services.admission.preview)
    return call.json(
        {
            "id": row.id,
            "version": row.version,
            "rows": len(asked.rows),
            "languages": [_measured_json(each) for each in found],
        }
    )


def _default_of(texts: dict[str, str], wanted: str | None) -> str:
    """Find the default language among the texts as it is spelled there."""
    spelled = {language.casefold(): language for language in texts}
    if len(spelled) < len(texts):
        raise field_error("invalid_request", "texts names a language twice. Give each one text.", "texts")
    if wanted is None and len(texts) == 1:
        return next(iter(texts))
    found = spelled.get((wanted or "").casefold())
    if found is None:
        raise field_error(
            "invalid_request",
            f"default_language must be one of the texts: {', '.join(sorted(texts))}.",
            "default_language",
        )
    return found


def _changed(content: TemplateContent, asked: PatchTemplate) -> TemplateContent:
    said = asked.model_fields_set
    for name in ("name", "texts", "default_language"):
        if name in said and getattr(asked, name) is None:
            raise field_error("invalid_request", f"{name} cannot be null. Leave it out to keep it.", name)
    texts = dict(asked.texts or content.texts)
    return replace(
        content,
        name=asked.name or content.name,
        texts=texts,
        default_language=_default_of(texts, asked.default_language or content.default_language),
        subject=asked.subject if "subject" in said else content.subject,
        html=asked.html if "html" in said else content.html,
    )


def _taken(error: NameTaken) -> GatewayError:
    return field_error(
        "conflict",
        f"The template {error.template_id} has this name. Change that one, or choose another name.",
        "name",
    )


def _template_json(row: TemplateRow) -> Json:
    content = row.content
    return {
        "id": row.id,
        "name": content.name,
        "version": row.version,
        "default_language": content.default_language,
        "texts": dict(content.texts),
        "subject": content.subject,
        "html": content.html,
        "placeholders": list(placeholders_of(content)),
        "sandbox": row.sandbox,
        "created_at": rfc3339(row.created_at_ms),
        "changed_at": rfc3339(row.changed_at_ms),
    }


def _measured_json(measured: Measured) -> Json:
    cut = measured.preview.segmentation
    return {
        "language": measured.language,
        "longest_row": measured.longest_row,
        "text": measured.longest,
        "encoding": cut.coding,
        "parts": cut.parts,
        "max_parts": measured.preview.max_parts,
        "fits": cut.parts <= measured.preview.max_parts,
        "units_left": cut.units_left,
        "samples": list(measured.samples),
    }


_MANAGE, _READ = "templates:manage", "messages:read"
_ONE = f"{_PATH}/{{id}}"

ROUTES = (
    Route(
        "POST", _PATH, create, _MANAGE, "Make a template", 201, CreateTemplate, answer=answers.Template,
        problems=("template_error", "conflict"),
    ),
    Route(
        "GET", _PATH, index, _READ, "List templates", query=TemplatesQuery, answer=answers.TemplatePage,
        problems=("invalid_cursor",),
    ),
    Route(
        "GET", _ONE, get, _READ, "Show a template", query=TemplateQuery, answer=answers.Template,
        problems=("not_found",),
    ),
    Route(
        "GET", f"{_ONE}/versions", versions, _READ, "List the versions of a template", query=TemplatesQuery,
        answer=answers.TemplatePage, problems=("not_found", "invalid_cursor"),
    ),
    Route(
        "PATCH", _ONE, patch, _MANAGE, "Add a version to a template", body=PatchTemplate, answer=answers.Template,
        problems=("not_found", "template_error", "conflict"),
    ),
    Route("DELETE", _ONE, delete, _MANAGE, "Hide a template", 204, problems=("not_found",)),
    Route(
        "POST", f"{_ONE}/preview", preview, _READ, "Measure a template", body=PreviewTemplate,
        answer=answers.TemplatePreview, problems=("not_found", "template_error", "text_too_long"),
    ),
)  # fmt: skip

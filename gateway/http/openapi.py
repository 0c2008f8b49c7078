"""Owns the description of the API: openapi.json from the table of routes and its models.

Knows no handler; what the table does not say is not described.
Source: OpenAPI 3.1.1, JSON Schema 2020-12.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.errors import CATALOGUE, PROBLEM_TYPE
from gateway.http import answers
from gateway.http.answer_examples import ANSWERS
from gateway.http.examples import BODIES, FILES

if TYPE_CHECKING:
    from gateway.http.route import Route

_REF = "#/components/schemas/{model}"
_TEXTUAL = frozenset({"text/csv", "text/vcard", "application/x-ndjson"})
"""Files that are text; others are octets, which OpenAPI 3.1 describes by leaving the schema out."""
_WITHOUT_BODY = frozenset({101, 204})
_PARAMETER = re.compile(r"{(\w+)}")

EVERY_ROUTE = ("malformed_http", "key_in_url", "host_not_allowed", "overloaded", "internal_error")
EVERY_KEYED = ("unauthenticated", "forbidden", "rate_limited", "too_many_attempts", "storage_unavailable")
EVERY_QUERY = ("invalid_request",)
EVERY_BODY = ("malformed_json", "unsupported_media_type", "body_too_large", "invalid_request")
EVERY_STREAM = ("unsupported_media_type", "body_too_large")
EVERY_POST = (
    "shutting_down", "idempotency_key_invalid", "idempotency_key_reused", "idempotency_in_progress",
)  # fmt: skip


def problems_of(route: Route) -> tuple[str, ...]:
    """List the codes that an operation can answer, its own first."""
    codes = [*route.problems, *EVERY_ROUTE]
    if route.scope is not None:
        codes += EVERY_KEYED
        codes += EVERY_QUERY
    if route.body is not None:
        codes += EVERY_BODY
    if route.streams:
        codes += EVERY_STREAM
    if route.method == "POST":
        codes += EVERY_POST
    return tuple(dict.fromkeys(codes))


def describe(routes: Sequence[Route]) -> dict[str, Any]:
    """Make the OpenAPI document of a table of routes."""
    schemas = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "SMS gateway",
            "version": "v1",
            "summary": "Texts from an organisation's own SIM cards.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "."}],  # where this document stands, also below a path of another server
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _schemas(routes: Sequence[Route]) -> dict[str, Any]:
    bodies = {route.body for route in routes if route.body is not None}
    given = {answer for route in routes for answer in (route.answer, route.also) if answer is not None}
    shown = given | {answers.Problem}
    ordered: list[type[BaseModel]] = sorted(bodies | shown, key=lambda model: model.__name__)
    _, document = models_json_schema(
        [(model, "validation") for model in ordered], ref_template=_REF, by_alias=True
    )
    schemas: dict[str, Any] = document["$defs"]
    return schemas


def _operation(route: Route) -> dict[str, Any]:
    parts = [p for p in re.split(r"[/{}-]", route.path) if p and p not in ("api", "v1")]
    operation: dict[str, Any] = {
        "operationId": "_".join([route.method.lower(), *parts]) if parts else "get_front",
        "summary": route.summary,
        "description": (route.handle.__doc__ or "").strip(),
        "tags": [_tag(route.path)],
        "parameters": _parameters(route),
        "responses": {**_answers(route), **_problems(route)},
    }
    if route.scope is None:
        operation["security"] = []
    else:
        operation["security"] = [{"bearer": []}, {"apiKey": []}, *([{}] if route.key_in_frame else [])]
        operation["x-scope"] = route.scope
    if route.body is not None or route.streams:
        operation["requestBody"] = _request_body(route)
    return operation


def _request_body(route: Route) -> dict[str, Any]:
    """Say what a body may be: JSON of a model, or a file whose rows are not described by a schema."""
    content: dict[str, Any] = {}
    required = bool(route.streams)
    if route.body is not None:
        content["application/json"] = {"schema": _ref(route.body)}
        if (example := BODIES.get(route.body.__name__)) is not None:
            content["application/json"]["example"] = example
        required = required or any(field.is_required() for field in route.body.model_fields.values())
    for media_type in route.streams:
        content[media_type] = {"schema": {"type": "string"}} if media_type in _TEXTUAL else {}
        if (file := FILES.get(route.path, {}).get(media_type)) is not None:
            content[media_type]["example"] = file
    return {"required": required, "content": content}


def _tag(path: str) -> str:
    words = [word for word in path.split("/") if word]
    return words[2] if words[:2] == ["api", "v1"] else "service"


def _parameters(route: Route) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    for name, schema in route.query.model_json_schema(by_alias=True).get("properties", {}).items():
        parameters.append({"name": name, "in": "query", "required": False, "schema": schema})
    if route.method == "POST" and route.scope is not None:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key and body give the first answer again; kept for 24 h at least.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    return parameters


def _answers(route: Route) -> dict[str, Any]:
    described = {str(route.status): _answer(route)}
    if route.also is not None:
        about = " ".join((route.also.__doc__ or "").split())
        content = {"application/json": {"schema": _ref(route.also)}}
        described["200"] = {"description": about, "content": content}
    return dict(sorted(described.items()))


def _answer(route: Route) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": route.summary}
    if route.answer is not None:
        answer["content"] = {route.media_type: {"schema": _ref(route.answer)}}
    elif route.status not in _WITHOUT_BODY:
        answer["content"] = {route.media_type: {"schema": {"type": "string"}}}
    if route.file is not None:
        answer["content"][route.file] = {"schema": {"type": "string"}}
    example = ANSWERS.get((route.method, route.path))
    if example is not None:
        answer["content"][route.media_type]["example"] = example
    if route.path.startswith("/openapi"):
        answer["content"] = {route.media_type: {"schema": {"type": "object"}}}
    return answer


def _problems(route: Route) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in problems_of(route):
        by_status.setdefault(CATALOGUE[code].status or 0, []).append(code)
    return {
        str(status): {
            "description": " · ".join(codes),
            "x-problem-codes": codes,
            "content": {PROBLEM_TYPE: {"schema": _ref(answers.Problem)}},
        }
        for status, codes in sorted(by_status.items())
    }


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}

"""Owns docs/http.md and docs/errors.md: made from the API's own description and from the catalogue of problems.

Knows no route and no code by itself.
Source: gateway.http.app.description (OpenAPI 3.1), gateway.errors.
"""

from __future__ import annotations

from typing import Any

from gateway.errors import CATALOGUE
from gateway.errors.pages import markdown
from gateway.http.app import description
from gateway.http.models import SCOPES

METHODS = ("get", "post", "put", "patch", "delete")


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """List (method, path, operation) in the order of the description."""
    return [
        (method.upper(), path, operation)
        for path, item in description()["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def http_md() -> str:
    """Write the reference: conventions, a table of routes, then the bodies and answers by name."""
    rows = [
        f"| `{method} {path}` | {_scope(operation)} | {operation['summary']} | {_takes(operation)} | {_gives(operation)} |"
        for method, path, operation in operations()
    ]
    table = "| route | scope | does | takes | answers |\n|---|---|---|---|---|\n" + "\n".join(rows)
    models = "\n".join(
        _model(name, schema) for name, schema in sorted(description()["components"]["schemas"].items())
    )
    scopes = ", ".join(f"`{scope}`" for scope in SCOPES)
    return f"{_INTRO}\n## Routes\n\n{table}\n\n## Scopes\n\n{scopes}\n\n## Bodies and answers\n\n{models}"


def _scope(operation: dict[str, Any]) -> str:
    scope = operation.get("x-scope")
    return f"`{scope}`" if scope else "none"


def _takes(operation: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    refs = [_body(media_type, media.get("schema", {})) for media_type, media in content.items()]
    query = [f"`?{p['name']}`" for p in operation.get("parameters", ()) if p["in"] == "query"]
    return " ".join([*refs, *query])


def _body(media_type: str, schema: dict[str, Any]) -> str:
    """Name the model of a JSON body, or the media type of a file."""
    return _type(schema) if "$ref" in schema else f"`{media_type}`"


def _gives(operation: dict[str, Any]) -> str:
    good = [(status, answer) for status, answer in operation["responses"].items() if status[0] in "12"]
    shown = []
    for status, answer in good:
        kinds = [
            _type(media["schema"]) for media in answer.get("content", {}).values() if media.get("schema")
        ]
        shown.append(" ".join([status, *kinds]))
    return ", ".join(shown)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(option) for option in schema["anyOf"]))
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"object of {_type(values)}" if isinstance(values, dict) and values else "object"
    return " ".join(x for x in (str(schema.get("type", "any")), _format(schema)) if x)


def _format(schema: dict[str, Any]) -> str:
    facts = [schema["format"]] if "format" in schema else []
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        facts.append(f"{low:,}–{high:,}")
    if "maxLength" in schema:
        facts.append(f"≤ {schema['maxLength']:,} characters")
    return f"({', '.join(facts)})" if facts else ""


def _model(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        f"| `{key}` | {_cell(_type(value))} | {_default(key, value, required)} | {_cell(value.get('description', ''))} |"
        for key, value in schema.get("properties", {}).items()
    ]
    about = f"{schema['description']}\n\n" if schema.get("description") else ""
    table = "| member | type | default | what |\n|---|---|---|---|\n" + "\n".join(rows) + "\n" if rows else ""
    return f"### {name}\n\n{about}{table}"


def _default(key: str, value: dict[str, Any], required: set[str]) -> str:
    if key in required:
        return "required"
    return f"`{value['default']}`" if value.get("default") not in (None, "") else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def errors_md() -> str:
    """Write the catalogue: one section per code, the same words as ``/problems/CODE``."""
    index = "\n".join(
        f"| [`{e.code}`](#{e.code}) | {e.family} | {e.status or ''} | {e.title} |" for e in CATALOGUE.values()
    )
    pages = "\n".join(markdown(entry) for entry in CATALOGUE.values())
    return f"{_ERRORS_INTRO}\n| code | family | HTTP | title |\n|---|---|---|---|\n{index}\n\n{pages}"


_INTRO = """# HTTP interface

Made from the code by `make docs`; the server gives the same as `/openapi.json` (OpenAPI 3.1) and `/docs`.

- JSON in UTF-8. Unknown members are refused. Times are RFC 3339 with an offset; answers are UTC.
- `Authorization: Bearer KEY` or `X-API-Key: KEY`. Keys begin with `gwl_` (live) or `gws_` (sandbox: reaches only
  `+999…` and emulated lines). A key in the URL is refused.
- Errors are `application/problem+json` (RFC 9457) with `code`, `family`, `hint` and for each wrong field an entry of
  `errors` with its pointer. See [errors](errors.md); the server explains each at `/problems/{code}`.
- `Idempotency-Key` on every POST: the same key with the same body gets the first answer again
  (`Idempotency-Replayed: true`), with another body 422. Kept for 24 hours at least.
- Batches and contacts also come as files (CSV, NDJSON, XLSX, vCard): the file is the body, the rest stands in the
  address. See [batches](batches.md).
- Events as they happen: `GET /api/v1/events` (server-sent events) and `GET /api/v1/events/ws` (WebSocket), with a
  cursor to come back with. See [streams](events.md#streams), with examples for curl, Python and JavaScript.
- Lists: `?limit=` (1–500) and `?cursor=`; `next` is null at the end, and a `Link` header points on.
- Every answer has `X-Request-Id`, which is in the log too. `RateLimit` and `RateLimit-Policy` say what is left;
  429 and 503 carry `Retry-After`.

The first message:

```sh
curl -sS http://127.0.0.1:8080/api/v1/messages \\
  -H "Authorization: Bearer $(cat data/cli.key)" \\
  -H 'Content-Type: application/json' -H 'Idempotency-Key: order-4711' \\
  -d '{"to":"+99900000001","text":"Hello"}'
```

202 means that the message is stored safely (committed and synced to disk), not that it was sent.
"""

_ERRORS_INTRO = """# Error catalogue

Made from the code by `make docs`. The same three texts (code, title, hint) stand in answers of the API, in messages and
on the command line. `family` is one of five numbers that small clients can switch on: 100 invalid number or request,
200 delivered, 300 full or not now, 400 the server refuses or failed, 500 SIM, phone, modem or network.
"""

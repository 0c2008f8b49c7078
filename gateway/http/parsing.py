"""Owns how bytes become a checked model, and how a refusal names field and fix.

Knows pydantic's error types and RFC 6901; no rule of the domain.
Source: rules API-1, API-2, API-3, API-10; RFC 6901 (pointers), RFC 8941 (structured fields).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import difflib
import hashlib
import json
import re
import uuid
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import http_sf
from pydantic import BaseModel, ValidationError

from gateway.errors import FieldError, GatewayError, pointer
from gateway.http.models import Query
from gateway.message import NO_CONTROLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)
Q = TypeVar("Q", bound=Query)

_SHOWN_ERRORS = 20
_SHOWN_NAME = 64
_JSON_TYPE = re.compile(r"""application/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?""", re.IGNORECASE)
_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_CURSOR_CHECK_OCTETS = 8


@lru_cache(maxsize=64)
def _is_json(content_type: str) -> bool:
    return _JSON_TYPE.fullmatch(content_type.strip()) is not None


def check_json_type(content_type: str | None) -> None:
    """Let only JSON in UTF-8 pass; this also closes the text/plain road for forms of other origins."""
    if content_type is None or not _is_json(content_type):
        raise GatewayError(
            "unsupported_media_type",
            "Send Content-Type: application/json, in UTF-8.",
            headers={"Accept": "application/json"},
        )


def parse_body(model: type[M], body: bytes) -> M:
    """Read a JSON body once into a strict model.

    Raises:
        GatewayError: ``malformed_json`` (400), or ``invalid_request`` / ``send_at_invalid`` (422) with pointers.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(model, error, in_query=False) from None


def parse_query(model: type[Q], pairs: Mapping[str, str], all_pairs: list[tuple[str, str]]) -> Q:
    """Read the query of an address; list fields may be repeated or hold commas, others stand once.

    Raises:
        GatewayError: ``invalid_request`` naming the parameter.
    """
    if not pairs:
        return model()
    values: dict[str, Any] = {}
    for name, value in all_pairs:
        many = name in model.model_fields and _is_list(model, name)
        if many:
            values.setdefault(name, []).extend(value.split(","))
        elif name in values:
            raise _one(f"{_cut(name)} stands twice in the address; give it once.", name)
        else:
            values[name] = value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _refusal(model, error, in_query=True) from None


def _is_list(model: type[Query], name: str) -> bool:
    return str(model.model_fields[name].annotation).startswith("list[")


def _one(detail: str, *path: str | int) -> GatewayError:
    return GatewayError(
        "invalid_request", detail, errors=(FieldError(pointer(*path), "invalid_request", detail),)
    )


def _refusal(model: type[BaseModel], error: ValidationError, *, in_query: bool) -> GatewayError:
    details = error.errors(include_url=False, include_input=False)
    if details[0]["type"] == "json_invalid":
        reason = str(details[0].get("ctx", {}).get("error", "not JSON"))
        return GatewayError(
            "malformed_json", f"The body is not JSON in UTF-8: {reason}. Send one JSON object."
        )
    fields = [_field(model, each, in_query=in_query) for each in details[:_SHOWN_ERRORS]]
    code = "invalid_request"
    if all(each["loc"][:1] == ("send_at",) for each in details):
        code = "send_at_invalid"
        fields = [FieldError(f.pointer, code, f.detail) for f in fields]
    more = f" ({len(details) - 1} more in errors)" if len(details) > 1 else ""
    return GatewayError(code, f"{fields[0].detail}{more}", errors=fields)


def _field(model: type[BaseModel], each: ErrorDetails, *, in_query: bool) -> FieldError:
    path = [_cut(step) if isinstance(step, str) else step for step in each["loc"] if step != "[key]"]
    name = ".".join(str(step) for step in path) or "The body"
    return FieldError(pointer(*path), "invalid_request", f"{name} {_what(model, each, in_query=in_query)}")


def _what(model: type[BaseModel], each: ErrorDetails, *, in_query: bool) -> str:
    kind = each["type"]
    context: Mapping[str, Any] = each.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(_place(model, each["loc"]), str(each["loc"][-1]), in_query=in_query)
    if kind == "string_pattern_mismatch" and context.get("pattern") == NO_CONTROLS:
        return "holds a control character; of those only line breaks are allowed. Remove it."
    if kind == "value_error":
        return f"is refused: {context.get('error', each['msg'])}."
    for prefix, sentence in _SENTENCES:
        if kind.startswith(prefix):
            return sentence.format_map(
                _Shown(
                    context,
                    entries=_counted(context, "entry", "entries"),
                    characters=_counted(context, "character", "characters"),
                )
            )
    return f"is refused: {each['msg']}."


def _place(model: type[BaseModel], path: tuple[int | str, ...]) -> type[BaseModel]:
    """Find the model of the object in which the last step of a path stands."""
    for step in path[:-1]:
        for key, field in model.model_fields.items():
            if step == (field.alias or key):
                model = next(_models_in(field.annotation), model)
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _unknown(model: type[BaseModel], name: str, *, in_query: bool) -> str:
    known = [field.alias or key for key, field in model.model_fields.items()]
    near = difflib.get_close_matches(name[:_SHOWN_NAME], known, n=1)
    what = "a query parameter of this request" if in_query else "a field here"
    if near:
        return f"is not {what}; did you mean {near[0]}?"
    return f"is not {what}; known are: {', '.join(known) or 'none'}."


def _counted(context: Mapping[str, Any], one: str, more: str) -> str:
    """Write what a length must have, as it is counted in English: ``1 character``, ``2 characters``."""
    wanted = context.get("min_length", context.get("max_length", 0))
    return f"{wanted} {one if wanted == 1 else more}"


class _Shown(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return key


_SENTENCES = (
    ("missing", "is missing; add it."),
    ("string_type", "must be text (a JSON string)."),
    ("string_too_short", "must have at least {characters}."),
    ("string_too_long", "must have at most {characters}."),
    ("string_pattern_mismatch", "must match {pattern}."),
    ("string_unicode", "is not valid Unicode; lone surrogates are not allowed."),
    ("int_type", "must be a whole number."),
    ("int_parsing", "must be a whole number."),
    ("int_from_float", "must be a whole number without fraction."),
    ("bool", "must be true or false."),
    ("greater_than_equal", "must be at least {ge}."),
    ("less_than_equal", "must be at most {le}."),
    ("too_long", "may have at most {entries}."),
    ("too_short", "must have at least {entries}."),
    ("literal_error", "must be one of {expected}."),
    ("dict_type", "must be an object of text to text."),
    ("list_type", "must be a list."),
    ("model_type", "must be a JSON object."),
    ("model_attributes_type", "must be a JSON object."),
)


def _cut(name: str) -> str:
    """Show a name that a client chose: cut, and with nothing that a terminal or log would obey."""
    shown = "".join(c if c.isprintable() else "?" for c in name[:_SHOWN_NAME])
    return shown + ("…" if len(name) > _SHOWN_NAME else "")


# ------------------------------------------------------------------ idempotency


def idempotency_key(header: str) -> str:
    """Read an Idempotency-Key: a structured-field string (quoted) or a bare token.

    Raises:
        GatewayError: ``idempotency_key_invalid``.
    """
    value = header.strip()
    if value.startswith('"'):
        try:
            parsed = http_sf.parse(value.encode("ascii"), tltype="item")
        except ValueError:
            parsed = None
        value = parsed[0] if isinstance(parsed, tuple) and isinstance(parsed[0], str) else ""
    if not _VISIBLE.fullmatch(value):
        raise GatewayError(
            "idempotency_key_invalid",
            "Idempotency-Key must be 1 to 255 visible ASCII characters, bare or in double quotes. Send a UUID.",
        )
    return value


def fingerprint(body: bytes) -> str:
    """SHA-256 of a body: of its JSON with sorted keys, or of the octets where it is none."""
    # What is no JSON is refused later; until then its octets stand for themselves.
    with contextlib.suppress(ValueError, RecursionError):
        body = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(body).hexdigest()


# ------------------------------------------------------------------ cursors


def make_cursor(list_name: str, tenant: str, after: str) -> str:
    """Make an opaque cursor: the id to go on after, and a check that it belongs to this list and tenant."""
    octets = uuid.UUID(after).bytes
    return base64.urlsafe_b64encode(octets + _cursor_check(list_name, tenant, octets)).decode()


def read_cursor(list_name: str, tenant: str, cursor: str | None) -> str | None:
    """Read a cursor; None stays None.

    Raises:
        GatewayError: ``invalid_cursor`` when it is damaged or from elsewhere.
    """
    if cursor is None:
        return None
    try:
        octets = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        octets = b""
    if len(octets) != 16 + _CURSOR_CHECK_OCTETS or octets[16:] != _cursor_check(
        list_name, tenant, octets[:16]
    ):
        raise GatewayError(
            "invalid_cursor",
            "This cursor is damaged or from another list. Start again without cursor and follow next.",
        )
    return str(uuid.UUID(bytes=octets[:16]))


def _cursor_check(list_name: str, tenant: str, octets: bytes) -> bytes:
    # Not a secret: the store filters by tenant anyway. This only tells a mixed-up cursor from a good one.
    return hashlib.sha256(f"{list_name}\n{tenant}\n".encode() + octets).digest()[:_CURSOR_CHECK_OCTETS]

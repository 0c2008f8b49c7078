"""Owns the words of a configuration error: one line that names place, fault and what would be right.

Knows the models and no file. Values are echoed only where they are numbers, so that no secret reaches a log.
Source: error types of pydantic 2; the interface page of the project for what comes later.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.config.sections import Config

LATER_SECTIONS = frozenset({"tenant"})
"""Sections of the interface page that nothing in this version obeys."""

LATER_KEYS = {
    "line": frozenset({"country"}),
    "server": frozenset({"hsts", "cors_origins"}),
    "webhooks": frozenset({"allowed_networks"}),
    "security": frozenset({"require_mfa"}),
}


def is_section(kind: Any) -> bool:
    """Tell a section from a value."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def bare(annotation: Any) -> Any:
    """Strip ``Annotated`` and ``| None`` from a type."""
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return bare(next(a for a in typing.get_args(annotation) if a is not type(None)))
    return annotation


def explain(error: ValidationError, origins: Mapping[tuple[str, ...], str]) -> str:
    """Make one line of the first error; how many more there are stands at its end."""
    faults = error.errors(include_url=False, include_input=True)
    # What is unknown comes first: a misspelt key is often also a missing one.
    first = min(faults, key=lambda f: f["type"] != "extra_forbidden")
    where = tuple(str(word) for word in first["loc"])
    # A value set deeper than the fault (GATEWAY__SERVER__PORT__X) is its origin as well.
    origin = next(
        (name for key, name in origins.items() if where and key[: len(where)] == where), origins[()]
    )
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{origin}: {_dotted(where)}{_reason(first, where)}{more}"


def _dotted(where: tuple[str, ...]) -> str:
    if len(where) == 1:
        return f"[{where[0]}]: "
    shown = "".join(f"[{w}]" if w.isdigit() else f".{w}" for w in where).lstrip(".")
    return f"{shown}: " if shown else ""


_TYPES = {
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "text in quotes",
    "tuple_type": "a list in [ ]",
    "path_type": "text in quotes",
    "model_type": "a section",
    "model_attributes_type": "a section",
}


def _reason(fault: Any, where: tuple[str, ...]) -> str:
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(where)
    if kind == "value_error":
        return str(context["error"])
    if kind == "tuple_type" and len(where) == 1:
        return f"must be a list of tables; write [[{where[0]}]]"
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}"
    if kind == "missing":
        return "is required"
    if kind == "literal_error":
        return f"must be {context['expected']}"
    bounds = {"greater_than_equal": ("ge", "at least"), "less_than_equal": ("le", "at most")}
    if kind in bounds:
        limit, words = bounds[kind]
        return f"must be {words} {context[limit]:,} (is {fault['input']})"
    return str(fault["msg"])


def unknown_key(where: tuple[str, ...]) -> str:
    """Say of an unknown key what it was meant to be, or that it comes with a later version."""
    *parents, word = (w for w in where if not w.isdigit())
    section = parents[0] if parents else None
    if (section is None and word in LATER_SECTIONS) or (section and word in LATER_KEYS.get(section, ())):
        return "is not in this version; remove it"
    near = nearest_key(section, word)
    return "unknown key" + (f"; did you mean {near}?" if near else "")


def nearest_key(section: str | None, word: str) -> str | None:
    """Find the known key that looks most like ``word``: first in its section, then anywhere."""
    sections = {name: _fields(name) for name in Config.model_fields}
    here = list(sections) if section is None else sections.get(section, [])
    close = difflib.get_close_matches(word, here, n=1, cutoff=0.6)
    if close:
        return close[0] if section is None else f"{section}.{close[0]}"
    everywhere = {key: name for name, keys in sections.items() for key in keys}
    far = difflib.get_close_matches(word, list(everywhere), n=1, cutoff=0.8)
    if far:
        return f"{everywhere[far[0]]}.{far[0]}"
    return None


def _fields(section: str) -> list[str]:
    kind = bare(Config.model_fields[section].annotation)
    if typing.get_origin(kind) is tuple:
        kind = bare(typing.get_args(kind)[0])
    return list(kind.model_fields)

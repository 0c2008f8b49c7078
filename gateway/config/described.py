"""Owns how the keys of the configuration are described: section, default, range, unit and reason, from the models.

Knows no file and no document; documents and the page of settings are made of what stands here.
Source: gateway.config.sections (the descriptions are the documentation).
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import AfterValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.config.explain import bare, is_section
from gateway.config.policy import Amount, Currency, Prefix, QuietSpan, Zone
from gateway.config.sections import Config

SECRETS = frozenset(
    {
        ("modem", "pin"),
        ("inbound_rule", "secret"),
        ("alerts", "apprise"),
        ("email", "password"),
        ("slack", "webhook_url"),
        ("notifications", "webhook_secret"),
        ("webhook", "secret"),
    }
)
"""Keys, by section, that are shown to nobody and make a file one that only its owner may read."""

SHAPES = {
    typing.get_args(kind)[1]: words
    for kind, words in (
        (Amount, "amount in quotes"),
        (Currency, "ISO 4217"),
        (Prefix, "beginning of a number"),
        (QuietSpan, "HH:MM-HH:MM"),
        (Zone, "IANA time zone"),
    )
}
"""What text looks like, by the check that it goes through."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key as documents show it."""

    section: str
    name: str
    default: Any
    required: bool
    choices: str
    unit: str
    example: Any
    why: str


@dataclass(frozen=True, slots=True)
class SectionDoc:
    """One section; ``repeated`` ones are arrays of tables."""

    name: str
    repeated: bool
    why: str
    keys: tuple[Key, ...]


def sections() -> Iterator[SectionDoc]:
    """Walk the models in their order."""
    for name, field in Config.model_fields.items():
        kind = bare(field.annotation)
        repeated = typing.get_origin(kind) is tuple
        model = bare(typing.get_args(kind)[0]) if repeated else kind
        assert is_section(model)
        keys = tuple(_key(name, key, info) for key, info in model.model_fields.items())
        yield SectionDoc(name, repeated, (model.__doc__ or "").strip(), keys)


def _key(section: str, name: str, info: FieldInfo) -> Key:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    default = info.get_default(call_default_factory=True, validated_data={})
    default = None if default is PydanticUndefined else default
    return Key(
        section=section,
        name=name,
        default=list(default) if isinstance(default, tuple) else default,
        required=info.is_required(),
        choices=_choices(info),
        unit=str(extra.get("unit") or ""),
        example=extra.get("example") or _first_word(info),
        why=info.description or "",
    )


def _first_word(info: FieldInfo) -> str | None:
    """Take the first of a required key's words for its example, which no default shows."""
    kind = bare(info.annotation)
    chosen = info.is_required() and typing.get_origin(kind) is typing.Literal
    return typing.get_args(kind)[0] if chosen else None


def _choices(info: FieldInfo) -> str:
    kind = bare(info.annotation)
    if typing.get_origin(kind) is typing.Literal:
        return " | ".join(json.dumps(value) for value in typing.get_args(kind))
    if kind is bool:
        return "true | false"
    if typing.get_origin(kind) is dict:
        return _pairs(*typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return _list(typing.get_args(kind)[0])
    low = next((m.ge for m in info.metadata if getattr(m, "ge", None) is not None), None)
    high = next((m.le for m in info.metadata if getattr(m, "le", None) is not None), None)
    if low is not None and high is not None:
        return f"{low:,}–{high:,}"
    return _shape([*info.metadata, *_validators(info.annotation)])


def _list(item: Any) -> str:
    """Say what a list holds: one of some words, or anything of one shape."""
    kind = bare(item)
    if typing.get_origin(kind) is typing.Literal:
        return f"list of {_words(kind)}"
    shape = _shape(_validators(item))
    return "list" if shape == "text" else f"list of {shape}"


def _pairs(key: Any, value: Any) -> str:
    """Say what an inline table holds."""
    names = _words(bare(key)) if typing.get_origin(bare(key)) is typing.Literal else _shape(_validators(key))
    shape = (
        _list(typing.get_args(bare(value))[0])
        if typing.get_origin(bare(value)) is tuple
        else _shape(_validators(value))
    )
    return "table" if names == shape == "text" else f"table: {names} = {shape}"


def _words(literal: Any) -> str:
    return ", ".join(typing.get_args(literal))


def _validators(annotation: Any) -> list[Any]:
    """Collect what stands in ``Annotated`` around a type, also within ``| None``."""
    if typing.get_origin(annotation) is typing.Annotated:
        return [*typing.get_args(annotation)[1:], *_validators(typing.get_args(annotation)[0])]
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return [found for option in typing.get_args(annotation) for found in _validators(option)]
    return []


def _shape(metadata: Iterable[Any]) -> str:
    return next(
        (SHAPES[check] for check in metadata if isinstance(check, AfterValidator) and check in SHAPES), "text"
    )


def toml(value: Any) -> str:
    """Write a value as TOML on one line; a dict is an inline table."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        pairs = [f"{_name(name)} = {toml(one)}" for name, one in value.items()]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, int) else str(value)


def _name(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)

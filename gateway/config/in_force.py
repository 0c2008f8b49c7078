"""Owns the list of what is set, for people: each key with its value and who said it.

Knows no page. A secret is named, never shown.
Source: the notes on what people see, *Settings*; the order of precedence in :mod:`gateway.config.load`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.config.described import SECRETS, Key, SectionDoc, sections, toml
from gateway.config.section import Section
from gateway.config.sections import Config
from gateway.setting import Origin, Setting

Origins = Mapping[tuple[str, ...], str]
"""Who said what stands at a path; the empty path is the file."""


def settings_in_force(config: Config, origins: Origins) -> tuple[Setting, ...]:
    """List every key of every section, and of each entry of an array of tables, in the order of the documents."""
    return tuple(setting for part in sections() for setting in _of(part, config, origins))


def _of(part: SectionDoc, config: Config, origins: Origins) -> Iterator[Setting]:
    held = getattr(config, part.name)
    entries = list(enumerate(held)) if part.repeated else [(None, held)]
    for entry, section in entries:
        written = section.model_dump(mode="json")
        for key in part.keys:
            where = (part.name, key.name) if entry is None else (part.name, str(entry), key.name)
            yield _setting(key, where, written[key.name], _said_by(section, key, where, origins))


def _said_by(section: Section, key: Key, where: tuple[str, ...], origins: Origins) -> tuple[Origin, str]:
    name = origins.get(where)
    if name is not None:
        return ("option" if name.startswith("--") else "environment"), name
    if key.name in section.model_fields_set:
        return "file", origins.get((), "")
    return "default", ""


def _setting(key: Key, where: tuple[str, ...], value: Any, said: tuple[Origin, str]) -> Setting:
    secret = (key.section, key.name) in SECRETS
    unset = value is None or value in ([], {})
    return Setting(
        section=key.section,
        entry=int(where[1]) if len(where) > 2 else None,
        name=key.name,
        value=None if unset else "" if secret else toml(value),
        default=None if key.default is None or key.default in ([], {}) else toml(key.default),
        example=None if key.example is None else toml(key.example),
        unit=key.unit,
        range="" if key.choices == "text" else key.choices,
        why=key.why,
        origin=said[0],
        said_by=said[1],
        variable="__".join(("GATEWAY", *where)).upper(),
        secret=secret,
    )

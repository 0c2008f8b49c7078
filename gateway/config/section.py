"""Owns what all sections of the configuration share: strictness, and how a key is described.

Knows no section.
Source: the descriptions are the documentation; config.example.toml and docs/config.md are made from them.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """What all sections share: nothing unknown, nothing changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def key(why: str, unit: str = "", *, example: object = None, **limits: float) -> FieldInfo:
    """Describe one key: one line why it exists, its unit, what an example shows, and its range."""
    return Field(description=why, json_schema_extra={"unit": unit, "example": example}, **limits)  # type: ignore[call-overload, no-any-return]

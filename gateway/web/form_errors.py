"""Owns the way from a refusal of the API's own rules to the fields of a form.

Knows no page: a form is judged by the model of the route that does the same, so there is one set of rules.
Source: the problem document (``errors`` with pointers, RFC 6901).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel
from pydantic_core import to_json

from gateway.errors import GatewayError
from gateway.http.parsing import parse_body

M = TypeVar("M", bound=BaseModel)

WHOLE = ""
"""Under which a refusal stands that belongs to no field."""


def judged(model: type[M], values: Mapping[str, object]) -> M:
    """Judge what a form says as the API judges a body.

    Raises:
        GatewayError: ``invalid_request`` with pointers.
    """
    return parse_body(model, to_json(dict(values), inf_nan_mode="null"))


def by_field(error: GatewayError) -> dict[str, str]:
    """Say for each field what is wrong with it."""
    found: dict[str, str] = {}
    for each in error.errors:
        name = each.pointer.removeprefix("#/").partition("/")[0]
        found.setdefault(name, each.detail)
    return found or {WHOLE: error.detail}

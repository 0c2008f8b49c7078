"""Owns the one error that leaves the gateway's domain, the catalogue of codes, and the problem document.

Knows no web framework: a document is a dict, headers are pairs.
Source: RFC 9457 (problem details), RFC 6901 (pointers).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.errors.channels import CHANNELS
from gateway.errors.deliveries import DELIVERIES
from gateway.errors.entry import Entry, Family
from gateway.errors.hardware import HARDWARE
from gateway.errors.invalid import INVALID
from gateway.errors.not_now import NOT_NOW
from gateway.errors.refused import REFUSED

__all__ = [
    "CATALOGUE",
    "PROBLEM_TYPE",
    "Entry",
    "Family",
    "FieldError",
    "GatewayError",
    "family_of",
    "field_error",
    "pointer",
]

CATALOGUE: Mapping[str, Entry] = {
    entry.code: entry for entry in (*INVALID, *NOT_NOW, *REFUSED, *HARDWARE, *DELIVERIES, *CHANNELS)
}
"""Every code that a problem, a message or a line can carry."""

PROBLEM_TYPE = "application/problem+json"

RETRY_AFTER_S = 5
"""Answered with 429 and 503 where nothing better is known: longer than a commit, shorter than patience."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one place of the request; ``pointer`` is RFC 6901 as a URI fragment ("#/to")."""

    pointer: str
    code: str
    detail: str


class GatewayError(Exception):
    """A request that cannot be done. ``code`` is from the catalogue, ``detail`` says this case and its fix.

    Args:
        code: A code that has an HTTP status.
        detail: One or two sentences; never a stack, SQL, a path or a secret.
        errors: The fields at fault.
        headers: Further response headers (Retry-After, Allow, WWW-Authenticate).
        hint: What a person does, where the catalogue's hint can be made more exact.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.entry = CATALOGUE[code]
        if self.entry.status is None:
            raise ValueError(f"{code} stands on messages, not on requests")
        self.code = code
        self.status = self.entry.status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.members: dict[str, object] = {}
        self.hint = hint or self.entry.hint
        if self.status in (429, 503):
            self.headers.setdefault("Retry-After", str(RETRY_AFTER_S))

    def document(self, request_id: str) -> dict[str, object]:
        """Build the problem document that answers the request ``request_id``."""
        return {
            "type": f"/problems/{self.code}",
            "title": self.entry.title,
            "status": self.status,
            "detail": self.detail,
            "instance": f"/requests/{request_id}",
            "code": self.code,
            "family": self.entry.family,
            "hint": self.hint,
            "errors": [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in self.errors],
            **self.members,
        }


def pointer(*path: str | int) -> str:
    """Write a path into a JSON document as an RFC 6901 pointer in URI fragment form: ``#/tags/a~1b``."""
    return "#" + "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def field_error(code: str, detail: str, *path: str | int) -> GatewayError:
    """Refuse one field: a problem whose only entry of ``errors`` points at it."""
    return GatewayError(code, detail, errors=(FieldError(pointer(*path), code, detail),))


def family_of(code: str) -> Family:
    """Say the family of a code; one that the catalogue lacks (of a newer device layer) is of the network."""
    entry = CATALOGUE.get(code)
    return entry.family if entry is not None else 500

"""Owns the reading of JSON members: each by its name, of its type, in its range, or an error that names it.

Knows no message of the link, only JSON. A member that may be null may also be missing: org.json of Android drops nulls.
Source: docs/link.md, *What is refused*; RFC 8259.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from device_bridge.errors import DeviceBridgeError

MAX_NUMBER = 2**53 - 1
"""The largest whole number that every JSON reader keeps exact (RFC 8259 §6)."""


MAX_LABEL = 200
"""Characters of a name, of an operator or model say; 16 are common."""


class WireError(DeviceBridgeError):
    """A message that is none of the link; it ends the connection.

    Attributes:
        field: Member as a path ("sims[0].sub"), or "message" for the whole.
        reason: What is wrong with it, in words, without its content.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Members:
    """The members of one JSON object, read strictly."""

    def __init__(self, members: Mapping[str, object], path: str = "") -> None:
        self._members = members
        self._path = path

    def named(self, name: str) -> str:
        """Say where a member stands, for an error."""
        return f"{self._path}{name}"

    def text(self, name: str) -> str:
        return self.as_text(self._required(name), self.named(name))

    def text_or_none(self, name: str) -> str | None:
        value = self._members.get(name)
        return None if value is None else self.as_text(value, self.named(name))

    def label(self, name: str) -> str:
        """Read a text that is only shown; what is longer than 200 characters is cut."""
        return self.text(name)[:MAX_LABEL]

    def label_or_none(self, name: str) -> str | None:
        """Read a text that is only shown, if it is there and not empty."""
        return (self.text_or_none(name) or "")[:MAX_LABEL] or None

    def number(self, name: str, low: int = -MAX_NUMBER) -> int:
        return self.as_number(self._required(name), self.named(name), low)

    def number_or_none(self, name: str) -> int | None:
        value = self._members.get(name)
        return None if value is None else self.as_number(value, self.named(name))

    def decimal_or_none(self, name: str) -> float | None:
        value = self._members.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise WireError(self.named(name), "must be a number")
        if abs(value) > MAX_NUMBER:
            raise WireError(self.named(name), "is out of range")
        return float(value)

    def flag(self, name: str) -> bool:
        return self.as_flag(self._required(name), self.named(name))

    def flag_or_none(self, name: str) -> bool | None:
        value = self._members.get(name)
        return None if value is None else self.as_flag(value, self.named(name))

    def nested(self, name: str) -> Members:
        return self.as_object(self._required(name), self.named(name))

    def nested_or_none(self, name: str) -> Members | None:
        value = self._members.get(name)
        return None if value is None else self.as_object(value, self.named(name))

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(self.as_text(value, path) for value, path in self._listed(self._required(name), name))

    def texts_or_none(self, name: str) -> tuple[str, ...]:
        value = self._members.get(name)
        return () if value is None else self.texts(name)

    def nested_list(self, name: str) -> tuple[Members, ...]:
        return tuple(self.as_object(value, path) for value, path in self._listed(self._required(name), name))

    def each_object(self) -> tuple[tuple[str, Members], ...]:
        """Read an object whose members are all objects, whatever their names."""
        return tuple(
            (clean(name), self.as_object(value, self.named(name))) for name, value in self._members.items()
        )

    @staticmethod
    def as_text(value: object, path: str) -> str:
        if not isinstance(value, str):
            raise WireError(path, "must be a text")
        return clean(value)

    @staticmethod
    def as_number(value: object, path: str, low: int = -MAX_NUMBER) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise WireError(path, "must be a whole number")
        if not low <= value <= MAX_NUMBER:
            raise WireError(path, f"is out of range; at least {low}" if value < low else "is out of range")
        return value

    @staticmethod
    def as_flag(value: object, path: str) -> bool:
        if not isinstance(value, bool):
            raise WireError(path, "must be true or false")
        return value

    @staticmethod
    def as_object(value: object, path: str) -> Members:
        if not isinstance(value, dict):
            raise WireError(path, "must be an object")
        return Members(value, f"{path}.")

    def _required(self, name: str) -> object:
        value = self._members.get(name)
        if value is None:
            raise WireError(
                self.named(name), "is missing" if name not in self._members else "must not be null"
            )
        return value

    def _listed(self, value: object, name: str) -> list[tuple[object, str]]:
        if not isinstance(value, list):
            raise WireError(self.named(name), "must be a list")
        return [(each, f"{self.named(name)}[{i}]") for i, each in enumerate(value)]


def parse(text: str) -> Members:
    """Read one message as an object.

    Raises:
        WireError: no JSON, or no object.
    """
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise WireError("message", "is no JSON") from error
    if not isinstance(value, dict):
        raise WireError("message", "must be an object")
    return Members(value)


def clean(text: str) -> str:
    """Put U+FFFD in place of half a surrogate pair: inboxes hold them, UTF-8 and so the database cannot."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")

"""Owns the placeholders of a text: ``{name}``, and how values of a recipient are put in their place.

Knows no template store, no recipient and no part count; evaluates nothing, a value is text and stays text.
Source: rules CNT-3. ``str.format`` is out of the question: ``{x.__class__}`` would walk through our objects.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.policy.quoting import quoted

NAME_CHARACTERS_MAX = 40
"""Longer column headings are sentences; a text that repeats them cannot be read."""

VALUE_CHARACTERS_MAX = 300
"""About two parts: a value is a name, a time or a link, not the message (rules CNT-3)."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NOT_IN_VALUES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_MARKS = ("Mn", "Mc")  # vowel signs of Indic scripts and accents that have no letter of their own

_SHOWN_NAMES = 5
"""Names listed in a refusal before the rest is counted."""


class PlaceholderError(ValueError):
    """A text or its data cannot be used; ``detail`` says where and the fix, ``name`` the placeholder if it is one."""

    def __init__(self, detail: str, name: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.name = name


@dataclass(frozen=True, slots=True)
class Template:
    """A text cut at its placeholders.

    ``names`` are the placeholders, each once, in order. ``literals`` stand before, between and after ``places``, the
    names as often as they occur; there is one literal more than places.
    """

    names: tuple[str, ...]
    literals: tuple[str, ...]
    places: tuple[str, ...]

    def render(self, values: Mapping[str, str], surplus: Literal["refuse", "ignore"] = "refuse") -> str:
        """Put values into the text; what they contain is inserted as it is, braces too.

        Args:
            values: Text by name, at most 300 characters each, no control characters but line feeds.
            surplus: What to do with values that the text does not name; a row of a table may have more columns.

        Raises:
            PlaceholderError: a value is missing, surplus or not allowed; ``name`` says which.
        """
        pieces = [self.literals[0]]
        for name, literal in zip(self.places, self.literals[1:], strict=True):
            value = values.get(name)
            if value is None:
                raise _missing(name, values)
            if len(value) > VALUE_CHARACTERS_MAX or _NOT_IN_VALUES.search(value):
                raise _unfit(name, value)
            pieces.append(value)
            pieces.append(literal)
        if surplus == "refuse" and len(values) > len(self.names):
            raise _surplus(self.names, values)
        return "".join(pieces)


def parse(text: str) -> Template:
    """Cut a text at its placeholders.

    A placeholder is a name in single braces, as in ``{first name}``: letters of any script, digits, spaces, ``_`` and
    ``-``, at most 40, beginning with a letter or ``_``. ``{{`` and ``}}`` stand for braces of the text, in pairs;
    ``{{name}}`` is refused, because those who write it mean the placeholder of another product.

    Raises:
        PlaceholderError: a brace without a partner, or braces around anything else; ``detail`` has the position.
    """
    literals: list[str] = []
    places: list[str] = []
    literal: list[str] = []
    opened: list[int] = []
    end = 0
    for token in _TOKEN.finditer(text):
        literal.append(text[end : token.start()])
        end = token.end()
        written = token.group()
        if written == "{{":
            opened.append(token.start())
            literal.append("{")
        elif written == "}}":
            _close(text, opened, token.start())
            literal.append("}")
        elif token.group(1) is not None:
            places.append(_name(token.group(1), token.start()))
            literals.append("".join(literal))
            literal = []
        else:
            raise _alone(written, token.start())
    if opened:
        raise _alone("{{", opened[-1])
    literals.append("".join(literal) + text[end:])
    return Template(tuple(dict.fromkeys(places)), tuple(literals), tuple(places))


def column_name(written: str) -> str:
    """Bring the heading of a column, or a member of ``data``, into the form in which placeholders are compared."""
    return unicodedata.normalize("NFC", " ".join(written.split()))


def _close(text: str, opened: list[int], at: int) -> None:
    if not opened:
        raise _alone("}}", at)
    start = opened.pop()
    inside = column_name(text[start + 2 : at]) if 2 < at - start <= 2 + 2 * NAME_CHARACTERS_MAX else ""
    if _is_name(inside):
        raise PlaceholderError(
            f"{quoted('{{' + inside + '}}')} at character {start + 1} has two braces on each side. Write"
            f" {{{inside}}} for the placeholder.",
            inside,
        )


def _name(written: str, at: int) -> str:
    if written.isascii() and written.isidentifier() and len(written) <= NAME_CHARACTERS_MAX:
        return written  # the usual name, at a tenth of the cost
    name = column_name(written)
    if not _is_name(name):
        raise PlaceholderError(
            f"{quoted('{' + written + '}')} at character {at + 1} is not a placeholder. A name begins with a letter"
            f" and has letters, digits, spaces, _ and -, at most {NAME_CHARACTERS_MAX}; nothing is computed."
            ' Rename it; if the braces belong to the text, write "{{" and "}}".',
        )
    return name


def _is_name(name: str) -> bool:
    return (
        0 < len(name) <= NAME_CHARACTERS_MAX
        and (name[0].isalpha() or name[0] == "_")
        and all(c.isalnum() or c in "_- " or unicodedata.category(c) in _MARKS for c in name)
    )


def _alone(brace: str, at: int) -> PlaceholderError:
    return PlaceholderError(
        f'The "{brace}" at character {at + 1} has no partner. Write {{name}} for a placeholder, and "{{{{" and "}}}}"'
        " around what stands in braces in the text."
    )


def _missing(name: str, values: Mapping[str, str]) -> PlaceholderError:
    alike = next((other for other in values if column_name(other).casefold() == name.casefold()), None)
    hint = f" It is written {quoted(alike)} there; write both alike." if alike is not None else ""
    return PlaceholderError(
        f"The text has the placeholder {{{name}}}, and the data has no value for it.{hint or ' Add it.'}",
        name,
    )


def _surplus(names: tuple[str, ...], values: Mapping[str, str]) -> PlaceholderError:
    more = sorted(set(values) - set(names))
    rest = f" and {len(more) - _SHOWN_NAMES} more" if len(more) > _SHOWN_NAMES else ""
    return PlaceholderError(
        f"The data has {', '.join(quoted(name) for name in more[:_SHOWN_NAMES])}{rest}, and the text has no such"
        f" placeholder. Remove it from the data, or write it into the text.",
        more[0],
    )


def _unfit(name: str, value: str) -> PlaceholderError:
    if len(value) > VALUE_CHARACTERS_MAX:
        return PlaceholderError(
            f"The value of {{{name}}} has {len(value)} characters; at most {VALUE_CHARACTERS_MAX} are allowed."
            " Shorten it.",
            name,
        )
    found = _NOT_IN_VALUES.search(value)
    shown = f"U+{ord(found.group()):04X} at character {found.start() + 1}" if found is not None else "one"
    return PlaceholderError(f"The value of {{{name}}} has a control character ({shown}). Remove it.", name)

"""Owns which column of a table means which field of a contact, and makes fields out of rows and cards.

Knows no file format and judges no value: the model of a contact does.
Source: headings that address books and school programs write; the HTTP interface (fields of a contact).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.intake.rows import Row, Shape
from gateway.intake.vcard import ContactRow

Fields = dict[str, object]
"""Members of a contact's body."""

_HEADINGS = {
    "name": ("name", "full name", "display name", "nombre completo", "nom complet"),
    "first": ("first name", "given name", "forename", "vorname", "prénom", "nombre", "nome"),
    "last": ("last name", "surname", "family name", "nachname", "familienname", "nom", "apellido", "cognome"),
    "email": (
        "email",
        "e-mail",
        "email address",
        "e-mail address",
        "mail",
        "e-mail-adresse",
        "correo",
        "courriel",
    ),
    "language": ("language", "lang", "sprache", "langue", "idioma"),
    "timezone": ("timezone", "time zone", "zeitzone"),
    "channel": ("channel", "preferred channel"),
    "groups": ("group", "groups", "gruppe", "gruppen", "groupe", "grupo"),
}
_FIELD_OF = {heading: name for name, headings in _HEADINGS.items() for heading in headings}
_TAG = "tag:"
_GROUP_SEPARATORS = re.compile(r"[;,|]")


@dataclass(slots=True)
class Columns:
    """What the columns of one file mean. ``ignored`` are those that mean nothing here: they are not stored."""

    number: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    @classmethod
    def of(cls, shape: Shape) -> Columns:
        """Read a heading; ``tag:class`` becomes the tag ``class``, the first column of a meaning counts."""
        meant = cls(number=shape.number_column)
        ignored = []
        for column in shape.columns:
            name = _FIELD_OF.get(column.casefold())
            if column == shape.number_column:
                continue
            if column.casefold().startswith(_TAG) and column[len(_TAG) :].strip():
                meant.tags[column] = column[len(_TAG) :].strip()
            elif name is not None and name not in meant.fields:
                meant.fields[name] = column
            else:
                ignored.append(column)
        meant.ignored = tuple(ignored)
        return meant

    def fields_of(self, row: Row) -> Fields:
        """Make a contact's fields out of a row; empty cells say nothing."""
        values = {name: row.values[column].strip() for name, column in self.fields.items()}
        both = " ".join(filter(None, (values.pop("first", ""), values.pop("last", ""))))
        values["name"] = values.get("name") or both
        groups = [group.strip() for group in _GROUP_SEPARATORS.split(values.pop("groups", ""))]
        if self.number is not None:
            values["number"] = row.values[self.number].strip()
        tags = {tag: row.values[column].strip() for column, tag in self.tags.items()}
        return _said({**values, "groups": list(filter(None, groups)), "tags": _filled(tags)})


def fields_of_card(card: ContactRow) -> Fields:
    """Make a contact's fields out of a vCard; of its numbers the one that most likely takes texts."""
    return _said(
        {
            "name": card.name[:100],
            "number": card.numbers[0] if card.numbers else "",
            "email": card.email,
            "language": card.language,
            "groups": list(card.groups),
        }
    )


def _said(fields: Mapping[str, object]) -> Fields:
    return {name: value for name, value in fields.items() if value}


def _filled(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}

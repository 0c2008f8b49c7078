"""Owns the reading of vCards: an address book in, contacts out.

Refuses to know whether a number can be reached. Pictures, notes and addresses are not read.
Source: vCard 2.1; RFC 2426 (3.0); RFC 6350 (4.0); RFC 3966 (tel:); attack list row 22.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from vobject.base import Component, ContentLine, readOne

from gateway.intake.encoding import UNDECODABLE, TextDecoder, refuse_no_text
from gateway.intake.rows import IntakeRefused, RowProblem
from gateway.intake.vcard_lines import Card, cut_cards

FILE_OCTETS = 5 * 1024 * 1024
CARDS = 10_000

_MOBILE = frozenset({"cell", "iphone", "mobile", "text"})
_NO_TEXTS = frozenset({"fax", "pager", "modem", "bbs", "isdn", "textphone"})
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}", re.ASCII)
_NUMBERS = 20
_CHARACTERS = 200
"""Of a name or a group; as long as a screen shows."""


@dataclass(frozen=True, slots=True)
class ContactRow:
    """One contact. ``number`` is that of its card, from 1; ``groups`` are its categories.

    ``numbers`` are as written, the one that most likely takes texts first.
    """

    number: int
    name: str
    numbers: tuple[str, ...]
    email: str | None = None
    language: str | None = None
    groups: tuple[str, ...] = ()


def read_vcards(octets: bytes) -> Iterator[ContactRow | RowProblem]:
    """Read an address book card by card (about 0.2 ms each); a damaged card is a problem of its own.

    Raises:
        IntakeRefused: no vCards at all, more than 10,000, or more than 5 MiB.
    """
    if len(octets) > FILE_OCTETS:
        most = FILE_OCTETS // (1024 * 1024)
        raise IntakeRefused(
            f"The file is larger than {most} MiB. Export without pictures.", code="body_too_large"
        )
    refuse_no_text(octets)
    card = None
    for card in cut_cards(TextDecoder().decode(octets, last=True)):
        if card.number > CARDS:
            raise IntakeRefused(f"There are more than {CARDS} cards. Split the file.", card.number)
        contact = _contact(card)
        if contact is not None:
            yield contact
    if card is None:
        raise IntakeRefused("There is no card in this file. A vCard begins with BEGIN:VCARD.")


def _contact(card: Card) -> ContactRow | RowProblem | None:
    """Read a card; None is one that stands for no person (a group of others)."""
    if card.damage is not None:
        return RowProblem(card.number, None, card.damage, ("\n".join(card.lines),))
    try:
        read = readOne("\r\n".join(("BEGIN:VCARD", *card.lines, "END:VCARD", "")))  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - the library raises what a damaged value leads to: ValueError, LookupError, …
        reason = f"The card cannot be read ({type(error).__name__}). Export it again."
        return RowProblem(card.number, None, reason, ("\n".join(card.lines),))
    if _text(read, "kind").lower() == "group":
        return None
    contact = ContactRow(
        card.number,
        _name(read),
        _numbers(read),
        _text(read, "email").removeprefix("mailto:") or None,
        _language(read),
        _groups(read),
    )
    unusable = _unusable(contact)
    return RowProblem(card.number, None, unusable, ("\n".join(card.lines),)) if unusable else contact


def _unusable(contact: ContactRow) -> str | None:
    texts = (contact.name, *contact.numbers, contact.email or "", *contact.groups)
    if any(UNDECODABLE in text or "\0" in text for text in texts):
        return "The card holds letters that cannot be read. Export it as UTF-8."
    if not contact.numbers and contact.email is None:
        return "The card has neither a telephone number nor an e-mail address. Add one."
    return None


def _lines(card: Component, name: str) -> list[ContentLine]:
    return [line for line in card.contents.get(name, ()) if isinstance(line, ContentLine)]


def _texts(card: Component, name: str) -> list[str]:
    return [" ".join(line.value.split()) for line in _lines(card, name) if isinstance(line.value, str)]


def _text(card: Component, name: str) -> str:
    return next(filter(None, _texts(card, name)), "")


def _name(card: Component) -> str:
    structured = next((" ".join(str(line.value).split()) for line in _lines(card, "n")), "")
    organisation = next((" ".join(map(str, line.value)) for line in _lines(card, "org") if line.value), "")
    return (_text(card, "fn") or structured or organisation)[:_CHARACTERS]


def _numbers(card: Component) -> tuple[str, ...]:
    ranked: list[tuple[int, str]] = []
    for line in _lines(card, "tel"):
        written = str(line.value).strip().removeprefix("tel:").partition(";")[0]
        kinds = _kinds(line)
        if written and not kinds & _NO_TEXTS:
            ranked.append((_rank(line, kinds), written[:_CHARACTERS]))
    ranked.sort(key=lambda each: each[0])
    return tuple(dict.fromkeys(written for _, written in ranked))[:_NUMBERS]


def _kinds(line: ContentLine) -> set[str]:
    """Collect the types of a number: TYPE=cell,voice as well as the bare CELL of vCard 2.1."""
    named = ",".join([*line.params.get("TYPE", ()), *line.singletonparams])
    return {kind.strip().lower() for kind in named.split(",")}


def _rank(line: ContentLine, kinds: set[str]) -> int:
    preferred = "pref" in kinds or "PREF" in line.params
    return (0 if kinds & _MOBILE else 2) + (0 if preferred else 1)


def _language(card: Component) -> str | None:
    tag = _text(card, "lang")
    return tag if _TAG.fullmatch(tag) else None


def _groups(card: Component) -> tuple[str, ...]:
    names: list[str] = []
    for line in _lines(card, "categories"):
        values = line.value if isinstance(line.value, list) else str(line.value).split(",")
        names += [" ".join(str(value).split())[:_CHARACTERS] for value in values]
    return tuple(dict.fromkeys(filter(None, names)))

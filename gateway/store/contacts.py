"""Owns contacts: one person a row, found again by number; and the way an import changes many of them.

Knows no file format and no HTTP. Names and e-mails are sealed, so words are looked for by opening the tenant's cards.
Source: rules DAT-1, DAT-2, TEN-1, API-10; attack row 41 (an import never lifts a suppression).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from gateway.ids import new_id
from gateway.store.convert import DAMAGED
from gateway.store.crypto import DamagedRow
from gateway.store.people_rows import ContactCard, ContactFilter, ContactRow, Upserted, is_sandbox_number
from gateway.store.protocol import StoreError
from gateway.store.rows import Page, View
from gateway.store.subjects import known_subject_of, subject_of
from gateway.store.suppressions import is_suppressed
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units
from gateway.store.viewing import viewed, within

_SCANNED_ROWS = 500
"""Cards opened at a time when words are looked for."""


class NumberTaken(StoreError):
    """Another contact of the tenant has this number; ``contact_id`` is its id."""

    def __init__(self, contact_id: str) -> None:
        super().__init__(contact_id)
        self.contact_id = contact_id


class Unreachable(StoreError):
    """Neither number nor e-mail would be left."""


def add_contact(tx: Tx, view: View, card: ContactCard) -> ContactRow:
    """Keep a new contact; groups that it names and that do not exist are made. Raises NumberTaken."""
    _check_free(tx, view.tenant, card, None)
    return contact(tx, view, _insert(tx, view, card))


def change_contact(tx: Tx, view: View, contact_id: str, changes: dict[str, Any]) -> ContactRow:
    """Change fields of a contact (names as in :class:`ContactCard`); ``groups`` are replaced as a whole.

    Raises:
        NotFound, NumberTaken, Unreachable.
    """
    known = contact(tx, view, contact_id)
    card: ContactCard = replace(known.card, **changes)
    if card.number is None and card.email is None:
        raise Unreachable
    _check_free(tx, view.tenant, card, contact_id)
    _update(tx, view, contact_id, card)
    if "groups" in changes:
        tx.run(
            "memberships_clear",
            contact_id=contact_id,
            tenant=view.tenant,
            sandbox_only=int(view.sandbox_only),
        )
        _join(tx, view, contact_id, card.groups)
    return contact(tx, view, contact_id)


def delete_contact(tx: Tx, view: View, contact_id: str) -> None:
    """Remove a contact; consents and suppressions of the number stay. Raises NotFound."""
    _viewed(tx, view, contact_id)
    tx.run("contact_delete", id=contact_id, tenant=view.tenant)


def upsert(tx: Tx, view: View, cards: Sequence[ContactCard], *, update: bool) -> Upserted:
    """Add those that are not known, by number or (without one) by e-mail, and with ``update`` change the others.

    What a card leaves out stays; tags and groups are added to. Suppressions are not touched.
    """
    total = Upserted()
    for card in cards:
        total += _count(_upserted(tx, view, card, update=update))
    return total


def rehearse(tx: Tx, view: View, cards: Sequence[ContactCard], *, update: bool) -> Upserted:
    """Say what :func:`upsert` would do; changes nothing."""
    total = Upserted()
    for card in cards:
        row = _known(tx, view, card)
        if row is None:
            total += _count("created")
            continue
        known = load_contact(tx, view, row).card
        total += _count("unchanged" if _merged(known, card, update=update) == known else "updated")
    return total


def _count(what: Literal["created", "updated", "unchanged"]) -> Upserted:
    return Upserted(**{what: 1})


def _upserted(
    tx: Tx, view: View, card: ContactCard, *, update: bool
) -> Literal["created", "updated", "unchanged"]:
    row = _known(tx, view, card)
    if row is None:
        _insert(tx, view, card)
        return "created"
    known = load_contact(tx, view, row).card
    merged = _merged(known, card, update=update)
    if merged == known:
        return "unchanged"
    _update(tx, view, row["id"], merged)
    _join(tx, view, row["id"], card.groups)
    return "updated"


def _merged(known: ContactCard, card: ContactCard, *, update: bool) -> ContactCard:
    groups = tuple(sorted({*known.groups, *card.groups}))
    if not update:
        return replace(known, groups=groups)
    said = {
        name: getattr(card, name)
        for name in ("name", "number", "email", "language", "timezone", "channel")
        if getattr(card, name) is not None
    }
    return replace(known, **said, tags=known.tags | card.tags, groups=groups)


def _known(tx: Tx, view: View, card: ContactCard) -> Row | None:
    if card.number is not None:
        return tx.one("contact_by_number", tenant=view.tenant, number=card.number)
    subject = None if card.email is None else known_subject_of(tx, card.email.casefold())
    row = tx.one("contact_by_email", tenant=view.tenant, email_subject=subject)
    return None if row is None or (view.sandbox_only and not row["sandbox"]) else row


def _check_free(tx: Tx, tenant: str, card: ContactCard, contact_id: str | None) -> None:
    known = card.number and tx.one("contact_by_number", tenant=tenant, number=card.number)
    if known and known["id"] != contact_id:
        raise NumberTaken(known["id"])


def _insert(tx: Tx, view: View, card: ContactCard) -> str:
    contact_id = new_id()
    tx.run("contact_insert", id=contact_id, **_columns(tx, view, contact_id, card))
    _join(tx, view, contact_id, card.groups)
    return contact_id


def _update(tx: Tx, view: View, contact_id: str, card: ContactCard) -> None:
    tx.run("contact_update", id=contact_id, **_columns(tx, view, contact_id, card))


def _columns(tx: Tx, view: View, contact_id: str, card: ContactCard) -> dict[str, Any]:
    sealed = json.dumps({"name": card.name, "email": card.email})
    return {
        "tenant": view.tenant,
        "sandbox": int(view.sandbox_only or is_sandbox_number(card.number)),
        "number": card.number,
        "email_subject": None if card.email is None else subject_of(tx, card.email.casefold()),
        "card": tx.seal(f"contact|card|{contact_id}", sealed),
        "language": card.language,
        "timezone": card.timezone,
        "channel": card.channel,
        "tags": json.dumps(card.tags),
        "now": tx.now_ms,
    }


def _join(tx: Tx, view: View, contact_id: str, names: Sequence[str]) -> None:
    """Put a contact into the groups of these names, which are made where they do not exist."""
    for name in names:
        world = {"tenant": view.tenant, "name": name, "sandbox": int(view.sandbox_only)}
        known = tx.one("group_of_world", **world)
        group_id = new_id() if known is None else known["id"]
        if known is None:
            tx.run("group_insert", id=group_id, **world, now=tx.now_ms)
        tx.run("member_put", group_id=group_id, contact_id=contact_id, tenant=view.tenant)


# ------------------------------------------------------------------ reads


def contact(tx: Tx, view: View, contact_id: str) -> ContactRow:
    """Read a contact. Raises NotFound."""
    return load_contact(tx, view, _viewed(tx, view, contact_id))


def contacts(tx: Tx, view: View, where: ContactFilter, page: tuple[int, str | None]) -> Page[ContactRow]:
    """List contacts newest first; ``page`` is (limit, id to continue after)."""
    limit, after = page
    found: list[ContactRow] = []
    step = limit + 1 if where.words is None else _SCANNED_ROWS
    while len(found) <= limit:
        rows = _rows(tx, view, where, (step, after))
        # Groups and suppressions cost more than opening a card: only those that are shown are asked for.
        found += (
            load_contact(tx, view, row)
            for row in rows
            if where.words is None or _holds(_opened(tx, row), row["number"], where.words)
        )
        if len(rows) < step:
            break
        after = rows[-1]["id"]
    items = tuple(found[:limit])
    return Page(items, items[-1].id if len(found) > limit else None)


def _rows(tx: Tx, view: View, where: ContactFilter, page: tuple[int, str | None]) -> list[Row]:
    limit, after = page
    conditions = within(view, after)
    values: dict[str, Any] = {"tenant": view.tenant, "limit": limit, "after": after}
    if where.group_id is not None:
        conditions.append("where_contact_in_group")
        values["group_id"] = where.group_id
    if where.number is not None:
        conditions.append("where_contact_number")
        values["number"] = where.number
    return tx.composed("contacts_select", conditions, "people_order", values)


def _holds(sealed: dict[str, str | None], number: str | None, words: str) -> bool:
    looked_in = " ".join(filter(None, (sealed["name"], sealed["email"], number))).casefold()
    return all(word in looked_in for word in words.casefold().split())


def _opened(tx: Tx, row: Row) -> dict[str, str | None]:
    """Unseal name and e-mail; a damaged card is shown as such."""
    try:
        text = tx.unseal_text(f"contact|card|{row['id']}", row["card"])
    except DamagedRow:
        return {"name": DAMAGED, "email": None}
    opened: dict[str, str | None] = json.loads(text or "{}")
    return opened


def _viewed(tx: Tx, view: View, contact_id: str) -> Row:
    return viewed(tx, view, "contact_for_viewer", contact_id)


def load_contact(tx: Tx, view: View, row: Row) -> ContactRow:
    """Read a contact with the groups that the viewer sees."""
    sealed = _opened(tx, row)
    groups = tx.rows(
        "groups_of_contact",
        contact_id=row["id"],
        tenant=view.tenant,
        sandbox_only=int(view.sandbox_only),
    )
    number: str | None = row["number"]
    return ContactRow(
        id=row["id"],
        tenant=row["tenant"],
        sandbox=bool(row["sandbox"]),
        card=ContactCard(
            name=sealed["name"],
            number=number,
            email=sealed["email"],
            language=row["language"],
            timezone=row["timezone"],
            channel=row["channel"],
            tags=json.loads(row["tags"]),
            groups=tuple(sorted(group["name"] for group in groups)),
        ),
        created_at_ms=row["created_at"],
        updated_at_ms=row["updated_at"],
        opted_out=number is not None and is_suppressed(tx, view.tenant, number) is not None,
    )


# ------------------------------------------------------------------ the room


class Contacts:
    """The contacts. All verbs may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def add(self, view: View, card: ContactCard) -> ContactRow:
        """Keep a new contact. Raises NumberTaken."""
        return await self._units.write(lambda tx: add_contact(tx, view, card))

    async def one(self, view: View, contact_id: str) -> ContactRow:
        """Raises NotFound."""
        return await self._units.read(lambda tx: contact(tx, view, contact_id))

    async def by_number(self, view: View, number: str) -> ContactRow | None:
        """Find the contact of a number."""
        page = await self.page(view, ContactFilter(number=number), 1, None)
        return page.items[0] if page.items else None

    async def page(self, view: View, where: ContactFilter, limit: int, after: str | None) -> Page[ContactRow]:
        return await self._units.read(lambda tx: contacts(tx, view, where, (limit, after)))

    async def change(self, view: View, contact_id: str, changes: dict[str, Any]) -> ContactRow:
        """Change fields. Raises NotFound, NumberTaken, Unreachable."""
        return await self._units.write(lambda tx: change_contact(tx, view, contact_id, changes))

    async def delete(self, view: View, contact_id: str) -> None:
        """Raises NotFound."""
        await self._units.write(lambda tx: delete_contact(tx, view, contact_id))

    async def upsert(self, view: View, cards: Sequence[ContactCard], *, update: bool) -> Upserted:
        """Add or change many in one transaction; see :func:`upsert`."""
        return await self._units.write(lambda tx: upsert(tx, view, cards, update=update), crowd=True)

    async def rehearse(self, view: View, cards: Sequence[ContactCard], *, update: bool) -> Upserted:
        """Say what :meth:`upsert` would do."""
        return await self._units.read(lambda tx: rehearse(tx, view, cards, update=update))

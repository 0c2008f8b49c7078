"""Owns groups of contacts: their names, and who belongs to them.

Knows no batch; a batch reads members page by page. A sandbox group holds sandbox contacts only.
Source: the HTTP interface; rules TEN-1, KEY-7.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.ids import new_id
from gateway.store.contacts import load_contact
from gateway.store.people_rows import ContactRow, GroupRow
from gateway.store.protocol import NotFound, StoreError
from gateway.store.rows import Page, View
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units
from gateway.store.viewing import page_of, viewed


class GroupNameTaken(StoreError):
    """A group of this name exists; ``group_id`` is its id."""

    def __init__(self, group_id: str) -> None:
        super().__init__(group_id)
        self.group_id = group_id


def add_group(tx: Tx, view: View, name: str) -> GroupRow:
    """Make an empty group. Raises GroupNameTaken."""
    _check_free(tx, view.tenant, name, sandbox=view.sandbox_only)
    group_id = new_id()
    tx.run(
        "group_insert",
        id=group_id,
        tenant=view.tenant,
        sandbox=int(view.sandbox_only),
        name=name,
        now=tx.now_ms,
    )
    return group(tx, view, group_id)


def _check_free(tx: Tx, tenant: str, name: str, *, sandbox: bool) -> None:
    known = tx.one("group_of_world", tenant=tenant, name=name, sandbox=int(sandbox))
    if known is not None:
        raise GroupNameTaken(known["id"])


def rename_group(tx: Tx, view: View, group_id: str, name: str) -> GroupRow:
    """Give a group another name. Raises NotFound, GroupNameTaken."""
    row = _viewed(tx, view, group_id)
    if row["name"] != name:
        _check_free(tx, view.tenant, name, sandbox=bool(row["sandbox"]))
        tx.run("group_rename", id=group_id, tenant=view.tenant, name=name)
    return group(tx, view, group_id)


def delete_group(tx: Tx, view: View, group_id: str) -> None:
    """Remove a group; its contacts stay. Raises NotFound."""
    _viewed(tx, view, group_id)
    tx.run("group_delete", id=group_id, tenant=view.tenant)


def add_members(tx: Tx, view: View, group_id: str, contact_ids: Sequence[str]) -> GroupRow:
    """Put contacts into a group; who is in it already stays. Raises NotFound: then nobody was added."""
    row = _viewed(tx, view, group_id)
    only_sandbox = view.sandbox_only or bool(row["sandbox"])
    for contact_id in contact_ids:
        known = tx.one(
            "contact_for_viewer", id=contact_id, tenant=view.tenant, sandbox_only=int(only_sandbox)
        )
        if known is None:
            raise NotFound
        tx.run("member_put", group_id=group_id, contact_id=contact_id, tenant=view.tenant)
    return group(tx, view, group_id)


def remove_member(tx: Tx, view: View, group_id: str, contact_id: str) -> None:
    """Take a contact out of a group. Raises NotFound."""
    _viewed(tx, view, group_id)
    if not tx.run("member_delete", group_id=group_id, contact_id=contact_id, tenant=view.tenant):
        raise NotFound


# ------------------------------------------------------------------ reads


def group(tx: Tx, view: View, group_id: str) -> GroupRow:
    """Read a group. Raises NotFound."""
    return _load(tx, _viewed(tx, view, group_id))


def group_called(tx: Tx, view: View, written: str) -> GroupRow:
    """Find a group by its id or its name. Raises NotFound."""
    row = tx.one(
        "group_for_viewer", id=written, tenant=view.tenant, sandbox_only=int(view.sandbox_only)
    ) or tx.one("group_named", name=written, tenant=view.tenant, sandbox_only=int(view.sandbox_only))
    if row is None:
        raise NotFound
    return _load(tx, row)


def groups(tx: Tx, view: View, page: tuple[int, str | None]) -> Page[GroupRow]:
    """List groups newest first; ``page`` is (limit, id to continue after)."""
    limit, after = page
    rows = tx.rows(
        "groups_page",
        tenant=view.tenant,
        sandbox_only=int(view.sandbox_only),
        after=after or "",
        limit=limit + 1,
    )
    return page_of(rows, limit, lambda row: _load(tx, row))


def members_page(tx: Tx, view: View, group_id: str, page: tuple[int, str | None]) -> Page[ContactRow]:
    """List the members of a group, oldest contact first; ``page`` is (limit, id to continue after).

    Raises:
        NotFound: no such group.
    """
    limit, after = page
    _viewed(tx, view, group_id)
    rows = tx.rows(
        "members_page",
        tenant=view.tenant,
        sandbox_only=int(view.sandbox_only),
        group_id=group_id,
        after=after or "",
        limit=limit + 1,
    )
    return page_of(rows, limit, lambda row: load_contact(tx, view, row))


def _viewed(tx: Tx, view: View, group_id: str) -> Row:
    return viewed(tx, view, "group_for_viewer", group_id)


def _load(tx: Tx, row: Row) -> GroupRow:
    size = tx.one("group_size", group_id=row["id"], tenant=row["tenant"])
    return GroupRow(
        id=row["id"],
        tenant=row["tenant"],
        sandbox=bool(row["sandbox"]),
        name=row["name"],
        created_at_ms=row["created_at"],
        size=int(size["n"]) if size is not None else 0,
    )


# ------------------------------------------------------------------ the room


class Groups:
    """The groups of contacts. All verbs may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def add(self, view: View, name: str) -> GroupRow:
        """Make an empty group. Raises GroupNameTaken."""
        return await self._units.write(lambda tx: add_group(tx, view, name))

    async def one(self, view: View, group_id: str) -> GroupRow:
        """Raises NotFound."""
        return await self._units.read(lambda tx: group(tx, view, group_id))

    async def called(self, view: View, written: str) -> GroupRow:
        """Find a group by its id or its name. Raises NotFound."""
        return await self._units.read(lambda tx: group_called(tx, view, written))

    async def page(self, view: View, limit: int, after: str | None) -> Page[GroupRow]:
        return await self._units.read(lambda tx: groups(tx, view, (limit, after)))

    async def rename(self, view: View, group_id: str, name: str) -> GroupRow:
        """Raises NotFound, GroupNameTaken."""
        return await self._units.write(lambda tx: rename_group(tx, view, group_id, name))

    async def delete(self, view: View, group_id: str) -> None:
        """Remove a group; its contacts stay. Raises NotFound."""
        await self._units.write(lambda tx: delete_group(tx, view, group_id))

    async def add_members(self, view: View, group_id: str, contact_ids: Sequence[str]) -> GroupRow:
        """Put contacts into a group, all or none. Raises NotFound."""
        return await self._units.write(lambda tx: add_members(tx, view, group_id, contact_ids))

    async def remove_member(self, view: View, group_id: str, contact_id: str) -> None:
        """Raises NotFound."""
        await self._units.write(lambda tx: remove_member(tx, view, group_id, contact_id))

    async def members_page(
        self, view: View, group_id: str, limit: int, after: str | None
    ) -> Page[ContactRow]:
        """List members, oldest contact first, so that who joins meanwhile is met later. Raises NotFound."""
        return await self._units.read(lambda tx: members_page(tx, view, group_id, (limit, after)))

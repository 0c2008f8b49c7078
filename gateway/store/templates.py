"""Owns templates as they are stored: one name each, versions that are only ever added, texts sealed.

Knows no placeholders: what a version may say is judged before it comes here.
Source: rules CNT-3, DAT-1, TEN-1.
"""

from __future__ import annotations

import json

from gateway.ids import new_id
from gateway.store.convert import DAMAGED
from gateway.store.crypto import DamagedRow
from gateway.store.plan_rows import TemplateContent, TemplateRow, TemplateText
from gateway.store.protocol import NotFound, StoreError
from gateway.store.rows import Page, View
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units
from gateway.store.viewing import page_of


class NameTaken(StoreError):
    """Another template has this name; ``template_id`` is that one."""

    def __init__(self, template_id: str) -> None:
        super().__init__("another template has this name")
        self.template_id = template_id


class Superseded(StoreError):
    """Somebody changed the row after it was read; nothing was written."""


class Templates:
    """Templates of every tenant. All verbs may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def add(self, tenant: str, content: TemplateContent, key_id: str, *, sandbox: bool) -> TemplateRow:
        """Make a template with its version 1. Raises NameTaken."""
        return await self._units.write(lambda tx: add(tx, View(tenant, sandbox), content, key_id))

    async def change(
        self, view: View, template_id: str, from_version: int, change: tuple[TemplateContent, str]
    ) -> TemplateRow:
        """Add the version after ``from_version``; ``change`` is (content, id of the key that makes it).

        Raises:
            NotFound; NameTaken; Superseded: ``from_version`` is no longer the newest.
        """
        return await self._units.write(lambda tx: add_version(tx, view, (template_id, from_version), change))

    async def delete(self, view: View, template_id: str) -> None:
        """Hide a template and free its name; its versions stay for the messages made from them. Raises NotFound."""
        await self._units.write(lambda tx: delete(tx, view, template_id))

    async def get(self, view: View, template_id: str, version: int | None = None) -> TemplateRow:
        """Read a template in one version, or in its newest. Raises NotFound."""
        return await self._units.read(lambda tx: get(tx, view, template_id, version))

    async def page(self, view: View, limit: int, after: str | None) -> Page[TemplateRow]:
        """List templates in their newest version, the youngest template first."""
        return await self._units.read(lambda tx: page(tx, view, limit, after))

    async def versions(
        self, view: View, template_id: str, limit: int, after: str | None
    ) -> Page[TemplateRow]:
        """List the versions of a template, newest first. Raises NotFound."""
        return await self._units.read(lambda tx: versions(tx, view, template_id, (limit, after)))

    async def text_for(
        self, view: View, template_id: str, version: int | None = None, language: str | None = None
    ) -> TemplateText:
        """Choose the text of a template for a reader's language (BCP 47).

        Raises:
            NotFound: no such template or version for this viewer, or it was deleted.
        """
        row = await self.get(view, template_id, version)
        content = row.content
        chosen = content.language_for(language)
        return TemplateText(row.id, row.version, chosen, content.texts[chosen], content.subject, content.html)


def add(tx: Tx, view: View, content: TemplateContent, key_id: str) -> TemplateRow:
    template_id = new_id()
    sandbox = int(view.sandbox_only)
    _check_name(tx, view.tenant, content.name, (template_id, sandbox))
    tx.run(
        "template_insert",
        id=template_id,
        tenant=view.tenant,
        sandbox=sandbox,
        name=content.name,
        created_at=tx.now_ms,
    )
    _insert_version(tx, view.tenant, (template_id, 1), (content, key_id))
    return get(tx, view, template_id)


def add_version(
    tx: Tx, view: View, place: tuple[str, int], change: tuple[TemplateContent, str]
) -> TemplateRow:
    """Add a version after ``place`` (template id, its newest version). Raises NotFound, NameTaken, Superseded."""
    template_id, from_version = place
    content, _key_id = change
    known = get(tx, view, template_id)
    _check_name(tx, view.tenant, content.name, (template_id, int(known.sandbox)))
    moved = tx.run(
        "template_next_version",
        id=template_id,
        tenant=view.tenant,
        sandbox_only=int(view.sandbox_only),
        version=from_version,
        name=content.name,
    )
    if not moved:
        raise Superseded
    _insert_version(tx, view.tenant, (template_id, from_version + 1), change)
    return get(tx, view, template_id)


def _check_name(tx: Tx, tenant: str, name: str, own: tuple[str, int]) -> None:
    template_id, sandbox = own
    other = tx.one("template_by_name", tenant=tenant, sandbox=sandbox, name=name, id=template_id)
    if other is not None:
        raise NameTaken(other["id"])


def _insert_version(tx: Tx, tenant: str, place: tuple[str, int], change: tuple[TemplateContent, str]) -> None:
    version_id = new_id()
    template_id, version = place
    content, key_id = change
    tx.run(
        "template_version_insert",
        id=version_id,
        tenant=tenant,
        template_id=template_id,
        version=version,
        name=content.name,
        default_language=content.default_language,
        texts=tx.seal(f"template_version|texts|{version_id}", json.dumps(dict(content.texts))),
        subject=tx.seal(f"template_version|subject|{version_id}", content.subject),
        html=tx.seal(f"template_version|html|{version_id}", content.html),
        key_id=key_id,
        created_at=tx.now_ms,
    )


def delete(tx: Tx, view: View, template_id: str) -> None:
    hidden = tx.run(
        "template_delete",
        id=template_id,
        tenant=view.tenant,
        sandbox_only=int(view.sandbox_only),
        at=tx.now_ms,
    )
    if not hidden:
        raise NotFound


def get(tx: Tx, view: View, template_id: str, version: int | None = None) -> TemplateRow:
    return _load(tx, _viewed(tx, view, template_id, version))


def _viewed(tx: Tx, view: View, template_id: str, version: int | None = None) -> Row:
    """Find a version, or the newest. Raises NotFound."""
    row = tx.one(
        "template_as_version",
        id=template_id,
        tenant=view.tenant,
        sandbox_only=int(view.sandbox_only),
        version=version,
    )
    if row is None:
        raise NotFound
    return row


def page(tx: Tx, view: View, limit: int, after: str | None) -> Page[TemplateRow]:
    rows = tx.rows(
        "template_page",
        tenant=view.tenant,
        sandbox_only=int(view.sandbox_only),
        after=after or "",
        limit=limit + 1,
    )
    return page_of(rows, limit, lambda row: _shown(tx, row), "template_id")


def versions(tx: Tx, view: View, template_id: str, page: tuple[int, str | None]) -> Page[TemplateRow]:
    """List versions newest first; ``page`` is (limit, id of the version to continue after). Raises NotFound."""
    limit, after = page
    _viewed(tx, view, template_id)
    rows = tx.rows(
        "template_versions_page",
        id=template_id,
        tenant=view.tenant,
        sandbox_only=int(view.sandbox_only),
        after=after or "",
        limit=limit + 1,
    )
    return page_of(rows, limit, lambda row: _shown(tx, row))


def _load(tx: Tx, row: Row) -> TemplateRow:
    """Read a version. Raises DamagedRow: a text that was changed must never be sent."""
    sealed = f"template_version|{{}}|{row['id']}"
    texts: dict[str, str] = json.loads(tx.unseal_text(sealed.format("texts"), row["texts"]) or "{}")
    subject = tx.unseal_text(sealed.format("subject"), row["subject"])
    html = tx.unseal_text(sealed.format("html"), row["html"])
    return _row(row, TemplateContent(row["name"], texts, row["default_language"], subject, html))


def _shown(tx: Tx, row: Row) -> TemplateRow:
    """Read a version for a list: a damaged one is shown as such, and the rest is served."""
    try:
        return _load(tx, row)
    except DamagedRow:
        language = row["default_language"]
        return _row(row, TemplateContent(row["name"], {language: DAMAGED}, language))


def _row(row: Row, content: TemplateContent) -> TemplateRow:
    return TemplateRow(
        id=row["template_id"],
        tenant=row["tenant"],
        sandbox=bool(row["sandbox"]),
        version=row["version"],
        version_id=row["id"],
        content=content,
        key_id=row["key_id"],
        created_at_ms=row["template_created_at"],
        changed_at_ms=row["created_at"],
    )

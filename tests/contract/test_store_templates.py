"""Owns the contract of a store for templates: names, versions, languages, worlds, sealed texts.

Runs on every store of ``conftest``.
Source: rules CNT-3, DAT-1, KEY-7, TEN-1.
"""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.crypto import DamagedRow
from gateway.store.plan_rows import TemplateContent, TemplateRow
from gateway.store.protocol import NotFound
from gateway.store.rows import View
from gateway.store.templates import NameTaken, Superseded
from tests.peers.store_world import LIVE, World

SANDBOX = View("default", sandbox_only=True)
GREETING = TemplateContent("greeting", {"en": "Hi {name}", "de": "Hallo {name}"}, "en")


async def made(w: World, content: TemplateContent = GREETING, view: View = LIVE) -> TemplateRow:
    return await w.store.templates.add(view.tenant, content, "key", sandbox=view.sandbox_only)


async def test_CNT_3_a_change_is_a_new_version_and_the_old_one_stays_readable(w: World) -> None:
    first = await made(w)
    w.clock.pass_s(60)
    shorter = TemplateContent("hello", {"en": "Hello {name}"}, "en", subject="Hello", html="<p>{name}</p>")
    second = await w.store.templates.change(LIVE, first.id, 1, (shorter, "other-key"))
    assert (second.id, second.version, second.content, second.key_id) == (first.id, 2, shorter, "other-key")
    assert second.changed_at_ms == first.changed_at_ms + 60_000
    assert second.created_at_ms == first.created_at_ms
    assert await w.store.templates.get(LIVE, first.id) == second
    assert await w.store.templates.get(LIVE, first.id, 1) == first
    assert await w.store.templates.text_for(LIVE, first.id, 1, "de") != await w.store.templates.text_for(
        LIVE, first.id, None, "de"
    )


async def test_of_two_changes_to_one_version_the_second_is_told(w: World) -> None:
    first = await made(w)
    await w.store.templates.change(LIVE, first.id, 1, (GREETING, "key"))
    with pytest.raises(Superseded):
        await w.store.templates.change(LIVE, first.id, 1, (GREETING, "key"))
    assert (await w.store.templates.get(LIVE, first.id)).version == 2


async def test_versions_are_listed_newest_first_page_by_page(w: World) -> None:
    first = await made(w)
    for version in range(1, 5):
        await w.store.templates.change(LIVE, first.id, version, (GREETING, "key"))
    seen: list[int] = []
    after = None
    while True:
        page = await w.store.templates.versions(LIVE, first.id, 2, after)
        seen += [row.version for row in page.items]
        after = page.next
        if after is None:
            break
    assert seen == [5, 4, 3, 2, 1]


async def test_a_name_is_unique_until_its_template_is_deleted(w: World) -> None:
    first = await made(w)
    with pytest.raises(NameTaken) as taken:
        await made(w)
    assert taken.value.template_id == first.id
    other = await made(w, TemplateContent("other", {"en": "x"}, "en"))
    with pytest.raises(NameTaken):
        await w.store.templates.change(LIVE, other.id, 1, (GREETING, "key"))
    assert (await w.store.templates.get(LIVE, other.id)).version == 1
    await w.store.templates.delete(LIVE, first.id)
    assert (await made(w)).version == 1


async def test_a_deleted_template_is_in_no_list_and_gives_no_text(w: World) -> None:
    kept, gone = await made(w), await made(w, TemplateContent("gone", {"en": "x"}, "en"))
    await w.store.templates.delete(LIVE, gone.id)
    assert [row.id for row in (await w.store.templates.page(LIVE, 10, None)).items] == [kept.id]
    for version in (None, 1):
        with pytest.raises(NotFound):
            await w.store.templates.text_for(LIVE, gone.id, version)
    with pytest.raises(NotFound):
        await w.store.templates.versions(LIVE, gone.id, 10, None)
    with pytest.raises(NotFound):
        await w.store.templates.change(LIVE, gone.id, 1, (GREETING, "key"))
    with pytest.raises(NotFound):
        await w.store.templates.delete(LIVE, gone.id)


async def test_an_unknown_version_is_not_found(w: World) -> None:
    first = await made(w)
    with pytest.raises(NotFound):
        await w.store.templates.get(LIVE, first.id, 2)


async def test_pages_go_from_the_youngest_template_to_the_oldest(w: World) -> None:
    rows = [await made(w, TemplateContent(f"t{i}", {"en": "x"}, "en")) for i in range(5)]
    first = await w.store.templates.page(LIVE, 3, None)
    second = await w.store.templates.page(LIVE, 3, first.next)
    assert [row.id for row in (*first.items, *second.items)] == [row.id for row in reversed(rows)]
    assert second.next is None


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("de-AT", "de-AT"),
        ("DE-at", "de-AT"),
        ("de-CH", "de"),
        ("de-CH-1996", "de"),
        ("de", "de"),
        ("fr", "en"),
        ("fr-CA", "en"),
        ("", "en"),
        (None, "en"),
        ("d", "en"),
    ],
)
async def test_the_reader_gets_the_nearest_language_else_the_default(
    w: World, wanted: str | None, chosen: str
) -> None:
    texts = {"en": "Hello", "de": "Hallo", "de-AT": "Servus"}
    row = await made(w, TemplateContent("greeting", texts, "en"))
    text = await w.store.templates.text_for(LIVE, row.id, None, wanted)
    assert (text.language, text.text, text.version) == (chosen, texts[chosen], 1)


@given(wanted=st.text(alphabet="deEN-AT1", max_size=12))
def test_whatever_language_is_wanted_one_that_exists_is_chosen(wanted: str) -> None:
    content = TemplateContent("t", {"en": "Hello", "de": "Hallo", "de-AT": "Servus"}, "en")
    chosen = content.language_for(wanted)
    assert chosen in content.texts
    assert chosen == "en" or wanted.casefold().split("-")[0] == "de"


async def test_TEN_1_another_tenant_finds_neither_template_nor_version(w: World) -> None:
    row = await made(w)
    other = View("other")
    for attempt in (
        w.store.templates.get(other, row.id),
        w.store.templates.get(other, row.id, 1),
        w.store.templates.text_for(other, row.id),
        w.store.templates.versions(other, row.id, 10, None),
        w.store.templates.change(other, row.id, 1, (GREETING, "key")),
        w.store.templates.delete(other, row.id),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await w.store.templates.page(other, 10, None)).items == ()
    # A name is taken per tenant.
    assert (await made(w, view=other)).content == GREETING
    assert (await w.store.templates.get(LIVE, row.id)).version == 1


async def test_KEY_7_a_sandbox_key_sees_and_changes_sandbox_templates_only(w: World) -> None:
    live = await made(w)
    sandbox = await made(w, view=SANDBOX)
    assert [row.id for row in (await w.store.templates.page(SANDBOX, 10, None)).items] == [sandbox.id]
    assert len((await w.store.templates.page(LIVE, 10, None)).items) == 2
    for attempt in (
        w.store.templates.text_for(SANDBOX, live.id),
        w.store.templates.change(SANDBOX, live.id, 1, (GREETING, "key")),
        w.store.templates.delete(SANDBOX, live.id),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await w.store.templates.change(LIVE, sandbox.id, 1, (GREETING, "key"))).sandbox


async def test_DAT_1_no_text_of_a_template_stands_in_the_file(w: World) -> None:
    words = TemplateContent("visible name", {"en": "zebra-text"}, "en", "zebra-subject", "<p>zebra-html</p>")
    await made(w, words)
    octets = b"".join(path.read_bytes() for path in w.path.parent.glob("gateway.db*"))
    assert b"visible name" in octets
    assert b"zebra" not in octets


async def test_DAT_1_a_text_moved_from_another_row_is_never_sent_and_the_list_is_still_served(
    w: World,
) -> None:
    damaged = await made(w, TemplateContent("damaged", {"en": "x"}, "en"))
    whole = await made(w)
    with sqlite3.connect(w.path) as db:
        db.execute(
            "UPDATE template_version SET texts = (SELECT texts FROM template_version WHERE template_id = ?)"
            " WHERE template_id = ?",
            (whole.id, damaged.id),
        )
    db.close()
    with pytest.raises(DamagedRow):
        await w.store.templates.text_for(LIVE, damaged.id)
    listed = (await w.store.templates.page(LIVE, 10, None)).items
    assert [row.id for row in listed] == [whole.id, damaged.id]
    assert listed[1].content.texts == {"en": "\ufffd"}

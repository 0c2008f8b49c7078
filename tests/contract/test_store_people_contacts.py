"""Owns the contract of a store for contacts and groups: found by number, changed by imports, seen by their own tenant.

Runs on every store of ``conftest``; the clock is moved by hand.
Source: the HTTP interface; rules DAT-1, DAT-2, TEN-1, KEY-7, API-10; attack row 41.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from gateway.store.contacts import NumberTaken, Unreachable
from gateway.store.groups import GroupNameTaken
from gateway.store.people_rows import ContactCard, ContactFilter, ContactRow, GroupRow, Upserted, Wish
from gateway.store.protocol import NotFound
from gateway.store.rows import View
from tests.peers.store_world import ALICE, LIVE, World

BOB = "+447700900456"
PLAYER = "+99900000001"
SANDBOX = View("default", sandbox_only=True)
ALL = ContactFilter()


async def add(w: World, number: str | None = ALICE, view: View = LIVE, **more: Any) -> ContactRow:
    return await w.store.contacts.add(view, ContactCard(number=number, **more))


async def names(w: World, where: ContactFilter = ALL, view: View = LIVE) -> list[str | None]:
    return [row.card.name for row in (await w.store.contacts.page(view, where, 50, None)).items]


async def group_names(w: World, view: View = LIVE) -> set[str]:
    return {group.name for group in (await w.store.groups.page(view, 50, None)).items}


async def members(w: World, group: GroupRow, view: View = LIVE) -> list[str | None]:
    return [row.card.number for row in (await w.store.groups.members_page(view, group.id, 50, None)).items]


async def test_a_contact_keeps_everything_that_was_written_down(w: World) -> None:
    card = ContactCard(
        "Ann Moor",
        ALICE,
        "ann@example.org",
        "en-GB",
        "Europe/London",
        "email",
        {"class": "5B"},
        ("5B", "choir"),
    )
    row = await w.store.contacts.add(LIVE, card)
    assert row.card == card
    assert await w.store.contacts.one(LIVE, row.id) == row
    assert (row.opted_out, row.sandbox, row.created_at_ms) == (False, False, w.now_ms)


async def test_one_number_stands_for_one_contact_of_a_tenant(w: World) -> None:
    first = await add(w)
    with pytest.raises(NumberTaken) as taken:
        await add(w, name="again")
    assert taken.value.contact_id == first.id
    other = await add(w, BOB)
    with pytest.raises(NumberTaken) as taken:
        await w.store.contacts.change(LIVE, other.id, {"number": ALICE})
    assert taken.value.contact_id == first.id
    await w.store.contacts.change(LIVE, first.id, {"number": ALICE, "name": "same"})
    await add(w, view=View("other"))


async def test_fields_change_one_by_one_and_at_least_one_address_stays(w: World) -> None:
    row = await add(w, name="Ann", email="ann@example.org", tags={"class": "5B"})
    w.clock.pass_s(60)
    changed = await w.store.contacts.change(LIVE, row.id, {"name": "Ann Moor", "number": None})
    assert (changed.card.name, changed.card.number, changed.card.tags) == ("Ann Moor", None, {"class": "5B"})
    assert changed.updated_at_ms == w.now_ms > changed.created_at_ms
    with pytest.raises(Unreachable):
        await w.store.contacts.change(LIVE, row.id, {"email": None})
    await add(w, name="the number is free again")


async def test_a_deleted_contact_is_gone_and_leaves_its_groups(w: World) -> None:
    row = await add(w, groups=("5B",))
    group = await w.store.groups.called(LIVE, "5B")
    assert group.size == 1
    await w.store.contacts.delete(LIVE, row.id)
    with pytest.raises(NotFound):
        await w.store.contacts.one(LIVE, row.id)
    with pytest.raises(NotFound):
        await w.store.contacts.delete(LIVE, row.id)
    assert (await w.store.groups.one(LIVE, group.id)).size == 0


async def test_OPT_5_a_contact_shows_that_its_number_wants_no_texts(w: World) -> None:
    row = await add(w)
    await w.store.suppressions.add(Wish("default", ALICE, "keyword", keyword="stop"))
    assert (await w.store.contacts.one(LIVE, row.id)).opted_out is True


async def test_DAT_2_words_are_found_in_names_e_mails_and_numbers_whatever_their_case(w: World) -> None:
    await add(w, name="Ann Moor", email="a.moor@example.org")
    await add(w, BOB, name="Bob Stein")
    for words, found in (
        ("MOOR", ["Ann Moor"]), ("ann moor", ["Ann Moor"]), ("moor bob", []), ("example.org", ["Ann Moor"]),
        ("0456", ["Bob Stein"]), ("%", []), ("'", []), ("", ["Bob Stein", "Ann Moor"]),
    ):  # fmt: skip
        assert await names(w, ContactFilter(words=words)) == found, words


async def test_DAT_2_a_search_finds_the_rare_row_among_many_and_pages_without_loss(w: World) -> None:
    cards = [
        ContactCard(f"Pupil {n}{' Rare' if n % 250 == 7 else ''}", f"+4477010{n:05d}") for n in range(1200)
    ]
    await w.store.contacts.upsert(LIVE, cards, update=False)
    where = ContactFilter(words="rare")
    seen: list[str | None] = []
    after = None
    while True:
        page = await w.store.contacts.page(LIVE, where, 2, after)
        seen += [row.card.name for row in page.items]
        after = page.next
        if after is None:
            break
    assert seen == ["Pupil 1007 Rare", "Pupil 757 Rare", "Pupil 507 Rare", "Pupil 257 Rare", "Pupil 7 Rare"]


async def test_API_10_a_page_skips_and_repeats_nothing_while_contacts_are_added(w: World) -> None:
    for index in range(6):
        await add(w, f"+44770090010{index}")
    first = await w.store.contacts.page(LIVE, ALL, 3, None)
    await add(w, name="new")
    rest = await w.store.contacts.page(LIVE, ALL, 3, first.next)
    seen = [row.card.number for row in (*first.items, *rest.items)]
    assert seen == [f"+44770090010{index}" for index in (5, 4, 3, 2, 1, 0)]
    assert rest.next is None


async def test_contacts_are_listed_by_number_and_by_group(w: World) -> None:
    await add(w, name="Ann", groups=("5B",))
    await add(w, BOB, name="Bob")
    group = await w.store.groups.called(LIVE, "5B")
    assert await names(w, ContactFilter(number=BOB)) == ["Bob"]
    assert await names(w, ContactFilter(group_id=group.id)) == ["Ann"]
    found = await w.store.contacts.by_number(LIVE, ALICE)
    assert found is not None
    assert found.card.name == "Ann"
    assert await w.store.contacts.by_number(LIVE, "+447700900789") is None


async def test_DAT_1_names_and_e_mails_are_sealed_in_the_file(w: World) -> None:
    await add(w, name="Ann Moor", email="ann@example.org")
    with closing(sqlite3.connect(w.path)) as database:
        kept = repr(database.execute("SELECT * FROM contact").fetchall())
    assert "Moor" not in kept
    assert "ann@" not in kept
    assert ALICE in kept


async def test_a_card_that_was_moved_to_another_row_is_shown_as_damaged_and_the_rest_is_served(
    w: World,
) -> None:
    first, second = await add(w, name="Ann"), await add(w, BOB, name="Bob")
    with closing(sqlite3.connect(w.path)) as database, database:
        database.execute(
            "UPDATE contact SET card = (SELECT card FROM contact WHERE id = ?) WHERE id = ?",
            (first.id, second.id),
        )
    assert await names(w) == ["\ufffd", "Ann"]


# ------------------------------------------------------------------ imports


async def test_an_import_adds_the_new_and_changes_the_known_when_it_is_told_to(w: World) -> None:
    known = await add(w, name="Ann", email="ann@example.org", tags={"a": "1"}, groups=("5B",))
    cards = [ContactCard("Ann Moor", ALICE, tags={"b": "2"}, groups=("choir",)), ContactCard("Bob", BOB)]
    assert await w.store.contacts.upsert(LIVE, cards, update=True) == Upserted(created=1, updated=1)
    row = await w.store.contacts.one(LIVE, known.id)
    assert row.card == ContactCard(
        "Ann Moor", ALICE, "ann@example.org", tags={"a": "1", "b": "2"}, groups=("5B", "choir")
    )
    assert await w.store.contacts.upsert(LIVE, cards, update=True) == Upserted(unchanged=2)


async def test_an_import_without_update_leaves_what_is_known_but_for_its_groups(w: World) -> None:
    known = await add(w, name="Ann")
    cards = [ContactCard("Somebody else", ALICE, groups=("5B",))]
    assert await w.store.contacts.upsert(LIVE, cards, update=False) == Upserted(updated=1)
    row = await w.store.contacts.one(LIVE, known.id)
    assert (row.card.name, row.card.groups) == ("Ann", ("5B",))
    assert await w.store.contacts.upsert(LIVE, cards, update=False) == Upserted(unchanged=1)


async def test_an_import_knows_a_contact_without_number_by_its_e_mail(w: World) -> None:
    cards = [ContactCard("Ann", email="Ann@Example.org")]
    assert await w.store.contacts.upsert(LIVE, cards, update=True) == Upserted(created=1)
    again = [ContactCard("Ann Moor", email="ann@example.org")]
    assert await w.store.contacts.upsert(LIVE, again, update=True) == Upserted(updated=1)
    assert await names(w) == ["Ann Moor"]


async def test_a_parent_may_share_an_e_mail_with_those_who_have_numbers(w: World) -> None:
    await add(w, name="Ann", email="family@example.org")
    cards = [ContactCard("Bob", BOB, "family@example.org"), ContactCard("Cy", email="family@example.org")]
    assert await w.store.contacts.upsert(LIVE, cards, update=True) == Upserted(created=2)


async def test_a_rehearsal_counts_like_an_import_and_stores_nothing(w: World) -> None:
    await add(w, name="Ann")
    cards = [ContactCard("Ann", ALICE), ContactCard("Bob", BOB), ContactCard(email="c@example.org")]
    said = await w.store.contacts.rehearse(LIVE, cards, update=True)
    assert said == Upserted(created=2, unchanged=1)
    assert await names(w) == ["Ann"]
    assert await w.store.contacts.upsert(LIVE, cards, update=True) == said


async def test_attack_row_41_an_import_never_lifts_a_suppression(w: World) -> None:
    await w.store.suppressions.add(Wish("default", ALICE, "erasure", by="key-1"))
    assert await w.store.contacts.upsert(LIVE, [ContactCard("Ann", ALICE)], update=True) == Upserted(
        created=1
    )
    assert await w.store.suppressions.fact(LIVE, ALICE) is not None
    (row,) = (await w.store.contacts.page(LIVE, ALL, 5, None)).items
    assert row.opted_out is True


# ------------------------------------------------------------------ groups


async def test_a_group_has_one_name_and_is_found_by_it(w: World) -> None:
    group = await w.store.groups.add(LIVE, "5B")
    with pytest.raises(GroupNameTaken) as taken:
        await w.store.groups.add(LIVE, "5B")
    assert taken.value.group_id == group.id
    assert await w.store.groups.called(LIVE, "5B") == group
    assert await w.store.groups.called(LIVE, group.id) == group
    renamed = await w.store.groups.rename(LIVE, group.id, "6B")
    assert renamed.name == "6B"
    assert await w.store.groups.rename(LIVE, group.id, "6B") == renamed
    await w.store.groups.add(LIVE, "5B")
    with pytest.raises(GroupNameTaken):
        await w.store.groups.rename(LIVE, group.id, "5B")
    with pytest.raises(NotFound):
        await w.store.groups.called(LIVE, "7B")


async def test_members_come_and_go_all_or_none(w: World) -> None:
    ann, bob = await add(w), await add(w, BOB)
    group = await w.store.groups.add(LIVE, "5B")
    assert (await w.store.groups.add_members(LIVE, group.id, [ann.id, ann.id])).size == 1
    with pytest.raises(NotFound):
        await w.store.groups.add_members(LIVE, group.id, [bob.id, "nobody"])
    assert await members(w, group) == [ALICE]
    await w.store.groups.add_members(LIVE, group.id, [bob.id])
    assert await members(w, group) == [ALICE, BOB]
    await w.store.groups.remove_member(LIVE, group.id, ann.id)
    with pytest.raises(NotFound):
        await w.store.groups.remove_member(LIVE, group.id, ann.id)
    assert await members(w, group) == [BOB]
    await w.store.groups.delete(LIVE, group.id)
    assert await names(w) == [None, None]


async def test_members_are_paged_in_an_order_in_which_who_joins_meanwhile_is_still_met(w: World) -> None:
    for index in range(5):
        await add(w, f"+44770090010{index}", groups=("5B",))
    group = await w.store.groups.called(LIVE, "5B")
    first = await w.store.groups.members_page(LIVE, group.id, 3, None)
    await add(w, groups=("5B",))
    rest = await w.store.groups.members_page(LIVE, group.id, 3, first.next)
    seen = [row.card.number for row in (*first.items, *rest.items)]
    assert seen == [*(f"+44770090010{index}" for index in range(5)), ALICE]


async def test_changing_the_groups_of_a_contact_replaces_them(w: World) -> None:
    row = await add(w, groups=("5B", "choir"))
    changed = await w.store.contacts.change(LIVE, row.id, {"groups": ("choir", "band")})
    assert changed.card.groups == ("band", "choir")
    assert (await w.store.groups.called(LIVE, "5B")).size == 0
    kept = await w.store.contacts.change(LIVE, row.id, {"name": "Ann"})
    assert kept.card.groups == ("band", "choir")


# ------------------------------------------------------------------ who sees what


async def test_TEN_1_people_of_another_tenant_are_not_there(w: World) -> None:
    row = await add(w, groups=("5B",))
    group = await w.store.groups.called(LIVE, "5B")
    other = View("other")
    assert await names(w, view=other) == []
    assert await group_names(w, other) == set()
    stranger = await w.store.contacts.add(other, ContactCard(number=ALICE))
    for attempt in (
        w.store.contacts.one(other, row.id),
        w.store.contacts.change(other, row.id, {"name": "x"}),
        w.store.contacts.delete(other, row.id),
        w.store.groups.one(other, group.id),
        w.store.groups.called(other, "5B"),
        w.store.groups.rename(other, group.id, "x"),
        w.store.groups.delete(other, group.id),
        w.store.groups.members_page(other, group.id, 5, None),
        w.store.groups.add_members(other, group.id, [stranger.id]),
        w.store.groups.add_members(LIVE, group.id, [stranger.id]),
        w.store.groups.remove_member(other, group.id, row.id),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await members(w, group) == [ALICE]


async def test_KEY_7_a_sandbox_key_sees_sandbox_people_and_groups_only(w: World) -> None:
    real = await add(w, name="real", groups=("5B",))
    await add(w, PLAYER, SANDBOX, name="player", groups=("5B",))
    assert await names(w, view=SANDBOX) == ["player"]
    assert sorted(filter(None, await names(w))) == ["player", "real"]
    with pytest.raises(NotFound):
        await w.store.contacts.one(SANDBOX, real.id)
    theirs = await w.store.groups.called(SANDBOX, "5B")
    ours = await w.store.groups.called(LIVE, "5B")
    assert theirs.id != ours.id
    assert await members(w, theirs) == [PLAYER]
    assert await members(w, ours) == [ALICE]
    with pytest.raises(NotFound):
        await w.store.groups.add_members(LIVE, theirs.id, [real.id])

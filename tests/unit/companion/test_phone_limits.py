"""What the driver remembers of a phone: entries of its journal, and how many parts it may be given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.companion.caps import Cap, with_margin
from device_bridge.companion.ledger import REMEMBERED, Ledger, event_ids
from device_bridge.device import PartsCap
from device_bridge.link.pair_request import RateLimit


def test_an_entry_is_committed_by_the_last_of_its_events() -> None:
    ledger = Ledger()
    ledger.expect(7, event_ids(7, 3))
    assert [ledger.acknowledge(name) for name in ("7.2", "7.2", "7.1")] == [None, None, None]
    assert not ledger.is_committed(7)
    assert ledger.acknowledge("7.3") == 7
    assert ledger.is_committed(7)


def test_an_entry_told_again_needs_only_what_was_not_acknowledged() -> None:
    ledger = Ledger()
    ledger.expect(7, event_ids(7, 2))
    ledger.acknowledge("7.1")
    ledger.expect(7, event_ids(7, 2))
    assert ledger.acknowledge("7.2") == 7


def test_a_failure_told_first_for_each_part_and_then_as_a_whole_is_committed_by_either() -> None:
    ledger = Ledger()
    ledger.expect(7, event_ids(7, 2))
    ledger.expect(7, event_ids(7, 1))
    assert ledger.acknowledge("7") == 7


@given(st.lists(st.integers(1, 5), min_size=1, max_size=30).flatmap(
    lambda counts: st.permutations([name for n, count in enumerate(counts) for name in event_ids(n, count)]).map(
        lambda order: (counts, order)
    )
))  # fmt: skip
def test_any_order_of_acknowledgements_commits_each_entry_once(
    given_order: tuple[list[int], list[str]],
) -> None:
    counts, order = given_order
    ledger = Ledger()
    for number, count in enumerate(counts):
        ledger.expect(number, event_ids(number, count))
    committed = [done for name in order if (done := ledger.acknowledge(name)) is not None]
    assert sorted(committed) == list(range(len(counts)))


def test_what_is_remembered_does_not_grow_for_ever() -> None:
    ledger = Ledger()
    for number in range(REMEMBERED + 10):
        ledger.committed(number)
        assert ledger.is_committed(5) is (number >= 5)  # asked for again and again, it stays
    assert not ledger.is_committed(0)
    assert ledger.is_committed(REMEMBERED)


def test_an_address_may_ask_again_after_a_minute_and_others_meanwhile() -> None:
    limit = RateLimit(2)
    assert [limit.wait_s("10.0.0.1", now_s) for now_s in (0.0, 10.0, 20.0)] == [0, 0, 41]
    assert limit.wait_s("10.0.0.2", 20.0) == 0
    assert limit.wait_s("10.0.0.1", 60.0) == 0
    assert limit.wait_s("10.0.0.1", 60.5) == 10


def test_addresses_that_asked_long_ago_are_forgotten_first() -> None:
    limit = RateLimit(1)
    assert limit.wait_s("first", 0.0) == 0
    for number in range(1024):
        assert limit.wait_s(f"other {number}", 1.0) == 0
    assert limit.wait_s("other 1023", 2.0) == 60
    assert limit.wait_s("first", 2.0) == 0


@pytest.mark.parametrize(("limit", "usable"), [(30, 25), (6, 1), (5, 1), (1, 1), (20_000, 19_995)])
def test_the_margin_is_five_parts_and_leaves_one(limit: int, usable: int) -> None:
    assert with_margin(PartsCap(limit, 60)) == PartsCap(usable, 60)


def test_what_adb_read_goes_before_what_the_app_says() -> None:
    cap = Cap()
    assert (cap.known, cap.usable) == (None, PartsCap(25, 60))
    cap.enforce(PartsCap(100, 60), 1000)
    cap.told(PartsCap(30, 60))
    assert (cap.known, cap.usable, cap.note) == (PartsCap(100, 60), PartsCap(95, 60), None)


def test_a_refusal_counts_until_the_limit_is_read_anew() -> None:
    cap = Cap()
    assert cap.teach(500)
    assert not cap.teach(501)
    assert cap.usable == PartsCap(25, 1800)
    cap.told(PartsCap(30, 60))
    assert cap.usable == PartsCap(25, 1800)
    cap.enforce(PartsCap(30, 60), 1000)
    assert not cap.teach(999)
    assert cap.usable == PartsCap(25, 60)
    assert cap.teach(1000)

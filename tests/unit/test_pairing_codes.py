"""Pairing codes: five minutes, once, five tries, and what a cable is worth."""

from __future__ import annotations

import itertools

from gateway.phones.pairing import (
    LIFE_S,
    LONG_CHARACTERS,
    OPEN_MAX,
    TRIES,
    TYPED_CHARACTERS,
    Pairing,
    Pairings,
)


class Bench:
    """Pairings with a clock that a test moves and codes that can be read."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        numbers = itertools.count(1)
        self.pairings = Pairings(lambda length: f"{next(numbers):0{length}d}", lambda: self.now_s)

    def codes(self, *, cable: bool) -> list[Pairing]:
        """Look which pairings a request could mean, giving the tries back."""
        tried = self.pairings.attempt(cable=cable)
        for pairing in tried:
            pairing.tries_left += 1
        return list(tried)


def test_a_pairing_for_a_person_has_a_long_code_and_one_to_type() -> None:
    pairing = Bench().pairings.begin()
    assert pairing.typed_code is not None
    assert (len(pairing.code), len(pairing.typed_code)) == (LONG_CHARACTERS, TYPED_CHARACTERS)
    assert pairing.codes() == (pairing.code, pairing.typed_code)


def test_nobody_types_what_goes_over_a_cable() -> None:
    pairing = Bench().pairings.begin("R58N12")
    assert pairing.codes() == (pairing.code,)


def test_a_code_is_gone_after_five_minutes() -> None:
    bench = Bench()
    bench.pairings.begin()
    bench.now_s += LIFE_S - 1
    assert len(bench.codes(cable=False)) == 1
    bench.now_s += 1
    assert bench.codes(cable=False) == []


def test_a_code_allows_five_tries() -> None:
    bench = Bench()
    bench.pairings.begin()
    assert [len(bench.pairings.attempt(cable=False)) for _ in range(TRIES + 1)] == [1] * TRIES + [0]


def test_the_fifth_try_may_be_the_right_one_whatever_comes_meanwhile() -> None:
    bench = Bench()
    bench.pairings.begin("R1")
    for _ in range(TRIES - 1):
        bench.pairings.attempt(cable=True)
    tried = bench.pairings.attempt(cable=True)
    assert bench.pairings.attempt(cable=True) == ()
    assert bench.pairings.use(tried, tried[0])


def test_a_code_is_used_once_even_by_two_at_the_same_time() -> None:
    bench = Bench()
    bench.pairings.begin()
    one, other = bench.pairings.attempt(cable=False), bench.pairings.attempt(cable=False)
    assert bench.pairings.use(one, one[0])
    assert not bench.pairings.use(other, other[0])
    assert bench.codes(cable=False) == []


def test_a_code_made_for_a_cable_is_worth_nothing_on_the_lan() -> None:
    bench = Bench()
    bench.pairings.begin("R58N12")
    assert bench.codes(cable=False) == []
    assert len(bench.codes(cable=True)) == 1


def test_a_code_made_for_a_person_is_good_on_both_ways() -> None:
    bench = Bench()
    person = bench.pairings.begin()
    assert bench.codes(cable=True) == bench.codes(cable=False) == [person]


def test_a_right_code_costs_the_others_no_try() -> None:
    bench = Bench()
    first, second = bench.pairings.begin("R1"), bench.pairings.begin("R2")
    tried = bench.pairings.attempt(cable=True)
    assert bench.pairings.use(tried, second)
    assert first.tries_left == TRIES


def test_a_new_code_for_a_cable_ends_the_one_before() -> None:
    bench = Bench()
    bench.pairings.begin("R1")
    newest = bench.pairings.begin("R1")
    assert bench.codes(cable=True) == [newest]
    assert bench.pairings.waits_for("R1")
    assert not bench.pairings.waits_for("R2")


def test_more_pairings_than_anybody_needs_end_the_oldest() -> None:
    bench = Bench()
    oldest = bench.pairings.begin()
    for _ in range(OPEN_MAX):
        bench.pairings.begin()
    assert oldest not in bench.codes(cable=False)
    assert len(bench.codes(cable=False)) == OPEN_MAX


def test_the_page_of_a_pairing_says_how_it_ended() -> None:
    bench = Bench()
    used, spent, over = (bench.pairings.begin() for _ in range(3))
    bench.pairings.use((), used)
    spent.tries_left = 0
    assert spent.state(bench.now_s) == "spent"
    bench.now_s += LIFE_S
    states = [
        found.state(bench.now_s) for p in (used, spent, over) if (found := bench.pairings.of(p.ticket or ""))
    ]
    assert states == ["used", "over", "over"]
    assert bench.pairings.of("nobody's") is None


def test_a_ticket_is_another_number_than_the_codes_and_a_cable_has_none() -> None:
    bench = Bench()
    pairing = bench.pairings.begin()
    assert pairing.ticket is not None
    assert len(pairing.ticket) == LONG_CHARACTERS
    assert pairing.ticket not in pairing.codes()
    assert bench.pairings.begin("R58N12").ticket is None


def test_pairings_that_ended_are_not_kept_for_ever() -> None:
    bench = Bench()
    first = bench.pairings.begin()
    for _ in range(OPEN_MAX):
        bench.pairings.begin()
        bench.now_s += LIFE_S
    assert bench.pairings.of(first.ticket or "") is None

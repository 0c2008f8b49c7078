"""Proves that text of others keeps its words whole, and cannot stretch a page."""

from __future__ import annotations

import pytest

from gateway.web.shown import foreign


@pytest.mark.parametrize("text", ["Office", "Donaudampfschiffahrt 12", "a " * 60, "+44 7700 900123"])
def test_words_of_others_stay_whole(text: str) -> None:
    assert foreign(text) == f"<bdi>{text}</bdi>"


@pytest.mark.parametrize("text", ["x" * 60, "javascript:alert(3)//textarea", "Room " + "9" * 25])
def test_what_is_longer_than_a_word_may_break_anywhere(text: str) -> None:
    assert foreign(text) == f'<bdi class="wrap">{text}</bdi>'


def test_text_of_others_stays_text_wherever_it_breaks() -> None:
    attack = "<script>" + "x" * 30
    assert "<script>" not in foreign(attack)
    assert foreign("") == foreign(None) == ""

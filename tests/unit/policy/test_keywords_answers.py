"""What is said to those who send a keyword."""

from __future__ import annotations

import pytest

from device_bridge.sms.segmentation import segment
from gateway.policy.keyword_answers import confirmation, languages, stop_hint
from gateway.policy.keyword_table import KINDS, Kind, keyword_table
from gateway.policy.keywords import Keywords, KeywordSettings

SENDER = "Sankt-Annen-Schule 2"
CONTACT = "+441632960961"
GSM_7 = {"en", "fr", "es", "pt", "de", "it", "nl", "sv", "nb", "da", "fi", "id"}


def test_OPT_6_every_language_of_the_table_is_answered() -> None:
    spoken = {language for word in keyword_table().words.values() for language in word.languages}
    assert set(languages()) == spoken | {"en"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", languages())
def test_OPT_6_an_answer_is_one_part_in_its_alphabet(language: str, kind: Kind) -> None:
    assert len(SENDER) == 20
    segmentation = segment(confirmation(kind, language, SENDER, CONTACT))
    assert segmentation.parts == 1
    if language in GSM_7:
        assert segmentation.coding == "gsm7"


@pytest.mark.parametrize("language", languages())
def test_OPT_6_an_answer_names_the_sender_and_the_way_back(language: str) -> None:
    stopped, started, helped = (confirmation(kind, language, SENDER, CONTACT) for kind in KINDS)
    assert all(text.startswith(SENDER) for text in (stopped, started, helped))
    assert "START" in stopped
    assert "STOP" in started
    assert "STOP" in helped
    assert CONTACT in helped
    assert CONTACT not in stopped + started
    assert len({stopped, started, helped}) == 3


@pytest.mark.parametrize("language", languages())
def test_OPT_6_an_answer_that_comes_back_is_no_keyword(language: str) -> None:
    keywords = Keywords(KeywordSettings())
    assert [keywords.match(confirmation(kind, language, "X", None)) for kind in KINDS] == [None] * 3


def test_OPT_6_the_answer_is_in_the_language_asked_for_else_in_english() -> None:
    assert confirmation("stop", "de-CH", "Schule") == (
        "Schule: Sie erhalten keine Nachrichten mehr. Zum Fortsetzen START antworten."
    )
    english = "School: You will get no more messages. To return, reply START."
    assert confirmation("stop", "en", "School") == english
    assert confirmation("stop", "xx", "School") == english
    assert confirmation("help", "en", "School") == "School: To get no more messages, reply STOP."


@pytest.mark.parametrize("language", languages())
def test_OPT_9_the_line_that_is_added_is_a_hint_and_keeps_the_alphabet(language: str) -> None:
    hint = stop_hint(language)
    assert "\n" not in hint
    assert Keywords(KeywordSettings()).has_stop_hint(hint)
    if language in GSM_7 | {"pl", "cs", "vi"}:
        assert segment(hint).coding == "gsm7"
    assert stop_hint("en-GB") == stop_hint("xx") == "Reply STOP to opt out"

"""Which rules a received text meets, what follows, and who its sender is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.inbound_rules import (
    Answer,
    Decided,
    Forward,
    Ignore,
    InboundAction,
    InboundFacts,
    InboundRule,
    InboundRules,
    Post,
    Tag,
)
from gateway.policy.inbound_sender import InboundSender, sender_of

SEEN = Tag("seen", "yes")
NAMES = ("01935f0c", "8944110068000000001", "+447700900101", "Shop")


def facts(text: str = "hello", sender: str = "+447700900123", **more: object) -> InboundFacts:
    return InboundFacts(NAMES, (sender,), text, **more)  # type: ignore[arg-type]


def met(rule: InboundRule, asked: InboundFacts) -> bool:
    return InboundRules([rule]).decide(asked) != ()


def rule(*actions: InboundAction, **conditions: object) -> InboundRule:
    return InboundRule("the rule", actions or (SEEN,), **conditions)  # type: ignore[arg-type]


def test_a_rule_without_conditions_meets_every_text() -> None:
    assert InboundRules([rule()]).decide(facts()) == (Decided("the rule", SEEN),)
    assert InboundRules([]).decide(facts()) == ()


@pytest.mark.parametrize("name", [*NAMES, "shop", "SHOP"])
def test_a_line_is_meant_by_any_of_its_names(name: str) -> None:
    assert met(rule(line=name), facts())
    assert not met(rule(line=f"{name}x"), facts())


@pytest.mark.parametrize(
    ("wanted", "sender", "fits"),
    [("+447700900123", "+447700900123", True), ("+447700900123", "+4477009001234", False),
     ("+4477*", "+447700900123", True), ("+4478*", "+447700900123", False), ("*", "AMAZON", True),
     ("amazon", "AMAZON", True), ("AMA*", "Amazon", True), ("AMAZON", "AMAZONIA", False)],
)  # fmt: skip
def test_a_sender_is_a_number_a_name_or_the_beginning_of_one(wanted: str, sender: str, fits: bool) -> None:
    assert met(rule(sender=wanted), facts(sender=sender)) is fits


@pytest.mark.parametrize(
    ("keyword", "text", "fits"),
    [("HOURS", "hours", True), ("HOURS", "Hours?", True), ("HOURS", "“ＨＯＵＲＳ” please", True),
     ("hours", "what are your hours", False), ("HOURS", "hourse", False), ("opening hours", "Opening-hours!", True),
     ("opening hours", "opening", False), ("Öffnung", "öffnung", True), ("HOURS", "", False)],
)  # fmt: skip
def test_OPT_1_a_keyword_is_the_beginning_of_a_text_in_any_spelling(
    keyword: str, text: str, fits: bool
) -> None:
    assert met(rule(keyword=keyword), facts(text)) is fits


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [("(?i)taxi", "A TAXI please", True), ("^taxi$", "a taxi", False), ("v i p", "V.I.P!", True),
     ("[0-9]{4}", "code 1234", True), ("x", "\ud800x", True)],
)  # fmt: skip
def test_a_pattern_is_sought_in_the_text_and_in_its_plain_form(pattern: str, text: str, fits: bool) -> None:
    assert met(rule(pattern=pattern), facts(text)) is fits


def test_all_conditions_of_a_rule_must_fit() -> None:
    both = rule(line="Shop", keyword="hours")
    assert met(both, facts("hours"))
    assert not met(both, facts("hello"))
    assert not met(rule(line="Office", keyword="hours"), facts("hours"))


def test_the_first_rule_that_fits_counts_unless_it_says_go_on() -> None:
    one, two, three = Tag("n", "1"), Tag("n", "2"), Tag("n", "3")
    rules = [
        InboundRule("no", (Ignore(),), keyword="never"),
        InboundRule("a", (one,), go_on=True),
        InboundRule("b", (two,)),
        InboundRule("c", (three,)),
    ]
    assert InboundRules(rules).decide(facts()) == (Decided("a", one), Decided("b", two))


def test_OPT_6_to_a_keyword_no_rule_answers_and_none_hides_it() -> None:
    rules = InboundRules(
        [rule(Answer("hi"), Ignore(), Post("https://a.test", reply=True), Forward("+44"), SEEN)]
    )
    decided = [one.action for one in rules.decide(facts("STOP", keyword="stop"))]
    assert decided == [Post("https://a.test", reply=False), Forward("+44"), SEEN]
    assert len(rules.decide(facts("STOP"))) == 5


@pytest.mark.parametrize(
    ("wrong", "says"),
    [(rule(pattern=r"(a)\1"), "backreference"), (rule(pattern="("), "RE2"), (rule(keyword="?!"), "keyword"),
     (rule(Answer("hello {name}")), "{name} has no value"), (rule(Answer("{from")), "no partner"),
     (rule(Answer("{x.__class__}")), "not a placeholder")],
)  # fmt: skip
def test_a_rule_that_cannot_work_is_refused_by_name(wrong: InboundRule, says: str) -> None:
    with pytest.raises(ValueError, match=r'^inbound rule "the rule"') as refused:
        InboundRules([wrong])
    assert says in str(refused.value)


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        InboundRules([rule(), rule()])


@given(st.text(st.characters()), st.text(st.characters(), max_size=30))
def test_no_text_and_no_sender_is_too_odd_for_a_rule(text: str, sender: str) -> None:
    rules = [
        rule(keyword="a"),
        InboundRule("p", (SEEN,), pattern="a+b"),
        InboundRule("s", (SEEN,), sender="a*"),
    ]
    InboundRules(rules).decide(facts(text, sender))
    sender_of(sender, "GB")


# ------------------------------------------------------------------ senders


@pytest.mark.parametrize(
    ("written", "country", "number", "answerable"),
    [("+447700900123", None, "+447700900123", True), ("07700900123", "GB", "+447700900123", True),
     ("07700900123", None, "07700900123", False), ("60777", "GB", "60777", False), ("112", "DE", "112", False),
     ("12345678", "DE", "12345678", False), ("+99900000001", None, "+99900000001", True),
     ("+1", None, "+1", True), ("AMAZON", "GB", None, False), ("", None, None, False), ("+44 7700", None, None, False),
     ("٠٧٧", "GB", None, False), ("+00000000000", None, "+00000000000", True)],
)  # fmt: skip
def test_OPT_6_only_a_telephone_is_answerable(
    written: str, country: str | None, number: str | None, answerable: bool
) -> None:
    assert sender_of(written, country) == InboundSender(written, number, answerable)


def test_a_sender_is_known_by_number_where_there_is_one_else_by_name() -> None:
    assert sender_of("07700900123", "GB").known_as == "+447700900123"
    assert sender_of("AMAZON", None).known_as == "AMAZON"

"""What texts may say."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.content import ContentHit, ContentRule, compile_rules, compiled_pattern
from tests.harness.quickest import quickest_s


def judged(rule: ContentRule, text: str) -> bool:
    return bool(compile_rules([rule]).judge(text, "transactional", "key1", None))


def test_CNT_1_a_hit_names_the_rule_and_what_follows_never_the_pattern() -> None:
    rules = compile_rules(
        [
            ContentRule("no-casino", r"\bcasino\b", "refuse"),
            ContentRule("money", r"\b(bank|pay)\b", "hold"),
            ContentRule("never", "zzz", "refuse"),
            ContentRule("exam", "exam", "tag", tag="topic=exam"),
        ]
    )
    assert rules.judge("Casino exam: pay now", "marketing", "key1", "main") == (
        ContentHit("no-casino", "refuse"),
        ContentHit("money", "hold"),
        ContentHit("exam", "tag", "topic=exam"),
    )
    assert rules.judge("See you at the lake", "marketing", "key1", "main") == ()


@pytest.mark.parametrize(
    "text", ["casino", "CASINO!", "ｃａｓｉｎｏ", "cas\u00adi\u200bno", "Casíno", "buy\ncasino", "𝓬𝓪𝓼𝓲𝓷𝓸"]
)
def test_CNT_1_a_pattern_meets_the_normal_form(text: str) -> None:
    assert judged(ContentRule("r", r"\bcasino\b", "refuse"), text)


def test_CNT_1_a_pattern_meets_the_raw_text_too() -> None:
    assert judged(ContentRule("r", r"https?://[^ ]*\.zip", "refuse"), "get https://x.test/a.zip")
    assert judged(ContentRule("r", r"\p{Lu}{10}", "refuse"), "LISTENALLOFYOU")
    assert not judged(ContentRule("r", r"\p{Lu}{10}", "refuse"), "listenallofyou")


@pytest.mark.parametrize(
    ("limits", "met"),
    [
        ({}, True),
        ({"purposes": ("marketing",)}, True), ({"purposes": ("urgent",)}, False),
        ({"keys": ("k2", "k1")}, True), ({"keys": ("k2",)}, False), ({"keys": ()}, False),
        ({"pools": ("main",)}, True), ({"pools": ("other",)}, False),
        ({"purposes": ("marketing",), "keys": ("k1",), "pools": ("other",)}, False),
    ],
)  # fmt: skip
def test_CNT_1_a_rule_meets_only_what_it_applies_to(limits: dict[str, Any], met: bool) -> None:
    rules = compile_rules([ContentRule("r", "x", "refuse", **limits)])
    assert bool(rules.judge("x", "marketing", "k1", "main")) is met
    if "pools" in limits:
        assert rules.judge("x", "marketing", "k1", None) == ()


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (ContentRule("twice", r"(a)\1", "refuse"), r"\1 is a backreference"),
        (ContentRule("named", r"(?P<x>a)(?P=x)", "refuse"), "(?P= is a backreference"),
        (ContentRule("ahead", "(?=a)", "refuse"), "invalid perl operator"),
        (ContentRule("open", "(a", "refuse"), "missing )"),
        (ContentRule("repeat", "a{1001}", "refuse"), "invalid repetition size"),
        (ContentRule("nested", "((a{100}){100})", "refuse"), "invalid repetition size"),
        (ContentRule("huge", r"\p{L}{900}", "refuse"), "too large"),
        (ContentRule("long", "a" * 1001, "refuse"), "1 to 1000 characters, this one 1001"),
        (ContentRule("empty", "", "refuse"), "1 to 1000 characters"),
        (ContentRule("half", "\ud800", "refuse"), "surrogates not allowed"),
        (ContentRule("untagged", "a", "tag"), "a tag belongs to"),
        (ContentRule("tagged", "a", "hold", tag="a=b"), "a tag belongs to"),
        (ContentRule("shape", "a", "tag", tag="exam"), "key=value"),
    ],
    ids=lambda value: value.name if isinstance(value, ContentRule) else "",
)
def test_CNT_1_a_rule_that_cannot_be_kept_is_a_configuration_error(
    rule: ContentRule, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=f'^content rule "{rule.name}"') as refused:
        compile_rules([ContentRule("good", "a", "refuse"), rule])
    assert says in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_CNT_1_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match='"a" stands there twice'):
        compile_rules([ContentRule("a", "x", "refuse"), ContentRule("a", "y", "refuse")])


def test_CNT_1_an_escaped_backslash_before_a_digit_is_no_backreference() -> None:
    assert judged(ContentRule("r", r"C:\\1", "refuse"), r"open C:\1 now")


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*b", "(a*)*c", ".*.*.*=.*", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$"]
)
def test_CNT_1_attack_row_26_no_pattern_is_slow_on_any_text(pattern: str) -> None:
    rules = compile_rules([ContentRule("r", pattern, "refuse")])
    for text in ("a" * 50_000 + "!", "x" * 50_000, "aA " * 16_666, "é" * 50_000):
        rules.judge(text[:100], "transactional", "k", None)
        judging = partial(rules.judge, text, "transactional", "k", None)
        assert quickest_s(judging, 0.05) < 0.05


@given(st.text(st.characters()))
def test_CNT_1_no_text_is_too_odd_to_judge(text: str) -> None:
    rules = compile_rules(
        [ContentRule("all", "(?s)^.*$", "hold"), ContentRule("none", "[^\\x00-\\x{10FFFF}]", "refuse")]
    )
    assert [hit.name for hit in rules.judge(text, "urgent", "k", None)] == ["all"]


def test_CNT_1_without_a_rule_that_applies_nothing_is_done_to_the_text() -> None:
    class Untouched(str):
        def encode(self, *_: object) -> bytes:
            raise AssertionError("was read")

    assert compile_rules([]).judge(Untouched("x"), "marketing", "k", None) == ()
    elsewhere = compile_rules([ContentRule("r", "x", "refuse", purposes=("urgent",))])
    assert elsewhere.judge(Untouched("x"), "marketing", "k", None) == ()


def test_a_pattern_alone_is_compiled_for_others_in_the_name_of_what_has_it() -> None:
    assert compiled_pattern("rule of inbound texts 2", "a+").search("caat")
    with pytest.raises(ValueError, match=r"^rule of inbound texts 2: RE2 does not take the pattern: missing"):
        compiled_pattern("rule of inbound texts 2", "(")

"""Owns which of an organisation's rules a received text meets, and what they ask for.

Knows no store and sends nothing; keywords were found before, and no rule can take them away.
Source: rules OPT-1 (normal form), OPT-6; patterns have the syntax of RE2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from gateway.policy.content import compiled_pattern
from gateway.policy.keyword_table import Kind
from gateway.policy.normal_form import normalised
from gateway.policy.placeholders import PlaceholderError, parse

ANSWER_PLACEHOLDERS = ("from", "text", "line")
"""What an answer may name: who wrote, what they wrote, and what our line is called."""


@dataclass(frozen=True, slots=True)
class Post:
    """Ask a webhook; ``reply``: what its answer says is sent back."""

    url: str
    reply: bool = False


@dataclass(frozen=True, slots=True)
class Forward:
    """Send the text on to a number."""

    to: str


@dataclass(frozen=True, slots=True)
class Mail:
    """Send the text on by e-mail."""

    to: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer with ``text``, or with the template of that name."""

    text: str | None = None
    template: str | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """Put a tag on the stored text."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """Keep the text, and tell no webhook and no stream of it."""


@dataclass(frozen=True, slots=True)
class Converse:
    """What we write to its sender from now on goes by the line that got the text."""


InboundAction = Post | Forward | Mail | Answer | Tag | Ignore | Converse


@dataclass(frozen=True, slots=True)
class InboundRule:
    """One rule as it is written; conditions that are None fit every text.

    ``line`` is any name of a line; ``sender`` a number, a name, or the beginning of one before ``*``; ``keyword`` the
    text's first words, in any spelling; ``pattern`` is sought in the text. ``go_on``: the next rules are asked too.
    """

    name: str
    actions: tuple[InboundAction, ...]
    line: str | None = None
    sender: str | None = None
    keyword: str | None = None
    pattern: str | None = None
    go_on: bool = False


@dataclass(frozen=True, slots=True)
class InboundFacts:
    """What a rule is asked about. ``line_names`` are id, ICCID, number and label of the line, where they are known.

    ``senders`` are the ways to name the sender; ``keyword`` is what the text is by rules OPT-1 to OPT-3, or None.
    """

    line_names: tuple[str, ...]
    senders: tuple[str, ...]
    text: str
    keyword: Kind | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """One thing to do, and the rule that asks for it."""

    rule: str
    action: InboundAction


class InboundRules:
    """Judges received texts by rules in their order.

    Raises (when made):
        ValueError: names the rule, what is wrong and the fix.
    """

    def __init__(self, rules: Iterable[InboundRule]) -> None:
        compiled: dict[str, tuple[InboundRule, Any]] = {}
        for rule in rules:
            what = f'inbound rule "{rule.name}"'
            if rule.name in compiled:
                raise ValueError(f"{what} stands there twice; give each rule its own name")
            _check(what, rule)
            pattern = None if rule.pattern is None else compiled_pattern(what, rule.pattern)
            compiled[rule.name] = (rule, pattern)
        self._compiled = tuple(compiled.values())
        self.converses = any(
            isinstance(action, Converse) for rule, _ in self._compiled for action in rule.actions
        )
        """Whether any rule keeps people on a line."""

    def decide(self, facts: InboundFacts) -> tuple[Decided, ...]:
        """List what is to be done with a text: what the first rule asks for that it meets.

        A keyword is answered by us and seen by everybody, so of the rules that it meets no answer and no silence
        follows.
        """
        decided: list[Decided] = []
        form = normalised(facts.text)
        for rule, pattern in self._compiled:
            if not _meets(rule, pattern, facts, form):
                continue
            for action in rule.actions:
                allowed = action if facts.keyword is None else _beside_keyword(action)
                if allowed is not None:
                    decided.append(Decided(rule.name, allowed))
            if not rule.go_on:
                break
        return tuple(decided)


def _check(what: str, rule: InboundRule) -> None:
    if rule.keyword is not None and not normalised(rule.keyword):
        raise ValueError(f"{what}: a keyword has at least one letter or digit")
    for action in rule.actions:
        if isinstance(action, Answer) and action.text is not None:
            _check_answer(what, action.text)


def _check_answer(what: str, text: str) -> None:
    try:
        names = parse(text).names
    except PlaceholderError as error:
        raise ValueError(f"{what}: {error.detail}") from None
    unknown = [name for name in names if name not in ANSWER_PLACEHOLDERS]
    if unknown:
        raise ValueError(
            f"{what}: {{{unknown[0]}}} has no value; an answer knows {{from}}, {{text}} and {{line}}"
        )


def _meets(rule: InboundRule, pattern: Any, facts: InboundFacts, form: str) -> bool:
    if rule.line is not None and rule.line.casefold() not in map(str.casefold, facts.line_names):
        return False
    if rule.sender is not None and not any(_is_from(rule.sender, sender) for sender in facts.senders):
        return False
    if rule.keyword is not None and not f"{form} ".startswith(f"{normalised(rule.keyword)} "):
        return False
    if pattern is None:
        return True
    # Encoded here: half a surrogate pair would be an error, and meets nothing.
    return bool(
        pattern.search(facts.text.encode("utf-8", "replace"))
        or pattern.search(form.encode("utf-8", "replace"))
    )


def _is_from(wanted: str, sender: str) -> bool:
    if wanted.endswith("*"):
        return sender.casefold().startswith(wanted[:-1].casefold())
    return sender.casefold() == wanted.casefold()


def _beside_keyword(action: InboundAction) -> InboundAction | None:
    if isinstance(action, Answer | Ignore):
        return None
    return replace(action, reply=False) if isinstance(action, Post) else action

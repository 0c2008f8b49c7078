"""Owns what texts may say: rules of an organisation, each a pattern that is found in linear time whatever the text.

Knows no message and does nothing about a hit; refusing, holding and tagging happen where the text is admitted.
Source: rule CNT-1; the syntax of RE2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import re2

from gateway.policy.normal_form import normalised

Action = Literal["refuse", "hold", "tag"]

MAX_PATTERN_CHARS = 1_000
_MAX_MEM = 4 * 1024 * 1024
"""Octets a pattern may take, program and cache; a repeat too large for them is refused when it is compiled."""

_BACKREFERENCE = re.compile(r"(?<!\\)(?:\\\\)*(\\[1-9]|\\k[<{']|\(\?P=)")
_TAG = re.compile(r"[^=\s][^=]{0,63}=.{0,255}")


@dataclass(frozen=True, slots=True)
class ContentRule:
    """One rule as it is written.

    ``purposes``, ``keys`` (ids) and ``pools`` limit it to messages of these; None = all. ``tag`` ("key=value") is what
    the action ``tag`` puts on a message.
    """

    name: str
    pattern: str
    action: Action
    purposes: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    pools: tuple[str, ...] | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class ContentHit:
    """A rule that a text met; never its pattern, which senders are not told."""

    name: str
    action: Action
    tag: str | None = None


class ContentRules:
    """Judges texts by rules that were compiled; made by ``compile_rules``."""

    def __init__(self, compiled: Iterable[tuple[ContentRule, Any]]) -> None:
        self._compiled = tuple(compiled)

    def judge(self, text: str, purpose: str, key_id: str, pool: str | None) -> tuple[ContentHit, ...]:
        """List the rules that a text meets, in their order; linear in the length of the text.

        A pattern is sought in the raw text and in its normal form (no case, marks or punctuation: ``V.I.P!`` reads
        ``v i p``), so what is meant for the second is written in small letters.

        Args:
            text: The whole text, after placeholders are filled in.
            purpose: transactional, marketing or urgent.
            key_id: The key that sends.
            pool: Where the message goes, None for any line: rules of pools do not meet it then.
        """
        asked = [pair for pair in self._compiled if _applies(pair[0], purpose, key_id, pool)]
        if not asked:
            return ()
        raw, form = _octets(text), _octets(normalised(text))
        return tuple(
            ContentHit(rule.name, rule.action, rule.tag)
            for rule, pattern in asked
            if pattern.search(raw) or pattern.search(form)
        )


def compile_rules(rules: Iterable[ContentRule]) -> ContentRules:
    """Compile rules.

    Raises:
        ValueError: names the rule, what is wrong and the fix: a pattern that RE2 does not take (backreferences,
            look-around, repeats above 1,000), an empty or too long one, a name twice, a tag missing or surplus.
    """
    compiled: dict[str, tuple[ContentRule, Any]] = {}
    for rule in rules:
        if rule.name in compiled:
            raise ValueError(f'content rule "{rule.name}" stands there twice; give each rule its own name')
        if (rule.action == "tag") != (rule.tag is not None):
            raise ValueError(f'content rule "{rule.name}": a tag belongs to action = "tag", and to no other')
        if rule.tag is not None and not _TAG.fullmatch(rule.tag):
            raise ValueError(f'content rule "{rule.name}": write the tag as key=value')
        compiled[rule.name] = (rule, compiled_pattern(f'content rule "{rule.name}"', rule.pattern))
    return ContentRules(compiled.values())


def compiled_pattern(what: str, pattern: str) -> Any:
    """Compile one pattern for texts of strangers: no text can make it slow.

    Args:
        what: Whose pattern it is, for the message of the error.
        pattern: RE2 syntax, 1 to 1,000 characters.

    Returns:
        The pattern of re2; ``search`` takes text or octets and finds no groups.

    Raises:
        ValueError: begins with ``what``.
    """
    if not pattern or len(pattern) > MAX_PATTERN_CHARS:
        raise ValueError(
            f"{what}: a pattern has 1 to {MAX_PATTERN_CHARS} characters, this one {len(pattern)}"
        )
    backreference = _BACKREFERENCE.search(pattern)
    if backreference:
        raise ValueError(
            f"{what}: {backreference[1]} is a backreference, which RE2 does not have; write the words out, with |"
        )
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MAX_MEM
    try:
        return re2.compile(pattern, options)  # type: ignore[no-untyped-call]  # ships no annotations
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"{what}: RE2 does not take the pattern: {reason}") from None


def _applies(rule: ContentRule, purpose: str, key_id: str, pool: str | None) -> bool:
    return (
        (rule.purposes is None or purpose in rule.purposes)
        and (rule.keys is None or key_id in rule.keys)
        and (rule.pools is None or pool in rule.pools)
    )


def _octets(text: str) -> bytes:
    # Encoded once for all patterns. Half a surrogate pair cannot be sent and matches nothing.
    return text.encode("utf-8", "replace")

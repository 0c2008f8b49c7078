"""Owns what is said of a text before it is sent: what it would cost at least, and whether a rule stands in its way.

Knows no form and no rule: each recipient is judged as admission would, and nothing is stored.
Source: the notes on what people see, *Send box*; rules CNT-1 (content), PMP-3 (cost).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.draft import MessageDraft
from gateway.errors import GatewayError
from gateway.http.call import Call
from gateway.store.eta import STEM
from gateway.store.rows import LineRow
from gateway.web.message_words import HELD
from gateway.web.words import gettext as _

_OF_THE_TEXT = frozenset({"content_refused"})
"""Refusals that are known from the words alone; all others stand beside their field once it is sent."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """``cost_micro`` in millionths by currency, at least; ``warning`` says what stands in the way, "" for nothing."""

    cost_micro: Mapping[str, int] = field(default_factory=dict)
    warning: str = ""


@dataclass(frozen=True, slots=True)
class _Load:
    """Parts by route and beginning of the number."""

    parts: Mapping[tuple[str, str], int]
    warning: str


async def estimate(call: Call, draft: MessageDraft, numbers: Sequence[str]) -> Estimate:
    """Say what ``draft`` would cost to these numbers; nobody to write to, nothing to say."""
    if not numbers or not draft.text:
        return Estimate()
    lines = await call.services.admission.line_book.lines(call.caller.tenant)
    load = await asyncio.to_thread(_load, call, draft, (numbers, lines))
    if not load.parts or not any(line.tariff for line in lines):
        return Estimate(warning=load.warning)
    forecast = await call.services.store.batches.forecast(call.view, load.parts, len(numbers))
    return Estimate(forecast.cost_micro, load.warning)


def _load(call: Call, draft: MessageDraft, whom: tuple[Sequence[str], tuple[LineRow, ...]]) -> _Load:
    numbers, lines = whom
    composer, now_ms = call.services.admission.composer, call.services.clock.now_ms()
    parts: dict[tuple[str, str], int] = {}
    warning = ""
    for number in numbers:
        try:
            new = composer.compose(replace(draft, to=number), call.caller, lines, now_ms)
        except GatewayError as error:
            warning = warning or (error.detail if error.code in _OF_THE_TEXT else "")
            continue
        if new.held_reason is not None:
            warning = warning or _(HELD["approval"])
        at = (new.route, new.to[:STEM])
        parts[at] = parts.get(at, 0) + new.parts
    return _Load(parts, warning)

"""Owns the shapes of reports, for openapi.json and the tests that hold answers to them.

Never used to build an answer.
Source: the HTTP interface.
"""

from __future__ import annotations

from typing import Literal

from gateway.http.answers import Answer, Money, Time

Keys = dict[str, str | None]


class DeliveryFigures(Answer):
    """What has become of texts, and of tries on other channels. The states add up to messages; waiting has no end yet.

    delivery_rate is delivered / (delivered + undelivered): sent without a report says nothing. Medians are of texts,
    from the time they were due.
    """

    messages: int
    parts: int
    sent: int
    delivered: int
    undelivered: int
    failed: int
    expired: int
    cancelled: int
    in_doubt: int
    waiting: int
    delivery_rate: float | None
    median_to_sent_s: float | None
    median_to_delivered_s: float | None


class CostFigures(Answer):
    """What was paid to the network, tries again included; one entry for each currency."""

    messages: int
    parts: int
    cost: list[Money]


class UsageFigures(Answer):
    """How much was sent to how many, and received. recipients are different numbers: they do not add up over rows."""

    messages: int
    parts: int
    recipients: int
    inbound: int


class DeliveryRow(DeliveryFigures):
    """One group; a key is null where nothing applies, names call what has an id."""

    by: Keys
    names: Keys


class CostRow(CostFigures):
    """One group; a key is null where nothing applies, names call what has an id."""

    by: Keys
    names: Keys


class UsageRow(UsageFigures):
    """One group; a key is null where nothing applies, names call what has an id."""

    by: Keys
    names: Keys


class _Range(Answer):
    since: Time
    until: Time
    timezone: str
    truncated: bool


class DeliveryReport(_Range):
    """Rows in the order of their keys, and the totals of all rows, also of those that limit leaves out."""

    report: Literal["delivery"]
    rows: list[DeliveryRow]
    totals: DeliveryFigures


class CostReport(_Range):
    """Rows in the order of their keys, and the totals of all rows, also of those that limit leaves out."""

    report: Literal["cost"]
    rows: list[CostRow]
    totals: CostFigures


class UsageReport(_Range):
    """Rows in the order of their keys, and the totals of all rows, also of those that limit leaves out."""

    report: Literal["usage"]
    rows: list[UsageRow]
    totals: UsageFigures

"""Owns how figures look to Prometheus: names, labels and help.

Knows no format. Labels hold labels and ids of lines, routes, states: never a number or a text.
Source: https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from gateway.measured.figures import MESSAGE_S, Distribution, Figures, World
from gateway.policy.rules import PaceDefaults
from gateway.store.metering import LineReading, Readings
from gateway.store.rows import View

OUTCOMES = ("delivered", "failed", "dead")
_NONE_YET = Distribution(MESSAGE_S)
_LOOKS_LIKE_A_NUMBER = re.compile(
    r"\+?[0-9][0-9 ()/.-]{4,}|.*[0-9](?:[ ()/.-]{0,2}[0-9]){6,}.*", re.ASCII | re.DOTALL
)
"""Digits alone, or seven in a row anywhere: of a label with words, fewer are a room or a year."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """What one answer is made of. ``paces`` are the limits that lines are held to, by line id."""

    view: View
    figures: Figures
    readings: Readings
    paces: Mapping[str, PaceDefaults]


def families_of(scrape: Scrape) -> Iterator[Metric]:
    """Give every family of a scrape, those without a sample too."""
    yield from _of_messages(scrape)
    yield from _of_queue(scrape)
    yield from _of_lines(scrape)
    yield from _of_process(scrape.figures)
    yield from _PROCESS.collect()


_PROCESS = ProcessCollector(registry=None)
"""Reads /proc when it is asked, so all gateways of a process may share it."""


def line_names(lines: Iterable[LineReading]) -> dict[str, str]:
    """Name each line for a label: what people call it; its id where that is nothing, used twice, or holds a number."""
    lines = tuple(lines)
    used = Counter(each.row.label for each in lines)
    return {
        each.row.id: each.row.id
        if each.row.label is None
        or used[each.row.label] > 1
        or _LOOKS_LIKE_A_NUMBER.fullmatch(each.row.label)
        else each.row.label
        for each in lines
    }


# ------------------------------------------------------------------ messages


def _of_messages(scrape: Scrape) -> Iterator[Metric]:
    names, figures, view = line_names(scrape.readings.lines), scrape.figures, scrape.view
    messages = CounterMetricFamily(
        "gateway_messages",
        "Messages that entered a state. line is empty while no line has the message.",
        labels=("line", "state", "encoding", "sandbox"),
    )
    for (world, state, line, coding), n in figures.messages.items():
        if _seen(view, world):
            messages.add_metric((names.get(line, line), state, coding, _word(world)), n)
    parts = CounterMetricFamily(
        "gateway_parts",
        "Parts of which a device or the network said something new.",
        labels=("line", "state", "sandbox"),
    )
    received = CounterMetricFamily(
        "gateway_received_messages", "Messages that came in.", labels=("line", "type", "sandbox")
    )
    for family, counts in ((parts, figures.parts), (received, figures.received)):
        for (world, state, line), n in counts.items():
            if _seen(view, world):
                family.add_metric((names.get(line, line), state, _word(world)), n)
    yield from (messages, parts, received)
    yield _by_world(
        "gateway_message_sent_seconds",
        "From the acceptance, or send_at where that is later, until the network had every part.",
        (view, figures.sent),
    )
    yield _by_world(
        "gateway_message_delivered_seconds",
        "From the acceptance, or send_at where that is later, until the last delivery report.",
        (view, figures.delivered),
    )
    webhooks = CounterMetricFamily(
        "gateway_webhook_deliveries",
        "Tries of webhooks: failed ones go again, dead ones do not.",
        labels=("outcome", "sandbox"),
    )
    for world in _worlds(view):
        for outcome in OUTCOMES:
            webhooks.add_metric((outcome, _word(world)), figures.webhooks.get((world, outcome), 0))
    yield webhooks


def _by_world(name: str, says: str, of: tuple[View, Mapping[World, Distribution]]) -> Metric:
    view, distributions = of
    family = HistogramMetricFamily(name, says, labels=("sandbox",))
    for world in _worlds(view):
        _add(family, (_word(world),), distributions.get(world, _NONE_YET))
    return family


def _worlds(view: View) -> list[World]:
    return [(view.tenant, sandbox) for sandbox in (False, True) if sandbox or not view.sandbox_only]


def _seen(view: View, world: World) -> bool:
    tenant, sandbox = world
    return tenant == view.tenant and (sandbox or not view.sandbox_only)


def _word(world: World) -> str:
    return "true" if world[1] else "false"


# ------------------------------------------------------------------ queue and lines


def _of_queue(scrape: Scrape) -> Iterator[Metric]:
    readings = scrape.readings
    if not scrape.view.sandbox_only:
        stored = GaugeMetricFamily("gateway_stored_messages", "Messages by state.", labels=("state",))
        for state, n in sorted(readings.states.items()):
            stored.add_metric((state,), n)
        yield stored
        yield GaugeMetricFamily(
            "gateway_queue_messages",
            "Messages that wait for a line or for their time.",
            value=readings.states.get("queued", 0),
        )
    doubtful = GaugeMetricFamily(
        "gateway_in_doubt_messages",
        "Messages of which nobody knows whether they went out.",
        labels=("sandbox",),
    )
    for world in _worlds(scrape.view):
        doubtful.add_metric((_word(world),), readings.in_doubt.get(world[1], 0))
    yield doubtful
    age = GaugeMetricFamily(
        "gateway_queue_oldest_age_seconds",
        "How long the oldest message waits whose turn could come; of a batch, how long none of it went.",
        labels=("sandbox",),
    )
    for world in _worlds(scrape.view):
        since_ms = readings.waits_since_ms.get(world[1], readings.at_ms)
        age.add_metric((_word(world),), max(readings.at_ms - since_ms, 0) / 1000)
    yield age


def _of_lines(scrape: Scrape) -> Iterator[Metric]:
    labels = ("line", "sandbox")
    up = GaugeMetricFamily("gateway_line_up", "1: the line is registered in its network.", labels=labels)
    paused = GaugeMetricFamily("gateway_line_paused", "1: a person paused the line.", labels=labels)
    held = GaugeMetricFamily(
        "gateway_line_held", "1: the network spoke against the SIM, the line rests.", labels=labels
    )
    signal = GaugeMetricFamily(
        "gateway_line_signal_dbm", "Signal strength, where it is known.", labels=labels
    )
    battery = GaugeMetricFamily(
        "gateway_line_battery_ratio", "Charge of the phone that the line is in, 0 to 1.", labels=labels
    )
    used = GaugeMetricFamily(
        "gateway_line_quota_used_parts",
        "Parts that the line used in its present windows.",
        labels=("line", "window", "sandbox"),
    )
    limit = GaugeMetricFamily(
        "gateway_line_quota_limit_parts",
        "Parts that the line may use in a window, where that is limited.",
        labels=("line", "window", "sandbox"),
    )
    readings = scrape.readings
    names = line_names(readings.lines)
    for each in readings.lines:
        row, pace = each.row, scrape.paces[each.row.id]
        at = (names[row.id], "true" if row.emulated else "false")
        up.add_metric(at, int(each.up))
        paused.add_metric(at, int(row.paused))
        held.add_metric(at, int((row.held_until_ms or 0) > readings.at_ms))
        if row.signal_dbm is not None and each.up:
            signal.add_metric(at, row.signal_dbm)
        if each.battery_percent is not None:
            battery.add_metric(at, each.battery_percent / 100)
        for window, parts, most in (
            ("minute", row.use.minute, pace.per_minute),
            ("hour", row.use.hour, pace.per_hour),
            ("day", row.use.day, pace.per_day),
            ("month", row.use.month, pace.per_month),
        ):
            used.add_metric((at[0], window, at[1]), parts)
            if most:
                limit.add_metric((at[0], window, at[1]), most)
    yield from (up, paused, held, signal, battery, used, limit)


# ------------------------------------------------------------------ the process


def _of_process(figures: Figures) -> Iterator[Metric]:
    requests = HistogramMetricFamily(
        "gateway_http_request_duration_seconds",
        "Requests by the template of their route, method and class of status.",
        labels=("route", "method", "status"),
    )
    for key, distribution in figures.requests.items():
        _add(requests, key, distribution)
    yield requests
    for name, says, distribution in (
        ("gateway_event_loop_lag_seconds", "How late the event loop woke a sleeper.", figures.lag),
        (
            "gateway_commit_duration_seconds",
            "How long a transaction and its sync to disk took.",
            figures.commit,
        ),
        ("gateway_commit_group_units", "Units of work that shared a commit.", figures.group),
    ):
        family = HistogramMetricFamily(name, says, labels=())
        _add(family, (), distribution)
        yield family


def _add(family: HistogramMetricFamily, labels: tuple[str, ...], distribution: Distribution) -> None:
    names = (*map(str, distribution.bounds), "+Inf")
    buckets = list(zip(names, accumulate(distribution.counts), strict=True))
    family.add_metric(labels, buckets, distribution.total)

"""Proves that figures are counted as they are told and written as the library would write them.

Source: Prometheus text format 0.0.4; OpenMetrics 1.0.0; prometheus_client as the judge of both.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from gateway.measured import Figures, Scrape, families_of, watch_lag, write
from gateway.measured.families import line_names
from gateway.measured.figures import Distribution
from gateway.policy.rules import PaceDefaults
from gateway.store.metering import LineReading, Readings
from gateway.store.noted import Committed, Noted
from gateway.store.rows import LineRow, View
from tests.harness.gateway_process import until

LIVE, SANDBOX = View("default"), View("default", sandbox_only=True)


def line(name: str, label: str | None = None, **changes: object) -> LineReading:
    row = LineRow(
        id=name, tenant="default", key=name, iccid=None, imsi=None, number="+447700900123", label=label,
        pools=(), device_id=None, state="up", reason=None, paused=False, operator=None, signal_dbm=-71,
        roaming=None, smsc=None, store_used=None, store_total=None, emulated=False, per_minute=None,
        per_day=200, last_seen_ms=0,
    )  # fmt: skip
    return LineReading(replace(row, **changes), True, 40)  # type: ignore[arg-type]


def message(state: str, line_id: str | None = "a", tenant: str = "default", **more: object) -> Noted:
    sandbox = bool(more.pop("sandbox", False))
    return Noted("message", tenant, sandbox, line_id, state, "m", "gsm7", **more)  # type: ignore[arg-type]


def scraped(view: View, figures: Figures, *lines: LineReading) -> dict[tuple[str, frozenset[str]], float]:
    """Values by name and the values of the labels."""
    paces = {each.row.id: PaceDefaults(0, 200) for each in lines}
    scrape = Scrape(view, figures, Readings(1000, lines, {"queued": 3}, {False: 400}), paces)
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in families_of(scrape)
        for sample in family.samples
    }


class Fixed(Collector):
    """What the library's writers ask for."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def busy() -> list[Metric]:
    """A scrape with every family, and with what is hard to write: quotes, breaks, exponents, fractions."""
    figures = Figures()
    lines = (line("a", 'Front "desk"\\\nleft'), line("b"), line("c", "Ηλεκτρονικά", emulated=True))
    for each in lines:
        told = message("sent", each.row.id, sent_after_s=0.7, delivered_after_s=90_000.5)
        figures.committed(Committed(0.0021, 3, [told]))
    figures.committed(Committed(5.0, 700, [Noted("received", "default", True, "c", "sms", "i")]))
    figures.answered("/api/v1/messages", "POST", 202, 0.003)
    figures.messages[("default", False), "delivered", "a", "ucs2"] = 123_456_789
    odd = GaugeMetricFamily("odd", 'Says "so"\nand \\ so.', labels=("of",))
    for value in (0, 0.1, -71, 1e-7, 1.5e300, float("inf"), 999_999, 1_000_000, 1_234_567.5):
        odd.add_metric((str(value),), value)
    paces = {each.row.id: PaceDefaults(0, 200) for each in lines}
    return [*families_of(Scrape(LIVE, figures, Readings(0, lines), paces)), odd]


def test_plain_text_is_written_octet_by_octet_as_the_library_writes_it() -> None:
    families = busy()
    assert write(families, "")[0] == generate_latest(Fixed(families))


def test_openmetrics_is_written_octet_by_octet_as_the_library_writes_it() -> None:
    families = busy()
    octets, media_type = write(families, "application/openmetrics-text")
    assert octets == openmetrics.generate_latest(Fixed(families))  # type: ignore[no-untyped-call]
    assert media_type == openmetrics.CONTENT_TYPE_LATEST


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain, application/openmetrics-text", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            openmetrics.CONTENT_TYPE_LATEST,
        ),
        ("Application/OpenMetrics-Text; version=\x00x", openmetrics.CONTENT_TYPE_LATEST),
    ],
)
def test_the_format_is_the_one_that_a_client_names_first(accept: str, kind: str) -> None:
    assert write([], accept)[1] == kind


def test_a_value_on_a_bound_belongs_to_the_bucket_below_it() -> None:
    spread = Distribution((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        spread.add(value)
    assert (spread.counts, spread.total) == ([2, 2, 1], 14.0)


def test_a_method_that_a_client_invents_makes_no_series_of_its_own() -> None:
    figures = Figures()
    for method in ("BREW", "PROPFIND", "X" * 200):
        figures.answered("none", method, 405, 0.001)
    assert list(figures.requests) == [("none", "other", "4xx")]


def test_a_line_is_named_by_its_label_and_never_by_a_number() -> None:
    lines = [
        line("a", "Office"), line("b", "Twice"), line("c", "Twice"), line("d"), line("e", "+44 7700 900123"),
        line("f", "07700900123"), line("g", "Room 101"), line("h", "Office (07700 900-123) Ann"),
        line("i", "Year 2026, room 101"),
    ]  # fmt: skip
    assert line_names(lines) == {
        "a": "Office", "b": "b", "c": "c", "d": "d", "e": "e", "f": "f", "g": "Room 101", "h": "h",
        "i": "Year 2026, room 101",
    }  # fmt: skip


def test_no_value_of_a_label_is_a_number_of_somebody() -> None:
    octets, _ = write(busy(), "")
    assert b"7700900" not in octets


def test_another_tenant_s_messages_are_not_in_a_scrape() -> None:
    figures = Figures()
    figures.committed(Committed(0.1, 1, [message("sent", tenant="other"), message("sent")]))
    figures.webhook_tried(("other", False), "dead")
    values = scraped(LIVE, figures, line("a", "Office"))
    assert values["gateway_messages_total", frozenset({"Office", "sent", "gsm7", "false"})] == 1
    assert values["gateway_webhook_deliveries_total", frozenset({"dead", "false"})] == 0
    assert not any("other" in labels for _, labels in values)


def test_a_sandbox_key_is_shown_the_sandbox_alone() -> None:
    figures = Figures()
    noted = [message("sent", sent_after_s=1.0), message("sent", "z", sandbox=True, sent_after_s=2.0)]
    figures.committed(Committed(0.1, 1, noted))
    values = scraped(SANDBOX, figures, line("z", "Trial", emulated=True))
    assert values["gateway_messages_total", frozenset({"Trial", "sent", "gsm7", "true"})] == 1
    assert values["gateway_message_sent_seconds_sum", frozenset({"true"})] == 2.0
    assert not any("false" in labels for _, labels in values)
    assert not {"gateway_stored_messages", "gateway_queue_messages"} & {name for name, _ in values}


def test_what_is_counted_after_a_snapshot_is_not_in_it() -> None:
    figures = Figures()
    figures.committed(Committed(0.1, 1, [message("sent", sent_after_s=1.0)]))
    figures.answered("/", "GET", 200, 0.1)
    before = figures.snapshot()
    figures.committed(Committed(0.1, 1, [message("sent", sent_after_s=1.0)]))
    figures.answered("/", "GET", 200, 0.1)
    assert scraped(LIVE, before) != scraped(LIVE, figures)
    assert scraped(LIVE, before)["gateway_commit_duration_seconds_count", frozenset()] == 1


def test_figures_of_two_gateways_in_one_process_are_apart() -> None:
    one, other = Figures(), Figures()
    one.committed(Committed(0.1, 1, []))
    assert sum(other.commit.counts) == 0
    assert not list(CollectorRegistry().collect())


async def test_a_loop_that_is_held_up_is_seen_to_wake_late() -> None:
    lag = Distribution((0.05, 10.0))
    watch = asyncio.create_task(watch_lag(lag))
    await asyncio.sleep(0)
    time.sleep(0.25)  # noqa: ASYNC251  that is what is measured
    await until(lambda: sum(lag.counts) > 0, "the sleeper wakes")
    watch.cancel()
    assert lag.counts[1] == 1
    assert lag.total > 0.1

"""Proves who may read metrics and what they see, and that the page of metrics says what a real scrape holds.

Source: the HTTP interface; docs/metrics.md; rules KEY-6, KEY-7, TEN-1; attack 42.
"""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from device_bridge.device import DeviceHealth, DeviceInfo, LineHealth, LineIdentity, LineState
from gateway.policy.rules import Limits, PaceDefaults
from gateway.store.noted import Committed, Noted
from tests.integration.http.api_server import TENANT, Server, ServerFactory

ROOT = Path(__file__).resolve().parents[3]
OPEN_METRICS = {"Accept": "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5"}
LIMITED = Limits(PaceDefaults(per_minute=6, per_day=200))


async def scrape(server: Server, key: str = "") -> dict[str, Metric]:
    """The families of a scrape by name, as another reader than ours sees them."""
    answer = await server.call("GET", "/metrics", key=key)
    assert answer.status == 200
    return {family.name: family for family in text_string_to_metric_families(answer.octets.decode())}


def value(families: dict[str, Metric], sample: str, **labels: str) -> float:
    """The sum of the samples of this name that have these labels."""
    return sum(
        found.value
        for family in families.values()
        for found in family.samples
        if found.name == sample and labels.items() <= found.labels.items()
    )


async def test_42_without_a_key_there_are_no_metrics(server: Server) -> None:
    answer = await server.call("GET", "/metrics", key=None)
    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert b"gateway_" not in answer.octets


async def test_a_key_without_the_scope_is_told_which_it_needs(server: Server) -> None:
    answer = await server.call("GET", "/metrics", key=await server.key("messages:read", "lines:read"))
    assert answer.status == 403
    assert "metrics:read" in answer.json["detail"]


async def test_a_key_for_metrics_reads_them_and_nothing_else(server: Server) -> None:
    key = await server.key("metrics:read")
    assert (await server.call("GET", "/metrics", key=key)).status == 200
    assert (await server.call("GET", "/api/v1/messages", key=key)).status == 403


async def test_both_formats_are_read_by_the_readers_of_others(server: Server) -> None:
    plain = await server.call("GET", "/metrics")
    assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert list(text_string_to_metric_families(plain.octets.decode()))
    opened = await server.call("GET", "/metrics", headers=OPEN_METRICS)
    assert opened.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert list(openmetrics.text_string_to_metric_families(opened.octets.decode()))  # type: ignore[no-untyped-call]


async def test_requests_are_counted_by_the_template_of_their_route(server: Server) -> None:
    await server.send({"to": "+447700900123", "text": "hello"})
    for name in ("one", "two", "three"):
        await server.call("GET", f"/api/v1/messages/{name}")
    await server.call("GET", "/no/such/path/+447700900123")
    families = await scrape(server)
    count = "gateway_http_request_duration_seconds_count"
    assert value(families, count, route="/api/v1/messages", method="POST", status="2xx") == 1
    assert value(families, count, route="/api/v1/messages/{id}", method="GET", status="4xx") == 3
    assert value(families, count, route="none", status="4xx") == 1
    assert "7700900123" not in str(families)


async def test_the_queue_is_read_from_the_store(server: Server) -> None:
    await server.send({"to": "+447700900123", "text": "hello"})
    server.clock.ahead_s += 120
    families = await scrape(server)
    assert value(families, "gateway_queue_messages") == 1
    assert value(families, "gateway_stored_messages", state="queued") == 1
    assert 120 <= value(families, "gateway_queue_oldest_age_seconds", sandbox="false") < 150
    assert value(families, "gateway_queue_oldest_age_seconds", sandbox="true") == 0


async def test_a_paused_line_is_up_and_paused_and_shows_what_it_may_send(make_server: ServerFactory) -> None:
    server = await make_server(settings={"limits": LIMITED})
    assert server.real is not None
    await server.call("PATCH", f"/api/v1/lines/{server.real.id}", {"paused": True, "per_day": 50})
    families = await scrape(server)
    assert value(families, "gateway_line_up", line="Office") == 1
    assert value(families, "gateway_line_paused", line="Office") == 1
    assert value(families, "gateway_line_quota_limit_parts", line="Office", window="day") == 50
    assert value(families, "gateway_line_quota_limit_parts", line="Office", window="minute") == 6


async def test_KEY_7_a_sandbox_key_sees_the_sandbox_and_the_process(server: Server) -> None:
    await server.send({"to": "+447700900123", "text": "hello"})
    families = await scrape(server, server.sandbox)
    assert {sample.labels["line"] for sample in families["gateway_line_up"].samples} == {"Emulated 1"}
    worlds = {
        sample.labels["sandbox"]
        for family in families.values()
        for sample in family.samples
        if "sandbox" in sample.labels
    }
    assert worlds == {"true"}
    assert "gateway_stored_messages" not in families
    assert value(families, "gateway_http_request_duration_seconds_count", method="POST") == 1


async def test_TEN_1_a_key_of_another_tenant_sees_none_of_this_one_s(server: Server) -> None:
    await server.send({"to": "+447700900123", "text": "hello"})
    families = await scrape(server, await server.key("metrics:read", tenant="other"))
    assert families["gateway_line_up"].samples == []
    assert families["gateway_stored_messages"].samples == []
    assert value(families, "gateway_queue_messages") == 0


async def test_counters_never_go_back_between_two_scrapes(server: Server) -> None:
    server.store.metering.on_commit(server.services.figures.committed)
    before = await scrape(server)
    for n in range(5):
        await server.send({"to": f"+44770090012{n}", "text": "hello"})
    after = await scrape(server)
    assert value(after, "gateway_messages_total", state="queued") == 5
    for name, family in before.items():
        if family.type in ("counter", "histogram"):
            for sample in family.samples:
                assert value(after, sample.name, **sample.labels) >= sample.value, name


# ------------------------------------------------------------------ the page of metrics


def documented() -> dict[str, tuple[str, set[str]]]:
    """Name → (type, labels) of each row of the page's table."""
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \|([^|]*)\|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE
    )
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


async def everything(make_server: ServerFactory) -> dict[str, Metric]:
    """A scrape in which every family has a sample."""
    server = await make_server(settings={"limits": LIMITED})
    line = server.real
    assert line is not None
    health = DeviceHealth(battery_percent=55)
    phone = DeviceInfo(id="imei-111", kind="phone", address="test", health=health)
    await server.store.device_seen(phone, True, None)
    identity = LineIdentity(key=line.key, iccid=line.key, imsi=None, number=None)
    await server.store.line_seen(identity, phone.id, LineHealth(LineState.UP, signal_dbm=-71))
    await server.send({"to": "+447700900123", "text": "hello"})
    noted = [
        Noted("message", TENANT, False, line.id, "sent", "m", "gsm7", None, 1.0, 2.0),
        Noted("part", TENANT, False, line.id, "sent", "m"),
        Noted("received", TENANT, False, line.id, "sms", "i"),
    ]
    server.services.figures.committed(Committed(0.001, 3, noted))
    return await scrape(server)


async def test_every_metric_stands_in_its_page_with_type_and_labels_and_the_other_way_round(
    make_server: ServerFactory,
) -> None:
    shown = {
        name if family.type != "counter" else f"{name}_total": (
            family.type,
            {label for sample in family.samples for label in sample.labels} - {"le"},
        )
        for name, family in (await everything(make_server)).items()
    }
    assert shown == documented()


async def test_a_stream_is_no_answer_whose_time_is_measured(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.live}"}
    url = f"http://127.0.0.1:{server.port}/api/v1/events"
    async with server.session.get(url, headers=headers) as stream:
        assert stream.status == 200
        await stream.content.readany()
    assert (await server.call("GET", "/api/v1/lines")).status == 200
    scraped = (await server.call("GET", "/metrics")).octets.decode()
    assert 'route="/api/v1/lines"' in scraped
    assert 'route="/api/v1/events"' not in scraped

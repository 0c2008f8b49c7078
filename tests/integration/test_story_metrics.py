"""Tells how a message is followed through metrics and log lines, and that rules and dashboard ask for what there is.

Source: docs/metrics.md; ops/; Prometheus' own promtool as the judge of rules and expressions; rules LOG-1, LOG-2.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.harness.gateway_process import GatewayProcess, until
from tests.harness.phones import free_port
from tests.harness.receiver import WebhookReceiver
from tests.integration.whole import QUIET, MakeAir, MakeGateway, hook, modems

OPS = Path(__file__).resolve().parents[2] / "ops"
DEBUG = '[log]\nlevel = "debug"\n'
THEIRS = {"up"}
"""Metrics that Prometheus makes itself."""


def program(name: str) -> str:
    """Find a program of Prometheus; without it the test fails in CI and is skipped elsewhere."""
    found = shutil.which(name)
    if found is None:
        missing = f"{name} is not installed: apt-get install prometheus"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def promtool(*arguments: str | Path, given: str | None = None) -> str:
    """Let promtool judge something; returns what it says of what is good."""
    done = subprocess.run(
        [program("promtool"), *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


async def read(server: GatewayProcess) -> str:
    """What Prometheus would read."""
    headers = {"Authorization": f"Bearer {server.live}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}/metrics", headers=headers) as got,
    ):
        assert got.status == 200
        return await got.text()


def families(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(text: str, sample: str, **labels: str) -> float:
    return sum(
        found.value
        for family in families(text).values()
        for found in family.samples
        if found.name == sample and labels.items() <= found.labels.items()
    )


# ------------------------------------------------------------------ one message


async def test_a_delivered_message_is_in_every_figure_that_it_belongs_to(
    make_air: MakeAir, make_gateway: MakeGateway, receiver: WebhookReceiver
) -> None:
    air = await make_air(lines=1)
    server = await make_gateway(QUIET + hook(receiver) + modems(*air.ports.values()), lines_up=1)
    await server.reaches(await server.send("+447700900123", "long words, " * 20), "delivered")
    await until(lambda: len(receiver.receipts) == 4, "all is told")

    async def counted() -> bool:
        text = await read(server)
        return value(text, "gateway_webhook_deliveries_total", outcome="delivered") == 4

    await until(counted, "the webhooks are counted")
    text = await read(server)
    (line,) = (await server.get("/api/v1/lines"))["items"]
    for state in ("submitting", "sent", "delivered"):
        assert value(text, "gateway_messages_total", state=state, line=line["id"], encoding="gsm7") == 1
    assert value(text, "gateway_messages_total", state="queued", line="") == 1
    assert value(text, "gateway_parts_total", state="delivered", line=line["id"]) == 2
    assert value(text, "gateway_message_sent_seconds_count") == 1
    assert 0 < value(text, "gateway_message_sent_seconds_sum") < 30
    assert value(text, "gateway_message_delivered_seconds_count") == 1
    assert value(text, "gateway_line_up", line=line["id"]) == 1
    assert value(text, "gateway_line_quota_used_parts", line=line["id"], window="day") == 2
    assert value(text, "gateway_stored_messages", state="delivered") == 1
    assert value(text, "gateway_commit_duration_seconds_count") > 0
    assert value(text, "gateway_event_loop_lag_seconds_count") > 0
    assert value(text, "process_resident_memory_bytes") > 1_000_000


async def test_what_a_scrape_holds_is_what_promtool_takes_for_good_metrics(make_gateway: MakeGateway) -> None:
    server = await make_gateway(QUIET, simulate=1, lines_up=1)
    await server.reaches(await server.send("+99900000001", "hello"), "delivered")
    assert promtool("check", "metrics", given=await read(server)) == ""


async def test_a_message_is_followed_through_the_log_by_its_ids(make_gateway: MakeGateway) -> None:
    server = await make_gateway(QUIET + DEBUG, simulate=1, lines_up=1)
    said = {"to": "+99900000001", "text": "the words of nobody"}
    answer = await server.call("POST", "/api/v1/messages", said, headers={"X-Request-Id": "follow-me"})
    message = await server.reaches(answer.json["id"], "delivered")
    await until(lambda: any(_is(line, "message.moved", state="delivered") for line in server.log()), "all")
    log = server.log()
    (accepted,) = [line for line in log if _is(line, "message.accepted")]
    assert (accepted["request"], accepted["message"]) == ("follow-me", message["id"])
    (asked,) = [line for line in log if _is(line, "http.request", request="follow-me")]
    assert (asked["route"], asked["http_status"]) == ("/api/v1/messages", 202)
    moves = [line for line in log if _is(line, "message.moved", message=message["id"])]
    assert [line["state"] for line in moves] == ["queued", "submitting", "sent", "delivered"]
    assert [line["line"] for line in moves] == [None, *3 * [message["line"]]]
    parts = [line for line in log if _is(line, "part.moved", message=message["id"])]
    assert [line["state"] for line in parts] == ["sent", "delivered"]
    attempts = {line["attempt"] for line in (*parts, moves[1])}
    assert len(attempts) == 1
    assert None not in attempts
    assert "the words of nobody" not in server.complaints
    assert "+99900000001" not in server.complaints


async def test_a_refusal_of_the_network_is_logged_with_message_attempt_and_line(
    make_gateway: MakeGateway,
) -> None:
    server = await make_gateway(QUIET, simulate=1, lines_up=1)
    message_id = await server.send("+99900000003", "hello")
    message = await server.reaches(message_id, "failed")
    (refused,) = [line for line in server.log() if _is(line, "part.not_sent")]
    assert (refused["message"], refused["line"]) == (message_id, message["line"])
    assert refused["attempt"]


def _is(line: dict[str, Any], event: str, **members: Any) -> bool:
    return line["event"] == event and members.items() <= line.items()


# ------------------------------------------------------------------ rules and dashboard


def test_promtool_takes_the_alert_rules() -> None:
    assert "SUCCESS" in promtool("check", "rules", OPS / "prometheus/alerts.yml")


def test_the_alert_rules_fire_when_they_should_and_only_then() -> None:
    promtool("test", "rules", OPS / "prometheus/alerts_test.yml")


def test_promtool_takes_the_lines_for_prometheus_yml() -> None:
    promtool("check", "config", "--syntax-only", OPS / "prometheus/prometheus.yml")


def test_every_rule_says_what_is_wrong_and_what_to_do() -> None:
    rules = (OPS / "prometheus/alerts.yml").read_text().split("- alert: ")[1:]
    assert len(rules) > 10
    for rule in rules:
        assert re.search(r"^ +summary: ", rule, re.MULTILINE), rule
        assert re.search(r"^ +description: ", rule, re.MULTILINE), rule
        assert re.search(r"^ +labels: \{severity: (info|warning|critical)\}", rule, re.MULTILINE), rule


def expressions() -> Iterator[tuple[str, str]]:
    """Title and expression of each target of the dashboard, its variables filled in."""
    dashboard = json.loads((OPS / "grafana/gateway.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            filled = target["expr"].replace("$__rate_interval", "5m").replace("$sandbox", "false")
            yield panel["title"], filled.replace("$instance", ".*").replace("$line", ".*")


def test_promtool_can_read_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{n}", "expr": expr} for n, (_, expr) in enumerate(expressions())]
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))  # JSON is YAML
    assert f"{len(rules)} rules found" in promtool("check", "rules", file)


async def test_rules_and_panels_ask_only_for_metrics_and_labels_that_a_scrape_has(
    make_gateway: MakeGateway,
) -> None:
    server = await make_gateway(QUIET, simulate=1, lines_up=1)
    there = families(await read(server))
    samples = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",), "gauge": ("",)}
    known = {name + end for name, family in there.items() for end in samples[family.type]} | THEIRS
    asked = {f"panel {title}": expr for title, expr in expressions()}
    asked |= {"rules": (OPS / "prometheus/alerts.yml").read_text()}
    for where, expr in asked.items():
        named = set(re.findall(r"\b(?:gateway|process)_[a-z_]+|\bup(?=\{)", expr))
        assert named, where
        assert named <= known, f"{where}: {named - known}"


@asynccontextmanager
async def prometheus(folder: Path, server: GatewayProcess) -> AsyncIterator[str]:
    """Run Prometheus with our lines for its configuration and our rules; gives its address."""
    key = folder / "gateway.key"
    key.write_text(server.live)
    ours = (OPS / "prometheus/prometheus.yml").read_text()
    for said, here in (
        ("/etc/prometheus/gateway.key", str(key)),
        ("127.0.0.1:8080", server.url.removeprefix("http://")),
        ("scrape_interval: 15s", "scrape_interval: 300ms\n    scrape_timeout: 300ms"),
        ("- alerts.yml", f"- {OPS / 'prometheus/alerts.yml'}"),
    ):
        assert said in ours
        ours = ours.replace(said, here)
    config = folder / "prometheus.yml"
    config.write_text(ours)
    port = free_port()
    running = await asyncio.create_subprocess_exec(
        program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}/api/v1"
    finally:
        running.terminate()
        await running.wait()


@pytest.mark.peer
async def test_prometheus_itself_scrapes_a_gateway_and_can_draw_every_panel(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    server = await make_gateway(QUIET, simulate=2, lines_up=2)
    await server.reaches(await server.send("+99900000001", "hello"), "delivered")
    async with prometheus(tmp_path, server) as api, aiohttp.ClientSession() as session:

        async def ask(path: str, **query: str) -> Any:
            try:
                async with session.get(f"{api}/{path}", params=query) as got:
                    return await got.json()
            except aiohttp.ClientError as error:
                return {"status": "away", "error": str(error), "data": {"result": []}}

        async def scraped() -> bool:
            found = (await ask("query", query="sum(gateway_line_up)"))["data"]["result"]
            return bool(found) and found[0]["value"][1] == "2"

        await until(scraped, "both lines are scraped", 30, 0.1)
        (target,) = (await ask("targets"))["data"]["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")
        for title, expr in expressions():
            answer = await ask("query", query=expr)
            assert answer["status"] == "success", f"{title}: {answer}"
        (group,) = (await ask("rules"))["data"]["groups"]
        asked = {rule["name"]: rule["query"] for rule in group["rules"]}
        assert len(asked) > 10
        for name, expr in asked.items():
            answer = await ask("query", query=expr)
            assert (answer["status"], answer["data"]["result"]) == ("success", []), f"{name}: {answer}"


def test_a_dashboard_has_each_panel_once_and_none_beside_another() -> None:
    panels = json.loads((OPS / "grafana/gateway.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    assert all(panel["title"] and (panel["type"] == "row" or panel["description"]) for panel in panels)

"""Reports over HTTP: their shapes, their default range, the file for spreadsheets, and what is refused; and the limits
of lines."""

from __future__ import annotations

import csv
import io
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from device_bridge.device import LineHealth, LineIdentity, LineState
from gateway.http import hardware_answers, report_answers
from gateway.policy.rules import Budget, Limits, PaceDefaults
from gateway.policy.tariff import Tariff
from gateway.store.rows import LineSettings, Pace
from tests.integration.http.api_server import Server, ServerFactory
from tests.peers.store_world import World

PATH = "/api/v1/reports"
REAL = "+447911123456"
NUMBER = "+447700900111"
"""Of the line "Office"."""


async def get(server: Server, path: str, **more: Any) -> Any:
    answer = await server.call("GET", f"{PATH}/{path}", **more)
    assert answer.status == 200, answer.json
    return answer.json


async def sent(server: Server, count: int, **more: Any) -> None:
    for n in range(count):
        answer = await server.send({"to": f"+44791112345{n}", "text": "hi", **more})
        assert answer.status == 202, answer.json


async def test_each_report_looks_as_described(server: Server) -> None:
    await sent(server, 2, tags={"class": "5B"})
    await sent(server, 1, purpose="marketing")
    for kind, shape in (
        ("delivery", report_answers.DeliveryReport),
        ("cost", report_answers.CostReport),
        ("usage", report_answers.UsageReport),
    ):
        for by in ("", "?by=line", "?by=key&by=tag:class", "?by=purpose,channel", "?by=cause"):
            found = shape.model_validate(await get(server, kind + by))
            assert found.totals.messages == sum(row.messages for row in found.rows) == 3
    rows = (await get(server, "delivery?by=key&by=tag:class"))["rows"]
    assert [(row["by"]["tag:class"], row["names"], row["waiting"]) for row in rows] == [
        ("5B", {"key": "test"}, 2),
        (None, {"key": "test"}, 1),
    ]
    usage = await get(server, "usage?by=tenant")
    assert usage["totals"] == {"messages": 3, "parts": 3, "recipients": 2, "inbound": 0}


async def test_the_default_is_the_last_thirty_days_by_day_in_the_zone_of_the_policy(
    make_server: ServerFactory,
) -> None:
    server = await make_server(settings={"limits": Limits(zone="Asia/Kathmandu")})
    await sent(server, 1)
    found = await get(server, "delivery")
    here = datetime.now(ZoneInfo("Asia/Kathmandu"))
    assert found["timezone"] == "Asia/Kathmandu"
    assert found["rows"][0]["by"] == {"day": here.date().isoformat()}
    since = datetime.fromisoformat(found["since"]).astimezone(here.tzinfo)
    assert (since.date(), since.hour, since.minute) == (here.date() - timedelta(days=30), 0, 0)
    other = await get(server, "delivery?timezone=Pacific/Kiritimati")
    assert other["rows"][0]["by"]["day"] == datetime.now(ZoneInfo("Pacific/Kiritimati")).date().isoformat()


async def test_KEY_7_a_sandbox_key_gets_figures_of_the_sandbox_only(server: Server) -> None:
    await sent(server, 2)
    await server.send({"to": "+99900000001", "text": "hi"}, key=server.sandbox)
    assert (await get(server, "usage", key=server.sandbox))["totals"]["messages"] == 1
    assert (await get(server, "usage"))["totals"]["messages"] == 3


async def test_KEY_6_reports_need_the_right_to_read_messages(server: Server) -> None:
    refused = await server.call("GET", f"{PATH}/cost", key=await server.key("messages:send"))
    assert (refused.status, refused.code) == (403, "forbidden")
    assert "messages:read" in refused.json["detail"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("by=weekday", "#/by/0"),
        ("by=tag:", "#/by/0"),
        ("by=day&by=line&by=key", "#/by"),
        ("by=line,line", "#/by/1"),
        ("since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "#/until"),
        ("since=2020-01-01T00:00:00Z", "#/since"),
        ("since=yesterday", "#/since"),
        ("timezone=Mars/Olympus", "#/timezone"),
        ("timezone=../etc/passwd", "#/timezone"),
        ("limit=0", "#/limit"),
        ("format=pdf", "#/format"),
        ("channel=fax", "#/channel"),
    ],
)
async def test_a_wrong_question_is_named_with_its_field(server: Server, query: str, pointer: str) -> None:
    refused = await server.call("GET", f"{PATH}/delivery?{query}")
    assert (refused.status, refused.code, refused.pointers()) == (422, "invalid_request", [pointer])


async def test_PRV_4_a_report_as_a_file_has_no_cell_that_a_spreadsheet_would_compute(server: Server) -> None:
    await sent(server, 1, tags={"class": '=HYPERLINK("http://x")'})
    await sent(server, 1, tags={"class": REAL})
    answer = await server.call("GET", f"{PATH}/delivery?by=tag:class&format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="delivery-')
    assert answer.octets.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.octets.decode("utf-8-sig"))))
    assert [(row["tag:class"], row["messages"], row["waiting"]) for row in rows] == [
        (REAL, "1", "1"),
        ('\'=HYPERLINK("http://x")', "1", "1"),
    ]


async def test_the_file_of_costs_has_a_column_for_each_currency_and_names_what_has_an_id(
    server: Server,
) -> None:
    await sent(server, 1)
    cost = {"state": "sent", "cost": 55_000, "currency": "EUR"}
    await _change_messages(server, cost)
    answer = await server.call("GET", f"{PATH}/cost?by=key&format=csv")
    (row,) = csv.DictReader(io.StringIO(answer.octets.decode("utf-8-sig")))
    assert (row["key_name"], row["parts"], row["cost_EUR"]) == ("test", "1", "0.055")
    assert (await get(server, "cost?by=key"))["totals"]["cost"] == [{"amount": "0.055", "currency": "EUR"}]


async def _change_messages(server: Server, columns: dict[str, Any]) -> None:
    database = sqlite3.connect(server.store._file._path)
    with database:
        changes = ", ".join(f"{name} = :{name}" for name in columns)
        database.execute(f"UPDATE message SET {changes}", columns)
    database.close()


# ------------------------------------------------------------------ limits of lines


async def line_of(server: Server) -> hardware_answers.Line:
    lines = hardware_answers.LineList.model_validate((await server.call("GET", "/api/v1/lines")).json).items
    return next(line for line in lines if not line.emulated)


async def test_PMP_3_a_line_shows_every_limit_in_force_with_what_is_used_of_it(
    make_server: ServerFactory,
) -> None:
    budget = Budget(line="Office", parts_per_day=500, micro_per_month=20_000_000, currency="EUR")
    limits = Limits(PaceDefaults(30, 1000, per_hour=300, recipients_per_month=200), (budget,))
    server = await make_server(settings={"limits": limits})
    line = await line_of(server)
    assert [(quota.name, quota.limit, quota.used) for quota in line.quotas] == [
        ("per_minute", 30, 0),
        ("per_hour", 300, 0),
        ("per_day", 1000, 0),
        ("recipients_per_month", 200, 0),
        ("budget_parts_per_day", 500, 0),
    ]
    (money,) = line.budgets
    assert (money.name, money.limit.amount, money.used.amount) == ("budget_per_month", "20.00", "0.00")
    assert datetime.fromisoformat(money.resets_at) > datetime.fromisoformat(line.quotas[2].resets_at)


async def test_PMP_3_a_line_shows_all_its_budgets_whatever_it_is_called_by(
    make_server: ServerFactory,
) -> None:
    parts = Budget(line=NUMBER, parts_per_day=500, micro_per_day=5_000_000, currency="GBP")
    money = Budget(line="Office", parts_per_day=200, micro_per_month=20_000_000, currency="EUR")
    server = await make_server(settings={"limits": Limits(PaceDefaults(0, 0), (parts, money))})
    line = await line_of(server)
    assert (line.label, line.number) == ("Office", NUMBER)
    assert [(quota.name, quota.limit) for quota in line.quotas] == [
        ("budget_parts_per_day", 500),
        ("budget_parts_per_day", 200),
    ]
    assert [(shown.name, shown.limit.amount, shown.limit.currency) for shown in line.budgets] == [
        ("budget_per_day", "5.00", "GBP"),
        ("budget_per_month", "20.00", "EUR"),
    ]


async def test_limits_and_quiet_hours_of_a_line_are_changed_and_taken_back(server: Server) -> None:
    assert server.real is not None
    path = f"/api/v1/lines/{server.real.id}"
    changes = {"per_hour": 60, "per_month": 3000, "recipients_per_month": 150, "quiet_hours": "21:00-08:00"}
    changed = hardware_answers.Line.model_validate((await server.call("PATCH", path, changes)).json)
    assert changes == {name: getattr(changed, name) for name in changes}
    assert {"per_hour", "per_month", "recipients_per_month"} <= {quota.name for quota in changed.quotas}
    back = hardware_answers.Line.model_validate(
        (await server.call("PATCH", path, dict.fromkeys(changes))).json
    )
    assert {getattr(back, name) for name in changes} == {None}
    for body, pointer in (
        ({"quiet_hours": "21-8"}, "#/quiet_hours"),
        ({"quiet_hours": "00:00-24:00"}, "#/quiet_hours"),
        ({"per_month": -1}, "#/per_month"),
    ):
        refused = await server.call("PATCH", path, body)
        assert (refused.status, refused.pointers()) == (422, [pointer])
        assert refused.json["detail"].endswith(".")


async def test_PMP_3_what_a_line_was_given_is_counted_in_each_of_its_limits(
    make_server: ServerFactory,
) -> None:
    budget = Budget(line="Office", parts_per_month=500, micro_per_day=20_000_000, currency="GBP")
    limits = Limits(PaceDefaults(30, 1000, per_hour=300, per_month=3000, recipients_per_month=200), (budget,))
    server = await make_server(settings={"limits": limits})
    assert server.real is not None
    tariff = Tariff("GBP", 55_000, {"+33": 80_000})
    identity = LineIdentity(server.real.key, server.real.iccid, server.real.imsi, server.real.number)
    health = LineHealth(LineState.UP)
    await server.store.line_seen(identity, server.real.device_id, health, LineSettings(tariff=tariff))
    await sent(server, 1)
    world = World(server.store, server.clock, Path())  # type: ignore[arg-type]  # a clock is all that it needs
    claimed = await world.claim(server.real, pace=Pace(recipients_per_month=200, tariff=tariff))
    assert claimed.prepared is not None
    line = await line_of(server)
    assert {quota.name: quota.used for quota in line.quotas} == {
        "per_minute": 1,
        "per_hour": 1,
        "per_day": 1,
        "per_month": 1,
        "recipients_per_month": 1,
        "budget_parts_per_month": 1,
    }
    assert [(money.name, money.used.amount) for money in line.budgets] == [("budget_per_day", "0.055")]
    assert line.cost_month == hardware_answers.LineMoney(amount="0.055", currency="GBP")
    assert line.tariff == hardware_answers.LineTariff(
        currency="GBP", per_part="0.055", by_prefix={"+33": "0.08"}
    )


async def test_what_waits_for_a_line_has_a_time_and_a_reason(server: Server) -> None:
    assert (await line_of(server)).eta_reason == "Nothing waits"
    await sent(server, 3)
    line = await line_of(server)
    assert (line.queued, line.eta_s, line.eta_reason) == (3, 6, "Office sends 30 parts a minute")
    await server.call("PATCH", f"/api/v1/lines/{line.id}", {"paused": True})
    paused = await line_of(server)
    assert (paused.eta_s, paused.eta_reason) == (
        None,
        "Office is paused; it goes on when somebody resumes sending",
    )


async def test_a_line_for_which_only_later_texts_wait_is_done_when_the_last_may_leave(server: Server) -> None:
    later = datetime.now(ZoneInfo("UTC")) + timedelta(hours=3)
    await sent(server, 2, send_at=later.isoformat())
    line = await line_of(server)
    assert line.queued == 2
    assert line.eta_s == pytest.approx(3 * 3600, abs=90)
    assert line.eta_reason.startswith(f"The last of it waits until {later:%Y-%m-%d %H:%M}")


async def test_a_line_in_its_own_quiet_hours_says_that_it_goes_on_when_they_end(server: Server) -> None:
    assert server.real is not None
    now = datetime.now(ZoneInfo("UTC"))
    ends = now + timedelta(hours=2)
    span = f"{now - timedelta(hours=1):%H:%M}-{ends:%H:%M}"
    await server.call("PATCH", f"/api/v1/lines/{server.real.id}", {"quiet_hours": span})
    await sent(server, 1)
    line = await line_of(server)
    assert line.eta_s == pytest.approx(2 * 3600, abs=90)

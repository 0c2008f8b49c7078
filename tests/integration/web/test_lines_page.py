"""Proves the page of a line over plain HTTP: what it shows, what a person changes, what is refused and why."""

from __future__ import annotations

import re

import aiohttp

from device_bridge.device import DeviceInfo, LineHealth, LineIdentity, LineState
from device_bridge.sms.outcome import local
from gateway.errors import CATALOGUE
from gateway.http.services import SelfTestStep
from gateway.store.rows import LineRow, LineSettings, View
from tests.harness.visitor import Visitor
from tests.integration.http.api_server import TENANT, Server
from tests.integration.web.visits import MakeServer, Visit, VisitAt
from tests.integration.whole import MakeGateway

EVIL = "<script>alert(1)</script>"


class Answering:
    """The door to attached lines, which answers what a network might."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ussd(self, line_id: str, code: str) -> str:
        self.asked.append(code)
        if code == "*999#":
            raise TimeoutError
        return f"Credit 4.20 {EVIL}"

    async def self_test(self, line_id: str) -> tuple[SelfTestStep, ...]:
        return (
            SelfTestStep("network", ok=True, detail="registered"),
            SelfTestStep("signal", ok=False, detail="weak"),
        )


def real(server: Server) -> LineRow:
    assert server.real is not None
    return server.real


async def test_a_change_is_kept_as_the_API_keeps_it(server: Server, visit: Visit) -> None:
    visitor, path = await visit(), f"/lines/{real(server).id}"
    page = await visitor.get(path)
    saved = await visitor.press(
        page, "Save this line", label="Front desk", per_day="200", per_minute="", pool="default, otp",
        quiet_hours="21:00-08:00", number="+44 7700 900199",
    )  # fmt: skip
    assert "Saved" in saved.text
    line = next(
        x for x in (await server.call("GET", "/api/v1/lines")).json["items"] if x["id"] == real(server).id
    )
    assert (line["label"], line["per_day"], line["pool"], line["quiet_hours"], line["number"]) == (
        "Front desk", 200, ["default", "otp"], "21:00-08:00", "+447700900199",
    )  # fmt: skip
    assert line["per_minute"] == server.services.settings.limits.pace.per_minute


async def test_what_is_refused_keeps_what_was_typed_and_says_why_at_the_field(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    page = await visitor.get(f"/lines/{real(server).id}")
    refused = await visitor.press(
        page, "Save this line", label="Front desk", per_day="lots", quiet_hours="noon"
    )
    assert refused.status == 422
    typed = dict(refused.form("Save this line").fields)
    assert (typed["label"], typed["per_day"], typed["quiet_hours"]) == ("Front desk", "lots", "noon")
    for name in ("per_day", "quiet_hours"):
        assert f'id="{name}-error"' in refused.html, name
    assert refused.html.count('aria-invalid="true"') == 2
    line = next(x for x in await server.store.lines(View(TENANT)) if x.id == real(server).id)
    assert line.label == "Office"


async def test_a_limit_of_thousands_of_digits_is_refused_at_its_field(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.get(f"/lines/{real(server).id}")
    for digits in ("9" * 18, "9" * 19, "9" * 5000):
        refused = await visitor.press(page, "Save this line", per_day=digits)
        assert refused.status == 422
        assert 'id="per_day-error"' in refused.html


async def test_a_real_line_never_joins_the_sandbox_by_its_page(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.get(f"/lines/{real(server).id}")
    refused = await visitor.press(page, "Save this line", pool="sandbox")
    assert refused.status == 403
    assert "real lines never join it" in refused.text


async def test_pause_and_resume_are_one_press_each(server: Server, visit: Visit) -> None:
    visitor = await visit()
    paused = await visitor.press(await visitor.get(f"/lines/{real(server).id}"), "Pause this line")
    assert "Paused" in paused.text
    assert [x.paused for x in await server.store.lines(View(TENANT)) if x.id == real(server).id] == [True]
    resumed = await visitor.press(paused, "Resume this line")
    assert "Resumed" in resumed.text
    assert [x.paused for x in await server.store.lines(View(TENANT)) if x.id == real(server).id] == [False]


async def test_the_answer_of_the_network_is_shown_as_text_and_silence_in_words(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    lines = Answering()
    server = await make_server(line_actions=lines)
    visitor = await visit_at(server, server.live)
    page = await visitor.get(f"/lines/{real(server).id}")
    answer = await visitor.press(page, "Ask the network", code="*100#")
    assert "Credit 4.20" in answer.text
    assert EVIL not in answer.html
    assert EVIL in answer.text
    late = await visitor.press(page, "Ask the network", code="*999#")
    assert late.status == 504
    assert "did not answer in time" in late.text
    wrong = await visitor.press(page, "Ask the network", code="call me")
    assert wrong.status == 422
    assert 'id="code-error"' in wrong.html
    assert lines.asked == ["*100#", "*999#"]


async def test_a_self_test_is_kept_with_what_it_saw(make_server: MakeServer, visit_at: VisitAt) -> None:
    server = await make_server(line_actions=Answering())
    visitor = await visit_at(server, server.live)
    page = await visitor.get(f"/lines/{real(server).id}")
    assert "Not tested yet" in page.text
    tested = await visitor.press(page, "Self-test")
    assert "Something is missing" in tested.text
    assert "weak" in tested.text
    await server.call("POST", f"/api/v1/lines/{real(server).id}/self-test", {})
    kept = await server.store.hardware_history.self_tests(TENANT, real(server).id)
    assert [[step.name for step in test.steps] for test in kept] == [["network", "signal"]] * 2
    for _ in range(30):
        await server.store.hardware_history.add_self_test(TENANT, real(server).id, kept[0])
    assert len(await server.store.hardware_history.self_tests(TENANT, real(server).id, 100)) == 20


async def test_a_line_that_is_down_says_why_and_what_waits(server: Server, visit: Visit) -> None:
    line = real(server)
    identity = LineIdentity(key=line.key, iccid=line.iccid, imsi=None, number=line.number)
    await server.store.line_seen(
        identity, line.device_id, LineHealth(LineState.DOWN, local("device_lost")), LineSettings()
    )
    await server.send({"to": "+447700900123", "text": "Hello", "line": line.id})
    page = await (await visit()).get(f"/lines/{line.id}")
    assert "1 text waits" in page.text
    assert CATALOGUE["device_lost"].title in page.text
    assert "Down" in page.text


async def test_a_SIM_in_another_device_says_that_it_moved_and_keeps_its_history(
    server: Server, visit: Visit
) -> None:
    line = real(server)
    await server.store.device_seen(
        DeviceInfo("imei-new", "modem", "test", maker="Huawei", model="E3531"), True, None
    )
    identity = LineIdentity(key=line.key, iccid=line.iccid, imsi=None, number=line.number)
    await server.store.line_seen(identity, "imei-new", LineHealth(LineState.UP), LineSettings())
    page = await (await visit()).get(f"/lines/{line.id}")
    assert "Moved: until" in page.text
    assert "Huawei E3531" in page.text
    assert "Office" in page.text


async def test_who_may_only_read_gets_no_form(server: Server, visit: Visit) -> None:
    reader = await visit(await server.key("lines:read"))
    page = await reader.get(f"/lines/{real(server).id}")
    assert page.status == 200
    assert [button[0] for form in page.forms for button in form.buttons] == ["Sign out", "Sign out", "Close"]
    token = dict((await reader.get("/devices")).form("Sign out").fields)["form_token"]
    for path in ("", "/pause", "/self-test", "/ussd"):
        answer = await reader.post(f"/lines/{real(server).id}{path}", [("form_token", token)])
        assert answer.status == 403, path


async def test_KEY_7_a_sandbox_session_finds_no_real_line_and_no_phone(server: Server, visit: Visit) -> None:
    guest = await visit(server.sandbox)
    assert server.emulated is not None
    assert (await guest.get(f"/lines/{real(server).id}")).status == 404
    assert (await guest.get(f"/lines/{server.emulated.id}")).status == 200
    devices = await guest.get("/devices")
    assert "imei-111" not in devices.html
    assert "Add phone" not in devices.text
    assert (await guest.get("/devices/pair")).status == 404
    token = dict(devices.form("Sign out").fields)["form_token"]
    assert (await guest.post(f"/lines/{real(server).id}/pause", [("form_token", token)])).status == 404


async def test_why_texts_failed_is_counted_by_cause(make_gateway: MakeGateway) -> None:
    gateway = await make_gateway(simulate=1, lines_up=1)
    line = (await gateway.get("/api/v1/lines"))["items"][0]
    for to in ("+99900000003", "+99900000003", "+99900000002"):
        await gateway.reaches(await gateway.send(to, "Hello"), "failed", "undelivered")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        visitor = Visitor(gateway.url, session)
        await visitor.sign_in(gateway.live)
        page = await visitor.get(f"/lines/{line['id']}")
    causes = re.findall(r"<code>(\w+)</code></a></td><td class=\"num\">(\d+)</td>", page.html)
    assert causes == [("number_unassigned", "2"), ("absent_subscriber", "1")]
    assert "The network says this number does not exist" in page.text
    assert "3 failed in 24 hours" in page.text

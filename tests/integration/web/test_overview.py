"""Proves the overview over plain HTTP: what is listed nowhere else is never cut from *Needs you*, what moves without an
event is asked for again."""

from __future__ import annotations

import re

from gateway.admission import AdmissionSettings
from gateway.doctor.finding import Finding, Listed, worst_first
from gateway.draft import Caller
from gateway.policy.keywords import Keywords, KeywordSettings
from gateway.policy.rules import Rules
from gateway.store.rows import NewInbound
from tests.harness.visitor import Seen
from tests.integration.http.api_server import Server
from tests.integration.web.visits import MakeServer, Visit, VisitAt


class Doctor:
    """Finds that so many disks are full."""

    def __init__(self, n: int) -> None:
        found = [Finding("disk_full", "stops", f"disk {i}", "The disk is full") for i in range(n)]
        self._listed = tuple(Listed(each, 0) for each in worst_first(found))

    async def findings(self, _caller: Caller, *, snoozed: bool = False) -> tuple[Listed, ...]:
        return () if snoozed else self._listed

    async def needs(self, _caller: Caller) -> tuple[Listed, ...]:
        return self._listed


def counted(page: Seen, name: str) -> list[str]:
    """The figures that stand in the header behind an entry."""
    return re.findall(rf'data-count="{name}">(\d*)<', page.html)


async def with_work(make_server: MakeServer, findings: int) -> Server:
    """A server with so many findings, a text that may mean stop, and one that waits for a yes."""
    server = await make_server(
        doctor=Doctor(findings),
        rules=Rules(keywords=Keywords(KeywordSettings())),
        admission=AdmissionSettings(approval_keys=frozenset({"test"})),
    )
    assert server.real is not None
    text = "please stop texting me"
    new = NewInbound(
        server.real.id, "+447700900123", b"\x04", server.clock.now_ms(), "sms", text, fingerprint=text
    )
    assert await server.store.store_inbound(new) is not None
    assert (await server.send({"to": "+447700900124", "text": "Hello"})).status == 202
    return server


async def test_CNT_2_OPT_8_what_only_the_overview_asks_for_is_never_cut_however_much_the_doctor_finds(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    server = await with_work(make_server, 7)
    page = await (await visit_at(server, server.live)).get("/")
    assert "9 things need you" in page.text
    assert page.text.count("The disk is full") == 5
    assert "1 text or batch waits for a yes" in page.text
    assert "1 text may mean stop" in page.text
    assert ("2 more", "/doctor") in page.links
    assert counted(page, "needs") == ["7", "7"], "what the doctor's own page lists"
    doctor = await (await visit_at(server, server.live)).get("/doctor")
    assert doctor.text.count("The disk is full") == 7


async def test_as_many_findings_as_are_shown_lead_nowhere_else(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    server = await with_work(make_server, 5)
    page = await (await visit_at(server, server.live)).get("/")
    assert "7 things need you" in page.text
    assert page.text.count("The disk is full") == 5
    assert not [text for text, _path in page.links if re.fullmatch(r"\d+ more", text)]


async def test_what_no_event_tells_of_is_asked_for_every_few_seconds_and_an_ended_text_no_more(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    overview = await visitor.get("/")
    for region in ("needs", "lines", "latest"):
        assert re.search(rf'id="{region}"[^>]* data-poll="5"', overview.html), region
    message = (await server.send({"to": "+447700900123", "text": "Hello"})).json["id"]
    page = await visitor.get(f"/messages/{message}")
    assert re.search(r'id="story"[^>]* data-poll="2"', page.html)
    ended = await visitor.press(page, "Cancel: do not send it")
    assert "Cancelled" in ended.text
    assert not re.search(r'id="story"[^>]* data-poll', ended.html)

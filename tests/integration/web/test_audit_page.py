"""Proves the page of the audit trail to somebody without script: who did what, before and after, checked on demand."""

from __future__ import annotations

from pathlib import Path

from tests.harness.tampering import by_other_means
from tests.integration.http.api_server import Server
from tests.integration.web.visits import Visit

NUMBER = "+447911123456"


async def test_AUD_2_the_page_says_who_did_what_with_before_and_after(server: Server, visit: Visit) -> None:
    assert server.real is not None
    await server.call("PATCH", f"/api/v1/lines/{server.real.id}", {"label": "Front office"})
    page = await (await visit()).get("/audit")
    assert page.status == 200
    assert "Changed a line: Front office" in page.text
    assert "label Office → Front office" in page.text
    assert server.rows[server.live].name in page.text
    assert ("Front office", f"/lines/{server.real.id}") in page.links


async def test_AUD_1_people_stand_in_it_without_their_numbers(server: Server, visit: Visit) -> None:
    wish = await server.call("POST", "/api/v1/suppressions", {"number": NUMBER, "source": "phone"})
    page = await (await visit()).get("/audit?action=suppression")
    assert "Added a suppression: a number" in page.text
    assert NUMBER[-6:] not in page.html.replace(" ", "")
    assert ("a number", f"/suppressions/{wish.json['id']}") in page.links


async def test_the_page_is_filtered_and_goes_back_in_pages(server: Server, visit: Visit) -> None:
    for n in range(60):
        await server.call("POST", "/api/v1/keys", {"name": f"key {n:02d}", "scopes": ["messages:read"]})
    visitor = await visit()
    page = await visitor.get("/audit?action=key")
    assert "Made a key: key 59" in page.text
    assert "Made a key: key 05" not in page.text
    older = next(address for text, address in page.links if text == "Older")
    assert "Made a key: key 05" in (await visitor.get(older)).text
    assert "Nothing like that was done" in (await visitor.get("/audit?outcome=refused")).text
    assert (await visitor.get("/audit?outcome=maybe")).status == 422


async def test_AUD_1_row_34_a_press_proves_that_nobody_changed_it_or_names_the_entry(
    server: Server, visit: Visit, tmp_path: Path
) -> None:
    visitor = await visit()
    assert "Every entry is as it was written" in (await visitor.get("/audit?check=1")).text
    by_other_means(tmp_path, "UPDATE audit SET actor = 'key:x' WHERE seq = 2")
    page = await visitor.get("/audit?check=1")
    assert "Somebody changed the database by other means" in page.text
    assert "entry 2 was changed" in page.text


async def test_KEY_6_the_page_is_for_those_who_may_read_it(server: Server, visit: Visit) -> None:
    blind = await visit(await server.key("messages:read"))
    assert (await blind.get("/audit")).status == 403
    assert all(address != "/audit" for _text, address in (await blind.get("/")).links)

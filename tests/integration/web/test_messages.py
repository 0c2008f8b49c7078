"""Proves the list of texts and the page of one, over plain HTTP and without script: filters, search, pages, what is
done to a choice of rows, files to take along, rights."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re

from gateway.admission import AdmissionSettings
from gateway.routing import RouteRule
from gateway.store.rows import MessageFilter, View
from tests.harness.visitor import Seen, Visitor
from tests.integration.http.api_server import Server
from tests.integration.web.visits import MakeServer, Visit, VisitAt

ANN, BOB = "+99900000001", "+99900000002"


async def sent(server: Server, to: str = ANN, text: str = "Hello", **more: object) -> str:
    answer = await server.send({"to": to, "text": text, **more})
    assert answer.status == 202, answer.json
    return str(answer.json["id"])


def rows(page: Seen) -> list[str]:
    """Ids of the rows, in order."""
    return re.findall(r'name="id" value="([0-9a-f-]{36})"', page.html)


async def found(visitor: Visitor, query: str) -> list[str]:
    page = await visitor.get(f"/messages?{query}")
    assert page.status == 200, page.text[:300]
    return rows(page)


# ------------------------------------------------------------------ the list


async def test_filters_stand_in_the_address_and_in_the_search_box_alike(server: Server, visit: Visit) -> None:
    visitor = await visit()
    first = await sent(server, text="Gate code 4711", reference="ref_789", tags={"class": "5B"})
    second = await sent(server, to=BOB, text="Parents' evening")
    assert await found(visitor, "") == [second, first]
    for query, ids in {
        "q=evening": [second], "q=4711": [first], "q=ref_789": [first], "reference=ref_789": [first],
        "q=%2B999+0000+0002": [second], "q=to%3A%2B99900000002": [second], "tag=class%3D5B": [first],
        "q=tag%3Aclass%3D5B+gate": [first], "state=queued": [second, first], "q=state%3Afailed": [],
        "q=key%3Atest": [second, first], "key=nobody": [], "q=before%3Ayesterday": [],
        "q=after%3Ayesterday": [second, first],
        "direction=in": [], "state=queued&q=code": [first],
    }.items():  # fmt: skip
        assert await found(visitor, query) == ids, query


async def test_an_id_in_the_search_box_leads_to_its_page(server: Server, visit: Visit) -> None:
    message = await sent(server)
    answer = await (await visit()).get(f"/messages?q={message}")
    assert (answer.status, answer.headers["Location"]) == (303, f"/messages/{message}")
    nothing = await (await visit()).get("/messages?q=01a2246a-2aba-719e-857b-515169f7c975")
    assert "Nothing found" in nothing.text


async def test_what_is_not_understood_is_said_and_what_is_found_nothing_names_its_filters(
    server: Server, visit: Visit
) -> None:
    await sent(server)
    page = await (await visit()).get("/messages?q=colour:red+state:lost&state=failed")
    assert 'role="alert"' in page.html
    assert "colour: is no filter" in page.text
    assert '"lost" is no state' in page.text
    assert "These filters are on" in page.text
    assert ("Clear State", "/messages?q=colour%3Ared+state%3Alost") in page.links


async def test_pages_go_on_without_script_and_keep_their_filters(server: Server, visit: Visit) -> None:
    ids = [await sent(server, text=f"number {n}") for n in range(55)]
    await sent(server, text="another")
    visitor = await visit()
    page = await visitor.get("/messages?q=number")
    older = dict(page.links)["Older"]
    second = await visitor.get(older)
    assert rows(page) + rows(second) == ids[::-1]
    assert "q=number" in older
    broken = await visitor.get("/messages?cursor=nonsense")
    assert broken.status == 400


async def test_before_there_is_anything_the_page_says_what_will_stand_there_and_how_to_begin(
    server: Server, visit: Visit
) -> None:
    page = await (await visit()).get("/messages")
    assert "No texts yet" in page.text
    assert "curl -sS" in page.text
    assert "/api/v1/messages" in page.text


async def test_new_rows_are_counted_and_do_not_push_what_is_read(server: Server, visit: Visit) -> None:
    visitor = await visit()
    first = await sent(server)
    page = await visitor.get("/messages")
    seen = re.search(r'data-seen="([^"]+)"', page.html)
    assert seen is not None
    assert seen[1] == first
    await sent(server)
    await sent(server)
    again = await visitor.get("/messages", **{"X-Regions": "fresh,rows", "X-Seen": seen[1]})
    assert "2 new on top" in again.text
    assert rows(again) == [first]


async def test_two_tabs_that_were_opened_at_different_times_each_keep_their_own_rows(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    first = await sent(server)
    second = await sent(server)

    async def shown(seen: str) -> list[str]:
        return rows(await visitor.get("/messages", **{"X-Regions": "fresh,rows", "X-Seen": seen}))

    # The first is made at once, the next a quarter of a second later: for all who show the same.
    assert (await shown(first), await shown(second)) == ([first], [second, first])
    both = await asyncio.gather(shown(first), shown(second))
    assert list(both) == [[first], [second, first]]


# ------------------------------------------------------------------ a choice of rows


async def choose(visitor: Visitor, button: str, *ids: str) -> Seen:
    page = await visitor.get("/messages")
    form = page.form(button)
    value = next(value for text, _name, value in form.buttons if text == button)
    fields = [*form.fields, *(("id", each) for each in ids), ("do", value)]
    return await visitor.post("/messages", fields)


async def test_what_waits_is_cancelled_after_one_question_that_says_how_many(
    server: Server, visit: Visit
) -> None:
    one, two, left = [await sent(server) for _ in range(3)]
    await server.call("DELETE", f"/api/v1/messages/{one}")
    visitor = await visit()
    question = await choose(visitor, "Cancel waiting", one, two)
    assert question.status == 200
    assert "Cancel 1 waiting message?" in question.text
    assert "1 that you ticked is left out" in question.text
    assert (await server.call("GET", f"/api/v1/messages/{two}")).json["state"] == "queued", (
        "nothing was done yet"
    )
    done = await visitor.press(question, "Cancel 1 waiting message")
    assert "1 message is taken back." in done.text
    for message, state in ((two, "cancelled"), (left, "queued")):
        assert (await server.call("GET", f"/api/v1/messages/{message}")).json["state"] == state


async def test_messages_are_sent_again_once_however_often_the_form_is_sent(
    server: Server, visit: Visit
) -> None:
    one = await sent(server, reference="ref", tags={"class": "5B"})
    visitor = await visit()
    question = await choose(visitor, "Send again as new", one)
    form = question.form("Send 1 message again as new")
    for _ in range(3):
        assert (await visitor.post("/messages", form.fields)).status == 303
    assert await server.stored() == 2
    new = (await server.call("GET", "/api/v1/messages")).json["items"][0]
    assert (new["to"], new["text"], new["reference"], new["tags"]) == (ANN, "Hello", "ref", {"class": "5B"})


async def test_a_choice_of_which_nothing_waits_is_told_so_and_asks_nothing(
    server: Server, visit: Visit
) -> None:
    one = await sent(server)
    await server.call("DELETE", f"/api/v1/messages/{one}")
    answer = await choose(await visit(), "Cancel waiting", one)
    assert "Nothing to cancel" in answer.text
    assert "Cancel 0" not in answer.text


async def test_nothing_ticked_says_so(server: Server, visit: Visit) -> None:
    await sent(server)
    visitor = await visit()
    answer = await choose(visitor, "Cancel waiting")
    assert "Tick the messages first" in (await visitor.get(answer.headers["Location"])).text


async def test_PRV_4_row_21_what_is_exported_is_text_to_a_spreadsheet(server: Server, visit: Visit) -> None:
    first = await sent(server, text="=HYPERLINK(1)", reference="@SUM")
    await sent(server, text='plain, with "quotes"')
    visitor = await visit()
    everything = await visitor.get("/messages/export")
    assert everything.headers["Content-Disposition"].startswith("attachment")
    read = table(everything)
    assert [row["text"] for row in read] == ['plain, with "quotes"', "'=HYPERLINK(1)"]
    assert read[1]["reference"] == "'@SUM"
    assert read[1]["to"] == ANN
    some = table(await visitor.get("/messages/export?q=quotes"))
    assert [row["text"] for row in some] == ['plain, with "quotes"']
    ticked = table(await choose(visitor, "Export the ticked as CSV", first))
    assert [row["id"] for row in ticked] == [first]


def table(file: Seen) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.html.lstrip("\ufeff"))))


async def test_KEY_6_a_reader_is_offered_nothing_that_acts_and_is_refused_by_hand(
    server: Server, visit: Visit
) -> None:
    message = await sent(server)
    visitor = await visit(await server.key("messages:read"))
    page = await visitor.get("/messages")
    assert "Cancel waiting" not in page.text
    assert "Send a text" not in page.text
    one = await visitor.get(f"/messages/{message}")
    assert "do not send it" not in one.text
    token = dict(page.form("Sign out").fields)["form_token"]
    for path, fields in (
        (f"/messages/{message}/cancel", []),
        (f"/messages/{message}/again", []),
        (f"/messages/{message}/resolve", [("as", "resend")]),
        ("/messages", [("do", "cancel"), ("id", message), ("sure", "1")]),
        ("/messages", [("do", "again"), ("id", message), ("sure", "1")]),
        ("/send", [("to", ANN), ("text", "x")]),
    ):
        assert (await visitor.post(path, [("form_token", token), *fields])).status == 403, path
    assert (await server.call("GET", f"/api/v1/messages/{message}")).json["state"] == "queued"


# ------------------------------------------------------------------ the page of one


async def test_the_page_says_what_is_what_to_do_and_who_says_so(server: Server, visit: Visit) -> None:
    message = await sent(server, text="Hello <b>", reference="ref_1", tags={"class": "5B"})
    page = await (await visit()).get(f"/messages/{message}")
    assert "Queued." in page.text
    assert "Hello <b>" in page.text
    assert "Accepted and written down. It waits for a line." in page.text
    assert "this gateway says so" in page.text
    assert ("class = 5B", "/messages?tag=class%3D5B") in page.links


async def test_a_message_is_cancelled_and_then_sent_again_as_new(server: Server, visit: Visit) -> None:
    message = await sent(server)
    visitor = await visit()
    gone = await visitor.press(await visitor.get(f"/messages/{message}"), "Cancel: do not send it")
    assert "Taken back: it is not sent." in gone.text
    assert "Cancelled. test took it back before it was sent." in gone.text
    again = await visitor.press(gone, "Send again as new")
    assert again.url != gone.url
    assert "Accepted as a new message" in again.text
    assert await server.stored() == 2


async def test_what_is_sent_again_asks_for_the_same_line_and_as_many_parts(
    server: Server, visit: Visit
) -> None:
    assert server.emulated is not None
    message = await sent(server, text="x" * 1000, max_parts=7, line=server.emulated.id)
    await server.call("DELETE", f"/api/v1/messages/{message}")
    visitor = await visit()
    again = await visitor.press(await visitor.get(f"/messages/{message}"), "Send again as new")
    assert "Accepted as a new message" in again.text
    new = (await server.store.messages(View("default"), MessageFilter(), 1, None)).items[0]
    assert (new.id != message, new.parts) == (True, 7)
    assert (new.line_asked, new.route) == (server.emulated.id, f"line:{server.emulated.id}")


async def test_a_line_that_a_route_chose_is_not_asked_for_when_it_is_sent_again(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    server = await make_server(
        admission=AdmissionSettings(routes=(RouteRule(to_prefix="+44", line="Office"),))
    )
    assert server.real is not None
    message = await sent(server, "+447700900123")
    await server.call("DELETE", f"/api/v1/messages/{message}")
    visitor = await visit_at(server, server.live)
    await visitor.press(await visitor.get(f"/messages/{message}"), "Send again as new")
    for each in (await server.store.messages(View("default"), MessageFilter(), 3, None)).items:
        assert (each.route, each.line_asked) == (f"line:{server.real.id}", None)


async def test_a_button_that_comes_too_late_changes_nothing_and_says_so(server: Server, visit: Visit) -> None:
    message = await sent(server)
    visitor = await visit()
    page = await visitor.get(f"/messages/{message}")
    await server.call("DELETE", f"/api/v1/messages/{message}")
    late = await visitor.press(page, "Cancel: do not send it")
    assert "nothing was changed" in late.text


async def test_the_evidence_is_redacted_unless_all_of_it_is_asked_for(server: Server, visit: Visit) -> None:
    message = await sent(server, text="Very private", reference="Ann")
    visitor = await visit()
    redacted = await visitor.get(f"/messages/{message}/evidence")
    assert "redacted.json" in redacted.headers["Content-Disposition"]
    for secret in (ANN, "Very private", "Ann"):
        assert secret not in redacted.html
    full = json.loads((await visitor.get(f"/messages/{message}/evidence?full=1")).html)
    assert (full["to"], full["text"], full["redacted"]) == (ANN, "Very private", False)
    as_json = json.loads((await visitor.get(f"/messages/{message}/json")).html)
    told = (await server.call("GET", f"/api/v1/messages/{message}")).json
    assert {**as_json, "eta": None} == {**told, "eta": None}


async def test_an_unknown_message_is_a_page_that_says_so(server: Server, visit: Visit) -> None:
    for path in (
        "/messages/01a2246a-2aba-719e-857b-515169f7c975",
        "/inbound/nothing",
        "/messages/x/evidence",
    ):
        assert (await (await visit()).get(path)).status == 404


async def test_programs_that_were_told_are_listed_for_who_may_see_webhooks(
    server: Server, visit: Visit
) -> None:
    hook = await server.call("POST", "/api/v1/webhooks", {"url": "http://127.0.0.1:9/hook"})
    assert hook.status == 201, hook.json
    message = await sent(server)
    assert "http://127.0.0.1:9/hook" in (await (await visit()).get(f"/messages/{message}")).text
    reader = await visit(await server.key("messages:read"))
    assert "http://127.0.0.1:9/hook" not in (await reader.get(f"/messages/{message}")).text


async def test_the_api_finds_by_key_tag_and_words_too(server: Server) -> None:
    key = await server.key("messages:send", name="crm")
    first = (await server.send({"to": ANN, "text": "Gate code", "tags": {"class": "5B"}}, key=key)).json["id"]
    await sent(server)
    for query in (
        "key=crm",
        f"key={server.rows[key].id}",
        "tag=class%3D5B",
        "q=GATE",
        "q=code+gate&tag=class%3D5B",
    ):
        answer = await server.call("GET", f"/api/v1/messages?{query}")
        assert [item["id"] for item in answer.json["items"]] == [first], query
    assert (await server.call("GET", "/api/v1/messages?tag=class")).code == "invalid_request"

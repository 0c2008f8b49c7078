"""Proves the inbox to somebody without script: who sees what, answers as admission judges them, wishes kept."""

from __future__ import annotations

import csv
import io

import pytest

from device_bridge.device import InboundReceived
from gateway.admission import AdmissionSettings
from gateway.message import Inbound
from gateway.received import read_received
from gateway.store.audit import AuditFilter
from gateway.store.people_rows import SuppressionFilter, Wish
from gateway.store.rows import LineRow, MessageFilter, NewInbound, View
from gateway.web import conversations
from tests.harness.visitor import Visitor
from tests.integration.http.api_server import Server
from tests.integration.web.visits import MakeServer, Visit, VisitAt
from tests.peers.store_world import deliver

ANN = "+447700900123"
PLAY = "+99900000001"
LIVE = View("default")


async def receive(server: Server, line: LineRow | None, sender: str, text: str | None) -> Inbound:
    assert line is not None
    inbound = await server.store.store_inbound(
        NewInbound(
            line.id, sender, b"\x04", server.clock.now_ms(), "sms", text, fingerprint=f"{sender}{text}"
        )
    )
    assert inbound is not None
    return inbound


async def opened(visitor: Visitor, number: str) -> str:
    page = await visitor.get(f"/conversations/{number}")
    assert page.status == 200, page.text
    return page.text


async def test_the_inbox_counts_what_is_new_and_opening_marks_it_as_read(
    server: Server, visit: Visit
) -> None:
    await receive(server, server.real, ANN, "Is it open?")
    visitor = await visit()
    assert "1 new" in (await visitor.get("/conversations")).text
    assert "Is it open?" in await opened(visitor, ANN)
    assert "1 new" not in (await visitor.get("/conversations")).text


@pytest.mark.parametrize("headers", [{"Sec-Purpose": "prefetch"}, {"X-Regions": "bubbles", "X-Hidden": "1"}])
async def test_a_page_that_nobody_looks_at_marks_nothing(
    server: Server, visit: Visit, headers: dict[str, str]
) -> None:
    await receive(server, server.real, ANN, "Is it open?")
    visitor = await visit()
    await visitor.get(f"/conversations/{ANN}", **headers)
    assert await server.store.conversations.unread(LIVE) == 1


async def test_an_answer_goes_from_the_line_that_they_wrote_to_and_twice_pressed_is_one_text(
    server: Server, visit: Visit
) -> None:
    assert server.real is not None
    await receive(server, server.real, ANN, "Is it open?")
    visitor = await visit()
    page = await visitor.get(f"/conversations/{ANN}")
    first = await visitor.press(page, "Send answer", text="Until six.")
    again = await visitor.press(page, "Send answer", text="Until six.")
    assert first.status == again.status == 200
    sent = (await server.store.messages(LIVE, MessageFilter(to=ANN), 10, None)).items
    assert [(m.text, m.line) for m in sent] == [("Until six.", server.real.id)]
    assert "Until six." in first.text


async def test_a_refused_answer_says_why_and_keeps_what_was_typed(server: Server, visit: Visit) -> None:
    await receive(server, server.real, ANN, "STOP now")
    await server.store.suppressions.add(Wish("default", ANN, "phone"))
    visitor = await visit()
    page = await visitor.get(f"/conversations/{ANN}")
    refused = await visitor.press(page, "Send answer", text="One more <offer>")
    assert refused.status == 422
    assert "One more &lt;offer&gt;" in refused.html
    assert "recipient_opted_out" in refused.text
    assert any(path.startswith("/suppressions") for _text, path in refused.links)
    assert 'aria-invalid="true"' in refused.html
    empty = await visitor.press(page, "Send answer", text="")
    assert empty.status == 422


async def test_a_number_can_be_added_to_the_suppressions(server: Server, visit: Visit) -> None:
    await receive(server, server.real, ANN, "please do not write")
    visitor = await visit()
    page = await visitor.press(await visitor.get(f"/conversations/{ANN}"), "Add to suppressions")
    assert "wants no texts" in page.text
    (row,) = (await server.store.suppressions.page(LIVE, SuppressionFilter(), 10, None)).items
    assert (row.number, row.source) == (ANN, "person")


async def test_KEY_6_what_a_key_may_not_do_is_not_offered_and_refused_by_hand(
    server: Server, visit: Visit
) -> None:
    await receive(server, server.real, ANN, "hello")
    reader = await visit(await server.key("inbound:read"))
    page = await reader.get(f"/conversations/{ANN}")
    assert "hello" in page.text
    assert "Send answer" not in page.text
    assert "Add to suppressions" not in page.text
    token = next(value for form in page.forms for name, value in form.fields if name == "form_token")
    for path, scope in ((ANN, "messages:send"), (f"{ANN}/suppress", "suppressions:manage")):
        answer = await reader.post(f"/conversations/{path}", [("form_token", token), ("text", "hi")])
        assert answer.status == 403
        assert scope in answer.text


async def test_KEY_7_a_sandbox_session_sees_no_live_text(server: Server, visit: Visit) -> None:
    await receive(server, server.real, ANN, "secret of Ann")
    await receive(server, server.emulated, PLAY, "play")
    visitor = await visit(server.sandbox)
    inbox = await visitor.get("/conversations")
    assert "play" in inbox.text
    assert "secret" not in inbox.text
    assert "secret" not in await opened(visitor, ANN)
    assert "secret" not in (await visitor.get("/conversations?q=secret")).text.replace("“secret”", "")


async def test_KEY_7_a_sandbox_session_is_not_told_that_somebody_wants_no_texts(
    server: Server, visit: Visit
) -> None:
    for number in (ANN, PLAY):
        await server.store.suppressions.add(Wish("default", number, "phone"))
    visitor = await visit(server.sandbox)
    assert "wants no texts" not in await opened(visitor, ANN)
    assert "wants no texts" in await opened(visitor, PLAY)
    assert "wants no texts" in await opened(await visit(), ANN)


async def test_a_sender_that_is_a_word_is_shown_and_cannot_be_answered(server: Server, visit: Visit) -> None:
    await receive(server, server.real, "My Bank/2", "Your code is 4711")
    visitor = await visit()
    inbox = await visitor.get("/conversations")
    (path,) = [path for text, path in inbox.links if text == "My Bank/2"]
    page = await visitor.get(path.partition("#")[0])
    assert "Your code is 4711" in page.text
    assert "cannot be answered" in page.text
    assert "Send answer" not in page.text


async def test_what_nobody_can_name_is_under_unknown_sender(server: Server, visit: Visit) -> None:
    await receive(server, server.real, "", "from nowhere")
    visitor = await visit()
    inbox = await visitor.get("/conversations")
    (path,) = [path for text, path in inbox.links if text == "unknown sender"]
    assert "from nowhere" in (await visitor.get(path.partition("#")[0])).text


async def test_a_conversation_that_is_none_is_not_found_and_a_number_without_one_can_be_written_to(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    assert (await visitor.get("/conversations/NOBODY")).status == 404
    page = await visitor.get("/conversations/+447700900199")
    assert "Nothing was said" in page.text
    page.form("Send answer")


async def test_older_words_are_one_link_on(server: Server, visit: Visit) -> None:
    for n in range(45):
        await receive(server, server.real, ANN, f"word {n}.")
    visitor = await visit()
    page = await visitor.get(f"/conversations/{ANN}")
    assert "word 44." in page.text
    assert "word 0." not in page.text
    (older,) = [path for text, path in page.links if text == "Older"]
    page = await visitor.get(older)
    assert "word 0." in page.text
    assert any(text == "Newest" for text, _path in page.links)


async def test_a_conversation_is_saved_whole_as_a_file_and_the_trail_names_nobody(
    server: Server, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "_FILE_ROWS", 2)
    for n in range(3):
        await receive(server, server.real, ANN, f"=question {n}")
    visitor = await visit()
    page = await visitor.get(f"/conversations/{ANN}")
    await visitor.press(page, "Send answer", text="Until six.")
    where = next(address for text, address in page.links if text == "Export CSV")
    saved = await visitor.get(where)
    rows = list(csv.DictReader(io.StringIO(saved.html.removeprefix("\ufeff"))))
    said = [(row["direction"], row["text"]) for row in rows]
    assert said == [("out", "Until six."), *(("in", f"'=question {n}") for n in (2, 1, 0))]
    assert {row["number"] for row in rows} == {ANN}
    newest = (await server.store.audit.page(LIVE, AuditFilter(), 1, None)).items[0]
    assert (newest.deed.action, newest.deed.target) == ("conversation.exported", "")
    assert ANN not in str(newest)


async def test_a_long_text_that_never_came_whole_says_which_part_is_missing(
    server: Server, visit: Visit
) -> None:
    assert server.real is not None
    now_ms = server.clock.now_ms()
    for number, text in ((1, "one "), (3, "three")):
        event = InboundReceived(
            f"e{number}", server.real.key, deliver(text, now_ms, concat=(9, 3, number)), now_ms
        )
        assert await server.store.store_inbound(read_received(server.real.id, event)) is None
    server.clock.ahead_s = 86_460
    await server.store.tick()
    page = await (await visit()).get("/conversations/+447700900123")
    assert "Part 2 of 3 is missing." in page.text


async def test_a_search_takes_a_number_in_any_shape_names_what_it_looked_for_and_can_be_cleared(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    server = await make_server(admission=AdmissionSettings(default_region="GB"))
    await receive(server, server.real, ANN, "Is the shop open?")
    visitor = await visit_at(server, server.live)
    for wanted in ("SHOP", "07700900123", "+44 7700 900", "900123"):
        assert "+44 7700 900123" in (await visitor.get(f"/conversations?q={wanted.replace('+', '%2B')}")).text
    page = await visitor.get("/conversations?q=parcel")
    assert "Nothing matches “parcel”" in page.text
    assert any(text == "Clear the search" for text, _path in page.links)


async def test_the_empty_inbox_says_which_number_to_text(server: Server, visit: Visit) -> None:
    assert "Text +44 7700 900111 from your own phone" in (await (await visit()).get("/conversations")).text
    sandbox = await visit(server.sandbox)
    page = await sandbox.press(await sandbox.get("/conversations"), "Let +999 00000009 answer")
    assert "Does the inbox work?" in page.text

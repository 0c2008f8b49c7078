"""Proves the pages of who wants no texts and who agreed: many at once, search in any shape, a reason for lifting."""

from __future__ import annotations

import re

from gateway.policy.keywords import Keywords, KeywordSettings
from gateway.policy.rules import Rules
from gateway.store.rows import NewInbound
from tests.integration.http.api_server import Server
from tests.integration.web.visits import MakeServer, Visit, VisitAt

NUMBER = "+99901000031"


async def test_many_numbers_of_any_shape_are_added_and_wrong_ones_stay_to_be_corrected(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    page = await visitor.get("/suppressions")
    assert "Nobody has asked to stop" in page.text
    many = f"{NUMBER}, +999 01000032\n0770; +99901000033 +99901000034"
    page = await visitor.press(page, "Send them no more texts", numbers=many, source="letter", note="by post")
    assert page.status == 422
    assert "Added: 4. Known already: 0. 1 number was not taken" in page.text
    fields = dict(page.form("Send them no more texts").fields)
    assert fields["numbers"] == "0770"
    assert fields["source"] == "letter"
    page = await visitor.press(page, "Send them no more texts", numbers=f"{NUMBER}\n+99901000035")
    assert "Added: 1. Known already: 1." in page.text
    assert page.text.count("by letter") >= 5
    assert "by post" in page.text
    empty = await visitor.press(page, "Send them no more texts", numbers=" ,\n ")
    assert empty.status == 422
    assert re.search(r'<textarea id="numbers"[^>]*aria-invalid="true"', empty.html)


async def test_what_somebody_wrote_is_shown_to_those_who_may_read_it(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    server = await make_server(rules=Rules(keywords=Keywords(KeywordSettings())))
    assert server.emulated is not None
    new = NewInbound(
        line_id=server.emulated.id, sender=NUMBER, tpdu=b"\x04", at_ms=server.clock.now_ms(), type="sms",
        text="Stop!", fingerprint="stop",
    )  # fmt: skip
    assert await server.store.store_inbound(new) is not None
    visitor = await visit_at(server, server.live)
    page = await visitor.get("/suppressions")
    assert "asked by text" in page.text
    assert "Stop!" in page.text
    poor = await visit_at(server, await server.key("suppressions:manage"))
    page = await poor.get("/suppressions")
    assert "+999 01000031" in page.text
    assert "Stop!" not in page.text, "the keyword, not what they wrote"


async def test_OPT_8_what_may_mean_stop_needs_somebody_who_reads_it_and_decides(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    server = await make_server(rules=Rules(keywords=Keywords(KeywordSettings())))
    assert server.real is not None
    for sender, text in ((NUMBER, "please stop texting me"), ("+447911123457", "stop it Bob")):
        new = NewInbound(
            line_id=server.real.id, sender=sender, tpdu=b"\x04", at_ms=server.clock.now_ms(), type="sms",
            text=text, fingerprint=text,
        )  # fmt: skip
        await server.store.store_inbound(new)
    visitor = await visit_at(server, server.live)
    assert "2 texts may mean stop" in (await visitor.get("/")).text
    page = await visitor.get("/suppressions")
    assert "please stop texting me" in page.text
    form = next(form for form in page.forms if ("numbers", NUMBER) in form.fields)
    await visitor.post(form.action, form.fields)
    page = await visitor.get("/suppressions")
    assert "stop it Bob" in page.text
    form = page.form("It is no stop")
    await visitor.post(form.action, form.fields)
    assert (await visitor.post(form.action, form.fields)).status == 303
    assert "May mean stop" not in (await visitor.get("/suppressions")).text
    assert "may mean stop" not in (await visitor.get("/")).text
    refused = await server.send({"to": NUMBER, "text": "hello"})
    assert refused.code == "recipient_opted_out"
    assert (await server.send({"to": "+447911123457", "text": "hello"})).status == 202


async def test_OPT_3_what_was_an_answer_and_no_stop_is_taken_back_by_one_press(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    server = await make_server(rules=Rules(keywords=Keywords(KeywordSettings())))
    assert server.emulated is not None
    new = NewInbound(
        line_id=server.emulated.id, sender=NUMBER, tpdu=b"\x04", at_ms=server.clock.now_ms(), type="sms",
        text="CANCEL", fingerprint="cancel",
    )  # fmt: skip
    assert await server.store.store_inbound(new) is not None
    visitor = await visit_at(server, server.live)
    listed = await visitor.get("/suppressions")
    page = await visitor.get(next(href for words, href in listed.links if "Remove" in words))
    page = await visitor.press(page, "This was an answer")
    assert "May be texted again" in page.text
    assert "It was an answer, not a stop" in page.text
    assert (await server.send({"to": NUMBER, "text": "Hi"})).status == 202


async def test_lifting_asks_why_and_keeps_it(server: Server, visit: Visit) -> None:
    visitor = await visit()
    await server.call("POST", "/api/v1/suppressions", {"number": NUMBER, "source": "phone"})
    refused = await server.send({"to": NUMBER, "text": "Hi"})
    assert refused.code == "recipient_opted_out"
    listed = await visitor.get("/suppressions")
    address = next(href for words, href in listed.links if "Remove" in words)
    page = await visitor.get(address)
    again = await visitor.press(page, "Text this person again", reason="   ")
    assert again.status == 422
    assert "Say why" in again.text
    page = await visitor.press(page, "Text this person again", reason="They asked us today")
    assert "May be texted again" in page.text
    assert "They asked us today" in page.text
    assert (await server.send({"to": NUMBER, "text": "Hi"})).status == 202
    assert "+999 01000031" not in (await visitor.get("/suppressions")).text
    assert "+999 01000031" in (await visitor.get("/suppressions?show=lifted")).text


async def test_a_number_is_searched_in_any_shape(server: Server, visit: Visit) -> None:
    visitor = await visit()
    for number in (NUMBER, "+99901000032"):
        await server.call("POST", "/api/v1/suppressions", {"number": number, "source": "phone"})
    page = await visitor.press(await visitor.get("/suppressions"), "Search", number="+999 0100 0031")
    assert "+999 01000031" in page.text
    assert "+999 01000032" not in page.text
    nobody = await visitor.get("/suppressions?number=%2B99901000099")
    assert "This number is not in the list" in nobody.text
    wrong = await visitor.get("/suppressions?number=hello")
    for path in ("/suppressions", "/consents"):
        asked = await visitor.get(f"{path}?number=hello")
        assert "Nothing was searched: write the whole number" in asked.text
        assert "not in the list" not in asked.text
        assert "Nothing is recorded" not in asked.text
    assert wrong.status == 200
    assert re.search(r'<input id="number"[^>]*aria-invalid="true"', wrong.html)
    assert 'value="hello"' in wrong.html


async def test_a_consent_is_recorded_and_withdrawn_as_easily(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.get("/consents")
    assert "No consents yet" in page.text
    refused = await visitor.press(page, "Record that they agreed now", number="0770", source="form")
    assert refused.status == 422
    assert dict(refused.form("Record that they agreed now").fields)["source"] == "form"
    page = await visitor.press(page, "Record that they agreed now", number=NUMBER, source="form", guardian_name="Ann",
                               guardian_relation="mother")  # fmt: skip
    assert "The consent is recorded." in page.text
    assert "In force" in page.text
    assert "for a child, by Ann" in page.text
    page = await visitor.press(page, "Record the withdrawal", source="phone")
    assert "The withdrawal is recorded." in page.text
    assert "Withdrawn" in page.text


async def test_KEY_6_suppressions_and_consents_need_rights_of_their_own(server: Server, visit: Visit) -> None:
    one = await visit(await server.key("suppressions:manage"))
    page = await one.get("/suppressions")
    assert page.status == 200
    assert "Consents" not in page.text
    assert (await one.get("/consents")).status == 403


async def test_KEY_7_a_sandbox_session_is_not_told_what_a_live_key_is_called(
    server: Server, visit: Visit
) -> None:
    payroll = await server.key(name="payroll")
    wish = {"number": NUMBER, "source": "letter"}
    assert (await server.call("POST", "/api/v1/suppressions", wish, key=payroll)).status == 201
    assert "payroll" in (await (await visit()).get("/suppressions")).text
    page = await (await visit(server.sandbox)).get("/suppressions")
    assert "by letter" in page.text
    assert "payroll" not in page.text

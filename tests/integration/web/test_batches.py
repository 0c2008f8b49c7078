"""Proves the way to a batch without script: four steps, files of every shape, nothing sent before the last, rights."""

from __future__ import annotations

import asyncio
import io
import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from device_bridge.device import LineHealth, LineIdentity, LineState
from gateway.admission import AdmissionSettings
from gateway.batches.sealed_file import SealedFile
from gateway.policy.tariff import Tariff
from gateway.store.rows import LineSettings
from gateway.web import batch_drafts, batch_jobs, words
from tests.harness.gateway_process import until
from tests.harness.visitor import Seen, Visitor
from tests.integration.http.api_server import Server
from tests.integration.web.test_words import PSEUDO, Bare, Bracketed
from tests.integration.web.visits import MakeServer, Visit, VisitAt

SCHOOL = "phone;name;time\r\n" + "".join(
    f"+99901000{i:03d};Zoë {i};8:{i:02d}\r\n" for i in range(1, 41)
).replace("+99901000005", "0770").replace("+99901000008", "+99901000007")
"""Forty rows as a German Excel writes them, one without a number, one twice."""


def token_of(page: Seen) -> str:
    return dict(page.form("Read the file").fields)["form_token"]


async def upload(visitor: Visitor, octets: bytes, name: str = "list.csv", token: str | None = None) -> Seen:
    """Choose a file and press the button."""
    page = await visitor.get("/batches/new")
    form = aiohttp.FormData()
    form.add_field("form_token", token_of(page) if token is None else token)
    form.add_field("file", octets, filename=name, content_type="text/csv")
    payload = form()
    cookie = "; ".join(f"{key}={value}" for key, value in visitor.cookies.items())
    headers = {"Cookie": cookie, "Accept": "text/html", "Origin": visitor.origin}
    async with visitor.session.post(
        f"{visitor.origin}/batches/new/file", data=payload, headers=headers, allow_redirects=False
    ) as answer:
        if answer.status == 303:
            return await visitor.get(answer.headers["Location"])
        return Seen(answer.status, answer.headers, await answer.text(), str(answer.url))


async def settled(visitor: Visitor, page: Seen) -> Seen:
    """Load a page anew while it asks for that, as browsers do."""
    for _ in range(100):
        if "Refresh" not in page.headers:
            return page
        await asyncio.sleep(0.05)
        page = await visitor.get(page.url.removeprefix(visitor.origin))
        if page.status == 303:
            return await visitor.get(page.headers["Location"])
    raise AssertionError("the work never ends")


async def sent(server: Server) -> list[dict[str, Any]]:
    answer = await server.call("GET", "/api/v1/messages?limit=500")
    return list(answer.json["items"])


async def test_a_file_of_a_german_excel_goes_out_in_four_steps_without_script(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    page = await upload(visitor, SCHOOL.encode("cp1252"))
    assert "40 rows" in page.text
    assert "Windows-1252, semicolon, with a heading, numbers in phone" in page.text
    assert "Zoë 1" in page.text

    page = await visitor.press(page, "Preview", text="Hi {name}, at {time}.", name="trip")
    assert "Hi Zoë 1, at 8:01." in page.text
    assert "The longest, row 10" in page.text
    assert await sent(server) == []

    page = await settled(visitor, await visitor.press(page, "Check 40 rows"))
    assert "38 messages will be sent" in page.text
    assert "not a number" in page.text
    assert "twice" in page.text
    assert await sent(server) == []
    file = await visitor.get(page.url.removeprefix(visitor.origin).replace("/check", "/rejected.csv"))
    assert file.headers["Content-Disposition"] == 'attachment; filename="rejected.csv"'
    lines = file.html.splitlines()
    assert lines[0].endswith("row,reason,code")
    assert [line.split(",")[-1] for line in lines[1:]] == ["invalid_number", "duplicate_recipient"]

    page = await visitor.press(page, "Send 38 messages")
    if page.status == 303:
        page = await visitor.get(page.headers["Location"])
    page = await settled(visitor, page)
    assert re.search(r"/batches/[0-9a-f-]{36}$", page.url), page.url
    assert "trip" in page.text
    assert "2 rows were not taken" in page.text
    texts = {message["to"]: message["text"] for message in await sent(server)}
    assert len(texts) == 38
    assert texts["+99901000001"] == "Hi Zoë 1, at 8:01."


async def test_pasted_numbers_of_every_shape_and_cells_of_a_spreadsheet_are_taken(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    page = await visitor.get("/batches/new")
    shapes = "+999 01000001, +99901000002; +99901000003\n+99901000004 +99901000005\n99901 "
    page = await visitor.press(page, "Take these numbers", numbers=shapes)
    assert "6 rows" in page.text
    page = await settled(visitor, await visitor.press(page, "Check 6 rows", text="Hello"))
    assert "5 messages will be sent" in page.text

    page = await visitor.get("/batches/new")
    page = await visitor.press(
        page, "Take these numbers", numbers="mobile\tname\n+99901000001\tAnn\n+99901000002\tBo"
    )
    assert "2 rows" in page.text
    page = await visitor.press(page, "Preview", text="Hi {name}")
    assert "Hi Ann" in page.text


async def test_a_workbook_and_a_list_without_a_heading_are_read(server: Server, visit: Visit) -> None:
    visitor = await visit()
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for row in (("Mobil", "Vorname"), ("+99901000001", "Jörg"), ("+99901000002", "Ada")):
        sheet.append(row)
    octets = io.BytesIO()
    book.save(octets)
    page = await upload(visitor, octets.getvalue(), "list.xlsx")
    assert "2 rows" in page.text
    assert "numbers in Mobil" in page.text
    assert "Encoding" not in page.text

    page = await upload(visitor, b"Ann,+99901000001\nBo,+99901000002\nCy,+99901000003\n")
    assert "3 rows" in page.text
    assert "without heading, numbers in column 2" in page.text
    page = await visitor.press(page, "Preview", text="Hi {column 1}")
    assert "Hi Ann" in page.text


async def test_what_was_guessed_can_be_changed_and_what_cannot_be_read_is_said_with_its_place(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    page = await upload(visitor, SCHOOL.encode("cp1252"))
    page = await visitor.press(page, "Read it again", delimiter=",", number_column="")
    assert page.status == 422
    assert "No column looks like phone numbers" in page.text
    page = await visitor.press(page, "Read it again", delimiter=";", number_column="name")
    assert "numbers in name" in page.text
    page = await visitor.press(page, "Read it again", number_column="phone")
    assert "numbers in phone" in page.text

    page = await upload(visitor, b'phone,name\n+99901000001,"never closed\n')
    assert "Row 1, column 2: A quote" in page.html
    page = await upload(visitor, b"%PDF-1.7 no list")
    assert (page.status, "This is a PDF" in page.html) == (422, True)
    page = await upload(visitor, b"")
    assert page.status == 422
    assert "No file was chosen" in page.html


async def test_what_was_typed_stays_and_the_field_at_fault_is_marked(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.press(await visitor.get("/batches/new"), "Take these numbers", numbers="   ")
    assert page.status == 422
    assert re.search(r'<textarea id="numbers"[^>]*aria-invalid="true"', page.html)
    page = await visitor.press(
        await visitor.get("/batches/new"), "Take these numbers", numbers="+99901000001"
    )
    page = await visitor.press(page, "Check 1 row", text="Hi {name", name="trip")
    assert page.status == 422
    assert "Hi {name" in page.html
    assert 'value="trip"' in page.html
    assert re.search(r'<textarea id="text"[^>]*aria-invalid="true"', page.html)
    page = await settled(visitor, await visitor.press(page, "Check 1 row", text="Hi {name}"))
    assert "Nothing can be sent" in page.text
    assert not any("Send " in text for form in page.forms for text, _n, _v in form.buttons)


async def test_a_batch_is_scheduled_and_a_time_that_is_past_is_refused(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.press(
        await visitor.get("/batches/new"), "Take these numbers", numbers="+99901000001"
    )
    page = await settled(visitor, await visitor.press(page, "Check 1 row", text="Hello"))
    refused = await visitor.press(page, "Schedule 1 message", send_at="2001-01-01T10:00")
    assert refused.status == 422
    assert "This time is past" in refused.text
    assert 'value="2001-01-01T10:00"' in refused.html
    far = await visitor.press(page, "Schedule 1 message", send_at="2099-01-01T10:00")
    assert "more than a year ahead" in far.text
    later = datetime.fromtimestamp(server.clock.now_ms() / 1000, UTC) + timedelta(days=2)
    page = await visitor.press(far, "Schedule 1 message", send_at=f"{later:%Y-%m-%dT%H:%M}")
    await until(lambda: _any(server), "the batch is stored")
    assert (await sent(server))[0]["state"] == "scheduled"


async def _any(server: Server) -> bool:
    return bool(await sent(server))


async def test_pressing_send_twice_sends_once(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.press(
        await visitor.get("/batches/new"), "Take these numbers", numbers="+99901000001"
    )
    page = await settled(visitor, await visitor.press(page, "Check 1 row", text="Hello"))
    await asyncio.gather(*(visitor.press(page, "Send 1 message") for _ in range(3)))
    await visitor.press(page, "Send 1 message")
    assert len(await sent(server)) == 1


async def test_a_group_is_texted_with_the_values_of_its_people(server: Server, visit: Visit) -> None:
    for i, name in enumerate(("Ann", "Bo")):
        card = {"name": name, "number": f"+9990100000{i}", "groups": ["5B"]}
        assert (await server.call("POST", "/api/v1/contacts", card)).status == 201
    visitor = await visit()
    page = await visitor.press(await visitor.get("/batches/new"), "Take this group", group="5B")
    assert "2 rows" in page.text
    page = await settled(visitor, await visitor.press(page, "Check 2 rows", text="Hi {name}"))
    assert "2 messages will be sent" in page.text
    page = await visitor.press(await visitor.get("/batches/new"), "Take this group", group="")
    assert page.status == 422


async def test_row_16_an_upload_without_the_token_of_its_session_is_refused_and_not_read(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    answer = await upload(visitor, SCHOOL.encode(), token="0" * 64)
    assert answer.status == 403
    other = await visit(await server.key())
    answer = await upload(visitor, SCHOOL.encode(), token=token_of(await other.get("/batches/new")))
    assert answer.status == 403


async def test_KEY_6_a_list_belongs_to_its_session_alone(server: Server, visit: Visit) -> None:
    visitor, other = await visit(), await visit()
    page = await upload(visitor, SCHOOL.encode())
    where = page.url.removeprefix(visitor.origin)
    for path in (where, f"{where}/check", f"{where}/rejected.csv"):
        assert (await other.get(path)).status == 404, path
    reader = await visit(await server.key("messages:read"))
    assert (await reader.get("/batches/new")).status == 403
    assert "New batch" not in (await reader.get("/batches")).text


async def test_KEY_7_a_sandbox_session_sends_to_the_sandbox_only(server: Server, visit: Visit) -> None:
    visitor = await visit(server.sandbox)
    page = await visitor.get("/batches/new")
    page = await visitor.press(page, "Take these numbers", numbers="+99901000001, +447700900123")
    page = await settled(visitor, await visitor.press(page, "Check 2 rows", text="Hello"))
    assert "1 message will be sent" in page.text
    assert "not of the sandbox" in page.text


async def test_a_list_is_gone_after_an_hour_when_it_was_sent_and_when_another_takes_its_place(
    server: Server, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = await visit()
    first = await upload(visitor, SCHOOL.encode())
    await upload(visitor, SCHOOL.encode())
    assert (await visitor.get(first.url.removeprefix(visitor.origin))).status == 404
    monkeypatch.setattr(batch_drafts, "KEPT_S", 0.05)
    short = await upload(visitor, SCHOOL.encode())
    where = short.url.removeprefix(visitor.origin)

    async def gone() -> bool:
        return (await visitor.get(where)).status == 404

    await until(gone, "the list is gone")


async def test_PRV_2_an_uploaded_file_is_readable_nowhere_but_by_its_own_object() -> None:
    file = SealedFile()
    pieces = [b"+447700900123;Geheimnis\r\n" * 4000, b"the end"]
    for piece in pieces:
        await file.write(piece)
    assert file._file is not None, "it is long enough to be written"
    descriptor = file._file.fileno()
    on_disk = os.pread(descriptor, 10_000_000, 0)
    assert len(on_disk) > 60_000
    assert b"Geheimnis" not in on_disk
    assert os.fstat(descriptor).st_nlink == 0, "it has no name"
    for _ in range(2):
        assert b"".join([chunk async for chunk in file.read(1000)]) == b"".join(pieces)
    file.close()
    with pytest.raises(ValueError, match="closed"):
        [chunk async for chunk in file.read(1000)]


async def test_the_page_of_a_batch_pauses_goes_on_and_cancels_and_says_what_it_did(
    server: Server, visit: Visit
) -> None:
    people = [{"to": f"+9990100{i:04d}"} for i in range(5)]
    batch = (
        await server.call("POST", "/api/v1/batches", {"text": "Hi", "recipients": people, "name": "5B"})
    ).json
    visitor = await visit()
    page = await visitor.get(f"/batches/{batch['id']}")
    assert "0 % · 0 of 5" in page.text
    page = await visitor.press(page, "Pause")
    assert "Paused. Nothing more of it is sent" in page.text
    page = await visitor.press(page, "Resume")
    assert "It goes on." in page.text
    page = await visitor.press(page, "Cancel 5 waiting messages")
    assert "The rest is cancelled" in page.text
    assert (await server.call("GET", f"/api/v1/batches/{batch['id']}")).json["state"] == "cancelled"
    reader = await visit(await server.key("messages:read"))
    page = await reader.get(f"/batches/{batch['id']}")
    assert all("Pause" not in text for form in page.forms for text, _n, _v in form.buttons)
    export = await visitor.get(f"/batches/{batch['id']}/messages.csv")
    assert len(export.html.splitlines()) == 6


async def test_KEY_6_who_may_send_nothing_urgent_is_told_so_when_they_send_the_failed_again(
    server: Server, visit: Visit
) -> None:
    body = {"text": "Hi", "recipients": [{"to": "+99901000001"}], "purpose": "urgent", "valid_for_s": 60}
    batch = (await server.call("POST", "/api/v1/batches", body)).json
    server.clock.ahead_s += 61
    await server.store.tick()
    visitor = await visit(await server.key("messages:read", "batches:write"))
    page = await visitor.get(f"/batches/{batch['id']}")
    page = await visitor.press(page, "Send the 1 failed again")
    assert page.status == 403
    assert "This key lacks the scope messages:urgent" in page.text
    assert len((await server.call("GET", "/api/v1/batches")).json["items"]) == 1


async def test_a_key_that_needs_a_second_person_is_told_so_before_it_sends(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    server = await make_server(admission=AdmissionSettings(approval_keys=frozenset({"junior"})))
    visitor = await visit_at(server, await server.key(name="junior"))
    page = await visitor.press(
        await visitor.get("/batches/new"), "Take these numbers", numbers="+99901000001"
    )
    page = await settled(visitor, await visitor.press(page, "Check 1 row", text="Hello"))
    assert "A second person must approve it" in page.text
    await visitor.press(page, "Send 1 message")

    own = await visitor.get("/approvals")
    assert "You wrote this yourself" in own.text
    second = await visit_at(server, await server.key(name="head"))
    page = await second.get("/approvals")
    assert "Hello" in page.text
    assert "junior" in page.text
    forged = await second.press(page, "Approve 1 message", digest="0" * 64)
    assert forged.status == 422
    assert "What you saw is not what waits now" in forged.text
    page = await second.press(page, "Approve 1 message", note="fine")
    assert "Running" in page.text
    assert "fine" in (await second.get("/approvals")).text


def multipart(*parts: tuple[str, bytes]) -> tuple[bytes, str]:
    """Frame parts by hand, each with its own head."""
    body = b"".join(b"--X\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts)
    return body + b"--X--\r\n", "multipart/form-data; boundary=X"


@pytest.mark.parametrize(
    ("broken", "status"),
    [
        ("file before token", 403),
        ("no file", 400),
        ("no boundary", 400),
        ("cut", 400),
        ("nested", 400),
        ("empty body", 400),
        ("token twice as long", 413),
        ("too large", 413),
        ("json", 415),
    ],
)
async def test_row_22_a_broken_upload_is_refused_in_words_and_leaves_nothing(
    server: Server, visit: Visit, broken: str, status: int
) -> None:
    visitor = await visit()
    token = token_of(await visitor.get("/batches/new")).encode()
    token_part = ('Content-Disposition: form-data; name="form_token"', token)
    file_part = ('Content-Disposition: form-data; name="file"; filename="a.csv"', b"phone\n+99901000001\n")
    headers = {"Accept": "text/html", "Origin": visitor.origin}
    headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in visitor.cookies.items())
    body, kind = multipart(token_part, file_part)
    match broken:
        case "file before token":
            body, kind = multipart(file_part, token_part)
        case "no file":
            body, kind = multipart(token_part)
        case "no boundary":
            kind = "multipart/form-data"
        case "cut":
            body = body[:-20]
        case "nested":
            inner = b"--Y\r\n\r\nx\r\n--Y--\r\n"
            body, kind = multipart(token_part, ("Content-Type: multipart/mixed; boundary=Y", inner))
        case "empty body":
            body = b""
        case "token twice as long":
            body, kind = multipart((token_part[0], token * 1000), file_part)
        case "too large":
            headers["Content-Length"] = str(200 * 1024 * 1024)
        case "json":
            body, kind = b"{}", "application/json"
    headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close", **headers}
    raw = f"POST /batches/new/file HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n".encode()
    raw += "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n" + body
    answer = await server.raw(raw)
    assert answer.split(b" ", 2)[1] == str(status).encode(), answer[:300]
    assert b"Traceback" not in answer
    assert b"<h1" in answer


async def test_row_22_a_hostile_file_name_is_only_shown(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await upload(visitor, SCHOOL.encode(), "../../../etc/<script>alert(1)</script>\u202e" + "x" * 4000)
    assert page.status == 200
    assert "<script>alert" not in page.html
    assert "xxxx" in page.text


async def test_a_batch_for_which_there_is_no_room_is_not_there_at_all(
    make_server: MakeServer, visit_at: VisitAt
) -> None:
    server = await make_server(max_queued=500)
    visitor = await visit_at(server, server.live)
    rows = "phone\n" + "".join(f"+9990100{i:04d}\n" for i in range(900))
    page = await upload(visitor, rows.encode())
    page = await settled(visitor, await visitor.press(page, "Check 900 rows", text="Hello"))
    page = await settled(visitor, await visitor.press(page, "Send 900 messages"))
    assert "Nothing of it was sent" in page.text
    assert await server.stored() == 0
    assert (await server.call("GET", "/api/v1/batches")).json["items"] == []
    back = next(href for words, href in page.links if words == "Back to the text")
    assert "Hello" in (await visitor.get(back)).html


async def test_work_that_takes_longer_goes_on_without_its_request_and_says_how_far_it_is(
    server: Server, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_jobs, "AT_ONCE_S", 0.001)
    visitor = await visit()
    rows = "phone\n" + "".join(f"+9990100{i:04d}\n" for i in range(1500))
    page = await upload(visitor, rows.encode())
    page = await visitor.press(page, "Check 1,500 rows", text="Hello")
    assert page.headers["Refresh"] == "1"
    assert re.search(r"[0-9,]+ of 1,500 rows", page.text)
    assert "Nothing is sent. This page goes on by itself." in page.text
    page = await settled(visitor, page)
    page = await visitor.press(page, "Send 1,500 messages")
    assert "Nothing is sent before the last row is stored" in page.text
    page = await settled(visitor, page)
    assert "0 of 1,500" in page.text
    assert await server.stored() == 1500


async def test_no_step_has_a_word_that_no_catalogue_can_translate(
    server: Server, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(words.LANGUAGES, PSEUDO, Bracketed())
    visitor = await visit()
    pages = [await upload(visitor, SCHOOL.encode("cp1252"))]
    where = pages[0].url.removeprefix(visitor.origin)
    pages.append(await visitor.press(pages[0], "Preview", text="Hi {name}."))
    pages.append(await settled(visitor, await visitor.press(pages[0], "Check 40 rows", text="Hi {name}.")))
    visitor.headers["Accept-Language"] = PSEUDO
    preview = next(form for form in pages[1].forms if any(n == "text" for n, _v in form.fields))
    spoken = [
        await visitor.get(where),
        await visitor.get(f"{where}/check"),
        await visitor.post(preview.action, [*preview.fields, ("do", "preview")]),
        await visitor.post(preview.action, [*[f for f in preview.fields if f[0] != "text"], ("do", "check")]),
    ]
    for page in spoken:
        reader = Bare()
        reader.feed(page.html)
        assert reader.found == [], page.url


async def test_what_it_costs_and_takes_is_said_by_the_tariff_and_pace_of_the_lines(
    server: Server, visit: Visit
) -> None:
    assert server.real is not None
    identity = LineIdentity(
        key=server.real.iccid or "", iccid=server.real.iccid, imsi=None, number=server.real.number
    )
    tariff = Tariff("GBP", 55_000, {"+33": 80_000})
    settings = LineSettings(label="Office", tariff=tariff)
    health = LineHealth(state=LineState.UP)
    await server.store.line_seen(identity, server.real.device_id or "", health, settings)
    visitor = await visit()
    numbers = "+447911123456 +447911123457 +33612345678"
    page = await visitor.press(await visitor.get("/batches/new"), "Take these numbers", numbers=numbers)
    page = await settled(visitor, await visitor.press(page, "Check 3 rows", text="x" * 200))
    assert "3 messages will be sent" in page.text
    assert "Parts6 · the longest text has 2" in page.text
    assert "0.38 GBP" in page.text, "4 parts at 0.055 and 2 at 0.08"
    assert "Office" in page.text
    assert re.search(r"about .* after the start ?Office sends 30 parts a minute", page.text)


async def test_a_list_with_nobody_in_it_is_told_at_once_and_no_text_is_asked_for(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    page = await upload(visitor, b"phone,name\n")
    assert "There are no rows below the heading: nobody to send to." in page.text
    assert not any(
        "Check" in text or "Preview" in text for form in page.forms for text, _n, _v in form.buttons
    )


async def test_a_list_whose_numbers_are_not_found_asks_for_their_column_in_plain_words(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    page = await upload(visitor, b"name,where\nAnn,+99901000001\nBo,call her mother\nCy,at the desk\n")
    assert "No column looks like phone numbers. Choose the one that has them." in page.text
    assert "Name it with number_column" not in page.text
    assert re.search(r'<select id="number_column"[^>]*aria-invalid="true"', page.html)
    assert not any("Check" in text for form in page.forms for text, _n, _v in form.buttons)
    page = await visitor.press(page, "Read it again", number_column="where")
    assert "numbers in where" in page.text
    page = await settled(visitor, await visitor.press(page, "Check 3 rows", text="Hello"))
    assert "1 message will be sent" in page.text


async def test_where_nothing_can_be_sent_the_check_foretells_nothing_and_leads_back(
    server: Server, visit: Visit
) -> None:
    visitor = await visit()
    page = await upload(visitor, b"phone,name,time\n+99901000001,Ann\n+99901000002\n")
    page = await visitor.press(page, "Preview", text="Hi {name}")
    assert "No row of this list can be read. Check it to see why." in page.text
    page = await settled(visitor, await visitor.press(page, "Check 2 rows", text="Hi {name}"))
    assert "Nothing can be sent" in page.text
    assert "Each row has its reason below." in page.text
    assert "What it takes" not in page.text
    assert "So it reads" not in page.text
    assert "Take another list" in page.text


async def test_rows_of_a_program_are_counted_from_one_on_the_page_and_from_zero_for_the_program(
    server: Server, visit: Visit
) -> None:
    people = [{"to": "+99901000001"}, {"to": "none"}, {"to": "+99901000001"}]
    answer = await server.call("POST", "/api/v1/batches", {"text": "Hi", "recipients": people})
    assert [row["index"] for row in answer.json["rejected"]] == [1, 2]
    assert "(row 1, counted from 1)" in answer.json["rejected"][1]["detail"]
    visitor = await visit()
    page = (await visitor.get(f"/batches/{answer.json['id']}")).html
    assert re.findall(r'data-label="Row">([^<]*)<', page) == ["2", "3"]
    one = f"/api/v1/batches/{answer.json['id']}"
    assert [r["index"] for r in (await server.call("GET", f"{one}/rejected")).json["items"]] == [1, 2]
    file = (await visitor.get(f"{one}/rejected?format=csv")).html.splitlines()
    assert [line.split(",")[1] for line in file[1:]] == ["2", "3"]


async def test_a_row_that_cannot_be_read_shows_what_was_in_it(server: Server, visit: Visit) -> None:
    octets = b"phone,name\n+99901000001,Ann\n+99901000002,Bo,surplus\n"
    visitor = await visit()
    page = await upload(visitor, octets)
    page = await settled(visitor, await visitor.press(page, "Check 2 rows", text="Hello"))
    cells = re.findall(r'data-label="Number">(.*?)</td>', page.html)
    assert len(cells) == 1
    assert "+99901000002 · Bo · surplus" in cells[0]


async def test_API_3_of_very_many_rows_that_are_not_sent_the_file_has_the_first_and_says_so(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_jobs, "REJECTED_KEPT", 25)
    visitor = await visit()
    rows = "".join(f"{'0770' if number % 2 else f'+99901000{number:03d}'},Ann\n" for number in range(80))
    page = await upload(visitor, f"phone,name\n{rows}".encode())
    page = await settled(visitor, await visitor.press(page, "Check 80 rows", text="Hi {name}"))
    assert "40 rows will not be sent" in page.text
    assert "The file has the first 25 of them" in page.text
    file = await visitor.get(page.url.removeprefix(visitor.origin).replace("/check", "/rejected.csv"))
    assert [line.split(",")[3] for line in file.html.splitlines()[1:]] == [
        str(row) for row in range(2, 52, 2)
    ]


async def test_a_row_without_a_number_says_so_in_words(server: Server, visit: Visit) -> None:
    visitor = await visit()
    page = await upload(visitor, b"phone,name\n+99901000001,Ann\n,Bo\n")
    page = await settled(visitor, await visitor.press(page, "Check 2 rows", text="Hello"))
    (cell,) = re.findall(r'data-label="Number">(.*?)</td>', page.html)
    assert "nothing is written there" in cell

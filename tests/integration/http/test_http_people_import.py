"""Files of contacts over HTTP: CSV as a stream, vCards, workbooks; rows that are named, and files that are refused."""

from __future__ import annotations

import io
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from gateway.http import people_answers as answers
from gateway.http.contact_import import CSV, VCARD, XLSX
from tests.integration.http.api_server import Answer, Server

CONTACTS, IMPORT = "/api/v1/contacts", "/api/v1/contacts/import"
SUPPRESSIONS = "/api/v1/suppressions"
ANN, BOB, PLAYER = "+447911123456", "+447911123457", "+99900000001"
SCHOOL = f"""First name;Last name;Mobile;E-mail;Class;tag:year;Group
Ann;Moor;{ANN};ann@example.org;5B;2026;5B
Bob;Stein;+4477;;5B;2026;5B,choir
Cy;;;cy@example.org;;;
;;;;5B;2026;
Dora;Fell;{ANN};;;;
Bob;Stein;+44 7911 123457;;;2026;5B, choir
""".encode()


async def take(server: Server, body: bytes, kind: str = CSV, query: str = "", **more: Any) -> Answer:
    headers = {"Content-Type": kind, **more.pop("headers", {})}
    return await server.call("POST", IMPORT + query, body=body, headers=headers, **more)


def taken(answer: Answer) -> answers.ImportedContacts:
    assert answer.status == 200, answer.json
    return answers.ImportedContacts.model_validate(answer.json)


async def people(server: Server) -> dict[str, Any]:
    items = (await server.call("GET", f"{CONTACTS}?limit=500")).json["items"]
    return {one["name"]: one for one in items}


def workbook(*rows: list[Any]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for row in rows:
        sheet.append(row)
    octets = io.BytesIO()
    book.save(octets)
    return octets.getvalue()


async def test_a_csv_as_a_school_writes_it_becomes_contacts_and_bad_rows_are_named(server: Server) -> None:
    said = taken(await take(server, SCHOOL))
    assert (said.total, said.created, said.updated, said.unchanged, said.rejected_count) == (6, 3, 0, 0, 3)
    assert [(one.row, one.code) for one in said.rejected] == [
        (2, "invalid_number"), (4, "invalid_request"), (5, "conflict"),
    ]  # fmt: skip
    assert "Row 1" in said.rejected[2].detail
    assert said.columns_ignored == ["Class"]
    known = await people(server)
    assert known.keys() == {"Ann Moor", "Bob Stein", "Cy"}
    assert known["Bob Stein"]["number"] == BOB
    assert known["Bob Stein"]["groups"] == ["5B", "choir"]
    assert known["Ann Moor"]["tags"] == {"year": "2026"}
    assert known["Cy"]["email"] == "cy@example.org"


async def test_an_import_that_is_repeated_changes_nothing_and_update_changes_what_is_known(
    server: Server,
) -> None:
    first = f"name,number\nAnn,{ANN}\n".encode()
    assert taken(await take(server, first)).created == 1
    assert taken(await take(server, first)).unchanged == 1
    renamed = f"name,number,language\nAnn Moor,{ANN},de\n".encode()
    assert taken(await take(server, renamed)).unchanged == 1
    assert taken(await take(server, renamed, query="?update=true")).updated == 1
    assert (await people(server))["Ann Moor"]["language"] == "de"


async def test_a_rehearsal_says_what_would_be_done_and_does_nothing(server: Server) -> None:
    said = taken(await take(server, SCHOOL, query="?dry_run=true&group=all"))
    assert (said.created, said.rejected_count, said.dry_run) == (3, 3, True)
    assert await people(server) == {}
    assert (await server.call("GET", "/api/v1/groups")).json["items"] == []


async def test_everybody_in_a_file_joins_the_group_that_the_address_names(server: Server) -> None:
    await take(server, SCHOOL, query="?group=all")
    listed = await server.call("GET", f"{CONTACTS}?group=all")
    assert len(listed.json["items"]) == 3


async def test_attack_row_41_a_suppressed_number_that_is_imported_stays_suppressed(server: Server) -> None:
    await server.call("POST", SUPPRESSIONS, {"number": ANN, "source": "complaint"})
    assert taken(await take(server, SCHOOL, query="?update=true")).created == 3
    assert (await people(server))["Ann Moor"]["opted_out"] is True
    assert len((await server.call("GET", f"{SUPPRESSIONS}?active=true")).json["items"]) == 1


async def test_vcards_become_contacts_with_the_mobile_number(server: Server) -> None:
    cards = (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann Moor\r\nTEL;TYPE=HOME:+442079460000\r\n"
        f"TEL;TYPE=CELL:{ANN}\r\nEMAIL:ann@example.org\r\nCATEGORIES:5B,choir\r\nEND:VCARD\r\n"
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Nobody\r\nEND:VCARD\r\n"
    ).encode()
    said = taken(await take(server, cards, VCARD))
    assert (said.created, [one.row for one in said.rejected]) == (1, [2])
    ann = (await people(server))["Ann Moor"]
    assert (ann["number"], ann["email"], ann["groups"]) == (ANN, "ann@example.org", ["5B", "choir"])


async def test_a_workbook_becomes_contacts(server: Server) -> None:
    book = workbook(["Name", "Phone", "Email"], ["Ann Moor", ANN, None], ["Cy", None, "cy@example.org"])
    assert taken(await take(server, book, XLSX)).created == 2
    assert (await people(server))["Ann Moor"]["number"] == ANN


async def test_a_stream_of_thousands_is_kept_in_steps_while_others_are_served(server: Server) -> None:
    rows = "".join(f"Pupil {n},+4479111{n:05d}\n" for n in range(3_000))
    said = taken(await take(server, b"name,number\n" + rows.encode()))
    assert (said.total, said.created, said.rejected_count) == (3_000, 3_000, 0)


async def test_of_very_many_bad_rows_the_first_thousand_are_shown(server: Server) -> None:
    said = taken(await take(server, b"name,number\n" + b"x,+4477\n" * 1_500))
    assert (said.rejected_count, len(said.rejected)) == (1_500, 1_000)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"", CSV, "empty"),
        (b"name,class\nAnn,5B\n", CSV, "number"),
        (b"name,number,name\nAnn,1,2\n", CSV, "column 3"),
        (b'name,number\n"Ann,+447911123456\n', CSV, "1"),
        (b"PK\x03\x04rest", CSV, ""),
        (b"hello", VCARD, "BEGIN:VCARD"),
        (b"hello", XLSX, "workbook"),
        (workbook([]), XLSX, "empty"),
    ],
)
async def test_attack_row_22_a_file_that_cannot_be_read_is_refused_with_its_place(
    server: Server, body: bytes, kind: str, words: str
) -> None:
    answer = await take(server, body, kind)
    assert (answer.status, answer.code) == (422, "csv_invalid"), answer.json
    assert words in answer.json["detail"]
    assert await people(server) == {}


async def test_attack_row_22_a_file_that_breaks_off_says_how_much_of_it_was_kept(server: Server) -> None:
    rows = "".join(f"Pupil {n},+4479111{n:05d}\n" for n in range(4_000)).encode()
    answer = await take(server, b"name,number\n" + rows + b'"unclosed,' + b"x" * 70_000)
    assert (answer.status, answer.code) == (422, "csv_invalid")
    kept = (await server.call("GET", f"{CONTACTS}?q=pupil&limit=1")).json
    assert f"{4_000} rows before it were taken in" in answer.json["detail"]
    assert kept["items"][0]["name"] == "Pupil 3999"


async def test_a_file_of_another_type_or_packed_is_415_and_says_which_are_taken(server: Server) -> None:
    for headers in (
        {"Content-Type": "application/json"},
        {"Content-Type": "text/csv", "Content-Encoding": "gzip"},
        {"Content-Type": "text/csv; charset=rot_13"},
    ):
        answer = await server.call("POST", IMPORT, body=b"name,number\n", headers=headers)
        assert (answer.status, answer.code) == (415, "unsupported_media_type")
        assert "text/csv" in answer.headers["Accept"]


async def test_a_charset_that_is_said_is_believed(server: Server) -> None:
    body = f"name,number\nJosé,{ANN}\n".encode("cp1252")
    assert taken(await take(server, body, "text/csv; charset=ISO-8859-1")).created == 1
    assert "José" in await people(server)


async def test_KEY_7_a_sandbox_key_imports_sandbox_numbers_only(server: Server) -> None:
    body = f"name,number,email\nAnn,{ANN},\nPlayer,{PLAYER},\nMail,,a@example.org\n".encode()
    said = taken(await take(server, body, key=server.sandbox))
    assert (said.created, [one.code for one in said.rejected]) == (1, ["sandbox_only"] * 2)
    assert (await people(server)).keys() == {"Player"}


async def test_API_8_a_file_that_is_sent_twice_with_one_key_gets_the_first_answer(server: Server) -> None:
    headers = {"Idempotency-Key": "file-1"}
    first = await take(server, SCHOOL, headers=headers)
    again = await take(server, SCHOOL, headers=headers)
    assert again.octets == first.octets
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await take(server, SCHOOL + b"x", headers=headers)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    rehearsed = await take(server, SCHOOL, query="?dry_run=true", headers=headers)
    assert (rehearsed.status, rehearsed.code) == (422, "idempotency_key_reused")


async def test_a_body_that_stops_coming_is_given_up(make_server: Any) -> None:
    server = await make_server(settings={"body_timeout_s": 0.2})
    head = (
        f"POST {IMPORT} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {server.live}\r\n"
        "Content-Type: text/csv\r\nContent-Length: 1000\r\n\r\nname,number\n"
    )
    answer = await server.raw(head.encode())
    assert b"malformed_http" in answer

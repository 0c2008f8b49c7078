"""Proves that octets which are no text end as a refusal with words wherever pages read them, and that nobody holds a
connection open with a form that never comes whole."""

from __future__ import annotations

import pytest

from tests.integration.http.api_server import Server
from tests.integration.web.visits import MakeServer, Visit

ODD = (b"\xff\xfe", "é".encode(), b"\x80" * 50)
FORM = b"Content-Type: application/x-www-form-urlencoded"


def request(start: bytes, *lines: bytes, body: bytes = b"") -> bytes:
    length = [b"Content-Length: %d" % len(body)] if body else []
    ours = [b"Host: 127.0.0.1", b"Accept: text/html", b"Sec-Fetch-Site: same-origin", b"Connection: close"]
    return b"\r\n".join([start + b" HTTP/1.1", *ours, *lines, *length, b"", body])


async def status_of(server: Server, octets: bytes) -> int:
    return int((await server.raw(octets, timeout_s=5)).split(b" ", 2)[1])


@pytest.mark.parametrize("odd", ODD)
async def test_a_cookie_that_is_no_text_is_no_session(server: Server, odd: bytes) -> None:
    cookie = b"Cookie: gateway=" + odd
    assert await status_of(server, request(b"GET /", cookie)) == 303
    assert await status_of(server, request(b"GET /api/v1/lines", cookie)) == 401
    assert await status_of(server, request(b"GET /api/v1/events", cookie)) == 401
    assert await status_of(server, request(b"GET /help", cookie)) == 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, b"secret=\xff\xfe"),
        (FORM, b"secret=x&next=\xed\xa0\x80"),
    ],
    ids=["no UTF-8", "a surrogate"],
)
async def test_a_form_that_is_no_text_is_400_for_strangers_too(
    server: Server, kind: bytes, body: bytes
) -> None:
    assert await status_of(server, request(b"POST /sign-in", kind, body=body)) == 400


@pytest.mark.parametrize("charset", [b"utf-7", b"UTF-16", b"latin-1", b"rot_13", b"nosuch"])
async def test_a_form_in_another_charset_than_utf_8_is_415_and_no_octet_of_it_is_read(
    server: Server, charset: bytes
) -> None:
    other = request(b"POST /sign-in", FORM + b"; charset=" + charset, body=b"secret=+2AA-" + b"a" * 60)
    answer = await server.raw(other, timeout_s=5)
    assert answer.startswith(b"HTTP/1.1 415 "), answer[:200]
    assert b"UTF-8 only" in answer
    same = request(b"POST /sign-in", FORM + b'; charset="UTF-8"', body=b"secret=gwl_wrong")
    assert await status_of(server, same) == 403


async def test_octets_of_half_a_surrogate_pair_in_a_form_are_a_wrong_key_and_count_as_one(
    server: Server,
) -> None:
    half = request(b"POST /sign-in", FORM, body=b"secret=%ED%A0%80" + b"a" * 60)
    assert [await status_of(server, half) for _ in range(11)] == [403] * 10 + [429]


async def test_a_form_of_somebody_signed_in_that_is_no_text_is_400(server: Server, visit: Visit) -> None:
    token = (await visit()).cookies["gateway"].encode()
    odd = request(b"POST /sign-out", FORM, b"Cookie: gateway=" + token, body=b"form_token=\xff")
    assert await status_of(server, odd) == 400


async def test_a_compressed_form_is_refused_unopened(server: Server) -> None:
    packed = request(b"POST /sign-in", FORM, b"Content-Encoding: gzip", body=b"secret=x")
    assert await status_of(server, packed) == 415


async def test_API_4_a_form_that_does_not_come_whole_ends_the_connection(make_server: MakeServer) -> None:
    server = await make_server(settings={"body_timeout_s": 0.2})
    slow = request(b"POST /sign-in", FORM, b"Content-Length: 1000") + b"secret="
    answer = await server.raw(slow, timeout_s=6)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("odd", ODD)
async def test_a_list_asked_for_again_from_an_odd_row_is_shown_from_the_newest(
    server: Server, visit: Visit, odd: bytes
) -> None:
    token = (await visit()).cookies["gateway"].encode()
    again = request(b"GET /messages", b"Cookie: gateway=" + token, b"X-Regions: messages", b"X-Seen: " + odd)
    assert await status_of(server, again) == 200


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"])
async def test_a_handshake_that_is_no_text_is_refused(server: Server, name: str, odd: bytes) -> None:
    headers = {
        "Upgrade": b"websocket",
        "Connection": b"Upgrade",
        "Sec-WebSocket-Version": b"13",
        "Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ==",
        "Authorization": b"Bearer " + server.live.encode(),
    }
    lines = [each.encode() + b": " + value for each, value in (headers | {name: odd}).items()]
    start = b"GET /api/v1/events/ws HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    assert await status_of(server, start + b"\r\n".join([*lines, b"", b""])) == 400

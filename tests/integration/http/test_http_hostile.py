"""What must end as a 4xx problem with field and fix, never as a 500: bad JSON, bad framing, bad sizes, slowness."""

from __future__ import annotations

import asyncio
import gzip
import json
import re

import pytest

from gateway.http.app import ROUTES
from gateway.http.route import Route
from tests.harness.quickest import quickest_answer_s
from tests.integration.http.api_server import Server, ServerFactory

REAL = "+447911123456"
MESSAGES = "/api/v1/messages"

JSON = b"Content-Type: application/json"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
GOOD = b'{"to":"+447911123456","text":"hi"}'


def head(server: Server, *lines: bytes, start: bytes = b"POST /api/v1/messages HTTP/1.1") -> bytes:
    return b"\r\n".join(
        [start, b"Host: 127.0.0.1", b"Authorization: Bearer " + server.live.encode(), *lines, b"", b""]
    )


def is_problem(octets: bytes, status: int, code: str) -> bool:
    top, _, body = octets.partition(b"\r\n\r\n")
    problem = json.loads(body)
    lower = top.lower()
    return (
        top[:13] in (b"HTTP/1.0 %d " % status, b"HTTP/1.1 %d " % status)
        and problem["code"] == code
        and problem["status"] == status
        and bool(problem["detail"])
        and bool(problem["hint"])
        and b"content-type: application/problem+json" in lower
        and b"server: gateway\r\n" in lower + b"\r\n"
        and b"aiohttp" not in octets
        and b"python" not in octets.lower()
    )


# ------------------------------------------------------------------ JSON


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[" * 100_000, b'{"to":"1","text":"x","priority":' + b"9" * 5000 + b"}", GOOD + b" x",
        b"\xef\xbb\xbf" + GOOD, GOOD.decode().encode("utf-16"), b"\xff\xfe", b'{"to":"\xc0\x80"}',
        rb'{"to":"\ud800","text":"x"}', rb'{"to":"+447911123456","text":"\udc00"}',
        b'{"to":"+447911123456","text":"\xed\xa0\x80"}', b'{"a":' * 50_000,
    ],
    ids=range(13),
)  # fmt: skip
async def test_what_is_no_json_is_400_and_quick(server: Server, body: bytes) -> None:
    async def refused() -> None:
        answer = await server.call("POST", MESSAGES, body=body)
        assert (answer.status, answer.code) == (400, "malformed_json")

    assert await quickest_answer_s(refused, 0.5) < 0.5
    assert await server.stored() == 0


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"to": 447911123456}, "#/to"), ({"to": None}, "#/to"), ({"to": ["+44"]}, "#/to"),
        ({"text": 5}, "#/text"), ({"text": ""}, "#/text"), ({"text": "a\u0000b"}, "#/text"),
        ({"text": "a\tb"}, "#/text"), ({"text": "\u009b31m"}, "#/text"), ({"text": ["x"]}, "#/text"),
        ({"priority": "5"}, "#/priority"), ({"priority": 10}, "#/priority"), ({"priority": -1}, "#/priority"),
        ({"priority": 1.5}, "#/priority"), ({"priority": True}, "#/priority"),
        ({"flash": "yes"}, "#/flash"), ({"encoding": "utf-8"}, "#/encoding"), ({"max_parts": 0}, "#/max_parts"),
        ({"max_parts": 256}, "#/max_parts"), ({"valid_for_s": 59}, "#/valid_for_s"),
        ({"valid_for_s": 604_801}, "#/valid_for_s"), ({"send_at": "2026-11-21T09:00:00"}, "#/send_at"),
        ({"send_at": "2026-13-41T09:00:00Z"}, "#/send_at"), ({"send_at": 5}, "#/send_at"),
        ({"reference": "x" * 101}, "#/reference"), ({"reference": ""}, "#/reference"),
        ({"tags": {"a": 1}}, "#/tags/a"), ({"tags": {"a/b": "x" * 101}}, "#/tags/a~1b"),
        ({"tags": {str(n): "x" for n in range(21)}}, "#/tags"), ({"tags": []}, "#/tags"),
        ({"line": "x", "pool": "default"}, "#"), ({"pool": "No Such"}, "#/pool"),
        ({"data_base64": "AA==", "port": 1}, "#"), ({"on_doubt": "never"}, "#/on_doubt"),
        ({"purpose": "fun"}, "#/purpose"), ({"tenant": "other"}, "#/tenant"), ({"state": "delivered"}, "#/state"),
        ({"role": "admin"}, "#/role"), ({"from": "+447700900111"}, "#/from"), ({"template": "x"}, "#/template"),
        ({"id": "x"}, "#/id"), ({"to ": "x"}, "#/to "), ({"x\n\u001b": 1}, "#/x??"),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else None,
)  # fmt: skip
async def test_a_wrong_field_is_422_with_its_pointer(
    server: Server, change: dict[str, object], pointer: str
) -> None:
    answer = await server.send({"to": REAL, "text": "hi", **change})
    assert answer.status == 422
    assert answer.code in ("invalid_request", "send_at_invalid")
    assert answer.pointers() == [pointer]
    assert answer.json["detail"]
    assert answer.json["hint"]
    assert await server.stored() == 0


async def test_every_wrong_field_is_named_at_once(server: Server) -> None:
    answer = await server.send({"text": 5, "priority": 99, "colour": "red"})
    assert set(answer.pointers()) == {"#/to", "#/text", "#/priority", "#/colour"}
    near = await server.send({"to": REAL, "txt": "hi"})
    assert "did you mean text?" in near.json["detail"]


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null", b"NaN", b"1e999"])
async def test_json_that_is_no_object_is_refused(server: Server, body: bytes) -> None:
    answer = await server.call("POST", MESSAGES, body=body)
    assert answer.status in (400, 422)


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
async def test_numbers_that_are_none_are_refused_wherever_they_stand(server: Server, value: bytes) -> None:
    for member in (b"priority", b"valid_for_s", b"colour", b"tags"):
        answer = await server.call("POST", MESSAGES, body=GOOD[:-1] + b',"' + member + b'":' + value + b"}")
        assert (answer.status, answer.code) == (422, "invalid_request")


@pytest.mark.parametrize(
    "number",
    [
        "++447911123456", "+४४७९११", "+447911123456;ext=5", "*31#+447911123456", "tel:+447911123456", "", " ",
        "+", "0770", "+44", "٠٧٧٠", "＋447911123456", "+447911123456\n", "a" * 10, "1" * 100_000, "+1" + "2" * 30,
        "+000000000", "+44 (0) x", "' OR 1=1--", "+9990000000000000", "+210123456789",
    ],
    ids=range(21),
)  # fmt: skip
async def test_what_is_no_number_is_422_and_quick(server: Server, number: str) -> None:
    async def refused() -> None:
        answer = await server.send({"to": number, "text": "hi"})
        assert (answer.status, answer.code, answer.pointers()) == (422, "invalid_number", ["#/to"])
        assert answer.json["family"] == 100

    assert await quickest_answer_s(refused, 0.5) < 0.5


@pytest.mark.parametrize("number", ["112", "911", "999", "114", "116117", "+112", "1 1 2", "08", "000"])
async def test_nobody_texts_an_emergency_number(server: Server, number: str) -> None:
    answer = await server.send({"to": number, "text": "hi"})
    assert (answer.status, answer.code) == (403, "emergency_number")


async def test_an_unassigned_range_is_taken_with_a_warning(server: Server) -> None:
    answer = await server.send({"to": "+447700900123", "text": "hi"})
    assert (answer.status, answer.json["warnings"]) == (202, ["unassigned_range"])


# ------------------------------------------------------------------ types, sizes, coding


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=rot_13", "", "json",
     "application/json; charset=utf-16", "application/jsonx", "multipart/form-data; boundary=x"],
)  # fmt: skip
async def test_only_json_in_utf8_is_read(server: Server, kind: str) -> None:
    answer = await server.call("POST", MESSAGES, body=GOOD, headers={"Content-Type": kind})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert answer.headers["Accept"] == "application/json"


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
)
async def test_json_in_utf8_is_read_however_it_is_written(server: Server, kind: str) -> None:
    assert (await server.call("POST", MESSAGES, body=GOOD, headers={"Content-Type": kind})).status == 202


async def test_a_compressed_body_is_refused_unopened(server: Server) -> None:
    bomb = gzip.compress(b" " * 50_000_000)

    async def refused() -> None:
        answer = await server.call("POST", MESSAGES, body=bomb, headers={"Content-Encoding": "gzip"})
        assert (answer.status, answer.code) == (415, "unsupported_media_type")

    assert await quickest_answer_s(refused, 1.0) < 1.0


async def test_a_body_over_the_limit_is_413_by_its_length(server: Server) -> None:
    answer = await server.raw(head(server, JSON, b"Content-Length: 2000000"), timeout_s=3)
    assert is_problem(answer, 413, "body_too_large")


async def test_an_endless_chunked_body_is_413(server: Server) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    octets = head(server, JSON, b"Transfer-Encoding: chunked") + chunk * 40
    answer = await server.raw(octets, timeout_s=5)
    assert is_problem(answer, 413, "body_too_large")


# ------------------------------------------------------------------ framing


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: 34", b"Transfer-Encoding: chunked"],
        [b"Content-Length: 34", b"Content-Length: 35"],
        [b"Transfer-Encoding : chunked"],
        [b"Content-Length: x"],
        [b"Content-Length: -1"],
        [b"X: a", b" folded"],
        [b"X: a\x00b"],
        [b"Host: other"],
        [b"X-%d: 1" % n for n in range(5000)],
        [b"X: " + b"a" * 10_240],
        [b"bad header"],
    ],
    ids=["cl+te", "two lengths", "space before colon", "cl x", "cl -1", "obs-fold", "nul", "two hosts", "5000 headers",
         "10 kB header", "no colon"],
)  # fmt: skip
async def test_broken_framing_is_400_and_the_connection_ends(server: Server, lines: list[bytes]) -> None:
    answer = await server.raw(head(server, JSON, *lines) + GOOD, timeout_s=3)
    assert is_problem(answer, 400, "malformed_http"), answer[:300]
    assert answer.count(b"X-Request-Id: ") == 1
    assert await server.stored() == 0


@pytest.mark.parametrize(
    "octets",
    [
        b"GET /" + b"a" * 20_480 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\n\r\n",
        b"POST /api/v1/messages HTTP/1.1\nHost: 127.0.0.1\n\n",
    ],
    ids=["20 kB URL", "TLS hello", "HTTP/9.9", "nonsense", "no Host", "bare LF"],
)
async def test_what_is_no_request_is_400(server: Server, octets: bytes) -> None:
    answer = await server.raw(octets, timeout_s=3)
    assert is_problem(answer, 400, "malformed_http"), answer[:300]


async def test_a_chunk_of_garbage_in_a_body_is_400(server: Server) -> None:
    octets = head(server, JSON, b"Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n"
    answer = await server.raw(octets, timeout_s=3)
    assert is_problem(answer, 400, "malformed_http"), answer[:300]


async def test_an_unknown_expectation_is_refused_as_a_problem(server: Server) -> None:
    for start in (b"POST /api/v1/messages HTTP/1.1", b"POST /nope HTTP/1.1"):
        for expectation in (b"999-magic", b"\xff\xfe", "é".encode()):
            octets = head(server, b"Expect: " + expectation, b"Content-Length: 0", start=start)
            assert is_problem(await server.raw(octets, timeout_s=3), 400, "malformed_http")


async def test_a_client_that_asks_first_is_told_to_continue(server: Server) -> None:
    lines = [JSON, b"Expect: 100-continue", b"Connection: close", b"Content-Length: %d" % len(GOOD)]
    answer = await server.raw(head(server, *lines) + GOOD)
    assert answer.startswith(b"HTTP/1.1 100 ")
    assert b"HTTP/1.1 202 " in answer


async def test_a_request_cut_anywhere_stores_nothing_and_hurts_nobody(server: Server) -> None:
    whole = head(server, JSON, b"Content-Length: %d" % len(GOOD)) + GOOD
    for cut in range(1, len(whole), 7):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(whole[:cut])
        await writer.drain()
        writer.close()
    assert (await server.send({"to": REAL, "text": "hi"})).status == 202
    assert await server.stored() == 1


async def test_a_request_that_comes_byte_by_byte_is_served(server: Server) -> None:
    whole = head(server, JSON, b"Connection: close", b"Content-Length: %d" % len(GOOD)) + GOOD
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for octet in whole:
        writer.write(bytes([octet]))
        await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 202 ")


# ------------------------------------------------------------------ slowness and crowds


async def test_a_slow_head_is_closed_and_others_are_served(make_server: ServerFactory) -> None:
    server = await make_server(settings={"head_timeout_s": 0.2})
    assert await server.raw(b"POST /api/v1/messages HTTP/1.1\r\nHost: 127", timeout_s=3) == b""
    assert await server.raw(b"", timeout_s=3) == b""
    assert (await server.call("GET", "/health/live", key=None)).status == 200


async def test_a_second_head_on_a_connection_has_the_same_deadline(make_server: ServerFactory) -> None:
    server = await make_server(settings={"head_timeout_s": 0.3})
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await asyncio.wait_for(reader.readuntil(b'{"status":"ok"}'), 30)
    writer.write(b"GET /hea")
    assert await asyncio.wait_for(reader.read(), 30) == b""
    writer.close()


async def test_a_kept_connection_may_rest_between_requests(make_server: ServerFactory) -> None:
    server = await make_server(settings={"head_timeout_s": 0.2})
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for _ in range(2):
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b'{"status":"ok"}'), 30)
        await asyncio.sleep(0.4)
    writer.close()


async def test_a_slow_body_is_400_and_the_connection_ends(make_server: ServerFactory) -> None:
    server = await make_server(settings={"body_timeout_s": 0.2})
    octets = head(server, JSON, b"Content-Length: 34") + b'{"to"'
    answer = await server.raw(octets, timeout_s=6)
    assert is_problem(answer, 400, "malformed_http")
    assert await server.stored() == 0


async def test_a_connection_too_many_is_told_so(make_server: ServerFactory) -> None:
    server = await make_server(settings={"max_connections": 3})
    held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
    answer = await server.raw(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", timeout_s=3)
    assert is_problem(answer, 503, "overloaded")
    assert b"Retry-After: " in answer
    for _, writer in held:
        writer.close()
        await writer.wait_closed()
    async with asyncio.timeout(30):
        # A place is free once the server has seen one of them close.
        while not (await server.raw(LIVE)).startswith(b"HTTP/1.1 200 "):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_many_idle_connections_do_not_stop_the_others(server: Server) -> None:
    held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(500)]
    assert (await server.send({"to": REAL, "text": "hi"})).status == 202
    for _, writer in held:
        writer.close()


# ------------------------------------------------------------------ methods and answers as a whole


async def test_an_unknown_path_is_404_for_every_method(server: Server) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD"):
        answer = await server.call(method, "/api/v2/messages")
        assert answer.status == 404


async def test_a_wrong_method_is_405_and_names_the_right_ones(server: Server) -> None:
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        answer = await server.call(method, MESSAGES)
        assert (answer.status, answer.code) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == "GET, HEAD, POST"
        assert "Access-Control-Allow-Origin" not in answer.headers
    raw = await server.raw(b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", timeout_s=2)
    assert raw[9:12] in (b"400", b"404", b"405")


async def test_head_is_get_without_a_body(server: Server) -> None:
    for path in ("/health/live", "/api/v1/lines", "/problems/invalid_number"):
        got = await server.call("GET", path)
        bare = await server.call("HEAD", path)
        assert (bare.status, bare.octets) == (200, b"")
        assert bare.headers["Content-Length"] == got.headers["Content-Length"]


async def test_every_answer_has_the_headers_and_an_id(server: Server) -> None:
    for method, path, key in (
        ("GET", "/", None), ("GET", "/nope", None), ("GET", MESSAGES, ""), ("GET", MESSAGES, "wrong"),
        ("PUT", MESSAGES, ""), ("GET", "/docs", None),
    ):  # fmt: skip
        answer = await server.call(method, path, key=key)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Server"] == "gateway"
        assert len(answer.headers["X-Request-Id"]) == 36


async def test_a_request_id_is_kept_when_it_is_harmless(server: Server) -> None:
    for given, kept in (("abc-1.2_3", True), ("a b", False), ("x" * 65, False), ("a;b", False)):
        answer = await server.call("GET", "/nope", headers={"X-Request-Id": given})
        assert (answer.headers["X-Request-Id"] == given) is kept
        assert answer.json["instance"] == f"/requests/{answer.headers['X-Request-Id']}"


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.path}")
async def test_no_body_however_wrong_makes_a_500(make_server: ServerFactory, route: Route) -> None:
    server = await make_server()
    method = route.method
    path = re.sub(r"{\w+}", "%00%0a'\"<x>", route.path)
    for body in (
        None,
        b"",
        b"{}",
        b"[]",
        b"{",
        b"null",
        b'{"x":1}',
        b"\xff",
        rb'{"name":"\ud800"}',
        b"[" * 5000,
    ):
        for query in ("", "?limit=%00", "?x=%ff&x=%ff", "?cursor=%f0%9f%98%80"):
            if method in ("GET", "DELETE") and body is not None:
                continue
            if not query and route.media_type == "text/event-stream":
                continue  # that is a stream without end
            answer = await server.call(method, path + query, body=body)
            ours = answer.code in ("no_line_available", "device_error")
            assert answer.status < 500 or ours, (body, query, answer.json)
            if answer.status >= 400:
                assert answer.json["detail"]
                assert answer.json["hint"]


@pytest.mark.parametrize(
    "target",
    [b"//evil.example/", b"*", b"http://evil.example/", b"http://[::1", b"/%zz", b"/\xff\xfe", b"/..%2f..%2fetc",
     b"/a b", b"?x", b"evil.example:443", b"/api/v1/messages/%ff"],
)  # fmt: skip
async def test_an_odd_target_is_never_a_500(server: Server, target: bytes) -> None:
    for method in (b"GET", b"OPTIONS", b"CONNECT"):
        answer = await server.raw(
            head(server, b"Connection: close", start=method + b" " + target + b" HTTP/1.1")
        )
        assert answer[9:12] in (b"400", b"404", b"405", b"421"), answer[:200]
        assert b"application/problem+json" in answer


async def test_requests_in_one_segment_are_answered_in_order(server: Server) -> None:
    first = head(server, JSON, b"Content-Length: %d" % len(GOOD)) + GOOD
    last = head(server, JSON, b"Connection: close", b"Content-Length: 1") + b"{"
    answer = await server.raw(first + first + last)
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"202", b"202", b"400"]
    assert await server.stored() == 2


BEFORE_ALL, AFTER_ALL = "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59.9999Z"
HUGE = 10**20
UNKNOWN = "01935f0c-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        (f"reports/delivery?since={BEFORE_ALL}&until=1970-01-02T00:00:00Z", "#/since"),
        (f"reports/usage?since=9999-12-31T00:00:00Z&until={AFTER_ALL}", "#/until"),
        ("reports/cost?until=9999-12-31T23:59:59Z&timezone=Pacific/Auckland", "#/until"),
        (f"templates/{UNKNOWN}?version={HUGE}", "#/version"),
        (f"batches/{UNKNOWN}/rejected?after={HUGE}", "#/after"),
        (f"messages?until={AFTER_ALL}", "#/until"),
    ],
)
async def test_times_and_numbers_that_nothing_can_hold_are_refused_in_an_address(
    server: Server, query: str, pointer: str
) -> None:
    refused = await server.call("GET", f"/api/v1/{query}")
    assert (refused.status, refused.pointers()) == (422, [pointer]), refused.json


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("messages", {"to": "+99900000001", "text": "x", "send_at": "0001-01-01T00:00:00+14:00"}, "#/send_at"),
        ("consents", {"number": "+99900000001", "purpose": "marketing", "source": "form", "expires_at": AFTER_ALL},
         "#/expires_at"),
        (f"templates/{UNKNOWN}/preview", {"rows": [{}], "version": HUGE}, "#/version"),
        ("schedules", {"rrule": "FREQ=DAILY", "start": "2027-01-01T09:00:00", "timezone": "UTC",
                       "message": {"to": "+99900000001", "template_id": "x", "template_version": HUGE}},
         "#/message/template_version"),
        ("groups", {"name": "  "}, "#/name"),
        ("templates", {"name": " ", "texts": {"en": "x"}}, "#/name"),
        ("keys", {"name": " ", "scopes": ["ussd"]}, "#/name"),
        ("contacts", {"email": "ann@example.org", "groups": [" "]}, "#/groups/0"),
    ],
)  # fmt: skip
async def test_times_numbers_and_names_that_nothing_can_show_are_refused(
    server: Server, path: str, body: dict[str, object], pointer: str
) -> None:
    refused = await server.call("POST", f"/api/v1/{path}", body)
    assert (refused.status, refused.pointers()) == (422, [pointer]), refused.json

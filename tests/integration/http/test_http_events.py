"""Events over server-sent events and WebSockets: what is told, to whom, and from where.

Source: the HTTP interface; rules KEY-6, KEY-7, TEN-1, TEN-2, WHK-2, PRV-1; attack row 9.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from gateway.http.services import StreamSettings
from tests.harness.event_reader import Kind
from tests.integration.http.api_server import TENANT, Server, ServerFactory
from tests.integration.http.event_streams import BOTH, REAL, SSE, WS, committed, emit, reader, receive, seqs

DAY_S = 86_400


@BOTH
async def test_a_stream_tells_what_is_committed_from_now_on(server: Server, kind: Kind) -> None:
    await emit(server, 3)
    async with reader(server, kind) as stream:
        await stream.beat()
        sent = await server.send({"to": REAL, "text": "Hello", "tags": {"class": "5B"}})
        event = await stream.one()
        assert set(event) == {"id", "type", "timestamp", "data"}
        assert event["type"] == "message.queued"
        assert event["data"] == {**sent.json, "from": None}
        (row,) = [one for one in await committed(server) if one.id == event["id"]]
        assert stream.cursor == row.seq


@BOTH
async def test_who_comes_back_with_a_cursor_misses_nothing_and_hears_nothing_twice(
    server: Server, kind: Kind
) -> None:
    stream = reader(server, kind)
    await stream.open()
    await stream.beat()
    await emit(server, 5)
    await stream.many(3)
    stream.cut()
    await emit(server, 4)
    await stream.open()
    await emit(server, 2)
    await stream.many(8)
    await stream.close()
    assert [cursor for cursor, _ in stream.told] == (await seqs(server))[-11:]


@BOTH
async def test_who_is_cut_before_its_first_event_resumes_where_it_began(server: Server, kind: Kind) -> None:
    stream = reader(server, kind)
    await stream.open()
    began = await stream.beat()
    stream.cut()
    await emit(server, 1)
    await stream.open()
    await stream.one()
    await stream.close()
    assert stream.told[0][0] == began + 1


@BOTH
async def test_after_0_begins_at_the_oldest_event_that_is_kept(server: Server, kind: Kind) -> None:
    await emit(server, 450)
    everything = await seqs(server)
    async with reader(server, kind, cursor=0) as stream:
        await stream.many(len(everything))
    assert [cursor for cursor, _ in stream.told] == everything


async def test_the_last_event_id_of_a_browser_goes_before_the_address_it_was_given(server: Server) -> None:
    await emit(server, 3)
    last = (await seqs(server))[-1]
    async with server.session.get(
        f"http://127.0.0.1:{server.port}{SSE}?after=0",
        headers={"Authorization": f"Bearer {server.live}", "Last-Event-ID": str(last - 1)},
    ) as response:
        told = b""
        while b"data:" not in told:
            told += await response.content.readany()
    assert told.count(b"event:") == 1
    assert f"id: {last}\nevent: policy.alert\n".encode() in told


@pytest.mark.parametrize("path", [SSE, WS])
@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 19, "0x10", "%D9%A1"])
async def test_what_is_no_cursor_is_refused(server: Server, path: str, cursor: str) -> None:
    for address, headers in ((f"{path}?after={cursor}", {}), (path, {"Last-Event-ID": cursor})):
        answer = await server.call("GET", address, headers=headers)
        assert (answer.status, answer.code) == (400, "invalid_cursor")


# ------------------------------------------------------------------ filters


@BOTH
async def test_filters_narrow_what_is_told(server: Server, kind: Kind) -> None:
    assert server.real is not None
    wanted = {"to": REAL, "text": "Hello", "tags": {"class": "5B", "kind": "trip"}, "line": "Office"}
    one = (await server.send(wanted)).json["id"]
    await server.send({**wanted, "tags": {"class": "5B"}})
    batch = await server.call("POST", "/api/v1/batches", {"text": "Hi", "recipients": [{"to": REAL}]})
    await server.call("DELETE", f"/api/v1/batches/{batch.json['id']}")
    await emit(server, 1)

    async def told(narrowed: str, count: int) -> list[dict[str, Any]]:
        async with reader(server, kind, cursor=0, narrowed=narrowed) as stream:
            events = await stream.many(count)
            server.clock.ahead_s += 31
            assert await stream.beat() >= (await seqs(server))[-1]
            assert len(stream.told) == count
            return events

    assert {e["type"] for e in await told("type=policy.*", 1)} == {"policy.alert"}
    assert [e["data"]["id"] for e in await told("tag=class=5B&tag=kind=trip", 1)] == [one]
    both = await told(f"line={server.real.id}&type=message.queued,message.held", 2)
    assert {e["data"]["line"] for e in both} == {server.real.id}
    of_batch = await told(f"batch={batch.json['id']}", 2)
    assert [e["type"] for e in of_batch] == ["batch.started", "batch.cancelled"]
    up = await told(f"line={server.real.id}&type=line.*", 1)
    assert up[0]["data"]["id"] == server.real.id


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("type=message.unknown", "#/type/0"), ("tag=class", "#/tag/0"), ("lines=1", "#/lines")],
)
@pytest.mark.parametrize("path", [SSE, WS])
async def test_a_filter_that_means_nothing_is_refused(
    server: Server, path: str, query: str, pointer: str
) -> None:
    answer = await server.call("GET", f"{path}?{query}")
    assert (answer.status, answer.code, answer.pointers()) == (422, "invalid_request", [pointer])


@pytest.mark.parametrize(("kind", "after_s"), [("sse", 15), ("ws", 30)])
async def test_a_quiet_stream_shows_that_it_lives_and_moves_its_cursor(
    server: Server, kind: Kind, after_s: int
) -> None:
    async with reader(server, kind, narrowed="type=line.down") as stream:
        began = await stream.beat()
        await emit(server, 3)
        server.clock.ahead_s += after_s + 0.5
        assert await stream.beat() == began + 3
        assert stream.told == []


# ------------------------------------------------------------------ who may see what


@BOTH
async def test_TEN_1_and_KEY_7_a_stream_has_only_what_its_key_may_see(server: Server, kind: Kind) -> None:
    other = await server.key(tenant="other")
    await server.send({"to": REAL, "text": "live"})
    await server.send({"to": "+99900000001", "text": "play"}, key=server.sandbox)
    await server.store.emit("other", "policy.alert", {"kind": "theirs"})
    await server.send({"to": "+99900000002", "text": "play"}, key=server.sandbox)
    everything = await committed(server)

    async with reader(server, kind, key=other, cursor=0) as theirs:
        assert (await theirs.one())["data"] == {"kind": "theirs"}
    async with reader(server, kind, key=server.sandbox, cursor=0) as play:
        sandboxed = [e for e in everything if e.sandbox]
        assert [e["id"] for e in await play.many(len(sandboxed))] == [e.id for e in sandboxed]
    async with reader(server, kind, cursor=0) as live:
        assert [e["id"] for e in await live.many(len(everything))] == [e.id for e in everything]
    # Also what comes while all three listen.
    streams = [reader(server, kind, key=key) for key in (other, server.sandbox, server.live)]
    for stream in streams:
        await stream.open()
        await stream.beat()
    await emit(server, 1)
    await server.send({"to": "+99900000001", "text": "play"}, key=server.sandbox)
    await server.store.emit("other", "policy.alert", {"kind": "theirs"})
    assert (await streams[0].one())["data"] == {"kind": "theirs"}
    assert (await streams[1].one())["data"]["to"] == "+99900000001"
    assert [e["type"] for e in await streams[2].many(2)] == ["policy.alert", "message.queued"]
    for stream in streams:
        await stream.close()


@BOTH
async def test_KEY_6_texts_are_told_only_to_keys_that_may_read_them(server: Server, kind: Kind) -> None:
    texts = {
        ("events:read",): (None, None),
        ("events:read", "messages:read"): ("out", None),
        ("events:read", "inbound:read"): (None, "in"),
        ("events:read", "messages:read", "inbound:read"): ("out", "in"),
    }
    streams = [(reader(server, kind, key=await server.key(*scopes)), told) for scopes, told in texts.items()]
    for stream, _ in streams:
        await stream.open()
        await stream.beat()
    await server.send({"to": REAL, "text": "out"})
    await receive(server, "in")
    for stream, told in streams:
        sent, received = await stream.many(2)
        assert (sent["type"], received["type"]) == ("message.queued", "message.received")
        assert (sent["data"]["text"], received["data"]["text"]) == told
        await stream.close()


@BOTH
async def test_WHK_2_an_event_that_is_too_large_is_cut_to_its_ids(server: Server, kind: Kind) -> None:
    async with reader(server, kind) as stream:
        await stream.beat()
        await server.store.emit(TENANT, "policy.alert", {"id": "a", "key_id": "k", "said": "x" * 21_000})
        assert (await stream.one())["data"] == {"id": "a", "key_id": "k", "truncated": True}


# ------------------------------------------------------------------ what is no longer there


@BOTH
async def test_PRV_1_who_comes_back_too_late_learns_that_something_was_dropped(
    server: Server, kind: Kind
) -> None:
    sent = (await server.send({"to": REAL, "text": "Hello"})).json["id"]
    await emit(server, 600)
    old = (await seqs(server))[1]
    server.clock.ahead_s += 91 * DAY_S
    await emit(server, 2)
    await server.store.prune()
    kept = (await seqs(server))[-2:]
    async with reader(server, kind, cursor=old) as stream:
        told = await stream.one()
        assert told["type"] == "stream.gap"
        assert told["data"] == {"reason": "expired", "after": old, "continues_after": kept[0] - 1}
        assert stream.told[0][0] == kept[0] - 1
        await stream.many(2)
        assert [cursor for cursor, _ in stream.told[1:]] == kept
    async with reader(server, kind, cursor=0) as stream:
        await stream.many(2)
        assert [cursor for cursor, _ in stream.told] == kept
    message = await server.call("GET", f"/api/v1/messages/{sent}")
    assert [hop["type"] for hop in message.json["timeline"]] == ["message.queued"]


@BOTH
async def test_a_cursor_newer_than_all_events_is_told_to_be_unknown(server: Server, kind: Kind) -> None:
    newest = (await seqs(server))[-1]
    async with reader(server, kind, cursor=newest + 1000) as stream:
        told = await stream.one()
        assert told["data"] == {"reason": "unknown", "after": newest + 1000, "continues_after": newest}
        await emit(server, 1)
        assert (await stream.one())["type"] == "policy.alert"
        assert stream.told[-1][0] == newest + 1


# ------------------------------------------------------------------ many


async def test_streams_are_limited_for_each_key_and_in_all(make_server: ServerFactory) -> None:
    limits = StreamSettings(streams_per_key_max=2, streams_max=3)
    server = await make_server(settings={"streams": limits})
    other = await server.key()
    open_streams = [reader(server, kind) for kind in ("sse", "ws")]
    for stream in open_streams:
        await stream.open()
    for path, headers in ((SSE, {}), (WS, handshake())):
        refused = await server.call("GET", path, headers=headers)
        assert (refused.status, refused.code) == (429, "rate_limited")
        assert refused.headers["Retry-After"] == "5"
    third = reader(server, "ws", key=other)
    await third.open()
    last = await server.call("GET", SSE, key=await server.key())
    assert (last.status, last.code) == (429, "rate_limited")
    await third.close()
    await open_streams[0].close()

    async def room_again() -> None:
        while True:
            try:
                await open_streams[0].open()
            except aiohttp.ClientResponseError:
                await asyncio.sleep(0.05)
            else:
                return

    async with asyncio.timeout(30):
        await room_again()
    for stream in open_streams:
        await stream.close()


def handshake() -> dict[str, str]:
    return {
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }  # fmt: skip


async def test_many_streams_with_and_without_filters_hear_the_same_in_order(
    make_server: ServerFactory,
) -> None:
    server = await make_server(settings={"streams": StreamSettings(streams_per_key_max=60)})
    streams = [
        reader(server, kind, narrowed=narrowed)
        for kind in ("sse", "ws") for narrowed in ("", "type=policy.*", "type=webhook.dead") for _ in range(7)
    ]  # fmt: skip
    for stream in streams:
        await stream.open()
        await stream.beat()
    await asyncio.gather(
        emit(server, 700), emit(server, 700, "webhook.dead"), *(s.many(700, 30.0) for s in streams)
    )
    rows = await committed(server)
    for stream in streams:
        if not stream.narrowed:
            await stream.many(700)
        pattern = stream.narrowed.removeprefix("type=").rstrip("*")
        expected = [row.seq for row in rows if row.type.startswith(pattern or ("policy.", "webhook."))]
        assert [cursor for cursor, _ in stream.told] == expected
        await stream.close()

"""Owns: what a hostile receiver or name can do to the sender. Nothing but fail."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.store.rows import WebhookRow
from gateway.webhooks import TargetRules, WebhookSettings
from gateway.webhooks.networks import NEVER_REACHED
from tests.integration.webhooks_bench import Bench, Receiver, all_are, bench, listening, ok
from tests.peers.authority import authority

METADATA = "169.254.169.254"
_connected: list[object] = []
_listening_to_connects = False


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and _listening_to_connects:
        _connected.append(arguments[1])


sys.addaudithook(_hear)


@pytest.fixture
def connected() -> Iterator[list[object]]:
    """Every address that a socket of this process is connected to, as the interpreter itself reports it."""
    global _listening_to_connects  # noqa: PLW0603  an audit hook stays for the life of the process
    _connected.clear()
    _listening_to_connects = True
    yield _connected
    _listening_to_connects = False


class Names(AbstractResolver):
    """Answers of a name server, one list after the other; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in answer
        ]

    async def close(self) -> None:
        return None


async def dead_letter(at: Bench, hook: WebhookRow) -> str:
    await at.message()
    await at.until(hook, lambda rows: bool(rows) and rows[-1].state == "dead")
    return str((await at.rows(hook))[-1].last_error)


SAID = {
    **NEVER_REACHED,
    "odd_address": "is an odd spelling of an address",
    "adb_port": "belongs to Android's debug bridge",
    "own_port": "is the gateway itself",
    "public_http": "is public: use https",
    "userinfo": "the URL names a user",
    "scheme": "must begin with https:// or http://",
}
"""What a refusal says, by its rule."""


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://169.254.169.254/latest/meta-data", "metadata"),
        ("http://[::ffff:a9fe:a9fe]/", "metadata"),
        ("http://0x7f.1/", "odd_address"),
        ("http://2130706433/", "odd_address"),
        ("http://①②⑦.0.0.1/", "odd_address"),
        ("http://[::]/", "unspecified"),
        ("http://127.0.0.1:5037/", "adb_port"),
        ("http://localhost:5555/", "adb_port"),
        ("http://user@127.0.0.1:9/", "userinfo"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://127.0.0.1/", "scheme"),
    ],
)
async def test_a_refused_target_is_a_dead_letter_that_names_the_rule(
    tmp_path: Path, url: str, rule: str, connected: list[object]
) -> None:
    async with bench(tmp_path) as at:
        said = await dead_letter(at, await at.subscribe(url))
        assert SAID[rule] in said
        assert connected == []


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        (METADATA, "metadata"),
        ("::ffff:169.254.169.254", "metadata"),
        ("64:ff9b::a9fe:a9fe", "metadata"),
        ("2002:a9fe:a9fe::1", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("0.0.0.0", "unspecified"),
        ("fe80::1", "link_local"),
        ("93.184.215.14", "public_http"),
    ],
)
async def test_a_name_that_resolves_to_a_refused_address_is_stopped_before_the_socket(
    tmp_path: Path, address: str, rule: str, connected: list[object]
) -> None:
    async with bench(tmp_path, resolver=Names([address])) as at:
        said = await dead_letter(at, await at.subscribe("http://rebind.example/hook"))
        assert SAID[rule] in said
        assert connected == []


async def test_a_name_that_resolves_well_first_and_badly_later_is_stopped_at_the_second_connect(
    tmp_path: Path, connected: list[object]
) -> None:
    async def once(request: web.Request) -> web.StreamResponse:
        response = web.Response()
        response.force_close()
        return response

    names = Names(["127.0.0.1"], [METADATA])
    async with listening(Receiver(answer=once)) as receiver, bench(tmp_path, resolver=names) as at:
        hook = await at.subscribe(f"http://rebind.example:{receiver.port}/hook")
        await at.message()
        await at.until(hook, all_are("delivered", 1))
        assert SAID["metadata"] in await dead_letter(at, hook)
        assert connected == [("127.0.0.1", receiver.port)]


async def test_a_name_with_a_bad_and_a_good_address_reaches_only_the_good_one(
    tmp_path: Path, connected: list[object]
) -> None:
    names = Names([METADATA, "127.0.0.1"])
    async with listening(Receiver()) as receiver, bench(tmp_path, resolver=names) as at:
        hook = await at.subscribe(f"http://two.example:{receiver.port}/hook")
        await at.message()
        await at.until(hook, all_are("delivered", 1))
        assert connected == [("127.0.0.1", receiver.port)]


async def test_the_gateways_own_port_is_refused_by_any_name(tmp_path: Path, connected: list[object]) -> None:
    async with listening(Receiver()) as receiver:
        settings = WebhookSettings(targets=TargetRules(own_ports=frozenset({receiver.port})))
        async with bench(tmp_path, settings, resolver=Names(["127.0.0.1"])) as at:
            for host in ("127.0.0.1", "me.example"):
                said = await dead_letter(at, await at.subscribe(f"http://{host}:{receiver.port}/hook"))
                assert SAID["own_port"] in said
        assert receiver.got == []
        assert connected == []


async def test_a_redirect_to_the_metadata_service_is_a_failure_and_is_not_followed(
    tmp_path: Path, connected: list[object]
) -> None:
    async def away(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": f"http://{METADATA}/"})

    async with listening(Receiver(answer=away)) as receiver, bench(tmp_path) as at:
        hook = await at.subscribe(receiver.url)
        await at.message()
        await at.until(hook, lambda rows: rows[0].attempt == 1)
        row = (await at.rows(hook))[0]
        assert (row.state, row.last_status) == ("pending", 302)
        assert "redirect" in str(row.last_error)
        assert connected == [("127.0.0.1", receiver.port)]


async def test_of_a_ten_megabyte_answer_little_is_read(tmp_path: Path) -> None:
    sent = 0
    ended = asyncio.Event()

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(160):
                await response.write(b"x" * 65_536)
                sent += 65_536
        finally:
            ended.set()
        return response

    async with listening(Receiver(answer=flood)) as receiver, bench(tmp_path) as at:
        hook = await at.subscribe(receiver.url)
        await at.message()
        await at.until(hook, all_are("delivered", 1))
        async with asyncio.timeout(30):
            await ended.wait()
        assert sent < 8_000_000, "the rest stayed with the sender: kernel buffers hold what was written"


@contextlib.asynccontextmanager
async def dripping(octets: bytes) -> AsyncIterator[int]:
    """Serve ``octets`` one by one, slowly, on a port of loopback."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            for octet in octets:
                writer.write(bytes([octet]))
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_headers_that_drip_end_with_the_time_for_an_answer(tmp_path: Path) -> None:
    settings = WebhookSettings(request_timeout_s=0.5)
    async with dripping(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000) as port, bench(tmp_path, settings) as at:
        hook = await at.subscribe(f"http://127.0.0.1:{port}/")
        await at.message()
        began = time.monotonic()
        await at.until(hook, lambda rows: rows[0].attempt == 1)
        assert time.monotonic() - began < 15
        assert (await at.rows(hook))[0].last_error == "no answer within 0.5 s"


async def test_a_body_that_drips_keeps_its_place_for_a_second_and_the_status_counts(tmp_path: Path) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x")
                await asyncio.sleep(0.2)
        return response

    async with listening(Receiver(answer=drip)) as receiver, bench(tmp_path) as at:
        hook = await at.subscribe(receiver.url)
        await at.message()
        began = time.monotonic()
        await at.until(hook, all_are("delivered", 1))
        assert time.monotonic() - began < 15


async def test_a_cookie_is_not_sent_back(tmp_path: Path) -> None:
    async def cookie(request: web.Request) -> web.StreamResponse:
        response = web.Response()
        response.set_cookie("session", "42", path="/")
        return response

    async with listening(Receiver(answer=cookie)) as receiver, bench(tmp_path) as at:
        hook = await at.subscribe(receiver.url)
        await at.message("one")
        await at.until(hook, all_are("delivered", 1))
        await at.message("two")
        await at.until(hook, all_are("delivered", 2))
        assert all("cookie" not in got.headers for got in receiver.got)


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * 100_000 + b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"",
    ],
    ids=["100 kB header", "another protocol", "no length", "nothing"],
)
async def test_what_is_no_http_is_a_failure_in_words(tmp_path: Path, octets: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(octets)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with bench(tmp_path) as at:
        hook = await at.subscribe(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        await at.message()
        await at.until(hook, lambda rows: rows[0].attempt == 1)
        row = (await at.rows(hook))[0]
        assert (row.state, row.last_status) == ("pending", None)
        assert row.last_error in (
            "the answer is not HTTP, or its headers are too long",
            "the receiver closed the connection without an answer",
        )
    server.close()


async def test_a_proxy_of_the_environment_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(Receiver()) as receiver, bench(tmp_path) as at:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        hook = await at.subscribe(receiver.url)
        await at.message()
        await at.until(hook, all_are("delivered", 1))


async def test_a_huge_text_is_cut_to_the_ids(tmp_path: Path) -> None:
    async with listening(Receiver()) as receiver, bench(tmp_path) as at:
        await at.subscribe(receiver.url)
        message_id = await at.message("x" * 30_000)
        said = json.loads((await receiver.next()).body)
        assert said["type"] == "message.queued"
        assert said["data"]["id"] == message_id
        assert said["data"]["truncated"] is True
        assert "text" not in said["data"]


@pytest.mark.parametrize("trusted", [True, False], ids=["listed in ca_file", "unknown"])
async def test_a_private_authority_is_trusted_only_when_its_file_is_given(
    tmp_path: Path, trusted: bool
) -> None:
    public, context = authority(tmp_path)
    settings = WebhookSettings(ca_file=public if trusted else None)
    receiver = Receiver(answer=ok)
    async with listening(receiver, context), bench(tmp_path, settings) as at:
        hook = await at.subscribe(receiver.url.replace("http:", "https:"))
        await at.message()
        if trusted:
            await at.until(hook, all_are("delivered", 1))
        else:
            await at.until(hook, lambda rows: rows[0].attempt == 1)
            assert "certificate" in str((await at.rows(hook))[0].last_error)
            assert receiver.got == []


async def test_a_name_that_does_not_resolve_is_tried_again_later(tmp_path: Path) -> None:
    class Silent(Names):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            raise socket.gaierror(socket.EAI_NONAME, "unknown name")

    async with bench(tmp_path, resolver=Silent([])) as at:
        hook = await at.subscribe("https://nowhere.example/")
        await at.message()
        await at.until(hook, lambda rows: rows[0].attempt == 1)
        row = (await at.rows(hook))[0]
        assert (row.state, row.last_error) == ("pending", "the host's name does not resolve")


async def test_the_systems_resolver_finds_a_name_and_says_when_there_is_none(tmp_path: Path) -> None:
    async with listening(Receiver()) as receiver, bench(tmp_path) as at:
        hook = await at.subscribe(f"http://localhost:{receiver.port}/hook")
        await at.message()
        await at.until(hook, all_are("delivered", 1))
        nowhere = await at.subscribe(f"https://{'a' * 64}.invalid/")
        await at.message()
        await at.until(nowhere, lambda rows: bool(rows) and rows[0].attempt == 1)
        assert "resolve" in str((await at.rows(nowhere))[0].last_error)

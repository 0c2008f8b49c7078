"""Proves that a batch whose client, disk or queue fails in the middle leaves nothing, and costs nobody a place.

The database file is read from outside; nothing is restarted unless a test says so.
Source: rules API-3, API-8; attack list rows 7 and 22; "all or nothing, resumed on start, nothing twice".
"""

from __future__ import annotations

import asyncio
import resource
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from tests.crash.batch_ledger import StoreFile, check_whole
from tests.crash.ledger import Verdict
from tests.harness.gateway_process import GatewayProcess, until
from tests.integration.test_faults_database import ONE_PAGE, heals, limit_files
from tests.integration.whole import QUIET, MakeAir, MakeGateway, modems
from tests.peers.mail_peer import MailPeer, mail_server

PATH = "/api/v1/batches"
HOME = '[policy]\nhome_countries = ["GB"]\n'
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of a socket whose close is a RST."""
ROWS = 4_000
GONE_S = 5.0


def rows(first: int, count: int) -> bytes:
    return "".join(f"+4477009{row:05d},child {row}\n" for row in range(first, first + count)).encode()


FILE = b"number,name\n" + rows(0, ROWS)


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


def file_of(server: GatewayProcess) -> StoreFile:
    return StoreFile(server.data_dir / "gateway.db")


async def nothing_left(server: GatewayProcess) -> None:
    """Wait until no row of any batch is there, whole or half."""
    store = file_of(server)
    left = "SELECT (SELECT count(*) FROM batch) + (SELECT count(*) FROM message)"
    await until(lambda: store.rows(left) == [(0,)], "nothing is left of the batch", GONE_S, 0.02)
    verdict = Verdict()
    check_whole(verdict, store)
    verdict.raise_if_wrong("of a batch that was not to be")


async def received(server: GatewayProcess, at_least: int) -> None:
    store = file_of(server)
    await until(
        lambda: store.rows("SELECT count(*) FROM message")[0][0] >= at_least, f"{at_least} rows are stored"
    )


async def post(server: GatewayProcess, body: Any, key: str, **query: str) -> tuple[int, dict[str, Any]]:
    headers = {
        "Authorization": f"Bearer {server.live}",
        "Content-Type": "text/csv",
        "Idempotency-Key": key,
    }
    params = {"text": "Hi {name}", **query}
    async with (
        aiohttp.ClientSession() as session,
        session.post(server.url + PATH, data=body, params=params, headers=headers) as got,
    ):
        return got.status, await got.json()


@dataclass
class HalfSent:
    """The line of a client that has sent a part of its request."""

    writer: asyncio.StreamWriter

    def cut(self, *, reset: bool) -> None:
        if reset:
            line = self.writer.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.writer.transport.abort()
        else:
            self.writer.close()


@asynccontextmanager
async def half_sent(server: GatewayProcess, head: str, body: bytes) -> AsyncIterator[HalfSent]:
    """Open a request and send so much of its body."""
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    try:
        own = f"Host: {host}\r\nAuthorization: Bearer {server.live}\r\nIdempotency-Key: cut\r\n"
        writer.write(f"{head}{own}\r\n".encode() + body)
        await writer.drain()
        yield HalfSent(writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def chunk(octets: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(octets), octets)


CSV_HEAD = (
    f"POST {PATH}?text=Hi%20%7Bname%7D HTTP/1.1\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n"
)
CUTS = {
    "before the first octet": b"",
    "after the heading": chunk(FILE[:12]),
    "within a row": chunk(FILE[:4_000]),
    "within a chunk": chunk(FILE)[:-9_000],
    "after the last row": chunk(FILE),
}


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("where", CUTS)
async def test_API_3_a_file_whose_sender_vanishes_is_dropped_at_once(
    make_gateway: MakeGateway, make_air: MakeAir, where: str, reset: bool
) -> None:
    air = await make_air(lines=1)
    server = await make_gateway(QUIET + HOME + modems(*air.ports.values()), lines_up=1)
    async with half_sent(server, CSV_HEAD, CUTS[where]) as client:
        store = file_of(server)
        await until(lambda: store.rows("SELECT count(*) FROM batch") == [(1,)], "it is being received")
        if len(CUTS[where]) > 70_000:
            await received(server, 100)
        client.cut(reset=reset)
        await nothing_left(server)
    # The same file with the same key, whole: nothing stands in its way.
    status, batch = await post(server, FILE, "cut")
    assert (status, batch.get("accepted")) == (202, ROWS), batch
    assert "Traceback" not in server.complaints


async def test_API_3_half_of_a_json_body_makes_no_batch(make_gateway: MakeGateway) -> None:
    server = await make_gateway(QUIET, simulate=1, lines_up=1)
    body = b'{"text": "Hi", "recipients": [{"to": "+99900000001"}, {"to": "+99900000002"}]}'
    head = f"POST {PATH} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    async with half_sent(server, head, body[:-1]) as client:
        client.cut(reset=True)
        await nothing_left(server)
    assert "Traceback" not in server.complaints


async def test_PMP_2_what_was_half_received_counts_against_nobody(
    make_gateway: MakeGateway, make_air: MakeAir
) -> None:
    """One text an hour to each number: those of a batch that is not to be were none."""
    air = await make_air(lines=1)
    guard = "[[guard]]\nper_recipient_per_hour = 1\n"
    server = await make_gateway(QUIET + HOME + guard + modems(*air.ports.values()), lines_up=1)
    async with half_sent(server, CSV_HEAD, chunk(FILE)) as client:
        await received(server, 100)
        client.cut(reset=True)
        await nothing_left(server)
    status, batch = await post(server, FILE, "cut")
    assert (status, batch["accepted"], batch["rejected"]) == (202, ROWS, [])


class Pieces:
    """A file that waits in the middle until it is told to go on."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        half = len(FILE) // 2
        yield FILE[:half]
        await self.go_on.wait()
        yield FILE[half:]


async def test_API_3_a_disk_that_is_full_in_the_middle_of_a_file_leaves_nothing_of_it(
    make_gateway: MakeGateway, make_air: MakeAir
) -> None:
    air = await make_air(lines=1)
    server = await make_gateway(QUIET + HOME + modems(*air.ports.values()), lines_up=1)
    pieces = Pieces()
    posting = asyncio.create_task(post(server, aiter(pieces), "full"))
    await received(server, 100)
    limit_files(server, ONE_PAGE)
    pieces.go_on.set()
    status, problem = await posting
    assert (status, problem["code"]) == (503, "storage_unavailable"), problem
    assert (await server.call("GET", PATH)).status in (200, 503)
    limit_files(server, resource.RLIM_INFINITY)
    await heals(server)
    # No restart: its rows would count as waiting, and refuse others their place.
    await nothing_left(server)
    status, batch = await post(server, FILE, "full")
    assert (status, batch["accepted"]) == (202, ROWS)
    assert air.texts == [] or {each.text.split()[0] for each in air.texts} == {"Hi"}
    assert len(file_of(server).rows("SELECT id FROM batch")) == 1


async def test_API_3_a_queue_that_is_full_in_the_middle_of_a_file_takes_none_of_it(
    make_gateway: MakeGateway,
) -> None:
    server = await make_gateway(QUIET + f"[messages]\nmax_queued = {ROWS // 2}\n", simulate=1, lines_up=1)
    sandbox = b"number\n" + b"".join(b"+9991000%05d\n" % row for row in range(ROWS))
    status, problem = await post(server, sandbox, "many", text="Hi", send_at=tomorrow())
    assert (status, problem["code"]) == (503, "queue_full"), problem
    await nothing_left(server)
    # Their places are free again.
    few = b"number\n" + b"".join(b"+9991000%05d\n" % row for row in range(ROWS // 2))
    status, batch = await post(server, few, "few", text="Hi", send_at=tomorrow())
    assert (status, batch["accepted"]) == (202, ROWS // 2)


async def test_API_8_the_failed_are_sent_again_once_however_often_the_client_asks(
    make_gateway: MakeGateway,
) -> None:
    server = await make_gateway(QUIET, simulate=2, lines_up=2)
    body = {"text": "Hi", "recipients": [{"to": "+99900000003"}, {"to": "+99900000001"}]}
    batch = (await server.call("POST", PATH, body)).json

    async def completed() -> bool:
        return bool((await server.get(f"{PATH}/{batch['id']}"))["counts"] == {"failed": 1, "delivered": 1})

    await until(completed, "one failed")
    own, key = f"{PATH}/{batch['id']}/resend", {"Idempotency-Key": "again"}
    first = await server.call("POST", own, headers=key)
    assert (first.status, first.json["accepted"]) == (202, 1), first
    await server.kill()
    await server.start()
    again = await server.call("POST", own, headers=key)
    assert (again.status, again.json["id"]) == (202, first.json["id"])
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(file_of(server).rows("SELECT id FROM batch")) == 2


async def take_back(server: GatewayProcess, batch_id: str) -> None:
    """Its sender cancels it."""
    assert (await server.call("DELETE", f"{PATH}/{batch_id}")).json["state"] == "cancelled"


async def say_no(server: GatewayProcess, batch_id: str) -> None:
    """A second person rejects it."""
    body = {"name": "head", "scopes": ["approvals:decide"]}
    head = (await server.call("POST", "/api/v1/keys", body)).json["key"]
    (asked,) = (await server.get("/api/v1/approvals?state=pending", head))["items"]
    assert asked["subject"] == batch_id
    decision = {"digest": asked["digest"]}
    answer = await server.call("POST", f"/api/v1/approvals/{asked['id']}/reject", decision, key=head)
    assert answer.status == 200, answer


PARENTS = 20


@pytest.mark.parametrize("end", [take_back, say_no])
async def test_CNT_2_what_a_person_took_back_is_not_told_by_another_channel(
    make_gateway: MakeGateway,
    make_air: MakeAir,
    end: Callable[[GatewayProcess, str], Awaitable[None]],
) -> None:
    """Nobody gets an e-mail in place of the text, after a restart neither."""
    air = await make_air(lines=1)
    policy = f'[policy]\nhome_countries = ["GB"]\napproval_over = {PARENTS - 1}\n' if end is say_no else HOME
    async with mail_server(MailPeer()) as mail:
        email = f'[email]\nhost = "127.0.0.1"\nport = {mail.port}\ntls = "none"\nsender = "office@school.example"\n'
        server = await make_gateway(QUIET + policy + email + modems(*air.ports.values()), lines_up=1)
        body = {
            "text": "The trip is off",
            "recipients": [
                {"to": f"+4477009{n:05d}", "email": f"parent{n}@example.org"} for n in range(PARENTS)
            ],
            "fallback": ["email"],
            "send_at": tomorrow(),
        }
        batch = (await server.call("POST", PATH, body)).json
        assert batch["accepted"] == PARENTS, batch
        await end(server, batch["id"])
        await server.kill()
        await server.start()

        async def ended() -> bool:
            counts = (await server.get(f"{PATH}/{batch['id']}"))["counts"]
            told = await server.all("/api/v1/notifications")
            return bool(counts == {"cancelled": PARENTS} and {each["status"] for each in told} == {"failed"})

        await until(ended, "all of it has ended")
        # What would come does so before this one.
        other = {
            "recipient": {"email": "head@example.org"},
            "notification": {"channels": ["email"], "body": "That was all"},
        }
        assert (await server.call("POST", "/api/v1/notifications/send", other)).status == 202
        await until(lambda: bool(mail.got), "the mail server is asked")
        assert [each.recipients for each in mail.got] == [["head@example.org"]]
    assert air.texts == []

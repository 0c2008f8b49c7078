"""Proves that a database that is gone or full costs nobody a text: 503 with Retry-After, and it heals by itself."""

from __future__ import annotations

import asyncio
import resource
from collections import Counter

from tests.harness.gateway_process import GatewayProcess, until
from tests.harness.receiver import WebhookReceiver
from tests.integration.whole import QUIET, MakeAir, MakeGateway, hook, modems

ANN = "+447700900123"
ONE_PAGE = 4096
"""No frame of the write-ahead log fits in a file of this size, wherever the log begins anew."""


def limit_files(server: GatewayProcess, octets: int) -> None:
    """Let no file of the server grow beyond a size, as a full disk does (write fails, nothing else)."""
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (octets, resource.RLIM_INFINITY))


async def heals(server: GatewayProcess) -> None:
    async def ready() -> bool:
        return (await server.call("GET", "/health/ready")).status == 200

    await until(ready, "it is ready again", 15.0, 0.1)


async def check_refusals(server: GatewayProcess, answers: list[tuple[int, object, object]]) -> None:
    for status, headers, body in answers:
        assert status == 503, f"{status}: {body}"
        assert int(headers["Retry-After"]) > 0  # type: ignore[index]
        assert body["code"] == "storage_unavailable", body  # type: ignore[index]
        assert body["hint"]  # type: ignore[index]
    assert (await server.call("GET", "/health/live")).status == 200
    ready = await server.call("GET", "/health/ready")
    assert ready.status == 503, ready


async def posts(server: GatewayProcess, first: int, count: int) -> list[tuple[int, object, object]]:
    async def one(n: int) -> tuple[int, object, object]:
        body = {"to": ANN, "text": f"text {n} " * 15, "reference": f"ref-{n}"}
        answer = await server.call("POST", "/api/v1/messages", body, headers={"Idempotency-Key": f"ref-{n}"})
        return answer.status, answer.headers, answer.json

    return await asyncio.gather(*(one(n) for n in range(first, first + count)))


async def test_with_the_disk_full_nothing_is_accepted_and_nothing_accepted_is_lost(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=1)
    server = await make_gateway(QUIET + modems(*air.ports.values()), lines_up=1)
    assert Counter(status for status, *_ in await posts(server, 0, 20)) == {202: 20}
    limit_files(server, ONE_PAGE)
    answers = await posts(server, 20, 20)
    await check_refusals(server, answers)
    limit_files(server, resource.RLIM_INFINITY)
    await heals(server)
    assert len(await server.all("/api/v1/messages")) == 20
    # The same posts again: what was accepted is answered as it was, what was refused is taken now.
    again = await posts(server, 0, 40)
    assert {status for status, *_ in again} == {202}
    assert len(await server.all("/api/v1/messages")) == 40
    for message in await server.all("/api/v1/messages"):
        await server.reaches(message["id"], "delivered", limit_s=40)
    assert Counter(each.text for each in air.texts) == Counter(f"text {n} " * 15 for n in range(40))
    assert await server.stop() == 0


async def test_with_the_database_taken_away_it_answers_503_and_goes_on_when_it_is_back(
    make_air: MakeAir, make_gateway: MakeGateway, receiver: WebhookReceiver
) -> None:
    air = await make_air(lines=1, submit_s=0.4)
    server = await make_gateway(QUIET + hook(receiver) + modems(*air.ports.values()), lines_up=1)
    before = await server.send(ANN, "before")
    await server.reaches(before, "submitting")
    away = server.folder / "elsewhere"
    away.mkdir()
    for path in server.data_dir.glob("gateway.db*"):
        path.rename(away / path.name)
    answers = await posts(server, 0, 10)
    await check_refusals(server, answers)
    wrong_key = await server.call("POST", "/api/v1/messages", {"to": ANN, "text": "x"}, key="gwl_" + "0" * 44)
    assert wrong_key.status in (401, 503)
    assert (await server.call("GET", "/api/v1/messages")).status == 503
    assert not list(server.data_dir.glob("gateway.db*")), "an empty database was made in its place"
    air.network.inject_inbound("+447700900999", air.number(1), "came meanwhile")
    await until(lambda: len(air.texts) == 1, "what was on air went on")
    for path in away.iterdir():
        path.rename(server.data_dir / path.name)
    await heals(server)
    # The verdict of the radio and what came in were kept until they could be written.
    await server.reaches(before, "delivered")
    await until(lambda: receiver.types_of(before)[-1:] == ["message.delivered"], "it is told")
    assert (await server.message(before))["attempts"] == 1

    async def arrived() -> bool:
        return [item["text"] for item in await server.all("/api/v1/inbound")] == ["came meanwhile"]

    await until(arrived, "the text that came meanwhile")
    assert {status for status, *_ in await posts(server, 0, 10)} == {202}
    for message in await server.all("/api/v1/messages"):
        await server.reaches(message["id"], "delivered", limit_s=30)
    assert len(air.texts) == 11
    assert "Traceback" not in server.complaints

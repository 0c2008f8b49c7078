"""The request to be paired over HTTP: its form, its refusals, and how often one address may ask."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.peers.scripted_phone import INSTALL, KEY, Linked, linked

PIN = "ab" * 32
ASKED: dict[str, Any] = {
    "v": 1, "install": INSTALL, "nonce": "00" * 16, "proof": "0" * 64, "app": {"code": 1, "name": "1.0.0"},
    "phone": {"maker": "Google", "model": "Pixel 4a", "android": "13", "sdk": 33},
}  # fmt: skip


async def post(one: Linked, body: Any) -> tuple[int, dict[str, Any], str | None]:
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{one.port}/device/v1/pair", data=octets) as answer,
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, await answer.json(), answer.headers.get("Retry-After")


async def test_a_right_proof_brings_the_phones_own_key() -> None:
    async with linked(pin=PIN) as one:
        status, answer, _ = await post(one, ASKED)
        assert (status, answer) == (
            200,
            {
                "gateway": "gateway-1", "name": "Office", "key": KEY, "proof": "1" * 64,
                "urls": ["wss://192.168.1.5:8443/device/v1/link"],
            },
        )  # fmt: skip
        request, pin, remote = one.door.asked[0]
        assert (request.install, request.nonce, request.model, request.sdk) == (
            INSTALL,
            "00" * 16,
            "Pixel 4a",
            33,
        )
        assert (pin, remote) == (PIN, "127.0.0.1")


async def test_a_wrong_proof_is_refused_with_what_to_do() -> None:
    async with linked() as one:
        status, answer, _ = await post(one, ASKED | {"proof": "f" * 64})
        assert (status, answer) == (403, {"code": "pairing_refused", "hint": "Make a new code."})


@pytest.mark.parametrize(("version", "side"), [(2, "gateway"), (0, "app")])
async def test_another_version_is_told_which_one_is_wanted(version: int, side: str) -> None:
    async with linked() as one:
        status, answer, _ = await post(one, {"v": version})
        assert (status, answer["code"], answer["wanted"]) == (409, "version", 1)
        assert f"Update the {side}" in answer["hint"]


@pytest.mark.parametrize(
    ("body", "member"),
    [
        (b"", "body"), (b"\xff", "body"), (b"[1]", "body"), (b"[" * 16000, "body"), (ASKED | {"v": "1"}, "v"),
        (ASKED | {"v": True}, "v"), (ASKED | {"install": "me"}, "install"), (ASKED | {"nonce": "00"}, "nonce"),
        (ASKED | {"nonce": None}, "nonce"), (ASKED | {"proof": "g" * 64}, "proof"), (ASKED | {"app": 1}, "app"),
        (ASKED | {"app": {"code": "1", "name": ""}}, "code"), (ASKED | {"phone": {}}, "maker"),
        (ASKED | {"phone": {**ASKED["phone"], "model": "x" * 201}}, "model"),
        (ASKED | {"phone": {**ASKED["phone"], "sdk": 2**40}}, "sdk"),
    ],
)  # fmt: skip
async def test_a_malformed_request_is_told_which_member(body: Any, member: str) -> None:
    async with linked() as one:
        status, answer, _ = await post(one, body)
        assert (status, answer["code"]) == (400, "malformed")
        assert answer["hint"].startswith(f"{member} ")
        assert one.door.asked == []


async def test_a_model_with_half_a_surrogate_pair_can_be_stored() -> None:
    async with linked() as one:
        body = json.dumps(ASKED | {"phone": {**ASKED["phone"], "model": "a\ud83d"}}).encode()
        assert (await post(one, body))[0] == 200
        assert one.door.asked[0][0].model.encode()


async def test_a_body_over_16_kib_is_refused() -> None:
    async with linked() as one:
        status, answer, _ = await post(one, b"x" * (16 * 1024 + 1))
        assert (status, answer["code"]) == (413, "malformed")


@pytest.mark.parametrize(("pin", "allowed"), [(PIN, 5), ("", 60)])
async def test_an_address_asks_so_often_in_a_minute_and_is_told_how_long_to_wait(
    pin: str, allowed: int
) -> None:
    async with linked(pin=pin) as one:
        answers = [await post(one, ASKED) for _ in range(allowed + 1)]
        assert [status for status, _, _ in answers] == [200] * allowed + [429]
        _, answer, wait = answers[-1]
        assert answer["code"] == "rate_limited"
        assert 0 < int(wait or 0) <= 61
        assert len(one.door.asked) == allowed


async def test_many_phones_may_ask_at_once_over_usb() -> None:
    async with linked() as one:
        answers = await asyncio.gather(*(post(one, ASKED) for _ in range(20)))
        assert {status for status, _, _ in answers} == {200}

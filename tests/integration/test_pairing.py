"""Proves how a phone comes to belong to a gateway, and what its key is worth: a real server, a phone of the test's own.

The proofs are computed here from docs/link.md, with the standard library alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.harness.gateway_process import Answer, GatewayProcess, until
from tests.integration.whole import QUIET, MakeGateway

LAN = f'{QUIET}[adb]\nenabled = false\n[link]\nhost = "127.0.0.1"\nport = 0\n'
"""The listener for the LAN on loopback, at any port: nothing of these tests leaves the machine."""

SIM = {
    "sub": 3, "slot": 0, "iccid": "8944500612345678901", "number": "+447700900123", "name": "SIM 1",
    "operator": "Example", "mccmnc": "23415", "state": "ready", "roaming": False, "signal_dbm": -85,
    "registered": True,
}  # fmt: skip
HEALTH = {
    "battery": 81, "charging": True, "temperature_c": 29.5, "airplane": False, "free_bytes": 123456789,
    "bucket": "active", "doze_exempt": True, "default_sms_app": False, "missing_permissions": [],
    "limit": {"parts": 30, "window_s": 60},
}  # fmt: skip


def proof(code: str, nonce: str, *said: str) -> str:
    key = hashlib.pbkdf2_hmac("sha256", code.encode(), bytes.fromhex(nonce), 100_000, 32)
    return hmac.new(key, b"\0".join(word.encode() for word in said), hashlib.sha256).hexdigest()


@dataclass
class Phone:
    """A phone that follows docs/link.md as far as pairing and connecting go."""

    session: aiohttp.ClientSession
    install: str = field(default_factory=lambda: str(uuid.uuid4()))
    run: str = field(default_factory=lambda: str(uuid.uuid4()))
    key: str = ""

    async def pair(self, base: str, code: str) -> tuple[int, dict[str, Any]]:
        """Ask to be paired; over https the pin is that of the certificate which this side sees."""
        pin = await seen_pin(base) if base.startswith("https") else ""
        nonce = os.urandom(16).hex()
        body = {
            "v": 1, "install": self.install, "nonce": nonce, "proof": proof(code, nonce, "phone", self.install, pin),
            "app": {"code": 1, "name": "1.0.0"},
            "phone": {"maker": "Google", "model": "Pixel 4a", "android": "13", "sdk": 33},
        }  # fmt: skip
        async with self.session.post(f"{base}/device/v1/pair", json=body, ssl=False) as answer:
            said = await answer.json()
            if answer.status == 200:
                assert said["proof"] == proof(code, nonce, "gateway", said["gateway"], said["key"], pin)
                self.key = said["key"]
            return answer.status, said

    @asynccontextmanager
    async def connected(self, base: str, way: str = "lan") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Connect with the key and say hello; the welcome is still to be read."""
        headers = {"Authorization": f"Bearer {self.key}"}
        async with self.session.ws_connect(f"{base}/device/v1/link", headers=headers, ssl=False) as ws:
            hello = {
                "t": "hello", "v": 1, "install": self.install, "run": self.run, "way": way,
                "now_ms": 1770000000000, "app": {"code": 1, "name": "1.0.0"},
                "phone": {"maker": "Google", "model": "Pixel 4a", "android": "13", "sdk": 33},
                "sims": [SIM], "health": HEALTH,
            }  # fmt: skip
            await ws.send_str(json.dumps(hello))
            yield ws


async def seen_pin(base: str) -> str:
    """Compute the pin of whatever certificate is shown at an address."""
    url = urlsplit(base)
    import ssl

    context = ssl._create_unverified_context()
    _, writer = await asyncio.open_connection(url.hostname, url.port, ssl=context)
    octets = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    spki = x509.load_der_x509_certificate(octets).public_key()
    return hashlib.sha256(spki.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def loopback(server: GatewayProcess) -> str:
    """Say where phones on cables come in."""
    port = json.loads((server.data_dir / "server.json").read_text())["link_port"]
    return f"http://127.0.0.1:{port}"


async def offer(server: GatewayProcess) -> dict[str, Any]:
    answer = await server.call("POST", "/api/v1/devices/pair", {})
    assert answer.status == 201, answer.json
    found: dict[str, Any] = answer.json
    return found


async def device(server: GatewayProcess, install: str) -> dict[str, Any]:
    return next(d for d in (await server.get("/api/v1/devices"))["items"] if d["id"] == install)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as one:
        yield one


@pytest.fixture
async def phone(session: aiohttp.ClientSession) -> Phone:
    return Phone(session)


@pytest.fixture
async def server(make_gateway: MakeGateway) -> GatewayProcess:
    return await make_gateway(LAN)


async def test_a_phone_pairs_by_the_qr_code_and_its_sim_is_a_line(
    server: GatewayProcess, phone: Phone
) -> None:
    offered = await offer(server)
    link = urlsplit(offered["link"])
    said = {name: values[0] for name, values in parse_qs(link.query).items()}
    assert (link.scheme, link.netloc, said["h"], said["p"]) == (
        "smsgateway",
        "pair",
        offered["host"],
        offered["pin"],
    )
    base = f"https://{said['h']}"
    assert await seen_pin(base) == said["p"]

    status, answer = await phone.pair(base, said["c"])
    assert status == 200
    assert answer["key"].startswith("gwd_")
    assert answer["urls"] == [f"wss://{offered['host']}/device/v1/link"]
    waiting = await device(server, phone.install)
    assert (waiting["state"], waiting["model"], waiting["attached"]) == ("away", "Google Pixel 4a", False)

    async with phone.connected(base) as ws:
        welcome = json.loads((await ws.receive(5)).data)
        assert (welcome["t"], welcome["gateway"], welcome["urls"]) == (
            "welcome",
            answer["gateway"],
            answer["urls"],
        )
        (line,) = await server.lines_up(1)
        assert (line["iccid"], line["number"], line["device"]) == (SIM["iccid"], SIM["number"], phone.install)
        shown = await device(server, phone.install)
        assert (shown["state"], shown["health"]["way"], shown["health"]["battery_percent"]) == (
            "attached",
            "lan",
            81,
        )


async def test_the_code_to_type_pairs_as_well_and_over_the_cable(
    server: GatewayProcess, phone: Phone
) -> None:
    offered = await offer(server)
    assert len(offered["typed_code"]) == 8
    status, _ = await phone.pair(loopback(server), offered["typed_code"])
    assert status == 200
    async with phone.connected(loopback(server), "usb") as ws:
        assert json.loads((await ws.receive(5)).data)["t"] == "welcome"


async def test_a_code_pairs_one_phone(
    server: GatewayProcess, phone: Phone, session: aiohttp.ClientSession
) -> None:
    code = (await offer(server))["code"]
    assert (await phone.pair(loopback(server), code))[0] == 200
    status, answer = await Phone(session).pair(loopback(server), code)
    assert (status, answer["code"]) == (403, "pairing_refused")
    assert "gateway devices pair" in answer["hint"]


async def test_a_phone_that_was_paired_over_a_cable_learns_the_way_over_the_lan(
    server: GatewayProcess, phone: Phone
) -> None:
    offered = await offer(server)
    status, answer = await phone.pair(loopback(server), offered["code"])
    assert (status, answer["pin"]) == (200, offered["pin"])
    async with phone.connected(loopback(server), "usb") as ws:
        welcome = json.loads((await ws.receive(5)).data)
        assert (welcome["pin"], welcome["urls"]) == (
            offered["pin"],
            [f"wss://{offered['host']}/device/v1/link"],
        )
    async with phone.connected(f"https://{offered['host']}") as ws:
        assert json.loads((await ws.receive(5)).data)["t"] == "welcome"


async def test_of_two_phones_with_one_code_at_the_same_time_one_is_paired(
    server: GatewayProcess, session: aiohttp.ClientSession
) -> None:
    code = (await offer(server))["code"]
    found = await asyncio.gather(*(Phone(session).pair(loopback(server), code) for _ in range(4)))
    assert sorted(status for status, _ in found) == [200, 403, 403, 403]


async def test_five_wrong_tries_end_a_code(server: GatewayProcess, phone: Phone) -> None:
    code = (await offer(server))["code"]
    for _ in range(5):
        assert (await phone.pair(loopback(server), "0" * 26))[0] == 403
    assert (await phone.pair(loopback(server), code))[0] == 403
    assert (await phone.pair(loopback(server), (await offer(server))["code"]))[0] == 200


async def test_a_listener_in_between_has_another_certificate_and_so_another_proof(
    server: GatewayProcess, phone: Phone
) -> None:
    offered = await offer(server)
    nonce = os.urandom(16).hex()
    body = {
        "v": 1, "install": phone.install, "nonce": nonce,
        "proof": proof(offered["code"], nonce, "phone", phone.install, "ab" * 32),
        "app": {"code": 1, "name": "1"}, "phone": {"maker": "", "model": "", "android": "13", "sdk": 33},
    }  # fmt: skip
    url = f"https://{offered['host']}/device/v1/pair"
    async with phone.session.post(url, json=body, ssl=False) as answer:
        assert answer.status == 403


async def test_without_a_code_nobody_is_paired(server: GatewayProcess, phone: Phone) -> None:
    assert (await phone.pair(loopback(server), "0" * 26))[0] == 403


async def test_the_key_of_a_phone_is_worth_nothing_at_the_api_and_the_other_way_round(
    server: GatewayProcess, phone: Phone
) -> None:
    await phone.pair(loopback(server), (await offer(server))["code"])
    assert (await server.call("GET", "/api/v1/lines", key=phone.key)).status == 401
    for key in (server.live, "gwd_" + "a" * 46, "", phone.key[:-1] + ("A" if phone.key[-1] != "A" else "B")):
        url, headers = f"{loopback(server)}/device/v1/link", {"Authorization": f"Bearer {key}"}
        async with phone.session.get(url, headers=headers) as answer:
            assert answer.status == 401
            assert (await answer.json())["code"] == "device_unknown"


async def test_the_link_is_served_on_its_own_listeners_and_nothing_else_is(
    server: GatewayProcess, session: aiohttp.ClientSession
) -> None:
    for path in ("/device/v1/link", "/device/v1/pair"):
        assert (await server.call("GET", path)).status == 404
    for path in ("/api/v1/lines", "/health/live", "/", "/docs"):
        async with session.get(loopback(server) + path) as answer:
            assert answer.status == 404


async def test_a_revoked_phone_is_told_so_and_stays_out(server: GatewayProcess, phone: Phone) -> None:
    await phone.pair(loopback(server), (await offer(server))["code"])
    async with phone.connected(loopback(server), "usb") as ws:
        assert json.loads((await ws.receive(5)).data)["t"] == "welcome"
        await server.lines_up(1)
        answer = await server.call("DELETE", f"/api/v1/devices/{phone.install}")
        assert (answer.status, answer.json) == (200, {"id": phone.install, "revoked": True})
        assert json.loads((await ws.receive(5)).data)["code"] == "revoked"
    await server.lines_up(0)
    assert (await device(server, phone.install))["reason"] is None
    url, headers = f"{loopback(server)}/device/v1/link", {"Authorization": f"Bearer {phone.key}"}
    async with phone.session.get(url, headers=headers) as refused:
        assert refused.status == 401
    assert (await server.call("DELETE", f"/api/v1/devices/{phone.install}")).status == 404


async def test_nobody_takes_the_place_of_a_phone_that_is_connected(
    server: GatewayProcess, phone: Phone, session: aiohttp.ClientSession
) -> None:
    await phone.pair(loopback(server), (await offer(server))["code"])
    async with phone.connected(loopback(server), "usb") as ws:
        assert json.loads((await ws.receive(5)).data)["t"] == "welcome"
        clone = Phone(session, install=phone.install)
        status, _ = await clone.pair(loopback(server), (await offer(server))["code"])
        assert status == 403
        twin = Phone(session, install=phone.install, key=phone.key)

        async def answers_pings() -> None:
            await ws.receive()

        alive = asyncio.create_task(answers_pings())
        async with twin.connected(loopback(server), "usb") as second:
            assert json.loads((await second.receive(5)).data)["code"] == "conflict"
        alive.cancel()
        await asyncio.gather(alive, return_exceptions=True)

    def told() -> bool:
        reasons = {line.get("reason") for line in server.log() if line["event"] == "device.conflict"}
        return reasons == {"paired_while_connected", "two_phones_with_one_identity"}

    await until(told, "both conflicts are logged")


async def test_a_phone_that_pairs_again_has_a_new_key_and_the_old_one_ends(
    server: GatewayProcess, phone: Phone
) -> None:
    await phone.pair(loopback(server), (await offer(server))["code"])
    old = phone.key
    assert (await phone.pair(loopback(server), (await offer(server))["code"]))[0] == 200
    assert phone.key != old
    url = f"{loopback(server)}/device/v1/link"
    async with phone.session.get(url, headers={"Authorization": f"Bearer {old}"}) as answer:
        assert answer.status == 401
    devices = (await server.get("/api/v1/devices"))["items"]
    assert [d["id"] for d in devices] == [phone.install]


async def test_a_paired_phone_comes_back_after_a_restart_at_the_same_addresses(
    server: GatewayProcess, phone: Phone
) -> None:
    offered = await offer(server)
    pin, cable = offered["pin"], loopback(server)
    await phone.pair(cable, offered["code"])
    await server.kill()
    await server.start()
    assert loopback(server) == cable
    async with phone.connected(cable, "usb") as ws:
        welcome = json.loads((await ws.receive(5)).data)
        (url,) = welcome["urls"]
        base = url.replace("wss", "https").removesuffix("/device/v1/link")
        assert await seen_pin(base) == pin
        await server.lines_up(1)
    assert "1 phone paired" in server.said


async def test_the_listener_for_the_lan_is_shut_until_the_first_pairing(server: GatewayProcess) -> None:
    assert not any(line["event"] == "link.opened" for line in server.log())
    first = await offer(server)
    assert (await offer(server))["host"] == first["host"]
    assert [line["event"] for line in server.log()].count("link.opened") == 1


async def test_a_port_that_is_taken_is_a_problem_with_its_fix_and_no_code(
    make_gateway: MakeGateway, session: aiohttp.ClientSession
) -> None:
    blocker = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = blocker.sockets[0].getsockname()[1]
    server = await make_gateway(
        LAN.replace("port = 0\n", "port = 0\n", 1).removesuffix("port = 0\n") + f"port = {port}\n"
    )
    answer = await server.call("POST", "/api/v1/devices/pair", {})
    assert (answer.status, answer.json["code"]) == (503, "link_unavailable")
    assert "link.port" in answer.json["hint"]
    blocker.close()
    await blocker.wait_closed()
    assert (await server.call("POST", "/api/v1/devices/pair", {})).status == 201


async def test_codes_and_keys_of_phones_are_in_no_log_and_in_no_replay(
    server: GatewayProcess, phone: Phone
) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await server.call("POST", "/api/v1/devices/pair", {}, headers=headers)
    again = await server.call("POST", "/api/v1/devices/pair", {}, headers=headers)
    assert (again.json["code"], again.json["typed_code"], again.json["link"]) == (None, None, None)
    await phone.pair(loopback(server), first.json["code"])
    async with phone.connected(loopback(server), "usb") as ws:
        await ws.receive(5)
    written = server.said + server.complaints
    for secret in (first.json["code"], first.json["typed_code"], phone.key):
        assert secret not in written


async def test_a_sandbox_key_sees_no_phone_and_pairs_none(server: GatewayProcess, phone: Phone) -> None:
    await phone.pair(loopback(server), (await offer(server))["code"])
    assert (await server.get("/api/v1/devices", key=server.sandbox))["items"] == []
    refused: Answer = await server.call("POST", "/api/v1/devices/pair", {}, key=server.sandbox)
    assert refused.status == 404


async def test_a_phone_on_a_cable_is_asked_for_only_where_adb_is_wanted(server: GatewayProcess) -> None:
    answer = await server.call("POST", "/api/v1/devices/R58N12/provision", {})
    assert (answer.status, answer.json["code"]) == (503, "adb_missing")


async def test_what_is_said_of_a_phone_that_nobody_knows_is_not_found(server: GatewayProcess) -> None:
    for verb in ("release", "examine"):
        answer = await server.call("POST", f"/api/v1/devices/nobody/{verb}", {})
        assert answer.status in (404, 503)
    assert (await server.call("DELETE", "/api/v1/devices/nobody")).status == 404


async def test_releasing_a_phone_that_is_away_ends_its_key_and_says_what_is_left(
    server: GatewayProcess, phone: Phone
) -> None:
    await phone.pair(loopback(server), (await offer(server))["code"])
    answer = await server.call("POST", f"/api/v1/devices/{phone.install}/release", {"remove_app": True})
    assert (answer.status, answer.json["ok"]) == (200, True)
    assert [(s["name"], s["outcome"]) for s in answer.json["steps"]] == [
        ("cable", "skipped"),
        ("key", "fixed"),
    ]
    assert (await server.get("/api/v1/devices"))["items"] == []

"""Proves who is let in: codes, keys, clones and revoked phones, over the cable and over TLS on the LAN."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.gateway_process import until
from tests.harness.phones import LINK, PhoneWorld, offer, pair_by_cable, phone_world, usb_url
from tests.harness.zygote import Zygote
from tests.peers.companion_peer import CompanionPeer
from tests.peers.companion_settings import PairingRefusedError
from tests.peers.companion_socket import HttpRefusalError, Socket, WrongKeyError

ANN = "+447700900123"
WRONG = "00000000000000000000000000"


@pytest.fixture
async def world(tmp_path: Path, zygote: Zygote) -> AsyncIterator[PhoneWorld]:
    async with phone_world(tmp_path, zygote) as one:
        yield one


async def refused(phone: CompanionPeer, url: str, code: str, pin: str | None = None) -> tuple[int, str]:
    with pytest.raises(PairingRefusedError) as caught:
        await phone.pair(url, code, pin)
    assert caught.value.hint
    return caught.value.status, caught.value.code


async def test_the_typed_code_pairs_however_a_person_writes_it(world: PhoneWorld) -> None:
    phone = world.make()
    offered = await offer(world.server)
    typed = offered["typed_code"].lower().replace("0", "o").replace("1", "l")
    await phone.pair(f"wss://{offered['host']}{LINK}", f"{typed[:4]}-{typed[4:]}", offered["pin"])
    await phone.start()
    await world.server.lines_up(2)


async def test_a_code_pairs_once(world: PhoneWorld) -> None:
    code = (await offer(world.server))["code"]
    url = usb_url(world.server)
    await world.make("first").pair(url, code)
    assert await refused(world.make("second"), url, code) == (403, "pairing_refused")


async def test_the_right_code_after_five_wrong_ones_is_refused(world: PhoneWorld) -> None:
    code = (await offer(world.server))["code"]
    url = usb_url(world.server)
    phone = world.make()
    for _ in range(5):
        assert await refused(phone, url, WRONG) == (403, "pairing_refused")
    assert await refused(phone, url, code) == (403, "pairing_refused")
    await phone.pair(url, (await offer(world.server))["code"])


async def test_on_the_lan_one_address_may_try_five_times_a_minute(world: PhoneWorld) -> None:
    offered = await offer(world.server)
    url = f"wss://{offered['host']}{LINK}"
    phone = world.make()
    answers = [await refused(phone, url, WRONG, offered["pin"]) for _ in range(6)]
    assert answers[-1] == (429, "rate_limited")


async def test_without_a_pairing_nobody_is_paired(world: PhoneWorld) -> None:
    assert await refused(world.make(), usb_url(world.server), WRONG) == (403, "pairing_refused")


async def test_a_phone_talks_to_nobody_but_the_key_that_it_pinned(world: PhoneWorld, tmp_path: Path) -> None:
    offered = await offer(world.server)
    url = f"wss://{offered['host']}{LINK}"
    with pytest.raises(WrongKeyError):
        await world.make().pair(url, offered["code"], "0" * 64)
    phone = await world.join(way="lan")
    phone.journal.remember(pin="0" * 64)
    phone.hang_up()
    await phone.until(lambda: phone.ended_with[-1] == "WrongKeyError")
    assert phone.active is None


async def test_a_paired_app_belongs_to_its_gateway_until_it_is_unpaired_on_the_phone(
    world: PhoneWorld,
) -> None:
    phone = await world.join()
    code = (await offer(world.server))["code"]
    assert await refused(phone, usb_url(world.server), code) == (0, "paired")
    phone.unpair()
    await until(lambda: phone.active is None, "the link is down")
    await phone.pair(usb_url(world.server), code)
    await world.server.lines_up(2)


async def test_the_key_of_a_phone_is_good_for_nothing_but_the_link(world: PhoneWorld) -> None:
    phone = await world.join()
    key = phone.journal.fact("key")
    for method, path in (
        ("GET", "/api/v1/messages"),
        ("GET", "/api/v1/devices"),
        ("POST", "/api/v1/messages"),
    ):
        answer = await world.server.call(method, path, {} if method == "POST" else None, key=key)
        assert answer.status == 401, (method, path)
    for key in (world.server.live, world.server.sandbox, "gwd_" + "a" * 46, ""):
        with pytest.raises(HttpRefusalError) as caught:
            await Socket.open(usb_url(world.server), key, None)
        assert (caught.value.status, caught.value.body["code"]) == (401, "device_unknown")


async def test_the_link_is_not_served_where_the_api_is(world: PhoneWorld) -> None:
    answer = await world.server.call("GET", LINK)
    assert answer.status == 404
    assert (await world.server.call("POST", "/device/v1/pair", {})).status == 404


async def test_a_revoked_phone_is_told_and_let_in_no_more(world: PhoneWorld) -> None:
    phone = await world.join()
    answer = await world.server.call("DELETE", f"/api/v1/devices/{phone.install}")
    assert answer.status == 200, answer.json
    await phone.until(lambda: phone.ended_with[-1] == "revoked")
    phone.nudge()
    await phone.until(lambda: phone.ended_with[-1] == "device_unknown")
    sent = await world.server.call("POST", "/api/v1/messages", {"to": ANN, "text": "too late"})
    assert sent.status in {202, 409, 503}
    assert phone.radio.aired == []
    phone.unpair()
    await pair_by_cable(world.server, phone)
    await world.server.lines_up(2)


async def test_a_revoked_phone_stays_out_after_a_restart(world: PhoneWorld) -> None:
    phone = await world.join()
    await world.server.call("DELETE", f"/api/v1/devices/{phone.install}")
    await world.server.kill()
    await world.server.start()
    phone.plug(usb_url(world.server))
    before = len(phone.ended_with)
    phone.nudge()
    await phone.until(lambda: "device_unknown" in phone.ended_with[before:])


async def test_a_clone_of_a_connected_phone_is_refused_and_told_of(world: PhoneWorld, tmp_path: Path) -> None:
    phone = await world.join()
    clone = world.make("clone")
    clone.install = phone.install
    clone.journal.remember(
        **{name: phone.journal.fact(name) for name in ("gateway", "key", "urls")}, install=phone.install
    )
    clone.usb = usb_url(world.server)
    await clone.start()
    await clone.until(lambda: "conflict" in clone.ended_with)
    assert phone.active is not None
    await world.server.reaches(await world.server.send(ANN, "to the first"), "delivered")
    assert len(phone.radio.aired) == 1
    assert clone.radio.aired == []
    await until(
        lambda: any(r.type == "device.conflict" for r in world.receiver.receipts), "the conflict is told"
    )


async def test_a_restarted_app_takes_the_place_of_a_connection_that_is_dead(world: PhoneWorld) -> None:
    phone = await world.join()
    assert phone.active is not None
    phone.active.socket.deaf = True
    again = world.make("again")
    again.install = phone.install
    again.journal.remember(
        **{name: phone.journal.fact(name) for name in ("gateway", "key", "urls")}, install=phone.install
    )
    again.usb = usb_url(world.server)
    await again.start()
    await again.until(lambda: again.active is not None)
    await world.server.reaches(await world.server.send(ANN, "to the living"), "delivered")
    assert len(again.radio.aired) == 1


async def test_a_key_of_another_install_is_foreign(world: PhoneWorld) -> None:
    phone = await world.join()
    thief = world.make("thief")
    thief.journal.remember(**{name: phone.journal.fact(name) for name in ("gateway", "key", "urls")})
    thief.usb = usb_url(world.server)
    await thief.start()
    await thief.until(lambda: "foreign" in thief.ended_with)
    assert phone.active is not None


async def test_a_pairing_is_not_given_for_the_identity_of_a_connected_phone(world: PhoneWorld) -> None:
    phone = await world.join()
    thief = world.make("thief")
    thief.install = phone.install
    code = (await offer(world.server))["code"]
    assert await refused(thief, usb_url(world.server), code) == (403, "pairing_refused")
    assert phone.active is not None

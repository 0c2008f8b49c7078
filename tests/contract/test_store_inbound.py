"""Owns the contract of a store for received messages: stored raw once, joined in any order, never dropped.

Runs on every store of ``conftest``; the TPDUs are written out by hand.
Source: W3; 3GPP TS 23.040 §9.2.2.1, §9.2.3.24.1; WAP-209-MMSEncapsulation §6.2.
"""

from __future__ import annotations

import itertools

import pytest

from gateway.message import Inbound
from gateway.store.rows import View
from tests.peers.store_world import LIVE, World, deliver

MMS = bytes.fromhex("010603BEAF848C82983132008D9089088045616C69636500") + b"\x83http://mms.example/1\x00"
DAY_S = 86_400


async def _received(w: World) -> tuple[Inbound, ...]:
    return (await w.store.inbounds(LIVE, 50, None)).items


async def test_a_single_text_is_stored_with_its_raw_octets_and_announced_once(w: World) -> None:
    a = await w.line("a")
    tpdu = deliver("Grüße", w.now_ms)
    inbound = await w.receive(a, tpdu)
    assert inbound is not None
    assert (inbound.text, inbound.sender, inbound.to) == ("Grüße", "+447700900123", a.number)
    assert inbound.pdus == (tpdu.hex().upper(),)
    events = [e for e in await w.store.events_after(LIVE, 0, 50) if e.type == "message.received"]
    assert [e.payload["text"] for e in events] == ["Grüße"]


async def test_a_tpdu_that_the_network_delivers_again_is_stored_once(w: World) -> None:
    a = await w.line("a")
    tpdu = deliver("once", w.now_ms)
    again = bytes((tpdu[0] & ~0x04,)) + tpdu[1:]  # TP-MMS may differ
    assert await w.receive(a, tpdu) is not None
    assert await w.receive(a, again) is None
    assert len(await _received(w)) == 1


async def test_the_same_text_sent_again_is_another_message(w: World) -> None:
    a = await w.line("a")
    await w.receive(a, deliver("yes", w.now_ms))
    await w.receive(a, deliver("yes", w.now_ms + 60_000))
    assert len(await _received(w)) == 2


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
async def test_the_parts_of_a_long_text_make_one_message_in_any_order(
    w: World, order: tuple[int, ...]
) -> None:
    a = await w.line("a")
    texts = {1: "one ", 2: "two ", 3: "three"}
    results = [await w.receive(a, deliver(texts[n], w.now_ms, concat=(9, 3, n))) for n in order]
    assert results[:2] == [None, None]
    assert results[2] is not None
    assert (results[2].text, results[2].parts, results[2].complete) == ("one two three", 3, True)
    assert len(results[2].pdus) == 3
    assert len(await _received(w)) == 1


async def test_parts_of_two_senders_with_one_reference_are_not_mixed(w: World) -> None:
    a = await w.line("a")
    await w.receive(a, deliver("A1 ", w.now_ms, sender="+447700900001", concat=(9, 2, 1)))
    await w.receive(a, deliver("B2", w.now_ms, sender="+447700900002", concat=(9, 2, 2)))
    assert await _received(w) == ()


async def test_a_reference_that_comes_round_again_does_not_join_two_messages(w: World) -> None:
    a = await w.line("a")
    await w.receive(a, deliver("old one ", w.now_ms, concat=(9, 2, 1)))
    w.clock.pass_s(5 * 3600)
    assert await w.receive(a, deliver("new two", w.now_ms, concat=(9, 2, 2))) is None
    joined = await w.receive(a, deliver("new one ", w.now_ms, concat=(9, 2, 1)))
    assert joined is not None
    assert joined.text == "new one new two"
    w.clock.pass_s(DAY_S + 1)
    await w.store.tick()
    left = [i for i in await _received(w) if not i.complete]
    assert [i.text for i in left] == ["old one …"]


async def test_after_a_day_a_long_text_is_shown_as_far_as_it_came(w: World) -> None:
    a = await w.line("a")
    await w.receive(a, deliver("begin ", w.now_ms, concat=(9, 3, 1)))
    await w.receive(a, deliver("end", w.now_ms, concat=(9, 3, 3)))
    w.clock.pass_s(DAY_S - 1)
    await w.store.tick()
    assert await _received(w) == ()
    w.clock.pass_s(2)
    await w.store.tick()
    [shown] = await _received(w)
    assert (shown.text, shown.complete, shown.parts) == ("begin …end", False, 3)
    await w.store.tick()
    assert len(await _received(w)) == 1


async def test_what_cannot_be_decoded_is_kept_and_shown(w: World) -> None:
    a = await w.line("a")
    inbound = await w.receive(a, b"\x04\x0b\x91")
    assert inbound is not None
    assert (inbound.type, inbound.text, inbound.pdus) == ("undecoded", None, ("040B91",))
    assert await w.receive(a, b"\x04\x0b\x91") is None


async def test_data_to_a_port_arrives_as_octets(w: World) -> None:
    a = await w.line("a")
    inbound = await w.receive(a, deliver(b"\x00\xff", w.now_ms, port=5000))
    assert inbound is not None
    assert (inbound.type, inbound.text, inbound.octets, inbound.port) == ("data", None, b"\x00\xff", 5000)


async def test_long_data_is_joined_as_octets(w: World) -> None:
    a = await w.line("a")
    await w.receive(a, deliver(b"\x02", w.now_ms, port=5000, concat=(1, 2, 2)))
    inbound = await w.receive(a, deliver(b"\x01", w.now_ms, port=5000, concat=(1, 2, 1)))
    assert inbound is not None
    assert (inbound.type, inbound.octets, inbound.port) == ("data", b"\x01\x02", 5000)


@pytest.mark.parametrize("cut", [None, 20])
async def test_an_mms_notification_names_where_the_message_waits(w: World, cut: int | None) -> None:
    a = await w.line("a")
    if cut is None:
        inbound = await w.receive(a, deliver(MMS, w.now_ms, port=2948))
    else:
        await w.receive(a, deliver(MMS[cut:], w.now_ms, port=2948, concat=(1, 2, 2)))
        inbound = await w.receive(a, deliver(MMS[:cut], w.now_ms, port=2948, concat=(1, 2, 1)))
    assert inbound is not None
    assert (inbound.type, inbound.url) == ("mms", "http://mms.example/1")


async def test_a_push_that_is_no_mms_is_a_push(w: World) -> None:
    a = await w.line("a")
    for number in (1, 2):
        inbound = await w.receive(a, deliver(b"\x01", w.now_ms, port=2948, concat=(1, 2, number)))
    assert inbound is not None
    assert inbound.type == "push"


async def test_what_an_emulated_line_receives_is_sandbox(w: World) -> None:
    real, emulated = await w.line("real"), await w.line("emu", emulated=True)
    await w.receive(real, deliver("live", w.now_ms))
    await w.receive(emulated, deliver("play", w.now_ms))
    seen = (await w.store.inbounds(View("default", sandbox_only=True), 10, None)).items
    assert [i.text for i in seen] == ["play"]
    assert len(await _received(w)) == 2


async def test_received_messages_are_listed_newest_first_page_by_page(w: World) -> None:
    a = await w.line("a")
    for n in range(5):
        await w.receive(a, deliver(f"text {n}", w.now_ms + n * 1000))
    first = await w.store.inbounds(LIVE, 2, None)
    await w.receive(a, deliver("came in between", w.now_ms + 60_000))
    second = await w.store.inbounds(LIVE, 2, first.next)
    third = await w.store.inbounds(LIVE, 2, second.next)
    shown = [i.text for page in (first, second, third) for i in page.items]
    assert shown == ["text 4", "text 3", "text 2", "text 1", "text 0"]
    assert third.next is None

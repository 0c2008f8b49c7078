"""Tells how a server starts and ends: keys once, nothing new after the first signal, doubt after the second."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from device_bridge.emulator.faults import LineFaults
from tests.harness.air import Air
from tests.harness.gateway_process import GatewayProcess, until
from tests.harness.receiver import WebhookReceiver
from tests.integration.whole import QUIET, MakeAir, MakeGateway, hook, modems

ANN, BOB = "+447700900123", "+447700900124"
AT_ONCE_S = 10.0
"""Far below DRAIN_S, also on a busy machine. How long a stop takes is measured by ``bench.browser``."""
DRAIN_S = 30.0


async def test_the_first_start_of_the_console_script_shows_two_keys_and_no_later_start_does(
    make_gateway: MakeGateway,
) -> None:
    began_s = time.monotonic()
    server = await make_gateway(simulate=2, forked=False)
    assert time.monotonic() - began_s < 60
    assert server.live.startswith("gwl_")
    assert server.sandbox.startswith("gws_")
    assert "2 emulated lines" in server.said
    await server.lines_up(2)
    await server.reaches(
        await server.send("+99900000001", "the code is sesame", key=server.sandbox), "delivered"
    )
    assert await server.stop() == 0
    await server.start()
    assert "gwl_" not in server.said
    assert "gws_" not in server.said
    assert [m["state"] for m in await server.all("/api/v1/messages")] == ["delivered"]
    for text in (server.said, server.complaints):
        assert "sesame" not in text


async def test_a_first_start_that_fails_keeps_the_keys_for_the_one_that_succeeds(
    make_gateway: MakeGateway, receiver: WebhookReceiver
) -> None:
    other = await make_gateway()
    port = other.url.rpartition(":")[2]
    server = GatewayProcess(
        other.folder / "taken", QUIET.replace("port = 0", f"port = {port}"), zygote=other.zygote
    )
    await server.launch()
    assert await server.ended() == 1
    assert f"cannot listen on 127.0.0.1:{port}" in server.complaints
    assert "--port" in server.complaints
    assert "Traceback" not in server.complaints
    server.config = QUIET
    try:
        await server.start()
        assert server.live.startswith("gwl_")
        assert (await server.call("GET", "/api/v1/messages")).status == 200
    finally:
        await server.close()


async def test_a_second_server_on_the_same_data_directory_is_refused_in_one_line(
    make_gateway: MakeGateway,
) -> None:
    first = await make_gateway()
    second = GatewayProcess(first.folder, first.config, zygote=first.zygote)
    second._starts = 50  # files of its own for what it says
    await second.launch()
    assert await second.ended() == 1
    assert "another gateway runs on" in second.complaints
    assert "Traceback" not in second.complaints
    assert (await first.call("GET", "/health/ready")).status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_with_nothing_on_air_it_ends_at_once(
    make_air: MakeAir, make_gateway: MakeGateway, receiver: WebhookReceiver, number: signal.Signals
) -> None:
    air = await make_air(lines=2)
    server = await make_gateway(QUIET + hook(receiver) + modems(*air.ports.values()), lines_up=2)
    await server.reaches(await server.send(ANN, "before"), "delivered")
    began_s = time.monotonic()
    server.signal(number)
    assert await server.ended() == 0
    assert time.monotonic() - began_s < AT_ONCE_S
    assert "Traceback" not in server.complaints


async def test_an_open_keep_alive_connection_and_a_dead_webhook_do_not_hold_the_end_up(
    make_air: MakeAir, make_gateway: MakeGateway, receiver: WebhookReceiver
) -> None:
    air = await make_air(lines=1)
    await receiver.down()
    server = await make_gateway(QUIET + hook(receiver) + modems(*air.ports.values()), lines_up=1)
    await server.send(ANN, "told to nobody")
    port = int(server.url.rpartition(":")[2])
    _, half_sent = await asyncio.open_connection("127.0.0.1", port)
    half_sent.write(b"POST /api/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    await half_sent.drain()
    began_s = time.monotonic()
    assert await server.stop() == 0
    assert time.monotonic() - began_s < AT_ONCE_S
    half_sent.close()


async def test_a_mail_server_that_says_nothing_does_not_hold_the_end_up(make_gateway: MakeGateway) -> None:
    reached, ended = asyncio.Event(), asyncio.Event()

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await ended.wait()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as mail:
        port = mail.sockets[0].getsockname()[1]
        section = (
            f'[email]\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\nsender = "office@school.example"\n'
        )
        server = await make_gateway(QUIET + section)
        body = {
            "recipient": {"email": "ann@example.org"},
            "notification": {"channels": ["email"], "subject": "Trip", "body": "At nine."},
        }
        assert (await server.call("POST", "/api/v1/notifications/send", body)).status == 202
        async with asyncio.timeout(30):
            await reached.wait()
        began_s = time.monotonic()
        assert await server.stop() == 0
        assert time.monotonic() - began_s < AT_ONCE_S
        ended.set()


async def test_a_modem_that_is_being_opened_and_says_nothing_does_not_hold_the_end_up(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=2)
    for modem in air.network.modems:
        modem.faults.deaf = True
    server = await make_gateway(QUIET + modems(*air.ports.values()))
    await until(lambda: all(modem.port.attached for modem in air.network.modems), "the ports are open")
    began_s = time.monotonic()
    assert await server.stop() == 0
    assert time.monotonic() - began_s < AT_ONCE_S
    assert "Traceback" not in server.complaints


async def on_air_now(air: Air) -> None:
    """Wait until a modem has a text on air that it has not answered."""
    await until(
        lambda: any(modem.sending.busy for modem in air.network.modems), "a text is on air", poll_s=0.002
    )


async def test_what_is_on_air_is_finished_and_nothing_new_is_claimed(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=1, submit_s=1.5)
    server = await make_gateway(QUIET + modems(*air.ports.values()), lines_up=1)
    first, second = await server.send(ANN, "first"), await server.send(BOB, "second")
    await on_air_now(air)
    server.signal(signal.SIGTERM)
    assert await server.ended() == 0
    assert [each.text for each in air.texts] == ["first"]
    await server.start()
    # Sent before the end, not lost and found: the verdict was waited for.
    assert "message.in_doubt" not in [hop["type"] for hop in (await server.message(first))["timeline"]]
    assert (await server.reaches(first, "delivered"))["attempts"] == 1
    await server.reaches(second, "delivered")
    assert [each.text for each in air.texts] == ["first", "second"]


async def test_a_second_signal_ends_at_once_and_what_was_on_air_is_in_doubt_until_its_report(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=1, report_delay_s=1.5)
    air.network.modem(1).faults = LineFaults(silent_times=1)
    server = await make_gateway(QUIET + modems(*air.ports.values()), lines_up=1)
    message = await server.send(ANN, "never answered")
    await until(lambda: len(air.texts) == 1, "it is on air")
    server.signal(signal.SIGTERM)
    # The first signal has been heard when new work is no more claimed and the API says that it is ending.
    await asyncio.sleep(0.3)
    assert not server.has_ended, "the text on air was not waited for"
    began_s = time.monotonic()
    server.signal(signal.SIGTERM)
    assert await server.ended() == 0
    assert time.monotonic() - began_s < AT_ONCE_S
    await server.start()
    found = await server.reaches(message, "delivered")
    types = [hop["type"] for hop in found["timeline"]]
    assert types[-2:] == ["message.in_doubt", "message.delivered"]
    assert len(air.texts) == 1


async def test_a_modem_that_never_answers_holds_the_end_up_for_thirty_seconds_at_most(
    make_air: MakeAir, make_gateway: MakeGateway
) -> None:
    air = await make_air(lines=1)
    air.network.modem(1).faults = LineFaults(silent_times=1)
    server = await make_gateway(QUIET + modems(*air.ports.values()), lines_up=1)
    message = await server.send(ANN, "never answered", delivery_report=False)
    await until(lambda: len(air.texts) == 1, "it is on air")
    began_s = time.monotonic()
    assert await server.stop() == 0
    assert DRAIN_S - 1 < time.monotonic() - began_s < DRAIN_S + AT_ONCE_S
    await server.start()
    found = await server.reaches(message, "in_doubt")
    assert found["error"]["code"] == "in_doubt"
    assert found["parts_in_doubt"] == 1

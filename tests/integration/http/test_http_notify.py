"""Proves what the door says to ``notify`` of a message: kept with it, or refused with the member that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.lifecycle import Happening
from gateway.notification_desk import Offers
from gateway.store.rows import View
from tests.integration.http.api_server import Server, ServerFactory

PHONE = "+447700900123"
SANDBOX = "+999000000001"
NO_TARGET: dict[str, Any] = {"refuse_target": lambda url: "never reached" if "169" in url else None}


def asked(to: str = PHONE, **notify: Any) -> dict[str, Any]:
    return {"to": to, "text": "hello", "notify": notify}


async def test_who_is_to_be_told_is_kept_with_the_message_and_told_when_it_expires(
    make_server: ServerFactory,
) -> None:
    server = await make_server(**NO_TARGET)
    sent = await server.send(asked(email="Ann@Example.org", url="https://example.org/told", late_after_s=300))
    assert sent.status == 202, sent.json
    await server.store.change(View("default"), sent.json["id"], Happening.EXPIRE, "gateway")
    mail, post = await server.store.letters.due(10)
    assert mail.content is not None
    assert post.content is not None
    assert (mail.content.to, post.content.to) == ("Ann@example.org", "https://example.org/told")
    assert post.content.type == "message.expired"


@pytest.mark.parametrize(
    ("notify", "code", "pointer"),
    [
        ({"email": "ann"}, "invalid_request", "#/notify/email"),
        ({"url": "http://169.254.169.254/"}, "webhook_target_refused", "#/notify/url"),
        ({"late_after_s": 300}, "invalid_request", "#/notify"),
        ({"email": "ann@example.org", "late_after_s": 5}, "invalid_request", "#/notify/late_after_s"),
        ({"email": "ann@example.org", "sms": PHONE}, "invalid_request", "#/notify/sms"),
    ],
)
async def test_SSRF_5_a_refusal_names_the_member_and_stores_nothing(
    make_server: ServerFactory, notify: dict[str, Any], code: str, pointer: str
) -> None:
    server = await make_server(**NO_TARGET)
    refused = await server.send(asked(**notify))
    assert (refused.code, refused.pointers()) == (code, [pointer]), refused.json
    assert await server.stored() == 0


async def test_a_letter_without_a_mail_server_is_refused_at_the_door(make_server: ServerFactory) -> None:
    server = await make_server(offers=Offers({"email": "the section [email] sets no host"}), **NO_TARGET)
    refused = await server.send(asked(email="ann@example.org"))
    assert (refused.status, refused.code, refused.pointers()) == (
        422,
        "channel_unavailable",
        ["#/notify/email"],
    )
    assert "[email]" in refused.json["detail"]
    assert (await server.send(asked(url="https://example.org/told"))).status == 202


async def test_KEY_7_a_sandbox_key_writes_to_nobody_real(server: Server) -> None:
    refused = await server.send(asked(SANDBOX, email="ann@school.de"), key=server.sandbox)
    assert (refused.status, refused.code) == (403, "sandbox_only"), refused.json
    assert (await server.send(asked(SANDBOX, email="ann@example.org"), key=server.sandbox)).status == 202

"""Owns: the headers and the body of a request, checked with the library that receivers use (rules WHK-1, WHK-2)."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from gateway.representation import EVENT_MAX_OCTETS
from gateway.store.rows import Event
from gateway.webhooks.body import body_of
from gateway.webhooks.signing import SecretUnusable, signed_headers

NEW = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD = "whsec_C2FtcGxlLXNlY3JldC1vZi0yNC1vY3RldHMh"
EVENT_ID = "01935f0c-0000-7000-8000-000000000001"


def event(**payload: object) -> Event:
    return Event(
        seq=1, id=EVENT_ID, tenant="default", type="message.sent", at_ms=1_795_251_600_123, message_id="m",
        sandbox=False, payload=payload,
    )  # fmt: skip


def test_the_signature_is_the_one_of_the_standards_own_example() -> None:
    # https://github.com/standard-webhooks/standard-webhooks, spec, example of a signature
    headers = signed_headers(
        [NEW], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330_000, b'{"test": 2432232314}'
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(st.text(max_size=50))
def test_the_library_verifies_whatever_the_body_says(text: str) -> None:
    body = body_of(event(id="m", text=text))
    headers = signed_headers([NEW], EVENT_ID, time.time_ns() // 1_000_000, body)
    assert Webhook(NEW).verify(body, headers)["data"]["text"] == text


def test_during_a_rotation_either_secret_verifies_and_a_third_does_not() -> None:
    body = body_of(event(id="m"))
    headers = signed_headers([NEW, OLD], EVENT_ID, time.time_ns() // 1_000_000, body)
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (NEW, OLD):
        Webhook(secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 32).verify(body, headers)


@pytest.mark.parametrize("off_s", [-301, 301])
def test_the_library_refuses_a_request_of_another_time(off_s: int) -> None:
    body = body_of(event(id="m"))
    headers = signed_headers([NEW], EVENT_ID, (int(time.time()) + off_s) * 1000, body)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(body, headers)


def test_the_signature_is_over_the_octets_that_are_sent() -> None:
    body = body_of(event(id="m", text="é"))
    at_ms = 1_795_251_600_123
    expected = Webhook(NEW).sign(EVENT_ID, datetime.fromtimestamp(at_ms / 1000, UTC), body.decode())
    assert signed_headers([NEW], EVENT_ID, at_ms, body)["webhook-signature"] == expected


@pytest.mark.parametrize("secrets", [[], ["whsec_"], ["whsec_é"], [NEW, "whsec_"], ["whsec_A"]])
def test_an_unusable_secret_is_an_error_that_does_not_show_it(secrets: list[str]) -> None:
    with pytest.raises(SecretUnusable, match="rotate it") as error:
        signed_headers(secrets, EVENT_ID, 0, b"{}")
    assert "whsec_A" not in str(error.value)


def test_the_body_is_type_timestamp_and_data() -> None:
    assert json.loads(body_of(event(id="m", state="sent"))) == {
        "type": "message.sent",
        "timestamp": "2026-11-21T09:00:00.123Z",
        "data": {"id": "m", "state": "sent"},
    }


@pytest.mark.parametrize("more", [0, 1])
def test_a_body_of_20_kib_is_whole_and_one_octet_more_is_cut_to_the_ids(more: int) -> None:
    room = EVENT_MAX_OCTETS - len(body_of(event(id="m", batch_id="b", text="")))
    body = body_of(event(id="m", batch_id="b", text="x" * (room + more)))
    if more:
        assert json.loads(body)["data"] == {"id": "m", "batch_id": "b", "truncated": True}
    else:
        assert len(body) == EVENT_MAX_OCTETS


def test_a_lone_surrogate_is_an_escape_and_not_an_error() -> None:
    assert json.loads(body_of(event(model="\ud800")))["data"]["model"] == "\ud800"

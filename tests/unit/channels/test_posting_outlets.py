"""The channels slack and webhook, and apprise, against real receivers."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from standardwebhooks import Webhook

from gateway.channels.apprise_outlet import AppriseOutlet
from gateway.channels.letter import TAKEN_BACK, Letter, NotAccepted, Outlet, Sent, Unknown
from gateway.channels.posting import WebhookOutlet
from gateway.channels.slack import SlackOutlet
from gateway.clock import SystemClock
from gateway.ids import new_id
from gateway.webhooks.post import Poster
from gateway.webhooks.settings import WebhookSettings
from tests.integration.webhooks_bench import SECRET, Receiver, listening, status

# A plugin of apprise imports a module that Python 3.13 has no more; it does without it there.
of_apprise = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def letter(to: str = "", **changes: str | None) -> Letter:
    one = Letter(new_id(), new_id(), to, "Line <down>", "Ann & <!channel>", None, SystemClock().now_ms())
    return replace(one, **changes)  # type: ignore[arg-type]  # the members named are text


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


@asynccontextmanager
async def poster(timeout_s: float = 5.0) -> AsyncIterator[Poster]:
    async with Poster(WebhookSettings(request_timeout_s=timeout_s)) as one:
        yield one


async def test_slack_gets_the_text_with_its_own_marks_made_harmless() -> None:
    async with listening(Receiver()) as slack, poster() as post:
        assert await SlackOutlet(post, slack.url).send(letter(), yes) == Sent()
        await SlackOutlet(post, slack.url, "#office").send(letter(), yes)
        await SlackOutlet(post, slack.url, "#office").send(letter("#head", subject=None), yes)
    first, second, third = (json.loads(each.body) for each in slack.got)
    assert first == {"text": "*Line &lt;down&gt;*\nAnn &amp; &lt;!channel&gt;"}
    assert second["channel"] == "#office"
    assert third == {"text": "Ann &amp; &lt;!channel&gt;", "channel": "#head"}


async def test_WHK_1_a_post_to_a_recipient_is_signed_as_the_standard_says() -> None:
    sent = letter(html="<p>x</p>")
    async with listening(Receiver()) as receiver, poster() as post:
        outlet = WebhookOutlet(post, (SECRET,))
        assert await outlet.send(replace(sent, to=receiver.url), yes) == Sent()
    (got,) = receiver.got
    assert got.id == sent.id
    said = Webhook(SECRET).verify(got.body, got.headers)
    assert said["data"] == {
        "notification_id": sent.notification_id,
        "subject": "Line <down>",
        "body": "Ann & <!channel>",
        "html": "<p>x</p>",
    }


async def test_without_a_secret_the_post_has_its_id_and_no_signature() -> None:
    async with listening(Receiver()) as receiver, poster() as post:
        await WebhookOutlet(post).send(letter(receiver.url), yes)
    headers = receiver.got[0].headers
    assert "webhook-id" in headers
    assert "webhook-signature" not in headers


@pytest.mark.parametrize(
    ("code", "permanent"), [(302, True), (404, True), (410, True), (429, False), (500, False), (503, False)]
)
async def test_an_answer_says_whether_to_try_again(code: int, permanent: bool) -> None:
    async with listening(Receiver(answer=status(code))) as receiver, poster() as post:
        outcome = await WebhookOutlet(post).send(letter(receiver.url), yes)
    assert isinstance(outcome, NotAccepted)
    assert (outcome.permanent, outcome.reply) == (permanent, str(code))
    assert "disabled" not in outcome.detail


async def test_no_answer_after_the_post_leaves_doubt_and_no_connection_does_not() -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def sleep(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async with poster(timeout_s=0.5) as post:
        outlet = WebhookOutlet(post)
        for answer in (hang_up, sleep):
            async with listening(Receiver(answer=answer)) as receiver:
                assert isinstance(await outlet.send(letter(receiver.url), yes), Unknown)
                assert len(receiver.got) == 1
        gone = await outlet.send(letter(receiver.url), yes)
    assert isinstance(gone, NotAccepted)
    assert not gone.permanent


class SilentNames(AbstractResolver):
    """A name server that never answers."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return await asyncio.Future()

    async def close(self) -> None: ...


async def test_a_name_that_does_not_resolve_in_time_is_tried_again_because_nothing_has_left() -> None:
    async with Poster(WebhookSettings(request_timeout_s=0.3), SilentNames()) as post:
        outcomes = [
            await WebhookOutlet(post).send(letter("https://example.org/hook"), yes),
            await SlackOutlet(post, "https://hooks.example.org/services/x").send(letter(), yes),
        ]
    for outcome in outcomes:
        assert isinstance(outcome, NotAccepted)
        assert not outcome.permanent
        assert "no connection within 0.2 s" in outcome.detail


async def test_SSRF_1_a_recipients_url_is_guarded_like_every_webhook() -> None:
    async with poster() as post:
        for url in (
            "http://169.254.169.254/latest",
            "http://0x7f.1/",
            "http://127.0.0.1:5037/",
            "file:///etc",
        ):
            outcome = await WebhookOutlet(post).send(letter(url), yes)
            assert isinstance(outcome, NotAccepted)
            assert outcome.permanent


async def test_nothing_is_posted_before_it_is_cleared() -> None:
    async with listening(Receiver()) as receiver, poster() as post:
        apprise = AppriseOutlet((f"json://127.0.0.1:{receiver.port}/",))
        outlets: tuple[Outlet, ...] = (WebhookOutlet(post), SlackOutlet(post, receiver.url), apprise)
        for outlet in outlets:
            assert await outlet.send(letter(receiver.url), no) is TAKEN_BACK
    assert receiver.got == []


@of_apprise
async def test_apprise_carries_an_alert_and_says_when_a_service_did_not_take_it() -> None:
    async with listening(Receiver()) as receiver:
        outlet = AppriseOutlet((f"json://127.0.0.1:{receiver.port}/",))
        assert await outlet.send(letter(), yes) == Sent()
        assert json.loads(receiver.got[0].body)["message"] == "Ann & <!channel>"
        receiver.answer = status(500)
        outcome = await outlet.send(letter(), yes)
    assert isinstance(outcome, NotAccepted)
    assert not outcome.permanent


@of_apprise
async def test_apprise_refuses_an_address_without_repeating_it_and_gives_up_in_time() -> None:
    outcome = await AppriseOutlet(("nothing://token-of-somebody@host",)).send(letter(), yes)
    assert isinstance(outcome, NotAccepted)
    assert outcome.permanent
    assert "token" not in outcome.detail

    async def sleep(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(1)
        return web.Response()

    async with listening(Receiver(answer=sleep)) as receiver:
        slow = AppriseOutlet((f"json://127.0.0.1:{receiver.port}/",), timeout_s=0.2)
        assert isinstance(await slow.send(letter(), yes), Unknown)
        await receiver.next()

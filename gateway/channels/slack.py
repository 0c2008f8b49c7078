"""Owns the channel ``slack``: one letter as a message of an incoming webhook.

Refuses to let a text name users or channels by Slack's own marks: they are escaped.
Source: https://api.slack.com/messaging/webhooks; https://api.slack.com/reference/surfaces/formatting#escaping.
"""

from __future__ import annotations

from pydantic_core import to_json

from gateway.channels.letter import TAKEN_BACK, Cleared, Letter, Outcome
from gateway.channels.posted import outcome_of
from gateway.webhooks.post import Poster

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class SlackOutlet:
    """Posts letters to one incoming webhook. ``channel`` is where they go when a letter names none."""

    def __init__(self, poster: Poster, webhook_url: str, channel: str | None = None) -> None:
        self._poster = poster
        self._url = webhook_url
        self._channel = channel

    async def send(self, letter: Letter, cleared: Cleared) -> Outcome:
        """Post one letter."""
        body = self._body(letter)
        if not await cleared():
            return TAKEN_BACK
        return outcome_of(await self._poster.post(self._url, {}, body), "Slack")

    def _body(self, letter: Letter) -> bytes:
        text = letter.body.translate(_ESCAPES)
        if letter.subject:
            text = f"*{' '.join(letter.subject.translate(_ESCAPES).split())}*\n{text}"
        channel = letter.to or self._channel
        return to_json({"text": text} if channel is None else {"text": text, "channel": channel})

"""Owns the channel ``webhook``: one letter as JSON, posted to the recipient's own URL, signed where a secret is set.

Refuses every target that webhooks refuse: the same guarded sender makes the request.
Source: Standard Webhooks 1.0.0; rules WHK-1, SSRF-1 to SSRF-5.
"""

from __future__ import annotations

from pydantic_core import to_json

from gateway.channels.letter import TAKEN_BACK, Cleared, Letter, Outcome
from gateway.channels.posted import outcome_of
from gateway.representation import rfc3339
from gateway.webhooks.post import Poster
from gateway.webhooks.signing import signed_headers


class WebhookOutlet:
    """Posts letters to the URLs of their recipients; ``secrets`` are ``whsec_…``, newest first, or none."""

    def __init__(self, poster: Poster, secrets: tuple[str, ...] = ()) -> None:
        self._poster = poster
        self._secrets = secrets

    async def send(self, letter: Letter, cleared: Cleared) -> Outcome:
        """Post one letter; ``webhook-id`` is the attempt's, the same when it is tried again."""
        body = to_json(
            {
                "type": "notification",
                "timestamp": rfc3339(letter.at_ms),
                "data": {
                    "notification_id": letter.notification_id,
                    "subject": letter.subject,
                    "body": letter.body,
                    "html": letter.html,
                },
            }
        )
        headers = {"webhook-id": letter.id}
        if self._secrets:
            headers = signed_headers(self._secrets, letter.id, letter.at_ms, body)
        if not await cleared():
            return TAKEN_BACK
        return outcome_of(await self._poster.post(letter.to, headers, body), "the receiver")

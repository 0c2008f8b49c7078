"""Owns what the answer to a POST means for a letter: taken, refused, or nobody knows.

Knows no body and no address; webhooks' own guarded sender makes the request.
Source: rules WHK-3, SSRF-1; RFC 9110 §15 (classes of status codes).
"""

from __future__ import annotations

from gateway.channels.letter import NotAccepted, Outcome, Sent, Unknown
from gateway.webhooks.schedule import Answer

_GONE = 410
_MAY_DO_BETTER = frozenset({408, 425, 429})
"""Refusals of the 4xx class that ask for patience."""


def outcome_of(answer: Answer, receiver: str) -> Outcome:
    """Say what became of a letter; ``receiver`` names the other side in a sentence."""
    if answer.delivered:
        return Sent()
    # A letter has no subscription that could be disabled.
    said = "HTTP 410: the address is gone" if answer.status == _GONE else answer.error
    detail = f"{receiver}: {said}"
    if answer.status is not None:
        permanent = answer.status < 500 and answer.status not in _MAY_DO_BETTER
        return NotAccepted(detail, permanent, str(answer.status))
    if answer.refused:
        return NotAccepted(detail, permanent=True)
    if answer.maybe_taken:
        return Unknown(detail)
    return NotAccepted(detail, permanent=False)

"""Owns when a failed webhook is tried again, and what a try means for its endpoint. Pure.

Refuses to know HTTP clients, stores and clocks: the time and the jitter are given.
Source: rules WHK-3; RFC 9110 §10.2.3 (Retry-After), §15.5.11 (410).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime

from gateway.store.rows import DeliveryRow

SCHEDULE_S = (0, 5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 72_000)
"""Wait before each try in s; together 71.6 h, so a receiver may be down over a long weekend."""
JITTER = 0.2
"""A receiver that comes back is not met by every waiting try in the same second."""
RETRY_AFTER_MAX_S = 24 * 3600
CIRCUIT_FAILURES = 5
"""In a row, over all messages of an endpoint; from then on only one probe at a time."""
PROBE_EVERY_S = 60
GONE = 410
SAID_OCTETS = 500
"""Of an answer's body kept for people: where a receiver says what is wrong, it says so at the beginning."""
ASKS_TO_WAIT = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one POST. ``status`` None: no HTTP answer; ``error`` says why in a sentence.

    ``refused``: the target is one that must never be asked; nothing left this machine. ``maybe_taken``: there is no
    answer, but the request may have arrived. ``said`` is the body of an answer where it is whole and short. ``took_ms``
    is how long it all took.
    """

    status: int | None = None
    error: str | None = None
    retry_after: str | None = None
    refused: bool = False
    maybe_taken: bool = False
    said: bytes | None = None
    took_ms: int | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint is doing. ``open_until_ms`` (UTC): nothing is sent before."""

    failures_in_row: int = 0
    open_until_ms: int | None = None

    @property
    def circuit_open(self) -> bool:
        return self.failures_in_row >= CIRCUIT_FAILURES


@dataclass(frozen=True, slots=True)
class Settled:
    """The delivery as it is to be stored, the endpoint's new health, and whether the endpoint is to be disabled."""

    delivery: DeliveryRow
    health: Health
    disable: bool = False


def wait_ms(attempts_made: int, jitter: float) -> int | None:
    """Say how long to wait after ``attempts_made`` tries; None: there is no further one.

    Args:
        attempts_made: 1 or more, the failed one included.
        jitter: -1..1, drawn evenly by the caller.
    """
    if attempts_made >= len(SCHEDULE_S):
        return None
    return round(SCHEDULE_S[attempts_made] * 1000 * (1 + JITTER * jitter))


def retry_after_ms(header: str | None, now_ms: int) -> int:
    """Read a Retry-After (seconds or a date) as ms from now: 0 when absent or unreadable, at most 24 h."""
    asked = (header or "").strip()
    if asked.isascii() and asked.isdigit():
        # Ten digits are 300 years; more would only feed int() a number of the receiver's choice.
        wait_s = int(asked) if len(asked) <= 10 else RETRY_AFTER_MAX_S
        return min(wait_s, RETRY_AFTER_MAX_S) * 1000
    try:
        date = parsedate_to_datetime(asked)
        at_ms = int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError):
        return 0
    return min(max(0, at_ms - now_ms), RETRY_AFTER_MAX_S * 1000)


def settle(delivery: DeliveryRow, answer: Answer, health: Health, now_ms: int, jitter: float) -> Settled:
    """Decide what one try means.

    A try before ``delivery.next_at_ms`` is a probe of an open circuit: when it fails it costs the delivery
    none of its tries. A refused target and a 410 are final: asking again would get the same answer.
    """
    tried = replace(
        delivery,
        attempt=delivery.attempt + 1,
        last_status=answer.status,
        last_error=answer.error,
        last_ms=now_ms,
        took_ms=answer.took_ms,
        said=_beginning(answer.said),
    )
    if answer.delivered:
        done = replace(tried, state="delivered", next_at_ms=None, last_error=None, finished_at_ms=now_ms)
        return Settled(done, _well(health, now_ms))
    asked_ms = retry_after_ms(answer.retry_after, now_ms) if answer.status in ASKS_TO_WAIT else 0
    worse = _worse(health, asked_ms, now_ms)
    wait = None if answer.refused or answer.status == GONE else wait_ms(tried.attempt, jitter)
    if wait is None:
        dead = replace(tried, state="dead", next_at_ms=None, finished_at_ms=now_ms)
        return Settled(dead, worse, disable=answer.status == GONE)
    if delivery.next_at_ms is not None and delivery.next_at_ms > now_ms:
        # An early probe: only what was seen is written.
        return Settled(replace(tried, attempt=delivery.attempt), worse)
    return Settled(replace(tried, next_at_ms=now_ms + max(wait, asked_ms)), worse)


def _beginning(said: bytes | None) -> str | None:
    return said[:SAID_OCTETS].decode("utf-8", "replace") if said else None


def past_retention(delivery: DeliveryRow, now_ms: int) -> DeliveryRow:
    """End a delivery whose event is no longer kept; its endpoint has nothing to do with it."""
    return replace(
        delivery,
        state="dead",
        next_at_ms=None,
        last_error="the event is past its retention",
        last_ms=now_ms,
        finished_at_ms=now_ms,
    )


def _well(health: Health, now_ms: int) -> Health:
    """A success closes the circuit; a wait that the receiver asked for in another answer stays."""
    if health.circuit_open or health.open_until_ms is None or health.open_until_ms <= now_ms:
        return Health()
    return Health(0, health.open_until_ms)


def _worse(health: Health, asked_ms: int, now_ms: int) -> Health:
    failures = health.failures_in_row + 1
    hold_ms = max(asked_ms, PROBE_EVERY_S * 1000 if failures >= CIRCUIT_FAILURES else 0)
    until = max(now_ms + hold_ms, health.open_until_ms or 0) if hold_ms else health.open_until_ms
    return Health(failures, until)

"""The RateLimit fields: what is left, and in how many seconds there is more."""

from __future__ import annotations

import pytest

from gateway.errors import GatewayError
from gateway.http.access import RateLimit
from tests.peers.store_world import HandClock


def test_API_9_the_last_request_says_when_there_is_another() -> None:
    clock = HandClock()
    limit = RateLimit(30, clock)
    said = [limit.take("key") for _ in range(30)]
    assert said[0] == '"default";r=29;t=0'
    assert said[-2] == '"default";r=1;t=0'
    assert said[-1] == '"default";r=0;t=2', "one comes every two seconds"


def test_API_9_whoever_waits_as_long_as_was_said_is_let_in() -> None:
    clock = HandClock()
    limit = RateLimit(30, clock)
    for _ in range(30):
        limit.take("key")
    with pytest.raises(GatewayError) as refused:
        limit.take("key")
    assert refused.value.headers["RateLimit"] == '"default";r=0;t=2'
    assert int(refused.value.headers["Retry-After"]) >= 2
    clock.mono_s += 2
    assert limit.take("key") == '"default";r=0;t=2'


def test_without_a_limit_nothing_is_said() -> None:
    assert RateLimit(0, HandClock()).take("key") == ""

"""Proves what a text that goes again asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.draft import validity_s
from tests.peers.one_message import MESSAGE

DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("created_at_ms", "send_at_ms", "expires_at_ms", "asked_s"),
    [
        (0, None, 90_000, 90),
        (0, 30_000, 120_000, 90),
        # The clock stepped by weeks while it waited: nobody asked for that.
        (0, None, 22 * DAY_MS, 604_800),
        (10 * DAY_MS, None, DAY_MS, 60),
    ],
)
def test_the_validity_of_a_text_that_goes_again_is_what_may_be_asked_for(
    created_at_ms: int, send_at_ms: int | None, expires_at_ms: int, asked_s: int
) -> None:
    times = {"created_at_ms": created_at_ms, "send_at_ms": send_at_ms, "expires_at_ms": expires_at_ms}
    assert validity_s(replace(MESSAGE, **times)) == asked_s  # type: ignore[arg-type]

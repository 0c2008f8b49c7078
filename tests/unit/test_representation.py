"""How values look as JSON: any stored time is a time that RFC 3339 can hold."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.representation import rfc3339


@pytest.mark.parametrize(
    ("at_ms", "written"),
    [
        (None, None),
        (0, "1970-01-01T00:00:00.000Z"),
        (1_795_251_600_250, "2026-11-21T09:00:00.250Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, "9999-12-31T23:59:59.999Z"),
        (2**63 - 1, "9999-12-31T23:59:59.999Z"),
        (-(2**63), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_a_time_that_the_format_cannot_hold_is_the_nearest_that_it_can(
    at_ms: int | None, written: str | None
) -> None:
    assert rfc3339(at_ms) == written


@given(st.integers(-(2**63), 2**63 - 1))
def test_whatever_a_row_holds_can_be_written_and_read(at_ms: int) -> None:
    written = rfc3339(at_ms)
    assert written is not None
    assert datetime.fromisoformat(written).tzinfo == UTC


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_no_millisecond_is_lost_on_the_way(at_ms: int) -> None:
    written = rfc3339(at_ms)
    assert written is not None
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    since = datetime.fromisoformat(written) - epoch
    assert since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000 == at_ms

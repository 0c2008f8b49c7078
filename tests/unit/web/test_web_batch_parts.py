"""Proves the small parts of the batch pages: numbers out of pasted text, pace, causes, how far a batch is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.store.batch_rows import BatchRow
from gateway.store.eta import Failures
from gateway.web.batch_causes import Causes
from gateway.web.batch_pace import Paces
from gateway.web.batch_upload import split_numbers
from gateway.web.batches import progress

ROW = BatchRow(
    id="b", tenant="t", key_id="k", sandbox=False, state="running", held_reason=None, name=None, reference=None,
    purpose="transactional", tags={}, template_id=None, template_version=None, fallback=(), total=1000, accepted=1000,
    rejected=0, parts=1000, digest="", resend_of=None, created_at_ms=0, send_at_ms=None, started_at_ms=None,
    completed_at_ms=None, counts={}, rejections=(),
)  # fmt: skip


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("+447700900123", ["+447700900123"]),
        ("+44 7700 900123, 07700 900124", ["+44 7700 900123", "07700 900124"]),
        ("+447700900123 +447700900124", ["+447700900123", "+447700900124"]),
        ("07700900123 07700900124", ["07700900123", "07700900124"]),
        ("0770\n\n hello \t;", ["0770", "hello"]),
        ("(07700) 900-123;07700/900124", ["(07700) 900-123", "07700/900124"]),
        ("", []),
    ],
)
def test_numbers_in_any_shape_are_parted_and_spaces_within_one_stay(written: str, numbers: list[str]) -> None:
    assert split_numbers(written) == numbers


def test_a_batch_is_at_100_percent_only_when_nothing_waits() -> None:
    almost = progress(replace(ROW, counts={"delivered": 999, "queued": 1}))
    assert (almost.percent, almost.waiting, almost.settled) == (99, 1, 999)
    done = progress(replace(ROW, counts={"delivered": 900, "failed": 60, "expired": 30, "in_doubt": 10}))
    assert (done.percent, done.failed) == (100, 90)
    assert {piece.word: piece.n for piece in done.pieces if piece.n} == {
        "delivered": 900,
        "failed": 90,
        "in doubt": 10,
    }
    assert progress(replace(ROW, accepted=0)).percent == 100


def test_the_pace_is_that_of_the_last_minute_and_unknown_at_first() -> None:
    paces = Paces()
    assert paces.seen("a", 0, 0) is None
    assert paces.seen("a", 2, 40) is None, "two seconds say nothing"
    assert paces.seen("a", 10, 20) == 120
    assert paces.seen("a", 70, 20) == 0, "nothing went in the last minute"
    assert paces.seen("b", 70, 5) is None


async def test_causes_are_read_again_only_when_something_failed_since_and_at_the_end() -> None:
    reads = 0

    async def read() -> tuple[Failures, ...]:
        nonlocal reads
        reads += 1
        return (Failures("number_unassigned", "t", "h", reads),)

    causes = Causes()
    assert (await causes.of("a", 1, read, last=False))[0].count == 1
    assert (await causes.of("a", 1, read, last=True))[0].count == 1
    assert reads == 1
    assert (await causes.of("a", 2, read, last=True))[0].count == 2
    await causes.of("b", 2, read, last=False)
    assert reads == 3

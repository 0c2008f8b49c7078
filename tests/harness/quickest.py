"""Owns measuring whether something is quick on a machine that others use too: the quickest of three tries counts.

A slow thing is slow each time; a busy machine is not. A machine that is slow as such is measured beside, and its
seconds count for less. Nothing that is measured may remember an earlier try.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Awaitable, Callable

TRIES = 3
ADDITIONS = 200_000
ADDITIONS_S = 0.006
"""What as many additions take on the machine for which limits are written."""


def quickest_s(work: Callable[[], object], limit_s: float) -> float:
    """Give the seconds of CPU that the quickest try takes, with processes that it ends; one within the limit is enough.

    On a slow machine they are the seconds that it would take on a usual one.
    """
    least_s = float("inf")
    for _ in range(TRIES):
        started_s = _cpu_s()
        work()
        least_s = min(least_s, (_cpu_s() - started_s) / _slowness())
        if least_s < limit_s:
            break
    return least_s


def _cpu_s() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def _slowness() -> float:
    started_s = time.process_time()
    total = 0
    for number in range(ADDITIONS):
        total += number & 7
    return max(1.0, (time.process_time() - started_s) / ADDITIONS_S)


async def quickest_answer_s(ask: Callable[[], Awaitable[object]], limit_s: float) -> float:
    """Give the seconds until the quickest answer, as whoever asks would wait; as :func:`quickest_s`."""
    least_s = float("inf")
    for _ in range(TRIES):
        started_s = time.perf_counter()
        await ask()
        least_s = min(least_s, time.perf_counter() - started_s)
        if least_s < limit_s:
            break
    return least_s

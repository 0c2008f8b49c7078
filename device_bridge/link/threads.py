"""Owns one blocking call in a thread of its own with a deadline that holds even if the call never returns.

Knows no port; opening a wedged USB device can block for minutes inside the kernel.
Source: style, rule 14 (no inherited defaults of 600 seconds).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T], deadline_s: float, discard: Callable[[T], None]) -> T:
    """Run a blocking call off the loop and wait for it, but not longer than the deadline.

    Args:
        work: The call; its exceptions are raised here.
        deadline_s: Seconds; the thread cannot be stopped and is left behind as a daemon.
        discard: Gets a result that comes after the deadline, so that a port opened too late is closed again.

    Raises:
        TimeoutError: the deadline passed.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: BaseException | None) -> None:
        if outcome.done():
            if error is None:
                discard(result)  # type: ignore[arg-type]  # without an error it is a T
        elif error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]  # as above

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  # carried to the caller's task, not swallowed
            post(None, error)
        else:
            post(result, None)

    def post(result: T | None, error: BaseException | None) -> None:
        try:
            loop.call_soon_threadsafe(deliver, result, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            if error is None:
                discard(result)  # type: ignore[arg-type]  # as above

    threading.Thread(target=run, name="blocking-open", daemon=True).start()
    # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the result.
    async with asyncio.timeout(deadline_s):
        return await outcome

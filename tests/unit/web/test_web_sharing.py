"""Proves that tabs which show the same share one making, that nobody gets what is older than their question, and how
often regions are made at most."""

from __future__ import annotations

import asyncio

import pytest

from gateway.web.sharing import APART_S, Shared


class Making:
    """Counts how often it is asked, and gives the number."""

    def __init__(self) -> None:
        self.made: list[float] = []

    async def __call__(self) -> str:
        self.made.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0)
        return str(len(self.made))


async def test_the_first_is_made_at_once_and_the_next_a_quarter_of_a_second_later() -> None:
    shared, making = Shared(), Making()
    assert await shared.make("overview", making) == "1"
    assert await shared.make("overview", making) == "2"
    assert making.made[1] - making.made[0] >= APART_S * 0.98


async def test_those_who_ask_while_one_is_awaited_get_the_same() -> None:
    shared, making = Shared(), Making()
    await shared.make("overview", making)
    assert await asyncio.gather(*(shared.make("overview", making) for _ in range(10))) == ["2"] * 10
    assert len(making.made) == 2


async def test_who_asks_after_a_making_began_gets_the_next_one() -> None:
    shared, began, go_on = Shared(), asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        began.set()
        await go_on.wait()
        return "older"

    first = asyncio.create_task(shared.make("overview", slow))
    await began.wait()
    second = asyncio.create_task(shared.make("overview", Making()))
    await asyncio.sleep(0)
    go_on.set()
    assert await first == "older"
    assert await second == "1"


async def test_the_last_who_asks_knows_most_so_theirs_is_made() -> None:
    shared, older, newer = Shared(), Making(), Making()
    await shared.make("overview", older)
    answers = await asyncio.gather(shared.make("overview", older), shared.make("overview", newer))
    assert list(answers) == ["1", "1"]
    assert (len(older.made), len(newer.made)) == (1, 1)


async def test_a_tab_that_is_closed_takes_nothing_from_the_others() -> None:
    shared, making = Shared(), Making()
    await shared.make("overview", making)
    closed = asyncio.create_task(shared.make("overview", making))
    stays = asyncio.create_task(shared.make("overview", making))
    await asyncio.sleep(0)
    closed.cancel()
    assert await stays == "2"


async def test_a_failure_is_that_of_all_who_waited_and_of_nobody_after() -> None:
    shared = Shared()

    async def breaks() -> str:
        raise LookupError("gone")

    with pytest.raises(LookupError):
        await shared.make("message", breaks)
    assert await shared.make("message", Making()) == "1"


async def test_what_is_different_is_not_shared() -> None:
    shared, one, other = Shared(), Making(), Making()
    await asyncio.gather(shared.make("overview", one), shared.make("messages", other))
    assert (len(one.made), len(other.made)) == (1, 1)

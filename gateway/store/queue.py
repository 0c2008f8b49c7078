"""Owns the order of the queue: lanes of senders and batches that take turns on each route, so that none starves.

Knows no line's pace and no device. A lane is the messages of one key, or of one batch, with one priority on one route;
its turn is the number of the event of its last claim: who was served longest ago goes next.
Source: rules TEN-3; higher priority goes first, then tenants take turns, then the lanes of a tenant.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from gateway.store.transaction import Row, Tx

LANES_READ = 64
"""Lanes read at a time; a line goes on to the next only while it has not found enough."""


def lane_of(key_id: str, batch_id: str | None, *, urgent: bool) -> str:
    """Name the lane of a message: its batch, else its key; what never waits for quiet hours has a lane of its own."""
    return f"{f'batch:{batch_id}' if batch_id else f'key:{key_id}'}{'!' if urgent else ''}"


def enter(tx: Tx, message: Row | dict[str, object]) -> None:
    """See to it that the lane of a message that is ready exists."""
    key = (message["route"], message["priority"], message["tenant"], message["lane"])
    if key in tx.group.lanes:
        return
    tx.group.lanes.add(key)
    where = dict(zip(("route", "priority", "tenant"), key[:3], strict=True))
    urgent = int(message["purpose"] == "urgent")
    tx.run("lane_add", **where, name=message["lane"], batch_id=message["batch_id"], urgent=urgent)
    tx.run("share_add", **where)


def heads(tx: Tx, line: Row, routes: list[str], limit: int, *, urgent_only: bool = False) -> list[Row]:
    """List the messages that a line may carry next, best first, at most ``limit``; changes nothing."""
    found: list[Row] = []
    for lane in _in_turn(tx, routes, urgent_only=urgent_only):
        found += _first_of(tx, line, lane, limit - len(found))
        if len(found) >= limit:
            break
    return found


def firsts(tx: Tx, line: Row, routes: list[str], limit: int, *, urgent_only: bool = False) -> list[Row]:
    """List the first message of each lane that a line may carry, best lane first, at most ``limit``."""
    found: list[Row] = []
    for lane in _in_turn(tx, routes, urgent_only=urgent_only):
        found += _first_of(tx, line, lane, 1)
        if len(found) >= limit:
            break
    return found


def _in_turn(tx: Tx, routes: list[str], *, urgent_only: bool) -> Iterator[Row]:
    """The lanes of some routes in order; merged lazily: those behind the first that have enough are not read."""
    return heapq.merge(
        *(_lanes(tx, route, urgent_only=urgent_only) for route in routes),
        key=lambda lane: (-lane["priority"], lane["share_turn"], lane["turn"]),
    )


def _first_of(tx: Tx, line: Row, lane: Row, limit: int) -> list[Row]:
    return tx.rows(
        "lane_heads",
        route=lane["route"],
        priority=lane["priority"],
        lane=lane["name"],
        sandbox=line["emulated"],
        line=line["id"],
        limit=limit,
    )


def _lanes(tx: Tx, route: str, *, urgent_only: bool) -> Iterator[Row]:
    """The lanes of a route in order of their turns, read a few at a time."""
    offset = 0
    while True:
        read = tx.rows(
            "lanes_next",
            route=route,
            urgent_only=int(urgent_only),
            now=tx.now_ms,
            limit=LANES_READ,
            offset=offset,
        )
        yield from read
        if len(read) < LANES_READ:
            return
        offset += LANES_READ


def served(tx: Tx, message: Row, turn: int) -> None:
    """Note a claim: its lane and its tenant go behind the others; an empty lane goes."""
    where = {"route": message["route"], "priority": message["priority"], "tenant": message["tenant"]}
    if not tx.run("lane_drop_empty", **where, name=message["lane"]):
        tx.run("lane_turn", **where, name=message["lane"], turn=turn)
    else:
        tx.group.lanes.discard((*where.values(), message["lane"]))
    tx.run("share_turn", **where, turn=turn)


def wait(tx: Tx, message: Row, until_ms: int, reason: str) -> None:
    """Keep the lane of a message from going on before a time: its key or tenant has used up a budget."""
    tx.run(
        "lane_wait",
        route=message["route"],
        priority=message["priority"],
        tenant=message["tenant"],
        name=message["lane"],
        not_before=until_ms,
        reason=reason,
    )
    tx.touched.add("queue")


def wake(tx: Tx) -> None:
    """Let lanes go on whose time has come, and send home what was pinned to a line for too long."""
    if tx.run("lanes_wake", now=tx.now_ms):
        tx.touched.add("queue")
    tx.run("lanes_unpinned", now=tx.now_ms)
    tx.run("shares_unpinned", now=tx.now_ms)
    if tx.run("unpin_rows", now=tx.now_ms):
        tx.touched.add("queue")


def ask_again(tx: Tx) -> None:
    """Let every lane that waits ask its limits again: they were asked by a clock that was wrong."""
    tx.run("lanes_ask_again")


def prune(tx: Tx) -> None:
    """Drop lanes that nothing waits in."""
    tx.run("lanes_drop_empty")
    # One of them may have been made by an earlier unit of this transaction, and be needed by a later one.
    tx.group.lanes.clear()
    tx.run("shares_drop_empty")

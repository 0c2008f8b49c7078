"""Owns where a message may go: which line or pool, and whether emulated and real would mix.

Knows no text and no HTTP; asks the store only for the lines, and only after one has changed.
Source: rules KEY-7, NUM-7; design, *Words* (pool, line).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gateway.draft import Caller, MessageDraft
from gateway.errors import FieldError, GatewayError, field_error
from gateway.policy.country import country_of_imsi
from gateway.policy.number import Recipient
from gateway.store.protocol import Store
from gateway.store.rows import LineRow, View

_SANDBOX_POOL = "sandbox"
_DEFAULT_POOL = "default"


@dataclass(frozen=True, slots=True)
class Route:
    """``name`` is ``line:<id>`` or ``pool:<name>``; ``line`` and ``pool`` are what was asked for."""

    name: str
    line: LineRow | None
    pool: str | None


class LineBook:
    """The lines of each tenant as last read; read again after the store says that a line changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed = store.signal("lines")
        self._known: dict[str, tuple[LineRow, ...]] = {}
        self._reading = asyncio.Lock()

    async def lines(self, tenant: str) -> tuple[LineRow, ...]:
        """Give the lines of a tenant, usually without a read."""
        if self._changed.is_set():
            self._changed.clear()
            self._known = {}
        known = self._known.get(tenant)
        return known if known is not None else await self._read(tenant)

    async def id_of(self, tenant: str, name: str) -> str:
        """Find the id of a line by any of its names; what is no name of a line stays as it is."""
        lines = await self.lines(tenant)
        found = _named(lines, name)
        return found.id if found is not None else name

    async def _read(self, tenant: str) -> tuple[LineRow, ...]:
        async with self._reading:
            known = self._known
            if tenant not in known:
                # Kept in the dict of before the read: a change during it puts a new dict in place.
                known[tenant] = await self._store.lines(View(tenant))
            return known[tenant]


def home_country(lines: tuple[LineRow, ...]) -> str | None:
    """Say the country that all real SIMs share; None while there is none or more than one, so nothing is guessed."""
    countries = {country_of_imsi(line.imsi) for line in lines if not line.emulated}
    return countries.pop() if len(countries) == 1 else None


def choose_route(
    draft: MessageDraft, recipient: Recipient, caller: Caller, lines: tuple[LineRow, ...]
) -> Route:
    """Pick the line or pool that may carry a message; lines that are away count, they may come back.

    Raises:
        GatewayError: ``sandbox_only``, ``unknown_line``, ``sender_not_owned`` or ``no_line_available``.
    """
    if caller.sandbox and not recipient.sandbox:
        raise field_error(
            "sandbox_only",
            f"A sandbox key cannot text {recipient.e164}. Use a live key, or a sandbox number (+999…).",
            "to",
        )
    if draft.line is not None:
        line = find_line(draft.line, caller, lines)
        _same_world(line, recipient)
        return Route(f"line:{line.id}", line, None)
    pool = draft.pool or (_SANDBOX_POOL if recipient.sandbox else _DEFAULT_POOL)
    members = [line for line in lines if pool in line.pools]
    if any(line.emulated == recipient.sandbox for line in members):
        return Route(f"pool:{pool}", None, draft.pool)
    if members:
        _same_world(members[0], recipient)
    if caller.sandbox and pool != _SANDBOX_POOL:
        raise field_error("sandbox_only", f'Pool "{pool}" has no emulated line. Leave pool out.', "pool")
    raise _nobody(pool, draft, recipient)


def find_line(name: str, caller: Caller, lines: tuple[LineRow, ...]) -> LineRow:
    """Find a line by id, ICCID, number or label, in that order.

    Raises:
        GatewayError: ``sandbox_only`` when a sandbox key names anything but an emulated line; ``unknown_line``;
            ``sender_not_owned`` for a number that no line of the tenant has.
    """
    found = _named(lines, name)
    if caller.sandbox and (found is None or not found.emulated):
        raise field_error(
            "sandbox_only",
            f'A sandbox key reaches only emulated lines, and "{name}" is none. Leave line out, or use a live key.',
            "line",
        )
    if found is not None:
        return found
    if name.startswith("+"):
        raise field_error(
            "sender_not_owned",
            f'No line here has the number "{name}". Name one of GET /api/v1/lines, or leave line out.',
            "line",
        )
    raise field_error(
        "unknown_line",
        f'There is no line "{name}". Name one of GET /api/v1/lines by id, iccid, number or label.',
        "line",
    )


_WAYS_TO_NAME: tuple[Callable[[LineRow, str], bool], ...] = (
    lambda line, name: line.id == name,
    lambda line, name: line.iccid == name,
    lambda line, name: line.number == name,
    lambda line, name: line.label is not None and line.label.casefold() == name.casefold(),
)


def _named(lines: tuple[LineRow, ...], name: str) -> LineRow | None:
    for matches in _WAYS_TO_NAME:
        for line in lines:
            if matches(line, name):
                return line
    return None


def _same_world(line: LineRow, recipient: Recipient) -> None:
    if line.emulated == recipient.sandbox:
        return
    shown = line.label or line.number or line.id
    if line.emulated:
        detail = (
            f'Line "{shown}" is emulated and carries only +999… numbers. Name a real line, or leave it out.'
        )
    else:
        detail = (
            f'Line "{shown}" is a real SIM; +999… exists only on emulated lines. Leave line and pool out.'
        )
    raise field_error("sandbox_only", detail, "line")


def _nobody(pool: str, draft: MessageDraft, recipient: Recipient) -> GatewayError:
    if recipient.sandbox:
        detail = "No emulated line is running. Start with --simulate 2, or set sandbox.lines."
    elif draft.pool is not None:
        detail = f'No line belongs to pool "{pool}". Put a line into it, or leave pool out.'
    else:
        detail = (
            "No phone or modem was ever attached. Attach one (gateway doctor shows why one is missing),"
            " or send to a sandbox number (+999…)."
        )
    where = () if draft.pool is None else (FieldError("#/pool", "no_line_available", detail),)
    return GatewayError("no_line_available", detail, errors=where, headers={"Retry-After": "30"})

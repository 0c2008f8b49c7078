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
from gateway.store.rows import LineRow

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
                known[tenant] = await self._store.known_lines(tenant)
            return known[tenant]


def home_country(lines: tuple[LineRow, ...]) -> str | None:
    """Say the country that all real SIMs share; None while there is none or more than one, so nothing is guessed."""
    countries = {country_of_imsi(line.imsi) for line in lines if not line.emulated}
    return countries.pop() if len(countries) == 1 else None


@dataclass(frozen=True, slots=True)
class RouteRule:
    """Where texts go that name no line and no pool: all of its conditions that are set must fit.

    ``tag`` is ``name`` or ``name=value``; ``key`` the name of a key. Exactly one of ``pool`` and ``line`` is set.
    """

    to_prefix: str | None = None
    to_country: str | None = None
    tag: str | None = None
    key: str | None = None
    pool: str | None = None
    line: str | None = None

    def fits(self, draft: MessageDraft, recipient: Recipient, caller: Caller) -> bool:
        """Say whether a text is meant."""
        if self.to_prefix is not None and not recipient.e164.startswith(self.to_prefix):
            return False
        if self.to_country is not None and recipient.country != self.to_country:
            return False
        if self.key is not None and caller.name != self.key:
            return False
        if self.tag is None:
            return True
        name, equals, value = self.tag.partition("=")
        return name in draft.tags and (not equals or draft.tags[name] == value)


def choose_route(
    draft: MessageDraft,
    recipient: Recipient,
    caller: Caller,
    lines: tuple[LineRow, ...],
    rules: tuple[RouteRule, ...] = (),
) -> Route:
    """Pick the line or pool that may carry a message; lines that are away count, they may come back.

    What the draft names goes first, then the first rule that fits and that some line can keep, then the default pool.

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
    if draft.pool is None and not recipient.sandbox:
        ruled = _by_rule(draft, recipient, caller, (lines, rules))
        if ruled is not None:
            return ruled
    pool = draft.pool or (_SANDBOX_POOL if recipient.sandbox else _DEFAULT_POOL)
    members = [line for line in lines if pool in line.pools]
    if any(line.emulated == recipient.sandbox for line in members):
        return Route(f"pool:{pool}", None, draft.pool)
    if members:
        _same_world(members[0], recipient)
    if caller.sandbox and pool != _SANDBOX_POOL:
        raise field_error("sandbox_only", f'Pool "{pool}" has no emulated line. Leave pool out.', "pool")
    raise _nobody(pool, draft, recipient)


def _by_rule(
    draft: MessageDraft,
    recipient: Recipient,
    caller: Caller,
    known: tuple[tuple[LineRow, ...], tuple[RouteRule, ...]],
) -> Route | None:
    lines, rules = known
    for rule in rules:
        if not rule.fits(draft, recipient, caller):
            continue
        if rule.line is not None:
            line = _named(lines, rule.line)
            if line is not None and not line.emulated:
                return Route(f"line:{line.id}", None, None)
        elif any(rule.pool in line.pools and not line.emulated for line in lines):
            return Route(f"pool:{rule.pool}", None, None)
    return None


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


def check_pool(pool: str, lines: tuple[LineRow, ...]) -> None:
    """Refuse a pool that no line belongs to, attached or not.

    Raises:
        GatewayError: ``no_line_available``.
    """
    if not any(pool in line.pools for line in lines):
        raise _empty_pool(pool)


def _empty_pool(pool: str) -> GatewayError:
    detail = f'No line belongs to pool "{pool}". Put a line into it, or leave pool out.'
    where = (FieldError("#/pool", "no_line_available", detail),)
    return GatewayError("no_line_available", detail, errors=where, headers={"Retry-After": "30"})


def _nobody(pool: str, draft: MessageDraft, recipient: Recipient) -> GatewayError:
    if draft.pool is not None:
        return _empty_pool(pool)
    if recipient.sandbox:
        detail = "No emulated line is running. Start with --simulate 2, or set sandbox.lines."
    else:
        detail = (
            "No phone or modem was ever attached. Attach one (gateway doctor shows why one is missing),"
            " or send to a sandbox number (+999…)."
        )
    return GatewayError("no_line_available", detail, headers={"Retry-After": "30"})

"""Owns who may come in: keys looked up and remembered for a second, wrong ones counted, requests rationed.

Knows no route. A failure is always judged against the store, so that known and unknown ids cost the same.
Source: rules KEY-1 to KEY-8, API-9 (RateLimit fields), RFC 6750 (Bearer).
"""

from __future__ import annotations

import ipaddress
import math
import random
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from gateway import keys
from gateway.clock import Clock
from gateway.draft import Caller
from gateway.errors import GatewayError
from gateway.http.key_notes import KeyNotes
from gateway.store.audit import Audit, Deed
from gateway.store.protocol import Store, StoreError
from gateway.store.rows import KeyRow

if TYPE_CHECKING:
    from collections.abc import Mapping

log = structlog.get_logger("gateway.http")

_REMEMBERED_S = 1.0
"""How long a key is believed without a read. Revocation works within a second even when another process (the
command line) writes it, and a busy key costs one read a second."""

_REMEMBERED_KEYS = 4096
_WINDOW_S = 60.0
_ADDRESSES = 8192
_WRITTEN_PER_MINUTE = 60
ADMIN_KEY_ID = "admin"
_REALM = 'Bearer realm="gateway"'


@dataclass(frozen=True, slots=True)
class _Remembered:
    until_s: float
    row: KeyRow
    caller: Caller


class Credentials:
    """Finds out who a presented key is."""

    def __init__(self, store: Store, clock: Clock, admin_digest: bytes | None, tenant: str) -> None:
        self._store = store
        self._clock = clock
        self._admin_digest = admin_digest
        self._admin = Caller(ADMIN_KEY_ID, "GATEWAY_ADMIN_KEY", tenant, frozenset({"*"}))
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()
        self._notes = KeyNotes(store, clock)

    async def caller(self, presented: str, address: str, requests: int = 1) -> Caller | None:
        """Say who presents this key; None when it is wrong, expired, revoked or not for this address.

        ``requests`` 0: what is open already asks again, which counts as use and as no request.

        Raises:
            StoreUnavailable: nobody can say now.
        """
        remembered = self._remembered.get(keys.public_id(presented))
        if (
            remembered is not None
            and remembered.until_s > self._clock.monotonic_s()
            and keys.same(remembered.row.digest, keys.digest(presented))
        ):
            return self.in_force(remembered.row, remembered.caller, address, requests)
        if self._admin_digest is not None and keys.same(self._admin_digest, keys.digest(presented)):
            return self._admin
        parsed = keys.parse_key(presented)
        if parsed is None:
            return None
        row = await self._store.key(parsed.public_id)
        if not keys.same(row.digest if row is not None else None, parsed.digest) or row is None:
            return None
        caller = caller_of(row)
        self._remember(parsed.public_id, row, caller)
        return self.in_force(row, caller, address, requests)

    def admin(self, key_digest: bytes) -> Caller | None:
        """Give the caller of GATEWAY_ADMIN_KEY while it is the one with this digest."""
        known = self._admin_digest is not None and keys.same(self._admin_digest, key_digest)
        return self._admin if known else None

    async def still(self, presented: str, address: str) -> Caller | None:
        """Say the same by a read, whatever is remembered: for what stays open longer than a request.

        Raises:
            StoreUnavailable: nobody can say now.
        """
        self._remembered.pop(keys.public_id(presented), None)
        return await self.caller(presented, address, requests=0)

    def forget(self) -> None:
        """Believe no key without a read: one was changed in this process."""
        self._remembered.clear()

    def _remember(self, public_id: str, row: KeyRow, caller: Caller) -> None:
        self._remembered[public_id] = _Remembered(self._clock.monotonic_s() + _REMEMBERED_S, row, caller)
        self._remembered.move_to_end(public_id)
        while len(self._remembered) > _REMEMBERED_KEYS:
            self._remembered.popitem(last=False)

    def in_force(self, row: KeyRow, caller: Caller, address: str, requests: int) -> Caller | None:
        """Give the caller back while its key holds for this address; the use is noted, once a minute."""
        now_ms = self._clock.now_ms()
        if row.revoked_at_ms is not None and row.revoked_at_ms <= now_ms:
            return None
        if row.expires_at_ms is not None and row.expires_at_ms <= now_ms:
            return None
        if row.networks and not _within(address, row.networks):
            return None
        self._notes.used(row, address, now_ms, requests)
        return caller

    async def settle(self) -> None:
        """Wait until all use is written down; called when the server stops."""
        await self._notes.settle()


def _within(address: str, networks: tuple[str, ...]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in ipaddress.ip_network(network) for network in networks)


def caller_of(row: KeyRow) -> Caller:
    """Say who presents a key."""
    return Caller(row.id, row.name, row.tenant, frozenset(row.scopes), row.sandbox)


def presented_key(headers: Mapping[str, str], *, beside_session: bool = False) -> str | None:
    """Take the key out of the headers; None when there is none.

    ``beside_session``: the cookie of a session came too. Then another scheme than Bearer is meant for the proxy that
    asked for it, and hides no session; without one it is a key shown in the wrong way.

    Raises:
        GatewayError: two different keys.
    """
    bearer: str | None = None
    authorization = headers.get("Authorization")
    if authorization is not None:
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() == "bearer":
            bearer = credentials.strip()
        elif not beside_session:
            bearer = ""
    direct = headers.get("X-API-Key")
    if direct is None:
        return bearer
    if bearer is not None and bearer != direct:
        raise GatewayError(
            "malformed_http", "Authorization and X-API-Key hold different keys. Send one of them."
        )
    return direct.strip()


def unauthenticated(*, presented: bool) -> GatewayError:
    """Nobody knows this key, or none was sent."""
    if presented:
        return GatewayError(
            "unauthenticated",
            "This key is wrong, expired or revoked. Check that it was copied whole, or make a new one.",
            headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'},
        )
    return GatewayError(
        "unauthenticated",
        "Send a key: Authorization: Bearer KEY, or X-API-Key: KEY.",
        headers={"WWW-Authenticate": _REALM},
    )


class Failures:
    """Counts failed authentications of each address in windows of a minute, and writes them down.

    No more of them are written in a minute than ``_WRITTEN_PER_MINUTE``: who guesses keys from ten thousand addresses
    must not fill the disk.
    """

    def __init__(self, per_minute: int, clock: Clock, audit: Audit, tenant: str) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._audit = audit
        self._tenant = tenant
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._written = (0.0, 0)

    async def failed(self, address: str, presented: str | None) -> None:
        """Note a failure; ``presented`` is what was shown, if anything was. Known and unknown keys cost the same.

        Raises:
            GatewayError: ``too_many_attempts`` when the address has had its failures of this minute.
        """
        self._count(address)
        if presented:
            parsed = keys.parse_key(presented)
            detail = {} if parsed is None else {"key": parsed.public_id}
            await self._write(
                Deed("key.refused", f"address:{address}", self._tenant, detail=detail, outcome="refused")
            )

    async def shown_openly(self, address: str) -> None:
        """Note that a key stood in an address: whoever sees the address may have it now (rules KEY-4)."""
        await self._write(Deed("key.in_url", f"address:{address}", self._tenant, outcome="refused"))

    async def _write(self, deed: Deed) -> None:
        if not self._may_write():
            return
        try:
            await self._audit.record(deed)
        except StoreError as error:
            log.warning("audit.not_written", action=deed.action, reason=type(error).__name__)

    def _may_write(self) -> bool:
        now_s = self._clock.monotonic_s()
        since_s, count = self._written
        if count == 0 or now_s - since_s >= _WINDOW_S:
            since_s, count = now_s, 0
        self._written = (since_s, count + 1)
        return count < _WRITTEN_PER_MINUTE

    def _count(self, address: str) -> None:
        now_s = self._clock.monotonic_s()
        since_s, count = self._counts.get(address, (now_s, 0))
        if now_s - since_s >= _WINDOW_S:
            since_s, count = now_s, 0
        self._counts[address] = (since_s, count + 1)
        self._counts.move_to_end(address)
        while len(self._counts) > _ADDRESSES:
            self._counts.popitem(last=False)
        if count >= self._per_minute:
            wait_s = max(1, round(since_s + _WINDOW_S - now_s))
            raise GatewayError(
                "too_many_attempts",
                f"More than {self._per_minute} wrong keys came from this address within a minute."
                f" Correct the key and try again in {wait_s} s.",
                headers={"Retry-After": str(wait_s)},
            )


class RateLimit:
    """A token bucket per credential, refilled evenly; its state goes into every answer."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self.policy = f'"default";q={per_minute};w=60'
        self._per_minute = per_minute
        self._per_s = per_minute / _WINDOW_S
        self._clock = clock
        self._buckets: dict[str, list[float]] = {}

    def take(self, key_id: str) -> str:
        """Take one token; returns the RateLimit field, "" when there is no limit.

        Its ``t`` is 0 while there is more, else the seconds until there is (rules API-9).

        Raises:
            GatewayError: ``rate_limited`` with ``Retry-After``.
        """
        if not self._per_minute:
            return ""
        now_s = self._clock.monotonic_s()
        bucket = self._buckets.get(key_id)
        if bucket is None:
            bucket = self._buckets[key_id] = [float(self._per_minute), now_s]
        tokens = min(self._per_minute, bucket[0] + (now_s - bucket[1]) * self._per_s)
        bucket[1] = now_s
        if tokens < 1.0:
            bucket[0] = tokens
            raise self._limited(self._more_in_s(tokens))
        bucket[0] = tokens - 1.0
        return f'"default";r={int(bucket[0])};t={self._more_in_s(bucket[0])}'

    def _more_in_s(self, tokens: float) -> int:
        """Say in how many whole seconds there is a token to take, rounded up; 0: now."""
        return 0 if tokens >= 1.0 else math.ceil((1.0 - tokens) / self._per_s)

    def _limited(self, wait_s: int) -> GatewayError:
        # Jitter spreads clients that were stopped together.
        retry_s = wait_s + round(random.uniform(0.0, 0.1) * wait_s)  # noqa: S311 - spreading load is no secret
        error = GatewayError(
            "rate_limited",
            f"This key may send {self._per_minute} requests a minute. Try again in {retry_s} s.",
            headers={
                "Retry-After": str(retry_s),
                "RateLimit-Policy": self.policy,
                "RateLimit": f'"default";r=0;t={wait_s}',
            },
        )
        error.members["violated-policies"] = ["default"]
        return error

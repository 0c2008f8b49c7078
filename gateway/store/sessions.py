"""Owns people at the dashboard: links that sign in once, and the sessions that they begin.

Knows no cookie and no token: a token's SHA-256 is all that is stored. A session stands for one key and can do no more
than it; whether the key still holds is asked at each request.
Source: rules USR-1, USR-5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gateway.store import audit
from gateway.store.convert import load_key
from gateway.store.rows import KeyRow
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units

IDLE_MS = 8 * 3_600_000
"""A session that nobody used for so long is over: a working day at an office PC (rules USR-5)."""

ABSOLUTE_MS = 7 * 86_400_000

_LINKS_KEPT_MS = 86_400_000
"""After their end, so that a link that was used says so and not that it never was."""

NotSignedIn = Literal["unknown", "used", "expired"]


@dataclass(frozen=True, slots=True)
class Holder:
    """The key that a link or a session stands for. ``digest`` is SHA-256 of that key."""

    tenant: str
    key_id: str
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session with its key; ``key`` is None for the key of the environment, and for one that is gone."""

    holder: Holder
    created_at_ms: int
    used_at_ms: int
    address: str
    key: KeyRow | None

    def over(self, now_ms: int) -> bool:
        """Say whether it was idle for too long, or lasted for too long."""
        return now_ms - self.used_at_ms > IDLE_MS or now_ms - self.created_at_ms > ABSOLUTE_MS


class Sessions:
    """Links and sessions of every tenant; all verbs take the SHA-256 of a token and may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def add_link(self, link: bytes, holder: Holder, expires_at_ms: int) -> None:
        """Remember a link that signs in once, as ``holder``, until a time (UTC ms)."""
        await self._units.write(lambda tx: _add_link(tx, link, holder, expires_at_ms))

    async def redeem(self, link: bytes, session: bytes, address: str) -> Holder | NotSignedIn:
        """Use a link up and begin a session in one transaction, or say why it signs nobody in."""
        return await self._units.write(lambda tx: _redeem(tx, link, session, address))

    async def begin(self, session: bytes, holder: Holder, address: str) -> None:
        """Begin the session of somebody who showed the key itself."""
        await self._units.write(lambda tx: _begin(tx, session, holder, ("key", address)))

    async def get(self, session: bytes) -> SessionRow | None:
        """Read a session, over or not, with the row of its key."""
        return await self._units.read(lambda tx: _session(tx, session))

    async def used(self, session: bytes) -> None:
        """Note that a session is in use."""
        await self._units.write(lambda tx: tx.run("session_used", digest=session, now=tx.now_ms), linger=True)

    async def end(self, session: bytes) -> None:
        """End a session at once."""
        await self._units.write(lambda tx: _end(tx, session))


def prune(tx: Tx) -> None:
    """Drop links and sessions that are over."""
    tx.run("sign_in_links_prune", before=tx.now_ms - _LINKS_KEPT_MS)
    tx.run("sessions_prune", used_before=tx.now_ms - IDLE_MS, created_before=tx.now_ms - ABSOLUTE_MS)


def _redeem(tx: Tx, link: bytes, session: bytes, address: str) -> Holder | NotSignedIn:
    row = tx.one("sign_in_link_by_digest", digest=link)
    if row is None:
        return "unknown"
    if not tx.run("sign_in_link_use", digest=link, now=tx.now_ms):
        return "expired" if row["used_at"] is None else "used"
    holder = _holder(row)
    _begin(tx, session, holder, ("link", address))
    return holder


def _add_link(tx: Tx, link: bytes, holder: Holder, expires_at_ms: int) -> None:
    tx.run(
        "sign_in_link_insert",
        digest=link,
        tenant=holder.tenant,
        key_id=holder.key_id,
        key_digest=holder.digest,
        expires_at=expires_at_ms,
    )
    _tell(tx, "session.link_made", holder, {})


def _begin(tx: Tx, session: bytes, holder: Holder, shown: tuple[str, str]) -> None:
    """Begin a session; ``shown`` is what was shown, a link or a key, and from which address."""
    what, address = shown
    tx.run(
        "session_insert",
        digest=session,
        tenant=holder.tenant,
        key_id=holder.key_id,
        key_digest=holder.digest,
        now=tx.now_ms,
        address=address,
    )
    _tell(tx, "session.begun", holder, {"shown": what, "address": address})


def _end(tx: Tx, session: bytes) -> None:
    row = tx.one("session_by_digest", digest=session)
    if row is not None:
        tx.run("session_delete", digest=session)
        _tell(tx, "session.ended", _holder(row), {})


def _tell(tx: Tx, action: str, holder: Holder, detail: dict[str, object]) -> None:
    key = tx.one("credential_by_id", id=holder.key_id, tenant=holder.tenant)
    by = f"key:{holder.key_id}"
    sandbox = bool(key is not None and key["sandbox"])
    audit.append(tx, audit.Deed(action, by, holder.tenant, detail=detail, sandbox=sandbox))


def _session(tx: Tx, session: bytes) -> SessionRow | None:
    row = tx.one("session_by_digest", digest=session)
    if row is None:
        return None
    key = tx.one("credential_by_id", id=row["key_id"], tenant=row["tenant"])
    return SessionRow(
        _holder(row),
        row["created_at"],
        row["used_at"],
        row["address"],
        None if key is None else load_key(key),
    )


def _holder(row: Row) -> Holder:
    return Holder(row["tenant"], row["key_id"], row["key_digest"])

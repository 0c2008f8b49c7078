"""Owns what is made or checked before the gateway serves: data directory, key ring, store, first keys, file webhooks.

Knows no device task and no HTTP; used by the supervisor, and by commands that open the store directly.
Source: rules DAT-1, KEY-2, TLS-1 (file modes).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from device_bridge.device import LineIdentity
from gateway.clock import Clock
from gateway.config import Config, Modem, Phone
from gateway.datadir import DataDir
from gateway.ids import new_id
from gateway.keys import Kind, digest, make_key, public_id
from gateway.organisation import rules_of, tariff_of
from gateway.store.crypto import DamagedRow, KeyRing, KeyRingError
from gateway.store.protocol import Store, StoreUnavailable
from gateway.store.rows import KeyRow, LineSettings, RetryRule, View, WebhookRow
from gateway.store.sessions import Holder
from gateway.store.sqlite import SqliteStore

log = structlog.get_logger(__name__)

TENANT = "default"
CLI_SCOPES = ("*",)
KEYS_SHOWN = "first_keys_shown"


class CannotStart(Exception):
    """The gateway cannot run; the text is one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class FirstKeys:
    """The keys that the first start makes; shown once."""

    live: str
    sandbox: str


@contextmanager
def only_one(directory: DataDir) -> Iterator[None]:
    """Hold the data directory for one server.

    Raises:
        CannotStart: another server has it, or others may read it.
    """
    root = directory.root
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if root.stat().st_mode & 0o077:
        raise CannotStart(f"{root} can be read by others: run chmod 700 {root}")
    descriptor = os.open(root / "gateway.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise CannotStart(f"another gateway runs on {root}: stop it or choose --data-dir") from None
    try:
        yield
    finally:
        os.close(descriptor)


def store_of(directory: DataDir, config: Config, clock: Clock, path: Path | None = None) -> SqliteStore:
    """Make the store that the configuration names, or one on another file; it is not open yet.

    Raises:
        CannotStart: the key ring cannot be read.
    """
    try:
        ring = _ring(directory, encrypt=config.store.encrypt)
    except (KeyRingError, OSError) as error:
        raise CannotStart(str(error)) from None
    return SqliteStore(
        path or config.store.path(directory.root),
        ring,
        clock,
        max_queued=config.messages.max_queued,
        retry=RetryRule(attempts_max=config.messages.retry_attempts),
        rules=rules_of(config),
        event_days=config.store.event_days,
    )


def _ring(directory: DataDir, *, encrypt: bool) -> KeyRing:
    """Load the data keys, or make the first; with encryption switched off they open what was sealed before, and chain
    the audit trail."""
    ring = KeyRing.load(directory.key_ring, os.environ.get("GATEWAY_DATA_KEYS"))
    return ring if encrypt else ring.without_sealing()


async def open_store(
    directory: DataDir, config: Config, clock: Clock, path: Path | None = None
) -> SqliteStore:
    """Open the store, migrated. Raises CannotStart."""
    store = store_of(directory, config, clock, path)
    try:
        await store.open()
    except StoreUnavailable as error:
        raise CannotStart(str(error)) from None
    return store


def new_key(kind: Kind, name: str, scopes: tuple[str, ...], now_ms: int) -> tuple[str, KeyRow]:
    """Make a key and the row that remembers it without its secret."""
    text = make_key(kind)
    row = KeyRow(
        id=new_id(),
        tenant=TENANT,
        public_id=public_id(text),
        name=name,
        digest=digest(text),
        scopes=scopes,
        sandbox=kind == "sandbox",
        created_at_ms=now_ms,
    )
    return text, row


async def first_keys(store: Store, directory: DataDir, now_ms: int) -> FirstKeys | None:
    """Make the key of this machine's command line if it is missing, and on the very first start two keys to show.

    Until :func:`first_keys_shown` says that a person has seen them, each start makes new ones: a start that was
    killed before it printed them must not leave a server that nobody has a key of.
    """
    if not directory.cli_key.exists():
        text, row = new_key("live", "cli", CLI_SCOPES, now_ms)
        await store.add_key(row)
        _write_private(directory.cli_key, text + "\n")
    if await store.remembered(KEYS_SHOWN) is not None:
        return None
    live, live_row = new_key("live", "first", CLI_SCOPES, now_ms)
    sandbox, sandbox_row = new_key("sandbox", "first sandbox", CLI_SCOPES, now_ms)
    await store.add_key(live_row)
    await store.add_key(sandbox_row)
    return FirstKeys(live, sandbox)


async def own_holder(store: Store, directory: DataDir) -> Holder:
    """Say who opens the dashboard from this machine's terminal: the command line's own key."""
    key = directory.cli_key.read_text().strip()
    row = await store.key(public_id(key))
    return Holder(TENANT, row.id if row is not None else "", digest(key))


async def first_keys_shown(store: Store) -> None:
    """Remember that the first keys were printed."""
    await store.remember(KEYS_SHOWN, "yes")


def _write_private(path: Path, text: str) -> None:
    """Write a file that only we may read, whole or not at all: half a key would never be made again."""
    partial = path.with_name(f"{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    partial.replace(path)


async def configure_webhooks(store: Store, config: Config, now_ms: int) -> None:
    """Make the store's webhooks of the file equal to the file: known by url, changed, added; others are left."""
    view = View(TENANT)
    known = {row.url: row for row in await store.webhooks(view)}
    for hook in config.webhook:
        row = known.get(hook.url)
        said: dict[str, object] = {
            "events": hook.events,
            "secrets": (hook.secret,),
            "include_text": hook.include_text,
        }
        if row is None:
            await store.add_webhook(
                WebhookRow(
                    id=new_id(),
                    tenant=TENANT,
                    url=hook.url,
                    events=hook.events,
                    secrets=(hook.secret,),
                    include_text=hook.include_text,
                    sandbox=False,
                    enabled=True,
                    created_at_ms=now_ms,
                )
            )
        else:
            await store.change_webhook(view, row.id, said)


def line_settings(config: Config, place: Modem | Phone | None, identity: LineIdentity) -> LineSettings:
    """Say what the configuration says of a SIM: ``[[line]]`` by ICCID, IMSI or number goes before what is said of the
    ``[[modem]]`` or ``[[phone]]`` that it is in. A number may be the SIM's own word or the modem's section's."""
    told = place.number if isinstance(place, Modem) else None
    numbers = {told, identity.number} - {None}
    named = next(
        (
            line
            for line in config.line
            if (line.iccid is not None and line.iccid == identity.iccid)
            or (line.imsi is not None and line.imsi == identity.imsi)
            or (line.iccid is None and line.imsi is None and line.number in numbers)
        ),
        None,
    )
    pool = (named.pool if named else None) or (place.pool if place else None)
    return LineSettings(
        label=(named.label if named else None) or (place.label if place else None),
        number=(named.number if named else None) or told,
        pools=(pool,) if pool else None,
        per_minute=named.per_minute if named else None,
        per_day=named.per_day if named else None,
        per_hour=named.per_hour if named else None,
        per_month=named.per_month if named else None,
        recipients_per_month=named.recipients_per_month if named else None,
        billing_day=named.billing_day if named else None,
        tariff=tariff_of(named) if named else None,
        quiet_hours=named.quiet_hours if named else None,
    )


def phone_line_settings(config: Config, serialno: str | None, identity: LineIdentity) -> LineSettings:
    """Say what the configuration says of a SIM in a phone: a ``[[phone]]`` that names the SIM goes before one that
    names only the phone."""
    said = [phone for phone in config.phone if phone.serial == serialno]
    meant = [phone for phone in said if any(_is_meant(sim, identity) for sim in phone.sims)]
    whole = [phone for phone in said if not phone.sims]
    return line_settings(config, next(iter((*meant, *whole)), None), identity)


def _is_meant(sim: str, identity: LineIdentity) -> bool:
    by_subscription = sim.startswith("sub:") and identity.key.startswith("sub:")
    return sim in (identity.iccid, identity.number) or (
        by_subscription and identity.key.rpartition(":")[2] == sim.removeprefix("sub:")
    )


class StorePinMemory:
    """Remembers in the store which PIN a SIM refused, so that it is never tried again, and which it took, whatever
    restarts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def was_refused(self, sim: str, pin_hash: str) -> bool:
        return await self._store.remembered(f"pin_refused|{sim}|{pin_hash}") is not None

    async def remember_refused(self, sim: str, pin_hash: str) -> None:
        await self._store.remember(f"pin_refused|{sim}|{pin_hash}", "yes")

    async def pin_of(self, iccid: str) -> str | None:
        try:
            return await self._store.sim_pins.pin_of(iccid)
        except DamagedRow as error:
            # Asked for again, like one that nobody ever entered: the modem is worth more than the remembered digits.
            log.warning("sim_pin.unreadable", reason=str(error))
            return None

    async def keep_pin(self, iccid: str, pin: str) -> None:
        await self._store.sim_pins.keep(iccid, pin)

    async def forget_pin(self, iccid: str) -> None:
        await self._store.sim_pins.forget(iccid)
        log.warning("sim_pin.forgotten", hint="the SIM refuses it: enter its PIN at the page of its device")

"""Owns the guards against pumping: new countries, many texts to one number, many numbers of one range.

Knows no number plan: a message brings its country. Counts in the transaction that admits.
Source: rules PMP-1 and PMP-2.
"""

from __future__ import annotations

import json
from dataclasses import replace

from gateway.message import QUIET_HOURS, NewMessage
from gateway.policy.country import country_of_sim
from gateway.policy.rules import Guard
from gateway.store.events import Happened, append
from gateway.store.ledger import key_name
from gateway.store.protocol import NotAdmitted
from gateway.store.transaction import Row, Tx

HOUR_MS = 3_600_000
RANGE_MS = 600_000
"""Recipients that share all but their last digits count together for 10 minutes (rules PMP-2)."""
RANGE_DIGITS = 3
NEW_COUNTRY_MS = 24 * HOUR_MS
"""A country is new for a day after the first text to it, or until a person approves one."""
KEPT_MS = 2 * HOUR_MS

UNSAID = ""
NEW_COUNTRY = "new_country"
NUMBER_RANGE = "number_range"


def guard(tx: Tx, new: NewMessage) -> NewMessage:
    """Ask the guards of the message's key and pool; a suspicious one is held for a person, with an alert.

    Raises:
        NotAdmitted: ``destination_not_allowed`` or ``recipient_limit``.
    """
    rules = tx.rules
    if rules.guards:
        name = key_name(tx, new.key_id)
        pool = new.route.removeprefix("pool:") if new.route.startswith("pool:") else None
        covering = [one for one in rules.guards if one.covers(name, pool)]
        # All are asked before any counts: when a row is refused, its batch goes on and nothing is rolled back.
        for one in covering:
            _allow(tx, new, one)
        for one in covering:
            new = _counted(tx, new, one)
    if rules.new_country_per_hour and new.country is not None:
        new = _country(tx, new, new.country)
    return new


def _allow(tx: Tx, new: NewMessage, one: Guard) -> None:
    """Refuse what a guard does not let through; counts nothing."""
    allowed = one.allow_countries or (_home_countries(tx, new.tenant) if one.own_countries else ())
    if allowed and new.country not in allowed:
        raise NotAdmitted(
            "destination_not_allowed",
            f"Texts of this kind go to {', '.join(allowed)} only, and this number is of"
            f" {new.country or 'no country'}. Check it, or add the country to allow_countries.",
        )
    if one.per_recipient_per_hour:
        since_ms = tx.now_ms - HOUR_MS
        recent = tx.one(
            "recent_of_number", tenant=new.tenant, scope=_scope(one), number=new.to, since=since_ms
        )
        if recent is not None and recent["n"] >= one.per_recipient_per_hour:
            raise NotAdmitted(
                "recipient_limit",
                f"This number was sent {recent['n']} texts within an hour; {one.per_recipient_per_hour} are allowed."
                " Wait, or raise per_recipient_per_hour.",
                retry_after_s=max((recent["oldest"] + HOUR_MS - tx.now_ms) // 1000, 1),
            )


def _counted(tx: Tx, new: NewMessage, one: Guard) -> NewMessage:
    """Count a text that all guards let through, and hold it where too many go near its number."""
    scope = _scope(one)
    if one.per_recipient_per_hour or one.number_range:
        _remember(tx, new, scope)
    if one.number_range and _in_range(tx, new, scope) >= one.number_range:
        return _held(tx, new, NUMBER_RANGE)
    return new


def _held(tx: Tx, new: NewMessage, reason: str) -> NewMessage:
    """Hold a message for a person, unless it waits for their word already: a yes to others must not release it."""
    _alert_hourly(tx, new, reason)
    # Of a batch a person sees a few texts, so what is suspicious in it is asked about on its own.
    waits = new.held_reason == NUMBER_RANGE or (
        new.batch_id is None and new.held_reason not in (None, QUIET_HOURS)
    )
    return new if waits else replace(new, held_reason=reason)


def forget(tx: Tx, message: Row) -> None:
    """Take back what was counted of a message that is not to be: id, tenant, number, country and sandbox of it."""
    scopes = [_scope(one) for one in tx.rules.guards]
    if tx.rules.new_country_per_hour and message["country"] is not None:
        scopes.append(f"country:{_destination(message['country'], sandbox=bool(message['sandbox']))}")
    for scope in scopes:
        where = {"tenant": message["tenant"], "number": message["to_number"], "id": message["id"]}
        tx.run("recent_forget", scope=scope, **where)


def _scope(one: Guard) -> str:
    return f"key:{one.key}" if one.key else f"pool:{one.pool}" if one.pool else "all"


def _remember(tx: Tx, new: NewMessage, scope: str) -> None:
    tx.run("recent_add", tenant=new.tenant, scope=scope, number=new.to, at=tx.now_ms, id=new.id)


def _in_range(tx: Tx, new: NewMessage, scope: str) -> int:
    """Count the recipients near this number, itself included."""
    stem = new.to[:-RANGE_DIGITS]
    near = tx.one(
        "recent_in_range",
        tenant=new.tenant,
        scope=scope,
        number=new.to,
        low=stem,
        high=f"{stem}:",  # the character after "9"
        since=tx.now_ms - RANGE_MS,
    )
    return 1 + (near["n"] if near is not None else 0)


# ------------------------------------------------------------------ countries


def _country(tx: Tx, new: NewMessage, country: str) -> NewMessage:
    own = _own_countries(tx, new.tenant)
    if country in tx.rules.home_countries or country in own:
        return new
    destination = _destination(country, sandbox=new.sandbox)
    known = tx.group.known.get(("destination", new.tenant, destination))
    if known is None:
        row = tx.one("destination_of", tenant=new.tenant, country=destination)
        if row is not None:
            known = row["first_at"]
        else:
            # Where nobody says where home is (a SIM that hides it, a test network), the first country is taken for it.
            unsaid = own == {UNSAID} and not tx.rules.home_countries and not new.sandbox
            known = 0 if unsaid and tx.one("destination_any", tenant=new.tenant) is None else tx.now_ms
            tx.run("destination_add", tenant=new.tenant, country=destination, first_at=known)
        tx.group.known["destination", new.tenant, destination] = known
    if known <= tx.now_ms - NEW_COUNTRY_MS:
        return new
    scope = f"country:{destination}"
    others = tx.one(
        "recent_distinct", tenant=new.tenant, scope=scope, number=new.to, since=tx.now_ms - HOUR_MS
    )
    if others is not None and others["n"] >= tx.rules.new_country_per_hour:
        return _held(tx, new, NEW_COUNTRY)
    _remember(tx, new, scope)
    return new


def _own_countries(tx: Tx, tenant: str) -> frozenset[str]:
    """The countries of the tenant's own SIMs (rules PMP-1): never new; ``UNSAID`` of those that do not say theirs."""
    known: frozenset[str] | None = tx.group.known.get(("home", tenant))
    if known is None:
        lines = tx.rows("lines_of", tenant=tenant, sandbox_only=0)
        countries = {
            country_of_sim(line["imsi"], line["iccid"], line["number"])
            for line in lines
            if not line["emulated"]
        }
        known = frozenset(country or UNSAID for country in countries)
        tx.group.known["home", tenant] = known
    return known


def _home_countries(tx: Tx, tenant: str) -> tuple[str, ...]:
    """The countries that are the tenant's own, in order; empty where neither a SIM nor a setting names one."""
    return tuple(sorted(tx.rules.home_countries.union(_own_countries(tx, tenant)) - {UNSAID}))


def accept(tx: Tx, message: Row) -> None:
    """Take the country of a message as known from now on, because a person approved it."""
    if message["country"] is not None:
        destination = _destination(message["country"], sandbox=bool(message["sandbox"]))
        tx.run("destination_known", tenant=message["tenant"], country=destination)
        tx.group.known.pop(("destination", message["tenant"], destination), None)


def _destination(country: str, *, sandbox: bool) -> str:
    """Name what is known of a country: a text of the sandbox must not open it for those that cost money."""
    return f"sandbox:{country}" if sandbox else country


def _alert_hourly(tx: Tx, new: NewMessage, reason: str) -> None:
    """Tell of a held text, once an hour for each reason and country or range."""
    about = new.country if reason == NEW_COUNTRY else new.to[:-RANGE_DIGITS]
    fact = f"alerted|{new.tenant}|{reason}|{about}"
    told = tx.one("fact_get", name=fact)
    if told is not None and int(json.loads(told["value"])) > tx.now_ms - HOUR_MS:
        return
    tx.run("fact_put", name=fact, value=str(tx.now_ms))
    alert(tx, new, reason, country=new.country)


def alert(tx: Tx, new: NewMessage, kind: str, **about: object) -> None:
    """Tell people of a text that the rules found something about."""
    append(
        tx,
        Happened(
            type="policy.alert",
            tenant=new.tenant,
            sandbox=new.sandbox,
            subject=new.id,
            public=True,
            snapshot={
                "kind": kind,
                **about,
                "key_id": new.key_id,
                "batch_id": new.batch_id,
                "message_id": new.id,
            },
        ),
    )


def prune(tx: Tx) -> None:
    """Forget whom nobody counts any more."""
    tx.run("recent_prune", before=tx.now_ms - KEPT_MS)

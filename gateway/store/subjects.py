"""Owns how a person is known when number or address may not stand there: HMAC-SHA256 under a pepper of this database.

Knows no suppression and no contact; the pepper is made at first use and never changes.
Source: rules PRV-2 (what survives an erasure), LOG-2.
"""

from __future__ import annotations

import hmac
import secrets

from gateway.store.transaction import Tx

PEPPER = "suppression_pepper"
"""The fact that holds the pepper, in hex."""

_PEPPER_OCTETS = 32


def subject_of(tx: Tx, value: str) -> str:
    """Say as whom a number or an address is known; makes the pepper if there is none, so only a writer may ask."""
    known = tx.one("fact_get", name=PEPPER)
    if known is not None:
        return peppered(known["value"], value)
    pepper = secrets.token_hex(_PEPPER_OCTETS)
    tx.run("fact_put", name=PEPPER, value=pepper)
    return peppered(pepper, value)


def known_subject_of(tx: Tx, value: str) -> str | None:
    """Say as whom somebody would be known; None while there is no pepper, so that nobody is known at all."""
    known = tx.one("fact_get", name=PEPPER)
    return None if known is None else peppered(known["value"], value)


def peppered(pepper: str, value: str) -> str:
    """Hash a value under a pepper in hex."""
    return hmac.digest(bytes.fromhex(pepper), value.encode(), "sha256").hex()

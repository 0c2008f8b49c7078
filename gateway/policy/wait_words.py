"""Owns what makes a text wait, in words for people: the limits of a line, budgets, and why a text is held.

Knows no message and no time. A name that is not listed stands for itself.
Source: rules PMP-1 to PMP-3, QUI-2, CNT-2; every waiting thing has a reason.
"""

from __future__ import annotations

from collections.abc import Mapping

_LIMITS: Mapping[str, str] = {
    "per_minute": "the limit per minute",
    "per_hour": "the limit per hour",
    "per_day": "the limit per day",
    "per_month": "the limit per month",
    "recipients_per_month": "the limit of different numbers per month",
    "phone_cap": "the phone's own limit",
    "budget_per_day": "the budget of the day",
    "budget_per_month": "the budget of the month",
    "quiet_hours": "the quiet time",
}

_HELD: Mapping[str, str] = {
    "approval": "a second person has to agree to it",
    "new_country": "many new numbers in a country that was not written to before",
    "number_range": "many numbers that differ in their last digits only",
    "restored": "it came out of a backup and may have been sent before",
}


def limit_words(name: str) -> str:
    """Say what a limit or budget is called in a sentence."""
    return _LIMITS.get(name, name)


def held_words(reason: str) -> str:
    """Say why a text waits for a person, as a sentence goes on behind a colon."""
    return _HELD.get(reason, reason)

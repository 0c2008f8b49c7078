"""Owns what an organisation has decided about sending, as values: which rules hold, with which numbers.

Knows no configuration file and no store; the store asks the policies with these inside its transactions.
Source: rules PMP, OPT, CON, QUI, CNT; every switch is off here, the configuration says what is on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gateway.policy.inbound_rules import InboundRules
    from gateway.policy.keywords import Keywords
    from gateway.policy.quiet_hours import QuietHours

ConsentNeeded = Literal["off", "marketing", "all"]


@dataclass(frozen=True, slots=True)
class Guard:
    """What texts of one key or to one pool may look like (rules PMP-2); both None: all. 0 and () = off.

    ``number_range``: that many recipients within 10 minutes that share all but the last 3 digits are held.
    """

    key: str | None = None
    pool: str | None = None
    per_recipient_per_hour: int = 0
    number_range: int = 0
    allow_countries: tuple[str, ...] = ()
    own_countries: bool = False
    """Where ``allow_countries`` is empty: only to home countries and those of the own SIMs, if any is known."""

    def covers(self, key_name: str, pool: str | None) -> bool:
        """Say whether a text of this key, to this pool, is meant."""
        return (self.key is None or self.key == key_name) and (self.pool is None or self.pool == pool)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one payer may use (rules PMP-3): a line or key by name, else the whole tenant. 0 = off.

    Money is in millionths of ``currency``, the currency of the lines' tariffs.
    """

    line: str | None = None
    key: str | None = None
    parts_per_day: int = 0
    parts_per_month: int = 0
    micro_per_day: int = 0
    micro_per_month: int = 0
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class PaceDefaults:
    """Limits of real lines that have no own, in parts (recipients: numbers a billing month); 0 = off."""

    per_minute: int = 30
    per_day: int = 1000
    per_hour: int = 0
    per_month: int = 0
    recipients_per_month: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What lines are held to beside their own settings; ``zone`` is that of their quiet hours."""

    pace: PaceDefaults = PaceDefaults()
    budgets: tuple[Budget, ...] = ()
    zone: str = "UTC"
    emulated_exempt: bool = True

    def exempts(self, *, emulated: bool) -> bool:
        """Say whether a line is held to no limit at all (rules PMP-1)."""
        return emulated and self.emulated_exempt

    def budgets_of(self, *names: str | None) -> tuple[Budget, ...]:
        """Find all budgets of a line, by whichever of its label, number and id they name it."""
        return tuple(budget for budget in self.budgets if budget.line is not None and budget.line in names)


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that is asked when a message is admitted, and again when a line claims it."""

    keywords: Keywords | None = None
    suspected: Literal["tell", "suppress"] = "tell"
    inbound: InboundRules | None = None
    """What is done with received texts beside keywords."""
    confirm: bool = False
    sender_name: str = ""
    contact: str | None = None
    urgent_overrides_opt_out: bool = False
    consent: ConsentNeeded = "off"
    quiet: QuietHours | None = None
    zone: str = "UTC"
    """IANA zone of this machine's lines: for recipients whose number has none."""
    quiet_purposes: frozenset[str] = frozenset({"marketing"})
    new_country_per_hour: int = 0
    home_countries: frozenset[str] = frozenset()
    region: str | None = None
    """Country (ISO 3166-1) of numbers that are written without one, as far as no SIM says its own."""
    guards: tuple[Guard, ...] = ()
    budgets: tuple[Budget, ...] = ()
    limits: Limits = Limits()
    emulated_exempt: bool = True
    """Money guards leave emulated lines alone (rules PMP-1)."""
    sticky_s: int = 0
    """How long a text waits for the line that its recipient knows before any line of its pool may take it."""
    approval_over: int = 0
    approval_keys: frozenset[str] = frozenset()
    """Names of keys whose texts a second person has to approve (rules CNT-2)."""
    cheapest: frozenset[str] = frozenset()
    """Pools whose dearer lines leave a text to a cheaper one that can take it now."""

"""Owns the step from the configuration to what an organisation has decided, as the policies take it.

Knows no store and no HTTP. Values were judged when the file was read.
Source: rules OPT, CON, QUI, CNT, NUM, PMP.
"""

from __future__ import annotations

import os
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.alerts import AlertSettings
from gateway.composition import AdmissionSettings
from gateway.config import Config
from gateway.config.policy import Budget as BudgetSection
from gateway.config.policy import Guard as GuardSection
from gateway.config.sections import Line
from gateway.policy.content import compile_rules
from gateway.policy.inbound_rules import InboundRules
from gateway.policy.keywords import Keywords
from gateway.policy.number import NumberRules
from gateway.policy.quiet_hours import QuietHours
from gateway.policy.rules import Budget, Guard, Limits, PaceDefaults, Rules
from gateway.policy.tariff import Tariff, parse_amount
from gateway.routing import RouteRule

OTP_PER_RECIPIENT = 5
OTP_RANGE = 10
LOCALTIME = Path("/etc/localtime")


def rules_of(config: Config) -> Rules:
    """What is asked of every message in the store's transactions."""
    policy = config.policy
    home = {country for country in (*policy.home_countries, config.region) if country}
    return Rules(
        keywords=Keywords(policy.keyword_settings),
        suspected=policy.suspected,
        confirm=policy.confirm,
        sender_name=policy.sender_name or "",
        contact=policy.contact,
        urgent_overrides_opt_out=policy.urgent_overrides_opt_out,
        consent=policy.consent,
        quiet=QuietHours(policy.hours),
        zone=zone_of(config),
        quiet_purposes=frozenset(policy.quiet_purposes),
        new_country_per_hour=policy.new_country_per_hour,
        home_countries=frozenset(home),
        region=config.region,
        guards=tuple(_guard(guard) for guard in config.guard),
        budgets=tuple(_budget(budget) for budget in config.budget),
        limits=limits_of(config),
        emulated_exempt=policy.exempt_emulated,
        sticky_s=policy.sticky_s,
        approval_over=policy.approval_over,
        approval_keys=frozenset(policy.approval_keys),
        cheapest=frozenset(policy.cheapest),
        inbound=InboundRules(rule.rule for rule in config.inbound_rule) if config.inbound_rule else None,
    )


def doubts_about(config: Config) -> tuple[str, ...]:
    """List in sentences what is allowed and may not be meant; for the log at start (rules OPT-3)."""
    return Keywords(config.policy.keyword_settings).warnings


def limits_of(config: Config) -> Limits:
    """What real lines are held to beside their own settings."""
    lines = config.lines
    pace = PaceDefaults(
        per_minute=lines.per_minute,
        per_day=lines.per_day,
        per_hour=lines.per_hour,
        per_month=lines.per_month,
        recipients_per_month=lines.recipients_per_month,
    )
    budgets = tuple(_budget(budget) for budget in config.budget)
    return Limits(pace, budgets, zone_of(config), config.policy.exempt_emulated)


def admission_settings(config: Config) -> AdmissionSettings:
    """What every message is composed with."""
    messages, policy = config.messages, config.policy
    return AdmissionSettings(
        default_region=config.region,
        max_parts=messages.max_parts,
        default_validity_s=messages.default_validity_s,
        on_doubt=messages.on_doubt,
        numbers=NumberRules(messages.number_check, policy.allow_numbers, policy.allow_short_codes),
        content=compile_rules(rule.rule for rule in config.content_rule) if config.content_rule else None,
        keywords=Keywords(policy.keyword_settings),
        append_stop_hint=policy.append_stop_hint,
        urgent_overrides_opt_out=policy.urgent_overrides_opt_out,
        approval_keys=frozenset(policy.approval_keys),
        routes=tuple(
            RouteRule(rule.to_prefix, rule.to_country, rule.tag, rule.key, rule.pool, rule.line)
            for rule in config.route
        ),
    )


def alert_settings(config: Config) -> AlertSettings:
    """What is alerted of, and who is told."""
    alerts = config.alerts
    return AlertSettings(
        alerts.thresholds,
        zone=zone_of(config),
        emulated=alerts.emulated,
        email=alerts.email,
        sms=alerts.sms,
        apprise=alerts.apprise,
    )


def tariff_of(line: Line) -> Tariff | None:
    """The price of a part on a line, where the file says one."""
    if line.parts_cost is None:
        return None
    by_prefix = {prefix: parse_amount(cost) for prefix, cost in line.parts_cost_by_prefix.items()}
    return Tariff(line.currency or "EUR", parse_amount(line.parts_cost), by_prefix)


def _guard(guard: GuardSection) -> Guard:
    otp = guard.preset == "otp"
    return Guard(
        key=guard.key,
        pool=guard.pool,
        per_recipient_per_hour=_set(guard.per_recipient_per_hour, OTP_PER_RECIPIENT if otp else 0),
        number_range=_set(guard.number_range, OTP_RANGE if otp else 0),
        allow_countries=guard.allow_countries or (),
        own_countries=otp and guard.allow_countries is None,
    )


def _set(value: int | None, default: int) -> int:
    return default if value is None else value


def _budget(budget: BudgetSection) -> Budget:
    return Budget(
        line=budget.line,
        key=budget.key,
        parts_per_day=budget.parts_per_day,
        parts_per_month=budget.parts_per_month,
        micro_per_day=parse_amount(budget.money_per_day),
        micro_per_month=parse_amount(budget.money_per_month),
        currency=budget.currency,
    )


def zone_of(config: Config) -> str:
    """The IANA zone of the lines: as set, else this machine's, else UTC."""
    if config.policy.timezone is not None:
        return config.policy.timezone
    of_machine = (_iana(os.environ.get("TZ", "").removeprefix(":")), _iana(str(LOCALTIME)))
    return next((zone for zone in of_machine if zone is not None), "UTC")


def _iana(written: str) -> str | None:
    """Name the zone that TZ or a path into the zone files means; None: it has no name (POSIX rules, a file's copy)."""
    try:
        if written.startswith("/"):
            written = str(Path(written).resolve(strict=True)).partition("zoneinfo/")[2]
        return ZoneInfo(written).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None

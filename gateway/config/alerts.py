"""Owns the section about alerts: from which values on people are told, and by which ways.

Knows no reading; a key stands here only when it is obeyed.
Source: the interface page of the project ([alerts]); https://github.com/caronc/apprise/wiki (URLs of services).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.config.channels import MailAddress
from gateway.config.kinds import Label, Number, scheme_in
from gateway.config.section import Section, key
from gateway.policy.alerts import Thresholds


def _service(value: str) -> str:
    # Half a second of import and a hundred plugins: only whoever configures it pays.
    import apprise  # noqa: PLC0415

    if apprise.Apprise.instantiate(value, suppress_exceptions=True) is None:
        scheme = scheme_in(value)
        said = f'an address of apprise beginning with "{scheme}"' if scheme else 'an address without "://"'
        raise ValueError(f"{said} is not one it knows; see github.com/caronc/apprise/wiki")
    return value


ServiceUrl = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_service)]


class Alerts(Section):
    """When people are told that something is wrong, and how. Webhooks that want policy.alert always are."""

    delivery_rate_percent: Annotated[
        int,
        key(
            "Alert when fewer of at least 20 texts reported in the last hour arrived; 0 = off.",
            "%",
            ge=0,
            le=100,
        ),
    ] = 80
    failures_per_hour: Annotated[
        int,
        key(
            "Alert when so many texts failed or expired in the last hour; 0 = off.", "texts", ge=0, le=10_000
        ),
    ] = 20
    in_doubt: Annotated[
        int, key("Alert when so many texts are in doubt; 0 = off.", "texts", ge=0, le=10_000)
    ] = 5
    queue_age_s: Annotated[
        int,
        key(
            "Alert when a text has stood so long although its turn could come; 0 = off.",
            "s",
            ge=0,
            le=604_800,
        ),
    ] = 900
    line_down_s: Annotated[
        int, key("Alert when a line that is not paused is down for so long; 0 = off.", "s", ge=0, le=604_800)
    ] = 300
    low_credit: Annotated[bool, key("Alert when the network refuses a line for want of credit.")] = True
    budget_percent: Annotated[
        int, key("Alert when so much of a [[budget]] is used; 0 = off.", "%", ge=0, le=100)
    ] = 80
    webhook_dead_per_hour: Annotated[
        int,
        key("Alert when so many events were given up in the last hour; 0 = off.", "events", ge=0, le=10_000),
    ] = 10
    disk_free_mb: Annotated[
        int,
        key("Alert when the data directory's disk has less room; 0 = off.", "MB", ge=0, le=10_000_000),
    ] = 500
    quiet_s: Annotated[
        int, key("The same alert is told again after this time while it lasts.", "s", ge=60, le=604_800)
    ] = 3600
    emulated: Annotated[bool, key("Count emulated lines and sandbox texts too, to try alerts out.")] = False
    email: Annotated[
        tuple[MailAddress, ...],
        key("Who is told by e-mail; needs [email].", example=["office@example.org"]),
        Field(max_length=20),
    ] = ()
    sms: Annotated[
        tuple[Number, ...],
        key("Who is told by text, never by the line that it is about.", example=["+447700900123"]),
        Field(max_length=20),
    ] = ()
    sms_line: Annotated[
        Label | None,
        key(
            "Line that these go by while it can: label, number, ICCID or id; unset = any other.",
            example="Shop",
        ),
    ] = None
    apprise: Annotated[
        tuple[ServiceUrl, ...],
        key("Addresses of services that apprise knows.", example=["ntfy://ntfy.sh/our-gateway"]),
        Field(max_length=20, repr=False),
    ] = ()

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds as the policy takes them."""
        return Thresholds(
            delivery_rate_percent=self.delivery_rate_percent,
            failures_per_hour=self.failures_per_hour,
            in_doubt=self.in_doubt,
            queue_age_s=self.queue_age_s,
            line_down_s=self.line_down_s,
            low_credit=self.low_credit,
            budget_percent=self.budget_percent,
            webhook_dead_per_hour=self.webhook_dead_per_hour,
            disk_free_mb=self.disk_free_mb,
            quiet_s=self.quiet_s,
        )

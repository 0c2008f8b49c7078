"""Owns what the webhook sender is told at start.

Knows no configuration file; whoever starts the sender fills this in.
Source: rules WHK-3, WHK-4, SSRF-5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gateway.webhooks.networks import TargetRules


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Limits of the sender. Times in s.

    ``ca_file``: PEM certificates of private authorities, trusted beside the system's. ``tenants``: whose open
    circuits are probed from the start on.
    """

    targets: TargetRules = field(default_factory=TargetRules)
    ca_file: Path | None = None
    request_timeout_s: float = 15.0
    requests_max: int = 20
    requests_per_endpoint_max: int = 4
    tenants: tuple[str, ...] = ("default",)

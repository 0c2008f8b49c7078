"""Owns the configuration: what can be set, its units and ranges, and where a value comes from.

Refuses to know what the values do: modules are given what they need. Attribute names are the TOML keys.
Source: the interface page of the project (config.example.toml and docs/config.md are made from the models).
"""

from __future__ import annotations

from gateway.config.load import ConfigError, load
from gateway.config.phones import Adb, Link, Phone
from gateway.config.sections import (
    Config,
    Line,
    Lines,
    Log,
    Messages,
    Modem,
    Sandbox,
    Security,
    Serial,
    Server,
    Store,
    Webhook,
    Webhooks,
)
from gateway.datadir import resolve_data_dir

__all__ = [
    "Adb",
    "Config",
    "ConfigError",
    "Line",
    "Lines",
    "Link",
    "Log",
    "Messages",
    "Modem",
    "Phone",
    "Sandbox",
    "Security",
    "Serial",
    "Server",
    "Store",
    "Webhook",
    "Webhooks",
    "load",
    "resolve_data_dir",
]

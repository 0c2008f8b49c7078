"""Owns the text of the systemd unit.

Starts nothing. What is *not* switched on is a decision too, and stands as a comment in the unit.
Source: systemd.service(5), systemd.exec(5), systemd.kill(5).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gateway.service.settings import CONFIG, DATA_DIR, NAME, ServiceSettings

STOP_S: Final = 35
"""A text on air is waited for 30 s, then what is open is written down."""


def unit(settings: ServiceSettings) -> str:
    """Write the unit."""
    groups = f"SupplementaryGroups={' '.join(settings.groups)}\n" if settings.groups else ""
    command = " ".join(
        _quoted(word) for word in (settings.program, "serve", "--config", CONFIG, "--data-dir", DATA_DIR)
    )
    return _UNIT.format(
        name=NAME, user=settings.user, groups=groups, command=command, data=DATA_DIR, stop_s=STOP_S
    )


def _quoted(word: str | Path) -> str:
    """Write one word of a command so that systemd reads it as it is."""
    text = str(word).replace("%", "%%").replace("$", "$$")
    if any(mark in text for mark in " \t\"'\\"):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return text


_UNIT: Final = """\
# Made by `gateway service install`; a change of your own belongs into `systemctl edit {name}`.
[Unit]
Description=SMS gateway
After=network.target

[Service]
Type=exec
User={user}
{groups}ExecStart={command}
# adb keeps the key that phones trust in HOME.
Environment=HOME={data}
StateDirectory={name}
StateDirectoryMode=0700
UMask=0077
Restart=on-failure
RestartSec=5
TimeoutStopSec={stop_s}
# The first start shows keys on standard output, and others read the journal: make keys with `gateway keys create`.
StandardOutput=null

NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
# PrivateDevices, DevicePolicy and ProtectClock stay off: a modem that is plugged in later would be denied.

[Install]
WantedBy=multi-user.target
"""

"""Owns what it takes to run as a service: the unit, the udev rules, and the plan that puts them in their places.

Pure: values in, texts and commands out. Nothing here writes a file or runs a program; the command line does.
Source: systemd.exec(5), systemd.service(5), udev(7).
"""

from __future__ import annotations

from gateway.service.plan import File, Plan, install, uninstall
from gateway.service.settings import ServiceSettings, refuse_user

__all__ = ["File", "Plan", "ServiceSettings", "install", "refuse_user", "uninstall"]

"""Owns what differs from one installation to the next, and the names that never do.

Knows no machine; who calls has looked at it.
Source: useradd(8) for names of users; the Filesystem Hierarchy Standard for places.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAME: Final = "sms-gateway"
UNIT: Final = Path(f"/etc/systemd/system/{NAME}.service")
RULES: Final = Path(f"/etc/udev/rules.d/70-{NAME}.rules")
"""Before 73, where the tag ``uaccess`` is obeyed, and before 77 to 80, where ModemManager looks."""

CONFIG: Final = Path(f"/etc/{NAME}.toml")
DATA_DIR: Final = Path(f"/var/lib/{NAME}")

_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """One installation.

    ``program`` is the absolute path of ``gateway``; ``serial_group`` owns serial ports (``dialout``, on some systems
    ``uucp``), ``phone_group`` phones on USB (``plugdev``), None where this machine has no such group.
    """

    user: str
    program: Path
    serial_group: str | None
    phone_group: str | None

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups that the service joins."""
        return tuple(group for group in (self.serial_group, self.phone_group) if group is not None)


def refuse_user(name: str) -> str | None:
    """Say why a service must not run as this user; None when it may."""
    if not _USER.fullmatch(name):
        return (
            "a user name has small letters, digits, _ and -, begins with a letter, and is no longer than 32"
        )
    if name == "root":
        return "a server that others can reach does not run as root"
    return None

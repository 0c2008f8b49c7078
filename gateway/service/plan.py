"""Owns the plan of an installation: which files say what, and which commands make the system take notice.

Does nothing of it. Written so that doing it twice is doing it once; taking it back leaves what people own: data,
configuration, the user.
Source: systemctl(1), udevadm(8), useradd(8), usermod(8).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.service.settings import CONFIG, DATA_DIR, NAME, RULES, UNIT, ServiceSettings
from gateway.service.udev import rules
from gateway.service.unit import unit

Command = tuple[str, ...]

_NO_LOGIN: Final = "/usr/sbin/nologin"

_FIRST_CONFIG: Final = """\
# What can be set, with units and defaults: config.example.toml and docs/config.md of the gateway.
# After a change: systemctl restart sms-gateway
"""

_NOTICE_UDEV: Final[tuple[Command, ...]] = (
    ("udevadm", "control", "--reload"),
    ("udevadm", "trigger", "--subsystem-match=usb", "--subsystem-match=tty"),
)


@dataclass(frozen=True, slots=True)
class File:
    """A file to write. ``group`` owns it beside root; ``keep``: one that is there already is left as it is."""

    path: Path
    text: str
    mode: int
    group: str | None = None
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done, in this order: commands before, files written or removed, commands after."""

    before: tuple[Command, ...]
    files: tuple[File, ...]
    remove: tuple[Path, ...]
    after: tuple[Command, ...]


def install(settings: ServiceSettings, *, user_exists: bool) -> Plan:
    """Plan an installation, or the renewal of one."""
    make_user: Command = (
        "useradd", "--system", "--user-group", "--home-dir", str(DATA_DIR), "--no-create-home",
        "--shell", _NO_LOGIN, settings.user,
    )  # fmt: skip
    join: Command = ("usermod", "--append", "--groups", ",".join(settings.groups), settings.user)
    return Plan(
        before=(*(() if user_exists else (make_user,)), *((join,) if settings.groups else ())),
        files=(
            File(CONFIG, _FIRST_CONFIG, 0o640, group=settings.user, keep=True),
            File(UNIT, unit(settings), 0o644),
            File(RULES, rules(settings), 0o644),
        ),
        remove=(),
        after=(
            ("systemctl", "daemon-reload"),
            *_NOTICE_UDEV,
            ("systemctl", "enable", NAME),
            ("systemctl", "restart", NAME),
        ),
    )


def uninstall() -> Plan:
    """Plan the end of an installation; data, configuration and user stay."""
    return Plan(
        before=(("systemctl", "disable", "--now", NAME),),
        files=(),
        remove=(UNIT, RULES),
        after=(("systemctl", "daemon-reload"), *_NOTICE_UDEV),
    )

"""Owns what a phone remembers: properties, apps, grants, exemptions, settings, and since when it is up.

Refuses to know adb and its commands. What telephony reads once at boot is read once at boot here.
Source: the platform's behaviour as far as ``dumpsys`` and the shell show it (SmsUsageMonitor, DeviceIdleController).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tests.peers.adb_device_apk import BadApk, Package, read_apk
from tests.peers.adb_device_vendors import PIXEL, Personality

MAX_COUNT, INTERVAL = "sms_outgoing_check_max_count", "sms_outgoing_check_interval_ms"
RUNTIME = frozenset(
    f"android.permission.{name}"
    for name in (
        "SEND_SMS",
        "RECEIVE_SMS",
        "RECEIVE_MMS",
        "RECEIVE_WAP_PUSH",
        "READ_SMS",
        "READ_PHONE_STATE",
        "READ_PHONE_NUMBERS",
        "CALL_PHONE",
        "POST_NOTIFICATIONS",
    )
)
"""Permissions that a person or the shell grants; all others come with the install."""
RARE, ACTIVE = 40, 10


@dataclass
class Installed:
    """One app on the phone."""

    package: Package
    user_id: int
    granted: set[str] = field(default_factory=set)
    ops: dict[str, str] = field(default_factory=dict)
    bucket: int = RARE
    restricted: bool = False
    """Its permission dialogs are guarded (enhanced confirmation)."""


class Android:
    """The state of one phone."""

    def __init__(self, serialno: str, personality: Personality = PIXEL) -> None:
        self.serialno = serialno
        self.personality = personality
        self.files: dict[str, bytes] = {}
        self.apps: dict[str, Installed] = {}
        self.doze_exempt: set[str] = set()
        self.settings: dict[str, str] = {}
        self.screen = ""
        """What uiautomator finds on the screen."""
        self.boots = 0
        self.is_booted = False
        self.booted_at_s = 0.0
        self.limit_in_force = personality.limit
        self.boot()
        self.is_booted = True

    # ------------------------------------------------------------------ boot

    def boot(self) -> None:
        """Start telephony anew: the only moment at which it reads its limit."""
        self.boots += 1
        self.booted_at_s = time.monotonic()
        self.is_booted = False
        parts, window_s = self.personality.limit
        self.limit_in_force = (
            int(self.settings.get(MAX_COUNT, parts)),
            int(self.settings.get(INTERVAL, window_s * 1000)) // 1000,
        )

    @property
    def uptime_s(self) -> float:
        return time.monotonic() - self.booted_at_s + 40.0

    @property
    def props(self) -> dict[str, str]:
        kind = self.personality
        return {
            "ro.serialno": self.serialno,
            "ro.product.manufacturer": kind.maker,
            "ro.product.brand": kind.maker.lower(),
            "ro.product.model": kind.model,
            "ro.product.name": kind.product,
            "ro.product.device": kind.product,
            "ro.build.version.sdk": str(kind.sdk),
            "ro.build.version.release": kind.release,
            "ro.runtime.firstboot": str(1_770_000_000_000 + self.boots),
            "sys.boot_completed": "1" if self.is_booted else "",
            **kind.props,
        }

    # ------------------------------------------------------------------ apps

    def install(self, apk: bytes, options: frozenset[str] = frozenset()) -> Package:
        """Install or update; raises BadApk with what the package manager answers."""
        if self.personality.install is not None:
            code, _, text = self.personality.install.partition(": ")
            raise BadApk(code, text)
        package = read_apk(apk)
        if package.min_sdk > self.personality.sdk:
            raise BadApk(
                "INSTALL_FAILED_OLDER_SDK",
                f"Requires newer sdk version #{package.min_sdk} (current version is #{self.personality.sdk})",
            )
        before = self.apps.get(package.name)
        if before is None:
            restricted = self.personality.sdk >= 35
            self.apps[package.name] = Installed(package, 10_200 + len(self.apps), restricted=restricted)
        else:
            self._may_replace(before.package, package, options)
            before.package = package
            before.granted &= package.permissions
        if "-g" in options:
            self.apps[package.name].granted |= package.permissions & RUNTIME
        return package

    def _may_replace(self, old: Package, new: Package, options: frozenset[str]) -> None:
        if old.signer != new.signer:
            raise BadApk(
                "INSTALL_FAILED_UPDATE_INCOMPATIBLE",
                f"Package {new.name} signatures do not match previously installed version; ignoring!",
            )
        if new.version_code < old.version_code and "-d" not in options:
            raise BadApk(
                "INSTALL_FAILED_VERSION_DOWNGRADE",
                f"Downgrade detected: Update version code {new.version_code} "
                f"is older than current {old.version_code}",
            )

    def uninstall(self, name: str) -> bool:
        self.doze_exempt.discard(name)
        return self.apps.pop(name, None) is not None

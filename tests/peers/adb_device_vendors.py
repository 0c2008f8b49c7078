"""Owns the personalities of the pretend phone: Android versions and what makers changed, as data.

Refuses to know what the product makes of a refusal: the texts here were taken from public threads, not from its table.
Source: each text names the thread or platform file that it was seen in.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

RELEASES = {26: "8.0.0", 28: "9", 30: "11", 33: "13", 34: "14", 35: "15"}
OLD_LIMIT, NEW_LIMIT = (30, 1800), (30, 60)
"""Parts and seconds built into telephony: 30 minutes in old trees, one minute in the 7.x and 11+ trees read."""


@dataclass(frozen=True, slots=True)
class Personality:
    """One kind of phone."""

    maker: str = "Google"
    model: str = "Pixel 4a"
    product: str = "sunfish"
    sdk: int = 33
    props: dict[str, str] = field(default_factory=dict)
    install: str | None = None
    """What ``pm install`` prints in place of installing."""
    grant: str | None = None
    """What ``pm grant`` throws."""
    settings: str | None = None
    """What ``settings put`` throws."""
    appops: str | None = None
    limit: tuple[int, int] = NEW_LIMIT
    features: tuple[str, ...] = ("shell_v2", "cmd", "stat_v2", "ls_v2", "fixed_push_mkdir")

    @property
    def release(self) -> str:
        return RELEASES[self.sdk]


def security_exception(verb: str, text: str) -> str:
    """Write an exception as the shell's command handler does."""
    return (
        f"\nException occurred while executing '{verb}':\njava.lang.SecurityException: {text}\n"
        "\tat android.app.ContextImpl.enforce(ContextImpl.java:2239)\n"
        "\tat android.app.ContextImpl.enforceCallingOrSelfPermission(ContextImpl.java:2267)"
    )


GRANT_DENIED = security_exception(
    "grant",
    "grantRuntimePermission: Neither user 2000 nor current process has "
    "android.permission.GRANT_RUNTIME_PERMISSIONS.",
)
SETTINGS_DENIED = security_exception(
    "put", "Permission denial: writing to settings requires:android.permission.WRITE_SECURE_SETTINGS"
)
APPOPS_DENIED = security_exception("set", "uid 2000 does not have android.permission.MANAGE_APP_OPS_MODES.")

PIXEL = Personality()
ANDROID_8 = Personality("LGE", "Nexus 5X", "bullhead", 26, limit=OLD_LIMIT)
ANDROID_15 = Personality("Google", "Pixel 8", "shiba", 35)
XIAOMI = Personality(
    "Xiaomi",
    "Redmi Note 8",
    "ginkgo",
    30,
    {"ro.miui.ui.version.name": "V125", "ro.miui.ui.version.code": "11"},
    grant=GRANT_DENIED,
    settings=SETTINGS_DENIED,
)
"""USB debugging is on, *USB debugging (Security settings)* is not."""
XIAOMI_NO_INSTALL = replace(XIAOMI, install="INSTALL_FAILED_USER_RESTRICTED: Install canceled by user")
"""*Install via USB* is off too."""
OPPO = Personality(
    "OPPO",
    "CPH2211",
    "CPH2211",
    30,
    {"ro.build.version.opporom": "V11.1"},
    grant=GRANT_DENIED,
    settings=SETTINGS_DENIED,
    appops=APPOPS_DENIED,
)
"""*Disable permission monitoring* is off."""
SAMSUNG = Personality("samsung", "SM-A515F", "a51nsxx", 33, {"ro.build.version.oneui": "50100"})
PLAY_PROTECT = replace(PIXEL, install="INSTALL_FAILED_VERIFICATION_FAILURE: Package Verification Result")
"""Play Protect answers for a person who did not."""
EMPTY_SPACE = replace(
    PIXEL,
    install="INSTALL_FAILED_INSUFFICIENT_STORAGE: Failed to override installation location",
)

LIMIT_DIALOG = (
    "<?xml version='1.0' encoding='UTF-8'?><hierarchy rotation=\"0\">"
    '<node index="0" text="" resource-id="" class="android.widget.FrameLayout" package="com.android.phone">'
    '<node index="0" text="SMS Companion is sending a large number of SMS messages. Do you want to allow this app '
    'to continue sending messages?" resource-id="android:id/message" class="android.widget.TextView" '
    'package="com.android.phone"/>'
    '<node index="1" text="Allow" resource-id="android:id/button1" package="com.android.phone"/>'
    '<node index="2" text="Deny" resource-id="android:id/button2" package="com.android.phone"/></node></hierarchy>'
)
"""The dialog of SMSDispatcher (sms_control_title and sms_control_message of the platform's strings)."""

"""Owns the steps "booted", "app" and "grants": a phone that answers, our app of the right version, its permissions.

Refuses to remove an app that another gateway signed, to install an older one, and to weaken the phone's own checks.
Source: platform PackageManagerShellCommand, PermissionManagerService; README rows 2 to 11.
"""

from __future__ import annotations

from typing import Final

from device_bridge.adb import readings
from device_bridge.adb.contract import PACKAGE, Step, is_outdated
from device_bridge.adb.errors import Refused, Wedged
from device_bridge.adb.handset import INSTALL_TIMEOUT_S, PUSH_TIMEOUT_S, Handset, failed
from device_bridge.adb.wire import shown

MIN_SDK: Final = 26
"""Android 8.0, the companion's minSdk."""

_POST_NOTIFICATIONS_SDK: Final = 33
_PREFIX: Final = "android.permission."
_NEEDED: Final = ("SEND_SMS", "RECEIVE_SMS", "READ_SMS", "READ_PHONE_STATE", "READ_PHONE_NUMBERS")
_USEFUL: Final = ("RECEIVE_WAP_PUSH", "RECEIVE_MMS", "CALL_PHONE")  # MMS and USSD; texts go without them
_REMOTE: Final = f"/data/local/tmp/{PACKAGE}.apk"


async def booted(phone: Handset, *, change: bool) -> Step:  # noqa: ARG001  # one shape for all steps
    """See whether Android is up and say what phone this is."""
    if await phone.property("sys.boot_completed") != "1":
        return Step("booted", "waiting", "the phone is still starting")
    sdk = await phone.property("ro.build.version.sdk")
    if not sdk.isdecimal():
        return Step("booted", "waiting", f"the phone calls its version {shown(sdk)!r}")
    phone.sdk = int(sdk)
    phone.maker = shown(await phone.property("ro.product.manufacturer"), 40)
    phone.model = shown(await phone.property("ro.product.model"), 60)
    name = f"{phone.maker} {phone.model}, SDK {phone.sdk}"
    if phone.sdk < MIN_SDK:
        return Step("booted", "refused", name, "The companion needs Android 8 or newer: use another phone")
    if "package:" not in await phone.ask("pm", "path", "android"):
        return Step("booted", "waiting", "the phone's package manager is not up yet")
    return Step("booted", "ok", name)


async def app(phone: Handset, *, change: bool) -> Step:
    """See that our app is there in the wanted version; install or update it."""
    there = await phone.read_app()
    wanted = phone.wanted.version_code
    if there is not None and there.version_code == wanted:
        return Step("app", "ok", f"version {wanted}")
    if there is not None and not is_outdated(there.version_code, wanted):
        detail = f"the phone has version {there.version_code}, this gateway brings {wanted}"
        return Step("app", "ok", detail, "Update the gateway, so that both speak the same version")
    have = "not installed" if there is None else f"version {there.version_code} instead of {wanted}"
    if not change:
        return Step("app", "waiting", have, phone.provision_hint)
    return await _install(phone, have)


async def _install(phone: Handset, have: str) -> Step:
    try:
        await phone.server.push(phone.adb_serial, await phone.wanted.apk(), _REMOTE, timeout_s=PUSH_TIMEOUT_S)
        result = await phone.change("pm", "install", "-r", _REMOTE, timeout_s=INSTALL_TIMEOUT_S)
    except Wedged as wedged:
        # Verification and questions on the screen hold pm up; a phone that hangs shows it at the next step.
        hint = (
            "Look for a question on the phone's screen (Play Protect, Install via USB), then provision again"
        )
        return Step("app", "refused", shown(wedged.reason), hint)
    except Refused as refused:
        return Step("app", "refused", shown(refused.reason), refused.hint or "Free some space on the phone")
    await phone.change("rm", "-f", _REMOTE)
    if failed(result) or "Success" not in result.text:
        if "INSTALL_FAILED_UPDATE_INCOMPATIBLE" in result.text:
            phone.app = (
                None  # somebody else signed it: no grant, no tunnel and above all no pairing code for it
            )
        return phone.refused("app", result)
    there = await phone.read_app()
    if there is None or is_outdated(there.version_code, phone.wanted.version_code):
        detail = "the phone says Success and has not installed the app"
        return Step(
            "app", "refused", detail, "Look for a question on the phone's screen, then provision again"
        )
    await phone.remember("installed", str(there.version_code))
    phone.tunnel_is_new = (
        True  # the update ended the app: its service is to be started whatever the link says
    )
    return Step("app", "fixed", f"{have}; now version {there.version_code}")


async def grants(phone: Handset, *, change: bool) -> Step:
    """See that the app holds its permissions; grant what is missing and look again."""
    missing = missing_permissions(phone)
    if not missing:
        return Step("grants", "ok", "all permissions")
    if not change:
        return Step("grants", "waiting", f"missing: {_names(missing)}", phone.provision_hint)
    refusal: Step | None = None
    for name in missing:
        result = await phone.change("pm", "grant", phone.package, name)
        if failed(result) and (refusal is None or name in _needed(phone)):
            refusal = phone.refused("grants", result)
    await phone.read_app()
    left = [name for name in missing_permissions(phone) if name in _needed(phone)]
    given = [name for name in missing if phone.app and name in phone.app.granted]
    await _remember_given(phone, given)
    if not left:
        return Step("grants", "fixed", f"granted: {_names(given)}")
    if refusal is not None:
        return Step("grants", "refused", f"missing: {_names(left)}; {refusal.detail}", refusal.hint)
    # pm said nothing and did nothing: some makers do.
    hint = "Open the app on the phone and grant them there"
    return Step("grants", "refused", f"missing although granted: {_names(left)}", hint)


async def _remember_given(phone: Handset, given: list[str]) -> None:
    before = (await phone.recall("granted") or "").split()
    if given:
        await phone.remember("granted", " ".join(sorted({*before, *given})))


def _needed(phone: Handset) -> tuple[str, ...]:
    newer = ("POST_NOTIFICATIONS",) if phone.sdk >= _POST_NOTIFICATIONS_SDK else ()
    return tuple(_PREFIX + name for name in (*_NEEDED, *newer))


def missing_permissions(phone: Handset) -> list[str]:
    """Name what the app lacks of what it needs or can use, by what was last read of it."""
    there = phone.app or readings.InstalledApp(0, frozenset(), frozenset())
    useful = [_PREFIX + name for name in _USEFUL if _PREFIX + name in there.requested]
    return [name for name in (*_needed(phone), *useful) if name not in there.granted]


def _names(permissions: list[str]) -> str:
    return ", ".join(name.removeprefix(_PREFIX) for name in permissions)

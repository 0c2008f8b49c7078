"""Owns the steps "doze" and "background": what keeps Android from putting our app to sleep.

Changes only what is not so already, and keeps what was there before in the ledger.
Source: DeviceIdleController, AppOpsManager, UsageStatsManager (buckets); README rows 12 to 17.
"""

from __future__ import annotations

from typing import Final

from device_bridge.adb import readings
from device_bridge.adb.contract import Step
from device_bridge.adb.handset import Handset, failed

BACKGROUND_OP: Final = "RUN_ANY_IN_BACKGROUND"
RESTRICTED_OP: Final = "ACCESS_RESTRICTED_SETTINGS"
OPS_SINCE: Final = ((BACKGROUND_OP, 28), (RESTRICTED_OP, 33))
"""App-op and the SDK from which it is there."""

_BUCKETS_SDK: Final = 28
_ACTIVE: Final = 10  # UsageStatsManager.STANDBY_BUCKET_ACTIVE; 5 is exempted, which is better still


async def doze(phone: Handset, *, change: bool) -> Step:
    """See that the app is exempt from doze."""
    if await _exempt(phone):
        return Step("doze", "ok", "exempt from battery optimisation")
    if not change:
        detail = "battery optimisation may put the app to sleep"
        return Step("doze", "waiting", detail, phone.provision_hint)
    result = await phone.change("cmd", "deviceidle", "whitelist", f"+{phone.package}")
    if failed(result):
        return phone.refused("doze", result)
    if not await _exempt(phone):
        hint = (
            "On the phone set the app's battery use to Unrestricted (Settings, Apps, the companion, Battery)"
        )
        return Step("doze", "refused", "the phone took the exemption and does not list it", hint)
    await phone.remember("doze", "added")
    return Step("doze", "fixed", "exempt from battery optimisation")


async def background(phone: Handset, *, change: bool) -> Step:
    """See that the app may run in the background, and on newer versions that its settings are not restricted."""
    changed: list[str] = []
    for op, since in OPS_SINCE:
        mode = await op_mode(phone, op) if phone.sdk >= since else "allow"
        if mode == "allow":
            continue
        if not change:
            # The default is no fault: most phones run the app all the same.
            changed.append(f"{op} is {mode}")
            continue
        await phone.remember_first(f"appop:{op}", mode)
        result = await phone.change("appops", "set", phone.package, op, "allow")
        if failed(result):
            return phone.refused("background", result)
        if await op_mode(phone, op) != "allow":
            hint = "Allow background use of the app in the phone's settings"
            return Step("background", "refused", f"{op} stays {mode}", hint)
        changed.append(f"{op}: {mode} → allow")
    if phone.sdk >= _BUCKETS_SDK:
        changed += await _bucket(phone, change=change)
    if not change:
        return Step("background", "ok" if not changed else "waiting", "; ".join(changed) or "allowed")
    return Step("background", "fixed" if changed else "ok", "; ".join(changed) or "allowed")


async def _bucket(phone: Handset, *, change: bool) -> list[str]:
    bucket = readings.standby_bucket(await phone.ask("am", "get-standby-bucket", phone.package))
    if bucket is None or bucket <= _ACTIVE:
        return []
    if change:
        # Android moves it by itself with use, so a refusal is no trouble and nothing is to be taken back.
        await phone.change("am", "set-standby-bucket", phone.package, "active")
    return [f"standby bucket {bucket}"]


async def _exempt(phone: Handset) -> bool:
    return readings.doze_exempt(await phone.ask("cmd", "deviceidle", "whitelist"), phone.package)


async def op_mode(phone: Handset, op: str) -> str:
    """Ask what the platform lets our app do of an app-op. Raises AdbError."""
    return readings.op_mode(await phone.ask("appops", "get", phone.package, op), op)

"""Owns repairing one thing of a phone, and taking back exactly that.

Knows no order of steps. What was there before is read first and given to the caller, who keeps it; what a person took
back stays so until a person asks for it again.
Source: README, *The steps* and *The ledger*.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from device_bridge.adb import readings
from device_bridge.adb.app import app, booted, grants, missing_permissions
from device_bridge.adb.background import OPS_SINCE, background, doze, op_mode
from device_bridge.adb.contract import Step
from device_bridge.adb.errors import Refused
from device_bridge.adb.handset import Handset, failed
from device_bridge.adb.limit import COUNT_KEY, INTERVAL_KEY, UNSET, limit, put_back

DECLINED: Final = "declined"
"""Name in the ledger: steps that a person took back, separated by blanks; nothing does them by itself."""

_STEPS: Final = {"grants": grants, "doze": doze, "background": background, "limit": limit}
MENDABLE: Final = frozenset(_STEPS)


async def before(phone: Handset, name: str) -> str:
    """Read what a repair would change, as :func:`take_back` wants it.

    Raises:
        Refused: the phone is not ready, or has not our app.
        AdbError: it cannot be talked to.

    On air: never
    """
    await _ready(phone)
    if name == "grants":
        return " ".join(sorted(missing_permissions(phone)))
    if name == "background":
        return " ".join([f"{op}={await op_mode(phone, op)}" for op, since in OPS_SINCE if phone.sdk >= since])
    if name == "limit":
        return " ".join([await _setting(phone, key) for key in (COUNT_KEY, INTERVAL_KEY)])
    return ""


async def mend(phone: Handset, name: str) -> Step:
    """Do one step of :data:`MENDABLE`, also where a person took it back before; for "limit" this is the consent.

    Raises:
        Refused, AdbError: as :func:`before`.

    On air: never
    """
    await _ready(phone)
    await _decline(phone, name, declined=False)
    if name == "limit":
        phone.wanted = replace(phone.wanted, raise_limit=True)
    return await _STEPS[name](phone, change=True)


async def take_back(phone: Handset, name: str, was: str) -> Step:
    """Put back what one repair changed, and leave what a person changed since.

    Args:
        phone: The phone.
        name: One of :data:`MENDABLE`.
        was: What :func:`before` gave before that repair.

    Raises:
        Refused, AdbError: as :func:`before`.

    On air: never
    """
    await _ready(phone)
    # First: a look of the host in between must not do it again.
    await _decline(phone, name, declined=True)
    return await _BACK[name](phone, was)


async def _ready(phone: Handset) -> None:
    awake = await booted(phone, change=False)
    if awake.outcome != "ok":
        raise Refused(awake.detail, awake.hint)
    there = await app(phone, change=False)
    if phone.app is None:
        raise Refused("our app is not on the phone", there.hint)


async def _decline(phone: Handset, name: str, *, declined: bool) -> None:
    names = set((await phone.recall(DECLINED) or "").split())
    wanted = names | {name} if declined else names - {name}
    if wanted != names:
        await phone.remember(DECLINED, " ".join(sorted(wanted)) or None)


async def _setting(phone: Handset, key: str) -> str:
    return readings.setting(await phone.ask("settings", "get", "global", key)) or UNSET


# ------------------------------------------------------------------ back


async def _grants(phone: Handset, was: str) -> Step:
    granted = phone.app.granted if phone.app else frozenset()
    names = [name for name in was.split() if name in granted]
    for name in names:
        result = await phone.change("pm", "revoke", phone.package, name)
        if failed(result):
            return phone.refused("grants", result)
    kept = [name for name in (await phone.recall("granted") or "").split() if name not in names]
    await phone.remember("granted", " ".join(kept) or None)
    return Step("grants", "fixed", f"{len(names)} permissions taken back")


async def _doze(phone: Handset, _was: str) -> Step:
    result = await phone.change("cmd", "deviceidle", "whitelist", f"-{phone.package}")
    if failed(result):
        return phone.refused("doze", result)
    await phone.remember("doze", None)
    return Step("doze", "fixed", "exempt no more")


async def _background(phone: Handset, was: str) -> Step:
    for word in was.split():
        op, _, mode = word.partition("=")
        result = await phone.change("appops", "set", phone.package, op, mode)
        if failed(result):
            return phone.refused("background", result)
    return Step("background", "fixed", "as it was before")


async def _limit(phone: Handset, was: str) -> Step:
    return await put_back(phone, was.split(), "somebody has set it since, so it was left")


_BACK: Final[dict[str, Callable[[Handset, str], Awaitable[Step]]]] = {
    "grants": _grants,
    "doze": _doze,
    "background": _background,
    "limit": _limit,
}

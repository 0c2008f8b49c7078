"""Owns taking back what was changed on a phone, by the ledger, and nothing that was so before us.

Removes the app only where that is wanted; leaves what a person changed since.
Source: README, *The ledger*.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from device_bridge.adb.background import OPS_SINCE
from device_bridge.adb.contract import Step
from device_bridge.adb.errors import AdbError, Refused
from device_bridge.adb.handset import Handset, failed, step_of_error
from device_bridge.adb.limit import put_back
from device_bridge.adb.mend import DECLINED

LEDGER: Final = (
    "consent",
    "paired",
    "installed",
    "granted",
    "doze",
    *(f"appop:{op}" for op, _ in OPS_SINCE),
    "limit_count",
    "limit_interval",
    "limit_mark",
    "limit_rebooted",
    "reverse_host",
    DECLINED,
)
"""Names of all values that are kept of a phone, but "released"."""

_Part = Callable[[Handset], Awaitable[Step]]


async def release(phone: Handset, *, remove_app: bool) -> tuple[Step, ...]:
    """Take back limit, tunnel, exemptions and permissions, or the whole app, and forget the ledger.

    What could not be taken back stays in the ledger, and a later release tries it again.

    On air: never
    """
    parts: tuple[tuple[str, _Part], ...] = (("limit", _limit), ("reverse", _reverse))
    if remove_app:
        parts += (("app", _remove_app),)
    else:
        parts += (("background", _background), ("doze", _doze), ("grants", _grants))
    done: list[Step] = []
    for name, part in parts:
        try:
            done.append(await part(phone))
        except Refused as refused:
            done.append(step_of_error(name, refused))
        except AdbError as error:
            done.append(step_of_error(name, error))
            break
    if not any(step.outcome == "refused" for step in done):
        for name in LEDGER:
            await phone.remember(name, None)
    hint = "If nothing else needs it, switch USB debugging off in the phone's Developer options"
    return (*done, Step("debugging", "ok", "USB debugging is still on", hint))


async def _limit(phone: Handset) -> Step:
    before = [await phone.recall(name) for name in ("limit_count", "limit_interval")]
    return await put_back(phone, before, "it was not changed")


async def _reverse(phone: Handset) -> Step:
    mine = {str(phone.wanted.host_port), await phone.recall("reverse_host")}
    rows = [row for row in await phone.server.reverse_list(phone.adb_serial) if str(row.host_port) in mine]
    for row in rows:
        await phone.server.reverse_remove(phone.adb_serial, row.phone_port)
    return Step("reverse", "fixed" if rows else "skipped", "closed" if rows else "there was none")


async def _remove_app(phone: Handset) -> Step:
    if await phone.read_app() is None:
        return Step("app", "skipped", "it is not installed")
    # Uninstalling takes permissions and app-ops with it; the exemption goes first, for it would stay behind.
    await _doze(phone)
    result = await phone.change("pm", "uninstall", phone.package)
    if failed(result) or "Success" not in result.text:
        return phone.refused("app", result)
    return Step("app", "fixed", "removed")


async def _background(phone: Handset) -> Step:
    changed = False
    for op, _ in OPS_SINCE:
        before = await phone.recall(f"appop:{op}")
        if before is None:
            continue
        result = await phone.change("appops", "set", phone.package, op, before)
        if failed(result):
            return phone.refused("background", result)
        changed = True
    return Step(
        "background", *(("fixed", "as it was before") if changed else ("skipped", "it was not changed"))
    )


async def _doze(phone: Handset) -> Step:
    if await phone.recall("doze") is None:
        return Step("doze", "skipped", "it was not changed")
    result = await phone.change("cmd", "deviceidle", "whitelist", f"-{phone.package}")
    return phone.refused("doze", result) if failed(result) else Step("doze", "fixed", "exempt no more")


async def _grants(phone: Handset) -> Step:
    names = (await phone.recall("granted") or "").split()
    if not names or await phone.read_app() is None:
        return Step("grants", "skipped", "nothing was granted")
    for name in names:
        result = await phone.change("pm", "revoke", phone.package, name)
        if failed(result):
            return phone.refused("grants", result)
    return Step("grants", "fixed", f"{len(names)} permissions taken back")

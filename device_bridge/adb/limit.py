"""Owns the step "limit": how many parts the platform lets an app send before it asks on the screen.

Raises it only where that is agreed, restarts only where that is allowed and then once; a value acts after a restart.
Source: SmsUsageMonitor of the platform: 30 parts in 60 s, both settings read once in its constructor.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from device_bridge.adb import readings
from device_bridge.adb.contract import Step
from device_bridge.adb.errors import Offline
from device_bridge.adb.handset import Handset, failed

COUNT_KEY: Final = "sms_outgoing_check_max_count"
INTERVAL_KEY: Final = "sms_outgoing_check_interval_ms"
DEFAULT_PARTS: Final = 30
DEFAULT_INTERVAL_MS: Final = 60_000
RAISED_PARTS: Final = 200
"""Parts in the raised window of 60 s: more than two SIMs can send, few enough that a mistake is stopped."""

RAISED_INTERVAL_MS: Final = 60_000  # written too: older trees have 30 minutes
_RAISED: Final = ((COUNT_KEY, RAISED_PARTS), (INTERVAL_KEY, RAISED_INTERVAL_MS))
UNSET: Final = "null"  # as `settings get` writes it
_UPTIME_SLACK_MS: Final = (
    30_000  # reading the uptime takes time, and the host's clock is corrected now and then
)


async def limit(phone: Handset, *, change: bool) -> Step:
    """Read the limit, tell the owner, explain it, raise it where agreed."""
    count, interval = await _read(phone)
    raised = _parts(count) * RAISED_INTERVAL_MS >= RAISED_PARTS * _window_ms(interval)
    if not raised and change and phone.wanted.raise_limit:
        refusal = await _raise(phone, count, interval)
        if refusal is not None:
            await _tell(phone, count, interval, in_force=await _in_force(phone, count, interval))
            return refusal
        count, interval = await _read(phone)
    in_force = await _in_force(phone, count, interval)
    await _tell(phone, count, interval, in_force=in_force)
    said = f"{_parts(count)} parts in {_window_ms(interval) // 1000} s"
    if in_force:
        return Step("limit", "ok", said if count or interval else f"{said} (the platform's own)")
    return await _restart(phone, said, change=change)


async def put_back(phone: Handset, before: Iterable[str | None], untouched: str) -> Step:
    """Put the limit back where it still is as we raised it.

    Args:
        phone: Whose limit it is.
        before: Count and interval as they were, ``UNSET`` for none; None: that one was not ours.
        untouched: What to say when nothing was to be put back.

    Raises:
        AdbError: the phone cannot be talked to.

    On air: never
    """
    changed = False
    for (key, ours), value in zip(_RAISED, before, strict=True):
        if value is None or readings.setting(await phone.ask("settings", "get", "global", key)) != str(ours):
            continue
        back = ("delete", "global", key) if value == UNSET else ("put", "global", key, value)
        result = await phone.change("settings", *back)
        if failed(result):
            return phone.refused("limit", result)
        changed = True
    if not changed:
        return Step("limit", "skipped", untouched)
    return Step("limit", "fixed", "as it was before", "It acts again after the phone is restarted")


async def _restart(phone: Handset, said: str, *, change: bool) -> Step:
    detail = f"{said}, but only after the phone was restarted"
    hint = "Restart the phone when it suits you; until then the old limit acts"
    if not (change and phone.wanted.may_reboot):
        return Step("limit", "waiting", detail, hint)
    mark = await phone.recall("limit_mark")
    if mark is not None and await phone.recall("limit_rebooted") == mark:
        # Once is enough: a phone that shows the same mark after a restart would be restarted for ever.
        return Step(
            "limit", "waiting", detail, "The phone was told to restart and has not; restart it by hand"
        )
    await phone.remember("limit_rebooted", mark)
    with suppress(Offline):  # the stream ends with the phone
        await phone.change("reboot")
    phone.restarting = True
    return Step("limit", "waiting", f"{said}; the phone restarts")


async def _raise(phone: Handset, count: str | None, interval: str | None) -> Step | None:
    await phone.remember_first("limit_count", count or "null")
    await phone.remember_first("limit_interval", interval or "null")
    await phone.remember("limit_mark", await boot_mark(phone))
    for key, value in ((COUNT_KEY, RAISED_PARTS), (INTERVAL_KEY, RAISED_INTERVAL_MS)):
        result = await phone.change("settings", "put", "global", key, str(value))
        if failed(result):
            return phone.refused("limit", result)
    now = await _read(phone)
    if now != (str(RAISED_PARTS), str(RAISED_INTERVAL_MS)):
        hint = "The phone keeps its own limit; the gateway sends below it"
        return Step("limit", "refused", "the phone took the raised limit and does not keep it", hint)
    return None


async def _in_force(phone: Handset, count: str | None, interval: str | None) -> bool:
    if _parts(count) <= DEFAULT_PARTS and _window_ms(interval) >= DEFAULT_INTERVAL_MS:
        # No more than the platform's own: keeping to it is safe whether it acts yet or not.
        return True
    mark = await phone.recall("limit_mark")
    now = await boot_mark(phone)
    if mark is None:
        # Raised by somebody else, who knows when: believed after the first restart that we see.
        await phone.remember("limit_mark", now)
        return False
    return _restarted(mark, now)


def _restarted(mark: str, now: str) -> bool:
    kind, _, value = mark.partition(":")
    now_kind, _, now_value = now.partition(":")
    if kind != now_kind or kind == "none":
        return False
    if kind == "boot":
        return value != now_value
    return int(now_value) > int(value) + _UPTIME_SLACK_MS


async def boot_mark(phone: Handset) -> str:
    """Give a word that differs after each start of the phone: Android's own, else when the kernel started."""
    first = await phone.property("ro.runtime.firstboot")
    if first.isdecimal():
        return f"boot:{first}"
    up_s = readings.uptime_s(await phone.ask("cat", "/proc/uptime"))
    return "none:" if up_s is None else f"kernel:{phone.now_ms() - round(up_s * 1000)}"


async def _tell(phone: Handset, count: str | None, interval: str | None, *, in_force: bool) -> None:
    window_s = max(1, -(-_window_ms(interval) // 1000))
    await phone.owner.limit(phone.serialno, _parts(count), window_s, in_force)


async def _read(phone: Handset) -> tuple[str | None, str | None]:
    count = readings.setting(await phone.ask("settings", "get", "global", COUNT_KEY))
    interval = readings.setting(await phone.ask("settings", "get", "global", INTERVAL_KEY))
    return count, interval


def _parts(count: str | None) -> int:
    return readings.whole_number(count) or DEFAULT_PARTS


def _window_ms(interval: str | None) -> int:
    return readings.whole_number(interval) or DEFAULT_INTERVAL_MS

"""Owns findings that only the running server can tell: lines, devices, webhooks and keys.

Knows rows as the store gives them; asks nothing itself. What belongs to phones stands in :mod:`gateway.doctor.phones`.
Source: GET /api/v1/lines, /api/v1/devices, /api/v1/webhooks, /api/v1/keys; rules KEY-5 (stale keys).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gateway.doctor.finding import Finding, Severity
from gateway.doctor.fixes import EnableWebhook, ResumeLine
from gateway.store.rows import DeviceRow, KeyRow, LineRow, WebhookRow

SIGNAL_WEAK_DBM = -101
"""Two bars of 31 in 3GPP TS 27.007 §8.5 (+CSQ 6): texts begin to fail there."""

FAILURES_SHOWN = 3

KEY_STALE_DAYS = 90
_DAY_MS = 86_400_000

_LINES, _WEBHOOKS, _KEYS = "lines:read", "webhooks:manage", "keys:manage"


def examine_lines(lines: Sequence[LineRow], phone_ids: frozenset[str]) -> list[Finding]:
    """Look at each line; ``phone_ids`` are the devices that are phones."""
    found = [each for line in lines for each in _line(line, in_phone=line.device_id in phone_ids)]
    if all(line.emulated for line in lines):
        found.append(
            Finding(
                "no_real_line",
                "note",
                "lines",
                "No real SIM is known; only the sandbox can be used",
                "A text to a real number is refused, because no line can carry it.",
                "Plug in a phone, or a modem with a SIM; the findings about adb and ports say why one is missing.",
                scope=_LINES,
            )
        )
    return found


def name_of_line(line: LineRow) -> str:
    """Name a line as people know it."""
    return line.label or line.number or line.iccid or line.id


def _line(line: LineRow, *, in_phone: bool) -> list[Finding]:
    waiting = (
        f"{line.queued} {'message waits' if line.queued == 1 else 'messages wait'}." if line.queued else ""
    )
    if line.state in ("needs_attention", "down"):
        code, title = "line_down", "This line is not there"
        hint = "Check cable and power; it goes on by itself when it is back."
        if line.reason is not None:
            code, title, hint = line.reason.code, line.reason.title, line.reason.hint
        return [_of_line(line, code, "stops", title, why=waiting, hint=hint)]
    if line.state == "paused":
        title = "This line was paused by a person"
        hint = "Let it go on when it shall send again."
        return [_of_line(line, "line_paused", "note", title, why=waiting, hint=hint, fix=ResumeLine(line.id))]
    found = [_of_line(line, "line", "ok", f"Up{f' with {line.operator}' if line.operator else ''}")]
    if line.emulated:
        return found
    # Of message centre and SIM memory a phone tells nothing: Android sees to both.
    return found + _signal(line, in_phone=in_phone) + ([] if in_phone else _sim(line))


def _of_line(line: LineRow, code: str, severity: Severity, title: str, **more: Any) -> Finding:
    place: dict[str, Any] = {"subject": line.id, "scope": _LINES, "sandbox": line.emulated}
    return Finding(code, severity, name_of_line(line), title, **place, **more)


def _signal(line: LineRow, *, in_phone: bool) -> list[Finding]:
    if line.signal_dbm is None or line.signal_dbm > SIGNAL_WEAK_DBM:
        return []
    modem = "Move the antenna, or put the modem on an extension cable near a window."
    hint = "Move the phone near a window." if in_phone else modem
    title = f"The signal is weak ({line.signal_dbm} dBm)"
    why = "Texts begin to fail there, and are tried again."
    return [_of_line(line, "signal_weak", "trouble", title, why=why, hint=hint)]


def _sim(line: LineRow) -> list[Finding]:
    found = []
    if not line.smsc:
        why = "Without it most networks refuse every text."
        hint = "Set modem.smsc to the operator's message centre (ask the operator for it)."
        title = "The SIM names no message centre"
        found.append(_of_line(line, "smsc_missing", "trouble", title, why=why, hint=hint))
    used, total = line.store_used, line.store_total
    if used is not None and total and used >= total:
        why = "Nothing more can be received."
        hint = "The gateway empties what it has read; if it stays full, delete old texts in a phone."
        title = f"The SIM's memory is full ({used} of {total})"
        found.append(_of_line(line, "store_full", "trouble", title, why=why, hint=hint))
    return found


def examine_devices(devices: Iterable[DeviceRow], lines: Iterable[LineRow]) -> list[Finding]:
    """Look at why devices are not attached; what a line of theirs says already is not said twice."""
    told = {
        (line.device_id, line.reason.code)
        for line in lines
        if line.state in ("needs_attention", "down") and line.reason is not None
    }
    return [
        Finding(
            device.reason.code,
            "stops",
            " ".join(filter(None, (device.maker, device.model))) or device.address,
            device.reason.title,
            hint=device.reason.hint,
            subject=device.id,
            scope=_LINES,
            sandbox=device.emulated,
        )
        for device in devices
        if device.reason is not None and (device.id, device.reason.code) not in told
    ]


def examine_webhooks(webhooks: Iterable[WebhookRow]) -> list[Finding]:
    """Look at each webhook."""
    return [_webhook(webhook) for webhook in webhooks]


def _webhook(hook: WebhookRow) -> Finding:
    def finding(code: str, severity: Severity, title: str, **more: Any) -> Finding:
        place: dict[str, Any] = {"subject": hook.id, "scope": _WEBHOOKS, "sandbox": hook.sandbox}
        return Finding(code, severity, hook.url, title, **place, **more)

    if not hook.enabled:
        return finding(
            "webhook_disabled",
            "trouble",
            "This webhook is switched off",
            why=" ".join(filter(None, (hook.disabled_reason, "Its program learns of nothing."))),
            hint="Switch it on again once the receiver is right.",
            fix=EnableWebhook(hook.id),
        )
    if hook.failures_in_row >= FAILURES_SHOWN:
        return finding(
            "webhook_failing",
            "trouble",
            f"The last {hook.failures_in_row} deliveries failed",
            why="Events wait and are tried again for three days.",
            hint="Look at the answers (GET /api/v1/webhooks/{id}/deliveries) and whether the receiver runs.",
        )
    if hook.failures_in_row:
        return finding("webhook", "ok", "The last delivery failed and is tried again")
    if hook.last_success_ms is None:
        return finding("webhook", "ok", "Nothing was delivered yet")
    return finding("webhook", "ok", "Deliveries succeed")


def examine_keys(keys: Iterable[KeyRow], now_ms: int) -> list[Finding]:
    """Name keys that nobody has used for :data:`KEY_STALE_DAYS` days and that still work."""
    found = []
    for key in keys:
        ended = key.revoked_at_ms is not None or (
            key.expires_at_ms is not None and key.expires_at_ms <= now_ms
        )
        unused_days = (now_ms - (key.last_used_ms or key.created_at_ms)) // _DAY_MS
        if ended or unused_days < KEY_STALE_DAYS:
            continue
        found.append(
            Finding(
                "key_stale",
                "note",
                f"key {key.name}",
                f"Nobody has used this key for {unused_days} days",
                "Who finds an old key can still use it.",
                "End it if no program needs it: gateway keys revoke, or DELETE /api/v1/keys/{id}.",
                subject=key.id,
                scope=_KEYS,
            )
        )
    return found

"""Owns findings that the running server can tell: lines, devices and webhooks.

Knows the JSON of the HTTP interface; asks nothing itself.
Source: GET /api/v1/lines, /api/v1/devices, /api/v1/webhooks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.doctor.finding import Finding
from gateway.doctor.phones import examine_phones

Json = dict[str, Any]

SIGNAL_WEAK_DBM = -101
"""Two bars of 31 in 3GPP TS 27.007 §8.5 (+CSQ 6): texts begin to fail there."""

FAILURES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Served:
    """What the running server said."""

    url: str
    lines: Sequence[Json]
    devices: Sequence[Json]
    webhooks: Sequence[Json]


def examine_served(served: Served) -> list[Finding]:
    """Turn the server's own words into findings."""
    found = [Finding("server", "ok", served.url, "The server answers")]
    phones = {device.get("id") for device in served.devices if device.get("kind") == "phone"}
    for line in served.lines:
        found += _line(line, in_phone=line.get("device") in phones)
    for device in served.devices:
        found += _device(device)
    found += examine_phones(served.devices)
    for webhook in served.webhooks:
        found += _webhook(webhook)
    if not any(not line.get("emulated") for line in served.lines):
        found.append(
            Finding(
                "no_real_line",
                "note",
                "lines",
                "No real SIM is known; only the sandbox can be used",
                "A text to a real number is refused with no_line_available.",
                "Plug in a phone, or a modem with a SIM; the findings about adb and ports say why one is missing.",
            )
        )
    return found


def _line(line: Json, *, in_phone: bool) -> list[Finding]:
    name = str(line.get("label") or line.get("number") or line.get("iccid") or line["id"])
    reason = line.get("reason") or {}
    waiting = f"{line['queued']} messages wait." if line.get("queued") else ""
    if line["state"] in ("needs_attention", "down"):
        return [
            Finding(
                str(reason.get("code") or "line_down"),
                "stops",
                name,
                str(reason.get("title") or "This line is not there"),
                waiting,
                str(reason.get("hint") or "Check cable and power; it goes on by itself when it is back."),
            )
        ]
    if line["state"] == "paused":
        hint = "PATCH /api/v1/lines/{id} with paused false."
        return [Finding("line_paused", "note", name, "This line was paused by a person", waiting, hint)]
    found = [Finding("line", "ok", name, f"Up{_operator(line)}")]
    if line.get("emulated"):
        return found
    # Of message centre and SIM memory a phone tells nothing: Android sees to both.
    return found + _signal(name, line, in_phone=in_phone) + ([] if in_phone else _sim(name, line))


def _signal(name: str, line: Json, *, in_phone: bool) -> list[Finding]:
    dbm = line.get("signal_dbm")
    if dbm is None or dbm > SIGNAL_WEAK_DBM:
        return []
    modem = "Move the antenna, or put the modem on an extension cable near a window."
    hint = "Move the phone near a window." if in_phone else modem
    return [Finding("signal_weak", "trouble", name, f"The signal is weak ({dbm} dBm)", "", hint)]


def _sim(name: str, line: Json) -> list[Finding]:
    found = []
    if not line.get("smsc"):
        found.append(
            Finding(
                "smsc_missing",
                "trouble",
                name,
                "The SIM names no message centre",
                "Without it most networks refuse every text.",
                "Set modem.smsc to the operator's message centre (ask the operator for it).",
            )
        )
    used, total = line.get("store_used"), line.get("store_total")
    if used is not None and total and used >= total:
        found.append(
            Finding(
                "store_full",
                "trouble",
                name,
                f"The SIM's memory is full ({used} of {total})",
                "Nothing more can be received.",
                "The gateway empties what it has read; if it stays full, delete old texts in a phone.",
            )
        )
    return found


def _operator(line: Json) -> str:
    operator = line.get("operator")
    return f" with {operator}" if operator else ""


def _device(device: Json) -> list[Finding]:
    reason = device.get("reason") or {}
    if not reason:
        return []
    name = " ".join(str(device[k]) for k in ("maker", "model") if device.get(k)) or str(device.get("address"))
    return [
        Finding(
            str(reason.get("code")),
            "stops",
            name,
            str(reason.get("title")),
            "",
            str(reason.get("hint") or ""),
        )
    ]


def _webhook(webhook: Json) -> list[Finding]:
    url = str(webhook["url"])
    if not webhook.get("enabled", True):
        why = str(webhook.get("disabled_reason") or "")
        hint = "PATCH /api/v1/webhooks/{id} with enabled true once the receiver is right."
        return [Finding("webhook_disabled", "trouble", url, "This webhook is switched off", why, hint)]
    failures = int(webhook.get("failures_in_row") or 0)
    if failures >= FAILURES_SHOWN:
        return [
            Finding(
                "webhook_failing",
                "trouble",
                url,
                f"The last {failures} deliveries failed",
                "Events wait and are tried again for three days.",
                "GET /api/v1/webhooks/{id}/deliveries shows the answers; check that the receiver runs.",
            )
        ]
    return [Finding("webhook", "ok", url, "Deliveries succeed")]

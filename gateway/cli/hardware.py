"""Owns ``gateway lines``, ``lines ussd``, ``lines self-test`` and ``devices restart``.

Knows the HTTP interface only; opens no port.
Source: GET /api/v1/lines.
"""

from __future__ import annotations

import argparse
import shlex

from gateway.cli.client import Client, Json, connect, path_of
from gateway.cli.failure import CliError
from gateway.cli.output import about, note, screen

SIGNAL_STEPS_DBM = (-103, -93, -83, -73)
"""From here one bar more: the usual steps of phones between -113 dBm (none) and -51 dBm (full)."""

_BARS = "▂▄▆█"


def lines(arguments: argparse.Namespace) -> int:
    """List SIMs with their health, today's parts and what waits."""
    out = screen(arguments)
    client = connect(arguments)
    found = client.items("/api/v1/lines")
    if out.as_json:
        out.document(found)
        return 0
    names = (
        {d["id"]: f"{model_of(d)} · {d.get('kind')}" for d in client.items("/api/v1/devices")}
        if found
        else {}
    )
    rows = [
        [
            name_of(x),
            x.get("number"),
            names.get(x.get("device"), ""),
            _state(x),
            _signal(x),
            _today(x),
            _waiting(x),
        ]
        for x in found
    ]
    out.table(
        ("LINE", "NUMBER", "DEVICE", "STATE", "SIGNAL", "TODAY", "WAITING"),
        rows,
        ["" if x["state"] == "up" else "yellow" for x in found],
        folds="DEVICE",
    )
    needy = [name_of(x) for x in found if x["state"] in ("needs_attention", "down")]
    if needy:
        verb = "line needs" if len(needy) == 1 else "lines need"
        about_it = f" {shlex.quote(needy[0])}" if len(needy) == 1 else ""
        note(f"{len(needy)} {verb} you: gateway doctor{about_it}")
    if not found:
        note(
            "No line is known. Plug in a phone, or a modem with a SIM; or see why one is missing: gateway doctor"
        )
    return 0


def ussd(arguments: argparse.Namespace) -> int:
    """Ask the network a USSD code and print its answer."""
    client = connect(arguments)
    line = pick(client, arguments.line)
    answer = client.post(path_of("lines", line["id"], "ussd"), {"code": arguments.code})
    out = screen(arguments)
    if out.as_json:
        out.document(answer)
    else:
        for part in str(answer.get("text", "")).splitlines():
            out.line(part)
    return 0


def self_test(arguments: argparse.Namespace) -> int:
    """Look at everything that sending needs on a line; with ``--send`` let it text itself as well."""
    client = connect(arguments)
    line = pick(client, arguments.line)
    if arguments.send:
        note("The line texts itself: one text. This takes seconds, two minutes at most.")
    answer = client.post(path_of("lines", line["id"], "self-test"), {"send": True} if arguments.send else {})
    out = screen(arguments)
    if out.as_json:
        out.document(answer)
    else:
        steps = answer["steps"]
        out.table(
            ("RESULT", "STEP", "SEEN"),
            [["ok" if s["ok"] else "failed", s["name"], _seen(s)] for s in steps],
        )
    return 0 if answer["ok"] else 1


def restart(arguments: argparse.Namespace) -> int:
    """Restart a modem; it is down until it is back."""
    client = connect(arguments)
    known = client.items("/api/v1/devices")
    wanted = str(arguments.device)
    found = next((d for d in known if wanted in (d.get("id"), d.get("serialno"), d.get("address"))), None)
    if found is None:
        raise CliError(
            f'no device "{wanted}"', f"known devices: {', '.join(str(d['id']) for d in known) or 'none'}"
        )
    answer = client.post(path_of("devices", found["id"], "restart"), {})
    out = screen(arguments)
    if out.as_json:
        out.document(answer)
    else:
        note(f"{model_of(found)} restarts; gateway lines shows when its line is up again.")
    return 0


def pick(client: Client, wanted: str) -> Json:
    """Find a line by id, ICCID, number or label. Raises CliError naming the lines there are."""
    found = client.items("/api/v1/lines")
    for name in ("id", "iccid", "number", "label"):
        hits = [x for x in found if x.get(name) and str(x[name]).casefold() == wanted.casefold()]
        if len(hits) == 1:
            return hits[0]
        if hits:
            raise CliError(
                f'{len(hits)} lines are called "{wanted}"', "name it by id, see: gateway lines --json"
            )
    known = ", ".join(name_of(x) for x in found) or "none"
    raise CliError(f'no line "{wanted}"', f"known lines: {known}")


def name_of(line: Json) -> str:
    """Call a line as people do: label, else number, else ICCID."""
    return str(line.get("label") or line.get("number") or line.get("iccid") or line["id"])


# ------------------------------------------------------------------ cells


def model_of(device: Json) -> str:
    """Call a device by maker and model."""
    words = [str(device[k]) for k in ("maker", "model") if device.get(k)]
    return " ".join(words) or str(device.get("kind") or "device")


def why(row: Json) -> str:
    """Say why a line or device is as it is, or nothing."""
    reason = row.get("reason")
    if isinstance(reason, dict):
        return str(reason.get("title") or reason.get("code") or "")
    return str(reason or "")


def _state(line: Json) -> str:
    return " · ".join(part for part in (str(line["state"]).replace("_", " "), why(line)) if part)


def _signal(line: Json) -> str:
    dbm = line.get("signal_dbm")
    if dbm is None:
        return ""
    bars = sum(dbm >= step for step in SIGNAL_STEPS_DBM)
    return f"{_BARS[:bars]}{'·' * (len(_BARS) - bars)} {dbm}"


def _seen(step: Json) -> str:
    seconds = step.get("seconds")
    return str(step["detail"]) if seconds is None else f"{step['detail']} After {seconds} s."


def _today(line: Json) -> str:
    """Show today's parts and their limit; where only the month has one, that of the month."""
    quotas = {quota["name"]: quota for quota in line.get("quotas") or ()}
    today = str(line.get("sent_today", 0))
    if "per_day" in quotas:
        return f"{today}/{quotas['per_day']['limit']}"
    if "per_month" in quotas:
        month = quotas["per_month"]
        return f"{today} · {month['used']}/{month['limit']} this month"
    return today


def _waiting(line: Json) -> str:
    waiting, eta_s = str(line.get("queued", 0)), line.get("eta_s")
    if line["state"] == "paused":
        return f"{waiting} · paused"
    return f"{waiting} · about {about(eta_s)}" if line.get("queued") and eta_s else waiting

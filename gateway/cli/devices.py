"""Owns ``gateway devices``, ``devices provision``, ``devices pair``, ``devices release`` and ``devices unlock``.

Knows the HTTP interface only; speaks to no phone, no modem and no adb server. A PIN is never an argument: others on the
machine read those.
Source: /api/v1/devices; the notes on the command line.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Sequence

from gateway.cli.client import Client, Json, connect, path_of
from gateway.cli.failure import CliError
from gateway.cli.hardware import model_of, why
from gateway.cli.output import Screen, note, screen
from gateway.escape import escape

LOOK_S = 1.0
"""Between two looks whether a phone has paired: a person looks at the screen meanwhile."""

_COLOURS = {"fixed": "green", "ok": "green", "refused": "red", "waiting": "yellow"}
_NOT_DONE = ("refused", "waiting")
_OUTCOME_CELLS = 9
_STEP_CELLS = 12


def devices(arguments: argparse.Namespace) -> int:
    """List what is attached, what was, and phones that could be set up."""
    out = screen(arguments)
    found = connect(arguments).items("/api/v1/devices")
    if out.as_json:
        out.document(found)
        return 0
    rows = [[name_of(d), model_of(d), d.get("kind"), d.get("address"), _state(d), _remark(d)] for d in found]
    out.table(("DEVICE", "MODEL", "KIND", "AT", "STATE", "REMARK"), rows, folds="REMARK")
    for device in found:
        if device.get("state") == "seen" and device.get("adb") == "device":
            note(f"{model_of(device)} is not set up: gateway devices provision {device['serialno']}")
        if device.get("sim_pin"):
            note(f"The SIM in {model_of(device)} wants its PIN: gateway devices unlock {name_of(device)}")
    if not found:
        note("Nothing is attached. Plug in a phone or a modem, or see why one is missing: gateway doctor")
    return 0


def provision(arguments: argparse.Namespace) -> int:
    """Set a phone up and show each step; 1 when a person must do something first."""
    client = connect(arguments)
    phone = pick(client, arguments.phone)
    answer = client.post(path_of("devices", phone["id"], "provision"), {})
    return _show_steps(arguments, answer)


def release(arguments: argparse.Namespace) -> int:
    """Take back what was changed on a phone and end its key."""
    client = connect(arguments)
    phone = pick(client, arguments.phone)
    if phone.get("state") == "seen":
        raise CliError(
            f"{name_of(phone)} does not belong to this gateway",
            "nothing is to be taken back; an app that stayed on the phone is removed there",
        )
    body = {"remove_app": bool(arguments.remove_app)}
    return _show_steps(arguments, client.post(path_of("devices", phone["id"], "release"), body))


def pair(arguments: argparse.Namespace) -> int:
    """Show a QR code and a code to type, and wait until a phone has used one; 1 when none did in time."""
    out, client = screen(arguments), connect(arguments)
    before = _pairings(client)
    offer = client.post("/api/v1/devices/pair", {})
    if out.as_json:
        out.document(offer)
        return 0
    _show_offer(out, offer)
    ends_s = time.monotonic() + _life_s(offer)
    while time.monotonic() < ends_s:
        new = [p for key, p in _pairings(client).items() if key not in before]
        if new:
            out.line(f"Paired: {model_of(new[0])}. See its SIMs with: gateway lines")
            return 0
        time.sleep(LOOK_S)
    raise CliError("no phone used the code within five minutes", "make a new one: gateway devices pair")


def unlock(arguments: argparse.Namespace) -> int:
    """Ask for the PIN of the SIM in a modem, without showing it, and let the SIM have it once."""
    client = connect(arguments)
    modem = pick(client, arguments.device, "modem")
    wanted = modem.get("sim_pin")
    if not wanted:
        raise CliError(f"the SIM in {name_of(modem)} wants no PIN", "see how its line is: gateway lines")
    left = wanted["tries_left"]
    if left == 1 and not arguments.last_try:
        raise CliError(
            "one try is left, and a wrong PIN locks the SIM",
            "if you are sure of the PIN: --last-try; else unlock the SIM in a phone",
        )
    body = {"pin": _pin(modem, left), "last_try": bool(arguments.last_try)}
    answer = client.post(path_of("devices", modem["id"], "pin"), body)
    out = screen(arguments)
    if out.as_json:
        out.document(answer)
        return 0
    out.line(f"The SIM in {model_of(modem)} is unlocked. See its line with: gateway lines")
    if not answer["remembered"]:
        note("This modem hides which SIM it is until it is unlocked: it will be asked for again.")
    return 0


def pick(client: Client, wanted: str, kind: str = "phone") -> Json:
    """Find a device by serial number, id or label, a modem by its port too. Raises CliError naming those there are."""
    found = client.items("/api/v1/devices")
    for name in ("serialno", "id", "label") if kind == "phone" else ("id", "address"):
        hits = [d for d in found if d.get(name) and str(d[name]).casefold() == wanted.casefold()]
        if len(hits) == 1:
            return hits[0]
        if hits:
            raise CliError(f'{len(hits)} devices are called "{wanted}"', "name it by its serial number")
    known = ", ".join(name_of(d) for d in found if d.get("kind") == kind) or "none"
    raise CliError(
        f'no {kind} "{wanted}"',
        f"known {kind}s: {known}. One that is missing: gateway doctor says why",
    )


def name_of(device: Json) -> str:
    """Call a device by what commands take: serial number of a phone, else its id."""
    return str(device.get("serialno") or device["id"])


# ------------------------------------------------------------------ parts


def _pin(modem: Json, tries_left: int | None) -> str:
    """Ask a person without echo, or read one line of standard input. Raises CliError: it is no PIN."""
    left = "" if tries_left is None else f" ({tries_left} {'try' if tries_left == 1 else 'tries'} left)"
    if sys.stdin.isatty():
        from getpass import getpass

        typed = getpass(f"PIN of the SIM in {escape(model_of(modem))}{left}: ")
    else:
        typed = sys.stdin.readline()
    pin = typed.strip()
    if not re.fullmatch("[0-9]{4,8}", pin):
        raise CliError("that is no PIN: 4 to 8 digits; nothing was entered", "run it again", exit_status=2)
    return pin


def _state(device: Json) -> str:
    return str(device.get("state") or ("attached" if device.get("attached") else "away"))


def _remark(device: Json) -> str:
    """Say the one thing that matters most: why it is away, what a step waits for, else a note."""
    for step in device.get("steps") or ():
        if step["outcome"] in _NOT_DONE:
            return f"{step['name']}: {step['hint'] or step['detail']}"
    notes = device.get("notes") or ()
    return why(device) or (str(notes[0]) if notes else "")


def _show_steps(arguments: argparse.Namespace, answer: Json) -> int:
    out = screen(arguments)
    if out.as_json:
        out.document(answer)
        return 0 if answer["ok"] else 1
    steps = answer["steps"]
    if out.terminal:
        _for_people(out, steps)
    else:
        out.table((), [[s["outcome"], s["name"], s["detail"], s["hint"]] for s in steps])
    todo = sum(s["outcome"] in _NOT_DONE for s in steps)
    if todo:
        note(f"{todo} step{' needs' if todo == 1 else 's need'} you; then run this again")
    return 0 if answer["ok"] else 1


def _for_people(out: Screen, steps: Sequence[Json]) -> None:
    """Show what was seen beside each step and what to do below it: both are sentences, no table holds two of them."""
    for step in steps:
        word = out.styled(f"{step['outcome']:<{_OUTCOME_CELLS}}", _COLOURS.get(step["outcome"], ""))
        seen = f"{step['name']:<{_STEP_CELLS}}{step['detail']}"
        print(f"{word}{escape(seen)}")
        out.paragraph(step["hint"], _OUTCOME_CELLS + _STEP_CELLS)


def _show_offer(out: Screen, offer: Json) -> None:
    from gateway.cli.qr import show_qr

    page, typed = offer.get("page"), str(offer["typed_code"])
    if out.terminal:
        show_qr(str(page or offer["link"]))
    out.line(f"Address  {offer['host']}")
    out.line(f"Code     {typed[:4]}-{typed[4:]}")
    if not out.terminal:
        out.line(f"Link     {page or offer['link']}")
    note(
        "On the phone: scan the QR code with the camera; or type both in the app SMS line, Pair with a gateway."
    )
    note("A phone that is connected by cable has learnt the way already: unplug it.")
    if page:
        note("No app on the phone yet? The page that the QR code opens offers it.")
    else:
        note("No app on the phone yet? Plug it in by cable once: gateway devices provision SERIAL")
    note("The code works once, for five minutes. Waiting for the phone; Ctrl-C stops waiting, not the code.")


def _pairings(client: Client) -> dict[tuple[str, str], Json]:
    """Read which phones are paired and since when: one that pairs again has a new time."""
    found = client.items("/api/v1/devices")
    return {(str(d["id"]), str(d["paired_at"])): d for d in found if d.get("paired_at")}


def _life_s(offer: Json, now_s: Callable[[], float] = time.time) -> float:
    from datetime import datetime

    return max(datetime.fromisoformat(str(offer["expires_at"])).timestamp() - now_s(), 0.0)

"""Owns ``gateway send``: one text through a running server, and with ``--wait`` each state until it is final.

Knows the HTTP interface only. What is printed about a state is who says so: us, the network, the phone.
Source: POST and GET /api/v1/messages; the timeline's hops.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime

from gateway.cli.client import Client, Json, connect, path_of
from gateway.cli.failure import CliError
from gateway.cli.hardware import name_of
from gateway.cli.output import Screen, note, screen, word_of

FINAL = frozenset({"delivered", "undelivered", "failed", "expired", "cancelled"})

POLL_S = (0.1, 0.1, 0.2, 0.3, 0.5, 1.0)
"""Waits between looks; the last one repeats. Quick at first, because an emulated text takes half a second."""

_RP_CAUSE = "RP cause "
"""How the catalogue writes a cause of 3GPP TS 24.011 §8.2.5.4: the network's own word."""

_SANDBOX, _ANY_LINE = "+999", "any sandbox line"

_WARNINGS = {
    "unassigned_range": "nobody has been given numbers of this range; check it",
    "no_opt_out_hint": "the text does not say how to stop such texts",
}


def send(arguments: argparse.Namespace) -> int:
    """Send one text; 0 when accepted, with ``--wait`` 0 when it was delivered (or sent, without a report)."""
    client = connect(arguments)
    body: Json = {"to": arguments.to, "text": _text(arguments.text)}
    if arguments.line:
        body["line"] = arguments.line
    message = client.post("/api/v1/messages", body)
    out = screen(arguments)
    if not arguments.wait:
        _accepted(out, message)
        return 0
    return _Watch(client, out, arguments.timeout).follow(message)


def _text(given: str) -> str:
    return sys.stdin.read().removesuffix("\n") if given == "-" else given


def _accepted(out: Screen, message: Json) -> None:
    if out.as_json:
        out.document(message)
    elif out.terminal:
        out.line(f"{message['state']}  {message['id']}: {_parts(message['parts'])}")
    else:
        out.table((), [[message["id"], message["state"], message["to"], message["parts"]]])
    for warning in message.get("warnings") or ():
        note(f"note: {_WARNINGS.get(warning, warning)}")


@dataclass(slots=True)
class _Watch:
    """Follows one message by its timeline; prints each hop that changes its state, once."""

    client: Client
    out: Screen
    timeout_s: int
    seen: set[str] = field(default_factory=set)
    lines: dict[str, str] = field(default_factory=dict)

    def follow(self, message: Json) -> int:
        deadline = time.monotonic() + self.timeout_s
        looks = 0
        while True:
            message = self.client.get(path_of("messages", message["id"]))
            self._show(message)
            if message["state"] in FINAL:
                return self._end(message)
            if time.monotonic() >= deadline:
                return self._gave_up(message)
            time.sleep(POLL_S[min(looks, len(POLL_S) - 1)])
            looks += 1

    def _show(self, message: Json) -> None:
        if self.out.as_json:
            return
        started = _instant_s(message["created_at"])
        for hop in message["timeline"]:
            family, _, state = hop["type"].partition(".")
            if hop["id"] in self.seen or family != "message":
                continue
            self.seen.add(hop["id"])
            after = f"{max(_instant_s(hop['at']) - started, 0.0):.2f} s"
            word, said = word_of(state), self._said(hop, state, message)
            if self.out.terminal:
                self.out.line(f"{word:<13} {after:>8}  {said}".rstrip())
            else:
                self.out.table((), [[word, after, said]])

    def _said(self, hop: Json, state: str, message: Json) -> str:
        if state == "queued" and len(self.seen) == 1:
            where = f", {_ANY_LINE}" if message["to"].startswith(_SANDBOX) else ""
            return f"{message['id']}: {_parts(message['parts'])}{where}"
        if state == "submitting":
            return self._line_name(hop.get("line"))
        if state == "sent":
            return "the network took it"
        if state == "delivered":
            tries = message["attempts"]
            return f"after {tries} tries" if tries > 1 else "the recipient's phone confirmed it"
        return _reason(hop, message)

    def _line_name(self, line_id: str | None) -> str:
        if line_id is None:
            return ""
        if line_id not in self.lines:
            self.lines = {x["id"]: name_of(x) for x in self.client.items("/api/v1/lines")}
        return self.lines.get(line_id, line_id)

    def _end(self, message: Json) -> int:
        if self.out.as_json:
            self.out.document(message)
        if message["state"] in ("delivered", "sent"):
            return 0
        error = message.get("error") or {}
        word = word_of(message["state"])
        raise CliError(f"{word}: {error.get('title') or 'see the timeline'}", error.get("hint"))

    def _gave_up(self, message: Json) -> int:
        if self.out.as_json:
            self.out.document(message)
        word = word_of(message["state"])
        if message["state"] == "sent":
            note(f"still {word} after {self.timeout_s} s: no delivery report yet; they may never come")
            return 0
        raise CliError(f"still {word} after {self.timeout_s} s", "gateway lines shows what it waits for")


def _reason(hop: Json, message: Json) -> str:
    detail = hop.get("detail") or {}
    error = message.get("error") or {}
    words = detail.get("title") or detail.get("reason") or error.get("title") or ""
    code = detail.get("network_code") or (error.get("network_code") if words == error.get("title") else None)
    wait_ms = detail.get("retry_in_ms")
    if wait_ms and str(code).startswith(_RP_CAUSE):
        cause = str(code).removeprefix(_RP_CAUSE)
        return f"refused for now (network cause {cause}), again in {wait_ms / 1000:.0f} s"
    again = f", again in {wait_ms / 1000:.0f} s" if wait_ms else ""
    return f"{words}{f' ({code})' if code else ''}{again}"


def _parts(count: int) -> str:
    return "1 part" if count == 1 else f"{count} parts"


def _instant_s(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()

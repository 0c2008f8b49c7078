"""Owns what the world outside remembers of a chain of crashes: each 202, each SUBMIT on air, each webhook, each text.

Refuses to know the store: it compares what clients, the SMSC and the receiver saw with what the API says at the end.
Source: invariants W1 to W4 of the architecture notes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from gateway.message import MessageState
from tests.harness.air import Air
from tests.harness.gateway_process import timeline_of
from tests.harness.receiver import WebhookReceiver

TOKEN = re.compile(r"m\d{6}")
PUBLIC = frozenset(f"message.{state.value}" for state in MessageState)
SHOWN = 5
"""Timelines printed of a failed run; more would bury the first."""


@dataclass
class Ledger:
    """Everything that was seen from outside."""

    accepted: dict[str, str] = field(default_factory=dict)
    """Token of a text → id of its 202."""
    posted: dict[str, dict[str, Any]] = field(default_factory=dict)
    repeated: int = 0
    """Posts whose answer a crash swallowed, so that they were made again with the same Idempotency-Key."""
    received: list[str] = field(default_factory=list)
    """Texts that were sent to our lines."""


@dataclass
class Verdict:
    """What is wrong, and what the run was made of."""

    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def check(self, condition: bool, complaint: str) -> None:
        if not condition:
            self.wrong.append(complaint)

    def about(self, message: dict[str, Any], complaint: str, air: Air) -> None:
        if len(self.wrong) < SHOWN:
            token = token_of(message["text"])
            sent = [(e.line, e.part, e.at_ms) for e in air.texts if token in e.text]
            complaint = f"{complaint}\n{timeline_of(message)}\n  on air (line, part, at_ms): {sent}"
        self.wrong.append(complaint)

    def raise_if_wrong(self, story: str) -> None:
        assert not self.wrong, f"{len(self.wrong)} wrong; {story}\n" + "\n".join(self.wrong[:SHOWN])


def token_of(text: str | None) -> str:
    found = TOKEN.search(text or "")
    return found[0] if found else "no token"


def copies_on_air(air: Air) -> Counter[tuple[str, int]]:
    """Count by text and part number what the SMSC took."""
    return Counter((token_of(each.text), each.part) for each in air.texts)


def check_outbound(
    verdict: Verdict, ledger: Ledger, air: Air, messages: list[dict[str, Any]], *, resolved: bool = False
) -> None:
    """Accepted = stored; on air exactly once, or at most once and in doubt while nobody can know better."""
    by_id = {message["id"]: message for message in messages}
    verdict.check(len(by_id) == len(messages), "the list shows an id twice")
    verdict.check(
        sorted(by_id) == sorted(ledger.accepted.values()),
        f"accepted {len(ledger.accepted)}, stored {len(by_id)}; only accepted "
        f"{sorted(set(ledger.accepted.values()) - set(by_id))[:5]}, only stored "
        f"{sorted(set(by_id) - set(ledger.accepted.values()))[:5]}",
    )
    copies = copies_on_air(air)
    for (token, part), count in copies.items():
        if count > 1 and token in ledger.accepted:
            verdict.about(by_id[ledger.accepted[token]], f"part {part} went on air {count} times", air)
    for token, message_id in ledger.accepted.items():
        message = by_id.get(message_id)
        if message is None:
            continue
        out = [part for part in range(1, message["parts"] + 1) if copies[token, part]]
        verdict.counts[message["state"]] += 1
        verdict.check(message["reference"] == token, f"{message_id} has another's reference")
        whole = len(out) == message["parts"]
        if whole and message["state"] != "delivered":
            verdict.about(message, f"is on air and reported, and stays {message['state']}", air)
        if not whole and (message["state"] != "in_doubt" or resolved):
            verdict.about(message, f"has parts {out} on air and is {message['state']}", air)


def check_webhooks(verdict: Verdict, receiver: WebhookReceiver, message: dict[str, Any], air: Air) -> None:
    """Each public event arrived under its one id, in order, and nothing else did."""
    hops = [(hop["type"], hop["id"]) for hop in message["timeline"] if hop["type"] in PUBLIC]
    requeued = [hop for hop in hops[1:] if hop[0] == "message.queued"]
    expected = [hop for hop in hops if hop not in requeued]
    got = receiver.ids_of(message["id"])
    verdict.counts["webhooks"] += len(got)
    if got != expected:
        verdict.about(message, f"webhooks {got}\n  expected {expected}", air)


def check_inbound(
    verdict: Verdict, ledger: Ledger, receiver: WebhookReceiver, items: list[dict[str, Any]]
) -> None:
    """Every text that came to a line is there once, and was told once."""
    stored = Counter(item["text"] for item in items)
    sent = Counter(ledger.received)
    verdict.counts["inbound"] += len(items)
    verdict.check(
        stored == sent,
        f"inbound: lost {list((sent - stored).elements())[:5]}, too many {list((stored - sent).elements())[:5]}",
    )
    for item in items:
        told = receiver.ids_of(item["id"])
        verdict.check(
            [kind for kind, _ in told] == ["message.received"],
            f"inbound {item['id']} was told as {told}: {json.dumps(item)}",
        )

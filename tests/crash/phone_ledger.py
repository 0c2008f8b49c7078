"""Owns what phones and people remember of a chain of crashes: each part on air, each 202, each text to us.

Refuses to know the store: what the phones' own ledgers say is compared with what the API says at the end.
Source: invariants W1 to W4 of the architecture notes; docs/link.md, *Sending* and *Events*.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.crash.ledger import TOKEN, Verdict
from tests.harness.gateway_process import timeline_of

SHOWN = 5


@dataclass
class PhoneLedger:
    """Everything that was seen from outside."""

    accepted: dict[str, str] = field(default_factory=dict)
    """Token of a text → id of its 202."""
    received: list[str] = field(default_factory=list)
    """Texts that the phone took from its network and wrote to its journal."""
    doubtful: list[str] = field(default_factory=list)
    """Texts to us whose order the phone's death swallowed: there or not, but never twice."""
    repeated: int = 0


def tokens_on_air(air: list[dict[str, Any]]) -> Counter[tuple[str, int]]:
    """Count by token and part what the phones put on air; part 1 carries the token."""
    token_of_job: dict[str, str] = {}
    for line in air:
        found = TOKEN.search(line["text"])
        if found is not None:
            token_of_job[line["job"]] = found[0]
    return Counter((token_of_job.get(line["job"], "no token"), line["part"]) for line in air)


def check_attempts(verdict: Verdict, air: list[dict[str, Any]]) -> None:
    """No attempt puts a part on air twice."""
    for (job, part), count in Counter((line["job"], line["part"]) for line in air).items():
        verdict.check(count == 1, f"attempt {job} put part {part} on air {count} times")


def check_messages(
    verdict: Verdict, ledger: PhoneLedger, air: list[dict[str, Any]], messages: list[dict[str, Any]]
) -> None:
    """Accepted = stored; on air once and delivered, or at most once and in doubt while nobody can know better.

    What the app marked as called in the moment of its death is waited for (SUBMITTING) before it is in doubt.
    """
    by_id = {message["id"]: message for message in messages}
    verdict.check(len(by_id) == len(messages), "the list shows an id twice")
    stored, accepted = set(by_id), set(ledger.accepted.values())
    verdict.check(stored == accepted, f"lost {accepted - stored}, too many {stored - accepted}")
    copies = tokens_on_air(air)
    for token, message_id in ledger.accepted.items():
        message = by_id.get(message_id)
        if message is None:
            continue
        verdict.counts[message["state"]] += 1
        counts = [copies[token, part] for part in range(1, message["parts"] + 1)]
        told = f"{token}: parts on air {counts}\n{timeline_of(message)}"
        if len(verdict.wrong) > SHOWN:
            told = token
        verdict.check(max(counts) <= 1, f"on air twice: {told}")
        if message["state"] == "delivered":
            verdict.check(counts == [1] * message["parts"], f"delivered, and not on air: {told}")
        elif message["state"] == "submitting":
            verdict.check(not any(counts), f"on air, and still waited for: {told}")
        else:
            verdict.check(message["state"] == "in_doubt", f"is {message['state']}: {told}")


def check_received(verdict: Verdict, ledger: PhoneLedger, items: list[dict[str, Any]]) -> None:
    """Every text that the phone took is there once."""
    stored, sent = Counter(item["text"] for item in items), Counter(ledger.received)
    verdict.counts["inbound"] += len(items)
    lost, surplus = sent - stored, stored - sent - Counter(ledger.doubtful)
    verdict.check(not lost, f"inbound lost: {list(lost.elements())[:SHOWN]}")
    verdict.check(not surplus, f"inbound too many: {list(surplus.elements())[:SHOWN]}")

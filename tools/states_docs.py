"""Owns docs/states.md and the diagram of gateway/README.md: drawn from the state machine, so that they cannot differ.

Knows a sentence for each state and happening; a missing one is an error.
Source: gateway.lifecycle.TRANSITIONS.
"""

from __future__ import annotations

from gateway.lifecycle import LOCAL, TRANSITIONS, Happening
from gateway.message import FINAL_STATES, MessageState, PartState

STATES = {
    MessageState.HELD: "Waits for a person: `held_reason` says why (`approval`, `new_country`, "
    "`number_range`; after a restore `restored`).",
    MessageState.QUEUED: "Waits for a line. Shown as `scheduled` while `send_at`, or the end of the recipient's quiet "
    "hours, is ahead.",
    MessageState.SUBMITTING: "With the radio now. Cancel and expiry wait for its verdict.",
    MessageState.IN_DOUBT: "Power, cable or silence after the text was handed over: it may have left, nobody knows.",
    MessageState.SENT: "The network took it. No report is not a failure; many networks send none.",
    MessageState.DELIVERED: "The recipient's phone confirmed every part.",
    MessageState.UNDELIVERED: "It left, but a report says that it did not reach the phone.",
    MessageState.FAILED: "It was not sent, or not completely (`partly_sent`); `error` says why.",
    MessageState.EXPIRED: "Too late: it was not sent before `expires_at`.",
    MessageState.CANCELLED: "Taken back before it was sent.",
}

HAPPENINGS = {
    Happening.APPROVE: "a person lets a held message go",
    Happening.REJECT: "a person refuses a held message",
    Happening.CANCEL: "a person or program takes it back",
    Happening.EXPIRE: "`expires_at` has passed",
    Happening.REFUSE: "its recipient said STOP, or a rule refuses it when a line wants to take it",
    Happening.CLAIM: "a line takes it",
    Happening.RESEND: "in doubt: send it again (by a person, or `on_doubt`)",
    Happening.CONFIRM: "in doubt: a person says that it left",
    Happening.GIVE_UP: "in doubt: a person says that it did not",
    Happening.HOLD: "a restore holds what waits",
    Happening.SENT: "the network took every part",
    Happening.NOT_SENT: "certainly not on air; another try may help",
    Happening.SPENT: "the last try is used up",
    Happening.REJECTED: "the network or the modem refused it for good",
    Happening.LOST: "silence, cable or power after the first octet",
    Happening.REPORT_OK: "reports say that every part arrived",
    Happening.REPORT_FAILED: "a report says that a part did not arrive",
}

PARTS = {
    PartState.WAITING: "not begun",
    PartState.SUBMITTING: "may be on air",
    PartState.IN_DOUBT: "nobody knows whether it left",
    PartState.NOT_SENT: "certainly not on air",
    PartState.REJECTED: "refused for good",
    PartState.SENT: "the network took it",
    PartState.UNDELIVERED: "a report says that it did not arrive",
    PartState.DELIVERED: "a report says that it arrived",
}


def states_md() -> str:
    """Write the page."""
    return "\n".join([_INTRO, "## States", "", _states(), "", "## What changes them", "", _table(), "",
                      _AFTER_TABLE, _parts(), "", _PARTS_OUTRO, _DRAWING])  # fmt: skip


def diagram() -> str:
    """Draw the table for gateway/README.md as a Mermaid state diagram; happenings with the same way share an arrow."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> queued", "    [*] --> held"]
    for state, ways in TRANSITIONS.items():
        for target in dict.fromkeys(ways.values()):
            names = ", ".join(h.value for h, t in ways.items() if t is target)
            lines.append(f"    {state.value} --> {target.value}: {names}")
    return "\n".join([*lines, "```"])


def _states() -> str:
    rows = [f"| `{s.value}` | {'yes' if s in FINAL_STATES else ''} | {STATES[s]} |" for s in MessageState]
    return "| state | final | meaning |\n|---|---|---|\n" + "\n".join(rows)


def _table() -> str:
    rows = []
    for happening in Happening:
        ways = [(s.value, t[happening].value) for s, t in TRANSITIONS.items() if happening in t]
        shown = ", ".join(f"`{a}` → `{b}`" for a, b in ways)
        who = "person or clock" if happening in LOCAL else "device"
        rows.append(f"| `{happening.value}` | {who} | {HAPPENINGS[happening]} | {shown} |")
    return "| what happens | who says so | meaning | changes |\n|---|---|---|---|\n" + "\n".join(rows)


def _parts() -> str:
    rows = [f"| `{p.value}` | {PARTS[p]} |" for p in PartState]
    return "| part | meaning |\n|---|---|\n" + "\n".join(rows)


_INTRO = """# States of a message

Most texts go one way: `queued`, `submitting`, `sent`, `delivered`. Everything else that can happen stands below, made
from `gateway.lifecycle.TRANSITIONS` by `make docs`; a test compares the two.
"""

_AFTER_TABLE = """What is not in the table changes nothing: a device that says something late is kept in the message's timeline, and a
request that does not fit is answered 409 `conflict`. A report that a text arrived is believed in every state, also after
`failed`, `expired` and `cancelled`: the truth wins.

A message received has the one state `received`.

## Parts

A text that needs more than one SMS goes out in parts, and each part of each attempt has a state of its own. Only all
parts together move the message: one report never makes it `delivered`.
"""

_DRAWING = """## As a drawing

One column for each state, the final ones in a thick frame; one row for what happens, by its name in the table above.
Rings are the states in which it can happen, the arrow is the state that it leads to. A message begins at a dot.

![Chart: what happens to a message in each state and the state it leads to, as in the table above](screenshots/states.svg)
"""

_PARTS_OUTRO = """A higher row never goes back to a lower one for the same attempt: the stronger evidence stays, in whatever order it
arrives.
"""

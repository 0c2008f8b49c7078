"""Owns the values of work that a received text makes, as they cross the store's door.

Knows no SQL and no HTTP; times are UTC ms, ids UUIDv7.
Source: rules OPT-6; the rules of [[inbound_rule]].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from gateway.message import Inbound
from gateway.policy.inbound_sender import InboundSender

InboundLane = Literal["text", "webhook", "email"]
LANES: tuple[InboundLane, ...] = get_args(InboundLane)

InboundActionKind = Literal["confirm", "answer", "forward", "webhook", "email"]
LANE_OF: dict[InboundActionKind, InboundLane] = {
    "confirm": "text",
    "answer": "text",
    "forward": "text",
    "webhook": "webhook",
    "email": "email",
}

InboundActionState = Literal["pending", "sending", "done", "failed", "skipped"]
"""``sending``: a letter may be out. ``skipped``: it was decided that it must not be done; ``reason`` says why."""


@dataclass(frozen=True, slots=True)
class ActionDetail:
    """What is to be done; sealed in the store, because texts and addresses stand here.

    ``to`` is a number, an e-mail address or a URL; ``template`` the name of one, with ``language`` to choose its text.
    """

    text: str | None = None
    template: str | None = None
    language: str | None = None
    to: str | None = None
    reply: bool = False


@dataclass(frozen=True, slots=True)
class NewAction:
    """Work to be planned. ``topic`` is the keyword that a confirmation is for; not begun after ``until_ms``."""

    kind: InboundActionKind
    detail: ActionDetail
    until_ms: int
    rule: str | None = None
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class DueAction:
    """Work whose time has come. ``sender`` is who is answered; ``line_name`` is what people call the line.

    ``detail`` None: what is stored was changed outside the gateway, so nothing may follow from it. ``emulated``: the
    text came to an emulated line, so only the sandbox may be texted because of it.
    """

    id: str
    tenant: str
    kind: InboundActionKind
    rule: str | None
    detail: ActionDetail | None
    sender: InboundSender
    attempts: int
    until_ms: int
    inbound: Inbound
    line_name: str
    emulated: bool


@dataclass(frozen=True, slots=True)
class ActionTaken:
    """What became of work, as people see it beside the text; ``reason`` is a code, None while all is well."""

    kind: InboundActionKind
    rule: str | None
    state: InboundActionState
    reason: str | None
    attempts: int
    message_id: str | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of one piece of work; ``message_id`` is the text that carries it."""

    state: Literal["done", "failed", "skipped"]
    reason: str | None = None
    message_id: str | None = None

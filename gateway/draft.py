"""Owns what a caller asks for before admission has judged it: the draft of a message, and who asks.

Knows no HTTP and no store; None in a draft means the default.
Source: the HTTP interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.message import EncodingChoice, Message, Notify, OnDoubt, Purpose
from gateway.store.rows import View


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the credential, its tenant and what it may do. ``key_id`` is the id of the key's row."""

    key_id: str
    name: str
    tenant: str
    scopes: frozenset[str]
    sandbox: bool = False

    def may(self, scope: str) -> bool:
        """Say whether the credential has a scope."""
        return scope in self.scopes or "*" in self.scopes

    @property
    def by(self) -> str:
        """How what this caller does is signed: in timelines, on records, in the audit trail."""
        return f"key:{self.key_id}"

    @property
    def view(self) -> View:
        """Whose rows this caller may see."""
        return View(self.tenant, self.sandbox)


VALID_MIN_S, VALID_MAX_S = 60, 604_800
"""How long a text may be asked to stay valid."""


def validity_s(message: Message) -> int:
    """Say how long a text was asked to stay valid, for one that goes again; a clock that stepped may have moved it."""
    begins_ms = max(message.created_at_ms, message.send_at_ms or 0)
    return min(max((message.expires_at_ms - begins_ms) // 1000, VALID_MIN_S), VALID_MAX_S)


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """A message as it was asked for; None = the default. Exactly one of ``text``, ``template_id`` and
    ``octets`` + ``port``.

    ``line`` is an id, ICCID, number or label; ``send_at_ms`` is UTC ms; ``valid_for_s`` counts from then.
    ``template_id`` + ``data`` stand in the place of ``text``; ``language`` chooses among a template's texts.
    """

    to: str
    text: str | None = None
    octets: bytes | None = None
    port: int | None = None
    encoding: EncodingChoice = "auto"
    max_parts: int | None = None
    line: str | None = None
    pool: str | None = None
    send_at_ms: int | None = None
    valid_for_s: int | None = None
    priority: int = 0
    purpose: Purpose = "transactional"
    reference: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    delivery_report: bool = True
    flash: bool = False
    on_doubt: OnDoubt | None = None
    template_id: str | None = None
    template_version: int | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    language: str | None = None
    override_opt_out: bool = False
    notify: Notify | None = None
    batch_id: str | None = None
    is_reply: bool = False
    """Our own answer to a STOP, START or HELP: it passes the suppression that it confirms."""

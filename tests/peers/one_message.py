"""Owns one plain message as the store gives it, for tests that change a member or two.

Source: none.
"""

from __future__ import annotations

from gateway.message import Message, MessageState
from tests.peers.store_world import START_MS

MESSAGE = Message(
    id="m", tenant="default", key_id="k", state=MessageState.QUEUED, to="+447700900123", text="hello", octets=None,
    port=None, encoding="auto", coding="gsm7", parts=1, parts_sent=0, parts_delivered=0, parts_in_doubt=0,
    route="pool:default", line=None, pool="default", sender=None, sandbox=False, priority=0,
    purpose="transactional", reference=None, batch_id=None, tags={}, delivery_report=True, flash=False,
    on_doubt="hold", warnings=(), held_reason=None, attempts=0, error=None, created_at_ms=START_MS,
    send_at_ms=None, due_at_ms=None, expires_at_ms=START_MS + 3_600_000, sent_at_ms=None, delivered_at_ms=None,
)  # fmt: skip

"""Owns the card *Get real*: the three ways to a line that sends, and when the card has done its work.

Knows no page; ``get_real.html`` is the part that pages include.
Source: the notes on what people see, *The first minutes*.
"""

from __future__ import annotations

from gateway.http.call import Call
from gateway.http.pairing_page import is_reachable


async def is_due(call: Call) -> bool:
    """Say whether no real line has sent yet, so that the ways to one are worth a card. Never in the sandbox."""
    if call.caller.sandbox or not call.caller.may("lines:read"):
        return False
    store, tenant = call.services.store, call.caller.tenant
    real = [line.id for line in await store.known_lines(tenant) if not line.emulated]
    return not await store.hardware_history.has_sent(tenant, real)


def can_pair(call: Call) -> bool:
    """Say whether *Add phone* leads straight to a code: other machines reach us, and the caller may make one."""
    return is_reachable(call.services.settings) and may_pair(call)


def may_pair(call: Call) -> bool:
    """Say whether the caller may make codes for phones."""
    caller = call.caller
    return caller.may("lines:manage") and not caller.sandbox and call.services.device_actions is not None

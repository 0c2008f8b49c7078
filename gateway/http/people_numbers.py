"""Owns how routes about people read a number: as admission does, with the pointer of their own field.

Knows no resource. A sandbox key keeps people with sandbox numbers only.
Source: rules NUM-1, NUM-2, KEY-7.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from gateway.errors import GatewayError, field_error
from gateway.http.call import Call

_AT_A_TIME = 50
"""Numbers judged before others have their turn: the library takes 0.1 to 0.2 ms for each."""


async def read_number(call: Call, written: str, *path: str | int) -> str:
    """Read a number that a person is kept under, as E.164.

    Raises:
        GatewayError: not a number that may be texted, or not one for this key; points at ``path``.
    """
    try:
        recipient = await call.services.admission.recipient(call.caller.tenant, written)
    except GatewayError as error:
        raise field_error(error.code, error.detail, *path) from None
    if call.caller.sandbox and not recipient.sandbox:
        raise no_real_people(*path)
    return recipient.e164


def no_real_people(*path: str | int) -> GatewayError:
    """A sandbox key asked about a real number."""
    return field_error(
        "sandbox_only",
        "A sandbox key keeps people with sandbox numbers (+999…) only. Use a live key for real ones.",
        *path,
    )


async def read_numbers(call: Call, written: Sequence[str]) -> AsyncIterator[tuple[int, str | GatewayError]]:
    """Read many numbers and let others have their turn: for each its index, and E.164 or why not."""
    for index, one in enumerate(written):
        if index % _AT_A_TIME == _AT_A_TIME - 1:
            await asyncio.sleep(0)
        try:
            yield index, await read_number(call, one, "numbers", index)
        except GatewayError as error:
            yield index, error


async def number_filter(call: Call, written: str | None) -> str | None:
    """Read a number that a list is filtered by; None stays None.

    Raises:
        GatewayError: not a number; points at ``number``.
    """
    if written is None:
        return None
    try:
        return (await call.services.admission.recipient(call.caller.tenant, written)).e164
    except GatewayError as error:
        raise field_error(error.code, error.detail, "number") from None

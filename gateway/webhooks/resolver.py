"""Owns name look-ups for webhooks, each in a thread of its own that nobody waits for.

Refuses to share a pool: a name server that is silent for a minute would hold up others, and the exit too.
Source: getaddrinfo(3) cannot be cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

Found = list[tuple[Any, ...]]


class SystemResolver(AbstractResolver):
    """The system's resolver off the event loop. How many look-ups run is bounded by who asks."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve a name.

        Raises:
            OSError: it does not resolve.
        """
        answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        threading.Thread(
            target=_look_up, args=(host, port, family, answer), name="webhook-resolver", daemon=True
        ).start()
        return [
            ResolveResult(
                hostname=host,
                host=str(where[0]),
                port=int(where[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _type, protocol, _name, where in await answer
        ]

    async def close(self) -> None:
        """Nothing is kept; threads that still wait end by themselves."""


def _look_up(host: str, port: int, family: int, answer: asyncio.Future[Found]) -> None:
    try:
        found: Found | OSError = list(
            socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        )
    except OSError as error:
        found = error
    except UnicodeError as error:  # a label that IDNA cannot write
        found = OSError(f"{error}")
    with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
        answer.get_loop().call_soon_threadsafe(_hand_over, answer, found)


def _hand_over(answer: asyncio.Future[Found], found: Found | OSError) -> None:
    if answer.done():
        return
    if isinstance(found, OSError):
        answer.set_exception(found)
    else:
        answer.set_result(found)

"""Owns what a room of the store is given: the two ways to run a unit of work.

Knows no table. A room (contacts, templates, batches, …) is a small class of verbs over these two; both databases run
the same units, so a room has no second implementation.
Source: design, *Store*.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from gateway.store.transaction import Tx

T = TypeVar("T")


class Units(Protocol):
    """Runs units of work; raises StoreUnavailable when nothing was committed."""

    def write(
        self, unit: Callable[[Tx], T], *, linger: bool = False, crowd: bool = False
    ) -> asyncio.Future[T]:
        """Run a unit in the writer's next transaction; it may run twice and changes nothing but the database."""
        ...

    async def read(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit that only reads, on one snapshot, beside the writer."""
        ...

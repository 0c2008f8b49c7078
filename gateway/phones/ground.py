"""Owns what the rooms of the phones' side stand on together: store, clock, configuration, data directory, a voice.

Knows none of the rooms.
Source: design, *Layout*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.config import Config
from gateway.datadir import DataDir
from gateway.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Ground:
    """What the phones' side stands on. ``tell`` shows one line to the person who started the gateway."""

    store: Store
    clock: Clock
    config: Config
    directory: DataDir
    tell: Callable[[str], None]

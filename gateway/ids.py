"""Owns identifiers: UUIDv7, so that ids sort by the time they were made (RFC 9562 §5.7).

Knows nothing of what is identified.
"""

from __future__ import annotations

import uuid_utils


def new_id() -> str:
    """Make a UUIDv7 in its 36-character form; ids of one process never go backwards."""
    return str(uuid_utils.uuid7())


def lowest_id(at_ms: int) -> str:
    """Give text that sorts before every id made at this time (UTC ms) or later, and after every earlier one."""
    stamp = f"{max(at_ms, 0):012x}"
    return f"{stamp[:8]}-{stamp[8:]}"

"""Owns the joining of received parts: which are there, which are missing, what the whole says.

Knows no store and no time: the caller keeps the parts of one set (line, sender, reference, total) and says
when to stop waiting. Bodies are joined before they are decoded, because careless senders cut a character in
two.
Source: 3GPP TS 23.040 §9.2.3.24.1; tests/vectors/deliver.toml
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from device_bridge.sms.tpdu import Deliver
from device_bridge.sms.user_data import decode_body

GAP = "…"
"""Stands for missing parts in the text of what has come so far."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A set as far as it has come.

    ``text`` is the whole text, None until it is complete and for data; ``octets`` the whole data, None
    until it is complete and for text. ``missing`` are part numbers. ``so_far`` is the text with ``…`` for
    each gap.
    """

    complete: bool
    text: str | None
    missing: tuple[int, ...]
    octets: bytes | None = None
    so_far: str = ""


def join(parts: Sequence[Deliver]) -> Joined:
    """Join the parts of one set, in any order of arrival, some of them twice (the first copy counts).

    A single DELIVER without concatenation is a set of one.

    Args:
        parts: At least one; all of the same reference and total, which are the caller's key.

    Raises:
        ValueError: no parts, or parts of different sets: a mistake of the caller, not of the network.

    Source: 3GPP TS 23.040 §9.2.3.24.1
    """
    if not parts:
        raise ValueError("there are no parts to join")
    sets = {_set_of(part) for part in parts}
    if len(sets) > 1:
        raise ValueError(f"parts of {len(sets)} different sets cannot be joined")
    by_number: dict[int, Deliver] = {}
    for part in parts:
        by_number.setdefault(part.concatenation.number if part.concatenation else 1, part)
    total = parts[0].concatenation.total if parts[0].concatenation else 1
    missing = tuple(number for number in range(1, total + 1) if number not in by_number)
    here = [by_number[number] for number in sorted(by_number)]
    if all(part.coding == "8bit" for part in here):
        octets = b"".join(part.ud for part in here)
        return Joined(not missing, None, missing, None if missing else octets)
    so_far = _so_far(by_number, total)
    return Joined(not missing, None if missing else so_far, missing, None, so_far)


def _set_of(part: Deliver) -> tuple[int, int] | None:
    which = part.concatenation
    return None if which is None else (which.reference, which.total)


def _so_far(by_number: dict[int, Deliver], total: int) -> str:
    shown: list[str] = []
    for key, numbers in groupby(range(1, total + 1), lambda number: _decoding_of(by_number.get(number))):
        run = [by_number[number] for number in numbers if number in by_number]
        if key is None:
            shown.append(GAP)
        else:
            shown.append(decode_body(run[0].coding, b"".join(part.ud for part in run), run[0].header) or "")
    return "".join(shown)


def _decoding_of(part: Deliver | None) -> tuple[str, int, int] | None:
    """What consecutive parts must share so that their bodies can be decoded in one go; None is a gap."""
    return None if part is None else (part.coding, part.header.locking, part.header.single_shift)

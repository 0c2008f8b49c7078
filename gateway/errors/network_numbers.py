"""Owns which numbers of the network and of modems stand behind a code: the words in ``network_code`` and their meaning.

Decides nothing: the tables of the device layer do, and this reads them backwards for a person.
Source: device_bridge.sms.outcome_tables (3GPP TS 24.011, 23.040, 27.005, 27.007), outcome_android.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from device_bridge.sms import outcome_tables as tables
from device_bridge.sms.outcome_android import ANDROID_RESULTS

_KINDS: Final[tuple[tuple[str, Mapping[int, tables.Row]], ...]] = (
    ("RP cause {}", tables.RP_CAUSES),
    ("TP-FCS 0x{:02X}", tables.TP_FCS),
    ("TP-ST 0x{:02X}", tables.TP_STATUS),
    ("+CMS ERROR {}", tables.CMS_ERRORS),
    ("+CME ERROR {}", tables.CME_ERRORS),
    ("Android result {}", ANDROID_RESULTS),
)


def numbers_of(code: str) -> tuple[tuple[str, str], ...]:
    """List what the network or a modem says when a message has this code, as (number, meaning).

    The number is written as ``network_code`` of a message has it; empty for codes that no number stands behind.
    """
    return _all().get(code, ())


@lru_cache(maxsize=1)
def _all() -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for written, table in _KINDS:
        for numbers, row in _runs(table):
            first, last = written.format(numbers[0]), written.format(numbers[-1])
            shown = first if len(numbers) == 1 else f"{first} … {last.rpartition(' ')[2]}"
            found.setdefault(row.code, []).append((shown, row.meaning))
    return {code: tuple(numbers) for code, numbers in found.items()}


def _runs(table: Mapping[int, tables.Row]) -> Iterator[tuple[list[int], tables.Row]]:
    """Give numbers that follow one another with one meaning as one: reserved ranges stand in the tables singly."""
    numbers: list[int] = []
    for number, row in table.items():
        if numbers and (number != numbers[-1] + 1 or row != table[numbers[-1]]):
            yield numbers, table[numbers[-1]]
            numbers = []
        if row.meaning:
            numbers.append(number)
    if numbers:
        yield numbers, table[numbers[-1]]

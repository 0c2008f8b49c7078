"""Owns how one key of the configuration is told to people: what is set, and who said so.

Knows no file and no page; the configuration writes these, the page of settings shows them.
Source: the notes on what people see, *Settings*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Origin = Literal["default", "file", "environment", "option"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One key in force. ``value``, ``default`` and ``example`` are written as in the file, None = unset.

    ``section`` is its head in the file (``[server]``), ``entry`` counts those of an array of tables from 0.
    ``said_by`` names file, variable or option. Of a ``secret`` one ``value`` says only that it is there.
    """

    section: str
    entry: int | None
    name: str
    value: str | None
    default: str | None
    example: str | None
    unit: str
    range: str
    why: str
    origin: Origin
    said_by: str
    variable: str
    secret: bool

    @property
    def head(self) -> str:
        """The line of the file below which the key stands."""
        return f"[{self.section}]" if self.entry is None else f"[[{self.section}]]"

    @property
    def line(self) -> str:
        """The line to change."""
        shown = self.example if self.value is None or self.secret else self.value
        return f"{self.name} = {shown or '…'}"

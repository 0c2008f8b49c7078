"""Owns the shape of one entry of the catalogue of problems: a code, what it means and what a person does.

Knows neither HTTP nor the store; both catalogues and the renderer read it.
Source: RFC 9457 (type, title, status); families are five numbers for small clients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Family = Literal[100, 200, 300, 400, 500]
"""100 invalid number or request · 200 delivered · 300 full or not now · 400 the server refuses · 500 SIM, device
or network."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One code. ``status`` is the HTTP status, or None for codes that only stand on messages and lines.

    ``title`` is the same for every case; ``meaning`` one sentence; ``causes`` in order of likelihood; ``hint`` is
    what a person does about it; ``did`` what the gateway has done or does meanwhile; ``evidence`` where it shows.
    """

    code: str
    family: Family
    status: int | None
    title: str
    meaning: str
    causes: tuple[str, ...]
    hint: str
    did: str
    evidence: str

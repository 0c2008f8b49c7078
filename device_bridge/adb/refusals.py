"""Owns turning what a phone answers when it refuses into one sentence that names the switch to flip.

Knows no command; the texts are data in `refusals.toml`, each with its source.
Source: platform source and field reports, as named in the rows.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from device_bridge.adb.wire import shown

_UNKNOWN: Final = "This text is not known to the gateway; it is what the phone says"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row. All pieces of ``contains`` are in the text; ``makers`` empty = any maker."""

    contains: tuple[str, ...]
    hint: str
    source: str
    makers: tuple[str, ...] = ()

    def fits(self, text: str, maker: str) -> bool:
        """Say whether this row speaks of that text from a phone of that maker."""
        lower = text.lower()
        of_maker = not self.makers or maker.strip().lower() in self.makers
        return of_maker and all(piece.lower() in lower for piece in self.contains)


@cache
def known_refusals() -> tuple[Refusal, ...]:
    """Read the table."""
    text = files("device_bridge.adb").joinpath("refusals.toml").read_text("utf-8")
    return tuple(
        Refusal(tuple(row["contains"]), row["hint"], row["source"], tuple(row.get("makers", ())))
        for row in tomllib.loads(text)["refusal"]
    )


def explain(text: str, maker: str = "") -> tuple[str, str]:
    """Give what to show of a refusal and what a person does about it.

    Args:
        text: All that the command said, as it came.
        maker: ro.product.manufacturer, in any spelling.

    Returns:
        The line that says it, escaped, and the hint. A text that is not in the table is quoted.
    """
    found = next((row for row in known_refusals() if row.fits(text, maker)), None)
    return shown(_telling_line(text)), found.hint if found else _UNKNOWN


def _telling_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = ("Failure [", "Exception:", "Error:", "SecurityException")
    return next(
        (line for line in lines if any(each in line for each in telling)), lines[0] if lines else "nothing"
    )

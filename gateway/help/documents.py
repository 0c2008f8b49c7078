"""Owns where the documents stand: inside the installed package, or in ``docs/`` of a source tree.

Knows no Markdown. A name comes out of an address, so only plain names are looked up.
Source: setup.py, which copies docs/ into the wheel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

CONTENTS: Final = "README"
"""The document that lists the others."""

_PACKAGE: Final = Path(__file__).resolve().parent
_CARRIED: Final = _PACKAGE / "carried"
_SOURCE_TREE: Final = _PACKAGE.parents[1] / "docs"

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}|README", re.ASCII)
_PICTURE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\.(png|svg)", re.ASCII)
_MEDIA_TYPES: Final = {"png": "image/png", "svg": "image/svg+xml"}
_PICTURES: Final = "screenshots"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the documents."""

    media_type: str
    octets: bytes


def folder() -> Path:
    """Say where the documents stand; what the package carries goes before a source tree beside it."""
    return _CARRIED if _CARRIED.is_dir() else _SOURCE_TREE


def text_of(name: str) -> str | None:
    """Read a document by its name without ``.md``; None when there is none."""
    if not _NAME.fullmatch(name):
        return None
    path = folder() / f"{name}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def names() -> tuple[str, ...]:
    """List the documents but the table of contents."""
    return tuple(sorted(path.stem for path in folder().glob("*.md") if path.stem != CONTENTS))


@lru_cache(maxsize=32)
def picture(name: str) -> Picture | None:
    """Read a picture of ``docs/screenshots`` by its file name; None when there is none."""
    found = _PICTURE.fullmatch(name)
    path = folder() / _PICTURES / name
    if found is None or not path.is_file():
        return None
    return Picture(_MEDIA_TYPES[found[1]], path.read_bytes())

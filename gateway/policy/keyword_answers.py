"""Owns what is said to those who send a keyword, and the line that tells a reader how to stop; in their language.

Knows no number, and not whether an answer is due.
Source: rules OPT-6, OPT-9; keyword_texts.toml.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from gateway.policy.keyword_table import Kind

_FALLBACK = "en"


def confirmation(kind: Kind, language: str, sender: str, contact: str | None = None) -> str:
    """Write the answer to a keyword.

    Args:
        kind: What was asked for.
        language: BCP 47 tag; English answers where we have no text.
        sender: Name of the organisation. Up to 20 characters of the language's alphabet leave the text in one part.
        contact: Number, address or page of the organisation; stands in the answer to help only.
    """
    who = f"{sender}, {contact}" if contact and kind == "help" else sender
    return f"{who}: {_texts(language)[kind]}"


def stop_hint(language: str) -> str:
    """Give the line that tells a reader how to stop, without a line break; English where we have no text."""
    return _texts(language)["hint"]


def languages() -> tuple[str, ...]:
    """List the languages in which we answer."""
    return tuple(_all_texts())


def _texts(language: str) -> dict[str, str]:
    texts = _all_texts()
    return texts.get(language.partition("-")[0].casefold(), texts[_FALLBACK])


@cache
def _all_texts() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("gateway.policy").joinpath("keyword_texts.toml").read_text("utf-8"))

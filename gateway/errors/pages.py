"""Owns the section of a code in the documents, and the bare frame of a page that needs nothing from elsewhere.

Knows the catalogue and nothing of the request that failed; ``/problems/{code}`` shows the same in a frame of its own.
Source: RFC 9457 §4 (the type URI leads to human-readable documentation).
"""

from __future__ import annotations

from html import escape

from gateway.errors import Entry
from gateway.errors.network_numbers import numbers_of

FAMILIES = {
    100: "invalid number or request",
    200: "delivered",
    300: "full, or not now",
    400: "the server refuses or failed",
    500: "SIM, phone, modem or network",
}


def markdown(entry: Entry) -> str:
    """Write one page as Markdown; the code is the anchor."""
    where = f"HTTP {entry.status}" if entry.status is not None else "on messages and lines"
    numbers = " · ".join(f"`{number}` {meaning}" for number, meaning in numbers_of(entry.code))
    lines = [
        f"## `{entry.code}`",
        "",
        f"**{_plain(entry.title)}** ({where}; family {entry.family}, {FAMILIES[entry.family]})",
        "",
        _plain(entry.meaning),
        "",
        "Usual causes, the likeliest first:",
        "",
        *(f"- {_plain(cause)}" for cause in entry.causes),
        "",
        f"What we did: {_plain(entry.did)}",
        "",
        f"What to do: {_plain(entry.hint)}",
        "",
        f"Where it shows: {_plain(entry.evidence)}",
        "",
        *([f"As the network or modem says it: {numbers}", ""] if numbers else []),
    ]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Keep words that would be marks of Markdown as they are."""
    for mark in ("*", "<"):
        text = text.replace(mark, f"\\{mark}")
    return text


def page(title: str, body: str) -> str:
    """Wrap an HTML fragment; ``title`` is text, ``body`` is markup that the caller has escaped."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title></head><body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )

"""Owns the page of a code, as Markdown for the documents and as HTML for ``/problems/{code}``.

Knows the catalogue and nothing of the request that failed.
Source: RFC 9457 §4 (the type URI leads to human-readable documentation).
"""

from __future__ import annotations

from html import escape

from gateway.errors import CATALOGUE, Entry

_FAMILIES = {
    100: "invalid number or request",
    200: "delivered",
    300: "full, or not now",
    400: "the server refuses or failed",
    500: "SIM, phone, modem or network",
}


def markdown(entry: Entry) -> str:
    """Write one page as Markdown; the code is the anchor."""
    where = f"HTTP {entry.status}" if entry.status is not None else "on messages and lines"
    lines = [
        f"## `{entry.code}`",
        "",
        f"**{entry.title}** ({where}; family {entry.family}, {_FAMILIES[entry.family]})",
        "",
        entry.meaning,
        "",
        "Usual causes, the likeliest first:",
        "",
        *(f"- {cause}" for cause in entry.causes),
        "",
        f"What to do: {entry.hint}",
        "",
    ]
    return "\n".join(lines)


def html(entry: Entry) -> str:
    """Write one page as HTML without script, style or anything from elsewhere."""
    where = f"HTTP {entry.status}" if entry.status is not None else "On messages and lines"
    causes = "".join(f"<li>{escape(cause)}</li>" for cause in entry.causes)
    return page(
        entry.title,
        f"<p><code>{entry.code}</code> · {where} · family {entry.family} ({_FAMILIES[entry.family]})</p>"
        f"<h2>Meaning</h2><p>{escape(entry.meaning)}</p>"
        f"<h2>Usual causes</h2><ol>{causes}</ol>"
        f"<h2>What to do</h2><p>{escape(entry.hint)}</p>"
        '<p><a href="/problems">All codes</a></p>',
    )


def html_index() -> str:
    """List all codes with their titles."""
    rows = "".join(
        f'<tr><td><a href="/problems/{e.code}"><code>{e.code}</code></a></td><td>{escape(e.title)}</td>'
        f"<td>{e.status or ''}</td><td>{e.family}</td></tr>"
        for e in CATALOGUE.values()
    )
    return page(
        "Problem codes",
        f"<table><thead><tr><th>Code</th><th>Title</th><th>HTTP</th><th>Family</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>",
    )


def page(title: str, body: str) -> str:
    """Wrap an HTML fragment; ``title`` is text, ``body`` is markup that the caller has escaped."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title></head><body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )

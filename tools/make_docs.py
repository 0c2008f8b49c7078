"""Owns which documents are made from the code; ``python -m tools.make_docs`` writes them, a test compares them.

Knows no content.
Source: one function per document.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tools import cli_docs, config_docs, events_docs, http_docs, states_docs, states_drawing

ROOT = Path(__file__).resolve().parent.parent

_STATES = ("<!-- states: made by make docs -->\n", "<!-- /states -->")


def gateway_readme() -> str:
    """Put the diagram of states between its marks; the rest is written by hand."""
    text = (ROOT / "gateway/README.md").read_text()
    before, _, rest = text.partition(_STATES[0])
    _old, _, after = rest.partition(_STATES[1])
    return f"{before}{_STATES[0]}{states_docs.diagram()}\n{_STATES[1]}{after}"


DOCUMENTS: dict[str, Callable[[], str]] = {
    "config.example.toml": config_docs.example_toml,
    "docs/cli.md": cli_docs.cli_md,
    "docs/config.md": config_docs.config_md,
    "docs/errors.md": http_docs.errors_md,
    "docs/events.md": events_docs.events_md,
    "docs/http.md": http_docs.http_md,
    "docs/screenshots/states.svg": states_drawing.states_svg,
    "docs/states.md": states_docs.states_md,
    "gateway/README.md": gateway_readme,
}


def main() -> int:
    """Write every document that differs; returns 0."""
    for name, make in DOCUMENTS.items():
        path, text = ROOT / name, make()
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            sys.stdout.write(f"wrote {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Owns ``gateway login``: a link that opens the dashboard once.

Knows the HTTP interface as any program does.
Source: rules USR-1; POST /api/v1/sign-in-links.
"""

from __future__ import annotations

import argparse

from gateway.cli.client import connect
from gateway.cli.output import note, screen


def login(arguments: argparse.Namespace) -> int:
    """Print a link alone on standard output; whoever opens it first is signed in."""
    made = connect(arguments).post("/api/v1/sign-in-links", {})
    out = screen(arguments)
    if out.as_json:
        out.document(made)
        return 0
    print(made["url"])
    note("Open it in a browser within 15 minutes; it works once.")
    return 0

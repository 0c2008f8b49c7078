"""Owns ``gateway --version``.

Knows the installed distribution's metadata and nothing else.
Source: PEP 566 metadata of the package.
"""

from __future__ import annotations

import argparse
from importlib.metadata import version as installed


def version(_arguments: argparse.Namespace) -> int:
    """Print name and version."""
    print(f"gateway {installed('sms-line-gateway')}")
    return 0

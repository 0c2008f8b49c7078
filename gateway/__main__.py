"""Owns ``python -m gateway``: the same as the console script.

Knows nothing but the command line's entry.
Source: the interface page of the project.
"""

from __future__ import annotations

import sys

from gateway.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""Sets hypothesis up for shared machines: examples have no deadline of their own, pytest-timeout has."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")

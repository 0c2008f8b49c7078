"""Owns how often the chain kills, and with which seed: CRASH_RUNS and CRASH_SEED of the environment."""

from __future__ import annotations

import os
import secrets

import pytest

CRASH_RUNS = 200
"""Kills in CI: under four minutes on two cores. ``make crash`` runs 1000."""


@pytest.fixture
def crash_runs() -> int:
    return int(os.environ.get("CRASH_RUNS", str(CRASH_RUNS)))


@pytest.fixture
def crash_seed() -> int:
    """Printed by the test: the same seed kills at the same points of the plan."""
    return int(os.environ.get("CRASH_SEED", "0")) or secrets.randbelow(10**9)

"""Proves that the fuzz target runs, keeps its rule for a second and can be repeated by its seed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TARGET = Path(__file__).parents[2] / "fuzz" / "fuzz_codec.py"


def test_a_second_of_rubbish_breaks_nothing() -> None:
    ran = subprocess.run(
        [sys.executable, str(TARGET), "--seconds", "1", "--seed", "7"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip().endswith("0 broken")

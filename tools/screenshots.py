"""Makes the pictures of the documents: lets the browser tests take them, and keeps those that documents show.

Run by ``make screenshots``; needs Chromium. The terminal's picture is what ``gateway serve`` prints, its secrets left
out.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "screenshots"
NAMES = (
    "overview",
    "overview-phone",
    "send-box",
    "timeline",
    "batch",
    "pairing",
    "doctor-before",
    "doctor-after",
)
TESTS = ("browser_first_minute", "counter", "truth", "csv_batch", "browser_pairing", "browser_doctor")
SECRET = re.compile(r"gw[ls]_\w+|(?<=#)[\w-]{43}")
WAIT_S = 20


def main() -> int:
    """Take them all; the status is that of the tests."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tests = [f"tests/browser/test_{name}.py" for name in TESTS]
        command = [sys.executable, "-m", "pytest", "-q", *tests]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "SHOTS": folder}, check=False)
        for name in NAMES:
            for colour in ("light", "dark"):
                taken = Path(folder) / f"{name}-{colour}.png"
                if taken.exists():
                    (KEPT / taken.name).write_bytes(taken.read_bytes())
        (KEPT / "terminal.svg").write_text(_terminal(Path(folder)))
    return done.returncode


def _terminal(folder: Path) -> str:
    """Draw the first start of a server."""
    command = [sys.executable, "-m", "gateway", "serve", "--data-dir", str(folder / "data")]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        said = []
        for line in process.stdout or ():
            said.append(line.rstrip().replace(f" --data-dir {folder / 'data'}", ""))
            if "Stop: Ctrl-C" in line:
                break
        process.terminate()
        process.wait(WAIT_S)
    console = Console(record=True, width=118, file=io.StringIO())
    console.print(Text("$ make run", style="bold"))
    for line in said:
        shown = SECRET.sub(lambda m: m[0][:4] + "…", line).replace("python -m gateway", ".venv/bin/gateway")
        console.print(Text(shown))
    drawn = console.export_svg(title="gateway", unique_id="terminal")
    # Fonts of somebody else's server: the reader's own serve as well.
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(main())

"""Owns `make bench`: every measurement one after the other, and one table at the end.

Source: about 16 minutes; with --quick about 5.
"""

from __future__ import annotations

import os
import platform
import sys
import time

from bench import (
    attach,
    batches,
    browser,
    dashboards,
    growth,
    idle,
    line,
    lines16,
    metrics,
    pages,
    phones,
    post,
    rules,
    start,
    streams,
    upload,
)
from bench.figures import Figure, arguments, effort_of, keep, show

MEASUREMENTS = (
    line,
    lines16,
    post,
    streams,
    growth,
    idle,
    start,
    phones,
    attach,
    batches,
    upload,
    rules,
    metrics,
    pages,
    browser,
    dashboards,
)


def main() -> int:
    given = arguments("Measure everything").parse_args()
    effort = effort_of(given)
    began_s = time.monotonic()
    print(
        f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}", flush=True
    )
    figures: list[Figure] = []
    for measurement in MEASUREMENTS:
        print(f"{measurement.TITLE} …  (load {os.getloadavg()[0]:.1f})", flush=True)
        found = measurement.measure(effort)
        show(measurement.TITLE, found)
        figures += found
    missed = [figure.name.strip() for figure in figures if figure.met is False]
    print(
        f"{(time.monotonic() - began_s) / 60:.1f} minutes; {len(missed)} missed: {', '.join(missed) or 'none'}"
    )
    if given.results:
        print(keep(figures))
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())

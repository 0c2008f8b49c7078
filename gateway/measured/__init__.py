"""Owns the figures of the running process and how Prometheus reads them; knows no HTTP and no SQL."""

from gateway.measured.families import Scrape, families_of
from gateway.measured.figures import Figures
from gateway.measured.lag import watch_lag
from gateway.measured.writing import write

__all__ = ["Figures", "Scrape", "families_of", "watch_lag", "write"]

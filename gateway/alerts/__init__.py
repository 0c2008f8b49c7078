"""Owns alerts at work: the look at how things stand, and the letters that tell people.

Knows no SQL and no configuration file; what is worth an alert stands in :mod:`gateway.policy.alerts`.
Source: the interface page of the project ([alerts]).
"""

from __future__ import annotations

from gateway.alerts.carrier import LetterCarrier, LetterWays
from gateway.alerts.watch import Alerts, AlertSettings

__all__ = ["AlertSettings", "Alerts", "LetterCarrier", "LetterWays"]

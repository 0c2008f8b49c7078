"""Finds every known cause of trouble of this installation, says what a person must do, repairs what can be repaired.

Knows no terminal and no HTTP. One list for all who show findings: the API, the dashboard, the command line.
Source: the catalogue of problems for codes and hints of lines and devices; docs/doctor.md.
"""

from __future__ import annotations

from gateway.doctor.adb import AdbSettings, examine_adb
from gateway.doctor.configured import examine_configuration
from gateway.doctor.files import examine_files
from gateway.doctor.finding import Finding, Listed, Severity, worst_first
from gateway.doctor.host import Host, examine_host
from gateway.doctor.phones import examine_phones
from gateway.doctor.ports import examine_ports
from gateway.doctor.premises import Premises, examine_premises, examine_sticks, find_unusable_sticks

__all__ = [
    "AdbSettings",
    "Finding",
    "Host",
    "Listed",
    "Premises",
    "Severity",
    "examine_adb",
    "examine_configuration",
    "examine_files",
    "examine_host",
    "examine_phones",
    "examine_ports",
    "examine_premises",
    "examine_sticks",
    "find_unusable_sticks",
    "worst_first",
]

"""Finds every known cause of trouble of this installation and says what a person must do.

Knows no terminal and no socket: what the running server says comes in as its JSON. Opens no port and changes
nothing but file modes, and those only when asked.
Source: the catalogue of problems for codes and hints; one list for all who show findings.
"""

from __future__ import annotations

from gateway.doctor.files import examine_files
from gateway.doctor.finding import Finding, Severity, worst_first
from gateway.doctor.host import Host, examine_host
from gateway.doctor.phones import AdbSettings, about_phone, examine_adb, examine_phones, findings_of_steps
from gateway.doctor.ports import examine_ports
from gateway.doctor.served import Served, examine_served

__all__ = [
    "AdbSettings",
    "Finding",
    "Host",
    "Served",
    "Severity",
    "about_phone",
    "examine_adb",
    "examine_files",
    "examine_host",
    "examine_phones",
    "examine_ports",
    "examine_served",
    "findings_of_steps",
    "worst_first",
]

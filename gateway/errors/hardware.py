"""Owns the codes of requests that fail at a line, a device, or the way to one.

Data only.
Source: RFC 9457; RFC 9110 for the choice of status.
"""

from __future__ import annotations

from gateway.errors.entry import Entry

# A table: one field a line would hide which entries are alike.
# fmt: off

HARDWARE = (
    Entry(
        "no_line_available", 500, 503, "No line can carry this message",
        "No line that could carry it has ever been seen here, so it was not accepted.",
        ("No phone or modem is attached.", "The modem is not recognised.", "The pool named has no line."),
        "Attach a phone or modem (gateway doctor shows why one is missing), or send to a sandbox number"
        " (+999…).",
        "It was not accepted, so that it does not wait for something that may never come.",
        "gateway lines shows every line ever seen; gateway doctor what is plugged in and is none.",
    ),
    Entry(
        "device_error", 500, 502, "The device refused or failed",
        "The modem or phone answered with an error, or is not there.",
        ("The device is unplugged.", "The network refused the request."),
        "GET /api/v1/lines shows the state of the line and its reason.",
        "The request was given up.",
        "reason of GET /api/v1/lines, and evidence in a message's timeline, hold the device's own words.",
    ),
    Entry(
        "device_timeout", 500, 504, "The device did not answer in time",
        "The modem, phone or network was silent.",
        ("Bad signal.", "A modem that hangs."),
        "Try again; if it stays silent, unplug it for 10 s.",
        "The request was given up; the line goes on by itself when the device answers.",
        "gateway lines self-test LINE shows which step stays silent.",
    ),
    Entry(
        "link_unavailable", 500, 503, "Phones on the LAN cannot reach this gateway",
        "The listener for phones ([link]) could not be opened, so no code was made.",
        (
            "Another program uses the port link.port.",
            "link.host is no address of this machine, or only of loopback.",
            "The certificate of the listener cannot be written or read.",
        ),
        "Choose another link.port or link.host; a phone on a cable works without it.",
        "No code was made; phones on cables are not touched.",
        "The log has a line link.unavailable with the system's reason.",
    ),
    Entry(
        "adb_missing", 500, 503, "There is no adb server to reach phones by",
        "Phones on USB are reached through adb, and no adb server answers here.",
        ("adb is not installed.", "adb.enabled is false.", "adb.server names another machine or port."),
        "Install adb (Debian, Ubuntu: sudo apt install adb; Fedora: sudo dnf install android-tools), then plug the"
        " phone in again.",
        "We start adb's server ourselves when a phone is plugged in, and found none to start.",
        "gateway doctor has a line about adb; the log has adb.missing.",
    ),
)

# fmt: on

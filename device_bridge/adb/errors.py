"""Owns how talking to a phone through an adb server fails, each failure with the fix that a person can apply.

Knows no socket and no command; the neighbours raise these.
Source: the FAIL texts of adb's server (packages/modules/adb, transport.cpp) in versions 29 and 36.
"""

from __future__ import annotations

from device_bridge.errors import DeviceBridgeError


class AdbError(DeviceBridgeError):
    """Something between us and the phone's shell went wrong; nothing was put on air.

    Attributes:
        code: Stable word for the cause.
        hint: What a person does about it; empty where only time helps.
    """

    code = "adb_failed"

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class NoServer(AdbError):
    """No adb server answers at the address, or it ended in the middle."""

    code = "adb_no_server"


class Unauthorised(AdbError):
    """The phone has not accepted this computer's key yet."""

    code = "adb_unauthorised"


class Offline(AdbError):
    """The phone is not there now, or went away in the middle."""

    code = "adb_offline"


class Wedged(AdbError):
    """No answer within the deadline, though adb calls the phone a device."""

    code = "adb_wedged"


class Refused(AdbError):
    """The server, the phone's adb or our own rules said no; ``reason`` is the text as it came, escaped."""

    code = "adb_refused"


_ALLOW = "Unlock the phone and tap Allow in the question about USB debugging; tick the box to always allow"
_CABLE = "Check the cable; if it stays so, switch USB debugging off and on in the phone's Developer options"


def of_fail_text(text: str) -> AdbError:
    """Give the error that a FAIL text of the server means.

    Args:
        text: As it came, already escaped.
    """
    lower = text.lower()
    if "unauthorized" in lower or "authorizing" in lower:
        return Unauthorised(text, _ALLOW)
    if "offline" in lower or "still connecting" in lower:
        return Offline(text, _CABLE)
    # An empty reason and "closed" are what the server says when the stream ended before the phone answered.
    if ("device" in lower and "not found" in lower) or "no devices" in lower or lower in {"", "closed"}:
        return Offline(text or "the phone closed the stream", _CABLE)
    if "more than one" in lower:
        return Refused(text, "Two phones give the same serial number: attach one of them to another computer")
    return Refused(text)

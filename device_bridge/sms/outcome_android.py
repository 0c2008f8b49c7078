"""Owns the result codes of Android's SmsManager: what the sent intent of one part means.

Pure data; ``outcome`` turns a row into an answer. The extra "errorCode" of a rejection is a 27.005 number.
Source: Android SDK, SmsManager RESULT_* constants (1..33 telephony, 100..137 radio interface layer)
"""

from __future__ import annotations

from device_bridge.sms.outcome_tables import Row

_ONCE_S = (30,)
_BUSY_S = (10, 30, 120)
_SLOW_S = (60, 300, 900, 3600)


def _line(code: str, meaning: str) -> Row:
    return Row(code, "L", meaning, reroute=True)


def _once(meaning: str) -> Row:
    return Row("unknown_cause", "T", meaning, _ONCE_S, reroute=True, max_tries=2)


def _later(meaning: str) -> Row:
    return Row("device_not_ready", "T", meaning, _BUSY_S, reroute=True)


def _rejected(meaning: str) -> Row:
    return Row("rejected_by_network", "T", meaning, _ONCE_S, reroute=True, max_tries=2)


def _bug(meaning: str) -> Row:
    return Row("device_error", "P", meaning)


RESULT_OK = -1

WITH_NETWORK_CAUSE = frozenset({1, 10, 17, 30, 101, 102, 112, 124})
"""Results whose "errorCode" says more than they do."""

ANDROID_RESULTS: dict[int, Row] = {
    RESULT_OK: Row("sent", "D", "the network took it"),
    0: Row("sent", "D", "no error"),
    1: _once("generic failure"),
    2: _line("not_registered", "radio off (airplane mode)"),
    3: _bug("no PDU"),
    4: _line("not_registered", "no service"),
    5: _line("phone_cap", "Android's sending limit reached"),
    6: Row("barred", "P", "number is not among the SIM's fixed dialling numbers", reroute=True),
    7: Row("phone_permission", "P", "short code not allowed on this phone", reroute=True),
    8: Row("phone_permission", "P", "short code never allowed on this phone", reroute=True),
    9: _later("radio not available"),
    10: _rejected("rejected by the network"),
    11: _bug("invalid arguments"),
    12: _later("invalid state"),
    13: _line("device_not_ready", "phone has no memory left"),
    14: _bug("invalid SMS format"),
    15: _once("system error"),
    16: _once("modem error"),
    17: Row("rejected_by_network", "T", "network error", _ONCE_S, reroute=True, max_tries=2),
    18: _bug("encoding error"),
    19: _line("smsc_wrong", "invalid SMSC address"),
    20: _line("phone_permission", "operation not allowed"),
    21: _once("internal error"),
    22: _later("no resources"),
    23: _once("cancelled"),
    24: _line("device_error", "request not supported by this phone"),
    25: _line("device_not_ready", "no Bluetooth service"),
    26: _line("device_not_ready", "invalid Bluetooth address"),
    27: _line("device_not_ready", "Bluetooth disconnected"),
    # Telephony stopped in the middle: the part may have left.
    28: Row("in_doubt", "U", "unexpected event, sending stopped"),
    29: _later("blocked during an emergency call"),
    30: _once("retries of the radio failed"),
    31: Row("in_doubt", "U", "telephony process died"),
    32: _line("phone_permission", "no default SMS app"),
    33: _line("phone_permission", "this user of the phone may not send"),
    100: _later("radio not available"),
    101: _once("sending failed, radio asks for another try"),
    102: _rejected("rejected by the network"),
    103: _later("invalid state of the radio"),
    104: _bug("invalid arguments"),
    105: _line("device_not_ready", "radio has no memory left"),
    106: Row("phone_cap", "T", "radio limits the rate", _SLOW_S, reroute=True),
    107: _bug("invalid SMS format"),
    108: _once("system error of the radio"),
    109: _bug("encoding error"),
    110: _line("smsc_wrong", "invalid SMSC address"),
    111: _once("modem error"),
    112: Row("rejected_by_network", "T", "network error", _ONCE_S, reroute=True, max_tries=2),
    113: _once("internal error of the radio"),
    114: _line("device_error", "request not supported by this radio"),
    115: _later("invalid state of the modem"),
    116: _line("not_registered", "network not ready"),
    117: _line("barred", "operation not allowed"),
    118: _later("radio has no resources"),
    119: _once("cancelled"),
    120: _line("sim_missing", "SIM absent"),
    121: _later("no SMS during a call"),
    122: _line("barred", "access barred"),
    123: _later("blocked by a call"),
    124: _once("generic error of the radio"),
    125: Row("in_doubt", "U", "answer of the radio not understood"),
    126: _line("sim_pin_required", "SIM PIN2 required"),
    127: _line("sim_puk_required", "SIM PUK2 required"),
    128: _line("sim_missing", "subscription not available"),
    129: _line("sim_missing", "SIM error"),
    130: _line("sim_missing", "invalid SIM state"),
    131: _bug("no SMS to acknowledge"),
    132: Row("device_not_ready", "T", "SIM busy", (2,), max_tries=11),
    133: _line("device_not_ready", "SIM full"),
    134: _line("sim_missing", "no subscription"),
    135: _line("not_registered", "no network found"),
    136: _later("device in use"),
    137: Row("in_doubt", "U", "aborted"),
}
ANDROID_UNKNOWN = Row("unknown_cause", "U", "not among the results of SmsManager")

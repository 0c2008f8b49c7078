"""Owns the tables of codes: each number of a standard or vendor → what it means and what to do about it.

Pure data; ``outcome`` turns a row into an answer. A row is (catalogue code, class, meaning, then what
differs from the plain case). Waits are seconds before tries 2, 3, …; the last one repeats.
Source: 3GPP TS 24.011 Annex E-2, 23.040 §9.2.3.15 and §9.2.3.22, 27.005 §3.2.5, 27.007 §9.2
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One meaning. ``kind``: P permanent, T temporary, L line at fault, U maybe on air, D done.

    ``max_tries`` None: as many as the message may have. ``reroute``: another line may do better.
    """

    code: str
    kind: str
    meaning: str
    backoff_s: tuple[int, ...] = ()
    reroute: bool = False
    max_tries: int | None = None


_FAST_S = (5, 30, 120)
_SLOW_S = (60, 300, 900, 3600)
_DOUBLING_S = (30, 60, 120, 240, 480, 960, 1800)
_ABSENT_S = (300, 600, 1200, 2400, 3600)
_ONCE_S = (30,)
_SIM_BUSY_S = (2,)
_SIM_BUSY_TRIES = 11


def _protocol(meaning: str) -> Row:
    return Row("rejected_by_network", "T", meaning, _ONCE_S, reroute=True, max_tries=2)


def _refused(meaning: str, *, reroute: bool = False) -> Row:
    return Row("rejected_by_network", "P", meaning, reroute=reroute)


def _busy(meaning: str) -> Row:
    return Row("device_not_ready", "T", meaning, _SIM_BUSY_S, max_tries=_SIM_BUSY_TRIES)


def _not_ready(meaning: str) -> Row:
    return Row("device_not_ready", "L", meaning, reroute=True)


def _line(code: str, meaning: str) -> Row:
    return Row(code, "L", meaning, reroute=True)


def _bug(meaning: str) -> Row:
    return Row("device_error", "P", meaning)


RP_CAUSES: dict[int, Row] = {
    1: Row("number_unassigned", "P", "unassigned number"),
    8: _line("barred", "operator determined barring"),
    10: _line("no_credit", "call barred"),
    11: _refused("reserved"),
    21: _refused("short message transfer rejected", reroute=True),
    22: _not_ready("memory capacity exceeded"),
    27: Row("absent_subscriber", "T", "destination out of order", _ABSENT_S),
    28: Row("smsc_wrong", "P", "unidentified subscriber", reroute=True),
    29: _refused("facility rejected", reroute=True),
    30: _refused("unknown subscriber", reroute=True),
    38: Row("rejected_by_network", "T", "network out of order", _SLOW_S, reroute=True),
    41: Row("rejected_by_network", "T", "temporary failure", _FAST_S),
    42: Row("rejected_by_network", "T", "congestion", _DOUBLING_S),
    47: Row("rejected_by_network", "T", "resources unavailable, unspecified", _DOUBLING_S),
    50: _line("barred", "requested facility not subscribed"),
    69: _line("barred", "requested facility not implemented"),
    81: _protocol("invalid short message transfer reference value"),
    95: _refused("semantically incorrect message"),
    96: _refused("invalid mandatory information"),
    97: _protocol("message type non-existent or not implemented"),
    98: _protocol("message not compatible with short message protocol state"),
    99: _protocol("information element non-existent or not implemented"),
    111: _protocol("protocol error, unspecified"),
    127: _protocol("interworking, unspecified"),
}
# 24.011 §8.2.5.4: any other value is treated as 41. An RP-ERROR is certainly no delivery.
RP_UNKNOWN = Row("unknown_cause", "T", "not in the standard; treated as temporary failure", _FAST_S)

TP_FCS: dict[int, Row] = {
    0x80: _refused("telematic interworking not supported"),
    0x81: _refused("short message type 0 not supported"),
    0x82: _refused("cannot replace short message"),
    0x8F: _refused("unspecified TP-PID error"),
    0x90: _refused("data coding scheme (alphabet) not supported"),
    0x91: _refused("message class not supported"),
    0x9F: _refused("unspecified TP-DCS error"),
    0xA0: _refused("command cannot be actioned"),
    0xA1: _refused("command unsupported"),
    0xAF: _refused("unspecified TP-Command error"),
    0xB0: _refused("TPDU not supported"),
    0xC0: Row("rejected_by_network", "T", "SC busy", _DOUBLING_S),
    0xC1: _line("barred", "no SC subscription"),
    0xC2: Row("rejected_by_network", "T", "SC system failure", (60, 300, 900)),
    0xC3: Row("number_unassigned", "P", "invalid SME address"),
    0xC4: _refused("destination SME barred"),
    0xC5: Row("sent", "D", "duplicate rejected: the SC has this text already"),
    0xC6: _refused("TP-VPF not supported"),
    0xC7: _refused("TP-VP not supported"),
    0xD0: _not_ready("SIM SMS storage full"),
    0xD1: _not_ready("no SMS storage capability in SIM"),
    0xD2: _not_ready("error in MS"),
    0xD3: _not_ready("memory capacity exceeded"),
    0xD4: _not_ready("SIM application toolkit busy"),
    0xD5: _not_ready("SIM data download error"),
    **{fcs: _protocol("application specific") for fcs in range(0xE0, 0xFF)},
    0xFF: _protocol("unspecified error cause"),
}
TP_FCS_UNKNOWN = Row("unknown_cause", "T", "reserved", _ONCE_S, reroute=True, max_tries=2)

CMS_ERRORS: dict[int, Row] = {
    300: _not_ready("ME failure"),
    301: _line("port_busy", "SMS service of ME reserved"),
    302: _not_ready("operation not allowed"),
    303: _not_ready("operation not supported"),
    304: _bug("invalid PDU mode parameter"),
    305: _bug("invalid text mode parameter"),
    310: _line("sim_missing", "SIM not inserted"),
    311: _line("sim_pin_required", "SIM PIN required"),
    312: _line("sim_pin_required", "PH-SIM PIN required"),
    313: _line("sim_missing", "SIM failure"),
    314: _busy("SIM busy"),
    315: _line("sim_missing", "SIM wrong"),
    316: _line("sim_puk_required", "SIM PUK required"),
    317: _line("sim_pin_required", "SIM PIN2 required"),
    318: _line("sim_puk_required", "SIM PUK2 required"),
    320: _not_ready("memory failure"),
    321: _not_ready("invalid memory index"),
    322: _not_ready("memory full"),
    330: _line("smsc_wrong", "SMSC address unknown"),
    331: _line("not_registered", "no network service"),
    332: Row("in_doubt", "U", "network timeout"),
    340: Row("device_error", "T", "no +CNMA acknowledgement expected", _ONCE_S, max_tries=2),
    500: Row("unknown_cause", "T", "unknown error", _ONCE_S, reroute=True, max_tries=2),
}
# A number without a meaning may be the maker's word for a timeout: nobody can say that it is not on air.
CMS_UNKNOWN = Row("unknown_cause", "U", "not in the standard, nor known of this maker")

_WAVECOM = {
    512: Row("rejected_by_network", "T", "MM establishment failure", _FAST_S),
    513: Row("in_doubt", "U", "lower layer failure"),
    514: Row("rejected_by_network", "T", "CP error or congestion", _DOUBLING_S),
    515: Row("device_not_ready", "T", "service not available yet, start-up under way", (5,)),
}
_SIMCOM = {
    512: Row("device_error", "T", "aborted by the user", _FAST_S, max_tries=2),
    513: _not_ready("unable to store"),
    514: _not_ready("invalid state"),
    515: _bug("device busy or invalid character in the address"),
    516: _bug("invalid length"),
    517: _bug("invalid character in the PDU"),
    518: _bug("invalid parameter"),
    519: _bug("invalid length or character"),
    520: _bug("invalid character in the text"),
    521: Row("in_doubt", "U", "timer expired"),
    522: Row("device_not_ready", "T", "operation temporarily not allowed", _FAST_S),
    532: _not_ready("SIM not ready"),
    534: _not_ready("cell broadcast error"),
    535: Row("device_not_ready", "T", "protocol stack busy", _FAST_S),
    538: _bug("invalid parameter"),
}
CMS_BY_VENDOR: tuple[tuple[str, dict[int, Row]], ...] = (
    ("simcom", _SIMCOM),
    ("mediatek", _SIMCOM),
    ("mtk", _SIMCOM),
    ("wavecom", _WAVECOM),
    ("siemens", _WAVECOM),
    ("cinterion", _WAVECOM),
)
"""Part of what +CGMI says, lower case → meanings from 512 up."""

CME_ERRORS: dict[int, Row] = {
    0: _not_ready("phone failure"),
    1: _not_ready("no connection to phone"),
    2: _line("port_busy", "phone-adaptor link reserved"),
    3: _not_ready("operation not allowed"),
    4: _not_ready("operation not supported"),
    5: _line("sim_pin_required", "PH-SIM PIN required"),
    6: _line("sim_pin_required", "PH-FSIM PIN required"),
    7: _line("sim_puk_required", "PH-FSIM PUK required"),
    10: _line("sim_missing", "SIM not inserted"),
    11: _line("sim_pin_required", "SIM PIN required"),
    12: _line("sim_puk_required", "SIM PUK required"),
    13: _line("sim_missing", "SIM failure"),
    14: _busy("SIM busy"),
    15: _line("sim_missing", "SIM wrong"),
    16: _line("sim_pin_required", "incorrect password"),
    17: _line("sim_pin_required", "SIM PIN2 required"),
    18: _line("sim_puk_required", "SIM PUK2 required"),
    20: _not_ready("memory full"),
    21: _not_ready("invalid index"),
    22: _not_ready("not found"),
    23: _not_ready("memory failure"),
    24: _bug("text string too long"),
    25: _bug("invalid characters in text string"),
    26: _bug("dial string too long"),
    27: _bug("invalid characters in dial string"),
    30: _line("not_registered", "no network service"),
    # As an answer to a PDU this is 332 by another name.
    31: Row("in_doubt", "U", "network timeout"),
    32: _line("not_registered", "network not allowed, emergency calls only"),
    **{lock: _line("sim_pin_required", "personalisation PIN required") for lock in (40, 42, 44, 46)},
    **{lock: _line("sim_puk_required", "personalisation PUK required") for lock in (41, 43, 45, 47)},
    100: Row("unknown_cause", "U", "unknown"),
    103: _line("not_registered", "illegal MS"),
    106: _line("not_registered", "illegal ME"),
    111: _line("not_registered", "PLMN not allowed"),
    112: _line("not_registered", "location area not allowed"),
    113: _line("not_registered", "roaming not allowed in this location area"),
    515: Row("device_not_ready", "T", "busy", _FAST_S),
}
CME_UNKNOWN = Row("unknown_cause", "U", "not in the table of 27.007")

_TRYING = "undelivered"
TP_STATUS: dict[int, Row] = {
    0x00: Row("delivered", "D", "received by the SME"),
    0x01: Row("delivered", "D", "forwarded to the SME, not confirmed"),
    0x02: Row("delivered", "D", "replaced by the SC"),
    0x20: Row(_TRYING, "T", "congestion"),
    0x21: Row("absent_subscriber", "T", "SME busy"),
    0x22: Row("absent_subscriber", "T", "no response from SME"),
    0x23: Row(_TRYING, "T", "service rejected"),
    0x24: Row(_TRYING, "T", "quality of service not available"),
    0x25: Row(_TRYING, "T", "error in SME"),
    0x40: Row("undelivered", "P", "remote procedure error"),
    0x41: Row("undelivered", "P", "incompatible destination"),
    0x42: Row("undelivered", "P", "connection rejected by SME"),
    0x43: Row("undelivered", "P", "not obtainable"),
    0x44: Row("undelivered", "P", "quality of service not available"),
    0x45: Row("undelivered", "P", "no interworking available"),
    0x46: Row("absent_subscriber", "P", "validity period expired"),
    0x47: Row("undelivered", "P", "deleted by originating SME"),
    0x48: Row("undelivered", "P", "deleted by SC administration"),
    0x49: Row("undelivered", "P", "short message does not exist"),
    0x60: Row("undelivered", "P", "congestion, the SC gave up"),
    0x61: Row("absent_subscriber", "P", "SME busy, the SC gave up"),
    0x62: Row("absent_subscriber", "P", "no response from SME, the SC gave up"),
    0x63: Row("undelivered", "P", "service rejected, the SC gave up"),
    0x64: Row("undelivered", "P", "quality of service not available, the SC gave up"),
    0x65: Row("undelivered", "P", "error in SME, the SC gave up"),
}


class StatusRange(NamedTuple):
    """A range of TP-ST from its first value on (§9.2.3.15): its name, and the row of what is not listed."""

    first: int
    name: str
    row: Row


TP_STATUS_RANGES: tuple[StatusRange, ...] = (
    StatusRange(0x00, "completed", Row("delivered", "D", "completed")),
    StatusRange(0x03, "completed_reserved", Row("delivered", "D", "completed, reserved value")),
    StatusRange(0x10, "completed_sc_specific", Row("delivered", "D", "completed, value of this SC")),
    StatusRange(0x20, "temporary_trying", Row(_TRYING, "T", "temporary, the SC is still trying")),
    StatusRange(0x40, "permanent", Row("undelivered", "P", "permanent error")),
    StatusRange(0x60, "temporary_stopped", Row("undelivered", "P", "temporary error, the SC gave up")),
    StatusRange(0x80, "reserved", Row("undelivered", "P", "reserved value, taken as permanent")),
)

LOCAL_CAUSES: dict[str, Row] = {
    "absent_subscriber": Row("absent_subscriber", "P", ""),
    "delivered": Row("delivered", "D", ""),
    "device_error": Row("device_error", "T", "ERROR without a number", _ONCE_S, reroute=True, max_tries=2),
    "in_doubt": Row("in_doubt", "U", ""),
    "number_unassigned": Row("number_unassigned", "P", ""),
    "partly_sent": Row("partly_sent", "P", ""),
    "rejected_by_network": Row("rejected_by_network", "P", ""),
    "sent": Row("sent", "D", ""),
    "undelivered": Row("undelivered", "P", ""),
    "unknown_cause": Row("unknown_cause", "U", ""),
}
"""Our own causes that are not the line's fault; all others of the catalogue are."""

"""Owns one builder and one parser per command that the driver uses.

Knows no order of commands and no waiting beyond each command's own limit; the driver does.
Source: 3GPP TS 27.005 (CMGx, CNxx, CPMS, CSMS, CSCA), 27.007 (the rest); limits from vendors' manuals.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from device_bridge.at.dialogue import Command
from device_bridge.at.fields import after_colon, field, integer, numbers, values
from device_bridge.at.lines import is_hex

PROBE_TIMEOUT_S: Final = 2.0  # AT alone: an attached modem answers in milliseconds, a waking one in a second
STORE_TIMEOUT_S: Final = 25.0  # SIM800 states 5 s for CMGR and 20 s for CMGL; a SIM reads a record in 30 ms
NETWORK_TIMEOUT_S: Final = (
    45.0  # COPS? may wait for the radio to be free (27.007 states no limit; SIM800: 45 s)
)
PROMPT_TIMEOUT_S: Final = (
    10.0  # a prompt comes at once; a SIM that is busy with a toolkit session takes seconds
)
FACTS_TIMEOUT_S: Final = 10.0  # whatever reads the SIM while it boots

AT: Final = Command("AT", timeout_s=PROBE_TIMEOUT_S)
ECHO_OFF: Final = Command("ATE0")
VERBOSE: Final = Command("ATV1")
ERROR_NUMBERS: Final = Command("AT+CMEE=1")
ERROR_WORDS: Final = Command("AT+CMEE=2")

MAKER: Final = Command("AT+CGMI", ("+CGMI:",), free_text=True)
MODEL: Final = Command("AT+CGMM", ("+CGMM:",), free_text=True)
FIRMWARE: Final = Command("AT+CGMR", ("+CGMR:",), free_text=True)
IMEI: Final = Command("AT+CGSN", ("+CGSN:", "+GSN:"), free_text=True)
IMSI: Final = Command("AT+CIMI", ("+CIMI:",), free_text=True, timeout_s=FACTS_TIMEOUT_S)
OWN_NUMBER: Final = Command("AT+CNUM", ("+CNUM:",), timeout_s=FACTS_TIMEOUT_S)
SERVICE_CENTRE: Final = Command("AT+CSCA?", ("+CSCA:",), timeout_s=FACTS_TIMEOUT_S)
ICCID_QUERIES: Final = (
    Command("AT+CCID", ("+CCID:", "+ICCID:"), free_text=True, timeout_s=FACTS_TIMEOUT_S),
    Command("AT^ICCID?", ("^ICCID:",), free_text=True, timeout_s=FACTS_TIMEOUT_S),
    Command("AT+ICCID", ("+ICCID:",), free_text=True, timeout_s=FACTS_TIMEOUT_S),
    # EF_ICCID, 31.102 §4.2.x (file 2FE2): READ BINARY of 10 octets.
    Command("AT+CRSM=176,12258,0,0,10", ("+CRSM:",), timeout_s=FACTS_TIMEOUT_S),
)

SIM_STATE: Final = Command("AT+CPIN?", ("+CPIN:",), timeout_s=FACTS_TIMEOUT_S)
PIN_TRIES_QUERIES: Final = (
    Command("AT+CPINR", ("+CPINR:",)),
    Command("AT^CPIN?", ("^CPIN:",)),
    Command("AT+SPIC", ("+SPIC:",)),
    Command('AT+QPINC="SC"', ("+QPINC:",)),
)

PDU_MODE: Final = Command("AT+CMGF=0")
PDU_MODE_QUERY: Final = Command("AT+CMGF?", ("+CMGF:",))
STORES_QUERY: Final = Command("AT+CPMS=?", ("+CPMS:",), timeout_s=FACTS_TIMEOUT_S)
STORES_READ: Final = Command("AT+CPMS?", ("+CPMS:",), timeout_s=FACTS_TIMEOUT_S)
SERVICE_QUERY: Final = Command("AT+CSMS?", ("+CSMS:",))
INDICATIONS_QUERY: Final = Command("AT+CNMI=?", ("+CNMI:",))
INDICATIONS_READ: Final = Command("AT+CNMI?", ("+CNMI:",))
ACKNOWLEDGE_QUERY: Final = Command("AT+CNMA=?", ("+CNMA:",))
ACKNOWLEDGE: Final = Command("AT+CNMA", timeout_s=10.0)
LIST_ALL: Final = Command("AT+CMGL=4", ("+CMGL:",), timeout_s=STORE_TIMEOUT_S)
KEEP_LINK: Final = Command("AT+CMMS=2")

SIGNAL: Final = Command("AT+CSQ", ("+CSQ:",))
OPERATOR_AS_NAME: Final = Command("AT+COPS=3,0")
OPERATOR: Final = Command("AT+COPS?", ("+COPS:",), timeout_s=NETWORK_TIMEOUT_S)
REGISTRATION_DOMAINS: Final = ("CREG", "CGREG", "CEREG")
RESTART: Final = Command("AT+CFUN=1,1", timeout_s=15.0)
USSD_CANCEL: Final = Command("AT+CUSD=2")

_TON_INTERNATIONAL: Final = 145  # 24.011 §8.2.5.2: international number, ISDN plan
_DBM_OF_ZERO: Final = -113  # 27.007 §8.5: <rssi> 0 is -113 dBm or less, then 2 dB a step


def submit(octets: int) -> Command:
    """Begin a message of so many TPDU octets (the SCA is not counted). Source: 27.005 §3.5.1."""
    return Command(f"AT+CMGS={octets}", ("+CMGS:",), prompts=True, timeout_s=PROMPT_TIMEOUT_S)


def enter_pin(pin: str) -> Command:
    """Unlock the SIM; once and never again after a refusal. Source: 27.007 §8.3."""
    return Command(f'AT+CPIN="{pin}"', timeout_s=30.0)


def use_store(store: str, *, everything: bool) -> Command:
    """Choose the store to read and delete from, or all three stores. Source: 27.005 §3.2.2."""
    quoted = f'"{store}"'
    line = f"AT+CPMS={quoted},{quoted},{quoted}" if everything else f"AT+CPMS={quoted}"
    return Command(line, ("+CPMS:",), timeout_s=STORE_TIMEOUT_S)


def read_slot(index: int) -> Command:
    """Read one message of the chosen store. Source: 27.005 §3.4.3."""
    return Command(f"AT+CMGR={index}", ("+CMGR:",), timeout_s=STORE_TIMEOUT_S)


def delete_slot(index: int) -> Command:
    """Delete one message of the chosen store. Source: 27.005 §3.5.4."""
    return Command(f"AT+CMGD={index}", timeout_s=STORE_TIMEOUT_S)


def use_service(phase: int) -> Command:
    """Choose whether routed messages are acknowledged by us (1) or by the modem (0). Source: 27.005 §3.2.1."""
    return Command(f"AT+CSMS={phase}", ("+CSMS:",))


def registration(domain: str) -> Command:
    """Ask for one domain's registration. Source: 27.007 §7.2, §10.1.20, §10.1.22."""
    return Command(f"AT+{domain}?", (f"+{domain}:",))


def subscribe(domain: str, detail: int) -> Command:
    """Ask to be told of changes of registration (1), with the cell (2)."""
    return Command(f"AT+{domain}={detail}")


def ussd(code: str) -> Command:
    """Ask a USSD code; the answer comes by itself. Source: 27.007 §7.15."""
    return Command(f'AT+CUSD=1,"{code}",15', timeout_s=30.0)


# ------------------------------------------------------------------ parsers


def message_reference(line: str) -> int | None:
    """Return TP-MR of `+CMGS: <mr>[,…]`, or None where the modem does not tell it."""
    number = integer(field(line, 0))
    return number if number is not None and 0 <= number <= 255 else None


def free_text(lines: tuple[str, ...]) -> str | None:
    """Return the words of an answer such as AT+CGMI, with or without its own prefix, quoted or not."""
    for line in lines:
        text = after_colon(line) if line.startswith(("+", "^")) else line
        text = text.strip('" ')
        if text:
            return text
    return None


def imei(lines: tuple[str, ...]) -> str | None:
    """Return the IMEI: 14 to 17 digits. Source: 23.003 §6.2."""
    text = free_text(lines) or ""
    match = re.search(r"\d{14,17}", text)
    return match[0] if match else None


def imsi(lines: tuple[str, ...]) -> str | None:
    """Return the IMSI: at most 15 digits. Source: 23.003 §2.2."""
    text = free_text(lines) or ""
    return text if text.isascii() and text.isdigit() and 6 <= len(text) <= 15 else None


def iccid(lines: tuple[str, ...]) -> str | None:
    """Return the ICCID in the order printed on the card: 18 to 20 digits, filler removed.

    EF_ICCID has its digits swapped in pairs, and +CRSM and some firmwares hand it over as it stands; a card's
    number begins with 89 (ITU-T E.118), swapped 98.
    """
    for line in lines:
        match = re.search(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{18,20}(?![0-9A-Fa-f])", line)
        if not match:
            continue
        digits = match[0].upper()
        raw = line.startswith("+CRSM") or (digits.startswith("98") and not digits.startswith("89"))
        if raw and len(digits) % 2 == 0:
            digits = "".join(digits[at + 1] + digits[at] for at in range(0, len(digits), 2))
        digits = digits.rstrip("F")
        if digits.isdigit():
            return digits
    return None


def own_number(lines: tuple[str, ...]) -> str | None:
    """Return the first number of `+CNUM: "","447700900123",145` in international form where its type says so."""
    for line in lines:
        number, kind = field(line, 1), integer(field(line, 2))
        if number.lstrip("+").isdigit():
            international = kind == _TON_INTERNATIONAL and not number.startswith("+")
            return f"+{number}" if international else number
    return None


def service_centre(lines: tuple[str, ...]) -> str | None:
    """Return the number of `+CSCA: "+447785016005",145`; None where the SIM has none."""
    for line in lines:
        number, kind = field(line, 0), integer(field(line, 1))
        if number.lstrip("+").isdigit():
            international = kind == _TON_INTERNATIONAL and not number.startswith("+")
            return f"+{number}" if international else number
    return None


def sim_state(lines: tuple[str, ...]) -> str | None:
    """Return the word of `+CPIN: READY`, in capitals."""
    for line in lines:
        return after_colon(line).strip('"').upper()
    return None


def pin_tries(lines: tuple[str, ...]) -> int | None:
    """Return how often the SIM PIN may still be tried, by any of the vendors' answers.

    `+CPINR: SIM PIN,3,3` (27.007 §8.65), `^CPIN: READY,,10,3,10,3` (Huawei: PUK, PIN, PUK2, PIN2),
    `+SPIC: 3,10,0,10` (SIMCom: PIN first), `+QPINC: "SC",3,10` (Quectel).
    """
    for line in lines:
        found = values(line)
        if line.startswith("^CPIN"):
            return integer(found[3]) if len(found) > 3 else None
        if line.startswith("+SPIC"):
            return integer(found[0])
        if len(found) > 1 and found[0].upper() in {"SIM PIN", "SC"}:
            return integer(found[1])
    return None


def signal_dbm(line: str) -> int | None:
    """Return dBm of `+CSQ: <rssi>,<ber>`; None for 99. Source: 27.007 §8.5."""
    rssi = integer(field(line, 0))
    if rssi is None:
        return None
    if 0 <= rssi <= 31:
        return _DBM_OF_ZERO + 2 * rssi
    # TD-SCDMA and LTE firmwares use 100 to 191: one dB a step from -116 dBm.
    return rssi - 216 if 100 <= rssi <= 191 else None


def operator(lines: tuple[str, ...]) -> str | None:
    """Return the name of `+COPS: 0,0,"Operator",7`. Source: 27.007 §7.3."""
    return next((field(line, 2) for line in lines if field(line, 2)), None)


@dataclass(frozen=True, slots=True)
class StoreUse:
    """Slots taken and slots there are."""

    used: int
    total: int


def store_use(lines: tuple[str, ...]) -> StoreUse | None:
    """Return the reading store's slots, whether the answer has names (`+CPMS: "SM",3,20,…`) or not."""
    for line in lines:
        counted = [number for number in map(integer, values(line)) if number is not None]
        if len(counted) >= 2:
            return StoreUse(counted[0], counted[1])
    return None


def store_names(lines: tuple[str, ...], *, last: bool = False) -> tuple[str, ...]:
    """Return the names that an answer to CPMS has, in order; of `=?` the stores for reading, or the last list.

    `=?` answers of some firmwares are nested wrongly; then every name that occurs is given.
    """
    text = after_colon(lines[0]) if lines else ""
    lists = re.findall(r"\(([^()]*)\)", text)
    source = text if not lists else lists[-1 if last else 0]
    return tuple(re.findall(r'"([A-Z]{2})"', source))


def indications(lines: tuple[str, ...]) -> tuple[int, ...] | None:
    """Return `+CNMI: 2,1,0,2,0` as numbers; None where there is no such line."""
    for line in lines:
        found = [integer(value) for value in values(line)]
        return tuple(number for number in found if number is not None)
    return None


def indications_offered(lines: tuple[str, ...]) -> tuple[frozenset[int], ...]:
    """Return the five sets of `+CNMI: (0-2),(0-3),…`; a field left out is an empty set."""
    for line in lines:
        return tuple(numbers(value) for value in values(line))
    return ()


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A record of a store: ``state`` 0 unread, 1 read, 2 unsent, 3 sent (27.005 §3.1); the PDU as it came."""

    index: int
    state: int
    pdu_hex: str
    length: int


def stored_messages(lines: tuple[str, ...], index: int | None = None) -> tuple[StoredMessage, ...]:
    """Pair the headers of +CMGL or +CMGR with the PDU lines behind them; a header without its PDU is left out.

    Args:
        lines: The answer.
        index: The slot that +CMGR was asked for; +CMGL names its own.
    """
    found: list[StoredMessage] = []
    for at, line in enumerate(lines[:-1]):
        if not line.startswith("+CMG") or not is_hex(lines[at + 1]):
            continue
        numbers_of = [integer(value) for value in values(line)]
        if index is None:
            slot, state = numbers_of[0], numbers_of[1] if len(numbers_of) > 1 else 0
        else:
            slot, state = index, numbers_of[0]
        length = numbers_of[-1]
        if slot is not None:
            found.append(StoredMessage(slot, state or 0, lines[at + 1], length or 0))
    return tuple(found)

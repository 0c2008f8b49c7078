"""Owns the commands about SIM, registration, operator and signal.

Refuses to know texts.
Source: 3GPP TS 27.007 §5.6, §7.1–7.3, §8.3, §8.5, §8.65, §10.1.9, §10.1.20; +CCID and kin are vendors' own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from device_bridge.emulator.command_line import Command, Form
from device_bridge.emulator.commands_general import choice
from device_bridge.emulator.numbers import OPERATOR
from device_bridge.emulator.registers import RefusalError

if TYPE_CHECKING:
    from device_bridge.emulator.modem import EmulatedModem

Lines = tuple[str, ...]
Handler = Callable[["EmulatedModem", Command], Lines]

CME_NOT_ALLOWED: Final = 3
CME_NO_SIM: Final = 10
CME_PIN: Final = 11
CME_PUK: Final = 12
CME_WRONG_PASSWORD: Final = 16
PLMN: Final = "00101"  # the test network of ITU-T E.212


def _require_card(modem: EmulatedModem) -> None:
    if not modem.sim.present:
        raise RefusalError(cme=CME_NO_SIM)


def _require_open_card(modem: EmulatedModem) -> None:
    _require_card(modem)
    if modem.sim.pin_state != "READY":
        raise RefusalError(cme=CME_PIN if modem.sim.pin_state == "SIM PIN" else CME_PUK)


def _pin(modem: EmulatedModem, _command: Command) -> Lines:
    _require_card(modem)
    return (f"+CPIN: {modem.sim.pin_state}",)


def _enter_pin(modem: EmulatedModem, command: Command) -> Lines:
    _require_card(modem)
    if modem.sim.pin_state == "READY":
        raise RefusalError(cme=CME_NOT_ALLOWED)
    if modem.sim.pin_state == "SIM PUK":
        raise RefusalError(cme=CME_PUK)
    if not modem.sim.enter_pin(command.text(0)):
        raise RefusalError(cme=CME_PUK if modem.sim.pin_state == "SIM PUK" else CME_WRONG_PASSWORD)
    modem.registration_changed()
    return ()


def _pin_tries(modem: EmulatedModem, _command: Command) -> Lines:
    _require_card(modem)
    return (f"+CPINR: SIM PIN,{modem.sim.pin_tries},3", f"+CPINR: SIM PUK,{modem.sim.puk_tries},10")


def _facility_lock(modem: EmulatedModem, command: Command) -> Lines:
    _require_open_card(modem)
    if command.text(0).upper() != "SC" or command.number(1) != 2:
        raise RefusalError(cme=CME_NOT_ALLOWED)
    return (f"+CLCK: {int(modem.sim.pin is not None)}",)


def _imsi(modem: EmulatedModem, _command: Command) -> Lines:
    _require_open_card(modem)
    return (modem.sim.identity.imsi,)


def _iccid(modem: EmulatedModem, command: Command) -> Lines:
    _require_card(modem)
    return (f"{command.name}: {modem.sim.identity.iccid}",)


def _own_number(modem: EmulatedModem, _command: Command) -> Lines:
    _require_open_card(modem)
    return (f'+CNUM: "","{modem.sim.identity.number}",145',)


def _subscribe(modem: EmulatedModem, command: Command) -> Lines:
    modem.registers.registration[command.name] = choice(command, 0, 2)
    return ()


def _registration(modem: EmulatedModem, command: Command) -> Lines:
    subscribed = modem.registers.registration[command.name]
    return (f"{command.name}: {subscribed},{modem.registration_text(subscribed)}",)


def _attached(modem: EmulatedModem, _command: Command) -> Lines:
    return (f"+CGATT: {int(modem.registered)}",)


def _operator(modem: EmulatedModem, _command: Command) -> Lines:
    if not modem.registered:
        return ("+COPS: 0",)
    name = PLMN if modem.registers.operator_format == 2 else OPERATOR
    return (f'+COPS: 0,{modem.registers.operator_format},"{name}",2',)


def _choose_operator(modem: EmulatedModem, command: Command) -> Lines:
    mode = command.number(0)
    if mode not in {0, 3}:
        raise RefusalError(cme=CME_NOT_ALLOWED)
    modem.registers.operator_format = command.number(1, modem.registers.operator_format)
    return ()


def _signal(modem: EmulatedModem, _command: Command) -> Lines:
    heard = modem.sim.usable and modem.radio.covered and modem.registers.functionality == 1
    return (f"+CSQ: {modem.radio.signal if heard else 99},99",)


_REGISTRATIONS: Final = ("+CREG", "+CGREG", "+CEREG")
_ICCIDS: Final = ("+CCID", "+ICCID", "^ICCID")

HANDLERS: Final[dict[tuple[str, Form], Handler]] = {
    **{(name, Form.SET): _subscribe for name in _REGISTRATIONS},
    **{(name, Form.READ): _registration for name in _REGISTRATIONS},
    **{(name, Form.EXECUTE): _iccid for name in _ICCIDS},
    **{(name, Form.READ): _iccid for name in _ICCIDS},
    ("+CPIN", Form.READ): _pin,
    ("+CPIN", Form.SET): _enter_pin,
    ("+CPINR", Form.EXECUTE): _pin_tries,
    ("+CPINR", Form.SET): _pin_tries,
    ("+CLCK", Form.SET): _facility_lock,
    ("+CIMI", Form.EXECUTE): _imsi,
    ("+CNUM", Form.EXECUTE): _own_number,
    ("+CGATT", Form.READ): _attached,
    ("+COPS", Form.READ): _operator,
    ("+COPS", Form.SET): _choose_operator,
    ("+CSQ", Form.EXECUTE): _signal,
}

FIXED: Final[dict[tuple[str, Form], Lines]] = {
    **{(name, Form.TEST): (f"{name}: (0-2)",) for name in _REGISTRATIONS},
    ("+CPIN", Form.TEST): (),
    ("+CGATT", Form.SET): (),
    ("+COPS", Form.TEST): (f'+COPS: (2,"{OPERATOR}","EMU","{PLMN}",2),,(0,3),(0,2)',),
    ("+CSQ", Form.TEST): ("+CSQ: (0-31,99),(99)",),
    ("+CPBS", Form.READ): ('+CPBS: "SM",0,100',),
    ("+CPBS", Form.TEST): ('+CPBS: ("SM")',),
    ("+CPBS", Form.SET): (),
}

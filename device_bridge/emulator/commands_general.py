"""Owns the commands about the modem itself: settings, identity, power, clock, USSD.

Refuses to know texts and the network.
Source: ITU-T V.250 §6, 3GPP TS 27.007 §5, §7.15, §8.2, §8.4, §8.5, §9.1.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from device_bridge.emulator.command_line import Command, Form
from device_bridge.emulator.registers import RefusalError, Registers

if TYPE_CHECKING:
    from device_bridge.emulator.modem import EmulatedModem

Lines = tuple[str, ...]
Handler = Callable[["EmulatedModem", Command], Lines]

MAKER: Final = "Emulated"
MODEL: Final = "GSM network in a box"
REVISION: Final = "1"
CHARSETS: Final = ("IRA", "GSM")
USSD_ANSWER: Final = "Credit 10.00 (emulated)"
CME_BAD_PARAMETER: Final = 50


def _echo(modem: EmulatedModem, command: Command) -> Lines:
    modem.registers.echo = command.number(0, 0) == 1
    return ()


def _verbose(modem: EmulatedModem, command: Command) -> Lines:
    modem.registers.verbose = command.number(0, 0) == 1
    return ()


def _quiet(modem: EmulatedModem, command: Command) -> Lines:
    modem.registers.quiet = command.number(0, 0) == 1
    return ()


def _factory(modem: EmulatedModem, _command: Command) -> Lines:
    modem.registers = Registers(functionality=modem.registers.functionality)
    return ()


def _identity(_modem: EmulatedModem, _command: Command) -> Lines:
    return (MAKER, MODEL, f"Revision: {REVISION}")


def _imei(modem: EmulatedModem, _command: Command) -> Lines:
    return (modem.sim.identity.imei,)


def _set_errors(modem: EmulatedModem, command: Command) -> Lines:
    modem.registers.cmee = choice(command, 0, 2)
    return ()


def _errors(modem: EmulatedModem, _command: Command) -> Lines:
    return (f"+CMEE: {modem.registers.cmee}",)


def _set_charset(modem: EmulatedModem, command: Command) -> Lines:
    if command.text(0).upper() not in CHARSETS:
        raise RefusalError(cme=CME_BAD_PARAMETER)
    modem.registers.charset = command.text(0).upper()
    return ()


def _charset(modem: EmulatedModem, _command: Command) -> Lines:
    return (f'+CSCS: "{modem.registers.charset}"',)


def _set_functionality(modem: EmulatedModem, command: Command) -> Lines:
    level = command.number(0)
    if level not in {0, 1, 4}:
        raise RefusalError(cme=CME_BAD_PARAMETER)
    if command.number(1, 0) == 1:
        modem.restart()
    modem.registers.functionality = level
    modem.registration_changed()
    return ()


def _functionality(modem: EmulatedModem, _command: Command) -> Lines:
    return (f"+CFUN: {modem.registers.functionality}",)


def _clock(modem: EmulatedModem, _command: Command) -> Lines:
    moment = datetime.fromtimestamp(modem.centre.now_ms() // 1000, UTC)
    return (f'+CCLK: "{moment.strftime("%y/%m/%d,%H:%M:%S")}+00"',)


def _ussd(modem: EmulatedModem, command: Command) -> Lines:
    if not modem.registered:
        raise RefusalError(cme=30)
    if command.text(1):
        modem.unsolicited(f'+CUSD: 0,"{USSD_ANSWER}",15')
    return ()


def choice(command: Command, low: int, high: int) -> int:
    """Read the only argument of a command; raises RefusalError outside low..high."""
    value = command.number(0)
    if not low <= value <= high:
        raise RefusalError(cme=CME_BAD_PARAMETER)
    return value


HANDLERS: Final[dict[tuple[str, Form], Handler]] = {
    ("E", Form.EXECUTE): _echo,
    ("V", Form.EXECUTE): _verbose,
    ("Q", Form.EXECUTE): _quiet,
    ("Z", Form.EXECUTE): _factory,
    ("&F", Form.EXECUTE): _factory,
    ("I", Form.EXECUTE): _identity,
    ("+CGSN", Form.EXECUTE): _imei,
    ("+GSN", Form.EXECUTE): _imei,
    ("+CMEE", Form.SET): _set_errors,
    ("+CMEE", Form.READ): _errors,
    ("+CSCS", Form.SET): _set_charset,
    ("+CSCS", Form.READ): _charset,
    ("+CFUN", Form.SET): _set_functionality,
    ("+CFUN", Form.READ): _functionality,
    ("+CCLK", Form.READ): _clock,
    ("+CUSD", Form.SET): _ussd,
}

FIXED: Final[dict[tuple[str, Form], Lines]] = {
    **{(name, Form.EXECUTE): () for name in ("&C", "&D", "&K", "&S", "&W", "X", "M", "L", "H")},
    **{(name, Form.SET): () for name in ("S0", "S3", "S4", "S5", "S7", "+IFC", "+CLIP", "+CRC", "+CCLK")},
    **{(name, Form.EXECUTE): (MAKER,) for name in ("+CGMI", "+GMI")},
    **{(name, Form.EXECUTE): (MODEL,) for name in ("+CGMM", "+GMM")},
    **{(name, Form.EXECUTE): (REVISION,) for name in ("+CGMR", "+GMR")},
    ("+GCAP", Form.EXECUTE): ("+GCAP: +CGSM",),
    ("+CGSN", Form.TEST): (),
    ("+CMEE", Form.TEST): ("+CMEE: (0-2)",),
    ("+CSCS", Form.TEST): ('+CSCS: ("IRA","GSM")',),
    ("+CFUN", Form.TEST): ("+CFUN: (0,1,4),(0,1)",),
    ("+CBC", Form.EXECUTE): ("+CBC: 0,100,4100",),
    ("+CPAS", Form.EXECUTE): ("+CPAS: 0",),
    ("+CUSD", Form.READ): ("+CUSD: 1",),
    ("+CUSD", Form.TEST): ("+CUSD: (0-2)",),
    ("+CUSD", Form.EXECUTE): (),
    ("+IPR", Form.READ): ("+IPR: 0",),
}

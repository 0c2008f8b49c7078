"""Owns the table of AT commands: name and form in, the handler that answers out.

Refuses to know how answers are framed and timed; a handler returns lines or raises :class:`RefusalError`.
Source: ITU-T V.250 §6, 3GPP TS 27.005 §3, 27.007 §5–8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from device_bridge.emulator import commands_general, commands_network, commands_sms
from device_bridge.emulator.command_line import Command, Form
from device_bridge.emulator.registers import RefusalError
from device_bridge.emulator.sending import Prompt

if TYPE_CHECKING:
    from device_bridge.emulator.modem import EmulatedModem

Outcome = tuple[str, ...] | Prompt | None
"""Lines of a command that is done, a prompt to open, or None: the answer comes with the network's verdict."""

Handler = Callable[["EmulatedModem", Command], Outcome]

CME_NOT_SUPPORTED: Final = 4

_HANDLERS: Final[dict[tuple[str, Form], Handler]] = {
    **commands_general.HANDLERS,
    **commands_network.HANDLERS,
    **commands_sms.HANDLERS,
}

_FIXED: Final[dict[tuple[str, Form], tuple[str, ...]]] = {
    **commands_general.FIXED,
    **commands_network.FIXED,
    **commands_sms.FIXED,
}


def run_command(modem: EmulatedModem, command: Command) -> Outcome:
    """Carry out one command.

    Raises:
        RefusalError: with the code that the standard gives, or "operation not supported".
        ValueError: an argument is no number.
    """
    key = (command.name, command.form)
    if key in _FIXED:
        return _FIXED[key]
    handler = _HANDLERS.get(key)
    if handler is None:
        raise RefusalError(cme=CME_NOT_SUPPORTED)
    return handler(modem, command)

"""Owns the byte side of an AT port: echo, command lines, the prompt, Ctrl-Z and ESC.

Refuses to know what a line means; whole lines and PDUs go to its listener.
Source: ITU-T V.250 §5.2, 3GPP TS 27.005 §4.3 (prompt, Ctrl-Z, ESC).
"""

from __future__ import annotations

from typing import Final, Protocol

CTRL_Z: Final = 0x1A
ESC: Final = 0x1B
CR: Final = 0x0D
LF: Final = 0x0A
BACKSPACE: Final = 0x08
LONGEST_LINE: Final = 4096  # octets; a host that sends more without CR has lost its way


class Listener(Protocol):
    """Who acts on what the terminal hears."""

    def on_line(self, line: str) -> None:
        """A command line without its CR."""
        ...

    def on_pdu(self, text: str) -> None:
        """What stood between prompt and Ctrl-Z."""
        ...

    def on_escape(self) -> None:
        """The host took back what it was going to send."""
        ...

    def on_echo(self, octets: bytes) -> None:
        """Octets to send back."""
        ...


class Terminal:
    """Collects octets. ``prompting`` is set by the listener when it has written a prompt."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._line = bytearray()
        self._prompting = False

    @property
    def prompting(self) -> bool:
        return self._prompting

    @property
    def half_line(self) -> bytes:
        """What has been typed of the next command line."""
        return bytes(self._line)

    def open_prompt(self) -> None:
        """Take what follows as a PDU; what was typed ahead is thrown away, as modems do."""
        self._line.clear()
        self._prompting = True

    def reset(self) -> None:
        """Forget what is half typed and close the prompt."""
        self._line.clear()
        self._prompting = False

    def feed(self, chunk: bytes, *, echo: bool) -> None:
        """Take any number of octets; a listener may change ``echo`` for the next call only."""
        if echo:
            self._listener.on_echo(chunk)
        for octet in chunk:
            if self._prompting:
                self._in_prompt(octet)
            else:
                self._in_command(octet)

    def _in_prompt(self, octet: int) -> None:
        if octet == CTRL_Z:
            text = self._take()
            self._prompting = False
            self._listener.on_pdu(text)
        elif octet == ESC:
            self.reset()
            self._listener.on_escape()
        else:
            self._collect(octet)

    def _in_command(self, octet: int) -> None:
        if octet == CR:
            self._listener.on_line(self._take())
        elif octet == ESC:
            self._line.clear()
        elif octet == BACKSPACE:
            del self._line[-1:]
        elif octet != LF:
            self._collect(octet)

    def _collect(self, octet: int) -> None:
        self._line.append(octet)
        if len(self._line) > LONGEST_LINE:
            self._line.clear()

    def _take(self) -> str:
        text = self._line.decode("latin-1")
        self._line.clear()
        return text

"""Owns the dialogue with one modem: which line answers the command under way, which is a prompt, which came by itself.

Moves no bytes and reads no clock; whether silence has lasted too long is the caller's judgement.
Source: V.250 §5 (commands and results); 27.005 §3.5.1 (+CMGS with its prompt); field shapes in the tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from device_bridge.at.lines import AtError, final_result, fits, is_hex, looks_unsolicited, pdu_header

CTRL_Z: Final = b"\x1a"
ESC: Final = b"\x1b"

LINE_LIMIT: Final = 4096
"""Characters that a line may have before it is garbage: a PDU line has at most 2 × (12 + 176), a CMGL line less."""

PENDING_HEADERS: Final = 4
"""Headers that may wait for their PDU at once: one answer and a report or two in between; more is a broken line."""

QUOTED_LINES: Final = 30
"""Lines that a USSD answer may have: 182 characters, most lines of a menu longer than six."""

_NOISE: Final = b"\x00\x11\x13\x7f"  # line noise at power-up, XON and XOFF
_LINE_END: Final = re.compile(r"[\r\n]+")
_REGISTRATION_ANSWER: Final = re.compile(r"\+C(?:E|G|5G)?REG:\s*\d\s*,\s*\d{1,2}\s*(?:,.*)?")
_SMS_COMMAND: Final = re.compile(r"AT\+C(?:M|PMS|N|SM|SC|SA|GSMS)")


@dataclass(frozen=True, slots=True)
class Command:
    """One command line and the shape of its answer.

    Attributes:
        line: From AT on, without the closing CR.
        prefixes: Beginnings of the lines that belong to the answer ("+CREG:").
        free_text: The answer is words without a prefix (AT+CGMI).
        prompts: The command asks for a PDU with a prompt.
        timeout_s: Seconds until silence means that the modem does not answer.
    """

    line: str
    prefixes: tuple[str, ...] = ()
    free_text: bool = False
    prompts: bool = False
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Prompted:
    """The modem waits for the PDU."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """``+CMGS:`` of the command under way: the network took the message; the final result is still to come."""

    line: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The command under way ended; ``error`` is None for OK. PDU lines stand behind their headers in ``lines``."""

    lines: tuple[str, ...]
    error: AtError | None


@dataclass(frozen=True, slots=True)
class Unsolicited:
    """A line that no command asked for, with the PDU that it announced where it did."""

    line: str
    pdu: str | None = None


AtEvent = Prompted | Accepted | Finished | Unsolicited


@dataclass(slots=True)
class _Header:
    line: str
    length: int
    unsolicited: bool


def _name(command: Command) -> str:
    return command.line.partition("=")[0]


class Dialogue:
    """One modem's side of the conversation, fed in chunks of any size."""

    def __init__(self) -> None:
        self._rest = ""
        self._command: Command | None = None
        self._lines: list[str] = []
        self._headers: list[_Header] = []
        self._payload: str | None = None
        self._prompted = False
        self._escaped = False
        self._verbose = False
        self._quoted: list[str] = []

    @property
    def busy(self) -> bool:
        """A command is under way."""
        return self._command is not None

    def start(self, command: Command) -> bytes:
        """Begin a command.

        Returns:
            Octets to write.

        Raises:
            RuntimeError: another command is under way; the caller's order is wrong.
        """
        if self._command is not None:
            # Without the value: it may be a PIN.
            raise RuntimeError(f"{_name(command)} while {_name(self._command)} is under way")
        self._forget()
        self._command = command
        return command.line.encode("ascii") + b"\r"

    def payload(self, pdu_hex: str) -> bytes:
        """Answer the prompt with a PDU; the octets put a message on air.

        Returns:
            Octets to write, Ctrl-Z included.
        """
        self._payload = pdu_hex
        return pdu_hex.encode("ascii") + CTRL_Z

    def escape(self) -> bytes:
        """Take back the command at its prompt; the modem's OK or ERROR to that ends it."""
        self._escaped = True
        return ESC

    def abandon(self) -> None:
        """Stop waiting for the command under way; what it still says counts as unsolicited."""
        self._forget()

    def reset(self) -> None:
        """Forget everything, for a link that was opened anew."""
        self._forget()
        self._rest = ""
        self._headers.clear()
        self._quoted.clear()
        self._verbose = False

    def feed(self, octets: bytes) -> list[AtEvent]:
        """Take octets as they come, cut anywhere.

        Returns:
            Events in the order in which their last octet came.
        """
        events: list[AtEvent] = []
        text = self._rest + octets.translate(None, _NOISE).decode("latin-1")
        lines = _LINE_END.split(text)
        rest = lines.pop()
        for line in lines:
            self._take(line.strip(" \x1a\x1b\t"), events)
        if self._awaits_prompt and rest.lstrip(" ").startswith(">"):
            self._prompted = True
            events.append(Prompted())
            rest = rest.lstrip(" ")[1:]
        self._rest = rest[-LINE_LIMIT:] if len(rest) > LINE_LIMIT else rest
        return events

    # ------------------------------------------------------------------ one line

    @property
    def _awaits_prompt(self) -> bool:
        return self._command is not None and self._command.prompts and not self._prompted

    def _take(self, line: str, events: list[AtEvent]) -> None:
        if line.startswith(">"):
            if self._awaits_prompt:
                self._prompted = True
                events.append(Prompted())
            line = line[1:].lstrip()
        if not line or self._is_echo(line):
            return
        if self._quoted and self._take_quoted(line, events):
            return
        if self._headers and is_hex(line) and self._take_pdu(line, events):
            return
        ended, error = final_result(line, numeric=not self._verbose)
        if ended:
            self._take_final(line, error, events)
            return
        header = pdu_header(line)
        if header and header[0] in {"CMT", "CDS", "CBM"}:
            self._push(_Header(line, header[1], unsolicited=True), events)
        elif self._belongs(line):
            self._take_answer(line, header, events)
        elif line.startswith("+CUSD:") and line.count('"') == 1:
            self._quoted = [line]
        else:
            events.append(Unsolicited(line))

    def _is_echo(self, line: str) -> bool:
        if self._payload is not None and line.upper() == self._payload.upper():
            return True
        if self._command is not None and line.upper() == self._command.line.upper():
            return True
        return line[:2].upper() == "AT" and (len(line) == 2 or not line[2].isalpha() or line[3:4].isdigit())

    def _take_quoted(self, line: str, events: list[AtEvent]) -> bool:
        """A USSD menu has line ends between its quotes; results and lines with a sign are not part of it."""
        ended = final_result(line, numeric=False)[0]
        if not ended and line[0] not in "+^":
            self._quoted.append(line)
        elif ended and self._command is not None:
            return False
        if line.endswith('"') or '",' in line or line[0] in "+^" or len(self._quoted) > QUOTED_LINES:
            events.append(Unsolicited("\n".join(self._quoted)))
            self._quoted = []
        return line[0] not in "+^"

    def _push(self, header: _Header, events: list[AtEvent]) -> None:
        if header.length == 0:
            if header.unsolicited:
                events.append(Unsolicited(header.line))
            return
        self._headers.append(header)
        if len(self._headers) > PENDING_HEADERS:
            lost = self._headers.pop(0)
            if lost.unsolicited:
                events.append(Unsolicited(lost.line))

    def _take_pdu(self, line: str, events: list[AtEvent]) -> bool:
        # The newest header speaks first: a report that bursts into an answer brings its own PDU along.
        for header in reversed(self._headers):
            if fits(line, header.length):
                break
        else:
            if self._command is not None and self._command.free_text:
                return False
            header = self._headers[-1]
        self._headers.remove(header)
        if header.unsolicited:
            events.append(Unsolicited(header.line, line))
        else:
            # A report may have come between an answer's header and its PDU: keep the pair together.
            self._lines.insert(self._lines.index(header.line) + 1, line)
        return True

    def _take_final(self, line: str, error: AtError | None, events: list[AtEvent]) -> None:
        if not line.isdigit():
            self._verbose = True
        command = self._command
        if command is None or not self._ends(command, error):
            events.append(Unsolicited(line))
            return
        lines = tuple(self._lines)
        self._headers = [header for header in self._headers if header.unsolicited]
        self._forget()
        events.append(Finished(lines, error))

    def _ends(self, command: Command, error: AtError | None) -> bool:
        if error is None:
            # OK before the PDU was written is somebody else's: nothing was submitted.
            return not command.prompts or self._payload is not None or self._escaped
        # +CMS ERROR can only come from the message service: a late verdict, not the answer to AT+CSQ.
        return error.kind != "cms" or command.prompts or _SMS_COMMAND.match(command.line) is not None

    def _belongs(self, line: str) -> bool:
        command = self._command
        if command is None:
            return False
        if line.startswith(command.prefixes) if command.prefixes else False:
            if command.prompts:
                return self._payload is not None
            if "REG:" in line[:8]:
                return _REGISTRATION_ANSWER.fullmatch(line) is not None
            return True
        return command.free_text and not looks_unsolicited(line)

    def _take_answer(self, line: str, header: tuple[str, int] | None, events: list[AtEvent]) -> None:
        self._lines.append(line)
        if header:
            self._push(_Header(line, header[1], unsolicited=False), events)
        elif self._command is not None and self._command.prompts:
            events.append(Accepted(line))

    def _forget(self) -> None:
        self._command = None
        self._lines = []
        self._payload = None
        self._prompted = False
        self._escaped = False

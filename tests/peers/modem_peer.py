"""A modem for tests, written from 27.005 and 27.007 alone: PDUs are words of hexadecimal, no codec.

It can be as hostile as real ones: any prompt, echo, cuts, noise between any two lines, silence, an unplug at any byte.
"""

from __future__ import annotations

import asyncio
import os
import tty
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

ICCID = "89882390000012345675"
IMSI = "001010123456789"
IMEI = "490154203237518"

# A DELIVER and a STATUS-REPORT with the service centre's number in front, as a modem shows them.
DELIVER = "07915348747420F0" + "240A91214365870900001111213151730005C8329BFD06"
DELIVER_LENGTH = (len(DELIVER) - 16) // 2
REPORT = "07915348747420F0" + "06050A9121436587091111213151730011112131517300" + "00"
REPORT_LENGTH = (len(REPORT) - 16) // 2
SUBMIT = "11000A9121436587090000AA05E8329BFD06"


@dataclass
class Cut:
    """How the peer's bytes reach the host: ``whole``, one by one, or cut in two at ``at``."""

    size: int | None = None
    at: int | None = None

    def pieces(self, octets: bytes) -> list[bytes]:
        if self.size:
            return [octets[i : i + self.size] for i in range(0, len(octets), self.size)]
        if self.at is not None:
            return [piece for piece in (octets[: self.at], octets[self.at :]) if piece]
        return [octets]


@dataclass
class Behaviour:
    """What a test may change, before or during a conversation."""

    echo: bool = True
    prompt: str = "\r\n> "
    verbose: bool = True
    cut: Cut = field(default_factory=Cut)
    noise: str | None = None
    noise_at: int | None = None
    """Gap between two lines, counted from the opening, into which ``noise`` falls; None with a noise: all gaps."""
    answers: dict[str, str | list[str] | None] = field(default_factory=dict)
    """Command line (or its beginning with a trailing *) to the lines to answer; None keeps silent."""
    verdict: Callable[[str], list[str] | None] | None = None
    """PDU to the lines after it; None keeps silent."""
    before_prompt: list[str] | None = None
    """Lines instead of the prompt."""
    after_prompt: list[str] = field(default_factory=list)
    """Lines between the prompt and the PDU."""
    silent: bool = False
    unplug_at: int | None = None
    """Bytes of a submit, both ways, after which the cable is pulled."""
    ds_offered: str = "(0,1,2)"
    csms_offered: bool = True
    sim: str = "READY"
    pin: str = "1234"
    pin_tries: int = 3


class ModemPeer:
    """One modem; its state outlives connections, as a stick's does."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.will = behaviour or Behaviour()
        self.commands: list[str] = []
        self.on_air: list[str] = []
        self.escapes = 0
        self.pins: list[str] = []
        self.mr = 0
        self.gaps = 0
        self.stores: dict[str, dict[int, tuple[int, str, int]]] = {"SM": {}, "ME": {}, "SR": {}}
        self.chosen = "SM"
        self.cnmi = [0, 0, 0, 0, 0]
        self.csms = 0
        self.connections = 0
        self.deaf_until_connection = 0
        self.overheard = ""
        """What came in while the modem was deaf."""
        self.unplug_at_command = 0
        self.changed = asyncio.Event()
        self._buffer = b""
        self._prompt_open = False
        self._submit_octets: int | None = None
        self._outbox: deque[bytes] = deque()
        self._pumping = False
        self._write: Callable[[bytes], None] | None = None
        self._hang_up: Callable[[], None] | None = None

    # ------------------------------------------------------------------ transport side

    def attach(self, write: Callable[[bytes], None], hang_up: Callable[[], None]) -> None:
        self._write, self._hang_up = write, hang_up
        self._buffer = b""
        self._outbox.clear()
        self.connections += 1
        self._note()

    def detach(self) -> None:
        self._write = self._hang_up = None

    def unplug(self) -> None:
        hang_up, self._hang_up, self._write = self._hang_up, None, None
        self._submit_octets = None
        self._prompt_open = False
        if hang_up:
            hang_up()

    def receive(self, octets: bytes) -> None:
        for octet in octets:
            if self._write is None or self.will.silent:
                return
            if self.connections < self.deaf_until_connection and self.on_air:
                self.overheard += chr(octet)
                continue
            self._octet(bytes([octet]))

    def _octet(self, octet: bytes) -> None:
        if self._submit_octets is not None and self._count():
            return
        if self.will.echo:
            self._put(octet)
        if self._prompt_open:
            self._at_prompt(octet)
        elif octet == b"\r":
            line, self._buffer = self._buffer.decode("latin-1"), b""
            self._command(line.strip("\n"))
        elif octet == b"\x1b":
            self._buffer = b""
        else:
            self._buffer += octet
            if self._buffer == b"AT+CMGS" and self.will.unplug_at is not None:
                self._submit_octets = 0

    def _count(self) -> bool:
        assert self._submit_octets is not None
        self._submit_octets += 1
        if self.will.unplug_at is not None and self._submit_octets > self.will.unplug_at:
            self.will.unplug_at = None
            self.unplug()
            return True
        return False

    def _put(self, octets: bytes) -> None:
        if self._submit_octets is None:
            self._outbox.extend(self.will.cut.pieces(octets))
            if len(self._outbox) == 1 and self._write:
                self._write(self._outbox.popleft())
            self._pump()
            return
        for octet in octets:
            if self._count() or self._write is None:
                return
            self._write(bytes([octet]))

    def _pump(self) -> None:
        """Write one piece in each turn of the loop, so that the host really gets them one by one."""
        if self._write is None:
            self._outbox.clear()
        elif self._outbox and not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump_one)

    def _pump_one(self) -> None:
        self._pumping = False
        if self._outbox and self._write:
            self._write(self._outbox.popleft())
        self._pump()

    # ------------------------------------------------------------------ lines

    def say(self, *lines: str) -> None:
        """Send lines, with the noise that the test wants between any two of them."""
        text = ""
        for line in lines:
            text += self._noise() + self._framed(line)
        self._put((text + self._noise(last=True)).encode("latin-1"))

    def _framed(self, line: str) -> str:
        if not self.will.verbose and line in {"OK", "ERROR"}:
            return {"OK": "0\r", "ERROR": "4\r"}[line]
        return f"\r\n{line}\r\n"

    def _noise(self, *, last: bool = False) -> str:
        if last or self.will.noise is None:
            return ""
        self.gaps += 1
        wanted = self.will.noise_at is None or self.will.noise_at == self.gaps
        return f"\r\n{self.will.noise}\r\n" if wanted else ""

    def _note(self) -> None:
        self.changed.set()

    async def until(self, condition: Callable[[], bool], limit_s: float = 30.0) -> None:
        """Wait until the modem has seen what a test waits for."""
        async with asyncio.timeout(limit_s):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    # ------------------------------------------------------------------ commands

    def _command(self, line: str) -> None:
        if not line:
            return
        self.commands.append(line)
        self._note()
        if len(self.commands) == self.unplug_at_command:
            self.unplug()
            return
        canned = self._canned(line)
        if canned is not False:
            if canned is not None:
                self.say(*canned)
            return
        if line.startswith("AT+CMGS="):
            self._submit()
            return
        handler = next((found for name, found in self._handlers().items() if line.startswith(name)), None)
        self.say(*(handler(line) if handler else ["ERROR"]))

    def _canned(self, line: str) -> list[str] | Literal[False] | None:
        for pattern, answer in self.will.answers.items():
            if pattern == line or (pattern.endswith("*") and line.startswith(pattern[:-1])):
                return [answer] if isinstance(answer, str) else answer
        return False

    def _handlers(self) -> dict[str, Callable[[str], list[str]]]:
        return {
            "ATE": self._set_echo,
            "ATV1": self._set_verbose,
            "AT+CMEE=": _ok,
            "AT+CGMI": _says("Acme"),
            "AT+CGMM": _says("Model 1"),
            "AT+CGMR": _says("1.0"),
            "AT+CGSN": _says(IMEI),
            "AT+CCID": _says(f"+CCID: {ICCID}"),
            "AT+CIMI": _says(IMSI),
            "AT+CNUM": _says('+CNUM: "","447700900001",145'),
            "AT+CSCA?": _says('+CSCA: "+358447474020",145'),
            "AT+CPINR": self._tries,
            "AT+CPIN?": self._sim,
            "AT+CPIN=": self._enter_pin,
            "AT+CMGF?": _says("+CMGF: 0"),
            "AT+CMGF=": _ok,
            "AT+CPMS=?": _says('+CPMS: ("SM","ME","SR"),("SM","ME"),("SM","ME")'),
            "AT+CPMS?": self._stores_now,
            "AT+CPMS=": self._choose,
            "AT+CSMS=": self._service,
            "AT+CNMI=?": self._cnmi_offer,
            "AT+CNMI?": lambda _: ["+CNMI: " + ",".join(map(str, self.cnmi)), "OK"],
            "AT+CNMI=": self._set_cnmi,
            "AT+CNMA": self._acknowledge,
            "AT+CMGL": self._list,
            "AT+CMGR=": self._read,
            "AT+CMGD=": self._delete,
            "AT+CMMS=": _ok,
            "AT+CREG?": _says('+CREG: 2,1,"00C3","1A2B"'),
            "AT+CREG=": _ok,
            "AT+CGREG?": _says("+CGREG: 1,1"),
            "AT+CGREG=": _ok,
            "AT+CSQ": _says("+CSQ: 21,0"),
            "AT+COPS?": _says('+COPS: 0,0,"Testnet",7'),
            "AT+COPS=": _ok,
            "AT+CFUN=1,1": _ok,
        }

    def _set_echo(self, line: str) -> list[str]:
        self.will.echo = line.endswith("1")
        return ["OK"]

    def _set_verbose(self, _: str) -> list[str]:
        self.will.verbose = True
        return ["OK"]

    def _sim(self, _: str) -> list[str]:
        return [self.will.sim] if self.will.sim.startswith("+") else [f"+CPIN: {self.will.sim}", "OK"]

    def _tries(self, _: str) -> list[str]:
        return [f"+CPINR: SIM PIN,{self.will.pin_tries},3", "OK"]

    def _enter_pin(self, line: str) -> list[str]:
        pin = line.split('"')[1]
        self.pins.append(pin)
        if pin == self.will.pin:
            self.will.sim = "READY"
            return ["OK"]
        self.will.pin_tries -= 1
        if self.will.pin_tries == 0:
            self.will.sim = "SIM PUK"
        return ["+CME ERROR: 16"]

    def _counts(self) -> str:
        return f"{len(self.stores[self.chosen])},20"

    def _stores_now(self, _: str) -> list[str]:
        return [
            "+CPMS: " + ",".join(f'"{name}",{self._counts()}' for name in (self.chosen, "SM", "SM")),
            "OK",
        ]

    def _choose(self, line: str) -> list[str]:
        self.chosen = line.split('"')[1]
        return ["+CPMS: " + ",".join([self._counts()] * 3), "OK"]

    def _service(self, line: str) -> list[str]:
        if not self.will.csms_offered and line.endswith("1"):
            return ["ERROR"]
        self.csms = int(line[-1])
        return ["+CSMS: 1,1,1", "OK"]

    def _cnmi_offer(self, _: str) -> list[str]:
        return [f"+CNMI: (0-2),(0-3),(0,2,3),{self.will.ds_offered},(0,1)", "OK"]

    def _set_cnmi(self, line: str) -> list[str]:
        wanted = [int(value) for value in line[8:].split(",")]
        if str(wanted[3]) not in self.will.ds_offered:
            return ["+CMS ERROR: 303"]
        self.cnmi = wanted
        return ["OK"]

    def _acknowledge(self, _: str) -> list[str]:
        return ["OK"] if self.csms else ["+CMS ERROR: 340"]

    def _list(self, _: str) -> list[str]:
        lines = []
        for index, (stat, pdu, length) in sorted(self.stores[self.chosen].items()):
            lines += [f"+CMGL: {index},{stat},,{length}\r\n{pdu}"]
        return [*lines, "OK"]

    def _read(self, line: str) -> list[str]:
        slot = self.stores[self.chosen].get(int(line[8:]))
        if slot is None:
            return ["+CMS ERROR: 321"]
        return [f"+CMGR: {slot[0]},,{slot[2]}", slot[1], "OK"]

    def _delete(self, line: str) -> list[str]:
        gone = self.stores[self.chosen].pop(int(line[8:]), None)
        return ["OK"] if gone else ["+CMS ERROR: 321"]

    # ------------------------------------------------------------------ submitting

    def _submit(self) -> None:
        if self.will.before_prompt is not None:
            self.say(*self.will.before_prompt)
            return
        self._prompt_open = True
        self._buffer = b""
        self._put(self.will.prompt.encode())
        if self.will.after_prompt:
            self.say(*self.will.after_prompt)

    def _at_prompt(self, octet: bytes) -> None:
        if octet == b"\x1b":
            self._prompt_open = False
            self._buffer = b""
            self.escapes += 1
            self._submit_octets = None
            self._note()
            self.say("OK")
        elif octet == b"\x1a":
            self._prompt_open = False
            pdu, self._buffer = self._buffer.decode("latin-1"), b""
            self.on_air.append(pdu)
            self._note()
            self._verdict(pdu)
            self._submit_octets = None
        else:
            self._buffer += octet

    def _verdict(self, pdu: str) -> None:
        lines = self.will.verdict(pdu) if self.will.verdict else self.accepted()
        if lines is not None:
            self.say(*lines)

    def accepted(self) -> list[str]:
        """The lines of a network that takes a message."""
        self.mr = (self.mr + 1) % 256
        return [f"+CMGS: {self.mr}", "OK"]


def _ok(_: str) -> list[str]:
    return ["OK"]


def _says(line: str) -> Callable[[str], list[str]]:
    return lambda _: [line, "OK"]


class TcpPeer:
    """The modem behind a TCP port of this machine."""

    def __init__(self, modem: ModemPeer) -> None:
        self.modem = modem
        self.port = ""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> TcpPeer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = f"socket://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.modem.attach(writer.write, writer.close)
        try:
            while octets := await reader.read(4096):
                self.modem.receive(octets)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


class PtyPeer:
    """The modem on a real pseudo-terminal; an unplug closes it, and ``replug`` makes a new one."""

    def __init__(self, modem: ModemPeer, link: str) -> None:
        self.modem = modem
        self.port = link
        self._master: int | None = None
        self._backlog = b""

    async def __aenter__(self) -> PtyPeer:
        self.replug()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    def replug(self) -> None:
        master, slave = os.openpty()
        tty.setraw(master)
        os.set_blocking(master, False)
        name = os.ttyname(slave)
        link = Path(self.port)
        link.unlink(missing_ok=True)
        link.symlink_to(name)
        self._master, self._slave = master, slave
        asyncio.get_running_loop().add_reader(master, self._readable)
        self.modem.attach(self._send, self._close)

    def _send(self, octets: bytes) -> None:
        if self._master is not None:
            os.write(self._master, octets)

    def _readable(self) -> None:
        assert self._master is not None
        try:
            octets = os.read(self._master, 4096)
        except BlockingIOError:
            return
        except OSError:
            return
        self.modem.receive(octets)

    def _close(self) -> None:
        if self._master is not None:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            os.close(self._slave)
            self._master = None

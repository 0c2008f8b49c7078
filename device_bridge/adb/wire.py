"""Owns the octets of the adb server's protocol, without input or output: requests, lists, shell packets.

Knows no socket and no phone; what comes from a phone is escaped or refused here before anybody shows it.
Source: adb's SERVICES.TXT, shell_protocol.h and transport.cpp (format of the long device list).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from device_bridge.adb.errors import Refused

MAX_OUTPUT: Final = 8 * 1024 * 1024
"""Octets of standard output that one command may give: a dump of a screen is 1 MiB at most, of a package 300 kB."""

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2
EXIT: Final = 3
CLOSE_STDIN: Final = 4
_MAX_PACKET: Final = 1024 * 1024
_STDIN_CHUNK: Final = 32 * 1024

_WORD: Final = re.compile(r"[A-Za-z0-9._:/=+,-]+")
_PROGRAM: Final = re.compile(r"[a-z]+")
_SERIAL: Final = re.compile(r"[A-Za-z0-9._:%\[\]-]{1,128}")
_STATES: Final = (
    "device|unauthorized|authorizing|offline|connecting|recovery|rescue|sideload|bootloader|host|detached|unknown"
    r"|no permissions(?: \([^)]*\))?(?:; see \[[^\]]*\])?"
)
_LINE: Final = re.compile(rf"(?P<serial>.*?)\s+(?P<state>{_STATES})(?P<rest>(?: \S+:\S*)*)\s*")
_TCP: Final = re.compile(r"tcp:(\d{1,5})")


@dataclass(frozen=True, slots=True)
class AdbDevice:
    """One row of the server's list.

    ``state`` is adb's own word, "no permissions" without its explanation. ``product`` and ``model`` are escaped;
    ``serial`` is as it came: check it by :func:`is_plain_serial`, show it by :func:`shown`.
    """

    serial: str
    state: str
    product: str = ""
    model: str = ""
    transport_id: str = ""


@dataclass(frozen=True, slots=True)
class ShellResult:
    """What a command gave. ``exit_code`` is the shell's, 0..255; many vendors' commands fail with 0."""

    stdout: bytes
    stderr: bytes
    exit_code: int

    @property
    def text(self) -> str:
        """Both streams, decoded leniently: refusals come on either."""
        return (self.stdout + b"\n" + self.stderr).decode("utf-8", "replace").strip()


@dataclass(frozen=True, slots=True)
class Reverse:
    """A tunnel that the phone listens for: its own port, and the port on the host that it leads to."""

    phone_port: int
    host_port: int


def shown(text: str, limit: int = 200) -> str:
    """Make text of a phone fit to be shown: one line, nothing that steers a terminal, at most ``limit`` characters."""
    line = " ".join(text.split())
    safe = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in line)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def is_plain_serial(serial: str) -> bool:
    """Say whether a serial number may be used as a name: letters, digits and ``._:%[]-``, at most 128."""
    return _SERIAL.fullmatch(serial) is not None


def request(service: str) -> bytes:
    """Frame a request: four hex digits of length, then the text.

    Raises:
        Refused: longer than 65,535 octets.
    """
    octets = service.encode()
    if len(octets) > 0xFFFF:
        raise Refused("a request to the adb server is longer than its length field can say")
    return b"%04x%s" % (len(octets), octets)


def command_line(words: tuple[str, ...]) -> str:
    """Join fixed words to one command line that the phone's shell takes as it stands.

    Raises:
        Refused: a word holds anything but ``A-Z a-z 0-9 . _ : / = + , -``, or there is none.

    Source: the device side is a shell; texts, numbers and tokens never travel by command line.
    """
    if not words or not _PROGRAM.fullmatch(words[0]):
        raise Refused(f"{shown(words[0]) if words else 'nothing'!r} is no name of a command")
    for word in words:
        if not _WORD.fullmatch(word):
            raise Refused(f"the word {shown(word)!r} may not stand in a command line of a phone")
    return " ".join(words)


def stdin_packets(octets: bytes) -> bytes:
    """Frame standard input and its end."""
    chunks = [octets[at : at + _STDIN_CHUNK] for at in range(0, len(octets), _STDIN_CHUNK)]
    framed = [_packet(STDIN, chunk) for chunk in chunks]
    return b"".join([*framed, _packet(CLOSE_STDIN, b"")])


def _packet(kind: int, octets: bytes) -> bytes:
    return bytes([kind]) + len(octets).to_bytes(4, "little") + octets


def packet_header(octets: bytes) -> tuple[int, int]:
    """Read kind and length of a shell packet from its five octets.

    Raises:
        Refused: no packet of the protocol begins like this.
    """
    kind, length = octets[0], int.from_bytes(octets[1:5], "little")
    if kind not in {STDOUT, STDERR, EXIT} or length > _MAX_PACKET:
        raise Refused(f"the phone answered {octets.hex()} where a shell packet begins")
    return kind, length


def hex_length(octets: bytes) -> int:
    """Read the four hex digits before a text.

    Raises:
        Refused: they are none.
    """
    try:
        return int(octets.decode("ascii"), 16)
    except ValueError:
        raise Refused(f"{octets.hex()} is no length: is it an adb server that listens there?") from None


def device_list(text: str) -> tuple[AdbDevice, ...]:
    """Read the server's long list; a line that makes no sense is a device in state "unknown"."""
    return tuple(_device(line) for line in text.splitlines() if line.strip())


def _device(line: str) -> AdbDevice:
    match = _LINE.fullmatch(line)
    if match is None:
        return AdbDevice(line.split(maxsplit=1)[0], "unknown")
    fields = dict(each.split(":", 1) for each in match["rest"].split())
    state = "no permissions" if match["state"].startswith("no permissions") else match["state"]
    return AdbDevice(
        serial=match["serial"],
        state=state,
        product=shown(fields.get("product", "")),
        model=shown(fields.get("model", "")),
        transport_id=shown(fields.get("transport_id", "")),
    )


def reverse_table(text: str) -> tuple[Reverse, ...]:
    """Read the phone's tunnels from port to port; other kinds of sockets are left out."""
    found: list[Reverse] = []
    for line in text.splitlines():
        ends = [_TCP.fullmatch(word) for word in line.split()[-2:]]
        if len(ends) == 2 and ends[0] and ends[1]:
            found.append(Reverse(int(ends[0][1]), int(ends[1][1])))
    return tuple(found)

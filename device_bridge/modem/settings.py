"""Owns what the caller decides about one modem, and every timer of the driver with its unit and reason.

Knows no configuration file; the gateway maps its own keys on this.
Source: 24.011 §10 (TR1M), vendors' manuals for +CMGS, 27.007 §8.3 (PIN).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class PinMemory(Protocol):
    """Remembers, beyond restarts, which PIN a SIM has refused and which it took; the caller owns where."""

    async def was_refused(self, sim: str, pin_hash: str) -> bool:
        """Say whether this PIN was refused by this SIM before (``sim`` is its ICCID, else ``imei:…``)."""
        ...

    async def remember_refused(self, sim: str, pin_hash: str) -> None:
        """Remember a refusal; called too when the answer to the PIN never came."""
        ...

    async def pin_of(self, iccid: str) -> str | None:
        """Give the PIN that a person entered for this SIM and that it took."""
        ...

    async def keep_pin(self, iccid: str, pin: str) -> None:
        """Keep a PIN that the SIM has just taken; it is a secret."""
        ...

    async def forget_pin(self, iccid: str) -> None:
        """Forget the PIN that was kept: the SIM does not take it any more."""
        ...


class PinMemoryOfProcess:
    """Remembers until the process ends; for callers without a store of their own."""

    def __init__(self) -> None:
        self._refused: set[tuple[str, str]] = set()
        self._kept: dict[str, str] = {}

    async def was_refused(self, sim: str, pin_hash: str) -> bool:
        return (sim, pin_hash) in self._refused

    async def remember_refused(self, sim: str, pin_hash: str) -> None:
        self._refused.add((sim, pin_hash))

    async def pin_of(self, iccid: str) -> str | None:
        return self._kept.get(iccid)

    async def keep_pin(self, iccid: str, pin: str) -> None:
        self._kept[iccid] = pin

    async def forget_pin(self, iccid: str) -> None:
        self._kept.pop(iccid, None)


@dataclass(frozen=True, slots=True)
class Timers:
    """Seconds. Tests make them shorter; nobody else should need to."""

    clearance_s: float = 1.0
    """From the prompt to the caller's clearance: an open prompt holds reports back (design, *The gap*, 3)."""
    escape_s: float = 2.0
    """For the answer to ESC at a prompt; modems that give none are brought into step by AT afterwards."""
    final_s: float = 5.0
    """From +CMGS: to its OK, which usually comes in the same packet; some firmwares leave it out."""
    quiet_s: float = 0.3
    """Without a byte, after which nothing late can still be in a buffer of the modem or its bridge."""
    heartbeat_s: float = 30.0
    """Without a byte, after which AT finds out whether the modem still lives; short enough for an operator."""
    sim_poll_s: float = 10.0
    """Between questions for a SIM that is missing, locked or busy: most modems do not say when one comes."""
    sim_busy_s: float = 2.0
    """Between questions to a SIM that says it is busy, as after its PIN; asked ten times at most."""
    restart_s: float = 30.0
    """For a modem to answer again after it restarted: SIM7x00 and EC2x need 12 to 20 s."""
    long_submit_s: float = 12.0
    """On air, after which the modem may have given up on an acknowledgement and muted CNMI (about 15 s)."""
    ussd_s: float = 60.0
    """For the network's USSD answer; the network itself gives up after 60 s at most."""
    command_factor: float = 1.0
    """Multiplies each command's own limit."""


@dataclass(frozen=True, slots=True)
class ModemSettings:
    """One modem.

    Attributes:
        port: pyserial URL or path: "/dev/serial/by-id/…", "/dev/pts/7", "socket://host:port".
        baudrate: Bits per second of a UART; without meaning for USB, ptys and sockets.
        pin: The SIM's PIN, entered at most once and only while at least two tries remain; before one that was kept.
        smsc: Service centre in international form, instead of the SIM's own.
        emulated: The line exists only in an emulator of ours.
        pin_memory: See :class:`PinMemory`.
        submit_timeout_s: Seconds of silence after the PDU until the part is in doubt: modems may need 180
            (u-blox 3 min, TR1M 35–45 s after a channel is found).
        timers: See :class:`Timers`.
    """

    port: str
    baudrate: int = 115200
    pin: str | None = field(default=None, repr=False)
    smsc: str | None = None
    emulated: bool = False
    pin_memory: PinMemory = field(default_factory=PinMemoryOfProcess)
    submit_timeout_s: float = 180.0
    timers: Timers = field(default_factory=Timers)

"""Owns one emulated network: its service centre, its SIMs and modems, and the addresses they are reached at.

Refuses to know AT and TPDUs; this is the door for the sandbox, benches and tests.
Source: the sandbox numbers of the product; everything else is in the modules that it joins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from device_bridge.emulator import frames
from device_bridge.emulator.mailbox import Mailbox
from device_bridge.emulator.modem import EmulatedModem
from device_bridge.emulator.numbers import SMSC_NUMBER, normalise, sim_identity
from device_bridge.emulator.pty_line import PtyLine
from device_bridge.emulator.settings import NetworkSettings
from device_bridge.emulator.sim import Sim, Store
from device_bridge.emulator.smsc import Delivery, Refused, ServiceCentre, Submission
from device_bridge.emulator.tcp_line import TcpLine
from device_bridge.sms.segmentation import Segmentation, segment, segment_octets
from device_bridge.sms.submit import SubmitOptions, encode_parts


class EmulatedNetwork:
    """An SMSC and ``settings.lines`` modems. Lines count from 1; ``modems`` is in their order."""

    def __init__(self, settings: NetworkSettings, now_ms: Callable[[], int]) -> None:
        self.settings = settings
        self.centre = ServiceCentre(settings, now_ms)
        self.modems = tuple(self._modem(line, now_ms) for line in range(1, settings.lines + 1))
        self._addresses: list[TcpLine | PtyLine] = []
        self._reference = 0

    @property
    def submissions(self) -> list[Submission]:
        """What went on air, oldest first."""
        return self.centre.submissions

    @property
    def refusals(self) -> list[Refused]:
        """What the SMSC refused, oldest first."""
        return self.centre.refusals

    @property
    def deliveries(self) -> list[Delivery]:
        """What the modems acknowledged (RP-ACK), oldest first."""
        return self.centre.deliveries

    def modem(self, line: int) -> EmulatedModem:
        """Return the modem of a line, from 1."""
        return self.modems[line - 1]

    def line_of(self, number: str) -> int | None:
        """Tell which line has a number; None when it is none of this network's."""
        return self.centre.line_of(number)

    async def start_tcp(self, line: int, port: int = 0) -> int:
        """Let a modem be reached at 127.0.0.1:port (0 = any free one) and return the port.

        Raises:
            OSError: the port is taken.
        """
        address = TcpLine(self.modem(line), port)
        await address.start()
        self._addresses.append(address)
        return address.port

    async def start_pty(self, line: int, path: Path) -> None:
        """Let a modem be reached at a pseudo-terminal with a symbolic link at ``path``.

        Raises:
            FileExistsError: something that is no symbolic link stands at ``path``.
        """
        address = PtyLine(self.modem(line), path)
        address.start()
        self._addresses.append(address)

    def inject_inbound(self, originator: str, to: str, text: str) -> int:
        """Let a text arrive at one of the lines, in as many parts as it needs.

        Args:
            originator: Any number, or up to 11 ASCII letters and digits.
            to: Number of one of the lines.
            text: Any text; GSM-7 where it fits, else UCS-2.

        Returns:
            The number of parts.

        Raises:
            KeyError: ``to`` is no line of this network.
            ValueError: ``originator`` or ``text`` cannot be sent.
        """
        return self._inject(originator, to, segment(text))

    def inject_octets(self, originator: str, to: str, octets: bytes, port: int) -> int:
        """Let 8-bit data for an application port arrive; otherwise like :meth:`inject_inbound`."""
        return self._inject(originator, to, segment_octets(octets, port))

    def inject_tpdu(self, line: int, tpdu: bytes) -> None:
        """Let any octets arrive as a DELIVER, well-formed or not."""
        self.centre.deliver(line, tpdu)

    async def close(self) -> None:
        """Close every address and stop every timer."""
        for address in self._addresses:
            await address.close()
        self._addresses.clear()
        for modem in self.modems:
            modem.close()
        self.centre.close()
        await asyncio.sleep(0)  # transports finish closing in the next turn of the loop

    def _inject(self, originator: str, to: str, segmentation: Segmentation) -> int:
        line = self.line_of(to)
        if line is None:
            raise KeyError(to)
        frames.encode_address(originator)
        self._reference = (self._reference + 1) % 256
        options = SubmitOptions(to=normalise(to), reference=self._reference, delivery_report=False)
        tpdus = encode_parts(segmentation, options)
        for tpdu in tpdus:
            deliver = frames.deliver_from(frames.parse_submit(tpdu), originator, self.centre.now_ms())
            self.centre.deliver(line, deliver)
        return len(tpdus)

    def _modem(self, line: int, now_ms: Callable[[], int]) -> EmulatedModem:
        identity = sim_identity(line, self.settings.seed)
        stores = {"SM": Store(self.settings.sim_slots), "ME": Store(self.settings.me_slots)}
        modem = EmulatedModem(Sim(identity, stores, smsc=SMSC_NUMBER), self.centre, self.settings)
        self.centre.add_line(line, identity.number, Mailbox(modem, self.settings.retry_s, now_ms))
        return modem

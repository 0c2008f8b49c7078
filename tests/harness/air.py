"""Owns the other side of the radio in tests: an emulated network, and a ledger of what went on air in clear text.

Refuses to use the product's codec for reading: texts are unpacked here, from the standard.
Source: 3GPP TS 23.038 §6.1.2.1 (packing), 23.040 §9.2.3.24 (header and fill bits).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ParamSpec

from device_bridge.emulator import EmulatedNetwork, NetworkSettings
from device_bridge.emulator.frames import SubmitFrame, parse_submit
from device_bridge.emulator.numbers import Fate
from device_bridge.emulator.smsc import Refused, Submission

P = ParamSpec("P")


class Noticed(list[Any]):
    """A list that tells of each entry at once."""

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__()
        self._tell = tell

    def append(self, entry: Any) -> None:
        super().append(entry)
        self._tell()


@dataclass(frozen=True)
class OnAir:
    """One SUBMIT that the SMSC took; ``text`` only of GSM-7 without extension characters, and UCS-2."""

    line: int
    to: str
    part: int
    text: str
    flags: int
    dcs: int
    header: bytes
    octets: bytes
    """User data after the header."""
    at_ms: int


def on_air(submission: Submission) -> OnAir:
    """Read one entry of the SMSC's log."""
    frame = parse_submit(submission.tpdu)
    octets = frame.user_data[len(frame.header) :]
    ucs2 = frame.dcs & 0x0C == 0x08
    text = octets.decode("utf-16-be", "replace") if ucs2 else _septets(frame)
    return OnAir(
        submission.line,
        submission.destination,
        frame.part_number,
        text,
        frame.flags,
        frame.dcs,
        frame.header,
        octets,
        submission.at_ms,
    )


def _as_taken(refused: Refused) -> Submission:
    return Submission(refused.line, refused.destination, 0, refused.tpdu, refused.at_ms)


def _septets(frame: SubmitFrame) -> str:
    bits = int.from_bytes(frame.user_data, "little")
    first = (len(frame.header) * 8 + 6) // 7
    return "".join(chr(bits >> (7 * n) & 0x7F) for n in range(first, frame.udl))


class Air:
    """An emulated network on loopback ports, with its ledger."""

    def __init__(self, now_ms: Callable[[], int] | None = None, **settings: Any) -> None:
        quick: dict[str, Any] = {
            "submit_s": 0.02,
            "report_delay_s": 0.03,
            "retry_s": 0.2,
            "sandbox_only": False,
        }
        self.network = EmulatedNetwork(NetworkSettings(**(quick | settings)), now_ms or _now_ms)
        self.ports: dict[int, str] = {}
        self._fates: dict[str, Fate] = {}

    @property
    def texts(self) -> list[OnAir]:
        """What went on air, oldest first."""
        return [on_air(submission) for submission in self.network.submissions]

    def to(self, number: str) -> list[OnAir]:
        return [each for each in self.texts if each.to == number]

    def tries(self) -> list[OnAir]:
        """What reached the SMSC, refused texts too: what an operator may charge for."""
        asked = [*self.network.submissions, *(_as_taken(refused) for refused in self.network.refusals)]
        return sorted((on_air(each) for each in asked), key=lambda each: each.at_ms)

    def decide(self, number: str, fate: Fate) -> None:
        """Give a real number a fate of its own, as the sandbox numbers have."""
        if not self._fates:
            centre = self.network.centre
            usual = centre._fate
            centre._fate = lambda destination: (  # type: ignore[method-assign]
                self._fates.get(destination) or usual(destination)
            )
        self._fates[number] = fate

    def number(self, line: int) -> str:
        return self.network.modem(line).sim.identity.number

    def slow_down(self, line: int, submit_s: float) -> None:
        """Give one line its own time on air."""
        modem = self.network.modem(line)
        modem.settings = replace(modem.settings, submit_s=submit_s)

    async def start(self) -> None:
        for line in range(1, self.network.settings.lines + 1):
            self.ports[line] = f"socket://127.0.0.1:{await self.network.start_tcp(line)}"

    async def close(self) -> None:
        await self.network.close()

    def tell_of_prompts(self, tell: Callable[[], None]) -> None:
        """Tell when a modem has written its prompt, before any octet of the PDU."""
        for modem in self.network.modems:
            modem.prompt = _then(modem.prompt, tell)  # type: ignore[method-assign]

    def tell_of_pdus(self, tell: Callable[[], None]) -> None:
        """Tell when a modem has the whole PDU and nothing is on air yet."""
        for modem in self.network.modems:
            modem.on_pdu = _then(modem.on_pdu, tell)  # type: ignore[method-assign]

    def tell_of_submissions(self, tell: Callable[[], None]) -> None:
        self.network.centre.submissions = Noticed(tell)

    def tell_of_deliveries(self, tell: Callable[[], None]) -> None:
        self.network.centre.deliveries = Noticed(tell)


def _then(act: Callable[P, None], tell: Callable[[], None]) -> Callable[P, None]:
    def both(*args: P.args, **kwargs: P.kwargs) -> None:
        act(*args, **kwargs)
        tell()

    return both


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

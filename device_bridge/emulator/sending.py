"""Owns a modem's way out: prompt, check of the PDU, time on air, +CMGS, and what goes wrong there.

Refuses to judge numbers (the service centre does) and to know other commands.
Source: 3GPP TS 27.005 §4.3–4.7, §3.5.1 (+CMGS, +CMGW, +CMSS), §3.2.5 (codes 304, 310–331), §3.5.6 (+CMMS).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from device_bridge.emulator.faults import Cut, NoisePlace
from device_bridge.emulator.frames import parse_submit, with_reference
from device_bridge.emulator.numbers import normalise
from device_bridge.emulator.registers import RefusalError
from device_bridge.emulator.sim import Slot, SlotState, StoreFullError
from device_bridge.sms.tpdu import decode_submit

if TYPE_CHECKING:
    from device_bridge.emulator.modem import EmulatedModem

CMS_BAD_PDU: Final = 304
CMS_SIM_MISSING: Final = 310
CMS_PIN: Final = 311
CMS_PUK: Final = 316
CMS_MEMORY_FULL: Final = 322
CMS_NO_SMSC: Final = 330
CMS_NO_SERVICE: Final = 331
LINK_KEPT_S: Final = 5.0  # +CMMS=1 falls back to 0 after 1–5 s without a next text (27.005 §3.5.6)
_PDU: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What +CMGS (``store`` None) or +CMGW asks for: ``length`` octets of TPDU, without the SCA."""

    length: int
    store: SlotState | None = None


@dataclass(slots=True, eq=False)
class Flight:
    """One text on air. ``heard``: the modem still lives to answer it; ``on_air`` False: power went first."""

    tpdu: bytes
    command: str
    heard: bool = True
    on_air: bool = True


class Sending:
    """One text at a time; command lines wait while :attr:`busy`."""

    def __init__(self, modem: EmulatedModem) -> None:
        self._modem = modem
        self._prompt: Prompt | None = None
        self._flight: Flight | None = None
        self._unanswered: list[Flight] = []
        self._ended_at: float | None = None
        self._watched = False
        self._octets_left: int | None = None
        self._cut: Cut | None = None

    @property
    def busy(self) -> bool:
        return self._flight is not None

    # ------------------------------------------------------------------ prompt and PDU

    def prompt_for(self, prompt: Prompt) -> None:
        """Open the prompt of +CMGS or +CMGW."""
        self._prompt = prompt
        self._modem.prompt()

    def taken_back(self) -> None:
        """The host sent ESC in the prompt."""
        self._end_watch()

    def pdu(self, text: str) -> None:
        """Check what stood between prompt and Ctrl-Z, then store it or send it."""
        prompt, self._prompt = self._prompt or Prompt(0), None
        try:
            pdu, tpdu = self._checked(text, prompt.length)
            if prompt.store is not None:
                self._end_watch()
                self._modem.answer((f"+CMGW: {self._stored(pdu, tpdu, prompt.store)}",), "OK")
                return
            self.send(tpdu, "+CMGS")
        except RefusalError as refusal:
            self._end_watch()
            self._modem.refuse(refusal)

    def send(self, tpdu: bytes, command: str) -> None:
        """Put a SUBMIT on air.

        Raises:
            RefusalError: no SIM, no service centre, no network; nothing went on air.
        """
        modem = self._modem
        require_sim(modem)
        if not modem.registered:
            raise RefusalError(cms=CMS_NO_SERVICE)
        if not modem.sim.smsc:
            raise RefusalError(cms=CMS_NO_SMSC)
        # Reject-duplicates only means something when the host's TP-MR survives: then the modem lets it stand.
        if not parse_submit(tpdu).rejects_duplicates:
            tpdu = with_reference(tpdu, modem.sim.next_mr())
        flight = self._flight = Flight(tpdu, command)
        self._unanswered.append(flight)
        for line in modem.faults.noise_in(NoisePlace.IN_SUBMIT):
            modem.unsolicited(line)
        modem.later(self._submit_s(), lambda: self._arrived(flight))

    def answer_is_lost(self) -> None:
        """The modem lost its power: what is on air stays on air, nobody will hear of it."""
        for flight in self._unanswered:
            flight.heard = False
        self._unanswered.clear()
        self._flight = self._prompt = None
        self._end_watch()

    def abandon(self) -> None:
        """The modem lost its power before the text was on air."""
        if self._flight is not None:
            self._flight.on_air = False

    # ------------------------------------------------------------------ the network answers

    def _arrived(self, flight: Flight) -> None:
        if not flight.on_air:
            return
        modem = self._modem
        self._ended_at = asyncio.get_running_loop().time()
        refusal = modem.faults.refusal_of(normalise(parse_submit(flight.tpdu).destination))
        if refusal is not None:
            final = None if refusal.cause is not None else "ERROR"
            self._finish(flight, RefusalError(cms=refusal.cause, final=final))
            return
        verdict = modem.centre.submit(self._modem.line, flight.tpdu)
        if verdict.cause is not None:
            self._finish(flight, RefusalError(cms=verdict.cause))
            return
        self._accepted(flight, silent=not verdict.answers or modem.faults.next_is_silent())

    def _accepted(self, flight: Flight, *, silent: bool) -> None:
        if not flight.heard:
            return
        modem = self._modem
        slow = None if silent else modem.faults.next_slow_answer()
        if slow is None and not silent:
            self._finish(flight, None)
            return
        if silent:
            self._unanswered.remove(flight)
        if silent or (slow is not None and slow.meanwhile):
            self._release(flight)
        if slow is not None:
            modem.later(slow.after_s - modem.settings.submit_s, lambda: self._finish(flight, None))

    def _finish(self, flight: Flight, refusal: RefusalError | None) -> None:
        if not flight.heard:
            return
        modem = self._modem
        self._unanswered.remove(flight)
        lines = (f"{flight.command}: {flight.tpdu[1]}",) if refusal is None else ()
        final = modem.word(refusal)
        if self._flight is not flight:
            modem.say_result(lines, final)
            return
        self._flight = None
        self._end_watch()
        modem.answer(lines, final, at_once=True)

    def _release(self, flight: Flight) -> None:
        if self._flight is flight:
            self._flight = None
            self._end_watch()
            self._modem.next_line()

    def _submit_s(self) -> float:
        settings, registers = self._modem.settings, self._modem.registers
        idle_s = LINK_KEPT_S
        if self._ended_at is not None:
            idle_s = asyncio.get_running_loop().time() - self._ended_at
        if registers.cmms == 1 and idle_s > LINK_KEPT_S:
            registers.cmms = 0
        kept = registers.cmms > 0 and idle_s < LINK_KEPT_S
        return settings.submit_s * (1 - settings.cmms_saving if kept else 1)

    # ------------------------------------------------------------------ checks

    def _checked(self, text: str, length: int) -> tuple[bytes, bytes]:
        text = text.strip()
        if not _PDU.fullmatch(text):
            raise RefusalError(cms=CMS_BAD_PDU)
        pdu = bytes.fromhex(text)
        tpdu = pdu[1 + pdu[0] :]
        if len(tpdu) != length:
            raise RefusalError(cms=CMS_BAD_PDU)
        try:
            parse_submit(tpdu)
            if self._modem.settings.strict:
                decode_submit(tpdu)
        except ValueError:  # a DecodeError is one too
            raise RefusalError(cms=CMS_BAD_PDU) from None
        return pdu, tpdu

    def _stored(self, pdu: bytes, tpdu: bytes, state: SlotState) -> int:
        store = self._modem.sim.stores[self._modem.registers.memories[1]]
        try:
            return store.put(Slot(state, pdu, len(tpdu)))
        except StoreFullError:
            raise RefusalError(cms=CMS_MEMORY_FULL) from None

    # ------------------------------------------------------------------ the cable

    def watch_for_cut(self, already: int) -> None:
        """A submit begins: ``already`` octets of it came before this chunk (negative: it begins later)."""
        if self._watched:
            return
        self._watched = True
        cut = self._cut = self._modem.faults.next_cut()
        if cut is None:
            return
        if cut.host_octet is not None:
            self._octets_left = max(0, cut.host_octet - already)
        else:
            self._modem.port.cut_after(cut.answer_octet, self._pull)

    def until_cut(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what arrives of a chunk before the cable is pulled, and pull it."""
        left = self._octets_left
        if left is None:
            yield chunk
        elif len(chunk) < left:
            self._octets_left = left - len(chunk)
            yield chunk
        else:
            if self._cut is not None:
                self._modem.port.pull(self._cut.away_s)  # first: what the last octet causes is not heard
            yield chunk[:left]
            self._pull()

    def _pull(self) -> None:
        cut = self._cut
        self._octets_left = self._cut = None
        if cut is not None:
            self._modem.unplug(cut.away_s, keeps_power=cut.keeps_power, on_air=cut.on_air)

    def _end_watch(self) -> None:
        # A cut by answer octets stays armed in the port: the end of this answer is still to be written.
        self._watched = False
        self._octets_left = None


def require_sim(modem: EmulatedModem) -> None:
    """Refuse an SMS command while the card is out or locked (27.005 §3.2.5)."""
    if not modem.sim.present:
        raise RefusalError(cms=CMS_SIM_MISSING)
    if modem.sim.pin_state != "READY":
        raise RefusalError(cms=CMS_PIN if modem.sim.pin_state == "SIM PIN" else CMS_PUK)

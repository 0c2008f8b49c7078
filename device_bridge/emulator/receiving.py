"""Owns a modem's way in: DELIVER and STATUS-REPORT straight to the host, or into a slot with a line about it.

Refuses to know the network's queue; each TPDU is answered once with RP-ACK or RP-ERROR.
Source: 3GPP TS 27.005 §3.4.1 (+CNMI), §3.4.4 (+CNMA), §3.2.1 (+CSMS), 23.038 clause 4 (class).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from device_bridge.emulator.frames import encode_address
from device_bridge.emulator.mailbox import Acknowledge, RpAnswer
from device_bridge.emulator.registers import Cnmi, RefusalError
from device_bridge.emulator.sim import Slot, SlotState, StoreFullError

if TYPE_CHECKING:
    from device_bridge.emulator.modem import EmulatedModem

CMS_NO_CNMA_EXPECTED: Final = 340


class Receiving:
    """One TPDU at a time; with +CSMS=1 the next one waits for +CNMA."""

    def __init__(self, modem: EmulatedModem) -> None:
        self._modem = modem
        self._waiting: Acknowledge | None = None
        self._timer: asyncio.TimerHandle | None = None

    def receive(self, tpdu: bytes, acknowledge: Acknowledge, *, report: bool) -> None:
        """Route one TPDU by +CNMI; ``acknowledge`` is called once, now or later."""
        cnmi = self._modem.registers.cnmi
        if report:
            if cnmi.ds == 0:
                acknowledge(RpAnswer.ACK)  # the report ends in the modem: nobody asked for it
            elif cnmi.ds == 1:
                self._direct(f"+CDS: {len(tpdu)}", tpdu, acknowledge)
            else:
                self._store(self._modem.registers.memories[2], "+CDSI", tpdu, acknowledge)
            return
        message_class = class_of(tpdu)
        if message_class == 2:
            self._store("SM", "+CMTI", tpdu, acknowledge)
        elif cnmi.mt == 2 or (cnmi.mt == 3 and message_class == 3):
            self._direct(f"+CMT: ,{len(tpdu)}", tpdu, acknowledge)
        else:
            self._store(self._modem.registers.memories[2], "+CMTI", tpdu, acknowledge)

    def acknowledge(self, answer: RpAnswer) -> None:
        """Carry out +CNMA; raises RefusalError 340 when nothing waits for it."""
        if self._waiting is None:
            raise RefusalError(cms=CMS_NO_CNMA_EXPECTED)
        self._settle(answer)

    def host_gone(self) -> None:
        """Nobody is left to acknowledge: RP-ERROR, the network keeps it."""
        self._settle(RpAnswer.ERROR)

    def close(self) -> None:
        """Stop the timer."""
        self._waiting = None
        self._stop_timer()

    def _direct(self, head: str, tpdu: bytes, acknowledge: Acknowledge) -> None:
        modem = self._modem
        if not modem.port.attached or modem.registers.cnmi.mode == 0:
            acknowledge(RpAnswer.ERROR)
            return
        modem.unsolicited(head, (self._centre() + tpdu).hex().upper())
        if modem.registers.csms == 0:
            acknowledge(RpAnswer.ACK)
            return
        self._waiting = acknowledge
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(modem.settings.ack_timeout_s, self._too_late)

    def _store(self, memory: str, word: str, tpdu: bytes, acknowledge: Acknowledge) -> None:
        modem = self._modem
        pdu = self._centre() + tpdu
        try:
            index = modem.sim.stores[memory].put(Slot(SlotState.UNREAD, pdu, len(tpdu)))
        except StoreFullError:
            acknowledge(RpAnswer.ERROR)
            return
        cnmi = modem.registers.cnmi
        if (cnmi.mt or word == "+CDSI") and cnmi.mode:
            modem.unsolicited(f'{word}: "{memory}",{index}')
        acknowledge(RpAnswer.ACK)

    def _too_late(self) -> None:
        # 27.005 §3.4.1: no +CNMA in time ends direct routing, without a word to the host.
        registers = self._modem.registers
        registers.cnmi = Cnmi(registers.cnmi.mode, 0, registers.cnmi.bm, 0, registers.cnmi.bfr)
        self._settle(RpAnswer.ERROR)

    def _settle(self, answer: RpAnswer) -> None:
        waiting, self._waiting = self._waiting, None
        self._stop_timer()
        if waiting is not None:
            waiting(answer)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _centre(self) -> bytes:
        number = self._modem.sim.smsc
        if not number:
            return b"\x00"
        address = encode_address(number)
        return bytes((len(address) - 1,)) + address[1:]


def class_of(tpdu: bytes) -> int | None:
    """Read the message class of a DELIVER; None when it has none or the octets are too few to tell."""
    if len(tpdu) < 2:
        return None
    position = 4 + (tpdu[1] + 1) // 2
    if position >= len(tpdu):
        return None
    dcs = tpdu[position]
    has_class = (dcs & 0x90 == 0x10 and dcs & 0xC0 <= 0x40) or dcs & 0xF0 == 0xF0
    return dcs & 0x03 if has_class else None

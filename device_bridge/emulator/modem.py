"""Owns one emulated modem: runs command lines in order, keeps answers and unsolicited lines apart.

Refuses to know sockets and what single commands do; ``commands`` tells, ``sending`` and ``receiving`` act.
Source: ITU-T V.250 §5, 3GPP TS 27.005 §3–4, 27.007 §8.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from device_bridge.emulator.command_line import Command, parse_command_line
from device_bridge.emulator.commands import Outcome, run_command
from device_bridge.emulator.faults import LineFaults, NoisePlace
from device_bridge.emulator.mailbox import Acknowledge
from device_bridge.emulator.port import Port, Wire
from device_bridge.emulator.receiving import Receiving
from device_bridge.emulator.registers import RefusalError, Registers
from device_bridge.emulator.sending import Prompt, Sending
from device_bridge.emulator.settings import NetworkSettings
from device_bridge.emulator.sim import PIN_TRIES, Sim
from device_bridge.emulator.smsc import ServiceCentre
from device_bridge.emulator.terminal import Terminal

OK: Final = "OK"
CMGS: Final = b"+CMGS="
HELD_LIMIT: Final = 256  # unsolicited lines kept while an answer or a prompt is open; older ones are lost


@dataclass(slots=True)
class Radio:
    """What the modem sees of the network. ``signal`` is the 0..31 of +CSQ, 99 unknown."""

    covered: bool = True
    signal: int = 20
    roaming: bool = False


class EmulatedModem:
    """One modem with its SIM on a network. Octets come in by ``octets_in``, go out to the attached wire."""

    def __init__(self, sim: Sim, centre: ServiceCentre, settings: NetworkSettings) -> None:
        self.sim = sim
        self.line: Final = sim.identity.line
        self.settings = settings
        self.faults = LineFaults()
        self.registers = Registers()
        self.radio = Radio()
        self.centre = centre
        self.port = Port(self._octets, settings.baudrate, exact=settings.exact_pacing)
        self.terminal = Terminal(self)
        self.sending = Sending(self)
        self.receiving = Receiving(self)
        self._lines: deque[str] = deque()
        self._held: deque[str] = deque(maxlen=HELD_LIMIT)
        self._answering = False
        self._running = False
        self._answer: asyncio.TimerHandle | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    # ------------------------------------------------------------------ what is plugged in

    def attach(self, wire: Wire) -> None:
        """Plug a host in. The newest one wins: a host that died may not have been noticed yet."""
        before = self.port.attach(wire)
        if before is not None:
            self.receiving.host_gone()
            before.drop(0)
        self.centre.mailbox(self.line).kick()

    def detach(self, wire: Wire) -> None:
        """The host closed its end. Settings, an open prompt and a text on its way stay as they are."""
        if self.port.detach(wire):
            self.receiving.host_gone()

    def octets_in(self, wire: Wire, chunk: bytes) -> None:
        """Take octets from the host."""
        self.port.from_peer(wire, chunk)

    def unplug(self, away_s: float = 0.0, *, keeps_power: bool = False, on_air: bool = True) -> None:
        """Pull the cable; the device is back after ``away_s``, as after power-on unless ``keeps_power``."""
        if not on_air and not keeps_power:
            self.sending.abandon()
        self.port.pull(away_s)
        self.receiving.host_gone()
        if not keeps_power:
            self.power_on()

    def power_on(self) -> None:
        """Start again: settings as from the factory, PIN asked again, the prompt closed, stores kept."""
        self.registers = Registers()
        self.terminal.reset()
        self._lines.clear()
        self._held.clear()
        self._answering = False
        if self._answer is not None:
            self._answer.cancel()
        self.sending.answer_is_lost()
        self.sim.unlocked = self.sim.pin is None
        self.centre.mailbox(self.line).kick()

    def restart(self) -> None:
        """Carry out +CFUN=1,1 without leaving the bus: settings as from the factory, PIN asked again."""
        self.registers = Registers()
        self.sim.unlocked = self.sim.pin is None

    def close(self) -> None:
        """End for good; no timer stays behind."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.port.close()
        self.receiving.close()

    # ------------------------------------------------------------------ what happens to the SIM and the radio

    @property
    def registered(self) -> bool:
        return self.sim.usable and self.radio.covered and self.registers.functionality == 1

    @property
    def registration(self) -> int:
        """<stat> of +CREG (27.007 §7.2)."""
        if not self.sim.usable or self.registers.functionality != 1:
            return 0
        if not self.radio.covered:
            return 2
        return 5 if self.radio.roaming else 1

    @property
    def reachable(self) -> bool:
        return self.registered

    def receive(self, tpdu: bytes, acknowledge: Acknowledge, *, report: bool) -> None:
        """Take a DELIVER or STATUS-REPORT from the network."""
        self.receiving.receive(tpdu, acknowledge, report=report)

    def remove_sim(self) -> None:
        """Take the card out of its holder."""
        self.sim.present = False
        self.unsolicited("+CPIN: NOT INSERTED")
        self.registration_changed()

    def insert_sim(self) -> None:
        """Put the card back; a card with a PIN asks for it."""
        self.sim.present = True
        self.sim.unlocked = self.sim.pin is None
        self.unsolicited(f"+CPIN: {self.sim.pin_state}")
        self.registration_changed()

    def require_pin(self, pin: str, tries: int = PIN_TRIES) -> None:
        """Lock the card with a PIN that has ``tries`` tries left (0 = PUK)."""
        self.sim.pin, self.sim.pin_tries, self.sim.unlocked = pin, tries, False
        self.registration_changed()

    def lose_network(self) -> None:
        """Drive into a tunnel."""
        self.radio.covered = False
        self.registration_changed()

    def restore_network(self) -> None:
        """Drive out of it."""
        self.radio.covered = True
        self.registration_changed()

    def fill_stores(self, *, full: bool = True) -> None:
        """Make every store full whatever it holds, or as full as it is."""
        for store in self.sim.stores.values():
            store.blocked = full
        if not full:
            self.memory_freed()

    def memory_freed(self) -> None:
        """Tell the network that there is room again (RP-SMMA)."""
        self.centre.mailbox(self.line).kick()

    def routing_changed(self) -> None:
        """Let the network try again what the host did not take before."""
        self.centre.mailbox(self.line).kick()

    def registration_changed(self) -> None:
        """Say so to a host that subscribed, and to the network."""
        for name, subscribed in self.registers.registration.items():
            if subscribed:
                self.unsolicited(f"{name}: {self.registration_text(subscribed)}")
        self.centre.mailbox(self.line).kick()

    def registration_text(self, subscribed: int) -> str:
        """Word <stat> with cell and area, when they were asked for and there are any."""
        stat = self.registration
        where = ',"00C3","0000CAFE"' if subscribed >= 2 and stat in {1, 5} else ""
        return f"{stat}{where}"

    # ------------------------------------------------------------------ what the terminal hears

    def on_echo(self, octets: bytes) -> None:
        if not self.faults.deaf:
            self.port.send(octets)

    def on_line(self, line: str) -> None:
        self._lines.append(line)
        self.next_line()

    def on_pdu(self, text: str) -> None:
        self.sending.pdu(text)

    def on_escape(self) -> None:
        self.sending.taken_back()
        self.answer((), OK)

    def next_line(self) -> None:
        """Run the next waiting command line, unless one is being answered, prompted for or on air."""
        if self._running:
            return
        self._running = True
        while self._lines and not (self._answering or self.terminal.prompting or self.sending.busy):
            line = self._lines.popleft()
            if "AT" in line.upper() and not self.faults.deaf:
                self._answering = True
                self._run(line)
        self._running = False

    # ------------------------------------------------------------------ what goes out

    def answer(self, lines: tuple[str, ...], final: str, *, at_once: bool = False) -> None:
        """Answer the command line under way after the answer latency, then say what was held back."""

        def write() -> None:
            noise = self.faults.noise_in(NoisePlace.BEFORE_ANSWER)
            self._write(self._framed(noise) + self._framed(self._with_noise(lines)) + self._final(final))
            self._answering = False
            self._say_held()
            self.next_line()

        self._answering = True
        self._answer = self.later(0.0 if at_once else self.settings.answer_latency_s, write)

    def refuse(self, refusal: RefusalError) -> None:
        """End the command under way with an error."""
        self.answer((), self.word(refusal))

    def word(self, refusal: RefusalError | None) -> str:
        """Word a final result as the host asked for it; None is OK."""
        return OK if refusal is None else self.registers.word_refusal(refusal, plain=self.faults.plain_errors)

    def unsolicited(self, *lines: str) -> None:
        """Say something by itself: now, or after the answer or prompt that is open."""
        self._say(self._framed(lines))

    def say_result(self, lines: tuple[str, ...], final: str) -> None:
        """Say a result that comes after the modem went on to other things."""
        self._say(self._framed(lines) + self._final(final))

    def burst(self, octets: bytes) -> None:
        """Send any octets now, as a bad contact does."""
        self.port.send(octets)

    def prompt(self) -> None:
        """Open the prompt."""

        def write() -> None:
            self._answering = False
            self.terminal.open_prompt()
            noise = self.faults.noise_in(NoisePlace.IN_PROMPT)
            self.port.send(self.faults.prompt.encode("latin-1"))
            self._write(self._framed(noise))

        self._answer = self.later(self.settings.answer_latency_s, write)

    def later(self, delay_s: float, act: Callable[[], None]) -> asyncio.TimerHandle | None:
        """Act after a delay, at once when there is none."""
        if delay_s <= 0:
            act()
            return None

        def run() -> None:
            self._timers.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(delay_s, run)
        self._timers.add(handle)
        return handle

    # ------------------------------------------------------------------ inside

    def _octets(self, chunk: bytes) -> None:
        if not self.terminal.prompting:
            heard = (self.terminal.half_line + chunk).upper()
            start = heard.find(CMGS)
            if start >= 0:
                begin = max(0, heard.rfind(b"AT", 0, start))
                self.sending.watch_for_cut(len(self.terminal.half_line) - begin)
        for piece in self.sending.until_cut(chunk):
            self.terminal.feed(piece, echo=self.registers.echo)

    def _run(self, line: str) -> None:
        commands = parse_command_line(line)
        lines: list[str] = []
        refusal: RefusalError | None = RefusalError() if commands is None else None
        try:
            for command in commands or ():
                outcome = self._run_one(command)
                if isinstance(outcome, Prompt):
                    self.sending.prompt_for(outcome)
                    return
                if outcome is None:
                    return
                lines.extend(outcome)
        except RefusalError as raised:
            refusal = raised
        except ValueError:  # an argument that is no number
            refusal = RefusalError(cme=50)
        self.answer(tuple(lines), self.word(refusal))

    def _run_one(self, command: Command) -> Outcome:
        final = self.faults.refuse_commands.get(command.name)
        if final is not None:
            raise RefusalError(final=final)
        return run_command(self, command)

    def _with_noise(self, lines: tuple[str, ...]) -> tuple[str, ...]:
        noise = self.faults.noise_in(NoisePlace.BETWEEN_LINES)
        if not noise:
            return lines
        return tuple(each for line in lines for each in (line, *noise))

    def _framed(self, lines: tuple[str, ...]) -> str:
        return self.registers.frame_lines(lines)

    def _final(self, final: str) -> str:
        return self.registers.frame_final(final)

    def _say(self, text: str) -> None:
        if self._answering or self.terminal.prompting:
            self._held.append(text)
        else:
            self._write(text)

    def _say_held(self) -> None:
        while self._held:
            self._write(self._held.popleft())

    def _write(self, text: str) -> None:
        if text and not self.faults.deaf:
            self.port.send(text.encode("latin-1"))

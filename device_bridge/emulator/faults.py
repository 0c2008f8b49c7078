"""Owns what may go wrong on one emulated line, as values that can be changed while the network runs.

Refuses to know how a modem carries them out.
Source: the complaints of the field: modems that answer late or never, cables pulled, noise on the port.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

ALWAYS: Final = -1


class NoisePlace(StrEnum):
    """Where the modem puts its noise lines."""

    BEFORE_ANSWER = "before_answer"
    BETWEEN_LINES = "between_lines"
    IN_PROMPT = "in_prompt"
    IN_SUBMIT = "in_submit"


@dataclass(frozen=True, slots=True)
class SlowAnswer:
    """+CMGS comes ``after_s`` after the PDU, though the SMSC took the text at the usual time.

    ``meanwhile``: the modem answers other commands while it waits; False keeps them until +CMGS is out.
    """

    after_s: float
    meanwhile: bool = True


@dataclass(frozen=True, slots=True)
class Cut:
    """The cable is pulled in a submit, at an octet counted from 1.

    ``host_octet`` counts what the host sends from the A of ``AT+CMGS=`` to Ctrl-Z, ``answer_octet`` what the
    modem sends back meanwhile, echo and prompt included; one beyond the end of the answer cuts what the modem
    says next. The device is away for ``away_s``, and comes back as after power-on unless ``keeps_power``.
    ``on_air`` False: a text that was handed over is lost with the power.
    """

    host_octet: int | None = None
    answer_octet: int | None = None
    away_s: float = 0.0
    keeps_power: bool = False
    on_air: bool = True

    def __post_init__(self) -> None:
        if (self.host_octet is None) == (self.answer_octet is None):
            raise ValueError("cut: name either host_octet or answer_octet")
        if (self.host_octet or self.answer_octet or 0) < 1:
            raise ValueError("cut: octets count from 1")


@dataclass(slots=True)
class NumberRefusal:
    """A text to one number ends in ``+CMS ERROR: cause`` (or plain ``ERROR``); ``times`` -1 = always."""

    cause: int | None
    times: int = ALWAYS


@dataclass(slots=True)
class LineFaults:
    """Everything that is wrong with one line now. ``…_times`` -1 = until it is changed, 0 = off.

    Attributes:
        slow_answer: Applied to the next ``slow_times`` submits.
        silent_times: Submits that the SMSC takes and the modem never answers.
        cut: Applied to the next ``cut_times`` submits.
        refuse_numbers: By destination as the network writes it ("+999…"), "*" for all.
        refuse_commands: Final result by command name, e.g. {"+CNMI": "ERROR", "+CNMA": "+CMS ERROR: 340"}.
        noise: Lines that appear at ``noise_at``.
        plain_errors: Every error is a bare ERROR, whatever +CMEE says.
        deaf: The modem reads and never answers anything.
        prompt: The octets of the prompt.
    """

    slow_answer: SlowAnswer | None = None
    slow_times: int = 0
    silent_times: int = 0
    cut: Cut | None = None
    cut_times: int = 0
    refuse_numbers: dict[str, NumberRefusal] = field(default_factory=dict)
    refuse_commands: dict[str, str] = field(default_factory=dict)
    noise: tuple[str, ...] = ()
    noise_at: frozenset[NoisePlace] = frozenset()
    plain_errors: bool = False
    deaf: bool = False
    prompt: str = "\r\n> "

    def noise_in(self, place: NoisePlace) -> tuple[str, ...]:
        """Return the noise lines of a place."""
        return self.noise if place in self.noise_at else ()

    def next_slow_answer(self) -> SlowAnswer | None:
        """Use up one slow answer, if one is due."""
        if self.slow_answer is None or self.slow_times == 0:
            return None
        self.slow_times -= self.slow_times > 0
        return self.slow_answer

    def next_is_silent(self) -> bool:
        """Use up one silent submit, if one is due."""
        if self.silent_times == 0:
            return False
        self.silent_times -= self.silent_times > 0
        return True

    def next_cut(self) -> Cut | None:
        """Use up one cut, if one is due."""
        if self.cut is None or self.cut_times == 0:
            return None
        self.cut_times -= self.cut_times > 0
        return self.cut

    def refusal_of(self, destination: str) -> NumberRefusal | None:
        """Use up one refusal of a number, if one is due."""
        refusal = self.refuse_numbers.get(destination) or self.refuse_numbers.get("*")
        if refusal is None or refusal.times == 0:
            return None
        refusal.times -= refusal.times > 0
        return refusal

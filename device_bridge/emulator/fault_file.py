"""Owns the TOML of a fault script: which line misbehaves, and how, from the start.

Refuses to carry faults out; it checks the file and sets what the modems already know.
Source: ``gateway emulate --faults FILE``.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from device_bridge.emulator.faults import ALWAYS, Cut, LineFaults, NoisePlace, NumberRefusal, SlowAnswer

if TYPE_CHECKING:
    from device_bridge.emulator.network import EmulatedNetwork


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SlowKey(_Strict):
    """``slow = {after_s, times, meanwhile}``."""

    after_s: float = Field(ge=0, le=86_400)
    times: int = ALWAYS
    meanwhile: bool = True


class CutKey(_Strict):
    """``cut = {host_octet | answer_octet, away_s, times, keeps_power, on_air}``."""

    host_octet: int | None = Field(default=None, ge=1)
    answer_octet: int | None = Field(default=None, ge=1)
    away_s: float = Field(default=0.0, ge=0, le=86_400)
    times: int = 1
    keeps_power: bool = False
    on_air: bool = True

    @model_validator(mode="after")
    def _one_place(self) -> CutKey:
        if (self.host_octet is None) == (self.answer_octet is None):
            raise ValueError("name either host_octet or answer_octet")
        return self


class RefuseKey(_Strict):
    """``refuse = [{to, cause, times}]``; without ``cause`` a plain ERROR, ``to = "*"`` for every number."""

    to: str
    cause: int | None = Field(default=None, ge=0, le=65_535)
    times: int = ALWAYS


class LineScript(_Strict):
    """One ``[[line]]``: everything that is wrong with it."""

    number: int = Field(ge=1, le=999)
    slow: SlowKey | None = None
    silent_times: int = 0
    cut: CutKey | None = None
    refuse: tuple[RefuseKey, ...] = ()
    refuse_commands: dict[str, str] = Field(default_factory=dict)
    noise: tuple[str, ...] = ()
    noise_at: frozenset[NoisePlace] = frozenset()
    plain_errors: bool = False
    deaf: bool = False
    prompt: str = "\r\n> "
    sim: bool = True
    pin: str | None = Field(default=None, pattern=r"^\d{4,8}$")
    pin_tries: int = Field(default=3, ge=0, le=3)
    network: bool = True
    store_full: bool = False

    def apply_to(self, network: EmulatedNetwork) -> None:
        """Set the faults on the line that this script names; raises ValueError when there is no such line."""
        if self.number > network.settings.lines:
            raise ValueError(f"line number {self.number}: the network has {network.settings.lines} lines")
        modem = network.modem(self.number)
        modem.faults = self._faults()
        if self.pin is not None:
            modem.require_pin(self.pin, self.pin_tries)
        if not self.sim:
            modem.remove_sim()
        if not self.network:
            modem.lose_network()
        if self.store_full:
            modem.fill_stores()

    def _faults(self) -> LineFaults:
        slow, cut = self.slow, self.cut
        return LineFaults(
            slow_answer=SlowAnswer(slow.after_s, slow.meanwhile) if slow else None,
            slow_times=slow.times if slow else 0,
            silent_times=self.silent_times,
            cut=Cut(cut.host_octet, cut.answer_octet, cut.away_s, cut.keeps_power, cut.on_air)
            if cut
            else None,
            cut_times=cut.times if cut else 0,
            refuse_numbers={each.to: NumberRefusal(each.cause, each.times) for each in self.refuse},
            refuse_commands={name.upper(): final for name, final in self.refuse_commands.items()},
            noise=self.noise,
            noise_at=self.noise_at,
            plain_errors=self.plain_errors,
            deaf=self.deaf,
            prompt=self.prompt,
        )


class _Script(_Strict):
    line: tuple[LineScript, ...] = ()


def load_faults(path: Path) -> tuple[LineScript, ...]:
    """Read a fault script.

    Raises:
        ValueError: the file is no TOML or a key is wrong; the message names file, key and reason.
    """
    try:
        return _Script.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).line
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(step) for step in first["loc"])
        raise ValueError(f"{path}: {key}: {first['msg']}") from error

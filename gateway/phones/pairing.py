"""Owns pairing codes: short-lived, used once, a few tries, kept in memory only.

Knows no phone, no proof and no clock of its own; who tries a code takes its try before it looks.
Source: rules CMP-1; docs/link.md, *Pairing*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.http.services import PairingState

LIFE_S = 300
"""Five minutes: time to find the phone and open the app, too short to be found in a photograph later."""

TRIES = 5

LONG_CHARACTERS = 26
"""130 bits, for the QR code or the cable."""

TYPED_CHARACTERS = 8
"""40 bits: enough for five tries within five minutes, short enough to be typed."""

OPEN_MAX = 64
"""Pairings open at a time, and as many that have ended; beyond it the oldest goes. Twenty phones on one hub are the
most that was measured."""


@dataclass(slots=True)
class Pairing:
    """One pairing that may be used. ``serialno`` is that of the phone whose cable the code goes over, None on the LAN.

    ``typed_code`` is None where nobody types. ``ticket`` names it in the address of its page; None over a cable, which
    has no page. ``used_by`` is the install id of the phone that has its key. Times: monotonic s.
    """

    code: str
    typed_code: str | None
    serialno: str | None
    ends_s: float
    tries_left: int = TRIES
    used: bool = False
    ticket: str | None = None
    used_by: str | None = None

    def state(self, now_s: float) -> PairingState:
        """Say whether it may still be used, and if not, why."""
        if self.used:
            return "used"
        if self.ends_s <= now_s:
            return "over"
        return "open" if self.tries_left > 0 else "spent"

    def codes(self) -> tuple[str, ...]:
        """Both codes, the long one first."""
        return (self.code,) if self.typed_code is None else (self.code, self.typed_code)


class Pairings:
    """The pairings that are open."""

    def __init__(self, make_code: Callable[[int], str], monotonic_s: Callable[[], float]) -> None:
        self._make_code = make_code
        self._monotonic_s = monotonic_s
        self._open: list[Pairing] = []
        self._ended: list[Pairing] = []

    def begin(self, serialno: str | None = None) -> Pairing:
        """Make a pairing; a code for the same cable ends the one before."""
        self._forget_ended()
        if serialno is not None:
            self._open = [pairing for pairing in self._open if pairing.serialno != serialno]
        typed = self._make_code(TYPED_CHARACTERS) if serialno is None else None
        ends_s = self._monotonic_s() + LIFE_S
        pairing = Pairing(self._make_code(LONG_CHARACTERS), typed, serialno, ends_s)
        if serialno is None:
            pairing.ticket = self._make_code(LONG_CHARACTERS)
        self._open = [*self._open, pairing][-OPEN_MAX:]
        return pairing

    def attempt(self, *, cable: bool) -> tuple[Pairing, ...]:
        """Take one try of every pairing that a request of this way could mean, newest first.

        A try is taken before the proof is looked at, so that requests at the same time do not share one. Codes made
        for a cable are good for the cable only; codes made for people are good on both ways.
        """
        self._forget_ended()
        meant = [p for p in reversed(self._open) if cable or p.serialno is None]
        for pairing in meant:
            pairing.tries_left -= 1
        return tuple(meant)

    def use(self, tried: tuple[Pairing, ...], right: Pairing) -> bool:
        """End the pairing whose code was right and give the others their try back; False when it was used meanwhile."""
        for pairing in tried:
            if pairing is not right:
                pairing.tries_left += 1
        # Not asked of the list: the fifth try may be right, and a sixth has struck the pairing off it meanwhile.
        first = not right.used
        right.used = True
        return first

    def of(self, ticket: str) -> Pairing | None:
        """Find a pairing by its ticket, also one that has ended: its page says so in words."""
        self._forget_ended()
        return next((p for p in (*self._open, *self._ended) if p.ticket == ticket), None)

    def waits_for(self, serialno: str) -> bool:
        """Say whether a code for this phone's cable is open."""
        self._forget_ended()
        return any(pairing.serialno == serialno for pairing in self._open)

    def _forget_ended(self) -> None:
        now_s = self._monotonic_s()
        ended = [p for p in self._open if p.state(now_s) != "open"]
        if ended:
            self._open = [p for p in self._open if p.state(now_s) == "open"]
            self._ended = [*self._ended, *(p for p in ended if p.ticket is not None)][-OPEN_MAX:]

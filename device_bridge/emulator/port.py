"""Owns the way of octets between a modem and whoever is plugged in: line speed, and cutting the cable.

Refuses to know AT; a wire carries octets, the modem makes and takes them.
Source: asynchronous serial framing 8N1, 10 bits per octet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

BITS_PER_OCTET: Final = 10


class Wire(Protocol):
    """One attached peer."""

    def write(self, octets: bytes) -> None:
        """Send without waiting; octets for a peer that is gone are lost."""
        ...

    def drop(self, away_s: float) -> None:
        """Pull the cable now and plug it in again after ``away_s``."""
        ...


class Port:
    """Paces octets both ways; only the arrival of the last octet of a chunk counts, unless ``exact``."""

    def __init__(self, receive: Callable[[bytes], None], baudrate: int | None, *, exact: bool) -> None:
        self._receive = receive
        self._octet_s = BITS_PER_OCTET / baudrate if baudrate else 0.0
        self._exact = exact
        self._wire: Wire | None = None
        self._in_free_at = 0.0
        self._out_free_at = 0.0
        self._arriving: set[asyncio.TimerHandle] = set()
        self._leaving: set[asyncio.TimerHandle] = set()
        self._cut_after: int | None = None
        self._cut: Callable[[], None] | None = None

    @property
    def attached(self) -> bool:
        return self._wire is not None

    def attach(self, wire: Wire) -> Wire | None:
        """Plug a peer in; returns the one that it replaces."""
        before, self._wire = self._wire, wire
        self._forget_answers()
        return before

    def detach(self, wire: Wire) -> bool:
        """Let a peer go; False when another one has taken its place. What it has sent still arrives."""
        if self._wire is not wire:
            return False
        self._wire = None
        self._forget_answers()
        return True

    def cut_after(self, octets: int | None, cut: Callable[[], None] | None = None) -> None:
        """Call ``cut`` when so many more octets have been sent to the peer; None takes it back."""
        self._cut_after, self._cut = octets, cut

    def pull(self, away_s: float) -> None:
        """Pull the cable: what is on its way in either direction is lost."""
        wire, self._wire = self._wire, None
        self.close()
        if wire is not None:
            wire.drop(away_s)

    def from_peer(self, wire: Wire, chunk: bytes) -> None:
        """Take octets of the peer and hand them on when the last one would have arrived."""
        if wire is not self._wire:
            return
        if not self._octet_s:
            self._receive(chunk)
            return
        self._in_free_at = self._pace(self._in_free_at, chunk, self._receive, self._arriving)

    def send(self, octets: bytes) -> None:
        """Send octets to the peer; without one they are lost, as on a port that nobody has open."""
        if self._wire is None:
            return
        if not self._octet_s:
            self._write(octets)
            return
        self._out_free_at = self._pace(self._out_free_at, octets, self._write, self._leaving)

    def close(self) -> None:
        """Forget what is on its way; no timer stays behind."""
        for timer in self._arriving:
            timer.cancel()
        self._arriving.clear()
        self._in_free_at = 0.0
        self._forget_answers()

    def _pace(
        self, free_at: float, octets: bytes, act: Callable[[bytes], None], timers: set[asyncio.TimerHandle]
    ) -> float:
        start = max(free_at, asyncio.get_running_loop().time())
        pieces = [octets[i : i + 1] for i in range(len(octets))] if self._exact else [octets]
        when = start
        for piece in pieces:
            when += len(piece) * self._octet_s
            _at(when, piece, act, timers)
        return when

    def _write(self, octets: bytes) -> None:
        if self._wire is None:
            return
        if self._cut_after is None or len(octets) < self._cut_after:
            self._wire.write(octets)
            if self._cut_after is not None:
                self._cut_after -= len(octets)
            return
        self._wire.write(octets[: self._cut_after])
        cut, self._cut_after, self._cut = self._cut, None, None
        if cut is not None:
            cut()

    def _forget_answers(self) -> None:
        for timer in self._leaving:
            timer.cancel()
        self._leaving.clear()
        self._cut_after, self._cut = None, None
        self._out_free_at = 0.0


def _at(when: float, octets: bytes, act: Callable[[bytes], None], timers: set[asyncio.TimerHandle]) -> None:
    def run() -> None:
        timers.discard(handle)
        act(octets)

    handle = asyncio.get_running_loop().call_at(when, run)
    timers.add(handle)

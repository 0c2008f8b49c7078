"""Owns the pseudo-terminal of one emulated modem: a symbolic link that programs open like a serial port.

Refuses to know AT; octets go to and from the modem.
Source: pty(7): a master whose slave nobody has open reads EIO and polls POLLHUP until it is opened again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import tty
from pathlib import Path
from typing import Final

from device_bridge.emulator.modem import EmulatedModem

OPEN_POLL_S: Final = (
    0.1  # there is no event for "somebody opened the slave"; 0.1 s only delays the first answer
)
READ_OCTETS: Final = 4096


class PtyLine:
    """One pty that outlives the programs that open it."""

    def __init__(self, modem: EmulatedModem, path: Path) -> None:
        self._modem = modem
        self._path = path
        self._master: int | None = None
        self._open = False
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Make the pty and its link, and wait for a program to open it."""
        if self._path.exists() and not self._path.is_symlink():
            raise FileExistsError(f"{self._path}: exists and is no symbolic link; choose another --pty path")
        self._master, slave = os.openpty()
        os.set_blocking(self._master, False)
        tty.setraw(slave)
        self._path.unlink(missing_ok=True)
        self._path.symlink_to(os.ttyname(slave))
        os.close(slave)
        self._wait_for_open()

    async def close(self) -> None:
        """Remove the link and close the pty."""
        self._shut()

    # ------------------------------------------------------------------ Wire

    def write(self, octets: bytes) -> None:
        """Send to the host; what it does not read in time is lost, as in a UART without flow control."""
        if self._master is not None:
            with contextlib.suppress(OSError):
                os.write(self._master, octets)

    def drop(self, away_s: float) -> None:
        """The stick leaves the bus: the pty goes, and a new one comes at the same link."""
        self._shut()
        self._timer = asyncio.get_running_loop().call_later(max(0.0, away_s), self.start)

    # ------------------------------------------------------------------ inside

    def _wait_for_open(self) -> None:
        if self._master is None:
            return
        poll = select.poll()
        poll.register(self._master, 0)
        hung_up = any(event & select.POLLHUP for _fd, event in poll.poll(0))
        loop = asyncio.get_running_loop()
        if hung_up:
            self._timer = loop.call_later(OPEN_POLL_S, self._wait_for_open)
            return
        self._open = True
        self._modem.attach(self)
        loop.add_reader(self._master, self._readable)

    def _readable(self) -> None:
        if self._master is None:
            return
        try:
            chunk = os.read(self._master, READ_OCTETS)
        except BlockingIOError:
            return
        except OSError:  # EIO: the last program closed it
            self._hung_up()
            return
        self._modem.octets_in(self, chunk)

    def _hung_up(self) -> None:
        self._stop_reading()
        self._modem.detach(self)
        self._wait_for_open()

    def _stop_reading(self) -> None:
        if self._open and self._master is not None:
            asyncio.get_running_loop().remove_reader(self._master)
        self._open = False

    def _shut(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._stop_reading()
        if self._master is not None:
            os.close(self._master)
            self._master = None
            self._path.unlink(missing_ok=True)

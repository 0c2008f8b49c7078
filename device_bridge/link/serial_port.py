"""Owns a serial byte link: a tty or pty opened exclusively, read by the loop, written without blocking.

Refuses to know what the bytes mean.
Source: POSIX termios; tty_ioctl(4) for TIOCEXCL; proc(5) to name who holds a port.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import termios
from pathlib import Path
from typing import Final

import serial

from device_bridge.errors import LinkLost
from device_bridge.link.base import ByteLink, OnBytes, PortUnavailable
from device_bridge.link.threads import in_thread

OPEN_TIMEOUT_S = 8.0
"""Seconds for open(2) and its ioctls; a healthy port takes milliseconds, a wedged USB stick up to 5 s per transfer."""

READ_CHUNK: Final = 4096
_BUSY: Final = frozenset({errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK})
_GONE: Final = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO})


class SerialLink:
    """An open port; owns its descriptor until ``close``."""

    def __init__(self, port: serial.Serial, on_bytes: OnBytes) -> None:
        self._port = port
        self._fd: int = port.fileno()
        self._on_bytes = on_bytes
        self._backlog = bytearray()
        self._loop = asyncio.get_running_loop()
        self._closed: asyncio.Future[LinkLost] = self._loop.create_future()
        self._loop.add_reader(self._fd, self._readable)

    @property
    def closed(self) -> asyncio.Future[LinkLost]:
        return self._closed

    def write(self, octets: bytes) -> None:
        if self._closed.done():
            raise LinkLost("the port is closed")
        if self._backlog:
            self._backlog += octets
            return
        written = self._write_some(octets)
        if self._closed.done():
            raise LinkLost("the port went away")
        if written < len(octets):
            self._backlog += octets[written:]
            self._loop.add_writer(self._fd, self._writable)

    def close(self) -> None:
        self._finish("closed by us")

    def _readable(self) -> None:
        try:
            octets = os.read(self._fd, READ_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._finish(f"read failed: {error.strerror}")
            return
        if octets:
            self._on_bytes(octets)
        else:
            self._finish("the device hung up")

    def _writable(self) -> None:
        del self._backlog[: self._write_some(bytes(self._backlog))]
        if not self._backlog and not self._closed.done():
            self._loop.remove_writer(self._fd)

    def _write_some(self, octets: bytes) -> int:
        try:
            return os.write(self._fd, octets)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self._finish(f"write failed: {error.strerror}")
            return 0

    def _finish(self, reason: str) -> None:
        if self._closed.done():
            return
        self._closed.set_result(LinkLost(reason))
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        with contextlib.suppress(OSError, termios.error):
            # Without the flush close(2) may wait seconds for a device that no longer takes bytes. One that is gone
            # altogether ends in termios.error, which is no OSError.
            termios.tcflush(self._fd, termios.TCOFLUSH)
        with contextlib.suppress(OSError, serial.SerialException):
            self._port.close()


async def open_serial(path: str, baudrate: int, on_bytes: OnBytes) -> ByteLink:
    """Open a tty or pty for us alone.

    Raises:
        PortUnavailable: missing, denied, held by another program, or no serial port at all.

    On air: never
    """
    try:
        port = await in_thread(lambda: _open(path, baudrate), OPEN_TIMEOUT_S, serial.Serial.close)
    except TimeoutError as error:
        hint = f"{path} does not open within {OPEN_TIMEOUT_S:.0f} s; unplug the device for 10 s"
        raise PortUnavailable("modem_silent", hint) from error
    return SerialLink(port, on_bytes)


def _open(path: str, baudrate: int) -> serial.Serial:
    try:
        # The file locks of pyserial (exclusive) keep out every program that takes them too.
        port = serial.Serial(path, baudrate, timeout=0, write_timeout=0, exclusive=True)
    except (OSError, ValueError, termios.error) as error:
        raise _unavailable(path, baudrate, error) from error
    try:
        _prepare(port.fileno())
    except (OSError, termios.error) as error:
        port.close()
        raise _unavailable(path, baudrate, error) from error
    return port


def _prepare(fd: int) -> None:
    attributes = termios.tcgetattr(fd)
    attributes[2] &= ~termios.HUPCL  # closing must not drop DTR: many modems reset or lose settings on that
    attributes[6][termios.VMIN] = 1  # so that an empty read means hang-up and nothing else
    attributes[6][termios.VTIME] = 0
    termios.tcsetattr(fd, termios.TCSANOW, attributes)
    if not os.ttyname(fd).startswith("/dev/pts/"):
        # Keeps out programs without file locks. Not on a pty: there the flag outlives an owner that was killed.
        fcntl.ioctl(fd, termios.TIOCEXCL)


def _unavailable(path: str, baudrate: int, error: Exception) -> PortUnavailable:
    number = getattr(error, "errno", None)
    if number is None and error.args and isinstance(error.args[0], int):
        number = error.args[0]
    if number in {errno.EACCES, errno.EPERM}:
        hint = f"No permission for {path}: run `sudo usermod -aG dialout $USER` and log in again"
        return PortUnavailable("port_denied", hint)
    if number in _BUSY:
        holder = port_holder(path)
        who = f"{holder} holds {path}: stop it" if holder else f"Another program holds {path}: stop it"
        if holder and "ModemManager" in holder:
            who += ', or tell ModemManager to leave this device alone (udev: ENV{ID_MM_DEVICE_IGNORE}="1")'
        return PortUnavailable("port_busy", who)
    if number in _GONE:
        return PortUnavailable("device_lost", f"{path} is not there: plug the modem in, or correct the port")
    if isinstance(error, ValueError):
        return PortUnavailable("device_not_ready", f"{path} does not take baudrate {baudrate}")
    return PortUnavailable("device_not_ready", f"{path} is no usable serial port ({error})")


def port_holder(path: str, proc: Path = Path("/proc")) -> str | None:
    """Name the process that has a device open, where we may see it.

    Returns:
        "ModemManager (process 812)", or None when it cannot be seen.
    """
    wanted = os.path.realpath(path)
    for process in proc.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if os.readlink(descriptor) == wanted:  # noqa: PTH115  # the link's text, not a path to follow
                        name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                        return f"{name} (process {process.name})"
    return None

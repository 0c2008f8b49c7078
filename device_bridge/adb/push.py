"""Owns writing a file on a phone by adbutils: in a thread of its own, ended by its sockets when time is up.

Refuses adbutils' two surprises: starting a server when none answers, and waiting without end.
Source: adbutils 2.12 (`_adb.py`, `sync.py`); its reads have no deadline and its default is 600 s.
"""

from __future__ import annotations

import io
import socket
import stat
import struct
from contextlib import suppress
from typing import Final

from adbutils import AdbClient, AdbConnection
from adbutils.errors import AdbConnectionError
from adbutils.errors import AdbError as AdbutilsError

from device_bridge.adb import wire
from device_bridge.adb.errors import AdbError, NoServer, Offline, Refused, Wedged, of_fail_text
from device_bridge.link.threads import in_thread

CONNECT_TIMEOUT_S: Final = 3.0  # the server is on this computer or next door
_MODE: Final = stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH  # pm runs as another user


async def push_file(server: tuple[str, int], serial: str, file: tuple[bytes, str], timeout_s: float) -> None:
    """Write ``file`` (its octets and its path on the phone).

    Raises:
        Wedged: not done in time; the thread ends at once, for its sockets are closed under it.
        NoServer, Unauthorised, Offline, Refused: as they say.

    On air: never
    """
    if not wire.is_plain_serial(serial):
        raise Refused(f"{wire.shown(serial)!r} cannot be the serial number of a phone")
    octets, path = file
    client = _Client(*server)

    def work() -> int:
        try:
            return int(client.device(serial).sync.push(io.BytesIO(octets), path, mode=_MODE, check=True))
        finally:
            client.close()

    try:
        await in_thread(work, timeout_s, discard=lambda _written: None)
    except TimeoutError as error:
        hint = "Unplug the phone and plug it in again; if that does not help, restart the phone"
        raise Wedged(f"{path} was not written within {timeout_s:g} s", hint) from error
    except AdbutilsError as error:
        raise _ours(error) from error
    except (OSError, EOFError, AssertionError, ValueError, struct.error) as error:
        # A stream that ends in the middle shows itself as whatever adbutils was reading at the time.
        raise Offline("the phone went away while a file was written", "Check the cable") from error
    finally:
        client.end()


def _ours(error: AdbutilsError) -> AdbError:
    text = wire.shown(str(error))
    if "connect to adb server" in text:
        return NoServer("no adb server answers")
    if text in {"FAIL", ""}:
        # adbutils drops the phone's reason; a full or read-only /data is the usual one.
        return Refused("the phone does not take the file", "Free some space on the phone")
    return of_fail_text(text)


class _Connection(AdbConnection):
    def __init__(self, host: str, port: int) -> None:
        self._at = (host, port)
        super().__init__(host, port)

    def _safe_connect(self) -> socket.socket:
        # The base would run `adb start-server` where none answers, and leave its socket open.
        try:
            made = socket.create_connection(self._at, CONNECT_TIMEOUT_S)
        except OSError as error:
            raise AdbConnectionError("connect to adb server failed") from error
        # No timeout from here on: adbutils uses send(), which on a socket with one may send half a chunk.
        made.settimeout(None)
        return made


class _Client(AdbClient):
    """Keeps the sockets that it opened, so that they can be ended from another thread."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._opened: list[socket.socket] = []
        self._ended = False

    def make_connection(self, timeout: float | None = None) -> AdbConnection:  # noqa: ARG002
        connection = _Connection(self.host, self.port)
        self._opened.append(connection.conn)
        if self._ended:
            self.end()
        return connection

    def end(self) -> None:
        """Wake the thread that reads or writes; safe from any thread."""
        self._ended = True
        for each in tuple(self._opened):
            with suppress(OSError):  # closed already, or the other end was first
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close what adbutils leaves open where it fails; in the thread that used it."""
        for each in self._opened:
            each.close()

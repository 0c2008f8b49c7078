"""Owns the sync service (STAT, LST2, LIST, SEND, RECV, QUIT) on the phone's small file system.

Refuses to know what a file is for.
Source: the platform's SYNC.TXT and file_sync_protocol.h.
"""

from __future__ import annotations

import struct

from tests.peers.adb_device_wire import Stream, TransportGone

REGULAR, DIRECTORY = 0o100644, 0o040771
SEND_LIMIT = 64 * 1024
NO_SUCH_FILE = 2
WRITABLE = ("/data/local/tmp/", "/sdcard/")


async def serve_sync(stream: Stream, files: dict[str, bytes]) -> None:
    """Serve requests until QUIT or the end of the stream."""
    while True:
        try:
            kind, size = struct.unpack("<4sI", await stream.readexactly(8))
        except TransportGone:
            return
        if kind == b"QUIT":
            return
        path = (await stream.readexactly(size)).decode("utf-8", "replace")
        if kind == b"STAT":
            mode, length = _mode(path, files)
            await stream.write(struct.pack("<4sIII", b"STAT", mode, length, 0))
        elif kind in (b"LST2", b"STA2"):
            await stream.write(_stat2(kind, path, files))
        elif kind == b"LIST":
            await _list(stream, path, files)
        elif kind == b"SEND":
            await _send(stream, path, files)
        elif kind == b"RECV":
            await _recv(stream, path, files)
        else:
            await _fail(stream, f"unknown command {kind.hex()}")
            return


def _mode(path: str, files: dict[str, bytes]) -> tuple[int, int]:
    if path in files:
        return REGULAR, len(files[path])
    inside = path.rstrip("/") + "/"
    if inside in WRITABLE or any(known.startswith(inside) for known in files):
        return DIRECTORY, 0
    return 0, 0


def _stat2(kind: bytes, path: str, files: dict[str, bytes]) -> bytes:
    mode, length = _mode(path, files)
    error = 0 if mode else NO_SUCH_FILE
    return struct.pack("<4sIQQIIIIQqqq", kind, error, 0, 0, mode, 1, 2000, 2000, length, 0, 0, 0)


async def _list(stream: Stream, path: str, files: dict[str, bytes]) -> None:
    inside = path.rstrip("/") + "/"
    for known, content in files.items():
        name = known.removeprefix(inside).encode()
        if known.startswith(inside) and b"/" not in name:
            await stream.write(struct.pack("<4sIIII", b"DENT", REGULAR, len(content), 0, len(name)) + name)
    await stream.write(struct.pack("<4sIIII", b"DONE", 0, 0, 0, 0))


async def _send(stream: Stream, target: str, files: dict[str, bytes]) -> None:
    path, _, _ = target.rpartition(",")
    gathered = b""
    while True:
        kind, size = struct.unpack("<4sI", await stream.readexactly(8))
        if kind == b"DONE":
            break
        if kind != b"DATA" or size > SEND_LIMIT:
            await _fail(stream, "invalid data message")
            return
        gathered += await stream.readexactly(size)
    if not path.startswith(WRITABLE):
        await _fail(stream, f"couldn't create file: Permission denied: {path}")
        return
    files[path] = gathered
    await stream.write(struct.pack("<4sI", b"OKAY", 0))


async def _recv(stream: Stream, path: str, files: dict[str, bytes]) -> None:
    if path not in files:
        await _fail(stream, "open failed: No such file or directory")
        return
    content = files[path]
    for start in range(0, len(content), SEND_LIMIT):
        piece = content[start : start + SEND_LIMIT]
        await stream.write(struct.pack("<4sI", b"DATA", len(piece)) + piece)
    await stream.write(struct.pack("<4sI", b"DONE", 0))


async def _fail(stream: Stream, text: str) -> None:
    message = text.encode()
    await stream.write(struct.pack("<4sI", b"FAIL", len(message)) + message)

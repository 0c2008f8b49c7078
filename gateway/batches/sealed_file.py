"""Owns an uploaded file that waits until its batch is sent: without a name, sealed, and gone with the process.

Knows no format. Its key is only in this object's memory, so that nobody can read the octets later, wherever the system
keeps its temporary files.
Source: rules API-3 (100 MiB); AES-256-GCM (NIST SP 800-38D): one key for each file, nonces are counted.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from typing import IO

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLOCK_OCTETS = 64 * 1024
"""Sealed at a time; what is read is held in memory by one of these."""

_NONCE_OCTETS = 12
_TAG_OCTETS = 16


class SealedFile:
    """Octets that are written once, piece by piece, and read as often as needed. Close it to be rid of them."""

    def __init__(self) -> None:
        self.octets = 0
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._file: IO[bytes] | None = None
        self._begun = bytearray()
        self._blocks = 0

    async def write(self, chunk: bytes) -> None:
        """Add octets. Raises OSError when there is no room."""
        self.octets += len(chunk)
        self._begun += chunk
        while len(self._begun) >= BLOCK_OCTETS:
            await self._keep(bytes(self._begun[:BLOCK_OCTETS]))
            del self._begun[:BLOCK_OCTETS]

    async def _keep(self, block: bytes) -> None:
        sealed = self._cipher.encrypt(_nonce(self._blocks), block, None)
        await asyncio.to_thread(self._append, sealed)
        self._blocks += 1

    def _append(self, sealed: bytes) -> None:
        if self._file is None:
            # Unnamed from the beginning: nothing is left of it when the process ends, however it ends.
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as this object
        self._file.write(sealed)
        self._file.flush()

    async def read(self, piece_octets: int) -> AsyncIterator[bytes]:
        """Give the octets again from the beginning, at most ``piece_octets`` at a time, to any number of readers."""
        for number in range(self._blocks):
            sealed = await asyncio.to_thread(self._sealed, number)
            block = self._cipher.decrypt(_nonce(number), sealed, None)
            for first in range(0, len(block), piece_octets):
                yield block[first : first + piece_octets]
        rest = bytes(self._begun)
        for first in range(0, len(rest), piece_octets):
            yield rest[first : first + piece_octets]

    def _sealed(self, number: int) -> bytes:
        size = BLOCK_OCTETS + _TAG_OCTETS
        if self._file is None:
            raise ValueError("the file is closed")
        # At a place of its own: readers share one position of the file otherwise.
        return _pread(self._file.fileno(), size, number * size)

    def close(self) -> None:
        """Forget the octets."""
        self._begun.clear()
        if self._file is not None:
            self._file.close()
            self._file = None


def _pread(descriptor: int, size: int, place: int) -> bytes:
    octets = bytearray()
    while len(octets) < size:
        some = os.pread(descriptor, size - len(octets), place + len(octets))
        if not some:
            raise OSError("the temporary file is shorter than it was written")
        octets += some
    return bytes(octets)


def _nonce(number: int) -> bytes:
    return number.to_bytes(_NONCE_OCTETS, "big")

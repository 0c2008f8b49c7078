"""Owns writing a file that holds a key: whole or not at all, for its owner only, never over another's.

Refuses to know what the key is for.
Source: rules TLS-1 (key files 0600, their folder 0700); link(2) for the one winner of two that start at once.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def write_once(path: Path, octets: bytes) -> None:
    """Put a new key file (0600) in place; when one has appeared meanwhile, that one stays.

    Raises:
        OSError: the folder cannot be made or written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        # Half a key would keep every later start from succeeding; of two at once the first one's key counts for both.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(partial)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a new name in ``folder`` survive a power cut: a phone may trust the key a second later."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

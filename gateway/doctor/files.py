"""Owns findings about files: the data directory, keys, the database, room on the disk.

Knows no content of any file.
Source: rules TLS-1 (keys 0600, directory 0700).
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from gateway.datadir import DataDir
from gateway.doctor.finding import Finding
from gateway.doctor.fixes import ModeFix

FREE_STOPS_BYTES = 64 * 1024 * 1024
"""Below this the database's log may not find room for one busy minute."""

FREE_TROUBLE_BYTES = 512 * 1024 * 1024

WAL_TROUBLE_BYTES = 256 * 1024 * 1024
"""A checkpoint empties the log every few seconds; at this size something has kept it from that for a long time."""

_WIDE = {
    "app.pem": "It signs the app on your phones; while others can read it, no phone is set up.",
    "link.key": "Phones on Wi-Fi know this gateway by it; while others can read it, they are not let in.",
}
"""What an open key means where it does not keep the gateway from starting."""


def examine_files(folder: DataDir, database: Path, *, encrypted: bool) -> list[Finding]:
    """Look at what stands in the data directory; one that does not exist yet is only a note."""
    root = folder.root
    if not root.exists():
        return [
            Finding(
                "no_data", "note", str(root), "No server has run here yet", hint="Start one: gateway serve"
            )
        ]
    found = [*_modes(folder), *_room(root)]
    if database.exists():
        found += [*_writable(database), *_log(database)]
        if encrypted and not folder.key_ring.exists() and not os.environ.get("GATEWAY_DATA_KEYS"):
            found.append(
                Finding(
                    "data_keys_missing",
                    "stops",
                    str(folder.key_ring),
                    "The keys of the stored texts are missing",
                    "Texts that are stored cannot be read; a new key would not open them.",
                    "Put keys/data.json back from where it is kept beside the backups.",
                )
            )
    return found


def _modes(folder: DataDir) -> list[Finding]:
    files = (folder.cli_key, folder.server_file, folder.root / "gateway.db", *_inside(folder.keys))
    wanted = {folder.root: 0o700, folder.keys: 0o700, **dict.fromkeys(files, 0o600)}
    found = []
    for path, mode in wanted.items():
        try:
            actual = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if actual & 0o077:
            found.append(
                Finding(
                    "mode_too_wide",
                    "stops" if path in (folder.root, folder.key_ring) else "trouble",
                    str(path),
                    f"Other accounts can reach {path.name} (mode {actual:04o})",
                    _WIDE.get(
                        path.name, "It holds keys or texts; the gateway refuses to start with open keys."
                    ),
                    f"chmod {mode:o} {path}",
                    ModeFix(path, mode),
                )
            )
    return found or [Finding("modes", "ok", str(folder.root), "Only this account can read keys and texts")]


def _inside(keys: Path) -> list[Path]:
    """List what stands in the folder of keys: data.json, and app.pem and link.key once there was a phone."""
    try:
        return sorted(keys.iterdir())
    except OSError:
        return []


def _room(root: Path) -> list[Finding]:
    free = shutil.disk_usage(root).free
    if free >= FREE_TROUBLE_BYTES:
        return [Finding("disk", "ok", str(root), f"{free // 1_000_000_000} GB free")]
    return [
        Finding(
            "disk_full",
            "stops" if free < FREE_STOPS_BYTES else "trouble",
            str(root),
            f"Only {free // 1_000_000} MB are free where the database is",
            "When the disk is full, nothing is accepted and nothing is sent (503 storage_unavailable).",
            "Make room; the gateway goes on by itself.",
        )
    ]


def _writable(database: Path) -> list[Finding]:
    if os.access(database, os.R_OK | os.W_OK):
        return [Finding("database", "ok", str(database), "Database can be written")]
    owner = database.stat().st_uid
    return [
        Finding(
            "database_denied",
            "stops",
            str(database),
            "This account may not write the database",
            f"It belongs to user id {owner}, this is {os.geteuid()}.",
            f"Run the gateway as its owner, or: sudo chown -R {os.geteuid()} {database.parent}",
        )
    ]


def _log(database: Path) -> list[Finding]:
    log = database.with_name(f"{database.name}-wal")
    try:
        size = log.stat().st_size
    except OSError:
        return []
    if size < WAL_TROUBLE_BYTES:
        return []
    return [
        Finding(
            "wal_large",
            "trouble",
            str(log),
            f"The database's log has grown to {size // 1_000_000} MB",
            "Reading gets slower and the disk fills; another program holds the database open.",
            "Close whatever reads gateway.db (a backup, a shell), or start the gateway again.",
        )
    ]

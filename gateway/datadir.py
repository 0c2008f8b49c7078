"""Owns where things stand in the data directory, and who may read it.

Knows nothing of what the files hold.
Source: file modes by rules TLS-1 (keys 0600, directory 0700).
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class DataDirError(Exception):
    """The data directory cannot be used. ``hint`` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class DataDir:
    """The data directory of one gateway."""

    root: Path

    @property
    def server_file(self) -> Path:
        """``{"url": …}`` of the server that runs or ran last, 0600."""
        return self.root / "server.json"

    @property
    def cli_key(self) -> Path:
        """The live key named "cli" that commands on this machine use, 0600."""
        return self.root / "cli.key"

    @property
    def keys(self) -> Path:
        """Folder of the keys for data at rest, 0700."""
        return self.root / "keys"

    @property
    def key_ring(self) -> Path:
        """The keys that texts are sealed with, 0600."""
        return self.keys / "data.json"

    @property
    def app_key(self) -> Path:
        """The key that signs the companion app, 0600: with another one no phone takes an update."""
        return self.keys / "app.pem"

    def prepare(self) -> None:
        """Make the directory (0700), or make sure that nobody else can read the one that is there.

        Raises:
            DataDirError: a link, not a directory, not ours, or full of somebody else's files.
        """
        if self.root.is_symlink():
            raise DataDirError(f"{self.root} is a link", "name the directory itself: --data-dir DIR")
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            wide = self.root.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
            if wide and not self._is_ours():
                raise DataDirError(
                    f"{self.root} is open to others and holds other files",
                    "name a directory of its own: --data-dir DIR",
                )
            if wide:
                self.root.chmod(0o700)
        except FileExistsError:
            raise DataDirError(
                f"{self.root} is not a directory", "name another one: --data-dir DIR"
            ) from None
        except OSError as e:
            raise DataDirError(
                f"{self.root} cannot be used: {e.strerror}", "name a directory that you own: --data-dir DIR"
            ) from None

    def _is_ours(self) -> bool:
        names = {entry.name for entry in self.root.iterdir()}
        return not names or bool(names & {"gateway.db", "gateway.lock", "keys"})


def resolve_data_dir(chosen: Path | None, environ: Mapping[str, str]) -> Path:
    """Say where the data directory is: the command line, else ``GATEWAY_DATA_DIR``, else ``./data``."""
    return (chosen or Path(environ.get("GATEWAY_DATA_DIR") or "data")).absolute()

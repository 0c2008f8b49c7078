"""Owns what several commands settle first: the configuration, the data directory and the store on it.

Knows no command. Errors of all three become the two lines of the command line.
Source: the interface page of the project (GATEWAY_CONFIG, GATEWAY_DATA_DIR, GATEWAY_DATA_KEYS).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from gateway.cli.failure import CliError
from gateway.datadir import DataDir, DataDirError, resolve_data_dir

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.config import Config
    from gateway.store.sqlite import SqliteStore


def config_of(arguments: argparse.Namespace, overrides: Mapping[str, object] | None = None) -> Config:
    """Load the configuration, or end with status 1 and the line that names file and key."""
    from gateway.config import ConfigError, load

    try:
        return load(arguments.config, os.environ, overrides)
    except ConfigError as e:
        named = arguments.config or os.environ.get("GATEWAY_CONFIG")
        if named and not os.access(named, os.R_OK):
            raise CliError(str(e), "name a file that can be read: --config FILE or GATEWAY_CONFIG") from None
        raise CliError(str(e), "every key is listed in config.example.toml and docs/config.md") from None


def data_dir_of(arguments: argparse.Namespace) -> DataDir:
    """Find the data directory; it may not exist yet."""
    return DataDir(resolve_data_dir(arguments.data_dir, os.environ))


@contextmanager
def startup_errors() -> Iterator[None]:
    """Turn a data directory, key ring or database that cannot be used into the two lines."""
    from gateway.startup import CannotStart
    from gateway.store.protocol import StoreUnavailable

    try:
        yield
    except DataDirError as e:
        raise CliError(str(e), e.hint) from None
    except (CannotStart, StoreUnavailable) as e:
        raise _in_two_lines(str(e)) from None


def _in_two_lines(text: str) -> CliError:
    """Part a sentence that ends with what to do."""
    for verb in ("run", "stop", "choose"):
        for mark in (": ", "; "):
            message, found, rest = text.partition(f"{mark}{verb} ")
            if found:
                return CliError(message, f"{verb} {rest}")
    return CliError(text, "gateway doctor looks at files, modes and the disk")


@asynccontextmanager
async def open_store(config: Config, folder: DataDir, path: Path | None = None) -> AsyncIterator[SqliteStore]:
    """Open the store (or one on another file) for one command and close it again; a server may have it open too."""
    from gateway import startup
    from gateway.clock import SystemClock

    store = await startup.open_store(folder, config, SystemClock(), path)
    try:
        yield store
    finally:
        await store.close()

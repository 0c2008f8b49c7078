"""Owns ``gateway migrate``, ``backup`` and ``restore``: the verbs on the database file.

Knows the store's verbs and which files belong together; no table.
Source: a restore holds what is not final, because an old backup must not send again.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.failure import CliError
from gateway.cli.output import Screen, note, screen
from gateway.cli.settled import config_of, data_dir_of, open_store, startup_errors

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.datadir import DataDir

_SQLITE_MAGIC = b"SQLite format 3\x00"  # https://www.sqlite.org/fileformat.html §1.3


def migrate(arguments: argparse.Namespace) -> int:
    """Bring the database to this version after a copy of it; ``gateway serve`` does the same by itself."""
    from gateway.startup import only_one

    config, folder = config_of(arguments), data_dir_of(arguments)

    async def run() -> None:
        async with open_store(config, folder):
            pass

    with startup_errors():
        folder.prepare()
        with only_one(folder):
            asyncio.run(run())
    place = str(config.store.path(folder.root))
    _tell(screen(arguments), {"database": place}, f"{place} is up to date", [place])
    return 0


def backup(arguments: argparse.Namespace) -> int:
    """Write a consistent copy, mode 0600, also while the server works."""
    from gateway.clock import SystemClock
    from gateway.startup import store_of

    config, folder = config_of(arguments), data_dir_of(arguments)
    source, target = config.store.path(folder.root), Path(arguments.file)
    if not source.exists():
        raise CliError(f"there is no database at {source}", "name its directory: --data-dir DIR")
    if target.exists():
        raise CliError(f"{target} exists", "name a new file; a backup replaces nothing")
    try:
        with startup_errors():
            asyncio.run(store_of(folder, config, SystemClock()).backup(target))
    except OSError as e:
        raise CliError(f"{target} cannot be written: {e.strerror}", "check the folder and the disk") from None
    octets = target.stat().st_size
    written = {"file": str(target), "bytes": octets}
    _tell(screen(arguments), written, f"{target}  {octets:,} bytes", [target, octets])
    if config.store.encrypt:
        note(
            f"note: texts in it are encrypted. Keep {folder.key_ring} as well, in another safe place: "
            "without it nobody can read them."
        )
    return 0


def restore(arguments: argparse.Namespace) -> int:
    """Put a backup in place of the database; everything not final is held until ``restore --release``."""
    from gateway.startup import only_one

    if arguments.release == (arguments.file is not None):
        raise CliError(
            "restore takes a FILE, or --release, not both", "gateway restore --help", exit_status=2
        )
    config, folder = config_of(arguments), data_dir_of(arguments)
    with startup_errors():
        folder.prepare()
        with only_one(folder):
            if arguments.release:
                return _release(screen(arguments), config, folder)
            return _replace(screen(arguments), config, folder, Path(arguments.file))


def _replace(out: Screen, config: Config, folder: DataDir, source: Path) -> int:
    """Hold everything in a copy first: there is no moment at which an old backup could send."""
    _check(source)
    place = config.store.path(folder.root)
    fresh = place.with_name(f"{place.name}.restoring")
    for tail in ("", "-wal", "-shm"):
        _beside(fresh, tail).unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    shutil.copyfile(source, fresh)
    try:
        held = asyncio.run(_hold(config, folder, fresh))
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    kept = _keep(config, folder, place)
    fresh.replace(place)
    # It may belong to a key that the backup does not know; the next start makes another.
    folder.cli_key.unlink(missing_ok=True)
    waits = "message waits" if held == 1 else "messages wait"
    done = {"restored": str(source), "held": held, "kept": str(kept) if kept is not None else None}
    words = f"restored {source}\n{held} {waits}, held; nothing is sent by itself"
    _tell(out, done, words, [source, held, kept])
    if kept is not None:
        note(f"the database before is kept as {kept}")
    if held:
        note(
            "Look at them (state held). Let them go with: gateway restore --release; or cancel them one by one."
        )
    return 0


def _keep(config: Config, folder: DataDir, place: Path) -> Path | None:
    """Give the present database a second name, its log moved into it; returns that name."""
    if not place.exists():
        return None
    from gateway.startup import CannotStart

    with contextlib.suppress(CannotStart):  # a damaged one is kept as it is
        asyncio.run(_settle(config, folder))
    kept = place.with_name(f"{place.name}.before-restore-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    for tail in ("", "-wal"):
        if _beside(place, tail).exists():
            _beside(kept, tail).hardlink_to(_beside(place, tail))
    # SQLite would take a log that is left beside the file for the new database's.
    for tail in ("-wal", "-shm"):
        _beside(place, tail).unlink(missing_ok=True)
    return kept


def _beside(place: Path, tail: str) -> Path:
    return place.with_name(place.name + tail)


async def _settle(config: Config, folder: DataDir) -> None:
    async with open_store(config, folder):
        pass


async def _hold(config: Config, folder: DataDir, place: Path) -> int:
    async with open_store(config, folder, place) as store:
        return await store.hold_restored()


def _release(out: Screen, config: Config, folder: DataDir) -> int:
    async def run() -> int:
        async with open_store(config, folder) as store:
            return await store.release_restored("default", "cli")

    released = asyncio.run(run())
    go = "message goes" if released == 1 else "messages go"
    _tell(out, {"released": released}, f"{released} {go} out when the server runs", [released])
    return 0


def _tell(out: Screen, document: dict[str, object], words: str, record: Sequence[object]) -> None:
    """Say what was done: a sentence to a person, a record or a document to a program."""
    if out.as_json:
        out.document(document)
    elif out.terminal:
        for line in words.splitlines():
            out.line(line)
    else:
        out.table((), [record])


def _check(source: Path) -> None:
    try:
        with source.open("rb") as f:
            magic = f.read(len(_SQLITE_MAGIC))
    except OSError as e:
        raise CliError(
            f"{source} cannot be read: {e.strerror}", "name a file that `gateway backup` made"
        ) from None
    if magic != _SQLITE_MAGIC:
        raise CliError(f"{source} is not a database", "name a file that `gateway backup` made")

"""Owns ``gateway serve``: from arguments to a running gateway, and what a person reads when it listens.

Knows the supervisor's options and nothing of what it starts. The announcement goes to standard output, the log to
standard error.
Source: rules KEY-9 (a short admin key, an open address); the notes on the first minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.failure import CliError
from gateway.cli.settled import config_of, data_dir_of, startup_errors
from gateway.datadir import DataDir, resolve_data_dir
from gateway.escape import escape
from gateway.loopback import is_loopback

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.log_tail import LogTail
    from gateway.supervisor import Announcement

ADMIN_KEY_SHORTEST = 24
"""Shorter ones are only for loopback (rules KEY-9)."""

ADMIN_KEY_GOOD = 32


def serve(arguments: argparse.Namespace) -> int:
    """Run the gateway until SIGINT or SIGTERM."""
    overrides = {f"server.{k}": v for k in ("host", "port") if (v := getattr(arguments, k)) is not None}
    config = config_of(arguments, overrides)
    folder = data_dir_of(arguments)
    admin_key = os.environ.get("GATEWAY_ADMIN_KEY") or None
    _check_admin_key(config, admin_key)
    with startup_errors():
        folder.prepare()
    from gateway.log_tail import LogTail

    tail = LogTail()
    with _logging(config, folder, tail) as let_go, startup_errors():
        _warn(config, admin_key)
        from gateway.config.load import origins_of
        from gateway.supervisor import ServeOptions
        from gateway.supervisor import serve as supervise

        options = ServeOptions(
            config=config,
            data_dir=folder.root,
            simulate=arguments.simulate,
            admin_key=admin_key,
            announce=lambda said: _announce(said, folder, let_go),
            tell=lambda line: print(escape(line), flush=True),
            origins=origins_of(arguments.config, os.environ, overrides),
            log_tail=tail,
        )
        return asyncio.run(supervise(options))


@contextmanager
def _logging(config: Config, folder: DataDir, tail: LogTail) -> Iterator[Callable[[], None]]:
    """Start the log, which a person at a terminal reads below the greeting; gives what lets go of it.

    A start that fails shows what it did until then.
    """
    from gateway.log import LogSettings, configure, load_pepper

    settings = LogSettings(
        config.log.level, config.log.format, config.log.numbers, pepper=load_pepper(folder.keys)
    )
    let_go = configure(settings, after_greeting=True, tail=tail)
    try:
        yield let_go
    finally:
        let_go()


# ------------------------------------------------------------------ what is dangerous


def _check_admin_key(config: Config, admin_key: str | None) -> None:
    if admin_key is not None and len(admin_key) < ADMIN_KEY_SHORTEST and not is_loopback(config.server.host):
        raise CliError(
            f"GATEWAY_ADMIN_KEY has {len(admin_key)} characters and {config.server.host} lets others try to guess it",
            f"use {ADMIN_KEY_GOOD} random ones: openssl rand -hex 16; or listen on 127.0.0.1",
        )


def _warn(config: Config, admin_key: str | None) -> None:
    import structlog

    log = structlog.get_logger("gateway.cli")
    if admin_key is not None and len(admin_key) < ADMIN_KEY_GOOD:
        log.warning("serve.admin_key_short", hint="use 32 random characters: openssl rand -hex 16")
    server = config.server
    if not is_loopback(server.host) and server.tls_cert is None and not server.trusted_proxies:
        log.warning(
            "serve.open_without_tls",
            host=server.host,
            hint="API keys and texts cross the network readable: set server.tls_cert and tls_key, "
            "or put a proxy before it and name it in server.trusted_proxies",
        )
    if server.tls_key is not None and server.tls_key.exists() and server.tls_key.stat().st_mode & 0o007:
        raise CliError(f"{server.tls_key} can be read by everybody", f"run: chmod 600 {server.tls_key}")


# ------------------------------------------------------------------ what a person reads


def _announce(said: Announcement, folder: DataDir, let_log_go: Callable[[], None]) -> None:
    print("\n".join(announcement(said, folder)), flush=True)
    let_log_go()


def announcement(said: Announcement, folder: DataDir) -> list[str]:
    """Write what a person is told: address, what is attached, keys once, and lines that work as they stand."""
    own, there = _own_name(), _where(folder)
    lines = [f"Gateway at {said.url}", _attached(said), f"Dashboard    {said.sign_in}"]
    lines += [f"{'':12} opens once, within 15 minutes; another one: {own} login{there}"]
    if said.live_key is not None and said.sandbox_key is not None:
        lines += [
            "",
            f"Live key     {said.live_key}",
            f"Sandbox key  {said.sandbox_key}",
            f"Both are shown this once. Make more: {own} keys create --name NAME{there}",
        ]
    if said.emulated_lines:
        lines += ["", "Send a text into the sandbox:", *_curl(said, folder.cli_key)]
        lines += ["and watch one arrive:", f'  {own} send +99900000001 "Hello" --wait{there}']
    return [*lines, "", f"API: {said.url}/docs   Stop: Ctrl-C", ""]


def _attached(said: Announcement) -> str:
    emulated = _count(said.emulated_lines, "emulated line") if said.emulated_lines else "no emulated lines"
    real = [f"{_count(said.modems, 'modem')} configured"] if said.modems else []
    real += [f"{_count(said.phones, 'phone')} paired"] if said.phones else []
    if not real:
        return f"{emulated}, nothing real attached (a modem or phone that is plugged in is found by itself)"
    return ", ".join([emulated, *real])


def _own_name() -> str:
    """Say how this program was called, so that the lines work where they are pasted."""
    called = Path(sys.argv[0])
    found = shutil.which("gateway")
    if found is not None and called.name == "gateway" and Path(found).resolve() == called.resolve():
        return "gateway"
    if called.name != "gateway":
        return f"{Path(sys.executable).name} -m gateway"
    return str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called)


def _where(folder: DataDir) -> str:
    if folder.root == resolve_data_dir(None, os.environ):
        return ""
    return f" --data-dir {shlex.quote(str(folder.root))}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _curl(said: Announcement, cli_key: Path) -> list[str]:
    # After the first start nobody knows the keys any more; the command line's own key file serves as well.
    key = said.sandbox_key or f"$(cat {shlex.quote(str(cli_key))})"
    return [
        f'  curl -sS {said.url}/api/v1/messages -H "Authorization: Bearer {key}" \\',
        """    -H 'Content-Type: application/json' -d '{"to":"+99900000001","text":"Hello"}'""",
    ]

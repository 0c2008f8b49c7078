"""Owns ``gateway emulate``: from arguments to an emulated network that runs until it is ended.

Knows the emulator's settings and nothing of the gateway.
Source: the interface page of the project.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import re

from gateway.cli.failure import CliError


def emulate(arguments: argparse.Namespace) -> int:
    """Run emulated modems until SIGINT or SIGTERM; prints one line per modem with its address and number."""
    from device_bridge.emulator import EmulateSettings, NetworkSettings, run_emulator

    places = len(arguments.tcp) + len(arguments.pty)
    count = arguments.lines or places or 2
    if places > count:
        raise CliError(
            f"{places} places for {count} modems",
            "raise --lines, or leave a --tcp or --pty out",
            exit_status=2,
        )
    try:
        settings = EmulateSettings(
            NetworkSettings(
                lines=count,
                submit_s=arguments.submit_s,
                report_delay_s=arguments.report_delay_s,
                answer_latency_s=arguments.answer_latency_s,
                baudrate=arguments.baudrate,
                sandbox_only=arguments.sandbox_only,
                seed=arguments.seed,
            ),
            tcp_ports=tuple(arguments.tcp),
            pty_paths=tuple(arguments.pty),
            faults_file=arguments.faults,
            log_file=arguments.log,
        )
    except ValueError as e:
        raise CliError(str(e), "gateway emulate --help", exit_status=2) from None
    try:
        asyncio.run(run_emulator(settings))
    except ValueError as e:
        raise CliError(f"{arguments.faults}: {e}") from None
    except OSError as e:
        raise _cannot_start(e) from None
    return 0


def _cannot_start(error: OSError) -> CliError:
    if error.errno == errno.EADDRINUSE:
        # asyncio says: error while attempting to bind on address ('127.0.0.1', 7001): address already in use
        port = re.search(r"(\d+)\): ", str(error))
        which = f"port {port[1]}" if port else "the port"
        return CliError(f"{which} is in use by another program", "choose another one: --tcp PORT")
    return CliError(f"cannot start: {error.strerror or error}", "is another program on that port or path?")

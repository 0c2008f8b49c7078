"""Owns the program that runs an emulated network until it is told to stop.

Refuses to parse command lines; settings come in, addresses go out on standard output.
Source: ``gateway emulate`` of the product.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable

from device_bridge.emulator.fault_file import load_faults
from device_bridge.emulator.network import EmulatedNetwork
from device_bridge.emulator.settings import EmulateSettings


def wall_ms() -> int:
    """UTC now, integer milliseconds."""
    return time.time_ns() // 1_000_000


def _to_stdout(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def run_emulator(settings: EmulateSettings, say: Callable[[str], None] = _to_stdout) -> None:
    """Run a network of emulated modems until SIGTERM or SIGINT.

    Says one line per modem: its number in the list, its address as a serial port URL or path, its MSISDN and
    ICCID, separated by blanks; then ``ready``.

    Raises:
        OSError: a port or path is taken.
        ValueError: the fault file is wrong; the message names key and line.

    On air: never
    """
    faults = load_faults(settings.faults_file) if settings.faults_file is not None else ()
    network = EmulatedNetwork(settings.network, wall_ms)
    try:
        if settings.log_file is not None:
            network.centre.log_to(settings.log_file)
        for fault in faults:
            fault.apply_to(network)
        for line in range(1, settings.network.lines + 1):
            address = await _start(network, settings, line)
            identity = network.modem(line).sim.identity
            say(f"{line} {address} {identity.number} {identity.iccid}")
        say("ready")
        await _until_stopped()
    finally:
        await network.close()


async def _start(network: EmulatedNetwork, settings: EmulateSettings, line: int) -> str:
    position = line - 1
    ptys = settings.pty_paths
    tcp = settings.tcp_ports
    if len(tcp) <= position < len(tcp) + len(ptys):
        path = ptys[position - len(tcp)]
        await network.start_pty(line, path)
        return str(path)
    port = await network.start_tcp(line, tcp[position] if position < len(tcp) else 0)
    return f"socket://127.0.0.1:{port}"


async def _until_stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await stop.wait()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

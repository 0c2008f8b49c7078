"""Owns the command line of ``python -m device_bridge.emulator``.

Refuses to know anything but argparse and settings.
Source: the same options as ``gateway emulate``.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from device_bridge.emulator.run import run_emulator
from device_bridge.emulator.settings import EmulateSettings, NetworkSettings


def _parser() -> argparse.ArgumentParser:
    defaults = NetworkSettings()
    parser = argparse.ArgumentParser(
        prog="python -m device_bridge.emulator", description="Emulated GSM modems on one network."
    )
    add = parser.add_argument
    add(
        "--lines",
        type=int,
        default=None,
        help="number of modems (default: as many as --tcp and --pty name, or 2)",
    )
    add("--tcp", type=int, action="append", default=[], metavar="PORT", help="TCP port on 127.0.0.1; 0 = any")
    add(
        "--pty",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="symbolic link to a pseudo-terminal",
    )
    add("--submit-s", type=float, default=defaults.submit_s, help="seconds from PDU to +CMGS")
    add(
        "--report-delay-s", type=float, default=defaults.report_delay_s, help="seconds to the delivery report"
    )
    add(
        "--answer-latency-s", type=float, default=defaults.answer_latency_s, help="seconds before each answer"
    )
    add(
        "--cmms-saving",
        type=float,
        default=defaults.cmms_saving,
        help="share of submit time saved by AT+CMMS",
    )
    add("--baudrate", type=int, default=None, help="pace octets at this speed (default: no pacing)")
    add("--sandbox-only", action="store_true", help="refuse numbers outside +999")
    add("--no-sandbox-numbers", action="store_true", help="deliver to +9990000000N like to any other number")
    add("--seed", type=int, default=defaults.seed, help="chooses ICCID, IMSI and IMEI")
    add("--faults", type=Path, default=None, metavar="FILE", help="TOML fault script")
    add(
        "--log",
        type=Path,
        default=None,
        metavar="FILE",
        help="append one JSON line per text that went on air",
    )
    return parser


def _settings(arguments: argparse.Namespace) -> EmulateSettings:
    named = len(arguments.tcp) + len(arguments.pty)
    network = NetworkSettings(
        lines=arguments.lines if arguments.lines is not None else named or 2,
        submit_s=arguments.submit_s,
        cmms_saving=arguments.cmms_saving,
        report_delay_s=arguments.report_delay_s,
        answer_latency_s=arguments.answer_latency_s,
        baudrate=arguments.baudrate,
        sandbox_numbers=not arguments.no_sandbox_numbers,
        sandbox_only=arguments.sandbox_only,
        seed=arguments.seed,
    )
    return EmulateSettings(
        network, tuple(arguments.tcp), tuple(arguments.pty), arguments.faults, arguments.log
    )


def main(argv: list[str] | None = None) -> int:
    """Run until a signal; 0 done, 1 refused with one line on stderr, 2 usage."""
    arguments = _parser().parse_args(argv)
    try:
        asyncio.run(run_emulator(_settings(arguments)))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"emulator: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Owns ``gateway service``: carries a plan out on this machine, or shows it.

Knows no text of unit or rules; needs root to write, and says so.
Source: the notes on the command line; systemd's sd_booted(3) (/run/systemd/system).
"""

from __future__ import annotations

import argparse
import grp
import os
import pwd
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.failure import CliError
from gateway.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.service import File, Plan, ServiceSettings

_SERIAL_GROUPS = ("dialout", "uucp")
_PHONE_GROUPS = ("plugdev", "adbusers")
_HIDDEN_HOMES = ("/home", "/root", "/run/user")
"""Places that ``ProtectHome`` hides from a service."""

_COMMAND_S = 120.0
"""A restart waits for a text on air: 35 s, and some for a slow machine."""


def install(arguments: argparse.Namespace) -> int:
    """Install the service, or bring an installation up to date."""
    from gateway.service import install as planned
    from gateway.service import refuse_user
    from gateway.service.settings import DATA_DIR, NAME

    if (refused := refuse_user(arguments.user)) is not None:
        raise CliError(f'"{arguments.user}" cannot be the user of the service: {refused}', exit_status=2)
    settings = _settings(arguments.user)
    plan = planned(settings, user_exists=_exists(pwd.getpwnam, arguments.user))
    if arguments.print:
        _show(plan)
        return 0
    _may_write(arguments, "install")
    _reachable(settings.program)
    _carry_out(plan, arguments.root)
    keys = shlex.join(
        ["sudo", "-u", settings.user, str(settings.program), "login", "--data-dir", str(DATA_DIR)]
    )
    print(f"The service {NAME} runs as {settings.user}. Look after it: systemctl status {NAME}")
    print(f"Open the dashboard: {keys}")
    return 0


def uninstall(arguments: argparse.Namespace) -> int:
    """Stop the service and take unit and rules away; what people own stays."""
    from gateway.service import uninstall as planned
    from gateway.service.settings import CONFIG, DATA_DIR, NAME

    plan = planned()
    if arguments.print:
        _show(plan)
        return 0
    _may_write(arguments, "uninstall")
    _carry_out(plan, arguments.root)
    print(
        f"The service {NAME} is gone. {DATA_DIR}, {CONFIG} and the user stay; remove them by hand if you want to."
    )
    return 0


def _settings(user: str) -> ServiceSettings:
    from gateway.service import ServiceSettings

    return ServiceSettings(user, _program(), _first_group(_SERIAL_GROUPS), _first_group(_PHONE_GROUPS))


def _program() -> Path:
    """Find the command that this is: beside the interpreter where it was installed with it."""
    beside = Path(sys.executable).parent / "gateway"
    return beside if beside.is_file() else Path(sys.argv[0]).resolve()


def _first_group(names: Iterable[str]) -> str | None:
    return next((name for name in names if _exists(grp.getgrnam, name)), None)


def _exists(find: object, name: str) -> bool:
    try:
        find(name)  # type: ignore[operator]
    except KeyError:
        return False
    return True


def _may_write(arguments: argparse.Namespace, verb: str) -> None:
    if arguments.root is not None:
        return
    if os.geteuid() != 0:
        raise CliError(
            "a service belongs to the whole machine, so root has to change it",
            f"sudo {shlex.quote(str(_program()))} service {verb}; --print shows what it would do",
        )
    if not Path("/run/systemd/system").is_dir():
        raise CliError(
            "this machine does not run systemd",
            "--print shows unit and rules; let what starts your programs run `gateway serve`",
        )


def _reachable(program: Path) -> None:
    """Refuse a place that the service could not read: it would fail at the start with a riddle."""
    if any(program.is_relative_to(home) for home in _HIDDEN_HOMES):
        raise CliError(
            f"the program stands in {program.parent}, which a service may not read",
            "put the gateway into /opt/sms-gateway, run `make setup` there, and install the service from there",
        )


def _show(plan: Plan) -> None:
    for command in plan.before:
        print(f"# run: {shlex.join(command)}")
    for file in plan.files:
        kept = ", kept if it exists" if file.keep else ""
        owner = f"root:{file.group}" if file.group else "root:root"
        print(f"# ---- {file.path} (mode {file.mode:04o}, {owner}{kept})\n{file.text}")
    for path in plan.remove:
        print(f"# remove: {path}")
    for command in plan.after:
        print(f"# run: {shlex.join(command)}")


def _carry_out(plan: Plan, root: Path | None) -> None:
    for command in plan.before:
        # What is taken away may be gone already: then there is nothing to stop.
        _run(command, root, may_fail=bool(plan.remove))
    for file in plan.files:
        _write(file, root)
    for path in plan.remove:
        _below(root, path).unlink(missing_ok=True)
        note(f"removed {path}")
    for command in plan.after:
        _run(command, root)


def _write(file: File, root: Path | None) -> None:
    path = _below(root, file.path)
    if path.exists() and (file.keep or path.read_text() == file.text):
        note(f"unchanged {file.path}")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside it and renamed, so that a power cut leaves the old file or the new one.
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(file.text)
    fresh.chmod(file.mode)
    if file.group is not None and root is None:
        shutil.chown(fresh, "root", file.group)
    fresh.replace(path)
    note(f"wrote {file.path}")


def _below(root: Path | None, path: Path) -> Path:
    return path if root is None else root / path.relative_to("/")


def _run(command: tuple[str, ...], root: Path | None, *, may_fail: bool = False) -> None:
    if root is not None:
        note(f"would run {shlex.join(command)}")
        return
    note(f"run {shlex.join(command)}")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=False)  # noqa: S603
    except FileNotFoundError:
        raise CliError(f"{command[0]} is not on this machine", "--print shows what it would do") from None
    except subprocess.TimeoutExpired:
        raise CliError(f"{shlex.join(command)} did not end within {_COMMAND_S:.0f} s") from None
    if done.returncode != 0 and not may_fail:
        said = done.stderr.strip().splitlines()
        raise CliError(
            f"{shlex.join(command)} failed: {said[-1] if said else f'status {done.returncode}'}",
            "repair that and run the same command again; what is done already stays",
        )

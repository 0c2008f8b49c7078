"""Owns the commands of the pretend phone's shell: what each prints, refuses and changes.

Refuses everything else as the phone's own shell would (127). Every command run is kept in ``executed``.
Source: the platform's own commands (pm, am, settings, appops, deviceidle, dumpsys, content, uiautomator), texts as
seen in public threads and platform sources.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from tests.peers.adb_device_android import ACTIVE, RUNTIME, Android, Installed
from tests.peers.adb_device_apk import BadApk
from tests.peers.adb_device_shell import Ran, ReadAll

BUCKETS = {"active": ACTIVE, "working_set": 20, "frequent": 30, "rare": 40, "restricted": 45}
OPS_SINCE = {"RUN_IN_BACKGROUND": 24, "RUN_ANY_IN_BACKGROUND": 28, "ACCESS_RESTRICTED_SETTINGS": 33}
MODES = ("allow", "ignore", "deny", "default", "foreground")
NO_SCREEN = "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?><hierarchy rotation=\"0\"></hierarchy>"


class Body(Protocol):
    """What commands do to the phone around them."""

    android: Android

    def start_service(self, component: str, extras: dict[str, int]) -> None: ...

    async def write_provider(self, uri: str, body: bytes) -> str | None: ...

    def stop_app(self, package: str, *, is_removed: bool = False) -> None: ...

    def reboot(self) -> None: ...


class Commands:
    """The shell of one phone."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._android = body.android
        self.executed: list[list[str]] = []
        self.hang: set[str] = set()
        """Commands (first words) that never answer."""
        self.answers: dict[str, Ran] = {}
        """Command lines that answer something else than usual."""

    async def run(self, words: list[str], read_all: ReadAll) -> Ran:
        self.executed.append(words)
        line = " ".join(words)
        if words[0] in self.hang:
            await asyncio.Event().wait()
        for prefix, ran in self.answers.items():
            if line.startswith(prefix):
                return ran
        known = getattr(self, "_" + words[0].rpartition("/")[2].replace("-", "_"), None)
        if known is None:
            return Ran.failed(f"/system/bin/sh: {words[0]}: inaccessible or not found", 127)
        command: Callable[[list[str], ReadAll], Awaitable[Ran]] = known
        try:
            return await command(words[1:], read_all)
        except (IndexError, ValueError) as error:
            return Ran.failed(f"Error: bad arguments: {error}", 255)

    # ------------------------------------------------------------------ plain

    async def _getprop(self, words: list[str], _: ReadAll) -> Ran:
        props = self._android.props
        if words:
            return Ran(f"{props.get(words[0], '')}\n".encode())
        return Ran.said("\n".join(f"[{name}]: [{value}]" for name, value in props.items()))

    async def _echo(self, words: list[str], _: ReadAll) -> Ran:
        return Ran.said(" ".join(words))

    async def _cat(self, words: list[str], read_all: ReadAll) -> Ran:
        if not words:
            return Ran(await read_all())
        if words[0] == "/proc/uptime":
            return Ran.said(f"{self._android.uptime_s:.2f} {self._android.uptime_s * 6:.2f}")
        if words[0] not in self._android.files:
            return Ran.failed(f"cat: {words[0]}: No such file or directory")
        return Ran(self._android.files[words[0]])

    async def _rm(self, words: list[str], _: ReadAll) -> Ran:
        for word in words:
            self._android.files.pop(word, None)
        return Ran()

    async def _id(self, words: list[str], _: ReadAll) -> Ran:
        return Ran.said("uid=2000(shell) gid=2000(shell) context=u:r:shell:s0")

    async def _reboot(self, words: list[str], _: ReadAll) -> Ran:
        self._body.reboot()
        await asyncio.Event().wait()
        return Ran()

    # ------------------------------------------------------------------ pm

    async def _pm(self, words: list[str], read_all: ReadAll) -> Ran:
        if not self._android.is_booted:
            return Ran.failed("cmd: Can't find service: package", 20)
        verb, *rest = words
        if verb == "path":
            return self._path(rest[0])
        if verb == "install":
            return await self._install(rest, read_all)
        if verb in ("grant", "revoke"):
            return self._grant(verb, *rest[-2:])
        if verb == "uninstall":
            gone = self._android.uninstall(rest[-1])
            if gone:
                self._body.stop_app(rest[-1], is_removed=True)
            return Ran.said("Success") if gone else Ran(b"Failure [DELETE_FAILED_INTERNAL_ERROR]\n", b"", 1)
        return Ran.failed(f"Error: unknown command '{verb}'", 255)

    def _path(self, name: str) -> Ran:
        if name == "android":
            return Ran.said("package:/system/framework/framework-res.apk")
        return (
            Ran.said(f"package:/data/app/{name}-1/base.apk")
            if name in self._android.apps
            else Ran(exit_code=1)
        )

    async def _install(self, words: list[str], read_all: ReadAll) -> Ran:
        path = words[-1]
        if "-S" in words:
            apk = await read_all(int(words[words.index("-S") + 1]))
            words = words[: words.index("-S")]
        elif path not in self._android.files:
            return Ran(b"", f"Error: Unable to open file: {path}\n".encode(), 1)
        else:
            apk = self._android.files[path]
        try:
            package = self._android.install(apk, frozenset(words))
        except BadApk as refused:
            return Ran(b"", f"Failure [{refused.code}: {refused.detail}]\n".encode(), 1)
        self._body.stop_app(package.name)
        return Ran.said("Success")

    def _grant(self, verb: str, name: str, permission: str) -> Ran:
        app = self._android.apps.get(name)
        if app is None:
            return Ran.failed(
                f"\nException occurred while executing '{verb}':\n"
                f"java.lang.IllegalArgumentException: Unknown package: {name}",
                255,
            )
        if self._android.personality.grant is not None:
            return Ran.failed(self._android.personality.grant, 255)
        if permission not in app.package.permissions:
            return Ran.failed(
                f"\nException occurred while executing '{verb}':\njava.lang.SecurityException: "
                f"Package {name} has not requested permission {permission}",
                255,
            )
        if permission not in RUNTIME:
            return Ran.failed(
                f"\nException occurred while executing '{verb}':\njava.lang.SecurityException: "
                f"Permission {permission} requested by {name} is not a changeable permission type",
                255,
            )
        (app.granted.add if verb == "grant" else app.granted.discard)(permission)
        return Ran()

    # ------------------------------------------------------------------ cmd, dumpsys

    async def _cmd(self, words: list[str], read_all: ReadAll) -> Ran:
        service, *rest = words
        if service == "package":
            return await self._pm(rest, read_all)
        if service == "appops":
            return await self._appops(rest, read_all)
        if service == "deviceidle" and rest[0] == "whitelist":
            return self._whitelist(rest[1:])
        return Ran.failed(f"cmd: Can't find service: {service}", 20)

    def _whitelist(self, words: list[str]) -> Ran:
        exempt = self._android.doze_exempt
        if not words:
            rows = [f"user,{name},{self._android.apps[name].user_id}" for name in sorted(exempt)]
            return Ran.said("\n".join(["system-excidle,com.android.shell,2000", *rows]))
        sign, name = words[0][0], words[0][1:]
        if name not in self._android.apps:
            return Ran.said(f"Unknown package: {name}")
        (exempt.add if sign == "+" else exempt.discard)(name)
        return Ran.said(f"{'Added' if sign == '+' else 'Removed'}: {name}")

    async def _dumpsys(self, words: list[str], _: ReadAll) -> Ran:
        if words[0] == "battery":
            return Ran.said(
                "Current Battery Service state:\n  AC powered: false\n  USB powered: true\n  level: 81"
            )
        if words[0] == "deviceidle":
            names = "\n".join(f"    {name}" for name in sorted(self._android.doze_exempt))
            return Ran.said(f"  Whitelist user apps:\n{names}\n  mState=ACTIVE")
        if words[0] == "package":
            app = self._android.apps.get(words[1])
            return Ran.said(describe(app) if app else f"Unable to find package: {words[1]}")
        return Ran.said(f"Can't find service: {words[0]}")

    # ------------------------------------------------------------------ appops, settings

    async def _appops(self, words: list[str], _: ReadAll) -> Ran:
        verb, name, op, *mode = words
        app = self._android.apps.get(name)
        if app is None:
            return Ran.failed(f"Error: No UID for {name} in user 0", 255)
        if OPS_SINCE.get(op, 99) > self._android.personality.sdk:
            return Ran.failed(f"Error: Unknown operation string: {op}", 255)
        if verb == "get":
            return Ran.said(
                f"{op}: {app.ops[op]}" if op in app.ops else "No operations.\nDefault mode: allow"
            )
        if self._android.personality.appops is not None:
            return Ran.failed(self._android.personality.appops, 255)
        if mode[0] not in MODES:
            return Ran.failed(f"Error: Mode {mode[0]} is not valid", 255)
        app.ops[op] = mode[0]
        if mode[0] == "default":
            del app.ops[op]
        if op == "ACCESS_RESTRICTED_SETTINGS":
            app.restricted = mode[0] != "allow"
        return Ran()

    async def _settings(self, words: list[str], _: ReadAll) -> Ran:
        verb, table, key, *value = words
        kept = self._android.settings
        if table != "global":
            return Ran.failed("Invalid namespace", 255)
        if verb == "get":
            return Ran.said(kept.get(key, "null"))
        if self._android.personality.settings is not None:
            return Ran.failed(self._android.personality.settings, 255)
        if verb == "delete":
            return Ran.said(f"Deleted {int(kept.pop(key, None) is not None)} rows")
        kept[key] = value[0]
        return Ran()

    # ------------------------------------------------------------------ am, content, uiautomator

    async def _am(self, words: list[str], _: ReadAll) -> Ran:
        verb, *rest = words
        if verb == "start-foreground-service":
            return self._start(rest)
        app = self._android.apps.get(rest[0])
        if verb == "force-stop":
            self._body.stop_app(rest[0])
            return Ran()
        if app is None:
            return Ran.failed(f"Error: java.lang.IllegalArgumentException: Unknown package: {rest[0]}", 255)
        if verb == "get-standby-bucket":
            return Ran.said(str(app.bucket))
        if verb == "set-standby-bucket":
            app.bucket = BUCKETS[rest[1]]
            return Ran()
        return Ran.failed(f"Error: unknown command '{verb}'", 255)

    def _start(self, words: list[str]) -> Ran:
        component = words[words.index("-n") + 1]
        package, _, service = component.partition("/")
        if package not in self._android.apps or service not in (
            ".CompanionService",
            f"{package}.CompanionService",
        ):
            return Ran(
                f"Starting service: Intent {{ cmp={component} }}\nError: Not found; no service started.\n".encode()
            )
        extras = {words[at + 1]: int(words[at + 2]) for at, word in enumerate(words) if word == "--ei"}
        self._body.start_service(component, extras)
        return Ran.said(f"Starting service: Intent {{ cmp={component} {'(has extras) ' if extras else ''}}}")

    async def _content(self, words: list[str], read_all: ReadAll) -> Ran:
        uri = words[words.index("--uri") + 1]
        if words[0] != "write":
            return Ran.failed(f"[ERROR] Unsupported operation: {words[0]}")
        refused = await self._body.write_provider(uri, await read_all())
        if refused is None:
            return Ran()
        authority = uri.removeprefix("content://").partition("/")[0]
        # The tool prints the exception and exits 0: the caller who asks the exit code alone is deceived.
        return Ran(
            b"", f"Error while accessing provider:{authority}\n{refused}\n\tat android.os.Parcel\n".encode()
        )

    async def _uiautomator(self, words: list[str], _: ReadAll) -> Ran:
        path = words[1] if len(words) > 1 else "/sdcard/window_dump.xml"
        if path == "/dev/tty":
            return Ran.said(f"{self._android.screen or NO_SCREEN}UI hierchary dumped to: {path}")
        self._android.files[path] = (self._android.screen or NO_SCREEN).encode()
        return Ran.said(f"UI hierchary dumped to: {path}")


def describe(app: Installed) -> str:
    """Write what ``dumpsys package`` shows of an app."""
    package = app.package
    runtime = sorted(package.permissions & RUNTIME)
    install = sorted(package.permissions - RUNTIME)
    lines = [
        "Packages:",
        f"  Package [{package.name}] (4f1c2d3):",
        f"    userId={app.user_id}",
        f"    versionCode={package.version_code} minSdk={package.min_sdk} targetSdk={package.target_sdk}",
        f"    versionName={package.version_name}",
        f"    signatures=PackageSignatures{{1a2b3c version:2, signatures:[{package.signer[:8]}], past signatures:[]}}",
        "    requested permissions:",
        *(f"      {name}" for name in sorted(package.permissions)),
        "    install permissions:",
        *(f"      {name}: granted=true" for name in install),
        "    User 0: ceDataInode=1 installed=true hidden=false suspended=false stopped=false enabled=0",
        "      gids=[3003]",
        "      runtime permissions:",
        *(
            f"        {name}: granted={str(name in app.granted).lower()}, flags=[ USER_SENSITIVE_WHEN_GRANTED ]"
            for name in runtime
        ),
    ]
    return "\n".join(lines)

"""Owns a phone that is a table: a command line gives what the table says; settings and a ledger are kept.

Knows nothing of adb's own protocol; behind `ScriptedAdb` it is the function that answers a shell.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from device_bridge.adb import Step, Wanted


@dataclass
class TablePhone:
    """``table``: command line to (stdout, stderr, exit code); a line that is not in there says nothing and works."""

    table: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    stdin: list[bytes] = field(default_factory=list)
    boot: str = "1770000000000"

    def shell(self, line: str, stdin: bytes) -> tuple[str, str, int]:
        self.lines.append(line)
        if stdin:
            self.stdin.append(stdin)
        if line in self.table:
            return self.table[line]
        if line == "getprop ro.runtime.firstboot":
            return f"{self.boot}\n", "", 0
        words = line.split()
        if words[:3] == ["settings", "get", "global"]:
            return self.settings.get(words[3], "null") + "\n", "", 0
        if words[:3] == ["settings", "put", "global"]:
            self.settings[words[3]] = words[4]
        if words[:3] == ["settings", "delete", "global"]:
            del self.settings[words[3]]
        return "", "", 0

    def changes(self) -> list[str]:
        """The lines that change something."""
        asking = ("getprop", "settings get", "dumpsys", "cat", "appops get", "am get", "pm path")
        return [line for line in self.lines if not line.startswith(asking)]


@dataclass
class Keeper:
    """What the gateway answers and keeps, in dictionaries."""

    ours: dict[str, Wanted] = field(default_factory=dict)
    ledger: dict[tuple[str, str], str] = field(default_factory=dict)
    told: dict[str, tuple[Step, ...]] = field(default_factory=dict)
    limits: list[tuple[int, int, bool]] = field(default_factory=list)

    def wanted(self, serialno: str) -> Wanted | None:
        return self.ours.get(serialno)

    async def steps(self, serialno: str, steps: tuple[Step, ...]) -> None:
        self.told[serialno] = steps

    async def limit(self, serialno: str, parts: int, window_s: int, in_force: bool) -> None:
        self.limits.append((parts, window_s, in_force))

    async def remember(self, serialno: str, name: str, value: str | None) -> None:
        if value is None:
            self.ledger.pop((serialno, name), None)
        else:
            self.ledger[serialno, name] = value

    async def recall(self, serialno: str, name: str) -> str | None:
        return self.ledger.get((serialno, name))

"""Owns a real ``gateway serve`` in a process of its own: started, asked over HTTP, stopped, killed, started again.

Refuses to look inside: everything is learnt from its standard output, its log, HTTP and exit status.
Source: the commands and the HTTP interface of the product.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.harness.zygote import Zygote

SERVING_S = 30.0
POLL_S = 0.004
ROOT = Path(__file__).parents[2]


class Unreachable(Exception):
    """No whole answer came: the server is away or went away meanwhile."""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; ``json`` is None when the body is none."""

    status: int
    headers: Any
    json: Any


async def until(
    condition: Callable[[], Awaitable[bool]] | Callable[[], bool],
    what: str,
    limit_s: float = 30.0,
    poll_s: float = 0.01,
) -> None:
    """Wait for a condition; fails with ``what`` when it does not come in time."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + limit_s
    while True:
        found = condition()
        if found if isinstance(found, bool) else await found:
            return
        if loop.time() > deadline_s:
            raise AssertionError(f"not within {limit_s} s: {what}")
        await asyncio.sleep(poll_s)


@dataclass
class GatewayProcess:
    """A server on a data directory; start it as often as you like. Forked from ``zygote`` where there is one."""

    folder: Path
    config: str
    simulate: int = 0
    zygote: Zygote | None = None
    url: str = ""
    live: str = ""
    sandbox: str = ""
    pid: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    _forked_by: Zygote | None = None
    _process: asyncio.subprocess.Process | None = None
    _session: aiohttp.ClientSession | None = None
    _starts: int = 0

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def said(self) -> str:
        """Standard output of the present run."""
        path = self.folder / f"out-{self._starts}"
        return path.read_text() if path.exists() else ""

    @property
    def complaints(self) -> str:
        """Standard error of the present run."""
        path = self.folder / f"err-{self._starts}"
        return path.read_text() if path.exists() else ""

    @property
    def has_ended(self) -> bool:
        """The run is over, whether or not somebody has asked for its status (then it is a zombie)."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except FileNotFoundError:
            return True

    def log(self) -> list[dict[str, Any]]:
        """The log of the present run; what is no JSON line stands under ``unreadable``."""
        lines: list[dict[str, Any]] = []
        for line in self.complaints.splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({"event": "unreadable", "unreadable": line})
        return lines

    # ------------------------------------------------------------------ life

    async def launch(self) -> None:
        """Begin the next run, without waiting for it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "gateway.toml"
        file.write_text(self.config)
        file.chmod(0o600)
        self._starts += 1
        argv = ["serve", "--config", str(file), "--data-dir", str(self.data_dir)]
        argv += ["--simulate", str(self.simulate)]
        out, err = self.folder / f"out-{self._starts}", self.folder / f"err-{self._starts}"
        self.url = ""
        if self.zygote is not None:
            self._forked_by = self.zygote
            self.pid = self.zygote.run(argv, out, err)
            return
        command = [sys.executable, "-m", "gateway", *argv]
        with out.open("wb") as stdout, err.open("wb") as stderr:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdout=stdout, stderr=stderr, cwd=ROOT, env={**os.environ, **self.environment}
            )
        self.pid = self._process.pid

    async def serving(self) -> None:
        """Wait until it says that it listens; reads its address, and on the first start its keys."""

        def announced() -> bool:
            if self.has_ended:
                raise AssertionError("it has ended")
            found = re.search(r"^Gateway at (\S+)$", self.said, re.MULTILINE)
            if found is None or "Stop: Ctrl-C" not in self.said:
                return False
            self.url = found[1]
            for kind, name in (("Live", "live"), ("Sandbox", "sandbox")):
                key = re.search(rf"^{kind} key\s+(\S+)$", self.said, re.MULTILINE)
                if key:
                    setattr(self, name, key[1])
            return True

        try:
            await until(announced, "gateway serve announces itself", SERVING_S, POLL_S)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said: {self.complaints}") from None

    async def start(self) -> None:
        await self.launch()
        await self.serving()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    async def ended(self) -> int:
        """Wait for the end of the run; returns its exit status, negative for a signal."""
        pid, zygote, process = self.pid, self._forked_by, self._process
        self.pid, self._forked_by, self._process = 0, None, None
        if zygote is None:
            assert process is not None
            return await process.wait()
        while (status := zygote.status(pid)) is None:  # noqa: ASYNC110  no event tells of its end
            await asyncio.sleep(POLL_S)
        return status

    async def kill(self) -> int:
        """SIGKILL, as a power cut would."""
        if not self.has_ended:
            self.signal(signal.SIGKILL)
        return await self.ended()

    async def stop(self, limit_s: float = 40.0) -> int:
        """SIGTERM, and wait for the end."""
        self.signal(signal.SIGTERM)
        async with asyncio.timeout(limit_s):
            return await self.ended()

    async def close(self) -> None:
        """End whatever still runs."""
        if self.pid:
            await self.kill()
        if self._session is not None:
            await self._session.close()

    # ------------------------------------------------------------------ HTTP

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        octets: bytes | None = None,
        limit_s: float = 30.0,
    ) -> Answer:
        """Send one request, with the live key unless another is named; ``octets`` go as they are.

        Raises:
            Unreachable: no whole answer came.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession()
        sent = {"Authorization": f"Bearer {key or self.live}", **(headers or {})}
        content: dict[str, Any] = {} if json is None else {"json": json}
        if octets is not None:
            content = {"data": octets}
        limit = aiohttp.ClientTimeout(total=limit_s)
        try:
            async with self._session.request(
                method, self.url + path, headers=sent, timeout=limit, **content
            ) as got:
                body = await got.read()
                has_json = "json" in got.headers.get("Content-Type", "") and body
                return Answer(got.status, got.headers, _parsed(body) if has_json else None)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(f"{method} {path}: {error!r}") from error

    async def get(self, path: str, key: str | None = None) -> Any:
        """GET what must be there."""
        answer = await self.call("GET", path, key=key)
        assert answer.status == 200, f"GET {path}: {answer.status} {answer.json}"
        return answer.json

    async def send(self, to: str, text: str | None = None, *, key: str | None = None, **more: Any) -> str:
        """POST a message that must be accepted; returns its id."""
        body = {"to": to, **({"text": text} if text is not None else {}), **more}
        answer = await self.call("POST", "/api/v1/messages", body, key=key)
        assert answer.status == 202, f"{body}: {answer.status} {answer.json}"
        return str(answer.json["id"])

    async def message(self, message_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.get(f"/api/v1/messages/{message_id}")
        return found

    async def reaches(self, message_id: str, *states: str, limit_s: float = 30.0) -> dict[str, Any]:
        """Wait until a message is in one of the states; returns it."""
        found: dict[str, Any] = {}

        async def there() -> bool:
            found.update(await self.message(message_id))
            return found["state"] in states

        try:
            await until(there, f"{message_id} reaches {states}", limit_s, 0.03)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{timeline_of(found)}\n{self.complaints[-3000:]}") from None
        return found

    async def all(self, path: str) -> list[dict[str, Any]]:
        """Read a list to its end."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = await self.get(f"{path}{'&' if '?' in path else '?'}limit=100{cursor}")
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = f"&cursor={page['next']}"

    async def lines_up(self, count: int, limit_s: float = 30.0) -> list[dict[str, Any]]:
        """Wait until so many lines are up; returns them."""
        up: list[dict[str, Any]] = []

        async def enough() -> bool:
            up[:] = [line for line in (await self.get("/api/v1/lines"))["items"] if line["state"] == "up"]
            return len(up) == count

        await until(enough, f"{count} lines up", limit_s, 0.03)
        return up


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise Unreachable(f"half an answer: {body!r}") from error


def timeline_of(message: dict[str, Any]) -> str:
    """Write what happened to a message, for a failed test."""
    head = {name: message.get(name) for name in ("id", "state", "to", "line", "parts", "attempts", "error")}
    hops = [
        f"  {hop['at']} {hop['type']} by {hop['witness']} attempt {hop['attempt']} part {hop['part']} {hop['detail']}"
        for hop in message.get("timeline", [])
    ]
    parts = [
        f"  part {p['number']} of attempt {p['attempt']}: {p['state']} mr {p['mr']} st {p['report_status']}"
        for p in message.get("parts_detail", [])
    ]
    return "\n".join([str(head), *hops, *parts])

"""Runs the commands and programs of every document, as they stand, against a real server: what is shown comes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.harness.gateway_process import GatewayProcess, until
from tests.harness.pages import (
    NOT_RUN,
    Block,
    blocks,
    configuration,
    differing_lines,
    differs,
    documents,
)
from tests.integration.whole import MakeGateway
from tests.peers.mail_peer import MailPeer, mail_server

BASE = "[server]\nport = 0\n[serial]\ndiscover = false\n"
MAIL_PORT = "port = 1025"
LIMIT_S = 60.0
STREAM_S = 20.0
READS_AGAIN_S = 10.0
"""What only reads is read again: on a busy machine a text takes longer than its reader was told to wait."""

PROGRAMS = {
    "python": (sys.executable, ".py"),
    "javascript": (shutil.which("node"), ".mjs"),
    "php": (shutil.which("php"), ".php"),
}

needs_curl = pytest.mark.skipif(
    shutil.which("curl") is None and not os.environ.get("CI"),
    reason="curl is not installed (apt-get install curl)",
)


def to_run(path: Path) -> list[Block]:
    return [
        block for block in blocks(path.read_text()) if block.mark not in NOT_RUN and block.mark != "server"
    ]


TEXTS = {path: path.read_text() for path in documents()}
WITH_BLOCKS = [path for path in TEXTS if to_run(path)]


@dataclass
class Reader:
    """Somebody who types the examples; ID and DIGEST are those of the last answer that had them."""

    server: GatewayProcess
    said: dict[str, str]

    async def follows(self, block: Block, number: int) -> None:
        """Do what a block says, and compare what comes with what the page shows."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + READS_AGAIN_S
        while True:
            answer = await self.types(self.command(block, number))
            difference = differs(block.shown, answer) if block.shown is not None else None
            if difference is None or not only_reads(block) or loop.time() > deadline_s:
                break
            await asyncio.sleep(0.2)  # the next look, bounded above
        assert difference is None, f"{difference}\n{answer}"

    async def watches(self, block: Block, number: int) -> None:
        """Start what a block shows, and send texts until it tells of one: a stream that is not open yet misses some."""
        said = self.server.folder / f"said-{number}"
        with said.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                "bash", "-c", f"exec {self.command(block, number)}",
                cwd=self.server.folder, env=self._environment(), stdout=out, stderr=out,
            )  # fmt: skip

        async def told() -> bool:
            if process.returncode is not None:
                raise AssertionError(f"it has ended: {said.read_text()}")
            await self.server.send("+99900000001", "Hello")
            return "message.queued" in said.read_text()

        try:
            await until(told, f"the stream tells of a text: {block.text}", STREAM_S, 0.5)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def command(self, block: Block, number: int) -> str:
        """Say what a shell runs for a block: itself, or the interpreter of its language."""
        place = self.server.url.partition("//")[2]
        text = block.text.replace("127.0.0.1:8080", place).replace("gwl_…", self.server.live)
        if block.language == "sh":
            return text
        program, ending = PROGRAMS[block.language]
        name = f"test_block_{number}{ending}"
        (self.server.folder / name).write_text(text)
        if block.mark == "test":
            return f"{program} -m pytest -q -p no:cacheprovider -p no:randomly --rootdir . {name}"
        # Node 20 has the socket of browsers behind this option, Node 22 without.
        options = " --experimental-websocket" if "WebSocket(" in text else ""
        return f"{program}{options} {name}"

    async def types(self, commands: str) -> Any:
        folder = self.server.folder
        (folder / ".curlrc").write_text("fail-with-body\n")
        process = await asyncio.create_subprocess_exec(
            "bash", "-euo", "pipefail", "-c", commands,
            cwd=folder, env=self._environment(), stdout=-1, stderr=-1,
        )  # fmt: skip
        async with asyncio.timeout(LIMIT_S):
            out, err = await process.communicate()
        assert process.returncode == 0, f"{commands}\n{out.decode()}\n{err.decode()}"
        text = out.decode().strip()
        last = text.rpartition("\n")[2]
        # A document ends what is said, perhaps after lines of progress.
        answer = json.loads(last) if last.startswith("{") else f"{text}\n"
        self._note(answer)
        return answer

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GATEWAY", "PYTEST", "COV"))}
        path = f"{Path(sys.executable).parent}:{kept['PATH']}"
        ours = {
            "PATH": path,
            "CURL_HOME": str(self.server.folder),
            "KEY": self.server.live,
            "GATEWAY_KEY": self.server.live,
            "PYTHONUNBUFFERED": "1",
            "GATEWAY_DATA_DIR": str(self.server.data_dir),
            "GATEWAY__SERIAL__DISCOVER": "false",
        }
        return {**kept, **ours, **self.said}

    def _note(self, answer: Any) -> None:
        if not isinstance(answer, dict):
            return
        one = answer["items"][0] if answer.get("items") else answer
        for name, member in (("ID", "id"), ("ID", "notification_id"), ("DIGEST", "digest")):
            if isinstance(one.get(member), str):
                self.said[name] = one[member]


def only_reads(block: Block) -> bool:
    changing = (" -d ", "POST", "PATCH", "DELETE", "--data", " send")
    return block.language == "sh" and not any(word in block.text for word in changing)


@needs_curl
@pytest.mark.parametrize("path", WITH_BLOCKS, ids=lambda path: path.stem)
async def test_the_examples_of_a_document_work_as_they_stand(path: Path, make_gateway: MakeGateway) -> None:
    text = TEXTS[path]
    async with mail_server(MailPeer()) as mail:
        config = configuration(text).replace(MAIL_PORT, f"port = {mail.port}")
        server = await make_gateway(BASE + config, simulate=2, lines_up=2)
        (server.folder / ".venv").symlink_to(Path(sys.executable).parents[1])
        reader = Reader(server, {})
        for number, block in enumerate(to_run(path)):
            if block.language == "sh" or PROGRAMS[block.language][0] is not None:
                await (reader.watches if block.mark == "stream" else reader.follows)(block, number)


@pytest.mark.parametrize("language", PROGRAMS)
def test_the_language_of_an_example_is_installed(language: str) -> None:
    if PROGRAMS[language][0] is None and not os.environ.get("CI"):
        pytest.skip(f"no interpreter of {language} is installed, so its examples were not run")
    assert PROGRAMS[language][0] is not None


def test_a_shown_answer_that_differs_is_noticed() -> None:
    real = {"id": "01", "state": "running", "rejected": [{"code": "a", "index": 2}], "n": None}
    assert differs({"id": "…", "rejected": [{"code": "a"}]}, real) is None
    assert differs({"state": "held"}, real) == ".state is 'running', the page shows 'held'"
    assert differs({"rejected": [{"code": "b"}]}, real) == ".rejected[0].code is 'a', the page shows 'b'"
    assert differs({"total": 3}, real) == ".total is not there"
    assert differs({"rejected": [{}, {}]}, real) == ".rejected has 1 entries"
    assert differs({"n": "…"}, real) is not None


def test_shown_lines_that_differ_are_noticed() -> None:
    shown = "queued   0.00 s  01935f0c-…: 1 part\nsent     0.37 s  the network took it\n"
    assert (
        differing_lines(shown, "queued\t0.01 s\t01a22469-7: 1 part\nsent\t1.40 s\tthe network took it\n")
        is None
    )
    assert differing_lines(shown, "queued\t0.01 s\t01a22469-7: 1 part\n") is not None
    assert (
        differing_lines(shown, "queued\t0.01 s\t01a22469-7: 2 parts\nsent\t0.4 s\tthe network took it\n")
        is not None
    )
    assert (
        differing_lines(shown, "queued\t0.01 s\t01a22469-5e3b: 1 part\nfailed\t0.40 s\tthe network took it\n")
        is not None
    )

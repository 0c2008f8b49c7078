"""Owns the shell service: v2 frames (stdin, stdout, stderr, exit), v1 without them, and a small honest shell.

A shell it is: ``;``, ``&&``, ``||``, ``|`` and quotes mean what they mean on the phone, so that a command line
with a foreign value in it does here the harm that it would do there.
Source: the platform's shell_protocol.h; POSIX sh for the operators.
"""

from __future__ import annotations

import asyncio
import shlex
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from tests.peers.adb_device_wire import Stream

STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN, WINDOW = range(6)
FRAME = struct.Struct("<BI")
OPERATORS = (";", "&&", "||", "|", "&")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int = 0

    @classmethod
    def said(cls, text: str) -> Ran:
        return cls((text + "\n").encode() if text else b"")

    @classmethod
    def failed(cls, text: str, exit_code: int = 1) -> Ran:
        return cls(b"", (text + "\n").encode(), exit_code)


class ReadAll(Protocol):
    """Standard input: so many bytes, or all to its end (v2: until the host closes it)."""

    async def __call__(self, size: int | None = None) -> bytes: ...


Run = Callable[[list[str], ReadAll], Awaitable[Ran]]


async def serve_shell(stream: Stream, service: str, run: Run) -> None:
    """Serve ``shell:…``, ``shell,v2,…:…`` or ``exec:…``."""
    head, _, command = service.partition(":")
    if "v2" in head.split(","):
        await _serve_v2(stream, command, run)
        return

    async def read_all(size: int | None = None) -> bytes:
        if size is not None:
            return await stream.readexactly(size)
        gathered = b""
        while more := await stream.read():
            gathered += more
        return gathered

    ran = await run_line(command, read_all, run)
    await stream.write(ran.stdout + ran.stderr)


async def _serve_v2(stream: Stream, command: str, run: Run) -> None:
    stdin = asyncio.StreamReader()
    took = asyncio.create_task(_take_frames(stream, stdin))

    async def read_all(size: int | None = None) -> bytes:
        return await (stdin.read() if size is None else stdin.readexactly(size))

    working = asyncio.create_task(run_line(command, read_all, run))
    try:
        await asyncio.wait((working, took), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            return  # the host hung up: the command gets its SIGHUP
        ran = await working
        for kind, content in ((STDOUT, ran.stdout), (STDERR, ran.stderr)):
            if content:
                await stream.write(FRAME.pack(kind, len(content)) + content)
        await stream.write(FRAME.pack(EXIT, 1) + bytes([ran.exit_code & 0xFF]))
    finally:
        took.cancel()
        working.cancel()


async def _take_frames(stream: Stream, stdin: asyncio.StreamReader) -> None:
    left = b""
    while more := await stream.read():
        left += more
        while len(left) >= FRAME.size:
            kind, size = FRAME.unpack_from(left)
            if len(left) < FRAME.size + size:
                break
            content, left = left[FRAME.size : FRAME.size + size], left[FRAME.size + size :]
            if kind == STDIN:
                stdin.feed_data(content)
            elif kind == CLOSE_STDIN:
                stdin.feed_eof()


async def run_line(line: str, read_all: ReadAll, run: Run) -> Ran:
    """Run one command line with its operators."""
    try:
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError as error:
        return Ran.failed(f"/system/bin/sh: syntax error: {error}")
    ran = Ran()
    operator, command = ";", list[str]()
    for word in [*words, ";"]:
        if word not in OPERATORS:
            command.append(word)
            continue
        if command and _goes_on(operator, ran.exit_code):
            now = await run(command, read_all)
            piped = b"" if operator == "|" else ran.stdout
            ran = Ran(piped + now.stdout, ran.stderr + now.stderr, now.exit_code)
        operator, command = word, []
    return ran


def _goes_on(operator: str, exit_code: int) -> bool:
    return operator not in ("&&", "||") or (operator == "&&") == (exit_code == 0)

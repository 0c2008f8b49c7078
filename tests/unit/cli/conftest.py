"""Owns a small HTTP server that answers as a test says, for commands that talk to a server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass(slots=True)
class Answers:
    """What the server says: by method and path (without query) a list of (status, document), the last one repeats."""

    url: str = ""
    script: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    def on(self, route: str, *answers: tuple[int, Any]) -> None:
        self.script[route] = list(answers)


@pytest.fixture
def server() -> Iterator[Answers]:
    answers = Answers()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            route = f"{self.command} {self.path.partition('?')[0]}"
            answers.asked.append((f"{self.command} {self.path}", dict(self.headers), body))
            queue = answers.script.get(route) or [
                (404, {"title": "Not found", "detail": "no such route", "hint": "x"})
            ]
            status, document = queue.pop(0) if len(queue) > 1 else queue[0]
            octets = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    answers.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    yield answers
    httpd.shutdown()
    httpd.server_close()
    thread.join()

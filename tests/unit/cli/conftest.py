"""Owns a small HTTP server that answers as a test says, for commands that talk to a server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.unit.cli.answers import HANGS_UP, Answers


@pytest.fixture
def server() -> Iterator[Answers]:
    answers = Answers()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            route = f"{self.command} {self.path.partition('?')[0]}"
            body = None if route in answers.impatient else self.body()
            answers.asked.append((f"{self.command} {self.path}", dict(self.headers), body))
            queue = answers.script.get(route) or [
                (404, {"title": "Not found", "detail": "no such route", "hint": "x"})
            ]
            status, document = queue.pop(0) if len(queue) > 1 else queue[0]
            octets = document if isinstance(document, bytes) else json.dumps(document).encode()
            if status == HANGS_UP:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def body(self) -> Any:
            if self.headers.get("Transfer-Encoding") == "chunked":
                octets = b""
                while size := int(self.rfile.readline(), 16):
                    octets += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            else:
                octets = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_json = self.headers.get("Content-Type") == "application/json"
            return (json.loads(octets) if is_json else octets) if octets else None

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

"""Owns talking to a running server from the command line: finding it, its key, and its problems as two lines.

Knows the HTTP interface as any other program does; no store, no device, and no aiohttp (which starts slowly).
Source: RFC 9457 (problem details); data/server.json and data/cli.key are written by the server.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import ssl
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from gateway.cli.failure import CliError
from gateway.datadir import DataDir, resolve_data_dir

Json = dict[str, Any]

ANSWER_S = 190.0
"""A USSD question or a self-test may wait for the network, a submit up to 180 s."""

CONNECT_S = 3.0
"""A server of this machine answers at once or not at all; used only to ask whether it is there."""

_HINTS = {"invalid_request": "correct it and try again"}
"""In place of hints that speak of the body of a request, which nobody at a command line sees."""

_LOCAL_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


class NoServer(CliError):
    """Nothing answers where the server should be."""


class Refused(CliError):
    """The server said no; ``code`` is that of its problem document, None where it sent none."""

    def __init__(self, message: str, hint: str | None, code: str | None = None) -> None:
        super().__init__(message, hint)
        self.code = code


@dataclass(frozen=True, slots=True)
class Client:
    """One server and the key to use there."""

    url: str
    key: str | None = field(repr=False)

    def get(self, path: str, **query: str | int | None) -> Json:
        """Read one resource. Raises CliError with the server's own words."""
        asked = {k: v for k, v in query.items() if v is not None}
        return self._call("GET", f"{path}?{urlencode(asked)}" if asked else path, None)

    def items(self, path: str) -> list[Json]:
        """Read a whole list, page by page."""
        found: list[Json] = []
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor)
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found

    def post(self, path: str, body: Json) -> Json:
        """Ask for something to be done, at most once whatever the network does (Idempotency-Key)."""
        return self._call("POST", path, body)

    def delete(self, path: str) -> Json:
        """Take something away."""
        return self._call("DELETE", path, None)

    def upload(self, path: str, pieces: Iterable[bytes], headers: Mapping[str, str]) -> Json:
        """Post a body piece by piece; without a Content-Length among the headers it is sent chunked.

        Goes straight to the server, past any proxy: those keep large bodies back until they have them whole.
        """
        where = urlsplit(self.url)
        kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
        connection = kind(where.hostname or "", where.port, timeout=ANSWER_S)
        sent = {"Accept": "application/json", **headers}
        if self.key is not None:
            sent["Authorization"] = f"Bearer {self.key}"
        chunked = "Content-Length" not in headers
        if chunked:
            sent["Transfer-Encoding"] = "chunked"
        try:
            # A server that has seen enough answers and stops reading: what it says is worth more than the broken pipe.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", f"{where.path}{path}", pieces, sent, encode_chunked=chunked)
            answer = connection.getresponse()
            if answer.status >= http.HTTPStatus.BAD_REQUEST:
                raise _problem(answer)
            return _json(answer.read())
        except (OSError, http.client.HTTPException) as e:
            raise _unreachable(self.url, e) from None
        finally:
            connection.close()

    def answers(self) -> bool:
        """Say whether a server is there, whatever it thinks of our key."""
        request = urllib.request.Request(f"{self.url}/health/live")  # noqa: S310  (the scheme was checked)
        try:
            with _opener(self.url).open(request, timeout=CONNECT_S):
                return True
        except urllib.error.HTTPError as e:
            e.close()
            return True
        except (OSError, http.client.HTTPException):
            return False

    def _call(self, method: str, path: str, body: Json | None) -> Json:
        request = urllib.request.Request(f"{self.url}{path}", method=method)  # noqa: S310
        request.add_header("Accept", "application/json")
        if self.key is not None:
            request.add_header("Authorization", f"Bearer {self.key}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if method == "POST":
            request.add_header("Idempotency-Key", f"cli-{uuid.uuid4()}")
        try:
            with _opener(self.url).open(request, timeout=ANSWER_S) as answer:
                return _json(answer.read())
        except urllib.error.HTTPError as e:
            with e:
                raise _problem(e) from None
        except (OSError, http.client.HTTPException) as e:
            raise _unreachable(self.url, e) from None


def connect(arguments: argparse.Namespace) -> Client:
    """Find the server and the key: options, environment, then what the server left in the data directory.

    Raises:
        CliError: nothing says where the server is, or no key is at hand.
    """
    client = find(arguments)
    if client.key is None:
        raise CliError(
            "no API key at hand",
            "pass --key, set GATEWAY_KEY, or run this where the server's data directory is (--data-dir)",
        )
    return client


def find(arguments: argparse.Namespace) -> Client:
    """Like :func:`connect`, but a missing key is left to the caller."""
    folder = DataDir(resolve_data_dir(arguments.data_dir, os.environ))
    url = arguments.url or os.environ.get("GATEWAY_URL") or _left_url(folder)
    if url is None:
        raise NoServer(
            f"no server is running on the data directory {folder.root}",
            "start one with `gateway serve`, or name it: --url http://host:8080",
        )
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise CliError(f'"{url}" is not a URL', "write it like http://127.0.0.1:8080", exit_status=2)
    key = arguments.key or os.environ.get("GATEWAY_KEY") or os.environ.get("GATEWAY_ADMIN_KEY")
    # The local key goes to the local server only: --url must not send it to a stranger.
    local = arguments.url is None and not os.environ.get("GATEWAY_URL")
    return Client(url.rstrip("/"), key or (_left_key(folder) if local else None))


def path_of(*words: str) -> str:
    """Build a path below ``/api/v1`` with each word quoted."""
    return "/api/v1/" + "/".join(quote(word, safe="") for word in words)


# ------------------------------------------------------------------ parts


def _left_url(folder: DataDir) -> str | None:
    """Read where the server of this directory listens; None when it was killed and left the file behind."""
    try:
        left = json.loads(folder.server_file.read_text())
        url, pid = str(left["url"]), int(left["pid"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise CliError(f"{folder.server_file} cannot be read: {e}", "name the server: --url URL") from None
    return url if _runs(pid) else None


def _runs(pid: int) -> bool:
    """Say whether a process is there: a port that is free again may be anybody's, and gets no key of ours."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _left_key(folder: DataDir) -> str | None:
    try:
        return (folder.cli_key).read_text().strip() or None
    except FileNotFoundError:
        return None
    except PermissionError:
        raise CliError(
            f"{folder.cli_key} belongs to another account",
            "run this as the server's account, or pass --key",
        ) from None


def _opener(url: str) -> urllib.request.OpenerDirector:
    if urlsplit(url).hostname in _LOCAL_HOSTS:
        return urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener()


def _json(octets: bytes) -> Json:
    try:
        found = json.loads(octets) if octets else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CliError("the answer is not from a gateway", "check --url; a proxy may stand before the server")
    return found


def _problem(answer: urllib.error.HTTPError | http.client.HTTPResponse) -> Refused:
    try:
        problem = json.loads(answer.read())
        detail = str(problem["detail"] or problem["title"])
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return Refused(
            f"the server answered {answer.status} {answer.reason}", "is this a gateway? check --url"
        )
    fields = [
        f"{e.get('pointer', '').removeprefix('#/')}: {e.get('detail')}" for e in problem.get("errors") or ()
    ]
    extra = f" ({'; '.join(fields)})" if fields and fields[0].partition(": ")[2] not in detail else ""
    why, what_to_do = _parted(detail)
    hint = what_to_do or _HINTS.get(str(problem.get("code"))) or problem.get("hint")
    return Refused(f"{why}{extra}", hint, problem.get("code"))


def _parted(detail: str) -> tuple[str, str]:
    """Part what is so from what to do, which is the last of several sentences."""
    ends = [end.start() for end in re.finditer(r"\. (?=[A-Z])", detail)]
    why, what_to_do = (detail[: ends[-1]], detail[ends[-1] + 2 :]) if ends else (detail, "")
    return why.removesuffix("."), what_to_do.removesuffix(".")


def _unreachable(url: str, error: Exception) -> CliError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return CliError(
            f"{url} shows a certificate that this machine does not trust: {reason.verify_message}",
            "use the name on the certificate, and SSL_CERT_FILE=ca.pem for an authority of your own",
        )
    if isinstance(reason, TimeoutError):
        return CliError(f"{url} did not answer in {ANSWER_S:.0f} s", "look at its log")
    return NoServer(
        f"no server answers at {url} ({getattr(reason, 'strerror', None) or reason})",
        "start it with `gateway serve`, or name it: --url URL",
    )

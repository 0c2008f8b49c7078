"""Owns a phone's request to be paired as a value: its form, its refusal, and how often one address may ask.

Knows no HTTP server, no code and no proof: a door of the caller's decides.
Source: docs/link.md, *Pairing*; rules CMP-1.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass
from typing import Final

from device_bridge.errors import DeviceBridgeError

PROTOCOL: Final = 1
"""Version of the link that a request to pair must name (docs/link.md)."""

_REMOTES_REMEMBERED: Final = 1024
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_NONCE: Final = re.compile(r"[0-9a-f]{32}", re.ASCII | re.IGNORECASE)
_PROOF: Final = re.compile(r"[0-9a-f]{64}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PairRequest:
    """A phone's request to be paired, well-formed; whether its proof is right is for the door to say."""

    install: str
    nonce: str
    proof: str
    app_code: int
    app_name: str
    maker: str
    model: str
    android: str
    sdk: int


@dataclass(frozen=True, slots=True)
class PairAnswer:
    """What a paired phone is given: its own key, and the proof that it comes from who made the code."""

    gateway: str
    name: str
    key: str
    proof: str
    urls: tuple[str, ...]
    pin: str = ""


class PairingRefused(DeviceBridgeError):
    """No. ``code`` and ``hint`` go to the phone's screen; ``status`` is the HTTP one."""

    def __init__(self, code: str, hint: str, status: int = 403) -> None:
        super().__init__(hint)
        self.code = code
        self.hint = hint
        self.status = status


class RateLimit:
    """So many a minute from each address; addresses that were silent for longest are forgotten first."""

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute
        self._by_remote: dict[str, deque[float]] = {}

    def wait_s(self, remote: str, now_s: float) -> int:
        """Count one, or say after how many seconds it may come (then it is not counted)."""
        times = self._by_remote.pop(remote, deque())
        self._by_remote[remote] = times
        while len(self._by_remote) > _REMOTES_REMEMBERED:
            del self._by_remote[next(iter(self._by_remote))]
        while times and times[0] <= now_s - 60:
            times.popleft()
        if len(times) < self._a_minute:
            times.append(now_s)
            return 0
        return int(times[0] + 60 - now_s) + 1


def parse_pair_request(body: bytes) -> PairRequest:
    """Read the body of ``POST /device/v1/pair``; whether the proof is right is for the door to say.

    Raises:
        PairingRefused: it is malformed (400, the hint names the member) or of another version (409).
    """
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise _malformed("body", "must be a JSON object")
    version = asked.get("v")
    if type(version) is not int:
        raise _malformed("v", "must be the version of the link, a number")
    if version != PROTOCOL:
        raise _OtherVersion(version)
    app, phone = _object(asked, "app"), _object(asked, "phone")
    return PairRequest(
        install=_shaped(asked, "install", _UUID),
        nonce=_shaped(asked, "nonce", _NONCE),
        proof=_shaped(asked, "proof", _PROOF),
        app_code=_number(app, "code"),
        app_name=_text(app, "name"),
        maker=_text(phone, "maker"),
        model=_text(phone, "model"),
        android=_text(phone, "android"),
        sdk=_number(phone, "sdk"),
    )


class _OtherVersion(PairingRefused):
    def __init__(self, version: int) -> None:
        side = "app" if version < PROTOCOL else "gateway"
        super().__init__("version", f"Update the {side}: the app speaks version {version} of the link.", 409)


def _malformed(field: str, reason: str) -> PairingRefused:
    return PairingRefused("malformed", f"{field} {reason}. Update the app.", 400)


def _object(members: dict[str, object], name: str) -> dict[str, object]:
    value = members.get(name)
    if not isinstance(value, dict):
        raise _malformed(name, "must be an object")
    return value


def _text(members: dict[str, object], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or len(value) > 200:
        raise _malformed(name, "must be a text of at most 200 characters")
    return value.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be stored


def _shaped(members: dict[str, object], name: str, shape: re.Pattern[str]) -> str:
    value = _text(members, name)
    if not shape.fullmatch(value):
        raise _malformed(name, "does not have the right form")
    return value


def _number(members: dict[str, object], name: str) -> int:
    value = members.get(name)
    if type(value) is not int or not 0 <= value < 2**31:
        raise _malformed(name, "must be a whole number")
    return value

"""Owns what a phone of the tests is, how it waits, what may be spoilt in it, and the proofs of pairing.

Refuses to know links and journals.
Source: docs/link.md, *Pairing* and *Opening* (SIM).
"""

from __future__ import annotations

import hashlib
import hmac
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.peers.companion_radio import RadioSettings

PROTOCOL = 1
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ROUNDS = 100_000


@dataclass(frozen=True, slots=True)
class Sim:
    """One SIM as the platform shows it; member names are the wire's."""

    sub: int
    slot: int = 0
    iccid: str | None = None
    number: str | None = None
    name: str = "SIM"
    operator: str | None = "Example"
    mccmnc: str | None = "23415"
    state: str = "ready"
    roaming: bool | None = False
    signal_dbm: int | None = -85
    registered: bool | None = True


@dataclass(slots=True)
class Pace:
    """How the app waits. ``rounds_s`` between rounds of dialling, the last for ever; ``quiet_s`` and ``patience_s``
    are the heartbeat's."""

    rounds_s: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
    refused_s: float = 60.0
    quiet_s: float = 20.0
    patience_s: float = 15.0


@dataclass(slots=True)
class Faults:
    """What a test may spoil."""

    cut_at_frame: int | None = None
    """The link ends at this frame of the next connections, counted both ways over all of them; the frame is lost."""
    at_point: Callable[[str], None] = lambda _: None
    """Called with ``after_taken``, ``before_call``, ``after_call``, ``after_sent_event``, ``before_committed``."""
    silent_at_jobs: bool = False
    """Takes nothing: a job is read and neither stored nor answered."""


@dataclass(slots=True)
class PhoneSettings:
    """What a phone is."""

    install: str = field(default_factory=lambda: str(uuid.uuid4()))
    sims: tuple[Sim, ...] = (Sim(1, 0, "8944100000000000001", "+447700900001"),)
    model: str = "Pixel 4a"
    radio: RadioSettings = field(default_factory=RadioSettings)
    pace: Pace = field(default_factory=Pace)
    forgets: bool = False
    """The telephony process died with the app: no intent of earlier calls comes any more."""
    app_code: int = 1
    """Version of the app by Android's count."""


class PairingRefusedError(Exception):
    """``status`` and ``code`` are the gateway's; ``code`` is ``proof`` when it is the phone that refuses."""

    def __init__(self, status: int, code: str, hint: str) -> None:
        super().__init__(f"{status} {code}: {hint}")
        self.status, self.code, self.hint = status, code, hint


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def normalised(code: str) -> str:
    """Write a typed code as the codes are written."""
    swapped = code.upper().translate(str.maketrans("OIL", "011"))
    return "".join(character for character in swapped if character in ALPHABET)


def proof(code: str, nonce: str, *fields: str) -> str:
    """Prove that we hold the code to who sees the same fields; ``nonce`` in hex."""
    key = hashlib.pbkdf2_hmac("sha256", normalised(code).encode(), bytes.fromhex(nonce), ROUNDS, 32)
    return hmac.new(key, b"\0".join(each.encode() for each in fields), hashlib.sha256).hexdigest()

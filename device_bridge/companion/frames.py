"""Owns what phone and gateway say to each other, as values: one frozen type for each message of the link.

Knows no JSON and no connection.
Source: docs/link.md; names are those of its members.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from device_bridge.device import PartsCap

# ------------------------------------------------------------------ what the phone says of itself


@dataclass(frozen=True, slots=True)
class Sim:
    """One SIM. ``state`` is ready, pin, puk, absent or not_ready; None is what Android hides or does not know."""

    sub: int
    slot: int | None
    iccid: str | None
    number: str | None
    name: str | None
    operator: str | None
    mccmnc: str | None
    state: str
    roaming: bool | None
    signal_dbm: int | None
    registered: bool | None


@dataclass(frozen=True, slots=True)
class PhoneHealth:
    """HEALTH of the contract. ``limit`` is what the platform's settings say, without any margin."""

    battery: int | None
    charging: bool | None
    temperature_c: float | None
    airplane: bool | None
    free_bytes: int | None
    bucket: str | None
    doze_exempt: bool | None
    default_sms_app: bool | None
    missing_permissions: tuple[str, ...]
    limit: PartsCap | None


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of a connection; ``run`` is made anew whenever the app's process starts."""

    install: str
    run: str
    way: Literal["usb", "lan"]
    now_ms: int
    app_code: int
    app_name: str
    maker: str
    model: str
    android: str
    sdk: int
    sims: tuple[Sim, ...]
    health: PhoneHealth


@dataclass(frozen=True, slots=True)
class SimsChanged:
    sims: tuple[Sim, ...]


@dataclass(frozen=True, slots=True)
class HealthChanged:
    health: PhoneHealth


# ------------------------------------------------------------------ what the phone says of a job


@dataclass(frozen=True, slots=True)
class Taken:
    job: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Never called, and the id is burned. ``code``: burned, no_sim, no_permission, bad_job, full or unpaired."""

    job: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class JobState:
    """``state`` is unknown, taken, called or settled; ``called_at_ms`` is by the phone's clock."""

    state: str
    called_at_ms: int | None


@dataclass(frozen=True, slots=True)
class JobStates:
    re: int
    jobs: tuple[tuple[str, JobState], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """To a request with the same ``re``: ``text`` when ``ok``, else ``code`` and ``detail``."""

    re: int
    ok: bool
    text: str
    code: str
    detail: str


# ------------------------------------------------------------------ what stands in its journal


@dataclass(frozen=True, slots=True)
class SentEvent:
    """What the sent intent of a part brought. ``part`` counts the job's parts from 1."""

    id: int
    at_ms: int
    job: str
    part: int
    result: int
    error: int | None


@dataclass(frozen=True, slots=True)
class ReportEvent:
    """The PDU of a delivered intent. ``sub`` where the app tells it."""

    id: int
    at_ms: int
    job: str
    part: int
    pdu: str
    format: str
    sub: int | None = None


@dataclass(frozen=True, slots=True)
class FailedEvent:
    """The whole job is certainly not on air. ``code``: not_called or call_failed."""

    id: int
    at_ms: int
    job: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class InboundEvent:
    """The PDUs of one broadcast, as the phone gave them."""

    id: int
    at_ms: int
    sub: int
    pdus: tuple[str, ...]
    format: str


@dataclass(frozen=True, slots=True)
class TextEvent:
    """A text that was found in the phone's inbox and not seen as a broadcast."""

    id: int
    at_ms: int
    sub: int
    sender: str
    text: str
    sent_at_ms: int | None


@dataclass(frozen=True, slots=True)
class MmsEvent:
    """``pdu`` is base64 of an M-Retrieve.conf, not yet decoded."""

    id: int
    at_ms: int
    sub: int
    pdu: str


JournalEvent = SentEvent | ReportEvent | FailedEvent | InboundEvent | TextEvent | MmsEvent
FromPhone = Hello | Taken | Refused | JournalEvent | JobStates | Answer | SimsChanged | HealthChanged


# ------------------------------------------------------------------ what the gateway says


@dataclass(frozen=True, slots=True)
class Welcome:
    gateway: str
    name: str
    now_ms: int
    urls: tuple[str, ...]
    pin: str = ""


@dataclass(frozen=True, slots=True)
class Bye:
    """``code``: version, revoked, foreign, conflict, replaced, malformed or stopping."""

    code: str
    title: str
    hint: str


@dataclass(frozen=True, slots=True)
class JobFrame:
    """One attempt: ``parts`` of a text, divided already, or ``octets`` for ``port``."""

    job: str
    sub: int
    to: str
    report: bool
    parts: tuple[str, ...] | None = None
    octets: bytes | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    events: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    re: int
    jobs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UssdFrame:
    re: int
    sub: int
    code: str


@dataclass(frozen=True, slots=True)
class MmsFrame:
    """``pdu`` is an M-Send.req."""

    re: int
    job: str
    sub: int
    pdu: bytes


FromGateway = Welcome | Bye | JobFrame | Committed | Ask | UssdFrame | MmsFrame

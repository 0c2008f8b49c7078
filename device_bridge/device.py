"""Owns THE seam: what a device and a line are, what goes out to them and which events come back.

Refuses to know AT commands, companions, queues, SQL or HTTP; drivers implement it, the gateway calls it.
Source: events carry TPDUs of 3GPP TS 23.040 undecoded, so that one codec judges modem and phone alike.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from device_bridge.sms.outcome import Outcome

# ------------------------------------------------------------------ what goes out


@dataclass(frozen=True, slots=True)
class OutgoingPart:
    """One SUBMIT TPDU of one attempt.

    ``tpdu`` is for modems (SCA not included); ``text`` or ``octets`` + ``port`` is for phones, whose platform
    builds the TPDU itself.
    """

    number: int
    tpdu: bytes
    text: str | None = None
    octets: bytes | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One attempt of one message on one line: the parts that are still to go out, in ascending order.

    ``parts_total`` counts the whole concatenated set; ``parts`` may be fewer when earlier ones are proven sent.
    ``more_follow`` says that other messages wait for this line, so the radio link may be kept (AT+CMMS).
    """

    attempt_id: str
    to: str
    parts: tuple[OutgoingPart, ...]
    parts_total: int
    more_follow: bool = False
    delivery_report: bool = True
    flash: bool = False


# ------------------------------------------------------------------ what comes back about a part

WHOLE_ATTEMPT = 0
"""``part`` of an outcome that counts for every part of the attempt: a phone said it of the attempt as a whole."""


@dataclass(frozen=True, slots=True)
class PartSent:
    """The SMSC took the part (RP-ACK). ``mr`` is its TP-MR where the device tells it."""

    attempt_id: str
    part: int
    mr: int | None
    at_ms: int
    evidence: str = ""
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class PartNotSent:
    """Certainly not on air; another try may help. ``cause.outcome_class`` says when and where."""

    attempt_id: str
    part: int
    cause: Outcome
    at_ms: int
    evidence: str = ""
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class PartRejected:
    """Refused for good: the same text to the same number on this line will be refused again."""

    attempt_id: str
    part: int
    cause: Outcome
    at_ms: int
    evidence: str = ""
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class PartLost:
    """Silence, power or cable after the first octet: nobody knows whether it went on air."""

    attempt_id: str
    part: int
    cause: Outcome
    at_ms: int
    evidence: str = ""
    event_id: str | None = None


PartOutcome = PartSent | PartNotSent | PartRejected | PartLost


# ------------------------------------------------------------------ what comes by itself


@dataclass(frozen=True, slots=True)
class ReportReceived:
    """A STATUS-REPORT TPDU arrived at ``line_key``; ``attempt_id`` and ``part`` only from a phone.

    ``event_id`` is to be acknowledged after the commit (W3).
    """

    event_id: str
    line_key: str
    tpdu: bytes
    at_ms: int
    attempt_id: str | None = None
    part: int | None = None


@dataclass(frozen=True, slots=True)
class InboundReceived:
    """A DELIVER TPDU, or octets that are none, arrived at ``line_key``. Kept raw whatever it is (W3)."""

    event_id: str
    line_key: str
    tpdu: bytes
    at_ms: int
    smsc: str | None = None


@dataclass(frozen=True, slots=True)
class TextReceived:
    """A text that a phone found in its own inbox and never saw as a PDU: whole, without TPDU (W3).

    ``sent_at_ms`` is TP-SCTS as the phone kept it, None where it did not.
    """

    event_id: str
    line_key: str
    sender: str
    text: str
    sent_at_ms: int | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class MmsReceived:
    """An M-Retrieve.conf that a phone downloaded, or the M-Notification.ind of one (OMA-TS-MMS_ENC), undecoded (W3)."""

    event_id: str
    line_key: str
    pdu: bytes
    at_ms: int


@dataclass(frozen=True, slots=True)
class DeviceChanged:
    """What the device says of itself has changed; ``info`` is the device's from now on."""

    info: DeviceInfo
    at_ms: int


@dataclass(frozen=True, slots=True)
class LineChanged:
    """A line appeared, changed its health or went away (``health.state``)."""

    line_key: str
    health: LineHealth
    at_ms: int


DeviceEvent = (
    PartSent
    | PartNotSent
    | PartRejected
    | PartLost
    | ReportReceived
    | InboundReceived
    | TextReceived
    | MmsReceived
    | LineChanged
    | DeviceChanged
)


# ------------------------------------------------------------------ what they are


class LineState(StrEnum):
    """``up`` sends; ``down`` waits for something that may come by itself; ``needs_attention`` waits for a person."""

    UP = "up"
    DOWN = "down"
    NEEDS_ATTENTION = "needs_attention"


@dataclass(frozen=True, slots=True)
class LineIdentity:
    """One SIM. ``key`` is the ICCID, ``imsi:…`` where a modem's SIM hides it, ``sub:INSTALL:SUBSCRIPTION`` on a phone
    that hides both; it moves with the SIM."""

    key: str
    iccid: str | None
    imsi: str | None
    number: str | None = None


@dataclass(frozen=True, slots=True)
class LineHealth:
    """What is known of a line now. ``reason`` says why it is not up, in the catalogue's words."""

    state: LineState
    reason: Outcome | None = None
    operator: str | None = None
    signal_dbm: int | None = None
    roaming: bool | None = None
    smsc: str | None = None
    store_used: int | None = None
    store_total: int | None = None


@dataclass(frozen=True, slots=True)
class PartsCap:
    """The device itself lets out at most ``parts`` in any ``window_s`` seconds, over all its lines together."""

    parts: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a line can do.

    ``journal``: the device takes an attempt whole, asks ``cleared`` once, for its first part, answers for each part
    in its own time and order, and remembers across a break; :meth:`Device.resume` asks it. ``window``: attempts
    that it carries at a time. ``cap``: what the device's own platform enforces.
    """

    delivery_reports: bool = True
    flash: bool = True
    binary: bool = True
    ussd: bool = False
    journal: bool = False
    window: int = 1
    cap: PartsCap | None = None


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """What a phone says of itself; None where it does not tell. ``way`` is "usb" or "lan".

    ``app_version`` is for people; ``app_code`` says which of two apps is the newer one.
    """

    way: str | None = None
    app_version: str | None = None
    app_code: int | None = None
    battery_percent: int | None = None
    charging: bool | None = None
    temperature_c: float | None = None
    airplane: bool | None = None
    free_bytes: int | None = None
    standby_bucket: str | None = None
    doze_exempt: bool | None = None
    default_sms_app: bool | None = None
    missing_permissions: tuple[str, ...] = ()
    cap: PartsCap | None = None


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """``id`` is the IMEI of a modem or the install id of a companion; ``address`` is only where it is today.

    ``trouble`` is what keeps an open device from having a line, ``notes`` say it in a sentence.
    """

    id: str
    kind: str
    address: str
    maker: str | None = None
    model: str | None = None
    firmware: str | None = None
    emulated: bool = False
    notes: tuple[str, ...] = field(default=())
    health: DeviceHealth | None = None
    trouble: Outcome | None = None


Cleared = Callable[[OutgoingPart], Awaitable[bool]]
"""Asked before a part may go on air: True once SUBMITTING is committed, False = take it back (W2)."""


class Line(Protocol):
    """One SIM that can send. Callers overlap at most ``capabilities.window`` calls of ``submit``."""

    @property
    def identity(self) -> LineIdentity: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def submit(self, outgoing: Outgoing, cleared: Cleared) -> AsyncIterator[PartOutcome]:
        """Put the parts on air in order and yield the radio's verdict on each as it comes.

        Stops after the first verdict that is not :class:`PartSent`, and without a verdict when ``cleared`` says
        no. A ``PartSent`` is yielded as soon as the radio says so; what the device still has to say (a final OK)
        is awaited when the iterator is asked for more.

        A line with a journal yields the verdicts of all parts in whatever order they come, each with the
        ``event_id`` to acknowledge once it is recorded. When its link breaks after the attempt was handed over, the
        iterator just ends: the attempt stays SUBMITTING, and :meth:`Device.resume` takes it up.

        Raises:
            NotSubmitted: the device is gone or not ready and the part asked for is certainly not on air.
            InDoubt: the device went away with the part asked for handed over.

        On air: yes
        """
        ...

    async def ussd(self, code: str) -> str:
        """Ask the network a USSD code and return its answer as text.

        On air: maybe (USSD, never a text)
        """
        ...

    async def health(self) -> LineHealth:
        """Say what is known now, without a question to the radio.

        On air: never
        """
        ...


class Device(Protocol):
    """A phone or modem that is attached."""

    @property
    def info(self) -> DeviceInfo: ...

    def lines(self) -> tuple[Line, ...]: ...

    async def open(self) -> None:
        """Open the link, identify the device and make its lines ready; safe to call again after ``close``.

        Raises:
            DeviceNotReady: ``cause`` says what a person must do.

        On air: never
        """
        ...

    async def close(self) -> None:
        """Let go of the link. A part on air is left to itself: its attempt stays SUBMITTING for ``recover``.

        On air: never
        """
        ...

    def events(self) -> AsyncIterator[DeviceEvent]:
        """Yield what comes by itself until the device is closed or its link is lost (then the iterator ends)."""
        ...

    async def resume(self, attempt_ids: tuple[str, ...]) -> None:
        """Ask an open device with a journal what became of attempts that it was given before a break.

        Answers come by :meth:`events`: an outcome as it was, "certainly not sent" for what the device never knew
        (its id is burned), *lost* when no intent comes in time. A device without a journal says nothing.

        On air: never
        """
        ...

    async def acknowledge(self, event_id: str) -> None:
        """Let the device drop its own record of an event that is committed (W3).

        On air: maybe (RP-ACK of a report or inbound text)
        """
        ...

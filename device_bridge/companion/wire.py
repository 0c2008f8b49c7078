"""Owns the text of each message of the link: JSON to values from the phone, values to JSON for it.

Knows no connection and no order of messages. Strict in what it takes, but for members that it does not know.
Source: docs/link.md; tests/vectors/link.json
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from device_bridge.companion.frames import (
    Answer,
    Ask,
    Bye,
    Committed,
    FailedEvent,
    FromGateway,
    FromPhone,
    HealthChanged,
    Hello,
    InboundEvent,
    JobFrame,
    JobState,
    JobStates,
    JournalEvent,
    MmsEvent,
    MmsFrame,
    PhoneHealth,
    Refused,
    ReportEvent,
    SentEvent,
    Sim,
    SimsChanged,
    Taken,
    TextEvent,
    UssdFrame,
    Welcome,
)
from device_bridge.companion.members import Members, WireError, parse
from device_bridge.device import PartsCap

__all__ = [
    "MAX_MESSAGE", "PROTOCOL", "Answer", "Ask", "Bye", "Committed", "FailedEvent", "FromGateway", "FromPhone",
    "HealthChanged", "Hello", "InboundEvent", "JobFrame", "JobState", "JobStates", "JournalEvent", "MmsEvent",
    "MmsFrame", "OtherVersion", "PhoneHealth", "Refused", "ReportEvent", "SentEvent", "Sim", "SimsChanged", "Taken",
    "TextEvent", "UssdFrame", "Welcome", "WireError", "decode_from_phone", "encode",
]  # fmt: skip

PROTOCOL: Final = 1
"""Version of the link; both sides speak the same one or part."""

MAX_MESSAGE: Final = 1_048_576
"""Octets of one message, in UTF-8. An MMS of 600 kB in base64 fits."""

MAX_SIMS: Final = 16
"""Of one phone: two or three are common; what says more would fill the gateway with lines."""

_ICCID: Final = re.compile(r"[0-9]{10,22}", re.ASCII)
"""18 to 20 digits (ITU-T E.118), with room for phones that add or drop some."""

_JOB_STATES: Final = frozenset({"unknown", "taken", "called", "settled"})


class OtherVersion(WireError):
    """A hello of another version of the link. ``version`` is the phone's."""

    def __init__(self, version: int) -> None:
        super().__init__("v", f"is {version}, this gateway speaks {PROTOCOL}")
        self.version = version


def decode_from_phone(text: str) -> FromPhone:
    """Read one message of a phone.

    Returns:
        The value of its ``t`` (and ``kind``); unknown members are ignored.

    Raises:
        OtherVersion: a hello whose ``v`` is not ours; nothing else of it was looked at.
        WireError: anything else that is no message of the link; ``field`` names the member.

    Source: docs/link.md; tests/vectors/link.json
    """
    members = parse(text)
    kind = members.text("t")
    read = _READERS.get(kind)
    if read is None:
        raise WireError("t", f"{kind[:20]!r} is no message of a phone")
    return read(members)


def encode(frame: FromGateway) -> str:
    """Write one message of the gateway as ASCII JSON.

    Source: docs/link.md; tests/vectors/link.json
    """
    return json.dumps(_object(frame), separators=(",", ":"))


# ------------------------------------------------------------------ from the phone


def _hello(members: Members) -> Hello:
    version = members.number("v")
    if version != PROTOCOL:
        raise OtherVersion(version)
    app, phone = members.nested("app"), members.nested("phone")
    return Hello(
        install=members.text("install"),
        run=members.text("run"),
        way=_way(members),
        now_ms=members.number("now_ms", 0),
        app_code=app.number("code"),
        app_name=app.label("name"),
        maker=phone.label("maker"),
        model=phone.label("model"),
        android=phone.label("android"),
        sdk=phone.number("sdk"),
        sims=_sims(members),
        health=_health(members.nested("health")),
    )


def _way(members: Members) -> Literal["usb", "lan"]:
    way = members.text("way")
    if way == "usb":
        return "usb"
    if way == "lan":
        return "lan"
    raise WireError("way", "must be usb or lan")


def _sims(members: Members) -> tuple[Sim, ...]:
    sims = members.nested_list("sims")
    if len(sims) > MAX_SIMS:
        raise WireError("sims", f"has {len(sims)} SIMs, at most {MAX_SIMS} are believed")
    return tuple(
        Sim(
            sub=sim.number("sub"),
            slot=sim.number_or_none("slot"),
            iccid=_iccid(sim.label_or_none("iccid")),
            number=sim.label_or_none("number"),
            name=sim.label_or_none("name"),
            operator=sim.label_or_none("operator"),
            mccmnc=sim.label_or_none("mccmnc"),
            state=sim.label("state"),
            roaming=sim.flag_or_none("roaming"),
            signal_dbm=sim.number_or_none("signal_dbm"),
            registered=sim.flag_or_none("registered"),
        )
        for sim in sims
    )


def _iccid(text: str | None) -> str | None:
    """Take an ICCID without its filler; a masked or made-up one counts as hidden, for it would be shared by others."""
    digits = (text or "").strip().upper().rstrip("F")
    return digits if _ICCID.fullmatch(digits) else None


def _health(health: Members) -> PhoneHealth:
    limit = health.nested_or_none("limit")
    return PhoneHealth(
        battery=health.number_or_none("battery"),
        charging=health.flag_or_none("charging"),
        temperature_c=health.decimal_or_none("temperature_c"),
        airplane=health.flag_or_none("airplane"),
        free_bytes=health.number_or_none("free_bytes"),
        bucket=health.text_or_none("bucket"),
        doze_exempt=health.flag_or_none("doze_exempt"),
        default_sms_app=health.flag_or_none("default_sms_app"),
        missing_permissions=health.texts_or_none("missing_permissions"),
        limit=None if limit is None else PartsCap(limit.number("parts", 1), limit.number("window_s", 1)),
    )


def _event(members: Members) -> JournalEvent:
    kind = members.text("kind")
    read = _EVENTS.get(kind)
    if read is None:
        raise WireError("kind", f"{kind[:20]!r} is no kind of event")
    return read(members, members.number("id", 1), members.number("at_ms"))


def _sent(members: Members, number: int, at_ms: int) -> SentEvent:
    part, result = members.number("part", 1), members.number("result")
    return SentEvent(number, at_ms, members.text("job"), part, result, members.number_or_none("error"))


def _report(members: Members, number: int, at_ms: int) -> ReportEvent:
    job, part = members.text("job"), members.number("part", 1)
    pdu, form = members.text("pdu"), members.text("format")
    return ReportEvent(number, at_ms, job, part, pdu, form, members.number_or_none("sub"))


def _failed(members: Members, number: int, at_ms: int) -> FailedEvent:
    detail = members.text_or_none("detail") or ""
    return FailedEvent(number, at_ms, members.text("job"), members.text("code"), detail)


def _inbound(members: Members, number: int, at_ms: int) -> InboundEvent:
    sub = members.number("sub")
    return InboundEvent(number, at_ms, sub, members.texts("pdus"), members.text("format"))


def _text(members: Members, number: int, at_ms: int) -> TextEvent:
    sub, sender = members.number("sub"), members.text("from")
    return TextEvent(number, at_ms, sub, sender, members.text("text"), members.number_or_none("sent_at_ms"))


def _mms(members: Members, number: int, at_ms: int) -> MmsEvent:
    return MmsEvent(number, at_ms, members.number("sub"), members.text("pdu"))


def _refused(members: Members) -> Refused:
    return Refused(members.text("job"), members.text("code"), members.text_or_none("detail") or "")


def _jobs(members: Members) -> JobStates:
    read = [(job, _job_state(state)) for job, state in members.nested("jobs").each_object()]
    return JobStates(members.number("re"), tuple(read))


def _job_state(members: Members) -> JobState:
    state = members.text("state")
    if state not in _JOB_STATES:
        raise WireError(members.named("state"), "must be unknown, taken, called or settled")
    called = state == "called"
    return JobState(
        state, members.number("called_at_ms") if called else members.number_or_none("called_at_ms")
    )


def _answer(members: Members) -> Answer:
    if members.flag("ok"):
        return Answer(members.number("re"), ok=True, text=members.text("text"), code="", detail="")
    code, detail = members.text("code"), members.text_or_none("detail") or ""
    return Answer(members.number("re"), ok=False, text="", code=code, detail=detail)


_READERS: Final[Mapping[str, Callable[[Members], FromPhone]]] = {
    "hello": _hello,
    "taken": lambda members: Taken(members.text("job")),
    "refused": _refused,
    "event": _event,
    "jobs": _jobs,
    "answer": _answer,
    "sims": lambda members: SimsChanged(_sims(members)),
    "health": lambda members: HealthChanged(_health(members.nested("health"))),
}
_EVENTS: Final[Mapping[str, Callable[[Members, int, int], JournalEvent]]] = {
    "sent": _sent,
    "report": _report,
    "failed": _failed,
    "inbound": _inbound,
    "text": _text,
    "mms": _mms,
}


# ------------------------------------------------------------------ to the phone


def _object(frame: FromGateway) -> dict[str, Any]:
    match frame:
        case Welcome(gateway, name, now_ms, urls, pin):
            welcome = {"gateway": gateway, "name": name, "now_ms": now_ms, "urls": list(urls)}
            return {"t": "welcome", "v": PROTOCOL, **welcome, **({"pin": pin} if pin else {})}
        case Bye(code, title, hint):
            return {"t": "bye", "code": code, "title": title, "hint": hint}
        case JobFrame():
            return _job(frame)
        case Committed(events):
            return {"t": "committed", "events": list(events)}
        case Ask(re, jobs):
            return {"t": "ask", "re": re, "jobs": list(jobs)}
        case UssdFrame(re, sub, code):
            return {"t": "ussd", "re": re, "sub": sub, "code": code}
        case MmsFrame(re, job, sub, pdu):
            return {"t": "mms", "re": re, "job": job, "sub": sub, "pdu": _base64(pdu)}


def _job(frame: JobFrame) -> dict[str, Any]:
    written: dict[str, Any] = {"t": "job", "job": frame.job, "sub": frame.sub, "to": frame.to}
    if frame.octets is not None:
        written |= {"octets": _base64(frame.octets), "port": frame.port}
    else:
        written["parts"] = list(frame.parts or ())
    return {**written, "report": frame.report}


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")

"""Owns the history of a message as people read it: what happened, who says so, how long after, and the proof behind it.

Pure: what the store wrote down goes in, rows of the page come out. Decides nothing.
Source: the notes on what people see, */messages/{id}*; 3GPP TS 23.040 §9.2.3 (what the evidence holds).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from gateway.message import PartDetail, TimelineEntry, shown_reason
from gateway.web.evidence import Decoded, decode, status_meaning
from gateway.web.message_words import HELD, cause_of, say
from gateway.web.names import Names
from gateway.web.shown import Tone, foreign, span, time
from gateway.web.words import gettext as _
from gateway.web.words import mark

WITNESSES = {
    "gateway": mark("this gateway"),
    "modem": mark("the modem"),
    "phone": mark("the phone it is sent with"),
    "network": mark("the network"),
    "person": mark("a person"),
}

_TONES: dict[str, Tone] = {
    "sent": "busy", "delivered": "good", "undelivered": "bad", "failed": "bad", "rejected": "bad", "not_sent": "warn",
    "in_doubt": "warn", "expired": "warn", "held": "warn", "submitting": "busy",
}  # fmt: skip

_DECIDED = {
    "approve": mark("Agreed to: it may be sent."),
    "reject": mark("Said no: it is not sent."),
    "cancel": mark("Taken back before it was sent."),
    "resend": mark("Decided that it did not arrive: it is sent again, and a second copy is possible."),
    "confirm": mark("Decided to leave it: it counts as sent."),
    "give_up": mark("Decided that it did not arrive, and that it is not sent again."),
    "hold": mark("Held until it is released: it came out of a backup."),
}
"""What a person, or a rule, did, by the ``action`` of the event."""

_FIRST = frozenset({"queued", "held"})
"""How a message begins."""

_CODES = (
    ("code", mark("Cause")),
    ("network_code", mark("Code of the network")),
    ("tp_st", mark("Status of the report")),
    ("mr", mark("Number of the part")),
    ("evidence", mark("Answer, as it came")),
    ("scts", mark("Taken by the message centre")),
    ("discharge_time", mark("Ended there")),
    ("device", mark("Device")),
    ("signal_dbm", mark("Signal then")),
    ("battery_percent", mark("Battery then")),
)
_UNITS = {"signal_dbm": "dBm", "battery_percent": "%"}


@dataclass(frozen=True, slots=True)
class Hop:
    """One row. ``since_ms`` is the wait since the row before; ``codes`` are (name, value); ``tpdus`` is what was on
    air."""

    id: str
    at_ms: int
    since_ms: int | None
    tone: Tone
    words: Markup
    witness: str
    place: Markup
    codes: tuple[tuple[str, Markup], ...] = ()
    tpdus: tuple[Decoded, ...] = field(default=())

    @property
    def since(self) -> str:
        """How long after the row before."""
        return "" if self.since_ms is None else f"+{span(self.since_ms / 1000)}"


def hops(
    entries: Sequence[TimelineEntry], parts: Sequence[PartDetail], names: Names, *, scheduled: bool = False
) -> tuple[Hop, ...]:
    """Make the rows, the oldest first; ``scheduled``: it was accepted for a later time."""
    rows: list[Hop] = []
    told = _told_once(entries)
    several = max((part.total for part in parts), default=1) > 1
    for n, entry in enumerate(told):
        before = told[n - 1].at_ms if n else None
        kind = entry.type.partition(".")[2]
        rows.append(
            Hop(
                id=entry.id,
                at_ms=entry.at_ms,
                since_ms=None if before is None else max(entry.at_ms - before, 0),
                tone=_TONES.get(kind, "quiet"),
                words=_words(entry, kind, names)
                if n or kind not in _FIRST
                else _accepted(entry, scheduled=scheduled),
                witness=_witness(entry, names),
                place=_place(entry, names, several=several),
                codes=_codes(entry),
                tpdus=_tpdus(entry, kind, parts),
            )
        )
    return tuple(rows)


def _witness(entry: TimelineEntry, names: Names) -> str:
    said = _(WITNESSES[entry.witness])
    if entry.witness != "person":
        return said
    return _("%(person)s (%(key)s)") % {"person": said, "key": names.actor(entry.detail.get("by"))}


def _told_once(entries: Sequence[TimelineEntry]) -> list[TimelineEntry]:
    """Leave out what one part did where the next entry says the same of the message."""
    follows = [*entries[1:], *([None] if entries else [])]
    return [entry for entry, after in zip(entries, follows, strict=True) if not _repeated(entry, after)]


def _repeated(entry: TimelineEntry, after: TimelineEntry | None) -> bool:
    if after is None or not (entry.type.startswith("part.") and after.type.startswith("message.")):
        return False
    of = (entry.part, entry.attempt, entry.at_ms, entry.type.partition(".")[2])
    return of == (after.part, after.attempt, after.at_ms, after.type.partition(".")[2])


def who_cancelled(entries: Sequence[TimelineEntry], names: Names) -> str:
    """Say which person took it back; "" when it was none."""
    for entry in reversed(entries):
        if entry.detail.get("action") == "cancel" and entry.witness == "person":
            return names.actor(entry.detail.get("by"))
    return ""


# ------------------------------------------------------------------ words


def _accepted(entry: TimelineEntry, *, scheduled: bool) -> Markup:
    if entry.type == "message.held":
        return say(_("Accepted and held: nothing of it goes out yet."))
    if scheduled:
        return say(_("Accepted and written down. It waits for its time."))
    return say(_("Accepted and written down. It waits for a line."))


def _words(entry: TimelineEntry, kind: str, names: Names) -> Markup:
    action = str(entry.detail.get("action", ""))
    if action in _DECIDED and entry.witness == "person":
        return say(_(_DECIDED[action]))
    if kind == "submitting":
        return _submitting(entry, names)
    if kind == "expired":
        return say(_("Too late to be worth sending: taken out of the queue."))
    speak = _SPEAK.get(kind)
    return say(_("Noted: %(type)s."), type=foreign(entry.type)) if speak is None else speak(entry)


def _submitting(entry: TimelineEntry, names: Names) -> Markup:
    line = foreign(names.line(entry.line))
    if entry.detail.get("possible_second_copy"):
        return say(_("Handed to %(line)s again; the recipient may get a second copy."), line=line)
    if (entry.attempt or 1) > 1:
        return say(_("Handed to %(line)s: try %(n)d."), line=line, n=entry.attempt)
    return say(_("Handed to %(line)s."), line=line)


def _queued(entry: TimelineEntry) -> Markup:
    retry = entry.detail.get("retry_in_ms")
    said = _cause(entry)
    if isinstance(retry, int):
        return say(
            _("Not taken: %(cause)s It is tried again in %(span)s."), cause=said, span=span(retry / 1000)
        )
    if said:
        return say(_("Not taken: %(cause)s It goes back to the queue."), cause=said)
    return say(_("Back in the queue."))


def _sent(entry: TimelineEntry) -> Markup:
    if "tp_st" in entry.detail:
        return say(_("The network has it and still tries to reach the phone."))
    if entry.type.startswith("part."):
        return say(_("The network took part %(n)d."), n=entry.part)
    return say(_("The network took it."))


def _delivered(entry: TimelineEntry) -> Markup:
    if entry.detail.get("tp_st") == 1:
        return say(_("The network passed it on; whether the phone has it, it does not know."))
    if entry.type.startswith("part."):
        return say(_("The recipient's phone has part %(n)d."), n=entry.part)
    return say(_("The recipient's phone has it."))


def _undelivered(entry: TimelineEntry) -> Markup:
    return say(_("Not delivered: %(cause)s"), cause=_cause(entry))


def _failed(entry: TimelineEntry) -> Markup:
    return say(_("Ended: %(cause)s It is not tried again."), cause=_cause(entry))


def _refused(entry: TimelineEntry) -> Markup:
    return say(_("Part %(n)d was not taken: %(cause)s"), n=entry.part, cause=_cause(entry))


def _in_doubt(entry: TimelineEntry) -> Markup:
    return say(
        _("No answer after the text was handed over: it may have been sent. %(cause)s"), cause=_cause(entry)
    )


def _cancelled(entry: TimelineEntry) -> Markup:
    cause = _cause(entry)
    return (
        say(_("Taken out of the queue: %(cause)s"), cause=cause)
        if cause
        else say(_("Taken out of the queue."))
    )


def _held(entry: TimelineEntry) -> Markup:
    reason = shown_reason(str(entry.detail.get("reason", ""))) or ""
    return say(_(HELD.get(reason, mark("Held until a person lets it go."))))


def _rescheduled(entry: TimelineEntry) -> Markup:
    at_ms = entry.detail.get("send_at_ms")
    return say(_("Its time was changed to %(at)s."), at=time(at_ms if isinstance(at_ms, int) else None))


_SPEAK: dict[str, Callable[[TimelineEntry], Markup]] = {
    "queued": _queued,
    "sent": _sent,
    "delivered": _delivered,
    "undelivered": _undelivered,
    "failed": _failed,
    "rejected": _refused,
    "not_sent": _refused,
    "in_doubt": _in_doubt,
    "cancelled": _cancelled,
    "held": _held,
    "rescheduled": _rescheduled,
}


def _cause(entry: TimelineEntry) -> str:
    title = entry.detail.get("title")
    return cause_of(str(entry.detail.get("code", "")), str(title)) if title else ""


# ------------------------------------------------------------------ proof


def _place(entry: TimelineEntry, names: Names, *, several: bool) -> Markup:
    said = []
    if entry.attempt is not None:
        said.append(say(_("try %(n)d"), n=entry.attempt))
    if entry.part is not None and several:
        said.append(say(_("part %(n)d"), n=entry.part))
    if entry.line is not None:
        said.append(foreign(names.line(entry.line), 40))
    return Markup(" · ").join(said)


def _codes(entry: TimelineEntry) -> tuple[tuple[str, Markup], ...]:
    shown = []
    for name, words in _CODES:
        value = entry.detail.get(name)
        if value is None or value == "":
            continue
        text = f"{value} {_UNITS[name]}" if name in _UNITS else str(value)
        if name == "tp_st" and isinstance(value, int):
            text = f"0x{value:02X}: {status_meaning(value)}"
        shown.append((_(words), foreign(text, 500)))
    return tuple(shown)


def _tpdus(entry: TimelineEntry, kind: str, parts: Sequence[PartDetail]) -> tuple[Decoded, ...]:
    """What was on air: behind a handing over our own TPDUs, behind a report the network's."""
    said = entry.detail.get("tpdu")
    if isinstance(said, str):
        return (decode(said, "incoming"),)
    if kind != "submitting":
        return ()
    return tuple(decode(p.tpdu_hex, "submit") for p in parts if p.attempt == entry.attempt and p.tpdu_hex)

"""Owns the one plain sentence about a message: what is, why, and whose word that is; and what a person can do about it.

Pure: facts in, words out. Says no more than is known: what the network took is not delivered, no report is not a
failure, and what is in doubt is called so.
Source: the notes on what people see, *States*; the catalogue of problems (``gateway.errors``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from device_bridge.sms.outcome import report_meaning
from gateway.message import Message, MessageState, PartDetail, shown_reason
from gateway.policy.eta import Estimate
from gateway.web.shown import STATES, because, foreign, look, span, time
from gateway.web.words import gettext as _
from gateway.web.words import mark

_FORWARDED = 0x01
"""TP-ST: the message centre passed it on and does not know whether it arrived."""

CAUSES: dict[str, str] = {
    "absent_subscriber": mark("The recipient's phone was off or out of reach until the network gave up."),
    "number_unassigned": mark("The network says this number does not exist."),
    "rejected_by_network": mark("The network refused this text."),
    "no_credit": mark("The network refused it; the SIM has probably no credit."),
    "barred": mark("The operator does not let this SIM send."),
    "undelivered": mark("The network could not deliver it."),
    "unknown_cause": mark("The network gave a reason that we do not know."),
    "partly_sent": mark("Only some of its parts went out: the recipient may see an incomplete text."),
    "in_doubt": mark("A person decided that it did not arrive; whether it left was never known."),
    "approval_rejected": mark("Somebody looked at it and said no."),
    "recipient_opted_out": mark("The recipient asked not to be texted."),
    "consent_required": mark("The recipient has not agreed to texts of this kind."),
    "consent_expired": mark("The recipient's consent has ended."),
}
"""The causes that people meet most, as a sentence; all others are said by their title in the catalogue."""

HELD: dict[str, str] = {
    "approval": mark("A second person has to agree before it is sent."),
    "restored": mark("It came out of a backup and may have been sent before: it waits until it is released."),
}

_LEFT_IN_PART = frozenset({"partly_sent", "in_doubt"})
"""Causes of a failure after which nobody may say that nothing was sent."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a message at ``now_ms``. ``line`` is the name of the line that has or had it, "" for none;
    ``by`` is who cancelled it, "" when that was no person."""

    message: Message
    now_ms: int
    parts: Sequence[PartDetail] = ()
    eta: Estimate | None = None
    line: str = ""
    by: str = ""

    @property
    def state(self) -> str:
        """The state as people see it."""
        return self.message.shown_state(self.now_ms)


def sentence(facts: Facts) -> Markup:
    """Say what is with a message: its state in words, the cause, and whose word it is."""
    state = facts.state
    return Markup("<strong>{}.</strong> {}").format(_(look(STATES, state).word), _SAY[state](facts))


def say(words: str, **values: object) -> Markup:
    """Put values into a text that was looked up; they are escaped unless they are markup."""
    return Markup(escape(words)) % values  # noqa: S704  the words are ours


def cause_of(code: str, title: str) -> str:
    """Say a cause as a sentence."""
    return _(CAUSES[code]) if code in CAUSES else f"{_(title)}."


# ------------------------------------------------------------------ before it leaves


def _scheduled(facts: Facts) -> Markup:
    message = facts.message
    if message.held_reason is not None:
        return say(_("It waits until %(at)s: outside the hours in which this recipient may be texted."),
                   at=time(message.due_at_ms))  # fmt: skip
    return say(_("It waits until %(at)s, as asked."), at=time(message.send_at_ms))


def _held(facts: Facts) -> Markup:
    reason = shown_reason(facts.message.held_reason) or ""
    return say(_(HELD.get(reason, mark("It waits for a person to let it go."))))


def _queued(facts: Facts) -> Markup:
    message, said = facts.message, Markup("")
    if message.parts_in_doubt:
        said = say(_("An earlier try may have arrived.")) + " "
    if message.error is not None:
        said += say("%(cause)s ", cause=cause_of(message.error.code, message.error.title))
    due_ms, eta = message.due_at_ms, facts.eta
    if due_ms is not None and due_ms > facts.now_ms:
        words = (
            _("It is tried again at %(at)s.") if message.error is not None else _("It waits until %(at)s.")
        )
        return said + say(words, at=time(due_ms, "time"))
    if eta is None:
        return said + say(_("It waits for a line."))
    reason = because(eta.reason)
    if eta.at_ms is None:
        return said + say("%(reason)s.", reason=reason)
    wait_s = max(eta.at_ms - facts.now_ms, 0) / 1000
    return said + say(_("It waits its turn: %(reason)s; about %(span)s."), reason=reason, span=span(wait_s))


def _submitting(facts: Facts) -> Markup:
    message, line = facts.message, foreign(facts.line)
    if message.parts > 1:
        part = min(message.parts_sent + 1, message.parts)
        return say(_("%(line)s has it on the radio now: part %(n)d of %(total)d."), line=line, n=part,
                   total=message.parts)  # fmt: skip
    return say(_("%(line)s has it on the radio now."), line=line)


# ------------------------------------------------------------------ once it left


def _sent(facts: Facts) -> Markup:
    message = facts.message
    said = say(_("The network took it at %(at)s."), at=time(message.sent_at_ms, "time"))
    if not message.delivery_report:
        return said + " " + say(_("No delivery report was asked for, so nobody will say whether it arrived."))
    tries = next(
        (p for p in reversed(facts.parts) if p.report_status is not None and _tries(p.report_status)), None
    )
    if tries is not None:
        meaning = report_meaning(tries.report_status or 0).outcome.meaning
        return (
            said
            + " "
            + say(_("It says that it still tries to reach the phone (%(meaning)s)."), meaning=_(meaning))
        )
    if message.parts_delivered:
        return said + " " + say(_("The phone confirmed %(n)d of %(total)d parts so far."), n=message.parts_delivered,
                                total=message.parts)  # fmt: skip
    return (
        said
        + " "
        + say(_("No delivery report yet; it may never come, and that does not mean that it failed."))
    )


def _tries(status: int) -> bool:
    return not report_meaning(status).final


def _delivered(facts: Facts) -> Markup:
    message = facts.message
    if any(p.report_status == _FORWARDED for p in facts.parts):
        return say(_("The network passed it on; the phone itself did not confirm it."))
    if (
        message.sent_at_ms is None
        or message.delivered_at_ms is None
        or message.sent_at_ms >= message.delivered_at_ms
    ):
        return say(_("The recipient's phone confirmed it."))
    later_s = max(message.delivered_at_ms - message.sent_at_ms, 0) / 1000
    return say(
        _("The recipient's phone confirmed it %(span)s after the network took it."), span=span(later_s)
    )


def _undelivered(facts: Facts) -> Markup:
    return say(
        _("%(cause)s It left here, but did not reach the phone."), cause=_cause(facts, CAUSES["undelivered"])
    )


def _failed(facts: Facts) -> Markup:
    error = facts.message.error
    if error is not None and error.code in _LEFT_IN_PART:
        return say(_cause(facts, ""))
    return say(_("%(cause)s It was not sent."), cause=_cause(facts, mark("The gateway gave it up.")))


def _cause(facts: Facts, otherwise: str) -> str:
    error = facts.message.error
    return cause_of(error.code, error.title) if error is not None else _(otherwise)


def _expired(facts: Facts) -> Markup:
    return say(_("It was worth sending until %(at)s only, and no line could by then. Nothing was sent."),
               at=time(facts.message.expires_at_ms))  # fmt: skip


def _cancelled(facts: Facts) -> Markup:
    if facts.by:
        return say(_("%(who)s took it back before it was sent."), who=foreign(facts.by))
    if facts.message.error is not None:
        return say(_("%(cause)s Nothing was sent."), cause=_cause(facts, ""))
    return say(_("It was taken back before it was sent."))


def _in_doubt(facts: Facts) -> Markup:
    message = facts.message
    line = foreign(facts.line) if facts.line else escape(_("The line"))
    said = say(_("%(line)s fell silent after we handed the text over. It may have been sent."), line=line)
    if message.parts > 1:
        said += " " + say(
            _("%(n)d of %(total)d parts are in doubt."), n=message.parts_in_doubt, total=message.parts
        )
    if message.on_doubt == "resend" and message.due_at_ms is not None:
        return said + " " + say(_("It is sent again at %(at)s unless a report comes first."),
                                at=time(message.due_at_ms, "time"))  # fmt: skip
    return said + " " + say(_("A late report will settle it."))


_SAY = {
    "scheduled": _scheduled,
    MessageState.HELD: _held,
    MessageState.QUEUED: _queued,
    MessageState.SUBMITTING: _submitting,
    MessageState.SENT: _sent,
    MessageState.DELIVERED: _delivered,
    MessageState.UNDELIVERED: _undelivered,
    MessageState.FAILED: _failed,
    MessageState.EXPIRED: _expired,
    MessageState.CANCELLED: _cancelled,
    MessageState.IN_DOUBT: _in_doubt,
}

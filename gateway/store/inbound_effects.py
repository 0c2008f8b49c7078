"""Owns what follows from a received text in the transaction that stores it: keywords first, then the rules.

Sends nothing: what is to be sent is planned as work, so that a stop, its cancellations and its confirmation are
committed together or not at all.
Source: W4; rules OPT-1, OPT-3, OPT-4, OPT-6, OPT-7, OPT-8.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.policy.inbound_rules import (
    Answer,
    Converse,
    Decided,
    Forward,
    Ignore,
    InboundFacts,
    Mail,
    Post,
    Tag,
)
from gateway.policy.inbound_sender import InboundSender
from gateway.policy.keyword_answers import confirmation
from gateway.policy.keywords import Keyword
from gateway.policy.placeholders import VALUE_CHARACTERS_MAX, parse
from gateway.policy.self_test import TAG as SELF_TEST
from gateway.policy.self_test import code_in
from gateway.representation import rfc3339
from gateway.store.events import Happened, append
from gateway.store.hardware_history import is_self_test
from gateway.store.inbound_actions import (
    DAY_MS,
    HOUR_MS,
    drop_confirmation,
    name_of,
    plan,
    plan_answer,
    plan_forward,
    who_wrote,
)
from gateway.store.inbound_rows import ActionDetail, NewAction
from gateway.store.people_rows import Wish, is_sandbox_number
from gateway.store.rows import NewInbound
from gateway.store.suppressions import is_suppressed, lift_by_keyword, suppress
from gateway.store.suspected import suspect
from gateway.store.transaction import Row, Tx

ANSWER_WITHIN_MS = 300_000
"""An answer that comes later answers nothing any more (rules OPT-6)."""
FORWARD_WITHIN_MS = 6 * HOUR_MS
"""A text that could not be sent on for so long is old; it stands in the list."""
TELL_WITHIN_MS = DAY_MS
"""Receivers and mail servers may be down over night."""

_OPPOSITE = {"stop": "start", "start": "stop"}


@dataclass(frozen=True, slots=True)
class Heard:
    """What a text says to us.

    ``suspected``: it sounds like a stop and is none (rules OPT-8); ``keyword`` is there too when it is obeyed as one.
    ``self_test`` is the code of a text that this line sent to itself: it asks for nothing.
    """

    sender: InboundSender
    keyword: Keyword | None = None
    suspected: bool = False
    decided: tuple[Decided, ...] = ()
    language: str | None = None
    self_test: str | None = None

    @property
    def ignored(self) -> bool:
        return self.self_test is not None or any(isinstance(one.action, Ignore) for one in self.decided)

    @property
    def tags(self) -> dict[str, str]:
        if self.self_test is not None:
            return {SELF_TEST: self.self_test}
        return {one.action.name: one.action.value for one in self.decided if isinstance(one.action, Tag)}


def hear(tx: Tx, line: Row, new: NewInbound, *, complete: bool) -> Heard:
    """Judge a text before it is stored; half a text and what is none says nothing."""
    sender = who_wrote(tx, line, new.sender)
    if new.type != "sms" or new.text is None or not complete:
        return Heard(sender)
    code = code_in(new.text)
    if code is not None and is_self_test(tx, line, code):
        return Heard(sender, self_test=code)
    language = _language(tx, line["tenant"], sender)
    keyword, suspected = _keyword(tx, line, sender, (new.text, language))
    rules = tx.rules.inbound
    if rules is None:
        return Heard(sender, keyword, suspected, language=language)
    names = (line["id"], line["iccid"], line["number"], line["label"])
    facts = InboundFacts(
        tuple(name for name in names if name),
        (sender.known_as, sender.written),
        new.text,
        None if keyword is None else keyword.kind,
    )
    return Heard(sender, keyword, suspected, rules.decide(facts), language)


def follow(tx: Tx, line: Row, inbound: Row, heard: Heard, text: str | None) -> None:
    """Do what a stored text asks for."""
    if heard.self_test is not None:
        tx.touched.add("events")  # nobody is told of it but the one who waits for it
        return
    if heard.suspected:
        _tell_suspected(tx, line, inbound, heard)
        if heard.keyword is None:
            sandbox = bool(line["emulated"])
            suspect(tx, inbound, line["tenant"], heard.sender.known_as, sandbox=sandbox)
    if heard.keyword is not None and heard.sender.number is not None:
        _obey(tx, (inbound, line), heard.sender, heard.keyword)
    _converse(tx, line, heard)
    for one in heard.decided:
        _plan(tx, (inbound, line), heard, one, text or "")


def _language(tx: Tx, tenant: str, sender: InboundSender) -> str | None:
    if sender.number is None:
        return None
    contact = tx.one("contact_by_number", tenant=tenant, number=sender.number)
    return None if contact is None else contact["language"]


# ------------------------------------------------------------------ keywords


def _keyword(
    tx: Tx, line: Row, sender: InboundSender, said: tuple[str, str | None]
) -> tuple[Keyword | None, bool]:
    """Find the keyword that a text is, and whether it only sounds like stop; ``said`` is (text, reader)."""
    text, reader = said
    keywords = tx.rules.keywords
    if keywords is None:
        return None, False
    keyword = keywords.match(text, reader)
    if keyword is not None and not keyword.conditional:
        return keyword, False
    known = None if sender.number is None else is_suppressed(tx, line["tenant"], sender.number)
    if keyword is not None:
        stopped = known is not None and known.source == "keyword"
        return (keyword, False) if stopped else (None, False)
    if known is not None or sender.number is None or not keywords.suspected(text):
        return None, False
    meant = Keyword("stop", "", reader or "en") if tx.rules.suspected == "suppress" else None
    return meant, True


def _obey(tx: Tx, came: tuple[Row, Row], sender: InboundSender, keyword: Keyword) -> None:
    inbound, line = came
    wish = Wish(
        line["tenant"],
        sender.known_as,
        "keyword",
        sandbox=bool(line["emulated"]),
        keyword=keyword.word or None,
        inbound_id=inbound["id"],
        line=line["id"],
    )
    if keyword.kind == "stop":
        suppress(tx, wish)
        known = is_suppressed(tx, wish.tenant, wish.number)
        # Somebody who also said so by letter cannot return by START, so they are not told that they can.
        confirms = known is None or known.source == "keyword"
    else:
        confirms = keyword.kind == "help" or lift_by_keyword(tx, wish)
    if keyword.kind in _OPPOSITE:
        drop_confirmation(tx, wish.tenant, sender, _OPPOSITE[keyword.kind])
    if confirms and tx.rules.confirm:
        plan_answer(tx, came, sender, _confirmation(tx, line, keyword))


def _confirmation(tx: Tx, line: Row, keyword: Keyword) -> NewAction:
    text = confirmation(
        keyword.kind, keyword.language, tx.rules.sender_name or name_of(line), tx.rules.contact
    )
    return NewAction("confirm", ActionDetail(text), tx.now_ms + ANSWER_WITHIN_MS, topic=keyword.kind)


def _tell_suspected(tx: Tx, line: Row, inbound: Row, heard: Heard) -> None:
    append(
        tx,
        Happened(
            type="suppression.suspected",
            tenant=line["tenant"],
            sandbox=bool(line["emulated"]),
            subject=inbound["id"],
            public=True,
            line=line["id"],
            snapshot={
                "inbound_id": inbound["id"],
                "number": heard.sender.number,
                "line": line["id"],
                "received_at": rfc3339(inbound["received_at"]),
            },
        ),
    )


# ------------------------------------------------------------------ rules


def _converse(tx: Tx, line: Row, heard: Heard) -> None:
    """Remember the line by which a person knows us."""
    number = heard.sender.number
    if number is None or line["emulated"] or is_sandbox_number(number):
        return
    values = {"tenant": line["tenant"], "number": number, "line": line["id"], "at": tx.now_ms}
    if any(isinstance(one.action, Converse) for one in heard.decided):
        tx.run("conversation_keep", **values)
    elif tx.rules.sticky_s:
        tx.run("conversation_put", **values)


def _plan(tx: Tx, came: tuple[Row, Row], heard: Heard, one: Decided, text: str) -> None:
    inbound, line = came
    action = one.action
    if isinstance(action, Answer):
        detail = ActionDetail(template=action.template, language=heard.language)
        if action.text is not None:
            detail = ActionDetail(_filled(action.text, heard.sender, text, name_of(line)))
        new = NewAction("answer", detail, tx.now_ms + ANSWER_WITHIN_MS, one.rule)
        plan_answer(tx, came, heard.sender, new)
    elif isinstance(action, Forward):
        new = NewAction("forward", ActionDetail(to=action.to), tx.now_ms + FORWARD_WITHIN_MS, one.rule)
        plan_forward(tx, inbound, heard.sender, new)
    elif isinstance(action, Post):
        detail = ActionDetail(to=action.url, reply=action.reply)
        plan(tx, inbound, heard.sender, NewAction("webhook", detail, tx.now_ms + TELL_WITHIN_MS, one.rule))
    elif isinstance(action, Mail):
        detail = ActionDetail(to=action.to)
        plan(tx, inbound, heard.sender, NewAction("email", detail, tx.now_ms + TELL_WITHIN_MS, one.rule))


def _filled(answer: str, sender: InboundSender, text: str, line_name: str) -> str:
    return parse(answer).render(answer_values(sender, text, line_name), surplus="ignore")


def answer_values(sender: InboundSender, text: str, line_name: str) -> dict[str, str]:
    """Give what an answer may repeat: values of strangers, cut to what a placeholder takes."""
    values = {"from": sender.known_as, "text": text, "line": line_name}
    return {name: _plain(value)[:VALUE_CHARACTERS_MAX] for name, value in values.items()}


def _plain(value: str) -> str:
    """Drop what a placeholder refuses: a text of a stranger may hold control characters, and has no fault in it."""
    return "".join(c for c in value if c == "\n" or (c.isprintable() and not "\ud800" <= c <= "\udfff"))

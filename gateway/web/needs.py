"""Owns what needs a person: findings of the doctor, texts in doubt, what waits for a yes, worst first, each with what
it holds up and the button that acts.

Decides nothing: each entry leads to where it is decided.
Source: the notes on what people see, rules 2 and 8; rules OPT-8, CNT-2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gateway.doctor.finding import Listed
from gateway.http.approvals import waiting_approvals
from gateway.http.call import Call
from gateway.http.devices import pins_wanted
from gateway.message import MessageState
from gateway.store.rows import LineRow, MessageFilter
from gateway.web.device_cards import DeviceCard, pin_sentence
from gateway.web.words import gettext as _
from gateway.web.words import ngettext

Tone = Literal["bad", "warn"]

SHOWN = 5
"""More findings than these stand on a page of their own, the doctor's. What is no finding is listed nowhere else."""

_COUNTED = 100

_PIN = "sim_pin_required"
"""The finding that a page of ours mends."""


@dataclass(frozen=True, slots=True)
class Act:
    """A button. ``path`` of ours; ``posts``: it acts at once, else it leads to a page."""

    label: str
    path: str
    posts: bool = False
    query: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Need:
    """One thing. ``about`` is foreign text (a label); ``effect`` says what it holds up, ``todo`` what helps."""

    tone: Tone
    about: str
    title: str
    effect: str
    todo: str
    acts: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True)
class Needs:
    """What needs a person: ``shown`` here, worst first, and how many findings ``more`` only the doctor lists."""

    shown: tuple[Need, ...]
    more: int

    @property
    def count(self) -> int:
        """How many things that are."""
        return len(self.shown) + self.more


async def needs(call: Call) -> Needs:
    """List what needs a person now, of what the caller may see."""
    findings = await _of_hardware(call) if call.caller.may("lines:read") else []
    rest: list[Need] = []
    if call.caller.may("messages:read"):
        rest += await _in_doubt(call)
        rest += await _held(call)
    if call.caller.may("suppressions:manage") and call.caller.may("inbound:read"):
        rest += await _suspected(call)
    shown = _worst_first([*_worst_first(findings)[:SHOWN], *rest])
    return Needs(tuple(shown), max(len(findings) - SHOWN, 0))


def _worst_first(found: list[Need]) -> list[Need]:
    return sorted(found, key=lambda need: need.tone != "bad")


async def _of_hardware(call: Call) -> list[Need]:
    """List findings of the doctor; one about a SIM that waits for its PIN leads to where it is entered."""
    doctor, fixes = call.services.doctor, call.caller.may("lines:manage")
    listed = await doctor.needs(call.caller) if doctor is not None else ()
    wanting = pins_wanted(call)
    if not wanting:
        return [_of_finding(each, fixes=fixes) for each in listed]
    store = call.services.store
    cards = {row.id: DeviceCard(row, None, ()) for row in await store.devices(call.view) if row.id in wanting}
    lines = {line.id: line for line in await store.lines(call.view)}
    found = []
    for each in listed:
        # About the line; or about the modem, where its SIM hides who it is until then.
        line = lines.get(each.finding.subject)
        card = cards.get((line.device_id or "") if line is not None else each.finding.subject)
        if card is None or each.finding.code != _PIN:
            found.append(_of_finding(each, fixes=fixes))
        else:
            found.append(_of_locked(card, line, wanting[card.id]))
    return found


def _of_locked(card: DeviceCard, line: LineRow | None, tries_left: int | None) -> Need:
    n = line.queued if line is not None else 0
    waiting = ngettext("%(n)s text waits for it.", "%(n)s texts wait for it.", n) % {"n": n} if n else ""
    return Need(
        "bad",
        (line.label or line.number if line is not None else None) or card.name,
        _("The SIM wants its PIN"),
        waiting,
        f"{pin_sentence(tries_left)}.",
        (Act(_("Enter the PIN"), card.path),),
    )


def _of_finding(listed: Listed, *, fixes: bool) -> Need:
    finding = listed.finding
    acts = [Act(_("Open doctor"), "/doctor")]
    if finding.fix is not None and fixes:
        acts.insert(0, Act(_("Fix"), f"/doctor/{finding.id}/fix", posts=True))
    return Need(
        "bad" if finding.severity == "stops" else "warn",
        finding.about,
        _(finding.title),
        _(finding.why),
        _(finding.hint),
        tuple(acts),
    )


async def _in_doubt(call: Call) -> list[Need]:
    n = await _count(call, MessageState.IN_DOUBT)
    if not n:
        return []
    return [
        Need(
            "warn",
            "",
            ngettext("%(n)s text is in doubt", "%(n)s texts are in doubt", n) % {"n": _shown(n)},
            ngettext(
                "The line fell silent after it was handed over: it may have been sent.",
                "The line fell silent after they were handed over: they may have been sent.",
                n,
            ),
            _("Wait for a late report, or decide yourself."),
            (_look(n, "in_doubt"),),
        )
    ]


async def _held(call: Call) -> list[Need]:
    # Texts of a batch that is held are not held themselves: the batch is one thing to decide.
    n = await _count(call, MessageState.HELD) + sum(
        one.kind == "batch" for one in await waiting_approvals(call)
    )
    if not n:
        return []
    where = _look(n, "held")
    if call.caller.may("approvals:decide"):
        where = Act(_("Decide"), "/approvals")
    return [
        Need(
            "warn",
            "",
            ngettext("%(n)s text or batch waits for a yes", "%(n)s texts or batches wait for a yes", n)
            % {"n": _shown(n)},
            _(
                "A rule of yours, or of the gateway, holds it back. Nothing of it is sent before somebody agrees."
            ),
            "",
            (where,),
        )
    ]


async def _suspected(call: Call) -> list[Need]:
    waiting = await call.services.store.suppressions.suspected(call.view, _COUNTED)
    n = len(waiting)
    if not n:
        return []
    return [
        Need(
            "warn",
            "",
            ngettext("%(n)s text may mean stop", "%(n)s texts may mean stop", n) % {"n": n},
            _("It is none of the words that stop by themselves, so the sender still gets texts."),
            _("Read it, and decide."),
            (Act(ngettext("Read it", "Read them", n), "/suppressions"),),
        )
    ]


def _look(n: int, state: str) -> Act:
    return Act(ngettext("Look at it", "Look at them", n), "/messages", query={"state": state})


async def _count(call: Call, state: MessageState) -> int:
    """Count to a hundred: more is not told apart."""
    page = await call.services.store.messages(call.view, MessageFilter(states=(state,)), _COUNTED, None)
    return len(page.items) + (page.next is not None)


def _shown(n: int) -> str:
    return f"{_COUNTED}+" if n > _COUNTED else str(n)

"""Owns the questions that are asked of a message inside a transaction: when it is admitted, and when a line claims it.

Finds the facts (suppressed, consent, who was written to, what is used up) and lets the policies decide; knows no HTTP.
Source: rules OPT-5, CON-2, QUI-1 to QUI-3, PMP-1 to PMP-3; admission and claim ask alike, so nothing slips between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.errors import CATALOGUE
from gateway.message import QUIET_HOURS, Message, NewMessage, bound_line
from gateway.policy.eta import RADIO_PER_MINUTE
from gateway.policy.quiet_hours import zones_of_country, zones_of_number
from gateway.policy.rules import Budget
from gateway.policy.wait_words import limit_words
from gateway.representation import rfc3339
from gateway.store import audit, ledger
from gateway.store.consents import consent_state
from gateway.store.guards import alert, guard
from gateway.store.ledger import Asks, Wait
from gateway.store.people_rows import ConsentFact
from gateway.store.protocol import NotAdmitted
from gateway.store.rows import Pace
from gateway.store.subjects import known_subject_of
from gateway.store.suppressions import is_suppressed
from gateway.store.transaction import Tx

OPT_OUT_OVERRIDDEN = "opt_out_overridden"
DAY_S = 86_400
KEPT_S = 300
"""How long a text waits for the line on which a rule keeps its recipient, where ``sticky_s`` says nothing."""
PINNED_MAX = 100
"""Texts that wait for one line alone, whatever its pace; also bounds what is counted."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """It must not go any more; ``code`` is of the catalogue."""

    code: str


@dataclass(frozen=True, slots=True)
class NotBefore:
    """It waits for its hours."""

    at_ms: int


Verdict = Refuse | NotBefore | None
"""None: it may go."""


def admit(tx: Tx, new: NewMessage) -> NewMessage:
    """Ask everything that depends on what is stored, in order; returns the message as it is to be stored.

    Raises:
        NotAdmitted: why it was refused; nothing was stored.
    """
    overrides = _opted_out(tx, new)
    said = _said(tx, new)
    _consent(tx, new, said)
    new = _hours(tx, new, said)
    if not (new.sandbox and tx.rules.emulated_exempt):
        _budget(tx, new)
        new = guard(tx, new)
    if overrides:
        alert(tx, new, OPT_OUT_OVERRIDDEN)
        _override(tx, new)
    return _sticky(tx, new)


def _override(tx: Tx, new: NewMessage) -> None:
    """Write down that somebody texts a person who asked for no texts (rules OPT-5: always)."""
    detail = {"subject": known_subject_of(tx, new.to), "purpose": new.purpose}
    by = f"key:{new.key_id}"
    audit.append(
        tx, audit.Deed("message.opt_out_overridden", by, new.tenant, f"message:{new.id}", detail, new.sandbox)
    )


def may_go(tx: Tx, message: Message) -> Verdict:
    """Ask again when a line is about to carry it: an opt-out, a consent or an hour may have ended meanwhile."""
    if message.passes is None and is_suppressed(tx, message.tenant, message.to) is not None:
        return Refuse("recipient_opted_out")
    said = _said(tx, message)
    lacks = _lacks_consent(tx, message, said)
    if lacks is not None:
        return Refuse(lacks)
    due_ms = _due_ms(tx, message, said, tx.now_ms)
    if due_ms is None:
        return NotBefore(message.expires_at_ms)
    return NotBefore(due_ms) if due_ms > tx.now_ms else None


# ------------------------------------------------------------------ in order

_HOW = {
    "keyword": "by a STOP",
    "phone": "by phone",
    "email": "by e-mail",
    "letter": "by letter",
    "web": "on the web",
    "person": "in person",
    "complaint": "by a complaint",
    "erasure": "by an erasure",
}


def _opted_out(tx: Tx, new: NewMessage) -> bool:
    """Refuse what a suppressed person must not get; says whether it goes to one all the same (rules OPT-5)."""
    if new.passes == "reply":
        return False
    known = is_suppressed(tx, new.tenant, new.to)
    if known is not None and new.passes is None:
        since = (rfc3339(known.since_ms) or "")[:10]
        raise NotAdmitted(
            "recipient_opted_out",
            f"This person asked not to be texted ({_HOW[known.source]}, {since})."
            " Remove the number under suppressions only if they asked you to.",
        )
    return known is not None


def _needs_consent(tx: Tx, message: NewMessage | Message) -> bool:
    needed = tx.rules.consent
    if message.passes == "reply" or needed == "off":
        return False
    return needed == "all" or message.purpose == "marketing"


def _said(tx: Tx, message: NewMessage | Message) -> ConsentFact | None:
    """What the recipient has said of such texts; None where neither consent nor hours ask for it."""
    if not (_needs_consent(tx, message) or _has_hours(tx, message)):
        return None
    return consent_state(tx, message.tenant, message.to, message.purpose)


def _lacks_consent(tx: Tx, message: NewMessage | Message, said: ConsentFact | None) -> str | None:
    """Say what is wrong with the consent that a message needs; None: nothing."""
    if said is None or said.state == "live" or not _needs_consent(tx, message):
        return None
    return "consent_required" if said.state == "none" else "consent_expired"


def _consent(tx: Tx, new: NewMessage, said: ConsentFact | None) -> None:
    lacks = _lacks_consent(tx, new, said)
    if lacks is not None:
        withdrawn = said is not None and said.state == "withdrawn"
        why = "The consent was withdrawn" if withdrawn else CATALOGUE[lacks].title
        raise NotAdmitted(
            lacks,
            f"{why}. Record one with POST /api/v1/consents, or send for another purpose.",
        )


def _has_hours(tx: Tx, message: NewMessage | Message) -> bool:
    rules = tx.rules
    return rules.quiet is not None and message.passes != "reply" and message.purpose in rules.quiet_purposes


def _due_ms(tx: Tx, message: NewMessage | Message, said: ConsentFact | None, at_ms: int) -> int | None:
    """When the recipient may be texted, at ``at_ms`` or after; None: never."""
    quiet = tx.rules.quiet
    if quiet is None or said is None or not _has_hours(tx, message):
        return at_ms
    if (
        said.timezone is None
        and message.country is not None
        and _is_open_all_over(tx, message.country, at_ms)
    ):
        return at_ms
    zones = (said.timezone,) if said.timezone else zones_of_number(message.to) or (tx.rules.zone,)
    return quiet.due_ms(at_ms, zones, message.country, message.id)


def _is_open_all_over(tx: Tx, country: str, at_ms: int) -> bool:
    """Say whether every number of a country may be texted now; asked once for all of one transaction.

    A batch at noon need not look up where each of its numbers is.
    """
    known: bool | None = tx.group.known.get(("open", country, at_ms))
    if known is None:
        zones, quiet = zones_of_country(country), tx.rules.quiet
        known = bool(zones) and quiet is not None and quiet.next_open_ms(at_ms, zones, country) == at_ms
        tx.group.known["open", country, at_ms] = known
    return known


def _hours(tx: Tx, new: NewMessage, said: ConsentFact | None) -> NewMessage:
    starts_ms = max(new.send_at_ms or 0, tx.now_ms)
    due_ms = _due_ms(tx, new, said, starts_ms)
    if due_ms == starts_ms:
        return new
    if due_ms is None or due_ms >= new.expires_at_ms:
        opening = "there are none" if due_ms is None else f"they begin at {rfc3339(due_ms)}"
        raise NotAdmitted(
            "quiet_hours",
            f"It would expire before the hours in which this person may be texted ({opening})."
            " Choose a later send_at, or a longer valid_for_s.",
            retry_after_s=DAY_S if due_ms is None else max((due_ms - tx.now_ms) // 1000, 1),
        )
    return replace(new, due_at_ms=due_ms, held_reason=new.held_reason or QUIET_HOURS)


def _budget(tx: Tx, new: NewMessage) -> None:
    """Refuse when key, tenant or the line it is bound to has used up a budget; what fits by a part the claim says."""
    # The least that can be asked for: one part, and a millionth where money is counted.
    least = Asks(1, new.to, 1)
    for payer, budget in ledger.payers_of(tx, new.tenant, new.key_id):
        _fits_at_all(new, budget)
        # Read once for all that is admitted in one transaction: only claims use anything up.
        known = ("used up", payer, budget)
        if known not in tx.group.known:
            tx.group.known[known] = ledger.budget_waits(tx, [(payer, budget)], least)
        wait: Wait | None = tx.group.known[known]
        if wait is not None:
            raise _used_up(tx, f'Key "{budget.key}"' if budget.key else "This organisation", wait)
    line_id = bound_line(new.route)
    if line_id is not None and tx.rules.limits.budgets:
        line = tx.one("line_by_id", id=line_id)
        if line is None:
            return
        names = (line["label"], line["number"], line["id"])
        pace = Pace(billing_day=line["billing_day"] or 1, budgets=tx.rules.limits.budgets_of(*names))
        wait = ledger.line_waits(tx, line_id, pace, least)
        if wait is not None:
            raise _used_up(tx, f'Line "{next(filter(None, names))}"', wait)


def _fits_at_all(new: NewMessage, budget: Budget) -> None:
    """Refuse a text that is longer than the whole budget: it would stand at the head of its lane until it expires."""
    limits = [limit for limit in (budget.parts_per_day, budget.parts_per_month) if limit]
    if limits and new.parts > min(limits):
        raise NotAdmitted(
            "quota_exhausted",
            f"This text has {new.parts} parts, and a budget of {min(limits)} parts is set."
            " Shorten it, or raise the budget.",
            retry_after_s=DAY_S,
        )


def _used_up(tx: Tx, whose: str, wait: Wait) -> NotAdmitted:
    return NotAdmitted(
        "quota_exhausted",
        f"{whose} has used up {limit_words(wait.reason)}. It goes on at {rfc3339(wait.until_ms)}.",
        retry_after_s=max((wait.until_ms - tx.now_ms) // 1000, 1),
    )


def _sticky(tx: Tx, new: NewMessage) -> NewMessage:
    """Let a conversation stay on its line, for as long as that line takes it soon."""
    keeps = tx.rules.inbound is not None and tx.rules.inbound.converses
    if not (tx.rules.sticky_s or keeps):
        return new
    if new.sandbox or not new.route.startswith("pool:"):
        return new
    if not _has_conversations(tx, new.tenant):
        return new
    pool = new.route.removeprefix("pool:")
    known = tx.one("conversation_of", tenant=new.tenant, number=new.to, pool=pool, now=tx.now_ms)
    if known is None or not (tx.rules.sticky_s or known["kept"]):
        return new
    wait_s = tx.rules.sticky_s or KEPT_S
    if _is_busy(tx, known["line"], wait_s):
        return new
    starts_ms = max(new.due_at_ms or 0, new.send_at_ms or 0, tx.now_ms)
    return replace(new, sticky_line=known["line"], pinned_until_ms=starts_ms + wait_s * 1000)


def _has_conversations(tx: Tx, tenant: str) -> bool:
    """Say whether anybody knows us by a line at all; asked once for all of one transaction."""
    known: bool | None = tx.group.known.get(("conversations", tenant))
    if known is None:
        known = tx.one("conversation_any", tenant=tenant) is not None
        tx.group.known["conversations", tenant] = known
    return known


def _is_busy(tx: Tx, line_id: str, wait_s: int) -> bool:
    """Say whether more waits for this line alone than it sends in that time: other lines must not idle beside it."""
    minutely = tx.rules.limits.pace.per_minute or RADIO_PER_MINUTE
    room = min(max(minutely * wait_s // 60, 1), PINNED_MAX)
    waiting = tx.one("route_waiting", route=f"line:{line_id}", limit=room)
    return waiting is not None and waiting["n"] >= room

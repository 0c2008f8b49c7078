"""Owns work that a received text makes: planned in its transaction, due until it is done, written down once.

Knows no channel and no rule. Whether a sender may be answered at all is decided here, where answers are counted.
Source: rules OPT-6 (how often, and whom), DAT-1, TEN-1.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from gateway.ids import new_id
from gateway.policy.country import country_of_sim
from gateway.policy.inbound_sender import InboundSender, sender_of
from gateway.store.convert import load_inbound
from gateway.store.crypto import DamagedRow
from gateway.store.inbound_rows import (
    LANE_OF,
    ActionDetail,
    ActionTaken,
    DueAction,
    Finished,
    InboundLane,
    NewAction,
)
from gateway.store.people_rows import is_sandbox_number
from gateway.store.protocol import NotFound
from gateway.store.rows import View
from gateway.store.transaction import Row, Tx
from gateway.store.units import Units

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

ANSWERS_A_DAY = 3
"""Automatic answers to one sender in 24 h, whoever of us gives them (rules OPT-6): two machines stop then."""
FORWARDS_AN_HOUR = 20
"""Of one sender's texts: chains of forwarding that come round by other people's phones end here."""
KEPT_MS = 90 * DAY_MS
"""People ask why there was no answer; the text itself is kept longer."""


def plan_answer(tx: Tx, came: tuple[Row, Row], sender: InboundSender, new: NewAction) -> None:
    """Plan an automatic answer to what ``came`` (inbound, line), unless its sender must not get one."""
    inbound, line = came
    _insert(tx, inbound, sender, new, _not_answered(tx, line, sender, new.topic))


def plan_forward(tx: Tx, inbound: Row, sender: InboundSender, new: NewAction) -> None:
    """Plan to send a text on, unless it may be one that comes back to us."""
    reason = None
    if _is_ours(tx, inbound["tenant"], sender):
        reason = "own_line"
    elif sender.number is not None and sender.number == new.detail.to:
        reason = "loop"
    else:
        since_ms = tx.now_ms - HOUR_MS
        made = tx.one(
            "inbound_forwards_made", tenant=inbound["tenant"], sender=sender.known_as, since=since_ms
        )
        if made is not None and made["n"] >= FORWARDS_AN_HOUR:
            reason = "limit"
    _insert(tx, inbound, sender, new, reason)


def plan(tx: Tx, inbound: Row, sender: InboundSender, new: NewAction) -> None:
    """Plan work that reaches nobody by text."""
    _insert(tx, inbound, sender, new, None)


def drop_confirmation(tx: Tx, tenant: str, sender: InboundSender, topic: str) -> None:
    """Take back a confirmation that is not on its way yet, because its sender changed their mind."""
    tx.run("inbound_confirmations_drop", tenant=tenant, sender=sender.known_as, topic=topic, now=tx.now_ms)


def _not_answered(tx: Tx, line: Row, sender: InboundSender, topic: str | None) -> str | None:
    if not sender.answerable:
        return "not_answerable"
    if bool(line["emulated"]) != is_sandbox_number(sender.number):
        return "sandbox_only"
    if _is_ours(tx, line["tenant"], sender):
        return "own_line"
    given = tx.one(
        "inbound_answers_given",
        tenant=line["tenant"],
        sender=sender.known_as,
        topic=topic,
        since=tx.now_ms - DAY_MS,
    )
    if given is not None and (given["n"] >= ANSWERS_A_DAY or given["of_topic"]):
        return "limit"
    return None


def _is_ours(tx: Tx, tenant: str, sender: InboundSender) -> bool:
    return tx.one("line_with_number", tenant=tenant, number=sender.number) is not None


def _insert(tx: Tx, inbound: Row, sender: InboundSender, new: NewAction, reason: str | None) -> None:
    action_id = new_id()
    tx.run(
        "inbound_action_insert",
        id=action_id,
        tenant=inbound["tenant"],
        inbound_id=inbound["id"],
        sender=sender.known_as,
        lane=LANE_OF[new.kind],
        kind=new.kind,
        topic=new.topic,
        rule=new.rule,
        detail=tx.seal(f"inbound_action|detail|{action_id}", json.dumps(asdict(new.detail))),
        state="pending" if reason is None else "skipped",
        reason=reason,
        until=new.until_ms,
        now=tx.now_ms,
        finished_at=None if reason is None else tx.now_ms,
    )
    if reason is None:
        tx.touched.add("inbound_actions")


# ------------------------------------------------------------------ carrying out


def due(tx: Tx, lane: InboundLane, limit: int) -> tuple[DueAction, ...]:
    """List work of all tenants whose time has come, oldest first."""
    rows = tx.rows("inbound_actions_due", lane=lane, now=tx.now_ms, limit=limit)
    return tuple(_load(tx, row) for row in rows)


def next_at_ms(tx: Tx, lane: InboundLane) -> int | None:
    row = tx.one("inbound_action_next", lane=lane)
    return None if row is None else row["at"]


def admitted_before(tx: Tx, scope: str, key: str) -> str | None:
    """Find the text that a run which ended admitted and could not write down any more."""
    known = tx.one("idempotency_get", scope=scope, key=key)
    return None if known is None else known["message_id"]


def begin(tx: Tx, action: DueAction) -> bool:
    """Write down that a letter may be out; False: it must not go any more."""
    return tx.run("inbound_action_begin", id=action.id, tenant=action.tenant) == 1


def finish(tx: Tx, action: DueAction, finished: Finished) -> None:
    """Write down the end; the first one stays."""
    tx.run(
        "inbound_action_finish",
        id=action.id,
        tenant=action.tenant,
        state=finished.state,
        reason=finished.reason,
        message_id=finished.message_id,
        now=tx.now_ms,
    )


def later(tx: Tx, action: DueAction, reason: str, due_at_ms: int) -> None:
    """Try again at a time."""
    tx.run("inbound_action_later", id=action.id, tenant=action.tenant, reason=reason, due_at=due_at_ms)
    tx.touched.add("inbound_actions")


def replied(tx: Tx, action: DueAction, answer: NewAction) -> None:
    """End a request to a webhook and, in the same transaction, plan the answer that it gave."""
    inbound = tx.one("inbound_by_id", id=action.inbound.id)
    line = tx.one("line_by_id", id=action.inbound.line)
    row = tx.one("inbound_action_by_id", id=action.id, tenant=action.tenant)
    if row is None or row["state"] != "pending":
        return
    if inbound is not None and line is not None:
        plan_answer(tx, (inbound, line), action.sender, answer)
    finish(tx, action, Finished("done"))


def recover(tx: Tx) -> int:
    """Settle letters that the last run was handing over: nobody knows, so they do not go again."""
    return tx.run("inbound_actions_left_sending", now=tx.now_ms)


# ------------------------------------------------------------------ reads and upkeep


def taken(tx: Tx, view: View, inbound_id: str) -> tuple[ActionTaken, ...]:
    """List what a received text made, in the order in which it was decided."""
    rows = tx.rows("inbound_actions_of", inbound_id=inbound_id, tenant=view.tenant)
    return tuple(
        ActionTaken(
            row["kind"],
            row["rule"],
            row["state"],
            row["reason"],
            row["attempts"],
            row["message_id"],
            row["finished_at"] or row["created_at"],
        )
        for row in rows
    )


def template_named(tx: Tx, tenant: str, name: str) -> str:
    """Find the id of a template by its name. Raises NotFound."""
    row = tx.one("template_by_name", tenant=tenant, sandbox=0, name=name, id="")
    if row is None:
        raise NotFound
    return str(row["id"])


def drop_open(tx: Tx) -> None:
    """Let nothing go that a restored backup still has open."""
    tx.run("inbound_actions_drop_open", now=tx.now_ms)


def step(tx: Tx, step_ms: int) -> None:
    """Move the times of open work along with a clock that stepped."""
    tx.run("shift_inbound_action_times", step=step_ms)


def prune(tx: Tx) -> None:
    """Forget what nobody asks about any more."""
    tx.run("inbound_actions_prune", before=tx.now_ms - KEPT_MS)


def _load(tx: Tx, row: Row) -> DueAction:
    inbound = tx.one("inbound_by_id", id=row["inbound_id"])
    if inbound is None:
        raise AssertionError("the text of an inbound action is missing; its key forbids that")
    line = tx.one("line_by_id", id=inbound["line"])
    return DueAction(
        id=row["id"],
        tenant=row["tenant"],
        kind=row["kind"],
        rule=row["rule"],
        detail=_detail(tx, row, inbound),
        sender=who_wrote(tx, line, inbound["sender"]),
        attempts=row["attempts"],
        until_ms=row["until"],
        inbound=load_inbound(tx, inbound),
        line_name=inbound["line"] if line is None else name_of(line),
        emulated=bool(inbound["sandbox"]),
    )


def _detail(tx: Tx, row: Row, inbound: Row) -> ActionDetail | None:
    try:
        tx.unseal(f"inbound|text|{inbound['id']}", inbound["text"])
        written = tx.unseal_text(f"inbound_action|detail|{row['id']}", row["detail"])
    except DamagedRow:
        return None
    return None if written is None else ActionDetail(**json.loads(written))


def who_wrote(tx: Tx, line: Row | None, written: str) -> InboundSender:
    """Read a sender as its line's network wrote it; a network may leave its own country code out.

    A phone hides the IMSI of its SIM, so the card and its number are asked too, and then the organisation's country.
    """
    own = None if line is None else country_of_sim(line["imsi"], line["iccid"], line["number"])
    return sender_of(written, own or tx.rules.region)


def name_of(line: Row) -> str:
    """What people call a line."""
    return str(line["label"] or line["number"] or line["id"])


class InboundActions:
    """Work that received texts made. All verbs may raise StoreUnavailable."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def due(self, lane: InboundLane, limit: int) -> tuple[DueAction, ...]:
        """List work of all tenants whose time has come, oldest first."""
        return await self._units.read(lambda tx: due(tx, lane, limit))

    async def next_at_ms(self, lane: InboundLane) -> int | None:
        """Say when the next work of a lane falls due."""
        return await self._units.read(lambda tx: next_at_ms(tx, lane))

    async def admitted_before(self, scope: str, key: str) -> str | None:
        """Find the text that a run which ended admitted and could not write down any more."""
        return await self._units.read(lambda tx: admitted_before(tx, scope, key))

    async def begin(self, action: DueAction) -> bool:
        """Commit that a letter may be out from now on; False: it must not go any more."""
        return await self._units.write(lambda tx: begin(tx, action))

    async def finish(self, action: DueAction, finished: Finished) -> None:
        """Commit the end of work; a second end changes nothing."""
        await self._units.write(lambda tx: finish(tx, action, finished), linger=True)

    async def later(self, action: DueAction, reason: str, due_at_ms: int) -> None:
        """Commit that work is tried again, and when."""
        await self._units.write(lambda tx: later(tx, action, reason, due_at_ms), linger=True)

    async def replied(self, action: DueAction, answer: NewAction) -> None:
        """Commit the end of a request to a webhook together with the answer that it gave."""
        await self._units.write(lambda tx: replied(tx, action, answer))

    async def recover(self) -> int:
        """Settle letters that the last run was handing over; returns how many are in doubt."""
        return await self._units.write(recover)

    async def of(self, view: View, inbound_id: str) -> tuple[ActionTaken, ...]:
        """List what a received text made."""
        return await self._units.read(lambda tx: taken(tx, view, inbound_id))

    async def template_named(self, tenant: str, name: str) -> str:
        """Find the id of a template by its name. Raises NotFound."""
        return await self._units.read(lambda tx: template_named(tx, tenant, name))

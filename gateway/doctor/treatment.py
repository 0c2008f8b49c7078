"""Owns the doctor of a running server: what is shown to whom, what is repaired, taken back, put off.

Knows no rule and no repair; puts what is seen beside what is remembered. The intent to change something is committed
before it is changed, so that also after kill -9 it can be taken back.
Source: only a passed check is called fixed; the API, the dashboard and the command line ask this one object.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import structlog

from gateway.clock import Clock
from gateway.doctor.examination import AGAIN_S, BELIEVED_S, Examination
from gateway.doctor.finding import Finding, Listed, Severity
from gateway.doctor.fixes import Change
from gateway.doctor.repairs import RepairFailed, Repairs
from gateway.draft import Caller
from gateway.errors import GatewayError
from gateway.store.audit import Deed
from gateway.store.doctor import DoctorRoom, Remembered, Repair

log = structlog.get_logger(__name__)

DAY_MS = 86_400_000
WARM_S = 60.0
"""The machine is looked at this often without being asked, so that a page never waits for it."""

_NEEDS: frozenset[Severity] = frozenset({"stops", "trouble"})

Result = Literal["fixed", "open", "failed", "undone"]


@dataclass(frozen=True, slots=True)
class Treated:
    """What became of a repair: ``open`` was done and the check does not pass, ``failed`` could not be done.

    ``said`` is a sentence for people; ``listed`` is the finding as it is now.
    """

    result: Result
    said: str
    listed: Listed


class Doctor:
    """Implements :class:`gateway.http.services.Doctor`."""

    def __init__(
        self, examination: Examination, repairs: Repairs, memory: DoctorRoom, clock: Clock, tenant: str
    ) -> None:
        self._examination = examination
        self._repairs = repairs
        self._memory = memory
        self._clock = clock
        self._tenant = tenant
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Keep what is known of the machine warm; never ends."""
        while True:
            await self._examination.seen(BELIEVED_S)
            await asyncio.sleep(WARM_S)

    # ------------------------------------------------------------------ what is shown

    async def findings(self, caller: Caller, *, snoozed: bool = False) -> tuple[Listed, ...]:
        """List what a caller may see, worst first: what is told now, or with ``snoozed`` what is not told."""
        listed = await self._visible(caller, BELIEVED_S)
        return tuple(each for each in listed if (each.snoozed_until_ms is not None) == snoozed)

    async def needs(self, caller: Caller) -> tuple[Listed, ...]:
        """List what needs a person, by what is known already: cheap, asks neither disk nor phone."""
        listed = await self._visible(caller, 2 * WARM_S)
        return tuple(each for each in listed if _is_needed(each))

    async def check(self, caller: Caller) -> tuple[Listed, ...]:
        """Look again at everything, phones on cables too, and list it."""
        async with self._one_at_a_time:
            await self._examination.look_again()
            await self._settle(await self._memory.read(self._tenant))
        return await self.findings(caller)

    # ------------------------------------------------------------------ what is changed

    async def fix(self, caller: Caller, finding_id: str, *, may_reboot: bool = False) -> Treated:
        """Repair one thing and look again.

        Raises:
            LookupError: no such finding for this caller.
            GatewayError: ``conflict``: nothing to repair.
        """
        async with self._one_at_a_time:
            return await self._fix(await self._one(caller, finding_id), caller, may_reboot=may_reboot)

    async def fix_all(self, caller: Caller, *, may_reboot: bool = False) -> tuple[Treated, ...]:
        """Repair everything that stops sending or will cause trouble, worst first; notes are left to people."""
        done: list[Treated] = []
        async with self._one_at_a_time:
            now = await self._visible(caller, AGAIN_S)
            wanted = [e.finding.id for e in now if e.finding.fix is not None and _is_needed(e)]
            for finding_id in wanted:
                left = await self._find(caller, finding_id)
                # An earlier repair may have mended this too.
                if left is not None and left.finding.fix is not None:
                    done.append(await self._fix(left, caller, may_reboot=may_reboot))
        return tuple(done)

    async def undo(self, caller: Caller, finding_id: str) -> Treated:
        """Take a repair back and look again.

        Raises:
            LookupError: no such finding for this caller.
            GatewayError: ``conflict``: nothing to take back.
        """
        async with self._one_at_a_time:
            listed = await self._one(caller, finding_id)
            repair = (await self._memory.read(self._tenant)).repairs.get(finding_id)
            if repair is None or listed.undo is None:
                raise GatewayError(
                    "conflict", "There is nothing to take back here. Look at the findings as they are now."
                )
            try:
                said = await self._repairs.take_back(Change.load(repair.change))
            except RepairFailed as failed:
                return Treated("failed", str(failed), listed)
            await self._memory.forget(finding_id, self._deed("doctor.undone", caller, listed.finding))
            log.info("doctor.undone", code=listed.finding.code, finding=finding_id, key_id=caller.key_id)
            await self._look_again(Change.load(repair.change))
            return Treated("undone", said, await self._find(caller, finding_id) or replace(listed, undo=None))

    async def snooze(self, caller: Caller, finding_id: str, days: int) -> Listed:
        """Tell a finding no more for some days. Raises LookupError, GatewayError ``conflict``: nothing is wrong."""
        listed = await self._one(caller, finding_id)
        if not listed.finding.is_wrong:
            raise GatewayError(
                "conflict",
                "Nothing is wrong here, so there is nothing to put off. Look at the findings as they are now.",
            )
        until_ms = self._clock.now_ms() + days * DAY_MS
        deed = self._deed("doctor.put_off", caller, listed.finding, days=days)
        await self._memory.snooze(finding_id, until_ms, deed)
        return replace(listed, snoozed_until_ms=until_ms)

    async def unsnooze(self, caller: Caller, finding_id: str) -> Listed:
        """Tell a finding again. Raises LookupError."""
        listed = await self._one(caller, finding_id)
        await self._memory.unsnooze(finding_id, self._deed("doctor.told_again", caller, listed.finding))
        return replace(listed, snoozed_until_ms=None)

    # ------------------------------------------------------------------ parts

    async def _fix(self, listed: Listed, caller: Caller, *, may_reboot: bool) -> Treated:
        finding = listed.finding
        if finding.fix is None:
            raise GatewayError(
                "conflict", "There is nothing to repair here; its hint says what a person does."
            )
        try:
            change = Change(finding.fix, await self._repairs.before(finding.fix))
        except RepairFailed as failed:
            return Treated("failed", str(failed), listed)
        # First the intent: a process that is killed in the middle can still take it back.
        deed = self._deed("doctor.fix", caller, finding, change=finding.fix.what)
        await self._memory.begin(finding.id, finding.dump(), change.dump(), deed)
        log.info("doctor.fix", code=finding.code, finding=finding.id, key_id=caller.key_id)
        failure: str | None = None
        try:
            await self._repairs.apply(change.fix, may_reboot=may_reboot)
        except RepairFailed as failed:
            failure = str(failed)
        said = failure or await self._repairs.still(change.fix)
        await self._look_again(change, looked=True)
        still_there = await self._is_wrong(finding.id)
        if said is None and still_there is not None:
            said = f"The check still finds it: {still_there.title}."
        await self._memory.end(self._tenant, finding.id, said)
        now = await self._find(caller, finding.id) or listed
        if said is None:
            return Treated("fixed", "Done, and the check passes.", now)
        return Treated("failed" if failure else "open", said, now)

    def _deed(self, action: str, caller: Caller, finding: Finding, **more: object) -> Deed:
        detail = {"code": finding.code, **more}
        return Deed(action, caller.by, self._tenant, f"finding:{finding.id}", detail, finding.sandbox)

    async def _look_again(self, change: Change, *, looked: bool = False) -> None:
        self._examination.forget()
        serialno = getattr(change.fix, "serialno", None)
        if serialno is not None and not looked:
            await self._examination.look_at(serialno)

    async def _settle(self, memory: Remembered) -> None:
        """Look again at repairs whose check has not passed: a phone is back, or a process was killed in the middle."""
        for repair in memory.repairs.values():
            if repair.state == "fixed":
                continue
            said = await self._repairs.still(Change.load(repair.change).fix, repair.began_at_ms)
            if said is None and await self._is_wrong(repair.id) is not None:
                continue
            await self._memory.end(self._tenant, repair.id, said)

    async def _is_wrong(self, finding_id: str) -> Finding | None:
        seen = await self._examination.seen(AGAIN_S)
        return next((s.finding for s in seen if s.finding.id == finding_id and s.finding.is_wrong), None)

    async def _one(self, caller: Caller, finding_id: str) -> Listed:
        found = await self._find(caller, finding_id)
        if found is None:
            raise LookupError(finding_id)
        return found

    async def _find(self, caller: Caller, finding_id: str) -> Listed | None:
        listed = await self._visible(caller, AGAIN_S)
        return next((each for each in listed if each.finding.id == finding_id), None)

    async def _visible(self, caller: Caller, machine_age_s: float) -> Sequence[Listed]:
        if caller.tenant != self._tenant:
            return ()
        return [each for each in await self._listed(machine_age_s) if _may_see(caller, each.finding)]

    async def _listed(self, machine_age_s: float) -> list[Listed]:
        seen = await self._examination.seen(machine_age_s)
        memory = await self._memory.read(self._tenant)
        there = {each.finding.id for each in seen}
        now_ms = self._clock.now_ms()
        listed = [_beside(each.finding, each.at_ms, memory.repairs.get(each.finding.id)) for each in seen] + [
            _beside(_remembered(repair), now_ms, repair)
            for repair in memory.repairs.values()
            if repair.id not in there
        ]
        return [
            replace(
                each, snoozed_until_ms=memory.snoozed.get(each.finding.id) if each.finding.is_wrong else None
            )
            for each in listed
        ]


def _is_needed(listed: Listed) -> bool:
    return listed.finding.severity in _NEEDS and listed.snoozed_until_ms is None


def _may_see(caller: Caller, finding: Finding) -> bool:
    return finding.sandbox if caller.sandbox else caller.may(finding.scope)


def _remembered(repair: Repair) -> Finding:
    """Make the finding of a repair of which nothing is seen any more."""
    finding = Finding.load(repair.finding)
    return finding if repair.state == "fixed" else replace(finding, severity="note")


def _beside(finding: Finding, checked_at_ms: int, repair: Repair | None) -> Listed:
    """Put a finding beside the repair that was made of it."""
    if repair is None or (repair.state == "fixed" and finding.is_wrong):
        # It came again after it was repaired: what was before that repair is of no use to anybody.
        return Listed(finding, checked_at_ms)
    undo = Change.load(repair.change).fix.undo
    if repair.state == "fixed":
        title = Finding.load(repair.finding).title
        return Listed(replace(finding, title=title), checked_at_ms, repair.fixed_at_ms, undo)
    said = repair.said or "A repair was begun and not ended; look again."
    return Listed(
        finding, checked_at_ms, undo=undo, said=f"It was repaired, and the check does not pass: {said}"
    )

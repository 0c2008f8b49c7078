"""Owns the look: every half minute readings are taken, judged, and what changed is written down with its letters.

Knows no SQL, no threshold's meaning and no channel. Everything that is told is committed with the alert's own state,
so a restart neither repeats nor loses it.
Source: W4; the interface page of the project ([alerts]).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from gateway.alerts.one_part import one_part
from gateway.clock import Clock
from gateway.policy.alert_words import Notice, notice
from gateway.policy.alerts import Change, Thresholds, follow, judge
from gateway.store.alert_rows import LetterContent, NewLetter, Scope, Telling, Way
from gateway.store.protocol import Store, StoreUnavailable

log = structlog.get_logger(__name__)

LOOK_S = 30.0
WORTH_S = 6 * 3600
"""An alert that could not be told for so long is told by the next one."""
TEXT_WORTH_S = 3600


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """What is alerted of, and who is told beside webhooks. ``zone`` is that of the clock in the words.

    ``emulated``: emulated lines and the sandbox's texts count too. ``apprise`` are URLs that hold tokens.
    """

    thresholds: Thresholds
    tenant: str = "default"
    zone: str = "UTC"
    emulated: bool = False
    email: tuple[str, ...] = ()
    sms: tuple[str, ...] = ()
    apprise: tuple[str, ...] = field(default=(), repr=False)


class Alerts:
    """Watches how things stand. ``disk_free`` says how many octets the data directory's disk has left."""

    def __init__(
        self, store: Store, clock: Clock, settings: AlertSettings, disk_free: Callable[[], int]
    ) -> None:
        self._room = store.alerts
        self._clock = clock
        self._settings = settings
        self._disk_free = disk_free
        self._began_s = clock.monotonic_s()

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                log.warning("alerts.wait_for_store", reason=str(error))
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Take readings once and write down what follows.

        Raises:
            StoreUnavailable: what was not written is found again at the next look.
        """
        settings = self._settings
        readings, standing = await self._room.read(self._scope())
        readings = replace(readings, disk_free_mb=self._disk_free() // 1_000_000)
        now_ms = self._clock.now_ms()
        judged = judge(readings, settings.thresholds, standing, now_ms)
        for change in follow(standing, judged, now_ms, settings.thresholds.quiet_s):
            await self._tell(change, now_ms)
        late = await self._room.late(settings.tenant)
        if late:
            log.info("alerts.late_messages", count=late)

    def _scope(self) -> Scope:
        # By the clock that never steps: a wall clock that went back would put the beginning into the future.
        looked_s = self._clock.monotonic_s() - self._began_s
        since_ms = self._clock.now_ms() - round(looked_s * 1000)
        return Scope(self._settings.tenant, since_ms, self._settings.emulated)

    async def _tell(self, change: Change, now_ms: int) -> None:
        finding, told = change.after.finding, change.told
        if told is None:
            await self._room.tell(self._settings.tenant, Telling(change))
            return
        words = notice(finding, told, change.after.since_ms, now_ms, self._settings.zone)
        letters = tuple(self._letters(change, words, now_ms))
        if await self._room.tell(self._settings.tenant, Telling(change, words, letters)):
            log.warning("alert.told", kind=finding.kind, told=told, value=finding.value, line=finding.line)

    def _letters(self, change: Change, words: Notice, now_ms: int) -> list[NewLetter]:
        finding, settings = change.after.finding, self._settings
        ways: tuple[tuple[Way, tuple[str, ...], str, int], ...] = (
            ("email", settings.email, words.body, WORTH_S),
            ("sms", settings.sms, one_part(words.short) if settings.sms else "", TEXT_WORTH_S),
            ("apprise", settings.apprise, words.body, WORTH_S),
        )
        return [
            NewLetter(
                way=way,
                topic=finding.kind,
                content=LetterContent(address, words.title, body),
                until_ms=now_ms + worth_s * 1000,
                line=finding.line,
            )
            for way, addresses, body, worth_s in ways
            for address in addresses
        ]

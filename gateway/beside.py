"""Owns what runs beside the lines: reminders, other channels, answers to what comes in, alerts, unfinished batches.

Knows no device and no HTTP; the supervisor starts its loops. What may be posted to is decided here once.
Source: design, *Layout*; rules SSRF-4 (our own ports).
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from gateway.admission import Admission
from gateway.alerts import Alerts, LetterCarrier, LetterWays
from gateway.channels.setup import missing, outlets
from gateway.clock import Clock
from gateway.config import Config
from gateway.config.inbound import secrets_by_url
from gateway.draft import Caller
from gateway.inbound_actions import InboundActionLoop, InboundWays
from gateway.notification_desk import NotificationDesk, Offers
from gateway.notifications import NotificationLoop
from gateway.organisation import admission_settings, alert_settings
from gateway.schedules import ScheduleLoop, ScheduleSettings
from gateway.startup import CannotStart
from gateway.store.batch_room import Unfinished
from gateway.store.protocol import Store
from gateway.webhooks import TargetRules, WebhookSettings, check_target
from gateway.webhooks.post import Poster

Loop = Callable[[], Awaitable[None]]


class Beside:
    """The rooms beside the lines, put together. ``admin`` is the key of the environment, where there is one."""

    def __init__(
        self, store: Store, clock: Clock, config: Config, data_dir: Path, admin: Caller | None
    ) -> None:
        self.admission = Admission(store, admission_settings(config), clock)
        self.targets = TargetRules(allow_public_http=config.webhooks.allow_public_http)
        self.notifications = NotificationDesk(
            store,
            self.admission,
            clock,
            offers=Offers(missing(config.email, config.slack)),
            refuse_target=self.refusal,
        )
        self._store = store
        self._clock = clock
        self._config = config
        self._data_dir = data_dir
        self._admin = admin
        self._unfinished: tuple[Unfinished, ...] = ()

    def refusal(self, url: str) -> str | None:
        """Say why nothing may be posted to a URL; None: it may."""
        refused = check_target(url, self.targets)
        return None if refused is None else str(refused)

    async def settle(self) -> None:
        """Before anybody is let in: see which batches the last run had begun to receive and nobody was told of."""
        self._unfinished = await self._store.batches.unfinished()

    def listening_on(self, ports: frozenset[int]) -> None:
        """Know our own ports, which nothing may be posted to, and open the ways out.

        Raises:
            CannotStart: the certificates of the mail server's section cannot be read.
        """
        self.targets = replace(self.targets, own_ports=ports)
        self._poster = Poster(WebhookSettings(targets=self.targets))
        config = self._config
        try:
            self._outlets = outlets(config.email, config.slack, config.notifications, self._poster)
        except ValueError as error:
            raise CannotStart(str(error)) from None

    def loops(self) -> dict[str, Loop]:
        """What is to be run until the gateway stops."""
        schedules = ScheduleLoop(
            self._store, self.admission, self._clock, ScheduleSettings(admin=self._admin)
        )
        alerts = Alerts(self._store, self._clock, alert_settings(self._config), self._disk_free)
        return {
            "schedules": schedules.run,
            "channels": self._carry,
            "alerts": alerts.run,
            "unfinished batches": self._discard,
        }

    def _disk_free(self) -> int:
        return shutil.disk_usage(self._data_dir).free

    async def _carry(self) -> None:
        """Run what posts and mails."""
        ways = InboundWays(
            self._poster, secrets_by_url(self._config.inbound_rule), self._outlets.get("email")
        )
        notifications = NotificationLoop(self._store, self.admission, self._clock, self._outlets)
        inbound = InboundActionLoop(self._store, self.admission, self._clock, ways)
        secret = self._config.notifications.webhook_secret
        letters = LetterCarrier(
            self._store,
            self.admission,
            self._clock,
            LetterWays(
                self._poster,
                (secret,) if secret else (),
                self._outlets.get("email"),
                self._config.alerts.sms_line,
            ),
        )
        async with self._poster, asyncio.TaskGroup() as group:
            group.create_task(notifications.run(), name="notifications")
            group.create_task(inbound.run(), name="inbound actions")
            group.create_task(letters.run(), name="letters")

    async def _discard(self) -> None:
        """Drop what was half received, a little at a time: no line sees it, so there is no hurry."""
        for batch in self._unfinished:
            await self._store.batches.discard(batch.id, batch.tenant)
        self._unfinished = ()
        await asyncio.Event().wait()

"""Alerts at work: a real store, mail server, receivers and an emulated network.

Time is moved by hand; processes are really killed.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from device_bridge.device import LineHealth, LineIdentity, LineState
from device_bridge.sms.outcome import rp_cause
from device_bridge.sms.segmentation import segment
from gateway.admission import Admission, AdmissionSettings
from gateway.alerts import Alerts, AlertSettings, LetterCarrier, LetterWays
from gateway.channels.smtp import SmtpOutlet, SmtpSettings
from gateway.lifecycle import Happening
from gateway.message import Message, MessageState, Notify
from gateway.policy.alerts import Thresholds
from gateway.policy.rules import Budget, Limits, Rules
from gateway.store.rows import LineRow, MessageFilter, Pace, WebhookRow
from gateway.webhooks.post import Poster
from gateway.webhooks.settings import WebhookSettings
from tests.harness.gateway_process import until
from tests.harness.rig import VIEW, rig
from tests.integration.webhooks_bench import SECRET, Received, Receiver, listening, status
from tests.integration.whole import MakeAir
from tests.peers.looking import eventually
from tests.peers.mail_peer import MailPeer, mail_server
from tests.peers.store_away import TakesTheStoreAlong
from tests.peers.store_world import ALICE, LIVE, World, world

HEAD = "head@school.example"
DUTY = "+447700900199"
HOUR_S = 3600
MB = 1_000_000
BUDGET = Budget(parts_per_day=100)
UNDELIVERED_ST = 0x41


@dataclass
class Watch:
    """A world that is watched; ``mail`` is the mail server, ``web`` a receiver of posts."""

    w: World
    shop: LineRow
    office: LineRow
    mail: MailPeer
    web: Receiver
    ways: LetterWays
    free_mb: int = 100_000
    mr: int = 0
    settings: AlertSettings = field(default_factory=lambda: AlertSettings(Thresholds(), email=(HEAD,)))
    alerts: Alerts = field(init=False)
    carrier: LetterCarrier = field(init=False)

    def start(self, thresholds: Thresholds | None = None, **changes: Any) -> None:
        """Begin to watch, as at a start of the gateway."""
        if thresholds is not None:
            changes["thresholds"] = thresholds
        self.settings = replace(self.settings, **changes)
        store, clock = self.w.store, self.w.clock
        self.alerts = Alerts(store, clock, self.settings, lambda: self.free_mb * MB)
        self.carrier = LetterCarrier(store, Admission(store, AdmissionSettings(), clock), clock, self.ways)

    async def look(self) -> None:
        """Look once, and carry out what that made due."""
        await self.alerts.look()
        await self.carrier.carry()

    def subjects(self) -> list[str]:
        return [str(mail.message["Subject"]) for mail in self.mail.got]

    async def kinds(self) -> list[tuple[str, bool]]:
        """The alerts that programs were told: kind, and whether it was a repetition."""
        events = await self.w.store.events_after(LIVE, 0, 10_000)
        # Not the warnings of the ledger itself (rules PMP-3), which say a step of a budget.
        return [
            (str(event.payload["kind"]), bool(event.payload["repeated"]))
            for event in events
            if event.type == "policy.alert" and "since" in event.payload
        ]

    def letters(self) -> list[tuple[str, str, str | None]]:
        return rows(self.w.path, "SELECT way, state, reason FROM alert_letter ORDER BY id")

    async def texts(self) -> list[Message]:
        """The texts that tell of alerts."""
        found = (await self.w.store.messages(LIVE, MessageFilter(), 100, None)).items
        return [message for message in found if "alert" in message.tags]

    async def health(self, line: LineRow, state: LineState) -> None:
        identity = LineIdentity(line.key, line.iccid, line.imsi, line.number)
        await self.w.store.line_seen(identity, line.device_id, LineHealth(state))

    async def send(self) -> int:
        """Let the shop's line send one text; gives its TP-MR."""
        await self.w.admit()
        claimed = await self.w.claim(self.shop, pace=Pace())
        assert claimed.prepared is not None
        self.mr = self.mr % 255 + 1
        await self.w.sent(claimed.prepared, mr=self.mr)
        return self.mr


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    rules = Rules(budgets=(BUDGET,), limits=Limits(budgets=(BUDGET,)))
    async with (
        world(tmp_path / "gateway.db", rules=rules) as w,
        mail_server(MailPeer()) as mail,
        listening(Receiver()) as web,
        Poster(WebhookSettings(request_timeout_s=2.0)) as poster,
    ):
        smtp = SmtpSettings("127.0.0.1", mail.port, "office@school.example", tls="none", timeout_s=5.0)
        shop, office = await w.line("a", label="Shop"), await w.line("b", label="Office")
        one = Watch(w, shop, office, mail, web, LetterWays(poster, (SECRET,), SmtpOutlet(smtp)))
        one.start()
        yield one


def rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


# ------------------------------------------------------------------ each threshold

Act = Callable[[Watch], Awaitable[None]]


@dataclass(frozen=True)
class Case:
    """One trouble: the threshold, how it comes, how it goes, and what the letter's subject says."""

    thresholds: Thresholds
    comes: Act
    goes: Act
    subject: str


async def _undelivered(watch: Watch) -> None:
    for _ in range(20):
        await watch.w.report(watch.shop, await watch.send(), UNDELIVERED_ST)


async def _delivered(watch: Watch) -> None:
    watch.w.clock.pass_s(HOUR_S + 60)
    for _ in range(20):
        await watch.w.report(watch.shop, await watch.send())


async def _failed(watch: Watch) -> None:
    await watch.w.admit()
    await watch.w.rejected(await watch.w.take(watch.shop))


async def _in_doubt(watch: Watch) -> None:
    await watch.w.admit()
    await watch.w.lost(await watch.w.take(watch.shop))


async def _given_up(watch: Watch) -> None:
    (doubtful,) = (await watch.w.store.messages(LIVE, MessageFilter((MessageState.IN_DOUBT,)), 9, None)).items
    await watch.w.store.change(LIVE, doubtful.id, Happening.GIVE_UP, "key:boss")


async def _waits(watch: Watch) -> None:
    await watch.w.admit()
    watch.w.clock.pass_s(900)


async def _taken(watch: Watch) -> None:
    await watch.w.take(watch.shop)


async def _down(watch: Watch) -> None:
    await watch.health(watch.shop, LineState.DOWN)
    watch.w.clock.pass_s(300)


async def _up(watch: Watch) -> None:
    await watch.health(watch.shop, LineState.UP)


async def _barred(watch: Watch) -> None:
    await watch.w.store.hold_line(watch.shop.id, rp_cause(10), watch.w.now_ms + 60_000)


async def _topped_up(watch: Watch) -> None:
    await watch.w.store.hold_line(watch.shop.id, None, None)
    await watch.send()


async def _spent(watch: Watch) -> None:
    await watch.send()
    await watch.send()


async def _dead(watch: Watch) -> None:
    hook = WebhookRow("hook", "default", "http://127.0.0.1:9/", ("line.*",), (SECRET,), False, False, True, 0)
    await watch.w.store.add_webhook(hook)
    await _up(watch)
    await watch.health(watch.shop, LineState.DOWN)
    await _up(watch)
    for delivery in await watch.w.store.due_deliveries(10):
        dead = replace(delivery, state="dead", next_at_ms=None, finished_at_ms=watch.w.now_ms)
        await watch.w.store.delivery_done(dead, {})


async def _full(watch: Watch) -> None:
    watch.free_mb = 499


async def _freed(watch: Watch) -> None:
    watch.free_mb = 500


def _later(seconds: float) -> Act:
    async def act(watch: Watch) -> None:
        watch.w.clock.pass_s(seconds)

    return act


CASES = {
    "delivery_rate": Case(
        Thresholds(delivery_rate_percent=80),
        _undelivered,
        _delivered,
        "Only 0 % of texts are delivered",
    ),
    "failures": Case(
        Thresholds(failures_per_hour=1), _failed, _later(HOUR_S + 60), "1 text failed in an hour"
    ),
    "in_doubt": Case(Thresholds(in_doubt=1), _in_doubt, _given_up, "1 text in doubt"),
    "queue_age": Case(Thresholds(queue_age_s=900), _waits, _taken, "The queue stands: 1 text waits"),
    "line_down": Case(Thresholds(line_down_s=300), _down, _up, "Line Shop is down"),
    "low_credit": Case(Thresholds(low_credit=True), _barred, _topped_up, "Line Shop has no credit"),
    "budget_used": Case(
        Thresholds(budget_percent=2),
        _spent,
        _later(24 * HOUR_S),
        "2 % of the day's budget of all texts is used",
    ),
    "webhook_dead": Case(
        Thresholds(webhook_dead_per_hour=1),
        _dead,
        _later(HOUR_S + 1),
        "1 event did not reach webhooks in an hour",
    ),
    "disk_free": Case(Thresholds(disk_free_mb=500), _full, _freed, "Only 499 MB of disk are free"),
}


@pytest.mark.parametrize("kind", CASES)
async def test_each_alert_is_raised_once_repeated_while_it_lasts_and_its_end_told_once(
    watch: Watch, kind: str
) -> None:
    case = CASES[kind]
    watch.start(replace(case.thresholds, quiet_s=60))
    await watch.look()
    assert await watch.kinds() == []
    await case.comes(watch)
    await watch.look()
    await watch.look()
    assert await watch.kinds() == [(kind, False)]
    watch.w.clock.pass_s(60)
    await watch.look()
    await watch.look()
    assert await watch.kinds() == [(kind, False), (kind, True)]
    await case.goes(watch)
    await watch.look()
    await watch.look()
    assert await watch.kinds() == [(kind, False), (kind, True), (f"{kind}.ended", False)]
    first, again, over = watch.subjects()
    assert (first, again) == (case.subject, case.subject)
    assert over.startswith("Over: ")


async def test_the_alert_about_a_line_that_a_person_pauses_ends_with_that_and_comes_back_when_it_goes_on(
    watch: Watch,
) -> None:
    watch.start(Thresholds(line_down_s=300, quiet_s=60))
    await _down(watch)
    await watch.look()
    await watch.w.store.patch_line(LIVE, watch.shop.id, {"paused": 1})
    await watch.look()
    await watch.look()
    assert watch.subjects() == ["Line Shop is down", "Over: line Shop is paused"]
    watch.w.clock.pass_s(60)
    await watch.w.store.patch_line(LIVE, watch.shop.id, {"paused": 0})
    await watch.look()
    assert watch.subjects()[2:] == ["Line Shop is down"]
    assert await watch.kinds() == [("line_down", False), ("line_down.ended", False), ("line_down", False)]


async def test_an_alert_about_a_webhook_that_is_taken_away_does_not_say_that_it_got_its_events(
    watch: Watch,
) -> None:
    watch.start(Thresholds(webhook_dead_per_hour=1))
    await _dead(watch)
    await watch.look()
    await watch.w.store.delete_webhook(LIVE, "hook")
    await watch.look()
    assert watch.subjects()[1:] == ["Over: fewer events are given up"]


async def test_the_letter_says_since_when_and_what_to_do_in_the_time_of_the_lines(watch: Watch) -> None:
    watch.start(Thresholds(line_down_s=300), zone="Asia/Kolkata")
    await _down(watch)
    await watch.look()
    (mail,) = watch.mail.got
    assert mail.recipients == [HEAD]
    # The world begins at 11:06 UTC.
    assert mail.message.get_content().splitlines() == [
        "Line Shop is down.",
        "Since 16:36 (5 min).",
        "The threshold is 300.",
        "Texts for it wait.",
        "Run gateway doctor, or pause it if it is meant to be away.",
    ]


# ------------------------------------------------------------------ ways out


# A plugin of apprise imports a module that Python 3.13 has no more; it does without it there.
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
async def test_everybody_is_told_by_every_way_that_is_set(watch: Watch) -> None:
    service = f"json://127.0.0.1:{watch.web.port}/hook"
    watch.start(
        Thresholds(disk_free_mb=500), email=(HEAD, "deputy@school.example"), sms=(DUTY,), apprise=(service,)
    )
    await _full(watch)
    await watch.look()
    assert [mail.recipients for mail in watch.mail.got] == [[HEAD], ["deputy@school.example"]]
    assert [text.to for text in await watch.texts()] == [DUTY]
    posted = json.loads((await watch.web.next()).body)
    assert posted["title"] == "Only 499 MB of disk are free"
    assert "data directory" in posted["message"]
    assert sorted(watch.letters()) == [
        ("apprise", "done", None), ("email", "done", None), ("email", "done", None), ("sms", "done", None)
    ]  # fmt: skip


async def test_a_text_goes_by_another_line_in_one_part_first_and_not_long_after(watch: Watch) -> None:
    watch.ways = replace(watch.ways, sms_line="Shop")
    watch.start(Thresholds(line_down_s=300, disk_free_mb=500), email=(), sms=(DUTY,))
    await _down(watch)
    await watch.look()
    (text,) = await watch.texts()
    assert text.line == watch.office.id
    assert (text.purpose, text.priority, text.tags, text.parts) == ("urgent", 9, {"alert": "line_down"}, 1)
    assert text.text is not None
    assert text.text.startswith("Line Shop is down. Since 11:06 (5 min). Texts for it wait.")
    assert segment(text.text, "gsm7").parts == 1
    assert text.expires_at_ms == watch.w.now_ms + HOUR_S * 1000


async def test_the_line_that_is_set_carries_what_is_not_about_it(watch: Watch) -> None:
    watch.ways = replace(watch.ways, sms_line="office")
    watch.start(Thresholds(disk_free_mb=500), email=(), sms=(DUTY,))
    await _full(watch)
    await watch.look()
    assert [text.line for text in await watch.texts()] == [watch.office.id]


async def test_an_alert_about_the_only_line_waits_for_another_and_ends_when_it_is_too_late(
    watch: Watch,
) -> None:
    await watch.health(watch.office, LineState.DOWN)
    watch.start(Thresholds(low_credit=True), email=(), sms=(DUTY,))
    await _barred(watch)
    await watch.look()
    assert await watch.texts() == []
    assert watch.letters() == [("sms", "pending", "no_other_line")]
    watch.w.clock.pass_s(HOUR_S + 1)
    await watch.carrier.carry()
    assert watch.letters() == [("sms", "failed", "too_late")]


async def test_texts_of_alerts_make_no_alerts_of_their_own(watch: Watch) -> None:
    watch.start(
        Thresholds(disk_free_mb=500, failures_per_hour=1, in_doubt=1, queue_age_s=900),
        email=(),
        sms=(DUTY, ALICE),
    )
    await _full(watch)
    await watch.look()
    (first, _) = await watch.texts()
    line = watch.shop if first.line == watch.shop.id else watch.office
    await watch.w.rejected(await watch.w.take(line))
    watch.w.clock.pass_s(901)
    await watch.look()
    await watch.w.lost(await watch.w.take(line))
    await watch.look()
    assert await watch.kinds() == [("disk_free", False)]


async def test_a_mail_server_that_says_later_is_asked_later_and_one_that_says_no_is_not(watch: Watch) -> None:
    watch.start(Thresholds(disk_free_mb=500))
    watch.mail.rcpt = "450 greylisted"
    await _full(watch)
    await watch.look()
    assert watch.letters() == [("email", "pending", "channel_unreachable")]
    watch.mail.rcpt = "250 OK"
    watch.w.clock.pass_s(30)
    await watch.look()
    assert watch.letters() == [("email", "done", None)]
    watch.mail.answer = "554 spam"
    await _freed(watch)
    await watch.look()
    assert watch.letters()[1] == ("email", "failed", "channel_refused")


async def test_a_mail_server_that_stays_away_is_asked_for_nearly_six_hours(watch: Watch) -> None:
    watch.start(Thresholds(disk_free_mb=500))
    watch.mail.rcpt = "450 greylisted"
    await _full(watch)
    await watch.alerts.look()
    began_ms = watch.w.now_ms
    tried_ms: list[int] = []
    while not tried_ms or watch.letters() == [("email", "pending", "channel_unreachable")]:
        ((due_ms,),) = rows(watch.w.path, "SELECT due_at FROM alert_letter")
        watch.w.clock.pass_s((due_ms - watch.w.now_ms) / 1000)
        await watch.carrier.carry()
        tried_ms.append(watch.w.now_ms)
    assert watch.letters() == [("email", "failed", "channel_unreachable")]
    assert len(tried_ms) == 10
    assert 5.5 * HOUR_S < (tried_ms[-1] - began_ms) / 1000 < 6 * HOUR_S


async def test_a_refusal_that_cannot_be_written_down_at_once_is_written_when_the_store_is_back(
    watch: Watch,
) -> None:
    assert watch.ways.email is not None
    outlet = TakesTheStoreAlong(watch.ways.email, watch.w.path)
    watch.ways = replace(watch.ways, email=outlet)
    watch.start(Thresholds(disk_free_mb=500))
    watch.mail.answer = "452 disk is full"
    await _full(watch)
    await watch.alerts.look()
    with structlog.testing.capture_logs() as logs:
        carrying = asyncio.create_task(watch.carrier.carry())

        async def tried_in_vain() -> bool | None:
            return any(line["event"] == "letter.outcome_waits" for line in logs) or None

        await eventually(tried_in_vain)
        outlet.give_back()
        await carrying
    assert watch.letters() == [("email", "pending", "channel_unreachable")]


async def test_a_letter_whose_answer_got_lost_is_never_sent_again(watch: Watch) -> None:
    watch.start(Thresholds(disk_free_mb=500))
    watch.mail.hangs_up = "data"
    await _full(watch)
    await watch.look()
    assert watch.letters() == [("email", "failed", "in_doubt")]
    watch.w.clock.pass_s(60)
    await watch.look()
    assert watch.mail.read == 1


async def test_without_a_mail_server_the_letter_ends_and_says_why(watch: Watch) -> None:
    watch.ways = replace(watch.ways, email=None)
    watch.start(Thresholds(disk_free_mb=500))
    await _full(watch)
    await watch.look()
    assert watch.letters() == [("email", "failed", "channel_unavailable")]


async def test_a_restart_repeats_nothing_and_still_tells_the_end(watch: Watch) -> None:
    thresholds = Thresholds(line_down_s=300, failures_per_hour=1)
    watch.start(thresholds)
    await _failed(watch)
    await _down(watch)
    await watch.look()
    await watch.w.store.detach_all()
    watch.start(thresholds)
    await watch.look()
    assert sorted(await watch.kinds()) == [("failures", False), ("line_down", False)]
    await _up(watch)
    await watch.health(watch.office, LineState.UP)
    watch.w.clock.pass_s(HOUR_S + 60)
    await watch.look()
    assert sorted(kind for kind, _ in await watch.kinds())[1::2] == ["failures.ended", "line_down.ended"]


async def test_the_loops_look_and_carry_out_by_themselves(watch: Watch) -> None:
    watch.start(Thresholds(disk_free_mb=500))
    await _full(watch)
    tasks = [asyncio.create_task(loop.run()) for loop in (watch.carrier, watch.alerts)]
    try:
        async with asyncio.timeout(30):
            await watch.mail.came.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert watch.subjects() == ["Only 499 MB of disk are free"]
    assert watch.letters() == [("email", "done", None)]


async def test_an_emulated_network_carries_the_alert_about_one_line_by_the_other(
    make_air: MakeAir, tmp_path: Path
) -> None:
    air = await make_air(lines=2)
    async with rig(tmp_path, air) as at, Poster(WebhookSettings()) as poster:
        settings = AlertSettings(Thresholds(line_down_s=300), sms=(DUTY,))
        alerts = Alerts(at.store, at.clock, settings, lambda: 0)
        carrier = LetterCarrier(
            at.store, at.admission, at.clock, LetterWays(poster, sms_line=(await at.line(1)).id)
        )
        await alerts.look()
        air.network.modem(1).remove_sim()
        await at.lines_are("needs_attention", "up")
        at.clock.ahead_s += 301
        await alerts.look()
        await carrier.carry()
        page = await at.store.messages(VIEW, MessageFilter(), 10, None)
        (text,) = page.items
        await at.reaches(text.id, "sent", "delivered")
    (sent,) = air.to(DUTY)
    assert sent.line == 2
    assert sent.text == text.text
    assert sent.text.endswith("Run gateway doctor, or pause it if it is meant to be away.")


# ------------------------------------------------------------------ who is told about one message


async def test_a_sender_is_told_by_letter_and_by_a_signed_post_when_a_text_fails(watch: Watch) -> None:
    message = await watch.w.admit(notify=Notify("ann@example.org", watch.web.url), reference="invoice 7")
    await watch.w.rejected(await watch.w.take(watch.shop))
    await watch.carrier.carry()
    (mail,) = watch.mail.got
    assert mail.recipients == ["ann@example.org"]
    assert mail.message["Subject"] == f"Your text to {ALICE} failed"
    said = mail.message.get_content()
    assert message.id in said
    assert "invoice 7" in said
    failed = await watch.w.get(message.id)
    assert failed.error is not None
    assert failed.error.title in said
    posted = await watch.web.next()
    assert body(posted)["type"] == "message.failed"
    assert body(posted)["data"]["id"] == message.id
    assert "text" not in body(posted)["data"]
    assert posted.headers["webhook-signature"].startswith("v1,")
    await watch.look()
    assert len(watch.mail.got) == 1


def body(received: Received) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(received.body)
    return parsed


async def test_a_sender_is_told_once_when_a_text_is_late(watch: Watch) -> None:
    message = await watch.w.admit(notify=Notify("ann@example.org", watch.web.url, late_after_s=120))
    watch.w.clock.pass_s(119)
    await watch.look()
    assert watch.mail.got == []
    watch.w.clock.pass_s(1)
    await watch.look()
    await watch.look()
    assert watch.subjects() == [f"Your text to {ALICE} has not been sent yet"]
    posted = body(await watch.web.next())
    assert (posted["type"], posted["data"]["id"], posted["data"]["state"]) == (
        "message.late",
        message.id,
        "queued",
    )
    assert len(watch.web.got) == 1


@pytest.mark.parametrize(
    ("held_reason", "says"),
    [
        ("content:money", "It is held until a person lets it go: a second person has to agree to it."),
        ("new_country", "It is held until a person lets it go: many new numbers in a country"),
    ],
)
async def test_a_sender_is_told_in_words_why_a_late_text_is_held(
    watch: Watch, held_reason: str, says: str
) -> None:
    notify = Notify("ann@example.org", None, late_after_s=60)
    await watch.w.admit(notify=notify, held_reason=held_reason)
    watch.w.clock.pass_s(60)
    await watch.look()
    (letter,) = watch.mail.got
    assert says in letter.message.get_content()
    assert held_reason not in letter.message.get_content()


async def test_a_receiver_that_fails_is_asked_again_under_the_same_id(watch: Watch) -> None:
    watch.web.answer = status(503)
    await watch.w.admit(notify=Notify(url=watch.web.url))
    await watch.w.rejected(await watch.w.take(watch.shop))
    await watch.carrier.carry()
    assert watch.letters() == [("webhook", "pending", "http_503")]
    watch.web.answer = status(204)
    watch.w.clock.pass_s(5)
    await watch.carrier.carry()
    assert watch.letters() == [("webhook", "done", None)]
    first, second = watch.web.got
    assert first.id == second.id


# ------------------------------------------------------------------ killed

PROGRAM = """
import asyncio, sys
from pathlib import Path
from gateway.admission import Admission, AdmissionSettings
from gateway.alerts import Alerts, AlertSettings, LetterCarrier, LetterWays
from gateway.channels.smtp import SmtpOutlet, SmtpSettings
from gateway.clock import SystemClock
from gateway.policy.alerts import Thresholds
from gateway.store.sqlite import SqliteStore
from gateway.webhooks.post import Poster
from gateway.webhooks.settings import WebhookSettings
from tests.peers.store_world import RING

async def main() -> None:
    clock = SystemClock()
    store = SqliteStore(Path(sys.argv[1]), RING, clock)
    await store.open()
    settings = AlertSettings(Thresholds(disk_free_mb=500), email=("head@school.example",))
    await Alerts(store, clock, settings, lambda: 0).look()
    (Path(sys.argv[1]).parent / "looked").touch()
    if sys.argv[3] == "hold":
        await asyncio.sleep(3600)
    smtp = SmtpSettings("127.0.0.1", int(sys.argv[2]), "office@school.example", tls="none", timeout_s=60.0)
    async with Poster(WebhookSettings()) as poster:
        ways = LetterWays(poster, email=SmtpOutlet(smtp))
        carrier = LetterCarrier(store, Admission(store, AdmissionSettings(), clock), clock, ways)
        await store.letters.recover()
        await carrier.carry()
    await store.close()

asyncio.run(main())
"""


class SilentPeer(MailPeer):
    """Reads the text and never answers."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        await super().handle_DATA(server, session, envelope)
        return await asyncio.Future()


@contextmanager
def gateway(path: Path, port: int, how: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the program; it is killed at the latest at the end."""
    command = [sys.executable, "-c", PROGRAM, str(path), str(port), how]
    with subprocess.Popen(command) as process:
        try:
            yield process
        finally:
            process.kill()


async def runs_through(path: Path, port: int) -> None:
    with gateway(path, port, "go on") as process:
        assert await asyncio.to_thread(process.wait, 60) == 0


LETTERS = "SELECT state, reason FROM alert_letter"
ALERTS = "SELECT count(*) FROM event WHERE type = 'policy.alert'"


async def test_kill_9_after_an_alert_was_raised_loses_no_letter_and_repeats_no_alert(tmp_path: Path) -> None:
    path, looked = tmp_path / "gateway.db", tmp_path / "looked"

    async def has_looked() -> bool:
        return looked.exists()

    async with mail_server(MailPeer()) as mail:
        with gateway(path, mail.port, "hold"):
            await until(has_looked, "the look is committed", 60.0)
        assert rows(path, LETTERS) == [("pending", None)]
        for _ in range(2):
            await runs_through(path, mail.port)
        assert len(mail.got) == 1
    assert rows(path, LETTERS) == [("done", None)]
    assert rows(path, ALERTS) == [(1,)]


async def test_kill_9_while_a_letter_is_handed_over_leaves_doubt_and_never_a_second_copy(
    tmp_path: Path,
) -> None:
    path = tmp_path / "gateway.db"
    async with mail_server(SilentPeer()) as mail:
        with gateway(path, mail.port, "go on"):
            async with asyncio.timeout(60):
                await mail.came.wait()
        assert rows(path, LETTERS) == [("sending", None)]
        await runs_through(path, mail.port)
        assert mail.read == 1
    assert rows(path, LETTERS) == [("failed", "in_doubt")]

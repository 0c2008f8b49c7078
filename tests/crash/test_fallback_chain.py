"""Kills a server while texts fail and letters take their place, and counts who was told how often.

The client, the modems and the mail server live through the chain. The mail server is slow on both sides of the moment
at which it stores a letter, so kills strike before it, at it, and while its answer is on the way.
Source: invariants W1 and W2; design, *Errors* (what may be out is never sent again silently).
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from device_bridge.emulator.numbers import SANDBOX
from tests.crash.batch_ledger import StoreFile
from tests.crash.ledger import Verdict
from tests.harness.air import Air
from tests.harness.gateway_process import GatewayProcess, Unreachable, until
from tests.harness.zygote import Zygote
from tests.peers.mail_peer import MailPeer, mail_server

pytestmark = [pytest.mark.crash, pytest.mark.timeout(3600)]

KILLS_OF_RUNS = 0.15
"""Of CRASH_RUNS: 30 in CI, 150 by ``make crash``."""
LINES = 2
POST_EVERY_S = 0.12
LONGEST_RUN_S = 1.2
SLOW_S = 0.15
"""The mail server's, at most, before and again after it stores a letter."""
FALLBACK_S = 30
"""The shortest that may be asked for."""
DRAIN_S = 120.0
MANY = 6
FATES = {
    "refused": "+99900000003",
    "undelivered": "+99900000002",
    "silent": "+99900000005",
    "delivered": "+99900000001",
}
"""What becomes of a text, as the sandbox number that does the same."""
WEIGHTS = {"refused": 35, "undelivered": 30, "silent": 15, "delivered": 20}
MOMENTS = {
    "time": 15,
    "starting": 10,
    "asking": 20,
    "admitted": 15,
    "letter read": 15,
    "letter stored": 15,
    "on air": 10,
}
UNTOLD = (
    "SELECT 1 FROM message WHERE id NOT IN"
    " (SELECT message_id FROM notification_attempt WHERE message_id IS NOT NULL)"
)
"""A text is admitted, and its notification does not say yet that it is carried by it."""
ASK_S = 0.02
"""About as long as a request is under way."""


class SlowMail(MailPeer):
    """Takes its time before it stores a letter, and again before it says so."""

    def __init__(self, chance: random.Random, saw: Callable[[str], None]) -> None:
        super().__init__()
        self._chance = chance
        self._saw = saw

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self._saw("letter read")
        await asyncio.sleep(self._chance.uniform(0, SLOW_S))
        answer = await super().handle_DATA(server, session, envelope)
        self._saw("letter stored")
        await asyncio.sleep(self._chance.uniform(0, SLOW_S))
        return answer


@dataclass
class Person:
    """One whom somebody wants to reach; ``token`` stands in the text and in the address."""

    token: str
    fate: str
    number: str

    @property
    def email(self) -> str:
        return f"{self.token}@example.org"


@dataclass
class Chain:
    """The world around the server, and what it remembers."""

    folder: Path
    air: Air
    chance: random.Random
    server: GatewayProcess = field(init=False)
    mail: SlowMail = field(init=False)
    store: StoreFile = field(init=False)
    people: dict[str, Person] = field(default_factory=dict)
    accepted: dict[str, int] = field(default_factory=dict)
    """Id of a 202 (a notification, a bulk, a batch) → how many people it is for."""
    repeated: int = 0
    serving: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    struck: Counter[str] = field(default_factory=Counter)
    _wanted: str | None = None
    _hit: asyncio.Event = field(default_factory=asyncio.Event)

    def saw(self, what: str) -> None:
        if what == self._wanted:
            # From within the peer's own step: what it says next finds nobody.
            self._wanted = None
            self.server.signal(signal.SIGKILL)
            self._hit.set()

    # ------------------------------------------------------------------ the client

    def _person(self, asked: str) -> Person:
        number = len(self.people)
        fate = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if asked == "batch" and fate == "silent":
            fate = "delivered"  # of a batch only what fails is told by mail, whatever time passes
        one = Person(f"n{number:05d}", fate, f"+4477009{number:05d}")
        SANDBOX[one.number] = SANDBOX[FATES[fate]]
        self.people[one.token] = one
        return one

    async def client(self) -> None:
        """Ask without end; what is not answered is asked again with the same key until it is."""
        while not self.over.is_set():
            what = self.chance.choices(("send", "bulk", "batch"), (70, 15, 15))[0]
            people = [self._person(what) for _ in range(1 if what == "send" else MANY)]
            path, body = getattr(self, f"_{what}")(people)
            await self._ask(path, body, people)
            await asyncio.sleep(self.chance.uniform(0, 2 * POST_EVERY_S) * len(people))

    def _send(self, people: list[Person]) -> tuple[str, dict[str, Any]]:
        (one,) = people
        wanted = {**_wording(one.token), **({"fallback_after_s": FALLBACK_S} if one.fate == "silent" else {})}
        to = {"phone": one.number, "email": one.email}
        return "/api/v1/notifications/send", {"recipient": to, "notification": wanted}

    def _bulk(self, people: list[Person]) -> tuple[str, dict[str, Any]]:
        to = [{"phone": one.number, "email": one.email, "data": {"token": one.token}} for one in people]
        timed = {"fallback_after_s": FALLBACK_S}
        return "/api/v1/notifications/bulk", {"recipients": to, **_wording("{token}"), **timed}

    def _batch(self, people: list[Person]) -> tuple[str, dict[str, Any]]:
        to = [{"to": one.number, "email": one.email, "data": {"token": one.token}} for one in people]
        return "/api/v1/batches", {"recipients": to, "text": "{token}", "fallback": ["email"]}

    async def _ask(self, path: str, body: dict[str, Any], people: list[Person]) -> None:
        key = {"Idempotency-Key": people[0].token}
        while True:
            await self.serving.wait()
            asyncio.get_running_loop().call_later(self.chance.uniform(0, ASK_S), self.saw, "asking")
            try:
                answer = await self.server.call("POST", path, body, headers=key)
            except Unreachable:
                self.repeated += 1
                await asyncio.sleep(0.01)
                continue
            assert answer.status == 202, f"{body}: {answer}"
            made = answer.json.get("notification_id") or answer.json["id"]
            assert made not in self.accepted, f"{made} was given for two requests"
            self.accepted[made] = len(people)
            return

    # ------------------------------------------------------------------ the chain

    async def run(self, kills: int) -> None:
        self.air.tell_of_submissions(lambda: self.saw("on air"))
        await self.server.start()
        await self.server.lines_up(LINES)
        self.serving.set()
        client = asyncio.create_task(self.client())
        try:
            for _ in range(kills):
                await self._strike()
                if client.done():
                    client.result()
            self.over.set()
            await self._up()
            async with asyncio.timeout(30):
                await client
        finally:
            client.cancel()

    async def _strike(self) -> None:
        moment = self.chance.choices(list(MOMENTS), list(MOMENTS.values()))[0]
        if moment == "starting":
            await asyncio.sleep(self.chance.uniform(0, 0.4))
        elif moment == "time":
            await self._up()
            await asyncio.sleep(self.chance.uniform(0, LONGEST_RUN_S))
        else:
            await self._up()
            self._hit.clear()
            self._wanted = moment
            try:
                async with asyncio.timeout(2 * LONGEST_RUN_S):
                    await (self._look_for_untold() if moment == "admitted" else self._hit.wait())
            except TimeoutError:
                self._wanted, moment = None, "time"
        self.struck[moment] += 1
        self.serving.clear()
        assert await self.server.kill() == -9, f"it ended by itself: {self.server.complaints[-3000:]}"
        await self.server.launch()

    async def _look_for_untold(self) -> None:
        while self._wanted is not None:
            if self.store.rows(UNTOLD):
                self.saw("admitted")
            await asyncio.sleep(0.001)

    async def _up(self) -> None:
        if not self.serving.is_set():
            await self.server.serving()
            self.serving.set()

    # ------------------------------------------------------------------ the end

    async def notifications(self) -> list[dict[str, Any]]:
        return await self.server.all("/api/v1/notifications")

    async def drained(self) -> None:
        """Wait until everything has ended; of texts in doubt that nobody reports on, a person says that they failed."""
        await self._up()

        async def settled() -> bool:
            page = await self.server.get("/api/v1/messages?state=in_doubt&limit=100")
            for message in page["items"]:
                path = f"/api/v1/messages/{message['id']}/resolve"
                answer = await self.server.call("POST", path, {"as": "failed"})
                assert answer.status in (200, 409), answer
            return not await self._unfinished()

        await until(self._no_text_waits, "no text waits", DRAIN_S, 0.2)
        try:
            await until(settled, "every notification has ended", DRAIN_S, 0.5)
        except AssertionError as error:
            shown = (await self._unfinished())[:3]
            raise AssertionError(f"{error}: {shown}\n{self.server.complaints[-3000:]}") from None

    async def _no_text_waits(self) -> bool:
        pages = [
            await self.server.get(f"/api/v1/messages?state={s}&limit=1") for s in ("queued", "submitting")
        ]
        return not any(page["items"] for page in pages)

    async def _unfinished(self) -> list[dict[str, Any]]:
        """Those that still go on. A text that was sent, with nothing but a report to wait for, has ended for now."""
        return [one for one in await self.notifications() if one["status"] == "queued" or _waits(one)]


def _waits(one: dict[str, Any]) -> bool:
    """The text is out and its report, or the time for it, decides whether a letter follows."""
    last = one["attempts"][-1] if one["attempts"] else {"channel": "none", "status": "queued"}
    return last["channel"] == "sms" and last["status"] in ("queued", "sent", "in_doubt")


def _wording(token: str) -> dict[str, Any]:
    return {"channels": ["sms", "email"], "body": token, "subject": "From the office"}


# ------------------------------------------------------------------ who was told how often


def check_people(verdict: Verdict, world: Chain) -> None:
    """Nobody got a second copy, on the air or by mail."""
    copies = Counter(each.text for each in world.air.texts)
    letters = Counter(to for mail in world.mail.got for to in mail.recipients)
    for one in world.people.values():
        out, mails = copies[one.token], letters[one.email]
        verdict.counts["texts"] += out
        verdict.counts["letters"] += mails
        verdict.check(out <= 1, f"{one} is on air {out} times")
        verdict.check(mails <= 1, f"{one} got {mails} letters")
    twice = world.store.rows("SELECT to_number FROM message GROUP BY to_number HAVING count(*) > 1")
    verdict.check(not twice, f"two texts were admitted to {twice[:5]}")
    verdict.check(set(copies) <= set(world.people), f"strange texts: {set(copies) - set(world.people)}")


def check_notifications(verdict: Verdict, world: Chain, told: list[dict[str, Any]]) -> None:
    """What was answered is there, has ended, and says of each letter what the mail server says."""
    made = Counter(one["bulk_id"] or one["notification_id"] for one in told)
    verdict.check(made == Counter(world.accepted), f"accepted {world.accepted}, stored {dict(made)}")
    letters = Counter(mail.message["Message-ID"].partition("@")[0].lstrip("<") for mail in world.mail.got)
    tries = dict(world.store.rows("SELECT id, status FROM notification_attempt WHERE channel = 'email'"))
    for one in told:
        attempts = {attempt["channel"]: attempt for attempt in one["attempts"]}
        verdict.counts[f"{one['channel']} {attempts[one['channel']]['status']}"] += 1
        mail = attempts.get("email")
        if mail is None:
            verdict.check(attempts["sms"]["status"] == "delivered", f"ended without a letter: {one}")
    for attempt_id, status in tries.items():
        came = letters.pop(attempt_id, 0)
        verdict.check(came <= 1, f"letter {attempt_id} came {came} times")
        verdict.check(status in ("sent", "in_doubt", "queued"), f"letter {attempt_id} is {status}")
        verdict.check(
            (came == 1) == (status == "sent") or status == "in_doubt", f"{attempt_id} is {status}: {came}"
        )
    verdict.check(not letters, f"letters that nobody tried: {letters}")


@asynccontextmanager
async def chain(folder: Path, seed: int) -> AsyncIterator[Chain]:
    zygote = Zygote()
    air = Air(lines=LINES)
    await air.start()
    chance = random.Random(seed)
    world = Chain(folder, air, chance)
    world.mail = SlowMail(chance, world.saw)
    modems = "".join(f'[[modem]]\nport = "{port}"\n' for port in air.ports.values())
    async with mail_server(world.mail):
        config = (
            "[server]\nport = 0\n[serial]\ndiscover = false\n[lines]\nper_minute = 0\nper_day = 0\n"
            f'[policy]\nhome_countries = ["GB"]\n[email]\nhost = "127.0.0.1"\nport = {world.mail.port}\n'
            f'tls = "none"\nsender = "office@school.example"\n{modems}'
        )
        world.server = GatewayProcess(folder, config, zygote=zygote)
        world.store = StoreFile(world.server.data_dir / "gateway.db")
        try:
            yield world
        finally:
            await world.server.close()
            await air.close()
            zygote.stop()


@pytest.fixture
def own_numbers() -> Any:
    """Numbers whose fate a test decides."""
    before = dict(SANDBOX)
    yield
    SANDBOX.clear()
    SANDBOX.update(before)


@pytest.mark.usefixtures("own_numbers")
async def test_W2_killed_while_letters_follow_texts_nobody_is_told_twice_and_every_notification_ends(
    tmp_path: Path, crash_runs: int, crash_seed: int
) -> None:
    kills = round(crash_runs * KILLS_OF_RUNS)
    began_s = time.monotonic()
    async with chain(tmp_path, crash_seed) as world:
        await world.run(kills)
        ran_s = time.monotonic() - began_s
        await world.drained()
        verdict = Verdict()
        check_people(verdict, world)
        check_notifications(verdict, world, await world.notifications())
        story = (
            f"seed {crash_seed}: {kills} kills {dict(world.struck)} in {ran_s:.0f} s, {len(world.accepted)} requests "
            f"({world.repeated} repeated) for {len(world.people)} people, {dict(verdict.counts)}"
        )
        print(story)
        verdict.raise_if_wrong(story)

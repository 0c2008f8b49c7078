"""Proves W1 to W4 from outside: a server is killed again and again while it works, then everybody counts.

The client, the webhook receiver, the SMSC and the modems live through the whole chain; only the server dies. Each
restart on the same data directory begins the next run.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.crash.ledger import PUBLIC, Ledger, Verdict, check_inbound, check_outbound, check_webhooks
from tests.harness.air import Air
from tests.harness.gateway_process import GatewayProcess, Unreachable, timeline_of, until
from tests.harness.receiver import SECRET, WebhookReceiver
from tests.harness.zygote import Zygote

pytestmark = [pytest.mark.crash, pytest.mark.timeout(3600)]

LINES = 3
SLOW_S = 0.25
"""On air of one of the lines: longer than a restart, so that its modem answers the last run's text to the next run."""
CLIENTS = 2
POST_EVERY_S = 0.06
"""Of each client: below what three lines carry, so that the queue does not grow over the chain."""
LONGEST_RUN_S = 0.9
DRAIN_S = 90.0
WEIGHTS = {
    "time": 26,
    "starting": 10,
    "prompt": 12,
    "pdu": 8,
    "on air": 14,
    "accepted": 8,
    "webhook": 8,
    "report": 8,
    "inbound": 6,
}
"""Where kills strike: anywhere, or at what an invariant is about (W1 accepted; W2 prompt; W3 report, inbound)."""
CONSOLE_EVERY = 25
"""Runs that are started by ``python -m gateway`` itself instead of being forked from a warm interpreter."""


@dataclass
class Moment:
    """When to kill: after ``count`` of something and ``after_s``, or when the run is ``at_most_s`` old."""

    what: str
    count: int
    after_s: float
    at_most_s: float


def plan(chance: random.Random) -> Moment:
    """A third of the kills strike anywhere, start-up included; the others right at what an invariant is about."""
    what = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    if what == "starting":
        return Moment("time", 0, 0, chance.uniform(0.0, 0.15))
    if what == "time":
        return Moment("time", 0, 0, chance.uniform(0.1, LONGEST_RUN_S))
    after_s = chance.choice((0.0, 0.0, 0.001, 0.003, 0.01, chance.uniform(0, 0.03)))
    return Moment(what, chance.randint(1, 12), after_s, LONGEST_RUN_S)


@dataclass
class Chain:
    """The world around the server, and what it remembers."""

    server: GatewayProcess
    zygote: Zygote
    air: Air
    receiver: WebhookReceiver
    chance: random.Random
    ledger: Ledger = field(default_factory=Ledger)
    seen: Counter[str] = field(default_factory=Counter)
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    serving: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    start_s: list[float] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    _texts: int = 0
    _moment: Moment | None = None
    _mark: Counter[str] = field(default_factory=Counter)

    def saw(self, what: str) -> None:
        self.seen[what] += 1
        moment = self._moment
        if moment is not None and moment.what == what and not moment.after_s and self._reached(moment):
            # From within the emulator's or receiver's own step: what they say next finds nobody.
            self.server.signal(signal.SIGKILL)
            self._moment = None
        self.stirred.set()

    def _reached(self, moment: Moment) -> bool:
        return self.seen[moment.what] - self._mark[moment.what] >= moment.count

    # ------------------------------------------------------------------ those who live through it

    async def client(self) -> None:
        """Post without end; a post whose answer is lost is made again with the same key until there is one."""
        while not self.over.is_set():
            self._texts += 1
            token = f"m{self._texts:06d}"
            text = f"{token} " * (25 if self._texts % 8 == 0 else 1)
            body = {"to": f"+4477009{self._texts % 100_000:05d}", "text": text.strip(), "reference": token}
            await self._post(token, body)
            await asyncio.sleep(self.chance.uniform(0, 2 * POST_EVERY_S))

    async def _post(self, token: str, body: dict[str, str]) -> None:
        while True:
            await self.serving.wait()
            try:
                answer = await self.server.call(
                    "POST", "/api/v1/messages", body, headers={"Idempotency-Key": token}, limit_s=5
                )
            except Unreachable:
                self.ledger.repeated += 1
                await asyncio.sleep(0.005)
                continue
            assert answer.status == 202, f"{body}: {answer.status} {answer.json}"
            self.ledger.accepted[token] = answer.json["id"]
            self.saw("accepted")
            return

    async def people(self) -> None:
        """Text our lines now and then; every third text has two parts."""
        while not self.over.is_set():
            number = len(self.ledger.received) + 1
            text = f"in {number:05d} " * (20 if number % 3 == 0 else 1)
            line = self.chance.randint(1, LINES)
            self.ledger.received.append(text)
            self.air.network.inject_inbound(f"+44770090{number % 1000:04d}", self.air.number(line), text)
            self.saw("inbound")
            await asyncio.sleep(self.chance.uniform(0.05, 0.4))

    # ------------------------------------------------------------------ the chain

    async def run(self, runs: int) -> None:
        self.air.tell_of_prompts(lambda: self.saw("prompt"))
        self.air.tell_of_pdus(lambda: self.saw("pdu"))
        self.air.tell_of_submissions(lambda: self.saw("on air"))
        self.air.tell_of_deliveries(lambda: self.saw("report"))
        self.receiver.on_request = lambda: self.saw("webhook")
        await self._start()
        await self.server.lines_up(LINES)
        living = [asyncio.create_task(self.client()) for _ in range(CLIENTS)]
        living.append(asyncio.create_task(self.people()))
        try:
            for run in range(runs):
                await self._until_killed(plan(self.chance))
                for task in living:
                    if task.done():
                        task.result()
                await self._start(console=(run + 1) % CONSOLE_EVERY == 0)
            self.over.set()
            async with asyncio.timeout(30):
                await asyncio.gather(*living)
        finally:
            for task in living:
                task.cancel()

    async def _start(self, *, console: bool = False) -> None:
        """Begin the next run. The first moments are part of it: the plan may kill before anything listens."""
        self.server.zygote = None if console else self.zygote
        began_s = time.monotonic()
        await self.server.launch()
        self._began_s = began_s
        self._mark = self.seen.copy()
        self._listening = asyncio.create_task(self._listen(began_s, console=console))
        if console or not self.server.live:
            await self._listening

    async def _listen(self, began_s: float, *, console: bool) -> None:
        await self.server.serving()
        if not console:
            self.start_s.append(time.monotonic() - began_s)
        self.serving.set()

    async def _until_killed(self, moment: Moment) -> None:
        deadline_s = self._began_s + moment.at_most_s
        self._moment = moment
        while moment.what == "time" or not self._reached(moment):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                break
            self.stirred.clear()
            try:
                await asyncio.wait_for(self.stirred.wait(), left_s)
            except TimeoutError:
                break
        else:
            if moment.after_s:
                await asyncio.sleep(moment.after_s)
        self._moment = None
        self.serving.clear()
        self._listening.cancel()
        self.struck[moment.what if moment.what != "time" or moment.at_most_s > 0.15 else "starting"] += 1
        assert await self.server.kill() == -9, f"it ended by itself: {self.server.complaints[-3000:]}"

    # ------------------------------------------------------------------ the end

    async def drained(self) -> None:
        """Wait until nothing waits, nothing is on its way, and every event has been told."""
        await self._listening

        stuck: list[str] = []

        async def settled() -> bool:
            stuck.clear()
            for state in ("queued", "submitting", "sent"):
                page = await self.server.get(f"/api/v1/messages?state={state}&limit=3")
                stuck.extend(item["id"] for item in page["items"])
            return not stuck

        try:
            await until(settled, "everything is delivered or in doubt", DRAIN_S, 0.2)
        except AssertionError as error:
            shown = [timeline_of(await self.server.message(message_id)) for message_id in stuck[:3]]
            raise AssertionError("\n".join([str(error), *shown, self.server.complaints[-3000:]])) from None
        texts = Counter(self.ledger.received)

        async def all_in() -> bool:
            return Counter(item["text"] for item in await self.server.all("/api/v1/inbound")) >= texts

        await until(all_in, "every text that was sent to us is stored", DRAIN_S, 0.3)
        hook = (await self.server.get("/api/v1/webhooks"))["items"][0]

        async def told() -> bool:
            page = await self.server.get(f"/api/v1/webhooks/{hook['id']}/deliveries?state=pending&limit=1")
            return not page["items"]

        await until(told, "every event has been told", DRAIN_S, 0.2)

    async def messages(self) -> list[dict[str, object]]:
        listed = await self.server.all("/api/v1/messages")
        return [await self.server.message(item["id"]) for item in listed]


@asynccontextmanager
async def chain(folder: Path, seed: int) -> AsyncIterator[Chain]:
    zygote = Zygote()
    air = Air(lines=LINES)
    air.slow_down(LINES, SLOW_S)
    await air.start()
    receiver = WebhookReceiver()
    await receiver.up()
    modems = "".join(f'[[modem]]\nport = "{port}"\n' for port in air.ports.values())
    config = (
        "[server]\nport = 0\n[serial]\ndiscover = false\n[lines]\nper_minute = 0\nper_day = 0\n"
        '[policy]\nhome_countries = ["GB"]\n'
        f'[[webhook]]\nurl = "{receiver.url}"\nsecret = "{SECRET}"\nevents = ["message.*"]\n{modems}'
    )
    server = GatewayProcess(folder, config)
    try:
        yield Chain(server, zygote, air, receiver, random.Random(seed))
    finally:
        await server.close()
        await receiver.down()
        await air.close()
        zygote.stop()


async def test_whenever_it_is_killed_nothing_is_lost_nothing_is_sent_twice_and_everything_is_told_once(
    tmp_path: Path, crash_runs: int, crash_seed: int
) -> None:
    began_s = time.monotonic()
    async with chain(tmp_path, crash_seed) as world:
        await world.run(crash_runs)
        ran_s = time.monotonic() - began_s
        await world.drained()
        verdict = Verdict()
        messages = await world.messages()
        check_outbound(verdict, world.ledger, world.air, messages)
        for message in messages:
            check_webhooks(verdict, world.receiver, message, world.air)
        verdict.check(
            not world.receiver.refused, f"webhooks that do not verify: {world.receiver.refused[:3]}"
        )
        told = {r.subject for r in world.receiver.receipts if r.type in PUBLIC}
        verdict.check(told <= set(world.ledger.accepted.values()), "a webhook tells of a message nobody sent")
        inbound = await world.server.all("/api/v1/inbound")
        check_inbound(verdict, world.ledger, world.receiver, inbound)
        starts = sorted(world.start_s)
        story = (
            f"seed {crash_seed}: {crash_runs} kills {dict(world.struck)} in {ran_s:.0f} s, "
            f"{len(messages)} messages, {len(world.air.texts)} SUBMITs on air, {world.ledger.repeated} posts repeated, "
            f"{dict(verdict.counts)}, start to serving {starts[len(starts) // 2] * 1000:.0f} ms median, "
            f"{starts[-1] * 1000:.0f} ms at most"
        )
        print(story)
        verdict.raise_if_wrong(story)
        await in_doubt_is_sent_once_when_the_operator_says_so(world, messages)


async def in_doubt_is_sent_once_when_the_operator_says_so(
    world: Chain, messages: list[dict[str, object]]
) -> None:
    """What is in doubt now never left; the operator's "resend" delivers it, and still nothing is on air twice."""
    for message in messages:
        if message["state"] == "in_doubt":
            answer = await world.server.call(
                "POST", f"/api/v1/messages/{message['id']}/resolve", {"as": "resend"}
            )
            assert answer.status == 200, answer
    await world.drained()
    verdict = Verdict()
    check_outbound(verdict, world.ledger, world.air, await world.messages(), resolved=True)
    verdict.raise_if_wrong("after resolving")

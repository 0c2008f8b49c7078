"""Owns the school of the story: its lines, its parents as an office writes them down, its mail server, its listener.

Refuses to know what is right: it sets the scene, reads what went on air, and adds up what the network would charge.
Source: the story that the product is for (one text to all parents, two SIMs, nobody disturbed, everybody reached).
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from device_bridge.emulator.numbers import sim_identity
from tests.harness.air import Air, OnAir
from tests.harness.gateway_here import GatewayHere, StoryClock
from tests.harness.gateway_process import Answer, until
from tests.harness.receiver import SECRET
from tests.peers.mail_peer import MailPeer, mail_server

OFFICE, GYM = 1, 2
"""The lines by their place in the network."""
OFFICE_PER_DAY = 12
GYM_PER_MINUTE = 10
PRICES = {
    OFFICE: {"+44": Decimal("0.05"), "+33": Decimal("0.09")},
    GYM: {"+44": Decimal("0.04"), "+33": Decimal("0.12")},
}
"""Pounds for a part, by the beginning of the number."""

WORDS = {
    "en": "Hill School: class 5B of {Child} meets the bus on Monday at 7:15. Please bring a packed lunch.",
    "de": "Hill School: Die 5B von {Child} fährt am Montag um 7:15 mit dem Bus. Bitte Essen mitgeben. Grüße!",
}
# 3GPP TS 23.038 §6.2.1: letters of the default alphabet whose code is another than in ASCII, as far as they occur.
_LETTERS = str.maketrans({0x7B: "ä", 0x7C: "ö", 0x7E: "ü", 0x5B: "Ä", 0x1E: "ß", 0x05: "é"})


@dataclass(frozen=True)
class Family:
    """A row of the office's table. ``written`` is the number as somebody typed it."""

    child: str
    number: str
    written: str
    language: str = "en"
    email: str = ""

    @property
    def text(self) -> str:
        return WORDS[self.language or "en"].replace("{Child}", self.child)

    @property
    def parts(self) -> int:
        """A letter that is not in the default alphabet makes it UCS-2: 70 characters, or 67 a part."""
        return 2 if "ë" in self.child else 1


def families() -> list[Family]:
    """Give the 40 families of class 5B: three have French numbers, every fourth reads German."""
    some = []
    for n in range(1, 41):
        number, written = f"+447700900{100 + n}", f"07700 900{100 + n}"
        if n in (33, 34, 35):
            number, written = f"+336399801{n}", f"0033 6 39 98 01 {n}"
        child = {4: "Jürgen", 8: "Änne", 40: "Zoë"}.get(n, f"Child {n}")
        email = "" if n in NO_EMAIL else f"parents{n}@example.org"
        some.append(Family(child, number, written, "de" if n % 4 == 0 and n < 40 else "en", email))
    return some


NO_EMAIL = frozenset({9})
BARRED = "+447700900199"
"""Has said by phone that they want no texts."""
BAD_ROWS = {
    41: ("Tom;0770O 900181;en;tom@example.org;5B", "invalid_number"),
    42: ("Tim;0909 879 0000;en;tim@example.org;5B", "premium_number"),
    43: ("Lucy;07700 900181", "csv_invalid"),
    44: ("Child 4 again;+44 7700 900104;de;parents4@example.org;5B", "duplicate_recipient"),
    45: ("Max;07700 900199;en;max@example.org;5B", "recipient_opted_out"),
    46: ("Eve;07700 900182;en;eve@;5B", "recipient_field_missing"),
}
"""Rows of the table that become no message, by their place, and why."""


def table(rows: list[Family]) -> bytes:
    """Write the table as a spreadsheet on Windows does."""
    lines = ["Child;Mobile;Language;E-mail;Class"]
    lines += [f"{row.child};{row.written};{row.language};{row.email};5B" for row in rows]
    lines += [line for line, _ in BAD_ROWS.values()]
    return "".join(f"{line}\r\n" for line in lines).encode("cp1252")


@dataclass
class Listener:
    """Hears events as the school's own program would; a story is not of now, so their time is not checked."""

    told: list[dict[str, Any]] = field(default_factory=list)
    forged: int = 0
    url: str = ""

    async def hear(self, request: web.Request) -> web.Response:
        body = await request.read()
        signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + body
        octets = hmac.digest(base64.b64decode(SECRET.removeprefix("whsec_")), signed, "sha256")
        if f"v1,{base64.b64encode(octets).decode()}" not in request.headers["webhook-signature"].split():
            self.forged += 1
            return web.Response(status=400)
        self.told.append(json.loads(body))
        return web.Response(status=204)

    def of(self, event_type: str) -> list[dict[str, Any]]:
        return [each["data"] for each in self.told if each["type"] == event_type]


@dataclass
class School:
    """A gateway with two lines, and everybody who talks to it. ``office`` writes, ``head`` approves."""

    clock: StoryClock
    air: Air
    mail: MailPeer
    listener: Listener
    server: GatewayHere
    office: str = ""
    head: str = ""

    # ------------------------------------------------------------------ asking

    async def post(self, path: str, body: Any = None, *, key: str | None = None, status: int = 202) -> Any:
        """POST what must be answered with this status."""
        answer = await self.server.call(
            "POST", f"/api/v1{path}", {} if body is None else body, key=key or self.office
        )
        assert answer.status == status, f"POST {path}: {answer.status} {answer.json}"
        return answer.json

    async def get(self, path: str) -> Any:
        return await self.server.get(f"/api/v1{path}", self.office)

    async def refused(self, path: str, body: Any, *, key: str | None = None) -> Answer:
        return await self.server.call("POST", f"/api/v1{path}", body, key=key or self.office)

    async def upload(self, rows: bytes, **said: str) -> Any:
        """Stream a table to a batch that must be accepted."""
        path = f"/api/v1/batches?{urlencode(said)}"
        headers = {"Content-Type": "text/csv"}
        answer = await self.server.call("POST", path, octets=rows, headers=headers, key=self.office)
        assert answer.status == 202, answer.json
        return answer.json

    async def messages(self) -> list[dict[str, Any]]:
        return await self.server.all("/api/v1/messages")

    async def line(self, label: str) -> Any:
        return next(line for line in (await self.get("/lines"))["items"] if line["label"] == label)

    async def batch_comes_to(self, batch_id: str, **counts: int) -> Any:
        """Wait until a batch has exactly these counts."""
        seen: dict[str, Any] = {}

        async def there() -> bool:
            seen.update(await self.get(f"/batches/{batch_id}"))
            return bool(seen["counts"] == counts)

        try:
            await until(there, f"batch comes to {counts}", 10.0, 0.03)
        except AssertionError as error:
            raise AssertionError(f"{error}: {seen['counts']}; {self.server.faults}") from None
        return seen

    async def approve(self, shown: Any) -> None:
        """Let the head say yes to what was shown."""
        path = f"/approvals/{shown['id']}/approve"
        await self.post(path, {"digest": shown["digest"]}, key=self.head, status=200)

    async def waiting(self) -> list[dict[str, Any]]:
        """List what waits for the head."""
        return await self.server.all("/api/v1/approvals?state=pending")

    # ------------------------------------------------------------------ on air

    def says(self, sender: str, line: int, text: str) -> None:
        """Let somebody's text arrive at a line."""
        self.air.network.inject_inbound(sender, self.air.number(line), text)

    def heard_by(self, number: str) -> list[str]:
        """Read the texts that a phone got, long ones joined."""
        texts: list[str] = []
        for each in self.air.to(number):
            if each.part > 1:
                texts[-1] += _text(each)
            else:
                texts.append(_text(each))
        return texts

    def charged(self, *lines: int) -> Decimal:
        """Add up what the network was asked to carry, by line and country; refused tries count as well."""
        tries = (each for each in self.air.tries() if each.line in (lines or PRICES))
        return sum((PRICES[each.line][each.to[:3]] for each in tries), Decimal(0))


def _text(each: OnAir) -> str:
    return each.text if each.dcs & 0x0C == 0x08 else each.text.translate(_LETTERS)


# ------------------------------------------------------------------ the scene

Write = Callable[[Air, MailPeer, Listener], str]
"""From what stands around a gateway to its configuration."""


def two_sims(air: Air, mail: MailPeer, listener: Listener) -> str:
    """Write the school's configuration: two SIMs in modems, with quotas, prices and hours of their own."""
    return f"""{_common(listener, "approval_over = 20")}
[messages]
default_region = "GB"
[email]
host = "127.0.0.1"
port = {mail.port}
tls = "none"
sender = "office@school.example"
{_sim(air, OFFICE, "Office", f"per_minute = 0, per_day = {OFFICE_PER_DAY}")}
{_sim(air, GYM, "Gym", f"per_minute = {GYM_PER_MINUTE}, per_day = 500")}
"""


def _sim(air: Air, line: int, label: str, pace: str) -> str:
    prices = PRICES[line]
    settings = pace.replace(", ", "\n")
    return f"""
[[modem]]
port = "{air.ports[line]}"
[[line]]
iccid = "{sim_identity(line, 0).iccid}"
label = "{label}"
{settings}
parts_cost = "{prices["+44"]}"
parts_cost_by_prefix = {{ "+33" = "{prices["+33"]}" }}
currency = "GBP"
quiet_hours = "21:00-08:00"
"""


def fresh_sims(air: Air, _mail: MailPeer, listener: Listener) -> str:
    """Write as little as possible: two modems, no pace, and no country but that of the SIMs."""
    modems = "".join(f'[[modem]]\nport = "{port}"\n' for port in air.ports.values())
    return f"""{_common(listener, "exempt_emulated = false")}
[lines]
per_minute = 0
per_day = 0
{modems}
"""


def guarded_sandbox(_air: Air, _mail: MailPeer, listener: Listener) -> str:
    """Write a configuration under which emulated lines are held to what real ones are."""
    return f"""{_common(listener, "exempt_emulated = false", "approval_over = 20")}
[lines]
per_minute = 0
per_day = {OFFICE_PER_DAY}
[[budget]]
key = "office"
parts_per_day = {2 * OFFICE_PER_DAY}
"""


def _common(listener: Listener, *policy: str) -> str:
    decided = "\n".join(policy)
    return f"""
[server]
port = 0
[serial]
discover = false
[[webhook]]
url = "{listener.url}"
secret = "{SECRET}"
events = ["batch.*", "line.*", "approval.*", "suppression.*", "policy.*"]
[policy]
timezone = "Europe/London"
sender_name = "Hill School"
{decided}
"""


OFFICE_MAY = (
    "batches:write", "messages:send", "messages:read", "messages:urgent", "templates:manage", "suppressions:manage",
    "inbound:read", "lines:read", "approvals:decide",
)  # fmt: skip
HEAD_MAY = ("approvals:decide", "messages:read")


@asynccontextmanager
async def school(
    folder: Path, opens: str, write: Write = two_sims, *, imsi: str | None = None, emulated: int = 0
) -> AsyncIterator[School]:
    """Open the school at a moment, with its lines up and a key for each of the two people.

    ``imsi`` is the beginning of the SIMs' own, so their country. ``emulated``: so many lines of the sandbox in place of
    modems, and keys of the sandbox.
    """
    clock = StoryClock(opens)
    air = Air(clock.now_ms, lines=2, submit_s=0.005, report_delay_s=0.01)
    listener = Listener()
    app = web.Application()
    app.router.add_post("/hook", listener.hear)
    runner = web.AppRunner(app, access_log=None)
    with clock.kept():
        async with mail_server(MailPeer()) as mail:
            await _start(air, imsi)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
            server = GatewayHere(folder, write(air, mail, listener), emulated, clock=clock)
            one = School(clock, air, mail, listener, server)
            try:
                await server.start()
                await server.lines_up(2)
                await _keys(one, sandbox=bool(emulated))
                yield one
            finally:
                await server.close()
                await runner.cleanup()
                await air.close()


async def _start(air: Air, imsi: str | None) -> None:
    if imsi is not None:
        for modem in air.network.modems:
            own = modem.sim.identity
            modem.sim.identity = replace(own, imsi=imsi + own.imsi[len(imsi) :])
    await air.start()


async def _keys(one: School, *, sandbox: bool) -> None:
    for name, scopes in (("office", OFFICE_MAY), ("head", HEAD_MAY)):
        asked = {"name": name, "scopes": list(scopes), "sandbox": sandbox}
        setattr(one, name, (await one.post("/keys", asked, key=one.server.live, status=201))["key"])

"""The school's story, from a spreadsheet to a report: two people, two SIMs, one night, everybody reached who may be.

Time is the test's own (the night of 2026-03-29, when British clocks go forward); everything else is real.
Source: rules CNT-2, CNT-3, OPT-4 to OPT-6, QUI-2, NUM-4, PMP-1, PMP-3.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from device_bridge.emulator.numbers import RP_CONGESTION, RP_UNASSIGNED, ST_NO_RESPONSE, Fate
from tests.harness.gateway_process import until
from tests.harness.school import (
    BAD_ROWS,
    BARRED,
    GYM,
    GYM_PER_MINUTE,
    OFFICE,
    OFFICE_PER_DAY,
    PRICES,
    WORDS,
    Family,
    School,
    families,
    fresh_sims,
    guarded_sandbox,
    school,
    table,
)


@pytest.fixture(autouse=True)
def london(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine stands in London: its days are the days of quotas."""
    with monkeypatch.context() as here:
        here.setenv("TZ", "Europe/London")
        time.tzset()
        yield
    time.tzset()


ROWS = families()
ABSENT, REFUSED, CONGESTED, ABSENT_WITHOUT_EMAIL, ABSENT_IN_THE_MORNING = 3, 5, 7, 9, 36
LATE = 38
"""A row whose turn does not come before the morning."""
NEIGHBOUR = "+447700900900"
EVENING = OFFICE_PER_DAY + GYM_PER_MINUTE
"""Parts that both lines together may send at once."""


def row(number: int) -> Family:
    return ROWS[number - 1]


async def test_the_school_tells_forty_families_over_two_lines_and_a_night(tmp_path: Path) -> None:
    async with school(tmp_path, "2026-03-28T20:50:00+00:00") as one:
        _decide_fates(one)
        batch = await _write(one)
        await _approve(one, batch)
        await _evening(one, batch["id"])
        stopped = await _stop(one)
        await _last_minute(one, batch["id"], stopped)
        await _night(one, batch["id"])
        await _morning(one, batch["id"])
        await _letters(one, stopped)
        await _second_batch(one, stopped)
        await _reports(one)
        assert one.listener.forged == 0
        assert one.server.faults == []


def _decide_fates(one: School) -> None:
    absent = Fate(report_st=ST_NO_RESPONSE)
    for number in (ABSENT, ABSENT_WITHOUT_EMAIL, ABSENT_IN_THE_MORNING):
        one.air.decide(row(number).number, absent)
    one.air.decide(row(REFUSED).number, Fate(refusals=-1, cause=RP_UNASSIGNED))
    one.air.decide(row(CONGESTED).number, Fate(refusals=1, cause=RP_CONGESTION))


async def _write(one: School) -> Any:
    """Upload the table: held for a second person, with the bad rows named."""
    await one.post("/suppressions", {"number": BARRED, "source": "phone"}, status=201)
    words = {"name": "trip", "texts": WORDS, "default_language": "en"}
    template = await one.post("/templates", words, status=201)
    batch = await one.upload(
        table(ROWS),
        template_id=template["id"],
        language_column="Language",
        fallback="email",
        subject="Class trip on Monday",
        tag="class=5B",
        name="Trip of 5B",
        priority="3",
    )
    assert (batch["state"], batch["held_reason"]) == ("held", "approval")
    assert (batch["total"], batch["accepted"], batch["rejected_count"]) == (46, 40, 6)
    assert {one["index"]: one["code"] for one in batch["rejected"]} == {
        place: code for place, (_, code) in BAD_ROWS.items()
    }
    assert batch["parts"] == sum(each.parts for each in ROWS) == 41
    return batch


async def _approve(one: School, batch: Any) -> None:
    """Let a second person see and approve it; the first one may not."""
    await one.server.until("2026-03-28T20:58:00+00:00")
    (listed,) = await one.waiting()
    shown = await one.server.get(f"/api/v1/approvals/{listed['id']}", one.head)
    assert (shown["kind"], shown["subject"], shown["author"]) == ("batch", batch["id"], "office")
    assert (shown["recipients"], shown["parts"]) == (40, 41)
    cheapest = sum(each.parts * min(PRICES[line][each.number[:3]] for line in PRICES) for each in ROWS)
    (cost,) = shown["cost"]
    assert (Decimal(cost["amount"]), cost["currency"]) == (cheapest, "GBP")
    assert shown["sample"][0]["text"] == row(40).text
    path, yes = f"/approvals/{shown['id']}/approve", {"digest": shown["digest"]}
    own = await one.refused(path, yes)
    assert (own.status, own.json["code"]) == (403, "approval_self")
    stale = await one.refused(path, {"digest": "0" * 64}, key=one.head)
    assert (stale.status, stale.json["code"]) == (409, "conflict")
    assert one.air.tries() == []
    await one.approve(shown)


async def _evening(one: School, batch_id: str) -> None:
    """Two minutes before nine both lines send; one has its quota of the day, the other its pace."""
    reached = EVENING - 4
    batch = await one.batch_comes_to(batch_id, delivered=reached, undelivered=2, failed=1, queued=19)
    assert batch["state"] == "running"
    by_line = Counter(each.line for each in one.air.tries())
    assert by_line == {OFFICE: OFFICE_PER_DAY, GYM: GYM_PER_MINUTE}
    _all_as_written(one, EVENING - 2)
    quotas = {each["name"]: each for each in (await one.line("Office"))["quotas"]}
    assert (quotas["per_day"]["used"], quotas["per_day"]["limit"]) == (OFFICE_PER_DAY, OFFICE_PER_DAY)
    assert quotas["per_day"]["resets_at"] == "2026-03-29T00:00:00.000Z"
    await until(lambda: bool(one.listener.of("line.quota_reached")), "line.quota_reached")
    (told,) = one.listener.of("line.quota_reached")
    assert (told["label"], told["quota"], told["limit"]) == ("Office", "per_day", OFFICE_PER_DAY)


def _all_as_written(one: School, count: int) -> None:
    """So many families have got their text, each once and in its own words."""
    heard = [(each, texts) for each in ROWS if (texts := one.heard_by(each.number))]
    assert all(texts == [each.text] for each, texts in heard)
    assert len(heard) == count


async def _stop(one: School) -> list[str]:
    """Two parents say STOP: what still waits for them is cancelled with it; returns their numbers."""
    plain = {
        each.number for n, each in enumerate(ROWS, 1) if n not in (ABSENT, CONGESTED, ABSENT_WITHOUT_EMAIL)
    }
    reader = next(each.to for each in one.air.texts if each.line == GYM and each.to in plain)
    late = row(LATE).number
    more = {"to": reader, "text": "Hill School: the coat in the bus, is it yours?", "tags": {"class": "5B"}}
    second = await one.post("/messages", more)
    third = await one.post("/messages", more | {"send_at": "2026-03-29T10:00:00+01:00"})
    assert (await one.get(f"/messages/{second['id']}"))["state"] == "queued"
    one.says(reader, GYM, "Stop.")
    one.says(late, GYM, "STOPP")
    for message_id in (second["id"], third["id"]):
        ended = await one.server.reaches(message_id, "cancelled")
        assert ended["error"]["code"] == "recipient_opted_out"
    again = await one.refused("/messages", more)
    assert (again.status, again.json["code"]) == (403, "recipient_opted_out")
    return [reader, late]


async def _last_minute(one: School, batch_id: str, stopped: list[str]) -> None:
    """A minute later the slower line goes on: two confirmations first, then the batch."""

    async def confirmed() -> bool:
        heard = [await one.get(f"/inbound/{each['id']}") for each in (await one.get("/inbound"))["items"]]
        return [[action["state"] for action in each["actions"]] for each in heard] == [["done"], ["done"]]

    await until(confirmed, "both confirmations are on their way")
    before = len(one.air.tries())
    await one.server.until("2026-03-28T20:59:30+00:00")
    await one.batch_comes_to(batch_id, delivered=26, undelivered=2, failed=1, cancelled=1, queued=10)
    tries = one.air.tries()[before:]
    assert {each.line for each in tries} == {GYM}
    assert len(tries) == GYM_PER_MINUTE
    assert {each.to for each in tries[:2]} == set(stopped)
    reader, late = (one.heard_by(number) for number in stopped)
    assert reader[1:] == ["Hill School: You will get no more messages. To return, reply START."]
    assert len(late) == 1
    assert late[0].startswith("Hill School: ")
    assert "START" in late[0]


async def _night(one: School, batch_id: str) -> None:
    """From nine to eight the lines keep still, over the change of clocks; what is urgent passes."""
    before = len(one.air.tries())
    await one.server.until("2026-03-28T21:30:00+00:00")
    coat = await one.post("/messages", {"to": NEIGHBOUR, "text": "Hill School: we found your coat."})
    await _urgent(one, "Gym")
    await one.server.until("2026-03-29T06:30:00+00:00")
    await _urgent(one, "Gym")
    await _urgent(one, "Office")
    await one.server.until("2026-03-29T06:59:00+00:00")
    await _urgent(one, "Office")
    assert [each.to for each in one.air.tries()[before:]] == [NEIGHBOUR] * 4
    assert (await one.get(f"/messages/{coat['id']}"))["state"] == "queued"


async def _urgent(one: School, line: str) -> None:
    text = {
        "to": NEIGHBOUR,
        "text": "Hill School: burst pipe, please call.",
        "purpose": "urgent",
        "line": line,
    }
    sent = await one.post("/messages", text)
    await one.server.reaches(sent["id"], "delivered")


async def _morning(one: School, batch_id: str) -> None:
    """At eight by the clock on the wall, which is seven by yesterday's, both go on; the batch completes."""
    before = len(one.air.tries())
    await one.server.until("2026-03-29T08:00:00+01:00")
    batch = await one.batch_comes_to(batch_id, delivered=35, undelivered=3, failed=1, cancelled=1)
    first, *_, last = [each.at_ms for each in one.air.tries()[before:]]
    opens_ms = round(datetime.fromisoformat("2026-03-29T08:00:00+01:00").timestamp() * 1000)
    assert opens_ms <= first <= last < opens_ms + 60_000
    assert {each.line for each in one.air.tries()[before:]} == {OFFICE, GYM}
    copies = {n: one.heard_by(each.number).count(each.text) for n, each in enumerate(ROWS, 1)}
    assert copies == {n: 0 if n in (REFUSED, LATE) else 1 for n in range(1, 41)}

    async def completed() -> bool:
        return bool((await one.get(f"/batches/{batch_id}"))["state"] == "completed")

    await until(completed, "the batch completes")
    assert batch["failures"][0] | {"title": "", "hint": ""} == {
        "code": "absent_subscriber", "title": "", "hint": "", "count": 3,
    }  # fmt: skip


async def _letters(one: School, stopped: list[str]) -> None:
    """Whom no text reached gets one letter, with the words of the text; who said STOP gets none."""
    wanted = {row(n).email: row(n).text for n in (ABSENT, REFUSED, ABSENT_IN_THE_MORNING)}
    await until(lambda: len(one.mail.got) >= len(wanted), "a letter to each that no text reached")
    assert {mail.recipients[0]: mail.message.get_content().strip() for mail in one.mail.got} == wanted
    assert len(one.mail.got) == len(wanted)
    assert {mail.message["Subject"] for mail in one.mail.got} == {"Class trip on Monday"}


async def _second_batch(one: School, stopped: list[str]) -> None:
    """The next batch leaves out who said STOP."""
    several = [each for each in ROWS if each.number in stopped] + ROWS[30:32]
    recipients = [{"to": each.number} for each in several]
    asked = {"text": "Hill School: thank you all!", "recipients": recipients, "tags": {"class": "5A"}}
    batch = await one.post("/batches", asked)
    assert [(each["to"], each["code"]) for each in batch["rejected"]] == [
        (number, "recipient_opted_out") for number in stopped
    ]
    await one.batch_comes_to(batch["id"], delivered=2)
    reader, late = (one.heard_by(number) for number in stopped)
    assert (len(reader), len(late)) == (2, 1)


async def _reports(one: School) -> None:
    """Every report adds up to the same messages, and the money to what the network was asked to carry."""
    messages = await one.messages()
    letters = len(one.mail.got)
    groups = {
        "tag:class": Counter(each["tags"].get("class") for each in messages) + Counter({"5B": letters}),
        "purpose": Counter(each["purpose"] for each in messages) + Counter({"transactional": letters}),
        "channel": Counter({"sms": len(messages), "email": letters}),
        "cause": Counter((each["error"] or {}).get("code") for each in messages) + Counter({None: letters}),
        "day": Counter(each["created_at"][:10] for each in messages) + Counter({"2026-03-28": letters}),
    }
    states = Counter(each["state"] for each in messages) + Counter({"sent": letters})
    for axis, wanted in groups.items():
        rows, totals = await _report(one, "delivery", axis)
        assert {each["by"][axis]: each["messages"] for each in rows} == wanted
        assert totals["messages"] == len(messages) + letters
        assert Counter({state: totals[state] for state in states}) == states
        assert totals["parts"] == sum(each["parts"] for each in messages)
        for figure in ("messages", "parts", *states):
            assert sum(each[figure] for each in rows) == totals[figure], (axis, figure)
        await _money_adds_up(one, axis)
    causes, _ = await _report(one, "delivery", "cause")
    assert {each["by"]["cause"]: each["undelivered"] + each["failed"] + each["cancelled"] for each in causes} == {
        None: 0, "absent_subscriber": 3, "number_unassigned": 1, "recipient_opted_out": 3,
    }  # fmt: skip
    await _money_adds_up(one, "line")
    for label, line in (("Office", OFFICE), ("Gym", GYM)):
        month = (await one.line(label))["cost_month"]
        assert (Decimal(month["amount"]), month["currency"]) == (one.charged(line), "GBP")
    by_line, totals = await _report(one, "usage", "line")
    assert {each["names"]["line"]: each["inbound"] for each in by_line} == {"Office": 0, "Gym": 2, None: 0}
    assert totals["recipients"] == len({each["to"] for each in messages})


async def _report(one: School, kind: str, axis: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    found = await one.get(f"/reports/{kind}?by={axis}")
    return found["rows"], found["totals"]


async def _money_adds_up(one: School, axis: str) -> None:
    rows, totals = await _report(one, "cost", axis)
    assert sum(map(_pounds, rows)) == _pounds(totals) == one.charged()


def _pounds(figures: dict[str, Any]) -> Decimal:
    return sum((Decimal(each["amount"]) for each in figures["cost"] if each["currency"] == "GBP"), Decimal(0))


# ------------------------------------------------------------------ once more, with the guards about money on


async def test_PMP_1_a_first_real_batch_to_the_home_country_is_not_held_and_a_new_country_is(
    tmp_path: Path,
) -> None:
    async with school(tmp_path, "2026-03-26T10:00:00+00:00", fresh_sims, imsi="23415") as one:
        home = await _batch(one, [f"+447700900{n}" for n in range(100, 200)])
        assert (home["state"], home["counts"]) == ("running", {"queued": 100})
        await one.batch_comes_to(home["id"], delivered=100)

        abroad = await _batch(one, [f"+33639980{n}" for n in range(100, 130)])
        assert (abroad["state"], abroad["accepted"]) == ("running", 30)
        await one.batch_comes_to(abroad["id"], delivered=20, held=10)
        await until(lambda: bool(one.listener.of("policy.alert")), "policy.alert")
        (alert,) = one.listener.of("policy.alert")
        assert (alert["kind"], alert["country"], alert["batch_id"]) == ("new_country", "FR", abroad["id"])
        waiting = await one.waiting()
        assert [each["reason"] for each in waiting] == ["new_country"] * 10
        await one.approve(waiting[0])
        await one.batch_comes_to(abroad["id"], delivered=30)
        assert await one.waiting() == []
        assert len(one.listener.of("policy.alert")) == 1
        assert one.server.faults == []


async def _batch(one: School, numbers: list[str]) -> Any:
    return await one.post(
        "/batches", {"text": "Hill School: no school today.", "recipients": [{"to": n} for n in numbers]}
    )


async def test_PMP_1_emulated_lines_are_held_to_quotas_and_budgets_once_they_are_not_exempt(
    tmp_path: Path,
) -> None:
    async with school(tmp_path, "2026-03-26T10:00:00+00:00", guarded_sandbox, emulated=2) as one:
        batch = await _batch(one, [f"+99910000{n:04d}" for n in range(28)])
        assert (batch["state"], batch["held_reason"]) == ("held", "approval")
        await one.approve((await one.waiting())[0])
        sent = 2 * OFFICE_PER_DAY
        await one.batch_comes_to(batch["id"], delivered=sent, queued=28 - sent)
        await until(lambda: len(one.listener.of("line.quota_reached")) == 2, "both lines have their quota")
        for line in (await one.get("/lines"))["items"]:
            assert line["emulated"]
            assert [(each["name"], each["used"]) for each in line["quotas"]] == [("per_day", OFFICE_PER_DAY)]
        await until(lambda: len(one.listener.of("policy.alert")) == 3, "the budget warns")
        alerts = [(each["kind"], each["name"], each["percent"]) for each in one.listener.of("policy.alert")]
        assert alerts == [("budget", "office", percent) for percent in (50, 80, 100)]
        beyond = await one.refused("/messages", {"to": "+999100001000", "text": "one more"})
        assert (beyond.status, beyond.json["code"]) == (429, "quota_exhausted")
        assert one.server.faults == []

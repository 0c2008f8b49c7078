"""Tells how a school's secretary sends a file from the command line: a look before, the sending, the waiting, the rest;
and what the reports say of it afterwards."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import pty
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.gateway_process import ROOT, GatewayProcess, until
from tests.integration.whole import MakeGateway

PEOPLE = [
    ("+99900000001", "Ann", "5B"),
    ("+99910000002", "Bob", "5B"),
    ("0770", "Cid", "5B"),
    ("+999 1000 0002", "Bob again", "5B"),
    ("+99900000002", "Dot", "5A"),
    ("+99900000003", "Eve", "5A"),
]


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str


async def gateway(server: GatewayProcess, *words: str, stdin: bytes = b"") -> Said:
    """Run the command line against the server, as a person in a pipe would."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *words, "--url", server.url, "--key", server.sandbox,
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


def table(folder: Path) -> Path:
    path = folder / "people.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("Mobile", "name", "class"), *PEOPLE])
    return path


async def test_a_file_is_looked_at_then_sent_and_its_reports_add_up(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    server = await make_gateway(simulate=2, lines_up=2)
    file = str(table(tmp_path))
    words = (
        "batch",
        "send",
        file,
        "--text",
        "Hi {name}, class {class}",
        "--name",
        "Trip",
        "--tag",
        "kind=trip",
    )
    trial = await gateway(server, *words, "--dry-run")
    assert trial.status == 0, trial.err
    assert trial.out.splitlines() == [
        "4 will be sent · 1 not a number · 1 twice",
        "4 parts",
        "longest text, 1 part: Hi Ann, class 5B",
    ]
    assert await server.all("/api/v1/messages") == []

    sent = await gateway(server, *words, "--wait")
    assert sent.status == 0, sent.err
    accepted, *states = (line.split("\t") for line in sent.out.splitlines())
    batch_id = accepted[0]
    assert accepted[1:] == ["running", "4", "2", "4"]
    assert [state[0] for state in states][-1] == "completed"
    assert f"gateway batch rejected {batch_id}" in sent.err

    left_out = await gateway(server, "batch", "rejected", batch_id)
    assert [line.split("\t")[2] for line in left_out.out.splitlines()] == [
        "invalid_number",
        "duplicate_recipient",
    ]
    listed = await gateway(server, "batch", "list", "--json")
    assert [(batch["id"], batch["name"]) for batch in json.loads(listed.out)] == [(batch_id, "Trip")]

    expected = {"delivered": 2, "undelivered": 1, "failed": 1}

    async def settled() -> bool:
        shown = await gateway(server, "batch", "show", batch_id, "--json")
        return bool(json.loads(shown.out)["counts"] == expected)

    await until(settled, "every text has its end")
    await _reports_add_up(server, expected)

    again = await gateway(server, "batch", "resend", batch_id)
    assert again.status == 0, again.err
    new_id = again.out.split("\t")[0]
    resent = await server.get(f"/api/v1/batches/{new_id}", server.sandbox)
    assert (resent["resend_of"], resent["accepted"]) == (batch_id, 2)


async def _reports_add_up(server: GatewayProcess, states: dict[str, int]) -> None:
    async def report(kind: str, by: str) -> Any:
        return await server.get(f"/api/v1/reports/{kind}?by={by}", server.sandbox)

    for by in ("tag:kind", "purpose", "channel", "cause", "line", "batch", "day"):
        delivery = await report("delivery", by)
        for name in ("delivered", "undelivered", "failed"):
            assert sum(row[name] for row in delivery["rows"]) == states[name], (by, name)
        cost = await report("cost", by)
        assert sum(row["parts"] for row in cost["rows"]) == delivery["totals"]["parts"] == 4
    assert (await report("delivery", "batch"))["rows"][0]["names"] == {"batch": "Trip"}
    usage = await report("usage", "tag:kind")
    assert [(row["by"], row["recipients"]) for row in usage["rows"]] == [({"tag:kind": "trip"}, 4)]


async def test_lines_of_json_come_from_standard_input(make_gateway: MakeGateway) -> None:
    server = await make_gateway(simulate=1, lines_up=1)
    rows = [{"to": f"+9991{n:08d}", "data": {"name": f"Child {n}"}} for n in range(3)]
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    sent = await gateway(server, "batch", "send", "-", "--text", "Hi {name}", "--json", stdin=lines)
    assert sent.status == 0, sent.err
    assert json.loads(sent.out)["accepted"] == 3


async def test_a_broken_table_is_refused_with_row_and_fix_and_leaves_nothing(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    server = await make_gateway(simulate=1, lines_up=1)
    path = tmp_path / "broken.csv"
    path.write_text("number,name\n" + "+999100000001,x\n" * 50_000 + '+999100000002,"open\n')
    refused = await gateway(server, "batch", "send", str(path), "--text", "Hi")
    assert refused.status == 1
    assert refused.err.startswith("error: ")
    assert "50001" in refused.err
    assert await server.all("/api/v1/messages") == []


async def test_a_person_at_a_terminal_sees_a_bar_and_one_line_of_result(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    server = await make_gateway(simulate=2, lines_up=2)
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "batch", "send", str(table(tmp_path)), "--text", "Hi {name}", "--wait",
        "--url", server.url, "--key", server.sandbox, cwd=ROOT, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(theirs)
    said = b""
    loop = asyncio.get_running_loop()
    while piece := await loop.run_in_executor(None, _read, ours):
        said += piece
    os.close(ours)
    assert await process.wait() == 0, said
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())
    assert re.search(r"running  [0-9a-f-]{36}: 4 of 6 rows, 4 parts", shown)
    assert re.search(r"running ━.* \d/4", shown)
    assert "parts a minute" in shown
    assert re.search(r"completed  [0-9a-f-]{36}: ", shown)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # the other end is closed
        return b""

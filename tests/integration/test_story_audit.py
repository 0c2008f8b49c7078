"""Tells how somebody proves that nobody changed the audit trail: beside a running server, after a kill, after a
forgery."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass

from tests.harness.gateway_process import ROOT, GatewayProcess
from tests.harness.tampering import by_other_means
from tests.integration.whole import QUIET, MakeGateway


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str


async def verify(server: GatewayProcess, *words: str) -> Said:
    """Run ``gateway audit verify`` on the server's data directory."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "audit", "verify", "--data-dir", str(server.data_dir), *words,
        cwd=ROOT, env=kept, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


async def make_key(server: GatewayProcess, name: str) -> None:
    made = await server.call("POST", "/api/v1/keys", {"name": name, "scopes": ["messages:read"]})
    assert made.status == 201


async def test_AUD_1_row_34_the_trail_is_proven_beside_the_server_and_a_forgery_is_named(
    make_gateway: MakeGateway,
) -> None:
    server = await make_gateway()
    await make_key(server, "crm")
    whole = await verify(server)
    assert whole.status == 0, whole.err
    head = whole.out.split()[-1]
    # Made and answered, then killed: what was answered is in the trail.
    await make_key(server, "last")
    await server.kill()
    assert (await verify(server, "--head", head)).status == 0
    assert json.loads((await verify(server, "--json")).out)["entries"] == int(head.partition(":")[0]) + 1

    forged = await verify(server, "--head", f"{head[:-1]}{'0' if head[-1] != '0' else '1'}")
    assert forged.status == 1
    assert "written anew, or put back" in forged.err
    assert (await verify(server, "--head", "yesterday")).status == 2

    by_other_means(server.data_dir, "DELETE FROM audit WHERE seq = 3")
    broken = await verify(server)
    assert broken.status == 1
    assert broken.err.startswith("error: the audit trail is not whole: entry 3 is missing")
    told = json.loads((await verify(server, "--json")).out)
    assert (told["ok"], told["bad_seq"]) == (False, 3)


async def test_AUD_1_the_newest_entry_is_told_to_the_log_at_each_start(make_gateway: MakeGateway) -> None:
    server = await make_gateway()
    (line,) = [entry for entry in server.log() if entry["event"] == "audit.head"]
    assert (await verify(server, "--head", f"{line['seq']}:{line['hash']}")).status == 0


async def test_AUD_2_what_changed_in_the_configuration_since_the_last_start_is_in_the_trail(
    make_gateway: MakeGateway,
) -> None:
    server = await make_gateway(QUIET + '[messages]\ndefault_region = "GB"\n')
    assert await server.stop() == 0
    server.config = QUIET + '[messages]\ndefault_region = "FR"\n[policy]\nallow_numbers = ["+447700900123"]\n'
    await server.start()
    (entry,) = (await server.get("/api/v1/audit?action=config"))["items"]
    changed = entry["detail"]["changed"]
    assert changed["messages.default_region"] == ['"GB"', '"FR"']
    assert changed["policy.allow_numbers"] == [None, '["…"]']

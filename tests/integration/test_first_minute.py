"""Proves the first minute of a newcomer with the real program: what `serve` prints works as it stands, and the
commands around a running and a stopped server do what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0

needs_curl = pytest.mark.skipif(
    shutil.which("curl") is None and not os.environ.get("CI"),
    reason="curl is not installed (apt-get install curl)",
)


def environment(folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY")}
    return {**kept, "GATEWAY_DATA_DIR": str(folder / "data"), "GATEWAY__SERIAL__DISCOVER": "false"}


@dataclass(slots=True)
class Server:
    """A running `gateway serve` and what it announced."""

    process: subprocess.Popen[str]
    folder: Path
    said: str

    @property
    def url(self) -> str:
        return self.said.splitlines()[0].removeprefix("Gateway at ")

    def stop(self) -> float:
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0
        return time.monotonic() - started


def start(folder: Path, *words: str) -> Server:
    log: IO[str] = (folder / "serve.log").open("a")
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve", "--port", "0", *words],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    log.close()
    assert process.stdout is not None
    said = ""
    while "Stop: Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, (folder / "serve.log").read_text()
        said += line
    return Server(process, folder, said)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start(tmp_path_factory.mktemp("first"))
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()
    assert running.process.stdout is not None
    running.process.stdout.close()


def gateway(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", *words],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def post_message(server: Server, message: dict[str, str]) -> int:
    key = re.search(r"gws_\w+", server.said)
    assert key, server.said
    request = urllib.request.Request(
        f"{server.url}/api/v1/messages",
        json.dumps(message).encode(),
        {"Authorization": f"Bearer {key[0]}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return int(answer.status)


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(hours=20)).isoformat()


def shell(server: Server, script: str) -> dict[str, object]:
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=server.folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
        env=environment(server.folder),
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_serve_tells_address_lines_keys_and_what_to_do(server: Server) -> None:
    lines = server.said.splitlines()
    assert re.fullmatch(r"Gateway at http://127\.0\.0\.1:\d+", lines[0])
    assert lines[1].startswith("2 emulated lines, nothing real attached")
    assert re.search(r"^Live key     gwl_[0-9A-Za-z]{46}$", server.said, re.MULTILINE)
    assert re.search(r"^Sandbox key  gws_[0-9A-Za-z]{46}$", server.said, re.MULTILINE)
    assert "Both are shown this once." in server.said


@needs_curl
def test_the_printed_curl_line_works_as_it_stands(server: Server) -> None:
    script = server.said.partition("Send a text into the sandbox:\n")[2].partition("and watch one arrive:")[0]
    message = shell(server, script)
    assert (message["state"], message["to"], message["text"]) == ("queued", "+99900000001", "Hello")


@needs_curl
def test_the_curl_line_of_the_readme_works_as_it_stands(server: Server) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    curl = next(block for block in blocks if block.startswith("curl"))
    assert "http://127.0.0.1:8080/" in curl
    message = shell(server, curl.replace("http://127.0.0.1:8080", server.url))
    assert message["state"] == "queued"


def test_send_wait_sees_the_text_delivered(server: Server) -> None:
    done = gateway(server.folder, "send", "+99900000001", "Hello", "--wait", "--timeout", "20")
    assert done.returncode == 0, done.stderr
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [
        "queued",
        "sending",
        "sent",
        "delivered",
    ]


def test_a_refused_number_is_status_1_with_the_networks_cause(server: Server) -> None:
    done = gateway(server.folder, "send", "+99900000003", "Hello", "--wait", "--timeout", "20")
    assert done.returncode == 1
    assert "RP cause 1" in done.stdout
    assert done.stderr.startswith("error: failed: ")


def test_lines_and_devices_show_the_emulated_sims(server: Server) -> None:
    lines = json.loads(gateway(server.folder, "lines", "--json").stdout)
    assert [(line["state"], line["emulated"]) for line in lines] == [("up", True), ("up", True)]
    assert len(gateway(server.folder, "devices").stdout.splitlines()) == 2


def test_a_self_test_and_a_ussd_code_answer(server: Server) -> None:
    name = json.loads(gateway(server.folder, "lines", "--json").stdout)[0]["number"]
    assert gateway(server.folder, "lines", "self-test", name).returncode == 0
    assert gateway(server.folder, "lines", "ussd", name, "*100#").stdout.strip()


def test_doctor_finds_nothing_that_stops_the_sandbox(server: Server) -> None:
    done = gateway(server.folder, "doctor", "--json")
    found = json.loads(done.stdout)
    assert "server" in {f["code"] for f in found if f["severity"] == "ok"}
    assert "no_real_line" in {f["code"] for f in found}


def test_a_key_is_made_listed_rotated_and_revoked_while_the_server_runs(server: Server) -> None:
    made = gateway(server.folder, "keys", "create", "--name", "crm", "--scope", "messages:read")
    assert re.fullmatch(r"gwl_[0-9A-Za-z]{46}\n", made.stdout)
    key = made.stdout.strip()
    # No list of lines for a key that may only read messages, but the key itself is known at once.
    assert "lines:read" in gateway(server.folder, "lines", "--key", key).stderr
    assert re.fullmatch(
        r"gwl_[0-9A-Za-z]{46}\n", gateway(server.folder, "keys", "rotate", "crm", "--now").stdout
    )
    listed = [line.split("\t") for line in gateway(server.folder, "keys", "list").stdout.splitlines()]
    assert len([row for row in listed if row[1] == "crm"]) == 2
    newest = next(row[0] for row in listed if row[1] == "crm")
    assert gateway(server.folder, "keys", "revoke", newest).returncode == 0


def test_an_unknown_scope_is_a_usage_error_with_the_nearest_one(server: Server) -> None:
    done = gateway(server.folder, "keys", "create", "--name", "x", "--scope", "messages:sned")
    assert done.returncode == 2
    assert 'did you mean "messages:send"?' in done.stderr


def test_a_second_server_and_a_restore_are_refused_while_one_runs(server: Server) -> None:
    second = gateway(server.folder, "serve", "--port", "0")
    assert second.returncode == 1
    assert second.stderr.splitlines()[-1].startswith("hint:  ")
    copy = server.folder / "copy.db"
    made = gateway(server.folder, "backup", str(copy))
    assert made.returncode == 0
    assert made.stdout == f"{copy}\t{copy.stat().st_size}\n"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert gateway(server.folder, "backup", str(copy)).returncode == 1
    assert gateway(server.folder, "restore", str(copy)).returncode == 1


def test_a_restored_backup_holds_what_waited_until_it_is_released(tmp_path: Path) -> None:
    running = start(tmp_path)
    try:
        # Due tomorrow, so that it waits for certain when the backup is made.
        assert post_message(running, {"to": "+99900000001", "text": "Hello", "send_at": tomorrow()}) == 202
        copy = tmp_path / "copy.db"
        assert gateway(tmp_path, "backup", str(copy)).returncode == 0
        assert gateway(tmp_path, "send", "+99900000002", "after the backup").returncode == 0
        assert running.stop() < 30
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()
        assert running.process.stdout is not None
        running.process.stdout.close()
    restored = gateway(tmp_path, "restore", str(copy))
    assert restored.returncode == 0, restored.stderr
    (kept,) = (tmp_path / "data").glob("gateway.db.before-restore-*")
    assert restored.stdout == f"{copy}\t1\t{kept}\n"
    released = gateway(tmp_path, "restore", "--release", "--json")
    assert json.loads(released.stdout) == {"released": 1}


def test_without_a_server_keys_work_on_the_database_itself(tmp_path: Path) -> None:
    made = gateway(tmp_path, "keys", "create", "--name", "early", "--sandbox")
    assert re.fullmatch(r"gws_[0-9A-Za-z]{46}\n", made.stdout), made.stderr
    listed = gateway(tmp_path, "keys", "list").stdout.split("\t")
    assert listed[1:4] == ["early", "sandbox", "*"]


def test_migrate_names_the_database_that_is_up_to_date(tmp_path: Path) -> None:
    done = gateway(tmp_path, "migrate")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'data' / 'gateway.db'}\n"


def test_a_configuration_that_is_not_there_is_asked_for_by_its_options(tmp_path: Path) -> None:
    done = gateway(tmp_path, "serve", "--config", "missing.toml")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: missing.toml: cannot be read: No such file or directory",
        "hint:  name a file that can be read: --config FILE or GATEWAY_CONFIG",
    ]


def test_a_wrong_configuration_stops_the_start_with_two_lines(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[server]\nprot = 1\n")
    done = gateway(tmp_path, "serve", "--config", "config.toml")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        "error: config.toml: server.prot: unknown key; did you mean server.port?"
    )


def test_a_short_admin_key_is_refused_on_an_open_address(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "serve", "--host", "0.0.0.0", "--port", "0"],
        cwd=tmp_path,
        env={**environment(tmp_path), "GATEWAY_ADMIN_KEY": "short"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: GATEWAY_ADMIN_KEY has 5 characters")

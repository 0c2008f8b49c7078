"""Proves what can be proven of the container file without an engine: its sources exist, its versions are locked, it
does not run as root, and its check of health asks a route that there is."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.http.app import ROUTES
from tests.integration.test_wheel import SOURCES

ROOT = Path(__file__).resolve().parents[2]
NAMES = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "VOLUME", "USER", "EXPOSE"}
NAMES |= {"STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


def instructions() -> list[tuple[str, str]]:
    """Read the file: comments dropped, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line]


def of(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def copied() -> set[str]:
    """Name what is copied from the source tree."""
    words = [shlex.split(rest) for rest in of("COPY") if not rest.startswith("--from=")]
    return {source for line in words for source in line[:-1]}


def test_every_line_is_an_instruction_that_engines_know() -> None:
    assert {instruction for instruction, _ in instructions()} <= NAMES


def test_everything_that_is_copied_exists_and_is_let_into_the_build() -> None:
    let_in = {
        line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")
    }
    assert copied() == let_in
    for name in copied():
        assert (ROOT / name).exists(), name


def test_what_is_copied_is_enough_to_build_the_package() -> None:
    assert copied() == {*SOURCES, "requirements.lock"}


def test_libraries_come_at_locked_versions_with_hashes_and_the_package_without_any() -> None:
    installs = [command for rest in of("RUN") for command in rest.split("&&") if "pip install" in command]
    assert len(installs) == 2
    assert "--require-hashes -r requirements.lock" in installs[0]
    assert "--no-deps" in installs[1]
    assert "--no-index" in installs[1]


def test_images_have_a_version_and_the_name_of_their_registry() -> None:
    images = {rest.partition(" AS ")[0] for rest in of("FROM")}
    assert all(re.fullmatch(r"[a-z.]+/library/python:3\.\d+-slim-\w+", image) for image in images)
    assert len(images) == 1


def test_it_runs_as_a_user_of_its_own_with_its_data_in_a_volume() -> None:
    assert of("USER") == ["10001"]
    assert "useradd --system --uid 10001" in " ".join(of("RUN"))
    assert of("VOLUME") == ["/data"]
    assert "GATEWAY_DATA_DIR=/data" in of("ENV")[0]
    after = [instruction for instruction, _ in instructions()]
    assert "RUN" not in after[after.index("USER") :]


def test_health_is_asked_at_a_route_that_exists_by_a_line_that_runs() -> None:
    command = json.loads(of("HEALTHCHECK")[0].partition("CMD ")[2])
    found = re.search(r"127\.0\.0\.1:8080(/[a-z/]+)", command[-1])
    assert found
    assert found[1] in {route.path for route in ROUTES if route.scope is None}
    # Nobody listens on port 1: the line itself is right, and fails as it should.
    line = command[-1].replace(":8080", ":1")
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=False)
    assert "URLError" in done.stderr


@pytest.mark.parametrize("words", [json.loads(rest) for rest in (*of("ENTRYPOINT"), *of("CMD"))])
def test_what_is_started_is_a_command_of_the_gateway(words: list[str]) -> None:
    assert words in (["gateway"], ["serve", "--host", "0.0.0.0"])

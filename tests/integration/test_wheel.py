"""Builds the wheel as it would be shipped, and looks whether a server installed from it has its documents."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (
    "gateway",
    "device_bridge",
    "docs",
    "setup.py",
    "MANIFEST.in",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
BUILD_S = 120


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel of a copy of the sources, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    built = subprocess.run(
        [*command, "--wheel-dir", "out", "."],
        cwd=folder, capture_output=True, text=True, timeout=BUILD_S, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return zipfile.ZipFile(next((folder / "out").glob("*.whl")))


def test_every_document_and_picture_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    carried = {name for name in wheel.namelist() if name.startswith("gateway/help/carried/")}
    docs = ROOT / "docs"
    wanted = {path.relative_to(docs) for pattern in ("*.md", "screenshots/*") for path in docs.glob(pattern)}
    assert carried == {f"gateway/help/carried/{path}" for path in wanted}


def test_an_installed_server_finds_its_documents_without_a_source_tree(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    wheel.extractall(tmp_path)
    script = (
        "import gateway.help.documents as d\n"
        "from gateway.help import index, render\n"
        "print(d.folder(), render('sandbox').title, len(index().chapters))"
    )
    # Isolated, so that only what is named is found: the wheel, then the libraries beside this interpreter.
    paths = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]\n"
    done = subprocess.run(
        [sys.executable, "-I", "-c", paths + script],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.split() == [str(tmp_path / "gateway/help/carried"), "Sandbox", "4"]


def test_a_server_out_of_the_wheel_shows_its_pages(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "wheel")
    script = (
        f"import sys; sys.path[:0] = [{str(tmp_path / 'wheel')!r}]\n"
        "from gateway.cli import main\n"
        "sys.exit(main(['serve', '--port', '0', '--simulate', '0', '--data-dir', 'data']))"
    )
    settings = {
        "GATEWAY__SERIAL__DISCOVER": "false",
        "GATEWAY__ADB__ENABLED": "false",
        "PATH": os.environ["PATH"],
    }
    with subprocess.Popen(
        [sys.executable, "-I", "-c", script],
        cwd=tmp_path, env=settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            url = first.removeprefix("Gateway at ").strip()
            for path in (
                "/help",
                "/help/quickstart",
                "/problems/in_doubt",
                "/docs",
                "/docs/plain",
                "/sign-in",
            ):
                with urllib.request.urlopen(f"{url}{path}", timeout=30) as answer:
                    assert answer.status == 200, path
                    style = re.search(rb'href="([^"]*/static/[^"]+[.]css)"', answer.read())
                if style is not None:
                    with urllib.request.urlopen(f"{url}{style[1].decode()}", timeout=30) as file:
                        assert file.status == 200
        finally:
            process.terminate()


def test_an_sdist_would_hold_the_documents_too() -> None:
    assert "graft docs" in (ROOT / "MANIFEST.in").read_text()

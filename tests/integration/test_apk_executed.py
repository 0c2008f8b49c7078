"""Owns the proof that the dex that ships does what the tested classes did: translated back, the app's tests pass on it.

Not on ART: enjarify turns the dex into class files, which run under Robolectric. What only ART or a phone does stays
unproven.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.apk_tools import BUILT, COMPANION, ROOT, built_apk, missing, output, tool

pytestmark = pytest.mark.peer

SDK = 34  # one Android: what differs between them is the framework, not our dex
RUN_TIMEOUT_S = 600
FEWEST_TESTS = 30
OPENED = ("lang", "util", "net", "io", "nio")


@pytest.mark.timeout(RUN_TIMEOUT_S + 60)
def test_the_tests_of_the_app_pass_on_its_dex(tmp_path: Path) -> None:
    built_apk()
    dex, log = tmp_path / "dex.jar", tmp_path / "log"
    output("enjarify", BUILT, "-o", dex)
    with log.open("w") as out:
        subprocess.run(
            command(dex),
            check=False,
            cwd=COMPANION,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            timeout=RUN_TIMEOUT_S,
        )
    said = log.read_text()
    passed = re.search(r"^OK \((\d+) tests\)$", said, re.MULTILINE)
    assert passed, said[-8000:]
    assert int(passed[1]) >= FEWEST_TESTS


def command(dex: Path) -> list[str]:
    """JUnit on every test class of the app, with the translated dex in the place of its classes."""
    target = COMPANION / "target"
    listed = target / "test-classpath.txt"
    if not listed.exists():
        missing("the app was built without its tests: make companion-built")
    tests = target / "test-classes"
    names = [str(path.relative_to(tests).with_suffix("")) for path in sorted(tests.rglob("*Test.class"))]
    path = [
        str(dex),
        str(tests),
        str(target / "tools" / "monitor" / "classes.jar"),
        listed.read_text().strip(),
    ]
    return [
        tool("java"),
        "-Xmx2g",
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        *(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in OPENED),
        "--add-opens=java.base/jdk.internal.access=ALL-UNNAMED",
        f"-Dvectors={ROOT / 'tests' / 'vectors' / 'link.json'}",
        f"-Drobolectric.enabledSdks={SDK}",
        "-Drobolectric.offline=true",
        f"-Drobolectric.dependency.dir={target / 'android-all'}",
        "-Drobolectric.usePreinstrumentedJars=false",
        "-cp",
        ":".join(path),
        "org.junit.runner.JUnitCore",
        *(name.replace("/", ".") for name in names),
    ]

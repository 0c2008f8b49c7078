"""Owns what is demanded of the app as it was built: manifest, dex, layout, size, and twice the same octets.

Source: rules CMP-3; docs/link.md (cleartext for 127.0.0.1 only); android_companion/README.md (permissions).
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from device_bridge.apk import SigningKey, apk_facts, sign_apk
from tests.integration.apk_tools import COMPANION, built_apk, output, tool

pytestmark = pytest.mark.peer

ANDROID = "{http://schemas.android.com/apk/res/android}"
PACKAGE = "org.smsline.companion"
LARGEST_OCTETS = 150_000
BUILD_TIMEOUT_S = 400

GUARDS = {
    "SmsReceiver": "android.permission.BROADCAST_SMS",
    "DataSmsReceiver": "android.permission.BROADCAST_SMS",
    "WapPushReceiver": "android.permission.BROADCAST_WAP_PUSH",
    "CompanionService": "android.permission.DUMP",
    "HandoverProvider": "android.permission.DUMP",
}
"""Who may reach what is exported: the system, telephony and the shell user, no other app."""

OPEN_ACTIVITIES = {"MainActivity", "PairActivity"}
"""What a person starts: the launcher's icon and a pairing link."""


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("built") / "unsigned.apk"
    path.write_bytes(built_apk())
    return path


@pytest.fixture(scope="module")
def signed(unsigned: Path) -> Path:
    key = SigningKey.load_or_create(unsigned.with_name("app.pem"))
    path = unsigned.with_name("signed.apk")
    path.write_bytes(sign_apk(unsigned.read_bytes(), key))
    return path


@pytest.fixture(scope="module")
def manifest(unsigned: Path) -> dict[str, list[dict[str, str]]]:
    """Elements by name with their attributes, as aapt prints the binary manifest."""
    return elements(output("aapt", "dump", "xmltree", unsigned, "AndroidManifest.xml"))


def elements(tree: str) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    current: dict[str, str] = {}
    for line in tree.splitlines():
        if element := re.match(r"\s*E: (\S+)", line):
            current = {}
            found.setdefault(element[1], []).append(current)
        elif attribute := re.match(
            r"\s*A: (?:android:)?(\w+)(?:\(\w+\))?=(?:\"([^\"]*)\"|\(type \w+\)(\w+)|@(\w+))", line
        ):
            current[attribute[1]] = next(value for value in attribute.groups()[1:] if value is not None)
    return found


def short(name: str) -> str:
    return name.rpartition(".")[2]


def is_true(component: dict[str, str], attribute: str) -> bool:
    return int(component.get(attribute, "0x0"), 16) != 0


def components(manifest: dict[str, list[dict[str, str]]]) -> list[tuple[str, dict[str, str]]]:
    kinds = ("activity", "activity-alias", "service", "receiver", "provider")
    return [(kind, one) for kind in kinds for one in manifest.get(kind, [])]


def test_the_package_is_ours_for_android_8_to_15(unsigned: Path) -> None:
    badging = output("aapt", "dump", "badging", unsigned)
    facts = apk_facts(unsigned.read_bytes())
    assert f"package: name='{PACKAGE}' versionCode='{facts.version_code}'" in badging
    assert "sdkVersion:'26'" in badging
    assert "targetSdkVersion:'35'" in badging
    assert f"launchable-activity: name='{PACKAGE}.MainActivity'" in badging
    assert "application-debuggable" not in badging


def test_its_version_is_that_of_the_pom(unsigned: Path) -> None:
    pom = (COMPANION / "pom.xml").read_text()
    facts = apk_facts(unsigned.read_bytes())
    assert f"<versionCode>{facts.version_code}</versionCode>" in pom
    assert f"<version>{facts.version_name}</version>" in pom


def test_every_permission_is_explained_in_the_readme(manifest: dict[str, list[dict[str, str]]]) -> None:
    asked = {short(one["name"]) for one in manifest["uses-permission"]}
    readme = (COMPANION / "README.md").read_text()
    explained = set(re.findall(r"\b[A-Z][A-Z_]{6,}\b", readme))
    assert asked <= explained, f"not in android_companion/README.md: {sorted(asked - explained)}"


def test_what_is_exported_is_guarded_or_an_activity(manifest: dict[str, list[dict[str, str]]]) -> None:
    exported = [(kind, one) for kind, one in components(manifest) if is_true(one, "exported")]
    activities = {short(one["name"]) for kind, one in exported if kind.startswith("activity")}
    guards = {short(one["name"]): one.get("permission") for kind, one in exported if kind[0] != "a"}
    assert "MainActivity" in activities
    assert activities <= OPEN_ACTIVITIES
    assert guards == GUARDS


def test_every_component_says_whether_it_is_exported(manifest: dict[str, list[dict[str, str]]]) -> None:
    assert [one["name"] for _, one in components(manifest) if "exported" not in one] == []


def test_no_backup_takes_the_journal_or_the_key_along(manifest: dict[str, list[dict[str, str]]]) -> None:
    (application,) = manifest["application"]
    assert "allowBackup" in application
    assert not is_true(application, "allowBackup")


def test_cleartext_goes_to_the_cable_alone(unsigned: Path, manifest: dict[str, list[dict[str, str]]]) -> None:
    (application,) = manifest["application"]
    assert not is_true(application, "usesCleartextTraffic")
    assert "networkSecurityConfig" in application
    tree = output("aapt", "dump", "xmltree", unsigned, "res/xml/network_security.xml")
    found = elements(tree)
    assert not any(is_true(base, "cleartextTrafficPermitted") for base in found.get("base-config", []))
    allowed = [one for one in found["domain-config"] if is_true(one, "cleartextTrafficPermitted")]
    assert len(allowed) == 1
    assert re.findall(r'C: "([^"]*)"', tree) == ["127.0.0.1"]


def test_the_dex_is_for_android_8_and_holds_every_class(unsigned: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(unsigned) as file:
        dex = file.read("classes.dex")
        assert [name for name in file.namelist() if name.endswith(".dex")] == ["classes.dex"]
        (tmp_path / "classes.dex").write_bytes(dex)
    assert dex[:8] == b"dex\n038\0"
    shown = output("dexdump", tmp_path / "classes.dex")
    held = set(re.findall(r"Class descriptor\s+: 'L([^;]+);'", shown))
    compiled = COMPANION / "target" / "classes"
    wanted = {
        str(path.relative_to(compiled).with_suffix(""))
        for path in compiled.rglob("*.class")
        if path.stem != "package-info"
    }
    assert wanted
    assert wanted <= held, f"not in the dex: {sorted(wanted - held)}"
    assert "LambdaMetafactory" not in shown


def test_the_dex_holds_nothing_but_the_app(unsigned: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(unsigned) as file:
        (tmp_path / "classes.dex").write_bytes(file.read("classes.dex"))
    held = re.findall(r"Class descriptor\s+: 'L([^;]+);'", output("dexdump", tmp_path / "classes.dex"))
    foreign = [
        name
        for name in held
        if not name.startswith((PACKAGE.replace(".", "/"), "j$/", "com/android/tools/r8/"))
    ]
    assert foreign == []


def test_another_reader_translates_every_class_of_the_dex(unsigned: Path, tmp_path: Path) -> None:
    jar = tmp_path / "app.jar"
    said = output("enjarify", unsigned, "-o", jar)
    translated, failed = re.findall(r"(\d+) classes translated successfully, (\d+) classes had errors", said)[
        0
    ]
    assert int(failed) == 0
    assert int(translated) > 0


def test_signed_it_is_small_and_aligned(signed: Path) -> None:
    assert len(signed.read_bytes()) <= LARGEST_OCTETS
    output("zipalign", "-c", "4", signed)


@pytest.mark.timeout(BUILD_TIMEOUT_S + 30)
def test_a_second_build_elsewhere_gives_the_same_octets(unsigned: Path, tmp_path: Path) -> None:
    tool("javac")
    copy = tmp_path / "elsewhere" / "app"
    shutil.copytree(COMPANION, copy, ignore=shutil.ignore_patterns("target"))
    build(copy)
    again = (copy / "target" / "companion-unsigned.apk").read_bytes()
    assert contents(copy / "target" / "companion-unsigned.apk") == contents(unsigned)
    assert hashlib.sha256(again).hexdigest() == hashlib.sha256(unsigned.read_bytes()).hexdigest()


def build(folder: Path) -> None:
    done = subprocess.run(
        [tool("mvn"), "-o", "-B", "-q", "package", "-DskipTests"],
        check=False, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=BUILD_TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def contents(apk: Path) -> dict[str, Any]:
    """Digest of each entry, so that a difference names its file."""
    with zipfile.ZipFile(apk) as file:
        return {name: hashlib.sha256(file.read(name)).hexdigest() for name in file.namelist()}

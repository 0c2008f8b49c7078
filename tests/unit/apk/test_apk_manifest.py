"""Owns the proof that a binary manifest gives its facts, or an error that says where it does not add up."""

from __future__ import annotations

import contextlib
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.apk import ApkError, ApkFacts, apk_facts, carried_apk
from device_bridge.apk.manifest import read_manifest
from tests.unit.apk.apk_files import PLAIN, binary_manifest, unsigned_apk


@pytest.mark.parametrize("utf8", [False, True], ids=["utf-16 pool", "utf-8 pool"])
def test_the_facts_are_read_from_either_kind_of_string_pool(utf8: bool) -> None:
    facts = apk_facts(unsigned_apk(manifest=binary_manifest(utf8=utf8)))
    assert facts == ApkFacts("org.example.app", 7, "1.2.3", 26, 35)


def test_the_carried_app_is_the_companion_for_android_8_and_later() -> None:
    facts = apk_facts(carried_apk())
    assert (facts.package, facts.min_sdk, facts.target_sdk) == ("org.smsline.companion", 26, 35)
    assert facts.version_code >= 1


def test_a_long_text_has_a_length_of_two_octets() -> None:
    name = "9." * 90 + "1"
    manifest = binary_manifest([("manifest", {**PLAIN[0][1], "versionName": name}), PLAIN[1]])
    assert read_manifest(manifest).version_name == name


def test_without_a_target_the_minimum_counts() -> None:
    manifest = binary_manifest([PLAIN[0], ("uses-sdk", {"minSdkVersion": 26})])
    assert read_manifest(manifest).target_sdk == 26


def test_an_element_of_the_same_name_further_down_changes_nothing() -> None:
    manifest = binary_manifest([*PLAIN, ("manifest", {"package": "org.example.other", "versionCode": 8})])
    assert read_manifest(manifest).package == "org.example.app"


@pytest.mark.parametrize("missing", ["package", "versionCode", "versionName", "minSdkVersion"])
def test_a_missing_fact_is_named(missing: str) -> None:
    elements = [(name, {k: v for k, v in facts.items() if k != missing}) for name, facts in PLAIN]
    with pytest.raises(ApkError, match=missing):
        read_manifest(binary_manifest(elements))


def test_a_version_that_is_text_is_refused() -> None:
    with pytest.raises(ApkError, match="versionCode is missing or no number"):
        read_manifest(binary_manifest([("manifest", {**PLAIN[0][1], "versionCode": "7"}), PLAIN[1]]))


def test_a_manifest_that_was_not_compiled_is_refused_with_the_step_that_is_missing() -> None:
    with pytest.raises(ApkError, match="aapt2 link"):
        apk_facts(unsigned_apk(manifest=b"<manifest package='org.example.app'/>"))


def test_a_zip_without_a_manifest_is_no_apk() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("readme.txt", "hello")
    with pytest.raises(ApkError, match="no APK"):
        apk_facts(out.getvalue())


@pytest.mark.parametrize("utf8", [False, True], ids=["utf-16 pool", "utf-8 pool"])
def test_a_manifest_cut_anywhere_is_refused_or_has_lost_only_its_end(utf8: bool) -> None:
    whole = binary_manifest(utf8=utf8)
    facts = read_manifest(whole)
    for length in range(len(whole)):
        with contextlib.suppress(ApkError):
            assert read_manifest(whole[:length]) == facts


@given(at=st.integers(0, 2000), octets=st.binary(min_size=1, max_size=8), utf8=st.booleans())
def test_changed_octets_give_facts_or_an_error_and_nothing_else(at: int, octets: bytes, utf8: bool) -> None:
    whole = binary_manifest(utf8=utf8)
    at %= len(whole)
    with contextlib.suppress(ApkError):
        read_manifest(whole[:at] + octets + whole[at + len(octets) :])


@given(st.binary(max_size=200))
def test_any_octets_give_facts_or_an_error_and_nothing_else(octets: bytes) -> None:
    with pytest.raises(ApkError):
        apk_facts(octets)

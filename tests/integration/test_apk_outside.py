"""Owns the proof that other people's tools see a signed app as ours does: apksigner, zipalign, aapt, androguard.

Source: Debian packages apksigner, zipalign, aapt; androguard of PyPI.
"""

from __future__ import annotations

import hashlib
import io
import random
import re
import warnings
import zipfile
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from device_bridge.apk import (
    ApkError,
    SigningKey,
    apk_facts,
    carried_apk,
    sign_apk,
    signer_digests,
    verify_apk,
)
from device_bridge.apk.archive import read_archive
from device_bridge.apk.scheme import unpack_block
from tests.integration.apk_tools import output, run

pytestmark = pytest.mark.peer

SCHEMES = ("v2 scheme (APK Signature Scheme v2): true", "v3 scheme (APK Signature Scheme v3): true")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.load_or_create(tmp_path_factory.mktemp("keys") / "app.pem")


@pytest.fixture(scope="module")
def signed(key: SigningKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("apk") / "companion.apk"
    path.write_bytes(sign_apk(carried_apk(), key))
    return path


def large_apk() -> bytes:
    """The app with 2.5 MB more, so that contents are three chunks of the digest."""
    out = io.BytesIO(carried_apk())
    with zipfile.ZipFile(out, "a") as file:
        file.writestr("assets/noise", random.Random(1).randbytes(2_500_000))
    return out.getvalue()


def signer(path: Path) -> str:
    """The signer as apksigner names it."""
    shown = output("apksigner", "verify", "--verbose", "--print-certs", "--min-sdk-version", 26, path)
    assert "WARNING" not in shown
    assert all(scheme in shown for scheme in SCHEMES), shown
    (digest,) = re.findall(r"Signer #\d+ certificate SHA-256 digest: (\w+)", shown)
    return str(digest)


def test_apksigner_verifies_both_schemes_and_names_our_signer(signed: Path, key: SigningKey) -> None:
    assert signer(signed) == key.digest


def test_apksigner_verifies_contents_of_several_chunks(tmp_path: Path, key: SigningKey) -> None:
    path = tmp_path / "large.apk"
    path.write_bytes(sign_apk(large_apk(), key))
    assert signer(path) == key.digest


@pytest.mark.parametrize("sdk", [26, 28, 30, 33])
def test_apksigner_verifies_it_for_each_android_by_itself(signed: Path, sdk: int) -> None:
    output("apksigner", "verify", "--min-sdk-version", sdk, "--max-sdk-version", sdk, signed)


def test_the_key_of_another_installation_is_another_signer(
    signed: Path, key: SigningKey, tmp_path: Path
) -> None:
    theirs = SigningKey.load_or_create(tmp_path / "app.pem")
    path = tmp_path / "companion.apk"
    path.write_bytes(sign_apk(carried_apk(), theirs))
    assert signer(path) == theirs.digest
    assert signer(signed) == key.digest != theirs.digest


@pytest.mark.parametrize("options", [("4",), ("-p", "4")], ids=["words", "words and pages"])
def test_zipalign_finds_nothing_to_align(signed: Path, options: tuple[str, ...]) -> None:
    output("zipalign", "-c", *options, signed)


def test_aapt_reads_the_same_facts(signed: Path) -> None:
    facts = apk_facts(signed.read_bytes())
    badging = output("aapt", "dump", "badging", signed)
    first = f"name='{facts.package}' versionCode='{facts.version_code}' versionName='{facts.version_name}'"
    assert first in badging
    assert f"sdkVersion:'{facts.min_sdk}'" in badging
    assert f"targetSdkVersion:'{facts.target_sdk}'" in badging


def test_androguard_reads_the_same_facts_and_signer(signed: Path, key: SigningKey) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports use what Python deprecates
        from androguard.core.apk import APK
        from loguru import logger

        logger.disable("androguard")
        apk = APK(str(signed))
        certificates = [*apk.get_certificates_der_v2(), *apk.get_certificates_der_v3()]
    facts = apk_facts(signed.read_bytes())
    assert (apk.is_signed_v1(), apk.is_signed_v2(), apk.is_signed_v3()) == (False, True, True)
    assert [hashlib.sha256(one).hexdigest() for one in certificates] == [key.digest, key.digest]
    assert (apk.get_package(), apk.get_androidversion_code(), apk.get_androidversion_name()) == (
        facts.package,
        str(facts.version_code),
        facts.version_name,
    )
    assert (apk.get_min_sdk_version(), apk.get_target_sdk_version()) == (
        str(facts.min_sdk),
        str(facts.target_sdk),
    )


def test_what_apksigner_signed_verifies_here_with_the_same_signer(key: SigningKey, tmp_path: Path) -> None:
    certificate = x509.load_der_x509_certificate(key.certificate)
    (tmp_path / "app.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "app.pk8").write_bytes(
        key.private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    for name, octets in (("small", carried_apk()), ("large", large_apk())):
        path = tmp_path / f"{name}.apk"
        path.write_bytes(octets)
        output(
            "apksigner", "sign", "--key", tmp_path / "app.pk8", "--cert", tmp_path / "app.crt",
            "--v1-signing-enabled", "false", "--min-sdk-version", 26, path,
        )  # fmt: skip
        assert signer_digests(path.read_bytes()) == (key.digest,)


PLACES = (
    "a local header",
    "the dex",
    "the block's length",
    "what v2 signed",
    "the key beside v3",
    "the block's magic",
    "the directory",
    "the directory's offset",
)


def offset_of(place: str, apk: bytes) -> int:
    """One octet of each kind of thing that a signed APK is made of."""
    archive = read_archive(apk)
    start, _ = unpack_block(archive)
    dex = next(entry for entry in archive.entries if entry.name == "classes.dex")
    offsets = (
        8, dex.offset + 200, start, start + 60, archive.directory - 60,
        archive.directory - 3, archive.directory + 12, archive.end + 16,
    )  # fmt: skip
    return dict(zip(PLACES, offsets, strict=True))[place]


@pytest.mark.parametrize("place", PLACES)
def test_a_changed_octet_is_refused_by_apksigner_as_by_us(place: str, signed: Path, tmp_path: Path) -> None:
    changed = bytearray(signed.read_bytes())
    changed[offset_of(place, bytes(changed))] ^= 0x04
    refused_by_both(bytes(changed), tmp_path)


@pytest.mark.parametrize(
    "share", [0.3, 0.9, 1.0], ids=["in the entries", "in the signing block", "at the end"]
)
def test_a_file_that_was_cut_off_is_refused_by_apksigner_as_by_us(
    share: float, signed: Path, tmp_path: Path
) -> None:
    whole = signed.read_bytes()
    refused_by_both(whole[: min(int(len(whole) * share), len(whole) - 1)], tmp_path)


def refused_by_both(apk: bytes, folder: Path, *options: str) -> None:
    path = folder / "changed.apk"
    path.write_bytes(apk)
    assert run("apksigner", "verify", "--min-sdk-version", 26, *options, path).returncode != 0
    with pytest.raises(ApkError):
        verify_apk(apk)

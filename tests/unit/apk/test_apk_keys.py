"""Owns the proof that an installation has one signing key, kept to itself, and never a second in its place."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from cryptography import x509

from device_bridge.apk import SigningKey, SigningKeyError

THIRTY_YEARS_DAYS = 30 * 365


def refusal(path: Path) -> SigningKeyError:
    with pytest.raises(SigningKeyError) as caught:
        SigningKey.load_or_create(path)
    assert caught.value.hint
    return caught.value


def test_the_key_is_made_once_and_read_ever_after(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "app.pem"
    made = SigningKey.load_or_create(path)
    read = SigningKey.load_or_create(path)
    assert (read.digest, read.certificate, read.public_key) == (
        made.digest,
        made.certificate,
        made.public_key,
    )
    assert read.sign(b"octets") == made.sign(b"octets")


def test_the_file_is_for_its_owner_alone_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "app.pem"
    before = os.umask(0)
    try:
        SigningKey.load_or_create(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["app.pem"]


def test_the_certificate_signs_itself_for_thirty_years(key: SigningKey) -> None:
    certificate = x509.load_der_x509_certificate(key.certificate)
    certificate.verify_directly_issued_by(certificate)
    valid = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert valid.days >= THIRTY_YEARS_DAYS


def test_two_that_start_at_once_end_with_the_same_key(tmp_path: Path) -> None:
    together = threading.Barrier(4)
    digests: list[str] = []

    def start() -> None:
        together.wait(timeout=10)
        digests.append(SigningKey.load_or_create(tmp_path / "app.pem").digest)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(digests) == 4
    assert len(set(digests)) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["app.pem"]


def test_a_key_that_others_can_read_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    path = tmp_path / "app.pem"
    SigningKey.load_or_create(path)
    path.chmod(0o640)
    assert refusal(path).hint == f"run: chmod 600 {path}"


def test_a_damaged_key_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "app.pem"
    SigningKey.load_or_create(path)
    pem = path.read_bytes()
    for damaged in (b"", b"rubbish", pem[:400], pem[: pem.index(b"-----BEGIN CERT")]):
        path.write_bytes(damaged)
        assert "backup" in refusal(path).hint
        assert path.read_bytes() == damaged


def test_a_certificate_of_another_key_is_refused(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    for path in (ours, theirs):
        SigningKey.load_or_create(path)
    begin = b"-----BEGIN CERT"
    key_part, certificate = ours.read_bytes().split(begin)[0], theirs.read_bytes().split(begin)[1]
    ours.write_bytes(key_part + begin + certificate)
    assert "another key" in refusal(ours).reason


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "file" in str(refusal(tmp_path / "file" / "app.pem"))

"""Owns the proof that phones on the LAN see one key for ever: first need, renewal, damage, a real TLS handshake."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import ssl
import subprocess
import threading
import warnings
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from gateway.phones.certificate import (
    CERTIFICATE_FILE,
    KEY_FILE,
    CertificateError,
    LinkCertificate,
    link_certificate,
    link_names,
    server_context,
    spki_sha256,
)
from gateway.phones.lan import lan_addresses

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000
NAMES = ("gateway.example", "192.168.1.5", "office")


def made(folder: Path, names: tuple[str, ...] = NAMES, now_ms: int = NOW_MS) -> LinkCertificate:
    return link_certificate(folder, names, now_ms)


def refusal(folder: Path, names: tuple[str, ...] = NAMES) -> CertificateError:
    with pytest.raises(CertificateError) as caught:
        made(folder, names)
    assert caught.value.hint
    return caught.value


def alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def test_it_is_made_on_first_need_and_read_ever_after(tmp_path: Path) -> None:
    first = made(tmp_path / "keys")
    assert made(tmp_path / "keys") == first


def test_it_names_hosts_as_hosts_and_addresses_as_addresses(tmp_path: Path) -> None:
    names = alternative_names(made(tmp_path, (*NAMES, "[fd00::1]", "bücher.example")).certificate)
    assert names.get_values_for_type(x509.DNSName) == ["gateway.example", "office", "xn--bcher-kva.example"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("192.168.1.5"), ip_address("fd00::1")]


def test_it_holds_for_ten_years_and_is_good_for_a_server_only(tmp_path: Path) -> None:
    certificate = made(tmp_path).certificate
    assert certificate.not_valid_after_utc.year - datetime.fromtimestamp(NOW_MS / 1000, UTC).year == 10
    certificate.verify_directly_issued_by(certificate)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_board_that_thinks_it_is_1970_makes_one_that_holds_today(tmp_path: Path) -> None:
    certificate = made(tmp_path, now_ms=60_000).certificate
    today = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    assert certificate.not_valid_before_utc < today < certificate.not_valid_after_utc


@pytest.mark.parametrize(
    ("names", "days"),
    [((*NAMES, "10.0.0.7"), 0), (NAMES, 3650 - 364), (NAMES, 4000), (NAMES, -30)],
    ids=["a new address", "a year before its end", "after its end", "a clock set back"],
)
def test_a_renewed_one_holds_the_same_key(tmp_path: Path, names: tuple[str, ...], days: int) -> None:
    first = made(tmp_path)
    renewed = made(tmp_path, names, NOW_MS + days * DAY_MS)
    assert renewed.certificate != first.certificate
    assert renewed.pin == first.pin
    assert made(tmp_path, names, NOW_MS + days * DAY_MS) == renewed


def test_an_address_that_went_away_changes_nothing(tmp_path: Path) -> None:
    first = made(tmp_path)
    assert made(tmp_path, NAMES[:1]) == first


@pytest.mark.parametrize("damage", [b"", b"rubbish", None], ids=["empty", "rubbish", "gone"])
def test_a_damaged_certificate_is_made_anew_with_the_same_key(tmp_path: Path, damage: bytes | None) -> None:
    first = made(tmp_path)
    first.certificate_file.unlink()
    if damage is not None:
        first.certificate_file.write_bytes(damage)
    assert made(tmp_path).pin == first.pin


def test_the_certificate_of_another_key_is_replaced(tmp_path: Path) -> None:
    ours, theirs = made(tmp_path / "ours"), made(tmp_path / "theirs")
    ours.certificate_file.write_bytes(theirs.certificate_file.read_bytes())
    assert made(tmp_path / "ours").pin == ours.pin


@pytest.mark.parametrize("damage", [b"", b"rubbish"])
def test_a_damaged_key_is_refused_and_left_as_it_is(tmp_path: Path, damage: bytes) -> None:
    made(tmp_path).key_file.write_bytes(damage)
    assert "backup" in refusal(tmp_path).hint
    assert (tmp_path / KEY_FILE).read_bytes() == damage


def test_a_key_that_others_can_read_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    path = made(tmp_path).key_file
    path.chmod(0o644)
    assert refusal(tmp_path).hint == f"run: chmod 600 {path}"


def test_files_are_for_their_owner_alone_and_nothing_lies_beside_them(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    made(folder)
    made(folder, ("other.example",))
    modes = {entry.name: entry.stat().st_mode & 0o777 for entry in folder.iterdir()}
    assert modes == {KEY_FILE: 0o600, CERTIFICATE_FILE: 0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "name", ["https://gateway", "gateway:8443", "two words", "a..b", "a" * 64, "", "*.x"]
)
def test_a_name_that_is_none_is_refused_with_the_setting_to_correct(tmp_path: Path, name: str) -> None:
    error = refusal(tmp_path, (name,))
    assert repr(name) in str(error)
    assert "link.public_names" in error.hint


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "file" in str(refusal(tmp_path / "file"))


def test_two_that_start_at_once_end_with_the_same_key(tmp_path: Path) -> None:
    together, pins = threading.Barrier(4), list[str]()

    def start() -> None:
        together.wait(timeout=10)
        pins.append(made(tmp_path).pin)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(pins) == 4
    assert len(set(pins)) == 1


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_computes_the_same_pin(tmp_path: Path) -> None:
    found = made(tmp_path)
    pem = subprocess.run(
        ["openssl", "x509", "-in", str(found.certificate_file), "-pubkey", "-noout"],
        check=True, capture_output=True, timeout=20,
    ).stdout  # fmt: skip
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"],
        input=pem,
        check=True,
        capture_output=True,
        timeout=20,
    ).stdout
    assert found.pin == spki_sha256(found.certificate) == hashlib.sha256(der).hexdigest()


async def test_a_client_that_trusts_only_this_certificate_gets_through_by_each_name(tmp_path: Path) -> None:
    found = made(tmp_path)
    async with await listening(server_context(found)) as server:
        for name in NAMES:
            trust = ssl.create_default_context(cafile=str(found.certificate_file))
            assert await seen(server, trust, name) == found.pin


async def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    first = made(tmp_path)
    context = server_context(first)
    async with await listening(context) as server:
        renewed = made(tmp_path, (*NAMES, "new.example"))
        renewed.load_into(context)
        trust = ssl.create_default_context(cafile=str(renewed.certificate_file))
        assert await seen(server, trust, "new.example") == first.pin


async def test_tls_before_1_2_is_refused(tmp_path: Path) -> None:
    old, lenient = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), server_context(made(tmp_path))
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for context in (old, lenient):
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with await listening(lenient) as server:
        assert await seen(server, old, "office"), "the client of this test can do no TLS 1.1 at all"
    lenient.minimum_version = server_context(made(tmp_path)).minimum_version
    async with await listening(lenient) as server:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await seen(server, old, "office")


def test_the_addresses_of_this_machine_are_addresses_that_others_can_reach() -> None:
    addresses = [ip_address(address) for address in lan_addresses()]
    assert not [address for address in addresses if address.is_loopback or address.is_link_local]
    assert len(set(addresses)) == len(addresses)


def test_the_configured_names_come_first_and_none_twice() -> None:
    names = link_names(["gateway.example", *lan_addresses(), "gateway.example"])
    assert names[0] == "gateway.example"
    assert len(set(names)) == len(names)


async def listening(context: ssl.SSLContext) -> asyncio.Server:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await writer.drain()
        writer.close()

    return await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)


async def seen(server: asyncio.Server, trust: ssl.SSLContext, name: str) -> str:
    """Connect under a name, and compute the pin of what the server shows."""
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname=name)
    async with asyncio.timeout(30):
        assert await reader.read(5) == b"hello"
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
    return spki_sha256(x509.load_der_x509_certificate(shown))

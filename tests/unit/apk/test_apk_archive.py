"""Owns the proof that an APK is laid out as Android wants it, and that no other kind of ZIP gets through."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_bridge.apk import ApkError
from device_bridge.apk.archive import laid_out, read_archive
from tests.unit.apk.apk_files import contents, stored_offsets, unsigned_apk


def refusal(octets: bytes) -> ApkError:
    with pytest.raises(ApkError) as caught:
        laid_out(read_archive(octets))
    return caught.value


@pytest.mark.parametrize("streamed", [True, False], ids=["data descriptors", "complete headers"])
def test_stored_contents_begin_at_multiples_of_four_octets(streamed: bool) -> None:
    unsigned = unsigned_apk(streamed=streamed)
    assert any(offset % 4 for offset in stored_offsets(unsigned)), "the test's own APK is aligned by chance"
    out = laid_out(read_archive(unsigned))
    assert [offset % 4 for offset in stored_offsets(out)] == [0, 0, 0]


def test_contents_names_order_and_times_stay() -> None:
    unsigned = unsigned_apk()
    out = laid_out(read_archive(unsigned))
    assert list(contents(out).items()) == list(contents(unsigned).items())
    with zipfile.ZipFile(io.BytesIO(out)) as file:
        assert {entry.date_time for entry in file.infolist()} == {(1981, 1, 1, 1, 1, 2)}


def test_what_is_laid_out_stays_as_it_is() -> None:
    out = laid_out(read_archive(unsigned_apk()))
    assert laid_out(read_archive(out)) == out


def test_octets_before_between_and_after_entries_are_left_behind() -> None:
    unsigned = unsigned_apk(streamed=False)
    archive = read_archive(unsigned)
    end = bytearray(unsigned[archive.end :])
    struct.pack_into("<I", end, 16, archive.directory + 5)
    padded = unsigned[: archive.directory] + b"extra" + unsigned[archive.directory : archive.end] + bytes(end)
    assert laid_out(read_archive(padded)) == laid_out(archive)


def test_a_packed_resource_table_is_refused_with_the_fix() -> None:
    error = refusal(unsigned_apk(arsc=zipfile.ZIP_DEFLATED))
    assert error.field == "resources.arsc"
    assert "store it" in error.reason


def test_two_entries_of_one_name_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        file.writestr("classes.dex", b"seen by one reader")
        file.writestr("classes.dex", b"seen by another")
    assert "twice" in refusal(out.getvalue()).reason


def test_a_comment_at_the_end_is_refused() -> None:
    out = io.BytesIO(unsigned_apk())
    with zipfile.ZipFile(out, "a") as file:
        file.comment = b"hello"
    assert refusal(out.getvalue()).field == "end of central directory"


def test_a_packing_that_android_does_not_read_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("AndroidManifest.xml", b"text" * 100)
    assert "does not read" in refusal(out.getvalue()).reason


def test_an_entry_that_would_fill_the_memory_is_refused_before_it_is_unpacked() -> None:
    error = refusal(unsigned_apk(more={"bomb": bytes(17 << 20)}))
    assert error.field == "bomb"
    assert "more than any entry" in error.reason


def test_an_entry_whose_announced_size_is_a_lie_is_refused() -> None:
    unsigned = bytearray(unsigned_apk(streamed=False, more={"last": bytes(9000)}))
    at = unsigned.rindex(b"PK\x01\x02")
    (local,) = struct.unpack_from("<I", unsigned, at + 42)
    struct.pack_into("<I", unsigned, at + 24, 8999)
    struct.pack_into("<I", unsigned, local + 22, 8999)
    assert refusal(bytes(unsigned)).field == "last"


@pytest.mark.parametrize("name", [b"AndroidManifest.xmk", b"\xff" * 19])
def test_a_local_header_with_another_name_than_the_directory_is_refused(name: bytes) -> None:
    unsigned = unsigned_apk()
    assert refusal(unsigned.replace(b"AndroidManifest.xml", name, 1)).field == "AndroidManifest.xml"


def test_every_truncation_is_refused() -> None:
    unsigned = unsigned_apk()
    for length in range(len(unsigned)):
        assert refusal(unsigned[:length]).octet <= length


@given(at=st.integers(0, 4000), octets=st.binary(min_size=1, max_size=6))
@settings(max_examples=300)
def test_changed_octets_give_an_archive_or_an_error_and_nothing_else(at: int, octets: bytes) -> None:
    unsigned = unsigned_apk()
    at %= len(unsigned)
    with contextlib.suppress(ApkError):
        laid_out(read_archive(unsigned[:at] + octets + unsigned[at + len(octets) :]))

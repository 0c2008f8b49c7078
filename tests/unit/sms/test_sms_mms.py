"""Owns the proof of multimedia messages: octets written out by the standard are read, what we write is as it asks.

Source: OMA-TS-MMS_ENC-V1_3 §6.1 and §6.3, Annex (example of a Send.req); WAP-230-WSP tables 38 to 41.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.errors import DecodeError
from device_bridge.sms.mms import Medium, decode_retrieved, encode_send_request

HEAD = (
    b"\x8c\x84"  # X-Mms-Message-Type: m-retrieve-conf
    b"\x98T1\x00"  # X-Mms-Transaction-Id
    b"\x8d\x92"  # X-Mms-MMS-Version 1.2
    b"\x85\x04\x65\x00\x00\x00"  # Date, long integer
    b"\x89\x16\x80+447700900123/TYPE=P\x00"  # From, address present, 22 octets
    b"\x97+447700900999/TYPE=PLMN\x00"  # To
)
SUBJECT = b"\x96\x08\xeaGr\xc3\xbc\xc3\x9f\x00"
RELATED = b"\x84\x1b\xb3\x8aapplication/smil\x00\x89<start\x00"


def entry(content_type: bytes, octets: bytes, headers: bytes = b"") -> bytes:
    """One part of a multipart; everything here is shorter than 128 octets, so lengths are one octet."""
    return bytes([len(content_type) + len(headers), len(octets)]) + content_type + headers + octets


TEXT = entry(b"\x03\x83\x81\xea", "Grüße 👋".encode(), b"\x8etext.txt\x00")
PICTURE = entry(b"\x9e", b"\xff\xd8jpeg", b'\xc0"<pic>\x00')
WIDE = entry(b"\x05\x83\x81\x02\x03\xe8", "Ω".encode("utf-16-be"))


def test_a_message_with_text_and_picture_is_read_whole() -> None:
    mms = decode_retrieved(HEAD + SUBJECT + b"\x84\xa3\x02" + TEXT + PICTURE)
    assert mms.subject == "Grüß"
    assert mms.from_ == "+447700900123"
    assert mms.to == ("+447700900999",)
    assert mms.sent_at_ms == 0x65000000 * 1000
    assert mms.text == "Grüße 👋"
    assert mms.media[1] == Medium("image/jpeg", b"\xff\xd8jpeg", "pic")
    assert mms.media[0].name == "text.txt"


def test_a_text_in_ucs_2_and_one_inside_a_nested_multipart_are_read() -> None:
    nested = entry(b"\xa3", b"\x01" + WIDE)
    mms = decode_retrieved(HEAD + b"\x84\xa3\x02" + TEXT + nested)
    assert mms.text == "Grüße 👋\nΩ"


def test_a_content_type_with_parameters_and_headers_in_letters_is_passed() -> None:
    mms = decode_retrieved(HEAD + b"X-Own\x00value\x00" + RELATED + b"\x01" + TEXT)
    assert mms.text == "Grüße 👋"


def test_a_hidden_sender_is_none() -> None:
    head = HEAD.replace(b"\x89\x16\x80+447700900123/TYPE=P\x00", b"\x89\x01\x81")
    assert decode_retrieved(head + b"\x84\xa3\x00").from_ is None


def test_another_mms_pdu_is_refused_by_name() -> None:
    with pytest.raises(DecodeError) as refused:
        decode_retrieved(b"\x8c\x82\x98T\x00\x84\xa3\x00")
    assert refused.value.field == "X-Mms-Message-Type"


def test_every_prefix_is_read_or_refused_and_never_anything_else() -> None:
    whole = HEAD + RELATED + b"\x02" + TEXT + PICTURE
    for end in range(len(whole)):
        try:
            decode_retrieved(whole[:end])
        except DecodeError:
            continue


@given(st.binary(max_size=200))
def test_garbage_is_read_or_refused_and_never_anything_else(octets: bytes) -> None:
    try:
        decode_retrieved(b"\x8c\x84" + octets)
    except DecodeError:
        return


def test_a_send_request_has_the_octets_of_the_standard() -> None:
    pdu = encode_send_request("T2", ["+447700900123"], [Medium("text/plain", b"Hi")], subject="Hey")
    assert pdu == (
        b"\x8c\x80\x98T2\x00\x8d\x92\x89\x01\x81\x97+447700900123/TYPE=PLMN\x00\x96\x05\xeaHey\x00"
        b"\x8a\x80\x86\x80\x84\xa3\x01"
        b"\x11\x02\x0a\x83\x81\xea\x85part1\x00\x8epart1\x00Hi"
    ).replace(b"\x11\x02\x0a", bytes([18, 2, 10]))


def test_what_is_written_is_read_back_when_the_type_is_exchanged() -> None:
    media = [Medium("text/plain", "Grüße".encode(), "a.txt"), Medium("video/mp4", bytes(300), "v.mp4")]
    pdu = encode_send_request("T3", ["+447700900123"], media)
    read = decode_retrieved(b"\x8c\x84" + pdu[2:])
    assert [(m.content_type, m.octets, m.name) for m in read.media] == [
        ("text/plain", "Grüße".encode(), "a.txt"),
        ("video/mp4", bytes(300), "v.mp4"),
    ]

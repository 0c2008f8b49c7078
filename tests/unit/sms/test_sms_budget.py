"""Proves that the codec is no part of the cost of a POST: a text of one part within its budget."""

from __future__ import annotations

import timeit
from collections.abc import Callable

import pytest

from device_bridge.sms.segmentation import segment
from device_bridge.sms.submit import SubmitOptions, encode_parts
from device_bridge.sms.tpdu import decode_deliver, decode_submit

BUDGET_S = 60e-6
TEXT = "Your parcel is at the desk, open until 18:00. " * 3
DELIVER = bytes.fromhex("040A91542143658700006230419062354013C2F0780D4ABB41F4B21BD44EBBEBF4F21C")
SUBMIT = encode_parts(segment(TEXT), SubmitOptions("+4512345678", 0))[0]


def encode_text() -> object:
    return encode_parts(segment(TEXT), SubmitOptions("+4512345678", 0, validity_s=86_400))


def encode_cyrillic() -> object:
    return encode_parts(segment("Собрание жильцов во вторник: крыша"), SubmitOptions("+4512345678", 0))


@pytest.mark.parametrize(
    "work",
    [encode_text, encode_cyrillic, lambda: decode_deliver(DELIVER), lambda: decode_submit(SUBMIT)],
    ids=["encode GSM-7", "encode UCS-2", "decode DELIVER", "decode SUBMIT"],
)
def test_one_part_is_coded_within_60_microseconds(work: Callable[[], object]) -> None:
    # The best of several runs: what the code costs, not what else the machine does meanwhile.
    best_s = min(timeit.repeat(work, number=200, repeat=10)) / 200
    assert best_s <= BUDGET_S

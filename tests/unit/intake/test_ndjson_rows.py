"""NDJSON becomes recipients line by line; a wrong line is a problem of its own."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.intake.ndjson_rows import NdjsonReader, RecipientRow
from gateway.intake.rows import LIMITS, IntakeRefused, Limits, RowProblem


def read(octets: bytes, limits: Limits = LIMITS) -> list[RecipientRow | RowProblem]:
    reader = NdjsonReader(limits)
    return reader.feed(octets) + reader.end()


def test_a_line_is_a_recipient_with_its_own_data() -> None:
    octets = (
        '\ufeff{"to":"+447700900123","data":{"name":"Zoë"},"reference":"r1","language":"pt-BR"}\r\n'
        '\n{"to":"+447700900124"}'
    ).encode()
    assert read(octets) == [
        RecipientRow(1, "+447700900123", {"name": "Zoë"}, "r1", "pt-BR"),
        RecipientRow(3, "+447700900124", {}),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"to":"+447700900123","name":"Ann"}', '"name" is not known'),
        ('{"data":{}}', '"to" is missing'),
        ('{"to":447700900123}', '"to" must be text'),
        ('{"to":""}', '"to" must not be empty'),
        ('{"to":"+447700900123","data":{"n":1}}', '"data.n" must be text'),
        ('{"to":"+447700900123","data":[]}', '"data" must be an object'),
        ('{"to":"+447700900123","data":{"n":"\\u0000"}}', "NUL"),
        ('{"to":"+447700900123","data":{"n":"\\ud800"}}', "not JSON"),
        ('{"to":"+447700900123","language":"english please"}', "BCP 47"),
        ('{"to":"+447700900123"', "not JSON"),
        ("[]", "one JSON object"),
        ("+447700900123,Ann", "not JSON"),
        ("[" * 10_000, "not JSON"),
    ],
)
def test_API_1_a_line_that_does_not_fit_is_a_problem_and_the_next_is_read(line: str, says: str) -> None:
    problem, good = read(f'{line}\n{{"to":"+447700900124"}}\n'.encode())
    assert isinstance(problem, RowProblem)
    assert problem.number == 1
    assert says in problem.detail
    assert good == RecipientRow(2, "+447700900124", {})


def test_octets_that_are_no_utf_8_are_a_problem_of_their_line() -> None:
    problem, good = read(b'{"to":"+44\xe9"}\n{"to":"+447700900124"}\n')
    assert isinstance(problem, RowProblem)
    assert isinstance(good, RecipientRow)


def test_API_3_a_line_over_64_KiB_is_a_problem_and_costs_no_memory() -> None:
    reader = NdjsonReader()
    tracemalloc.start()
    try:
        rows = [row for _ in range(400) for row in reader.feed(b"x" * 16_384)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    rows += reader.feed(b'\n{"to":"+447700900124"}\n') + reader.end()
    assert peak < 1024 * 1024
    assert [type(row) for row in rows] == [RowProblem, RecipientRow]
    assert "64 KiB" in str(rows[0])


def test_API_3_lines_and_octets_of_a_file_are_bounded() -> None:
    line = b'{"to":"+447700900124"}\n'
    assert len(read(line * 3, Limits(rows=3))) == 3
    with pytest.raises(IntakeRefused) as refused:
        read(line * 4, Limits(rows=3))
    assert (refused.value.code, refused.value.row) == ("csv_invalid", 4)
    with pytest.raises(IntakeRefused) as refused:
        read(line * 4, Limits(file_octets=80))
    assert refused.value.code == "body_too_large"


@pytest.mark.parametrize("octets", [b"PK\x03\x04\x14\x00\x06\x00", '{"to":"1"}'.encode("utf-16")])
def test_attack_row_22_what_is_no_ndjson_is_refused_whole(octets: bytes) -> None:
    with pytest.raises(IntakeRefused) as refused:
        read(octets)
    assert refused.value.code == "csv_invalid"


LINES = st.one_of(
    st.binary(max_size=60),
    st.fixed_dictionaries(
        {"to": st.text(max_size=20)}, optional={"data": st.dictionaries(st.text(), st.text())}
    ).map(lambda line: json.dumps(line).encode()),
)


@given(st.lists(LINES, max_size=6), st.integers(1, 40))
def test_any_octets_in_any_cuts_give_the_same_recipients_problems_or_refusal(
    lines: list[bytes], size: int
) -> None:
    octets = b"\n".join(lines)

    def outcome(chunks: list[bytes]) -> object:
        reader = NdjsonReader(Limits(row_octets=50, rows=5))
        rows: list[RecipientRow | RowProblem] = []
        try:
            for chunk in chunks:
                rows += reader.feed(chunk)
            return rows + reader.end()
        except IntakeRefused as refused:
            return refused.detail

    assert outcome([octets[i : i + size] for i in range(0, len(octets), size)]) == outcome([octets])

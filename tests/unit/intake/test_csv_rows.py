"""A CSV stream becomes rows, whatever its encoding, separator and cuts; what is wrong is named by row and column."""

from __future__ import annotations

import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.intake.csv_rows import BLOCK_OCTETS, CsvReader
from gateway.intake.export import BOM, csv_line
from gateway.intake.rows import LIMITS, IntakeRefused, Limits, Row, RowProblem

PEOPLE = "to,name\r\n+447700900123,Ann\r\n+447700900124,Zoë\r\n"


def read(octets: bytes, limits: Limits = LIMITS, **said: str) -> list[Row | RowProblem]:
    reader = CsvReader(limits, **said)  # type: ignore[arg-type]
    return reader.feed(octets) + reader.end()


def values(octets: bytes) -> list[list[str]]:
    rows = read(octets)
    assert all(isinstance(row, Row) for row in rows), rows
    return [list(row.values.values()) for row in rows if isinstance(row, Row)]


def refusal(octets: bytes, limits: Limits = LIMITS) -> IntakeRefused:
    with pytest.raises(IntakeRefused) as refused:
        read(octets, limits)
    return refused.value


# ------------------------------------------------------------------ encodings and separators


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("cp1252", "windows-1252"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_API_3_every_encoding_and_separator_of_spreadsheets_gives_the_same_rows(
    codec: str, name: str, delimiter: str
) -> None:
    octets = PEOPLE.replace(",", delimiter).encode(codec)
    reader = CsvReader()
    rows = reader.feed(octets) + reader.end()
    assert rows == [
        Row(1, {"to": "+447700900123", "name": "Ann"}),
        Row(2, {"to": "+447700900124", "name": "Zoë"}),
    ]
    assert reader.shape is not None
    assert (reader.shape.encoding, reader.shape.delimiter) == (name, delimiter)
    assert (reader.shape.columns, reader.shape.number_column) == (("to", "name"), "to")


def test_utf_16_of_the_other_end_is_read_by_its_mark() -> None:
    assert values(b"\xfe\xff" + PEOPLE.encode("utf-16-be")) == values(PEOPLE.encode())


def test_the_first_umlaut_of_a_windows_file_counts_even_far_from_its_beginning() -> None:
    many = b"to,name\n" + b"+447700900123,Ann\n" * 10_000 + "+447700900124,Zoë\n".encode("cp1252")
    assert len(many) > 2 * BLOCK_OCTETS
    assert values(many)[-1] == ["+447700900124", "Zoë"]


def test_one_damaged_letter_does_not_turn_a_utf_8_file_into_another_encoding() -> None:
    octets = "to,name\n+447700900123,Zoë Müller\n+447700900124,".encode() + b"Jos\xe9\n+447700900125,Ann\n"
    first, second, third = read(octets)
    assert first == Row(1, {"to": "+447700900123", "name": "Zoë Müller"})
    assert isinstance(second, RowProblem)
    assert (second.number, second.column) == (2, 2)
    assert "UTF-8" in second.detail
    assert third == Row(3, {"to": "+447700900125", "name": "Ann"})


def test_what_is_said_beats_what_is_guessed() -> None:
    octets = b"to,name;text\n+447700900123,\xc3\xa9;b\n"
    assert read(octets, encoding="windows-1252", delimiter=";") == [
        Row(1, {"to,name": "+447700900123,Ã©", "text": "b"})
    ]


def test_excels_own_line_names_the_separator_and_is_no_row() -> None:
    assert values(b"sep=|\r\nto|a,b\r\n1|2,3\r\n") == [["1", "2,3"]]
    assert (
        len(read(b"sep=;\r\n" * 30_000)) == 29_998
    )  # the second names a column, and none costs a stack frame


def test_text_with_commas_does_not_make_a_semicolon_file_a_comma_file() -> None:
    octets = b"to;text\n+447700900123;Dear Ann, hello, and welcome\n+447700900124;Dear Bob, bye\n"
    assert values(octets) == [
        ["+447700900123", "Dear Ann, hello, and welcome"],
        ["+447700900124", "Dear Bob, bye"],
    ]


# ------------------------------------------------------------------ records


def test_quoted_cells_hold_separators_quotes_and_line_ends() -> None:
    octets = b'to,text\r\n1,"a, ""b""\r\nc\nd\re"\r\n2,5" pipe\r\n'
    assert values(octets) == [["1", 'a, "b"\r\nc\nd\re'], ["2", '5" pipe']]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_any_line_end_ends_a_row_and_the_last_needs_none(line_end: str) -> None:
    assert values(line_end.join(["a,b", "1,2", "3,4"]).encode()) == [["1", "2"], ["3", "4"]]


def test_blank_rows_are_left_out_and_still_counted_so_that_numbers_match_the_spreadsheet() -> None:
    assert read(b"\n\na,b\n1,2\n\n,\n3,4\n,,,,\n") == [
        Row(1, {"a": "1", "b": "2"}),
        Row(4, {"a": "3", "b": "4"}),
    ]


def test_a_row_of_another_width_is_a_problem_and_reading_goes_on() -> None:
    short, long, good, empty_beyond = read(b"a,b,c\n1,2\n1,2,3,4\n1,2,3\n1,2,3,,\n")
    assert isinstance(short, RowProblem)
    assert (short.number, short.column, short.fields) == (1, 3, ("1", "2"))
    assert '"c"' in short.detail
    assert isinstance(long, RowProblem)
    assert (long.number, long.column, long.fields) == (2, 4, ("1", "2", "3", "4"))
    assert good == Row(3, {"a": "1", "b": "2", "c": "3"})
    assert empty_beyond == Row(4, {"a": "1", "b": "2", "c": "3"})


def test_a_cell_over_ten_thousand_characters_is_a_problem_of_its_row() -> None:
    rows = read(b"a,b\n1," + b"x" * 10_001 + b"\n1," + b"x" * 10_000 + b"\n")
    assert isinstance(rows[0], RowProblem)
    assert (rows[0].number, rows[0].column) == (1, 2)
    assert isinstance(rows[1], Row)


# ------------------------------------------------------------------ attack list, row 22


@pytest.mark.parametrize(
    ("octets", "row", "column", "says"),
    [
        (b"", 0, None, "empty"),
        (b"\n\r\n  \n", 0, None, "empty"),
        (b" , \n1,2\n", 0, None, "blank"),
        (b"a,b\n1,2\n3,x\0y\n", 2, 2, "NUL"),
        (b"a\0,b\n1,2\n", 0, 1, "cannot be read"),
        ("a,b\n1,2\n".encode("utf-16-le"), 0, 1, "UTF-8"),
        (b'a,b\n1,2\n3,"open\n5,6\n', 2, 2, "never closes"),
        (b'a,b\n1,2\n3,"' + b"x\n" * 40_000, 2, 2, "64 KiB"),
        (b"a,b\n1," + b"x" * 10_000_000 + b"\n", 1, 2, "64 KiB"),
        (b"a,b\n1,2\n" + b"x," * 1_000_000 + b"\n", 2, 1, "64 KiB"),
        (b"a," * 1_000_000 + b"\n1\n", 0, 1, "64 KiB"),
        (b",".join(b"c%d" % i for i in range(201)) + b"\n1\n", 0, None, "201 columns"),
        (b"+447700900123,Ann\n+447700900124,Bob\n", 0, 1, "first row must name"),
        (b"to,name,to\n1,2,3\n", 0, 3, "already names column 1"),
        (b"to,,name\n1,2,3\n", 0, 2, "no name"),
        (b"to," + b"n" * 101 + b"\n1,2\n", 0, 2, "101 characters"),
        (b"PK\x03\x04" + b"\0" * 60, None, None, "ZIP"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", None, None, ".xls"),
        (b"\x1f\x8b\x08", None, None, "gzip"),
    ],
)  # fmt: skip
def test_attack_row_22_a_hostile_file_is_refused_by_row_and_column(
    octets: bytes, row: int | None, column: int | None, says: str
) -> None:
    refused = refusal(octets)
    assert (refused.code, refused.row, refused.column) == ("csv_invalid", row, column)
    assert says in refused.detail
    if row:
        assert refused.detail.startswith(f"Row {row}, ")
    if column:
        assert f"olumn {column}: " in refused.detail


def test_API_3_rows_and_octets_of_a_file_are_bounded() -> None:
    limits = Limits(rows=3, file_octets=200_000)
    assert len(read(b"a\n1\n2\n3\n\n\n", limits)) == 3
    refused = refusal(b"a\n1\n2\n3\n4\n", limits)
    assert (refused.code, refused.row) == ("csv_invalid", 4)
    refused = refusal(b"a\n" + b"\n" * 200_000, limits)
    assert refused.code == "body_too_large"


def test_API_3_a_hundred_thousand_rows_are_never_in_memory() -> None:
    reader = CsvReader()
    line = b'+447700900123,"Zo\xc3\xab, of 5B",' + b"x" * 200 + b"\n"
    reader.feed(b"to,name,text\n" + line * 1000)
    tracemalloc.start()
    try:
        rows = sum(len(reader.feed(line * 60)) for _ in range(500)) + len(reader.end())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows > 30_000
    assert peak < 2 * 1024 * 1024


def test_a_line_that_never_ends_costs_no_more_than_its_limit() -> None:
    reader = CsvReader()
    reader.feed(b"a,b\n")
    assert reader.feed(b"x" * (BLOCK_OCTETS - 4)) == []
    with pytest.raises(IntakeRefused):
        reader.feed(b"x" * 64 * 1024)


# ------------------------------------------------------------------ properties


def outcome(chunks: list[bytes]) -> object:
    """All that a stream gives: its rows, or the refusal alone."""
    reader = CsvReader(Limits(row_octets=2_000, field_characters=500))
    rows: list[Row | RowProblem] = []
    try:
        for chunk in chunks:
            rows += reader.feed(chunk)
        rows += reader.end()
    except IntakeRefused as refused:
        return (refused.code, refused.row, refused.column, refused.detail)
    return rows, reader.shape


FILES = st.one_of(
    st.binary(max_size=300),
    st.text(alphabet='a1",;\t|\r\n\0 é\ufffd=', max_size=300).map(lambda text: text.encode()),
    st.text(alphabet='a1",;\r\né', max_size=200).map(lambda text: ("to,b\n" + text).encode("cp1252")),
    st.text(alphabet='a1",;\r\né€', max_size=200).map(lambda text: ("to;b\n" + text).encode("utf-16")),
)


@given(FILES, st.lists(st.integers(0, 300), max_size=5))
def test_any_octets_in_any_cuts_give_the_same_rows_problems_or_refusal(
    octets: bytes, cuts: list[int]
) -> None:
    places = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]
    chunks = [octets[a:b] for a, b in itertools.pairwise(places)]
    whole = outcome([octets])
    assert outcome(chunks) == whole
    assert outcome([octets[i : i + 1] for i in range(len(octets))]) == whole


@pytest.mark.parametrize("size", [1, 7, BLOCK_OCTETS - 1, BLOCK_OCTETS, BLOCK_OCTETS + 1, 200_000])
def test_cuts_change_nothing_across_the_blocks_of_a_long_stream(size: int) -> None:
    lines = [f'+4477{i:08},"Zoë ""{i}"",\r\n{"€" * (i % 50)}",{i}\r\n' for i in range(4_000)]
    octets = ("to,text,n\r\n" + "".join(lines)).encode()
    assert len(octets) > 4 * BLOCK_OCTETS
    reader = CsvReader()
    rows: list[Row | RowProblem] = []
    for start in range(0, len(octets), size):
        rows += reader.feed(octets[start : start + size])
    rows += reader.end()
    assert rows == [
        Row(i + 1, {"to": f"+4477{i:08}", "text": f'Zoë "{i}",\r\n{"€" * (i % 50)}', "n": str(i)})
        for i in range(4_000)
    ]


CELLS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffd"), max_size=20)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3).filter(any), max_size=8))
def test_PRV_4_what_is_exported_is_read_back_cell_by_cell_apart_from_the_guard(
    table: list[list[str]],
) -> None:
    octets = BOM + csv_line(["a", "b", "c"]) + b"".join(map(csv_line, table))
    back = values(octets)
    assert len(back) == len(table)
    for written, read_back in zip(table, back, strict=True):
        for cell, cell_back in zip(written, read_back, strict=True):
            assert cell_back in (cell, "'" + cell)
            assert (cell_back == cell) or cell[0] in "=+-@\t\r\n＝＋－＠"

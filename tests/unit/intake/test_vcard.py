"""An address book becomes contacts; a damaged card never costs the others, and no card costs much time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.intake.rows import IntakeRefused, RowProblem
from gateway.intake.vcard import CARDS, FILE_OCTETS, ContactRow, read_vcards

PHONE_2_1 = """\
BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=
=B6rg;;;
FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg M=C3=BCller
TEL;HOME;VOICE:030 1234567
TEL;CELL;PREF:+49 171 1234567
TEL;FAX:030 1234568
PHOTO;ENCODING=BASE64;JPEG:/9j/4AAQSkZJRgABAQ
AAAABBB

END:VCARD
"""

APPLE_3_0 = """\
BEGIN:VCARD
VERSION:3.0
N:Doe;Ann;;Dr.;
FN:Ann\\, "Doe"
item1.TEL;type=pref;type=HOME:0201 1234567
TEL;type=CELL;type=VOICE:+44 7700
  900123
EMAIL;type=INTERNET:ann@example.org
CATEGORIES:5B,Parents\\, all
NOTE:TEL:+1 is not a line
END:VCARD
"""

GOOGLE_4_0 = """\
BEGIN:VCARD
VERSION:4.0
N:Zed;Zoe;;;
TEL;VALUE=uri;PREF=1;TYPE="voice,home":tel:+44-20-7946-0000;ext=5
TEL;VALUE=uri;TYPE=cell:tel:+44-7700-900124
LANG:pt-BR
EMAIL:mailto:zoe@example.org
END:VCARD
"""


def read(text: str, codec: str = "utf-8") -> list[ContactRow | RowProblem]:
    return list(read_vcards(text.encode(codec)))


def test_a_card_of_2_1_is_read_with_its_quoted_printable_and_bare_types() -> None:
    assert read(PHONE_2_1) == [ContactRow(1, "Jörg Müller", ("+49 171 1234567", "030 1234567"))]


def test_a_card_of_3_0_is_read_with_groups_escapes_and_folded_lines() -> None:
    assert read(APPLE_3_0.replace("\n", "\r\n")) == [
        ContactRow(
            1,
            'Ann, "Doe"',
            ("+44 7700 900123", "0201 1234567"),
            "ann@example.org",
            None,
            ("5B", "Parents, all"),
        )
    ]


def test_a_card_of_4_0_is_read_with_its_uris_and_language() -> None:
    assert read(GOOGLE_4_0) == [
        ContactRow(1, "Zoe Zed", ("+44-7700-900124", "+44-20-7946-0000"), "zoe@example.org", "pt-BR")
    ]


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "cp1252"])
def test_an_address_book_is_read_in_the_encodings_that_programs_write(codec: str) -> None:
    card = "BEGIN:VCARD\nVERSION:3.0\nFN:Zoë\nTEL:+447700900123\nEND:VCARD\n"
    assert read(card, codec) == [ContactRow(1, "Zoë", ("+447700900123",))]


def test_the_mobile_stands_first_then_the_preferred_and_never_a_fax() -> None:
    tels = "TEL;TYPE=home:1\nTEL;TYPE=work,pref:2\nTEL;TYPE=cell:3\nTEL;TYPE=cell,pref:4\nTEL;TYPE=fax,cell:5\nTEL:3\n"
    (contact,) = read(f"BEGIN:VCARD\nVERSION:3.0\nFN:A\n{tels}END:VCARD\n")
    assert isinstance(contact, ContactRow)
    assert contact.numbers == ("4", "3", "2", "1")


def test_a_card_that_stands_for_a_group_is_no_contact() -> None:
    assert read("BEGIN:VCARD\nVERSION:4.0\nKIND:group\nFN:5B\nEND:VCARD\n" + GOOGLE_4_0)[0].number == 2


@pytest.mark.parametrize(
    ("damaged", "says"),
    [
        ("BEGIN:VCARD\nVERSION:3.0\nFN:cut\nTEL:1\n", "END:VCARD"),
        ("BEGIN:VCARD\nVERSION:3.0\nFN:A\nTEL;=1:1\nEND:VCARD\n", "not of the form"),
        ("BEGIN:VCARD\nVERSION:3.0\nTEL without colon\nEND:VCARD\n", "not of the form"),
        (
            "BEGIN:VCARD\nVERSION:2.1\nTEL:1\nFN;ENCODING=QUOTED-PRINTABLE;CHARSET=klingon:=41\nEND:VCARD\n",
            "cannot be",
        ),
        ("BEGIN:VCARD\nVERSION:2.1\nTEL:1\nFN;ENCODING=QUOTED-PRINTABLE:=C3\nEND:VCARD\n", "cannot be read"),
        ("BEGIN:VCARD\nVERSION:3.0\nFN:Nobody\nEND:VCARD\n", "neither"),
        ("BEGIN:VCARD\nVERSION:3.0\nTEL:1\nFN:" + "x" * 10_001 + "\nEND:VCARD\n", "10000 characters"),
        ("BEGIN:VCARD\nVERSION:3.0\n" + "TEL:1\n" * 600 + "END:VCARD\n", "500 lines"),
    ],
)
def test_a_damaged_card_is_a_problem_and_the_next_is_read(damaged: str, says: str) -> None:
    problem, good = read(damaged + GOOGLE_4_0)
    assert isinstance(problem, RowProblem)
    assert problem.number == 1
    assert says in problem.detail
    assert isinstance(good, ContactRow)
    assert (good.number, good.name) == (2, "Zoe Zed")


@pytest.mark.parametrize("octets", [b"", b"name,tel\nAnn,1\n", b"PK\x03\x04", b"x" * (FILE_OCTETS + 1)])
def test_attack_row_22_what_is_no_address_book_is_refused(octets: bytes) -> None:
    with pytest.raises(IntakeRefused):
        list(read_vcards(octets))


def test_no_more_than_ten_thousand_cards_are_read() -> None:
    contacts = read_vcards(b"BEGIN:VCARD\nEND:VCARD\n" * (CARDS + 1))
    with pytest.raises(IntakeRefused) as refused:
        for _ in contacts:
            pass
    assert refused.value.row == CARDS + 1


@pytest.mark.parametrize(
    "line",
    ["TEL;A" + "=a" * 400, "TEL;A=" + "," * 400, 'TEL;A="a"' + "=," * 400, "TEL" + ";A=a,b" * 400 + '"',
     "TEL;A=" + '"",' * 400 + "x", "TEL;A=a:" + "\\" * 400],
)  # fmt: skip
def test_a_line_made_to_exhaust_the_librarys_expressions_costs_nothing(line: str) -> None:
    # One line of forty characters holds the library for minutes: it never gets to see one that is not well-formed.
    began = time.process_time()
    read(f"BEGIN:VCARD\nVERSION:3.0\nFN:A\n{line}\nEND:VCARD\n" * 20)
    assert time.process_time() - began < 1


@given(st.text(alphabet='TEL;:=",a.\\\n \t=4F', max_size=200))
def test_any_text_in_a_card_gives_a_contact_or_a_problem_and_no_more(text: str) -> None:
    began = time.process_time()
    rows = read(f"BEGIN:VCARD\nVERSION:3.0\n{text}\nEND:VCARD\n")
    assert {type(row) for row in rows} <= {ContactRow, RowProblem}
    assert time.process_time() - began < 1


@given(st.binary(max_size=300))
def test_any_octets_give_contacts_problems_or_a_refusal(octets: bytes) -> None:
    try:
        rows = list(read_vcards(b"BEGIN:VCARD\n" + octets))
    except IntakeRefused:
        return
    assert {type(row) for row in rows} <= {ContactRow, RowProblem}

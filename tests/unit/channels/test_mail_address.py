"""Which e-mail addresses a letter may go to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.address import is_reserved, mail_address


def test_an_address_keeps_its_first_part_and_gets_its_host_in_ascii_and_lower_case() -> None:
    assert mail_address("Ann.B+school@Example.ORG") == "Ann.B+school@example.org"
    assert mail_address("ann@Bücher.example") == "ann@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "written",
    ["", "ann", "@example.org", "ann@", "ann@host", "ann@1.2.3.4", "ann@[127.0.0.1]", "Ann <ann@example.org>",
     "ann@example.org, eve@example.net", "ann@example.org\r\nRCPT TO:<eve@example.net>", "a b@example.org",
     '"a b"@example.org', "ann..b@example.org", ".ann@example.org", "ann@-x.org", "ann@exa mple.org",
     "ännchen@example.org", f"{'a' * 65}@example.org", f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 63}.org",
     "ann@example.org>", "ann\x00@example.org", "=?utf-8?q?ann=0A?=@example.org"],
)  # fmt: skip
def test_what_is_not_exactly_one_mailbox_is_refused_with_what_to_write(written: str) -> None:
    with pytest.raises(ValueError, match=r"ann@example\.org"):
        mail_address(written)


@given(st.text() | st.from_regex(r"[=?qa]{1,9}@example\.org", fullmatch=True))
def test_whatever_is_written_an_address_has_one_at_and_nothing_that_a_command_or_header_obeys(
    text: str,
) -> None:
    try:
        address = mail_address(text)
    except ValueError:
        return
    assert address.count("@") == 1
    assert address.isascii()
    assert not set(address) & set(' <>,;:"\\\r\n\x00')
    assert "=?" not in address


def test_addresses_that_reach_nobody_are_known() -> None:
    assert all(
        is_reserved(a) for a in ("a@example.org", "a@mail.example.com", "a@school.test", "a@x.invalid")
    )
    assert not any(is_reserved(a) for a in ("a@example.de", "a@notexample.org", "a@test.org"))

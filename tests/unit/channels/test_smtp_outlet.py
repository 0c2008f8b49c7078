"""The channel email against a real SMTP server that refuses, goes silent or hangs up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import compat32
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.letter import TAKEN_BACK, Letter, NotAccepted, Outcome, Sent, Unknown
from gateway.channels.smtp import SmtpOutlet, SmtpSettings, octets_of
from tests.peers.authority import authority
from tests.peers.mail_peer import PASSWORD, USER, Mail, MailPeer, mail_server

LETTER = Letter(
    id="01935f0c-0000-7000-8000-000000000001",
    notification_id="01935f0c-0000-7000-8000-000000000000",
    to="ann@example.org",
    subject="Parents’ evening",
    body="It moved to 18:30.\n.\nBring Ann’s book — ☕\n",
    html=None,
    at_ms=1_795_000_000_000,
)
SETTINGS = SmtpSettings("127.0.0.1", 1, "office@school.example", tls="none", timeout_s=5.0)


async def yes() -> bool:
    return True


async def sent(peer: MailPeer, letter: Letter = LETTER, **settings: Any) -> Outcome:
    return await SmtpOutlet(replace(SETTINGS, port=peer.port, **settings)).send(letter, yes)


def lines_of(message: Any) -> str:
    """The text with the line ends that mail has taken off again (RFC 5322 §2.3)."""
    return str(message.get_content()).replace("\r\n", "\n")


async def test_a_letter_arrives_word_for_word_with_who_wrote_and_where_answers_go() -> None:
    async with mail_server(MailPeer()) as peer:
        outcome = await sent(peer, sender_name='The "Office" \\ Ünit', reply_to="head@school.example")
    assert outcome == Sent()
    (mail,) = peer.got
    assert (mail.sender, mail.recipients) == ("office@school.example", ["ann@example.org"])
    message = mail.message
    assert message["Subject"] == "Parents’ evening"
    assert message["From"].addresses[0].display_name == "The Office Ünit"
    assert message["From"].addresses[0].addr_spec == "office@school.example"
    assert message["To"] == "ann@example.org"
    assert message["Reply-To"] == "head@school.example"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.timestamp() == 1_795_000_000
    assert lines_of(message) == LETTER.body
    assert mail.octets.isascii()


async def test_html_comes_beside_the_plain_text() -> None:
    async with mail_server(MailPeer()) as peer:
        await sent(peer, replace(LETTER, html="<p>It moved to <b>18:30</b>.</p>"))
    message = peer.got[0].message
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    assert message.get_content_type() == "multipart/alternative"
    assert plain is not None
    assert lines_of(plain) == LETTER.body
    assert rich is not None
    assert "<b>18:30</b>" in rich.get_content()


async def test_the_message_id_is_that_of_the_attempt_so_a_second_copy_can_be_recognised() -> None:
    async with mail_server(MailPeer()) as peer:
        await sent(peer)
        await sent(peer, replace(LETTER, at_ms=LETTER.at_ms + 60_000))
    first, second = (mail.message["Message-ID"] for mail in peer.got)
    assert first == second == f"<{LETTER.id}@school.example>"


HOSTILE = (
    "=?utf-8?q?Bob=0D=0AReply-To:_evil@x.org=0D=0A=0D=0APay_to_X?=",
    "=?utf-8?b?Qm9iDQpCY2M6IGV2ZUBleGFtcGxlLm5ldA0KDQpmb3JnZWQ=?=",
    "=?a?q?=0A?=",
    "\r\nBcc: eve@example.net\r\n\r\nforged",
    "=?utf-8?q?",
    "?=",
    "é ",
)
hostile = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=60), max_size=6).map("".join)


def printed(text: str) -> str:
    """A text as a head can hold it: in one line, and of characters that can be seen."""
    return " ".join("".join(one for one in text if one.isprintable() or one.isspace()).split())


@given(hostile, hostile, hostile)
def test_whatever_a_subject_a_name_and_a_first_line_hold_they_arrive_as_written_and_become_no_header(
    subject: str, name: str, line: str
) -> None:
    settings = replace(SETTINGS, sender_name=name)
    body = f"{printed(line)}\nIt moved to 18:30."
    for letter in (replace(LETTER, subject=subject), replace(LETTER, subject=None, body=body)):
        octets = octets_of(letter, settings)
        head = octets.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ")
        names = [one.partition(b":")[0].lower() for one in head.split(b"\r\n")]
        assert sorted(names) == sorted(
            [b"from", b"to", b"subject", b"date", b"message-id", b"auto-submitted", b"content-type",
             b"content-transfer-encoding", b"mime-version"]
        )  # fmt: skip
        assert max(map(len, octets.split(b"\r\n"))) < 998
        message = Mail("", [], octets, over_tls=False, user=None).message
        assert lines_of(message).rstrip("\n") == letter.body.rstrip("\n")
        first = printed(line) if letter.subject is None else ""
        wanted = printed(letter.subject or "")[:200] or first[:78] or "It moved to 18:30."
        assert decoded(octets, "Subject") == wanted
        shown = printed(name.replace("\\", "").replace('"', ""))
        assert decoded(octets, "From").replace('"', "").rpartition(" <")[0] == shown


def decoded(octets: bytes, name: str) -> str:
    """A header as a reader of RFC 2047 has it, who decodes once."""
    raw = message_from_bytes(octets, policy=compat32)[name].replace("\r\n", "")
    return str(make_header(decode_header(raw)))


async def test_words_that_look_encoded_arrive_on_a_server_as_a_person_wrote_them() -> None:
    evil = HOSTILE[0]
    async with mail_server(MailPeer()) as peer:
        await sent(peer, replace(LETTER, subject=f"Invoice for {evil}"), sender_name=evil)
        await sent(peer, replace(LETTER, subject=None, body=f"{evil}\nhello"))
        await sent(peer, replace(LETTER, subject="SMS from =?a?q?=0A?="))
    first, second, third = (mail.message for mail in peer.got)
    assert first["Subject"] == f"Invoice for {evil}"
    assert decoded(peer.got[0].octets, "From") == f"{evil} <office@school.example>"
    assert first["Reply-To"] is None
    assert lines_of(first) == LETTER.body
    assert (second["Subject"], lines_of(second)) == (evil, f"{evil}\nhello\n")
    assert third["Subject"] == "SMS from =?a?q?=0A?="


@pytest.mark.parametrize(
    "broken",
    [{"to": "=?utf-8?q?ann=0A?=@example.org"}, {"to": "ann@example.org\nBcc: x"}, {"body": "\ud800"}],
)
async def test_a_letter_that_can_be_no_mail_is_refused_for_good_and_nobody_is_asked(
    broken: dict[str, str],
) -> None:
    async with mail_server(MailPeer()) as peer:
        outcome = await sent(peer, replace(LETTER, **broken))  # type: ignore[arg-type]  # the members are text
    assert isinstance(outcome, NotAccepted)
    assert outcome.permanent
    assert outcome.detail.startswith("the letter cannot be written as a mail: ")
    assert "\n" not in outcome.detail
    assert (peer.read, peer.got) == (0, [])


async def test_a_letter_without_subject_has_its_first_line_as_one() -> None:
    async with mail_server(MailPeer()) as peer:
        await sent(peer, replace(LETTER, subject=None, body="\n\nMoved to 18:30\nmore"))
    assert peer.got[0].message["Subject"] == "Moved to 18:30"


@pytest.mark.parametrize(
    ("step", "reply", "permanent"),
    [
        ("mail", "550 you may not send from here", True),
        ("mail", "451 not now", False),
        ("rcpt", "550 no such mailbox", True),
        ("rcpt", "450 greylisted, come back later", False),
        ("answer", "554 looks like spam", True),
        ("answer", "452 disk is full", False),
    ],
)
async def test_a_refusal_is_told_apart_from_not_now_at_every_step(
    step: str, reply: str, permanent: bool
) -> None:
    says: dict[str, Any] = {step: reply}
    async with mail_server(MailPeer(**says)) as peer:
        outcome = await sent(peer)
    assert isinstance(outcome, NotAccepted)
    assert (outcome.permanent, outcome.reply) == (permanent, reply[:3])
    assert reply[4:] in outcome.detail
    assert peer.got == []


async def test_a_server_that_is_not_there_or_hangs_up_early_can_be_tried_again() -> None:
    async with mail_server(MailPeer(hangs_up="rcpt")) as peer:
        outcome = await sent(peer)
        assert isinstance(outcome, NotAccepted)
        assert not outcome.permanent
    gone = await sent(peer)
    assert isinstance(gone, NotAccepted)
    assert not gone.permanent
    assert f"127.0.0.1:{peer.port}" in gone.detail


async def test_a_connection_that_breaks_after_the_text_leaves_doubt() -> None:
    async with mail_server(MailPeer(hangs_up="data")) as peer:
        outcome = await sent(peer)
    assert isinstance(outcome, Unknown)
    assert peer.read == 1


async def test_nothing_of_the_text_leaves_before_it_is_cleared_and_none_of_it_when_it_is_not() -> None:
    async with mail_server(MailPeer()) as peer:
        outlet = SmtpOutlet(replace(SETTINGS, port=peer.port))
        seen = []

        async def no() -> bool:
            seen.append(peer.read)
            return False

        assert await outlet.send(LETTER, no) is TAKEN_BACK
        assert await outlet.send(LETTER, yes) == Sent()
    assert seen == [0]
    assert peer.read == 1


async def test_what_clearing_raises_goes_through_and_nothing_is_sent() -> None:
    async def broken() -> bool:
        raise LookupError("the store is away")

    async with mail_server(MailPeer()) as peer:
        with pytest.raises(LookupError):
            await SmtpOutlet(replace(SETTINGS, port=peer.port)).send(LETTER, broken)
    assert peer.read == 0


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_the_letter_and_the_password_go_over_tls_when_it_is_asked_for(tls: str, tmp_path: Path) -> None:
    public, context = authority(tmp_path)
    signs_in: dict[str, Any] = {
        "user": USER.decode(), "password": PASSWORD.decode(), "ca_file": public, "tls": tls,
    }  # fmt: skip
    async with mail_server(MailPeer(), context, at_once=tls == "tls", auth=True) as peer:
        assert await sent(peer, **signs_in) == Sent()
        wrong = await sent(peer, **signs_in | {"password": "wrong"})
    assert (peer.got[0].over_tls, peer.got[0].user) == (True, USER)
    assert isinstance(wrong, NotAccepted)
    assert wrong.permanent
    assert "password of [email]" in wrong.detail
    assert "wrong" not in wrong.detail


async def test_a_server_without_tls_or_with_a_strange_certificate_gets_nothing(tmp_path: Path) -> None:
    async with mail_server(MailPeer()) as plain:
        outcome = await sent(plain, tls="starttls")
    assert isinstance(outcome, NotAccepted)
    _public, context = authority(tmp_path)
    for at_once in (False, True):
        async with mail_server(MailPeer(), context, at_once=at_once) as strange:
            refused = await sent(strange, tls="tls" if at_once else "starttls")
        assert isinstance(refused, NotAccepted)
        assert not refused.permanent
        assert "TLS" in refused.detail
        assert strange.got == []
    assert plain.got == []


async def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    over = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        over.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    outcome = await SmtpOutlet(replace(SETTINGS, port=port, timeout_s=0.2)).send(LETTER, yes)
    await over.wait()
    server.close()
    assert isinstance(outcome, NotAccepted)
    assert not outcome.permanent
    assert "no answer in time" in outcome.detail


def test_a_password_is_never_shown_with_the_settings() -> None:
    assert "hunter2" not in repr(replace(SETTINGS, user="a", password="hunter2"))

"""Owns the channel ``email``: one letter as a MIME message, handed to the configured mail server.

Refuses to say "not sent" of a letter whose text may have been taken, and to let a subject or address become a header:
the head is written here, because the library's own headers decode what a person wrote as an encoded word.
Source: RFC 5321 (SMTP), RFC 5322 and 2046 (the message), RFC 2047 (words of a head beyond ASCII), RFC 3834
(Auto-Submitted), RFC 3207 (STARTTLS).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from pathlib import Path
from typing import Literal

import aiosmtplib

from gateway.channels.address import mail_address
from gateway.channels.letter import (
    DETAIL_MAX,
    TAKEN_BACK,
    Cleared,
    Letter,
    NotAccepted,
    Outcome,
    Sent,
    Unknown,
)
from gateway.escape import escape

POLICY = SMTP_POLICY.clone(cte_type="7bit")
"""Seven bits: a server without 8BITMIME takes it as it is, so nothing depends on what it offers."""

SUBJECT_MAX = 200
LINE_MAX = 78
"""RFC 5322 §2.1.1; a subject that is made from the text is no longer either."""
QUIT_S = 2.0
"""The letter is decided by then; a server that does not say goodbye is not waited for."""


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """The mail server and who writes. ``tls``: starttls, tls from the first octet, or none. ``timeout_s`` per answer.

    ``ca_file``: PEM certificates trusted beside the system's.
    """

    host: str
    port: int
    sender: str
    sender_name: str | None = None
    reply_to: str | None = None
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_s: float = 30.0
    ca_file: Path | None = None


class SmtpOutlet:
    """Hands letters to one mail server, one connection each."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._trust = ssl.create_default_context()
        if settings.ca_file is not None:
            self._trust.load_verify_locations(cafile=settings.ca_file)

    async def send(self, letter: Letter, cleared: Cleared) -> Outcome:
        """Hand over one letter; ``cleared`` is awaited after the server has taken sender and recipient."""
        try:
            octets = octets_of(letter, self._settings)
        except (ValueError, MessageError) as error:
            # Its own words are at fault: they would be at every try.
            return NotAccepted(
                f"the letter cannot be written as a mail: {error}"[:DETAIL_MAX], permanent=True
            )
        client = self._client()
        try:
            refusal = await self._envelope(client, letter.to)
            if refusal is not None:
                return refusal
            if not await cleared():
                return TAKEN_BACK
            return await _text(client, octets)
        finally:
            await _goodbye(client)

    def _client(self) -> aiosmtplib.SMTP:
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.user,
            password=settings.password,
            # The library would ask the resolver for it, without a limit of time.
            local_hostname=socket.gethostname(),
            timeout=settings.timeout_s,
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
            tls_context=None if settings.tls == "none" else self._trust,
        )

    async def _envelope(self, client: aiosmtplib.SMTP, to: str) -> NotAccepted | None:
        """Connect and name sender and recipient; nothing of the text has left when this refuses."""
        where = f"the mail server {self._settings.host}:{self._settings.port}"
        try:
            await client.connect()
            await client.mail(self._settings.sender)
            await client.rcpt(to)
        except aiosmtplib.SMTPAuthenticationError as error:
            return _refused(f"{where} refuses user or password: set user and password of [email]", error)
        except aiosmtplib.SMTPResponseException as error:
            return _refused(f"{where} refuses it", error)
        except aiosmtplib.SMTPNotSupported as error:
            detail = f"{where} does not offer what tls, user or password of [email] need: {error.message}"
            return NotAccepted(detail, permanent=True)
        except ssl.SSLError as error:
            return NotAccepted(f"TLS with {where} fails: {error.reason or 'not trusted'}", permanent=False)
        except (aiosmtplib.SMTPException, OSError) as error:
            return NotAccepted(f"{where} cannot be reached: {_cause(error)}", permanent=False)
        return None


async def _text(client: aiosmtplib.SMTP, octets: bytes) -> Outcome:
    try:
        await client.data(octets)
    except aiosmtplib.SMTPDataError as error:
        return _refused("the mail server refuses the text", error)
    except (aiosmtplib.SMTPException, OSError) as error:
        # It may have been stored and only the answer got lost (RFC 5321 §4.2.5 and RFC 1047).
        return Unknown(f"the mail server did not say whether it took the text: {_cause(error)}")
    return Sent()


async def _goodbye(client: aiosmtplib.SMTP) -> None:
    if client.is_connected:
        with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            async with asyncio.timeout(QUIT_S):
                await client.quit()
    client.close()


def _refused(what: str, error: aiosmtplib.SMTPResponseException) -> NotAccepted:
    """Tell 5yz (it will be refused again) from 4yz (not now); the words are the server's own."""
    said = escape(" ".join(error.message.split())[:DETAIL_MAX])
    return NotAccepted(f"{what}: {error.code} {said}", error.code >= 500, str(error.code))


def _cause(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    if isinstance(cause, ssl.SSLError):
        return f"TLS fails, {cause.reason or 'not trusted'}"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return "the connection broke"


# ------------------------------------------------------------------ the message


def octets_of(letter: Letter, settings: SmtpSettings) -> bytes:
    """Write a letter as a message; its Message-ID is that of the attempt, so a second copy can be recognised.

    Raises:
        ValueError, email.errors.MessageError: it can be none.
    """
    head = {"From": _mailbox(settings.sender, settings.sender_name), "To": _address(letter.to)}
    if settings.reply_to is not None:
        head["Reply-To"] = settings.reply_to
    head |= {
        "Subject": _encoded("Subject", _subject(letter)),
        "Date": format_datetime(datetime.fromtimestamp(letter.at_ms / 1000, UTC)),
        "Message-ID": f"<{letter.id}@{settings.sender.rpartition('@')[2]}>",
        "Auto-Submitted": "auto-generated",
    }
    written = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    content = EmailMessage(policy=POLICY)
    content.set_content(letter.body)
    if letter.html is not None:
        content.add_alternative(letter.html, subtype="html")
    return written.encode("ascii") + content.as_bytes()


def _address(to: str) -> str:
    try:
        return mail_address(to)
    except ValueError as error:
        raise ValueError(f"the address {error}") from None


def _mailbox(address: str, name: str | None) -> str:
    shown = one_line((name or "").replace("\\", "").replace('"', ""))
    if not shown:
        return address
    encoded = _encoded("From", shown)
    return f'"{shown}" <{address}>' if encoded == shown else f"{encoded} <{address}>"


def _subject(letter: Letter) -> str:
    subject = one_line(letter.subject or "")
    lines = (one_line(line) for line in letter.body.splitlines())
    return subject[:SUBJECT_MAX] or next((line for line in lines if line), "")[:LINE_MAX]


def _encoded(name: str, text: str) -> str:
    """Write the words of a header so that a reader decodes exactly them, also where they look like encoded words."""
    if text.isascii() and "=?" not in text and len(f"{name}: {text}") <= LINE_MAX:
        return text
    return Header(text, "utf-8", header_name=name).encode(linesep="\r\n")


def one_line(text: str) -> str:
    """Join the lines of a text and drop what a header must not hold."""
    shown = (character for character in text if character.isprintable() or character.isspace())
    return " ".join("".join(shown).split())

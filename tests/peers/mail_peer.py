"""Owns a mail server for tests: aiosmtpd in this process, which can refuse, go silent or hang up at every step.

Knows nothing of the gateway; what it accepted stands in ``got``, read by the standard library's own parser.
Source: RFC 5321; https://aiosmtpd.aio-libs.org.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = b"gateway", b"a pass word"


@dataclass(frozen=True)
class Mail:
    """One letter as it was accepted."""

    sender: str
    recipients: list[str]
    octets: bytes
    over_tls: bool
    user: bytes | None

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.octets, policy=policy.default)


@dataclass
class MailPeer:
    """Answers as it is told. ``hangs_up``: the step at which the connection is cut, after the text was read."""

    mail: str = "250 OK"
    rcpt: str = "250 OK"
    answer: str = "250 stored"
    hangs_up: Literal["rcpt", "data"] | None = None
    got: list[Mail] = field(default_factory=list)
    read: int = 0
    """Texts that came in whole, accepted or not."""
    came: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.mail.startswith("2"):
            envelope.mail_from = address
        return self.mail

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.hangs_up == "rcpt":
            server.transport.abort()
        if self.rcpt.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.read += 1
        if self.answer.startswith("2"):
            user = session.auth_data if session.authenticated else None
            over_tls = server.transport.get_extra_info("sslcontext") is not None
            mail = Mail(envelope.mail_from, envelope.rcpt_tos, envelope.content, over_tls, user)
            self.got.append(mail)
        self.came.set()
        if self.hangs_up == "data":
            server.transport.abort()
        return self.answer


def _authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    good = (data.login, data.password) == (USER, PASSWORD)
    return AuthResult(success=good, handled=False, auth_data=data.login if good else None)


@asynccontextmanager
async def mail_server(
    peer: MailPeer, tls: ssl.SSLContext | None = None, *, at_once: bool = False, auth: bool = False
) -> AsyncIterator[MailPeer]:
    """Serve on a loopback port; ``tls`` by STARTTLS, or from the first octet."""
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(
            peer,
            hostname="mail.test",
            loop=loop,
            tls_context=None if at_once else tls,
            authenticator=_authenticate if auth else None,
            # It warns of an offered sign-in without STARTTLS, whatever the connection is.
            auth_required=auth and not at_once,
            auth_require_tls=not at_once,
        )

    server = await loop.create_server(protocol, "127.0.0.1", peer.port, ssl=tls if at_once else None)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        await server.wait_closed()

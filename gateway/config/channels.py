"""Owns the sections about channels besides SMS: the mail server, Slack, and how posts to recipients are signed.

Knows no connection that is open. A key stands here only when it is obeyed.
Source: the interface page of the project; RFC 8314 (submission over TLS), Standard Webhooks 1.0.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from gateway.channels.address import mail_address
from gateway.config.kinds import HostName, WebhookSecret, WebhookUrl
from gateway.config.section import Section, key


def _mail_address(value: str) -> str:
    try:
        return mail_address(value)
    except ValueError as error:
        raise ValueError(f'"{value}" {error}') from None


MailAddress = Annotated[str, AfterValidator(_mail_address)]
OneLine = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class Email(Section):
    """The mail server that notifications and alerts go out by. Without host and sender there is no channel email."""

    host: Annotated[
        HostName | None, key("Mail server that takes mail for delivery.", example="smtp.example.org")
    ] = None
    port: Annotated[
        int, key("Its port: 587 with starttls, 465 with tls, 25 on your own network.", ge=1, le=65535)
    ] = 587
    tls: Annotated[
        Literal["starttls", "tls", "none"],
        key(
            "starttls = begin in clear and insist on TLS, tls = TLS at once, none = only on your own network."
        ),
    ] = "starttls"
    ca_file: Annotated[
        Path | None,
        key(
            "PEM file of a private authority, trusted beside the system's.", example="/etc/ssl/private-ca.pem"
        ),
    ] = None
    user: Annotated[OneLine | None, key("User to sign in as; unset = no sign-in.", example="gateway")] = None
    password: Annotated[
        str | None,
        key("Password of the user.", example="as your provider gave it"),
        Field(min_length=1, repr=False),
    ] = None
    sender: Annotated[
        MailAddress | None, key("Address that letters come from.", example="office@example.org")
    ] = None
    sender_name: Annotated[OneLine | None, key("Name shown beside it.", example="School office")] = None
    reply_to: Annotated[
        MailAddress | None, key("Address that answers go to; unset = sender.", example="head@example.org")
    ] = None
    timeout_s: Annotated[int, key("How long one answer of the server may take.", "s", ge=1, le=300)] = 30

    @model_validator(mode="after")
    def _whole(self) -> Email:
        if (self.host is None) != (self.sender is None):
            raise ValueError("host and sender belong together; set both or none")
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together; set both or none")
        if self.password is not None and self.tls == "none" and self.host not in ("localhost", "127.0.0.1"):
            raise ValueError('a password would cross the network readable; set tls = "starttls" or "tls"')
        return self


class Slack(Section):
    """The incoming webhook of a Slack workspace. Without it there is no channel slack."""

    webhook_url: Annotated[
        WebhookUrl | None,
        key(
            "Address that Slack gave for an incoming webhook; whoever has it can post.",
            example="https://hooks.slack.com/services/…",
        ),
        Field(repr=False),
    ] = None
    channel: Annotated[
        OneLine | None, key("Channel that is posted to, where the webhook lets us choose.", example="#alerts")
    ] = None


class Notifications(Section):
    """Notifications by the channel webhook, which posts to the recipient's own address."""

    webhook_secret: Annotated[
        WebhookSecret | None,
        key("Signs these posts as Standard Webhooks say; unset = not signed.", example="whsec_…"),
        Field(repr=False),
    ] = None

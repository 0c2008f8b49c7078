"""Owns which outlets there are: made from the configuration, and why the others are not.

Knows no file; sections come judged.
Source: the interface page of the project ([email], [slack], [notifications]).
"""

from __future__ import annotations

from gateway.channels.letter import Outlet
from gateway.channels.posting import WebhookOutlet
from gateway.channels.slack import SlackOutlet
from gateway.channels.smtp import SmtpOutlet, SmtpSettings
from gateway.config.channels import Email, Notifications, Slack
from gateway.notification_flow import Channel
from gateway.webhooks.post import Poster

NOT_SET = {
    "email": "the section [email] of the configuration sets no host and sender; set both and restart",
    "slack": "the section [slack] of the configuration sets no webhook_url; set it and restart",
}


def outlets(
    email: Email, slack: Slack, notifications: Notifications, poster: Poster
) -> dict[Channel, Outlet]:
    """Make every outlet that is configured; the channel ``webhook`` needs nothing.

    Raises:
        ValueError: email.ca_file cannot be read.
    """
    secret = notifications.webhook_secret
    made: dict[Channel, Outlet] = {"webhook": WebhookOutlet(poster, (secret,) if secret else ())}
    settings = smtp_settings(email)
    if settings is not None:
        try:
            made["email"] = SmtpOutlet(settings)
        except OSError as error:  # ssl.SSLError is one too
            raise ValueError(f"email.ca_file {email.ca_file} cannot be read; give a PEM file") from error
    if slack.webhook_url is not None:
        made["slack"] = SlackOutlet(poster, slack.webhook_url, slack.channel)
    return made


def missing(email: Email, slack: Slack) -> dict[Channel, str]:
    """Say of each channel that is not configured what it lacks."""
    lacks: dict[Channel, str] = {}
    if email.host is None:
        lacks["email"] = NOT_SET["email"]
    if slack.webhook_url is None:
        lacks["slack"] = NOT_SET["slack"]
    return lacks


def smtp_settings(email: Email) -> SmtpSettings | None:
    """Take what the mail outlet needs; None: there is no mail server."""
    if email.host is None or email.sender is None:
        return None
    return SmtpSettings(
        host=email.host,
        port=email.port,
        sender=email.sender,
        sender_name=email.sender_name,
        reply_to=email.reply_to,
        tls=email.tls,
        user=email.user,
        password=email.password,
        timeout_s=float(email.timeout_s),
        ca_file=email.ca_file,
    )

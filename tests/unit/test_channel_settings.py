"""The sections about channels: what is judged, and which outlets they make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.channels.setup import missing, outlets, smtp_settings
from gateway.channels.slack import SlackOutlet
from gateway.channels.smtp import SmtpOutlet
from gateway.config.channels import Email, Notifications, Slack
from gateway.webhooks.post import Poster
from gateway.webhooks.settings import WebhookSettings

SET: dict[str, Any] = {"host": "smtp.example.org", "sender": "office@example.org"}
POSTER = Poster(WebhookSettings())


def test_without_configuration_only_the_channel_webhook_has_an_outlet_and_the_others_name_their_section() -> (
    None
):
    made = outlets(Email(), Slack(), Notifications(), POSTER)
    assert list(made) == ["webhook"]
    lacks = missing(Email(), Slack())
    assert {name: f"[{name}]" in reason for name, reason in lacks.items()} == {"email": True, "slack": True}


def test_what_is_configured_has_an_outlet() -> None:
    email, slack = Email(**SET), Slack(webhook_url="https://hooks.slack.com/services/T/B/x")
    made = outlets(email, slack, Notifications(), POSTER)
    assert isinstance(made["email"], SmtpOutlet)
    assert isinstance(made["slack"], SlackOutlet)
    assert missing(email, slack) == {}
    settings = smtp_settings(email)
    assert settings is not None
    assert (settings.tls, settings.port, settings.timeout_s) == ("starttls", 587, 30.0)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"host": "smtp.example.org"}, "host and sender belong together"),
        ({**SET, "user": "a"}, "user and password belong together"),
        ({**SET, "user": "a", "password": "b", "tls": "none"}, "would cross the network readable"),
        ({**SET, "sender": "Office <office@example.org>"}, "is not an e-mail address"),
        ({**SET, "sender_name": "a\nBcc: eve@example.net"}, "sender_name"),
        ({**SET, "port": 0}, "port"),
    ],
)
def test_a_section_that_cannot_work_is_refused_with_the_reason(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Email(**keys)


def test_secrets_are_not_shown_with_their_sections() -> None:
    email = Email(**SET, user="gateway", password="hunter2")
    slack = Slack(webhook_url="https://hooks.slack.com/services/T/B/hunter2")
    assert "hunter2" not in repr(email) + repr(slack) + repr(smtp_settings(email))


def test_a_certificate_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    email = Email(**SET, ca_file=tmp_path / "none.pem")
    with pytest.raises(ValueError, match=r"none\.pem cannot be read"):
        outlets(email, Slack(), Notifications(), POSTER)

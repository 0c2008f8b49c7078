"""The section [alerts]: its defaults, what it refuses, and what the policy gets."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.config.alerts import Alerts
from gateway.policy.alerts import Thresholds

# A plugin of apprise imports a module that Python 3.13 has no more; it does without it there.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def read(toml: str) -> Alerts:
    """Read the section as the configuration does: TOML, then strict through JSON."""
    content: dict[str, Any] = tomllib.loads(toml)
    return Alerts.model_validate_json(json.dumps(content))


def refusal(toml: str) -> str:
    with pytest.raises(ValidationError) as refused:
        read(toml)
    return str(refused.value)


def test_what_is_watched_by_itself_reaches_webhooks_only() -> None:
    section = read("")
    assert section.thresholds == Thresholds(
        delivery_rate_percent=80,
        failures_per_hour=20,
        in_doubt=5,
        queue_age_s=900,
        line_down_s=300,
        low_credit=True,
        budget_percent=80,
        webhook_dead_per_hour=10,
        disk_free_mb=500,
        quiet_s=3600,
    )
    assert (section.email, section.sms, section.apprise, section.emulated) == ((), (), (), False)


def test_every_threshold_can_be_switched_off() -> None:
    numbers = [
        name
        for name, value in Thresholds.__dataclass_fields__.items()
        if value.default == 0 and name != "low_credit"
    ]
    toml = "\n".join([*(f"{name} = 0" for name in numbers), "low_credit = false"])
    assert read(toml).thresholds == Thresholds()


def test_ways_out_are_read_in_their_one_form() -> None:
    section = read(
        'email = ["Head@School.example"]\nsms = ["+44 7700 900199"]\nsms_line = "Office"\n'
        'apprise = ["json://127.0.0.1:9/hook"]\n'
    )
    assert section.email == ("Head@school.example",)
    assert (section.sms, section.sms_line) == (("+447700900199",), "Office")
    assert section.apprise == ("json://127.0.0.1:9/hook",)


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('email = ["head"]', "is not an e-mail address"),
        ('sms = ["07700 900199"]', "write it with the country code"),
        ('apprise = ["pigeon://secret-token"]', 'beginning with "pigeon" is not one it knows'),
        ("delivery_rate_percent = 101", "less than or equal to 100"),
        ("quiet_s = 5", "greater than or equal to 60"),
        ("credit_below = 5", "Extra inputs are not permitted"),
    ],
)
def test_a_refusal_says_what_would_be_right(toml: str, says: str) -> None:
    assert says in refusal(toml)


def test_tokens_in_addresses_of_services_are_in_no_refusal_and_no_repr() -> None:
    assert "secret-token" not in refusal('apprise = ["pigeon://secret-token"]')
    assert "secret-token" not in repr(read('apprise = ["json://user:secret-token@127.0.0.1:9/"]'))

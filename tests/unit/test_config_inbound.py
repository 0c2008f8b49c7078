"""The section [[inbound_rule]]: what it takes, what it refuses, and what the policy gets."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.config.inbound import InboundRule, secrets_by_url
from gateway.policy import inbound_rules as policy
from gateway.policy.keyword_table import keyword_table

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # gitleaks:allow - a secret of tests


def read(toml: str) -> InboundRule:
    """Read a section as the configuration does: TOML, then strict through JSON."""
    content: dict[str, Any] = tomllib.loads(toml)
    return InboundRule.model_validate_json(json.dumps(content))


def refusal(toml: str) -> str:
    with pytest.raises(ValidationError) as refused:
        read(f'name = "r"\n{toml}')
    return str(refused.value)


def test_a_rule_becomes_conditions_and_actions_in_a_fixed_order() -> None:
    rule = read(
        f'name = "all"\nline = "Shop"\nsender = "+44 7700 9*"\nkeyword = "HOURS"\npattern = "x"\ngo_on = true\n'
        f'webhook = "http://192.168.1.5/sms"\nsecret = "{SECRET}"\nreply = true\nforward_to = "+44 7700 900456"\n'
        'email = "Office@Example.org"\nanswer = "Hello {from}"\ntag = "topic=hours=now"\nconversation = true\n'
    ).rule
    assert rule == policy.InboundRule(
        name="all",
        actions=(
            policy.Tag("topic", "hours=now"),
            policy.Converse(),
            policy.Answer("Hello {from}"),
            policy.Post("http://192.168.1.5/sms", reply=True),
            policy.Forward("+447700900456"),
            policy.Mail("Office@example.org"),
        ),
        line="Shop",
        sender="+447700 9*".replace(" ", ""),
        keyword="HOURS",
        pattern="x",
        go_on=True,
    )


def test_a_block_list_may_tag() -> None:
    rule = read('name = "block"\nsender = "AMAZON"\nignore = true\ntag = "kind=ad"').rule
    assert rule.actions == (policy.Tag("kind", "ad"), policy.Ignore())
    assert read('name = "t"\ntemplate = "opening hours"').rule.actions == (
        policy.Answer(template="opening hours"),
    )


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('line = "Shop"', "at least one thing to do"),
        ('webhook = "http://192.168.1.5/"', "belong together"),
        (f'answer = "a"\nsecret = "{SECRET}"', "belong together"),
        ('answer = "a"\nreply = true', "set webhook too"),
        ('answer = "a"\ntemplate = "b"', "not both"),
        ('ignore = true\nforward_to = "+447700900456"', "tag only"),
        ('answer = "{name}"', "knows {from}, {text} and {line}"),
        ('ignore = true\nsender = "a*b"', "names no sender"),
        ('ignore = true\npattern = "(?=x)"', "RE2"),
        ('tag = "nothing"', "topic=complaint"),
        ('forward_to = "07700900456"', "country code"),
        ('email = "Ann <ann@example.org>"', "e-mail address"),
        ('ignore = true\nfrom = "x"', "Extra inputs"),
    ],
)
def test_a_rule_that_cannot_be_obeyed_is_refused_with_the_fix(toml: str, says: str) -> None:
    assert says in refusal(toml)


def test_a_secret_is_not_shown() -> None:
    rule = read(f'name = "r"\nwebhook = "http://192.168.1.5/"\nsecret = "{SECRET}"')
    assert SECRET not in repr(rule)


def test_rules_that_share_a_url_sign_with_the_secrets_of_all() -> None:
    other = "whsec_" + "A" * 32
    rules = [
        read(f'name = "{name}"\nwebhook = "http://192.168.1.5/{path}"\nsecret = "{secret}"')
        for name, path, secret in (
            ("a", "x", SECRET),
            ("b", "x", other),
            ("c", "x", SECRET),
            ("d", "y", other),
        )
    ]
    quiet = read('name = "e"\nignore = true')
    assert secrets_by_url((*rules, quiet)) == {
        "http://192.168.1.5/x": (SECRET, other),
        "http://192.168.1.5/y": (other,),
    }


def test_the_rules_on_the_page_are_rules() -> None:
    page = (Path(__file__).parents[2] / "docs/inbound.md").read_text()
    shown = [
        rule
        for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
        for rule in tomllib.loads(block).get("inbound_rule", [])
    ]
    assert len(shown) == 6
    read_again = [InboundRule.model_validate_json(json.dumps(rule)) for rule in shown]
    policy.InboundRules(rule.rule for rule in read_again)


def test_OPT_2_the_page_shows_every_keyword() -> None:
    page = (Path(__file__).parents[2] / "docs/inbound.md").read_text()
    section = page.partition("### The words")[2].partition("```toml")[0]
    missing = [word.written for word in keyword_table().words.values() if word.written not in section]
    assert missing == []


def test_the_page_shows_every_condition_and_action() -> None:
    page = (Path(__file__).parents[2] / "docs/inbound.md").read_text()
    section = page.partition("## Rules")[2]
    fields = set(InboundRule.model_fields) - {"name", "go_on"}
    assert [field for field in sorted(fields) if f"`{field}" not in section] == []

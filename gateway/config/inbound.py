"""Owns the section about what is done with received texts beside keywords.

Knows no rule that runs: the policy is given the values. A key stands here only when it is obeyed.
Source: rules OPT-6 (answers); keys that take the text elsewhere are checked as webhooks, numbers and addresses are.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from gateway.config.channels import MailAddress
from gateway.config.kinds import Label, Number, WebhookSecret, WebhookUrl
from gateway.config.section import Section, key
from gateway.policy.inbound_rules import (
    Answer,
    Converse,
    Forward,
    Ignore,
    InboundAction,
    InboundRules,
    Mail,
    Post,
    Tag,
)
from gateway.policy.inbound_rules import InboundRule as Rule

_SENDER = re.compile(r"[^*\s][^*]{0,39}\*?|\*")
_TAG = re.compile(r"[^=\s][^=]{0,63}=.{0,255}")


def _sender(value: str) -> str:
    written = re.sub(r"[ ().-]", "", value) if value.startswith("+") else value
    if not _SENDER.fullmatch(written):
        raise ValueError(
            f'"{value}" names no sender; write a number like "+447700900123", the beginning of one like "+4477*",'
            ' or a name like "AMAZON"'
        )
    return written


def _tag(value: str) -> str:
    if not _TAG.fullmatch(value):
        raise ValueError(f'"{value}" is no tag; write it like "topic=complaint"')
    return value


Sender = Annotated[str, AfterValidator(_sender)]
TagText = Annotated[str, AfterValidator(_tag)]
Words = Annotated[str, Field(min_length=1, max_length=60)]
AnswerText = Annotated[str, Field(min_length=1, max_length=1_600)]


class InboundRule(Section):
    """What is done with received texts; the first rule that fits counts. STOP, START and HELP come before all rules."""

    name: Annotated[Label, key("Name of the rule, shown beside what it did.", example="opening-hours")]
    line: Annotated[
        Label | None, key("Only texts to this line, by label, number, ICCID or id.", example="Shop")
    ] = None
    sender: Annotated[
        Sender | None,
        key(
            'Only texts from this number or name; "+4477*" is the beginning of one.', example="+447700900123"
        ),
    ] = None
    keyword: Annotated[
        Words | None, key("Only texts that begin with this word, in any spelling.", example="HOURS")
    ] = None
    pattern: Annotated[
        str | None,
        key(
            "Only texts in which this is found: RE2 syntax, in the text and in its plain form.",
            example="(?i)taxi",
        ),
    ] = None
    go_on: Annotated[bool, key("Ask the rules below too, after this one fitted.")] = False
    webhook: Annotated[
        WebhookUrl | None,
        key("Post the text there, as message.received, signed.", example="http://192.168.1.5/sms"),
    ] = None
    secret: Annotated[
        WebhookSecret | None,
        key("Signing secret of the webhook: whsec_ and 24 to 64 octets in base64.", example="whsec_…"),
        Field(repr=False),
    ] = None
    reply: Annotated[bool, key('Send back what the webhook answers: {"reply": "text"}.')] = False
    forward_to: Annotated[Number | None, key("Send the text on to this number.", example="+447700900456")] = (
        None
    )
    email: Annotated[
        MailAddress | None,
        key("Send the text on to this address; needs [email].", example="office@example.org"),
    ] = None
    answer: Annotated[
        AnswerText | None,
        key("Answer with this text; {from}, {text} and {line} are put in.", example="We open at nine."),
    ] = None
    template: Annotated[
        Label | None, key("Answer with the template of this name.", example="opening hours")
    ] = None
    ignore: Annotated[bool, key("Keep the text and mark it; tell no webhook and no stream of it.")] = False
    tag: Annotated[TagText | None, key("Put a tag on the text.", example="topic=complaint")] = None
    conversation: Annotated[
        bool, key("What is sent to this person from now on goes by the line that got the text.")
    ] = False

    @model_validator(mode="after")
    def _usable(self) -> InboundRule:
        if not self._actions:
            raise ValueError(
                "name at least one thing to do: webhook, forward_to, email, answer, template, ignore, tag or"
                " conversation"
            )
        if (self.webhook is None) != (self.secret is None):
            raise ValueError("webhook and secret belong together; set both or none")
        if self.reply and self.webhook is None:
            raise ValueError("reply sends back what a webhook answers; set webhook too")
        if self.answer is not None and self.template is not None:
            raise ValueError("give answer or template, not both")
        if self.ignore and any(not isinstance(action, Ignore | Tag) for action in self._actions):
            raise ValueError("ignore goes with tag only; a text that is ignored is not sent anywhere")
        InboundRules([self.rule])
        return self

    @property
    def _actions(self) -> tuple[InboundAction, ...]:
        actions: list[InboundAction] = []
        if self.tag is not None:
            name, _, value = self.tag.partition("=")
            actions.append(Tag(name, value))
        if self.ignore:
            actions.append(Ignore())
        if self.conversation:
            actions.append(Converse())
        if self.answer is not None or self.template is not None:
            actions.append(Answer(self.answer, self.template))
        if self.webhook is not None:
            actions.append(Post(self.webhook, self.reply))
        if self.forward_to is not None:
            actions.append(Forward(self.forward_to))
        if self.email is not None:
            actions.append(Mail(self.email))
        return tuple(actions)

    @property
    def rule(self) -> Rule:
        """The rule as the policy takes it."""
        return Rule(self.name, self._actions, self.line, self.sender, self.keyword, self.pattern, self.go_on)


def secrets_by_url(rules: tuple[InboundRule, ...]) -> dict[str, tuple[str, ...]]:
    """Say what signs the requests to each URL; rules that share one may have secrets of their own, and all sign."""
    found: dict[str, tuple[str, ...]] = {}
    for rule in rules:
        if rule.webhook is not None and rule.secret is not None:
            found[rule.webhook] = tuple(dict.fromkeys((*found.get(rule.webhook, ()), rule.secret)))
    return found

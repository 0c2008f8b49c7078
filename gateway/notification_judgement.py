"""Owns the judgement of one recipient of a notification: can they be reached, by whom, and with which words.

Knows no store, no loop and no HTTP: everything is given, so that many are judged in a thread of their own.
Source: rules KEY-7, NUM, CNT-3; attack list, row 7 (a result for each row, duplicates named).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.admission import Admission
from gateway.channels.address import is_reserved, mail_address
from gateway.draft import Caller, MessageDraft
from gateway.errors import GatewayError, field_error
from gateway.ids import new_id
from gateway.notification_content import Words
from gateway.notification_flow import Channel
from gateway.store.notification_rows import (
    NewNotification,
    NotificationContent,
    NotificationRecipient,
    RejectedRecipient,
    Sender,
    SmsChoices,
)
from gateway.store.rows import LineRow

FIELD_OF: Mapping[Channel, str | None] = {
    "sms": "phone",
    "email": "email",
    "slack": None,
    "webhook": "webhook",
}
"""What a recipient needs for a channel; Slack posts where its section says."""


@dataclass(frozen=True, slots=True)
class RecipientDraft:
    """One person as asked for. ``values`` fill placeholders; ``language`` chooses among a template's texts."""

    phone: str | None = None
    email: str | None = None
    slack: str | None = None
    webhook: str | None = None
    language: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Order:
    """What holds for every recipient of a request. ``words`` are by language; ``lines`` those of the tenant."""

    caller: Caller
    channels: tuple[Channel, ...]
    words: Mapping[str | None, Words]
    fallback_after_s: int | None
    sms: SmsChoices
    lines: tuple[LineRow, ...]
    now_ms: int


@dataclass(slots=True)
class Judged:
    """Many recipients: those to be stored, those that were refused, and remarks on those with fewer channels."""

    rows: list[NewNotification] = field(default_factory=list)
    rejected: list[RejectedRecipient] = field(default_factory=list)
    warnings: list[RejectedRecipient] = field(default_factory=list)


class Judge:
    """Judges the recipients of one request."""

    def __init__(
        self, order: Order, admission: Admission, refuse_target: Callable[[str], str | None]
    ) -> None:
        self._order = order
        self._admission = admission
        self._refuse_target = refuse_target
        self._fitting: set[str] = set()

    def one(self, to: RecipientDraft) -> NewNotification:
        """Judge a single recipient, who must be reachable by every channel.

        Raises:
            GatewayError: that points at the member of the request.
        """
        for channel in self._order.channels:
            if _lacks(to, channel):
                raise self._missing(channel)
        return self._row(to, self._order.channels, None)

    def many(self, recipients: Sequence[RecipientDraft], bulk_id: str) -> Judged:
        """Judge many; one who lacks what a channel needs goes without it as long as another channel is left."""
        judged = Judged()
        seen: dict[tuple[NotificationRecipient, NotificationContent], int] = {}
        for index, to in enumerate(recipients):
            channels = tuple(channel for channel in self._order.channels if not _lacks(to, channel))
            try:
                row = self._one_of_many(to, channels, bulk_id)
            except GatewayError as error:
                judged.rejected.append(RejectedRecipient(index, error.code, error.detail, _written(to)))
                continue
            first = seen.setdefault((row.recipient, row.content), index)
            if first != index:
                twin = f"recipients[{first}] has the same addresses and words. Leave one out."
                judged.rejected.append(RejectedRecipient(index, "duplicate_recipient", twin, _written(to)))
                continue
            judged.rows.append(row)
            lacking = [self._missing(channel) for channel in self._order.channels if channel not in channels]
            judged.warnings += [
                RejectedRecipient(index, lack.code, lack.detail, _written(to)) for lack in lacking
            ]
        return judged

    def _one_of_many(
        self, to: RecipientDraft, channels: tuple[Channel, ...], bulk_id: str
    ) -> NewNotification:
        if not channels:
            raise self._missing(self._order.channels[0])
        return self._row(to, channels, bulk_id)

    def _row(self, to: RecipientDraft, channels: tuple[Channel, ...], bulk_id: str | None) -> NewNotification:
        order, caller = self._order, self._order.caller
        phone, texts_sandbox = self._phone(to) if "sms" in channels else (None, False)
        recipient = NotificationRecipient(
            phone=phone,
            email=self._email(to) if "email" in channels else None,
            slack=self._slack(to) if "slack" in channels else None,
            webhook=self._webhook(to) if "webhook" in channels else None,
        )
        content = self._content(to, channels)
        self._may_be_said(content, channels)
        return NewNotification(
            id=new_id(),
            sender=Sender(
                caller.key_id, caller.name, caller.tenant, tuple(sorted(caller.scopes)), caller.sandbox
            ),
            sandbox=caller.sandbox or texts_sandbox,
            bulk_id=bulk_id,
            recipient=recipient,
            content=content,
            channels=channels,
            fallback_after_s=order.fallback_after_s,
            sms=order.sms,
            created_at_ms=order.now_ms,
        )

    def _may_be_said(self, content: NotificationContent, channels: tuple[Channel, ...]) -> None:
        """Ask the rules about words that go out by another channel; of all channels only a text can wait for a yes.

        It waits for its own words: those that stand in the subject alone would never be asked about.
        """
        if channels == ("sms",) or self._held(content.letter) is None:
            return
        if channels[0] != "sms" or self._held(content.body) is None:
            raise field_error(
                "channel_unavailable",
                "A second person has to approve these words, and only a text can wait for that."
                " Put sms first, and what they have to see into the body.",
                "notification",
                "channels",
            )

    def _held(self, text: str) -> str | None:
        return self._admission.composer.words(text, self._order.sms.purpose, self._order.caller)

    # ------------------------------------------------------------------ addresses

    def _missing(self, channel: Channel) -> GatewayError:
        name = FIELD_OF[channel] or channel
        return field_error(
            "recipient_field_missing",
            f"The channel {channel} needs recipient.{name}. Add it, or leave the channel out.",
            "recipient",
            name,
        )

    def _phone(self, to: RecipientDraft) -> tuple[str, bool]:
        try:
            judged = self._admission.composer.recipient(to.phone or "", self._order.lines)
        except GatewayError as error:
            raise field_error(error.code, error.detail, "recipient", "phone") from None
        if self._order.caller.sandbox and not judged.sandbox:
            raise field_error(
                "sandbox_only",
                f"A sandbox key cannot text {judged.e164}. Use a live key, or a sandbox number (+999…).",
                "recipient",
                "phone",
            )
        return judged.e164, judged.sandbox

    def _email(self, to: RecipientDraft) -> str:
        try:
            address = mail_address(to.email or "")
        except ValueError as error:
            raise field_error("invalid_request", f"recipient.email {error}.", "recipient", "email") from None
        if self._order.caller.sandbox and not is_reserved(address):
            raise field_error(
                "sandbox_only",
                "A sandbox key writes only to addresses that reach nobody (RFC 2606), like ann@example.org.",
                "recipient",
                "email",
            )
        return address

    def _slack(self, to: RecipientDraft) -> str | None:
        if self._order.caller.sandbox:
            raise field_error(
                "sandbox_only",
                "A sandbox key does not post to Slack, where people read it. Use a live key, or another channel.",
                "notification",
                "channels",
            )
        return to.slack

    def _webhook(self, to: RecipientDraft) -> str:
        url = to.webhook or ""
        refusal = self._refuse_target(url)
        if refusal is not None:
            raise field_error("webhook_target_refused", f"{refusal}.", "recipient", "webhook")
        return url

    # ------------------------------------------------------------------ words

    def _content(self, to: RecipientDraft, channels: tuple[Channel, ...]) -> NotificationContent:
        try:
            content = self._order.words[to.language].for_one(to.values)
        except GatewayError as error:
            raise field_error(error.code, error.detail, "notification", "data") from None
        if "sms" in channels and content.body not in self._fitting:
            try:
                self._admission.composer.segmentation(MessageDraft(to="", text=content.body))
            except GatewayError as error:
                raise field_error(error.code, error.detail, "notification", "body") from None
            self._fitting.add(content.body)
        return content


def _written(to: RecipientDraft) -> str | None:
    return to.phone or to.email


def _lacks(to: RecipientDraft, channel: Channel) -> bool:
    name = FIELD_OF[channel]
    return name is not None and not getattr(to, name)

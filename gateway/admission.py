"""Owns everything between an accepted request and a queued message: its text, its composition, its commit.

Knows no HTTP and no database; the composer and the store's gate say why a message is refused.
Source: W1; rules CNT-3 (templates), API-8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog

from device_bridge.errors import EncodeError
from device_bridge.sms.segmentation import Segmentation, segment
from gateway.clock import Clock
from gateway.composition import AdmissionSettings, Composer, segmented
from gateway.draft import Caller, MessageDraft
from gateway.errors import GatewayError, field_error
from gateway.policy.number import Recipient
from gateway.policy.placeholders import PlaceholderError, parse
from gateway.routing import LineBook
from gateway.store.protocol import (
    IdempotencyKeyReused,
    NotAdmitted,
    NotFound,
    QueueFull,
    Store,
    StoreUnavailable,
)
from gateway.store.rows import Admitted, IdempotencyKey, LineRow

__all__ = ["Admission", "AdmissionSettings", "Preview", "key_reused", "not_admitted", "storage_unavailable"]

log = structlog.get_logger(__name__)

FIELD_REFUSED: Mapping[str, str] = {
    "recipient_opted_out": "to",
    "consent_required": "to",
    "consent_expired": "to",
    "recipient_limit": "to",
    "destination_not_allowed": "to",
    "quiet_hours": "valid_for_s",
}
"""What a refusal of the store is about, where it is one member of the request."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be sent: coding, parts, and the same for the transliterated text where that is cheaper."""

    segmentation: Segmentation
    max_parts: int
    gsm7_text: str | None
    gsm7_parts: int | None


class Admission:
    """Turns drafts into stored messages. One for the whole process."""

    def __init__(self, store: Store, settings: AdmissionSettings, clock: Clock) -> None:
        self.settings = settings
        self.composer = Composer(settings)
        self.line_book = LineBook(store)
        self._store = store
        self._clock = clock
        # Bound once: a lazy logger is assembled anew at each call.
        self._log = log.bind()

    async def admit(
        self, draft: MessageDraft, caller: Caller, idempotency: IdempotencyKey | None
    ) -> Admitted:
        """Check a draft and commit it; returns after the commit (W1), or the first answer of a repeated request.

        Raises:
            GatewayError: why it was refused; nothing was stored.
        """
        lines = await self.line_book.lines(caller.tenant)
        if draft.template_id is not None:
            draft = await self.with_text(await self._in_their_language(draft, caller, lines), caller)
        new = self.composer.compose(draft, caller, lines, self._clock.now_ms())
        try:
            admitted = await self._store.admit(new, idempotency)
        except QueueFull:
            raise queue_full() from None
        except IdempotencyKeyReused:
            raise key_reused() from None
        except NotAdmitted as refused:
            raise not_admitted(refused) from None
        except StoreUnavailable:
            raise storage_unavailable() from None
        # The line that leads from a request's id to a message's.
        self._log.debug("message.accepted", message=admitted.message.id, replayed=admitted.replayed)
        return admitted

    async def _in_their_language(
        self, draft: MessageDraft, caller: Caller, lines: tuple[LineRow, ...]
    ) -> MessageDraft:
        """Choose the language of the contact with this number, where the draft names none."""
        if draft.language is not None:
            return draft
        number = self.composer.recipient(draft.to, lines).e164
        known = await self._store.contacts.by_number(caller.view, number)
        return draft if known is None else replace(draft, language=known.card.language)

    async def with_text(self, draft: MessageDraft, caller: Caller) -> MessageDraft:
        """Put the text of its template, with its data, into a draft.

        Raises:
            GatewayError: ``template_not_found`` or ``template_error``.
        """
        try:
            found = await self._store.templates.text_for(
                caller.view, draft.template_id or "", draft.template_version, draft.language
            )
        except NotFound:
            raise template_not_found(draft.template_id or "") from None
        return replace(
            draft,
            text=filled(found.text, draft.data),
            template_version=found.version,
            language=found.language,
        )

    def preview(self, draft: MessageDraft) -> Preview:
        """Say what a draft would become; stores nothing, and refuses only what no encoding can carry."""
        segmentation = segmented(draft)
        gsm7 = None
        if draft.text is not None and segmentation.coding == "ucs2":
            try:
                gsm7 = segment(draft.text, "gsm7-translit")
            except EncodeError:
                gsm7 = None
        return Preview(
            segmentation,
            draft.max_parts or self.settings.max_parts,
            gsm7.text if gsm7 is not None else None,
            gsm7.parts if gsm7 is not None else None,
        )

    async def recipient(self, tenant: str, written: str) -> Recipient:
        """Judge a number; one without a country code is read in the default region, or in the SIMs' country.

        Raises:
            GatewayError: ``invalid_number``, ``premium_number``, ``short_code_not_allowed`` or ``emergency_number``.
        """
        return self.composer.recipient(written, await self.line_book.lines(tenant))

    def segmentation(self, draft: MessageDraft) -> Segmentation:
        """Split a draft into parts.

        Raises:
            GatewayError: ``text_too_long`` or ``text_not_encodable``.
        """
        return self.composer.segmentation(draft)


def filled(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of placeholders.

    Raises:
        GatewayError: ``template_error`` naming the placeholder.
    """
    try:
        return parse(text).render(values)
    except PlaceholderError as error:
        raise field_error("template_error", error.detail, "data") from None


# ------------------------------------------------------------------ answers shared with other callers of the store


def queue_full() -> GatewayError:
    """As much waits as may wait."""
    return GatewayError(
        "queue_full",
        "The queue holds as many messages as messages.max_queued allows. Try again later.",
        headers={"Retry-After": "30"},
    )


def storage_unavailable() -> GatewayError:
    """Nothing was stored because the database cannot commit."""
    return GatewayError(
        "storage_unavailable", "The database cannot be written, so nothing was accepted. Try again later."
    )


def key_reused() -> GatewayError:
    """The Idempotency-Key stood for another body."""
    return GatewayError(
        "idempotency_key_reused",
        "This Idempotency-Key came before with another body. Use a new key for a new message.",
    )


def template_not_found(template_id: str) -> GatewayError:
    """No such template, or no longer."""
    return field_error(
        "template_not_found",
        f'There is no template "{template_id[:64]}". GET /api/v1/templates lists them.',
        "template_id",
    )


def not_admitted(refused: NotAdmitted) -> GatewayError:
    """What a rule inside the transaction refused."""
    where = FIELD_REFUSED.get(refused.code)
    error = (
        GatewayError(refused.code, refused.detail)
        if where is None
        else field_error(refused.code, refused.detail, where)
    )
    if refused.retry_after_s is not None:
        error.headers["Retry-After"] = str(refused.retry_after_s)
    return error

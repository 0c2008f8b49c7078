"""Owns everything between an accepted request and a queued message: number, segmentation, route, defaults.

Knows no HTTP and no database; asks the policies in order and lets the first refusal say why.
Source: TS 23.040 §9.2.3.24.1 (parts); the order is cheapest first, so that bad input costs little.
"""

from __future__ import annotations

from dataclasses import dataclass

from device_bridge.errors import EncodeError
from device_bridge.sms.alphabet import is_gsm7
from device_bridge.sms.segmentation import Segmentation, segment, segment_octets
from device_bridge.sms.translit import transliterate
from gateway.clock import Clock
from gateway.draft import Caller, MessageDraft
from gateway.errors import GatewayError, field_error
from gateway.ids import new_id
from gateway.message import EncodingChoice, NewMessage, OnDoubt
from gateway.policy.number import NumberPolicy, NumberRefused, Recipient
from gateway.routing import LineBook, choose_route, home_country
from gateway.store.protocol import IdempotencyKeyReused, QueueFull, Store, StoreUnavailable
from gateway.store.rows import Admitted, IdempotencyKey

SEND_AT_AHEAD_MAX_MS = 365 * 86_400_000
"""A text planned for later than a year is a mistake more often than a plan."""

_SEPTETS_IN_PART = 153
"""The most characters a part of several can hold: 160 less 7 septets of header (23.040 §9.2.3.24.1)."""


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """Defaults of a message that the request leaves open; times in s."""

    default_region: str | None = None
    max_parts: int = 6
    default_validity_s: int = 86_400
    on_doubt: OnDoubt = "hold"


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
        self._numbers: dict[str | None, NumberPolicy] = {}
        self.line_book = LineBook(store)
        self._store = store
        self._clock = clock

    async def admit(
        self, draft: MessageDraft, caller: Caller, idempotency: IdempotencyKey | None
    ) -> Admitted:
        """Check a draft and commit it; returns after the commit (W1), or the first answer of a repeated request.

        Raises:
            GatewayError: why it was refused; nothing was stored.
        """
        now_ms = self._clock.now_ms()
        recipient = await self.recipient(caller.tenant, draft.to)
        segmentation = self.segmentation(draft)
        send_at_ms, expires_at_ms = self._window(draft, now_ms)
        lines = await self.line_book.lines(caller.tenant)
        route = choose_route(draft, recipient, caller, lines)
        new = NewMessage(
            id=new_id(),
            tenant=caller.tenant,
            key_id=caller.key_id,
            to=recipient.e164,
            text=draft.text if draft.octets is not None else segmentation.text,
            octets=draft.octets,
            port=draft.port,
            encoding=draft.encoding,
            coding=segmentation.coding,
            parts=segmentation.parts,
            route=route.name,
            line=route.line.id if route.line is not None else None,
            pool=route.pool,
            sandbox=recipient.sandbox,
            priority=draft.priority,
            purpose=draft.purpose,
            reference=draft.reference,
            batch_id=None,
            tags=draft.tags,
            delivery_report=draft.delivery_report,
            flash=draft.flash,
            on_doubt=draft.on_doubt or self.settings.on_doubt,
            max_parts=draft.max_parts or self.settings.max_parts,
            created_at_ms=now_ms,
            send_at_ms=send_at_ms,
            expires_at_ms=expires_at_ms,
            warnings=recipient.warnings,
        )
        return await self._commit(new, idempotency)

    async def _commit(self, new: NewMessage, idempotency: IdempotencyKey | None) -> Admitted:
        try:
            return await self._store.admit(new, idempotency)
        except QueueFull:
            raise GatewayError(
                "queue_full",
                "The queue holds as many messages as messages.max_queued allows. Try again later.",
                headers={"Retry-After": "30"},
            ) from None
        except IdempotencyKeyReused:
            raise key_reused() from None
        except StoreUnavailable:
            raise storage_unavailable() from None

    def preview(self, draft: MessageDraft) -> Preview:
        """Say what a draft would become; stores nothing, and refuses only what no encoding can carry."""
        segmentation = _segmented(draft)
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
            GatewayError: ``invalid_number`` or ``emergency_number``.
        """
        region = self.settings.default_region
        if region is None and not written.startswith("+"):
            region = home_country(await self.line_book.lines(tenant))
        numbers = self._numbers.get(region)
        if numbers is None:
            numbers = self._numbers[region] = NumberPolicy(region)
        try:
            return numbers.recipient(written)
        except NumberRefused as refused:
            raise field_error(refused.code, refused.detail, "to") from None

    def segmentation(self, draft: MessageDraft) -> Segmentation:
        """Split a draft into parts.

        Raises:
            GatewayError: ``text_too_long`` or ``text_not_encodable``.
        """
        max_parts = draft.max_parts or self.settings.max_parts
        text = draft.text
        if text is not None and len(text) > max(160, max_parts * _SEPTETS_IN_PART):
            at_least = -(-len(text) // _SEPTETS_IN_PART)
            raise field_error(
                "text_too_long",
                f"This text has {len(text)} characters and needs at least {at_least} parts; at most {max_parts} are"
                f" allowed. Shorten it by at least {len(text) - max_parts * _SEPTETS_IN_PART} characters.",
                "text",
            )
        segmentation = _segmented(draft)
        if segmentation.parts > max_parts:
            raise _too_long(draft, segmentation, max_parts)
        return segmentation

    def _window(self, draft: MessageDraft, now_ms: int) -> tuple[int | None, int]:
        send_at_ms = draft.send_at_ms
        if send_at_ms is not None and send_at_ms > now_ms + SEND_AT_AHEAD_MAX_MS:
            raise field_error(
                "send_at_invalid", "send_at is more than 365 days ahead. Choose an earlier time.", "send_at"
            )
        starts_ms = max(now_ms, send_at_ms or 0)
        return send_at_ms, starts_ms + (draft.valid_for_s or self.settings.default_validity_s) * 1000


def _segmented(draft: MessageDraft) -> Segmentation:
    try:
        if draft.octets is not None:
            return segment_octets(draft.octets, draft.port or 0)
        return segment(draft.text or "", draft.encoding)
    except EncodeError as error:
        where = "text" if draft.octets is None else "data_base64"
        if draft.text is None or _fits_alphabet(draft.text, draft.encoding):
            raise field_error(
                "text_too_long", f"A message has 255 parts at most; this is more. {error.reason}.", where
            ) from None
        raise field_error(
            "text_not_encodable", f"{error.reason}. Replace it, or use encoding auto or gsm7-translit.", where
        ) from None


def _fits_alphabet(text: str, encoding: EncodingChoice) -> bool:
    if encoding == "gsm7":
        return is_gsm7(text)
    if encoding == "gsm7-translit":
        try:
            transliterate(text)
        except EncodeError:
            return False
    return True


def _too_long(draft: MessageDraft, segmentation: Segmentation, max_parts: int) -> GatewayError:
    needs = f"This needs {segmentation.parts} parts; at most {max_parts} are allowed."
    if segmentation.text is None:
        return field_error("text_too_long", f"{needs} Send fewer octets, or raise max_parts.", "data_base64")
    ways = [f"Shorten it by {len(segmentation.text) - segmentation.segments[max_parts].start} characters"]
    if segmentation.forces_ucs2 and draft.encoding == "auto":
        index, character = segmentation.forces_ucs2[0]
        others = len(segmentation.forces_ucs2) - 1
        more = f" and {others} more" if others else ""
        try:
            cheaper = segment(segmentation.text, "gsm7-translit").parts
        except EncodeError:
            cheaper = segmentation.parts
        if cheaper < segmentation.parts:
            ways.append(
                f'replace "{character}" (character {index + 1}{more}), which force UCS-2, or use encoding'
                f" gsm7-translit (then {cheaper} parts)"
            )
    ways.append("raise max_parts")
    return field_error("text_too_long", f"{needs} {', '.join(ways[:-1])}, or {ways[-1]}.", "text")


# ------------------------------------------------------------------ answers shared with other callers of the store


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

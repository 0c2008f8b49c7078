"""Owns the step from a draft to a message that can be stored: number, text, parts, content, route, defaults.

Knows no database and no loop: everything is given, so that batches are composed in a thread of their own. The order is
cheapest first, so that bad input costs little.
Source: TS 23.040 §9.2.3.24.1 (parts); rules NUM, CNT, OPT-9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from device_bridge.errors import EncodeError
from device_bridge.sms.alphabet import is_gsm7
from device_bridge.sms.segmentation import Segmentation, segment, segment_octets
from device_bridge.sms.translit import transliterate
from gateway.draft import Caller, MessageDraft
from gateway.errors import GatewayError, field_error
from gateway.ids import new_id
from gateway.message import APPROVAL, CONTENT, EncodingChoice, NewMessage, OnDoubt, Passes, Purpose
from gateway.policy.content import ContentHit, ContentRules
from gateway.policy.country import country_of_sim
from gateway.policy.keyword_answers import stop_hint
from gateway.policy.keywords import Keywords
from gateway.policy.number import NumberPolicy, NumberRefused, NumberRules, Recipient
from gateway.routing import Route, RouteRule, choose_route, home_country
from gateway.store.rows import LineRow

SEND_AT_AHEAD_MAX_MS = 365 * 86_400_000
"""A text planned for later than a year is a mistake more often than a plan."""

_SEPTETS_IN_PART = 153
"""The most characters a part of several can hold: 160 less 7 septets of header (23.040 §9.2.3.24.1)."""


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """Defaults of a message that the request leaves open, and what is asked of every one; times in s."""

    default_region: str | None = None
    max_parts: int = 6
    default_validity_s: int = 86_400
    on_doubt: OnDoubt = "hold"
    numbers: NumberRules = field(default_factory=NumberRules)
    content: ContentRules | None = None
    keywords: Keywords | None = None
    append_stop_hint: bool = False
    urgent_overrides_opt_out: bool = False
    approval_keys: frozenset[str] = frozenset()
    """Names of keys whose texts a second person has to approve."""
    routes: tuple[RouteRule, ...] = ()


class Composer:
    """Turns drafts into messages; thread-safe, one for the whole process."""

    def __init__(self, settings: AdmissionSettings) -> None:
        self.settings = settings
        self._numbers: dict[str | None, NumberPolicy] = {}

    def compose(
        self, draft: MessageDraft, caller: Caller, lines: tuple[LineRow, ...], now_ms: int
    ) -> NewMessage:
        """Judge a draft by everything that needs no store.

        Raises:
            GatewayError: why it was refused.
        """
        recipient = self.recipient(draft.to, lines)
        _may_reach(recipient, caller)
        draft, warnings = self._with_stop_hint(draft)
        segmentation = self.segmentation(draft)
        send_at_ms, expires_at_ms = self._window(draft, now_ms)
        route = choose_route(draft, recipient, caller, lines, self.settings.routes)
        tags, held_reason = self._content(draft, caller, route)
        return NewMessage(
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
            batch_id=draft.batch_id,
            tags=tags,
            delivery_report=draft.delivery_report,
            flash=draft.flash,
            on_doubt=draft.on_doubt or self.settings.on_doubt,
            max_parts=draft.max_parts or self.settings.max_parts,
            created_at_ms=now_ms,
            send_at_ms=send_at_ms,
            expires_at_ms=expires_at_ms,
            warnings=recipient.warnings + warnings,
            held_reason=held_reason,
            country=recipient.country,
            template_id=draft.template_id,
            template_version=draft.template_version,
            passes=self._passes(draft, caller),
            notify=draft.notify,
        )

    def recipient(self, written: str, lines: tuple[LineRow, ...]) -> Recipient:
        """Judge a number; one without a country code is read in the default region, or in the SIMs' country.

        Raises:
            GatewayError: ``invalid_number``, ``premium_number``, ``short_code_not_allowed`` or ``emergency_number``.
        """
        region = self.settings.default_region
        countries: tuple[str, ...] = ()
        if not written.startswith("+"):
            region = region or home_country(lines)
            of_lines = {
                country_of_sim(line.imsi, line.iccid, line.number) for line in lines if not line.emulated
            }
            countries = tuple(sorted(country for country in of_lines if country))
        numbers = self._numbers.get(region)
        if numbers is None:
            numbers = self._numbers[region] = NumberPolicy(region, self.settings.numbers)
        try:
            return numbers.recipient(written, countries)
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
        segmentation = segmented(draft)
        if segmentation.parts > max_parts:
            raise _too_long(draft, segmentation, max_parts)
        return segmentation

    def _with_stop_hint(self, draft: MessageDraft) -> tuple[MessageDraft, tuple[str, ...]]:
        """See to it that a marketing text says how to stop it (rules OPT-9)."""
        keywords, text = self.settings.keywords, draft.text
        if draft.purpose != "marketing" or keywords is None or text is None or keywords.has_stop_hint(text):
            return draft, ()
        if not self.settings.append_stop_hint:
            return draft, ("no_opt_out_hint",)
        return replace(draft, text=f"{text}\n{stop_hint(draft.language or 'en')}"), ()

    def _content(
        self, draft: MessageDraft, caller: Caller, route: Route
    ) -> tuple[dict[str, str], str | None]:
        """Ask the content rules; returns the tags, and why a person has to look at it first."""
        held_reason = APPROVAL if caller.name in self.settings.approval_keys and not draft.is_reply else None
        rules = self.settings.content
        if rules is None or draft.text is None or draft.is_reply:
            return draft.tags, held_reason
        pool = route.name.removeprefix("pool:") if route.name.startswith("pool:") else None
        hits = rules.judge(draft.text, draft.purpose, caller.key_id, pool)
        refused = _first(hits, "refuse")
        if refused is not None:
            raise field_error(
                "content_refused",
                f'The rule "{refused.name}" of this organisation refuses this text. Change it.',
                "text",
            )
        held = _first(hits, "hold")
        if held is not None:
            held_reason = f"{CONTENT}{held.name}"
        tags = dict(draft.tags)
        for hit in hits:
            if hit.tag is not None:
                name, _, value = hit.tag.partition("=")
                tags[name] = value
        return tags, held_reason

    def words(self, text: str, purpose: Purpose, caller: Caller) -> str | None:
        """Ask the content rules about words that go by another channel than SMS.

        Returns:
            Why a second person has to look at them first; None: nobody has to.

        Raises:
            GatewayError: ``content_refused``.
        """
        draft = MessageDraft(to="", text=text, purpose=purpose)
        return self._content(draft, caller, Route("", None, None))[1]

    def _passes(self, draft: MessageDraft, caller: Caller) -> Passes | None:
        if draft.is_reply:
            return "reply"
        if not draft.override_opt_out:
            return None
        if draft.purpose != "urgent" or not caller.may("messages:urgent"):
            raise field_error(
                "forbidden",
                'override_opt_out needs purpose "urgent" and a key with the scope messages:urgent.',
                "override_opt_out",
            )
        if not self.settings.urgent_overrides_opt_out:
            raise field_error(
                "forbidden",
                "This gateway lets no text pass an opt-out (policy.urgent_overrides_opt_out is false).",
                "override_opt_out",
            )
        return "opt_out"

    def _window(self, draft: MessageDraft, now_ms: int) -> tuple[int | None, int]:
        send_at_ms = draft.send_at_ms
        check_ahead(send_at_ms, now_ms)
        starts_ms = max(now_ms, send_at_ms or 0)
        return send_at_ms, starts_ms + (draft.valid_for_s or self.settings.default_validity_s) * 1000


def check_ahead(send_at_ms: int | None, now_ms: int) -> None:
    """Refuse a time that is too far ahead.

    Raises:
        GatewayError: ``send_at_invalid``.
    """
    if send_at_ms is not None and send_at_ms > now_ms + SEND_AT_AHEAD_MAX_MS:
        raise field_error(
            "send_at_invalid", "send_at is more than 365 days ahead. Choose an earlier time.", "send_at"
        )


def _may_reach(recipient: Recipient, caller: Caller) -> None:
    if recipient.short and not caller.may("messages:shortcode"):
        raise field_error(
            "short_code_not_allowed",
            f"{recipient.e164} is a short code, and this key lacks the scope messages:shortcode. Use one that has it.",
            "to",
        )


def _first(hits: tuple[ContentHit, ...], action: str) -> ContentHit | None:
    return next((hit for hit in hits if hit.action == action), None)


# ------------------------------------------------------------------ parts

_CACHED_TEXTS = 256
"""Texts whose parts are kept: a batch without placeholders sends the same one thousands of times."""
_segment: Callable[[str, EncodingChoice], Segmentation] = lru_cache(maxsize=_CACHED_TEXTS)(segment)


def segmented(draft: MessageDraft) -> Segmentation:
    """Split a draft into parts, however many.

    Raises:
        GatewayError: ``text_too_long`` (more than 255 parts) or ``text_not_encodable``.
    """
    try:
        if draft.octets is not None:
            return segment_octets(draft.octets, draft.port or 0)
        return _segment(draft.text or "", draft.encoding)
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

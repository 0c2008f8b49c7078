"""Owns what a batch was asked to be, and how one of its rows becomes a draft.

Pure: knows no store. A row that cannot become one says why.
Source: rules CNT-3 (placeholders; a table may have more columns than the text names).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.draft import MessageDraft
from gateway.errors import field_error
from gateway.message import EncodingChoice, OnDoubt, Purpose
from gateway.notification_flow import Channel
from gateway.policy.placeholders import PlaceholderError, Template, column_name, parse
from gateway.store.plan_rows import TemplateContent


@dataclass(frozen=True, slots=True)
class AskedBatch:
    """One text, or one template, for many; what is said here is said of every message of it."""

    text: str | None = None
    template_id: str | None = None
    name: str | None = None
    reference: str | None = None
    purpose: Purpose = "transactional"
    priority: int = 0
    send_at_ms: int | None = None
    valid_for_s: int | None = None
    line: str | None = None
    pool: str | None = None
    encoding: EncodingChoice = "auto"
    max_parts: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    delivery_report: bool = True
    flash: bool = False
    on_doubt: OnDoubt | None = None
    allow_duplicates: bool = False
    surplus: Literal["refuse", "ignore"] = "refuse"
    """What to do with values that the text does not name."""
    fallback: tuple[Channel, ...] = ()
    """Channels that are tried, in order, when the text does not arrive."""
    subject: str | None = None
    resend_of: str | None = None


@dataclass(frozen=True, slots=True)
class Addressee:
    """One row: whom it is for, with the values for the text. ``number`` is its place in the request or file."""

    number: int
    to: str
    values: Mapping[str, str]
    language: str | None = None
    reference: str | None = None
    email: str | None = None
    text: str | None = None
    """The text as it is, where each row brings its own (what failed is sent again)."""
    first: int = 1
    """The number that the first row has: 0 in an array of JSON, 1 in a file."""

    def shown(self) -> dict[str, str]:
        """What the list of rejections keeps of it."""
        return {"to": self.to, **self.values}


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that could not even be read."""

    number: int
    code: str
    detail: str
    row: dict[str, str] | None = None


def _rendered(template: Template, values: Mapping[str, str], surplus: Literal["refuse", "ignore"]) -> str:
    """Fill a text; headings that are written a little otherwise (spaces, accents) are read as people mean them."""
    try:
        return template.render(values, surplus)
    except PlaceholderError:
        meant = {column_name(name): value for name, value in values.items()}
        if meant == values:
            raise
        return template.render(meant, surplus)


class Texts:
    """The texts of a batch, cut at their placeholders once: one, or one for each language of a template."""

    def __init__(self, text: str | None, template: TemplateContent | None, version: int | None) -> None:
        """Cut the texts.

        Raises:
            GatewayError: ``template_error`` naming the place.
        """
        self.version = version
        self._content = template
        try:
            self._one = None if text is None else parse(text)
            self._many = (
                {} if template is None else {tag: parse(said) for tag, said in template.texts.items()}
            )
        except PlaceholderError as error:
            raise field_error("template_error", error.detail, "text") from None

    @property
    def names(self) -> tuple[str, ...]:
        """The placeholders that rows have to fill."""
        return self._for(None)[0].names if self._one or self._many else ()

    def _for(self, language: str | None) -> tuple[Template, str | None]:
        if self._content is not None:
            chosen = self._content.language_for(language)
            return self._many[chosen], chosen
        if self._one is None:
            raise AssertionError("a batch has a text or a template")
        return self._one, language

    def draft(self, asked: AskedBatch, row: Addressee, batch_id: str | None) -> MessageDraft:
        """Make the draft of one row.

        Raises:
            PlaceholderError: a value is missing, surplus or cannot stand in a text.
        """
        text, language = row.text, row.language
        if text is None:
            template, language = self._for(row.language)
            text = _rendered(template, row.values, asked.surplus)
        return MessageDraft(
            to=row.to,
            text=text,
            encoding=asked.encoding,
            max_parts=asked.max_parts,
            line=asked.line,
            pool=asked.pool,
            send_at_ms=asked.send_at_ms,
            valid_for_s=asked.valid_for_s,
            priority=asked.priority,
            purpose=asked.purpose,
            reference=row.reference or asked.reference,
            tags=asked.tags,
            delivery_report=asked.delivery_report,
            flash=asked.flash,
            on_doubt=asked.on_doubt,
            template_id=asked.template_id,
            template_version=self.version,
            language=language,
            batch_id=batch_id,
        )

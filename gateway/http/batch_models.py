"""Owns the bodies and queries of batches and approvals.

Knows no rule beyond shape and range.
Source: the HTTP interface; rules API-1, API-5.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gateway.http.models import (
    Body,
    Instant,
    ListQuery,
    PoolName,
    Query,
    ShortText,
    Text,
)
from gateway.message import NO_CONTROLS, EncodingChoice, OnDoubt, Purpose

RECIPIENTS_MAX = 10_000
"""In one JSON body; more are sent as a stream of CSV or NDJSON."""

Fallback = Literal["email"]


class BatchRecipient(Body):
    """One person of a batch."""

    to: Annotated[str, Field(max_length=100, description="Number, as in a message.")]
    data: Annotated[dict[ShortText, str], Field(max_length=200, description="Values for the text.")] = Field(
        default_factory=dict
    )
    language: Annotated[
        str | None, Field(max_length=35, description="BCP 47; chooses a template's text.")
    ] = None
    reference: Annotated[ShortText | None, Field(description="Your own name for this message.")] = None
    email: Annotated[str | None, Field(max_length=254, description="For fallback to e-mail.")] = None


class CreateBatch(Body):
    """One text, or one template, for many recipients or a group."""

    text: Annotated[Text | None, Field(description="What they read; {name} takes a value of data.")] = None
    template_id: Annotated[str | None, Field(max_length=64, description="Instead of text.")] = None
    recipients: Annotated[
        list[BatchRecipient] | None,
        Field(min_length=1, max_length=RECIPIENTS_MAX, description="Up to 10,000; more as CSV or NDJSON."),
    ] = None
    group: Annotated[ShortText | None, Field(description="Instead of recipients: everybody of a group.")] = (
        None
    )
    name: Annotated[ShortText | None, Field(description="Name that people see.")] = None
    reference: Annotated[ShortText | None, Field(description="On every message without its own.")] = None
    purpose: Annotated[Purpose, Field(description="Why it is sent; urgent needs messages:urgent.")] = (
        "transactional"
    )
    priority: Annotated[int, Field(ge=0, le=9, description="Higher goes first.")] = 0
    send_at: Annotated[Instant | None, Field(description="Not before this time.")] = None
    valid_for_s: Annotated[int | None, Field(ge=60, le=604_800, description="Not worth sending later.")] = (
        None
    )
    line: Annotated[ShortText | None, Field(description="Only this line.")] = None
    pool: Annotated[PoolName | None, Field(description="Only lines of this pool.")] = None
    encoding: EncodingChoice = "auto"
    max_parts: Annotated[int | None, Field(ge=1, le=255, description="Reject rows that need more parts.")] = (
        None
    )
    tags: Annotated[dict[ShortText, ShortText], Field(max_length=20)] = Field(default_factory=dict)
    delivery_report: bool = True
    on_doubt: OnDoubt | None = None
    allow_duplicates: Annotated[bool, Field(description="Let the same number be in it twice.")] = False
    fallback: Annotated[
        list[Fallback], Field(max_length=1, description="Channels for those whom the text does not reach.")
    ] = Field(default_factory=list)
    subject: Annotated[
        str | None, Field(max_length=200, pattern=NO_CONTROLS, description="Of the e-mail of the fallback.")
    ] = None
    dry_run: Annotated[bool, Field(description="Only say what would be sent.")] = False

    @model_validator(mode="after")
    def _one_of_each(self) -> CreateBatch:
        if (self.text is None) == (self.template_id is None):
            raise ValueError("give exactly one of text and template_id")
        if (self.recipients is None) == (self.group is None):
            raise ValueError("give exactly one of recipients and group")
        if self.line is not None and self.pool is not None:
            raise ValueError("give line or pool, not both")
        return self


class StreamQuery(Query):
    """What a streamed batch says in its address; the body is the file."""

    text: Annotated[str | None, Field(min_length=1, max_length=4000, pattern=NO_CONTROLS)] = None
    template_id: Annotated[str | None, Field(max_length=64)] = None
    number_column: Annotated[str | None, Field(max_length=100, description="Column of numbers; guessed.")] = (
        None
    )
    language_column: Annotated[str | None, Field(max_length=100)] = None
    email_column: Annotated[str | None, Field(max_length=100)] = None
    reference_column: Annotated[str | None, Field(max_length=100)] = None
    name: Annotated[ShortText | None, Field()] = None
    reference: Annotated[ShortText | None, Field()] = None
    purpose: Purpose = "transactional"
    priority: Annotated[int, Field(ge=0, le=9)] = 0
    send_at: Annotated[Instant | None, Field()] = None
    valid_for_s: Annotated[int | None, Field(ge=60, le=604_800)] = None
    line: Annotated[ShortText | None, Field()] = None
    pool: Annotated[PoolName | None, Field()] = None
    encoding: EncodingChoice = "auto"
    max_parts: Annotated[int | None, Field(ge=1, le=255)] = None
    tag: Annotated[list[str], Field(max_length=20, description="name=value, repeated.")] = Field(
        default_factory=list
    )
    delivery_report: bool = True
    allow_duplicates: bool = False
    fallback: Annotated[list[Fallback], Field(max_length=1)] = Field(default_factory=list)
    subject: Annotated[str | None, Field(max_length=200, pattern=NO_CONTROLS)] = None
    dry_run: bool = False

    @model_validator(mode="after")
    def _one_text(self) -> StreamQuery:
        if (self.text is None) == (self.template_id is None):
            raise ValueError("give exactly one of text and template_id in the address")
        if self.line is not None and self.pool is not None:
            raise ValueError("give line or pool, not both")
        return self


class RejectedQuery(Query):
    """Which rejected rows."""

    after: Annotated[
        int | None,
        Field(
            ge=0,
            le=1_000_000_000,
            description="Rows behind this place: next of the page before. Left out for the first page.",
        ),
    ] = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 500
    format: Annotated[Literal["json", "csv"], Field(description="csv: all of them, as a file.")] = "json"


class ApprovalsQuery(ListQuery):
    """Which approvals."""

    state: Literal["pending", "approved", "rejected", "expired", "void"] | None = None


class Decide(Body):
    """A second person's word about exactly what they saw."""

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="digest of what was shown.")]
    note: Annotated[str | None, Field(max_length=500, pattern=NO_CONTROLS)] = None

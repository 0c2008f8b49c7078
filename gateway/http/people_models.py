"""Owns the bodies and queries of contacts, groups, consents and suppressions, as strict pydantic models.

Knows no rule beyond shape and range: numbers are judged by admission, what a word means by the store.
Source: rules API-1, API-5, API-11, CON-1, OPT-8; BCP 47 (language tags); IANA time zone database.
"""

from __future__ import annotations

import re
import zoneinfo
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from gateway.http.models import (
    Body,
    Instant,
    ListQuery,
    Name,
    Query,
    ShortText,
    Text,
    WantedNumber,
)
from gateway.http.template_models import LanguageTag
from gateway.message import NO_CONTROLS, Purpose
from gateway.store.people_rows import Basis, Channel

NUMBERS_MAX = 10_000
"""As many as a batch in JSON has recipients."""

MEMBERS_MAX = 1_000

_EMAIL = re.compile(
    r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f-\x9f]{1,64}@[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f-\x9f]{1,189}"
)


@lru_cache(maxsize=1)
def _zones() -> set[str]:
    return zoneinfo.available_timezones()


def email_address(value: str) -> str:
    """Check the form of an e-mail address; whether it exists is known when something was sent.

    Raises:
        ValueError: says what is wrong.
    """
    if not _EMAIL.fullmatch(value):
        raise ValueError("this is no e-mail address; write it bare, like ann@example.org")
    return value


def time_zone(value: str) -> str:
    """Check the name of a zone. Raises ValueError."""
    if value not in _zones():
        raise ValueError("there is no such time zone; write its IANA name, like Europe/London")
    return value


WrittenNumber = Annotated[str, Field(min_length=1, max_length=100)]
EmailAddress = Annotated[str, Field(max_length=254), AfterValidator(email_address)]
ZoneName = Annotated[str, Field(max_length=64), AfterValidator(time_zone)]
WebAddress = Annotated[str, Field(max_length=2048, pattern=r"^https?://[^\x00-\x20\x7f-\x9f]+$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Remark = Annotated[str, Field(min_length=1, max_length=500, pattern=NO_CONTROLS)]
Tags = Annotated[dict[ShortText, ShortText], Field(max_length=20, description="Your own labels.")]
GroupNames = Annotated[
    list[Name], Field(max_length=50, description="By name; those that do not exist are made.")
]

# ------------------------------------------------------------------ contacts and groups


class CreateContact(Body):
    """A person: at least one of number and email."""

    name: ShortText | None = None
    number: Annotated[
        WrittenNumber | None, Field(description="E.164, or national when default_region is set; unique.")
    ] = None
    email: EmailAddress | None = None
    language: Annotated[LanguageTag | None, Field(description="BCP 47; chooses the text of a template.")] = (
        None
    )
    timezone: Annotated[ZoneName | None, Field(description="IANA name, like Europe/London.")] = None
    channel: Annotated[Channel | None, Field(description="Preferred.")] = None
    tags: Tags = Field(default_factory=dict)
    groups: GroupNames = Field(default_factory=list)

    @model_validator(mode="after")
    def _reachable(self) -> CreateContact:
        if self.number is None and self.email is None:
            raise ValueError("give a number, an email or both")
        return self


class PatchContact(Body):
    """What changes; members left out stay, null removes. tags and groups stand for all of them."""

    name: ShortText | None = None
    number: WrittenNumber | None = None
    email: EmailAddress | None = None
    language: LanguageTag | None = None
    timezone: ZoneName | None = None
    channel: Channel | None = None
    tags: Tags | None = None
    groups: GroupNames | None = None


class ContactsQuery(ListQuery):
    """Filters of the list of contacts; each narrows."""

    group: Annotated[str | None, Field(max_length=100, description="Name or id of a group.")] = None
    q: Annotated[str | None, Field(max_length=100, description="Words in name, email or number.")] = None
    number: WantedNumber | None = None


class ImportQuery(Query):
    """How a file of contacts is taken in."""

    group: Annotated[Name | None, Field(description="All join it, too.")] = None
    update: Annotated[bool, Field(description="true: also change those that are known.")] = False
    dry_run: Annotated[bool, Field(description="true: only say what would be done.")] = False


class NameGroup(Body):
    """The name of a group."""

    name: Name


class AddMembers(Body):
    """Contacts that join a group."""

    contacts: Annotated[list[ShortText], Field(min_length=1, max_length=MEMBERS_MAX, description="Ids.")]


# ------------------------------------------------------------------ consents


class ConsentProof(Body):
    """What shows that somebody agreed: at least one of these."""

    text: Annotated[Text | None, Field(max_length=2_000, description="What they were shown.")] = None
    url: Annotated[WebAddress | None, Field(description="Where.")] = None
    file_sha256: Annotated[Sha256 | None, Field(description="Of a scan or recording that you keep.")] = None
    collected_by: Annotated[ShortText | None, Field(description="Who asked.")] = None

    @model_validator(mode="after")
    def _something(self) -> ConsentProof:
        if not (self.text or self.url or self.file_sha256 or self.collected_by):
            raise ValueError("give at least one of text, url, file_sha256 and collected_by")
        return self


class ConsentGuardian(Body):
    """Who agreed for a child."""

    name: ShortText
    relation: Annotated[ShortText, Field(description="Like mother.")]
    number: WrittenNumber | None = None
    verified_at: Annotated[Instant | None, Field(description="When this was checked.")] = None


class RecordConsent(Body):
    """What somebody agreed to."""

    number: WrittenNumber
    purpose: Purpose
    basis: Annotated[Basis, Field(description="Why it is lawful.")] = "consent"
    source: Annotated[ShortText, Field(description="Where it comes from, like a form or a counter.")]
    proof: Annotated[ConsentProof | None, Field(description="Required when granted_at lies before now.")] = (
        None
    )
    granted_at: Annotated[Instant | None, Field(description="Left out: now. Never in the future.")] = None
    expires_at: Annotated[Instant | None, Field(description="Left out: until it is withdrawn.")] = None
    language: LanguageTag | None = None
    timezone: Annotated[ZoneName | None, Field(description="Of the person; decides quiet hours.")] = None
    subject_is_child: Annotated[bool, Field(description="Then guardian is required.")] = False
    guardian: ConsentGuardian | None = None

    @model_validator(mode="after")
    def _child_has_guardian(self) -> RecordConsent:
        if self.subject_is_child and self.guardian is None:
            raise ValueError("subject_is_child needs guardian: name and relation of who agreed for the child")
        if self.guardian is not None and not self.subject_is_child:
            raise ValueError("guardian belongs to a child; set subject_is_child to true or leave it out")
        return self


class WithdrawConsent(Body):
    """How a withdrawal reached you; all may be left out."""

    source: Annotated[ShortText | None, Field(description="Like phone or letter.")] = None
    withdrawn_at: Annotated[
        Instant | None, Field(description="Left out: now. Not before granted_at, never in the future.")
    ] = None


class ConsentsQuery(ListQuery):
    """Filters of the list of consents; each narrows."""

    number: WantedNumber | None = None
    purpose: Purpose | None = None


# ------------------------------------------------------------------ suppressions

Heard = Literal["phone", "email", "letter", "web", "person", "complaint"]
"""How a wish can reach a person; keywords and erasures are written by the gateway itself."""


class Suppress(Body):
    """Somebody wants no texts, or many do: number or numbers."""

    number: WrittenNumber | None = None
    numbers: Annotated[list[WrittenNumber] | None, Field(min_length=1, max_length=NUMBERS_MAX)] = None
    source: Annotated[Heard, Field(description="How you know.")]
    note: Annotated[Remark | None, Field(description="What to remember of it.")] = None

    @model_validator(mode="after")
    def _one_or_many(self) -> Suppress:
        if (self.number is None) == (self.numbers is None):
            raise ValueError("give exactly one of number and numbers")
        return self


class LiftSuppression(Body):
    """Why somebody may be texted again."""

    reason: Annotated[Remark, Field(description="Like: this was an answer.")]


class LiftQuery(Query):
    """Why somebody may be texted again."""

    reason: Annotated[
        str | None, Field(min_length=1, max_length=500, pattern=NO_CONTROLS, description="Required.")
    ] = None


class SuppressionsQuery(ListQuery):
    """Filters of the suppression list; each narrows."""

    number: WantedNumber | None = None
    active: Annotated[bool | None, Field(description="false: those that were lifted.")] = None
    format: Annotated[
        Literal["json", "csv"], Field(description="csv: the whole list as a file, without pages.")
    ] = "json"

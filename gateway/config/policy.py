"""Owns the sections about what may be sent, when, to whom and for how much.

Knows no rule: policies are given the values. A key stands here only when it is obeyed.
``entry`` describes a key: some sections have a key that is called ``key``.
Source: rules OPT, CON, QUI, CNT, NUM, PMP; every default is the rule's own.
"""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from gateway.config.kinds import Label, Pool, Region
from gateway.config.section import Section
from gateway.config.section import key as entry
from gateway.policy.content import ContentRule as Rule
from gateway.policy.content import compile_rules
from gateway.policy.keywords import Keywords, KeywordSettings
from gateway.policy.quiet_hours import HoursSettings, QuietHours
from gateway.policy.quiet_week import parse_span, week_without
from gateway.policy.tariff import parse_amount


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of the database, like "Europe"
        raise ValueError(f'"{value}" is not a time zone; write it like "Europe/London"') from None
    return value


def _amount(value: str) -> str:
    parse_amount(value)
    return value


def _currency(value: str) -> str:
    if not (len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()):
        raise ValueError(f'"{value}" is not a currency; write three letters of ISO 4217, like "GBP"')
    return value


def _span(value: str) -> str:
    week_without(parse_span(value))
    return value


def _prefix(value: str) -> str:
    if not (value.startswith("+") and 2 <= len(value) <= 16 and value[1:].isascii() and value[1:].isdigit()):
        raise ValueError(f'"{value}" is not the beginning of a number; write it like "+44"')
    return value


def _short_code(value: str) -> str:
    if not (value.isascii() and value.isdigit() and 3 <= len(value) <= 8):
        raise ValueError(f'"{value}" is not a short code; write 3 to 8 digits')
    return value


def _allowed(value: str) -> str:
    return _prefix(value) if value.startswith("+") else _short_code(value)


Zone = Annotated[str, AfterValidator(_zone)]
Amount = Annotated[str, AfterValidator(_amount)]
Currency = Annotated[str, AfterValidator(_currency)]
QuietSpan = Annotated[str, AfterValidator(_span)]
Prefix = Annotated[str, AfterValidator(_prefix)]
ShortCode = Annotated[str, AfterValidator(_short_code)]
AllowedNumber = Annotated[str, AfterValidator(_allowed)]
Name = Annotated[str, Field(min_length=1, max_length=60)]
Purposes = tuple[Literal["transactional", "marketing", "urgent"], ...]


class Policy(Section):
    """What may be sent to whom, and when. Presets carry a date and a source; the operator stays responsible."""

    preset: Annotated[
        Literal["default", "appointments"],
        entry("appointments: CANCEL, END, QUIT and the like are answers to an appointment, not a stop."),
    ] = "default"
    keywords: Annotated[
        dict[Literal["stop", "start", "help", "remove"], tuple[str, ...]],
        entry("Words beside the table of keywords, or taken out of it.", example={"stop": ["NO MAS"]}),
    ] = Field(default_factory=dict)
    confirm: Annotated[bool, entry("Answer STOP, START and HELP once, from the same line.")] = True
    sender_name: Annotated[
        Name | None, entry("Name in these answers; unset = the line's label.", example="Hill School")
    ] = None
    contact: Annotated[
        Name | None, entry("Where people reach you, in the answer to HELP.", example="+44 1632 960000")
    ] = None
    suspected: Annotated[
        Literal["tell", "suppress"],
        entry(
            'A text that means stop without being a keyword ("stop texting me"): tell a person, or obey it.'
        ),
    ] = "tell"
    append_stop_hint: Annotated[
        bool, entry("Add a line that says how to stop to marketing texts that lack it.")
    ] = False
    urgent_overrides_opt_out: Annotated[
        bool, entry("Let urgent texts that ask for it pass an opt-out; each one is an event.")
    ] = False
    consent: Annotated[
        Literal["off", "marketing", "all"], entry("Which texts need a live consent on record.")
    ] = "marketing"
    quiet_preset: Annotated[
        str, entry("Hours in which people may be texted: default, US, US-states, FR, IN, BE, … or country.")
    ] = "default"
    quiet_open: Annotated[
        dict[str, str] | None,
        entry("Hours of your own in place of the preset's.", example={"mon-sat": "08:00-20:00"}),
    ] = None
    quiet_holidays: Annotated[
        bool | None, entry("Public holidays count as closed; unset = as the preset says.", example=True)
    ] = None
    quiet_purposes: Annotated[Purposes, entry("Which texts wait for these hours; urgent ones never do.")] = (
        "marketing",
    )
    timezone: Annotated[
        Zone | None,
        entry("Zone of the lines; unset = that of this machine.", example="Europe/London"),
    ] = None
    allow_numbers: Annotated[
        tuple[AllowedNumber, ...],
        entry("Prefixes of numbers that may be texted although they cost extra.", example=["+44909"]),
    ] = ()
    allow_short_codes: Annotated[
        tuple[ShortCode, ...], entry("Short codes that may be texted.", example=["60999"])
    ] = ()
    home_countries: Annotated[
        tuple[Region, ...], entry("Countries that are never new, beside those of the SIMs.", example=["IE"])
    ] = ()
    new_country_per_hour: Annotated[
        int,
        entry(
            "New recipients an hour in a country never written to before; the rest is held; 0 = off.",
            "numbers",
            ge=0,
            le=100_000,
        ),
    ] = 20
    exempt_emulated: Annotated[bool, entry("Leave emulated lines out of the guards about money.")] = True
    approval_over: Annotated[
        int,
        entry(
            "Batches to more recipients wait for a second person; 0 = off.", "recipients", ge=0, le=1_000_000
        ),
    ] = 0
    approval_keys: Annotated[
        tuple[str, ...], entry("Names of keys whose texts a second person approves.", example=["trainee"])
    ] = ()
    sticky_s: Annotated[
        int,
        entry(
            "How long a text waits for the line that its recipient knows before another may take it; 0 = off.",
            "s",
            ge=0,
            le=86_400,
        ),
    ] = 60
    cheapest: Annotated[
        tuple[Pool, ...],
        entry(
            "Pools whose dearer lines leave a text to a cheaper one that can take it now.",
            example=["default"],
        ),
    ] = ()

    @model_validator(mode="after")
    def _usable(self) -> Policy:
        Keywords(self.keyword_settings)
        QuietHours(self.hours)
        if "urgent" in self.quiet_purposes:
            raise ValueError("quiet_purposes: urgent texts never wait; leave urgent out")
        return self

    @property
    def keyword_settings(self) -> KeywordSettings:
        """The keywords as the policy takes them."""
        words = self.keywords
        return KeywordSettings(
            preset=self.preset,
            add_stop=words.get("stop", ()),
            add_start=words.get("start", ()),
            add_help=words.get("help", ()),
            remove=words.get("remove", ()),
        )

    @property
    def hours(self) -> HoursSettings:
        """The hours as the policy takes them."""
        return HoursSettings(self.quiet_preset, self.quiet_open, self.quiet_holidays)


class ContentRule(Section):
    """One rule about texts. Repeat for more; all that fit count."""

    name: Annotated[Name, entry("Name that a refused sender is told.", example="no-links")]
    pattern: Annotated[
        str,
        entry("What is looked for, in RE2 syntax, in the text and in its plain form.", example="https?://"),
    ]
    action: Annotated[
        Literal["refuse", "hold", "tag"], entry("Refuse the text, hold it for a second person, or tag it.")
    ]
    purposes: Annotated[Purposes | None, entry("Only texts of these purposes.", example=["marketing"])] = None
    keys: Annotated[
        tuple[str, ...] | None, entry("Only texts of these keys, by id.", example=["01935f0c-…"])
    ] = None
    pools: Annotated[tuple[str, ...] | None, entry("Only texts to these pools.", example=["default"])] = None
    tag: Annotated[str | None, entry("What the action tag puts on it.", example="topic=link")] = None

    @model_validator(mode="after")
    def _compiles(self) -> ContentRule:
        compile_rules([self.rule])
        return self

    @property
    def rule(self) -> Rule:
        """The rule as the policy takes it."""
        return Rule(self.name, self.pattern, self.action, self.purposes, self.keys, self.pools, self.tag)


class Route(Section):
    """Where texts go that name no line and no pool; the first that fits counts. Repeat for more."""

    to_prefix: Annotated[Prefix | None, entry("Numbers that begin like this.", example="+44")] = None
    to_country: Annotated[Region | None, entry("Numbers of this country's calling code.", example="FR")] = (
        None
    )
    tag: Annotated[str | None, entry("Texts with this tag, or this value of it.", example="kind=otp")] = None
    key: Annotated[str | None, entry("Texts of the key with this name.", example="shop")] = None
    pool: Annotated[Pool | None, entry("The pool that carries them.", example="otp")] = None
    line: Annotated[Label | None, entry("Or the one line, by label, number or ICCID.", example="Shop")] = None

    @model_validator(mode="after")
    def _one_target(self) -> Route:
        if (self.pool is None) == (self.line is None):
            raise ValueError("give exactly one of pool and line")
        return self


class Guard(Section):
    """What texts of a key, or to a pool, may look like; without either it is about all. Repeat for more."""

    key: Annotated[str | None, entry("Only texts of the key with this name.", example="login")] = None
    pool: Annotated[Pool | None, entry("Only texts to this pool.", example="otp")] = None
    preset: Annotated[
        Literal["otp"] | None,
        entry("otp: 5 an hour to one number, ranges of 10, your own countries.", example="otp"),
    ] = None
    per_recipient_per_hour: Annotated[
        int | None,
        entry("Texts to one number in an hour; then 429; 0 = off.", "texts/hour", example=5, ge=0, le=10_000),
    ] = None
    number_range: Annotated[
        int | None,
        entry(
            "Recipients in 10 minutes that share all but the last 3 digits; then held; 0 = off.",
            "numbers",
            example=10,
            ge=0,
            le=1000,
        ),
    ] = None
    allow_countries: Annotated[
        tuple[Region, ...] | None, entry("Countries that texts may go to.", example=["GB"])
    ] = None


class Budget(Section):
    """What a line, a key or the whole organisation may use; warned of at 50, 80 and 100 %. Repeat for more."""

    line: Annotated[Label | None, entry("The line, by its label, number or id.", example="Shop")] = None
    key: Annotated[
        str | None, entry("Or the key with this name; without both: all texts.", example="shop")
    ] = None
    parts_per_day: Annotated[int, entry("0 = off.", "parts", ge=0, le=10_000_000)] = 0
    parts_per_month: Annotated[int, entry("0 = off.", "parts", ge=0, le=100_000_000)] = 0
    money_per_day: Annotated[Amount, entry("By the lines' parts_cost; 0 = off.")] = "0"
    money_per_month: Annotated[Amount, entry("By the lines' parts_cost; 0 = off.")] = "0"
    currency: Annotated[Currency | None, entry("Of the money.", example="GBP")] = None

    @model_validator(mode="after")
    def _one_payer(self) -> Budget:
        if self.line is not None and self.key is not None:
            raise ValueError("give line or key, not both")
        return self

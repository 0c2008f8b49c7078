"""Owns the sections of the configuration as pydantic models: defaults, ranges and the reason for each key.

Knows no file, no environment and nothing that reads the values. A key stands here only when it is obeyed.
Source: the descriptions are the documentation; config.example.toml and docs/config.md are made from them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from gateway.config.alerts import Alerts
from gateway.config.channels import Email, Notifications, Slack
from gateway.config.inbound import InboundRule
from gateway.config.kinds import (
    EventPattern,
    HostName,
    Iccid,
    Imsi,
    Label,
    Network,
    Number,
    Pin,
    Pool,
    PortName,
    PublicUrl,
    Region,
    WebhookSecret,
    WebhookUrl,
)
from gateway.config.phones import Adb, Link, Phone
from gateway.config.policy import (
    Amount,
    Budget,
    ContentRule,
    Currency,
    Guard,
    Policy,
    Prefix,
    QuietSpan,
    Route,
)
from gateway.config.section import Section, key


class Server(Section):
    """Where the HTTP API listens and what it lets in."""

    host: Annotated[str, key("Address to listen on; 0.0.0.0 lets other machines in (then use TLS).")] = (
        "127.0.0.1"
    )
    port: Annotated[int, key("TCP port; 0 takes a free one.", ge=0, le=65535)] = 8080
    public_url: Annotated[
        PublicUrl | None,
        key(
            "Base URL that others use for this server, when a proxy stands before it.",
            example="https://sms.example.org",
        ),
    ] = None
    tls_cert: Annotated[
        Path | None,
        key("PEM file with the certificate chain; relative to this file.", example="tls/cert.pem"),
    ] = None
    tls_key: Annotated[
        Path | None,
        key("PEM file with its private key, mode 0600; relative to this file.", example="tls/key.pem"),
    ] = None
    trusted_proxies: Annotated[
        tuple[Network, ...],
        key("Proxies whose X-Forwarded-* headers count; from others they are ignored.", example=["10.0.0.2"]),
    ] = ()
    allowed_hosts: Annotated[
        tuple[HostName, ...],
        key(
            "Host names accepted besides IP addresses, localhost and this machine's own name.",
            example=["sms.lan"],
        ),
    ] = ()
    max_body_bytes: Annotated[
        int, key("Largest request body; larger ones are answered 413.", "bytes", ge=1024, le=16_777_216)
    ] = 1_048_576
    rate_limit: Annotated[
        int, key("Requests per minute and key before 429; 0 = off.", "requests/min", ge=0, le=10_000_000)
    ] = 120_000

    @model_validator(mode="after")
    def _both_halves(self) -> Server:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together; set both or none")
        return self


class Store(Section):
    """Where messages are kept."""

    encrypt: Annotated[
        bool, key("Keep texts, raw PDUs and webhook secrets encrypted on disk (AES-256-GCM).")
    ] = True
    url: Annotated[str, key("Database; a relative path is taken from the data directory.")] = (
        "sqlite:///gateway.db"
    )
    event_days: Annotated[
        int,
        key(
            "How long event streams can go back; older events stay only in the timelines of messages. 0 = for ever.",
            "days",
            ge=0,
            le=3650,
        ),
    ] = 90

    @model_validator(mode="after")
    def _only_sqlite(self) -> Store:
        scheme = urlsplit(self.url).scheme
        if scheme in ("postgresql", "postgres"):
            raise ValueError('PostgreSQL is not in this version; use "sqlite:///gateway.db"')
        if scheme != "sqlite" or not self.url.startswith("sqlite:///") or len(self.url) == len("sqlite:///"):
            raise ValueError(
                'write it like "sqlite:///gateway.db" (relative) or "sqlite:////var/lib/gateway/gateway.db"'
            )
        return self

    def path(self, data_dir: Path) -> Path:
        """Say which file holds the database."""
        return data_dir / self.url.removeprefix("sqlite:///")


class Messages(Section):
    """Defaults and limits of outgoing messages."""

    default_region: Annotated[
        Region | None,
        key(
            "Country of numbers written without a country code; unset = that of the real SIMs, if they agree.",
            example="GB",
        ),
    ] = None
    max_queued: Annotated[
        int,
        key(
            "Messages that may wait; then new ones are answered 503 queue_full.",
            "messages",
            ge=1,
            le=10_000_000,
        ),
    ] = 100_000
    on_doubt: Annotated[
        Literal["hold", "resend"],
        key("When nobody knows whether a text left: hold it, or send it again (maybe a second copy)."),
    ] = "hold"
    max_parts: Annotated[
        int, key("Parts that a text may have when the request names no max_parts.", "parts", ge=1, le=255)
    ] = 6
    default_validity_s: Annotated[
        int,
        key(
            "How long a text is worth sending when the request names no valid_for_s.", "s", ge=60, le=604_800
        ),
    ] = 86_400
    number_check: Annotated[
        Literal["possible", "valid"],
        key("possible: take numbers of unassigned ranges with a warning; valid: refuse them."),
    ] = "possible"
    retry_attempts: Annotated[
        int,
        key(
            "Tries of one message before it fails; a line that is not ready does not count.",
            "tries",
            ge=1,
            le=50,
        ),
    ] = 8


class Sandbox(Section):
    """The emulated lines for trying things out."""

    lines: Annotated[int, key("Emulated SIMs beside what is attached; 0 = none.", "lines", ge=0, le=16)] = 2


class Serial(Section):
    """Finding modems by itself."""

    discover: Annotated[bool, key("Probe USB serial ports for modems, also while running.")] = True
    ignore: Annotated[
        tuple[str, ...],
        key("Ports never to be touched, as /dev/… paths; links are followed.", example=["/dev/ttyUSB3"]),
    ] = ()


class Modem(Section):
    """One modem at a fixed port. Repeat for more."""

    port: Annotated[
        PortName,
        key("Serial device, pty or socket://host:port.", example="/dev/serial/by-id/usb-…-if00-port0"),
    ]
    baudrate: Annotated[
        int, key("Speed of a real serial line; USB modems ignore it.", "baud", ge=300, le=4_000_000)
    ] = 115_200
    pin: Annotated[
        Pin | None,
        key("PIN of the SIM; tried at most once, and only with two tries left.", example="1234"),
        Field(repr=False),
    ] = None
    smsc: Annotated[
        Number | None, key("Message centre; unset = the one on the SIM.", example="+447958879879")
    ] = None
    label: Annotated[Label | None, key("Name that people see.", example="Office")] = None
    number: Annotated[
        Number | None, key("Own number, where the SIM does not know it.", example="+447700900101")
    ] = None
    pool: Annotated[Pool, key("Pool of lines that it joins.")] = "default"
    country: Annotated[
        Region | None,
        key(
            "Country of the SIM; default_region where that is unset and all modems name the same one.",
            example="GB",
        ),
    ] = None


class Lines(Section):
    """Pace of every real line that has no own. Emulated lines are paced only with policy.exempt_emulated = false."""

    per_minute: Annotated[
        int,
        key(
            "Parts per minute; protects the SIM from the operator's fair-use rules; 0 = off.",
            "parts/min",
            ge=0,
            le=6_000,
        ),
    ] = 30
    per_day: Annotated[
        int, key("Parts per day (local midnight); 0 = off.", "parts/day", ge=0, le=1_000_000)
    ] = 1_000
    per_hour: Annotated[int, key("Parts per hour; 0 = off.", "parts/hour", ge=0, le=360_000)] = 0
    per_month: Annotated[
        int, key("Parts per billing month; 0 = off.", "parts/month", ge=0, le=30_000_000)
    ] = 0
    recipients_per_month: Annotated[
        int,
        key("Different numbers in a billing month; 0 = off.", "numbers/month", ge=0, le=1_000_000),
    ] = 0


class Line(Section):
    """One SIM, in whichever device; stronger than [[modem]] and [[phone]]. Named by iccid or imsi, else by number."""

    iccid: Annotated[Iccid | None, key("Serial number of the SIM card.", example="8944110068000000001")] = (
        None
    )
    imsi: Annotated[
        Imsi | None, key("Subscriber identity, where the SIM hides its ICCID.", example="234150000000001")
    ] = None
    number: Annotated[
        Number | None,
        key(
            "Own number; names the SIM when iccid and imsi are unset, else it is told.",
            example="+447700900101",
        ),
    ] = None
    label: Annotated[Label | None, key("Name that people see.", example="Shop")] = None
    pool: Annotated[Pool | None, key("Pool of lines that it joins; unset = default.", example="otp")] = None
    per_minute: Annotated[
        int | None,
        key("Parts per minute; unset = [lines], 0 = off.", "parts/min", example=10, ge=0, le=6_000),
    ] = None
    per_day: Annotated[
        int | None,
        key("Parts per day; unset = [lines], 0 = off.", "parts/day", example=200, ge=0, le=1_000_000),
    ] = None
    per_hour: Annotated[
        int | None,
        key("Parts per hour; unset = [lines], 0 = off.", "parts/hour", example=100, ge=0, le=360_000),
    ] = None
    per_month: Annotated[
        int | None,
        key(
            "Parts per billing month; unset = [lines], 0 = off.",
            "parts/month",
            example=3000,
            ge=0,
            le=30_000_000,
        ),
    ] = None
    recipients_per_month: Annotated[
        int | None,
        key(
            "Different numbers in a billing month; unset = [lines], 0 = off.",
            "numbers/month",
            example=200,
            ge=0,
            le=1_000_000,
        ),
    ] = None
    billing_day: Annotated[
        int | None, key("Day on which the billing month begins; unset = 1.", "day", example=15, ge=1, le=28)
    ] = None
    parts_cost: Annotated[
        Amount | None, key("Price of a part, where no prefix says another.", example="0.055")
    ] = None
    parts_cost_by_prefix: Annotated[
        dict[Prefix, Amount],
        key("Price of a part by the beginning of the number; needs parts_cost.", example={"+33": "0.08"}),
    ] = Field(default_factory=dict)
    currency: Annotated[Currency | None, key("Of the price; unset = EUR.", example="GBP")] = None
    quiet_hours: Annotated[
        QuietSpan | None,
        key("Span in which the line sends only urgent texts.", example="21:00-08:00"),
    ] = None

    @model_validator(mode="after")
    def _one_name(self) -> Line:
        if self.iccid is None and self.imsi is None and self.number is None:
            raise ValueError("name the SIM by iccid, imsi or number")
        if self.iccid is not None and self.imsi is not None:
            raise ValueError("name the SIM by iccid or imsi, not both")
        return self

    @model_validator(mode="after")
    def _one_price(self) -> Line:
        if self.parts_cost is None and self.parts_cost_by_prefix:
            raise ValueError(
                "parts_cost_by_prefix needs parts_cost; set parts_cost too, for all other numbers"
            )
        if self.parts_cost is None and self.currency is not None:
            raise ValueError("currency needs parts_cost; set parts_cost too, or take currency out")
        return self


class Webhook(Section):
    """One receiver of events, kept in this file; others are made over the API."""

    url: Annotated[WebhookUrl, key("Where events are posted.", example="http://192.168.1.5/hook")]
    events: Annotated[
        tuple[EventPattern, ...], key("Event types, or message.* for a family, or * for all.")
    ] = ("message.*",)
    secret: Annotated[
        WebhookSecret,
        key("Signing secret: whsec_ and 24 to 64 octets in base64.", example="whsec_…"),
        Field(repr=False),
    ]
    include_text: Annotated[bool, key("Whether events carry the text of messages.")] = True


class Webhooks(Section):
    """Rules for all webhooks."""

    allow_public_http: Annotated[
        bool, key("Allow plain http to public addresses; texts then cross the Internet readable.")
    ] = False


class Security(Section):
    """Protection of the API."""

    auth_failures_per_minute: Annotated[
        int,
        key(
            "Wrong keys per minute and address before failures are answered 429.",
            "failures/min",
            ge=1,
            le=10_000,
        ),
    ] = 10


class Log(Section):
    """What is written to standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], key("The least severe that is written.")
    ] = "info"
    format: Annotated[
        Literal["auto", "console", "json"], key("auto = readable on a terminal, JSON lines anywhere else.")
    ] = "auto"
    numbers: Annotated[Literal["masked", "full"], key("Phone numbers as +44•••••••23, or in full.")] = (
        "masked"
    )


class Config(Section):
    """Everything that can be set."""

    server: Server = Server()
    link: Link = Link()
    store: Store = Store()
    messages: Messages = Messages()
    sandbox: Sandbox = Sandbox()
    serial: Serial = Serial()
    modem: tuple[Modem, ...] = ()
    adb: Adb = Adb()
    phone: tuple[Phone, ...] = ()
    lines: Lines = Lines()
    line: tuple[Line, ...] = ()
    route: tuple[Route, ...] = ()
    policy: Policy = Policy()
    content_rule: tuple[ContentRule, ...] = ()
    guard: tuple[Guard, ...] = ()
    budget: tuple[Budget, ...] = ()
    inbound_rule: tuple[InboundRule, ...] = ()
    alerts: Alerts = Alerts()
    email: Email = Email()
    slack: Slack = Slack()
    notifications: Notifications = Notifications()
    webhook: tuple[Webhook, ...] = ()
    webhooks: Webhooks = Webhooks()
    security: Security = Security()
    log: Log = Log()

    @property
    def region(self) -> str | None:
        """Country of numbers without a country code: as set, else the one that all modems are said to be in."""
        countries = {modem.country for modem in self.modem}
        return self.messages.default_region or (countries.pop() if len(countries) == 1 else None)

    @model_validator(mode="after")
    def _no_twins(self) -> Config:
        for what, names in (
            ("modem.port", [m.port for m in self.modem]),
            ("line.iccid", [x.iccid for x in self.line if x.iccid]),
            ("line.imsi", [x.imsi for x in self.line if x.imsi]),
            ("phone.serial", [_phone_name(p) for p in self.phone]),
            ("inbound_rule.name", [rule.name for rule in self.inbound_rule]),
            ("content_rule.name", [rule.name for rule in self.content_rule]),
        ):
            twin = next((n for n in names if names.count(n) > 1), None)
            if twin is not None:
                raise ValueError(f"{what} {twin} stands twice")
        return self

    @model_validator(mode="after")
    def _mail_server(self) -> Config:
        mails = next((rule.name for rule in self.inbound_rule if rule.email is not None), None)
        if mails is not None and self.email.host is None:
            raise ValueError(f'inbound_rule "{mails}" sends e-mail; set host and sender of [email]')
        if self.alerts.email and self.email.host is None:
            raise ValueError("alerts.email needs a mail server; set host and sender of [email]")
        return self


def _phone_name(phone: Phone) -> str:
    """Name a phone with the SIMs that are meant: it may stand twice only with different ones."""
    return f"{phone.serial} with sims {', '.join(sorted(phone.sims))}" if phone.sims else phone.serial

"""Owns the shapes of answers about lines, devices and what is done with them.

Builds no answer. Beside ``answers.py``, of which it uses the shared shapes.
Source: the HTTP interface.
"""

from __future__ import annotations

from typing import Literal

from gateway.http.answers import Answer, Time


class Reason(Answer):
    """Why a line or device is as it is."""

    code: str
    title: str
    hint: str


class Quota(Answer):
    """How much of a limit is used, in parts or people. A window that slides is empty at resets_at, and lets some go
    before."""

    name: str
    limit: int
    used: int
    resets_at: Time


class LineMoney(Answer):
    """An amount; decimal text, so that nothing is lost."""

    amount: str
    currency: str


class LineBudget(Answer):
    """How much of the money of a day or billing month is used."""

    name: str
    limit: LineMoney
    used: LineMoney
    resets_at: Time


class LineTariff(Answer):
    """What a part costs, and by the beginning of the number; decimal text."""

    currency: str
    per_part: str
    by_prefix: dict[str, str]


class Line(Answer):
    """One SIM, attached or remembered. signal_dbm is in dBm, eta_s how long what waits for it will take: a guess, null
    where nobody can say. cost_month is what the billing month has cost so far."""

    id: str
    iccid: str | None
    imsi: str | None
    number: str | None
    label: str | None
    pool: list[str]
    device: str | None
    state: Literal["up", "down", "paused", "needs_attention"]
    reason: Reason | None
    operator: str | None
    signal_dbm: int | None
    roaming: bool | None
    smsc: str | None
    store_used: int | None
    store_total: int | None
    queued: int
    sent_today: int
    per_minute: int | None
    per_hour: int | None
    per_day: int | None
    per_month: int | None
    recipients_per_month: int | None
    billing_day: int
    quiet_hours: str | None
    tariff: LineTariff | None
    cost_month: LineMoney | None
    quotas: list[Quota]
    budgets: list[LineBudget]
    eta_s: int | None
    eta_reason: str
    emulated: bool
    last_seen_at: Time


class LineList(Answer):
    """All lines."""

    items: list[Line]
    next: None


class PartsCap(Answer):
    """The device lets out at most so many parts in any window."""

    parts: int
    window_s: int


class DeviceHealth(Answer):
    """What a phone says of itself; null where it does not tell. way is usb or lan; app_code grows with each version."""

    way: str | None
    app_version: str | None
    app_code: int | None
    battery_percent: int | None
    charging: bool | None
    temperature_c: float | None
    airplane: bool | None
    free_bytes: int | None
    standby_bucket: str | None
    doze_exempt: bool | None
    default_sms_app: bool | None
    missing_permissions: list[str]
    cap: PartsCap | None


class DeviceStep(Answer):
    """One step of bringing a phone into order; hint is what a person must do."""

    name: str
    outcome: Literal["ok", "fixed", "refused", "waiting", "skipped"]
    detail: str
    hint: str


class SimPin(Answer):
    """The SIM waits for its PIN. tries_left is null where the modem does not tell."""

    tries_left: int | None


class SimUnlocked(Answer):
    """The SIM took its PIN. remembered: kept sealed for this SIM, so that nobody is asked again."""

    id: str
    unlocked: Literal[True]
    remembered: bool


class Device(Answer):
    """A phone or modem that is or was attached. state seen: on a cable, and not ours; provision sets it up. sim_pin is
    there while the SIM in an attached modem waits for its PIN."""

    id: str
    kind: str
    address: str
    serialno: str | None
    label: str | None
    state: Literal["attached", "away", "seen"]
    adb: str | None
    paired_at: Time | None
    notes: list[str]
    health: DeviceHealth | None
    steps: list[DeviceStep]
    maker: str | None
    model: str | None
    firmware: str | None
    emulated: bool
    attached: bool
    reason: Reason | None
    sim_pin: SimPin | None
    last_seen_at: Time | None


class DeviceList(Answer):
    """All devices."""

    items: list[Device]
    next: None


class DeviceSteps(Answer):
    """What was done to a phone, or found; ok when no step was refused or waits."""

    ok: bool
    steps: list[DeviceStep]


class Revoked(Answer):
    """The phone's key is worth nothing any more, and its link is closed."""

    id: str
    revoked: Literal[True]


class PairingOffer(Answer):
    """A pairing for one phone, once, within five minutes; the codes are null in a replay.

    page is what the QR code holds: it opens in the phone's browser, and is null while only this machine reaches the
    server. link opens the app on a phone that has it; typed_code is for typing; hosts are where phones reach the
    listener, the likeliest first; pin is SHA-256 of its public key.
    """

    code: str | None
    typed_code: str | None
    link: str | None
    page: str | None
    host: str
    hosts: list[str]
    pin: str
    expires_at: Time
    how: str


class UssdAnswer(Answer):
    """What the network answered."""

    code: str
    text: str


class Restarting(Answer):
    """A modem that restarts; its line tells when it is back."""

    id: str
    restarting: bool


class SelfTestStep(Answer):
    """One thing looked at, or what became of the line's text to itself: ``seconds`` after it was accepted."""

    name: str
    ok: bool
    detail: str
    seconds: float | None


class SelfTest(Answer):
    """The outcome of a self-test."""

    ok: bool
    steps: list[SelfTestStep]

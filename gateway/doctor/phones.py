"""Owns findings about phones: what a run or a look over the cable found, and what each phone says of itself.

Asks no phone: rows of the store, and what the phones' side knows of cables, are enough.
Source: rules CMP-4; DeviceHealth of the link; the steps of device_bridge.adb.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from device_bridge.device import DeviceHealth, PartsCap
from gateway.doctor.finding import Finding, Severity
from gateway.doctor.fixes import SET_UP, PhoneFix
from gateway.doctor.phone_steps import findings_of_steps
from gateway.store.rows import DeviceRow

if TYPE_CHECKING:
    from gateway.http.services import DeviceStep, KnownPhone

BATTERY_LOW_PERCENT = 20
HOT_C = 45.0
"""Degrees at which phones stop charging (the JEITA guideline for lithium batteries)."""

FREE_LOW_BYTES = 100_000_000
"""Under this Android begins to refuse: its own low-storage warning comes at about 500 MB or 5 %."""

RAISED_PER_MINUTE = 200
"""What the limit can be raised to over USB (device_bridge.adb.limit)."""

_READY = "device"  # adb's word for a phone that can be talked to


@dataclass(frozen=True, slots=True)
class Phone:
    """One phone, from all that is known of it.

    Attributes:
        known: Its cable and its pairing; None where the phones' side does not know it.
        row: What it said when it was connected last; None: it never was.
        looked: Steps of a look that changed nothing, where that is the newest word.
        per_minute: Parts that its lines may send in a minute together; 0 = without limit.
    """

    known: KnownPhone | None
    row: DeviceRow | None
    looked: tuple[DeviceStep, ...] = ()
    per_minute: int = 0

    @property
    def id(self) -> str:
        """Serial number, else install id: what commands take."""
        known = self.known
        return (known.serialno or known.install_id if known else None) or (self.row.id if self.row else "")

    @property
    def about(self) -> str:
        maker, model = (self.row.maker, self.row.model) if self.row else (None, None)
        words = [word for word in (maker, model or (self.known.model if self.known else None)) if word]
        return f"{' '.join(words) or 'phone'} ({self.id})"

    @property
    def on_cable(self) -> bool:
        return self.known is not None and self.known.state == _READY and self.known.serialno is not None


def phones_of(
    known: Iterable[KnownPhone],
    devices: Iterable[DeviceRow],
    looked: Mapping[str, tuple[DeviceStep, ...]],
    per_minute: Mapping[str, int],
) -> list[Phone]:
    """Put together what is known of phones. ``looked`` is by serial number, ``per_minute`` by device id."""
    rows = {row.id: row for row in devices if row.kind == "phone"}
    phones = []
    for one in known:
        row = rows.pop(one.install_id or "", None)
        steps = looked.get(one.serialno or "", ())
        phones.append(Phone(one, row, steps, per_minute.get(one.install_id or "", 0)))
    return phones + [Phone(None, row) for row in rows.values()]


def examine_phones(phones: Sequence[Phone]) -> list[Finding]:
    """Turn what is known of phones into findings."""
    return [finding for phone in phones for finding in _phone(phone)]


def _phone(phone: Phone) -> list[Finding]:
    known = phone.known
    steps = phone.looked or (known.steps if known else ())
    found = findings_of_steps(phone.about, phone.id, steps, look=bool(phone.looked))
    if known is not None and not known.ours and not found:
        return [_not_set_up(phone)]
    if phone.row is not None and phone.row.attached and phone.row.health is not None:
        # That the limit is as the platform has it says nothing of whether it is enough.
        told = {each.code for each in found if each.is_wrong or each.code != "phone_limit"}
        found += [each for each in _health(phone, phone.row.health) if each.code not in told]
        if not any(each.is_wrong for each in found):
            way = {"usb": "USB", "lan": "Wi-Fi"}.get(phone.row.health.way or "", "its link")
            found.append(_of(phone, "phone", "ok", f"Connected over {way}"))
    return found


def _of(phone: Phone, code: str, severity: Severity, title: str, **more: Any) -> Finding:
    return Finding(code, severity, phone.about, title, subject=phone.id, scope="lines:read", **more)


def _not_set_up(phone: Phone) -> Finding:
    return _of(
        phone,
        "phone_not_set_up",
        "note",
        "This phone is on a cable and not set up",
        why="Nothing is done to a phone before you say so.",
        hint=f"gateway devices provision {phone.id}",
        fix=PhoneFix(phone.id, SET_UP) if phone.on_cable else None,
    )


# ------------------------------------------------------------------ what a phone says of itself


def _health(phone: Phone, health: DeviceHealth) -> list[Finding]:
    found = []
    missing = [name.rpartition(".")[2] for name in health.missing_permissions]
    if missing:
        severity: Severity = "stops" if "SEND_SMS" in missing else "trouble"
        found.append(
            _by_cable(
                phone,
                _of(
                    phone,
                    "phone_permission",
                    severity,
                    f"The app lacks {', '.join(missing)}",
                    why="Without them it cannot send, receive or tell its SIMs.",
                    hint="On the phone: Settings → Apps → SMS line → Permissions; or repair it over USB.",
                ),
                "grants",
            )
        )
    if health.doze_exempt is False:
        doze = _of(
            phone,
            "phone_doze",
            "trouble",
            "Battery saving may stop the app",
            why="Texts then wait until somebody switches the screen on.",
            hint="In the app: Run while the screen is off; or repair it over USB.",
        )
        found.append(_by_cable(phone, doze, "doze"))
    return found + _limit(phone, health.cap) + _supplies(phone, health)


def _by_cable(phone: Phone, finding: Finding, step: str) -> Finding:
    """Add the repair where the phone hangs on a cable."""
    return replace(finding, fix=PhoneFix(phone.id, step)) if phone.on_cable else finding


def _limit(phone: Phone, cap: PartsCap | None) -> list[Finding]:
    if cap is None:
        return []
    allowed = cap.parts * 60 // max(cap.window_s, 1)
    wanted = min(phone.per_minute or RAISED_PER_MINUTE, RAISED_PER_MINUTE)
    if allowed >= wanted:
        return []
    low = _of(
        phone,
        "phone_limit",
        "trouble",
        f"Android lets out {cap.parts} SMS parts in {cap.window_s} s",
        why="Its lines may send more; what is above waits.",
        hint="Plug it in and let the limit be raised, or slow its lines.",
    )
    return [_by_cable(phone, low, "limit")]


def _supplies(phone: Phone, health: DeviceHealth) -> list[Finding]:
    found = []
    battery = health.battery_percent
    if battery is not None and battery <= BATTERY_LOW_PERCENT and health.charging is False:
        title, why = f"Battery at {battery} %, not charging", "A phone that is empty sends nothing."
        hint = "Plug it into a charger; a phone that hangs on the wall stays on one."
        found.append(_of(phone, "phone_battery", "trouble", title, why=why, hint=hint))
    if health.airplane:
        title, why = "Airplane mode is on", "The phone has no network, so its SIMs send nothing."
        found.append(
            _of(phone, "phone_airplane", "stops", title, why=why, hint="Switch it off on the phone.")
        )
    if health.temperature_c is not None and health.temperature_c >= HOT_C:
        title, why = (
            f"The battery has {health.temperature_c:.0f} °C",
            "Android stops charging, then switches off.",
        )
        hint = "Take it out of its case and out of the sun."
        found.append(_of(phone, "phone_hot", "trouble", title, why=why, hint=hint))
    if health.free_bytes is not None and health.free_bytes < FREE_LOW_BYTES:
        title, why = f"{health.free_bytes // 1_000_000} MB free", "The app can take no text and keep none."
        hint = "Delete something on the phone."
        found.append(_of(phone, "phone_full", "trouble", title, why=why, hint=hint))
    return found

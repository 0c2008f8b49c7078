"""Owns the send box: whom, which words, when and by which line; from a form to one message, or to a small batch.

Knows no rule of sending: numbers, parts and refusals are those of admission, shown beside the field they are about.
Source: the notes on what people see, *Send box*; rules API-8 (a form sends once), API-11.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web
from multidict import MultiDict
from pydantic_core import from_json, to_json

from gateway.admission import queue_full, storage_unavailable
from gateway.batches import Addressee, AskedBatch
from gateway.draft import MessageDraft
from gateway.errors import GatewayError, field_error
from gateway.http.call import Call
from gateway.http.messages import draft_of
from gateway.http.models import SendMessage
from gateway.http.route import Route, forbidden, scope_of
from gateway.store.protocol import NotFound, QueueFull, StoreUnavailable
from gateway.store.rows import IdempotencyKey, LineRow
from gateway.templates import placeholders_of
from gateway.web.counting import Counted, counted
from gateway.web.estimate import Estimate, estimate
from gateway.web.form_errors import WHOLE, by_field, judged
from gateway.web.forms import read_form
from gateway.web.frame import REGIONS, Page, see_other, show
from gateway.web.names import lines_of
from gateway.web.once import FIELD, fresh, mark_of
from gateway.web.recipients import CHIPS_MOST, Chip, chips
from gateway.web.words import gettext as _
from gateway.web.words import mark

VALIDITIES = (
    (300, mark("5 minutes")),
    (3_600, mark("1 hour")),
    (14_400, mark("4 hours")),
    (43_200, mark("12 hours")),
    (86_400, mark("1 day")),
    (259_200, mark("3 days")),
    (604_800, mark("7 days")),
)
_TEMPLATES_MOST = 100
_SHOWN = frozenset({"to", "text", "line", "send_at", "valid_for_s", "template_id", "data"})
"""Fields that have a place for what is wrong with them."""

_REGIONS = ("chips", "estimate", "sends")
"""What the script asks for again while the box is filled in."""

_DATA = "data."
"""How fields begin that fill a template."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from. ``templates`` are (id, name); ``names`` are values that the chosen one needs."""

    lines: Sequence[LineRow]
    pools: Sequence[str]
    templates: Sequence[tuple[str, str]]
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class Box:
    """The send box as it is shown. ``fields`` is what was typed; ``errors`` are by field, "" for what is about none."""

    fields: Mapping[str, str]
    choices: Choices
    chips: Sequence[Chip] = ()
    errors: Mapping[str, str] = field(default_factory=dict)
    counted: Counted | None = None
    estimate: Estimate = field(default_factory=Estimate)
    once: str = field(default_factory=fresh)

    @property
    def good(self) -> int:
        """To how many a text will go."""
        return sum(chip.good for chip in self.chips)

    @property
    def more(self) -> bool:
        """Say whether an option below *More* is set, or wrong."""
        options = ("line", "send_at", "valid_for_s", "priority", "flash", "template_id")
        return any(self.fields.get(name) or name in self.errors for name in options) or bool(
            self.choices.names
        )


async def box(call: Call) -> Box | None:
    """Make an empty send box; None for who may not send."""
    return Box({}, await _choices(call, "")) if call.caller.may("messages:send") else None


async def page(call: Call) -> web.Response:
    """Show the send box, with what the address says filled in."""
    query = call.request.rel_url.query
    fields = {name: query[name] for name in ("to", "text", "line", "template_id") if name in query}
    if fields.get("line", "").partition(":")[0] not in ("", "line", "pool"):
        fields["line"] = f"line:{fields['line']}"  # links from elsewhere name a line by its id
    return await _shown(call, await _box(call, fields, {}))


async def send(call: Call) -> web.Response:
    """Send to one number or to several, or only look at what would be sent."""
    fields = await read_form(call)
    asked_only = fields.get("do") == "check" or REGIONS in call.request.headers
    if asked_only or fields.get("do") == "more":
        return await _shown(call, await _box(call, fields, {}))
    try:
        return see_other(call, await _sent(call, fields), done="sent")
    except GatewayError as error:
        if error.status not in (403, 404, 422, 429, 503):
            raise
        return await _shown(call, await _box(call, fields, _by_field(error)), 422)


def _by_field(error: GatewayError) -> dict[str, str]:
    """Say what is wrong beside the field that has it; what no field has stands above all."""
    found: dict[str, str] = {}
    for name, detail in by_field(error).items():
        shown = "line" if name == "pool" else name
        found.setdefault(shown if shown in _SHOWN else WHOLE, detail)
    return found


async def _shown(call: Call, shown: Box, status: int = 200) -> web.Response:
    async def nothing() -> Mapping[str, object]:
        return {}

    values = {"box": shown, "validities": VALIDITIES}
    return await show(
        call,
        Page("send.html", _("Send a text"), values, dict.fromkeys(_REGIONS, nothing), "/messages"),
        status,
    )


async def _box(call: Call, fields: Mapping[str, str], errors: Mapping[str, str]) -> Box:
    """Show back what was typed: numbers as chips, the text with its parts."""
    known = await _chips(call, fields.get("to", ""))
    text = fields.get("text", "")
    measured = counted(call.services.admission, text) if text else None
    kept = {name: value for name, value in fields.items() if name not in (FIELD, "do")}
    choices = await _choices(call, fields.get("template_id", ""))
    said = await estimate(call, _draft(fields), [chip.e164 for chip in known if chip.good])
    return Box(kept, choices, known, errors, measured, said)


def _draft(fields: Mapping[str, str]) -> MessageDraft:
    """As far as it is written: what would be sent."""
    kind, _colon, name = fields.get("line", "").partition(":")
    return MessageDraft(
        to="",
        text=None if fields.get("template_id") else fields.get("text"),
        line=name if kind == "line" and name else None,
        pool=name if kind == "pool" and name else None,
    )


async def _choices(call: Call, template_id: str) -> Choices:
    store, lines = call.services.store, await lines_of(call)
    page = await store.templates.page(call.view, _TEMPLATES_MOST, None)
    names: tuple[str, ...] = ()
    if template_id:
        try:
            names = placeholders_of((await store.templates.get(call.view, template_id)).content)
        except NotFound:
            names = ()
    pools = sorted({pool for line in lines for pool in line.pools})
    return Choices(lines, pools, [(row.id, row.content.name) for row in page.items], names)


async def _chips(call: Call, pasted: str) -> tuple[Chip, ...]:
    admission = call.services.admission
    lines = await admission.line_book.lines(call.caller.tenant)
    # Hundreds of numbers take a while to judge: not on the loop that serves everybody.
    return await asyncio.to_thread(
        chips, pasted, lambda written: admission.composer.recipient(written, lines)
    )


# ------------------------------------------------------------------ sending


async def _sent(call: Call, fields: MultiDict[str]) -> str:
    """Send, and say which page shows it.

    Raises:
        GatewayError: why it was refused; nothing was stored.
    """
    known = await _chips(call, fields.get("to", ""))
    wrong = [chip for chip in known if not chip.e164]
    if wrong:
        raise field_error("invalid_number", wrong[0].why, "to")
    numbers = [chip.e164 for chip in known if chip.good]
    if not numbers:
        raise field_error("invalid_number", _("Write at least one number."), "to")
    if len(known) >= CHIPS_MOST:
        detail = _("These are too many for this box. Send them as a batch, from a list.")
        raise field_error("invalid_request", detail, "to")
    asked = judged(SendMessage, {"to": numbers[0], **_values(fields, call.services.clock.now_ms())})
    fingerprint = hashlib.sha256(to_json([*fields.items()])).hexdigest()
    once = IdempotencyKey(scope_of(call), mark_of(fields), fingerprint)
    if len(numbers) == 1:
        admitted = await call.services.admission.admit(draft_of(asked), call.caller, once)
        return f"/messages/{admitted.message.id}"
    if not call.caller.may("batches:write"):
        raise forbidden("batches:write")
    return f"/batches/{await _batch(call, asked, numbers, once)}"


async def _batch(call: Call, asked: SendMessage, numbers: Sequence[str], once: IdempotencyKey) -> str:
    desk = call.services.batches
    async with desk.once(once):
        kept = await call.services.store.answered(once)
        if kept is not None:
            return str(from_json(kept.body)["id"])
        receiving = await desk.begin(_asked_batch(asked), call.caller)
        own = asked.text if _has_braces(asked.text) else None
        try:
            await receiving.add(
                [Addressee(i, to, asked.data, text=own) for i, to in enumerate(numbers, start=1)]
            )
            row, _answer = await receiving.finish(once)
        except QueueFull:
            await desk.drop(receiving)
            raise queue_full() from None
        except StoreUnavailable:
            await desk.drop(receiving)
            raise storage_unavailable() from None
        except BaseException:
            await desk.drop(receiving)
            raise
    return row.id


def _has_braces(text: str | None) -> bool:
    return text is not None and ("{" in text or "}" in text)


def _asked_batch(asked: SendMessage) -> AskedBatch:
    return AskedBatch(
        # What is typed here is meant as it stands: a text with braces goes by its rows, where they are no placeholders.
        text=" " if _has_braces(asked.text) else asked.text,
        template_id=asked.template_id,
        priority=asked.priority,
        send_at_ms=asked.send_at,
        valid_for_s=asked.valid_for_s,
        line=asked.line,
        pool=asked.pool,
        flash=asked.flash,
    )


def _values(fields: MultiDict[str], now_ms: int) -> dict[str, object]:
    """Turn fields into members of a request; what is empty is left out."""
    kind, _colon, name = fields.get("line", "").partition(":")
    values: dict[str, object] = {
        "template_id": fields.get("template_id", ""),
        "send_at": _send_at(fields.get("send_at", ""), fields.get("zone", "").strip(), now_ms),
        "valid_for_s": _whole(fields, "valid_for_s"),
        "priority": _whole(fields, "priority"),
        "flash": "flash" in fields or None,
        "line": name if kind == "line" else "",
        "pool": name if kind == "pool" else "",
    }
    if values["template_id"]:
        values["data"] = {
            name.removeprefix(_DATA): value
            for name, value in fields.items()
            if name.startswith(_DATA) and value
        } or None
    else:
        values["text"] = fields.get("text", "")
        if not fields.get("text", "").strip():
            raise field_error("invalid_request", _("Write what the text shall say."), "text")
    return {name: value for name, value in values.items() if value not in ("", None)}


def _whole(fields: MultiDict[str], name: str) -> int | None:
    written = fields.get(name, "")
    if not written:
        return None
    if not (written.isascii() and written.isdecimal() and len(written) < 10):
        raise field_error("invalid_request", _("Write a whole number."), name)
    return int(written)


def _send_at(written: str, zone: str, now_ms: int) -> str | None:
    """Read a time of day in somebody's zone; in this machine's where none is named."""
    if not written:
        return None
    try:
        local = datetime.fromisoformat(written)
        at = local.astimezone() if not zone else local.replace(tzinfo=ZoneInfo(zone))
    except (ValueError, OverflowError, OSError, LookupError):
        detail = _("There is no such time or time zone. Write them like 2026-11-21 09:00 and Europe/London.")
        raise field_error("send_at_invalid", detail, "send_at") from None
    if at.timestamp() * 1000 < now_ms:
        raise field_error(
            "send_at_invalid", _("This time has passed. Leave it empty to send now."), "send_at"
        )
    return at.isoformat()


ROUTES = (
    Route("GET", "/send", page, "messages:send", "The send box", media_type="text/html"),
    Route("POST", "/send", send, "messages:send", "Send a text", 303, media_type="text/html"),
)

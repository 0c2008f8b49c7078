"""Owns adding a phone over Wi-Fi: the code and its QR code for the person here, and the page that the phone opens.

Knows no secret but what it shows to whoever may make codes. The phone's page is open to everybody who has its ticket
(130 bits) while the code is open, and holds nothing secret: the code stays behind the ``#`` of the link.
Source: rules CMP-1; docs/link.md, *Pairing*; the notes on what people see, *Phone on Wi-Fi*.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import web

from gateway.errors import GatewayError
from gateway.http.call import Call
from gateway.http.devices import actions_of
from gateway.http.pairing_page import is_reachable, pairing_pages
from gateway.http.route import Route
from gateway.http.services import PairingOffer, PairingSeen, app_link
from gateway.representation import rfc3339
from gateway.store.protocol import NotFound
from gateway.web.device_cards import find_device
from gateway.web.forms import read_form
from gateway.web.frame import Page, see_other, show
from gateway.web.qr import qr_code
from gateway.web.words import gettext as _
from gateway.web.words import mark

_HERE = "/devices"
_APK = "application/vnd.android.package-archive"
_GONE = 410

WHY_NOT = {
    "used": mark("This code was used already: it pairs one phone, once."),
    "over": mark("This code is over: it was good for five minutes."),
    "spent": mark("This code is spent: five wrong tries were made with it."),
    "unknown": mark("Nobody knows this code here. It may be older than the last start of the gateway."),
}


# ------------------------------------------------------------------ for the person at the dashboard


async def before(call: Call) -> web.Response:
    """Say how a phone is added, and why it cannot be done over Wi-Fi here where that is so."""
    return await _before(call, None)


async def offer(call: Call) -> web.Response:
    """Make a code for one phone."""
    await read_form(call)
    if not is_reachable(call.services.settings):
        return await _before(call, None, status=409)
    try:
        made = await actions_of(call).pair()
    except GatewayError as error:
        return await _before(call, error, status=error.status)
    return see_other(call, f"/devices/pair/{quote(made.ticket, safe='')}")


async def _before(call: Call, problem: GatewayError | None, status: int = 200) -> web.Response:
    if call.caller.sandbox:
        raise NotFound
    there = call.services.device_actions is not None
    values = {"is_there": there, "is_reachable": is_reachable(call.services.settings), "problem": problem}
    return await show(call, Page("pair_before.html", _("Add a phone over Wi-Fi"), values, {}, _HERE), status)


async def follow(call: Call) -> web.Response:
    """Show a code and follow what becomes of it; leads to the phone's page once it is connected."""
    ticket = call.id("ticket")
    actions_of(call)
    seen = _pairing(call, ticket)
    if seen is not None and seen.install_id is not None:
        card = await find_device(call, seen.install_id)
        if card is not None and card.attached:
            return see_other(call, card.path, done="paired")

    async def pairing() -> Mapping[str, object]:
        return _shown(call, _pairing(call, ticket), call.request.rel_url.query.get("host", ""))

    values = {"ticket": ticket}
    page = Page("pair_follow.html", _("Add a phone over Wi-Fi"), values, {"pairing": pairing}, _HERE)
    return await show(call, page)


def _shown(call: Call, seen: PairingSeen | None, wanted: str) -> Mapping[str, object]:
    state = "unknown" if seen is None else seen.state
    values: dict[str, object] = {
        "state": state,
        "why": _(WHY_NOT.get(state, "")),
        "pages": (),
        "chosen": None,
    }
    if seen is None or state != "open":
        return values
    pages = pairing_pages(call, seen.offer)
    chosen = next((page for page in pages if page.host == wanted), pages[0] if pages else None)
    typed = seen.offer.typed_code
    return {
        **values,
        "pages": pages,
        "chosen": chosen,
        "qr": None if chosen is None else qr_code(chosen.url),
        "typed": f"{typed[:4]}-{typed[4:]}",
        "left_s": seen.left_s,
        "until": rfc3339(seen.offer.expires_at_ms),
    }


# ------------------------------------------------------------------ for the phone


async def on_phone(call: Call) -> web.Response:
    """Show a phone's browser the two steps: get the app, open the app."""
    seen = _pairing(call, call.id("ticket"))
    state = "unknown" if seen is None else seen.state
    values: dict[str, object] = {"state": state, "why": _(WHY_NOT.get(state, ""))}
    if seen is None or state != "open":
        return await show(
            call, Page("pair_phone.html", _("Pair this phone"), values), 404 if seen is None else _GONE
        )
    host = _host_of(call, seen.offer)
    values |= {
        "ticket": quote(seen.offer.ticket, safe=""),
        "link_to_app": app_link(host, seen.offer.pin, ""),
        "host": host,
        "left_s": seen.left_s,
        "until": rfc3339(seen.offer.expires_at_ms),
    }
    return await show(call, Page("pair_phone.html", _("Pair this phone"), values))


async def apk(call: Call) -> web.Response:
    """Give the app, while the code of this page is open."""
    seen = _pairing(call, call.id("ticket"))
    actions = call.services.device_actions
    if actions is None or seen is None or seen.state != "open":
        raise NotFound
    headers = {"Content-Type": _APK, "Content-Disposition": 'attachment; filename="sms-line.apk"'}
    return web.Response(body=await actions.app(), headers=headers)


def _host_of(call: Call, offer: PairingOffer) -> str:
    """Say where the app dials: what the link asks for, else the address by which this very page was found."""
    asked = call.request.rel_url.query.get("h", "")
    if asked in offer.hosts:
        return asked
    here = call.request.host.rpartition(":")[0] or call.request.host
    return next((host for host in offer.hosts if host.rpartition(":")[0] == here), offer.host)


def _pairing(call: Call, ticket: str) -> PairingSeen | None:
    actions = call.services.device_actions
    try:
        return actions.pairing(ticket) if actions is not None else None
    except LookupError:
        return None


_HTML = "text/html"
_MANAGE = "lines:manage"

ROUTES = (
    Route("GET", "/devices/pair", before, _MANAGE, "How a phone is added", media_type=_HTML),
    Route(
        "POST",
        "/devices/pair",
        offer,
        _MANAGE,
        "Make a code for a phone",
        303,
        media_type=_HTML,
        audited="pairing.begun",
    ),
    Route(
        "GET", "/devices/pair/{ticket}", follow, _MANAGE, "A code and what becomes of it", media_type=_HTML
    ),
    Route("GET", "/pair/{ticket}", on_phone, None, "What a phone does to pair", media_type=_HTML),
    Route("GET", "/pair/{ticket}/sms-line.apk", apk, None, "The app for phones", media_type=_APK),
)

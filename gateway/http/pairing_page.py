"""Owns where a phone's browser finds the page of a pairing: which addresses of this server it reaches, and the link.

Knows no page. The code stands behind the ``#``: no browser sends that, so it crosses no wire, and whoever listens to
plain http learns a ticket that opens nothing but a page without secrets.
Source: rules CMP-1; RFC 3986 §3.5 (a fragment is for the client alone); docs/link.md, *Pairing*.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import quote

from gateway.http.call import Call
from gateway.http.services import ApiSettings, PairingOffer
from gateway.loopback import is_loopback

_WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104  compared, not bound


@dataclass(frozen=True, slots=True)
class PairingPage:
    """One way for a phone: ``host`` is where the app will dial (with port), ``url`` what the QR code holds."""

    host: str
    url: str = field(repr=False)


def is_reachable(settings: ApiSettings) -> bool:
    """Say whether other machines reach this server: it has a public address, or is bound beyond loopback."""
    return settings.public_url is not None or not is_loopback(settings.host)


def pairing_pages(call: Call, offer: PairingOffer) -> tuple[PairingPage, ...]:
    """List the addresses of a pairing's page, the likeliest first; nothing while only this machine reaches us."""
    settings = call.services.settings
    if not is_reachable(settings):
        return ()
    found = []
    for host in offer.hosts:
        base = settings.public_url or _base(call, host)
        if base is not None:
            path = f"/pair/{quote(offer.ticket, safe='')}"
            asked = f"?h={quote(host, safe=':[]')}" if settings.public_url and host != offer.host else ""
            found.append(PairingPage(host, f"{base.rstrip('/')}{path}{asked}#{offer.code}"))
    return tuple(found)


def _base(call: Call, link_host: str) -> str | None:
    """Write our own address as the owner of ``link_host`` is reached; None where the door would not let it in."""
    settings = call.services.settings
    name = link_host.rpartition(":")[0] if settings.host in _WILDCARDS else _bracketed(settings.host)
    if not (_is_address(name) or name.lower() in settings.own_names | frozenset(settings.allowed_hosts)):
        return None
    transport = call.request.transport
    own = transport.get_extra_info("sockname") if transport is not None else None
    port = own[1] if own else 80
    return f"{call.request.scheme}://{name}:{port}"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host

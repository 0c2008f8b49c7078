"""Owns when a use of a key is odd: a network it never came from, far more requests than usual, use after its successor.

Knows no store and no address of this machine; what was seen before and which addresses are ours are given.
Source: rules KEY-8 (alerts); RFC 4291 §2.5.4 (a /64 is one subnet).
"""

from __future__ import annotations

import ipaddress
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["new_network", "many_requests", "after_rotation"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

SETTLED_MS = DAY_MS
"""How long a key has come from somewhere before another network is news: whoever sets a program up tries it here and
there on the first day."""

TIMES_THE_MEDIAN = 10
MEDIAN_HOURS = 7 * 24
KNOWN_HOURS = 3 * 24
"""Fewer days say nothing of what is usual."""

REQUESTS_MIN = 600
"""Ten a minute: ten times next to nothing is still next to nothing."""

NETWORKS_KEPT = 100
"""A key that has come from so many within :data:`NETWORK_KEPT_MS` travels: where it is says nothing any more."""

NETWORK_KEPT_MS = 90 * DAY_MS
HOURS_KEPT = 8 * 24

THIS_MACHINE = "127.0.0.0/8"
"""Loopback and every address of this machine."""


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What was gathered about a key since the last note. ``last_ms`` and ``address`` are of the newest request.

    ``networks`` maps each network to its first request, ``hours`` hours since 1970 to their requests.
    """

    key_id: str
    tenant: str
    last_ms: int
    address: str
    networks: Mapping[str, int]
    hours: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knew before. ``networks`` maps each to its first request; ``hours`` as in :class:`KeyUse`.

    ``successor`` is the key that took its place and its first request, None before that; ``rotation_told`` that its
    use was told already; ``rush_told_ms`` when many requests were told last.
    """

    networks: Mapping[str, int] = field(default_factory=dict)
    hours: Mapping[int, int] = field(default_factory=dict)
    rush_told_ms: int | None = None
    successor: tuple[str, int] | None = None
    rotation_told: bool = False


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An odd use; ``cause`` is what it is told once for, ``figures`` what a program reads."""

    kind: Kind
    cause: str
    figures: Mapping[str, str | int]


def network_of(address: str, is_ours: Callable[[Address], bool]) -> str | None:
    """Name the network of a client: its /24 or /64, one for all of this machine; None for what is no address."""
    try:
        ip: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_loopback or is_ours(ip):
        return THIS_MACHINE
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 64), strict=False))


def news(use: KeyUse, known: Known) -> dict[str, int]:
    """Give the networks that the key never came from, as far as there is room to keep them."""
    room = max(0, NETWORKS_KEPT - len(known.networks))
    fresh = [network for network in use.networks if network not in known.networks]
    return {network: use.networks[network] for network in fresh[:room]}


def judge(use: KeyUse, known: Known) -> tuple[Anomaly, ...]:
    """Say what is odd about a use and was not told yet."""
    return (*_new_networks(use, known), *_many_requests(use, known), *_after_rotation(use, known))


def _new_networks(use: KeyUse, known: Known) -> Iterator[Anomaly]:
    oldest_ms = min(known.networks.values(), default=None)
    for network, first_ms in news(use, known).items():
        if oldest_ms is not None and first_ms - oldest_ms >= SETTLED_MS:
            yield Anomaly("new_network", network, {"network": network})


def _many_requests(use: KeyUse, known: Known) -> Iterator[Anomaly]:
    if known.rush_told_ms is not None and use.last_ms - known.rush_told_ms < DAY_MS:
        return
    for hour, more in use.hours.items():
        requests = known.hours.get(hour, 0) + more
        # Hours without a request are left out: a key that works once a night would alarm every night.
        usual = [n for at, n in known.hours.items() if hour - MEDIAN_HOURS <= at < hour]
        if requests < REQUESTS_MIN or not usual or hour - min(known.hours) < KNOWN_HOURS:
            continue
        median = int(statistics.median(usual))
        if requests >= TIMES_THE_MEDIAN * median:
            yield Anomaly("many_requests", str(hour), {"requests": requests, "median": median})
            return


def _after_rotation(use: KeyUse, known: Known) -> Iterator[Anomaly]:
    if known.successor is None or known.rotation_told:
        return
    successor, first_ms = known.successor
    if use.last_ms > first_ms:
        yield Anomaly("after_rotation", successor, {"successor_id": successor})

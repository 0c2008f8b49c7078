"""Owns the questions that make a stranger on a serial port a known modem with a usable message service.

Tolerant: a modem that answers ERROR to half of it still opens. Knows no queue and sends nothing on air.
Source: 27.005 §3 and 27.007; each decision that cannot be negotiated stands in device_bridge.at.dialects.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import product
from typing import Final

from device_bridge.at import commands
from device_bridge.at.dialects import Dialect, dialect_of
from device_bridge.at.dialogue import Command
from device_bridge.at.fields import field, integer
from device_bridge.modem.channel import AtChannel, ModemSilent

_LOG = logging.getLogger(__name__)

_STORES: Final = ("SM", "ME", "MT")
"""In order of liking: what lies on the SIM moves with the SIM, like the line itself."""

_INDICATION_TRIES: Final = 12
"""Settings of CNMI to try before taking what there is; each costs two round trips once per opening."""


@dataclass(frozen=True, slots=True)
class ModemFacts:
    """Who the modem is. Any of it may be None; the driver copes."""

    maker: str | None
    model: str | None
    firmware: str | None
    imei: str | None
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class SimFacts:
    """Who the SIM is."""

    iccid: str | None
    imsi: str | None
    number: str | None
    smsc: str | None


@dataclass(frozen=True, slots=True)
class MessageService:
    """How messages come: numbers of CNMI, by slot or directly, with our acknowledgement or without.

    ``indications`` is what the modem said when read back, or what it accepted where it cannot be read.
    """

    receives_in: str
    use: commands.StoreUse | None
    indications: tuple[int, ...] | None
    acknowledges: bool
    report_store: bool


async def introduce(channel: AtChannel) -> ModemFacts:
    """Bring the dialogue into step and learn who answers.

    Raises:
        ModemSilent: nobody answers AT.
        LinkLost: the link went away.

    On air: never
    """
    if not await channel.bring_into_step():
        raise ModemSilent("no answer to AT")
    await channel.ask(commands.ECHO_OFF)
    await channel.ask(commands.VERBOSE)
    if (await channel.ask(commands.ERROR_NUMBERS)).error is not None:
        await channel.ask(commands.ERROR_WORDS)
    maker = commands.free_text((await channel.ask(commands.MAKER)).lines)
    dialect = dialect_of(maker)
    for line in dialect.first:
        await channel.ask(Command(line, free_text=True))
    return ModemFacts(
        maker=maker,
        model=commands.free_text((await channel.ask(commands.MODEL)).lines),
        firmware=commands.free_text((await channel.ask(commands.FIRMWARE)).lines),
        imei=commands.imei((await channel.ask(commands.IMEI)).lines),
        dialect=dialect,
    )


async def read_iccid(channel: AtChannel) -> str | None:
    """Ask for the SIM's number in each way that makers have; readable on most modems before the PIN.

    On air: never
    """
    for command in commands.ICCID_QUERIES:
        answer = await channel.ask(command)
        found = commands.iccid(answer.lines) if answer.error is None else None
        if found:
            return found
    return None


async def read_sim(channel: AtChannel, iccid: str | None) -> SimFacts:
    """Read the unlocked SIM.

    On air: never
    """
    imsi = commands.imsi((await channel.ask_ready(commands.IMSI)).lines)
    number = commands.own_number((await channel.ask(commands.OWN_NUMBER)).lines)
    smsc = commands.service_centre((await channel.ask(commands.SERVICE_CENTRE)).lines)
    return SimFacts(iccid, imsi, number, smsc)


# ------------------------------------------------------------------ messages


async def set_up_messages(channel: AtChannel, *, direct_texts: bool = False) -> MessageService:
    """Choose PDU mode, stores, and how reports and texts are announced; read back what the modem made of it.

    Calm first: stored reports and texts (+CDSI, +CMTI) survive a crash of ours without a deadline; then direct
    reports that we acknowledge (CSMS=1); then direct reports that the modem acknowledges by itself.

    Args:
        channel: A channel in step, whose turn is held.
        direct_texts: This modem announces texts that it does not keep (`+CMTI: ,-1`): have them routed instead.

    On air: never
    """
    await channel.ask(commands.PDU_MODE)
    store, use = await _choose_stores(channel)
    await channel.ask(commands.use_service(0))
    offered = commands.indications_offered((await channel.ask(commands.INDICATIONS_QUERY)).lines)
    texts = (2, 1) if direct_texts else (1, 2)
    indications = await _negotiate(channel, offered, texts, (2,))
    acknowledges = False
    if indications is None and await _can_acknowledge(channel):
        indications = await _negotiate(channel, offered, texts, (1,))
        acknowledges = indications is not None
    if indications is None:
        await channel.ask(commands.use_service(0))
        indications = await _negotiate(channel, offered, texts, (1, 0))
    _LOG.info("message service: store %s, CNMI %s, acknowledges %s", store, indications, acknowledges)
    stored_reports = indications is not None and len(indications) > 3 and indications[3] == 2
    return MessageService(store, use, indications, acknowledges, stored_reports)


async def read_back(channel: AtChannel, service: MessageService) -> bool:
    """Say whether the indications are still as they were set; True when the modem cannot tell.

    On air: never
    """
    now = commands.indications((await channel.ask(commands.INDICATIONS_READ)).lines)
    if now is None or service.indications is None:
        return True
    return now[:4] == service.indications[:4]


async def _choose_stores(channel: AtChannel) -> tuple[str, commands.StoreUse | None]:
    offered = commands.store_names((await channel.ask_ready(commands.STORES_QUERY)).lines)
    for store in [name for name in _STORES if name in offered] or _STORES:
        for everything in (True, False):
            answer = await channel.ask_ready(commands.use_store(store, everything=everything))
            if answer.error is not None:
                continue
            use = commands.store_use(answer.lines)
            names = commands.store_names((await channel.ask(commands.STORES_READ)).lines)
            taken = not names or names[-1] == store or (not everything and names[0] == store)
            if taken and (use is None or use.total > 0):
                return store, use
    return "SM", None


async def _can_acknowledge(channel: AtChannel) -> bool:
    chosen = await channel.ask(commands.use_service(1))
    if chosen.error is not None:
        return False
    # `+CSMS: <mt>,<mo>,<bm>`: texts to us must be supported for CNMA to mean anything.
    routes = next((integer(field(line, 0)) for line in chosen.lines), 1)
    return bool(routes) and (await channel.ask(commands.ACKNOWLEDGE_QUERY)).error is None


async def _negotiate(
    channel: AtChannel, offered: tuple[frozenset[int], ...], texts: tuple[int, ...], reports: tuple[int, ...]
) -> tuple[int, ...] | None:
    """Try settings, those that the modem offers first, until one is accepted and read back."""
    candidates = [
        (mode, mt, 0, ds, bfr)
        for ds, mt, mode, bfr in product(reports, texts, (2, 1, 3), (0, 1))
        if ds in _offer(offered, 3, ds)
    ]
    candidates.sort(key=lambda candidate: _strangeness(candidate, offered))
    for candidate in candidates[:_INDICATION_TRIES]:
        line = "AT+CNMI=" + ",".join(map(str, candidate))
        if (await channel.ask(Command(line))).error is not None:
            continue
        now = commands.indications((await channel.ask(commands.INDICATIONS_READ)).lines)
        if now is None:
            return candidate
        if now[1:2] == candidate[1:2] and now[3:4] == candidate[3:4]:
            return now
    return None


def _offer(offered: tuple[frozenset[int], ...], index: int, fallback: int) -> frozenset[int]:
    given = offered[index] if index < len(offered) else frozenset()
    return given or frozenset({fallback})


def _strangeness(candidate: tuple[int, ...], offered: tuple[frozenset[int], ...]) -> int:
    return sum(value not in _offer(offered, index, value) for index, value in enumerate(candidate))


# ------------------------------------------------------------------ network


async def subscribe_registration(channel: AtChannel) -> dict[str, int]:
    """Ask for registration once and to be told of changes.

    Returns:
        Domains (CREG, CGREG, CEREG) that answer, with their <stat>.

    On air: never
    """
    found: dict[str, int] = {}
    for domain in commands.REGISTRATION_DOMAINS:
        for detail in (2, 1):
            if (await channel.ask(commands.subscribe(domain, detail))).error is None:
                break
        number = await read_registration(channel, domain)
        if number is not None:
            found[domain] = number
    return found


async def read_registration(channel: AtChannel, domain: str) -> int | None:
    """Ask for one domain's <stat>.

    On air: never
    """
    for line in (await channel.ask(commands.registration(domain))).lines:
        return integer(field(line, 1))
    return None


async def read_signal(channel: AtChannel) -> int | None:
    """Ask for signal strength in dBm.

    On air: never
    """
    for line in (await channel.ask(commands.SIGNAL)).lines:
        return commands.signal_dbm(line)
    return None


async def read_operator(channel: AtChannel) -> str | None:
    """Ask for the network's name.

    On air: never
    """
    await channel.ask(commands.OPERATOR_AS_NAME)
    return commands.operator((await channel.ask(commands.OPERATOR)).lines)

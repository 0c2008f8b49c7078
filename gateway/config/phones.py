"""Owns the sections about phones: what adb may do, what is said of each phone, and the listener for those on the LAN.

Knows no phone and no port that is open. A key stands here only when it is obeyed.
Source: rules CMP-1 and CMP-4; docs/link.md.
"""

from __future__ import annotations

from typing import Annotated, Literal

from gateway.config.kinds import HostName, Label, ListenHost, Pool, SerialNo, SimName, SocketAddress
from gateway.config.section import Section, key


class Link(Section):
    """The TLS listener for phones on the LAN. It is shut until the first `gateway devices pair`."""

    host: Annotated[
        ListenHost,
        key("Address to listen on; 0.0.0.0 is every one of this machine, 127.0.0.1 keeps it shut."),
    ] = "0.0.0.0"  # noqa: S104  nothing but the link of paired phones is served there, and only once one is paired
    port: Annotated[
        int, key("TCP port; 0 takes a free one, which changes with each start.", ge=0, le=65535)
    ] = 8443
    public_names: Annotated[
        tuple[HostName, ...],
        key(
            "Names or addresses that phones dial before the ones found on this machine.",
            example=["gateway.lan"],
        ),
    ] = ()


class Adb(Section):
    """Phones on USB, by the adb server of this machine."""

    enabled: Annotated[bool, key("Look for phones; false leaves adb alone altogether.")] = True
    server: Annotated[
        SocketAddress,
        key("The adb server. One on this machine is started when a phone is plugged in and none answers."),
    ] = "127.0.0.1:5037"
    provision: Annotated[
        Literal["ask", "auto", "off"],
        key(
            "What is done to phones on a cable: ask = nothing to one that is new until `gateway devices provision`,"
            " auto = every phone that trusts this computer is set up, off = nothing by itself, not even the tunnel of"
            " a phone that is set up; only what a person asks for, once."
        ),
    ] = "ask"
    raise_limit: Annotated[
        bool, key("Raise the phone's own limit of SMS parts while it is set up; in force after it restarts.")
    ] = False
    may_reboot: Annotated[
        bool,
        key(
            "Restart a phone by ourselves, once, when a raised limit needs it; a text that is on its way in that"
            " moment may end in doubt."
        ),
    ] = False


class Phone(Section):
    """One phone that belongs to this gateway: it is set up as soon as it is plugged in. Repeat for more."""

    serial: Annotated[
        SerialNo, key("Serial number of the phone, as `gateway devices` shows it.", example="R58N12ABCDE")
    ]
    label: Annotated[Label | None, key("Name that people see on its lines.", example="Office phone")] = None
    pool: Annotated[Pool, key("Pool that its lines join.")] = "default"
    sims: Annotated[
        tuple[SimName, ...],
        key(
            "The SIMs that label and pool are for: ICCID, number, or sub:N (the phone's subscription id) where Android"
            " hides both. Empty = all that no other section of this phone names; repeat the section for each.",
            example=["+447700900101"],
        ),
    ] = ()

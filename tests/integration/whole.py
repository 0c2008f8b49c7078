"""Owns the words that tests of a whole gateway share: how one and an emulated network are made, and their settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.harness.air import Air
from tests.harness.gateway_process import GatewayProcess
from tests.harness.receiver import SECRET, WebhookReceiver

MakeAir = Callable[..., Awaitable[Air]]
MakeGateway = Callable[..., Awaitable[GatewayProcess]]

QUIET = "[server]\nport = 0\n[serial]\ndiscover = false\n[lines]\nper_minute = 0\nper_day = 0\n"
"""Any port, no search for sticks, no pace: what the tests of one machine need."""


def modems(*ports: str) -> str:
    return "".join(f'[[modem]]\nport = "{port}"\n' for port in ports)


def hook(receiver: WebhookReceiver, *events: str) -> str:
    wanted = ", ".join(f'"{event}"' for event in events or ("message.*",))
    return f'[[webhook]]\nurl = "{receiver.url}"\nsecret = "{SECRET}"\nevents = [{wanted}]\n'

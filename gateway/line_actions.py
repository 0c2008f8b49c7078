"""Owns what a person can ask of an attached line: a USSD code, a self-test.

Knows no HTTP. The self-test asks the radio nothing that costs money.
Source: 3GPP TS 27.007 §7.15 (USSD).
"""

from __future__ import annotations

from device_bridge.device import LineHealth, LineState
from gateway.attachment import Attachments
from gateway.http.services import SelfTestStep

STORE_FULL_SHARE = 0.7
"""Above this the SIM or modem store is close to refusing texts."""
WEAK_DBM = -105
"""Below this submissions begin to fail (27.007 §8.5: -113 dBm is the end of the scale)."""


class AttachedLineActions:
    """Implements :class:`gateway.http.services.LineActions` on what is attached now."""

    def __init__(self, attachments: Attachments) -> None:
        self._attachments = attachments

    async def ussd(self, line_id: str, code: str) -> str:
        """Ask the network a code. Raises LookupError, DeviceBridgeError.

        On air: maybe (USSD, never a text)
        """
        return await self._attachments.line(line_id).ussd(code)

    async def self_test(self, line_id: str) -> tuple[SelfTestStep, ...]:
        """Look at everything that sending needs. Raises LookupError.

        On air: never
        """
        health = await self._attachments.line(line_id).health()
        return (_ready(health), _signal(health), _centre(health), _store(health))


def _ready(health: LineHealth) -> SelfTestStep:
    if health.state is LineState.UP:
        return SelfTestStep("network", ok=True, detail=f"registered with {health.operator or 'the network'}")
    hint = f"{health.reason.title}. {health.reason.hint}" if health.reason else "The line is not ready."
    return SelfTestStep("network", ok=False, detail=hint)


def _signal(health: LineHealth) -> SelfTestStep:
    if health.signal_dbm is None:
        return SelfTestStep("signal", ok=True, detail="the device does not tell its signal")
    if health.signal_dbm < WEAK_DBM:
        return SelfTestStep(
            "signal", ok=False, detail=f"{health.signal_dbm} dBm is weak: move the antenna to a window"
        )
    return SelfTestStep("signal", ok=True, detail=f"{health.signal_dbm} dBm")


def _centre(health: LineHealth) -> SelfTestStep:
    if health.smsc:
        return SelfTestStep("message_centre", ok=True, detail=health.smsc)
    return SelfTestStep(
        "message_centre",
        ok=False,
        detail="The SIM has no message centre number: set smsc for this modem to the operator's.",
    )


def _store(health: LineHealth) -> SelfTestStep:
    used, total = health.store_used, health.store_total
    if used is None or not total:
        return SelfTestStep("store", ok=True, detail="the device does not tell how full its store is")
    full = used / total > STORE_FULL_SHARE
    hint = ": it fills up, so texts may soon be refused; gateway doctor says why" if full else ""
    return SelfTestStep("store", ok=not full, detail=f"{used} of {total} places used{hint}")

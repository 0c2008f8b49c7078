"""Owns what a person can do for a SIM that waits for its PIN, and why a PIN was not, or not usefully, entered.

Knows no HTTP; how often a PIN may be tried is the driver's rule.
Source: 3GPP TS 31.102 §5.1.2 (three tries, then the PUK); device_bridge.modem.sim_lock.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from device_bridge.errors import DeviceBridgeError, DeviceNotReady
from device_bridge.modem import PinAnswer, PinVerdict
from gateway.attachment import Attachments
from gateway.errors import GatewayError
from gateway.http.services import PinEntered

log = structlog.get_logger(__name__)

_ANOTHER_WAY = "Enter another one, or put the SIM into a phone and switch its PIN off there."
_PUK = "Put the SIM into a phone and unlock it there with the PUK from the operator. We never enter a PUK."


class AttachedSimLocks:
    """Implements :class:`gateway.http.services.SimLocks` on what is attached now."""

    def __init__(self, attachments: Attachments) -> None:
        self._attachments = attachments

    def wanting(self) -> Mapping[str, int | None]:
        """Name the devices whose SIM waits for its PIN, with the tries that are left."""
        wanted = {modem.info.id: modem.pin_wanted for modem in self._attachments.modems()}
        return {name: each.tries_left for name, each in wanted.items() if each is not None}

    async def unlock(self, device_id: str, pin: str, *, last_try: bool) -> PinEntered:
        """Let the SIM have a PIN, once. Raises LookupError, GatewayError.

        On air: never
        """
        modem = self._attachments.modem(device_id)
        try:
            answer = await modem.unlock(pin, last_try=last_try)
        except DeviceNotReady as error:
            raise GatewayError(
                "device_error",
                f"{error.cause.title}: whether the SIM took the PIN is not known, so it is not entered again.",
                hint=error.cause.hint,
            ) from None
        except DeviceBridgeError:
            raise GatewayError("device_error", "The modem failed while it was asked.") from None
        log.info("sim_pin.entered", device_id=device_id, verdict=answer.verdict.value, kept=answer.kept)
        if answer.verdict is PinVerdict.TAKEN:
            return PinEntered(answer.kept)
        raise _refusal(answer)


def tries_sentence(tries_left: int | None) -> str:
    """Say how often the SIM may still be asked."""
    if tries_left is None:
        return "The modem does not tell how many tries are left; a SIM takes three wrong ones."
    return "One try is left." if tries_left == 1 else f"{tries_left} tries are left."


def _refusal(answer: PinAnswer) -> GatewayError:
    locked = answer.trouble is not None and answer.trouble.code == "sim_puk_required"
    match answer.verdict:
        case PinVerdict.REFUSED if locked:
            return GatewayError("device_error", "The SIM refused the PIN and is locked now.", hint=_PUK)
        case PinVerdict.REFUSED:
            said = f"The SIM refused the PIN ({answer.said}). {tries_sentence(answer.tries_left)}"
            return GatewayError("device_error", said, hint=f"This PIN is not entered again. {_ANOTHER_WAY}")
        case PinVerdict.REFUSED_BEFORE:
            said = "This SIM has refused this PIN before, or gave no answer to it: it was not entered."
            return GatewayError("conflict", f"{said} {tries_sentence(answer.tries_left)}", hint=_ANOTHER_WAY)
        case PinVerdict.LAST_TRY:
            said = "One try is left, and a wrong PIN locks the SIM: it was not entered."
            hint = "If you are sure of the PIN, say so (last_try). Else unlock the SIM in a phone."
            return GatewayError("conflict", said, hint=hint)
        case _ if locked:
            return GatewayError("conflict", "The SIM is locked by wrong PINs: no PIN opens it.", hint=_PUK)
        case _:
            now = "" if answer.trouble is None else f" {answer.trouble.title}. {answer.trouble.hint}."
            return GatewayError("conflict", f"The SIM in this modem wants no PIN.{now}", hint=_NOTHING)


_NOTHING = "Nothing is to be entered. gateway lines shows how the line is."

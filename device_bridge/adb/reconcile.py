"""Owns the order of the steps and what ends a run early.

Knows no command; a step looks first and changes only what is not so.
Source: README, *The steps*.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from device_bridge.adb.app import app, booted, grants
from device_bridge.adb.background import background, doze
from device_bridge.adb.contract import Step
from device_bridge.adb.errors import AdbError, Refused
from device_bridge.adb.handset import Handset, step_of_error
from device_bridge.adb.limit import limit
from device_bridge.adb.mend import DECLINED
from device_bridge.adb.screen import look
from device_bridge.adb.tether import heartbeat, pairing, reverse, service

Told = Callable[[tuple[Step, ...]], None]
"""Hears of the steps that a run has done so far, after each."""


class _StepFunction(Protocol):
    def __call__(self, phone: Handset, *, change: bool) -> Awaitable[Step]: ...


STEPS: Final[tuple[tuple[str, _StepFunction], ...]] = (
    ("booted", booted),
    ("app", app),
    ("grants", grants),
    ("doze", doze),
    ("background", background),
    ("limit", limit),
    ("reverse", reverse),
    ("service", service),
    ("pairing", pairing),
    ("heartbeat", heartbeat),
)
"""What a phone needs, after the server answers and the phone is authorised, in this order."""

_TETHER: Final = STEPS[6:]


async def reconcile(phone: Handset, *, change: bool, told: Told = lambda _done: None) -> tuple[Step, ...]:
    """Go through all steps; with ``change`` bring about what is not so.

    A step that is refused does not end the run unless nothing later can work: a phone that still starts, an app
    that is not there or not ours, a phone that restarts, or one that cannot be talked to any more. ``told`` hears of
    each step as it is done.

    On air: never
    """
    done = await _go(phone, STEPS, change=change, told=told)
    if change and done[-1].name == "heartbeat" and done[-1].outcome == "refused":
        done += await _why_silent(phone)
    return done


async def check_tether(phone: Handset) -> tuple[Step, ...]:
    """Go through the steps that a short break of the cable undoes: tunnel, service, connection."""
    return await _go(phone, _TETHER, change=True)


async def _go(
    phone: Handset,
    steps: tuple[tuple[str, _StepFunction], ...],
    *,
    change: bool,
    told: Told = lambda _done: None,
) -> tuple[Step, ...]:
    done: list[Step] = []
    declined = (await phone.recall(DECLINED) or "").split() if change else ()
    for name, step in steps:
        try:
            # What a person took back is only looked at.
            done.append(await step(phone, change=change and name not in declined))
        except Refused as refused:
            done.append(step_of_error(name, refused))
        except AdbError as error:
            done.append(step_of_error(name, error))
            break
        told(tuple(done))
        if _ends(phone, done[-1]):
            break
    return tuple(done)


def _ends(phone: Handset, step: Step) -> bool:
    return (
        phone.restarting
        or (step.name == "booted" and step.outcome != "ok")
        # An app that another gateway signed is given neither permissions nor a code.
        or (step.name == "app" and (phone.app is None or step.outcome == "refused"))
    )


async def _why_silent(phone: Handset) -> tuple[Step, ...]:
    try:
        seen = await look(phone)
    except AdbError:
        return ()
    return (seen,) if seen.outcome == "refused" else ()

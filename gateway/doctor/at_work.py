"""Owns putting the doctor of a running server together.

Knows where each part comes from, and nothing of what they do.
Source: design, *Layout*.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from device_bridge.link.threads import in_thread
from gateway.clock import Clock
from gateway.doctor.examination import Examination, Sources
from gateway.doctor.finding import Finding
from gateway.doctor.host import Host
from gateway.doctor.premises import Premises, examine_premises, examine_sticks, find_unusable_sticks
from gateway.doctor.repairs import Repairs
from gateway.doctor.treatment import Doctor
from gateway.organisation import limits_of
from gateway.store.hardware import TENANT
from gateway.store.protocol import Store

if TYPE_CHECKING:
    from gateway.http.services import DeviceActions


def doctor_at_work(premises: Premises, store: Store, clock: Clock, devices: DeviceActions | None) -> Doctor:
    """Make the doctor of this process; it looks at nothing before somebody asks.

    Args:
        premises: Where the gateway stands; its own process may hold ports.
        store: Rows, and what the doctor remembers.
        clock: The server's.
        devices: Phones; None where there are none.
    """

    async def machine(timeout_s: float) -> Sequence[Finding]:
        look = partial(examine_premises, premises, Host(now_ms=clock.now_ms()))
        found = await in_thread(look, timeout_s, lambda _: None)
        return [*found, *examine_sticks(await find_unusable_sticks())]

    limits = limits_of(premises.config)
    examination = Examination(Sources(store, clock, TENANT, limits, machine, devices))
    repairs = Repairs(store, TENANT, devices, examination.look_at, premises.folder.root)
    return Doctor(examination, repairs, store.doctor, clock, TENANT)

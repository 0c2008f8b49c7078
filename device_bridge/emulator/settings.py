"""Owns the settings of an emulated network and of the program that runs one.

Refuses to know how they are used and where they were read from; every value has a unit and a reason.
Source: submit and report times are those that manuals quote for GSM (1.5–6 s) scaled down for a sandbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """One SMSC with its SIMs and modems.

    Attributes:
        lines: Number of SIMs, each in a modem of its own, 1..999.
        submit_s: Seconds from the Ctrl-Z of a PDU to the first octet of ``+CMGS``; 0 answers at once.
        cmms_saving: Share (0..1) of ``submit_s`` that a kept relay link (``AT+CMMS``) saves for the next
            part. 0 by default so that benches compare exact times; real networks save about a half.
        report_delay_s: Seconds from acceptance by the SMSC to the STATUS-REPORT.
        answer_latency_s: Seconds from the end of a command line to the first octet of its answer.
        baudrate: Line speed; octets are paced both ways at 10 bits each. None = no pacing.
        exact_pacing: Pace every octet by itself instead of whole answers (costs CPU; the last octet comes at
            the same time).
        sandbox_numbers: +9990000000N behave as the interface page says; False delivers to them like to any.
        sandbox_only: Refuse (RP cause 1) what is neither +999… nor one of the network's own numbers.
        sandbox_delay_scale: Factor on the delays of the sandbox numbers (30 s, 10 s, 1 s); 0 in tests.
        strict: A SUBMIT that our own codec cannot decode is refused with +CMS ERROR 304.
        seed: Chooses ICCID, IMSI and IMEI; the same seed gives the same SIMs for ever.
        sim_slots: Slots of the store "SM", 1..255.
        me_slots: Slots of the store "ME", 1..255.
        ack_timeout_s: Seconds that a +CMT or +CDS waits for AT+CNMA before RP-ERROR (CSMS phase 2+).
        retry_s: Seconds until the SMSC tries a refused delivery again.
    """

    lines: int = 2
    submit_s: float = 0.35
    cmms_saving: float = 0.0
    report_delay_s: float = 0.4
    answer_latency_s: float = 0.0
    baudrate: int | None = None
    exact_pacing: bool = False
    sandbox_numbers: bool = True
    sandbox_only: bool = True
    sandbox_delay_scale: float = 1.0
    strict: bool = True
    seed: int = 0
    sim_slots: int = 20
    me_slots: int = 40
    ack_timeout_s: float = 15.0
    retry_s: float = 5.0

    def __post_init__(self) -> None:
        _in_range("lines", self.lines, 1, 999)
        _in_range("sim_slots", self.sim_slots, 1, 255)
        _in_range("me_slots", self.me_slots, 1, 255)
        _in_range("cmms_saving", self.cmms_saving, 0, 1)
        for name in ("submit_s", "report_delay_s", "answer_latency_s", "sandbox_delay_scale"):
            _in_range(name, getattr(self, name), 0, 86_400)
        for name in ("ack_timeout_s", "retry_s"):
            _in_range(name, getattr(self, name), 0.001, 86_400)
        if self.baudrate is not None:
            _in_range("baudrate", self.baudrate, 300, 4_000_000)


@dataclass(frozen=True, slots=True)
class EmulateSettings:
    """What ``gateway emulate`` and ``python -m device_bridge.emulator`` run.

    TCP ports go to the first lines, pty paths to the next ones, and lines without either get a free TCP port.
    ``log_file`` gets one JSON line per text that went on air.
    """

    network: NetworkSettings
    tcp_ports: tuple[int, ...] = ()
    pty_paths: tuple[Path, ...] = ()
    faults_file: Path | None = None
    log_file: Path | None = None

    def __post_init__(self) -> None:
        wanted = len(self.tcp_ports) + len(self.pty_paths)
        if wanted > self.network.lines:
            raise ValueError(
                f"lines: {self.network.lines} lines cannot serve {wanted} --tcp and --pty addresses"
            )
        for port in self.tcp_ports:
            _in_range("tcp port", port, 0, 65_535)


def _in_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name}: {value} is outside {low}..{high}")

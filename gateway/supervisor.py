"""Owns the running gateway: puts the rooms together, starts them in order, keeps time, and ends them in order.

The only module that knows store, devices, webhooks and HTTP at once; nothing imports it but the command line.
Source: design, *Layout* and *Store* (clock, checkpoints, start and stop).
"""

from __future__ import annotations

import asyncio
import errno
import gc
import ipaddress
import json
import os
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from device_bridge.discovery import SerialDiscovery, UnusableStick
from device_bridge.modem import GsmModem, ModemSettings
from gateway.attachment import Attachments
from gateway.beside import Beside
from gateway.clock import STEP_S, Clock, SteadyClock, SystemClock
from gateway.commit_log import CommitLog
from gateway.config import Config, Modem
from gateway.config.in_force import Origins, settings_in_force
from gateway.datadir import DataDir
from gateway.doctor.at_work import doctor_at_work
from gateway.doctor.premises import Premises
from gateway.draft import Caller
from gateway.http.app import build_app
from gateway.http.protocol import listen, make_runner
from gateway.http.services import ApiSettings, Services, StickSeen
from gateway.http.sessions import make_link
from gateway.ids import new_id
from gateway.keys import digest
from gateway.line_actions import AttachedLineActions
from gateway.log_tail import LogTail
from gateway.measured import Figures, watch_lag
from gateway.modem_restarts import AttachedModemRestarts
from gateway.organisation import doubts_about, limits_of
from gateway.phones.ground import Ground
from gateway.phones.side import PhoneSide
from gateway.sandbox import Sandbox
from gateway.serial_watch import StickWatch
from gateway.sim_locks import AttachedSimLocks
from gateway.startup import (
    TENANT,
    CannotStart,
    FirstKeys,
    StorePinMemory,
    configure_webhooks,
    first_keys,
    first_keys_shown,
    line_settings,
    only_one,
    open_store,
    own_holder,
)
from gateway.store.noted import Committed
from gateway.store.protocol import StoreUnavailable
from gateway.store.rows import LineSettings
from gateway.trail import begin_trail, tell_head
from gateway.web import SITE
from gateway.webhooks import WebhookSender, WebhookSettings

log = structlog.get_logger(__name__)

RESTART_S = 1.0
TICK_MIN_S = 0.02
"""Bounds how often a busy queue is asked for due rows."""
TICK_MAX_S = 5.0
"""Due rows wake the ticker by their time; this bounds how late a stepped clock is noticed."""
CHECKPOINT_S = 5.0
PRUNE_S = 60.0
FIRST_LOOK_S = 1.5
"""How long the start waits for devices to open; emulated lines need 20 ms, a stick about 400."""
SWITCH_INTERVAL_S = 0.0005
"""Between the event loop and the store's thread; the interpreter's 5 ms would stand in each line's gap."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a person is told once the server listens. The keys are there on the very first start only.

    ``sign_in`` opens the dashboard once, within a quarter of an hour."""

    url: str
    sign_in: str
    emulated_lines: int
    modems: int
    phones: int
    live_key: str | None
    sandbox_key: str | None


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What ``gateway serve`` was asked for. ``simulate`` None: as ``sandbox.lines`` says.

    ``announce`` and ``tell`` reach the person who started it: what there is at the start, and one line later on.
    ``clock`` is this machine's, but in tests that let a night pass.
    """

    config: Config
    data_dir: Path
    simulate: int | None
    admin_key: str | None
    announce: Callable[[Announcement], None]
    tell: Callable[[str], None] = lambda _line: None
    clock: Clock = field(default_factory=SystemClock)
    origins: Origins = field(default_factory=dict)
    """Who said what of the configuration, for the page of settings."""
    log_tail: LogTail = field(default_factory=LogTail)
    """What the log of this process said last, for the pages of devices."""


async def serve(options: ServeOptions) -> int:
    """Run the gateway until SIGTERM or SIGINT; returns the exit status.

    Raises:
        CannotStart: another server has the data directory, the port is taken, keys or database cannot be read.
    """
    with only_one(DataDir(options.data_dir)):
        gateway = Gateway(options)
        await gateway.start()
        try:
            await gateway.until_stopped()
        finally:
            await gateway.stop()
    return 0


class Gateway:
    """One running gateway."""

    def __init__(self, options: ServeOptions) -> None:
        self._options = options
        self._config = options.config
        self._directory = DataDir(options.data_dir)
        self._clock = SteadyClock(options.clock)
        self._first_signal = asyncio.Event()
        self._second_signal = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._behind = False
        self._unusable: list[UnusableStick] = []
        self._figures = Figures()
        self._commit_log = CommitLog()
        self._started_ms = self._clock.now_ms()

    # ------------------------------------------------------------------ start

    async def start(self) -> None:
        """Open the store, attach devices, serve HTTP, in this order; a failure leaves nothing running."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)
        async with AsyncExitStack() as undo:
            self._store = await open_store(self._directory, self._config, self._clock)
            undo.push_async_callback(self._store.close)
            self._store.metering.on_commit(self._committed)
            node = await self._settle_store()
            self._attachments = Attachments(self._store, self._clock, limits_of(self._config), node)
            self._sandbox = (
                Sandbox(self._emulated_lines(), self._clock.now_ms) if self._emulated_lines() else None
            )
            await self._attach()
            undo.push_async_callback(self._attachments.stop, self._second_signal)
            await self._expect_phones(node)
            undo.push_async_callback(self._phones.stop)
            url = await self._listen(undo)
            # Only now: keys of a start that fails (port taken) would never be shown to anybody.
            keys = await first_keys(self._store, self._directory, self._clock.now_ms())
            self._start_loops(url)
            sign_in = await make_link(
                self._store,
                await own_holder(self._store, self._directory),
                self._config.server.public_url or url,
                self._clock.now_ms(),
            )
            self._announce(url, sign_in, keys)
            if keys is not None:
                await first_keys_shown(self._store)
            undo.pop_all()
        # What lives as long as the process is never looked at again: a full collection would hold the loop for 50 ms.
        gc.collect()
        gc.freeze()

    def _emulated_lines(self) -> int:
        simulate = self._options.simulate
        return self._config.sandbox.lines if simulate is None else simulate

    async def _settle_store(self) -> str:
        """Take up what the last run left; returns the id of this node."""
        for doubt in doubts_about(self._config):
            log.warning("policy.doubtful", hint=doubt)
        node = await self._store.remembered("node")
        if node is None:
            node = new_id()
            await self._store.remember("node", node)
        newest_ms = await self._store.newest_row_at_ms()
        if newest_ms is not None and newest_ms > self._clock.now_ms() + STEP_S * 1000:
            self._behind = True
            log.warning(
                "clock.behind", newest_row_ms=newest_ms, hint="set the clock; sending waits until then"
            )
        await self._store.detach_all()
        lost = await self._store.recover(node)
        if lost:
            log.warning("messages.in_doubt_after_restart", count=lost)
        await configure_webhooks(self._store, self._config, self._clock.now_ms())
        return node

    async def _listen(self, undo: AsyncExitStack) -> str:
        server = self._config.server
        settings = self._api_settings()
        self._stopping = asyncio.Event()
        self._beside = Beside(self._store, self._clock, self._config, self._directory.root, self._admin())
        await self._beside.settle()
        premises = Premises(self._config, self._directory, own_pid=os.getpid())
        self._doctor = doctor_at_work(premises, self._store, self._clock, self._phones.actions)
        in_force = settings_in_force(self._config, self._options.origins)
        await begin_trail(self._store, TENANT, in_force)
        services = Services(
            store=self._store,
            admission=self._beside.admission,
            clock=self._clock,
            settings=settings,
            sandbox_inbound=self._sandbox.inbound if self._sandbox else None,
            line_actions=AttachedLineActions(self._attachments),
            device_actions=self._phones.actions,
            sim_locks=AttachedSimLocks(self._attachments),
            modem_restarts=AttachedModemRestarts(self._attachments),
            sticks=self._unusable_sticks,
            doctor=self._doctor,
            notifications=self._beside.notifications,
            refuse_target=self._beside.refusal,
            stopping=self._stopping,
            figures=self._figures,
            settings_shown=in_force,
            log_tail=self._options.log_tail,
        )
        self._runner = make_runner(build_app(services, SITE), settings)
        try:
            host, port = await listen(self._runner, server.host, server.port, self._tls())
        except OSError as error:
            await self._runner.cleanup()
            raise CannotStart(_not_listening(server.host, server.port, error)) from None
        undo.push_async_callback(self._runner.cleanup)
        emulated = self._sandbox.ports if self._sandbox else frozenset()
        self._beside.listening_on(emulated | {port, self._phones.link_port, self._config.link.port})
        self._webhooks = WebhookSender(
            self._store, self._clock, WebhookSettings(targets=self._beside.targets)
        )
        self._webhooks.tried = self._figures.webhook_tried
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  shown, not bound
        scheme = "https" if server.tls_cert else "http"
        return f"{scheme}://{f'[{shown}]' if ':' in shown else shown}:{port}"

    def _tls(self) -> ssl.SSLContext | None:
        server = self._config.server
        if server.tls_cert is None or server.tls_key is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(server.tls_cert, server.tls_key)
        except (OSError, ssl.SSLError) as error:
            raise CannotStart(f"server.tls_cert and server.tls_key cannot be used: {error}") from None
        return context

    def _api_settings(self) -> ApiSettings:
        server, admin_key = self._config.server, self._options.admin_key
        return ApiSettings(
            public_url=server.public_url,
            host=server.host,
            allowed_hosts=server.allowed_hosts,
            trusted_proxies=tuple(ipaddress.ip_network(network) for network in server.trusted_proxies),
            max_body_bytes=server.max_body_bytes,
            rate_limit=server.rate_limit,
            auth_failures_per_minute=self._config.security.auth_failures_per_minute,
            admin_key_digest=digest(admin_key) if admin_key else None,
            tenant=TENANT,
            limits=limits_of(self._config),
        )

    async def _attach(self) -> None:
        if self._behind:
            self._attachments.sending_allowed.clear()
        if self._sandbox is not None:
            for address, device in (await self._sandbox.start()).items():
                self._attachments.watch(address, device, lambda _identity: LineSettings())
        for modem in self._config.modem:
            device = GsmModem(self._modem_settings(modem), self._clock.now_ms)
            self._attachments.watch(modem.port, device, partial(line_settings, self._config, modem))
        # What is announced must work as it stands: a text posted at once finds the lines known.
        await self._attachments.first_look(FIRST_LOOK_S)

    async def _expect_phones(self, node: str) -> None:
        """After the first look: a phone that is away is waited for without end, and nobody waits with it."""
        ground = Ground(self._store, self._clock, self._config, self._directory, self._options.tell)
        self._phones = PhoneSide(ground, self._attachments, node)
        try:
            await self._phones.start()
        except OSError as error:
            raise CannotStart(f"cannot listen on loopback for phones: {error.strerror}") from None

    def _unusable_sticks(self) -> tuple[StickSeen, ...]:
        return tuple(
            StickSeen(stick.name, stick.title, stick.hint, f"{stick.vendor}:{stick.product}@{stick.usb_path}")
            for stick in self._unusable
        )

    def _open_stick(self, port: str) -> GsmModem:
        settings = ModemSettings(port, pin_memory=StorePinMemory(self._store))
        return GsmModem(settings, self._clock.now_ms)

    def _modem_settings(self, modem: Modem) -> ModemSettings:
        return ModemSettings(
            port=modem.port,
            baudrate=modem.baudrate,
            pin=modem.pin,
            smsc=modem.smsc,
            pin_memory=StorePinMemory(self._store),
        )

    def _start_loops(self, url: str) -> None:
        left = {"url": url, "pid": os.getpid(), "link_port": self._phones.link_port}
        self._directory.server_file.write_text(json.dumps(left))
        self._directory.server_file.chmod(0o600)
        loops: dict[str, Callable[[], Awaitable[None]]] = {
            "ticker": self._tick,
            "checkpoints": self._checkpoint,
            "webhooks": self._webhooks.run,
            "doctor": self._doctor.run,
            "audit trail": partial(tell_head, self._store, TENANT),
            "event loop's lag": partial(watch_lag, self._figures.lag),
            **self._beside.loops(),
            **self._phones.loops(),
        }
        if self._config.serial.discover:
            ports = [modem.port for modem in self._config.modem]
            ignored = frozenset({*self._config.serial.ignore, *ports})
            loops["discovery"] = StickWatch(
                SerialDiscovery(ignored),
                self._attachments,
                self._open_stick,
                partial(line_settings, self._config, None),
                self._store.ignored_devices.ports,
                self._unusable,
            ).run
        self._tasks = [asyncio.create_task(_forever(name, loop), name=name) for name, loop in loops.items()]

    def _announce(self, url: str, sign_in: str, keys: FirstKeys | None) -> None:
        self._options.announce(
            Announcement(
                url=url,
                sign_in=sign_in,
                emulated_lines=self._emulated_lines(),
                modems=len(self._config.modem),
                phones=self._phones.paired,
                live_key=keys.live if keys else None,
                sandbox_key=keys.sandbox if keys else None,
            )
        )

    def _admin(self) -> Caller | None:
        """The key of the environment as a caller, for reminders that it wrote."""
        if not self._options.admin_key:
            return None
        return Caller("admin", "GATEWAY_ADMIN_KEY", TENANT, frozenset({"*"}))

    # ------------------------------------------------------------------ while it runs

    def _committed(self, done: Committed) -> None:
        self._figures.committed(done)
        self._commit_log.committed(done)

    def _signalled(self) -> None:
        if self._first_signal.is_set():
            self._second_signal.set()
        self._first_signal.set()

    async def until_stopped(self) -> None:
        """Wait for SIGTERM or SIGINT."""
        await self._first_signal.wait()

    async def _tick(self) -> None:
        """Make due rows ready at their time; notice a stepped clock before anything is judged by it."""
        changed = self._store.signal("queue", "batches")
        pruned_s = self._clock.monotonic_s()
        while True:
            changed.clear()
            await self._follow_clock()
            due_ms = None if self._behind else await self._store.tick()
            if self._clock.monotonic_s() - pruned_s > PRUNE_S:
                await self._store.prune()
                pruned_s = self._clock.monotonic_s()
            wait_s = TICK_MAX_S if due_ms is None else (due_ms - self._clock.now_ms()) / 1000
            wait_s = min(max(wait_s, TICK_MIN_S), TICK_MAX_S)
            await asyncio.sleep(TICK_MIN_S)
            with suppress(TimeoutError):
                # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the result.
                async with asyncio.timeout(wait_s):
                    await changed.wait()

    async def _follow_clock(self) -> None:
        step_ms = self._clock.step_ms()
        if not step_ms:
            return
        log.warning("clock.stepped", step_ms=step_ms)
        since_ms = self._started_ms if self._behind else 0
        await self._store.step_clock(step_ms, since_ms)
        self._clock.adopt(step_ms)
        self._webhooks.wake()
        newest_ms = await self._store.newest_row_at_ms() or 0
        if self._behind and self._clock.now_ms() >= newest_ms:
            self._behind = False
            self._attachments.sending_allowed.set()

    async def _checkpoint(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_S)
            await self._store.checkpoint()

    # ------------------------------------------------------------------ stop

    async def stop(self) -> None:
        """Claim nothing new, let what is on air end, then close: webhooks, HTTP, devices, store."""
        self._stopping.set()
        self._directory.server_file.unlink(missing_ok=True)
        await self._attachments.stop(self._second_signal)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runner.cleanup()
        await self._phones.stop()
        if self._sandbox is not None:
            await self._sandbox.stop()
        await self._store.close()


def _not_listening(host: str, port: int, error: OSError) -> str:
    """Say why a port is not ours, and what to choose in its place."""
    # asyncio puts a sentence with the address before the system's words.
    reason = str(error.strerror or error).rpartition(": ")[2]
    if error.errno in (errno.EADDRINUSE, errno.EACCES):
        return f"cannot listen on {host}:{port}: {reason}; choose another port: --port 8081"
    return f"cannot listen on {host}:{port}: {reason}; choose an address of this machine: --host 127.0.0.1"


async def _forever(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Keep a loop of the gateway going: what stops it is logged, and it starts again."""
    while True:
        try:
            await loop()
        except StoreUnavailable as error:
            log.warning("loop.waits_for_store", loop=name, reason=str(error))
        except Exception:
            log.exception("loop.failed", loop=name)
        await asyncio.sleep(RESTART_S)

"""Owns self-tests that send: a line texts itself, and each step is noted when it is seen, for two minutes at most.

Knows no device and no HTTP: the text goes through admission and queue as any other, and what became of it is read in
the store. Nothing of a test that is under way is stored but its text, so a process that is killed leaves that alone.
Source: the notes on what people see, */lines/{id}* (self-test: sent, delivered, received, seconds).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog

from gateway.admission import Admission
from gateway.clock import Clock
from gateway.draft import Caller, MessageDraft
from gateway.errors import GatewayError, field_error
from gateway.message import Message, MessageState
from gateway.policy.self_test import TAG, new_code, text_with
from gateway.store.hardware_history import SelfTest, StepSeen
from gateway.store.protocol import Store, StoreUnavailable
from gateway.store.rows import LineRow

log = structlog.get_logger(__name__)

WAIT_S = 120.0
"""Longer than networks take with a text whose phone is on; who presses the button waits no longer either."""
LOOK_S = 0.5
"""How late a change may be noticed that the store tells nobody of, and that the server stops."""
PRIORITY = 9
"""The highest: somebody waits for it, and it is one part."""
SENDING = ("sent", "delivered", "received")
"""The steps of a text, in the order in which they are shown."""

_SENT = "The network took the text."
_DELIVERED = "The network reports that it arrived."
_RECEIVED = "The text came in again."
_NOT_READY = "No text was sent: this line is not ready. The steps above say why."
_NO_ANSWER = "Nobody knows whether the network took it. Look at the message before you try again."
_STILL_WAITS = "The text still waits for the line. Its message says why."
_NO_REPORT = (
    "No delivery report came in time. Some networks send none, and texts go out all the same; else look at the"
    " message centre."
)
_NOT_BACK = (
    "The text did not come in. Look whether the number of this line is right, and whether its store is full."
)

_TAKEN = (MessageState.SENT, MessageState.DELIVERED, MessageState.UNDELIVERED)
_OVER = (MessageState.FAILED, MessageState.EXPIRED, MessageState.CANCELLED)
_UNSURE = (MessageState.IN_DOUBT, MessageState.SUBMITTING)
_WAITS = (MessageState.QUEUED, MessageState.HELD)


@dataclass(slots=True)
class Running:
    """A self-test under way: what is seen so far, and what it still waits for.

    ``ended`` gives what was kept, None when the server stopped in the middle.
    """

    row: LineRow
    looked: tuple[StepSeen, ...]
    began_s: float
    message: Message | None = None
    seen: dict[str, StepSeen] = field(default_factory=dict)
    ended: asyncio.Future[SelfTest | None] = field(default_factory=asyncio.Future)

    @property
    def steps(self) -> tuple[StepSeen, ...]:
        return (*self.looked, *(self.seen[name] for name in SENDING if name in self.seen))

    @property
    def waits_for(self) -> tuple[str, ...]:
        return tuple(name for name in SENDING if name not in self.seen)


class SelfTests:
    """Lets lines text themselves. One for the whole process; close it when the process stops."""

    def __init__(self, store: Store, admission: Admission, clock: Clock, stopping: asyncio.Event) -> None:
        self._store = store
        self._admission = admission
        self._clock = clock
        self._stopping = stopping
        self._running: dict[str, Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed: asyncio.Event | None = None

    def close(self) -> None:
        """Let go of what runs; its texts stay what they are."""
        for task in self._tasks:
            task.cancel()

    def running(self, line_id: str) -> Running | None:
        """Give the self-test of a line that is under way."""
        return self._running.get(line_id)

    def may_begin(self, row: LineRow) -> str:
        """Say to which number a line would text itself.

        Raises:
            GatewayError: ``conflict``: its number is not known, it is paused, or a self-test runs already.
        """
        if not row.number:
            raise field_error(
                "conflict",
                "This line does not know its own number, so it cannot text itself. Set it: Own number on the page of"
                ' the line, or PATCH /api/v1/lines/{id} with {"number": "+44…"}.',
                "send",
            )
        if row.paused:
            raise GatewayError("conflict", "This line is paused and takes no new text. Resume it first.")
        if row.id in self._running:
            raise GatewayError(
                "conflict", "This line texts itself already. Wait for the result, two minutes at most."
            )
        return row.number

    async def begin(self, row: LineRow, caller: Caller, looked: tuple[StepSeen, ...]) -> Running:
        """Let a line text itself, and return once the text is committed; a line that is not ready sends none.

        Raises:
            GatewayError: ``conflict``, or why the text was refused as any text.
        """
        number = self.may_begin(row)
        run = self._running[row.id] = Running(row, looked, self._clock.monotonic_s())
        code = new_code()
        try:
            if all(step.ok for step in looked if step.name == "network"):
                draft = MessageDraft(
                    to=number, text=text_with(code), line=row.id, priority=PRIORITY, valid_for_s=int(WAIT_S),
                    tags={TAG: code},
                )  # fmt: skip
                run.message = (await self._admission.admit(draft, caller, None)).message
        except BaseException:
            del self._running[row.id]
            raise
        # The waiting is ours and not the asker's: whoever closes the page finds the result later.
        task = asyncio.create_task(self._follow(run, caller, code), name=f"self-test {row.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    async def _follow(self, run: Running, caller: Caller, code: str) -> None:
        tested: SelfTest | None = None
        try:
            if await self._watched(run, caller, code):
                tested = await self._kept(run)
        except Exception:
            log.exception("self_test.failed", line=run.row.id)
        finally:
            del self._running[run.row.id]
            if not run.ended.done():
                run.ended.set_result(tested)

    async def _kept(self, run: Running) -> SelfTest:
        took_ms = round((self._clock.monotonic_s() - run.began_s) * 1000)
        tested = SelfTest(run.steps, took_ms, self._clock.now_ms())
        try:
            await self._store.hardware_history.add_self_test(run.row.tenant, run.row.id, tested)
        except StoreUnavailable as error:
            log.warning("self_test.not_recorded", line=run.row.id, reason=str(error))
        return tested

    async def _watched(self, run: Running, caller: Caller, code: str) -> bool:
        """Note each step when it is seen; False: the server stops before all are."""
        if run.message is None:
            _note(run, "sent", _NOT_READY, ok=False)
            return True
        changed = self._changed = self._changed or self._store.signal("events", "queue")
        while run.waits_for:
            changed.clear()
            late = self._clock.monotonic_s() - run.began_s >= WAIT_S
            try:
                run.message = await self._store.message(caller.view, run.message.id)
                await self._look(run, run.message, code)
            except StoreUnavailable as error:
                log.warning("self_test.waits_for_store", line=run.row.id, reason=str(error))
            if not run.waits_for:
                break
            if late or run.message.state in _OVER:
                _give_up(run, run.message)
                break
            if self._stopping.is_set():
                return False
            await _woken(changed)
        return True

    async def _look(self, run: Running, message: Message, code: str) -> None:
        came_in = await self._store.hardware_history.came_in(run.row.tenant, run.row.id, code)
        seconds = round(self._clock.monotonic_s() - run.began_s, 1)
        # What has come in was sent, whatever the modem said of it.
        if message.state in _TAKEN or came_in:
            _note(run, "sent", _SENT, seconds)
        if message.state is MessageState.DELIVERED:
            _note(run, "delivered", _DELIVERED, seconds)
        elif message.state is MessageState.UNDELIVERED:
            _note(run, "delivered", _why(message), seconds, ok=False)
        if came_in:
            _note(run, "received", _RECEIVED, seconds)


def _note(run: Running, name: str, detail: str, seconds: float | None = None, *, ok: bool = True) -> None:
    run.seen.setdefault(name, StepSeen(name, ok, detail, seconds))


def _give_up(run: Running, message: Message) -> None:
    """Say of every step that was not seen why it was not; of a text that never left, that alone."""
    if "sent" not in run.seen:
        if message.state not in _UNSURE:
            waits = message.state in _WAITS and message.error is None
            _note(run, "sent", _STILL_WAITS if waits else _why(message), ok=False)
            return
        _note(run, "sent", _NO_ANSWER, ok=False)
    _note(run, "delivered", _NO_REPORT, ok=False)
    _note(run, "received", _NOT_BACK, ok=False)


def _why(message: Message) -> str:
    error = message.error
    return f"{error.title}. {error.hint}" if error is not None else f"The message is {message.state.value}."


async def _woken(changed: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(LOOK_S):
            await changed.wait()
    except TimeoutError:
        pass

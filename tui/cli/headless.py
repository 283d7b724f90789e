"""The watch of `run --headless`: follows the runs it started until every one is at rest."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable

import msgspec

from store.errors import AgentwatchError
from store.reader import Fleet, Reader
from store.records import Event, Json, Run
from store.states import Status
from tui.cli.changes import Change, change, still
from tui.cli.options import Place
from tui.cli.voice import Voice
from tui.cli.words import short_ids
from tui.supervisor import NoAnswer, RuntimeNotStarted, Supervisor

QUIET_S = 60.0
"""After so long without a line, one says that all is well."""
QUIET_LINES = 20
LOOK_S = 0.25
RUNTIME_TRIES = 3
NOT_ALL = 3
LEFT = 130
GRACE_S = 10.0
"""Between SIGTERM and SIGKILL, where CI systems and containers say nothing else."""
FORCED_AT = 0.4
"""Share of the grace time after which what reached no safe point is parked or frozen."""
MARGIN_S = 1.0
"""Kept back from the grace time to print the result and exit."""
SAME_SIGNAL_S = 1.0
"""Terminals and supervisors send a signal to a group and then to its leader: that is one signal."""


class Started(msgspec.Struct, frozen=True):
    """What became of the requests to start."""

    ids: tuple[str, ...]
    """Runs that go, or went already."""
    refused: int


Start = Callable[[], Awaitable[Started]]


class Watch:
    """Follows some runs of a home."""

    def __init__(self, where: Place, voice: Voice, *, timeout_s: float | None = None, grace_s: float = GRACE_S) -> None:
        self._where = where
        self._voice = voice
        self._timeout_s = timeout_s
        self._grace_s = grace_s
        self._supervisor = Supervisor(where.home)
        self._fleet = Fleet((), 0)
        self._short: dict[str, str] = {}
        self._ids: tuple[str, ...] = ()
        self._refused = 0
        self._pausing = False
        self._forcing = False
        self._signalled_at: float | None = None
        self._asking: set[asyncio.Task[None]] = set()
        self._spoke_at = time.monotonic()
        self._left = asyncio.Event()

    async def follow(self, start: Start) -> int:
        """Start the runs, tell what becomes of them, and return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupted, signal.Signals(number).name)
        work = asyncio.create_task(self._follow(start))
        left = asyncio.create_task(self._left.wait())
        await asyncio.wait((work, left), return_when=asyncio.FIRST_COMPLETED)
        left.cancel()
        if not work.done():
            work.cancel()
            await asyncio.wait((work,))
        elif error := work.exception():
            raise error
        return self._result()

    async def _follow(self, start: Start) -> None:
        await self._supervisor.ensure_runtime()
        async with await self._supervisor.reader() as reader:
            self._fleet = await reader.fleet()
            started = await start()
            self._ids, self._refused = started.ids, started.refused
            if self._pausing:
                self._ask_pause()
            if self._ids:
                await self._watch(reader)

    async def _watch(self, reader: Reader) -> None:
        works = (self._tell(reader), self._keep_runtime(), self._speak_up())
        tasks = [asyncio.create_task(work) for work in works]
        if self._timeout_s is not None:
            asyncio.get_running_loop().call_later(self._timeout_s, self._timed_out)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (*tasks, *self._asking):
                task.cancel()

    def _result(self) -> int:
        runs = self._runs()
        code = LEFT if self._left.is_set() else 0
        if code == 0 and (self._refused or not all(run.status is Status.COMPLETED for run in runs)):
            code = NOT_ALL
        self._voice.result(runs, self._short, code)
        return code

    def _runs(self) -> list[Run]:
        return [self._fleet.runs[ident] for ident in self._ids if ident in self._fleet.runs]

    def _live(self) -> list[Run]:
        return [run for run in self._runs() if not self._rests(run)]

    def _rests(self, run: Run) -> bool:
        """Once a signal came, what is held and has a checkpoint is on its way to be parked."""
        to_park = self._signalled_at is not None and run.held and not run.begins_again
        return run.at_rest and not to_park

    def _at_rest(self) -> bool:
        return len(self._runs()) == len(self._ids) and not self._live()

    # --- telling

    async def _tell(self, reader: Reader) -> None:
        self._short = short_ids(self._fleet.runs)
        # Until then a run that was resumed just now still looks as if it were at rest.
        started_at = await reader.last_seq()
        if self._fleet.seq >= started_at and self._at_rest():
            return
        async for batch in reader.tail(self._fleet.seq):
            for event in batch:
                self._fold(event)
            if self._fleet.seq >= started_at and self._at_rest():
                return

    def _fold(self, event: Event) -> None:
        known = len(self._fleet.runs)
        self._fleet.apply((event,))
        if len(self._fleet.runs) != known:
            self._short = short_ids(self._fleet.runs)
        if event.run in self._ids and (said := change(self._fleet.runs[event.run], event)) is not None:
            self._say(self._fleet.runs[event.run], said, event.at)

    def _say(self, run: Run, said: Change, at: float) -> None:
        self._voice.change(run, self._short[run.run], said, at)
        self._spoke_at = time.monotonic()

    async def _speak_up(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if time.monotonic() - self._spoke_at < QUIET_S:
                continue
            now, live = time.time(), self._live()
            for run in live[:QUIET_LINES]:
                self._say(run, Change("still", still(run, now)), now)
            if len(live) > QUIET_LINES:
                self._voice.note(f"… and {len(live) - QUIET_LINES} more runs are live")
            self._spoke_at = time.monotonic()

    # --- keeping a runtime

    async def _keep_runtime(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if not self._where.home.runtime_alive() and not self._at_rest():
                self._voice.note("the runtime is gone: starting another one")
                await self._revive()

    async def _revive(self) -> None:
        for tries_left in reversed(range(RUNTIME_TRIES)):
            try:
                await self._supervisor.ensure_runtime()
                return
            except RuntimeNotStarted:
                if not tries_left:
                    raise
                await asyncio.sleep(1.0)

    # --- pausing

    def _timed_out(self) -> None:
        if self._live() and not self._pausing:
            self._say_why("--timeout is over: pausing at the next safe point")
            self._ask_pause()

    def _interrupted(self, name: str) -> None:
        """Pause at once, by force a while later, and leave before whoever sent the signal loses patience."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._signalled_at is None:
            self._signalled_at = now
            self._say_why(f"{name}: pausing at the next safe point, leaving within {self._grace_s:g} s")
            loop.call_later(self._grace_s * FORCED_AT, self._force)
            loop.call_later(self._grace_s - min(MARGIN_S, self._grace_s / 5), self._leave, "the grace time is over")
            self._ask_pause()
        elif now - self._signalled_at >= SAME_SIGNAL_S:
            self._leave(f"{name} again")

    def _force(self) -> None:
        if self._live() and not self._left.is_set():
            self._forcing = True
            self._say_why("no safe point yet: parking what has a checkpoint, freezing what has none")
            self._ask_pause()

    def _leave(self, cause: str) -> None:
        if self._left.is_set() or (self._ids and self._at_rest()):
            return
        self._voice.note(f"{cause}: leaving")
        for run in self._live():
            self._say(run, Change("left", "left to the runtime, which goes on pausing it"), time.time())
        self._left.set()

    def _say_why(self, text: str) -> None:
        self._voice.note(text)
        self._pausing = True
        self._spoke_at = time.monotonic()

    def _ask_pause(self) -> None:
        for ident in self._ids:
            task = asyncio.create_task(self._pause_one(ident))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _pause_one(self, ident: str) -> None:
        run = self._fleet.runs.get(ident)
        if run is not None and self._rests(run):
            return
        args: dict[str, Json] = {}
        if self._forcing:
            args["force"] = True
        elif self._signalled_at is not None and run is not None and not run.begins_again:
            # Whoever sends a signal may take the machine away next: what a checkpoint holds needs no process.
            args["park"] = True
        bound = run.attempt if self._forcing and run is not None else None
        try:
            answer = await self._supervisor.submit("pause", ident, attempt=bound, **args)
        except (NoAnswer, AgentwatchError) as error:
            self._voice.note(f"{ident[:4]}: the pause was not answered: {error}")
            return
        current = self._fleet.runs.get(ident)
        if not answer.applied and (current is None or not current.at_rest):
            self._voice.note(f"{ident[:4]}: the pause was refused: {answer.message}")

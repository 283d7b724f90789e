"""A world in which things die: runs are brought to an end as an operator would, then the record is held to its word."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import psutil

from runtime.process import members
from store import control
from store.errors import AgentwatchError
from store.events import Kind
from store.home import Beat
from store.launch import Launch, PolicySource, write_launch
from store.projection import project
from store.records import Action, Event, Run
from store.states import AT_REST, FINAL, TRANSITIONS, Status
from tests.support.world import CRASH_RUNTIME, DEADLINE_S, SUPPORT, World, lives

ROOT = SUPPORT.parents[1]
END_DEADLINE_S = 90.0
MOST_ATTEMPTS = 200
CLOSES = (Kind.ACTION_END, Kind.ACTION_WITHDRAWN, Kind.RESOLVED)


class CrashWorld(World):
    """Starts agents that keep ledgers, and a runtime that may have a fault in it."""

    goes_back: random.Random | None = None
    """Where given, it decides which runs are resumed from an earlier checkpoint, and from which."""

    async def send_items(
        self, *, raw: bool = False, policy: str = "", agent: str = "sender", restart: int = 0, **settings: Any
    ) -> str:
        """Start an agent that sends items (settings as `crash_agent` lists them).  Returns the run's id."""
        run = secrets.token_hex(6)
        asked = {"folder": str(self.folder), "home": str(self.home.root), "items": 6, "every": 2, "style": "plain"}
        script = SUPPORT / ("crash_raw.py" if raw else "crash_agent.py")
        argv = (sys.executable, str(script), json.dumps(asked | settings))
        env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(SUPPORT)))}
        source = PolicySource()
        if policy:
            file = self.folder / f"{run}.toml"
            file.write_text(policy, "utf-8")
            source = PolicySource(file=str(file))
        goal = "every item is sent once"
        write_launch(self.home, Launch(run, agent, goal, argv, str(self.folder), env, restart, source))
        await self.insist("start", run)
        return run

    async def insist(self, kind: str, run: str = "", **args: Any) -> None:
        """Ask for something without waiting for the answer: who is to give it may die of it."""
        await self.supervisor.ensure_runtime()
        await control.submit(self.home, kind, run, **args)

    async def faulty_runtime(self, **fault: Any) -> None:
        """Start a runtime that strikes at the point that `crash_runtime` describes."""
        self.home.create()
        began = time.time()
        env = {**os.environ, "CRASH_FAULT": json.dumps({"struck": str(self.folder / "struck"), "nth": 1} | fault)}
        process = subprocess.Popen(
            [sys.executable, "-P", CRASH_RUNTIME, "--home", str(self.home.root)],
            env=env, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        process.returncode = 0
        while (beat := self.home.beat()) is None or beat.at < began:
            if (self.folder / "struck").exists() and not self.home.runtime_alive():
                return
            assert time.time() < began + DEADLINE_S, "the runtime did not come up"
            await asyncio.sleep(0.01)

    async def struck(self, run: str | None = None) -> None:
        """Wait until the fault was met, and who had to die is dead."""
        name = f"struck-{run}" if run else "struck"
        deadline = time.monotonic() + DEADLINE_S
        while not (self.folder / name).exists():
            assert time.monotonic() < deadline, (
                f"the point was never reached\n{self.log(run or '')}\n{self.runtime_log()}"
            )
            await asyncio.sleep(0.005)

    async def beat_where(self, condition: Callable[[Beat], bool]) -> str:
        """Wait for a sign of life that meets a condition; the trouble it tells of."""
        deadline = time.monotonic() + DEADLINE_S
        while (beat := self.home.beat()) is None or not condition(beat):
            assert time.monotonic() < deadline, f"{beat}\n{self.runtime_log()}"
            await asyncio.sleep(0.02)
        return beat.trouble

    async def until_gone(self, pid: int) -> None:
        """Wait until a process has ended."""
        deadline = time.monotonic() + DEADLINE_S
        while lives(pid):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    async def runtime_gone(self) -> None:
        """Wait until no runtime holds the home."""
        deadline = time.monotonic() + DEADLINE_S
        while self.home.runtime_alive():
            assert time.monotonic() < deadline, "the runtime lives"
            await asyncio.sleep(0.005)

    def runtime_pid(self) -> int | None:
        """The runtime's process, or None while there is none."""
        beat = self.home.beat()
        if beat is None or not self.home.runtime_alive():
            return None
        with contextlib.suppress(psutil.Error):
            return beat.pid if str(self.home.root) in psutil.Process(beat.pid).cmdline() else None
        return None

    async def agent_pid(self, run: str) -> int | None:
        """The main process of a run, or None while there is none."""
        with contextlib.suppress(AgentwatchError, KeyError, psutil.Error):
            pid = (await self.run(run)).pid
            if pid is not None and psutil.Process(pid).environ().get("AGENTWATCH_RUN") == run:
                return pid
        return None

    async def strike(self, victim: str, run: str) -> None:
        """SIGKILL the agent, the runtime, or both."""
        pid = (await self.run(run)).pid
        if victim in ("runtime", "both"):
            self.kill_runtime()
        if victim in ("agent", "both"):
            assert pid is not None
            os.kill(pid, signal.SIGKILL)

    async def staying_agent(self, **settings: Any) -> str:
        """An agent in the middle of its fourth action, which lasts until `go`.  Returns the run's id."""
        run = await self.send_items(stay_at=3, **settings)
        await self.file(f"stays-{run}")
        return run

    async def held_agent(self) -> str:
        """An agent that is paused at its gate after its fourth action, its process alive."""
        run = await self.staying_agent()
        await self.ask("pause", run)
        self.go(run)
        await self.until(run, lambda now: now.held)
        return run

    def go(self, run: str) -> None:
        """Let that action come to its end."""
        self.touch(f"go-{run}")

    # --- as an operator would

    async def bring_to_an_end(self, *runs: str, deadline_s: float = END_DEADLINE_S) -> None:
        """Resume what stopped and answer what is in doubt, from the ledger, until every run is at its end."""
        async with self.nursing(*runs):
            deadline = time.monotonic() + deadline_s
            while await self._going_on(runs):
                assert time.monotonic() < deadline, await self._account(runs)
                await asyncio.sleep(0.02)

    async def _going_on(self, runs: Iterable[str]) -> bool:
        """Whether some of the runs are not at their end."""
        with contextlib.suppress(AgentwatchError):
            async with await self.supervisor.reader() as reader:
                known = (await reader.fleet()).runs
            return any(run not in known or known[run].status not in FINAL for run in runs)
        return True

    @contextlib.asynccontextmanager
    async def nursing(self, *runs: str) -> AsyncIterator[None]:
        """Meanwhile the runtime is started again whenever it is gone, and runs get what they need."""
        enough, nobody_asks = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_up(nobody_asks))
            nurses = [tasks.create_task(self._nurse(run, enough)) for run in runs]
            try:
                yield
            finally:
                enough.set()
                await asyncio.wait(nurses)
                nobody_asks.set()

    async def _keep_up(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            with contextlib.suppress(AgentwatchError):
                await self.supervisor.ensure_runtime()
            await asyncio.sleep(0.02)

    async def _nurse(self, run: str, enough: asyncio.Event) -> None:
        while not enough.is_set():
            # Refused, unanswered, or no runtime for the moment: it is looked at again.
            with contextlib.suppress(AgentwatchError):
                async with await self.supervisor.reader() as reader:
                    now = (await reader.fleet()).runs.get(run)
                    actions = await reader.actions(run)
                if now is not None:
                    await self._tend(run, now, actions)
            await asyncio.sleep(0.05)

    async def _tend(self, run: str, now: Run, actions: list[Action]) -> None:
        """Do what an operator would who can look at the ledger."""
        assert now.attempt < MOST_ATTEMPTS, f"it comes to nothing:\n{self.log(run)[-4000:]}"
        if now.status is Status.NEEDS_REVIEW:
            for action in actions:
                if action.in_doubt:
                    answer = {"outcome": "done", "result": f"sent {action.args['n']}"}
                    if not self.truth(run, action.args["n"]):
                        answer = {"outcome": "retry"}
                    await self.ask("resolve", run, attempt=now.attempt, action=action.id, **answer)
        elif now.resumable:
            dice, last = self.goes_back, now.checkpoint.number if now.checkpoint else 0
            if dice is not None and last and dice.random() < 0.5:
                await self.ask("resume", run, checkpoint=dice.randint(1, last))
            else:
                await self.ask("resume", run)

    def truth(self, run: str, n: int) -> bool:
        """Whether item `n` happened, as the ledger says."""
        return any(line.split()[0] == str(n) for line in self.lines(f"ledger-{run}"))

    async def _account(self, runs: Iterable[str]) -> str:
        told = []
        for run in runs:
            told.append(f"{await self.run(run)}\n{self.log(run)}")
        return "still not at its end:\n" + "\n".join(told) + self.runtime_log()

    async def close(self) -> None:
        """End the runtime and every process that a run left, the hard way."""
        await self.end_runtimes()
        for launch in self.home.launches.glob("*.json") if self.home.launches.is_dir() else ():
            while pids := members(launch.stem, None):
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

    # --- what the record and the ledgers say

    async def check(self, run: str, *, items: int | None = None) -> list[Event]:
        """Hold the record of a run at its end to everything that is promised.  Returns its events.

        `items`: how many of them a completed run has sent.
        """
        async with await self.supervisor.reader() as reader:
            now = (await reader.fleet()).runs[run]
            events = await reader.events_of(now.last_seq, 1_000_000)
            actions = await reader.actions(run)
            states = [await reader.checkpoint(run, ref.number) for ref in await reader.checkpoints(run)]
        saved = [found.state for found in states if found is not None]
        assert self.lines(f"violations-{run}") == []
        assert now.status in AT_REST
        _chain_is_whole(events)
        assert now == _folded(events), "the projection differs from the events"
        _statuses_are_allowed(events)
        _attempts_follow_each_other(events)
        _nothing_begins_while_paused(events)
        _intents(events, ended=now.status is Status.COMPLETED)
        self._ledger(run, events, now, items)
        if now.status is not Status.KILLED:
            lost = [line for line in self.lines(f"saved-{run}") if json.loads(line) not in saved]
            assert not lost, f"acknowledged checkpoints are gone: {lost}"
            assert not [action for action in actions if action.in_doubt or action.ended_at is None]
        return events

    def _ledger(self, run: str, events: list[Event], now: Run, items: int | None) -> None:
        """Nothing happened twice, nothing happened without its intent, and at the end everything has happened."""
        lines = [(int(n), int(attempt)) for n, attempt in map(str.split, self.lines(f"ledger-{run}"))]
        begun = Counter(
            (event.body["args"]["n"], event.attempt)
            for event in events
            if event.kind == Kind.ACTION_BEGIN and event.body["tool"] == "send"
        )
        without = [line for line, count in Counter(lines).items() if begun[line] < count]
        assert not without, f"done without an intent on record: {without}"
        twice = [n for n, count in Counter(n for n, _ in lines).items() if count > 1]
        assert not twice, f"done twice: {twice}"
        if items is not None:
            assert now.status is Status.COMPLETED
            assert sorted(n for n, _ in lines) == list(range(items)), "not everything was done"


def _chain_is_whole(events: list[Event]) -> None:
    assert events[0].kind == Kind.CREATED and events[0].prev == 0
    assert all(later.prev == earlier.seq for earlier, later in itertools.pairwise(events))


def _folded(events: list[Event]) -> Run | None:
    run: Run | None = None
    for event in events:
        run = project(run, event)
    return run


def _statuses_are_allowed(events: list[Event]) -> None:
    at = Status.QUEUED
    for event in events:
        if event.kind == Kind.STATUS:
            before, after = Status(event.body["from"]), Status(event.body["to"])
            assert before is at and after in TRANSITIONS[before], f"{at}: {before} → {after}"
            at = after


def _attempts_follow_each_other(events: list[Event]) -> None:
    alive = False
    for event in events:
        if event.kind == Kind.ATTEMPT_STARTED and not event.body.get("adopted"):
            assert not alive, f"attempt {event.attempt} began before the one before it had ended"
            alive = True
        elif event.kind == Kind.ATTEMPT_ENDED:
            alive = False


def _nothing_begins_while_paused(events: list[Event]) -> None:
    paused = False
    for event in events:
        if event.kind == Kind.PAUSE_ASKED:
            paused = True
        elif event.kind == Kind.PAUSE_WITHDRAWN:
            paused = False
        elif event.kind == Kind.STATUS and event.body["to"] in (Status.RUNNING, Status.STARTING):
            paused = event.body["from"] == Status.STARTING and paused
        elif event.kind == Kind.ACTION_BEGIN:
            assert not paused, f"{event.body['id']} was allowed to begin after the pause"


def _intents(events: list[Event], *, ended: bool) -> None:
    """Each intent is recorded once and cleared once, and what a dead process left open was called in doubt."""
    left: dict[str, Event] = {}
    doubted: set[str] = set()
    attempt_of: dict[str, int] = {}
    for event in events:
        ident = event.body.get("id", "")
        if event.kind == Kind.ACTION_BEGIN:
            assert ident not in left, f"{ident} has two intents"
            left[ident] = event
            attempt_of[ident] = event.attempt
        elif event.kind == Kind.DOUBT:
            assert ident in left and not left[ident].body.get("idempotent"), f"{ident} cannot be in doubt"
            doubted.add(ident)
        elif event.kind in CLOSES and ident in left:
            if event.kind == Kind.RESOLVED:
                assert ident in doubted, f"{ident} was answered without having been in doubt"
            del left[ident]
        elif event.kind == Kind.ATTEMPT_STARTED and not event.body.get("adopted"):
            forgotten = [ident for ident, begin in left.items() if begin.attempt < event.attempt]
            assert not forgotten, f"an attempt began over unresolved intents {forgotten}"
    if ended:
        assert not left, f"completed over unresolved intents {list(left)}"
    else:
        assert left.keys() <= doubted or not left, f"never shown as in doubt: {left.keys() - doubted}"


def is_sound(journal: Path) -> bool:
    """Whether SQLite finds nothing wrong with the file."""
    with contextlib.closing(sqlite3.connect(journal)) as db:
        return [tuple(row) for row in db.execute("PRAGMA integrity_check")] == [("ok",)]

"""A home of its own with a real runtime, seen as an operator sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from store.events import Kind
from store.home import Home
from store.launch import Launch, PolicySource, write_launch
from store.records import Answer, Event, Run
from tui.supervisor import Supervisor

DEADLINE_S = 30.0
SUPPORT = Path(__file__).parent
CRASH_RUNTIME = str(SUPPORT / "crash_runtime.py")


def lives(pid: int) -> bool:
    """Whether a process has not ended; one that nobody has waited for yet has."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class World:
    """Starts agents, asks for things, and waits for conditions."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self.supervisor = Supervisor(home)

    async def start(
        self,
        code: str = "",
        *,
        argv: Sequence[str] | None = None,
        restart: int = 0,
        policy: str = "",
        agent: str = "agent",
        goal: str = "a goal",
    ) -> str:
        """Start an agent: Python code that may `from raw import *`, or any command.  Returns the run's id."""
        run = secrets.token_hex(6)
        if argv is None:
            script = self.folder / f"{agent}-{run}.py"
            script.write_text(f"from raw import *\nHERE = pathlib.Path({str(self.folder)!r})\n{code}", "utf-8")
            argv = (sys.executable, str(script))
        source = PolicySource()
        if policy:
            file = self.folder / f"{agent}-{run}.toml"
            file.write_text(policy, "utf-8")
            source = PolicySource(file=str(file))
        env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(SUPPORT.parents[1]), str(SUPPORT)))}
        launch = Launch(run, agent, goal, tuple(argv), str(self.folder), env, restart, source)
        write_launch(self.home, launch)
        answer = await self.ask("start", run)
        assert answer.applied, answer.message
        return run

    async def ask(self, kind: str, run: str = "", **args: Any) -> Answer:
        """Ask the runtime and return its answer."""
        return await self.supervisor.submit(kind, run, answer_within_s=DEADLINE_S, **args)

    async def run(self, run: str) -> Run:
        """The run, now."""
        async with await self.supervisor.reader() as reader:
            return (await reader.fleet()).runs[run]

    async def until(self, run: str, condition: Callable[[Run], bool], *, deadline_s: float = DEADLINE_S) -> Run:
        """Wait until the run meets a condition."""
        deadline = time.monotonic() + deadline_s
        async with await self.supervisor.reader() as reader:
            while True:
                now = (await reader.fleet()).runs.get(run)
                if now is not None and condition(now):
                    return now
                if time.monotonic() > deadline:
                    raise AssertionError(f"still {now}\n{self.log(run)}\n{self.runtime_log()}")
                await asyncio.sleep(0.01)

    async def rest(self, run: str, *, deadline_s: float = DEADLINE_S) -> Run:
        """Wait until the run is at rest."""
        return await self.until(run, lambda now: now.at_rest, deadline_s=deadline_s)

    async def events(self, run: str, *kinds: Kind) -> list[Event]:
        """The run's events of some kinds, oldest first."""
        async with await self.supervisor.reader() as reader:
            head = (await reader.fleet()).runs[run].last_seq
            return [event for event in await reader.events_of(head, 100_000) if not kinds or event.kind in kinds]

    def log(self, run: str) -> str:
        """What the agent printed."""
        path = self.home.log(run)
        return path.read_text("utf-8") if path.exists() else ""

    def runtime_log(self) -> str:
        """What the runtime logged."""
        return self.home.runtime_log.read_text("utf-8") if self.home.runtime_log.exists() else ""

    def touch(self, name: str) -> None:
        """Make a file that an agent waits for."""
        (self.folder / name).touch()

    def lines(self, name: str) -> list[str]:
        """Lines of a ledger."""
        path = self.folder / name
        return path.read_text("utf-8").splitlines() if path.exists() else []

    async def file(self, name: str, *, deadline_s: float = DEADLINE_S) -> None:
        """Wait until an agent made a file."""
        deadline = time.monotonic() + deadline_s
        while not (self.folder / name).exists():
            assert time.monotonic() < deadline, f"{name} never came\n{self.runtime_log()}"
            await asyncio.sleep(0.005)

    def runtimes(self) -> list[psutil.Process]:
        """Every living process that serves this home, or is about to."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                command = process.cmdline()
                if str(self.home.root) in command and ("_serve" in command or CRASH_RUNTIME in command):
                    found.append(process)
        return found

    def kill_runtime(self) -> int:
        """End the runtime the hard way, and return its pid once it is gone."""
        beat = self.home.beat()
        assert beat is not None
        os.kill(beat.pid, signal.SIGKILL)
        deadline = time.monotonic() + DEADLINE_S
        while lives(beat.pid) or self._still_locked():
            assert time.monotonic() < deadline, f"process {beat.pid} lives on"
            time.sleep(0.005)
        return beat.pid

    def forget_boot(self) -> None:
        """Make the record that of a machine which was restarted since; no runtime may serve it meanwhile."""
        with contextlib.closing(sqlite3.connect(self.home.journal)) as journal, journal:
            journal.execute("UPDATE attempts SET boot = 'a boot before this one'")

    def _still_locked(self) -> bool:
        """Whether the home is locked though no living runtime is to be seen: threads of a dead one may yet have it."""
        return self.home.runtime_alive() and not self.runtimes()

    async def end_runtimes(self) -> None:
        """End the runtime the hard way, and any other that is on its way to take its place."""
        deadline = time.monotonic() + DEADLINE_S
        while (found := self.runtimes()) or self.home.runtime_alive():
            assert time.monotonic() < deadline, found
            for process in found:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        """End every run and the runtime."""
        if self.home.journal.exists():
            with contextlib.suppress(Exception):
                await self.supervisor.ensure_runtime()
                async with await self.supervisor.reader() as reader:
                    runs = list((await reader.fleet()).runs.values())
                for run in runs:
                    if run.pid is not None:
                        await self.ask("kill", run.run)
                await self.ask("stop_runtime", timeout_s=0.0)
        deadline = time.monotonic() + DEADLINE_S
        while self.home.runtime_alive() and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        await self.end_runtimes()

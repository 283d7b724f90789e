"""The runtime's process: one per home, from its lock to its last word."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import logging.handlers
import os
import signal
import sqlite3
import sys
import time
from functools import partial
from pathlib import Path

import uvloop

import agentwatch
from runtime import logs, process
from runtime.breakers import Breakers
from runtime.children import Children
from runtime.connection import Connection
from runtime.core import Core, log
from runtime.gate import Gate
from runtime.judge_client import JudgeClient
from runtime.lifecycle import Lifecycle
from runtime.live import LiveRun, PauseOrder
from runtime.orders import Orders
from runtime.policies import Policies
from runtime.recovery import Recovery
from runtime.review import Review
from runtime.shared_budgets import SharedBudgets
from store.control import Commands
from store.errors import AgentwatchError, StoreError
from store.events import Kind
from store.home import Beat, Home
from store.journal import WAL_CAP_BYTES, Journal
from store.states import Status, StopReason

TICK_S = 0.5
CONTROL_POLL_S = 0.025
IDLE_CONTROL_POLL_S = 0.1
IDLE_S = 60.0
STOP_TIMEOUT_S = 10.0
LEAVE_POLL_S = 0.02


class Runtime:
    """Owns the loop: socket, control database, clock, children."""

    def __init__(self, home: Home, *, idle_s: float, synchronous: str) -> None:
        self._home = home
        self._idle_s = idle_s
        self._started_at = time.time()
        self._core = Core(home, Journal(home, synchronous=synchronous))
        self._lifecycle = Lifecycle(self._core)
        review = Review(self._core)
        self._breakers = Breakers(self._core)
        self._gate = Gate(self._core, self._lifecycle, review, self._breakers)
        self._recovery = Recovery(self._core, self._lifecycle, self._gate)
        self._shared_budgets = SharedBudgets(self._core, self._lifecycle)
        self._orders = Orders(self._core, self._lifecycle, review, self._breakers, self._shared_budgets, self.stop)
        self._policies = Policies(self._core)
        self._judges = JudgeClient(self._core)
        self._children = Children(self._core, self._lifecycle.endings.exited)
        self._lifecycle.enlisted = self._policies.in_force
        self._lifecycle.spawned = self._children.watch
        self._lifecycle.endings.buried = self._buried
        self._commands = Commands(home)
        self._busy_at = time.monotonic()
        self._done = asyncio.Event()
        self._stopping: asyncio.Task[None] | None = None
        self._why = ""
        self._capping: dict[str, asyncio.Task[None]] = {}
        """Logs that are being cut, by run."""

    async def run(self) -> None:
        """Serve until told to stop, or idle for long enough."""
        loop = asyncio.get_running_loop()
        process.become_subreaper()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, partial(self.stop, "a signal", STOP_TIMEOUT_S))
        self._core.record_home(Kind.RUNTIME_STARTED, {"pid": os.getpid(), "version": agentwatch.__version__})
        for live in self._recovery.recover():
            self._children.watch(live)
        self._core.flush()
        server = await self._listen()
        self._beat()
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(each) for each in (self._obey(), self._tick(), self._policies.watch())]
            await self._done.wait()
            for task in work:
                task.cancel()
        server.close()
        await self._leave()

    async def _listen(self) -> asyncio.Server:
        path = self._home.socket
        # The lock is held: whatever lies there belongs to a runtime that is gone.
        path.unlink(missing_ok=True)
        server = await asyncio.get_running_loop().create_unix_server(lambda: Connection(self._gate), str(path))
        path.chmod(0o600)
        return server

    async def _leave(self) -> None:
        self._core.record_home(Kind.RUNTIME_STOPPED, {"why": self._why})
        self._core.flush()
        with contextlib.suppress(AgentwatchError):
            self._core.journal.close()
        self._commands.close()
        self._home.socket.unlink(missing_ok=True)

    # --- what keeps it going

    async def _obey(self) -> None:
        while not self._done.is_set():
            if not self._core.trouble:
                try:
                    self._orders.take(self._commands.after(self._orders.read_to))
                except sqlite3.Error as error:
                    log.error("the requests cannot be read: %s", error)
                self._orders.carry_out_all()
            await asyncio.sleep(CONTROL_POLL_S if self._core.lives else IDLE_CONTROL_POLL_S)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._core.look_at_clock()
            now = time.time()
            self._children.reap()
            for live in list(self._core.lives.values()):
                try:
                    self._look_after(live, now)
                except Exception as error:
                    log.exception("looking after run %s: %s", live.run, error)
            for tick in (self._breakers.tick, self._shared_budgets.tick, self._judges.tick):
                try:
                    tick()
                except Exception as error:
                    log.exception("a tick: %s", error)
            self._beat()
            self._keep_record()
            if self._idle_s and time.monotonic() - self._busy_at > self._idle_s:
                self._why = "idle"
                self._done.set()

    def _look_after(self, live: LiveRun, now: float) -> None:
        self._lifecycle.apply(live, live.judge.tick(now))
        self._lifecycle.waited_too_long(live)
        self._gate.look_after(live)
        self._look_at_log(live)

    def _keep_record(self) -> None:
        try:
            if self._core.lives:
                self._busy_at = time.monotonic()
                self._core.journal.fold_wal(only_above_bytes=WAL_CAP_BYTES)
            elif not self._core.trouble:
                self._core.journal.settle()
        except StoreError as error:
            # What is queued stays queued; whether it can be written is told by the next commit.
            log.error("the record cannot be tidied: %s", error)

    def _buried(self, live: LiveRun) -> None:
        self._children.unwatch(live)
        self._breakers.gone(live)

    def _beat(self) -> None:
        beat = Beat(os.getpid(), agentwatch.__version__, self._started_at, time.time(), self._core.trouble)
        with contextlib.suppress(OSError):
            self._home.write_beat(beat)

    def _look_at_log(self, live: LiveRun) -> None:
        """Output is the only sign of life of an agent that does not use the SDK."""
        path = self._home.log(live.run)
        size = logs.size(path)
        if size > live.log_bytes and live.process is not None and not self._core.run(live).sdk:
            last = logs.tail(path, 1)
            body = {"bytes": size - live.log_bytes, "line": last[0] if last else ""}
            self._core.record(live, Kind.OUTPUT, body)
            self._lifecycle.shown_life(live, "its first output came")
        live.log_bytes = size
        if size > logs.LOG_CAP_BYTES and live.run not in self._capping:
            self._capping[live.run] = asyncio.get_running_loop().create_task(self._cap_log(live, path))

    async def _cap_log(self, live: LiveRun, path: Path) -> None:
        """Copying an oversized log takes longer than a gate may be held up."""
        try:
            if await asyncio.to_thread(logs.cap, path):
                live.log_bytes = live.log_began = 0
        except OSError as error:
            log.error("the log of run %s cannot be cut: %s", live.run, error)
        finally:
            del self._capping[live.run]

    # --- leaving

    def stop(self, who: str, timeout_s: float) -> None:
        """Pause what lives, park it (or freeze what would begin again from nothing), then leave."""
        if self._stopping is None:
            self._why = f"stopped by {who}"
            self._stopping = asyncio.get_running_loop().create_task(self._stop(who, timeout_s))

    async def _stop(self, who: str, timeout_s: float) -> None:
        core = self._core
        order = PauseOrder(
            who, StopReason.USER_PAUSED, f"the runtime was stopped by {who}", {"interrupted": "runtime stopped"}
        )
        for live in list(core.lives.values()):
            self._lifecycle.ask_pause(live, order)
        deadline = time.monotonic() + timeout_s
        while any(
            live.freezing or (time.monotonic() < deadline and self._on_its_way(live)) for live in core.lives.values()
        ):
            await asyncio.sleep(LEAVE_POLL_S)
        while [live for live in list(core.lives.values()) if not self._lifecycle.put_away(live)]:
            await asyncio.sleep(LEAVE_POLL_S)
            for live in list(core.lives.values()):
                # Those that were started or resumed meanwhile included.
                self._lifecycle.ask_pause(live, order)
        self._done.set()

    def _on_its_way(self, live: LiveRun) -> bool:
        return live.ending is not None or self._core.run(live).status is not Status.PAUSED


def main(argv: list[str]) -> int:
    """Serve one home until it is idle or told to stop; the exit code of the process."""
    parser = argparse.ArgumentParser(prog="agentwatch runtime")
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--idle-s", type=float, default=IDLE_S, help="leave after so many idle seconds; 0 is never")
    parser.add_argument("--synchronous", choices=("NORMAL", "FULL"), default="NORMAL")
    options = parser.parse_args(argv)
    home = Home(options.home) if options.home else Home.default()
    os.umask(0o077)
    try:
        home.create()
        home.make_socket_folder()
        lock = home.acquire()
        _log_to(home)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(home, options.idle_s, options.synchronous))
        os.close(lock)
    except AgentwatchError as error:
        print(error, file=sys.stderr)
        return 2
    except Exception:
        log.exception("the runtime failed")
        print(f"The runtime failed: {home.runtime_log} says how.", file=sys.stderr)
        return 1
    return 0


async def _serve(home: Home, idle_s: float, synchronous: str) -> None:
    await Runtime(home, idle_s=idle_s, synchronous=synchronous).run()


def _log_to(home: Home) -> None:
    handler = logging.handlers.RotatingFileHandler(home.runtime_log, maxBytes=4_000_000, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for logger in (log, logging.getLogger("asyncio")):
        logger.addHandler(handler)
    log.setLevel(logging.INFO)

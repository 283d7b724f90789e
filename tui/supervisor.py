"""What the console and the command line know of the supervised world: the record's read side, and one `submit`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import agentwatch.__main__ as launcher
from store import control
from store.errors import StoreError
from store.home import Home
from store.reader import Reader
from store.records import Answer, Json

STARTS_RUNTIME = frozenset({"start", "resume", "fork", "resolve", "kill"})
"""Commands that bring a runtime back if there is none."""

LOOK_S = 1.0
"""How often who waits for an answer looks whether there is still a runtime that could give it."""


class NoAnswer(StoreError):
    """The runtime did not answer in time."""


class RuntimeNotStarted(StoreError):
    """A runtime was started and did not come up."""


class Supervisor:
    """One home, seen from outside its runtime."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._starting = asyncio.Lock()
        """Many requests at once start one runtime, and not one each."""

    async def reader(self) -> Reader:
        """Open the record for reading.  Raises `NoJournal`, `NewerDatabase`, `CorruptDatabase`, `StoreError`."""
        return await Reader.open(self.home)

    async def ensure_runtime(self, *, timeout_s: float = 15.0, options: Sequence[str] = ()) -> bool:
        """Start the home's runtime if there is none, with `options` of its own; True if this call started it.

        Raises `RuntimeNotStarted` with what the runtime itself said.
        """
        async with self._starting:
            return not self.home.runtime_alive() and await self._start(timeout_s, options)

    async def _start(self, timeout_s: float, options: Sequence[str]) -> bool:
        self.home.create()
        command = [sys.executable, "-P", str(launcher.__file__), "_serve", "--home", str(self.home.root), *options]
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(  # noqa: ASYNC220 (returns at once: the runtime outlives this process)
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
            try:
                ours = await self._until_up(process, time.time(), timeout_s)
            except RuntimeNotStarted as error:
                said.seek(0)
                raise RuntimeNotStarted(said.read().decode(errors="replace").strip() or str(error)) from error
        # It outlives this process: nobody waits for it here, and Popen need not warn of that.
        process.returncode = 0
        return ours

    async def _until_up(self, process: subprocess.Popen[bytes], began: float, timeout_s: float) -> bool:
        """Wait for a runtime that serves; whether it is `process`.

        Another client's may have won the lock: that one is as good, once ours has ended. Before that, ours would take
        the lock as soon as the other lets go of it, though nobody asks for a runtime any more.
        """
        while time.time() - began < timeout_s:
            beat = self.home.beat()
            if beat is not None and beat.at >= began and self.home.runtime_alive():
                if beat.pid == process.pid:
                    return True
                if process.poll() is not None:
                    return False
            elif process.poll() is not None and not self.home.runtime_alive():
                raise RuntimeNotStarted(f"The runtime ended at once (exit {process.returncode}).")
            await asyncio.sleep(0.02)
        raise RuntimeNotStarted(f"The runtime did not come up within {timeout_s:.0f} s: see {self.home.runtime_log}.")

    async def submit(
        self, kind: str, run: str = "", *, attempt: int | None = None, answer_within_s: float = 15.0, **args: Json
    ) -> Answer:
        """Ask the runtime for something and wait for its journalled answer.

        `kind` and `args` as `store/control.py` lists them.  Raises `NoAnswer`, `RuntimeNotStarted`, `StoreError`.
        """
        if kind in STARTS_RUNTIME:
            await self.ensure_runtime()
        elif not self.home.runtime_alive():
            raise NoAnswer("No runtime is running in this home: `agentwatch attach` or `agentwatch run` starts one.")
        async with await self.reader() as reader:
            seq = await reader.last_seq()
            command = await control.submit(self.home, kind, run, attempt=attempt, **args)
            answer = await self._answer(reader, command, seq, answer_within_s, starts=kind in STARTS_RUNTIME)
        if answer is None:
            raise NoAnswer(
                f"The runtime has not answered within {answer_within_s:.0f} s. The request stays valid for "
                f"{control.EXPIRES_S:.0f} s; `agentwatch ps` shows what became of it."
            )
        return answer

    async def _answer(
        self, reader: Reader, command: int, after_seq: int, within_s: float, *, starts: bool
    ) -> Answer | None:
        """Wait for an answer; if it `starts` a runtime, also where the one that was there left without giving it."""
        until = time.monotonic() + within_s
        while (left_s := until - time.monotonic()) > 0:
            found = await control.answer(reader, command, after_seq=after_seq, timeout_s=min(LOOK_S, left_s))
            if found is not None:
                return found
            if starts:
                await self.ensure_runtime()
        return None

"""What the console asks the runtime for, and what it says of it: requested, then applied, or refused and why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from store.errors import AgentwatchError
from store.records import Run
from tui.console.can import name
from tui.console.state import Note, State
from tui.supervisor import STARTS_RUNTIME, Supervisor

ASKED_AT_ONCE = 16
"""So many requests wait for their answers at a time: each has a connection of its own."""

_VERBS = {"stop_runtime": "stop the runtime"}


class Requests:
    """Hands commands to the runtime; each outcome is one message, after which `changed` is called."""

    def __init__(self, state: State, supervisor: Supervisor, changed: Callable[[], None]) -> None:
        self._state, self._supervisor, self._changed = state, supervisor, changed

    async def one(self, kind: str, run: str, attempt: int | None, args: dict[str, Any]) -> bool:
        """Ask for one thing, of `run` or (empty) of the runtime itself; whether it was applied."""
        known = self._state.run(run)
        what = f"{_VERBS.get(kind, kind)} {name(known) if known else run}".strip()
        asked = self._say_requested(what, run)
        applied, said = await self._answer(kind, run, attempt, args)
        verb = "applied" if applied else "refused"
        self._say_outcome(asked, f"{what}: {verb}{f', {said}' if said else ''}", applied)
        return applied

    async def many(self, kind: str, runs: Sequence[Run], asked_for: Sequence[dict[str, Any]]) -> None:
        """Ask for the same of each of `runs`, with arguments of its own; the first refusal is told."""
        what = f"{_VERBS.get(kind, kind)} {len(runs)} runs"
        asked = self._say_requested(what)
        at_once = asyncio.Semaphore(ASKED_AT_ONCE)

        async def ask(run: Run, args: dict[str, Any]) -> tuple[bool, str]:
            async with at_once:
                return await self._answer(kind, run.run, None, args)

        answers = await asyncio.gather(*(ask(run, args) for run, args in zip(runs, asked_for, strict=True)))
        refused = [f"{name(run)}: {said}" for run, (applied, said) in zip(runs, answers, strict=True) if not applied]
        text = f"{what}: {len(runs) - len(refused)} applied"
        if refused:
            text += f", {len(refused)} refused; {refused[0]}"
        self._say_outcome(asked, text, not refused)

    async def _answer(self, kind: str, run: str, attempt: int | None, args: dict[str, Any]) -> tuple[bool, str]:
        if kind not in STARTS_RUNTIME and not self._state.home.runtime_alive():
            return False, "no runtime is running; R in the list starts one"
        try:
            answer = await self._supervisor.submit(kind, run, attempt=attempt, **args)
        except AgentwatchError as error:
            return False, str(error)
        return answer.applied, answer.message

    def _say_requested(self, what: str, run: str = "") -> Note:
        asked = Note(time.time(), f"{what}: requested …", "", run)
        self._state.notes.appendleft(asked)
        self._changed()
        return asked

    def _say_outcome(self, asked: Note, text: str, applied: bool) -> None:
        if asked in self._state.notes:
            self._state.notes.remove(asked)
        self._state.note(text, "" if applied else "needs", asked.run)
        self._changed()

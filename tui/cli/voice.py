"""How `run --headless` speaks: lines for a person's log, or one JSON object a line."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from store.records import Json, Run
from store.states import Status
from tui.cli import shape
from tui.cli.changes import Change
from tui.cli.options import Place
from tui.cli.output import say
from tui.cli.show import resume_command
from tui.cli.words import iso
from tui.console import formats
from tui.plain import plain

STEP_EVERY_S = 10.0
"""A person is told of steps no more often than this, for each run."""


class Voice(Protocol):
    """What the headless watch needs to speak."""

    def change(self, run: Run, short: str, change: Change, at: float) -> None:
        """Tell what changed about a run."""

    def note(self, text: str) -> None:
        """Tell something about the home or about the watch itself."""

    def result(self, runs: Sequence[Run], short: Mapping[str, str], code: int) -> None:
        """Tell what became of every run, and what can be done next."""


class Lines:
    """For a person, a CI log, a chat."""

    def __init__(self, where: Place) -> None:
        self._where = where
        self._stepped: dict[str, float] = {}

    def change(self, run: Run, short: str, change: Change, at: float) -> None:
        if change.often and at - self._stepped.get(run.run, 0.0) < STEP_EVERY_S:
            return
        if change.often:
            self._stepped[run.run] = at
        say(f"{formats.clock(at)} {plain(run.agent)} {short} {change.text}")

    def note(self, text: str) -> None:
        say(f"{formats.clock(time.time())} {plain(text)}")

    def result(self, runs: Sequence[Run], short: Mapping[str, str], code: int) -> None:
        counts = Counter(_word(run) for run in runs)
        others = sorted(word for word in counts if word != "completed")
        said = ", ".join([f"{counts['completed']} completed", *(f"{counts[word]} {word}" for word in others)])
        hints = [self._hint(run, short[run.run]) for run in runs if run.status is not Status.COMPLETED]
        head = f"{formats.clock(time.time())} result: {said}. Exit {code}."
        if len(hints) == 1:
            say(f"{head}  {hints[0]}")
            return
        say(head)
        for hint in hints:
            say(f"  {hint}")

    def _hint(self, run: Run, short: str) -> str:
        look = f"Look: {self._where.command(f'show {short}')}"
        if run.status is Status.NEEDS_REVIEW:
            doubt = run.in_flight[0].id if run.in_flight else "ACTION"
            answer = self._where.command(f"resolve {short} {plain(doubt)} --done|--retry")
            return f"{look}   Answer: {answer}"
        if run.resumable or run.pause_asked:
            return f"{look}   Go on: {self._where.command(resume_command(run, short))}"
        return look


class JsonLines:
    """For programs: changes as they come, the result as the last object."""

    def change(self, run: Run, short: str, change: Change, at: float) -> None:
        _say({"kind": "change", "at": iso(at), "what": change.what, "text": change.text} | shape.run(run))

    def note(self, text: str) -> None:
        _say({"kind": "note", "at": iso(time.time()), "text": text})

    def result(self, runs: Sequence[Run], short: Mapping[str, str], code: int) -> None:
        counts = {"completed": 0} | Counter(str(run.status) for run in runs)
        body = {"kind": "result", "at": iso(time.time()), "exit": code, "counts": counts}
        _say(body | {"runs": [shape.run(run) for run in runs]})


def _say(value: Json) -> None:
    say(json.dumps(value))


def _word(run: Run) -> str:
    return "needs you" if run.status is Status.NEEDS_REVIEW else str(run.status)

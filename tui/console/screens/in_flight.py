"""What a run has in flight, or in doubt."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.binding import BindingType

from store.records import Action, Run
from tui.console.lines import Line
from tui.console.pages.in_flight import in_flight_page
from tui.console.screens.base import key
from tui.console.screens.run_page import RunScreen


class InFlightScreen(RunScreen):
    """Actions with their arguments and their age."""

    SUBJECT = "in flight"
    BINDINGS: ClassVar[list[BindingType]] = [
        key("d", "doubt", "answer…", "Answer whether an action in doubt happened"),
        key("p", "pause", "pause", "Pause at the next safe point; again: park it, or ask whether to force"),
        key("w", "why", "why", "Why it stands where it stands"),
        key("l", "log", "log", "Its log"),
        key("enter", "inspect", "inspect", "Its whole story"),
        key("x", "kill", "kill…", "End it for good; asks first"),
    ]

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self._actions: list[Action] = []
        self._read_at_seq = -1

    def build(self, run: Run, now: float, width: int) -> list[Line]:
        if run.last_seq != self._read_at_seq:
            self._read_at_seq = run.last_seq
            self._read(run)
        return in_flight_page(run, self._actions, self.state.window(run.run).recent, now, width)

    @work(exclusive=True)
    async def _read(self, run: Run) -> None:
        self._actions = await self.actions(run)
        self.rebuild()

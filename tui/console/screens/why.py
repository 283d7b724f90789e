"""Why a run stopped, or stands where it stands, with the keys that help now."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from store.records import Run
from tui.console import dialogs
from tui.console.can import name
from tui.console.lines import Line
from tui.console.pages import questions
from tui.console.pages.why import why_page
from tui.console.screens.base import key
from tui.console.screens.run_page import RunScreen


class WhyScreen(RunScreen):
    """The reason, its evidence, the answers, what can be done."""

    SUBJECT = "why"
    BINDINGS: ClassVar[list[BindingType]] = [
        key("d", "doubt", "answer…", "Answer whether an action in doubt happened"),
        key("r", "resume", "resume…", "Let it go on: with a note, from a checkpoint, with more budget"),
        key("a", "accept", "accept…", "Resume, and never stop this run for this repetition again; asks first"),
        key("tab", "other_pair", "compare others", "Compare other calls of the evidence", show=False),
        key("shift+tab", "other_pair(-1)", "compare others", "Back to the pair before", show=False),
        key("p", "pause", "pause", "Pause at the next safe point"),
        key("c", "checkpoints", "checkpoints", "Its checkpoints"),
        key("l", "log", "log", "Its log"),
        key("enter", "inspect", "inspect", "Its whole story"),
        key("i", "in_flight", "in flight", "Actions that have not ended", show=False),
        key("x", "kill", "kill…", "End it for good; asks first"),
        key("f", "fork", "fork…", "Begin a new run from its last checkpoint; this one stays as it is"),
    ]

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self._pair = 0
        """Which calls of the evidence are compared, as `compared.pairs` counts them."""

    def subject(self, run: Run | None) -> str:
        return "why it stopped" if run is not None and run.at_rest and run.status != "completed" else "where it stands"

    def build(self, run: Run, now: float, width: int) -> list[Line]:
        return why_page(run, self.state.window(run.run), self.state.verdict(run, now), now, width, self._pair)

    def action_other_pair(self, by: int = 1) -> None:
        self._pair += by
        self.rebuild()

    def action_accept(self) -> None:
        runs = self.willing("accept")
        signature = _signature(self, runs[0]) if runs else ""
        if signature:
            self._accept(runs[0], signature)
        elif runs:
            # Resumed without it, the run would be stopped for the same again.
            self.state.note("What the rule called this repetition is not read yet: press a once more, or r.", "warn")
            self.paint_frame()

    @work
    async def _accept(self, run: Run, signature: str) -> None:
        dialog = dialogs.AskAccept(f"Accept this repetition of {name(run)}?", partial(questions.accept, run))
        if await self.ask(dialog):
            self.send("resume", run, accept=signature)


def _signature(screen: WhyScreen, run: Run) -> str:
    """What the rule called the repetition: in the evidence, else in the last ruling that paused or stopped the run."""
    if run.evidence.get("signature"):
        return str(run.evidence["signature"])
    for event in reversed(screen.state.window(run.run).events):
        if event.kind == "ruling" and event.body.get("level") in ("pause", "stop") and event.body.get("signature"):
            return str(event.body["signature"])
    return ""

"""The checkpoints of a run: the list, what each holds, and how it differs from the one before."""

from __future__ import annotations

import time
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from store.errors import StoreError
from store.records import Checkpoint, CheckpointRef, Json, Run
from tui.console import formats
from tui.console.lines import EMPTY, Line, Span, fit, line, rule
from tui.console.pages.difference import difference_lines
from tui.console.pages.json_lines import json_lines
from tui.console.screens.base import key
from tui.console.screens.searching import SearchingScreen
from tui.console.widgets.lines_view import LinesView

LIST_WIDTH = 54
SIDE_BY_SIDE_FROM = 110


class CheckpointsScreen(SearchingScreen):
    """The list at the left (on top in a narrow terminal), the picked one beside it."""

    SUBJECT = "checkpoints"
    SOUGHT = "#content"
    PLACE = "this checkpoint"
    BINDINGS: ClassVar[list[BindingType]] = [
        key("tab", "other", "content", "Move between the list and the content"),
        key("r", "resume", "resume…", "Let the run go on; the dialog asks from which checkpoint"),
        key("f", "fork", "fork…", "Begin a new run from the picked checkpoint; this one stays as it is"),
        key("w", "why", "why", "Why it stands where it stands"),
        key("l", "log", "log", "Its log"),
        key("enter", "inspect", "inspect", "Its whole story", show=False),
        key("x", "kill", "kill…", "End it for good; asks first"),
    ]

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self._refs: list[CheckpointRef] = []
        self._kept: dict[int, Checkpoint | None] = {}
        self._seen = -1
        self._picked: int | None = None

    def body(self) -> ComposeResult:
        with Container(id="panes"):
            yield LinesView(cursor=True, id="list")
            yield LinesView(id="content")
        yield self.search_box()

    def on_mount(self) -> None:
        self.query_one("#list").focus()
        super().on_mount()

    def paint_body(self) -> None:
        run = self.about
        width, height = self.app.size
        beside = width >= SIDE_BY_SIDE_FROM
        panes = self.query_one("#panes")
        panes.set_class(beside, "-beside")
        if not beside:
            self.query_one("#list").styles.height = max(3, min(len(self._refs) + 1, height // 3))
        if run is not None and run.checkpoints != self._seen:
            self._seen = run.checkpoints
            self._read_list(run.run)
        self._paint_list()

    def _paint_list(self) -> None:
        now = time.time()
        shown = list(reversed(self._refs))
        view = self.query_one("#list", LinesView)
        width = LIST_WIDTH if self.app.size.width >= SIDE_BY_SIDE_FROM else self.app.size.width
        view.show([checkpoint_line(ref, now, width - 1) for ref in shown] or [line(Span(" no checkpoints", "dim"))])
        if shown:
            numbers = [ref.number for ref in shown]
            index = numbers.index(self._picked) if self._picked in numbers else 0
            self._picked = numbers[index]
            if view.index != index:
                view.select(index)
            self._paint_content()
        elif self._picked is not None:
            # The run was killed: what it kept is deleted.
            self._picked = None
            self._kept.clear()
            self.query_one("#content", LinesView).show([])

    @work(exclusive=True, group="list")
    async def _read_list(self, run: str) -> None:
        reader = self.console_app.feed.reader
        if reader is None:
            return
        follows = not self._refs or self._picked == self._refs[-1].number
        try:
            self._refs = await reader.checkpoints(run)
        except StoreError as error:
            self.state.note(str(error), "warn")
        if follows and self._refs:
            self._picked = self._refs[-1].number
        self.rebuild()

    def on_lines_view_moved(self, event: LinesView.Moved) -> None:
        # Told late: the list may be a shorter one by now.
        if event.view.id == "list" and event.index < len(self._refs):
            self._picked = self._refs[-1 - event.index].number
            self._paint_content()

    def _paint_content(self) -> None:
        if self._picked is None:
            return
        missing = [n for n in (self._picked, self._before(self._picked)) if n is not None and n not in self._kept]
        if missing:
            self._read_states(missing)
        else:
            self.query_one("#content", LinesView).show(self.with_marks(self._content(self._picked)))

    def sought(self) -> list[Line]:
        return self._content(self._picked) if self._picked is not None else []

    def paint_sought(self) -> None:
        self._paint_content()

    def focus_again(self) -> None:
        self.query_one("#list").focus()

    def _before(self, number: int) -> int | None:
        earlier = [ref.number for ref in self._refs if ref.number < number]
        return earlier[-1] if earlier else None

    @work(exclusive=True, group="states")
    async def _read_states(self, numbers: list[int]) -> None:
        reader = self.console_app.feed.reader
        if reader is None:
            return
        try:
            for number in numbers:
                self._kept[number] = await reader.checkpoint(self.run_id, number)
        except StoreError as error:
            self.state.note(str(error), "warn")
            return
        self._paint_content()

    def _content(self, number: int) -> list[Line]:
        kept = self._kept.get(number)
        width = self.app.size.width - (LIST_WIDTH if self.app.size.width >= SIDE_BY_SIDE_FROM else 0) - 2
        if kept is None:
            return [line(Span(" This checkpoint is not in the record any more.", "dim"))]
        earlier = self._before(number)
        before = self._kept.get(earlier) if earlier is not None else None
        return content_lines(kept.ref, kept.state, earlier, before.state if before else None, width)

    def build(self, run: Run, now: float, width: int) -> list[Line]:
        return []

    def picked_of(self, run: Run) -> CheckpointRef | None:
        return next((ref for ref in self._refs if ref.number == self._picked), None)

    def action_other(self) -> None:
        other = "#content" if self.query_one("#list").has_focus else "#list"
        self.query_one(other).focus()


def checkpoint_line(ref: CheckpointRef, now: float, width: int) -> Line:
    """One checkpoint of the list."""
    head = f" {fit(str(ref.number), 4, right=True)}  step {fit(str(ref.step), 5)}"
    age, size = fit(f"{formats.age(now - ref.at)} ago", 8, right=True), fit(formats.size(ref.size_bytes), 8, right=True)
    room = width - len(head) - 17
    label = fit(f" {ref.label or ''}", max(0, room)) if room > 2 else ""
    return line(Span(head, "strong"), label, Span(f"{age} {size}", "dim"))


def content_lines(ref: CheckpointRef, state: Json, earlier: int | None, before: Json, width: int) -> list[Line]:
    """What changed since the one before, then the whole content."""
    lines: list[Line] = []
    if earlier is None:
        lines.append(line(Span(" The first one: there is none before it to compare with.", "dim")))
    else:
        lines.append(rule(line(Span(f"changed since checkpoint {earlier}", "dim")), width))
        lines += difference_lines(before, state, width)
    lines += [EMPTY, rule(line(Span(f"content of checkpoint {ref.number}", "dim")), width)]
    lines += [line(" ", row) for row in json_lines(state, width - 2)]
    return [*lines, EMPTY, line(Span(f" attempt {ref.attempt}   sha256 {ref.digest[:16]}…", "dim"))]

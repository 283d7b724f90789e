"""The first screen: every run, what needs a person on top, and the selected one in detail below."""

from __future__ import annotations

import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer
from textual.worker import Worker

from store.records import Run
from tui.console.can import refusal
from tui.console.fleet_model import NO_ORDER, SORTS
from tui.console.fleet_table import FleetTable
from tui.console.lines import EMPTY, Line, Span, line, rule
from tui.console.pages.detail import detail
from tui.console.pages.group import group_detail
from tui.console.pages.head import fleet_head
from tui.console.pages.keys import Key
from tui.console.pages.welcome import banner, no_match, nothing_yet
from tui.console.screens import of_run
from tui.console.screens.base import key
from tui.console.screens.filtering import FilteringScreen
from tui.console.since_new import LEGEND, sparkline
from tui.console.state import State
from tui.console.widgets.painted import Painted

DETAIL_EVERY_S = 0.25
SETTLE_EVERY_S = 0.5
SELECTED_AFTER_S = 0.06


_OF_ONE_RUN = frozenset({"screen.why", "screen.checkpoints", "screen.log", "screen.in_flight"})


class FleetScreen(FilteringScreen):
    """The fleet table with the detail side under it."""

    legend: ClassVar[str] = LEGEND
    BINDINGS: ClassVar[list[BindingType]] = [
        key("d", "doubt", "answer…", "Answer whether an action in doubt happened"),
        key(
            "r",
            "resume",
            "resume…",
            "Let a paused or stopped run go on: with a note, from a checkpoint, with more budget",
        ),
        key("p", "pause", "pause", "Pause at the next safe point; again: park it, or ask whether to force"),
        key("w", "why", "why", "Why it stands where it stands: reason, evidence, what can be done"),
        key("c", "checkpoints", "checkpoints", "Its checkpoints, their content, what changed between them"),
        key("l", "log", "log", "What the agent writes to standard output and error"),
        key("enter", "inspect", "inspect", "Its whole story, event by event"),
        key("i", "in_flight", "in flight", "Actions that were let begin and have not ended"),
        key("x", "kill", "kill…", "End it for good; asks first, and says what is lost"),
        key("space", "mark", "mark", "Mark the run; keys then act on all marked ones"),
        key("slash", "filter", "filter", "List only what matches: words, status: reason: agent: needs:me", shown="/"),
        key("n", "next", "next", "To the next run that needs you"),
        key("b", "breakers", "breakers", "Dependencies: which are down, and who waits for them", show=False),
        key("a", "by_agent", "by agent", "The runs of one agent as one line, or each run its own", show=False),
        key("s", "sort", "sort", "Order the list by the next column", show=False),
        key("y", "copy", "copy", "Copy the command that shows this run", show=False),
        key("R", "start_runtime", "start runtime", "Start the runtime of this home", show=False),
        key("B", "bell", "bell on or off", "Ring once when something newly needs you, or be silent", show=False),
        key("escape", "clear", "clear", "Clear the filter, then the marks", show=False, shown="esc"),
        key("q", "quit", "leave", "Leave the console; the agents go on"),
        key("Q", "quit_all", "stop all…", "Pause all, stop the runtime, leave; asks first", show=False),
    ]

    def __init__(self, state: State) -> None:
        super().__init__()
        self._model = state.model
        self._detail_at = 0.0
        self._detail_due: Timer | None = None
        self._heard: object = None
        self._glancing: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        yield Painted(id="head")
        yield Painted(id="banner")
        yield FleetTable(self._model, self._bars, id="fleet")
        yield Painted(id="empty")
        yield self.filter_box()
        yield Painted(id="detail")
        yield Painted(id="messages")
        yield Painted(id="keys")

    def on_mount(self) -> None:
        self.ready = True
        self.set_interval(SETTLE_EVERY_S, self._settle)
        self.table.load()
        self.table.focus()
        self.lay_out()
        self.console_app.cover_if_tiny(self.app.size)
        self.console_app.follow()

    def _settle(self) -> None:
        self.table.settle()
        self._glance()

    def _glance(self) -> None:
        """Begin to read what the lines in sight lack, unless that is under way."""
        reader, glances = self.console_app.feed.reader, self.state.glances
        busy = self._glancing is not None and not self._glancing.is_finished
        if reader is not None and not busy and glances.missing(self._in_sight()) is not None:
            reading = glances.catch_up(self._in_sight, reader.events_of, self._glanced)
            self._glancing = self.run_worker(reading, group="glances")

    def _in_sight(self) -> list[Run]:
        return self.table.in_sight() if self.alive and (self.is_current or self.app.screen.is_modal) else []

    def _glanced(self, run: str) -> None:
        if self.alive and (index := self._model.index.get(run)) is not None:
            self.table.changed([index])

    def _bars(self, run: Run) -> str:
        return sparkline(run, self.state.recent(run.run))

    @property
    def table(self) -> FleetTable:
        """The list."""
        return self.query_one("#fleet", FleetTable)

    # --- told from above

    def on_resize(self) -> None:
        self.lay_out()

    def loaded(self) -> None:
        if not self.alive:
            return
        self.table.load()
        self.lay_out()
        self.call_after_refresh(self._glance)

    def changed(self, lines: list[int], touched: set[str]) -> None:
        if not self.alive:
            return
        rows = len(self._model.keys)
        self.table.changed(lines)
        if rows <= 1 or self.query_one("#empty").display:
            self.lay_out()
        if self.table.selected in touched:
            self._detail_soon()
        # The clock repaints the rest every second: a step of some run must not repaint head and keys.
        heard = (dict(self._model.counts), self.state.notes[0] if self.state.notes else None, self._selected_status())
        if heard != self._heard:
            self._heard = heard
            self.paint_frame()

    def _selected_status(self) -> object:
        run = self.state.run(self.table.selected)
        return run and (run.status, run.checkpoints > 0, run.held)

    def state_changed(self, touched: set[str]) -> None:
        if self.table.selected in touched or not touched:
            self._detail_soon()
        self.paint_frame()

    def second(self, now: float) -> None:
        if not self.alive:
            return
        self.table.tick(now)
        self.paint_frame()
        self._paint_banner()
        self.paint_detail()

    # --- painting

    def lay_out(self) -> None:
        """Give table and detail their room."""
        if not self.alive:
            return
        width, height = self.app.size
        listed = bool(self._model.keys)
        filtering = bool(self._model.query_text)
        for ident, shown in {
            "#fleet": listed or filtering,
            "#empty": not listed,
            "#detail": listed and height >= 16,
        }.items():
            self.query_one(ident).display = shown
        self.query_one("#detail").styles.height = self._detail_height()
        self.query_one("#fleet").styles.height = "1fr" if listed else 1
        self.query_one("#empty", Painted).show(
            no_match(self._model.query_text, width) if filtering else nothing_yet(self.state, width)
        )
        self._paint_banner()
        self.paint_frame()
        self.paint_detail()

    def _detail_height(self) -> int:
        height = self.app.size.height
        most = height // 2 + 1 if height >= 34 else max(5, height * 10 // 24)
        spare = height - 8 - len(self._model.keys) - 1
        return max(most, min(spare, height - 14))

    def _paint_banner(self) -> None:
        self.query_one("#banner", Painted).show(banner(self.state, time.time(), self.app.size.width))

    def head(self, now: float, width: int) -> list[Line]:
        lines = fleet_head(self.state, now, width, self.app.size.height)
        model = self._model
        said: list[Span] = []
        if model.query_text and not self.filter_is_open:
            said += [Span("filter: ", "dim"), Span(model.query_text, "strong")]
            said.append(Span(f"   {len(model.keys)} of {len(model.runs)} runs, esc clears it", "dim"))
        if model.marks:
            said += [Span("   " if said else ""), Span(f"{len(model.marks)} marked", "strong")]
            said.append(Span(", keys act on them, esc unmarks", "dim"))
        return [*lines, line(" ", *said)] if said else lines

    def _paint_selected(self) -> None:
        self.paint_detail()
        self.paint_frame()

    def _detail_soon(self) -> None:
        wait = self._detail_at + DETAIL_EVERY_S - time.monotonic()
        if wait <= 0:
            self.paint_detail()
        elif self._detail_due is None:
            self._detail_due = self.set_timer(wait, self.paint_detail)

    def paint_detail(self) -> None:
        """Paint the selected run's side."""
        if self._detail_due is not None:
            self._detail_due.stop()
            self._detail_due = None
        self._detail_at = time.monotonic()
        view = self.query_one("#detail", Painted)
        run = self.state.run(self.table.selected)
        width, height = self.app.size.width, self._detail_height()
        group = self._model.groups.get(self.table.selected or "")
        if group is not None:
            runs = self._model.members(group.key)
            breaker = self.state.breakers.get(group.common.name)
            events = self.state.events_of_breaker(group.common.name)
            view.show(
                group_detail(group, runs, breaker, events, time.time(), width, height, watched=self.state.runtime_alive)
            )
        elif run is None:
            view.show([rule(EMPTY, width)])
        else:
            view.show(detail(self.state, run, time.time(), width, height))

    # --- keys

    def own_keys(self) -> list[Key]:
        keys = super().own_keys()
        group = self._model.groups.get(self.table.selected or "")
        if group is None:
            return keys
        fold = "unfold" if group.folded else "fold"
        return [
            each._replace(label=fold)
            if each.action == "screen.inspect"
            else each._replace(works=each.works and each.action not in _OF_ONE_RUN)
            for each in keys
        ]

    def targets(self) -> list[Run]:
        marked = self._model.marked()
        if marked:
            return marked
        run = self.state.run(self.table.selected)
        return [run] if run is not None else self._model.members(self.table.selected or "")

    def on_fleet_table_selected(self, event: FleetTable.Selected) -> None:
        # The cursor is painted first: a held key must not wait for the detail of every run it passes.
        if self._detail_due is not None:
            self._detail_due.stop()
        self._detail_due = self.set_timer(SELECTED_AFTER_S, self._paint_selected)
        if event.run is not None:
            self.console_app.look_at(event.run)

    def on_fleet_table_opened(self) -> None:
        self.action_inspect()

    def on_fleet_table_head_clicked(self, event: FleetTable.HeadClicked) -> None:
        if event.column in SORTS:
            self._model.order_by(event.column)
            self.table.load()
        elif event.column in NO_ORDER:
            self.state.note(NO_ORDER[event.column], "warn")
            self.paint_frame()

    def on_fleet_table_stuck(self, event: FleetTable.Stuck) -> None:
        one = "This line is one run, and in no group that could be folded."
        self.state.note(f"This group is {event.how}." if event.how else one, "warn")
        self.paint_frame()

    def _of_several(self) -> str:
        """Why there is no page of the line that the cursor is on; empty where it is one run."""
        group = self._model.groups.get(self.table.selected or "")
        if group is None:
            return ""
        how = "enter lists them, then pick one" if group.folded else "pick one of those below it"
        return f"This line is {len(group.runs)} runs: {how}."

    def _push(self, action: str) -> None:
        run = self.state.run(self.table.selected)
        said = self._of_several() or refusal(action, run)
        if said or run is None:
            self.state.note(said, "warn")
            self.paint_frame()
        else:
            self.app.push_screen(of_run(action, run.run))

    def action_why(self) -> None:
        self._push("why")

    def action_checkpoints(self) -> None:
        self._push("checkpoints")

    def action_log(self) -> None:
        self._push("log")

    def action_inspect(self) -> None:
        if self.table.selected in self._model.groups:
            self.table.toggle_fold(self.table.selected)
            self.lay_out()
        else:
            self._push("inspect")

    def action_breakers(self) -> None:
        from tui.console.screens.breakers import BreakersScreen

        self.app.push_screen(BreakersScreen())

    def action_in_flight(self) -> None:
        self._push("in_flight")

    def action_mark(self) -> None:
        if self.table.selected is None:
            self.state.note(refusal("mark", None), "warn")
            self.paint_frame()
            return
        members = self._model.members(self.table.selected)
        self._model.toggle_mark(*([run.run for run in members] or [self.table.selected]))
        self.table.refresh()
        self.table.action_move(1)
        self.paint_frame()

    def action_next(self) -> None:
        key = self._model.next_that_needs_you(self.table.selected)
        if key is None:
            self.state.note("Nothing else needs you.")
            self.paint_frame()
        else:
            self.table.still()
            self.table.select(key)

    def action_sort(self) -> None:
        names = list(SORTS)
        self._model.reverse = False
        self._model.sort = names[(names.index(self._model.sort) + 1) % len(names)]
        self._model.settle()
        self.table.load()
        self.state.note(f"Ordered by {self._model.sort}.")
        self.paint_frame()

    def action_by_agent(self) -> None:
        self._model.group_by_agent(not self._model.by_agent)
        self.table.still()
        self.table.load()
        self.lay_out()
        grouped = "One line for each agent; enter unfolds it, a lists every run."
        self.state.note(grouped if self._model.by_agent else "Every run has its own line.")
        self.paint_frame()

    def action_copy(self) -> None:
        run = self.state.run(self.table.selected)
        said = self._of_several() or refusal("copy", run)
        if said or run is None:
            self.state.note(said, "warn")
        else:
            command = self.state.command(f"show {run.run}")
            self.app.copy_to_clipboard(command)
            self.state.note(f"Copied: {command}")
        self.paint_frame()

    def action_start_runtime(self) -> None:
        self.console_app.start_runtime()

    def action_bell(self) -> None:
        self.console_app.toggle_bell()

    def action_quit(self) -> None:
        self.console_app.leave()

    def action_quit_all(self) -> None:
        self.console_app.leave_all()

    # --- filter

    def action_clear(self) -> None:
        if not self.unfiltered() and self._model.marks:
            self._model.marks.clear()
            self.table.refresh()
        self.table.focus()
        self.paint_frame()

    def filtered(self, text: str) -> None:
        self._model.filter(text)
        self.table.load()
        self.lay_out()

    def filter_left(self) -> None:
        self.table.focus()
        self.paint_frame()

    def help_title(self) -> str:
        return "the fleet"

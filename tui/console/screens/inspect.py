"""The whole story of a run, event by event; any of them opens in full."""

from __future__ import annotations

import time
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from store.errors import StoreError
from store.records import Event, Run
from tui.console import formats
from tui.console.lines import EMPTY, Line, Span, line, rule
from tui.console.pages.detail import answers, heading
from tui.console.pages.entries import entry_line, longest
from tui.console.pages.json_lines import json_lines
from tui.console.screens.base import key
from tui.console.screens.run_page import RunScreen
from tui.console.telling import Entry, Story
from tui.console.widgets.lines_view import LinesView
from tui.console.widgets.painted import Painted

SPLIT_FROM = 130
"""Cells from which the opened event stands beside the list."""

PAGE_EVENTS = 1000
"""So many events are read at a time when one scrolls back."""


class InspectScreen(RunScreen):
    """Answers on top, entries below, the picked one in full beside them."""

    SUBJECT = "inspect"
    BINDINGS: ClassVar[list[BindingType]] = [
        key("enter", "open", "open", "Open the event in full, or close it"),
        key("f", "follow", "follow", "To the end, and follow what comes"),
        key("r", "resume", "resume…", "Let it go on"),
        key("p", "pause", "pause", "Pause at the next safe point"),
        key("w", "why", "why", "Why it stands where it stands"),
        key("c", "checkpoints", "checkpoints", "Its checkpoints"),
        key("l", "log", "log", "Its log"),
        key("i", "in_flight", "in flight", "Actions that have not ended", show=False),
        key("x", "kill", "kill…", "End it for good; asks first"),
    ]

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self._older: list[Event] = []
        self._entries: list[Entry] = []
        self._told: tuple[int, int] = (-1, -1)
        self._open = False
        self._follows = True
        self._reading = False

    def body(self) -> ComposeResult:
        yield Painted(id="answers")
        with Container(id="panes"):
            yield LinesView(cursor=True, id="page")
            yield LinesView(id="content")

    def on_mount(self) -> None:
        self.query_one("#page").focus()
        super().on_mount()

    def paint_body(self) -> None:
        run = self.about
        if run is None:
            return
        now = time.time()
        width, height = self.app.size
        top = [heading(run, now, width)]
        if height >= 30:
            top += answers(self.state.verdict(run, now), width, rows=1)
            top.append(rule(EMPTY, width))
        self.query_one("#answers", Painted).show(top)
        self._tell()
        self._paint_entries(now)

    def _tell(self) -> None:
        window = self.state.window(self.run_id)
        told = (len(self._older), window.last_seq)
        if told == self._told:
            return
        self._told = told
        self._entries = Story([*self._older, *window.events]).entries if self._older else list(window.story.entries)

    def _paint_entries(self, now: float) -> None:
        view = self.query_one("#page", LinesView)
        panes, content = self.query_one("#panes"), self.query_one("#content", LinesView)
        width = self.app.size.width
        beside = self._open and width >= SPLIT_FROM
        panes.set_class(beside, "-split")
        content.display = self._open
        wide = width // 2 if beside else width
        chosen = self._chosen(view)
        scale = longest(self._entries, now) if wide >= SPLIT_FROM else 0.0
        lines = [entry_line(entry, wide - 1, now, longest_s=scale) for entry in self._entries]
        if self._more_before():
            lines.insert(0, line(Span(" ↑ older events are read when you reach this line", "dim")))
        view.show(lines or [line(Span(" nothing yet", "dim"))])
        if self._follows:
            view.select(len(lines) - 1)
        elif chosen is not None:
            self._choose(view, chosen)
        if self._open:
            self._paint_event()

    def _offset(self) -> int:
        return 1 if self._more_before() else 0

    def _chosen(self, view: LinesView) -> int | None:
        """The event that the cursor is on, by its number."""
        return self._cursor_seq

    _cursor_seq: int | None = None

    def _choose(self, view: LinesView, seq: int) -> None:
        for index, entry in enumerate(self._entries):
            if entry.seq >= seq:
                view.select(index + self._offset())
                return

    def _first_event(self) -> Event | None:
        events = self._older or self.state.window(self.run_id).events
        return events[0] if events else None

    def _more_before(self) -> bool:
        first = self._first_event()
        return first is not None and first.prev > 0

    def on_lines_view_moved(self, event: LinesView.Moved) -> None:
        if event.view.id != "page" or not self._entries:
            return
        index = event.index - self._offset()
        self._follows = index >= len(self._entries) - 1
        self._cursor_seq = self._entries[max(0, min(index, len(self._entries) - 1))].seq
        if index < 0:
            self._read_older()
        if self._open:
            self._paint_event()

    def on_lines_view_picked(self, event: LinesView.Picked) -> None:
        if event.view.id == "page" and not self._open:
            self.action_open()

    @work(exclusive=True, group="older")
    async def _read_older(self) -> None:
        first, reader = self._first_event(), self.console_app.feed.reader
        if first is None or reader is None or first.prev == 0:
            return
        try:
            page = await reader.events_of(first.prev, PAGE_EVENTS)
        except StoreError as error:
            self.state.note(str(error), "warn")
            return
        self._follows = False
        self._older = [*page, *self._older]
        self.rebuild()

    # --- one event

    def _event(self) -> Event | None:
        entry = self._entry()
        if entry is None:
            return None
        for event in (*self._older, *self.state.window(self.run_id).events):
            if event.seq == entry.seq:
                return event
        return None

    def _entry(self) -> Entry | None:
        if not self._entries:
            return None
        index = self.query_one("#page", LinesView).index - self._offset()
        return self._entries[max(0, min(index, len(self._entries) - 1))]

    def _paint_event(self) -> None:
        event, entry = self._event(), self._entry()
        if event is not None and entry is not None:
            end = self._end_of(entry)
            self.query_one("#content", LinesView).show(event_lines(event, end, self._event_width()))

    def _event_width(self) -> int:
        width = self.app.size.width
        return width - width // 2 - 1 if width >= SPLIT_FROM else width - 1

    def _end_of(self, entry: Entry) -> Event | None:
        if not entry.ident:
            return None
        for event in (*self._older, *self.state.window(self.run_id).events):
            if event.seq > entry.seq and event.kind == "action.end" and event.body.get("id") == entry.ident:
                return event
        return None

    def build(self, run: Run, now: float, width: int) -> list[Line]:
        return []

    def action_open(self) -> None:
        self._open = not self._open
        self.rebuild()

    def action_follow(self) -> None:
        self._follows = True
        self.query_one("#page", LinesView).action_edge(1)

    def action_back(self) -> None:
        if self._open:
            self.action_open()
        else:
            super().action_back()


def event_lines(event: Event, end: Event | None, width: int) -> list[Line]:
    """An event in full; of an action, its end too."""
    lines: list[Line] = []
    for each in (event, end):
        if each is not None:
            title = f"event {formats.thousands(each.seq)}  {each.kind}  attempt {each.attempt}"
            when = f"{formats.clock(each.at)}.{int(each.at % 1 * 1000):03d}"
            lines.append(rule(line(Span(title, "strong"), Span(f"  {when}", "dim")), width))
            lines += [line(" ", row) for row in json_lines(each.body, width - 2)]
            lines.append(EMPTY)
    return lines

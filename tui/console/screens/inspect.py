"""The whole story of a run, event by event; any of them opens in full."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.message import Message

from store.errors import StoreError
from store.records import Event, Run
from tui.console import formats
from tui.console.lines import EMPTY, Line, Span, line, rule
from tui.console.pages.detail import answers, heading
from tui.console.pages.entries import Axis, EntryLines, axis_line, axis_of
from tui.console.pages.json_lines import json_lines
from tui.console.pages.keys import Key
from tui.console.screens.base import key
from tui.console.screens.searching import SearchingScreen
from tui.console.scroll import Scroll
from tui.console.telling import Entry, Story
from tui.console.widgets.lines_view import LinesView
from tui.console.widgets.painted import Painted

SPLIT_FROM = 130
"""Cells from which the opened event stands beside the list."""

AXIS_CELLS = ((190, 64), (150, 44), (120, 28), (96, 20))
"""From so many cells on, the story has so many to draw time in."""

FIRST_PAGE_EVENTS, PAGE_EVENTS = 1000, 2000
"""So many events are read at a time when one scrolls back."""

READ_AHEAD_EVENTS = 200_000
"""So many are read without being asked for."""


class StoryView(LinesView):
    """The entries; the way to the first one may lead through what is not read yet."""

    class First(Message):
        """The hand asks for the first event of all."""

    class Scrolled(Message):
        """Other lines are seen."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, StoryView.Scrolled)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(self.Scrolled())

    def on_mouse_scroll_up(self) -> None:
        self.call_after_refresh(self._take_along)

    def on_mouse_scroll_down(self) -> None:
        self.call_after_refresh(self._take_along)

    def on_scroll_to(self) -> None:
        self.call_after_refresh(self._take_along)

    def _take_along(self) -> None:
        """The cursor stays within what is seen, or what comes next would bring the view back to it."""
        if self.seen and self.index not in self.seen:
            self.select(max(self.seen.start, min(self.index, self.seen.stop - 1)))

    def action_edge(self, direction: int) -> None:
        super().action_edge(direction)
        if direction < 0:
            self.post_message(self.First())


class InspectScreen(SearchingScreen):
    """Answers on top, entries below, the picked one in full beside them."""

    SUBJECT = "inspect"
    SOUGHT = "#content"
    PLACE = "this event"
    BINDINGS: ClassVar[list[BindingType]] = [
        key("enter", "open", "open", "Open the event in full, or close it"),
        key("tab", "other", "event", "Move between the story and the opened event, to scroll it"),
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
        self._scroll = Scroll()
        self._open = False
        self._follows = True
        self._to_first = False
        """The hand asked for the first event of all: read on until it is there."""
        self._reading = False
        self._cursor_seq: int | None = None
        self._opened: tuple[tuple[int, int], list[Event]] = ((0, 0), [])

    def body(self) -> ComposeResult:
        yield Painted(id="answers")
        with Container(id="panes"):
            yield StoryView(cursor=True, id="page")
            yield LinesView(id="content")
        yield self.search_box()

    def on_mount(self) -> None:
        self.query_one("#page").focus()
        super().on_mount()

    def paint_body(self) -> None:
        run = self.about
        if run is None:
            return
        now = time.time()
        self._scroll.take(self.state.window(self.run_id).events)
        self._paint_entries(now)
        self._paint_top(run, now)

    def _paint_top(self, run: Run, now: float) -> None:
        width, height = self.app.size
        top = [heading(run, now, width)]
        if height >= 30:
            top += answers(self.state.verdict(run, now), width, rows=1)
            top.append(self._rule(now, width))
        self.query_one("#answers", Painted).show(top)

    def _rule(self, now: float, width: int) -> Line:
        """What parts the answers from the story: the time that its bars span, where there are bars."""
        axis = self._axis(now)
        if axis is None:
            return rule(EMPTY, width)
        return axis_line(line(Span("what happened, and when", "dim")), axis, self._wide - 1)

    def _lines(self, now: float) -> Sequence[Line]:
        if not len(self._scroll):
            return [line(Span(" nothing yet", "dim"))]
        above = self._reading_line() if self._offset() else None
        return EntryLines(self._scroll, above, self._wide - 1, now, self._axis(now))

    @property
    def _wide(self) -> int:
        """Cells that the story has."""
        width = self.app.size.width
        return width // 2 if self._open and width >= SPLIT_FROM else width

    def _axis(self, now: float) -> Axis | None:
        """The time that what is seen of the story spans."""
        cells = next((cells for least, cells in AXIS_CELLS if self._wide >= least), 0)
        rows = self.query_one("#page", LinesView).seen
        first, last = (max(0, min(row - self._offset(), len(self._scroll))) for row in (rows.start, rows.stop))
        return axis_of((self._scroll[at] for at in range(first, last)), cells, now)

    def _reading_line(self) -> Line:
        if self._to_first:
            return line(Span(f" ↑ reading to the first event: {formats.thousands(self._scroll.read)} read", "dim"))
        return line(Span(" ↑ older events are read when you reach this line", "dim"))

    def _paint_entries(self, now: float) -> None:
        view = self.query_one("#page", LinesView)
        panes, content = self.query_one("#panes"), self.query_one("#content", LinesView)
        panes.set_class(self._open and self.app.size.width >= SPLIT_FROM, "-split")
        content.display = self._open
        view.show(self._lines(now))
        if self._follows:
            view.select(len(view.lines) - 1)
        elif self._to_first:
            view.select(0)
        elif self._cursor_seq is not None and len(self._scroll):
            view.select(self._scroll.at(self._cursor_seq) + self._offset())
        if self._open:
            self._paint_event()

    def _offset(self) -> int:
        return 1 if self._scroll.before > 0 else 0

    def on_lines_view_moved(self, event: LinesView.Moved) -> None:
        if event.view.id != "page" or not len(self._scroll):
            return
        index = event.index - self._offset()
        self._follows = index >= len(self._scroll) - 1
        self._cursor_seq = self._scroll[max(0, min(index, len(self._scroll) - 1))].seq
        if index > 0:
            self._to_first = False
        if index < 5 * event.view.size.height and self._offset():
            self._read_older()
        if self._open:
            self._paint_event()

    def on_lines_view_picked(self, event: LinesView.Picked) -> None:
        if event.view.id == "page" and not self._open:
            self.action_open()

    def on_story_view_scrolled(self) -> None:
        # The bars are drawn to the time that is seen; the cursor is where the hand has put it.
        run = self.about
        if self.alive and run is not None:
            self.query_one("#page", LinesView).show(self._lines(time.time()))
            self._paint_top(run, time.time())

    def on_story_view_first(self) -> None:
        self._follows, self._to_first = False, self._offset() > 0
        if self._to_first:
            self._read_older()

    def _read_older(self) -> None:
        if not self._reading:
            self._reading = True
            self._read_pages()

    @work(exclusive=True, group="older")
    async def _read_pages(self) -> None:
        """Read back to the first event: who begins to scroll back shall not be stopped again."""
        events = FIRST_PAGE_EVENTS
        try:
            while await self._read_page(events) and (self._to_first or self._scroll.read < READ_AHEAD_EVENTS):
                events = PAGE_EVENTS
            if self._to_first and len(self._scroll):
                self._cursor_seq = self._scroll[0].seq
        finally:
            self._reading = self._to_first = False
        if self.alive:
            self._paint_entries(time.time())

    async def _read_page(self, events: int) -> bool:
        """Read one page more; whether there are others before it."""
        reader, run, before = self.console_app.feed.reader, self.about, self._scroll.before
        if reader is None or run is None or before == 0:
            return False
        try:
            page = await reader.events_of(before, events)
        except StoreError as error:
            self.state.note(str(error), "warn")
            return False
        # Told aside, so that keys are heard meanwhile.
        told = await asyncio.to_thread(Story, page)
        if not self.alive:
            return False
        offset = self._offset()
        added = self._scroll.put_before(page, told, {action.id for action in run.in_flight})
        view = self.query_one("#page", LinesView)
        if self._to_first:
            view.show(self._lines(time.time()))
        else:
            view.moved_down(self._lines(time.time()), added + self._offset() - offset)
        return self._scroll.before > 0

    # --- one event

    def _entry(self) -> Entry | None:
        if not len(self._scroll):
            return None
        index = self.query_one("#page", LinesView).index - self._offset()
        return self._scroll[max(0, min(index, len(self._scroll) - 1))]

    def _paint_event(self) -> None:
        entry = self._entry()
        if entry is None:
            return
        wanted = (entry.seq, entry.end_seq)
        if self._opened[0] != wanted:
            known = {event.seq: event for event in self.state.window(self.run_id).events}
            parts = [known[seq] for seq in wanted if seq in known]
            if len(parts) < sum(seq > 0 for seq in wanted):
                self._read_event(wanted)
                return
            self._opened = (wanted, parts)
            self._found = -1
        self.query_one("#content", LinesView).show(self.with_marks(self.sought()))

    @work(exclusive=True, group="event")
    async def _read_event(self, wanted: tuple[int, int]) -> None:
        reader = self.console_app.feed.reader
        if reader is None:
            return
        try:
            parts = [event for seq in wanted if seq for event in await reader.events_of(seq, 1)]
        except StoreError as error:
            self.state.note(str(error), "warn")
            return
        self._opened = (wanted, parts)
        self._found = -1
        entry = self._entry() if self.alive else None
        if entry is not None and (entry.seq, entry.end_seq) == wanted:
            self._paint_event()

    def _event_width(self) -> int:
        width = self.app.size.width
        return width - width // 2 - 1 if width >= SPLIT_FROM else width - 1

    # --- searching in it

    def sought(self) -> Sequence[Line]:
        return event_lines(self._opened[1], self._event_width())

    def paint_sought(self) -> None:
        self._paint_event()

    def action_search(self) -> None:
        if not self._open:
            self.action_open()
        super().action_search()

    def focus_again(self) -> None:
        self.query_one("#page").focus()

    def build(self, run: Run, now: float, width: int) -> list[Line]:
        return []

    def own_keys(self) -> list[Key]:
        if not self._open:
            return [each for each in super().own_keys() if each.action != "screen.other"]
        inside = self.query_one("#content").has_focus
        labels = {"screen.open": "close", "screen.other": "story" if inside else "event"}
        return [each._replace(label=labels.get(each.action, each.label)) for each in super().own_keys()]

    def action_open(self) -> None:
        self._open = not self._open
        if not self._open:
            self.focus_again()
        self.rebuild()

    def action_other(self) -> None:
        if not self._open:
            self.state.note("No event is open: enter opens the one that the cursor is on.", "warn")
        else:
            page, content = self.query_one("#page"), self.query_one("#content")
            (page if content.has_focus else content).focus()
        self.paint_frame()

    def action_follow(self) -> None:
        self._follows, self._to_first = True, False
        self.query_one("#page", LinesView).action_edge(1)

    def action_back(self) -> None:
        if self._open and not self.query_one("#search").has_class("-open"):
            self.action_open()
        else:
            super().action_back()


def event_lines(events: Sequence[Event], width: int) -> list[Line]:
    """An event in full; of an action, its end too."""
    lines: list[Line] = []
    for each in events:
        title = f"event {formats.thousands(each.seq)}  {each.kind}  attempt {each.attempt}"
        when = f"{formats.clock(each.at)}.{int(each.at % 1 * 1000):03d}"
        lines.append(rule(line(Span(title, "strong"), Span(f"  {when}", "dim")), width))
        lines += [line(" ", row) for row in json_lines(each.body, width - 2)]
        lines.append(EMPTY)
    return lines

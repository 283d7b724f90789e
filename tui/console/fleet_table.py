"""The fleet on the screen: one line per run, of which only what is visible and has changed is painted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from store.records import Run
from tui.console.fleet_model import FleetModel
from tui.console.lines import EMPTY
from tui.console.pages.fleet_row import Column, columns_for, paint_head, paint_row, ticking
from tui.console.pages.group_row import paint_group
from tui.console.widgets.painted import Toned

STILL_S = 2.0
"""The order may change once the hand has been still for so long."""

RESTING_S = 0.2
"""The hand is not on a key that is held down, or about to press the next one."""


class FleetTable(Toned, ScrollView, can_focus=True):
    """The list of `FleetModel`, with a cursor that is bound to a run."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"fleet--head", "fleet--cursor", "fleet--marked"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "down", show=False, id="fleet.down", tooltip="To the next run"),
        Binding("up,k", "move(-1)", "up", show=False, id="fleet.up", tooltip="To the run before"),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False, id="fleet.page_down", tooltip="One page down"),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False, id="fleet.page_up", tooltip="One page up"),
        Binding("g,home", "edge(-1)", "first", show=False, id="fleet.first", tooltip="To the first run"),
        Binding("left,h", "fold", "fold", show=False, id="fleet.fold", tooltip="Fold the group"),
        Binding("right", "unfold", "unfold", show=False, id="fleet.unfold", tooltip="Unfold the group"),
        Binding("G,end", "edge(1)", "last", show=False, id="fleet.last", tooltip="To the last run"),
    ]

    class Selected(Message):
        """The cursor is on another run, or on none."""

        def __init__(self, run: str | None) -> None:
            super().__init__()
            self.run = run

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, FleetTable.Selected)

    class Opened(Message):
        """A run was clicked twice."""

    class Stuck(Message):
        """There is nothing to fold or to unfold on the line of the cursor; what it is, if it is a group's."""

        def __init__(self, how: str) -> None:
            super().__init__()
            self.how = how

    class HeadClicked(Message):
        """The head of a column was clicked."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def __init__(self, model: FleetModel, bars: Callable[[Run], str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.model = model
        self._bars = bars
        self.selected: str | None = None
        self.moved_at = float("-inf")
        """Monotonic time of the last movement of the hand."""
        self._away = False
        """The wheel or the scroll bar has left the cursor: a list that moves by itself does not fetch it back."""
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(4096)
        self._columns: tuple[int, list[Column]] = (-1, [])
        self._ticks: dict[str, dict[str, str]] = {}

    # --- told from above

    def load(self) -> None:
        """The model holds other runs, or the same in another order."""
        away = self._away
        self.virtual_size = Size(0, len(self.model.keys) + 1)
        if self.selected not in self.model.keys and self.selected in self.model.index:
            # Its run was folded away: the cursor goes to the group's line.
            self.selected = self.model.keys[self.model.index[self.selected]]
            self.post_message(self.Selected(self.selected))
        elif self.selected not in self.model.index:
            gone = self.selected
            self.selected = self.model.keys[0] if self.model.keys else None
            away = False
            if self.selected != gone:
                self.post_message(self.Selected(self.selected))
        if not away:
            self.follow()
        self.refresh()

    def changed(self, lines: list[int]) -> None:
        """These lines of the model show something new."""
        if len(self.model.keys) + 1 != self.virtual_size.height:
            self.load()
            return
        top = self.scroll_offset.y
        bottom = top + self.size.height
        for index in lines:
            # The sums of a group are painted with the clock: it may have thousands of runs.
            if top <= index < bottom and self.model.group_at(index) is None:
                self.refresh_line(index + 1)

    def settle(self) -> None:
        """Put the list in order if that is due and the hand is still."""
        if self.model.unsettled and time.monotonic() - self.moved_at >= STILL_S and self.model.settle():
            self.load()

    def tick(self, now: float) -> None:
        """A second has passed: repaint the visible lines in which a time has moved on."""
        for index in self.visible_lines():
            run = self.model.at(index)
            if run is None or self._ticks.get(run.run) != ticking(run, now):
                self.refresh_line(index + 1)

    def visible_lines(self) -> range:
        """Lines of the model that are on the screen."""
        top = self.scroll_offset.y
        return range(top, min(len(self.model.keys), top + max(0, self.size.height - 1)))

    def in_sight(self) -> list[Run]:
        """The runs on the screen whose sparkline is there to be seen; none while the hand moves."""
        if time.monotonic() - self.moved_at < RESTING_S or all(column.name != "since" for column in self._columns[1]):
            return []
        return [run for index in self.visible_lines() if (run := self.model.at(index)) is not None]

    def select(self, run: str | None) -> None:
        """Put the cursor on a run, wherever it is listed, or on a group."""
        if run is None or run not in self.model.index or run == self.selected:
            return
        for name in (self.selected, run):
            if name in self.model.index:
                self.refresh_line(self.model.index[name] + 1)
        self.selected = run
        self.follow()
        self.post_message(self.Selected(run))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._away = self.model.index.get(self.selected or "", -1) not in self.visible_lines()

    def follow(self) -> None:
        """Bring the cursor's line into view."""
        index = self.model.index.get(self.selected or "")
        if index is None or self.size.height < 2:
            return
        top, rows = self.scroll_offset.y, max(1, self.size.height - 1)
        if index < top:
            self.scroll_to(y=index, animate=False, force=True)
        elif index >= top + rows:
            self.scroll_to(y=index - rows + 1, animate=False, force=True)

    def still(self) -> None:
        """The hand has moved."""
        self.moved_at = time.monotonic()

    # --- painting

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def columns(self, width: int) -> list[Column]:
        """The columns for a width."""
        if self._columns[0] != width:
            self._columns = (width, columns_for(width))
            self._strips.clear()
        return self._columns[1]

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        columns = self.columns(width)
        if y == 0:
            return self.strip(paint_head(columns, self.model.sort, self.model.reverse), width, "fleet--head")
        index = y - 1 + self.scroll_offset.y
        run = self.model.at(index)
        if run is not None:
            return self._row(run, columns, width)
        group = self.model.group_at(index)
        if group is None:
            return self.strip(EMPTY, width)
        at_cursor = group.key == self.selected
        marked = len(self.model.marks.intersection(group.runs)) if self.model.marks else 0
        members = self.model.members(group.key)
        spans = paint_group(group, members, columns, time.time(), at_cursor=at_cursor, marked=marked)
        whole = marked == len(members)
        return self.strip(spans, width, "fleet--cursor" if at_cursor else "fleet--marked" if whole else "")

    def _row(self, run: Run, columns: list[Column], width: int) -> Strip:
        now = time.time()
        at_cursor = run.run == self.selected
        marked = run.run in self.model.marks
        ticks = self._ticks[run.run] = ticking(run, now)
        within = run.run in self.model.within
        bars = self._bars(run)
        key = (run.run, run.last_seq, *ticks.values(), bars, at_cursor, marked, within, width)
        strip = self._strips.get(key)
        if strip is None:
            under = "fleet--cursor" if at_cursor else "fleet--marked" if marked else ""
            spans = paint_row(run, columns, now, bars=bars, at_cursor=at_cursor, marked=marked, within=within)
            strip = self._strips[key] = self.strip(spans, width, under)
        return strip

    def on_resize(self) -> None:
        self.call_after_refresh(self.follow)

    # --- the hand

    def action_move(self, delta: int) -> None:
        self.still()
        keys = self.model.keys
        if keys:
            index = self.model.index.get(self.selected or "", 0) + delta
            self.select(keys[max(0, min(index, len(keys) - 1))])

    def action_page(self, direction: int) -> None:
        self.action_move(direction * max(1, self.size.height - 2))

    def action_edge(self, direction: int) -> None:
        self.action_move(direction * len(self.model.keys))

    def action_fold(self) -> None:
        group = self.model.group_of(self.selected or "")
        if group is not None and not group.folded:
            self.toggle_fold(group.key)
        elif self.selected is not None:
            self.post_message(self.Stuck("folded already" if group is not None else ""))

    def action_unfold(self) -> None:
        group = self.model.group_of(self.selected or "")
        if group is not None and group.folded:
            self.toggle_fold(group.key)
        elif self.selected is not None:
            self.post_message(self.Stuck("unfolded already" if group is not None else ""))

    def toggle_fold(self, key: str) -> None:
        """Unfold a group, or fold it; the cursor stays with it."""
        self.still()
        self.model.toggle_fold(key)
        self.load()
        self.post_message(self.Selected(self.selected))

    def on_click(self, event: Click) -> None:
        self.still()
        if event.y == 0:
            x = 0
            for column in self.columns(self.scrollable_content_region.width):
                x += column.width + 1
                if event.x < x:
                    self.post_message(self.HeadClicked(column.name))
                    return
            return
        index = event.y - 1 + self.scroll_offset.y
        if 0 <= index < len(self.model.keys):
            self.select(self.model.keys[index])
            if event.chain == 2:
                self.post_message(self.Opened())

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        self.still()

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        self.still()

"""A scrolling page of lines, painted one screenful at a time however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.console.lines import EMPTY, Line
from tui.console.widgets.painted import Toned


class LinesView(Toned, ScrollView, can_focus=True):
    """Lines, optionally with a cursor on one of them."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"lines--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "down", show=False, id="lines.down", tooltip="One line down"),
        Binding("up,k", "move(-1)", "up", show=False, id="lines.up", tooltip="One line up"),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False, id="lines.page_down", tooltip="One page down"),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False, id="lines.page_up", tooltip="One page up"),
        Binding("g,home", "edge(-1)", "first", show=False, id="lines.first", tooltip="To the first line"),
        Binding("G,end", "edge(1)", "last", show=False, id="lines.last", tooltip="To the last line"),
    ]

    class Moved(Message):
        """The cursor went to another line."""

        def __init__(self, view: LinesView, index: int) -> None:
            super().__init__()
            self.view = view
            self.index = index

        @property
        def control(self) -> LinesView:
            return self.view

    class Picked(Moved):
        """A line was clicked."""

    def __init__(self, *, cursor: bool = False, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.has_cursor = cursor
        self.index = 0
        self.lines: Sequence[Line] = ()
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(512)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    @property
    def seen(self) -> range:
        """The lines that are seen."""
        top = self.scroll_offset.y
        return range(top, min(len(self.lines), top + self.size.height))

    def show(self, lines: Sequence[Line], *, follow: bool = False) -> None:
        """Show these lines from now on; with `follow` the view stays at the end if it is there."""
        at_end = self.scroll_offset.y >= self.max_scroll_y
        if lines is not self.lines and lines != self.lines:
            self.lines = lines
            self._strips.clear()
            self.index = max(0, min(self.index, len(lines) - 1))
            self.virtual_size = Size(0, len(lines))
            self.refresh()
        if follow and at_end:
            self.scroll_to(y=max(0, len(lines) - self.size.height), animate=False, force=True)

    def moved_down(self, lines: Sequence[Line], by: int) -> None:
        """Show these lines, which are the ones shown before with `by` others above them; what is seen stays."""
        top = self.scroll_offset.y
        self.show(lines)
        self.index = max(0, min(self.index + by, len(lines) - 1))
        self.scroll_to(y=top + by, animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = y + self.scroll_offset.y
        under = "lines--cursor" if self.has_cursor and index == self.index and self.lines else ""
        key = (index, under, width)
        strip = self._strips.get(key)
        if strip is None:
            strip = self.strip(self.lines[index] if index < len(self.lines) else EMPTY, width, under)
            self._strips[key] = strip
        return strip

    def select(self, index: int) -> None:
        """Put the cursor on a line, and bring it into view."""
        index = max(0, min(index, len(self.lines) - 1))
        before, self.index = self.index, index
        self.refresh_line(before)
        self.refresh_line(index)
        top, height = self.scroll_offset.y, self.size.height
        if index < top:
            self.scroll_to(y=index, animate=False, force=True)
        elif index >= top + height:
            self.scroll_to(y=index - height + 1, animate=False, force=True)
        if index != before:
            self.post_message(self.Moved(self, index))

    def on_resize(self) -> None:
        if self.has_cursor:
            # Where there is less room, the cursor's line must still be seen.
            self.select(self.index)

    def action_move(self, delta: int) -> None:
        if self.has_cursor:
            self.select(self.index + delta)
        else:
            self.scroll_to(y=self.scroll_offset.y + delta, animate=False, force=True)

    def action_page(self, direction: int) -> None:
        self.action_move(direction * max(1, self.size.height - 1))

    def action_edge(self, direction: int) -> None:
        if self.has_cursor:
            self.select(0 if direction < 0 else len(self.lines) - 1)
        else:
            self.scroll_to(y=0 if direction < 0 else len(self.lines), animate=False, force=True)

    def on_click(self, event: Click) -> None:
        index = event.y + self.scroll_offset.y
        if self.has_cursor and index < len(self.lines):
            self.select(index)
            self.post_message(self.Picked(self, index))

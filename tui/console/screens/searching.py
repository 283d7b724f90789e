"""A screen about one run with a view that can be searched: words typed below it, each place that holds them marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widgets import Input

from tui.console.lines import Line
from tui.console.pages.entries import marked
from tui.console.pages.keys import Key
from tui.console.screens.base import key
from tui.console.screens.run_page import RunScreen
from tui.console.state import Note
from tui.console.widgets.lines_view import LinesView


class SearchingScreen(RunScreen):
    """`/` opens the search, `enter` and `n` go on to the next place, `N` to the one before, `esc` leaves it."""

    SOUGHT: ClassVar[str] = "#page"
    """The view that is searched."""
    PLACE: ClassVar[str] = ""
    """What a sentence calls it."""
    BINDINGS: ClassVar[list[BindingType]] = [
        key("slash", "search", "search", "Search for words in the text that is shown", shown="/"),
        key("n", "found(1)", "next found", "To the next place that holds them", show=False, name="next_found"),
        key("N", "found(-1)", "found before", "To the place before", show=False, name="found_before"),
    ]

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self._found = -1
        self._said: Note | None = None
        """What was said of the search last: the next sentence takes its place."""

    def sought(self) -> Sequence[Line]:
        """What is searched, as it is shown without a search."""
        raise NotImplementedError

    def paint_sought(self) -> None:
        """Paint the view that is searched."""
        raise NotImplementedError

    def typing_keys(self) -> list[Key]:
        return [Key("enter", "next place", "screen.found(1)"), Key("esc", "leave the search", "screen.back")]

    def search_box(self) -> Input:
        """The line to type in, for the screen to lay out."""
        return Input(id="search", placeholder=f"words in {self.PLACE}; enter: the next one, esc: leave")

    @property
    def needle(self) -> str:
        """What is searched for; empty without a search."""
        return self.query_one("#search", Input).value

    def with_marks(self, lines: Sequence[Line]) -> Sequence[Line]:
        """`lines` with what was found standing out."""
        return marked(lines, self.needle)[0] if self.needle else lines

    def action_search(self) -> None:
        box = self.query_one("#search", Input)
        box.add_class("-open")
        box.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._found = -1
        self.paint_sought()
        self._go_to_found()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._next_found(1)

    def action_found(self, direction: int) -> None:
        if self.needle:
            self._next_found(direction)
        else:
            self.action_search()

    def _next_found(self, direction: int) -> None:
        rows = self._rows_found()
        if rows:
            at = rows.index(self._found) if self._found in rows else -direction
            self._found = rows[(at + direction) % len(rows)]
        self._go_to_found()

    def _rows_found(self) -> list[int]:
        return marked(self.sought(), self.needle)[1] if self.needle else []

    def _go_to_found(self) -> None:
        rows = self._rows_found()
        if rows:
            view = self.query_one(self.SOUGHT, LinesView)
            self._found = self._found if self._found in rows else rows[0]
            view.scroll_to(y=max(0, self._found - view.size.height // 2), animate=False, force=True)
            self._say(f"“{self.needle}”: line {rows.index(self._found) + 1} of {len(rows)} that hold it")
        elif self.needle:
            self._say(f"“{self.needle}” is not in {self.PLACE}.", "warn")
        self.paint_frame()

    def _say(self, text: str, tone: str = "") -> None:
        notes = self.state.notes
        if self._said is not None and self._said in notes:
            notes.remove(self._said)
        self.state.note(text, tone)
        self._said = notes[0]

    def action_back(self) -> None:
        box = self.query_one("#search", Input)
        if box.has_class("-open"):
            box.remove_class("-open")
            box.value = ""
            self.focus_again()
        else:
            super().action_back()

    def focus_again(self) -> None:
        """The search was left."""
        self.query_one(self.SOUGHT).focus()

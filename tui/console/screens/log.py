"""What an agent writes to standard output and error: the end of the file, following."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from store.records import Run
from tui.console import formats
from tui.console.lines import EMPTY, Line, Span, line, wrap
from tui.console.screens.base import key
from tui.console.screens.searching import SearchingScreen
from tui.console.widgets.lines_view import LinesView
from tui.plain import plain_lines

READ_BYTES = 256 * 1024
"""So much of the end is read and kept, however long the file is."""

MOST_BYTES = 8 * READ_BYTES
"""As long as somebody reads above the end, what was read stays, up to so much."""

LOOK_EVERY_S = 0.25


class LogScreen(SearchingScreen):
    """Follows while the view is at its end."""

    SUBJECT = "log"
    PLACE = "this log"
    BINDINGS: ClassVar[list[BindingType]] = [
        key("f", "follow", "follow", "To the end, and follow what comes"),
        key("W", "wrap", "wrap", "Break long lines, or cut them"),
        key("r", "resume", "resume…", "Let it go on"),
        key("p", "pause", "pause", "Pause at the next safe point"),
        key("w", "why", "why", "Why it stands where it stands"),
        key("enter", "inspect", "inspect", "Its whole story"),
        key("x", "kill", "kill…", "End it for good; asks first"),
    ]

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self._wraps = True
        self._stamp: tuple[int, float, int, bool] | None = None
        self._lines: list[Line] = []
        self._begin = 0
        """The byte from which the file is shown."""

    def body(self) -> ComposeResult:
        yield LinesView(id="page")
        yield self.search_box()

    def on_mount(self) -> None:
        self.query_one("#page").focus()
        super().on_mount()
        self.set_interval(LOOK_EVERY_S, self.paint_body)
        self.call_after_refresh(self.action_follow)

    def paint_body(self) -> None:
        path = self.state.home.log(self.run_id)
        width = max(20, self.app.size.width - 2)
        try:
            found = path.stat()
            stamp = (found.st_size, found.st_mtime, width, self._wraps)
        except OSError:
            stamp = (0, 0.0, width, self._wraps)
        if stamp == self._stamp:
            return
        first = self._stamp is None
        self._stamp = stamp
        self._begin = self._begin_of(stamp[0])
        self._lines = log_lines(path, width if self._wraps else None, self._begin)
        self.paint_sought(follow=not first)
        if first:
            self.call_after_refresh(self.action_follow)

    def _begin_of(self, size: int) -> int:
        """Where to read from: what somebody reads must not move up under their eyes."""
        view = self.query_one("#page", LinesView)
        above = view.scroll_offset.y < view.max_scroll_y
        if above and self._begin <= size <= self._begin + MOST_BYTES:
            return self._begin
        return max(0, size - READ_BYTES)

    def sought(self) -> Sequence[Line]:
        return self._lines

    def paint_sought(self, *, follow: bool = False) -> None:
        self.query_one("#page", LinesView).show(self.with_marks(self._lines), follow=follow)

    def build(self, run: Run, now: float, width: int) -> list[Line]:
        return self._lines

    def action_follow(self) -> None:
        self.query_one("#page", LinesView).action_edge(1)

    def action_wrap(self) -> None:
        self._wraps = not self._wraps
        self.paint_body()


def log_lines(path: Path, width: int | None, begin: int = 0) -> list[Line]:
    """A log from byte `begin` on as lines, broken at `width` cells, or whole."""
    try:
        with path.open("rb") as file:
            file.seek(begin)
            text = file.read(MOST_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return [EMPTY, line(Span(" It has written nothing yet.", "dim"))]
    except OSError as error:
        return [EMPTY, line(Span(f" The log cannot be read: {error.strerror}.", "warn"))]
    if not text:
        return [EMPTY, line(Span(" It has written nothing yet.", "dim"))]
    lines: list[Line] = []
    if begin > 0:
        text = text[text.find("\n") + 1 :]
        before = formats.size(begin)
        lines.append(line(Span(f" … {before} before this are in {path}", "dim")))
    for row in plain_lines(text.removesuffix("\n")):
        lines += [line(" ", part) for part in wrap(row, width - 1)] if width and len(row) >= width else [line(" ", row)]
    return lines

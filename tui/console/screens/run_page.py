"""A screen about one run: a page of lines that is rebuilt when the run changes, with the keys that act on it."""

from __future__ import annotations

import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer

from store.records import Run
from tui.console.can import name, refusal
from tui.console.lines import Line, line
from tui.console.pages.head import page_head
from tui.console.screens.base import ConsoleScreen, key
from tui.console.widgets.lines_view import LinesView
from tui.console.widgets.painted import Painted

PAGE_EVERY_S = 0.25


class RunScreen(ConsoleScreen):
    """Bound to the run's id for as long as it is open."""

    SUBJECT: ClassVar[str] = ""
    FOLLOWS: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [
        key("escape,q", "back", "back", "Back to the list", shown="esc"),
        key("y", "copy", "copy", "Copy the command that shows this run", show=False),
    ]

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run_id = run
        self._due: Timer | None = None
        self._built_at = 0.0

    def compose(self) -> ComposeResult:
        yield Painted(id="head")
        yield from self.body()
        yield Painted(id="messages")
        yield Painted(id="keys")

    def body(self) -> ComposeResult:
        """What stands between head and messages."""
        yield LinesView(id="page")

    def on_mount(self) -> None:
        self.ready = True
        self.console_app.look_at(self.run_id, now=True)
        self.rebuild()
        self.call_after_refresh(self.rebuild)

    def on_resize(self) -> None:
        self.rebuild()

    @property
    def about(self) -> Run | None:
        """The run, as it is now."""
        return self.state.run(self.run_id)

    def targets(self) -> list[Run]:
        return [self.about] if self.about is not None else []

    def build(self, run: Run, now: float, width: int) -> list[Line]:
        """The page's lines."""
        raise NotImplementedError

    def rebuild(self) -> None:
        """Build and paint the page."""
        if not self.alive:
            return
        if self._due is not None:
            self._due.stop()
            self._due = None
        self._built_at = time.monotonic()
        self.paint_frame()
        self.paint_body()

    def paint_body(self) -> None:
        """Paint what stands between head and messages."""
        run = self.about
        view = self.query_one("#page", LinesView)
        width = max(20, self.app.size.width - 1)
        view.show(
            self.build(run, time.time(), width) if run is not None else [line("  This run is not in the record.")]
        )

    def head(self, now: float, width: int) -> list[Line]:
        run = self.about
        trail = [name(run) if run is not None else self.run_id, self.subject(run)]
        return page_head(self.state, trail, now, width)

    def subject(self, run: Run | None) -> str:
        """What the head calls this page."""
        return self.SUBJECT

    def state_changed(self, touched: set[str]) -> None:
        if self.run_id in touched or not touched:
            wait = self._built_at + PAGE_EVERY_S - time.monotonic()
            if wait <= 0:
                self.rebuild()
            elif self._due is None:
                self._due = self.set_timer(wait, self.rebuild)

    def second(self, now: float) -> None:
        self.rebuild()

    def help_title(self) -> str:
        return self.SUBJECT

    # --- keys

    def action_back(self) -> None:
        self.app.pop_screen()

    def action_copy(self) -> None:
        command = self.state.command(f"show {self.run_id}")
        self.app.copy_to_clipboard(command)
        self.state.note(f"Copied: {command}")
        self.paint_frame()

    def open_screen(self, action: str) -> None:
        """Open another screen about the same run, in place of this one."""
        said = refusal(action, self.about)
        if said:
            self.state.note(said, "warn")
            self.paint_frame()
            return
        from tui.console.screens import of_run

        self.app.switch_screen(of_run(action, self.run_id))

    def action_why(self) -> None:
        self.open_screen("why")

    def action_checkpoints(self) -> None:
        self.open_screen("checkpoints")

    def action_log(self) -> None:
        self.open_screen("log")

    def action_inspect(self) -> None:
        self.open_screen("inspect")

    def action_in_flight(self) -> None:
        self.open_screen("in_flight")

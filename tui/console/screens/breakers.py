"""The breakers of this home, with the keys to try, hold open or close one."""

from __future__ import annotations

import time
from functools import partial
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType

from store.records import Run
from tui.console import dialogs
from tui.console.groups import waits_for
from tui.console.lines import EMPTY, Line, Span, line
from tui.console.pages import questions
from tui.console.pages.breakers import breaker_detail, breaker_line
from tui.console.pages.head import page_head
from tui.console.pages.keys import Key
from tui.console.screens.base import ConsoleScreen, key
from tui.console.widgets.lines_view import LinesView
from tui.console.widgets.painted import Painted


def _orders(action: str) -> bool:
    return action.removeprefix("screen.") in ("try", "hold", "close")


class BreakersScreen(ConsoleScreen):
    """All of them, open ones first; the picked one in detail."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("t", "try", "try now", "Let one call out now, as a probe"),
        key("o", "hold", "hold open…", "Keep it open until it is closed by hand; asks first"),
        key("C", "close", "close…", "Close it by hand: all held calls go out; asks first"),
        key("escape,q", "back", "back", "Back to the list", shown="esc"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[str] = []
        """The breakers as they are listed."""

    def compose(self) -> ComposeResult:
        yield Painted(id="head")
        yield LinesView(cursor=True, id="page")
        yield Painted(id="facts")
        yield Painted(id="messages")
        yield Painted(id="keys")

    def on_mount(self) -> None:
        self.ready = True
        self.query_one("#page").focus()
        self.repaint()
        self.call_after_refresh(self.repaint)

    def on_resize(self) -> None:
        self.repaint()

    def targets(self) -> list[Run]:
        return []

    def head(self, now: float, width: int) -> list[Line]:
        return page_head(self.state, ["breakers"], now, width)

    def names(self) -> list[str]:
        """Breakers in the order of the list."""
        known = self.state.breakers
        return sorted(known, key=lambda name: (known[name].get("opened_at") is None, name))

    def picked(self) -> str | None:
        """The breaker that the cursor is on."""
        index = self.query_one("#page", LinesView).index
        return self._shown[index] if index < len(self._shown) else None

    def own_keys(self) -> list[Key]:
        dim = self.picked() is None
        return [key._replace(works=key.works and not (dim and _orders(key.action))) for key in super().own_keys()]

    def repaint(self) -> None:
        """Paint all of it."""
        if not self.alive:
            return
        before = self.picked()
        now, width = time.time(), self.app.size.width
        waiting = self.state.waiting_for()
        names = self.names()
        lines = [breaker_line(name, self.state.breakers[name], waiting.get(name, 0), now, width - 1) for name in names]
        hint = "  A tool names its dependency, or a URL among its arguments does."
        nothing = [EMPTY, line("  No dependency has a breaker yet."), line(Span(hint, "dim"))]
        view, facts = self.query_one("#page", LinesView), self.query_one("#facts", Painted)
        view.show(lines or nothing)
        self._shown = names
        if before in names and before != self.picked():
            # The order is another one: the cursor stays with its breaker.
            view.select(names.index(before))
        name = self.picked()
        self.paint_frame()
        facts.display = name is not None
        view.styles.height = min(len(lines), max(3, self.app.size.height // 3)) if name is not None else "1fr"
        if name is not None:
            runs = [run for run in self.state.model.runs.values() if waits_for(run) == name]
            body, height = self.state.breakers[name], facts.size.height
            title = line(Span(name, "strong"))
            facts.show(breaker_detail(title, body, runs, self.state.events_of_breaker(name), now, width, height))

    def state_changed(self, touched: set[str]) -> None:
        self.repaint()

    def second(self, now: float) -> None:
        self.repaint()

    def on_lines_view_moved(self, event: LinesView.Moved) -> None:
        self.repaint()

    def help_title(self) -> str:
        return "breakers"

    def action_back(self) -> None:
        self.app.pop_screen()

    @work
    async def action_try(self) -> None:
        await self._order("try")

    @work
    async def action_hold(self) -> None:
        said = "Every call to it waits until you close it by hand. Nothing is sent."
        await self._order("open", dialogs.AskHold, "Hold {} open ?", said)

    @work
    async def action_close(self) -> None:
        said = "All calls that are held go out. If it is still down, they fail."
        await self._order("reset", dialogs.AskClose, "Close {} ?", said)

    async def _order(
        self, what: str, dialog: type[dialogs.Dialog] | None = None, title: str = "", said: str = ""
    ) -> None:
        name = self.picked()
        if self.console_app.refuses("breaker"):
            return
        if name is None:
            self.state.note("There is no breaker to try, to hold open or to close.", "warn")
            self.paint_frame()
            return
        if dialog is not None and not await self.ask(dialog(title.format(name), partial(questions.say, said))):
            return
        self.console_app.send("breaker", "", name=name, do=what)

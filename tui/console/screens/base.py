"""What every screen has: a head, a message line, a line of keys, and the keys that mean the same everywhere."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from store.records import Run
from tui.console.acting import ActingScreen
from tui.console.can import refusal
from tui.console.lines import EMPTY, Line, rule
from tui.console.pages.head import messages
from tui.console.pages.keys import Key, key_line
from tui.console.state import State
from tui.console.widgets.painted import Painted

ROOMY = 16
MESSAGE_ROWS = 3


def key(
    keys: str, action: str, label: str, tooltip: str, *, shown: str = "", show: bool = True, name: str = ""
) -> Binding:
    """One key of a screen; footer, palette and help all read it from here."""
    ident = name or action.split("(")[0]
    first = keys.split(",")[0]
    return Binding(keys, action, label, id=ident, tooltip=tooltip, key_display=shown or first, show=show)


class ConsoleScreen(ActingScreen):
    """Head, body, messages and keys."""

    legend: ClassVar[str] = ""
    """What the help says of it beside its keys and the glyphs."""
    BINDINGS: ClassVar[list[BindingType]] = [
        key("question_mark", "help", "help", "The keys of this screen, each with a sentence", shown="?"),
        key("colon", "palette", "palette", "Every command by name (also ctrl+p)", shown=":", show=False),
    ]

    ready = False
    """Its widgets are there: what is told before that is shown once they are."""

    @property
    def alive(self) -> bool:
        """Its widgets can be painted: they are there, and not being taken down."""
        return self.ready and self.is_attached and not self._pruning and bool(self.query("#head"))

    @property
    def state(self) -> State:
        """What the console knows now."""
        return self.console_app.state

    def own_keys(self) -> list[Key]:
        """The keys of this screen as its bindings list them."""
        runs = self.targets()
        shown: list[Key] = []
        seen: set[str] = set()
        for binding in own_bindings(self):
            if not binding.show or binding.action in seen:
                continue
            seen.add(binding.action)
            works = not self.refused(binding.action, runs)
            shown.append(
                Key(binding.key_display or binding.key, self.label(binding), f"screen.{binding.action}", works)
            )
        return shown

    def refused(self, action: str, runs: list[Run]) -> str:
        """Why `action` can be done to none of `runs` now; empty where it can be to one, or is about none."""
        said = [refusal(action, run, read_only=self.state.read_only) for run in runs or (None,)]
        return "" if "" in said else said[0]

    def typing_keys(self) -> list[Key]:
        """The keys that work while words are typed."""
        return []

    def on_descendant_focus(self) -> None:
        self.paint_frame()

    def on_descendant_blur(self) -> None:
        self.paint_frame()

    def paint_frame(self) -> None:
        """Paint head, messages and keys."""
        if not self.alive:
            return
        width = self.app.size.width
        now = time.time()
        self.query_one("#head", Painted).show(self.head(now, width))
        lines = messages(self.state.notes, now, width, MESSAGE_ROWS if self.app.size.height >= ROOMY else 1)
        self.query_one("#messages", Painted).show(lines if self.app.size.height < 30 else [rule(EMPTY, width), *lines])
        # Where words are typed, the letters are no keys.
        line = key_line(self.typing_keys() if isinstance(self.focused, Input) else self.own_keys(), width)
        self.query_one("#keys", Painted).show([rule(EMPTY, width), line] if self.app.size.height >= 20 else [line])

    def head(self, now: float, width: int) -> list[Line]:
        """The lines at the top."""
        raise NotImplementedError

    def action_help(self) -> None:
        from tui.console.screens.help import HelpScreen

        everywhere = [binding for _, binding in self.app._bindings if (binding.id or "").startswith("app.")]
        bindings = [*own_bindings(self, hidden=True), *everywhere]
        self.app.push_screen(HelpScreen(self.help_title(), bindings, self.focused, self.legend))

    def help_title(self) -> str:
        """What the help calls this screen."""
        return "keys"

    def action_palette(self) -> None:
        self.app.action_command_palette()


def own_bindings(screen: ActingScreen, *, hidden: bool = False) -> Iterable[Binding]:
    """The bindings of a screen's classes, the most special first, each key's action once."""
    seen: set[tuple[str, str]] = set()
    for cls in type(screen).__mro__:
        for binding in cls.__dict__.get("BINDINGS", ()):
            if not isinstance(binding, Binding) or not binding.id or binding.system:
                continue
            if (binding.id, binding.action) in seen or not (hidden or binding.show):
                continue
            seen.add((binding.id, binding.action))
            yield binding
        if cls is ConsoleScreen:
            return

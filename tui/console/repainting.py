"""An application that sends its terminal the cells that changed, and all of them where they may have been lost."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.console import RenderableType
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.screen import Screen

from tui.console.cells import ChangedCells, ShownCells


class RepaintingApp(App[int]):
    """Knows what its terminal shows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "repaint", "Paint anew", show=False, system=True, priority=True, id="app.repaint"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._shown = ShownCells()

    def on_mount(self) -> None:
        self.app_resume_signal.subscribe(self, lambda _: self.action_repaint())

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if isinstance(renderable, CompositorUpdate):
            renderable = ChangedCells(renderable, self._shown)
        super()._display(screen, renderable)

    def on_resize(self, event: Resize) -> None:
        # The terminal may have had yet another size in between, of which no layout was ever shown.
        self._shown.forget()
        if self.screen_stack and event.size == self.screen.size:
            # Nothing is to be laid out anew then.
            self.screen.refresh()

    def action_repaint(self) -> None:
        """Send the whole screen: something else has written to the terminal, or has wiped it."""
        self._shown.forget()
        if self.screen_stack:
            self.screen.refresh()

"""What stands over any screen while the terminal is too small to be read: no key acts on what cannot be seen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.geometry import Size
from textual.screen import ModalScreen

from tui.console.pages.welcome import too_small
from tui.console.widgets.painted import Painted

LEAST = Size(40, 10)


def is_tiny(size: Size) -> bool:
    """Whether a terminal is too small for any screen of the console."""
    return size.width < LEAST.width or size.height < LEAST.height


class TinyScreen(ModalScreen[None]):
    """Goes by itself once there is room, and gives back the screen that it covers."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "app.leave", "leave", id="tiny.leave", tooltip="Leave the console; the agents go on"),
    ]

    def compose(self) -> ComposeResult:
        yield Painted()

    def on_mount(self) -> None:
        self._paint()

    def on_screen_resume(self) -> None:
        self._paint()

    def on_resize(self, event: Resize) -> None:
        self._paint()

    def _paint(self) -> None:
        size = self.app.size
        if is_tiny(size):
            self.query_one(Painted).show(too_small(size.width, size.height))
        elif self.app.screen is self:
            # Under another screen it would take that one away; it is asked again once that one is closed.
            self.dismiss()

"""A screen whose list can be filtered by what is typed."""

from __future__ import annotations

from textual.widgets import Input

from tui.console.pages.keys import Key
from tui.console.screens.base import ConsoleScreen


class FilteringScreen(ConsoleScreen):
    """Holds the box; what comes of the text is said in `filtered`."""

    def filter_box(self) -> Input:
        """The box, for `compose`; closed at first."""
        return Input(id="filter", placeholder="words, status:paused, reason:loop, agent:name")

    def filtered(self, text: str) -> None:
        """List only what matches this text."""
        raise NotImplementedError

    def filter_left(self) -> None:
        """The box was closed, and its text stays in force."""
        raise NotImplementedError

    @property
    def filter_is_open(self) -> bool:
        """Whether the text is being typed."""
        return self._box.has_class("-open")

    @property
    def _box(self) -> Input:
        return self.query_one("#filter", Input)

    def typing_keys(self) -> list[Key]:
        return [Key("enter", "to the list", ""), Key("esc", "clear the filter", "screen.clear")]

    def action_filter(self) -> None:
        self._box.add_class("-open")
        self._box.value = self.state.model.query_text
        self._box.focus()

    def unfiltered(self) -> bool:
        """List everything again; whether anything was left out, or might have been."""
        if not self.filter_is_open and not self.state.model.query_text:
            return False
        self._box.remove_class("-open")
        self._box.value = ""
        self.filtered("")
        return True

    def list_only(self, text: str) -> None:
        """List only what matches this filter, though nobody typed it."""
        self.filtered(text)
        self.paint_frame()

    def on_input_changed(self, event: Input.Changed) -> None:
        if self.filter_is_open:
            self.filtered(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.input.remove_class("-open")
        self.filter_left()

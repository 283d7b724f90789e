"""The keys of the screen it was opened from, each with a sentence."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget

from tui.console.lines import EMPTY, Line, Span, fit, line, wrap
from tui.console.standing import GLYPHS
from tui.console.widgets.lines_view import LinesView

_WORDS = {
    "needs": "needs you",
    "paused": "paused",
    "stopped": "stopped",
    "warned": "warned",
    "waiting": "waiting",
    "running": "running",
    "queued": "queued",
    "done": "completed",
    "killed": "killed",
}


class HelpScreen(ModalScreen[None]):
    """Over the screen it explains."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "back", "close", id="back", tooltip="Close the help", key_display="esc")
    ]

    def __init__(self, title: str, bindings: list[Binding], focused: Widget | None, legend: str = "") -> None:
        super().__init__()
        self._heading = title
        self._legend = legend
        self._rows = [(_keys(binding), binding.tooltip or binding.description) for binding in bindings]
        if focused is not None:
            own = [binding for _, binding in focused._bindings]
            seen: set[str] = set()
            for binding in own:
                if binding.id and binding.id not in seen and "." in binding.id:
                    seen.add(binding.id)
                    keys = ", ".join(_shown(other.key) for other in own if other.id == binding.id)
                    self._rows.append((keys, binding.tooltip))

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield LinesView(id="page")

    def on_mount(self) -> None:
        box = self.query_one("#box")
        box.border_title = f"Keys: {self._heading}"
        box.border_subtitle = "esc closes"
        self._paint()

    def on_resize(self) -> None:
        self._paint()

    def _paint(self) -> None:
        width = max(20, min(86, self.app.size.width - 4))
        box = self.query_one("#box")
        lines = help_lines(self._rows, width - 5, self._legend)
        box.styles.width = width
        box.styles.height = min(self.app.size.height, len(lines) + 2)
        self.query_one("#page", LinesView).show(lines)

    def action_back(self) -> None:
        self.dismiss()


def help_lines(rows: list[tuple[str, str]], width: int, legend: str = "") -> list[Line]:
    """Keys with their sentences, then what the glyphs mean, and `legend`."""
    wide = max(len(keys) for keys, _ in rows) + 2
    lines: list[Line] = []
    for keys, text in rows:
        for y, row in enumerate(wrap(text, width - wide)):
            lines.append(line(Span(fit(keys if y == 0 else "", wide), "key"), row))
    lines.append(EMPTY)
    shown: list[Span] = []
    for name, word in _WORDS.items():
        shown.append(Span(f"{GLYPHS[name]} {fit(word, 13)} "))
    each = max(1, width // 16)
    lines += [line(*shown[at : at + each]) for at in range(0, len(shown), each)]
    lines.append(EMPTY)
    if legend:
        lines += [line(row) for row in wrap(legend, width)]
        lines.append(EMPTY)
    said = "Keys that are dimmed at the bottom cannot work now; press one to read why."
    lines += [line(Span(row, "dim")) for row in wrap(said, width)]
    return lines


def _keys(binding: Binding) -> str:
    return binding.key_display or ", ".join(_shown(part) for part in binding.key.split(","))


def _shown(key: str) -> str:
    return {"question_mark": "?", "slash": "/", "colon": ":", "pagedown": "pgdn", "pageup": "pgup"}.get(key, key)

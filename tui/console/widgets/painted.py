"""How lines become cells: the one place where a tone meets the theme, and where text leaves for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.console.lines import EMPTY, TONES, Line, clip_line, width_of
from tui.plain import plain


class Toned(Widget):
    """A widget that paints lines of toned spans."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"tone--{tone}" for tone in TONES}

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._styles_of: dict[str, Style] = {}

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_of.clear()

    def style_of(self, component: str) -> Style:
        """The style of a component class laid over the widget's own; kept until the theme changes."""
        style = self._styles_of.get(component)
        if style is None:
            if component:
                style = self.style_of("") + self.get_component_rich_style(component, partial=True)
            else:
                style = self.rich_style
            self._styles_of[component] = style
        return style

    def strip(self, spans: Line, width: int, base: str = "") -> Strip:
        """`spans` as a strip of exactly `width` cells; `base` is a component class that lies under all of them."""
        under = self.style_of(base)
        segments: list[Segment] = []
        cut = clip_line(spans, width)
        for text, tone, action in cut:
            style = under + self.tone(tone) if tone else under
            if action:
                style += Style.from_meta({"@click": action})
            segments.append(Segment(plain(text), style))
        gap = width - width_of(cut)
        if gap > 0:
            segments.append(Segment(" " * gap, under))
        return Strip(segments, width)

    def tone(self, name: str) -> Style:
        """What a tone adds to the style under it."""
        key = f"+{name}"
        style = self._styles_of.get(key)
        if style is None:
            style = self._styles_of[key] = self.get_component_rich_style(f"tone--{name}", partial=True)
        return style


class Painted(Toned):
    """Some lines that do not scroll; only those that differ are painted again."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.lines: Sequence[Line] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines from now on."""
        before, self.lines = self.lines, lines
        if len(before) != len(lines) and self.styles.height is not None and self.styles.height.is_auto:
            # A change of style, for Textual keeps the height it has found while an earlier refresh is still due.
            self.styles.min_height = len(lines)
            return
        rows = max(len(before), len(lines))
        changed = [y for y in range(rows) if before[y : y + 1] != lines[y : y + 1]]
        if changed:
            gutter, width = self.gutter, self.size.width
            self.refresh(*[Region(gutter.left, gutter.top + y, width, 1) for y in changed])

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self.lines)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        return self.strip(self.lines[y] if y < len(self.lines) else EMPTY, width)

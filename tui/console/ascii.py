"""What a terminal gets whose font has only ASCII."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter
from textual.scrollbar import ScrollBarRender

ASCII = str.maketrans(
    "─│●◌‖▲○✓✕■▌◆◇…·×–—“”’‘›▸▾≈░█▏▎▍▋▊▉▁▂▃▄▅▆▇↳→↑↓⏎╭╮╰╯",
    "-|*~=!o+x#>@%~.x--\"\"''>>v~:#>>>>>>_.:-=+*`>^v ++++",
)
"""For terminals whose font has only ASCII; one character for one, so that nothing moves."""


def in_ascii(text: str) -> str:
    """`text` in ASCII alone, in as many cells: what has no likeness there, of agents mostly, becomes question marks.

    A terminal without UTF-8 would read bytes of it as control characters.
    """
    if text.isascii():
        return text
    return "".join(char if char.isascii() else "?" * cell_len(char) for char in text.translate(ASCII))


class AsciiOnly(LineFilter):
    """Lets nothing else pass to the terminal, whichever widget painted it."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.text.isascii() else Segment(in_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]


class PlainScrollBar(ScrollBarRender):
    """A scroll bar of whole cells, for fonts without blocks."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


def wants_ascii(environ: Mapping[str, str]) -> bool:
    """Whether the terminal asks for ASCII glyphs: AGENTWATCH_ASCII, or a locale that is not UTF-8."""
    if environ.get("AGENTWATCH_ASCII"):
        return environ["AGENTWATCH_ASCII"] not in ("0", "no")
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    return locale in ("C", "POSIX") or (bool(locale) and "utf" not in locale.casefold() and "." in locale)

"""What a terminal gets whose font has only ASCII."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.scrollbar import ScrollBarRender

ASCII = str.maketrans(
    "─│●◌‖▲○✓✕■▌…·×–—“”’‘›▸▾≈░█▏▎▍▋▊▉▁▂▃▄▅▆▇↳→↑↓⏎╭╮╰╯",
    "-|*~=!o+x#>~.x--\"\"''>>v~:#>>>>>>__.-=+*`>^v ++++",
)
"""For terminals whose font has only ASCII; one character for one, so that nothing moves."""


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

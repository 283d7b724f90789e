"""What the terminal shows, cell by cell, and the few bytes that make it show something else.

Textual sends a changed line from the left edge of its widget on, every stretch of one style with all of its colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple

from rich.cells import cell_len
from rich.color import Color, ColorSystem
from rich.console import Console
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Size
from textual.strip import Strip

SHORT_GAP = 4
"""So many cells in the colours at hand are no longer than a movement of the cursor."""

ATTRIBUTES = {
    "bold": "1",
    "dim": "2",
    "italic": "3",
    "underline": "4",
    "blink": "5",
    "blink2": "6",
    "reverse": "7",
    "conceal": "8",
    "strike": "9",
    "underline2": "21",
    "frame": "51",
    "encircle": "52",
    "overline": "53",
}
"""Parameters of SGR (ECMA-48, 8.3.117), by the names that Rich has for them."""


class Look(NamedTuple):
    """How a cell is drawn: parameters of SGR, empty for what the terminal does of itself."""

    attributes: str = ""
    ink: str = ""
    paper: str = ""


Cell = tuple[str, Look]
"""What one cell of the screen shows; no text where what stands to the left reaches into it."""

PLAIN = Look()
UNKNOWN: Cell = ("\0", PLAIN)
"""Equal to nothing that is painted."""


class ShownCells:
    """The cells that a terminal shows, as far as they are known."""

    def __init__(self) -> None:
        self._rows: dict[int, list[Cell]] = {}
        self._size = Size(0, 0)

    def lay_out(self, size: Size) -> None:
        """The screen is of this size from now on; what was painted beyond the edge of another has ended anywhere."""
        if size != self._size:
            self._size = size
            self.forget()

    def forget(self) -> None:
        """The terminal may show anything: what is painted next is sent whole."""
        self._rows.clear()

    def paint(self, pieces: Iterable[tuple[int, int, Strip]], color_system: ColorSystem) -> str:
        """What is to be sent so that `pieces` are shown: each a line, a column (both from 0), and a strip."""
        sent: list[str] = []
        look = PLAIN
        for y, x, strip in pieces:
            new = cells_of(strip, color_system)
            old = self._known(y, x, x + len(new))
            if old != new:
                look = _write(sent, look, (x, y), old, new)
                self._rows[y][x : x + len(new)] = new
        if look != PLAIN:
            sent.append(_turn(look, PLAIN))
        return "".join(sent)

    def _known(self, y: int, x: int, end: int) -> list[Cell]:
        """The cells from column `x` up to `end` of a line."""
        row = self._rows.setdefault(y, [])
        if len(row) < end:
            row.extend(repeat(UNKNOWN, end - len(row)))
        elif (x and not row[x][0]) or (end < len(row) and not row[end][0]):
            # A character reaches over the edge: what is painted here destroys its other half.
            row[:] = repeat(UNKNOWN, len(row))
        return row[x:end]


class ChangedCells(CompositorUpdate):
    """An update of the screen that sends only the cells that differ from the ones shown."""

    def __init__(self, update: CompositorUpdate, shown: ShownCells) -> None:
        self._update = update
        self._shown = shown

    def render_segments(self, console: Console) -> str:
        if isinstance(self._update, LayoutUpdate):
            self._shown.lay_out(self._update.region.size)
        pieces = _pieces(self._update)
        if pieces is None:
            self._shown.forget()
            return self._update.render_segments(console)
        return self._shown.paint(pieces, console._color_system or ColorSystem.TRUECOLOR)


def _pieces(update: CompositorUpdate) -> Iterator[tuple[int, int, Strip]] | None:
    """Lines, columns and strips of an update; None for one of an unknown kind."""
    if isinstance(update, LayoutUpdate):
        return _of_layout(update)
    return _of_chops(update) if isinstance(update, ChopsUpdate) else None


def _of_layout(update: LayoutUpdate) -> Iterator[tuple[int, int, Strip]]:
    for y, line in enumerate(update.strips, update.region.y):
        x = update.region.x
        for strip in line:
            yield y, x, strip
            x += strip.cell_length


def _of_chops(update: ChopsUpdate) -> Iterator[tuple[int, int, Strip]]:
    seen: set[tuple[int, int]] = set()
    for y, left, right in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=True):
            # Outside of the span another widget than the one in front may have been painted.
            if strip is not None and x < right and end > left and (y, x) not in seen:
                seen.add((y, x))
                yield y, x, strip


def cells_of(strip: Strip, color_system: ColorSystem) -> list[Cell]:
    """The cells of a strip; of one whose width terminals disagree about, a single one that reaches over all others."""
    cells: list[Cell] = []
    for text, style, _ in strip:
        look = look_of(style, color_system) if style is not None else PLAIN
        if text.isascii():
            cells += zip(text, repeat(look))
            continue
        for character in text:
            wide = 1 if character.isascii() else cell_len(character)
            if not wide or character > "\uffff":
                return _whole(strip, color_system)
            cells.append((character, look))
            if wide > 1:
                cells.append(("", look))
    return cells if len(cells) == strip.cell_length else _whole(strip, color_system)


def _whole(strip: Strip, color_system: ColorSystem) -> list[Cell]:
    rendered = "".join(
        text if style is None else Strip.render_style(style, text, color_system) for text, style, _ in strip
    )
    return [(rendered, PLAIN), *repeat(("", PLAIN), strip.cell_length - 1)]


def _write(sent: list[str], look: Look, place: tuple[int, int], old: list[Cell], new: list[Cell]) -> Look:
    """Add to `sent` what makes `old` `new`, from the column and line `place` on; returns the look that is set then."""
    x, y = place
    at = -1
    for column, (text, drawn) in enumerate(new):
        if not text or old[column] == new[column]:
            continue
        if at != column:
            between = new[at:column]
            if at < 0:
                sent.append(f"\x1b[{y + 1};{x + column + 1}H")
            elif len(between) <= SHORT_GAP and all(each == look for _, each in between):
                sent += [passed for passed, _ in between]
            else:
                sent.append(f"\x1b[{x + column + 1}G")
        if drawn != look:
            sent.append(_turn(look, drawn))
            look = drawn
        sent.append(text)
        at = column + 1
        while at < len(new) and not new[at][0]:
            at += 1
    return look


@lru_cache(maxsize=2048)
def look_of(style: Style, color_system: ColorSystem) -> Look:
    """How a terminal with so many colours draws a style."""
    attributes = ";".join(code for name, code in ATTRIBUTES.items() if getattr(style, name))
    return Look(attributes, _codes(style.color, color_system, True), _codes(style.bgcolor, color_system, False))


def _codes(color: Color | None, color_system: ColorSystem, foreground: bool) -> str:
    return "" if color is None else ";".join(color.downgrade(color_system).get_ansi_codes(foreground))


@lru_cache(maxsize=4096)
def _turn(was: Look, look: Look) -> str:
    """The shortest SGR from one look to another."""
    if look == PLAIN:
        return "\x1b[0m"
    if was.attributes and was.attributes != look.attributes:
        # No attribute can be taken back in the same way on all terminals.
        return f"\x1b[{';'.join(('0', *filter(None, look)))}m"
    parts = [look.attributes] if look.attributes != was.attributes else []
    if look.ink != was.ink:
        parts.append(look.ink or "39")
    if look.paper != was.paper:
        parts.append(look.paper or "49")
    return f"\x1b[{';'.join(parts)}m"

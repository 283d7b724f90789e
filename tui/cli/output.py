"""What goes to standard output: plain aligned text, a table cut to the terminal where a person looks, or JSON."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Literal

import msgspec

from store.records import Json

Justify = Literal["left", "right"]
GAP = 2


class Column(msgspec.Struct, frozen=True):
    """One column of a listing."""

    title: str
    justify: Justify = "left"
    least: int | None = None
    """Cells it may be cut to where the terminal is too narrow; None: never cut."""
    leaves: int = 0
    """Left out where cutting is not enough, the lowest number above 0 first; 0: never."""
    dim: bool = False


def say(line: str = "") -> None:
    """Write one line to standard output at once."""
    print(line, flush=True)


def complain(line: str) -> None:
    """Write one line to standard error."""
    print(line, file=sys.stderr, flush=True)


def say_json(value: Json, *, indent: int | None = 2) -> None:
    """Write one JSON value; ASCII alone, so that no terminal can be acted upon."""
    say(json.dumps(value, indent=indent))


def at_a_terminal() -> bool:
    """Whether a person sees standard output as it is."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Write a listing.  Cells that hold an agent's text have been through `plain`."""
    widths = [max([width(column.title), *(width(row[n]) for row in rows)]) for n, column in enumerate(columns)]
    if at_a_terminal():
        _rich_table(columns, rows, fitted(columns, widths, shutil.get_terminal_size().columns))
        return
    for row in [[column.title for column in columns], *rows]:
        cells = [_padded(cell, widths[n], columns[n].justify) for n, cell in enumerate(row)]
        say((" " * GAP).join(cells).rstrip())


def fitted(columns: Sequence[Column], widths: Sequence[int], room: int) -> list[int]:
    """The width of each column within `room` cells, 0 for one that is left out."""
    fit = list(widths)
    leaving = sorted((column.leaves, n) for n, column in enumerate(columns) if column.leaves)
    while True:
        over = sum(fit) + GAP * (sum(wide > 0 for wide in fit) - 1) - room
        for n in reversed(range(len(columns))):
            least = columns[n].least
            if over > 0 and least is not None and fit[n] > least:
                cut = min(over, fit[n] - least)
                fit[n] -= cut
                over -= cut
        if over <= 0 or not leaving:
            return fit
        gone = leaving.pop(0)[1]
        fit = [0 if n == gone or not fit[n] else wide for n, wide in enumerate(widths)]


def width(text: str) -> int:
    """Cells that `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _padded(cell: str, wide: int, justify: Justify) -> str:
    blanks = " " * (wide - width(cell))
    return blanks + cell if justify == "right" else cell + blanks


def _rich_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listing = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    shown = [n for n, wide in enumerate(widths) if wide]
    for n in shown:
        column = columns[n]
        style = "dim" if column.dim else ""
        listing.add_column(
            column.title, justify=column.justify, style=style, width=widths[n], no_wrap=True, overflow="ellipsis"
        )
    for row in rows:
        listing.add_row(*(Text(row[n]) for n in shown))
    Console(highlight=False).print(listing)

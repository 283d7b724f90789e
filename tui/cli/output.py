"""What goes to standard output: plain aligned text, a Rich table where a person looks, or JSON."""

from __future__ import annotations

import json
import os
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
    style: str = ""
    """A Rich style; meaning is never in it alone."""
    give: bool = False
    """May be cut where the terminal is too narrow."""


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
    if at_a_terminal():
        _rich_table(columns, rows)
        return
    widths = [max([width(column.title), *(width(row[n]) for row in rows)]) for n, column in enumerate(columns)]
    for row in [[column.title for column in columns], *rows]:
        cells = [_fit(cell, widths[n], columns[n].justify) for n, cell in enumerate(row)]
        say((" " * GAP).join(cells).rstrip())


def width(text: str) -> int:
    """Cells that `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _fit(cell: str, wide: int, justify: Justify) -> str:
    blanks = " " * (wide - width(cell))
    return blanks + cell if justify == "right" else cell + blanks


def _rich_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listing = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for column in columns:
        listing.add_column(
            column.title,
            justify=column.justify,
            style=column.style,
            no_wrap=True,
            overflow="ellipsis",
            ratio=None,
            min_width=None if column.give else max([width(column.title), *_widths(columns, rows, column)]),
        )
    for row in rows:
        listing.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(listing)


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], column: Column) -> list[int]:
    place = list(columns).index(column)
    return [width(row[place]) for row in rows]

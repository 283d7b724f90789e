"""Text on its way to the screen: lines of spans, each with a tone that the theme turns into a colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from tui.plain import plain

TONES = ("dim", "faint", "strong", "needs", "call", "warn", "bad", "fresh", "key", "string", "number", "text", "found")
"""Every tone there is; `widgets/painted.py` maps each to the component class `tone--NAME`."""


class Span(NamedTuple):
    """A stretch of one line.  The text may be anything: it is made plain here, once, and never read as markup."""

    text: str
    tone: str = ""
    action: str = ""
    """What a click on it does, as an action string of our own making; never agent text."""


Line = tuple[Span, ...]
EMPTY: Line = ()


def line(*parts: str | Span | tuple[str, str] | Line) -> Line:
    """One line of `parts`: plain strings, (text, tone) pairs, spans, or other lines."""
    spans: list[Span] = []
    for part in parts:
        if isinstance(part, str):
            spans.append(Span(plain(part)))
        elif isinstance(part, Span):
            spans.append(Span(plain(part.text), part.tone, part.action))
        elif part and isinstance(part[0], str):
            text, tone = part
            spans.append(Span(plain(str(text)), str(tone)))
        else:
            spans.extend(span for span in part if isinstance(span, Span))
    return tuple(span for span in spans if span.text)


def cells(text: str) -> int:
    """Cells that a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def width_of(spans: Line) -> int:
    """Cells that a line takes."""
    return sum([len(span.text) if span.text.isascii() else cell_len(span.text) for span in spans])


def text_of(spans: Line) -> str:
    """What a line reads."""
    return "".join(span.text for span in spans)


def clip(text: str, width: int) -> str:
    """`text` made plain in at most `width` cells, a cut marked by an ellipsis."""
    text = plain(text)
    if cells(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def fit(text: str, width: int, *, right: bool = False) -> str:
    """`text` made plain in exactly `width` cells: cut with an ellipsis, or padded."""
    cut = clip(text, width)
    pad = " " * (width - cells(cut))
    return pad + cut if right else cut + pad


def clip_line(spans: Line, width: int) -> Line:
    """A line of at most `width` cells."""
    if width_of(spans) <= width:
        return spans
    kept: list[Span] = []
    left = width
    for span in spans:
        wide = cells(span.text)
        if wide < left:
            kept.append(span)
            left -= wide
            continue
        kept.append(span._replace(text=clip(span.text + "…" if wide == left else span.text, left)))
        break
    return tuple(kept)


def pad_line(spans: Line, width: int) -> Line:
    """A line of exactly `width` cells."""
    cut = clip_line(spans, width)
    gap = width - width_of(cut)
    return (*cut, Span(" " * gap)) if gap else cut


def spread(left: Line, right: Line, width: int) -> Line:
    """`left` at the left edge and `right` at the right one; the left one gives way where both do not fit."""
    room = width - width_of(right)
    if room < 8:
        return clip_line(left, width)
    return (*pad_line(clip_line(left, room - 1), room), *right)


def beside(left: Sequence[Line], right: Sequence[Line], width: int, gap: int = 2) -> list[Line]:
    """Two columns of lines, the left one `width` cells wide."""
    rows = max(len(left), len(right))
    return [
        (*pad_line(left[y] if y < len(left) else EMPTY, width), Span(" " * gap), *(right[y] if y < len(right) else ()))
        for y in range(rows)
    ]


def rule(title: Line, width: int, right: Line = EMPTY) -> Line:
    """A line of `─` with a title set into it."""
    head: Line = (Span("── ", "faint"), *title, Span(" ", "")) if title else ()
    tail: Line = (Span(" ", ""), *right, Span(" ──", "faint")) if right else ()
    if width_of(head) + width_of(tail) > width - 2:
        tail = ()
    head = clip_line(head, width)
    return (*head, Span("─" * max(0, width - width_of(head) - width_of(tail)), "faint"), *tail)


def wrap(text: str, width: int) -> list[str]:
    """`text` made plain and broken at spaces into lines of at most `width` cells (words too long are cut)."""
    width = max(4, width)
    rows: list[str] = []
    row = ""
    for word in plain(text).split(" "):
        while cells(word) > width:
            if row:
                rows.append(row)
                row = ""
            head = _head(word, width)
            rows.append(head)
            word = word[len(head) :]
        if not row:
            row = word
        elif cells(row) + 1 + cells(word) <= width:
            row = f"{row} {word}"
        else:
            rows.append(row)
            row = word
    return [*rows, row] if row or not rows else rows


def _head(word: str, width: int) -> str:
    taken = 0
    for index, character in enumerate(word):
        taken += cells(character)
        if taken > width:
            return word[:index] or word[:1]
    return word


def first(rows: list[Line], most: int) -> list[Line]:
    """At most `most` of `rows`, a cut marked by an ellipsis."""
    return rows if len(rows) <= most else [*rows[: most - 1], line(rows[most - 1], Span("…", "dim"))]


def labelled(label: str, text: str, width: int, *, at: int = 14, tone: str = "") -> list[Line]:
    """A label at the left and its text, wrapped, beside it."""
    rows = wrap(text, width - at - 1)
    return [
        line(Span(f" {fit(label if y == 0 else '', at - 1)}", "dim"), Span(row, tone)) for y, row in enumerate(rows)
    ]


def joined(parts: Iterable[Line], gap: str = "   ") -> Line:
    """Lines behind one another on one line."""
    spans: list[Span] = []
    for part in parts:
        if spans and part:
            spans.append(Span(gap))
        spans.extend(part)
    return tuple(spans)

"""One entry of a run's story as a line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import overload

from rich.cells import cell_len

from tui.console import formats
from tui.console.lines import Line, Span, clip, fit, line, text_of
from tui.console.scroll import Scroll
from tui.console.standing import glyph
from tui.console.telling import Entry
from tui.plain import plain

SCALE_WIDTH = 18


def entry_line(entry: Entry, width: int, now: float, *, longest_s: float = 0.0) -> Line:
    """Time, step, what, how long, what came of it.  With `longest_s` a bar shows the duration to that scale."""
    head = f" {formats.clock(entry.at)} {fit(str(entry.step) if entry.step else '', 5, right=True)}  "
    mark = f"{glyph(entry.mark)} " if entry.mark else ""
    room = width - cell_len(head) - cell_len(mark) - 1
    took = ""
    outcome = entry.outcome
    if entry.duration_s is not None:
        took = formats.span(entry.duration_s)
    elif not entry.ended:
        took, outcome = formats.age(now - entry.at), "in flight"
    if not took and not outcome:
        return line(Span(head, "dim"), Span(mark + clip(entry.what, room), entry.tone))
    what_room = max(12, int(room * 0.5))
    scale = SCALE_WIDTH + 2 if longest_s > 0 else 0
    tail_room = max(0, room - what_room - 11 - scale - (6 if entry.novelty == "same" else 0))
    return line(
        Span(head, "dim"),
        Span(mark + fit(entry.what, what_room)),
        Span(f" {fit(took, 8, right=True)}  ", "dim"),
        Span(_bar(entry, now, longest_s), "dim"),
        Span(clip(outcome, tail_room), entry.tone),
        Span("  same" if entry.novelty == "same" else "", "warn"),
    )


def _bar(entry: Entry, now: float, longest_s: float) -> str:
    if longest_s <= 0:
        return ""
    took = entry.duration_s if entry.duration_s is not None else now - entry.at
    return fit(formats.bar(took / longest_s, SCALE_WIDTH).replace("·", " "), SCALE_WIDTH + 2)


class EntryLines(Sequence[Line]):
    """The lines of a story, each built when it is painted, however many there are."""

    def __init__(self, story: Scroll, above: Line | None, width: int, now: float, longest_s: float) -> None:
        self._story, self._above, self._width, self._now, self._longest_s = story, above, width, now, longest_s
        self._length = len(story) + (above is not None)
        clock = now if story.ticking else 0.0
        self._looks = (id(story), story.version, above, width, clock, longest_s)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EntryLines) and self._looks == other._looks

    def __hash__(self) -> int:
        return hash(self._looks)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | Sequence[Line]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(self._length))]
        if self._above is not None:
            if index == 0:
                return self._above
            index -= 1
        return entry_line(self._story[index], self._width, self._now, longest_s=self._longest_s)


def marked(lines: Sequence[Line], needle: str) -> tuple[list[Line], list[int]]:
    """`lines` with every `needle` in them standing out, capitals or not, and the numbers of the lines that hold one."""
    sought = re.compile(re.escape(plain(needle)), re.IGNORECASE)
    found: list[int] = []
    shown: list[Line] = []
    for number, row in enumerate(lines):
        hits = [hit.span() for hit in sought.finditer(text_of(row))]
        shown.append(_standing_out(row, hits) if hits else row)
        if hits:
            found.append(number)
    return shown, found


def _standing_out(row: Line, hits: Sequence[tuple[int, int]]) -> Line:
    spans: list[Span] = []
    at = 0
    for span in row:
        end = at + len(span.text)
        cuts = sorted({at, end, *(cut for hit in hits for cut in hit if at < cut < end)})
        for begin, stop in pairwise(cuts):
            inside = any(first <= begin and stop <= last for first, last in hits)
            spans.append(span._replace(text=span.text[begin - at : stop - at], tone="found" if inside else span.tone))
        at = end
    return tuple(spans)

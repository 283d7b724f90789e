"""One entry of a run's story as a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple, overload

from rich.cells import cell_len

from tui.console import formats
from tui.console.lines import Line, Span, clip, fit, line, pad_line, rule, text_of
from tui.console.scroll import Scroll
from tui.console.standing import glyph
from tui.console.telling import Entry
from tui.plain import plain


class Cut(NamedTuple):
    """A stretch of time in which nothing went on, and how long it is drawn."""

    begin: float
    end: float
    drawn_s: float


class Axis(NamedTuple):
    """The time that a page of entries spans, and the cells in which it is drawn."""

    begin: float
    end: float
    """Seconds since the epoch."""
    cells: int
    cuts: tuple[Cut, ...] = ()

    def at(self, moment: float) -> int:
        """The cell of a moment."""
        whole = self._drawn(self.end)
        share = self._drawn(moment) / whole if whole > 0 else 0.0
        return max(0, min(self.cells - 1, int(share * self.cells)))

    def _drawn(self, moment: float) -> float:
        """Seconds from the begin to a moment, as they are drawn."""
        left_out = 0.0
        for cut in self.cuts:
            inside = max(0.0, min(moment, cut.end) - cut.begin)
            left_out += inside * (1 - cut.drawn_s / (cut.end - cut.begin))
        return moment - self.begin - left_out


CUT_TO = 0.25
"""A cut stretch is drawn as this share of all the rest."""

OUTLASTS = 3
"""A stretch so many times as long as all the rest is cut."""

MOST_CUTS = 2


def axis_of(entries: Iterable[Entry], cells: int, now: float) -> Axis | None:
    """The axis that `entries` share; None without any.

    A stretch without a call that outlasts all the rest is cut: it would crowd out what happened.
    """
    told = sorted(entries, key=lambda entry: entry.at)
    if not told or cells <= 0:
        return None
    begin = reach = told[0].at
    end = max(end_of(entry, now) for entry in told)
    quiet: list[tuple[float, float]] = []
    for entry in told:
        if entry.at > reach:
            quiet.append((reach, entry.at))
        reach = max(reach, end_of(entry, now) if entry.ident else entry.at)
    if end > reach:
        quiet.append((reach, end))
    rest_s, cuts = end - begin, []
    for first, last in sorted(quiet, key=lambda stretch: stretch[0] - stretch[1])[:MOST_CUTS]:
        rest_s -= last - first
        if rest_s <= 0 or last - first <= OUTLASTS * rest_s:
            break
        cuts.append(Cut(first, last, rest_s * CUT_TO))
    return Axis(begin, end, cells, tuple(sorted(cuts)))


def end_of(entry: Entry, now: float) -> float:
    """When an entry was over; `now` while it is not."""
    if entry.duration_s is not None:
        return entry.at + entry.duration_s
    return entry.at if entry.ended else max(entry.at, now)


def axis_line(title: Line, axis: Axis, width: int) -> Line:
    """A rule that says what time the bars below it span."""
    begin, end = formats.clock(axis.begin), formats.clock(axis.end)
    span = f" {formats.span(axis.end - axis.begin)} "
    spare = axis.cells - cell_len(begin) - cell_len(end) - cell_len(span) - 2
    if spare < 2:
        said = fit(span.strip(), axis.cells)
    else:
        said = f"{begin} {'─' * (spare // 2)}{span}{'─' * (spare - spare // 2)} {end}"
        for cut in axis.cuts:
            middle = axis.at((cut.begin + cut.end) / 2)
            cell = min((at for at, drawn in enumerate(said) if drawn == "─"), key=lambda at: abs(at - middle))
            said = said[:cell] + "≈" + said[cell + 1 :]
    return line(rule(title, width - axis.cells - 1), " ", Span(said, "dim"))


def entry_line(entry: Entry, width: int, now: float, *, axis: Axis | None = None) -> Line:
    """Time, step, what, how long, what came of it.  With an `axis`, when it happened is drawn beside it."""
    if axis is None:
        return _told(entry, width, now)
    room = width - axis.cells - 2
    return line(pad_line(_told(entry, room, now), room), "  ", lane(entry, axis, now))


def _told(entry: Entry, width: int, now: float) -> Line:
    head = f" {formats.clock(entry.at)} {fit(str(entry.step) if entry.step else '', 5, right=True)}  "
    mark = f"{glyph(entry.mark)} " if entry.mark else ""
    room = width - cell_len(head) - cell_len(mark) - 1
    took = ""
    outcome = entry.outcome
    if entry.duration_s is not None:
        took = formats.span(entry.duration_s)
    elif not entry.ended:
        took = formats.age(now - entry.at)
        outcome = "in flight" if entry.ident else outcome
    if not outcome:
        beside = f" {fit(took, 8, right=True)} " if took else ""
        what = fit(entry.what, room - len(beside)) if took else clip(entry.what, room)
        return line(Span(head, "dim"), Span(mark + what, entry.tone), Span(beside, "dim"))
    what_room = max(12, int(room * 0.5))
    tail_room = max(0, room - what_room - 11 - (6 if entry.novelty == "same" else 0))
    return line(
        Span(head, "dim"),
        Span(mark + fit(entry.what, what_room)),
        Span(f" {fit(took, 8, right=True)}  ", "dim"),
        Span(clip(outcome, tail_room), entry.tone),
        Span("  same" if entry.novelty == "same" else "", "warn"),
    )


def lane(entry: Entry, axis: Axis, now: float) -> Span:
    """When an entry happened, on the axis: a block from its begin to its end, or its mark."""
    begin, end = axis.at(entry.at), axis.at(end_of(entry, now))
    lasting = entry.duration_s is not None or not entry.ended
    drawn = glyph(entry.mark) if entry.mark else "·"
    if lasting:
        drawn = ("█" if entry.ident else "░") * (end - begin + 1)
    tone = "warn" if entry.tone in ("warn", "needs") else "text" if lasting and entry.ident else "dim"
    return Span(" " * begin + drawn + " " * (axis.cells - begin - cell_len(drawn)), tone)


class EntryLines(Sequence[Line]):
    """The lines of a story, each built when it is painted, however many there are."""

    def __init__(self, story: Scroll, above: Line | None, width: int, now: float, axis: Axis | None) -> None:
        self._story, self._above, self._width, self._now, self._axis = story, above, width, now, axis
        self._length = len(story) + (above is not None)
        clock = now if story.ticking else 0.0
        self._looks = (id(story), story.version, above, width, clock, axis)

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
        return entry_line(self._story[index], self._width, self._now, axis=self._axis)


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

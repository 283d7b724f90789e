"""One entry of a run's story as a line."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from tui.console import formats
from tui.console.lines import Line, Span, clip, fit, line
from tui.console.standing import glyph
from tui.console.telling import Entry

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


def longest(entries: Sequence[Entry], now: float) -> float:
    """The longest duration among `entries`, to which the bars are drawn."""
    took = [entry.duration_s if entry.duration_s is not None else now - entry.at for entry in entries if _timed(entry)]
    return max(took, default=0.0)


def _timed(entry: Entry) -> bool:
    return entry.duration_s is not None or not entry.ended

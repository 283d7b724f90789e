"""One line of the fleet table, in as many columns as the width allows."""

from __future__ import annotations

from typing import NamedTuple

from store.records import Run
from store.states import Status
from tui.console import formats
from tui.console.can import short
from tui.console.lines import Line, Span, fit, line
from tui.console.since_new import stuck
from tui.console.standing import NEAR_LIMIT, glyph, standing, tightest, why


class Column(NamedTuple):
    """A column and the cells it has here."""

    name: str
    title: str
    width: int
    right: bool = False


_WIDEST = (
    ("lead", "", 2),
    ("agent", "AGENT", 19),
    ("run", "RUN", 6),
    ("status", "STATUS", 9),
    ("task", "TASK", 22),
    ("step", "STEP", 5),
    ("tool", "TOOL", 18),
    ("quiet", "QUIET", 6),
    ("tokens", "TOKENS", 7),
    ("cost", "COST OF LIMIT", 18),
    ("since", "SINCE NEW", 9),
    ("why", "WHY", 0),
)
_CLOSER = {"agent": 18, "tool": 17, "quiet": 5, "tokens": 6, "cost": 12}
_NARROW = (
    ("lead", 2),
    ("agent", 17),
    ("run", 6),
    ("status", 9),
    ("task", 16),
    ("step", 4),
    ("tool", 16),
    ("quiet", 5),
    ("cost", 7),
)
_TIERS: tuple[tuple[int, dict[str, int]], ...] = (
    (190, {name: width for name, _, width in _WIDEST} | {"agent": 26, "task": 30, "tool": 24}),
    (172, {name: width for name, _, width in _WIDEST}),
    (150, {name: width for name, _, width in _WIDEST} | _CLOSER),
    (130, dict(_NARROW) | {"since": 9, "why": 0}),
    (110, dict(_NARROW) | {"why": 0}),
    (72, {"lead": 2, "agent": 15, "status": 9, "step": 4, "tool": 10, "quiet": 5, "cost": 6, "why": 0}),
    (50, {"lead": 2, "agent": 14, "status": 9, "quiet": 5, "why": 0}),
    (0, {"lead": 2, "agent": 14, "status": 9, "why": 0}),
)
_WITH_BAR = 18
"""Cells of the cost column from which it has a bar."""

_WITH_LIMIT = 12
"""The same for the share of the limit that is used."""

_RIGHT = frozenset({"step", "quiet", "tokens"})
_TITLES = {name: title for name, title, _ in _WIDEST}


def columns_for(width: int) -> list[Column]:
    """The columns that a table of `width` cells has; the last takes what is left."""
    widths = next(tier for least, tier in _TIERS if width >= least)
    fixed = sum(cells + 1 for cells in widths.values() if cells)
    columns = []
    for name, cells in widths.items():
        title = _TITLES[name]
        if name == "cost" and cells < _WITH_BAR:
            title = "COST LIMIT" if cells >= _WITH_LIMIT else "COST"
        columns.append(Column(name, title, cells or max(4, width - fixed), name in _RIGHT))
    return columns


def paint_head(columns: list[Column], sort: str, reverse: bool) -> Line:
    """The titles; the column that orders the list carries an arrow."""
    spans: list[Span] = []
    for column in columns:
        sorts = column.name == sort
        arrow = ("▲" if reverse else "▼") if sorts else ""
        right = column.right or (column.name == "cost" and column.width < _WITH_BAR)
        gap = "" if column is columns[-1] else " "
        if len(column.title) < column.width:
            shown = fit(column.title + arrow, column.width, right=right) + gap
        else:
            shown = fit(column.title, column.width) + (arrow or gap)
        spans.append(Span(shown, "strong" if sorts else ""))
    return tuple(spans)


def ticking(run: Run, now: float) -> dict[str, str]:
    """What of a line moves with the clock alone, by column."""
    if run.status is Status.QUEUED:
        return {"why": why(run, now)}
    moves = {"quiet": quiet(run, now), "tool": elapsed(run, now)}
    if run.status is Status.WAITING and run.due_at:
        moves["why"] = why(run, now)
    return moves


def quiet(run: Run, now: float) -> str:
    """Age of the last sign of life; of a run at rest, how long it has been there."""
    if run.status is Status.QUEUED:
        return "–"
    since = run.rested_at if run.at_rest and run.rested_at else run.last_event_at
    return formats.age(now - since)


def elapsed(run: Run, now: float) -> str:
    """How long the tool in flight has been at it."""
    return formats.age(now - run.tool_since) if run.tool_since is not None and run.tool else ""


def paint_row(
    run: Run, columns: list[Column], now: float, *, bars: str, at_cursor: bool, marked: bool, within: bool = False
) -> Line:
    """The line of one run; `bars` are its sparkline, `within` a group it is set in."""
    place = standing(run)
    row_tone = "dim" if place.tone == "dim" else ""
    loud = place.tone if place.tone in ("needs", "warn") else row_tone
    spans: list[Span] = []
    for column in columns:
        if column.name == "lead":
            mark = "◆" if marked else "▌" if at_cursor else " "
            spans.append(Span(mark, "key"))
            spans.append(Span(f"{glyph(place.name)} ", loud))
            continue
        gap = "" if column is columns[-1] else " "
        if column.name == "cost" and column.width >= _WITH_LIMIT:
            spans += [*_cost_of_limit(run, column.width, now, row_tone), Span(gap)]
            continue
        if column.name == "since":
            spans.append(Span(fit(bars, column.width, right=True) + gap, loud if stuck(run, bars) else "dim"))
            continue
        text, tone = _cell(run, column, now, row_tone, loud)
        if within and column.name == "agent":
            text = f"  {text}"
        spans.append(Span(fit(text, column.width, right=column.right) + gap, tone))
    return line(*spans)


def _cell(run: Run, column: Column, now: float, row_tone: str, loud: str) -> tuple[str, str]:
    width = column.width
    match column.name:
        case "agent":
            return run.agent, loud
        case "run":
            return short(run.run), row_tone or "dim"
        case "status":
            return standing(run).word, loud
        case "task":
            return task(run), row_tone
        case "step":
            return _step(run, width), row_tone
        case "tool":
            return _tool(run, width, now), row_tone
        case "quiet":
            return quiet(run, now), row_tone
        case "tokens":
            return formats.count(run.tokens) if run.tokens else "–", row_tone
        case "cost":
            return _cost(run, width), row_tone
    return why(run, now), "call" if loud == "needs" else loud


def task(run: Run) -> str:
    """What it is at: its own words for the task, else its progress, else the step's name, else the goal."""
    if run.task:
        return run.task
    if run.progress_label and run.progress_done is not None:
        of = f" of {formats.quantity(run.progress_of)}" if run.progress_of else ""
        return f"{run.progress_label} {formats.quantity(run.progress_done)}{of}"
    return run.step_name or run.goal


def _step(run: Run, width: int) -> str:
    if not run.step:
        return "–"
    shown = str(run.step)
    return shown if len(shown) <= width else formats.count(run.step)


def _tool(run: Run, width: int, now: float) -> str:
    if not run.tool:
        return "–"
    took = elapsed(run, now)
    if width < 16 or not took:
        return run.tool
    room = width - len(took) - 1
    return f"{fit(run.tool, room)} {took}"


def _cost(run: Run, width: int) -> str:
    return fit(formats.money(run.cost_usd) if run.cost_usd else "–", width, right=True)


def _cost_of_limit(run: Run, width: int, now: float, tone: str) -> list[Span]:
    """The cost, and how much of the tightest limit is used: as a bar too where there is room."""
    with_bar = width >= _WITH_BAR
    spent = Span(_cost(run, 7), tone)
    near = tightest(run, now)
    if near is None:
        goes_on = run.attempt and not run.at_rest
        said = "" if not goes_on else " no limit" if with_bar else " none"
        return [spent, Span(fit(said, width - 7), "dim")]
    percent = formats.percent(near[1])
    if not with_bar:
        return [spent, Span(fit(f"{percent}%", width - 7, right=True), tone)]
    full = near[1] >= NEAR_LIMIT
    bar = Span(f" {formats.bar(near[1], 6)}", "text" if full and not tone else "dim")
    return [spent, bar, Span(fit(percent, 4, right=True), tone)]

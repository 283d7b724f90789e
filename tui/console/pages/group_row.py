"""The line of the list that stands for several runs."""

from __future__ import annotations

from collections.abc import Sequence

from store.records import Run
from tui.console import formats
from tui.console.groups import Group, most_urgent, tally
from tui.console.lines import Line, Span, clip, fit, line
from tui.console.pages.fleet_row import Column
from tui.console.standing import glyph, standing, why

_LOUD = frozenset({"needs", "warn"})


def paint_group(
    group: Group, runs: Sequence[Run], columns: list[Column], now: float, *, at_cursor: bool, marked: int = 0
) -> Line:
    """The line of a group: what its runs have in common, and their sums; its glyph is that of the most urgent.

    `marked` of its runs are.
    """
    place = standing(most_urgent(runs))
    loud = place.tone if place.tone in _LOUD else "dim" if place.tone == "dim" else ""
    tools = {run.tool for run in runs if run.tool}
    wide = {column.name for column in columns}
    shown = {
        "status": place.word,
        "task": counts(runs),
        "tool": next(iter(tools)) if len(tools) == 1 else "",
        "quiet": formats.age(now - _quiet_since(runs, now)),
        "tokens": formats.count(tokens) if (tokens := sum(run.tokens for run in runs)) else "–",
        "why": _why(group, runs, now) or ("" if "task" in wide else counts(runs)),
    }
    mark = "◆" if marked == len(runs) else "◇" if marked else "▌" if at_cursor else " "
    spans = [Span(mark, "key"), Span(f"{glyph(place.name)} ", loud)]
    spent, number = sum(run.cost_usd for run in runs), f" ×{len(runs)}"
    for column in columns[1:]:
        tone = loud if column.name in ("agent", "status") else ""
        if column.name == "agent":
            arrow = "▸" if group.folded else "▾"
            shown["agent"] = f"{arrow} {clip(_whose(runs), column.width - 2 - len(number))}{number}"
        elif column.name == "cost":
            shown["cost"] = fit(formats.money(spent) if spent else "–", min(7, column.width), right=True)
        elif column.name == "why":
            tone = "call" if loud == "needs" else loud
        gap = "" if column is columns[-1] else " "
        spans.append(Span(fit(shown.get(column.name, ""), column.width, right=column.right) + gap, tone))
    return line(*spans)


def counts(runs: Sequence[Run]) -> str:
    """How many stand where: `2 need you, 38 running`."""
    words = {"needs you": "need you"}
    return ", ".join(f"{number} {words.get(word, word) if number != 1 else word}" for word, number in tally(runs))


def _quiet_since(runs: Sequence[Run], now: float) -> float:
    """When the live one that has been quiet longest was heard of; of rested ones, when the last came to rest."""
    live = [run.last_event_at for run in runs if not run.at_rest]
    return min(live) if live else max((run.rested_at or run.last_event_at for run in runs), default=now)


def _why(group: Group, runs: Sequence[Run], now: float) -> str:
    match group.common.kind:
        case "dependency":
            due = min((run.due_at for run in runs if run.due_at), default=None)
            when = f"{'next try' if due > now else 'try was due'} {formats.clock(due)}: " if due else ""
            return f"{when}{group.common.name} is down"
        case "reason":
            return why(runs[0], now)
    urgent = most_urgent(runs)
    return why(urgent, now) if standing(urgent).rank <= 3 else ""


def _whose(runs: Sequence[Run]) -> str:
    agents = {run.agent for run in runs}
    return next(iter(agents)) if len(agents) == 1 else common_name(agents)


def common_name(agents: set[str]) -> str:
    """What the names of agents begin with alike, else a plain word."""
    first, last = min(agents), max(agents)
    alike = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    common = first[:alike].rstrip("-_. 0123456789")
    return common if len(common) >= 3 else "agents"

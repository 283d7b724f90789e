"""The side under the fleet for a folded line: what its runs have in common, and what the breaker says."""

from __future__ import annotations

from collections.abc import Sequence

from store.records import Json, Run
from tui.console import formats
from tui.console.fleet_model import Group
from tui.console.lines import EMPTY, Line, Span, clip_line, line, rule
from tui.console.pages.breakers import breaker_facts
from tui.console.pages.detail import answers
from tui.console.verdict import Answer, Verdict


def group_detail(
    group: Group, runs: Sequence[Run], breaker: dict[str, Json] | None, now: float, width: int, height: int
) -> list[Line]:
    """At most `height` lines about a group."""
    title = line(Span(f"{len(runs)} runs wait for ", "dim"), Span(group.cause, "strong"))
    lines = [rule(title, width, line(Span("enter unfolds them" if group.folded else "enter folds them", "dim")))]
    lines += answers(group_verdict(runs, now), width, short=width < 100 or height < 17)
    if breaker is not None and height > 9:
        lines += [EMPTY, rule(line(Span("its breaker, shared by all agents of this home", "dim")), width)]
        lines += breaker_facts(breaker, len(runs), now, width)
    return [clip_line(row, width) for row in lines[:height]]


def group_verdict(runs: Sequence[Run], now: float) -> Verdict:
    """The five answers about runs that wait together."""
    number = len(runs)
    kept = sum(run.checkpoint is not None for run in runs)
    newest = max((run.progress_at or 0.0 for run in runs), default=0.0)
    flying = sum(len(run.in_flight) for run in runs)
    progress = f"Last progress of any of them {formats.ago(now - newest)}." if newest else "None was reported so far."
    pause = f"Nothing in flight in any of the {number}." if not flying else f"{flying} actions are in flight."
    return Verdict(
        stuck=Answer("WAITING", f"All {number} are held before a call. They go on by themselves."),
        progress=Answer("HELD", progress),
        pause=Answer("YES" if not flying else "NOT YET", pause),
        resume=Answer("YES", f"No action of yours is needed. {kept} of {number} have a checkpoint."),
        terminate=Answer("NO", "Nothing is lost by waiting. p pauses all of them."),
    )

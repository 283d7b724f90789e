"""The actions of a run that were let begin and have not ended: what they are, since when, and what is usual."""

from __future__ import annotations

from collections.abc import Sequence

from store.records import Action, Run
from tui.console import formats
from tui.console.can import name
from tui.console.lines import EMPTY, Line, Span, line, rule
from tui.console.pages.json_lines import json_lines
from tui.console.pages.questions import fact
from tui.console.recent import Recent


def in_flight_page(run: Run, actions: Sequence[Action], recent: Recent, now: float, width: int) -> list[Line]:
    """The whole page; `actions` as the store holds them, which may lag behind `run` by a moment."""
    known = {action.id: action for action in actions}
    if not run.in_flight:
        return [EMPTY, line(f"  {name(run)} has nothing in flight."), *_replayable(actions)]
    lines: list[Line] = [EMPTY]
    for pending in run.in_flight:
        action = known.get(pending.id)
        doubtful = run.pid is None or (action is not None and action.in_doubt)
        word = "IN DOUBT" if doubtful else "IN FLIGHT"
        title = line(Span(pending.tool, "strong"), "  ", Span(word, "needs" if doubtful else "dim"))
        lines.append(rule(title, width))
        lines += _times(pending.tool, pending.began_at, doubtful, recent, now, width)
        safe = "yes: it can be done again" if pending.idempotent else "no: doing it twice would do it twice"
        lines += fact("safe again", safe, width)
        if action is not None:
            if action.key:
                lines += fact("key", action.key, width)
            if action.check_hint:
                lines += fact("look here", action.check_hint, width, "strong")
            lines.append(line(Span("  arguments", "dim")))
            lines += [line("    ", row) for row in json_lines(action.args, width - 5)]
        lines.append(EMPTY)
    return lines + _replayable(actions)


def _times(tool: str, began_at: float, doubtful: bool, recent: Recent, now: float, width: int) -> list[Line]:
    usual = recent.usual_s.get(tool)
    beside = f"   usual {formats.span(usual)}" if usual is not None else ""
    if doubtful:
        return fact(
            "begun",
            f"{formats.moment(began_at, now)}, {formats.ago(now - began_at)}; its process is gone{beside}",
            width,
        )
    return fact("running", f"{formats.span(now - began_at)}, since {formats.clock(began_at)}{beside}", width)


def _replayable(actions: Sequence[Action]) -> list[Line]:
    kept = [action for action in actions if action.ended_at is not None]
    if not kept:
        return []
    number = formats.plural(len(kept), "finished action")
    return [EMPTY, line(Span(f"  {number} since the last checkpoint: on record, not done again on a resume.", "dim"))]

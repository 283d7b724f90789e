"""What of the record is told in the message line: what came to rest, and what needs a person; never a mere step."""

from __future__ import annotations

from collections.abc import Iterable

from store.events import Kind
from store.records import Event, Run
from tui.console.can import name
from tui.console.standing import needs_you
from tui.console.state import State

RECALLED = 6
"""With so many messages the line begins."""

_TOLD = frozenset({"paused", "stopped", "needs_review", "completed", "killed"})


def recall(state: State) -> None:
    """Begin the message line with what came to rest last, unless something is said there already."""
    if not state.notes:
        rested = [run for run in state.model.runs.values() if run.rested_at is not None]
        for run in sorted(rested, key=lambda run: run.rested_at or 0.0)[-RECALLED:]:
            _tell_rest(state, run, str(run.status), run.why, run.rested_at or 0.0)


def tell(state: State, events: Iterable[Event]) -> None:
    """Say what a person would want to have seen of `events`."""
    for event in events:
        if event.kind != Kind.STATUS or event.body.get("to") not in _TOLD:
            continue
        run = state.run(event.run)
        if run is not None:
            to = str(event.body["to"])
            reason = str(event.body.get("reason") or "")
            said = str(event.body.get("why") or (reason if reason.lower() != to else ""))
            _tell_rest(state, run, to, said, event.at)


def _tell_rest(state: State, run: Run, to: str, said: str, at: float) -> None:
    word = "needs you" if to == "needs_review" else to
    loud = to == "needs_review" or (to in ("paused", "stopped") and needs_you(run))
    whose = name(run) if state.model.runs_of[run.agent] > 1 else run.agent
    state.note(f"{whose} {word}{f': {said}' if said else ''}", "call" if loud else "", run.run, at)

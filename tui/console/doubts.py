"""What a run that needs review asks: actions of which nobody knows whether they happened, and calls told anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from store.events import Kind
from store.records import Action, Event, Json, Run


class Doubt(NamedTuple):
    """One question."""

    id: str
    """Of the action, as `resolve` wants it."""
    tool: str
    args: Json
    began_at: float
    idempotent: bool
    hint: str
    why: str
    """Empty where the question is simply whether it happened."""
    before: dict[str, Json] | None = None
    """The recorded call that a held one may be a new wording of."""


def doubts(run: Run, events: Iterable[Event], actions: Sequence[Action]) -> list[Doubt]:
    """The open questions of `run`, oldest first; `events` are its latest."""
    held: dict[str, Doubt] = {}
    for event in events:
        if event.kind == Kind.HELD and event.body.get("question"):
            held[str(event.body.get("id"))] = _held(run, event, actions)
        elif event.kind == Kind.RESOLVED:
            held.pop(str(event.body.get("id")), None)
        elif event.kind == Kind.ATTEMPT_STARTED:
            held.clear()
    open_ones = [
        Doubt(one.id, one.tool, one.args, one.began_at, one.idempotent, one.check_hint or "", "")
        for one in actions
        if one.ended_at is None and (one.in_doubt or run.pid is None)
    ]
    return [*open_ones, *(doubt for doubt in held.values() if doubt.id not in {one.id for one in open_ones})]


def _held(run: Run, event: Event, actions: Sequence[Action]) -> Doubt:
    body = event.body
    tool, args = str(body.get("tool") or ""), body.get("args")
    why = str(body.get("why") or "held for your answer")
    return Doubt(str(body.get("id")), tool, args, event.at, False, "", why, _before(run, tool, args, actions))


def _before(run: Run, tool: str, args: Json, actions: Sequence[Action]) -> dict[str, Json] | None:
    """The evidence is that of the first question; for a later one the record has what was done."""
    calls = run.evidence.get("calls")
    known = [one for one in calls if isinstance(one, dict)] if isinstance(calls, list) else []
    if known and known[0].get("tool") == tool and (len(known) == 1 or known[1].get("args") == args):
        return known[0]
    for one in actions:
        if one.tool == tool and one.ended_at is not None:
            return {"tool": tool, "args": one.args, "result": "unavailable" if one.unavailable else one.result}
    return None

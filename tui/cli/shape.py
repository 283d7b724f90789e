"""The JSON shapes that other tools rely on: runs, events, checkpoints, transitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from store.events import Kind
from store.records import Action, CheckpointRef, Event, Json, Run
from tui.cli import doubts
from tui.cli.words import iso
from tui.console.doubts import doubts as questions


def run(now: Run) -> dict[str, Json]:
    """One object of `ps --json`."""
    return {
        "run": now.run,
        "agent": now.agent,
        "goal": now.goal,
        "status": str(now.status),
        "reason": str(now.reason) if now.reason else None,
        "why": now.why,
        "task": now.task,
        "step": now.step,
        "tool": now.tool or None,
        "attempt": now.attempt,
        "created_at": iso(now.created_at),
        "started_at": iso(now.started_at),
        "last_event_at": iso(now.last_event_at),
        "rested_at": iso(now.rested_at),
        "tokens": now.tokens,
        "cached_tokens": now.cached_tokens,
        "cost_usd": round(now.cost_usd, 6),
        "limits": now.limits,
        "actions": now.actions,
        "in_flight": len(now.in_flight),
        "progress": _progress(now),
        "checkpoint": _last_checkpoint(now.checkpoint),
        "checkpoints": now.checkpoints,
        "resumable": now.resumable,
        "pause_asked": now.pause_asked,
        "held": now.held,
        "parks_at": iso(now.parks_at),
        "frozen": now.frozen,
        "parked": now.parked,
        "restarts": now.restarts,
    }


def _progress(now: Run) -> dict[str, Json] | None:
    if now.progress_at is None:
        return None
    return {
        "label": now.progress_label,
        "done": now.progress_done,
        "of": now.progress_of,
        "time": iso(now.progress_at),
    }


def _last_checkpoint(ref: CheckpointRef | None) -> dict[str, Json] | None:
    if ref is None:
        return None
    return {"number": ref.number, "step": ref.step, "label": ref.label, "time": iso(ref.at)}


def checkpoint(ref: CheckpointRef) -> dict[str, Json]:
    """One object of `checkpoints --json`."""
    return {
        "number": ref.number,
        "step": ref.step,
        "label": ref.label,
        "time": iso(ref.at),
        "attempt": ref.attempt,
        "size_bytes": ref.size_bytes,
        "digest": ref.digest,
    }


def action(one: Action) -> dict[str, Json]:
    """One of `actions_in_flight`."""
    return {
        "id": one.id,
        "tool": one.tool,
        "args": one.args,
        "began_at": iso(one.began_at),
        "in_doubt": one.in_doubt,
        "idempotent": one.idempotent,
        "key": one.key,
        "attempt": one.attempt,
        "check_hint": one.check_hint,
    }


def event(one: Event) -> dict[str, Json]:
    """One object of `events --json`."""
    return {
        "seq": one.seq,
        "run": one.run,
        "prev": one.prev,
        "at": iso(one.at),
        "attempt": one.attempt,
        "kind": one.kind,
        "body": one.body,
    }


def transitions(events: Iterable[Event]) -> list[dict[str, Json]]:
    """Every change of status among `events`, in their order."""
    return [
        {
            "at": iso(one.at),
            "from": one.body.get("from"),
            "to": one.body.get("to"),
            "cause": one.body.get("cause"),
            "reason": one.body.get("reason"),
            "why": one.body.get("why"),
            "attempt": one.attempt,
            "event": one.seq,
        }
        for one in events
        if one.kind == Kind.STATUS
    ]


def judged(events: Iterable[Event]) -> list[dict[str, Json]]:
    """What a model judge said, oldest first."""
    return [{"at": iso(one.at), "event": one.seq} | one.body for one in events if one.kind == Kind.JUDGED]


def whole(now: Run, actions: Sequence[Action], events: Sequence[Event], refs: Iterable[CheckpointRef]) -> Json:
    """The object of `show --json`."""
    asked = questions(now, events, actions)
    return run(now) | {
        "pid": now.pid,
        "command": list(now.command),
        "cwd": now.cwd,
        "forked_from": now.forked_from or None,
        "actions_in_flight": [action(one) for one in actions if one.ended_at is None],
        "questions": [doubts.shape(one, events) for one in asked],
        "evidence": now.evidence,
        "judged": judged(events),
        "transitions": transitions(events),
        "checkpoints": [checkpoint(ref) for ref in refs],
    }

"""What a run looks like now, folded from its events one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from store.events import OF_THE_AGENT, Kind
from store.records import CheckpointRef, Event, Pending, Run, Warned
from store.states import AT_REST, GOING, RESUMABLE, Status, StopReason

Changes = dict[str, Any]

SAID_CHARS = 4000
"""Of an agent's last words that the projection carries along."""


def project(run: Run | None, event: Event) -> Run | None:
    """Return `run` after `event`.  Gives None for an event of a run whose creation was never seen."""
    if run is None:
        return _created(event) if event.kind == Kind.CREATED else None
    changes: Changes = {"last_seq": event.seq}
    if event.kind in OF_THE_AGENT:
        changes["last_event_at"] = event.at
    fold = _FOLDS.get(event.kind)
    if fold is not None:
        fold(run, event, event.body, changes)
    if event.kind in _TIMED or run.gated:
        _time(run, event, changes)
    return replace(run, **changes)


def _created(event: Event) -> Run:
    body = event.body
    return Run(
        run=event.run,
        agent=body["agent"],
        goal=body["goal"],
        created_at=event.at,
        last_event_at=event.at,
        command=tuple(body.get("command") or ()),
        cwd=body.get("cwd") or "",
        limits=body.get("limits") or {},
        forked_from=body.get("forked_from") or "",
        last_seq=event.seq,
    )


def _move(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    status = Status(body["to"])
    changes["status"] = status
    changes["held"] = bool(body.get("held"))
    changes["frozen"] = bool(body.get("frozen"))
    changes["parks_at"] = body.get("parks_at")
    changes["due_at"] = body.get("due_at")
    changes["resuming"] = bool(body.get("resuming"))
    if body.get("checkpoint") is not None:
        changes.update(resumes_from=body["checkpoint"], went_back=bool(body.get("went_back")))
    changes["waits_for"] = body.get("waits_for") or ""
    changes["dependency"] = body.get("dependency") or ""
    if status in AT_REST:
        changes["rested_at"] = event.at
        # In review a pause stays asked for: the last answer then leads to it.
        changes["pause_asked"] = run.pause_asked and status is Status.NEEDS_REVIEW
        changes["reason"] = StopReason(body["reason"]) if body.get("reason") else run.reason
        changes["why"] = body.get("why") or ""
        changes["evidence"] = body.get("evidence") or {}
    elif status not in (Status.STOPPING, Status.KILLING, Status.PAUSING):
        changes.update(rested_at=None, reason=None, evidence={}, why=body.get("why") or "")
    elif body.get("reason"):
        # Kept, so that a successor can finish what a dead runtime began.
        changes["reason"] = StopReason(body["reason"])
        changes["why"] = body.get("why") or ""
        changes["evidence"] = body.get("evidence") or {}
    if run.status in AT_REST and status not in AT_REST:
        changes["warned"] = None


def _attempt_started(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    changes["pid"] = body["pid"]
    if body.get("adopted"):
        return
    changes.update(attempt=event.attempt, sdk=False, tool="", tool_since=None, last_event_at=event.at)
    changes.update(said="", said_message="", lingers="", went_back=False)
    changes["restarts"] = run.restarts + (1 if body.get("restarted") else 0)
    if run.started_at is None:
        changes["started_at"] = event.at
    if body.get("checkpoint") is None:
        changes.update(step=0, step_name="")
    elif run.checkpoint is not None:
        changes.update(step=run.checkpoint.step, step_name="")


def _attempt_ended(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    changes.update(pid=None, tool="", tool_since=None, held=False, frozen=False, parks_at=None)
    changes["lingers"] = ""


def _pause_asked(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    changes["pause_asked"] = True
    changes["waits_for"] = body.get("waits_for") or ""


def _hello(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    changes.update(sdk=True, goal=run.goal or body.get("goal") or "")


def _step_begin(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    changes["step"] = body["n"]
    changes["step_name"] = body.get("name") or ""
    changes["steps"] = run.steps + 1


def _usage(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    changes["input_tokens"] = run.input_tokens + (body.get("input_tokens") or 0)
    changes["output_tokens"] = run.output_tokens + (body.get("output_tokens") or 0)
    changes["cached_tokens"] = run.cached_tokens + (body.get("cached_tokens") or 0)
    changes["cost_usd"] = run.cost_usd + (body.get("cost_usd") or 0.0)


def _progress(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    changes.update(
        progress_label=body.get("label") or "",
        progress_done=body.get("done"),
        progress_of=body.get("of"),
        progress_at=event.at,
    )


def _action_begin(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    action = Pending(body["id"], body["tool"], event.at, bool(body.get("idempotent")))
    changes["in_flight"] = (*(p for p in run.in_flight if p.id != action.id), action)
    changes["actions"] = run.actions + 1
    changes["overlapped"] = run.overlapped or bool(run.in_flight)
    changes["tool"] = action.tool
    changes["tool_since"] = event.at


def _action_gone(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    left = tuple(p for p in run.in_flight if p.id != body["id"])
    changes["in_flight"] = left
    changes["tool"] = left[-1].tool if left else ""
    changes["tool_since"] = left[-1].began_at if left else None
    if event.kind == Kind.ACTION_END:
        _usage(run, event, body.get("usage") or {}, changes)


def _checkpoint(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    changes["checkpoint"] = CheckpointRef(
        number=body["number"],
        step=body["step"],
        label=body.get("label"),
        at=event.at,
        size_bytes=body["size_bytes"],
        digest=body["digest"],
        attempt=event.attempt,
    )
    changes["checkpoints"] = run.checkpoints + 1
    changes["resumes_from"] = body["number"]


def _ruling(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    if body["level"] in ("warn", "steer"):
        changes["warned"] = Warned(body["rule"], body["level"], body["summary"], event.at, event.seq)


def _status(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    _move(run, event, body, changes)
    if body["to"] == Status.KILLED:
        changes.update(checkpoint=None, checkpoints=0, in_flight=(), tool="", tool_since=None, pid=None)


def _set(**fixed: Any) -> Callable[[Run, Event, Changes, Changes], None]:
    def fold(run: Run, event: Event, body: Changes, changes: Changes) -> None:
        changes.update(fixed)

    return fold


def _task(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    changes["task"] = body["name"]


def _complete(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    changes["said"] = "part" if body.get("child") else "complete"


def _fail(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    changes.update(said="part fail" if body.get("child") else "fail", said_message=body["message"][:SAID_CHARS])


def _lingers(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    changes["lingers"] = body["why"]
    if run.status in (Status.STARTING, Status.RUNNING):
        changes.update(why=body["why"], waits_for=body["waits_for"])


def _granted(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    changes["limits"] = run.limits | body["limits"]
    changes["granted"] = run.granted | body["limits"]


def _accepted(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    if body["signature"] not in run.accepted:
        changes["accepted"] = (*run.accepted, body["signature"])


def _judged(run: Run, event: Event, body: Changes, changes: Changes) -> None:
    used = {"calls": 1.0, "cost_usd": body.get("cost_usd") or 0.0}
    used["tokens"] = float((body.get("input_tokens") or 0) + (body.get("output_tokens") or 0))
    changes["judged"] = {name: run.judged.get(name, 0.0) + value for name, value in used.items()}


def _time(run: Run, event: Event, changes: Changes) -> None:
    """Count the time for which a run is going: starting or running, and held by nothing of ours."""
    status, gated = changes.get("status", run.status), run.gated
    ident = str(event.body.get("id") or "")
    if event.kind == Kind.HELD and not event.body.get("behind"):
        gated = (*(held for held in gated if held != ident), ident)
    elif event.kind == Kind.ATTEMPT_ENDED or (event.kind == Kind.STATUS and status in GOING):
        gated = ()
    elif event.kind in HOLD_ENDS or event.kind == Kind.HELD:
        gated = tuple(held for held in gated if held != ident)
    if event.kind in OF_THE_AGENT:
        gated = tuple(held for held in gated if held)
    changes["gated"] = gated
    going_s, since = run.going_s, run.going_since
    if since is not None:
        # What the wall clock jumped over did not pass.
        going_s += max(0.0, event.at - since - max(0.0, event.body.get("by_s") or 0.0))
    changes.update(going_s=going_s, going_since=event.at if status in GOING and not gated else None)
    if event.kind == Kind.STATUS and run.status in RESUMABLE and status in GOING:
        changes["resumed_s"] = going_s


HOLD_ENDS = frozenset({Kind.ACTION_BEGIN, Kind.ACTION_WITHDRAWN, Kind.REFUSED, Kind.REPLAYED})
"""What becomes of a call that waited at the gate."""

_TIMED = frozenset({Kind.STATUS, Kind.HELD, Kind.ATTEMPT_ENDED, Kind.RULING})

_FOLDS: dict[str, Callable[[Run, Event, Changes, Changes], None]] = {
    Kind.STATUS: _status,
    Kind.ATTEMPT_STARTED: _attempt_started,
    Kind.ATTEMPT_ENDED: _attempt_ended,
    Kind.PAUSE_ASKED: _pause_asked,
    Kind.PAUSE_WITHDRAWN: _set(pause_asked=False, waits_for=""),
    Kind.RULING: _ruling,
    Kind.HELLO: _hello,
    Kind.STEP_BEGIN: _step_begin,
    Kind.TASK: _task,
    Kind.USAGE: _usage,
    Kind.PROGRESS: _progress,
    Kind.ACTION_BEGIN: _action_begin,
    Kind.ACTION_END: _action_gone,
    Kind.ACTION_WITHDRAWN: _action_gone,
    Kind.RESOLVED: _action_gone,
    Kind.CHECKPOINT: _checkpoint,
    Kind.LINGERS: _lingers,
    Kind.COMPLETE: _complete,
    Kind.FAIL: _fail,
    Kind.GRANTED: _granted,
    Kind.ACCEPTED: _accepted,
    Kind.JUDGED: _judged,
}

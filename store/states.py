"""The life of a run: its statuses, its stop reasons, and the one table of allowed transitions."""

from __future__ import annotations

from enum import StrEnum

from store.errors import IllegalTransition


class Status(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    """Accepted, its process not yet asked for."""
    STARTING = "starting"
    """Its process is being created, or has not yet shown a sign of life."""
    RUNNING = "running"
    WAITING = "waiting"
    """Made to wait: a back-off, an open breaker, or a restart that is due."""
    PAUSING = "pausing"
    """Asked to pause, on its way to the next safe point."""
    PAUSED = "paused"
    """Held at a safe point (process alive) or parked (process gone)."""
    NEEDS_REVIEW = "needs_review"
    """A person must say what happened to an action before the run may go on."""
    STOPPING = "stopping"
    """Its process tree is being ended."""
    STOPPED = "stopped"
    KILLING = "killing"
    KILLED = "killed"
    COMPLETED = "completed"


class StopReason(StrEnum):
    """Why a run is not running; never just "failed"."""

    COMPLETED = "COMPLETED"
    LOOP_DETECTED = "LOOP_DETECTED"
    NO_PROGRESS = "NO_PROGRESS"
    BUDGET_EXCEEDED = "BUDGET_EXCEEDED"
    RETRY_LIMIT_REACHED = "RETRY_LIMIT_REACHED"
    TOOL_FAILURE = "TOOL_FAILURE"
    TIMEOUT = "TIMEOUT"
    STALLED = "STALLED"
    USER_PAUSED = "USER_PAUSED"
    AGENT_CRASHED = "AGENT_CRASHED"
    AGENT_FAILED = "AGENT_FAILED"
    RUNTIME_LOST = "RUNTIME_LOST"
    USER_KILLED = "USER_KILLED"


S = Status

AT_REST = frozenset({S.PAUSED, S.STOPPED, S.NEEDS_REVIEW, S.COMPLETED, S.KILLED})
FINAL = frozenset({S.COMPLETED, S.KILLED})
RESUMABLE = frozenset({S.PAUSED, S.STOPPED})
GOING = frozenset({S.STARTING, S.RUNNING})
"""Statuses in which the run itself spends the time."""

_LIVE_EXITS = frozenset({S.NEEDS_REVIEW, S.STOPPING, S.KILLING})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    S.QUEUED: frozenset({S.STARTING, S.KILLED}),
    S.STARTING: frozenset({S.RUNNING, S.STOPPED, S.COMPLETED}) | _LIVE_EXITS,
    S.RUNNING: frozenset({S.WAITING, S.PAUSING, S.COMPLETED}) | _LIVE_EXITS,
    S.WAITING: frozenset({S.RUNNING, S.STARTING, S.PAUSING, S.COMPLETED}) | _LIVE_EXITS,
    S.PAUSING: frozenset({S.PAUSED, S.RUNNING, S.COMPLETED, S.STOPPED}) | _LIVE_EXITS,
    # To itself: what is held is frozen where it could not be parked.
    S.PAUSED: frozenset({S.PAUSED, S.RUNNING, S.STARTING, S.COMPLETED}) | _LIVE_EXITS,
    S.NEEDS_REVIEW: frozenset({S.STARTING, S.RUNNING, S.PAUSED, S.STOPPING, S.KILLING}),
    S.STOPPING: frozenset({S.STOPPED, S.WAITING, S.PAUSED, S.COMPLETED, S.NEEDS_REVIEW, S.KILLING}),
    S.STOPPED: frozenset({S.STARTING, S.NEEDS_REVIEW, S.KILLING}),
    S.KILLING: frozenset({S.KILLED}),
    S.KILLED: frozenset(),
    S.COMPLETED: frozenset(),
}
"""Every allowed change of status.  A process that ended is `stopping` until its whole tree is gone; from there
the run stops, completes, waits for a restart that is due, or is parked."""


def check_transition(run: str, before: Status, after: Status) -> None:
    """Raise `IllegalTransition` unless a run may go from `before` to `after`."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"run {run} cannot go from {before} to {after}")

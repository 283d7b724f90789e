"""Which keys can work on a run now, and if one cannot, why: one sentence, the same in footer, palette and message."""

from __future__ import annotations

from collections.abc import Callable

from store.records import Run
from store.states import FINAL, Status, StopReason
from tui.console.lines import clip

LONGEST_NAME = 28
"""Cells of an agent's name within a sentence."""


def name(run: Run) -> str:
    """How a run is called in a sentence."""
    return f"{clip(run.agent, LONGEST_NAME)} {short(run.run)}"


def short(run: str) -> str:
    """A run's id as lists show it."""
    return run[:6]


def refusal(action: str, run: Run | None, *, read_only: bool = False) -> str:
    """Why `action` cannot be done to `run` now; empty where it can."""
    if action in _ACTING and read_only:
        return "This console is read-only: leave it and attach without --read-only to act."
    if run is None:
        return "No run is selected." if action in _NEEDS_RUN else ""
    check = _CHECKS.get(action)
    return check(run) if check else ""


def _pause(run: Run) -> str:
    match run.status:
        case Status.PAUSED:
            if run.held:
                return ""
            depth = "frozen" if run.frozen else "parked"
            return f"{name(run)} is paused already ({depth})."
        case Status.QUEUED:
            return f"{name(run)} has not begun: wait until it runs, or kill it."
        case Status.STOPPED | Status.COMPLETED | Status.KILLED:
            return f"{name(run)} is {run.status}: there is no process to pause."
        case Status.STOPPING | Status.KILLING:
            return f"{name(run)} is ending already."
        case Status.NEEDS_REVIEW if run.pause_asked:
            return f"{name(run)} will be paused once its question is answered: press d."
    return ""


def _resume(run: Run) -> str:
    match run.status:
        case Status.PAUSED | Status.STOPPED | Status.PAUSING:
            return ""
        case Status.NEEDS_REVIEW:
            return f"{name(run)} needs an answer first: press d."
        case Status.COMPLETED:
            return f"{name(run)} is complete: there is nothing to resume."
        case Status.KILLED:
            return f"{name(run)} was killed: that cannot be undone."
        case Status.WAITING:
            return f"{name(run)} goes on by itself."
    return f"{name(run)} is {run.status}: only what is paused or stopped can be resumed."


def _kill(run: Run) -> str:
    if run.status in FINAL:
        return f"{name(run)} is {run.status} already: there is nothing to kill."
    return f"{name(run)} is being killed already." if run.status is Status.KILLING else ""


def _doubt(run: Run) -> str:
    return "" if run.status is Status.NEEDS_REVIEW else f"{name(run)} has no question for you."


def _accept(run: Run) -> str:
    if run.reason is not StopReason.LOOP_DETECTED or not run.resumable:
        return f"{name(run)} was not stopped for a repetition."
    return ""


def _checkpoints(run: Run) -> str:
    if run.checkpoints:
        return ""
    gone = run.status is Status.KILLED
    return f"{name(run)} has no checkpoints{' any more: it was killed' if gone else ' yet'}."


def _fork(run: Run) -> str:
    if run.status is Status.KILLED:
        return f"{name(run)} was killed: its checkpoints are gone, so nothing can be forked from it."
    return "" if run.checkpoints else f"{name(run)} has no checkpoints yet: a fork begins from one."


_CHECKS: dict[str, Callable[[Run], str]] = {
    "pause": _pause,
    "resume": _resume,
    "kill": _kill,
    "doubt": _doubt,
    "accept": _accept,
    "checkpoints": _checkpoints,
    "fork": _fork,
}
_NEEDS_RUN = frozenset(
    {*_CHECKS, "why", "in_flight", "log", "inspect", "copy", "mark"},
)
_ACTING = frozenset({"pause", "resume", "kill", "doubt", "accept", "fork", "quit_all", "start_runtime", "breaker"})

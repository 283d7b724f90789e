"""What a line of `run --headless` says of an event; most events are no line."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from store.events import Kind
from store.records import Event, Json, Run
from store.states import Status, StopReason
from tui.cli.words import limit, progress
from tui.console import formats, standing
from tui.plain import plain


class Change(msgspec.Struct, frozen=True):
    """Something about a run that is worth a line."""

    what: str
    """started, attempt, step, status, ruling, ended or granted."""
    text: str
    often: bool = False
    """Comes so often that a person wants only some of them."""


def change(run: Run, event: Event) -> Change | None:
    """What `event` changed about `run`, which already takes it in."""
    say = _SAYINGS.get(event.kind)
    return say(run, event) if say else None


def still(run: Run, now: float) -> str:
    """What a run is about, where a minute brought no change."""
    said = [f"still {standing.standing(run).word}"]
    if run.status in (Status.WAITING, Status.PAUSING) and (why := standing.why(run, now)):
        said.append(plain(why))
    said += _where(run)
    if run.tool and run.tool_since is not None:
        said.append(f"in {plain(run.tool)} for {formats.age(now - run.tool_since)}")
    return ", ".join(said)


def rested(run: Run) -> str:
    """How a run came to rest."""
    why = plain(run.why or str(run.evidence.get("summary") or ""))
    match run.status:
        case Status.COMPLETED:
            known = run.rested_at is not None and run.started_at is not None
            took = f", {formats.span((run.rested_at or 0.0) - (run.started_at or 0.0))}" if known else ""
            how = f", {why}" if why else ""
            return f"completed, {formats.plural(run.step, 'step')}, {formats.money(run.cost_usd)}{took}{how}"
        case Status.NEEDS_REVIEW:
            return f"NEEDS YOU: {plain(standing.why(run, run.rested_at or run.last_event_at))}"
        case Status.KILLED:
            return "KILLED"
    if run.reason is StopReason.USER_PAUSED:
        return _joined("paused by hand" if not why.startswith("by ") else f"paused {why}", "", _depth(run))
    by = " by rule" if run.status is Status.PAUSED else f" {run.reason}" if run.reason else ""
    word = standing.reason_word(run) if run.status is Status.PAUSED else ""
    said = ", ".join(part for part in (word, why) if part)
    return _joined(f"{str(run.status).upper()}{by}", said, "")


def _depth(run: Run) -> str:
    return "held at a safe point" if run.held else "frozen" if run.frozen else "parked"


def _joined(head: str, said: str, tail: str) -> str:
    return f"{head}{': ' + said if said else ''}{', ' + tail if tail else ''}"


def _where(run: Run) -> list[str]:
    said = [f"step {run.step}"] if run.step else []
    if done := progress(run) or plain(run.task):
        said.append(done)
    if run.cost_usd:
        said.append(formats.money(run.cost_usd))
    return said


def _attempt_started(run: Run, event: Event) -> Change:
    if event.body.get("adopted"):
        return Change("attempt", "taken over by a new runtime")
    if event.attempt > 1:
        number = event.body.get("checkpoint")
        begins = f"from checkpoint {number}" if number else "from the beginning"
        return Change("attempt", f"attempt {event.attempt} started, {begins}")
    limits = ", ".join(limit(name, value) for name, value in run.limits.items())
    return Change("started", f"started, limits {limits}" if limits else "started, no limit")


def _attempt_ended(run: Run, event: Event) -> Change | None:
    body = event.body
    if run.status is Status.PAUSED:
        return Change("ended", "parked")
    if body.get("signal"):
        return Change("ended", f"process ended by signal {plain(str(body['signal']))}")
    if body.get("exit_code"):
        return Change("ended", f"process ended with exit code {body['exit_code']}")
    return None


def _status(run: Run, event: Event) -> Change | None:
    if run.at_rest:
        return Change("status", rested(run))
    before = event.body.get("from")
    match run.status:
        case Status.WAITING:
            return Change("status", f"waiting: {plain(standing.why(run, event.at))}")
        case Status.PAUSING:
            return Change("status", plain(standing.why(run, event.at)))
        case Status.RUNNING if before in (Status.PAUSED, Status.PAUSING, Status.NEEDS_REVIEW, Status.WAITING):
            return Change("status", f"running again: {plain(str(event.body.get('cause') or ''))}".rstrip(": "))
    return None


def _lingers(run: Run, event: Event) -> Change:
    return Change("status", plain(str(event.body["why"])))


def _ruling(run: Run, event: Event) -> Change | None:
    words = {"warn": "warned", "steer": "steered"}
    word = words.get(str(event.body.get("level")))
    return Change("ruling", f"{word}: {plain(str(event.body.get('summary')))}") if word else None


def _going(run: Run, event: Event) -> Change | None:
    said = _where(run)
    return Change("step", ", ".join(said), often=True) if said else None


def _granted(run: Run, event: Event) -> Change:
    limits: dict[str, Json] = event.body.get("limits") or {}
    return Change("granted", f"limits raised: {', '.join(limit(name, value) for name, value in limits.items())}")


_SAYINGS: dict[str, Callable[[Run, Event], Change | None]] = {
    Kind.ATTEMPT_STARTED: _attempt_started,
    Kind.ATTEMPT_ENDED: _attempt_ended,
    Kind.STATUS: _status,
    Kind.LINGERS: _lingers,
    Kind.RULING: _ruling,
    Kind.STEP_BEGIN: _going,
    Kind.PROGRESS: _going,
    Kind.GRANTED: _granted,
}

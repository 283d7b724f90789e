"""Backtest: what the rules would have said to runs that were recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from runtime.policy.config import Policy
from runtime.policy.judge import Judge
from runtime.policy.ruling import Level, Ruling
from runtime.policy.traces import Trace, events, read_traces
from store.events import Kind
from store.projection import project
from store.records import Event, Json, Run
from store.states import Status, StopReason

TICKS_PER_GAP = 100
"""At most so many clock ticks are tried between two events."""


class Said(msgspec.Struct, frozen=True):
    """A ruling, and when it came."""

    step: int
    """0-based."""
    ruling: Ruling


class Verdict(msgspec.Struct, frozen=True):
    """What would have become of one run."""

    id: str
    success: bool | None
    steps: int
    """Steps that the run had."""
    warn_step: int | None
    """First step, 0-based, at which a rule would have warned or steered, or stopped if none did before."""
    stop_step: int | None
    """First step, 0-based, at which a rule would have paused or stopped."""
    reason: StopReason | None
    said: tuple[Said, ...]
    """Every ruling up to the stop."""
    saved_steps: int
    """Steps after the stop."""
    saved_tokens: float
    """Fresh tokens spent after the stop."""
    saved_usd: float

    @property
    def wrong(self) -> bool:
        """A good run would have been stopped."""
        return self.success is True and self.stop_step is not None

    def row(self) -> dict[str, Json]:
        """The line of a verdict file."""
        return {"id": self.id, "warn_step": self.warn_step, "stop_step": self.stop_step, "reason": self.reason}


def backtest(recorded: Trace | Iterable[Event], policy: Policy) -> Verdict:
    """Return what `policy` would have done to a trace or to a run's own journal, oldest event first.

    Ticks come between events as they would have come live.  What was ruled when a journal was written is left out;
    what the rules say now is fed back in its place.  Traces hold no times, so rates say nothing of them.
    """
    if isinstance(recorded, Trace):
        policy = policy.timeless
    story = list(events(recorded) if isinstance(recorded, Trace) else recorded)
    judge = Judge(policy)
    run: Run | None = None
    stopped_at: Run | None = None
    said: list[Said] = []
    steps = 0
    before: Event | None = None
    for event in story:
        if event.kind == Kind.RULING:
            continue
        if stopped_at is None:
            for now in _ticks(before, event):
                said += _heard(judge, judge.tick(now), event, steps)
        run = project(run, event)
        if event.kind == Kind.STEP_BEGIN:
            steps += 1
        if stopped_at is None:
            said += _heard(judge, judge.feed(event), event, steps)
            stopped_at = run if _stop(said) else None
        before = event
    return _verdict(recorded, run, stopped_at, said, steps)


def backtest_files(paths: Iterable[Path], policy: Policy) -> Iterator[Verdict]:
    """Yield a verdict for every trace of the files.  Raises `runtime.policy.traces.TraceError`."""
    for path in paths:
        for trace in read_traces(path):
            yield backtest(trace, policy)


def _ticks(before: Event | None, event: Event) -> Iterator[float]:
    gap_s = event.at - before.at if before is not None else 0.0
    count = min(TICKS_PER_GAP, int(gap_s))
    for number in range(1, count + 1):
        yield event.at - gap_s + gap_s * number / (count + 1)


def _heard(judge: Judge, rulings: list[Ruling], cause: Event, steps: int) -> list[Said]:
    """Feed rulings back as the journal would."""
    for ruling in rulings:
        body = {
            "rule": ruling.rule,
            "level": str(ruling.level),
            "reason": ruling.reason,
            "summary": ruling.summary,
            "note": ruling.note,
            "evidence": ruling.evidence,
            "signature": ruling.signature,
        }
        judge.feed(msgspec.structs.replace(cause, kind=Kind.RULING, body=body))
    return [Said(max(0, steps - 1), ruling) for ruling in rulings]


def _stop(said: list[Said]) -> Said | None:
    return next((one for one in said if one.ruling.level in (Level.PAUSE, Level.STOP)), None)


def _verdict(
    recorded: Trace | Iterable[Event], run: Run | None, stopped_at: Run | None, said: list[Said], steps: int
) -> Verdict:
    stop = _stop(said)
    warned = next((one for one in said if one.ruling.level is not Level.OBSERVE), None)
    spent = stopped_at or run
    if isinstance(recorded, Trace):
        name, success = recorded.id, recorded.success
    else:
        # Only an end in the agent's own words tells how a run of ours went.
        name, success = (run.run if run else ""), (True if run and run.status is Status.COMPLETED else None)
    return Verdict(
        id=name,
        success=success,
        steps=steps,
        warn_step=warned.step if warned else None,
        stop_step=stop.step if stop else None,
        reason=stop.ruling.reason if stop else None,
        said=tuple(said),
        saved_steps=steps - 1 - stop.step if stop else 0,
        saved_tokens=run.tokens - spent.tokens if run and spent else 0,
        saved_usd=run.cost_usd - spent.cost_usd if run and spent else 0.0,
    )

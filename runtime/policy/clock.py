"""A clock of one run that stands still while the supervisor makes the run wait."""

from __future__ import annotations

from store.events import OF_THE_AGENT, Kind
from store.projection import HOLD_ENDS
from store.records import Event, Run
from store.states import GOING, Status

ACTING = GOING | {Status.WAITING, Status.PAUSING}
"""Statuses in which an action that was let through goes on working."""

_STOPS = frozenset({Kind.CREATED, Kind.STATUS, Kind.HELD, Kind.ATTEMPT_ENDED})
"""What makes a clock stand or go; none of it is said by the agent, and none ends a hold by its id."""


class Stopwatch:
    """Counts the seconds in which a run was in one of `statuses`, and, if asked, held at no gate."""

    def __init__(self, run: Run | None, statuses: frozenset[Status] = GOING, stops_at_gate: bool = True) -> None:
        self._statuses = statuses
        self._stops_at_gate = stops_at_gate
        self._going = run is None or run.status in statuses
        self._history_to = 0 if run is None else run.last_seq
        self._held: set[str] = set()
        self._total_s = 0.0
        self._counted_to: float | None = None

    @classmethod
    def of(cls, run: Run | None) -> Stopwatch:
        """Return a stopwatch that goes on from what the projection counted; feed it only what is not counted there."""
        watch = cls(run)
        if run is not None:
            watch._total_s, watch._counted_to = run.going_s, run.going_since
            watch._held = set(run.gated)
        return watch

    def feed(self, event: Event) -> None:
        """Move to the time of `event`, then take in what it changes."""
        if self._counted_to is None and event.seq <= self._history_to:
            self._going = True  # A history's first event tells of an earlier time than the status the run has now.
        if event.kind == Kind.RULING and event.body.get("by_s"):
            self._skip(event)
        self._advance(event.at)
        if event.kind in _STOPS:
            self._stop_or_go(event)
        elif self._held:
            if event.kind in HOLD_ENDS:
                self._held.discard(str(event.body.get("id") or ""))
            if event.kind in OF_THE_AGENT:
                self._held.discard("")

    def _skip(self, event: Event) -> None:
        """Leave out what the wall clock jumped over."""
        by_s: float = event.body["by_s"]
        if by_s < 0:
            self._counted_to = event.at
        elif self._counted_to is not None:
            self._counted_to = min(event.at, self._counted_to + by_s)

    def _stop_or_go(self, event: Event) -> None:
        if event.kind == Kind.CREATED:
            self._going = False
        elif event.kind == Kind.STATUS:
            self._going = event.body["to"] in self._statuses
            if event.body["to"] in (Status.RUNNING, Status.STARTING):
                self._held.clear()
        elif event.kind == Kind.HELD and event.body.get("behind"):
            self._held.discard(str(event.body.get("id") or ""))
        elif event.kind == Kind.HELD:
            self._held.add(str(event.body.get("id") or ""))
        elif event.kind == Kind.ATTEMPT_ENDED:
            self._held.clear()

    def seconds(self, now: float) -> float:
        """Seconds counted up to `now`."""
        self._advance(now)
        return self._total_s

    @property
    def total_s(self) -> float:
        """Seconds counted up to what was fed last."""
        return self._total_s

    def _advance(self, now: float) -> None:
        before = self._counted_to
        if before is None:
            self._counted_to = now
        elif now > before:
            if self._going and not (self._stops_at_gate and self._held):
                self._total_s += now - before
            self._counted_to = now

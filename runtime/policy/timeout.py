"""The timeout rule: how long an action, a step and a run may take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from runtime.policy.clock import ACTING, Stopwatch
from runtime.policy.config import Timeout
from runtime.policy.evidence import duration
from runtime.policy.ruling import Level, Ruling
from store.events import Kind
from store.records import Event, Json, Run
from store.states import RESUMABLE, Status, StopReason


class Timer(msgspec.Struct, frozen=True):
    """Something that began and may take `limit_s`."""

    what: str
    """As a sentence says it, e.g. `run_tests`."""
    limit_s: float
    began_s: float
    """Reading of the stopwatch it goes by."""
    seq: int
    """Event of its begin; 0 where that was not seen."""


class TimeoutRule:
    """Holds a timer for each action in flight, for the current step and for the run."""

    name: ClassVar[str] = "timeout"
    horizon: ClassVar[int] = 2000

    def __init__(self, section: Timeout, run: Run | None = None) -> None:
        self._section = section
        self._going = Stopwatch(run)
        # An action that was let through goes on while another call waits at the gate or a pause is on its way.
        self._acting = Stopwatch(run, ACTING, stops_at_gate=False)
        self._actions: dict[str, Timer] = {}
        self._step: Timer | None = None
        self._run = self._timer("the run", section.run_s, 0.0, 0)
        self._before = run
        """What the projection knows of the time before this rule's memory, until that was taken in."""
        if run is not None:
            for pending in run.in_flight:
                self._begin(pending.id, pending.tool, section.action_s, 0.0, 0)
        self._said: set[str] = set()

    def feed(self, event: Event) -> Iterable[Ruling]:
        if self._before is not None and event.seq > self._before.last_seq:
            self._take_in(self._before)
        self._going.feed(event)
        self._acting.feed(event)
        body = event.body
        if event.kind == Kind.ACTION_BEGIN:
            limit_s = body.get("timeout_s") or self._section.action_s
            self._begin(body["id"], body["tool"], limit_s, self._acting.seconds(event.at), event.seq)
        elif event.kind in (Kind.ACTION_END, Kind.ACTION_WITHDRAWN, Kind.RESOLVED):
            self._actions.pop(body["id"], None)
        elif event.kind == Kind.STEP_BEGIN:
            named = f"step {body['n']}"
            self._step = self._timer(named, self._section.step_s, self._going.seconds(event.at), event.seq)
        elif event.kind == Kind.STEP_END:
            self._step = None
        elif event.kind == Kind.ATTEMPT_ENDED:
            self._actions.clear()
            self._step = None
        elif event.kind == Kind.RULING and body["rule"] == self.name:
            self._said.add(body.get("signature") or "")
        elif event.kind == Kind.STATUS and body.get("from") in RESUMABLE:
            self._resumed(event)
        return []

    def tick(self, now: float) -> Iterable[Ruling]:
        if self._before is not None:
            self._take_in(self._before)
        acting_s, going_s = self._acting.seconds(now), self._going.seconds(now)
        rulings = []
        for key, timer in self._actions.items():
            rulings += self._judge(f"timeout:action:{key}", timer, acting_s)
        if self._step is not None:
            rulings += self._judge(f"timeout:step:{self._step.seq}", self._step, going_s)
        if self._run is not None:
            rulings += self._judge(f"timeout:run:{self._run.seq}", self._run, going_s)
        return rulings

    def _begin(self, key: str, tool: str, limit_s: float | None, began_s: float, seq: int) -> None:
        timer = self._timer(tool, limit_s, began_s, seq)
        if timer is not None:
            self._actions[key] = timer

    def _timer(self, what: str, limit_s: float | None, began_s: float, seq: int) -> Timer | None:
        return None if limit_s is None else Timer(what, float(limit_s), began_s, seq)

    def _take_in(self, run: Run) -> None:
        """Begin the run's own timer where it began, which may be long before the oldest event that is remembered."""
        self._before = None
        if self._run is not None:
            since_s = run.going_s - run.resumed_s
            counted_s = self._going.seconds(run.going_since) if run.going_since is not None else self._going.total_s
            self._run = replace(self._run, began_s=counted_s - since_s)

    def _resumed(self, event: Event) -> None:
        """A run that is resumed has its whole time again, or it could never go on."""
        if event.body["to"] in (Status.RUNNING, Status.STARTING):
            self._run = self._timer("the run", self._section.run_s, self._going.seconds(event.at), event.seq)

    def _judge(self, signature: str, timer: Timer, now_s: float) -> list[Ruling]:
        took_s = now_s - timer.began_s
        if took_s < timer.limit_s or signature in self._said:
            return []
        self._said.add(signature)
        evidence: dict[str, Json] = {
            "summary": f"Of {duration(timer.limit_s)} allowed, {timer.what} has taken {duration(took_s)}.",
            "figures": {"took": duration(took_s), "limit": duration(timer.limit_s)},
            "events": [timer.seq] if timer.seq else [],
        }
        return [
            Ruling(
                rule=self.name,
                level=Level.STOP,
                summary=f"{timer.what} took longer than {duration(timer.limit_s)}",
                evidence=evidence,
                reason=StopReason.TIMEOUT,
                signature=signature,
            )
        ]

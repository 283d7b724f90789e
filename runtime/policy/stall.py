"""The stall rule: silence, on three clocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from runtime.policy.clock import Stopwatch
from runtime.policy.config import Stall
from runtime.policy.evidence import duration
from runtime.policy.ruling import Level, Ruling
from store.events import OF_THE_AGENT, Kind
from store.records import Event, Run
from store.states import Status, StopReason


class StallRule:
    """Measures the time since the agent's last sign of life."""

    name: ClassVar[str] = "stall"
    horizon: ClassVar[int] = 2000

    def __init__(self, section: Stall, run: Run | None = None) -> None:
        self._section = section
        self._clock = Stopwatch(run)
        self._speaks = run is not None and run.sdk
        self._quiet_from_s = 0.0
        self._last: Event | None = None
        self._open: dict[str, tuple[str, bool]] = {}
        """Actions in flight: tool, and whether a timeout of its own was declared."""
        self._said: set[str] = set()
        self._pausing_since: float | None = None
        """Since when a pause that this rule asked for is not reached, or when the agent last spoke since."""
        for pending in run.in_flight if run is not None else ():
            self._open[pending.id] = (pending.tool, False)

    def feed(self, event: Event) -> Iterable[Ruling]:
        self._clock.feed(event)
        if event.kind == Kind.ACTION_BEGIN:
            self._open[event.body["id"]] = (event.body["tool"], bool(event.body.get("timeout_s")))
        elif event.kind in (Kind.ACTION_END, Kind.ACTION_WITHDRAWN, Kind.RESOLVED):
            self._open.pop(event.body["id"], None)
        elif event.kind == Kind.ATTEMPT_ENDED:
            self._open.clear()
        elif event.kind == Kind.RULING and event.body["rule"] == self.name:
            self._said.add(event.body["level"])
        elif event.kind == Kind.RULING and self._pausing_since is not None:
            self._pausing_since += event.body.get("by_s") or 0.0
        elif event.kind == Kind.STATUS:
            due = event.body["to"] == Status.PAUSING and Level.PAUSE in self._said
            self._pausing_since = event.at if due else None
        elif event.kind == Kind.ATTEMPT_STARTED:
            self._speaks = self._speaks and bool(event.body.get("adopted"))
        if event.kind in OF_THE_AGENT and event.kind != Kind.OUTPUT:
            self._speaks = True
        if event.kind in OF_THE_AGENT and self._pausing_since is not None:
            self._pausing_since = event.at
        if event.kind in OF_THE_AGENT or event.kind in (Kind.ATTEMPT_STARTED, Kind.STATUS):
            self._last = event if event.kind != Kind.STATUS else self._last or event
            self._quiet_from_s = self._clock.seconds(event.at)
            self._said.clear()
        return []

    def tick(self, now: float) -> Iterable[Ruling]:
        if any(declared for _, declared in self._open.values()):
            return []  # Its own timeout says how long it may take.
        if self._pausing_since is not None:
            return self._unreached(now, now - self._pausing_since)
        clock = "tool" if self._open else "model" if self._speaks else "silence"
        quiet_s = self._clock.seconds(now) - self._quiet_from_s
        for level, key in ((Level.PAUSE, "pause"), (Level.WARN, "warn")):
            limit_s = getattr(self._section, f"{clock}_{key}_s")
            if limit_s is not None and quiet_s >= limit_s:
                if level in self._said or Level.PAUSE in self._said:
                    return []
                self._said.add(level)
                return [self._ruling(level, clock, quiet_s)]
        return []

    def _unreached(self, now: float, waited_s: float) -> list[Ruling]:
        """End what was asked to pause and reaches no safe point; with a call in flight it may yet."""
        give_up_s = self._section.give_up_s
        if give_up_s is None or waited_s < give_up_s or self._open or not self._speaks or Level.STOP in self._said:
            return []
        if self._section.at_most is not Level.STOP:
            return []
        self._said.add(Level.STOP)
        return [self._ruling(Level.STOP, "model", now - self._last.at if self._last is not None else waited_s)]

    def _ruling(self, level: Level, clock: str, quiet_s: float) -> Ruling:
        tools = ", ".join(tool for tool, _ in self._open.values())
        where, sentence = {
            "tool": (f"in {tools}", f"while {tools} was in flight"),
            "model": ("waits for its model", "between two actions, where an agent waits for its model"),
            "silence": ("no output", "and wrote nothing"),
        }[clock]
        last = f"{self._last.kind} (event {self._last.seq})" if self._last is not None else "none"
        if level is Level.STOP:
            where, sentence = "and no safe point", f"{sentence}; asked to pause, it came to no safe point"
        return Ruling(
            rule=self.name,
            level=level,
            summary=f"no sign of life for {duration(quiet_s)}, {where}",
            evidence={
                "summary": f"The agent gave no sign of life for {duration(quiet_s)}, {sentence}.",
                "figures": {"silent for": duration(quiet_s), "clock": clock, "last sign of life": last},
                "events": [self._last.seq] if self._last is not None else [],
            },
            reason=None if level is Level.WARN else StopReason.STALLED,
            signature=f"stall:{self._last.seq if self._last is not None else 0}",
        )

"""What the latest events of a run amount to: repetition, novelty, what was spent since, how long tools usually take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any, NamedTuple

import msgspec

from store.events import Kind
from store.records import Event
from tui.console.telling import failure, signature

WINDOW_EVENTS = 400
"""How many of a run's latest events are read when it is looked at."""

WINDOW_MOST = 4000
"""What has taken in more than this begins anew with the latest."""

POLL_GAP_S = 60.0
"""As the rule of loops has it where no policy says otherwise."""


class Since(NamedTuple):
    """What a run has spent since its last new result."""

    tokens: int = 0
    cost_usd: float = 0.0
    steps: int = 0
    """Begun since then."""


class Recent(msgspec.Struct):
    """Figures over a window of events."""

    read: bool = True
    """Whether the events were read: without them nothing is known of results."""

    repeats: int = 0
    """How many of the last calls in a row were equal, results included."""
    repeated_tool: str = ""
    repeats_from_step: int = 0
    new_at: float | None = None
    """When something new came last: a result not seen before in the window, or more progress."""
    new_at_step: int = 0
    stale_steps: int = 0
    """Steps begun since then, if at least one of them brought a result."""
    tokens_since: int = 0
    cost_since: float = 0.0
    stops: list[str] = []
    """Stop reasons met in the window, oldest first."""
    usual_s: dict[str, float] = {}
    """Median duration of a tool's calls that ended in the window."""
    tokens_per_step: list[float] = []
    """Oldest first; what was used before the first step of the window is left out."""
    new_per_step: list[float] = []
    """New results per step, in step with `tokens_per_step`."""
    since_per_step: list[Since] = []
    """As it was when each step ended, in step with `tokens_per_step`; of the last one, as it is now."""


def look(events: Sequence[Event]) -> Recent:
    """Sum up `events`, the latest of one run, oldest first."""
    return Looking().add(events)


class Looking:
    """Sums up a window of events as it grows."""

    def __init__(self) -> None:
        self.found = Recent(stops=[], usual_s={}, tokens_per_step=[], new_per_step=[], since_per_step=[])
        self.args: dict[str, Any] = {}
        self.began: dict[str, float] = {}
        self.seen: set[int] = set()
        """Hashes of calls with their results, which may be long."""
        self.last: int | None = None
        self.polls: set[str] = set()
        """Ids of calls that were declared to ask again and again."""
        self.apart: set[str] = set()
        """Ids of calls that came so long after the one before, with no model asked, that they wait for something."""
        self.ended_at: float | None = None
        self.asked_at = float("-inf")
        self.accepted: set[int] = set()
        """Repetitions that a person said are fine."""
        self.durations: dict[str, list[float]] = {}
        self.timed: set[str] = set()
        """Tools whose calls have ended since the figures were given."""
        self.step = 0
        self.barren = 0
        self.repeated_answers = 0
        self.done: float | None = None

    def add(self, events: Iterable[Event]) -> Recent:
        """Take in later events; returns the figures so far."""
        for event in events:
            handle = _HANDLERS.get(event.kind)
            if handle is not None:
                handle(self, event)
        self.end_step()
        found = self.found
        found.stale_steps = self.barren if self.repeated_answers else 0
        for tool in self.timed:
            if len(self.durations[tool]) >= 3:
                found.usual_s[tool] = median(self.durations[tool])
        self.timed.clear()
        return found

    def end_step(self) -> None:
        found = self.found
        if found.since_per_step:
            found.since_per_step[-1] = Since(found.tokens_since, found.cost_since, self.barren)

    def step_begin(self, event: Event) -> None:
        self.end_step()
        number = event.body.get("n")
        self.step = number if isinstance(number, int) else self.step
        self.barren += 1
        self.found.tokens_per_step.append(0.0)
        self.found.new_per_step.append(0.0)
        self.found.since_per_step.append(Since())

    def action_begin(self, event: Event) -> None:
        ident = str(event.body.get("id"))
        self.args[ident] = event.body.get("args")
        self.began[ident] = event.at
        if event.body.get("poll"):
            self.polls.add(ident)
        elif self.ended_at is not None and event.at - self.ended_at >= POLL_GAP_S and self.asked_at < self.ended_at:
            self.apart.add(ident)

    def action_end(self, event: Event) -> None:
        body = event.body
        ident = str(body.get("id"))
        tool = str(body.get("tool") or "")
        took = body.get("duration_s")
        if not isinstance(took, int | float):
            took = event.at - self.began.get(ident, event.at)
        self.durations.setdefault(tool, []).append(float(took))
        self.timed.add(tool)
        self.use(event, body.get("usage") or {})
        if ident not in self.args:
            return
        ok = body.get("ok", True)
        mark = hash(signature(tool, self.args.pop(ident), body.get("result") if ok else failure(body)))
        step = body.get("step") if isinstance(body.get("step"), int) else self.step
        fine = ident in self.polls or mark in self.accepted
        self.ended_at = event.at
        if fine or ident in self.apart:
            # As for the rule of loops: it is no repetition, and ends one.
            self.last, self.found.repeats = None, 0
        elif mark == self.last:
            self.found.repeats += 1
        else:
            self.last, self.found.repeats = mark, 1
            self.found.repeated_tool, self.found.repeats_from_step = tool, step or 0
        if mark in self.seen or not ok:
            self.repeated_answers += not fine
        else:
            self.news(event)
        self.seen.add(mark)

    def progress(self, event: Event) -> None:
        done = event.body.get("done")
        if not isinstance(done, int | float):
            self.news(event)
        elif self.done is None or done > self.done:
            self.done = float(done)
            self.news(event)

    def news(self, event: Event) -> None:
        found = self.found
        found.new_at, found.new_at_step = event.at, self.step
        found.tokens_since, found.cost_since = 0, 0.0
        self.barren = 0
        self.repeated_answers = 0
        if found.new_per_step:
            found.new_per_step[-1] += 1

    def usage(self, event: Event) -> None:
        self.asked_at = event.at
        self.use(event, event.body)

    def use(self, event: Event, body: dict[str, Any]) -> None:
        tokens = (body.get("input_tokens") or 0) + (body.get("output_tokens") or 0)
        self.found.tokens_since += tokens
        self.found.cost_since += body.get("cost_usd") or 0.0
        if self.found.tokens_per_step:
            self.found.tokens_per_step[-1] += tokens

    def accept(self, event: Event) -> None:
        if self.last is not None:
            self.accepted.add(self.last)

    def status(self, event: Event) -> None:
        if event.body.get("to") in ("paused", "stopped") and event.body.get("reason"):
            self.found.stops.append(str(event.body["reason"]))
        if event.body.get("from") in ("paused", "stopped"):
            self.found.repeats = 0
            self.last = None
            self.barren = 0


_HANDLERS: dict[str, Callable[[Looking, Event], None]] = {
    Kind.STEP_BEGIN: Looking.step_begin,
    Kind.ACTION_BEGIN: Looking.action_begin,
    Kind.ACTION_END: Looking.action_end,
    Kind.PROGRESS: Looking.progress,
    Kind.USAGE: Looking.usage,
    Kind.STATUS: Looking.status,
    Kind.ACCEPTED: Looking.accept,
}

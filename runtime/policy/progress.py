"""The progress rule: whether the latest calls brought anything new."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Iterable
from itertools import islice
from typing import ClassVar

import msgspec

from runtime.policy import evidence
from runtime.policy.calls import Call, Calls
from runtime.policy.config import Progress
from runtime.policy.evidence import duration
from runtime.policy.ruling import Level, Ruling
from store.events import Kind
from store.records import Event, Json, Run
from store.states import RESUMABLE, Status, StopReason

MOST_STALE = 600
"""Calls without news that are remembered; a rule that may only warn sees them for weeks."""
MOST_KINDS = 500
"""Kinds of failure of which it is remembered how few errors they came down to."""
MEMORY_EVENTS = 2000
"""What was seen so many events ago is forgotten, and is new when it comes again."""


class Spent(msgspec.Struct, frozen=True):
    """What the run has used."""

    tokens: float = 0.0
    cost_usd: float = 0.0


class ProgressRule:
    """Counts calls since the last one that brought something new, and steers that nothing new came of."""

    name: ClassVar[str] = "progress"
    horizon: ClassVar[int] = 2 * MEMORY_EVENTS

    def __init__(self, section: Progress, run: Run | None = None, calls: Calls | None = None) -> None:
        self._section = section
        self._calls = calls or Calls()
        self._fed = 0
        self._seen: OrderedDict[str, int] = OrderedDict()
        """What was seen, and when, in events fed."""
        self._fewest: dict[str, int] = {}
        self._most_done: float | None = None
        self._before = run
        """What the projection knows of the time before this rule's memory, until that was taken in."""
        self._accepted: set[str] = set()
        self._excused: set[str] = set()
        self._stale: deque[Call] = deque(maxlen=MOST_STALE)
        """The latest calls since the last news."""
        self._nothing_new = 0
        """How many there were since."""
        self._steered: list[int] = []
        """How many calls had brought nothing new at each steer since the last news."""
        self._paused = False
        self._news = "the start"
        self._news_seq = 0
        self._news_at: float | None = None
        self._spent = Spent()
        self._spent_then = Spent()

    def feed(self, event: Event) -> Iterable[Ruling]:
        self._fed += 1
        if self._before is not None and event.seq > self._before.last_seq:
            self._accepted.update(self._before.accepted)
            if self._most_done is None:
                self._most_done = self._before.progress_done
            self._before = None
        call = self._calls.feed(event)
        self._spend(event)
        if event.kind == Kind.RULING:
            self._heard(event)
        elif event.kind == Kind.ACCEPTED:
            self._accepted.add(event.body["signature"])
            self._excused.update(call.key for call in self._stale)
            self._renew("an accepted repetition", event.seq, event.at)
        elif event.kind == Kind.STATUS and event.body.get("from") in RESUMABLE:
            if event.body["to"] in (Status.RUNNING, Status.STARTING):
                self._renew("the resume", event.seq, event.at)
        elif event.kind == Kind.PROGRESS:
            self._reported(event)
        elif event.kind == Kind.TASK and self._unseen(f"task {event.body['name']}"):
            self._renew(f"the task {event.body['name']}", event.seq, event.at)
        # A retry was ordered by the supervisor: it says nothing about what the agent makes of its time.
        # And what is done again after a crash only brings the run back to where it was.
        return self._judge(call) if call is not None and not call.retry_of and not call.redone else []

    def tick(self, now: float) -> Iterable[Ruling]:
        return []

    def _spend(self, event: Event) -> None:
        used = (
            event.body
            if event.kind == Kind.USAGE
            else event.body.get("usage")
            if event.kind == Kind.ACTION_END
            else None
        )
        if used:
            self._spent = Spent(
                self._spent.tokens + (used.get("input_tokens") or 0) + (used.get("output_tokens") or 0),
                self._spent.cost_usd + (used.get("cost_usd") or 0.0),
            )

    def _heard(self, event: Event) -> None:
        """Remember steers, whoever gave them: an agent is told once by each rule, but heeds none or all."""
        if event.body["level"] == Level.STEER and self._nothing_new not in self._steered[-1:]:
            self._steered.append(self._nothing_new)

    def _reported(self, event: Event) -> None:
        done, label = event.body.get("done"), str(event.body.get("label") or "")
        if done is not None:
            if self._most_done is None or done > self._most_done:
                self._most_done = done
                self._renew(f"{label} {done:g} done", event.seq, event.at)
        elif self._unseen("label " + re.sub(r"\d+", "#", label)):
            self._renew(label, event.seq, event.at)

    def _unseen(self, what: str) -> bool:
        """Remember `what`; true where it was not seen lately."""
        last = self._seen.pop(what, None)
        self._seen[what] = self._fed
        for oldest in list(islice(self._seen, 2)):
            if self._fed - self._seen[oldest] > MEMORY_EVENTS:
                del self._seen[oldest]
        return last is None or self._fed - last > MEMORY_EVENTS

    def _renew(self, what: str, seq: int, at: float) -> None:
        self._news, self._news_seq, self._news_at, self._spent_then = what, seq, at, self._spent
        self._nothing_new, self._steered, self._paused = 0, [], False
        self._stale.clear()

    def _judge(self, call: Call) -> list[Ruling]:
        if self._is_new(call):
            self._renew(call.tool, call.seq, call.ended_at)
            return []
        if call.poll or call.key in self._excused or self._calls.repeating in self._accepted:
            return []
        self._stale.append(call)
        self._nothing_new += 1
        stale, section = self._nothing_new, self._section
        waited = not self._steered or stale - self._steered[-1] >= section.again_after
        if self._paused or not waited:
            return []
        if len(self._steered) >= section.unheeded_steers:
            self._paused = True
            return [self._ruling(Level.PAUSE)]
        if self._steered or stale >= section.steer_after:
            self._steered.append(stale)
            return [self._ruling(Level.STEER)]
        return []

    def _is_new(self, call: Call) -> bool:
        """A result is news where this call never gave it; an error only where this tool never failed in that way."""
        unseen = self._unseen(f"{call.parent} {call.key}")
        if not call.failure:
            return unseen
        failed = f"{call.parent} {call.tool} {call.failure}"
        fewer = self._fewer(failed, call)
        return self._unseen(failed) or fewer

    def _fewer(self, failed: str, call: Call) -> bool:
        """Fewer errors of the same kind than ever before are progress."""
        if call.errors is None:
            return False
        before = self._fewest.get(failed)
        self._fewest[failed] = call.errors if before is None else min(before, call.errors)
        if len(self._fewest) > MOST_KINDS:
            del self._fewest[next(iter(self._fewest))]
        return before is not None and call.errors < before

    def _ruling(self, level: Level) -> Ruling:
        stale = self._nothing_new
        last = self._stale[-1]
        since: dict[str, Json] = {"calls with nothing new": stale, "last news": self._news}
        tokens = self._spent.tokens - self._spent_then.tokens
        cost_usd = self._spent.cost_usd - self._spent_then.cost_usd
        if tokens:
            since["tokens since"] = f"{tokens:,.0f}"
        if cost_usd:
            since["dollars since"] = f"${cost_usd:.4g}"
        if self._news_at is not None:
            since["time since"] = duration(last.ended_at - self._news_at)
        paused = level is Level.PAUSE
        told = f" after {len(self._steered)} notes to its model" if paused else ""
        return Ruling(
            rule=self.name,
            level=level,
            summary=f"nothing new in {stale} calls",
            evidence={
                "summary": f"The last {stale} calls brought no result or error that was not seen before{told}; "
                f"the last news was {self._news}.",
                "figures": since,
                "events": [call.seq for call in list(self._stale)[-evidence.MOST_CALLS :]],
                "calls": evidence.latest(call.shown for call in self._stale),
            },
            reason=StopReason.NO_PROGRESS if paused else None,
            note=f"Your last {stale} calls brought nothing that you had not seen before. Say what you know, what is "
            "missing, and take a different way to get it; if there is none, say what blocks you.",
            signature=f"progress:{self._news_seq}",
        )

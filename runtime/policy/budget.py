"""The budget rule: what a run may spend of money, tokens, steps, actions and time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from runtime.policy.clock import Stopwatch
from runtime.policy.config import BUDGETS, Budget
from runtime.policy.evidence import duration
from runtime.policy.ruling import Level, Ruling
from store.events import Kind
from store.records import Event, Json, Run
from store.states import RESUMABLE, Status, StopReason


class BudgetRule:
    """Adds up what the run spends, on top of what the projection says was spent before."""

    name: ClassVar[str] = "budget"
    horizon: ClassVar[int] = 500

    def __init__(self, section: Budget, run: Run | None = None) -> None:
        self._warn_at = section.warn_at
        self._limits: dict[str, float] = {
            key: getattr(section, key) for key in BUDGETS if getattr(section, key) is not None
        }
        self._counted_to = run.last_seq if run is not None else 0
        self._clock = Stopwatch.of(run)
        self._spent: dict[str, float] = dict.fromkeys(BUDGETS, 0.0)
        if run is not None:
            self._spent |= {
                "cost_usd": run.cost_usd,
                "tokens": float(run.tokens),
                "cached_tokens": float(run.cached_tokens),
                "actions": float(run.actions),
            }
            self._raise(run.granted)
        self._steps_begun = run.steps if run is not None else 0
        self._in_step = self._steps_begun > 0
        self._said: dict[str, set[Level]] = {}

    def feed(self, event: Event) -> Iterable[Ruling]:
        if event.kind == Kind.GRANTED:
            self._raise(event.body["limits"])
        elif event.kind == Kind.RULING and event.body["rule"] == self.name:
            self._said.setdefault(event.body.get("signature") or "", set()).add(Level(event.body["level"]))
        elif event.kind == Kind.STATUS and event.body.get("from") in RESUMABLE:
            self._resumed(event.body["to"])
        if event.kind in (Kind.STEP_BEGIN, Kind.STEP_END):
            self._in_step = event.kind == Kind.STEP_BEGIN
        if event.seq <= self._counted_to:
            return []  # The totals hold it already, and what they led to stands in the history as a ruling.
        self._clock.feed(event)
        self._count(event)
        return self._rule(event.at, event.seq) if self._limits else []

    def tick(self, now: float) -> Iterable[Ruling]:
        return self._rule(now, None) if "wall_s" in self._limits else []

    def _raise(self, limits: dict[str, float]) -> None:
        for key, limit in limits.items():
            if key in BUDGETS:
                self._limits[key] = max(limit, self._limits.get(key, 0.0))

    def _resumed(self, to: str) -> None:
        """A limit that is still exceeded holds the run again."""
        if to in (Status.RUNNING, Status.STARTING):
            for said in self._said.values():
                said.discard(Level.PAUSE)

    def _count(self, event: Event) -> None:
        spent, body = self._spent, event.body
        if event.kind == Kind.ACTION_BEGIN:
            spent["actions"] += 1
        elif event.kind == Kind.STEP_BEGIN:
            self._steps_begun += 1
        used = body if event.kind == Kind.USAGE else body.get("usage") if event.kind == Kind.ACTION_END else None
        if used:
            spent["cost_usd"] += used.get("cost_usd") or 0.0
            spent["tokens"] += (used.get("input_tokens") or 0) + (used.get("output_tokens") or 0)
            spent["cached_tokens"] += used.get("cached_tokens") or 0

    def _rule(self, now: float, seq: int | None) -> list[Ruling]:
        # Steps count once finished, so that a limit of 20 lets the 20th be done and holds the run before the 21st.
        self._spent["steps"] = self._steps_begun - self._in_step
        self._spent["wall_s"] = self._clock.seconds(now)
        rulings = []
        for key, limit in self._limits.items():
            spent = self._spent[key]
            if spent < self._warn_at * limit:
                continue
            level = Level.PAUSE if spent >= limit else Level.WARN
            signature = f"budget:{key}:{limit:g}"
            said = self._said.setdefault(signature, set())
            if level in said or Level.PAUSE in said:
                continue
            said.add(level)
            rulings.append(_ruling(key, spent, limit, level, signature, seq))
        return rulings


def _ruling(key: str, spent: float, limit: float, level: Level, signature: str, seq: int | None) -> Ruling:
    figure = f"{amount(key, spent)} of {amount(key, limit)}"
    told = f"{figure} {_NOUNS[key]}".rstrip()
    exceeded = level is Level.PAUSE
    share = "its limit is reached" if exceeded else f"{spent / limit:.0%} of its limit"
    sentence = f"The run has spent {told}: {share}."
    evidence: dict[str, Json] = {"summary": sentence, "figures": {key: figure}}
    if seq is not None:
        evidence["events"] = [seq]
    return Ruling(
        rule=BudgetRule.name,
        level=level,
        summary=f"{told} spent",
        evidence=evidence,
        reason=StopReason.BUDGET_EXCEEDED if exceeded else None,
        signature=signature,
    )


_NOUNS = {
    "cost_usd": "",
    "tokens": "tokens",
    "cached_tokens": "cached tokens",
    "steps": "steps",
    "actions": "actions",
    "wall_s": "of running time",
}


def amount(key: str, value: float) -> str:
    """A figure of a budget, as a person reads it."""
    if key == "cost_usd":
        # Tiny budgets need more digits than cents, or "$0.00 of $0.00" would be all there is to see.
        return f"${value:.2f}" if value >= 1 else f"${value:.4f}".rstrip("0").ljust(5, "0")
    if key == "wall_s":
        return duration(value)
    return f"{value:,.0f}"

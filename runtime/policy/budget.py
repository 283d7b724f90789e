"""The budget rule: what a run may spend of money, tokens, steps, actions and time, and how fast."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from runtime.policy.burn import Burn
from runtime.policy.clock import Stopwatch
from runtime.policy.config import BUDGETS, RATES, Budget
from runtime.policy.evidence import duration
from runtime.policy.ruling import Level, Ruling
from store.events import Kind
from store.records import Event, Json, Run
from store.states import RESUMABLE, Status, StopReason

REARMED_BELOW = 0.5
"""Share of a rate at which the operator may be warned again, so that one warning is not followed by the next."""

DEAREST = 5
"""Events that the evidence of a rate names."""

BELOW_AGAIN = "below it again in"
"""The figure of a rate that says when it allows more."""

HORIZON_EVENTS = 500
BURN_HORIZON_EVENTS = 10_000
"""Where a rate is set: about three events a second for an hour."""


class BudgetRule:
    """Adds up what the run spends, on top of what the projection says was spent before."""

    name: ClassVar[str] = "budget"

    def __init__(self, section: Budget, run: Run | None = None) -> None:
        self._warn_at = section.warn_at
        self._limits = section.limits
        self._counted_to = run.last_seq if run is not None else 0
        self._clock = Stopwatch.of(run)
        self._spent: dict[str, float] = dict.fromkeys(BUDGETS, 0.0)
        self._seen: dict[str, float] = dict.fromkeys((what for what, _ in RATES.values()), 0.0)
        """What was spent by the events that this rule remembers."""
        self._burns: dict[str, Burn] = {}
        if run is not None:
            self._spent |= {
                "cost_usd": run.cost_usd,
                "tokens": float(run.tokens),
                "cached_tokens": float(run.cached_tokens),
                "actions": float(run.actions),
            }
            self._raise(run.granted)
        self._burn_rates()
        self._steps_begun = run.steps if run is not None else 0
        self._in_step = self._steps_begun > 0
        self._said: dict[str, set[Level]] = {}

    @property
    def horizon(self) -> int:
        return BURN_HORIZON_EVENTS if self._burns else HORIZON_EVENTS

    def feed(self, event: Event) -> Iterable[Ruling]:
        if event.kind == Kind.GRANTED:
            self._raise(event.body["limits"])
            self._burn_rates()
        elif event.kind == Kind.RULING and event.body["rule"] == self.name:
            self._said.setdefault(event.body.get("signature") or "", set()).add(Level(event.body["level"]))
        elif event.kind == Kind.STATUS and event.body.get("from") in RESUMABLE:
            self._resumed(event.body["to"])
        if event.kind in (Kind.STEP_BEGIN, Kind.STEP_END):
            self._in_step = event.kind == Kind.STEP_BEGIN
        spent = used(event)
        if self._burns:
            self._burn(event, spent)
        if event.seq <= self._counted_to:
            return []  # The totals hold it already, and what they led to stands in the history as a ruling.
        self._clock.feed(event)
        for what, part in spent.items():
            self._spent[what] += part
        self._steps_begun += event.kind == Kind.STEP_BEGIN
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

    def _burn_rates(self) -> None:
        for key, (what, window_s) in RATES.items():
            if key in self._limits and key not in self._burns:
                self._burns[key] = Burn(window_s, self._seen[what])

    def _burn(self, event: Event, spent: dict[str, float]) -> None:
        for key, burn in self._burns.items():
            limit = self._limits[key]
            if burn.spent(event.at) < REARMED_BELOW * limit:
                self._said.get(_signature(key, limit), set()).discard(Level.WARN)
        for what in self._seen.keys() & spent:
            self._seen[what] += spent[what]
        if spent:
            for key, burn in self._burns.items():
                burn.see(event.at, self._seen[RATES[key][0]], event.seq)

    def _rule(self, now: float, seq: int | None) -> list[Ruling]:
        # Steps count once finished, so that a limit of 20 lets the 20th be done and holds the run before the 21st.
        self._spent["steps"] = self._steps_begun - self._in_step
        self._spent["wall_s"] = self._clock.seconds(now)
        for key, burn in self._burns.items():
            self._spent[key] = burn.spent(now)
        rulings = []
        for key, limit in self._limits.items():
            spent = self._spent[key]
            if spent < self._warn_at * limit:
                continue
            level = Level.PAUSE if spent >= limit else Level.WARN
            signature = _signature(key, limit)
            said = self._said.setdefault(signature, set())
            if level in said or Level.PAUSE in said:
                continue
            said.add(level)
            rulings.append(_ruling(key, spent, limit, level, self._evidence(key, spent, limit, level, now, seq)))
        return rulings

    def _evidence(
        self, key: str, spent: float, limit: float, level: Level, now: float, seq: int | None
    ) -> dict[str, Json]:
        figure = f"{amount(key, spent)} of {amount(key, limit)}"
        share = "its limit is reached" if level is Level.PAUSE else f"{spent / limit:.0%} of its limit"
        evidence: dict[str, Json] = {
            "summary": f"The run has spent {told(key, figure)}: {share}.",
            "figures": {key: figure},
        }
        if key in self._burns:
            evidence["figures"] |= pace(self._burns[key], limit, now)
            evidence["events"] = self._burns[key].dearest(DEAREST)
            evidence["below_at"] = self._burns[key].below_at(limit)
        elif seq is not None:
            evidence["events"] = [seq]
        return evidence


def used(event: Event) -> dict[str, float]:
    """What an event says was spent, by budget; empty where it says nothing of it."""
    if event.kind == Kind.ACTION_BEGIN:
        return {"actions": 1.0}
    body = event.body
    said = body if event.kind == Kind.USAGE else body.get("usage") if event.kind == Kind.ACTION_END else None
    if not said:
        return {}
    return {
        "cost_usd": said.get("cost_usd") or 0.0,
        "tokens": float((said.get("input_tokens") or 0) + (said.get("output_tokens") or 0)),
        "cached_tokens": float(said.get("cached_tokens") or 0),
    }


def pace(burn: Burn, limit: float, now: float) -> dict[str, Json]:
    """The figure that says when a rate is below its limit again, where it is not."""
    below_at = burn.below_at(limit)
    return {BELOW_AGAIN: duration(below_at - now)} if below_at > now else {}


def _signature(key: str, limit: float) -> str:
    return f"budget:{key}:{limit:g}"


def _ruling(key: str, spent: float, limit: float, level: Level, evidence: dict[str, Json]) -> Ruling:
    return Ruling(
        rule=BudgetRule.name,
        level=level,
        summary=f"{told(key, f'{amount(key, spent)} of {amount(key, limit)}')} spent",
        evidence=evidence,
        reason=StopReason.BUDGET_EXCEEDED if level is Level.PAUSE else None,
        signature=_signature(key, limit),
    )


_NOUNS = {
    "cost_usd": "",
    "tokens": "tokens",
    "cached_tokens": "cached tokens",
    "steps": "steps",
    "actions": "actions",
    "wall_s": "of running time",
    "cost_usd_per_hour": "an hour",
    "tokens_per_minute": "tokens a minute",
    "actions_per_minute": "actions a minute",
}


def told(key: str, figure: str) -> str:
    """A figure with what it counts, e.g. `80 of 100 tokens a minute`."""
    return f"{figure} {_NOUNS[key]}".rstrip()


def amount(key: str, value: float) -> str:
    """A figure of a budget, as a person reads it."""
    if key in ("cost_usd", "cost_usd_per_hour"):
        # Tiny budgets need more digits than cents, or "$0.00 of $0.00" would be all there is to see.
        return f"${value:.2f}" if value >= 1 else f"${value:.4f}".rstrip("0").ljust(5, "0")
    if key == "wall_s":
        return duration(value)
    return f"{value:,.0f}"

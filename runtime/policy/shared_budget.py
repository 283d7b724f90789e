"""Budgets that several runs share: what all runs of an agent, or of the home, may spend together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from runtime.policy.budget import amount, pace, told, used
from runtime.policy.burn import Burn
from runtime.policy.config import RATES, SharedBudget
from runtime.policy.ruling import Level, Ruling
from store.records import Event, Json, Run
from store.states import StopReason

LONGEST_WINDOW_S = max(window_s for _, window_s in RATES.values())


class Spent(msgspec.Struct, frozen=True):
    """What some runs spent together."""

    cost_usd: float = 0.0
    tokens: float = 0.0
    """Fresh input and output tokens."""
    actions: float = 0.0

    @classmethod
    def by(cls, runs: Iterable[Run]) -> Spent:
        """Add up what the projections of runs say."""
        cost_usd = tokens = actions = 0.0
        for run in runs:
            cost_usd += run.cost_usd
            tokens += run.tokens
            actions += run.actions
        return cls(cost_usd, tokens, actions)


class Lately:
    """How fast some runs spend together, from what they had spent whenever it was looked."""

    def __init__(self, spent: Spent, events: Sequence[Event] = ()) -> None:
        """Begin with what was `spent` by now, of which `events`, oldest first, tell the latest part."""
        self._burns: dict[str, Burn] = {}
        for key, (what, window_s) in RATES.items():
            parts = [(event, used(event).get(what, 0.0)) for event in events]
            total = getattr(spent, what) - sum(part for _, part in parts)
            burn = self._burns[key] = Burn(window_s, total)
            for event, part in parts:
                total += part
                burn.see(event.at, total)

    def see(self, now: float, spent: Spent) -> None:
        """Take in what was spent by `now` (epoch seconds)."""
        for key, burn in self._burns.items():
            burn.see(now, getattr(spent, RATES[key][0]))

    def burn(self, key: str) -> Burn:
        """What was spent within the window of the budget `key`."""
        return self._burns[key]


def shared_rulings(
    section: SharedBudget, name: str, whose: str, spent: Spent, lately: Lately | None = None, now: float = 0.0
) -> list[Ruling]:
    """What the section called `name` says to what `whose` runs have spent: warnings, and pauses at a limit.

    lately: how fast they spend, where the section sets a rate.  now: epoch seconds.
    """
    rulings = []
    for key, limit in section.limits.items():
        burn = lately.burn(key) if key in RATES and lately is not None else None
        if key in RATES and burn is None:
            continue
        much = burn.spent(now) if burn is not None else getattr(spent, key)
        if much < section.warn_at * limit:
            continue
        over = much >= limit and section.at_most not in (Level.OBSERVE, Level.WARN)
        figure = told(key, f"{amount(key, much)} of {amount(key, limit)}")
        share = "their common limit is reached" if much >= limit else f"{much / limit:.0%} of their common limit"
        evidence: dict[str, Json] = {
            "summary": f"{whose[0].upper()}{whose[1:]} have spent {figure}: {share}.",
            "figures": {f"{key} of {whose}": figure} | (pace(burn, limit, now) if burn is not None else {}),
            "scope": name,
        }
        rulings.append(
            Ruling(
                rule=name,
                level=Level.PAUSE if over else Level.WARN,
                summary=f"{figure} spent by {whose}",
                evidence=evidence,
                reason=StopReason.BUDGET_EXCEEDED if over else None,
                signature=f"{name}:{key}:{limit:g}",
            )
        )
    return rulings

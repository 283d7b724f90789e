"""Budgets that several runs share: what all runs of an agent, or of the home, may spend together."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from runtime.policy.budget import amount
from runtime.policy.config import SharedBudget
from runtime.policy.ruling import Level, Ruling
from store.records import Run
from store.states import StopReason


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


def shared_rulings(section: SharedBudget, name: str, whose: str, spent: Spent) -> list[Ruling]:
    """What the section called `name` says to what `whose` runs have spent: warnings, and pauses at a limit."""
    rulings = []
    for key, limit in section.limits.items():
        used = getattr(spent, key)
        if used < section.warn_at * limit:
            continue
        over = used >= limit and section.at_most not in (Level.OBSERVE, Level.WARN)
        figure = f"{amount(key, used)} of {amount(key, limit)}" + ("" if key == "cost_usd" else f" {key}")
        share = "their common limit is reached" if used >= limit else f"{used / limit:.0%} of their common limit"
        rulings.append(
            Ruling(
                rule=name,
                level=Level.PAUSE if over else Level.WARN,
                summary=f"{figure} spent by {whose}",
                evidence={
                    "summary": f"{whose[0].upper()}{whose[1:]} have spent {figure}: {share}.",
                    "figures": {f"{key} of {whose}": figure},
                    "scope": name,
                },
                reason=StopReason.BUDGET_EXCEEDED if over else None,
                signature=f"{name}:{key}:{limit:g}",
            )
        )
    return rulings

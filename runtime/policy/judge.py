"""All rules of one run, fed together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from runtime.policy.budget import BudgetRule
from runtime.policy.config import Policy
from runtime.policy.loop import LoopRule
from runtime.policy.ruling import Level, Rule, Ruling
from runtime.policy.timeout import TimeoutRule
from store.records import Event, Run

RULES: tuple[Callable[[Policy, Run | None], Rule], ...] = (
    lambda policy, run: LoopRule(policy.loop, run),
    lambda policy, run: BudgetRule(policy.budget, run),
    lambda policy, run: TimeoutRule(policy.timeout, run),
)
"""Every rule, in the order in which their rulings are told."""

_RUNGS = {level: rung for rung, level in enumerate(Level)}


class Judge:
    """What the policy says to a run: give it every event of the run, those of its own rulings included."""

    def __init__(self, policy: Policy, run: Run | None = None) -> None:
        """Judge `run` from its newest event on; None for a run of which nothing was journalled yet."""
        self._rules = tuple(rule(policy, run) for rule in RULES)
        self._at_most: dict[str, Level] = {rule.name: getattr(policy, rule.name).at_most for rule in self._rules}

    @classmethod
    def rebuild(cls, policy: Policy, run: Run | None, history: Sequence[Event]) -> Judge:
        """Return a judge that remembers `history`: the newest `horizon` events of `run`, oldest first, all of them
        counted in `run` already.  What it would have ruled on them is dropped."""
        judge = cls(policy, run)
        for event in history:
            judge.feed(event)
        return judge

    @property
    def horizon(self) -> int:
        """How many of a run's latest events `rebuild` needs."""
        return max(rule.horizon for rule in self._rules)

    def feed(self, event: Event) -> list[Ruling]:
        """Return what the rules say to `event`, the strongest first."""
        return self._ranked(ruling for rule in self._rules for ruling in rule.feed(event))

    def tick(self, now: float) -> list[Ruling]:
        """Return what the rules say to the clock standing at `now`, the strongest first."""
        return self._ranked(ruling for rule in self._rules for ruling in rule.tick(now))

    def _ranked(self, rulings: Iterable[Ruling]) -> list[Ruling]:
        strongest: dict[tuple[str, str], Ruling] = {}
        for ruling in map(self._capped, rulings):
            named = (ruling.rule, ruling.signature)
            if named not in strongest or _RUNGS[strongest[named].level] < _RUNGS[ruling.level]:
                strongest[named] = ruling
        # Sorting is stable: among equals the order of the rules stays.
        return sorted(strongest.values(), key=lambda ruling: -_RUNGS[ruling.level])

    def _capped(self, ruling: Ruling) -> Ruling:
        highest = self._at_most[ruling.rule]
        if _RUNGS[ruling.level] <= _RUNGS[highest]:
            return ruling
        return replace(ruling, level=highest, reason=ruling.reason if _RUNGS[highest] >= _RUNGS[Level.PAUSE] else None)

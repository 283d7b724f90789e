"""All rules of one run, fed together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from runtime.policy.budget import BudgetRule
from runtime.policy.calls import Calls
from runtime.policy.config import Policy
from runtime.policy.failures import OutcomeRule
from runtime.policy.judge_model import ModelJudgeRule, Question
from runtime.policy.loop import LoopRule
from runtime.policy.progress import ProgressRule
from runtime.policy.ruling import Level, Rule, Ruling
from runtime.policy.stall import StallRule
from runtime.policy.timeout import TimeoutRule
from store.records import Event, Run

RULES: tuple[Callable[[Policy, Run | None, Calls], Rule], ...] = (
    lambda policy, run, calls: LoopRule(policy.loop, run, calls),
    lambda policy, run, calls: ProgressRule(policy.progress, run, calls),
    lambda policy, run, calls: OutcomeRule(policy.outcome, run, calls),
    lambda policy, run, calls: StallRule(policy.stall, run),
    lambda policy, run, calls: BudgetRule(policy.budget, run),
    lambda policy, run, calls: TimeoutRule(policy.timeout, run),
    lambda policy, run, calls: ModelJudgeRule(policy.judge, run, calls),
)
"""Every rule, in the order in which their rulings are told."""

_RUNGS = {level: rung for rung, level in enumerate(Level)}


class Judge:
    """What the policy says to a run: give it every event of the run, those of its own rulings included."""

    def __init__(self, policy: Policy, run: Run | None = None) -> None:
        """Judge `run` from its newest event on; None for a run of which nothing was journalled yet."""
        calls = Calls(policy.outcome)
        self._rules = tuple(rule(policy, run, calls) for rule in RULES)
        self._at_most: dict[str, Level] = {rule.name: getattr(policy, rule.name).at_most for rule in self._rules}

    @classmethod
    def rebuild(cls, policy: Policy, run: Run | None, history: Sequence[Event]) -> Judge:
        """Return a judge that remembers `history`: the newest `horizon` events of `run`, oldest first, all of them
        counted in `run` already.  What it would have ruled on them is dropped.
        """
        judge = cls(policy, run)
        for newer, event in zip(range(len(history), 0, -1), history, strict=True):
            for rule in judge._rules:
                if newer <= rule.horizon:
                    rule.feed(event)
        return judge

    @property
    def horizon(self) -> int:
        """How many of a run's latest events `rebuild` needs."""
        return max(rule.horizon for rule in self._rules)

    def feed(self, event: Event) -> list[Ruling]:
        """Return what the rules say to `event`, the strongest first."""
        rulings: list[Ruling] = []
        for rule in self._rules:
            rulings += rule.feed(event)
        return self._ranked(rulings) if rulings else rulings

    def tick(self, now: float) -> list[Ruling]:
        """Return what the rules say to the clock standing at `now`, the strongest first."""
        return self._ranked(ruling for rule in self._rules for ruling in rule.tick(now))

    def question(self) -> Question | None:
        """What a model is to be asked now, if anything; what it says is to be fed as an event `judged`."""
        return next((rule.question() for rule in self._rules if isinstance(rule, ModelJudgeRule)), None)

    def _ranked(self, rulings: Iterable[Ruling]) -> list[Ruling]:
        strongest: dict[tuple[str, str], Ruling] = {}
        for ruling in map(self._capped, rulings):
            named = (ruling.rule, ruling.signature)
            if named not in strongest or _RUNGS[strongest[named].level] < _RUNGS[ruling.level]:
                strongest[named] = ruling
        # Sorting is stable: among equals the order of the rules stays.
        ranked = sorted(strongest.values(), key=lambda ruling: -_RUNGS[ruling.level])
        if ranked and ranked[0].level in (Level.PAUSE, Level.STOP):
            return [ruling for ruling in ranked if ruling.level is not Level.STEER]  # Nobody is there to be told.
        return ranked

    def _capped(self, ruling: Ruling) -> Ruling:
        highest = self._at_most[ruling.rule]
        if _RUNGS[ruling.level] <= _RUNGS[highest]:
            return ruling
        return replace(ruling, level=highest, reason=ruling.reason if _RUNGS[highest] >= _RUNGS[Level.PAUSE] else None)

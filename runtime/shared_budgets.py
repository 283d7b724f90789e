"""Holds runs whose agent, or whose home, has spent what all of its runs may spend together."""

from __future__ import annotations

from runtime.core import Core
from runtime.lifecycle import Lifecycle
from runtime.live import LiveRun
from runtime.policy.config import Policy
from runtime.policy.ruling import Level, Ruling
from runtime.policy.shared_budget import Spent, shared_rulings


class SharedBudgets:
    """Looks at the totals with each tick of the clock, where a policy sets such a budget."""

    def __init__(self, core: Core, lifecycle: Lifecycle) -> None:
        self._core = core
        self._lifecycle = lifecycle

    def tick(self) -> None:
        """Warn and pause live runs by what is spent now."""
        for live in list(self._core.lives.values()):
            if live.pause is None and live.ending is None and _set(live.policy):
                fresh = [ruling for ruling in self.rulings(live.policy, live.launch.agent) if _unsaid(live, ruling)]
                self._lifecycle.apply(live, fresh)

    def rulings(self, policy: Policy, agent: str) -> list[Ruling]:
        """What a policy's common budgets say now to a run of `agent`."""
        runs = self._core.journal.runs.values()
        found: list[Ruling] = []
        if policy.agent_budget.limits:
            spent = Spent.by(run for run in runs if run.agent == agent)
            found += shared_rulings(policy.agent_budget, "agent_budget", f"all runs of {agent}", spent)
        if policy.home_budget.limits:
            found += shared_rulings(policy.home_budget, "home_budget", "all runs of this home", Spent.by(runs))
        return found


def _set(policy: Policy) -> bool:
    return bool(policy.agent_budget.limits or policy.home_budget.limits)


def _unsaid(live: LiveRun, ruling: Ruling) -> bool:
    """A warning is given once; a pause whenever the run goes on with its limit still reached."""
    if ruling.level is Level.PAUSE:
        return True
    if ruling.signature in live.warned:
        return False
    live.warned.add(ruling.signature)
    return True

"""Holds runs whose agent, or whose home, has spent what all of its runs may spend together."""

from __future__ import annotations

from runtime.core import Core
from runtime.lifecycle import Lifecycle
from runtime.live import LiveRun
from runtime.policy.config import RATES, Policy, SharedBudget
from runtime.policy.ruling import Level, Ruling
from runtime.policy.shared_budget import LONGEST_WINDOW_S, Lately, Spent, shared_rulings
from store.records import Event, Run

REMEMBERED_EVENTS = 2000
"""Of each run, from which a runtime that has just started knows how fast it spent."""


class SharedBudgets:
    """Looks at the totals with each tick of the clock, where a policy sets such a budget."""

    def __init__(self, core: Core, lifecycle: Lifecycle) -> None:
        self._core = core
        self._lifecycle = lifecycle
        self._lately: dict[str | None, Lately] = {}
        """By agent, None for the whole home: how fast its runs spend, once a policy asked for that."""

    def tick(self) -> None:
        """Warn and pause live runs by what is spent now."""
        for agent, lately in self._lately.items():
            lately.see(self._core.now(), Spent.by(self._runs(agent)))
        for live in list(self._core.lives.values()):
            if live.pause is None and live.ending is None and _set(live.policy):
                fresh = [ruling for ruling in self.rulings(live.policy, live.launch.agent) if _unsaid(live, ruling)]
                self._lifecycle.apply(live, fresh)

    def rulings(self, policy: Policy, agent: str) -> list[Ruling]:
        """What a policy's common budgets say now to a run of `agent`."""
        found = self._rulings(policy.agent_budget, "agent_budget", f"all runs of {agent}", agent)
        return found + self._rulings(policy.home_budget, "home_budget", "all runs of this home", None)

    def _rulings(self, section: SharedBudget, name: str, whose: str, agent: str | None) -> list[Ruling]:
        if not section.limits:
            return []
        now, spent = self._core.now(), Spent.by(self._runs(agent))
        if RATES.keys() & section.limits and agent not in self._lately:
            self._lately[agent] = Lately(spent, self._events(agent, now - LONGEST_WINDOW_S))
        return shared_rulings(section, name, whose, spent, self._lately.get(agent), now)

    def _runs(self, agent: str | None) -> list[Run]:
        return [run for run in self._core.journal.runs.values() if agent is None or run.agent == agent]

    def _events(self, agent: str | None, since: float) -> list[Event]:
        """What the record tells of the time since then, oldest first."""
        runs = (run for run in self._runs(agent) if run.last_event_at > since)
        found = (event for run in runs for event in self._core.journal.events_of(run.run, REMEMBERED_EVENTS))
        return sorted((event for event in found if event.at > since), key=lambda event: event.at)


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

"""Which runs are one line of the list: those of one agent, or those with one common cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from store.records import Run
from store.states import Status, StopReason
from tui.console.standing import standing

Kind = Literal["agent", "dependency", "reason"]

FOLD_FROM: dict[Kind, int] = {"agent": 2, "dependency": 4, "reason": 4}
"""So many runs that belong together are one line."""

_SHARED_REASONS = frozenset(
    {
        StopReason.AGENT_CRASHED,
        StopReason.BUDGET_EXCEEDED,
        StopReason.RETRY_LIMIT_REACHED,
        StopReason.RUNTIME_LOST,
        StopReason.STALLED,
        StopReason.TIMEOUT,
        StopReason.TOOL_FAILURE,
    }
)
"""Reasons that may come from outside, and then hit many at once; a loop is each run's own."""


class Common(NamedTuple):
    """What runs have in common."""

    kind: Kind
    name: str
    """The agent, the dependency that is down, or why they were stopped."""
    reason: str = ""


class Group(NamedTuple):
    """Runs that belong together: one line as long as it is folded, else their title."""

    key: str
    common: Common
    runs: tuple[str, ...]
    """In the order of the list, so that the first is the one that needs a person most."""
    folded: bool


def several(agents: Iterable[str]) -> frozenset[str]:
    """The agents that have several runs, given the agent of each run."""
    return frozenset(agent for agent, number in Counter(agents).items() if number > 1)


def common_of(run: Run, agents: frozenset[str] = frozenset()) -> Common | None:
    """What a run shares with others; None where it is its own affair.

    The runs of `agents` stand together, whatever else they share.
    """
    if run.agent in agents:
        return Common("agent", run.agent)
    if dependency := waits_for(run):
        return Common("dependency", dependency)
    if run.reason in _SHARED_REASONS and run.why and run.status in (Status.PAUSED, Status.STOPPED):
        return Common("reason", run.why, str(run.reason))
    return None


def waits_for(run: Run) -> str:
    """The dependency that a waiting run waits for; empty where there is none."""
    return run.dependency if run.status is Status.WAITING else ""


def grouped(order: Sequence[str], commons: dict[str, Common], unfolded: set[str]) -> tuple[list[str], dict[str, Group]]:
    """What is listed, from top to bottom (ids of runs, keys of groups), and the groups by their keys.

    A group stands where its first run would stand.
    """
    together: dict[Common, list[str]] = {}
    for name in order:
        if (common := commons.get(name)) is not None:
            together.setdefault(common, []).append(name)
    groups: dict[str, Group] = {}
    of: dict[str, Group] = {}
    for common, names in together.items():
        if len(names) >= FOLD_FROM[common.kind]:
            key = "▸" + "\n".join(common)
            groups[key] = Group(key, common, tuple(names), key not in unfolded)
            of.update(dict.fromkeys(names, groups[key]))
    keys: list[str] = []
    for name in order:
        group = of.get(name)
        if group is None:
            keys.append(name)
        elif name == group.runs[0]:
            keys.append(group.key)
            keys.extend(() if group.folded else group.runs)
    return keys, groups


def tally(runs: Sequence[Run]) -> list[tuple[str, int]]:
    """How many of `runs` stand where, what needs a person first: (word, number) pairs."""
    counted: dict[tuple[int, str], int] = {}
    for run in runs:
        place = standing(run)
        word = "warned" if place.name == "warned" else place.word
        counted[place.rank, word] = counted.get((place.rank, word), 0) + 1
    return [(word, number) for (_, word), number in sorted(counted.items())]


def most_urgent(runs: Sequence[Run]) -> Run:
    """The run of a group that needs a person most."""
    return min(runs, key=lambda run: standing(run).rank)

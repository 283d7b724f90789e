"""What the fleet table lists: every run, which of them pass the filter, in which order, and which are marked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from store.records import Run
from tui.console.groups import Common, Group, common_of, grouped, several
from tui.console.standing import needs_you, order_key, reason_word, standing
from tui.console.standing import why as why_of

SortKey = Callable[[Run], tuple[object, ...]]

SORTS: dict[str, SortKey] = {
    "attention": lambda run: order_key(run),
    "agent": lambda run: (run.agent.casefold(), run.created_at),
    "status": lambda run: (str(run.status), run.created_at),
    "task": lambda run: (run.task.casefold(), run.created_at),
    "step": lambda run: (-run.step, run.created_at),
    "tool": lambda run: (run.tool == "", run.tool, run.created_at),
    "quiet": lambda run: (run.at_rest, run.last_event_at),
    "tokens": lambda run: (-run.tokens, run.created_at),
    "cost": lambda run: (-run.cost_usd, run.created_at),
    "run": lambda run: (-run.created_at,),
}
"""What the list can be ordered by; the first is where it begins."""

NO_ORDER = {
    "why": "The list has no order by why: reason: in the filter lists one reason.",
    "since": "The list has no order by since new: only of the runs in sight is so much read.",
}
"""Why it cannot be ordered by a column."""

FIELDS = ("status", "reason", "agent", "needs")


class Query(NamedTuple):
    """A filter: every word and every field must match."""

    words: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()

    def matches(self, run: Run) -> bool:
        """Whether `run` passes."""
        return all(_field(run, name, value) for name, value in self.fields) and (
            not self.words or all(word in _text(run) for word in self.words)
        )


def parse_query(text: str) -> Query:
    """Read a filter such as `status:paused reason:loop invoice`."""
    words: list[str] = []
    fields: list[tuple[str, str]] = []
    for part in text.casefold().split():
        name, colon, value = part.partition(":")
        if colon and name in FIELDS:
            if value:
                fields.append((name, value))
        else:
            words.append(part)
    return Query(tuple(words), tuple(fields))


def _field(run: Run, name: str, value: str) -> bool:
    if name == "agent":
        return value in run.agent.casefold()
    if name == "needs":
        return needs_you(run)
    if name == "reason":
        return value in str(run.reason or "").casefold() or value in reason_word(run)
    place = standing(run)
    plainly = (str(run.status), place.word, place.name)
    return any(word.replace("_", " ").startswith(value.replace("_", " ")) for word in plainly)


def _text(run: Run) -> str:
    said = why_of(run, run.last_event_at)
    return f"{run.agent} {run.run} {run.status} {run.task} {run.goal} {run.tool} {said}".casefold()


class FleetModel:
    """The list.  It is re-ordered only by `settle`, so that it can stand still while a hand moves."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.keys: list[str] = []
        """What is listed, from top to bottom: ids of runs, keys of groups."""
        self.index: dict[str, int] = {}
        """Line of each key; a folded run has the line of its group."""
        self.groups: dict[str, Group] = {}
        self.within: set[str] = set()
        """Runs that are listed under the title of their group."""
        self.unfolded: set[str] = set()
        self.marks: set[str] = set()
        self.query = Query()
        self.query_text = ""
        self.sort = "attention"
        self.reverse = False
        self.by_agent = False
        """The runs of one agent are one line, or stand together under it."""
        self.unsettled = False
        """What is listed would be in another order, or be another set, after `settle`."""
        self.counts: dict[str, int] = {}
        """How many runs there are of each word of `standing`; those that need a person and the warned ones apart."""
        self.cost_usd = 0.0
        self.tokens = 0
        """Over all runs."""
        self._places: dict[str, tuple[object, ...]] = {}
        self._commons: dict[str, Common] = {}
        self._agents: frozenset[str] = frozenset()
        """Those whose runs stand together."""
        self.runs_of: Counter[str] = Counter()
        """How many runs there are of each agent."""
        self._tallied: dict[str, tuple[str, float, int]] = {}

    def load(self, runs: Iterable[Run]) -> None:
        """Begin with these runs, in order."""
        self.runs = {run.run: run for run in runs}
        self.counts, self.cost_usd, self.tokens = {}, 0.0, 0
        self._tallied.clear()
        self.runs_of.clear()
        for run in self.runs.values():
            self._tally(run)
        self.marks &= self.runs.keys()
        self.settle()

    def update(self, changed: Iterable[Run]) -> list[int]:
        """Take in newer states of runs; returns the lines that show something new.

        A run that was not known is listed below the others until the list settles.
        """
        lines: list[int] = []
        key = SORTS[self.sort]
        for run in changed:
            known = run.run in self.runs
            self.runs[run.run] = run
            self._tally(run)
            index = self.index.get(run.run)
            passes = self.query.matches(run)
            if index is not None:
                lines.append(index)
                moved = self._places.get(run.run) != key(run) or self._commons.get(run.run) != self._common(run)
                if not passes or moved:
                    self.unsettled = True
            elif passes:
                if not known:
                    self.index[run.run] = len(self.keys)
                    lines.append(len(self.keys))
                    self.keys.append(run.run)
                self.unsettled = True
        return lines

    def settle(self) -> bool:
        """Put the list in order; True if it looks different now."""
        key = SORTS[self.sort]
        listed = [run for run in self.runs.values() if self.query.matches(run)]
        self._agents = several(run.agent for run in listed) if self.by_agent else frozenset()
        self._places = {run.run: key(run) for run in listed}
        self._commons = {run.run: common for run in listed if (common := self._common(run)) is not None}
        order = sorted(self._places, key=lambda name: self._places[name], reverse=self.reverse)
        keys, self.groups = grouped(order, self._commons, self.unfolded)
        self.unsettled = False
        differs = keys != self.keys
        self.keys = keys
        self.index = {name: index for index, name in enumerate(keys)}
        self.within = set()
        for group in self.groups.values():
            if group.folded:
                self.index.update(dict.fromkeys(group.runs, self.index[group.key]))
            else:
                self.within.update(group.runs)
        return differs

    def _common(self, run: Run) -> Common | None:
        return common_of(run, self._agents)

    def toggle_fold(self, key: str) -> None:
        """Unfold a group, or fold it."""
        self.unfolded ^= {key}
        self.settle()

    def group_by_agent(self, yes: bool) -> None:
        """Let the runs of one agent be one line from now on, or each run its own."""
        self.by_agent = yes
        self.settle()

    def group_of(self, key: str) -> Group | None:
        """The group that is this line, or whose run is."""
        return self.groups.get(key) or next((group for group in self.groups.values() if key in group.runs), None)

    def group_at(self, index: int) -> Group | None:
        """The group on a line."""
        return self.groups.get(self.keys[index]) if 0 <= index < len(self.keys) else None

    def members(self, key: str) -> list[Run]:
        """The runs of a group as they are now."""
        group = self.groups.get(key)
        return [self.runs[name] for name in group.runs] if group else []

    def filter(self, text: str) -> None:
        """List only the runs that match `text`."""
        self.query_text = text
        self.query = parse_query(text)
        self.settle()

    def order_by(self, sort: str) -> None:
        """Order the list by a column; the same one again turns it round."""
        self.reverse = not self.reverse if sort == self.sort and sort != "attention" else False
        self.sort = sort
        self.settle()

    def at(self, index: int) -> Run | None:
        """The run on a line; None where there is none, or a group."""
        return self.runs.get(self.keys[index]) if 0 <= index < len(self.keys) else None

    def toggle_mark(self, *runs: str) -> None:
        """Mark these runs, or unmark them where all of them are marked."""
        self.marks = self.marks - set(runs) if self.marks.issuperset(runs) else self.marks | set(runs)

    def marked(self) -> list[Run]:
        """The marked runs, in the order of the list where they are listed."""
        return sorted(
            (self.runs[name] for name in self.marks if name in self.runs),
            key=lambda run: (self.index.get(run.run, len(self.keys)), run.run),
        )

    def next_that_needs_you(self, after: str | None) -> str | None:
        """The next line below `after`, going round, that waits for a person; else one that carries a warning."""
        start = self.index.get(after or "", -1)
        ahead = [*range(start + 1, len(self.keys)), *range(start + 1)]
        for most in (1, 2):
            for index in ahead:
                key: str = self.keys[index]
                if key != after and self._rank(key) <= most:
                    return key
        return None

    def _rank(self, key: str) -> int:
        group: Group | None = self.groups.get(key)
        if group is None:
            return standing(self.runs[key]).rank
        # Unfolded, its runs are listed below it.
        return min(standing(run).rank for run in self.members(key)) if group.folded else 9

    def _tally(self, run: Run) -> None:
        """Keep the totals right without going through all runs for each change."""
        if run.run not in self._tallied:
            self.runs_of[run.agent] += 1
        word = _counted_as(run)
        before, cost, tokens = self._tallied.get(run.run, ("", 0.0, 0))
        self._tallied[run.run] = (word, run.cost_usd, run.input_tokens + run.output_tokens)
        self.cost_usd += run.cost_usd - cost
        self.tokens += run.input_tokens + run.output_tokens - tokens
        if word != before:
            self.counts[word] = self.counts.get(word, 0) + 1
            if before:
                self.counts[before] -= 1


def _counted_as(run: Run) -> str:
    place = standing(run)
    return "warned" if place.name == "warned" else "needs you" if place.rank == 1 else place.word

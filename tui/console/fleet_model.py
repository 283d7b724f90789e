"""What the fleet table lists: every run, which of them pass the filter, in which order, and which are marked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from store.records import Run
from store.states import Status
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


class Group(NamedTuple):
    """Runs that wait for the same dependency: one line as long as it is folded."""

    key: str
    cause: str
    runs: tuple[str, ...]
    folded: bool


FOLD_FROM = 4
"""So many runs with one common cause are one line."""


class FleetModel:
    """The list.  It is re-ordered only by `settle`, so that it can stand still while a hand moves."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.keys: list[str] = []
        """What is listed, from top to bottom: ids of runs, keys of groups."""
        self.index: dict[str, int] = {}
        """Line of each key; a folded run has the line of its group."""
        self.groups: dict[str, Group] = {}
        self.unfolded: set[str] = set()
        self.marks: set[str] = set()
        self.query = Query()
        self.query_text = ""
        self.sort = "attention"
        self.reverse = False
        self.unsettled = False
        """What is listed would be in another order, or be another set, after `settle`."""
        self.counts: dict[str, int] = {}
        """How many runs there are of each word of `standing`; those that need a person and the warned ones apart."""
        self.cost_usd = 0.0
        self.tokens = 0
        """Over all runs."""
        self._places: dict[str, tuple[object, ...]] = {}
        self._causes: dict[str, str] = {}
        self._tallied: dict[str, tuple[str, float, int]] = {}

    def load(self, runs: Iterable[Run]) -> None:
        """Begin with these runs, in order."""
        self.runs = {run.run: run for run in runs}
        self.counts, self.cost_usd, self.tokens = {}, 0.0, 0
        self._tallied.clear()
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
                moved = self._places.get(run.run) != key(run) or self._causes.get(run.run) != cause_of(run)
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
        self._places = {run.run: key(run) for run in listed}
        self._causes = {run.run: cause_of(run) for run in listed}
        order = sorted(self._places, key=lambda name: self._places[name], reverse=self.reverse)
        keys = self._grouped(order)
        self.unsettled = False
        if keys == self.keys:
            return False
        self.keys = keys
        self.index = {name: index for index, name in enumerate(keys)}
        for group in self.groups.values():
            for name in group.runs:
                self.index.setdefault(name, self.index[group.key])
        return True

    def _grouped(self, order: list[str]) -> list[str]:
        """`order` with the runs of one cause put together, or folded into one line."""
        causes: dict[str, list[str]] = {}
        for name in order:
            if cause := cause_of(self.runs[name]):
                causes.setdefault(cause, []).append(name)
        self.groups = {}
        for cause, names in causes.items():
            if len(names) >= FOLD_FROM:
                key = f"▸{cause}"
                self.groups[key] = Group(key, cause, tuple(names), key not in self.unfolded)
        of = {name: group for group in self.groups.values() for name in group.runs}
        keys: list[str] = []
        for name in order:
            group = of.get(name)
            if group is None:
                keys.append(name)
            elif name == group.runs[0]:
                keys.append(group.key)
                keys.extend(() if group.folded else group.runs)
        return keys

    def toggle_fold(self, key: str) -> None:
        """Unfold a group, or fold it."""
        self.unfolded ^= {key}
        self.settle()

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

    def toggle_mark(self, run: str) -> None:
        """Mark a run, or unmark it."""
        self.marks ^= {run}

    def marked(self) -> list[Run]:
        """The marked runs, in the order of the list where they are listed."""
        return sorted(
            (self.runs[name] for name in self.marks if name in self.runs),
            key=lambda run: (self.index.get(run.run, len(self.keys)), run.run),
        )

    def next_that_needs_you(self, after: str | None) -> Run | None:
        """The next listed run below `after`, going round, that waits for a person; else that carries a warning."""
        start = self.index.get(after or "", -1)
        ahead = [*range(start + 1, len(self.keys)), *range(start + 1)]
        for most in (1, 2):
            for index in ahead:
                run = self.runs.get(self.keys[index])
                if run is not None and standing(run).rank <= most and run.run != after:
                    return run
        return None

    def _tally(self, run: Run) -> None:
        """Keep the totals right without going through all runs for each change."""
        word = _counted_as(run)
        before, cost, tokens = self._tallied.get(run.run, ("", 0.0, 0))
        self._tallied[run.run] = (word, run.cost_usd, run.input_tokens + run.output_tokens)
        self.cost_usd += run.cost_usd - cost
        self.tokens += run.input_tokens + run.output_tokens - tokens
        if word != before:
            self.counts[word] = self.counts.get(word, 0) + 1
            if before:
                self.counts[before] -= 1


def cause_of(run: Run) -> str:
    """What a waiting run waits for together with others; empty where it is its own affair."""
    return run.dependency if run.status is Status.WAITING else ""


def _counted_as(run: Run) -> str:
    place = standing(run)
    return "warned" if place.name == "warned" else "needs you" if place.rank == 1 else place.word

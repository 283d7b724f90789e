"""What the latest events of the runs in sight amount to: read once, then kept up to date by the tail."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Protocol

from store.errors import AgentwatchError
from store.records import Event, Run
from tui.console.recent import WINDOW_EVENTS, WINDOW_MOST, Looking, Recent

KEPT = 128
"""So many runs are held; the ones that were last in sight."""

PAUSE_S = 0.01
"""Between two runs that are read: keys and frames come first."""


class EventsOf(Protocol):
    """Reads up to `limit` events of one run, oldest first, that end with event `head`."""

    async def __call__(self, head: int, limit: int) -> list[Event]: ...


class Glance:
    """One run's events, summed up as they come; they themselves are not held."""

    def __init__(self) -> None:
        self._looking = Looking()
        self._last_seq = 0
        self._taken = 0
        self.recent: Recent = self._looking.found

    @property
    def overgrown(self) -> bool:
        """Whether so much was taken in that the run is read anew, as a window is."""
        return self._taken > WINDOW_MOST

    @property
    def abandoned(self) -> bool:
        """Whether it has outgrown even that: the run is out of sight."""
        return self._taken > 2 * WINDOW_MOST

    def add(self, events: list[Event]) -> None:
        """Take in later events of the run."""
        fresh = [event for event in events if event.seq > self._last_seq]
        if fresh:
            self._last_seq = fresh[-1].seq
            self._taken += len(fresh)
            self.recent = self._looking.add(fresh)


class Glances:
    """By run, for those that were in sight lately."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Glance] = OrderedDict()
        self._reading: dict[str, list[Event]] = {}
        """By the run that is being read, what came meanwhile."""

    def __len__(self) -> int:
        return len(self._held)

    def recent(self, name: str) -> Recent | None:
        """What a run's latest events amount to; None where they are not read."""
        glance = self._held.get(name)
        return glance.recent if glance is not None else None

    def clear(self) -> None:
        """Forget all: what happened while the record could not be read is in none of them."""
        self._held.clear()
        self._reading.clear()

    def take(self, events: Iterable[Event]) -> None:
        """Take in what is new."""
        mine: dict[str, list[Event]] = {}
        for event in events:
            if event.run in self._reading:
                self._reading[event.run].append(event)
            if event.run in self._held:
                mine.setdefault(event.run, []).append(event)
        for name, fresh in mine.items():
            self._held[name].add(fresh)
            if self._held[name].abandoned:
                del self._held[name]

    def missing(self, in_sight: Iterable[Run]) -> Run | None:
        """The first of the runs in sight that has begun steps and is to be read."""
        found = None
        for run in list(in_sight)[:KEPT]:
            glance = self._held.get(run.run)
            if glance is not None:
                self._held.move_to_end(run.run)
            if found is None and run.steps and (glance is None or glance.overgrown):
                found = run
        return found

    async def read(self, run: Run, events_of: EventsOf) -> None:
        """Read a run's latest events; one that cannot be read stays unknown."""
        came: list[Event] = []
        self._reading[run.run] = came
        glance = Glance()
        try:
            glance.add(await events_of(run.last_seq, WINDOW_EVENTS))
        except AgentwatchError:
            # That the record cannot be read is told where all of it is followed.
            glance = Glance()
        finally:
            asked = self._reading.pop(run.run, None) is came
        if asked:
            glance.add(came)
            self._held[run.run] = glance
            self._held.move_to_end(run.run)
            while len(self._held) > KEPT:
                self._held.popitem(last=False)

    async def catch_up(
        self, in_sight: Callable[[], Iterable[Run]], events_of: EventsOf, changed: Callable[[str], None]
    ) -> None:
        """Read the runs in sight that are not held, one at a time; `changed` is told of each.

        `in_sight` is asked anew before each, and gives none while there is something better to do.
        """
        while (run := self.missing(in_sight())) is not None:
            await self.read(run, events_of)
            changed(run.run)
            await asyncio.sleep(PAUSE_S)

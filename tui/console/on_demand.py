"""What is read when it is wanted: a run's latest events, the breakers and the policy, and which runs are gone."""

from __future__ import annotations

from collections.abc import Callable

from store.errors import AgentwatchError
from store.events import Kind
from store.reader import Reader
from tui.console.recent import WINDOW_EVENTS
from tui.console.state import State, Window

GONE_AFTER_S = 60.0
"""A run that has been at rest for so long stands in the record, unless it was pruned."""


class OnDemand:
    """Reads into the state; `changed` is called with the runs that there is more to show of, or none for all."""

    def __init__(self, state: State, reader: Callable[[], Reader | None], changed: Callable[[set[str]], None]) -> None:
        self._state, self._reader, self._changed = state, reader, changed

    async def run(self, name: str) -> None:
        """Read a run's latest events."""
        state, run, reader = self._state, self._state.run(name), self._reader()
        if run is None or reader is None:
            return
        state.reading = {name: []}
        try:
            events = await reader.events_of(run.last_seq, WINDOW_EVENTS)
        except AgentwatchError as error:
            state.reading.clear()
            state.note(str(error), "warn")
            return
        state.keep(name, Window(events))
        self._changed({name})

    async def home(self) -> None:
        """Read what concerns all runs: breakers, and the version of the policy."""
        state, reader = self._state, self._reader()
        if reader is None:
            return
        try:
            state.breakers = await reader.breakers()
            state.breaker_events = await reader.latest(Kind.BREAKER)
            state.policy_version = await reader.policy_version()
        except AgentwatchError as error:
            state.note(str(error), "warn")
        self._changed(set())

    async def gone(self, now: float) -> set[str]:
        """Runs that are shown and no longer in the record: pruning leaves no event."""
        reader = self._reader()
        if reader is None:
            return set()
        try:
            known = await reader.names()
        except AgentwatchError:
            # That the record cannot be read is told where all of it is followed.
            return set()
        shown = self._state.model.runs.values()
        return {
            run.run
            for run in shown
            if run.run not in known and run.rested_at is not None and now - run.rested_at > GONE_AFTER_S
        }

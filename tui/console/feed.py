"""What the console hears of the record: the fleet once, then what changed, at most one frame every 50 ms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from store.errors import NoJournal, StoreError
from store.reader import Fleet, Reader
from store.records import Event, Run
from tui.supervisor import Supervisor

FRAME_S = 0.05
"""At most one frame in this time."""

REMOTE_FRAME_S = 0.25
"""The same where each frame goes over a network; keys are answered at once all the same."""

RETRY_S = 0.25
"""How often a record that is not there yet is looked for."""


class Frame:
    """What is new since the frame before."""

    def __init__(self, runs: list[Run], events: list[Event], *, whole: bool = False) -> None:
        self.runs = runs
        """Newest states of the runs that changed; of all runs if `whole`."""
        self.events = events
        self.whole = whole


class Feed:
    """Follows one home's record and hands frames to `deliver`, or a sentence to `trouble` while it cannot be read."""

    def __init__(
        self,
        supervisor: Supervisor,
        deliver: Callable[[Frame], None],
        trouble: Callable[[str, bool], None],
        frame_s: float = FRAME_S,
    ) -> None:
        self._supervisor = supervisor
        self._deliver = deliver
        self._trouble = trouble
        self._frame_s = frame_s
        self._fleet = Fleet((), 0)
        self._changed: set[str] = set()
        self._events: list[Event] = []
        self._sent_at = float("-inf")
        self._due: asyncio.TimerHandle | None = None
        self.reader: Reader | None = None
        """Open while the record can be read."""

    async def run(self) -> None:
        """Follow the record until cancelled."""
        while True:
            try:
                async with await self._supervisor.reader() as reader:
                    self.reader = reader
                    try:
                        await self._follow(reader)
                    finally:
                        self.reader = None
            except NoJournal as error:
                self._trouble(str(error), True)
                await asyncio.sleep(RETRY_S)
            except StoreError as error:
                self._trouble(str(error), False)
                await asyncio.sleep(8 * RETRY_S)

    async def _follow(self, reader: Reader) -> None:
        fleet = await reader.fleet()
        self._forget()
        self._fleet = fleet
        self._deliver(Frame(list(fleet.runs.values()), [], whole=True))
        async for events in reader.tail(fleet.seq):
            self._changed |= fleet.apply(events)
            self._events.extend(events)
            self._plan()

    def _forget(self) -> None:
        """Leave out what was not sent yet: the fleet that is sent next has taken it in."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._changed, self._events = set(), []

    def _plan(self) -> None:
        if self._due is None:
            wait = self._sent_at + self._frame_s - time.monotonic()
            if wait <= 0:
                self._send()
            else:
                self._due = asyncio.get_running_loop().call_later(wait, self._send)

    def _send(self) -> None:
        self._due = None
        self._sent_at = time.monotonic()
        runs = [self._fleet.runs[name] for name in self._changed]
        events, self._events = self._events, []
        self._changed = set()
        self._deliver(Frame(runs, events))

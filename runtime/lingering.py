"""Runs whose agent is done while processes of theirs go on: these are waited for, and no longer than is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from runtime.conclusion import done
from runtime.connection import Connection
from runtime.core import Core, log
from runtime.live import LiveRun
from runtime.process import is_alive, members
from store.events import Kind
from store.records import Run
from store.states import Status

LOOK_S = 0.1
TOLD_AFTER_S = 0.3
"""Helpers of an agent often end a moment after it: they are no news."""
RECONNECT_S = 3.0
"""What lives under a new runtime gets so long at least to speak with it."""
HELD = (Status.PAUSING, Status.PAUSED, Status.NEEDS_REVIEW)
"""While the supervisor makes a run wait no time passes for what is left of it."""


class Lingering:
    """Waits until nothing of a run speaks with us any more, and what is silent has had its time."""

    def __init__(self, core: Core, over: Callable[[LiveRun], None]) -> None:
        self._core = core
        self._over = over

    def begin(self, live: LiveRun, *, adopted: bool = False) -> None:
        """The main process is gone or said its end: what goes on is waited for."""
        if live.lingering is None:
            live.lingering = asyncio.get_running_loop().create_task(self._wait(live, adopted))

    async def _wait(self, live: LiveRun, adopted: bool) -> None:
        clock = asyncio.get_running_loop().time
        began = quiet_since = clock()
        allowed_s = max(live.policy.timeout.linger_s, RECONNECT_S if adopted else 0.0)
        while live.ending is None:
            try:
                left = await asyncio.to_thread(members, live.run, live.process)
            except Exception as error:
                log.exception("looking at what is left of run %s: %s", live.run, error)
                left = []
            if live.ending is not None:
                return
            speaks = any(_speaks(live, connection) for connection in live.connections)
            if live.exit is not None and not left and not speaks:
                break
            run = self._core.run(live)
            if speaks or run.status in HELD or live.still:
                quiet_since = clock()
            if clock() - max(quiet_since, live.heard_at) >= allowed_s:
                break
            if clock() - began >= TOLD_AFTER_S:
                self._tell(live, run, len(left))
            await asyncio.sleep(LOOK_S)
        self._over(live)

    def _tell(self, live: LiveRun, run: Run, left: int) -> None:
        many = "1 process" if left == 1 else f"{left} processes"
        text = f"{done(run)}; {many} {'goes' if left == 1 else 'go'} on"
        if run.lingers != text or (run.status is Status.RUNNING and run.why != text):
            self._core.record(live, Kind.LINGERS, {"why": text, "waits_for": f"{many} to end", "left": left})


def _speaks(live: LiveRun, connection: Connection) -> bool:
    """Whether a living process is at the other end (its socket may be inherited) that has not said its end, or acts."""
    acts = connection.said_end and connection in live.doers.values()
    alive = connection.began is None or is_alive(connection.pid, connection.began)
    return (acts or not connection.said_end) and alive

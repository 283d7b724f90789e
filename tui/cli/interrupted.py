"""`resume --all`: runs that the end of a runtime or of the machine interrupted."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable

from store.home import Home
from store.reader import Fleet, Reader
from store.records import Run
from store.states import FINAL, Status
from tui.supervisor import Supervisor

SETTLES_WITHIN_S = 15.0
"""How long to wait for a new runtime to report on every run it found."""
LOOK_S = 0.05


async def after_recovery(home: Home) -> Fleet:
    """All runs, once a runtime serves the home and has reported on every run it found.

    Raises `NoJournal`, `RuntimeNotStarted`, `StoreError`.
    """
    async with await Reader.open(home) as reader:
        before = await reader.fleet()
        if not await Supervisor(home).ensure_runtime():
            return await reader.fleet()
        deadline = time.monotonic() + SETTLES_WITHIN_S
        while True:
            now = await reader.fleet()
            if time.monotonic() > deadline or not any(_unsettled(run, now) for run in before.runs.values()):
                return now
            await asyncio.sleep(LOOK_S)


def _unsettled(before: Run, now: Fleet) -> bool:
    """Whether the new runtime has yet to say something about a run that was not at rest."""
    run = now.runs.get(before.run)
    if run is None or before.at_rest:
        return False
    return run.last_seq == before.last_seq or run.status in (Status.STOPPING, Status.KILLING)


def left_alone(runs: Iterable[Run]) -> str:
    """Which runs at rest `--all` does not resume, by why they rest; empty where there are none."""
    rests = (run for run in runs if run.at_rest and run.status not in FINAL and not run.interrupted)
    counted = Counter(
        "waiting for an answer" if run.status is Status.NEEDS_REVIEW else str(run.reason) for run in rests
    )
    if not counted:
        return ""
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(counted.items()))
    return f"Not interrupted, so left alone: {told}. Name a run to resume it."

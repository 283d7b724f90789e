"""The runtime with a fault in it: `crash_runtime.py --home HOME …`, the fault in CRASH_FAULT as a JSON object.

at: `before`, `after`, or `while` (a commit that fails at first, so that an answer that did not wait for it goes out and
is acted on; the strike comes when it is tried again).  what: `commit` (of an event of `kind`, where that is `run.status` to the status `to`), `spawn`
(of an agent's process) or `signal` (to a run's processes).  nth: at which time.  victim: agent | runtime | both.
struck: a file that is made first.

Nothing of this is in the product: it is patched in from here.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import sys
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from runtime import lifecycle, process, server
from store.errors import StoreError
from store.journal import Journal

fault: dict[str, Any] = json.loads(os.environ["CRASH_FAULT"])
passed = {"before": 0, "while": 0, "after": 0}
journals: list[Journal] = []


def pass_by(at: str, *pids: int) -> None:
    """The runtime has come to where the fault may be."""
    passed[at] += 1
    if at == fault["at"] and passed[at] == fault.get("nth", 1):
        strike(*pids)


def strike(*pids: int) -> None:
    """Kill the agents (`pids`, else those on record), this runtime, or both."""
    pathlib.Path(fault["struck"]).touch()
    if fault["victim"] in ("agent", "both"):
        for pid in pids or [run.pid for run in journals[-1].runs.values() if run.pid is not None]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    if fault["victim"] in ("runtime", "both"):
        os.kill(os.getpid(), signal.SIGKILL)


def concerned(statement: tuple[str, tuple[Any, ...]]) -> bool:
    """Whether this statement writes the event that the fault waits for."""
    sql, values = statement
    if not sql.startswith("INSERT INTO events") or values[5] != fault["kind"]:
        return False
    return "to" not in fault or json.loads(values[6])["to"] == fault["to"]


def patch() -> None:
    """Put the fault in."""
    opened, commit, spawn, tell = Journal.__init__, Journal._commit, lifecycle.spawn, process._signal

    def opening(self: Journal, *args: Any, **more: Any) -> None:
        journals.append(self)
        opened(self, *args, **more)

    def committing(self: Journal) -> None:
        here = any(concerned(statement) for statement in self._statements)
        if here:
            pass_by("before")
        if here and fault["at"] == "while":
            passed["while"] += 1
            if passed["while"] == fault.get("nth", 1):
                raise StoreError("the disk does not answer")
            if passed["while"] == fault.get("nth", 1) + 1:
                strike()
        commit(self)
        if here:
            pass_by("after")

    def spawning(*args: Any) -> Any:
        pass_by("before")
        started = spawn(*args)
        pass_by("after", started[1].pid)
        return started

    async def telling(*args: Any) -> int:
        pass_by("before")
        told = await tell(*args)
        pass_by("after")
        return told

    Journal.__init__ = opening  # type: ignore[method-assign]
    if fault["what"] == "commit":
        Journal._commit = committing  # type: ignore[method-assign]
    elif fault["what"] == "spawn":
        lifecycle.spawn = spawning
    else:
        process._signal = telling


if __name__ == "__main__":
    patch()
    sys.exit(server.main(sys.argv[1:]))

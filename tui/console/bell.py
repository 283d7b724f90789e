"""When the terminal's bell rings: something newly needs a person, and its cause has not rung already."""

from __future__ import annotations

from collections.abc import Iterable

from store.records import Run
from tui.console.standing import needs_you


class Bell:
    """Remembers what has rung.  Runs that need a person for the same cause ring once for all of them."""

    def __init__(self) -> None:
        self._causes: dict[str, tuple[str, str]] = {}

    def hear(self, runs: Iterable[Run]) -> bool:
        """Take in newer states of runs; whether it is to ring."""
        rings = False
        for run in runs:
            if not needs_you(run):
                self._causes.pop(run.run, None)
                continue
            cause = (str(run.reason or run.status), run.why)
            if run.run not in self._causes and cause not in self._causes.values():
                rings = True
            self._causes[run.run] = cause
        return rings

"""How far a long piece of work is: a bar where a person looks on, a line per source elsewhere."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tui.cli.output import complain
from tui.console import formats

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Work:
    """Shown on standard error, so that standard output holds the result alone."""

    def __init__(self, what: str, whole: int) -> None:
        """`whole` is the sum of all amounts that `done` will be told."""
        self._what = what
        self._whole = whole
        self._counts: dict[str, int] = {}
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            self._start()
        return self

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        # A run's or a file's name is data: no column reads it as markup.
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[runs]} runs", markup=False),
            TimeRemainingColumn(),
            console=Console(stderr=True, highlight=False),
            transient=True,
        )
        self._task = self._bar.add_task(self._what, total=self._whole, runs=0)
        self._bar.start()

    def done(self, source: str, amount: int, runs: int) -> None:
        """A piece of `source` is done: so much of the whole, and so many runs.  No line is given to no source."""
        self._counts[source] = self._counts.get(source, 0) + runs
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=amount, runs=sum(self._counts.values()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif kind is None:
            for source, runs in self._counts.items():
                if source:
                    complain(f"{source}: {formats.plural(runs, 'run')}")

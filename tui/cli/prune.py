"""`prune`: forgets runs that have been over for long."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import typer

from store import retention
from store.errors import RuntimeAlreadyRunning
from store.reader import Reader
from store.records import Run
from tui.cli.options import HomeOption, JsonOption, Place, place, seconds
from tui.cli.output import say, say_json
from tui.cli.words import iso, short_ids
from tui.cli.working import Work
from tui.console import formats
from tui.plain import plain

PARTS = 1000
"""Into how many parts the progress of the deletion is cut."""


def prune(
    context: typer.Context,
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than", metavar="TIME", help="How long a run has been at rest, e.g. 30d.", show_default=False
        ),
    ],
    everything: Annotated[
        bool, typer.Option("--all", help="Also what is at rest and could be resumed.", show_default=False)
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, delete nothing.")] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Forget runs that were completed or killed long ago: events, evidence, logs, checkpoints.

    They cannot be brought back, and what they spent no longer counts in shared budgets.  Runs that are not at rest
    always stay.  Works while no runtime serves the home.
    """
    where = place(context, home)
    before = time.time() - seconds(older_than, "--older-than")
    runs, ids = asyncio.run(_doomed(where, before, everything))
    if dry_run:
        _would(runs, ids, as_json)
        return
    if where.home.runtime_alive():
        beat = where.home.beat()
        who = f" (process {beat.pid})" if beat else ""
        raise RuntimeAlreadyRunning(
            f"A runtime serves {where.home.root}{who}, and nothing is pruned under it: `{where.command('stop')}` ends "
            "it, every run stays resumable."
        )
    with Work("pruning", PARTS) as work:
        done = 0

        def step(share: float) -> None:
            nonlocal done
            work.done("", round(share * PARTS) - done, 0)
            done = round(share * PARTS)

        forgotten = retention.prune(where.home, before, resumable_too=everything, step=step)
    if as_json:
        say_json({
            "runs": list(forgotten.runs), "events": forgotten.events, "files_bytes": forgotten.files_bytes,
            "database_bytes": forgotten.database_bytes,
        })  # fmt: skip
        return
    if not forgotten.runs:
        say(f"Nothing to forget: no run came to its end before {iso(before)}.")
        return
    freed = f"{formats.size(forgotten.files_bytes)} of files"
    if forgotten.database_bytes:
        freed += f" and {formats.size(forgotten.database_bytes)} of the database"
    runs_, events = formats.plural(len(forgotten.runs), "run"), formats.plural(forgotten.events, "event")
    say(f"Forgot {runs_} with {events}; freed {freed}.")


async def _doomed(where: Place, before: float, everything: bool) -> tuple[list[Run], dict[str, str]]:
    async with await Reader.open(where.home) as reader:
        fleet = await reader.fleet()
    return retention.doomed(fleet.runs.values(), before, resumable_too=everything), short_ids(fleet.runs)


def _would(runs: list[Run], ids: dict[str, str], as_json: bool) -> None:
    if as_json:
        say_json({"runs": [run.run for run in runs]})
        return
    now = time.time()
    for run in runs:
        rested = run.rested_at or run.created_at
        say(f"{ids[run.run]}  {plain(run.agent)}, {run.status}, {formats.age(now - rested)} at rest")
    say(f"{formats.plural(len(runs), 'run')} would be forgotten.")

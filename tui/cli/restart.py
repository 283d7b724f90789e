"""`restart`: another runtime takes over, while the agents go on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time

import typer

from store.home import Home
from store.reader import Reader
from store.records import Json, Run
from tui.cli.options import HomeOption, JsonOption, Place, place
from tui.cli.output import say, say_json
from tui.cli.serve import RuntimeDoesNotLeave, preflight
from tui.cli.words import short_ids
from tui.console import formats
from tui.plain import plain
from tui.supervisor import Supervisor

GONE_WITHIN_S = 10.0


def restart(context: typer.Context, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Put a new runtime in the place of the one that serves the home, for instance after an upgrade.

    The old one ends at once, without pausing anything.  Agents go on with what they are doing and wait at their next
    action until the new one, about a second later, has taken them over.  How a process that was taken over exits is
    seen by nobody, so an end without the agent's own word will count as unknown.
    """
    where = place(context, home)
    said = asyncio.run(_restart(where))
    if as_json:
        say_json(said)
    else:
        say(str(said["message"]))


async def _restart(where: Place) -> dict[str, Json]:
    before = await preflight(where)
    live = [run for run in before.runs.values() if run.pid is not None]
    old, options = _end(where)
    await Supervisor(where.home).ensure_runtime(options=options)
    beat = where.home.beat()
    new = beat.pid if beat is not None else None
    # It takes over what lives before it shows its first sign of life.
    async with await Reader.open(where.home) as reader:
        fleet = await reader.fleet()
    after = [fleet.runs[run.run] for run in live]
    taken = [run for run in after if run.pid is not None]
    ended = [run for run in after if run.pid is None]
    return {
        "old": old,
        "new": new,
        "taken_over": [run.run for run in taken],
        "ended": [run.run for run in ended],
        "message": _message(old, new, taken, ended),
    }


def _message(old: int | None, new: int | None, taken: list[Run], ended: list[Run]) -> str:
    if old is None:
        return f"No runtime was running: one has been started (process {new})."
    said = f"The runtime was replaced: process {old} by process {new}."
    if taken:
        said += f" {formats.plural(len(taken), 'run')} went on under it."
    if ended:
        short = short_ids(run.run for run in ended)
        names = ", ".join(f"{plain(run.agent)} {short[run.run]} ({run.status})" for run in ended[:8])
        said += f" Its process ended meanwhile: {names}."
    return said


def _end(where: Place) -> tuple[int | None, list[str]]:
    """End the runtime at once; its process, and the options that its successor is to have.

    A signal that cannot be caught is what keeps it from pausing its agents: what it promised is on disk already.
    Raises `RuntimeDoesNotLeave`.
    """
    beat = where.home.beat()
    if not where.home.runtime_alive():
        return None, []
    words = _words(beat.pid) if beat is not None else []
    if beat is None or not {"_serve", str(where.home.root)} <= set(words):
        raise RuntimeDoesNotLeave(
            f"A runtime serves {where.home.root}, but which process it is cannot be told: `{where.command('stop')}`."
        )
    os.kill(beat.pid, signal.SIGKILL)
    _wait_until_free(where.home)
    at = words.index("--idle-s") if "--idle-s" in words else len(words)
    return beat.pid, words[at : at + 2]


def _words(pid: int) -> list[str]:
    import psutil

    with contextlib.suppress(psutil.Error):
        return list(psutil.Process(pid).cmdline())
    return []


def _wait_until_free(home: Home) -> None:
    deadline = time.monotonic() + GONE_WITHIN_S
    while home.runtime_alive():
        if time.monotonic() > deadline:
            raise RuntimeDoesNotLeave(f"The runtime has not left within {GONE_WITHIN_S:.0f} s.")
        time.sleep(0.01)

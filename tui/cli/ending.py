"""`kill`: ends runs for good, and asks before it does."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from store.reader import Fleet
from store.records import Run
from store.states import FINAL
from tui.cli.options import HomeOption, JsonOption, RunsArgument, UsageMistake, place
from tui.cli.output import say
from tui.cli.steer import NOT_ALL, ask, look, tell
from tui.cli.words import checkpoint_name, short_ids
from tui.console import formats
from tui.plain import plain

TYPE_THE_NUMBER_FROM = 5
"""So many runs at once are not killed by a `y` alone."""


_PAUSE = "Pausing would keep everything."
_IDLE = "None of them is running: as they are they cost nothing."


def kill(
    context: typer.Context,
    runs: RunsArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """End runs for good: their processes, checkpoints and intents.  Asks first."""
    where = place(context, home)
    fleet, found = asyncio.run(look(where, runs))
    mortal = [run for run in found if run.status not in FINAL]
    if not yes and mortal:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UsageMistake("kill asks first and here is no terminal to answer at: add --yes.")
        if not _agreed(fleet, mortal):
            say("Nothing was killed.")
            raise typer.Exit(NOT_ALL)
    raise typer.Exit(tell(fleet, found, asyncio.run(ask(where, "kill", found, timeout_s=30.0)), as_json))


def _agreed(fleet: Fleet, runs: Sequence[Run]) -> bool:
    short = short_ids(fleet.runs)
    for line in question(runs, {run.run: f"{plain(run.agent)} {short[run.run]}" for run in runs}, time.time()):
        say(line)
    if len(runs) >= TYPE_THE_NUMBER_FROM:
        return _typed(f"Type {len(runs)} to kill them, anything else keeps them: ") == str(len(runs))
    return _typed("Kill? [y/N] ").lower() in ("y", "yes")


def _typed(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        say()
        return ""


def question(runs: Sequence[Run], names: dict[str, str], now: float) -> list[str]:
    """What is lost and what stays if `runs` are killed."""
    if len(runs) == 1:
        return _of_one(runs[0], names[runs[0].run], now)
    agents = sorted({plain(run.agent) for run in runs})
    whose = f"of {agents[0]}" if len(agents) == 1 else f"of {len(agents)} agents"
    listed = ", ".join(names[run.run] for run in runs[:8]) + (" …" if len(runs) > 8 else "")
    checkpoints = sum(run.checkpoints for run in runs)
    doubts = sum(len(run.in_flight) for run in runs)
    processes = formats.plural(sum(run.pid is not None for run in runs), "process", "processes")
    return [
        f"Kill {len(runs)} runs {whose}? This cannot be undone.",
        f"  which     {listed}",
        f"  ends      {processes} and their children",
        f"  deleted   {formats.plural(checkpoints, 'checkpoint')}. They can never be resumed.",
        "  stays     history, log, evidence",
        f"  in doubt  {formats.plural(doubts, 'action') if doubts else 'nothing'}",
        f"  spent     {formats.money(sum(run.cost_usd for run in runs))}, not given back",
        _PAUSE if any(not run.at_rest for run in runs) else _IDLE,
    ]


def _of_one(run: Run, name: str, now: float) -> list[str]:
    ends = f"process {run.pid} and its children" if run.pid is not None else "nothing: no process is running"
    last = f" (last: {checkpoint_name(run.checkpoint)}, step {run.checkpoint.step})" if run.checkpoint else ""
    flight = [f"{plain(one.tool)}, begun {formats.ago(now - one.began_at)}" for one in run.in_flight]
    pausing = "It does not run now and costs nothing." if run.at_rest else _PAUSE
    return [
        f"Kill {name}? This cannot be undone.",
        f"  ends      {ends}",
        f"  deleted   {formats.plural(run.checkpoints, 'checkpoint')}{last}. It can never be resumed.",
        f"  stays     history, log, evidence; {formats.plural(run.actions, 'action')} that began stay as they are",
        f"  in doubt  {'; '.join(flight) if flight else 'nothing'}",
        pausing,
    ]

"""`runtime`, `stop` and `attach`: the home's runtime in the foreground, its end, and the console."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Annotated

import typer

import agentwatch.__main__ as launcher
from store.errors import NoJournal, RuntimeAlreadyRunning
from store.reader import Fleet, Reader
from tui.cli.options import HomeOption, JsonOption, Place, UsageMistake, place, seconds
from tui.cli.output import complain, say, say_json
from tui.console import formats
from tui.supervisor import NoAnswer, RuntimeNotStarted, Supervisor

LEAVES_WITHIN_S = 30.0
"""Beyond `--timeout`: how long a runtime may take to end its agents' processes and itself."""
NOT_ALL = 3


class RuntimeDoesNotLeave(NoAnswer):
    """The runtime was told to end and did not."""


def runtime(
    context: typer.Context,
    idle: Annotated[
        str,
        typer.Option("--idle", metavar="TIME", help="Leave so long after the last run is at rest; 0: never."),
    ] = "60s",
    full: Annotated[
        bool,
        typer.Option("--full", help="Sync each commit to the disk, so that the record survives a power cut, too."),
    ] = False,
    home: HomeOption = None,
) -> None:
    """Serve the home in the foreground, for systemd and the curious; `run` starts a runtime by itself."""
    where = place(context, home)
    idle_s = seconds(idle, "--idle")
    asyncio.run(preflight(where))
    if where.home.runtime_alive():
        beat = where.home.beat()
        who = f" (process {beat.pid})" if beat else ""
        end = f"`{where.command('stop')}` ends it"
        raise RuntimeAlreadyRunning(f"A runtime already serves {where.home.root}{who}: {end}.")
    sys.stdout.flush()
    words = ["_serve", "--home", str(where.home.root), "--idle-s", f"{idle_s:g}"]
    words += ["--synchronous", "FULL"] if full else []
    os.execv(sys.executable, [sys.executable, "-P", str(launcher.__file__), *words])


def stop(
    context: typer.Context,
    timeout: Annotated[
        str,
        typer.Option(
            "--timeout",
            metavar="TIME",
            help="What is at no safe point by then is parked by force; without a checkpoint, frozen.",
        ),
    ] = "10s",
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Pause what is live, then end the runtime.  Runs stay resumable."""
    where = place(context, home)
    timeout_s = seconds(timeout, "--timeout")
    if not where.home.runtime_alive():
        _report(as_json, True, f"No runtime is running in {where.home.root}: there is nothing to stop.")
        return
    applied, message = asyncio.run(_stop(where, timeout_s))
    _report(as_json, applied, message)
    if not applied:
        raise typer.Exit(NOT_ALL)


def _report(as_json: bool, applied: bool, message: str) -> None:
    if as_json:
        say_json({"applied": applied, "message": message})
    elif applied:
        say(message)
    else:
        complain(message)


async def _stop(where: Place, timeout_s: float) -> tuple[bool, str]:
    deadline = time.monotonic() + timeout_s + LEAVES_WITHIN_S
    async with await Reader.open(where.home) as reader:
        live = [run for run in (await reader.fleet()).runs.values() if not run.at_rest]
    answer = await Supervisor(where.home).submit("stop_runtime", timeout_s=timeout_s)
    if not answer.applied:
        return False, f"Refused: {answer.message}"
    while where.home.runtime_alive() and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    if where.home.runtime_alive():
        raise RuntimeDoesNotLeave(f"The runtime has not left within {timeout_s + LEAVES_WITHIN_S:.0f} s: see its log.")
    async with await Reader.open(where.home) as reader:
        frozen = sum(run.frozen for run in (await reader.fleet()).runs.values())
    rest = f" {formats.plural(len(live), 'run')} that went on can be resumed: `{where.command('ps')}`." if live else ""
    if frozen:
        are = "is" if frozen == 1 else "are"
        without = f"{formats.plural(frozen, 'run')} without a checkpoint {are} frozen"
        rest += f" {without}: in memory only, until this machine restarts."
    return True, f"The runtime of {where.home.root} has ended.{rest}"


def attach(
    context: typer.Context,
    needs_me: Annotated[bool, typer.Option("--needs-me", help="Show only the runs that wait for a person.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Look, and be able to change nothing.")] = False,
    home: HomeOption = None,
) -> None:
    """Open the console for what already runs.  Leaving it stops nothing."""
    where = place(context, home)
    require_terminal("attach opens the console", "`agentwatch ps` and `agentwatch show RUN` print plain lines")
    if not read_only:
        asyncio.run(_bring_up(where))
    raise typer.Exit(console(where, needs_me=needs_me, read_only=read_only))


async def preflight(where: Place) -> Fleet:
    """Every run of the home, once it is sure that a runtime could serve it.

    Raises `HomeNotWritable`, `SocketPathTooLong`, `NewerDatabase`, `CorruptDatabase`, `StoreError`.
    """
    where.home.create()
    _ = where.home.socket
    try:
        async with await Reader.open(where.home) as reader:
            return await reader.fleet()
    except NoJournal:
        return Fleet((), 0)


async def _bring_up(where: Place) -> None:
    await preflight(where)
    try:
        await Supervisor(where.home).ensure_runtime()
    except RuntimeNotStarted as error:
        look = where.command("attach --read-only")
        raise RuntimeNotStarted(f"{error} To look all the same: `{look}`.") from error


def console(where: Place, *, select: str | None = None, needs_me: bool = False, read_only: bool = False) -> int:
    """Open the console and return its exit code when it is left."""
    from tui.console.app import run_console

    return run_console(where.home, select=select, needs_me=needs_me, read_only=read_only)


def require_terminal(what: str, instead: str) -> None:
    """Raise `UsageMistake` unless a console can be opened here."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageMistake(f"{what}, and here is no terminal: {instead}.")

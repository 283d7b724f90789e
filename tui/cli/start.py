"""`run`: starts agents, then opens the console or prints a line per change."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from store.launch import Launch, write_launch
from store.reader import Fleet
from store.records import Run
from store.states import FINAL, RESUMABLE, Status
from tui.cli import BROKEN_PIPE, silence
from tui.cli.headless import GRACE_S, NOT_ALL, Started, Watch
from tui.cli.help import AFTER_DASHES
from tui.cli.options import HomeOption, JsonOption, Place, UsageMistake, place, seconds
from tui.cli.output import complain, say
from tui.cli.plan import Wish, launches
from tui.cli.serve import console, preflight, require_terminal
from tui.cli.voice import JsonLines, Lines
from tui.plain import plain
from tui.supervisor import Supervisor

IN_ORDER = 20
"""So many runs are started one after the other, so that they stand in the order in which they were named."""
AT_ONCE = 8
"""Of more than that, so many side by side."""


class IfActive(StrEnum):
    """What to do where an agent has a run that is neither completed, killed nor (for `skip`) stopped."""

    NEW = "new"
    SKIP = "skip"
    RESUME = "resume"


class Order(msgspec.Struct, frozen=True):
    """One run to start, to resume, or (neither) to follow as it is."""

    run: str
    agent: str
    launch: Launch | None = None
    resume: bool = False


def run(
    context: typer.Context,
    agents: Annotated[
        list[str] | None,
        typer.Argument(metavar="[AGENT...]", help="Agents that agentwatch.toml defines.", show_default=False),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Run the agents that come along, to see it work.")] = False,
    goal: Annotated[
        str | None, typer.Option("--goal", metavar="TEXT", help="What the run is to reach.", show_default=False)
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="A file of [RULE] sections; it wins.", show_default=False),
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", metavar="N", min=1, help="So many runs of each agent.", show_default=False)
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="No console: print a line per change, leave when all are at rest.")
    ] = False,
    as_json: JsonOption = False,
    timeout: Annotated[
        str | None,
        typer.Option("--timeout", metavar="TIME", help="With --headless: then pause the runs.", show_default=False),
    ] = None,
    grace: Annotated[
        str | None,
        typer.Option(
            "--grace",
            metavar="TIME",
            help="With --headless: leave so soon after SIGTERM or Ctrl-C (10s).",
            show_default=False,
        ),
    ] = None,
    if_active: Annotated[
        IfActive,
        typer.Option("--if-active", help="Where an agent has an unfinished run: start another, skip it, or resume it."),
    ] = IfActive.NEW,
    home: HomeOption = None,
) -> None:
    """Run agents under supervision, with your environment, in your working directory.

    Names come from agentwatch.toml, here or above; any other command goes behind `--`.  With --headless the exit code
    is 0 if every run completed, 3 if one came to rest otherwise; Ctrl-C pauses them first.
    """
    where = place(context, home)
    after = context.meta.get(AFTER_DASHES)
    wish = Wish(tuple(agents or ()), None if after is None else tuple(after), demo, goal, policy, count)
    planned = launches(wish, _working_directory(), os.environ)
    if not headless and (as_json or timeout is not None or grace is not None):
        wrong = "--json" if as_json else "--timeout" if timeout is not None else "--grace"
        raise UsageMistake(f"{wrong} goes with --headless.")
    grace_s = seconds(grace, "--grace") if grace is not None else GRACE_S
    timeout_s = seconds(timeout, "--timeout") if timeout is not None else None
    if not headless:
        require_terminal("run opens the console", "add --headless for a line per change")
    fleet = asyncio.run(preflight(where))
    orders = decide(planned, fleet, if_active)
    if headless:
        voice = JsonLines() if as_json else Lines(where)
        watch = Watch(where, voice, timeout_s=timeout_s, grace_s=grace_s)
        try:
            code = asyncio.run(watch.follow(lambda: start(where, orders)))
        except BrokenPipeError:
            silence()
            code = BROKEN_PIPE
        raise typer.Exit(code)
    started = asyncio.run(start(where, orders))
    if orders and not started.ids:
        raise typer.Exit(NOT_ALL)
    raise typer.Exit(console(where, select=started.ids[0] if started.ids else None))


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise UsageMistake("The working directory is gone: change to another one.") from error


def decide(planned: Sequence[Launch], fleet: Fleet, if_active: IfActive) -> list[Order]:
    """What to do about each launch, given what runs already."""
    orders: list[Order] = []
    seen: set[str] = set()
    for launch in planned:
        active = [] if if_active is IfActive.NEW else unfinished(fleet, launch.agent, if_active)
        if not active:
            orders.append(Order(launch.run, launch.agent, launch))
        elif launch.agent not in seen:
            if if_active is IfActive.RESUME:
                orders += [Order(one.run, one.agent, resume=one.status in RESUMABLE) for one in active]
            else:
                for one in active:
                    say(f"{plain(one.agent)} {one.run} is {one.status}: no other run of it was started.")
        seen.add(launch.agent)
    return orders


def unfinished(fleet: Fleet, agent: str, if_active: IfActive) -> list[Run]:
    """Runs of an agent that stand in the way of a new one, oldest first."""
    over = FINAL | {Status.STOPPED} if if_active is IfActive.SKIP else FINAL
    found = [one for one in fleet.runs.values() if one.agent == agent and one.status not in over]
    return sorted(found, key=lambda one: one.created_at)


async def start(where: Place, orders: Sequence[Order]) -> Started:
    """Start or resume every run."""
    supervisor = Supervisor(where.home)
    await supervisor.ensure_runtime()
    turn = asyncio.Semaphore(1 if len(orders) <= IN_ORDER else AT_ONCE)

    async def in_turn(order: Order) -> bool:
        async with turn:
            return await _carry_out(where, supervisor, order)

    going = await asyncio.gather(*map(in_turn, orders))
    ids = tuple(order.run for order, goes in zip(orders, going, strict=True) if goes)
    return Started(ids, len(orders) - len(ids))


async def _carry_out(where: Place, supervisor: Supervisor, order: Order) -> bool:
    """Whether the run goes, or went already."""
    if order.launch is not None:
        launch = order.launch
        write_launch(where.home, launch)
        answer = await supervisor.submit(
            "start",
            order.run,
            agent=launch.agent,
            goal=launch.goal,
            restart=launch.restart,
            command=list(launch.argv),
            cwd=launch.cwd,
        )
    elif order.resume:
        answer = await supervisor.submit("resume", order.run)
    else:
        return True
    if not answer.applied:
        complain(f"{plain(order.agent)} {order.run}: refused. {plain(answer.message)}")
        if order.launch is not None:
            where.home.launch(order.run).unlink(missing_ok=True)
    return answer.applied

"""`pause`, `resume` and `resolve`: what an operator asks of runs, and the answers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from store.errors import AgentwatchError
from store.events import Kind
from store.reader import Fleet, Reader
from store.records import Answer, Json, Run
from store.states import StopReason
from tui.cli import interrupted
from tui.cli.options import (
    AnyRunsArgument,
    HomeOption,
    JsonOption,
    Place,
    RunArgument,
    RunsArgument,
    UsageMistake,
    budgets,
    json_value,
    place,
)
from tui.cli.output import complain, say, say_json
from tui.cli.words import short_ids
from tui.console.doubts import doubts
from tui.console.standing import worked
from tui.plain import plain
from tui.supervisor import STARTS_RUNTIME, Supervisor

NOT_ALL = 3
"""Exit code where something was refused."""

PAGE = 500
"""Events that are looked through at a time."""
ENDS = ("pause", "stop")
"""Levels of a ruling after which a run does not go on."""


class NoRuntime(AgentwatchError):
    """Something was asked of runs that nobody runs."""


async def look(where: Place, names: Sequence[str]) -> tuple[Fleet, list[Run]]:
    """All runs, and those that `names` mean, each once.  Raises `UnknownRun`, `AmbiguousRun`, `NoJournal`."""
    async with await Reader.open(where.home) as reader:
        fleet = await reader.fleet()
    return fleet, list({run.run: run for run in map(fleet.find, names)}.values())


async def ask(
    where: Place,
    kind: str,
    runs: Sequence[Run],
    *,
    bound: bool = False,
    timeout_s: float = 15.0,
    each: Mapping[str, dict[str, Json]] | None = None,
    **args: Json,
) -> list[Answer]:
    """Ask the same of several runs at once; `bound` ties the request to the attempt that is seen now.

    `each` holds what is asked of single runs alone, by their ids.

    Raises `NoRuntime` for what starts none, `NoAnswer`, `RuntimeNotStarted`, `StoreError`.
    """
    if kind not in STARTS_RUNTIME and not where.home.runtime_alive():
        raise NoRuntime(
            f"No runtime is running in {where.home.root}, so no agent goes on there: `{where.command('ps')}` shows how "
            "the runs stand."
        )
    supervisor = Supervisor(where.home)
    return await asyncio.gather(
        *(
            supervisor.submit(
                kind,
                run.run,
                attempt=run.attempt if bound else None,
                answer_within_s=timeout_s,
                **args,
                **(each or {}).get(run.run, {}),
            )
            for run in runs
        )
    )


def tell(fleet: Fleet, runs: Sequence[Run], answers: Sequence[Answer], as_json: bool) -> int:
    """Print what became of each request; the exit code that says whether all were applied."""
    if as_json:
        say_json(
            [
                {"run": run.run, "agent": run.agent, "applied": answer.applied, "message": answer.message}
                for run, answer in zip(runs, answers, strict=True)
            ]
        )
    else:
        short = short_ids(fleet.runs)
        for run, answer in zip(runs, answers, strict=True):
            name = f"{plain(run.agent)} {short[run.run]}"
            if answer.applied:
                say(f"{name}: {plain(answer.message)}")
            else:
                complain(f"{name}: refused. {plain(answer.message)}")
    return 0 if all(answer.applied for answer in answers) else NOT_ALL


def pause(
    context: typer.Context,
    runs: RunsArgument,
    park: Annotated[
        bool, typer.Option("--park", help="End the process, too; resume goes on from the last checkpoint.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Do not wait for a safe point; an action in flight comes into doubt.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask, even where there is no checkpoint and work is lost.")
    ] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Pause runs at their next safe point."""
    where = place(context, home)

    async def act() -> int:
        fleet, found = await look(where, runs)
        args: dict[str, Json] = ({"park": True} if park else {}) | ({"force": True} if force else {})
        lost = [run for run in found if run.begins_again and run.pid is not None and (run.sdk or force)]
        if args and lost:
            _may_begin_again(lost, short_ids(fleet.runs), yes)
        each: dict[str, dict[str, Json]] = {run.run: {"begin_again": True} for run in lost if args}
        return tell(fleet, found, await ask(where, "pause", found, bound=force, each=each, **args), as_json)

    raise typer.Exit(asyncio.run(act()))


def _may_begin_again(lost: Sequence[Run], short: Mapping[str, str], yes: bool) -> None:
    """Ask before work is lost.  Raises `UsageMistake` where nobody can be asked, `typer.Abort` for a no."""
    if yes:
        return
    names = ", ".join(f"{plain(run.agent)} {short[run.run]} ({worked(run)})" for run in lost)
    have = "has" if len(lost) == 1 else "have"
    said = f"No checkpoint: {names} {have} nothing to come back to, and would begin again from step 1."
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageMistake(f"{said} Say --yes to end the process all the same, or pause without --park and --force.")
    typer.confirm(f"{said} End the process all the same?", abort=True, err=True)


def resume(
    context: typer.Context,
    runs: AnyRunsArgument = None,
    all_: Annotated[
        bool,
        typer.Option(
            "--all", help="Every run that a reboot or the end of the runtime interrupted.", show_default=False
        ),
    ] = False,
    note: Annotated[
        str | None,
        typer.Option("--note", metavar="TEXT", help="What the agent's model is told first.", show_default=False),
    ] = None,
    from_: Annotated[
        int | None,
        typer.Option(
            "--from",
            metavar="N",
            min=1,
            help="Go back to checkpoint N. What was done since is not done again.",
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option("--budget", metavar="KEY=VALUE", help="A new limit, e.g. cost_usd=10.", show_default=False),
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="The repetition that stopped it is fine, for the rest of the run.")
    ] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Let runs go on: from where they are held, else from their last checkpoint."""
    if all_ == bool(runs):
        raise UsageMistake("Name the runs to resume, or say --all for every run that was interrupted: one of the two.")
    if all_ and (from_ is not None or accept or budget):
        raise UsageMistake("--all takes --note alone: --from, --budget and --accept belong to one run.")
    where = place(context, home)
    args: dict[str, Json] = {}
    if note is not None:
        args["note"] = note
    if from_ is not None:
        args["checkpoint"] = from_
    if budget:
        args["limits"] = budgets(budget)

    async def act() -> int:
        if all_:
            return await _resume_all(where, args, as_json)
        fleet, found = await look(where, runs or ())
        each = await _repetitions(where, found) if accept else {}
        return tell(fleet, found, await ask(where, "resume", found, each=each, **args), as_json)

    raise typer.Exit(asyncio.run(act()))


async def _resume_all(where: Place, args: dict[str, Json], as_json: bool) -> int:
    fleet = await interrupted.after_recovery(where.home)
    runs = list(fleet.runs.values())
    found = [run for run in runs if run.interrupted]
    code = tell(fleet, found, await ask(where, "resume", found, **args), as_json)
    if not as_json:
        if not found:
            say("Nothing to resume: no run was interrupted.")
        if left := interrupted.left_alone(runs):
            say(left)
    return code


async def _repetitions(where: Place, runs: Sequence[Run]) -> dict[str, dict[str, Json]]:
    """For each run, what names the repetition that stopped it.  Raises `UsageMistake`."""
    async with await Reader.open(where.home) as reader:
        return {run.run: {"accept": await _repetition(reader, run)} for run in runs}


async def _repetition(reader: Reader, run: Run) -> str:
    if run.reason is not StopReason.LOOP_DETECTED or not run.resumable:
        raise UsageMistake(f"{plain(run.agent)} {run.run} was not stopped for a repetition: --accept accepts nothing.")
    if run.evidence.get("signature"):
        return str(run.evidence["signature"])
    head = run.last_seq
    while page := await reader.events_of(head, PAGE):
        for event in reversed(page):
            if event.kind == Kind.RULING and event.body.get("level") in ENDS and event.body.get("signature"):
                return str(event.body["signature"])
        head = page[0].prev
    raise UsageMistake(f"Nothing on record names the repetition of {plain(run.agent)} {run.run}: resume it as it is.")


def resolve(
    context: typer.Context,
    run: RunArgument,
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help="The action in doubt, as `show` names it.", show_default=False)
    ],
    done: Annotated[bool, typer.Option("--done", help="It happened: do not do it again.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="It did not happen: do it again.")] = False,
    result: Annotated[
        str | None,
        typer.Option("--result", metavar="JSON", help="With --done: what it returned.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Say what became of an action in doubt, so that its run may go on."""
    if done == retry:
        raise UsageMistake("Say either --done (it happened) or --retry (it did not).")
    if result is not None and retry:
        raise UsageMistake("--result goes with --done: what is done again brings its own result.")
    where = place(context, home)
    args: dict[str, Json] = {"outcome": "done" if done else "retry"}
    if result is not None:
        args["result"] = json_value(result, "--result")

    async def act() -> int:
        fleet, found = await look(where, [run])
        async with await Reader.open(where.home) as reader:
            actions = await reader.actions(found[0].run)
            latest = await reader.events_of(found[0].last_seq, PAGE)
        asked = [one.id for one in doubts(found[0], latest, actions)]
        ident = doubted(found[0], asked, action)
        return tell(fleet, found, await ask(where, "resolve", found, bound=True, action=ident, **args), as_json)

    raise typer.Exit(asyncio.run(act()))


def doubted(run: Run, asked: Sequence[str], name: str) -> str:
    """The id of the question that `name` is or unambiguously begins.  Raises `UsageMistake`."""
    meant = [ident for ident in asked if ident == name] or [ident for ident in asked if ident.startswith(name)]
    if len(meant) == 1:
        return meant[0]
    there = ", ".join(asked[:5]) if asked else "none"
    problem = "begins several actions" if meant else "is no action in doubt"
    raise UsageMistake(f"{name!r} {problem} of {run.agent} {run.run}: it has {there}.")

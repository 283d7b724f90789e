"""`ps`, `events` and `checkpoints`: lists of what the record holds."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import typer

from store.errors import NoJournal
from store.reader import Fleet, Reader
from store.records import Checkpoint, CheckpointRef, Event, Run
from store.states import FINAL
from tui.cli import shape
from tui.cli.options import FollowOption, HomeOption, JsonOption, LastOption, Place, RunArgument, UsageMistake, place
from tui.cli.output import Column, complain, say, say_json, table
from tui.cli.words import checkpoint_name, clock_ms, progress, short_ids
from tui.console import formats, standing
from tui.console.telling import Story
from tui.plain import plain, plain_lines

PAGE = 5000

RUNS = (
    Column("RUN", dim=True),
    Column("AGENT", least=10),
    Column("STATUS"),
    Column("TASK", least=12, leaves=5),
    Column("STEP", "right", leaves=4),
    Column("TOOL", least=10, leaves=3),
    Column("QUIET", "right", leaves=2),
    Column("TOKENS", "right", leaves=1),
    Column("COST", "right", leaves=6),
    Column("WHY", least=16),
)
CHECKPOINTS = (
    Column("NUMBER", "right"),
    Column("STEP", "right"),
    Column("TIME"),
    Column("AGE", "right"),
    Column("SIZE", "right", leaves=2),
    Column("ATTEMPT", "right", leaves=1),
    Column("LABEL", least=12),
)

SIGNS = {"added": ("+ ", ": "), "removed": ("- ", ": "), "changed": ("~ ", ": ")}


def ps(context: typer.Context, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """List every run: what it does now, and why it stands if it does not go on."""
    asyncio.run(_ps(place(context, home), as_json))


async def _ps(where: Place, as_json: bool) -> None:
    try:
        async with await Reader.open(where.home) as reader:
            fleet = await reader.fleet()
    except NoJournal:
        fleet = Fleet((), 0)
    if as_json:
        say_json([shape.run(run) for run in sorted(fleet.runs.values(), key=lambda run: run.created_at)])
        return
    if not fleet.runs:
        say(f"Nothing has run here yet: begin with `{where.command('run --demo')}`.")
        return
    now = time.time()
    short = short_ids(fleet.runs)
    table(RUNS, [_row(run, short[run.run], now) for run in sorted(fleet.runs.values(), key=standing.order_key)])
    if not where.home.runtime_alive() and any(not run.at_rest for run in fleet.runs.values()):
        complain("No runtime is running: what is shown as live is how it was last seen.")


def _row(run: Run, short: str, now: float) -> list[str]:
    stands = standing.standing(run)
    since = run.rested_at if run.at_rest and run.rested_at else run.last_event_at
    return [
        short,
        plain(run.agent),
        stands.word,
        plain(run.task) or progress(run) or "–",
        str(run.step) if run.step else "–",
        plain(run.tool) or "–",
        formats.age(now - since) if run.started_at else "–",
        formats.count(run.tokens) if run.tokens else "–",
        formats.money(run.cost_usd) if run.cost_usd else "–",
        plain(standing.why(run, now)),
    ]


def events(
    context: typer.Context,
    run: RunArgument,
    follow: FollowOption = False,
    last: LastOption = 0,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Print the events of a run, oldest first: everything that is shown anywhere comes from them."""
    asyncio.run(_events(place(context, home), run, follow, last, as_json))


async def _events(where: Place, name: str, follow: bool, last: int, as_json: bool) -> None:
    async with await Reader.open(where.home) as reader:
        fleet = await reader.fleet()
        run = fleet.find(name)
        past = await chain(reader, run, last)
        if as_json and not follow:
            say_json([shape.event(event) for event in past])
            return
        for event in past:
            _say_event(event, as_json)
        if follow:
            async for event in later(reader, fleet, run.run):
                _say_event(event, as_json)


async def chain(reader: Reader, run: Run, last: int = 0) -> list[Event]:
    """The newest `last` events of a run (0: all of them), oldest first."""
    pages: list[list[Event]] = []
    head, wanted = run.last_seq, last or float("inf")
    while head and wanted > 0:
        page = await reader.events_of(head, int(min(PAGE, wanted)))
        if not page:
            break
        pages.append(page)
        wanted -= len(page)
        head = page[0].prev
    return [event for page in reversed(pages) for event in page]


async def later(reader: Reader, fleet: Fleet, run: str) -> AsyncIterator[Event]:
    """Events of a run after those in `fleet`, as they come, until the run is over for good."""
    if fleet.runs[run].status in FINAL:
        return
    async for batch in reader.tail(fleet.seq):
        fleet.apply(batch)
        for event in batch:
            if event.run == run:
                yield event
        if fleet.runs[run].status in FINAL:
            return


def _say_event(event: Event, as_json: bool) -> None:
    if as_json:
        say(json.dumps(shape.event(event)))
        return
    told = Story((event,)).entries
    what = told[0].what if told else ""
    outcome = f": {told[0].outcome}" if told and told[0].outcome else ""
    say(f"{event.seq:>7}  {clock_ms(event.at)}  {event.kind:<16}  {plain(what + outcome)}".rstrip())


def checkpoints(
    context: typer.Context,
    run: RunArgument,
    number: Annotated[
        int | None,
        typer.Argument(metavar="[NUMBER]", help="Print the state of this one.", show_default=False),
    ] = None,
    other: Annotated[
        int | None,
        typer.Argument(metavar="[OTHER]", help="Print how the state of this one differs.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """List the checkpoints of a run, print the state that one of them holds, or how two of them differ."""
    numbers = [one for one in (number, other) if one is not None]
    asyncio.run(_checkpoints(place(context, home), run, numbers, as_json))


async def _checkpoints(where: Place, name: str, numbers: Sequence[int], as_json: bool) -> None:
    async with await Reader.open(where.home) as reader:
        run = (await reader.fleet()).find(name)
        refs = await reader.checkpoints(run.run)
        kept = [await _kept(reader, run, number, refs) for number in numbers]
    if len(kept) == 2:
        _say_difference(kept[0], kept[1], as_json)
        return
    if kept:
        if as_json:
            say_json(shape.checkpoint(kept[0].ref) | {"state": kept[0].state})
        else:
            for line in plain_lines(json.dumps(kept[0].state, indent=2, ensure_ascii=False)):
                say(line)
        return
    if as_json:
        say_json([shape.checkpoint(ref) for ref in refs])
    elif not refs:
        say(f"Run {run.run} of {plain(run.agent)} has no checkpoint.")
    else:
        now = time.time()
        rows = [
            [
                str(ref.number),
                str(ref.step),
                formats.moment(ref.at, now),
                formats.age(now - ref.at),
                formats.size(ref.size_bytes),
                str(ref.attempt),
                plain(ref.label or "–"),
            ]
            for ref in refs
        ]
        table(CHECKPOINTS, rows)


async def _kept(reader: Reader, run: Run, number: int, refs: Sequence[CheckpointRef]) -> Checkpoint:
    one = await reader.checkpoint(run.run, number)
    if one is None:
        there = f"1 to {refs[-1].number}" if refs else "none"
        raise UsageMistake(f"Run {run.run} has no checkpoint {number}: it has {there}.")
    return one


def _say_difference(one: Checkpoint, other: Checkpoint, as_json: bool) -> None:
    from tui.console.pages.difference import changes

    found = list(changes(one.state, other.state))
    if as_json:
        said = [{"path": path, "what": what, "before": old, "after": new} for path, what, old, new in found]
        say_json({"from": shape.checkpoint(one.ref), "to": shape.checkpoint(other.ref), "changes": said})
        return
    say(f"from {checkpoint_name(one.ref)}, step {one.ref.step}")
    say(f"to   {checkpoint_name(other.ref)}, step {other.ref.step}")
    for path, what, old, new in found:
        before, after = (plain(json.dumps(value, ensure_ascii=False)) for value in (old, new))
        say(plain(path).join(SIGNS[what]) + {"added": after, "removed": before}.get(what, f"{before} → {after}"))
    if not found:
        say("  no difference")

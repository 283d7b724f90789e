"""`backtest`: what the rules would have done to runs that were recorded, by one policy or by two."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from store.errors import AgentwatchError, StoreError
from store.launch import PolicySource, read_launch
from store.reader import Reader
from store.records import Run
from tui import config
from tui.cli import verdicts
from tui.cli.options import HomeOption, JsonOption, Place, UsageMistake, place
from tui.cli.output import complain
from tui.plain import plain

if TYPE_CHECKING:
    from runtime.policy.config import Policy
    from tui.cli.judging import Outcome, Piece, Row

LINES_AT_ONCE = 12
"""Traces of one piece of work."""
RUNS_AT_ONCE = 4
BROKEN_LINES = 5
"""So many mistakes of one file are told one by one."""
ENDINGS = (".jsonl", ".jsonl.gz")


class BrokenTraces(AgentwatchError):
    """Lines of trace files could not be read; the rest was judged."""


class Sources(msgspec.Struct, frozen=True):
    """What is to be judged."""

    files: tuple[Path, ...]
    runs: tuple[Run, ...]


class Named(msgspec.Struct, frozen=True):
    """A policy, and what it is called here."""

    name: str
    source: PolicySource


class Asked(msgspec.Struct, frozen=True):
    """The policy that a recorded run had asked for, as its files stand now."""

    name: str
    policy: Policy


def backtest(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE...]",
            help="Trace files (.jsonl, .jsonl.gz), folders of them, RUNs of the home; nothing: all its runs.",
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy",
            metavar="FILE",
            help="A file of [RULE] sections, or a policy's name; else what each run asked for, and for traces "
            "that of agentwatch.toml, else the defaults.",
            show_default=False,
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="FILE", help="Another one, to be put beside it.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--verdicts", metavar="OUT", help="Write a line of JSON for each run.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Judge recorded runs: which one the rules would have stopped, where and why, and what that would have saved.

    The rules see what they would have seen live, in the same order.  Nothing is run, and nothing is recorded.
    """
    from runtime.policy.load import load

    where = place(context, home)
    named = [_named(policy)] + ([_named(against)] if against is not None else [])
    policies = tuple(load(one.source) for one in named)
    found = _sources(where, sources or [])
    asked = _asked(where, found.runs, named[0], policies[0]) if policy is None else {}
    rows, mistakes = _judge(where, found, policies, asked)
    if out is not None:
        verdicts.write(out, rows)
    names = [_name(named[0], found, asked), *(one.name for one in named[1:])]
    verdicts.show(names, rows, mistakes, as_json)
    if found.files and any(one.timeless != one for one in policies):
        complain("Traces hold no times: of them, limits on how fast something is spent say nothing.")
    if mistakes:
        raise BrokenTraces("\n".join(mistakes))


def _named(wanted: str | None) -> Named:
    """The policy that `--policy` or `--against` means."""
    path = config.find(Path.cwd())
    here = str(path) if path is not None else None
    if wanted is None:
        return Named(f"that of {path.name}" if path is not None else "the defaults", PolicySource(config=here))
    file = Path(wanted).expanduser()
    if file.is_file():
        whole = file.name == config.FILE_NAME
        source = str(file.absolute())
        return Named(wanted, PolicySource(config=source) if whole else PolicySource(config=here, file=source))
    if file.suffix == ".toml" or len(file.parts) > 1:
        raise UsageMistake(f"There is no policy file {wanted}.")
    return Named(wanted, PolicySource(config=here, name=wanted))


def _asked(where: Place, runs: Sequence[Run], instead: Named, policy: Policy) -> dict[str, Asked]:
    """For each run the policy that it had asked for; where that cannot be read any more, `instead`, which is said."""
    from runtime.policy.config import PolicyError
    from runtime.policy.load import load

    known: dict[PolicySource, Asked] = {}
    asked: dict[str, Asked] = {}
    for run in runs:
        source = _source(where, run, instead.source)
        if source not in known:
            try:
                known[source] = Asked(_called(source), load(source))
            except PolicyError as error:
                complain(f"{plain(str(error))} Runs of {plain(run.agent)} are judged by {instead.name}.")
                known[source] = Asked(instead.name, policy)
        asked[run.run] = known[source]
    return asked


def _source(where: Place, run: Run, here: PolicySource) -> PolicySource:
    """Where a run's policy came from; of a run whose launch file is gone, what its agent asks for here."""
    try:
        return read_launch(where.home, run.run).policy
    except StoreError:
        path = Path(here.config) if here.config is not None else None
        agent = config.read(path, ()).agents.get(run.agent) if path is not None else None
        return PolicySource(config=here.config, name=agent.policy if agent is not None else None)


def _called(source: PolicySource) -> str:
    parts = [Path(source.config).name if source.config else "", source.name or "", Path(source.file or "").name]
    return " + ".join(filter(None, parts)) or "the defaults"


def _name(first: Named, found: Sources, asked: dict[str, Asked]) -> str:
    """What the first policy is called over all that was judged."""
    called = {one.name for one in asked.values()}
    if not called or (not found.files and len(called) == 1):
        return next(iter(called), first.name)
    return f"{first.name}, and for runs what each asked for" if found.files else "what each run asked for"


def _sources(where: Place, wanted: Sequence[str]) -> Sources:
    """Files and runs that are meant.  Raises `UsageMistake`, `UnknownRun`, `AmbiguousRun`, `NoJournal`."""
    files: list[Path] = []
    names: list[str] = []
    for word in wanted:
        path = Path(word).expanduser()
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.name.endswith(ENDINGS))
            if not inside:
                raise UsageMistake(f"The folder {word} holds no trace file ({' or '.join(ENDINGS)}).")
            files += inside
        elif path.exists():
            files.append(path)
        elif word.endswith(ENDINGS) or len(path.parts) > 1:
            raise UsageMistake(f"There is no trace file {word}.")
        else:
            names.append(word)
    runs = asyncio.run(_runs(where, names)) if names or not wanted else []
    return Sources(tuple(dict.fromkeys(files)), tuple(runs))


async def _runs(where: Place, names: Sequence[str]) -> list[Run]:
    async with await Reader.open(where.home) as reader:
        fleet = await reader.fleet()
    if names:
        return list({run.run: run for run in map(fleet.find, names)}.values())
    return sorted(fleet.runs.values(), key=lambda run: run.created_at)


def _judge(
    where: Place, found: Sources, policies: tuple[Policy, ...], asked: dict[str, Asked]
) -> tuple[list[Row], list[str]]:
    from tui.cli.judging import judge_all, processes
    from tui.cli.working import Work

    sizes = [file.stat().st_size if file.is_file() else 0 for file in found.files]
    count = processes(sum(sizes), len(found.runs))
    unreadable: list[str] = []
    outcomes: list[Outcome] = []
    with Work("judging", sum(sizes) + len(found.runs)) as work:
        for piece, outcome in judge_all(_pieces(where, found, asked, unreadable), policies, count):
            outcomes.append(outcome)
            work.done(plain(Path(piece.source).name), piece.position, len(outcome.rows))
    outcomes.sort(key=lambda outcome: outcome.piece)
    mistakes = [sentence for outcome in outcomes for sentence in outcome.mistakes]
    return [row for outcome in outcomes for row in outcome.rows], [*_fewer(mistakes), *unreadable]


def _pieces(where: Place, found: Sources, asked: dict[str, Asked], unreadable: list[str]) -> Iterator[Piece]:
    """All work in small pieces; what cannot be read at all is told in `unreadable`."""
    from runtime.policy.traces import TraceError, numbered_lines
    from tui.cli.judging import Piece

    for file in found.files:
        lines: list[tuple[int, bytes]] = []
        before, position = 0, 0
        try:
            for number, line, position in numbered_lines(file):
                lines.append((number, line))
                if len(lines) == LINES_AT_ONCE:
                    yield Piece(str(file), position - before, tuple(lines))
                    lines, before = [], position
        except TraceError as error:
            unreadable.append(str(error))
        if lines:
            yield Piece(str(file), position - before, tuple(lines))
    root = str(where.home.root)
    for one, same in groupby(found.runs, key=lambda run: asked.get(run.run)):
        runs = list(same)
        for first in range(0, len(runs), RUNS_AT_ONCE):
            some = tuple((run.run, run.agent, run.last_seq) for run in runs[first : first + RUNS_AT_ONCE])
            piece = Piece(root, len(some), home=root, runs=some)
            yield msgspec.structs.replace(piece, policy=one.policy, called=one.name) if one is not None else piece


def _fewer(mistakes: Sequence[str]) -> Iterator[str]:
    """The first mistakes of each file, and how many more there are."""
    counts: dict[str, int] = {}
    for sentence in mistakes:
        file = sentence.partition(", line ")[0]
        counts[file] = counts.get(file, 0) + 1
        if counts[file] <= BROKEN_LINES:
            yield sentence
    for file, number in counts.items():
        if number > BROKEN_LINES:
            yield f"{file} has {number - BROKEN_LINES} more lines that are no traces."

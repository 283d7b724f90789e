"""`breakers` and `breaker`: which dependencies are down, who waits for them, and what an operator does about it."""

from __future__ import annotations

import asyncio
import difflib
import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from store.errors import NoJournal
from store.reader import Reader
from store.records import Json
from store.states import Status
from tui.cli.options import HomeOption, JsonOption, Place, UsageMistake, place
from tui.cli.output import Column, complain, say, say_json, table
from tui.cli.steer import NOT_ALL, NoRuntime
from tui.cli.words import iso
from tui.console import formats
from tui.plain import plain
from tui.supervisor import Supervisor

if TYPE_CHECKING:
    from runtime.policy.breaker import Breaker

BREAKERS = (
    Column("BREAKER", least=16),
    Column("STATE"),
    Column("FAILED", "right"),
    Column("SINCE", "right", leaves=1),
    Column("NEXT TRY", least=10),
    Column("WAITING", "right"),
)


def breakers(context: typer.Context, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """List the circuit breakers of the home: one for each dependency, shared by all agents."""
    asyncio.run(_breakers(place(context, home), as_json))


async def _breakers(where: Place, as_json: bool) -> None:
    known, waiting = await _read(where)
    now = time.time()
    names = sorted(known, key=lambda name: (known[name].opened_at is None, name))
    if as_json:
        say_json([shape(name, known[name], waiting[name], now) for name in names])
    elif not names:
        say("No breaker is known here: one appears with the first call that leans on a dependency.")
    else:
        table(BREAKERS, [_row(name, known[name], waiting[name], now) for name in names])
        for name in names:
            if known[name].opened_at is not None and (
                why := formats.why_open(known[name].kinds, known[name].last_error)
            ):
                say(f"{plain(name)}: {plain(why)}")


async def _read(where: Place) -> tuple[dict[str, Breaker], Counter[str]]:
    """Every breaker, and how many runs wait for each."""
    import msgspec

    from runtime.policy.breaker import Breaker

    try:
        async with await Reader.open(where.home) as reader:
            bodies = await reader.breakers()
            runs = (await reader.fleet()).runs.values()
    except NoJournal:
        return {}, Counter()
    waiting = Counter(run.dependency for run in runs if run.status is Status.WAITING and run.dependency)
    return {name: msgspec.convert(body, Breaker, strict=False) for name, body in bodies.items()}, waiting


def shape(name: str, breaker: Breaker, waiting: int, now: float) -> dict[str, Json]:
    """One object of `breakers --json`."""
    opened = breaker.opened_at is not None
    return {
        "name": name,
        "state": str(breaker.state(now)),
        "failed": sum(not ok for _, ok in breaker.recent),
        "calls": len(breaker.recent),
        "open_since": iso(breaker.opened_at),
        "next_try_at": iso(breaker.until) if opened and not breaker.held_open else None,
        "held_open": breaker.held_open,
        "opens": breaker.opens,
        "probes": len(breaker.probes),
        "probes_ok": sum(breaker.probes),
        "waiting": waiting,
        "kinds": dict(breaker.kinds),
        "last_error": last_error(breaker),
    }


def last_error(breaker: Breaker) -> dict[str, Json] | None:
    """The latest failure that a breaker counted; None where it remembers none."""
    failing = breaker.last_error
    if failing is None:
        return None
    told: dict[str, Json] = {"at": iso(failing.at), "kind": failing.kind, "error": failing.error}
    return told | {"tool": failing.tool, "run": failing.run, "agent": failing.agent}


def _row(name: str, breaker: Breaker, waiting: int, now: float) -> list[str]:
    failed = sum(not ok for _, ok in breaker.recent)
    since = formats.span(now - breaker.opened_at) if breaker.opened_at is not None else "–"
    state = str(breaker.state(now))
    calls = f"{failed} of {len(breaker.recent)}" if breaker.recent else "–"
    return [plain(name), state, calls, since, _next_try(breaker, now), str(waiting) if waiting else "–"]


def _next_try(breaker: Breaker, now: float) -> str:
    if breaker.held_open:
        return "held open by hand"
    if breaker.opened_at is None:
        return f"{formats.plural(breaker.ramp, 'call')} at a time" if breaker.ramp else "–"
    if breaker.until > now:
        return f"in {formats.span(breaker.until - now)}, {formats.clock(breaker.until)}"
    return "one call at a time"


def breaker(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `breakers` lists it.", show_default=False)],
    try_: Annotated[bool, typer.Option("--try", help="Let the next call out now, as a probe.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Hold it open until it is reset: no call goes out.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Close it and forget its failures.")] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Try, hold open or reset one breaker.  Calls that it holds back wait; they were not sent."""
    wanted = [what for what, asked in (("try", try_), ("open", open_), ("reset", reset)) if asked]
    if len(wanted) != 1:
        raise UsageMistake("Say one of --try, --open and --reset.")
    where = place(context, home)
    raise typer.Exit(asyncio.run(_order(where, name, wanted[0], as_json)))


async def _order(where: Place, name: str, what: str, as_json: bool) -> int:
    known, _waiting = await _read(where)
    if name not in known:
        near = difflib.get_close_matches(name, list(known), n=1)
        there = f" Did you mean {near[0]!r}?" if near else ""
        listing = where.command("breakers")
        raise UsageMistake(f"There is no breaker {name!r}: `{listing}` lists what there is.{there}")
    if not where.home.runtime_alive():
        raise NoRuntime(f"No runtime is running in {where.home.root}, so nothing waits for {plain(name)} there.")
    answer = await Supervisor(where.home).submit("breaker", name=name, do=what)
    if as_json:
        say_json({"name": name, "applied": answer.applied, "message": answer.message})
    elif answer.applied:
        say(plain(answer.message))
    else:
        complain(f"Refused: {plain(answer.message)}")
    return 0 if answer.applied else NOT_ALL

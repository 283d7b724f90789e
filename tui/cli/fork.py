"""`fork`: a new run that begins from a checkpoint of an old one."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated

import typer

from store.records import Json
from tui.cli.options import HomeOption, JsonOption, RunArgument, place
from tui.cli.output import complain, say, say_json
from tui.cli.plan import RUN_ID_BYTES
from tui.cli.steer import NOT_ALL, ask, look
from tui.cli.words import short_ids
from tui.plain import plain


def fork(
    context: typer.Context,
    run: RunArgument,
    from_: Annotated[
        int | None,
        typer.Option("--from", metavar="N", min=1, help="The checkpoint; else the last one.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Start a new run from a checkpoint of an old one, which stays as it was.

    The new run has the old one's command, environment and state, and no record: what it does, it does anew.
    """
    where = place(context, home)

    async def act() -> int:
        fleet, [old] = await look(where, [run])
        new = secrets.token_hex(RUN_ID_BYTES)
        args: dict[str, Json] = {"to": new} | ({"checkpoint": from_} if from_ is not None else {})
        [answer] = await ask(where, "fork", [old], **args)
        if as_json:
            made = new if answer.applied else None
            said = {"run": made, "agent": old.agent, "forked_from": old.run}
            say_json(said | {"applied": answer.applied, "message": answer.message})
        elif answer.applied:
            short = short_ids([*fleet.runs, new])
            say(f"{plain(old.agent)} {short[old.run]}: {plain(answer.message)}")
            say(f"Look: {where.command(f'show {short[new]}')}")
        else:
            complain(f"{plain(old.agent)} {short_ids(fleet.runs)[old.run]}: refused. {plain(answer.message)}")
        return 0 if answer.applied else NOT_ALL

    raise typer.Exit(asyncio.run(act()))

"""`doctor`: is everything here that agentwatch needs, and what was left behind."""

from __future__ import annotations

import asyncio

import typer

from tui.cli import findings
from tui.cli.findings import Finding, Grade
from tui.cli.options import HomeOption, JsonOption, place
from tui.cli.output import say, say_json
from tui.plain import plain

NOT_ALL = 3
MARKS = {Grade.GOOD: "ok", Grade.NOTE: "note", Grade.BAD: "BAD"}


def doctor(context: typer.Context, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Look whether everything is here that agentwatch needs, and what was left behind.  Changes nothing.

    The exit code is 3 if something is bad.
    """
    where = place(context, home)
    found = [*findings.of_machine(), *findings.of_home(where), *asyncio.run(findings.of_record(where))]
    bad = any(one.grade is Grade.BAD for one in found)
    if as_json:
        say_json([{"what": one.what, "grade": str(one.grade), "said": one.said} for one in found])
    else:
        _say(found)
    if bad:
        raise typer.Exit(NOT_ALL)


def _say(found: list[Finding]) -> None:
    wide = max(len(one.what) for one in found)
    for one in found:
        say(f"{MARKS[one.grade]:<5} {one.what:<{wide}}  {plain(one.said)}")

"""The options and arguments that several commands share, and how their values are read."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from store.errors import AgentwatchError
from store.home import Home
from store.records import Json
from tui.cli.words import parse_duration


class UsageMistake(AgentwatchError):
    """What was asked for on the command line cannot be meant."""


HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="PATH",
        help="The folder that holds the record. Else $AGENTWATCH_HOME, else this user's state folder.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.", show_default=False)]
FollowOption = Annotated[
    bool,
    typer.Option("--follow", "-f", help="Go on printing what is added, until Ctrl-C.", show_default=False),
]
LastOption = Annotated[
    int, typer.Option("--last", "-n", metavar="N", min=0, help="Only the newest N.", show_default=False)
]
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="The beginning of a run's id, or an agent's name for its latest run.",
        show_default=False,
    ),
]
AnyRunsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[RUN...]",
        help="Beginnings of run ids, or agents' names for their latest runs.",
        show_default=False,
    ),
]
RunsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...",
        help="Beginnings of run ids, or agents' names for their latest runs.",
        show_default=False,
    ),
]


class Place:
    """The home a command works on, and how a command line that works on it again is written."""

    def __init__(self, named: Path | None) -> None:
        self.home = Home(named) if named is not None else Home.default()
        self._option = f" --home {shlex.quote(str(named))}" if named is not None else ""

    def command(self, text: str) -> str:
        """`agentwatch …`, with the same `--home` if one was given."""
        return f"agentwatch {text}{self._option}"


_last: list[Place] = []


def place(context: typer.Context, home: Path | None) -> Place:
    """The home named after the command, else before it, else the default one."""
    named = home if home is not None else context.find_root().params.get("home")
    found = Place(Path(named) if named is not None else None)
    _last[:] = [found]
    return found


def last_place() -> Place | None:
    """The home that this process last worked on: where a crash is written down."""
    return _last[0] if _last else None


def examples(*lines: str) -> str:
    """The epilog of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def seconds(text: str, option: str) -> float:
    """A duration given to `option`.  Raises `UsageMistake`."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageMistake(f"{option}: {error}.") from error


def budgets(assignments: list[str]) -> dict[str, float]:
    """New limits of `--budget KEY=VALUE`.  Raises `UsageMistake`."""
    limits: dict[str, float] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        try:
            number = float(value.strip().lstrip("$").replace("_", ""))
        except ValueError:
            number = -1.0
        if not equals or not key.strip() or not 0 < number < float("inf"):
            raise UsageMistake(f"--budget {assignment}: write KEY=VALUE with a number above 0, e.g. cost_usd=10.")
        limits[key.strip()] = int(number) if number.is_integer() else number
    return limits


def json_value(text: str, option: str) -> Json:
    """A JSON value given to `option`.  Raises `UsageMistake`."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageMistake(f"{option}: this is no JSON ({error}). A text needs quotes: '\"sent\"'.") from error

"""Every command says what it does, and shows how."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import agentwatch
import tui
from tui.cli.app import app
from tui.cli.help import GROUPS

Cli = Callable[..., tuple[int, str, str]]
ROOT = Path(str(tui.__file__)).parent.parent


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))


ALL = dict(commands())
NAMES = [
    "run",
    "attach",
    "ps",
    "show",
    "events",
    "checkpoints",
    "log",
    "pause",
    "resume",
    "kill",
    "resolve",
    "init",
    "fork",
    "breakers",
    "breaker",
]


def test_every_promised_command_is_there() -> None:
    assert {name for (name, *_rest) in ALL} >= {*NAMES, "runtime", "stop", "policy"}
    assert ("policy", "check") in ALL
    assert ("policy", "show") in ALL
    assert {name for names in GROUPS.values() for name in names} == {path[0] for path in ALL}


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_and_an_example(cli: Cli, path: tuple[str, ...]) -> None:
    code, out, _err = cli(*path, "--help")
    assert code == 0
    assert "Examples:" in out
    assert f"agentwatch {' '.join(path)}" in out.split("Examples:")[1]
    assert len(out.split("Options:")[0].split("\n\n")[1].strip()) > 20


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_option_and_argument_has_help(path: tuple[str, ...]) -> None:
    assert [param.name for param in ALL[path].params if not param.help] == []


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_is_documented(path: tuple[str, ...]) -> None:
    assert f"agentwatch {' '.join(path)}" in (ROOT / "docs" / "cli.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["ps", "show", "events", "checkpoints", "log", "breakers"])
def test_every_listing_takes_json_and_a_home(name: str) -> None:
    options = {option for param in ALL[(name,)].params for option in param.opts}
    assert options >= {"--json", "--home"}


def test_help_is_also_what_no_command_at_all_prints(cli: Cli) -> None:
    code, out, _err = cli()
    assert code == 0
    assert all(f"  {name}" in out for name in NAMES)
    assert "..." not in out.split("Commands")[0].split("Run and watch:")[1].split("Examples")[0]


def test_version(cli: Cli) -> None:
    assert cli("--version") == (0, f"agentwatch {agentwatch.__version__}\n", "")


def loaded(*names: str) -> list[str]:
    """Which of these modules a listing loads."""
    code = (
        "import sys; from tui.cli import main; main(['ps', '--json', '--home', '/nowhere/at/all']);"
        f"print([name for name in {names} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    listed, found = done.stdout.splitlines()
    assert listed == "[]"
    return list(ast.literal_eval(found))


def test_a_listing_loads_neither_the_console_nor_the_runtime() -> None:
    assert loaded("textual", "rich", "runtime", "uvloop", "watchfiles") == []


def test_a_command_loads_nothing_of_the_others() -> None:
    others = ("start", "steer", "serve", "backtest", "doctor", "show", "breakers", "policy", "starter")
    assert loaded(*(f"tui.cli.{name}" for name in others)) == []
    assert loaded("tui.cli.listings") == ["tui.cli.listings"]


@pytest.mark.skipif(not typer.__version__.startswith("0.28."), reason="not the Typer of requirements.lock")
def test_a_listing_loads_no_validation_library() -> None:
    assert loaded("pydantic") == []

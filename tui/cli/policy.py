"""`policy check` and `policy show`: is a policy usable, and what does it say."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from store.launch import PolicySource
from store.records import Json
from store.texts import decoded
from tui import config
from tui.cli.options import JsonOption, UsageMistake
from tui.cli.output import say, say_json
from tui.plain import plain


def check(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A file of [RULE] sections, or an agentwatch.toml.", show_default=False),
    ],
    as_json: JsonOption = False,
) -> None:
    """Say whether a policy file can be used: a sentence for every mistake."""
    from runtime.policy.config import PolicyError
    from runtime.policy.load import load

    mistakes: list[str] = []
    for source in _sources(file):
        try:
            load(source)
        except PolicyError as error:
            mistakes += [one for one in error.mistakes if one not in mistakes]
    if as_json:
        say_json({"file": str(file), "ok": not mistakes, "mistakes": mistakes})
    elif not mistakes:
        say(f"{plain(str(file))} is good.")
    if mistakes:
        if not as_json:
            raise PolicyError(mistakes)
        raise typer.Exit(2)


def _sources(file: Path) -> list[PolicySource]:
    """Every policy that `file` defines."""
    path = str(file.absolute())
    try:
        document = tomllib.loads(decoded(file.read_bytes()))
    except (OSError, ValueError):
        document = {}
    if file.name != config.FILE_NAME and not {"agents", "policies"} & set(document):
        return [PolicySource(file=path)]
    config.read(file.absolute())
    named = document.get("policies", {})
    names = list(named) if isinstance(named, dict) else []
    return [PolicySource(config=path), *(PolicySource(config=path, name=name) for name in names)]


def show(
    agent: Annotated[
        str | None,
        typer.Option("--agent", metavar="AGENT", help="The policy this agent asks for.", show_default=False),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="As `run --policy` would lay over it.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the policy a run started here would have, as sections that a file could hold."""
    from runtime.policy.config import DEFAULT
    from runtime.policy.load import load

    path = config.find(Path.cwd())
    source = PolicySource(
        config=str(path) if path is not None else None,
        name=_policy_of(agent, path),
        file=str(policy.absolute()) if policy is not None else None,
    )
    sections: dict[str, dict[str, Json]] = msgspec.to_builtins(load(source))
    if as_json:
        say_json(sections)
        return
    origins = [str(one) for one in (source.config, source.file) if one]
    say(f"# From {' and '.join(origins)}." if origins else "# No agentwatch.toml here or above: the defaults.")
    defaults: dict[str, dict[str, Json]] = msgspec.to_builtins(DEFAULT)
    for name, keys in sections.items():
        say()
        say(f"[{name}]")
        for key, value in keys.items():
            default = "" if value != defaults[name][key] else "   # default"
            say(f"# {key} is not set" if value is None else f"{key} = {json.dumps(value)}{default}")


def _policy_of(agent: str | None, path: Path | None) -> str | None:
    if agent is None:
        return None
    if path is None:
        raise UsageMistake(f"There is no {config.FILE_NAME} here or above, so no agent {agent!r} is known.")
    agents = config.read(path, ()).agents
    if agent not in agents:
        raise UsageMistake(f"{path} has no agent {agent!r}.{config.did_you_mean(agent, list(agents))}")
    return agents[agent].policy

"""What `run` is to start: agents of a file or one command, as the launches of their runs."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

import msgspec

import tui
from store.launch import Launch, PolicySource
from store.texts import readable
from tui import config
from tui.cli.options import UsageMistake

LAUNCH_VARIABLES = frozenset(f"AGENTWATCH_{name}" for name in ("SOCKET", "RUN", "ATTEMPT", "TOKEN", "SPOOL", "GRACE_S"))
"""Set by the runtime for one attempt: a run started from within another one must not inherit them."""

RUN_ID_BYTES = 6
_INTERPRETER = re.compile(r"(python|pypy|node|ruby|perl|bash|sh|zsh|deno|bun)[\d.]*")
_TAKES_VALUE = frozenset({"-W", "-X", "-r", "--require", "-I"})


class Wish(msgspec.Struct, frozen=True):
    """What was asked for on the command line."""

    agents: tuple[str, ...] = ()
    command: tuple[str, ...] | None = None
    """Behind `--`; None where there is no `--`."""
    demo: bool = False
    goal: str | None = None
    policy_file: Path | None = None
    count: int | None = None


def demo_config() -> Path:
    """The `agentwatch.toml` of the agents that are shipped."""
    return Path(str(tui.__file__)).parent.parent / "demo_agents" / config.FILE_NAME


def launches(wish: Wish, cwd: Path, environment: Mapping[str, str]) -> list[Launch]:
    """A launch for every run to start.  Raises `UsageMistake`, `ConfigError`, `PolicyError`."""
    _check(wish)
    path = demo_config() if wish.demo else config.find(cwd)
    known = config.read(path, () if wish.command else wish.agents or None) if path is not None else None
    agents = [_ad_hoc(wish.command)] if wish.command else _chosen(wish, known, cwd)
    env = {name: value for name, value in environment.items() if name not in LAUNCH_VARIABLES}
    planned = [_launch(agent, wish, known, cwd, env) for agent in agents]
    for launch in planned:
        require_program(launch)
        require_policy(launch.policy)
    numbers = [wish.count or agent.count for agent in agents]
    return [
        msgspec.structs.replace(launch, run=secrets.token_hex(RUN_ID_BYTES))
        for launch, number in zip(planned, numbers, strict=True)
        for _ in range(number)
    ]


def _check(wish: Wish) -> None:
    if wish.command is not None and not wish.command:
        raise UsageMistake("Nothing stands behind `--`: write `agentwatch run -- python my_agent.py`.")
    if wish.command and (wish.agents or wish.demo):
        what = "--demo" if wish.demo else f"the agent {wish.agents[0]}"
        raise UsageMistake(f"Run either {what} or the command behind `--`, not both at once.")
    if not (wish.agents or wish.command or wish.demo):
        raise UsageMistake(
            "Nothing to run. See it work: `agentwatch run --demo`. Run any command: `agentwatch run -- python "
            "my_agent.py`. Name your agents in agentwatch.toml: `agentwatch init` writes one, `agentwatch run NAME` "
            "runs what stands there."
        )


def _chosen(wish: Wish, known: config.Config | None, cwd: Path) -> list[config.Agent]:
    if known is None:
        name = wish.agents[0]
        raise UsageMistake(
            f"There is no {config.FILE_NAME} in {cwd} or above, so no agent {name!r} is known. `agentwatch init` "
            f"writes one; a command is run by `agentwatch run -- {' '.join(wish.agents)}`."
        )
    if not wish.agents:
        return list(known.agents.values())
    for name in wish.agents:
        if name not in known.agents:
            there = ", ".join(known.agents) or "none"
            raise UsageMistake(
                f"{known.path} has no agent {name!r}: it has {there}.{config.did_you_mean(name, list(known.agents))} "
                f"A command is run by `agentwatch run -- {' '.join(wish.agents)}`."
            )
    return [known.agents[name] for name in dict.fromkeys(wish.agents)]


def _ad_hoc(command: Sequence[str]) -> config.Agent:
    return config.Agent(name=default_name(command), command=tuple(command))


def default_name(command: Sequence[str]) -> str:
    """An agent's name from its command: the script an interpreter runs, the module of `-m`, else the program."""
    program = PurePath(command[0]).name
    if not _INTERPRETER.fullmatch(program):
        return _clean(PurePath(command[0]).stem if program.endswith((".py", ".sh", ".js")) else program)
    words = iter(command[1:])
    for word in words:
        if word == "-m":
            return _clean(next(words, program))
        if word in ("-c", "-e", "-"):
            break
        if word in _TAKES_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return _clean(PurePath(word).stem)
    return _clean(program)


def _clean(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "-", name).strip("-") or "agent"


def _launch(agent: config.Agent, wish: Wish, known: config.Config | None, cwd: Path, env: Mapping[str, str]) -> Launch:
    policy = PolicySource(
        config=str(known.path) if known is not None else None,
        name=agent.policy,
        file=str((cwd / wish.policy_file.expanduser()).resolve()) if wish.policy_file is not None else None,
    )
    return Launch(
        run="",
        agent=agent.name,
        goal=readable(wish.goal if wish.goal is not None else agent.goal),
        argv=agent.command,
        cwd=str(agent.cwd or cwd),
        env={**env, **agent.env},
        restart=agent.restart,
        policy=policy,
        umask=_umask(),
        sdk_path=agent.sdk_path,
    )


def _umask() -> int:
    """This process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def require_program(launch: Launch) -> None:
    """Raise `UsageMistake` unless the program of a launch can be found and executed."""
    program = launch.argv[0]
    if os.sep in program:
        path = Path(launch.cwd, program)
        if path.is_file() and os.access(path, os.X_OK):
            return
        problem = "is not executable" if path.is_file() else "does not exist"
        raise UsageMistake(f"The command of {launch.agent} cannot be run: {path} {problem}.")
    if shutil.which(program, path=launch.env.get("PATH", os.defpath)) is None:
        here = Path(launch.cwd, program)
        hint = f" Write ./{program} for the one in {launch.cwd}." if here.is_file() else ""
        raise UsageMistake(f"The command of {launch.agent} cannot be run: there is no program {program!r}.{hint}")


def require_policy(source: PolicySource) -> None:
    """Raise `PolicyError` unless the policy can be used."""
    from runtime.policy.load import load

    load(source)

"""The index of the command line: every command with its examples, loaded when it is asked for."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Annotated, Any

import typer

from tui.cli.help import Command, DashCommand, Entry, Grouped, Indexed
from tui.cli.options import HomeOption, examples

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

FRONT: dict[str, Entry] = {}
POLICIES: dict[str, Entry] = {}


class Front(Grouped):
    """`agentwatch`."""

    index = FRONT


class Policies(Indexed):
    """`agentwatch policy`."""

    index = POLICIES


app = typer.Typer(
    name="agentwatch",
    cls=Front,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=SETTINGS,
    epilog=examples("agentwatch run --demo", "agentwatch run -- python my_agent.py", "agentwatch ps"),
)


def _version(asked: bool) -> None:
    if asked:
        from agentwatch import __version__

        typer.echo(f"agentwatch {__version__}")
        raise typer.Exit(0)


@app.callback(invoke_without_command=True)
def front(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Run AI agents under supervision: see what each does now, rule on what it may do, pause, resume or end it."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _front_of_policies(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _add(
    index: dict[str, Entry],
    name: str,
    place: str,
    brief: str,
    *lines: str,
    cls: type[Command] = Command,
) -> None:
    """Put the command at `place` (module and function) into `index`: its line in the list, examples for its help."""
    options: dict[str, Any] = {"context_settings": SETTINGS, "short_help": brief, "epilog": examples(*lines)}
    index[name] = Entry(brief, partial(_load, name, place, cls, options))


def _load(name: str, place: str, cls: type[Command], options: dict[str, Any]) -> Any:
    module, _, function = place.partition(".")
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(name, cls=cls, **options)(getattr(import_module(f"tui.cli.{module}"), function))
    return typer.main.get_command(alone)


policies = typer.Typer(
    cls=Policies,
    add_completion=False,
    rich_markup_mode=None,
    invoke_without_command=True,
    callback=_front_of_policies,
    context_settings=SETTINGS,
    help="Check a policy file, or show the policy in force here.",
    epilog=examples("agentwatch policy check agentwatch.toml", "agentwatch policy show"),
)

_add(
    FRONT, "run", "start.run", "Start agents and open the console, or print a line per change.",
    "agentwatch run --demo",
    "agentwatch run -- python my_agent.py --fast",
    "agentwatch run ticket-mailer --goal 'Answer every ticket of today'",
    "agentwatch run --headless --timeout 30m --if-active resume nightly-deps",
    cls=DashCommand,
)  # fmt: skip
_add(
    FRONT, "attach", "serve.attach", "Open the console for what already runs.",
    "agentwatch attach",
    "ssh -t prod-box agentwatch attach --needs-me",
)  # fmt: skip
_add(
    FRONT, "ps", "listings.ps", "List every run and what it does now.",
    "agentwatch ps",
    "agentwatch ps --json | jq '.[] | select(.resumable)'",
)  # fmt: skip
_add(
    FRONT, "show", "show.show", "Show one run: why it stands, the evidence, what can be done.",
    "agentwatch show ticket-mailer",
    "agentwatch show 7d10 --json",
)  # fmt: skip
_add(
    FRONT, "events", "listings.events", "Print the events of a run.",
    "agentwatch events 7d10 --last 50",
    "agentwatch events 7d10 --follow --json",
)  # fmt: skip
_add(
    FRONT, "checkpoints", "listings.checkpoints", "List the checkpoints of a run, print one, or compare two.",
    "agentwatch checkpoints 7d10",
    "agentwatch checkpoints 7d10 4",
    "agentwatch checkpoints 7d10 3 4",
)  # fmt: skip
_add(
    FRONT, "log", "logs.log", "Print what an agent wrote.",
    "agentwatch log 7d10 --last 20",
    "agentwatch log ticket-mailer --follow",
)  # fmt: skip
_add(
    FRONT, "breakers", "breakers.breakers", "List the dependencies that are watched, and who waits for them.",
    "agentwatch breakers",
    "agentwatch breakers --json | jq '.[] | select(.state != \"closed\")'",
)  # fmt: skip
_add(
    FRONT, "pause", "steer.pause", "Pause runs at their next safe point.",
    "agentwatch pause 7d10",
    "agentwatch pause 7d10 3f9a --park",
    "agentwatch pause ticket-mailer --force",
)  # fmt: skip
_add(
    FRONT, "resume", "steer.resume", "Let paused or stopped runs go on.",
    "agentwatch resume 7d10",
    'agentwatch resume 3f9a --note "The fixture is shared: look at conftest.py first"',
    "agentwatch resume d810 --budget cost_usd=10 --from 4",
    "agentwatch resume 3f9a --accept",
    "agentwatch resume --all",
)  # fmt: skip
_add(
    FRONT, "fork", "fork.fork", "Start a new run from a checkpoint of an old one.",
    "agentwatch fork ticket-mailer",
    "agentwatch fork 7d10 --from 4",
)  # fmt: skip
_add(
    FRONT, "kill", "ending.kill", "End runs for good; asks first.",
    "agentwatch kill 7d10",
    "agentwatch kill 7d10 3f9a --yes",
)  # fmt: skip
_add(
    FRONT, "resolve", "steer.resolve", "Say what became of an action in doubt.",
    "agentwatch resolve 7d10 88121 --retry",
    "agentwatch resolve 7d10 88121 --done --result '{\"id\": 17}'",
)  # fmt: skip
_add(
    FRONT, "breaker", "breakers.breaker", "Try, hold open or reset one dependency's breaker.",
    "agentwatch breaker shop-api.example.com --try",
    "agentwatch breaker shop-api.example.com --open",
    "agentwatch breaker shop-api.example.com --reset",
)  # fmt: skip
_add(
    FRONT, "backtest", "backtest.backtest", "Say what the rules would have done to recorded runs.",
    "agentwatch backtest",
    "agentwatch backtest traces/*.jsonl.gz --verdicts out.jsonl",
    "agentwatch backtest ticket-mailer --policy careful.toml --against strict",
)  # fmt: skip
_add(
    FRONT, "init", "starter.init", "Write a commented agentwatch.toml and a small agent.",
    "agentwatch init && agentwatch run hello",
)  # fmt: skip
_add(
    FRONT, "runtime", "serve.runtime", "Serve the home in the foreground, for systemd.",
    "agentwatch runtime",
    "agentwatch runtime --idle 0 --home /srv/agentwatch",
)  # fmt: skip
_add(
    FRONT, "stop", "serve.stop", "Pause what is live, then end the runtime.",
    "agentwatch stop",
    "agentwatch stop --timeout 2m",
)  # fmt: skip
_add(
    FRONT, "restart", "restart.restart", "Put a new runtime in the old one's place; agents go on.",
    "agentwatch restart",
)  # fmt: skip
_add(
    FRONT, "doctor", "doctor.doctor", "Look whether everything is here that is needed.",
    "agentwatch doctor",
    "agentwatch doctor --json | jq '.[] | select(.grade == \"bad\")'",
)  # fmt: skip
_add(
    FRONT, "prune", "prune.prune", "Forget runs that have been over for long.",
    "agentwatch prune --older-than 30d",
    "agentwatch prune --older-than 90d --all --dry-run",
)  # fmt: skip
FRONT["policy"] = Entry(
    "Check a policy file, or show the policy in force here.", partial(typer.main.get_command, policies)
)
_add(
    POLICIES, "check", "policy.check", "Say whether a policy file can be used.",
    "agentwatch policy check strict.toml",
    "agentwatch policy check agentwatch.toml --json",
)  # fmt: skip
_add(
    POLICIES, "show", "policy.show", "Print the policy that a run started here would have.",
    "agentwatch policy show",
    "agentwatch policy show --agent ticket-mailer --json",
)  # fmt: skip

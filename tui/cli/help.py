"""How help reads: commands in groups, arguments as they are typed, and what stands behind `--` kept apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, ClassVar, NamedTuple

from typer.core import TyperCommand, TyperGroup

GROUPS = {
    "Run and watch": ("run", "attach"),
    "See": ("ps", "show", "events", "checkpoints", "log", "breakers"),
    "Steer": ("pause", "resume", "fork", "kill", "resolve", "breaker"),
    "Rules": ("backtest", "policy"),
    "Set up": ("init", "doctor", "runtime", "restart", "stop", "prune"),
}

AFTER_DASHES = "after_dashes"
"""Key in a context's `meta` of the words behind `--`; None where there is no `--`."""


class Entry(NamedTuple):
    """A command in the index."""

    brief: str
    """Its line in the list of commands."""
    load: Callable[[], Any]
    """Imports and builds it: a command loads what it needs, and nothing of the others."""


class Loaded(MutableMapping[str, Any]):
    """Commands by name, each loaded when it is taken."""

    def __init__(self, index: dict[str, Entry]) -> None:
        self._index = index
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = self._index[name].load()
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._index, **self._loaded})

    def __len__(self) -> int:
        return len({**self._index, **self._loaded})


class Indexed(TyperGroup):
    """Loads only the command that is run."""

    index: ClassVar[dict[str, Entry]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = Loaded(self.index)

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in the order of the index."""
        return list(self.commands)


class Grouped(Indexed):
    """Lists the commands in groups."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the groups; a command that is in none comes last."""
        known = self.list_commands(ctx)
        named = {name for names in GROUPS.values() for name in names}
        rest = tuple(name for name in known if name not in named)
        wide = max(len(name) for name in known)
        for title, names in [*GROUPS.items(), ("Commands", rest)]:
            rows = [(name.ljust(wide), self.index[name].brief) for name in names if name in known]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


class Command(TyperCommand):
    """Shows arguments as they are typed, without the names of Python types."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`[OPTIONS] RUN...`, and what may stand behind it."""
        arguments = [param for param in self.get_params(ctx) if param.param_type_name == "argument"]
        return ["[OPTIONS]", *(str(argument.metavar or argument.name) for argument in arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, then options."""
        arguments, options = [], []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None:
                continue
            if param.param_type_name == "argument":
                arguments.append((str(param.metavar or param.name), record[1].replace("  [required]", "")))
            else:
                options.append(record)
        for title, rows in (("Arguments", arguments), ("Options", options)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


class DashCommand(Command):
    """A command that takes another command's words behind `--`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep what stands behind the first `--` apart, in `ctx.meta`."""
        if "--" in args:
            cut = args.index("--")
            ctx.meta[AFTER_DASHES] = args[cut + 1 :]
            args = args[:cut]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Ends with the words behind the dashes."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]

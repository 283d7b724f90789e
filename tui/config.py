"""`agentwatch.toml`: the agents a project knows, read with one sentence for each mistake."""

from __future__ import annotations

import difflib
import re
import shlex
import sys
import tomllib
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from store.errors import AgentwatchError
from store.records import Json
from store.texts import decoded

FILE_NAME = "agentwatch.toml"
SECTIONS = ("agents", "policy", "policies")
AGENT_KEYS = ("command", "goal", "cwd", "env", "env_file", "policy", "restart", "count", "sdk_path")
_NAME = re.compile(r"[^\s\x00-\x1f\x7f-\x9f-][^\s\x00-\x1f\x7f-\x9f]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class ConfigError(AgentwatchError):
    """A configuration file has mistakes: a sentence each, in the order of their lines."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


class Agent(msgspec.Struct, frozen=True):
    """One `[agents.NAME]`."""

    name: str
    command: tuple[str, ...]
    goal: str = ""
    cwd: Path | None = None
    """Absolute; None: where the caller stands."""
    env: dict[str, str] = {}
    """Added to the caller's environment, what stands in `env_file` included."""
    policy: str | None = None
    """NAME of `[policies.NAME.RULE]`."""
    restart: int = 0
    count: int = 1
    sdk_path: bool = True
    """Whether the agent can import the SDK, though its Python does not have it."""


class Config(msgspec.Struct, frozen=True):
    """One `agentwatch.toml`.  Its policy sections are read by `runtime.policy.load`."""

    path: Path
    agents: dict[str, Agent]


def find(start: Path) -> Path | None:
    """The `agentwatch.toml` of `start` or of the nearest folder above it."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def read(path: Path, wanted: Collection[str] | None = None) -> Config:
    """Read one file.  Raises `ConfigError`.

    Folders and environment files that the agents name are looked at for the agents in `wanted` alone (None: for all),
    so that what one agent lacks keeps no other from being run.
    """
    try:
        text = decoded(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError([f"{path} cannot be read: {reason}."]) from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax_mistake(path, text, str(error))]) from error
    return _Checker(path, text, wanted).config(document)


def line_of(text: str, keys: Sequence[str]) -> int:
    """The line (from 1) on which the table or value named by `keys` begins; 1 if it is not there.

    The shortest run of whole lines that parses and holds the value ends with it, so it begins after the one before.
    """
    lines = text.splitlines()
    good = 0
    for count in range(1, len(lines) + 1):
        try:
            found: Json = tomllib.loads("\n".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if found is not None:
            return good + 1
        good = count
    return 1


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """` Did you mean …?` with a leading blank, or nothing."""
    near = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _syntax_mistake(path: Path, text: str, said: str) -> str:
    lines = text.splitlines()
    place = re.search(r"\(at line (\d+), column (\d+)\)", said)
    number = int(place[1]) if place else max(1, len(lines))
    what = re.sub(r"\s*\((at .*)\)$", "", said)
    line = lines[number - 1].strip() if number <= len(lines) else ""
    key = re.match(r"""[\w."'-]+""", line.lstrip("["))
    near = f", at {key[0]!r}" if key else ""
    return f"{path}, line {number}{near}: this is not TOML: {what[:1].lower()}{what[1:]}."


class _Checker:
    """Turns a parsed document into records, gathering every mistake on the way."""

    def __init__(self, path: Path, text: str, wanted: Collection[str] | None) -> None:
        self.path = path
        self.wanted = wanted
        self.text = text
        self.mistakes: list[tuple[int, str]] = []

    def config(self, document: dict[str, Json]) -> Config:
        for key in document:
            if key not in SECTIONS:
                self.mistake((key,), f"unknown section {key!r}.{did_you_mean(key, SECTIONS)}")
        sections = document.get("agents", {})
        agents: dict[str, Agent] = {}
        if isinstance(sections, dict):
            for name, section in sections.items():
                agent = self.agent(name, section)
                if agent is not None:
                    agents[name] = agent
        else:
            self.mistake(("agents",), "agents holds tables: write [agents.NAME].")
        if self.mistakes:
            raise ConfigError([sentence for _line, sentence in sorted(self.mistakes)])
        return Config(self.path, agents)

    def mistake(self, keys: Sequence[str], sentence: str) -> None:
        line = line_of(self.text, keys)
        self.mistakes.append((line, f"{self.path}, line {line}: {sentence}"))

    def agent(self, name: str, section: Json) -> Agent | None:
        at = ("agents", name)
        if not isinstance(section, dict):
            self.mistake(at, f"agents.{name} must be a table: write [agents.{name}].")
            return None
        if not _NAME.fullmatch(name):
            self.mistake(at, f"{name!r} cannot name an agent: no blanks, and no '-' at its beginning.")
        before = len(self.mistakes)
        for key in section:
            if key not in AGENT_KEYS:
                said = f"[agents.{name}] has an unknown key {key!r}.{did_you_mean(key, AGENT_KEYS)}"
                self.mistake((*at, key), said)
        cwd = self.text_value(name, section, "cwd")
        agent = Agent(
            name=name,
            command=self.command(name, section),
            goal=self.text_value(name, section, "goal") or "",
            cwd=(self.path.parent / Path(cwd).expanduser()).resolve() if cwd is not None else None,
            env=self.env_file(name, section) | self.env(name, section),
            policy=self.text_value(name, section, "policy"),
            restart=self.whole_number(name, section, "restart", least=0, default=0),
            count=self.whole_number(name, section, "count", least=1, default=1),
            sdk_path=self.yes_or_no(name, section, "sdk_path", default=True),
        )
        if agent.cwd is not None and self.looked_at(name) and not agent.cwd.is_dir():
            self.mistake((*at, "cwd"), f"cwd of agent {name}: there is no folder {agent.cwd}.")
        return agent if len(self.mistakes) == before else None

    def looked_at(self, name: str) -> bool:
        return self.wanted is None or name in self.wanted

    def command(self, name: str, section: dict[str, Json]) -> tuple[str, ...]:
        at = ("agents", name, "command")
        value = section.get("command")
        if value is None:
            self.mistake(at[:2], f'[agents.{name}] has no command: write command = ["python", "my_agent.py"].')
            return ()
        if isinstance(value, str):
            try:
                value = shlex.split(value)
            except ValueError as error:
                said = str(error)
                self.mistake(at, f"command of agent {name} cannot be split: {said[:1].lower()}{said[1:]}.")
                return ()
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self.mistake(at, f"command of agent {name} must be a list of strings, or a string.")
            return ()
        if not value or not value[0]:
            self.mistake(at, f"command of agent {name} is empty.")
            return ()
        if any("\0" in word for word in value):
            self.mistake(at, f"command of agent {name} holds a NUL character, which no program can be given.")
            return ()
        return tuple(self.placed(word) for word in value)

    def placed(self, word: str) -> str:
        """`{python}` is the interpreter that runs agentwatch, `{here}` the folder of the file."""
        return word.replace("{python}", sys.executable).replace("{here}", str(self.path.parent))

    def text_value(self, name: str, section: dict[str, Json], key: str) -> str | None:
        value = section.get(key)
        if value is None or isinstance(value, str):
            return value
        self.mistake(("agents", name, key), f"{key} of agent {name} must be a string, not {toml_type(value)}.")
        return None

    def whole_number(self, name: str, section: dict[str, Json], key: str, *, least: int, default: int) -> int:
        value = section.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        shown = value if isinstance(value, int | float) and not isinstance(value, bool) else toml_type(value)
        said = f"{key} of agent {name} must be a whole number, {least} or more, not {shown}."
        self.mistake(("agents", name, key), said)
        return default

    def yes_or_no(self, name: str, section: dict[str, Json], key: str, *, default: bool) -> bool:
        value = section.get(key, default)
        if isinstance(value, bool):
            return value
        self.mistake(("agents", name, key), f"{key} of agent {name} must be true or false, not {toml_type(value)}.")
        return default

    def env(self, name: str, section: dict[str, Json]) -> dict[str, str]:
        at = ("agents", name, "env")
        table = section.get("env", {})
        if not isinstance(table, dict):
            self.mistake(at, f'env of agent {name} must be a table: write env = {{ KEY = "value" }}.')
            return {}
        env: dict[str, str] = {}
        for key, value in table.items():
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                said = f"{key} in env of agent {name} must be a string, not {toml_type(value)}."
                self.mistake((*at, key), said)
            elif not key or "=" in key or "\0" in key or "\0" in str(value):
                said = f"env of agent {name}: {key!r} cannot be set: an empty name, '=' in a name, or a NUL character."
                self.mistake((*at, key), said)
            else:
                env[key] = self.placed(str(value))
        return env

    def env_file(self, name: str, section: dict[str, Json]) -> dict[str, str]:
        value = self.text_value(name, section, "env_file")
        if value is None or not self.looked_at(name):
            return {}
        path = self.path.parent / Path(value).expanduser()
        try:
            lines = decoded(path.read_bytes()).splitlines()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            self.mistake(("agents", name, "env_file"), f"env_file of agent {name}: {path} cannot be read: {reason}.")
            return {}
        env: dict[str, str] = {}
        for number, line in enumerate(lines, start=1):
            assigned = _assignment(line)
            if assigned is not None:
                env[assigned[0]] = assigned[1]
            elif line.strip() and not line.lstrip().startswith("#"):
                self.mistakes.append((0, f"{path}, line {number}: expected KEY=VALUE."))
        return env


def _assignment(line: str) -> tuple[str, str] | None:
    """KEY and VALUE of `KEY=VALUE`, `export KEY="VALUE"` or `KEY='VALUE'`; None for anything else."""
    key, equals, value = line.strip().removeprefix("export ").strip().partition("=")
    if not equals or not _VARIABLE.fullmatch(key.strip()):
        return None
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return key.strip(), value


def toml_type(value: Json) -> str:
    """What TOML calls a value's type, with its article."""
    names = {bool: "a boolean", int: "an integer", float: "a float", str: "a string", list: "an array", dict: "a table"}
    return names.get(type(value), "a date or time")

"""What the console remembers of one operator (theme, order of the list, bell); no journal, no home is touched by it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import platformdirs


class Settings(msgspec.Struct, frozen=True):
    """Chosen once, kept until chosen anew."""

    theme: str = "agentwatch-dark"
    sort: str = "attention"
    by_agent: bool = False
    """The runs of one agent are one line."""
    bell: bool = True
    """Ring when something newly needs a person."""


def place() -> Path:
    """The file: AGENTWATCH_CONSOLE names another one."""
    named = os.environ.get("AGENTWATCH_CONSOLE")
    return Path(named) if named else platformdirs.user_config_path("agentwatch") / "console.json"


def load(path: Path) -> Settings:
    """What is remembered; where that cannot be read, what the console begins with."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Settings)
    except (OSError, msgspec.MsgspecError):
        return Settings()


def save(path: Path, settings: Settings) -> None:
    """Remember it, in one go; a folder that cannot be written costs nothing but the memory."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(msgspec.json.encode(settings))
        fresh.replace(path)
    except OSError:
        return

"""What a run was started with, in a file only its user can read: it holds the environment, so it is in no database."""

from __future__ import annotations

import json
import os

import msgspec

from store.errors import StoreError
from store.home import Home


class PolicySource(msgspec.Struct, frozen=True):
    """Where the sections of a run's policy come from, in rising order of weight."""

    config: str | None = None
    """Absolute path of an `agentwatch.toml`: its `[policy.RULE]` sections, then `[policies.NAME.RULE]`."""
    name: str | None = None
    """NAME in `[policies.NAME.RULE]`, or of a policy that is shipped."""
    file: str | None = None
    """Absolute path of a file with `[RULE]` sections (`--policy FILE`); wins."""


class Launch(msgspec.Struct, frozen=True):
    """Everything that is needed to start an attempt, now or after a reboot."""

    run: str
    agent: str
    goal: str
    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    restart: int = 0
    """How often a crashed attempt may be followed by another one by itself."""
    policy: PolicySource = PolicySource()
    umask: int = 0o022
    """Of whoever asked for the run: the files that an agent writes are its user's business."""
    sdk_path: bool = True
    """Whether PYTHONPATH ends with the SDK of the installation that starts the attempt."""


def write_launch(home: Home, launch: Launch) -> None:
    """Write the launch file of a run (mode 0600).  Raises `HomeNotWritable`, `StoreError`."""
    home.create()
    path = home.launch(launch.run)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            # Arguments and variables may be any bytes: in ASCII their lone surrogates (PEP 383) survive unchanged.
            file.write(json.dumps(msgspec.to_builtins(launch)).encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from error


def read_launch(home: Home, run: str) -> Launch:
    """Read the launch file of a run.  Raises `StoreError` where it is gone or damaged."""
    path = home.launch(run)
    try:
        return msgspec.convert(json.loads(path.read_bytes()), type=Launch)
    except FileNotFoundError as error:
        raise StoreError(f"The launch file {path} is gone: run {run} cannot be started again.") from error
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise StoreError(f"The launch file {path} cannot be read: {error}.") from error

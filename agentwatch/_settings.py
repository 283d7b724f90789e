"""What a supervised process finds in its environment."""

from __future__ import annotations

import os

PARENT = "AGENTWATCH_PARENT"
"""`run/attempt/pid` of the process whose `start` block is the agent's: its children are not the agent itself."""


class Settings:
    """The launch variables of `docs/PROTOCOL.md`."""

    __slots__ = ("attempt", "grace_s", "run", "socket", "spool", "token")

    def __init__(self, socket: str, run: str, attempt: int, token: str, spool: str, grace_s: float) -> None:
        self.socket = socket
        self.run = run
        self.attempt = attempt
        self.token = token
        self.spool = spool
        """Folder for ends that could not be delivered; empty if there is none."""
        self.grace_s = grace_s

    @classmethod
    def found(cls) -> Settings | None:
        """Read the environment; None where there is no supervision."""
        env = os.environ
        path = env.get("AGENTWATCH_SOCKET")
        if not path:
            return None
        return cls(
            socket=path,
            run=env.get("AGENTWATCH_RUN", ""),
            attempt=int(_number(env.get("AGENTWATCH_ATTEMPT"), 1)),
            token=env.get("AGENTWATCH_TOKEN", ""),
            spool=env.get("AGENTWATCH_SPOOL", ""),
            grace_s=_number(env.get("AGENTWATCH_GRACE_S"), 600.0),
        )

    def leader(self) -> int:
        """Process id of the agent that this process is a child of; 0 if it is the agent itself."""
        run, _, rest = os.environ.get(PARENT, "").rpartition("/")[0].partition("/")
        if run != self.run or rest != str(self.attempt):
            return 0
        pid = int(_number(os.environ[PARENT].rpartition("/")[2], 0))
        return 0 if pid == os.getpid() else pid

    def lead(self) -> None:
        """Tell the children of this process, forked or spawned, that it is the agent."""
        if not self.leader():
            os.environ[PARENT] = f"{self.run}/{self.attempt}/{os.getpid()}"


def _number(words: str | None, otherwise: float) -> float:
    try:
        number = float(words) if words else otherwise
    except ValueError:
        return otherwise
    return number if 0 <= number < float("inf") else otherwise

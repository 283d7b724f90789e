"""Points of the protocol at which an agent under test ends itself, the runtime, or both; and its ledgers.

A ledger is a file outside the control of agentwatch: a line is durable when `note` returns.
"""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import signal
import sys
import time
from typing import Any

DEADLINE_S = 60.0

ORDER = (
    "hello is not sent",
    "hello is sent",
    "welcome is read",
    "begin is not sent",
    "begin is sent",
    "verdict is read",
    "action has not happened",
    "action has happened",
    "end is not sent",
    "end is sent",
    "ended is read",
    "checkpoint is not sent",
    "checkpoint is sent",
    "saved is read",
    "complete is not sent",
    "complete is sent",
    "completion is acknowledged",
)
"""What an agent goes through, in the order of one item."""

_SENT = {
    "hello": "hello",
    "action.begin": "begin",
    "action.end": "end",
    "checkpoint": "checkpoint",
    "complete": "complete",
}


class Points:
    """Counts how often each point is passed, and strikes at the one that is asked for, once in the life of a run."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.folder = pathlib.Path(settings["folder"])
        self.home = pathlib.Path(settings["home"])
        self.run = os.environ["AGENTWATCH_RUN"]
        self.attempt = int(os.environ["AGENTWATCH_ATTEMPT"])
        self._point: str = settings.get("point", "")
        self._nth: int = settings.get("nth", 1)
        self._victim: str = settings.get("victim", "")
        self._stay_at: int = settings.get("stay_at", -1)
        self._pace_s: float = settings.get("pace_s", 0.0)
        self._items: int = settings["items"]
        self._part: str = settings.get("part", "")
        self._passed = 0
        self._asked: dict[str, str] = {}

    # --- where the agent stands

    def pass_by(self, point: str) -> None:
        """The agent has come to `point`."""
        if point != self._point:
            return
        self._passed += 1
        if self._passed == self._nth and self._first_time():
            strike(self._victim, self.home)

    def _first_time(self) -> bool:
        try:
            os.close(os.open(self.folder / f"struck-{self.run}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    def before_send(self, frame: dict[str, Any]) -> None:
        """A frame is about to go out."""
        kind = str(frame.get("t"))
        if kind in _SENT:
            self._asked[str(frame.get("id"))] = kind
            self.pass_by(f"{_SENT[kind]} is not sent")

    def after_send(self, frame: dict[str, Any]) -> None:
        """A frame is in the kernel's hands."""
        kind = str(frame.get("t"))
        if kind in _SENT:
            self.pass_by(f"{_SENT[kind]} is sent")

    def after_receive(self, frame: dict[str, Any]) -> None:
        """A frame was read from the socket, and the agent's code does not know it yet."""
        kind, asked = frame.get("t"), self._asked.get(str(frame.get("id")))
        if kind == "welcome":
            self.pass_by("welcome is read")
        elif kind == "saved":
            self.pass_by("saved is read")
        elif kind == "verdict" and frame.get("verdict") != "wait" and asked == "action.begin":
            self.pass_by("verdict is read")
        elif kind == "ended" and asked == "complete":
            self.pass_by("completion is acknowledged")
        elif kind == "ended" and asked == "action.end":
            self.pass_by("ended is read")

    # --- ledgers

    def act(self, n: int) -> str:
        """The external action: a line in the ledger, or whatever `part` is."""
        self.pass_by("action has not happened")
        if n == self._stay_at:
            self._stay()
        time.sleep(self._pace_s)
        if self._part:
            # Only an agent has this folder on its path.
            import crash_parts

            crash_parts.do(self._part, n)
        else:
            note(self.folder / f"ledger-{self.run}", f"{n} {self.attempt}")
        time.sleep(self._pace_s)
        self.pass_by("action has happened")
        return f"sent {n}"

    def more(self, n: int) -> bool:
        """Whether item `n` is to be sent: all of `items`, or for as long as the test does not say how many."""
        enough = self.folder / "enough"
        if self._items or enough.exists():
            return n < (self._items or int(enough.read_text("ascii")))
        return True

    def look(self, n: int) -> str:
        """An action that may happen as often as it likes."""
        note(self.folder / f"looks-{self.run}", f"{n} {self.attempt}")
        return f"seen {n}"

    def acknowledged(self, state: Any) -> None:
        """The runtime has said that this checkpoint is durable."""
        note(self.folder / f"saved-{self.run}", json.dumps(state))

    def complain(self, what: str) -> None:
        """Something was not as promised."""
        note(self.folder / f"violations-{self.run}", f"attempt {self.attempt}: {what}")

    def alone(self) -> int:
        """Take the lock that an attempt holds while it lives, and complain if another one lives."""
        lock = os.open(self.folder / f"alive-{self.run}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.complain("another attempt is alive")
        return lock

    def _stay(self) -> None:
        """Remain in the middle of the action until the test says go."""
        (self.folder / f"stays-{self.run}").touch()
        deadline = time.monotonic() + DEADLINE_S
        while not (self.folder / f"go-{self.run}").exists():
            if time.monotonic() > deadline:
                sys.exit("the test never said go")
            time.sleep(0.005)


def note(path: pathlib.Path, text: str) -> None:
    """Append a line; it is durable when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, text.encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def strike(victim: str, home: pathlib.Path) -> None:
    """SIGKILL the runtime, this process, or both; returns if this process lives on."""
    if victim in ("runtime", "both"):
        pid = json.loads((home / "runtime.beat").read_bytes())["pid"]
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + DEADLINE_S
        while _held(home / "runtime.lock"):
            if time.monotonic() > deadline:
                sys.exit("the runtime does not end")
            time.sleep(0.002)
    if victim in ("agent", "both"):
        os.kill(os.getpid(), signal.SIGKILL)


def _held(lock: pathlib.Path) -> bool:
    descriptor = os.open(lock, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False

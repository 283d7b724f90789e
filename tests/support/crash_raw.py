"""The same agent without the SDK: `docs/PROTOCOL.md` spoken with a socket and JSON, reconnecting as it says.

Takes the settings of `crash_agent.py`.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from typing import Any

from crash_points import Points

STOPPED = 75
settings: dict[str, Any] = json.loads(sys.argv[1])
points = Points(settings)


class Client:
    """One thing at a time: what was asked and not answered is said again on a new connection, ends first."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._partial = b""
        self._frames: list[dict[str, Any]] = []
        self._ends: dict[str, dict[str, Any]] = {}
        self._asked: dict[str, Any] | None = None
        self.welcome: dict[str, Any] = {}
        self.connect()

    def connect(self) -> None:
        deadline = time.monotonic() + float(os.environ["AGENTWATCH_GRACE_S"])
        while True:
            try:
                self._greet()
                return
            except OSError:
                if time.monotonic() > deadline:
                    sys.exit(STOPPED)
                time.sleep(0.02)

    def _greet(self) -> None:
        self._partial, self._frames = b"", []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(os.environ["AGENTWATCH_SOCKET"])
        who = {"run": points.run, "attempt": points.attempt, "token": os.environ["AGENTWATCH_TOKEN"]}
        self._say({"t": "hello", "v": 1, "pid": os.getpid(), "sdk": "raw", "state": True} | who)
        welcome = self._hear()
        if welcome["t"] != "welcome":
            sys.exit(STOPPED)
        self.welcome = self.welcome or welcome
        for end in self._ends.values():
            self._say(end)
        if self._asked is not None:
            self._say(self._asked)

    def _say(self, frame: dict[str, Any]) -> None:
        assert self._socket is not None
        points.before_send(frame)
        self._socket.sendall(json.dumps(frame).encode() + b"\n")
        points.after_send(frame)

    def _hear(self) -> dict[str, Any]:
        assert self._socket is not None
        while not self._frames:
            chunk = self._socket.recv(65536)
            if not chunk:
                raise ConnectionResetError
            *lines, self._partial = (self._partial + chunk).split(b"\n")
            self._frames += [json.loads(line) for line in lines]
        frame = self._frames.pop(0)
        points.after_receive(frame)
        return frame

    def ask(self, **frame: Any) -> dict[str, Any]:
        """Say something and return the final answer to it."""
        self._asked = frame
        try:
            self._say(frame)
        except OSError:
            self.connect()
        while True:
            try:
                answer = self._hear()
            except OSError:
                self.connect()
                continue
            if answer["t"] == "ended":
                self._ends.pop(answer["id"], None)
            if answer["t"] == "fenced" or answer.get("verdict") == "stop":
                sys.exit(STOPPED)
            if answer.get("id") == frame["id"] and answer.get("verdict") != "wait":
                self._asked = None
                return answer

    def end(self, **frame: Any) -> None:
        """Say how an action ended; kept until it is acknowledged."""
        self._ends[frame["id"]] = frame
        try:
            self._say(frame)
        except OSError:
            self.connect()


def main() -> None:
    lock = points.alone()
    client = Client()
    n = saved = (client.welcome["state"] or {"next": 0})["next"]
    covers = None
    while True:
        enough = not points.more(n)
        if n > saved and (n - saved >= settings["every"] or enough):
            state = {"next": n}
            client.ask(
                t="checkpoint",
                id=f"{points.attempt}-c{n}",
                state=state,
                step=n,
                **({"covers": covers} if covers else {}),
            )
            points.acknowledged(state)
            saved = n
        if enough:
            break
        client.ask(t="step.begin", id=f"{points.attempt}-s{n}", n=n + 1, name=f"item {n}")
        ident = f"{points.attempt}-a{n}"
        answer = client.ask(t="action.begin", id=ident, tool="send", args={"n": n}, step=n + 1, check_hint="the ledger")
        if answer["verdict"] == "proceed":
            client.end(t="action.end", id=ident, ok=True, result=points.act(n))
        elif answer["result"] != f"sent {n}":
            points.complain(f"item {n} was replayed as {answer['result']!r}")
        covers = ident
        n += 1
    client.ask(t="complete", id=f"{points.attempt}-complete", result=n)
    os.close(lock)


if __name__ == "__main__":
    main()

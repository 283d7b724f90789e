"""A runtime that says what a test tells it to: a real Unix socket, the real protocol, nothing recorded."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

Message = dict[str, Any]

DROP = "drop"
"""Answer by breaking the connection."""
SILENCE = "silence"
"""Do not answer."""

PROCEED = {"t": "verdict", "verdict": "proceed"}
WAIT = {"t": "verdict", "verdict": "wait", "why": "paused"}


def stop(reason: str = "USER_KILLED", message: str = "an operator said so") -> Message:
    return {"t": "verdict", "verdict": "stop", "reason": reason, "message": message}


class FakeRuntime:
    """Answers every frame as the protocol wants by default, or with what was laid ready for its type."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "aw.sock"
        self.spool = folder / "spool"
        self.said: list[Message] = []
        """Every frame that came, hellos included, each with `connection`: the number of the one it came on."""
        self.welcome: Message = {}
        self.connections: list[socket.socket] = []
        self._answers: dict[str, deque[list[Message | str]]] = {}
        self._change = threading.Condition()
        self._listener: socket.socket | None = None
        self._numbers = 0
        self._saved = 0

    def env(self, grace_s: float = 5.0) -> dict[str, str]:
        return {
            "AGENTWATCH_SOCKET": str(self.path),
            "AGENTWATCH_RUN": "r1",
            "AGENTWATCH_ATTEMPT": "2",
            "AGENTWATCH_TOKEN": "secret",
            "AGENTWATCH_SPOOL": str(self.spool),
            "AGENTWATCH_GRACE_S": str(grace_s),
        }

    # --- what a test arranges

    def start(self) -> FakeRuntime:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(50)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def die(self) -> None:
        """Break everything, as a runtime does that is killed."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            self.path.unlink()
        with self._change:
            connections, self.connections = self.connections, []
        for connection in connections:
            _close(connection)

    def answer(self, kind: str, *answers: Message | str) -> None:
        """Lay ready what the next frame of this type (or of this tool) is answered with, in this order."""
        self._answers.setdefault(kind, deque()).append(list(answers))

    def send(self, message: Message) -> None:
        """Say something unasked, on the newest connection."""
        _send(self.connections[-1], message)

    def send_to_first(self, message: Message) -> None:
        """The same on the oldest connection."""
        _send(self.connections[0], message)

    # --- what a test looks at

    def of(self, kind: str) -> list[Message]:
        return [message for message in list(self.said) if message["t"] == kind]

    def wait_for(self, what: Callable[[], Any], timeout_s: float = 10.0) -> Any:
        """Wait until something is true of what was said."""
        deadline = time.monotonic() + timeout_s
        with self._change:
            while not (found := what()):
                left = deadline - time.monotonic()
                assert left > 0, f"never came; said: {self.said}"
                self._change.wait(min(left, 0.1))
        return found

    # --- the socket

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._change:
                self._numbers += 1
                self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection, self._numbers), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            for line in connection.makefile("rb"):
                message = json.loads(line)
                with self._change:
                    self.said.append(message | {"connection": number})
                    answers = self._ready(message)
                    self._change.notify_all()
                for answer in answers:
                    if answer == DROP:
                        _close(connection)
                        return
                    if isinstance(answer, dict):
                        _send(connection, {"id": message.get("id")} | answer)
        except OSError:
            return
        finally:
            _close(connection)

    def _ready(self, message: Message) -> list[Message | str]:
        for kind in (message["t"] + ":" + str(message.get("tool")), message["t"]):
            if self._answers.get(kind):
                return self._answers[kind].popleft()
        match message["t"]:
            case "hello":
                return [self._greeting(message)]
            case "step.begin" | "action.begin":
                return [PROCEED]
            case "action.end" | "action.withdraw" | "complete" | "fail":
                return [{"t": "ended", "retry_after_s": None}]
            case "checkpoint":
                self._saved += 1
                return [{"t": "saved", "number": self._saved}]
        return []

    def _greeting(self, hello: Message) -> Message:
        welcome: Message = {"t": "welcome", "v": 1, "run": hello["run"], "attempt": hello["attempt"], "goal": ""}
        welcome |= {"checkpoint": None, "state": None, "in_flight": [], "advice": []} | self.welcome
        if not hello.get("state"):
            welcome["state"] = None
        return welcome


def _send(connection: socket.socket, message: Message) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()

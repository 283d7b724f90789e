"""A client of the wire that knows nothing but a socket and JSON: agents under test import it."""

import json
import os
import pathlib
import socket
import sys
import time


class Raw:
    """One connection."""

    def __init__(self, **hello):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(os.environ["AGENTWATCH_SOCKET"])
        self.file = self.socket.makefile("rb")
        self.heard = []
        self.say(
            t="hello",
            v=1,
            run=os.environ["AGENTWATCH_RUN"],
            attempt=int(os.environ["AGENTWATCH_ATTEMPT"]),
            token=os.environ["AGENTWATCH_TOKEN"],
            pid=os.getpid(),
            **hello,
        )
        self.welcome = self.hear()

    def say(self, **frame):
        self.socket.sendall(json.dumps(frame).encode() + b"\n")

    def hear(self):
        line = self.file.readline()
        if not line:
            raise EOFError("the runtime is gone")
        frame = json.loads(line)
        self.heard.append(frame)
        return frame

    def answer(self, ident):
        """The final answer to a request; interim ones are passed over."""
        while True:
            frame = self.hear()
            if frame.get("id") == ident and frame.get("verdict") != "wait":
                return frame

    def ask(self, **frame):
        self.say(**frame)
        answer = self.answer(frame["id"])
        if answer.get("verdict") == "stop":
            sys.exit(0)
        return answer

    def step(self, n, name=""):
        return self.ask(t="step.begin", id=f"step-{n}-{os.getpid()}", n=n, name=name)

    def begin(self, ident, tool, args=None, **more):
        return self.ask(t="action.begin", id=ident, tool=tool, args=args or {}, **more)

    def end(self, ident, result=None, **more):
        return self.ask(t="action.end", id=ident, ok=True, result=result, **more)

    def checkpoint(self, ident, state, **more):
        return self.ask(t="checkpoint", id=ident, state=state, **more)

    def complete(self, result=None):
        return self.ask(t="complete", id="complete", result=result)


def wait_for(path, limit_s=30):
    """Wait until the test makes this file."""
    deadline = time.monotonic() + limit_s
    while not pathlib.Path(path).exists():
        if time.monotonic() > deadline:
            sys.exit(f"{path} never came")
        time.sleep(0.005)


def note(path, text):
    """Append a line to a ledger outside anybody's control, durable when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, text.encode() + b"\n")
    os.fsync(descriptor)
    os.close(descriptor)

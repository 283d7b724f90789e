"""A gate at its desk: the runtime's own rooms and a real journal, an agent that the test plays, and no process."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from runtime.breakers import Breakers
from runtime.connection import Connection
from runtime.core import Core
from runtime.gate import Gate
from runtime.lifecycle import Lifecycle
from runtime.live import LiveRun
from runtime.policy.config import Policy
from runtime.policy.ruling import Ruling
from runtime.review import Review
from store.events import Kind
from store.home import Home
from store.journal import Journal
from store.launch import Launch
from store.records import Event
from store.states import Status

RUN = "desk-run"
TOKEN = "secret"


class Transport(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.reading = True
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Rules:
    """Says what the test wants to each event."""

    def __init__(self, say: Callable[[Event], Iterable[Ruling]] = lambda event: ()) -> None:
        self.say = say

    def feed(self, event: Event) -> list[Ruling]:
        return list(self.say(event) or ())


class Peer:
    """The agent's side of one connection; if `joined` it is taken for one that said its hello."""

    def __init__(self, desk: Desk, *, joined: bool = True) -> None:
        self.transport = Transport()
        self.connection = Connection(desk.gate)
        self.connection.connection_made(self.transport)
        if joined:
            self.connection.run = RUN
            desk.live.connections.add(self.connection)
        self._core = desk.core

    def hello(self, pid: int) -> None:
        """Say that this is the connection of a process."""
        self.connection.run = None
        self.say(t="hello", v=1, run=RUN, attempt=0, token=TOKEN, pid=pid)

    def lose(self) -> None:
        """End the connection."""
        self.connection.connection_lost(None)

    def say(self, **frame: Any) -> None:
        """Send one frame, and let what it leads to become durable."""
        line = json.dumps(frame).encode() + b"\n"
        self.connection.get_buffer(-1)[: len(line)] = line
        self.connection.buffer_updated(len(line))
        self._core.flush()

    def begin(self, ident: str, tool: str = "send", **more: Any) -> None:
        self.say(t="action.begin", id=ident, tool=tool, args=more.pop("args", {}), **more)

    def end(self, ident: str, result: Any = None) -> None:
        self.say(t="action.end", id=ident, ok=True, result=result)

    def heard(self, ident: str) -> list[str]:
        """What was answered to a request, in order."""
        frames = [json.loads(line) for line in bytes(self.transport.written).splitlines()]
        return [str(frame.get("verdict") or frame["t"]) for frame in frames if frame.get("id") == ident]


class Desk:
    """One running run."""

    def __init__(
        self, home: Home, policy: Policy | None = None, *, sdk: bool = True, wall: Callable[[], float] = time.time
    ) -> None:
        home.create()
        self.core = Core(home, Journal(home, clock=wall))
        self.lifecycle = Lifecycle(self.core)
        self.review = Review(self.core)
        self.breakers = Breakers(self.core)
        self.gate = Gate(self.core, self.lifecycle, self.review, self.breakers)
        body = {"agent": "agent", "goal": "", "command": ["x"], "cwd": "/"}
        created = self.core.record_home(Kind.CREATED, body, RUN)
        launch = Launch(RUN, "agent", "", ("x",), "/", {})
        self.live: LiveRun = self.lifecycle.enlist(launch, policy or Policy(), [created])
        self.live.token = hashlib.sha256(TOKEN.encode()).hexdigest()
        self.rules = Rules()
        self.live.judge = self.rules  # type: ignore[assignment]
        self.core.move(self.live, Status.STARTING, "asked")
        if sdk:
            self.core.record(self.live, Kind.HELLO, {"pid": 0, "sdk": "desk", "goal": ""})
        self.core.move(self.live, Status.RUNNING, "it lives")
        self.core.flush()

    @property
    def status(self) -> Status:
        return self.core.run(self.live).status

    def kinds(self) -> list[str]:
        """Kinds of the run's durable events, oldest first."""
        return [event.kind for event in self.core.journal.events_of(RUN, 1000)]

    async def turn(self) -> None:
        """Let the loop do what is due now."""
        for _ in range(3):
            await asyncio.sleep(0)
